"""The deployed graph of a colorizer, in fp32.

Luma, range and colour order are in the graph, normalisation is in the convolutions. What the classifier does keeps its
own padding, zeros to the right and the bottom first.
"""

import numpy as np
import onnx
from torch import nn

from export.graph import Graph
from export.layers import LUMA, Floats, Layer, array, double, layer, merged
from train.networks.colorizer import TAPS, Colorizer
from train.networks.efficientnet import Block
from train.networks.translator import ResidualBlock

WORKING = 512  # pixels of the longer side that is suggested: the eye is coarse for colours


def float_graph(network: Colorizer) -> onnx.ModelProto:
    """uint8 ``(n, h, w, 3)`` BGR -> the same, in fp32."""
    graph = Graph()
    ops = Floats(graph)
    image = graph.add("Transpose", graph.cast("image", np.float32), perm=[0, 3, 1, 2])
    luma = graph.add("Conv", image, graph.constant(np.reshape(LUMA, (1, 3, 1, 1)), np.float32))
    seen = graph.add("Sub", luma, graph.constant(127, np.float32))
    seen = graph.fence(graph.add("Mul", seen, graph.constant(1 / 128, np.float32)))
    *levels, x = _encode(ops, network, seen)
    x = ops.conv(x, layer(*merged(network.enter)), "enter")
    for block in network.body:
        assert isinstance(block, ResidualBlock)
        y = ops.conv(x, layer(*merged(block.first)), "first")
        x = ops.add(x, ops.conv(y, layer(*merged(block.second)), "second", bare=True), "body")
    for up, skip, join, level in zip(network.up, network.skip, network.join, reversed(levels), strict=True):
        assert isinstance(skip, nn.Conv2d)
        x = double(graph, ops.conv(x, layer(*merged(up)), "up"))
        x = graph.add("Add", x, _plain(ops, level, skip))
        x = ops.conv(x, layer(*merged(join)), "join")
    x = ops.conv(x, _tail(network), "tail", bare=True)
    x = double(graph, graph.fence(x), smooth=True)
    x = graph.add("Add", graph.add("Mul", x, graph.constant(255, np.float32)), luma)
    x = graph.add("Round", graph.add("Clip", x, graph.constant(0, np.float32), graph.constant(255, np.float32)))
    x = graph.add("Transpose", graph.cast(x, np.uint8), perm=[0, 2, 3, 1], name="translated")
    shape: list[str | int] = ["n", "h", "w", 3]
    return graph.model({"image": (np.uint8, shape)}, {x: (np.uint8, shape)})


def _encode(ops: Floats, network: Colorizer, x: str) -> list[str]:
    """What the classifier sees, finest first; the grey picture stands for all three of its colours."""
    grey = nn.Conv2d(1, network.stem.out_channels, network.stem.kernel_size[0], network.stem.stride[0])
    grey.weight.data, grey.bias = network.stem.weight.data.sum(1, keepdim=True), network.stem.bias
    x = _six(ops, _plain(ops, x, grey))
    seen = []
    for index, block in enumerate(network.blocks):
        assert isinstance(block, Block)
        wide = _six(ops, _plain(ops, x, block._expand_conv)) if block.expands else x
        wide = _six(ops, _plain(ops, wide, block._depthwise_conv))
        y = _plain(ops, wide, block._project_conv)
        x = ops.graph.add("Add", x, y) if block.adds else y
        if index in TAPS:
            seen.append(x)
    return seen


def _plain(ops: Floats, x: str, conv: nn.Conv2d) -> str:
    """A convolution with TensorFlow's padding, of a picture with even sides where it takes every second place."""
    (size, _), (stride, _) = conv.kernel_size, conv.stride
    total = max(size - stride, 0)
    assert conv.bias is not None
    kernel, bias = array(conv.weight).astype(np.float32), array(conv.bias).astype(np.float32)
    return ops.graph.add(
        "Conv", x, *(ops.graph.constant(value, np.float32) for value in (kernel, bias)), kernel_shape=[size] * 2,
        strides=[stride] * 2, pads=[total // 2] * 2 + [total - total // 2] * 2, group=conv.groups,
    )  # fmt: skip


def _six(ops: Floats, x: str) -> str:
    return ops.graph.add("Clip", x, ops.graph.constant(0, np.float32), ops.graph.constant(6, np.float32))


def _tail(network: Colorizer) -> Layer:
    """The last convolution, in BGR, without brightness."""
    kernel, bias = array(network.tail.weight)[::-1], array(network.tail.bias)[::-1]  # type: ignore[arg-type]
    weight = np.array(LUMA)
    return layer(kernel - np.einsum("c,cihw->ihw", weight, kernel)[None], bias - bias @ weight)
