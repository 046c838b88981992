"""An image-to-image network between cells, without its normalisation: what all its deployed graphs are written from.

Batch normalisation, value range, colour order, the grey front and the luma that is put back are folded into the
convolutions; the network pads by repeating its border, and so do these.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol, TypeVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from export.graph import Graph
from export.layers import LUMA, Grain, Layer, Tile, array, layer, merged, pad
from train.networks import translator
from train.networks.translator import ResidualBlock, Translator

T = TypeVar("T")


@dataclass(frozen=True)
class Layers:
    """The network's convolutions between cells.

    ``unshuffle ** 2`` places row by row, of BGR 0..255 or of what the front makes of them, in and BGR 0..255 out.
    """

    stem: Layer
    down: Sequence[Layer]
    body: Sequence[tuple[Layer, Layer]]
    up: Sequence[Layer]
    join: Sequence[Layer]  # of each level but the finest
    ends: Sequence[Layer]  # on the finest grid: its join, if there are levels, and what refines
    tail: Layer
    pattern: NDArray[np.float32] | None  # (1, c, side, side), side by side on the coarsest grid
    grain: Grain | None  # on the finest
    skips: int


def layers(network: Translator) -> Layers:
    """The network without its normalisation, between cells."""
    places = network.unshuffle**2
    kernel, bias = merged(network.stem)
    bias = bias - 0.5 * kernel.sum((1, 2, 3))  # half is taken off what is seen; borders repeat, so it is there, too
    if network.front == "image":  # channels (colour, place) RGB -> (place, colour) BGR
        kernel = kernel.reshape(-1, 3, places, 3, 3)[:, ::-1].transpose(0, 2, 1, 3, 4) / 255.0
        kernel = kernel.reshape(len(bias), -1, 3, 3)
    elif network.front == "grey":
        kernel = kernel / 255.0
    stem = layer(kernel, bias)
    kernel, bias = array(network.tail.weight), array(network.tail.bias) + 0.5  # type: ignore[arg-type]
    kernel = kernel.reshape(3, places, -1, 3, 3)[::-1].transpose(1, 0, 2, 3, 4) * 255.0
    bias = bias.reshape(3, places)[::-1].T * 255.0
    if network.keep == "luma":
        weight = np.array(LUMA)
        kernel = kernel - np.einsum("c,pcihw->pihw", weight, kernel)[:, None]
        bias = bias - (bias @ weight)[:, None]
    tail = layer(kernel.reshape(3 * places, *kernel.shape[2:]), bias.reshape(-1))
    body = []
    for block in network.body:
        assert isinstance(block, ResidualBlock)
        body.append((layer(*merged(block.first)), layer(*merged(block.second))))
    join = [layer(*merged(one)) for one in network.join]
    return Layers(
        stem,
        [layer(*merged(one), stride=2) for one in network.down],
        body,
        [layer(*merged(one)) for one in network.up],
        join[:-1],
        [*join[-1:], *(layer(*merged(one)) for one in network.refine)],
        tail,
        None if network.pattern is None else array(network.pattern).astype(np.float32),
        _grain(network),
        network.skips,
    )


def _grain(network: Translator) -> Grain | None:
    if network.grain is None or network.mix is None:
        return None
    steps = _steps(network.grain)
    codes = (network.grain / steps).round().to(torch.int8).numpy()
    return Grain(codes, (array(network.mix.weight) * array(steps))[:, :, 0, 0].astype(np.float32))


@torch.no_grad()
def round_grain(network: Translator) -> None:
    """Round the grain of a network, if it has any, to the 8 bits in which its files hold it."""
    if network.grain is not None:
        steps = _steps(network.grain)
        network.grain.copy_((network.grain / steps).round() * steps)


def _steps(grain: Tensor) -> Tensor:
    """The step of the codes of each field, ``(1, k, 1, 1)``: the largest value is 127 of them."""
    return grain.abs().amax((0, 2, 3), keepdim=True) / 127


class Operators(Protocol[T]):
    """What a network is made of. Values are what comes after ReLU, unless it is `bare`; `name` tells places apart."""

    def conv(self, x: T, layer: Layer, name: str, *, bare: bool = False) -> T:
        """A convolution that repeats the border."""

    def add(self, x: T, y: T, name: str) -> T:
        """The sum of two values, then ReLU."""

    def tile(self, x: T, pattern: Tile, name: str) -> T:
        """`x` and `pattern` ``(1, c, side, side)``, laid side by side from the top left, added, then ReLU."""

    def double(self, x: T) -> T:
        """Every value four times."""


def compose(made: Layers, x: T, ops: Operators[T]) -> T:
    """The whole network between its first cells and the last layer's, written once for all precisions."""
    x = ops.conv(x, made.stem, "stem")
    if made.grain is not None:
        x = ops.tile(x, made.grain, "grain")
    levels = [x]
    for index, one in enumerate(made.down):
        levels.append(x := ops.conv(x, one, f"down{index}"))
    if made.pattern is not None:
        x = ops.tile(x, made.pattern, "pattern")
    for index, (first, second) in enumerate(made.body):
        y = ops.conv(x, first, f"first{index}")
        x = ops.add(x, ops.conv(y, second, f"second{index}", bare=True), f"body{index}")
    for index, (up, level) in enumerate(zip(made.up, reversed(levels[:-1]), strict=True)):
        x = ops.double(ops.conv(x, up, f"up{index}"))
        x = ops.add(x, level, f"sum{index}") if index < made.skips else x
        x = ops.conv(x, made.join[index], f"join{index}") if index < len(made.join) else x
    for index, one in enumerate(made.ends):
        x = ops.conv(x, one, f"end{index}")
    return ops.conv(x, made.tail, "tail", bare=True)


