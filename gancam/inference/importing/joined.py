"""A generator in two files, the mapping (z to w) and the synthesis (w to a picture), made one."""

from pathlib import Path
from typing import Any

import numpy as np

from gancam.errors import ModelError, first_line
from gancam.inference.importing import wrap
from gancam.inference.importing.convention import OnnxModel
from gancam.inference.importing.foreign import Foreign, Port
from gancam.inference.importing.safety import check_safe
from gancam.inference.importing.trial import TrialProcess

_FLOATS = ("float32", "float16", "float64")
_FIRST, _SECOND = "mapping/", "synthesis/"  # what the names of either begin with afterwards


def join(one: Path, other: Path, target: Path) -> tuple[Path, Path]:
    """Write to `target` the generator whose mapping and synthesis are in the files `one` and `other`, in either order.

    A mapping that gives a w for all layers and a synthesis that takes one for each fit: it is repeated.

    Returns:
        The file of the mapping and that of the synthesis.

    Raises:
        NotFound: One of the files is not there.
        ModelError: They are no such pair, which the message explains, or one of them is damaged or not harmless.
        MissingExtra: The package `onnx` is not installed.
    """
    for path in (one, other):
        check_safe(path)
    process = TrialProcess()
    graphs = [Foreign(path, process) for path in (one, other)]
    makers = [graph for graph in graphs if _pictures(graph)]
    mappings = [graph for graph in graphs if not _pictures(graph)]
    if not makers:
        raise ModelError(f"neither {one.name} nor {other.name} gives a picture: a synthesis (w to it) is missing")
    if not mappings:
        raise ModelError(f"both {one.name} and {other.name} give pictures: a mapping (z to w) is missing")
    mapping, synthesis = mappings[0], makers[0]
    w, taken = _pair(mapping, synthesis)
    wrap.onnx().save(_merged(mapping, synthesis, w, taken), str(target))
    return mapping.path, synthesis.path


def _pictures(graph: Foreign) -> bool:
    return any(len(port.shape) == 4 for port in graph.outputs)


def _vectors(ports: list[Port]) -> list[Port]:
    """Those that may be w: ``(n, numbers)`` or ``(n, layers, numbers)``."""
    return [one for one in ports if len(one.shape) in (2, 3) and one.dtype in _FLOATS and one.shape[-1] != 1]


def _pair(mapping: Foreign, synthesis: Foreign) -> tuple[Port, Port]:
    """The output of the mapping that an input of the synthesis takes."""
    gives, takes = _vectors(mapping.outputs), _vectors(synthesis.inputs)
    for w in gives:
        for taken in takes:
            same = w.shape[-1] == taken.shape[-1] or 0 in (w.shape[-1], taken.shape[-1])
            layers = [one.shape[1] for one in (w, taken) if len(one.shape) == 3]
            if same and (len(layers) < 2 or 0 in layers or layers[0] == layers[1]):
                return w, taken
    raise ModelError(
        f"{mapping.path.name} and {synthesis.path.name} are no pair: the one {mapping.described()}; the other "
        f"{synthesis.described()}. What the one gives as w, the other has to take"
    )


def _merged(mapping: Foreign, synthesis: Foreign, w: Port, taken: Port) -> OnnxModel:
    package = wrap.onnx()
    models = [wrap.load(graph.path) for graph in (mapping, synthesis)]
    opsets = [next(one.version for one in model.opset_import if one.domain in ("", "ai.onnx")) for model in models]
    try:
        models = [model if opset == max(opsets) else package.version_converter.convert_version(model, max(opsets))
                  for model, opset in zip(models, opsets, strict=True)]  # fmt: skip
    except Exception as error:  # onnx's own
        raise ModelError(f"{mapping.path.name} and {synthesis.path.name} have operators of different opsets {opsets}, "
                         f"which cannot be brought together: {first_line(error)}") from error  # fmt: skip
    first, second = (package.compose.add_prefix(model, prefix)
                     for model, prefix in zip(models, (_FIRST, _SECOND), strict=True))  # fmt: skip
    between = _between(package, _FIRST + w.name, w, _SECOND + taken.name, taken)
    graph = second.graph
    nodes = [*first.graph.node, *between, *graph.node]
    inputs = [*first.graph.input, *(one for one in graph.input if one.name != _SECOND + taken.name)]
    del graph.node[:], graph.input[:]
    graph.node.extend(nodes)
    graph.input.extend(inputs)
    graph.initializer.extend(first.graph.initializer)
    graph.value_info.extend(first.graph.value_info)
    second.ir_version = max(model.ir_version for model in models)
    second.metadata_props.extend(first.metadata_props)
    return second


def _between(package: Any, given: str, w: Port, target: str, taken: Port) -> list[Any]:
    """Operators that lead w to where it is taken: repeated for each layer, the first of all layers, or as it is."""
    helper, kinds = package.helper, package.TensorProto

    def numbers(name: str, *values: int) -> Any:
        tensor = helper.make_tensor(name, kinds.INT64, [len(values)], values)
        return helper.make_node("Constant", [], [name], value=tensor)

    found = []
    if w.dtype != taken.dtype:
        kind = helper.np_dtype_to_tensor_dtype(np.dtype(taken.dtype))
        found.append(helper.make_node("Cast", [given], ["between/cast"], to=kind))
        given = "between/cast"
    if len(w.shape) == 2 and len(taken.shape) == 3:
        found += [
            numbers("between/axis", 1), numbers("between/shape", 1, taken.shape[1] or 1, 1),
            helper.make_node("Unsqueeze", [given, "between/axis"], ["between/one"]),
            helper.make_node("Expand", ["between/one", "between/shape"], [target]),
        ]  # fmt: skip
    elif len(w.shape) == 3 and len(taken.shape) == 2:
        scalar = helper.make_tensor("between/first", kinds.INT64, [], [0])
        found += [
            helper.make_node("Constant", [], ["between/first"], value=scalar),
            helper.make_node("Gather", [given, "between/first"], [target], axis=1),
        ]  # fmt: skip
    else:
        found.append(helper.make_node("Identity", [given], [target]))
    return found
