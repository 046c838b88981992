"""The 8-bit graph of an image-to-image network, between cells (see ``ModelCard.layout``), for CPUs."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np
import onnx
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F

from export.cells import Layers, compose, edges, layers
from export.graph import Graph
from export.layers import LUMA, Grain, Layer, Tile, double, pad, tiled
from export.rounding import Moments, Watch
from train.data import Pixels
from train.networks import translator
from train.networks.translator import Translator

Vector = NDArray[np.float32]
# power of what lies between the ranges of channels that is taken off for int8, and of those of the finest grid, where
# most of the error is: a mosaic is 45.1 dB from PyTorch with them, and 44.8 with 0.55 for the first
EVENED, FINEST = 0.3, 0.9
REACHES = np.linspace(1.0, 0.5, 21).tolist()  # shares of the largest activation seen that 8 bits may reach
CLOSE = 48.2  # dB beside PyTorch with 8-bit activations: 8-bit weights take up to three, and 45 must be kept
LIKED = 8  # the fast 8-bit kernels of ONNX Runtime take channels in multiples of 4 and give them in multiples of 8


class _Torch:
    """The network in PyTorch. ``tops`` are the largest values, by size, of every place's channels."""

    def __init__(self) -> None:
        self.tops: dict[str, Tensor] = {}

    def conv(self, x: Tensor, layer: Layer, name: str, *, bare: bool = False) -> Tensor:
        """A convolution that repeats the border, then ReLU unless `bare`."""
        weights = torch.from_numpy(layer.kernel.copy()), torch.from_numpy(layer.bias.copy())
        x = F.conv2d(F.pad(x, (1, 1, 1, 1), mode="replicate"), *weights, stride=layer.stride)
        return self._seen(x if bare else x.relu(), name)

    def add(self, x: Tensor, y: Tensor, name: str) -> Tensor:
        """The sum of two values, then ReLU."""
        return self._seen((x + y).relu(), name)

    def tile(self, x: Tensor, pattern: Tile, name: str) -> Tensor:
        """`pattern` laid side by side from the top left, added, then ReLU."""
        mixed = np.einsum("ck,nkhw->nchw", pattern.mix, pattern.fields) if isinstance(pattern, Grain) else pattern
        return self.add(x, translator.tiled(torch.from_numpy(mixed), x), name)

    def double(self, x: Tensor) -> Tensor:
        """Every value four times, twice as high and wide."""
        return F.interpolate(x, scale_factor=2, mode="nearest")

    def _seen(self, x: Tensor, name: str) -> Tensor:
        top = x.abs().amax((0, 2, 3))
        self.tops[name] = torch.maximum(self.tops.get(name, torch.full_like(top, 1e-6)), top)
        return x


class _Rounded(_Torch):
    """The network in PyTorch with its activations, but for the picture itself, coded in 8 bits of the given `steps`."""

    def __init__(self, steps: Mapping[str, float]) -> None:
        super().__init__()
        self.steps = steps

    def _seen(self, x: Tensor, name: str) -> Tensor:
        if name == "tail":
            return x
        low, high = (-128, 127) if _signed(name) else (0, 255)
        return (x / self.steps[name]).round().clamp(low, high) * self.steps[name]


class _Watching(_Rounded):
    """The network as it is in 8 bits, but for its weights, and what each of its convolutions sees."""

    def __init__(self, steps: Mapping[str, float]) -> None:
        super().__init__(steps)
        self.watches: dict[str, Watch] = {}

    def conv(self, x: Tensor, layer: Layer, name: str, *, bare: bool = False) -> Tensor:
        """A convolution that repeats the border, then ReLU unless `bare`."""
        self.see(x, name, layer.stride)
        return super().conv(x, layer, name, bare=bare)

    def see(self, x: Tensor, name: str, stride: int = 1) -> None:
        self.watches.setdefault(name, Watch()).see(F.pad(x, (1, 1, 1, 1), mode="replicate"), (3, 3), stride)


def _signed(name: str) -> bool:
    return name.startswith("second")


Coded = tuple[str, float, int]  # a uint8 value's name, step and zero


