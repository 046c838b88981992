"""An 8-bit model file as a CPU without VNNI runs it, in numpy: products are added in pairs in 16 bits, and cut off."""

from typing import Any

import numpy as np
import onnx
import onnxruntime
from numpy.typing import NDArray
from onnx import helper, numpy_helper

Array = NDArray[Any]


def run(model: onnx.ModelProto, feed: dict[str, Array], *, saturating: bool) -> Array:
    """The first output of `model`. Convolutions of 8-bit values by 8-bit weights are done here, all else by ONNX
    Runtime, operator by operator."""
    values = {one.name: numpy_helper.to_array(one) for one in model.graph.initializer} | feed
    makers = {output: node for node in model.graph.node for output in node.output}
    for node in model.graph.node:
        coded = [makers.get(name) for name in node.input[:3]]
        if node.op_type == "Conv" and all(one is not None and one.op_type == "DequantizeLinear" for one in coded):
            given = [[values[name] for name in one.input] for one in coded if one is not None]
            values[node.output[0]] = _convolved(node, given, saturating)
        else:
            outputs = _alone(node, model, {name: values[name] for name in node.input if name})
            values |= dict(zip(node.output, outputs, strict=True))
    return values[model.graph.output[0].name]


def _alone(node: onnx.NodeProto, model: onnx.ModelProto, given: dict[str, Array]) -> list[Array]:
    takes = [
        helper.make_tensor_value_info(name, helper.np_dtype_to_tensor_dtype(value.dtype), value.shape)
        for name, value in given.items()
    ]
    gives = [onnx.ValueInfoProto(name=name) for name in node.output]
    graph = helper.make_graph([node], "one", takes, gives)
    one = helper.make_model(graph, opset_imports=model.opset_import, ir_version=model.ir_version)
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    session = onnxruntime.InferenceSession(one.SerializeToString(), options, providers=["CPUExecutionProvider"])
    return [np.asarray(value) for value in session.run(None, given)]


def _convolved(node: onnx.NodeProto, given: list[list[Array]], saturating: bool) -> Array:
    (x, at, zero), (weights, steps, _) = given[:2]
    attributes = {one.name: helper.get_attribute_value(one) for one in node.attribute}
    rows, columns = attributes.get("strides", [1, 1])
    top, left, bottom, right = attributes.get("pads", [0] * 4)
    groups = attributes.get("group", 1)
    padded = np.pad(x, ((0, 0), (0, 0), (top, bottom), (left, right)), constant_values=zero)
    size, apart = weights.shape[2:], attributes.get("dilations", [1, 1])
    reach = tuple(step * (length - 1) + 1 for step, length in zip(apart, size, strict=True))
    seen = np.lib.stride_tricks.sliding_window_view(padded, reach, (2, 3))[:, :, ::rows, ::columns]
    seen = seen[..., :: apart[0], :: apart[1]]
    n, c, h, w = seen.shape[:4]
    # rows and columns of the kernel first, then channels, as the kernels have them: neighbours become a pair
    seen = seen.reshape(n, groups, c // groups, h, w, *size).transpose(1, 5, 6, 2, 0, 3, 4)
    patches = seen.reshape(groups, -1, n * h * w).astype(np.int32)
    kernels = weights.reshape(groups, -1, *weights.shape[1:]).transpose(0, 1, 3, 4, 2)
    kernels = kernels.reshape(groups, len(weights) // groups, -1).astype(np.int32)
    sums = np.stack([_multiplied(a, b, saturating) for a, b in zip(kernels, patches, strict=True)])
    sums = sums.reshape(len(weights), n, h, w).transpose(1, 0, 2, 3)
    sums -= int(zero) * weights.astype(np.int32).sum((1, 2, 3))[:, None, None]
    if len(given) > 2:
        sums += given[2][0].astype(np.int32)[:, None, None]
    return np.asarray(sums * (steps * at).reshape(-1, 1, 1), np.float32)


def _multiplied(weights: Array, patches: Array, saturating: bool) -> Array:
    """``(o, k) @ (k, places)``, the products of each two neighbouring k added in 16 bits."""
    if weights.shape[1] % 2:
        weights, patches = np.pad(weights, ((0, 0), (0, 1))), np.pad(patches, ((0, 1), (0, 0)))
    total = np.zeros((len(weights), patches.shape[1]), np.int32)
    for k in range(0, weights.shape[1], 2):
        pair = weights[:, k, None] * patches[k] + weights[:, k + 1, None] * patches[k + 1]
        total += pair.clip(-32768, 32767) if saturating else pair
    return total
