"""What graphs of image-to-image networks are made of.

Convolutions without their normalisation, and the operators that repeat borders, as the networks do.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from torch import Tensor, nn

from export.graph import Graph
from gancam.inference.place import PLACE
from train.networks.translator import Normed

Kernel = NDArray[np.float32]
LUMA = (0.114, 0.587, 0.299)  # of B, G, R


@dataclass(frozen=True)
class Layer:
    """One convolution of the deployed network, 3x3."""

    kernel: Kernel  # (o, i, 3, 3)
    bias: Kernel  # (o,)
    stride: int = 1


def array(tensor: Tensor) -> NDArray[np.float64]:
    """Copy a tensor to float64."""
    return np.asarray(tensor.detach().double().cpu().numpy(), np.float64)


def merged(normed: nn.Module) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Kernel and bias of a convolution with its batch normalisation."""
    assert isinstance(normed, Normed)
    conv, norm = normed[0], normed[1]
    assert isinstance(conv, nn.Conv2d)
    assert isinstance(norm, nn.BatchNorm2d)
    assert norm.running_mean is not None
    assert norm.running_var is not None
    scale = array(norm.weight) / np.sqrt(array(norm.running_var) + norm.eps)
    return array(conv.weight) * scale[:, None, None, None], array(norm.bias) - array(norm.running_mean) * scale


def layer(kernel: NDArray[np.float64], bias: NDArray[np.float64], stride: int = 1) -> Layer:
    """Make a layer, in float32."""
    return Layer(kernel.astype(np.float32), bias.astype(np.float32), stride)


@dataclass(frozen=True)
class Grain:
    """Fields ``(1, k, side, side)``, and the ``(c, k)`` by which they are mixed to a pattern of c channels.

    Fields are codes of 8 bits, whose steps are in the mix.
    """

    fields: NDArray[np.int8]
    mix: NDArray[np.float32]


Tile = NDArray[np.float32] | Grain  # (1, c, side, side), or what is mixed to one


class Floats:
    """fp32 operators."""

    def __init__(self, graph: Graph) -> None:
        self.graph = graph

    def conv(self, x: str, layer: Layer, name: str, *, bare: bool = False) -> str:
        """A convolution that repeats the border, then ReLU unless `bare`."""
        weights = (self.graph.constant(value, np.float32) for value in (layer.kernel, layer.bias))
        x = self.graph.add("Conv", pad(self.graph, x), *weights, kernel_shape=[3, 3], strides=[layer.stride] * 2)
        return x if bare else self.graph.add("Relu", x)

    def add(self, x: str, y: str, name: str) -> str:
        """The sum of two values, then ReLU."""
        return self.graph.add("Relu", self.graph.add("Add", x, y))

    def tile(self, x: str, pattern: Tile, name: str) -> str:
        """`pattern` laid side by side from the top left, added, then ReLU."""
        return self.add(x, tiled(self.graph, pattern, x), name)

    def double(self, x: str) -> str:
        """Every value four times, twice as high and wide."""
        return double(self.graph, x)


def pad(graph: Graph, x: str, reach: int = 1) -> str:
    """Repeat the border, `reach` pixels to each side."""
    return graph.add("Pad", x, graph.constant([0, 0, reach, reach] * 2, np.int64), mode="edge")


def tiled(graph: Graph, pattern: Tile, like: str) -> str:
    """`pattern` side by side, from the top left, to the height and width of `like`.

    Grain begins at the constant `PLACE` of it, which whoever opens the file may make an input.
    """
    if isinstance(pattern, Grain):  # mixed once, when the file is opened
        codes, side = graph.constant(pattern.fields), pattern.fields.shape[2]
        tile = graph.cast(codes, np.float32)
        tile = graph.add("Conv", tile, graph.constant(pattern.mix[:, :, None, None], np.float32), kernel_shape=[1, 1])
        start = graph.add("Mod", graph.constant([0, 0], np.int64, name=PLACE), graph.constant(side, np.int64))
    else:
        tile, side, start = graph.constant(pattern, np.float32), pattern.shape[2], graph.constant([0, 0], np.int64)
    size = graph.add("Shape", like, start=2, end=4)
    end = graph.add("Add", start, size)
    times = graph.add("Div", graph.add("Add", end, graph.constant(side - 1, np.int64)), graph.constant(side, np.int64))
    every = graph.add("Tile", tile, graph.add("Concat", graph.constant([1, 1], np.int64), times, axis=0))
    return graph.add("Slice", every, start, end, graph.constant([2, 3], np.int64))


def double(graph: Graph, x: str, *, smooth: bool = False) -> str:
    """Twice as high and wide: every value four times, or, with `smooth`, as ``interpolate`` does it bilinearly.

    That is with ``align_corners=False``.
    """
    scales = graph.constant([1, 1, 2, 2], np.float32)
    if smooth:
        return graph.add("Resize", x, "", scales, mode="linear", coordinate_transformation_mode="half_pixel")
    how = {"coordinate_transformation_mode": "asymmetric", "nearest_mode": "floor"}
    return graph.add("Resize", x, "", scales, mode="nearest", **how)