class _Int8:
    """QDQ operators: weights per channel, activations with the given `steps`. Borders are repeated in 8 bits."""

    def __init__(self, graph: Graph, steps: Mapping[str, float], seen: Mapping[str, Moments]) -> None:
        self.graph, self.steps, self.seen = graph, steps, seen

    def code(self, x: str, name: str, zero: int) -> Coded:
        return self.graph.quantise(x, self.steps[name], zero), self.steps[name], zero

    def conv(self, x: Coded, layer: Layer, name: str, *, bare: bool = False) -> Coded:
        """A convolution that repeats the border, then ReLU unless `bare`."""
        value, at, zero = x
        weights = self.graph.weights(layer.kernel, layer.bias, at, self.seen.get(name))
        seen = self.graph.dequantise(pad(self.graph, value), at, zero)
        found = self.graph.add("Conv", seen, *weights, kernel_shape=[3, 3], strides=[layer.stride] * 2)
        return self.code(found, name, 128 if bare else 0)  # with zero at 0, saturation is the ReLU

    def add(self, x: Coded, y: Coded, name: str) -> Coded:
        """The sum of two values, then ReLU."""
        return self.code(self.graph.add("Add", self.graph.dequantise(*x), self.graph.dequantise(*y)), name, 0)

    def tile(self, x: Coded, pattern: Tile, name: str) -> Coded:
        """`pattern` laid side by side from the top left, added, then ReLU."""
        return self.code(self.graph.add("Add", self.graph.dequantise(*x), tiled(self.graph, pattern, x[0])), name, 0)

    def double(self, x: Coded) -> Coded:
        """Every value four times, twice as high and wide."""
        return double(self.graph, x[0]), x[1], x[2]


def _folded_grey(stem: Layer, places: int) -> Layer:
    """`stem` of a grey picture, on B, G and R."""
    kernel = stem.kernel[:, :, None] * np.array(LUMA, np.float32).reshape(1, 1, 3, 1, 1)
    return Layer(kernel.reshape(len(kernel), 3 * places, 3, 3), stem.bias)


def int8_graph(
    network: Translator, made: Layers, steps: Mapping[str, float], seen: Mapping[str, Moments]
) -> onnx.ModelProto:
    """uint8 cells ``(n, h / u, w / u, u * u * 4)`` -> the same.

    It has the activations' `steps`, and the moments of what each convolution has `seen`, by the place's name.
    """
    graph = Graph()
    ops = _Int8(graph, steps, seen)
    u = network.unshuffle
    places = u * u
    cells: Coded = graph.add("Transpose", "image", perm=[0, 3, 1, 2]), 1.0, 0
    grey = np.einsum(
        "pq,c->pqc", np.eye(places, dtype=np.float32), np.array([*LUMA, 0], np.float32)
    )  # place from place, B G R _
    if network.front == "edges":
        weight = graph.constant(grey.reshape(places, 4 * places, 1, 1), np.float32)
        luma = graph.add("Conv", graph.cast(cells[0], np.float32), weight)
        lines = edges(graph, graph.add("DepthToSpace", luma, blocksize=u, mode="DCR"))
        lines = graph.add("SpaceToDepth", lines, blocksize=u)
        looked: Coded = graph.quantise(lines, 1 / 255, 0), 1 / 255, 0
    else:
        stem = _folded_grey(made.stem, places) if network.front == "grey" else made.stem
        kernel = stem.kernel.reshape(-1, places, 3, 3, 3)
        kernel = np.pad(kernel, ((0, 0), (0, 0), (0, 1), (0, 0), (0, 0))).reshape(len(kernel), 4 * places, 3, 3)
        made, looked = replace(made, stem=Layer(kernel, stem.bias)), cells
    tail = made.tail
    kernel = np.pad(tail.kernel.reshape(places, 3, *tail.kernel.shape[1:]), ((0, 0), (0, 1)) + ((0, 0),) * 3)
    luma_kept = network.keep == "luma"
    bias = tail.bias if luma_kept else tail.bias - 128  # so that the zero of what is signed makes it 0..255
    bias = np.pad(bias.reshape(places, 3), ((0, 0), (0, 1))).reshape(-1)
    made = replace(made, tail=Layer(kernel.reshape(4 * places, *kernel.shape[2:]), bias))
    code, at, zero = compose(made, looked, ops)
    if luma_kept:
        repeated = np.repeat(grey[:, None], 4, axis=1).reshape(4 * places, 4 * places, 1, 1)
        exact = graph.weights(repeated, None, 1.0)
        luma = graph.requantise(graph.add("Conv", graph.dequantise(*cells), *exact, kernel_shape=[1, 1]), 1.0, 0)
        code = graph.quantise(graph.add("Add", luma, graph.dequantise(code, at, zero)), 1.0, 0)
    graph.add("Transpose", code, perm=[0, 2, 3, 1], name="cells")
    shape: list[str | int] = ["n", "h", "w", 4 * places]
    return graph.model({"image": (np.uint8, shape)}, {"cells": (np.uint8, shape)})


