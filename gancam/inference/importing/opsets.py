"""What operators mean in some versions of ONNX's standard set and not in others."""

from types import ModuleType

from gancam.inference.importing.convention import OnnxModel

SINCE_MIDDLES = 11
"""The opset since which Resize takes positions from the middles of pixels unless told otherwise, not from corners."""


def from_corners(package: ModuleType, model: OnnxModel) -> None:
    """Have what resizes in `model`, lifted by `package` (onnx) from an older opset, do it as there, in place."""
    constants = {one.name: package.numpy_helper.to_array(one) for one in model.graph.initializer}
    for node in model.graph.node:
        if node.op_type == "Constant" and node.attribute[0].name == "value":
            constants[node.output[0]] = package.numpy_helper.to_array(node.attribute[0].t)
    for node in model.graph.node:
        if node.op_type == "Resize":
            factors = constants.get(node.input[2]) if len(node.input) > 2 else None
            smaller = factors is not None and factors.size > 0 and float(factors.min()) < 1
            ways = {"coordinate_transformation_mode": "asymmetric", "nearest_mode": "ceil" if smaller else "floor"}
            node.attribute.extend(package.helper.make_attribute(name, way) for name, way in ways.items())