def edges(graph: Graph, luma: str) -> str:
    """The front of that name in float32: luma 0..255 ``(n, 1, h, w)`` -> lines 0..1.

    The two blurs are one convolution across, to both, and one down, to their difference.
    """
    narrow, wide = (_gaussian(deviation) for deviation in (translator.FINE, translator.COARSE))
    narrow = np.pad(narrow, (len(wide) - len(narrow)) // 2)
    across = graph.constant(np.stack([narrow, wide])[:, None, None] / 255.0, np.float32)
    down = graph.constant(np.stack([narrow, -wide])[None, :, :, None], np.float32)
    x = pad(graph, luma, len(wide) // 2)
    x = graph.add("Conv", x, across, kernel_shape=[1, len(wide)])
    x = graph.add("Conv", x, down, kernel_shape=[len(wide), 1])
    x = graph.add("Add", x, graph.constant(translator.EDGE, np.float32))
    x = graph.add(
        "Mul", graph.add("Min", x, graph.constant(0, np.float32)), graph.constant(translator.STEEP, np.float32)
    )
    return graph.add("Add", graph.add("Tanh", x), graph.constant(1, np.float32))


def _gaussian(deviation: float) -> NDArray[np.float64]:
    reach = round(3 * deviation)
    kernel = np.exp(-0.5 * (np.arange(-reach, reach + 1) / deviation) ** 2)
    return np.asarray(kernel / kernel.sum(), np.float64)


def reach(network: Translator) -> int:
    """How far an output pixel looks to each side, in pixels.

    Every 3x3 convolution a place of its grid to each side, and the places of the coarsest grid, which begin where they
    begin.
    """
    u, levels = network.unshuffle, len(network.down)
    grids = [u << level for level in range(levels + 1)]
    looks = 2 * u + sum(grids[:-1]) + 2 * len(network.body) * grids[-1] + sum(grids[1:]) + sum(grids[:-1])
    looks += len(network.refine) * u
    lines = round(3 * translator.COARSE) if network.front == "edges" else 0
    return looks + network.multiple - 1 + lines