@torch.no_grad()
def quantise(network: Translator, images: Sequence[Pixels]) -> onnx.ModelProto:
    """The int8 graph, its activations' steps found on RGB `images`, whose sides are multiples of the network's.

    Channels are first brought closer to each other. Further than 8 bits reach is clipped, less far is coarser: how far
    they do is tried, for what has a sign by itself. The places that matter most are coded twice as finely where the
    picture would be less than `CLOSE` without: that takes a sixth of the time.
    """
    made, seen = layers(network), _Torch()
    cells = [_first(network, image) for image in images]
    for x in cells:
        compose(made, x, seen)
    made, seen = _equalised(made, seen.tops), _Torch()
    least, most = (-255, 255) if network.keep == "luma" else (0, 255)
    true = [compose(made, x, seen).clamp(least, most) for x in cells]

    def coded(plain: float, signed: float, twice: bool) -> tuple[float, Layers, dict[str, float]]:
        steps = _steps(seen.tops, plain, signed)
        finer = _finer(made, seen.tops, steps) if twice else made
        pairs = zip(cells, true, strict=True)
        errors = ((compose(finer, x, _Rounded(steps)).clamp(least, most) - y).square().mean() for x, y in pairs)
        return float(torch.stack(list(errors)).mean()), finer, steps

    def nearest(twice: bool) -> tuple[float, Layers, dict[str, float]]:
        plain = min(REACHES, key=lambda reach: coded(reach, reach, twice)[0])
        return min((coded(plain, reach, twice) for reach in REACHES), key=lambda one: one[0])

    error, chosen, steps = nearest(twice=False)
    if error > 255.0**2 / 10 ** (CLOSE / 10):
        error, chosen, steps = nearest(twice=True)
    watching = _Watching(steps)
    for x in cells:
        compose(chosen, x, watching)
    if network.front != "edges":  # the stem sees cells themselves
        del watching.watches["stem"]
        for image in images:
            watching.see(_colours(network, image), "stem")
    return int8_graph(network, chosen, steps, {name: watch.moments() for name, watch in watching.watches.items()})


def _equalised(made: Layers, tops: Mapping[str, Tensor]) -> Layers:
    """The same network with its channels' ranges closer to each other, about the square root of what lies between them.

    What comes after a ReLU is divided, and what looks at it multiplied (Nagel et al.,
    https://arxiv.org/abs/1906.04721). One step serves all channels of a place, which wastes what is small.
    """
    last = len(made.down)

    def shares(*names: str) -> Vector:
        top = torch.stack([tops[name] for name in names]).amax(0)
        power = FINEST if "stem" in names or f"sum{last - 1}" in names else EVENED
        return (top / top.max()).clamp(min=1e-3).pow(power).numpy()

    def scaled(one: Layer, into: Vector | None = None, out: Vector | None = None) -> Layer:
        kernel, bias = one.kernel, one.bias
        if into is not None:
            kernel = kernel * into[:, None, None]
        if out is not None:
            kernel, bias = kernel / out[:, None, None, None], bias / out
        return replace(one, kernel=kernel, bias=bias)

    rest = ["pattern"] * (made.pattern is not None) + [f"body{index}" for index in range(len(made.body))]
    levels = [["stem" if level == 0 else f"down{level - 1}"] for level in range(last + 1)]
    levels[0] += ["grain"] * (made.grain is not None)
    levels[last] += rest + [f"second{index}" for index in range(len(made.body))]
    ups = [[f"up{index}"] for index in range(last)]
    for index in range(min(made.skips, last)):  # what is added has one scale
        ups[index] = levels[last - 1 - index] = [*levels[last - 1 - index], *ups[index], f"sum{index}"]
    level, up = [shares(*names) for names in levels], [shares(*names) for names in ups]
    first = [shares(f"first{index}") for index in range(len(made.body))]
    join = [shares(f"join{index}") for index in range(len(made.join))]
    ends = [shares(f"end{index}") for index in range(len(made.ends))]
    coarse = level[last]
    lower = [coarse, *join]  # what each level begins with on the way up
    chain = [up[-1] if up else coarse, *ends]  # what each of the ends sees, and the tail
    return replace(
        made,
        stem=scaled(made.stem, out=level[0]),
        down=[scaled(one, level[index], level[index + 1]) for index, one in enumerate(made.down)],
        body=[(scaled(a, coarse, by), scaled(b, by, coarse)) for (a, b), by in zip(made.body, first, strict=True)],
        up=[scaled(one, lower[index], up[index]) for index, one in enumerate(made.up)],
        join=[scaled(one, up[index], join[index]) for index, one in enumerate(made.join)],
        ends=[scaled(one, chain[index], ends[index]) for index, one in enumerate(made.ends)],
        tail=scaled(made.tail, chain[-1]),
        pattern=None if made.pattern is None else made.pattern / coarse[:, None, None],
        grain=None if made.grain is None else replace(made.grain, mix=made.grain.mix / level[0][:, None]),
    )


def _steps(tops: Mapping[str, Tensor], plain: float, signed: float) -> dict[str, float]:
    """Which reach as far as the shares `plain` and `signed` of what was seen."""
    shares = {name: signed / 127 if _signed(name) else plain / 255 for name in tops}
    return {name: float(tops[name].max()) * share for name, share in shares.items()} | {"tail": 1.0}


def _finer(made: Layers, tops: Mapping[str, Tensor], steps: dict[str, float]) -> Layers:
    """The layers with what the last convolutions see, and the first gives where nothing else sees it.

    They are coded twice as finely: most of the error of the whole network is at those places. Their `steps` are
    replaced.
    """
    chain = [*made.ends, made.tail]
    for index in range(min(len(made.ends), max(len(chain) - 2, 1))):  # the last of several is hardly off
        name = f"end{index}"
        chain[index], chain[index + 1], steps[name] = _twice(chain[index], chain[index + 1], tops[name])
    made = replace(made, ends=chain[:-1], tail=chain[-1])
    if made.skips < len(made.down) and made.grain is None:
        stem, down, steps["stem"] = _twice(made.stem, made.down[0], tops["stem"])
        made = replace(made, stem=stem, down=[down, *made.down[1:]])
    return made


def _twice(giver: Layer, taker: Layer, top: Tensor) -> tuple[Layer, Layer, float]:
    """A channel that goes beyond half of the range is there twice, the second time with the half taken off.

    That way one saturates where the other begins; as many are there in all as 8-bit kernels like; and the step.
    """
    half = float(top.max()) / 2
    far = np.flatnonzero(top.numpy() > half)
    more = -(len(giver.bias) + len(far)) % LIKED
    given = np.concatenate([giver.kernel, giver.kernel[far]]), np.concatenate([giver.bias, giver.bias[far] - half])
    taken = np.concatenate([taker.kernel, taker.kernel[:, far]], axis=1)
    giver = replace(
        giver, kernel=np.pad(given[0], ((0, more), (0, 0), (0, 0), (0, 0))),
        bias=np.pad(given[1], (0, more)).astype(np.float32),
    )  # fmt: skip
    return giver, replace(taker, kernel=np.pad(taken, ((0, 0), (0, more), (0, 0), (0, 0)))), half / 255.0


@torch.no_grad()
def _first(network: Translator, image: Pixels) -> Tensor:
    """The cells that the network sees of an RGB picture, as `layers` has them."""
    x = torch.from_numpy(image.copy()).permute(2, 0, 1)[None].float()
    if network.front == "image":  # (colour, place) RGB -> (place, colour) BGR
        x = F.pixel_unshuffle(x.flip(1), network.unshuffle)
        return x.reshape(1, 3, -1, *x.shape[2:]).transpose(1, 2).flatten(1, 2)
    x = network.look(x / 255.0)
    return F.pixel_unshuffle(x * 255.0 if network.front == "grey" else x, network.unshuffle)


def _colours(network: Translator, image: Pixels) -> Tensor:
    """The cells of an RGB picture as the int8 graph has them: (place, B G R and an unused byte)."""
    x = F.pad(torch.from_numpy(image.copy()).permute(2, 0, 1)[None].float().flip(1), (0, 0, 0, 0, 0, 1))
    x = F.pixel_unshuffle(x, network.unshuffle)
    return x.reshape(1, 4, -1, *x.shape[2:]).transpose(1, 2).flatten(1, 2)
