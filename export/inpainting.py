"""The deployed graphs of an inpainting network.

uint8 ``image (n, h, w, 3)`` BGR and uint8 ``hole (n, h, w)``, not 0 where to fill -> uint8 ``filled (n, h, w, 3)``,
known pixels to the byte as they came. The push-pull fill and the attention's scores are computed in float32 in every
variant; the convolutions, in which nearly all of the work is, in fp32 or int8, or in fp16 where that is made of fp32.

The network is written once, by `body`, in terms of a few operators. Three classes have these: `_Watching` computes in
PyTorch, to learn the range of every value from real pictures; `_Floats` and `_Bytes` write graphs, in floats and in 8
bits.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol, TypeVar

import numpy as np
import onnx
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional as F

from export.graph import Graph, Value
from export.layers import double
from export.plan import Exporter, Plan, compared_on, pictures_by_name
from export.rounding import Moments, Watch
from gancam.inference.card import Layout, ModelCard
from gancam.inference.model import Model
from train import evaluate, holes
from train.data import Pixels
from train.networks.inpaint import LEVELS, REACH, SURE, TINY, Attention, Gated, Inpaint, Residual, push_pull, shepard
from train.recipe import Recipe
from train.tasks import SMALLEST

X = TypeVar("X")
COMPARED = ("text", "box", "freeform")  # holes in every picture on which variants are compared


class _Operators(Protocol[X]):
    """The operators of `body`. X is a value: a tensor, or its name in a graph."""

    def convolve(self, x: X, layer: nn.Conv2d, *, relu: bool = False) -> X: ...
    def add(self, a: X, b: X) -> X:
        """The sum of two values."""

    def product_of_halves(self, x: X) -> X:
        """Along the channels."""

    def attend(self, asked: X, heads: int) -> X:
        """Queries, keys and values along the channels -> what was found."""

    def enlarge(self, x: X) -> X:
        """Twice as many rows and columns, each place four times."""


def body(ops: _Operators[X], network: Inpaint, x: X) -> X:
    """The unshuffled input -> the unshuffled residual: ``Inpaint.forward`` between the two, operator by operator."""

    def residual(x: X, block: nn.Module) -> X:
        assert isinstance(block, Residual)
        return ops.add(x, ops.convolve(ops.convolve(x, block.first, relu=True), block.second))

    def gated(x: X, blocks: nn.Sequential) -> X:
        for block in blocks:
            assert isinstance(block, Gated)
            around = ops.convolve(x, _with_identity(block.around))
            x = ops.add(x, ops.convolve(ops.product_of_halves(ops.convolve(around, block.wide)), block.narrow))
        return x

    def attention(x: X, block: Attention) -> X:
        return ops.add(x, ops.convolve(ops.attend(ops.convolve(x, block.ask), block.heads), block.answer))

    half = residual(ops.convolve(x, network.stem, relu=True), network.encode_half)
    quarter = residual(ops.convolve(half, network.to_quarter, relu=True), network.encode_quarter)
    eighth = gated(ops.convolve(quarter, network.to_eighth, relu=True), network.encode_eighth)
    x = gated(ops.convolve(eighth, network.to_sixteenth, relu=True), network.body)
    x = gated(attention(x, network.attention), network.after)
    x = gated(ops.add(eighth, ops.enlarge(ops.convolve(x, network.from_sixteenth))), network.decode_eighth)
    x = residual(ops.add(quarter, ops.enlarge(ops.convolve(x, network.from_eighth))), network.decode_quarter)
    x = residual(ops.add(half, ops.enlarge(ops.convolve(x, network.from_quarter))), network.decode_half)
    return ops.convolve(x, network.tail)


def _with_identity(layer: nn.Conv2d) -> nn.Conv2d:
    """``x + layer(x)`` of a convolution of each channel by itself, as one."""
    made = nn.Conv2d(layer.in_channels, layer.out_channels, 5, padding=2, groups=layer.groups)
    with torch.no_grad():
        made.weight.copy_(layer.weight)
        made.weight[:, 0, 2, 2] += 1.0
        assert made.bias is not None
        assert layer.bias is not None
        made.bias.copy_(layer.bias)
    return made


@dataclass(frozen=True)
class Calibration:
    """``ranges``: (step, zero) of every 8-bit value.

    ``moments`` of what every convolution sees, None where each channel is by itself. Both in the order of `body`.
    """

    ranges: Sequence[tuple[float, int]]
    moments: Sequence[Moments | None]


class _Watching:
    """Computes, and keeps the least and greatest of what each operator gives, and samples of it, in the order asked.

    What convolutions see goes to `watches`, likewise.
    """

    def __init__(self, known: Tensor, watches: Iterator[Watch | None]) -> None:
        self.known, self._watches = known, watches
        self.seen: list[NDArray[np.float32]] = []

    def _see(self, x: Tensor) -> Tensor:
        values = x.detach().flatten()
        self.seen.append(values[:: max(1, len(values) // 20_000)].numpy())
        self.seen[-1] = np.append(self.seen[-1], [float(values.min()), float(values.max())]).astype(np.float32)
        return x

    def convolve(self, x: Tensor, layer: nn.Conv2d, *, relu: bool = False) -> Tensor:
        if watch := next(self._watches):
            reach = layer.kernel_size[0] // 2
            watch.see(F.pad(x, [reach] * 4), (layer.kernel_size[0], layer.kernel_size[1]), layer.stride[0])
        y = layer(x)
        return self._see(F.relu(y) if relu else y)

    def add(self, a: Tensor, b: Tensor) -> Tensor:
        """The sum of two values."""
        return self._see(a + b)

    def product_of_halves(self, x: Tensor) -> Tensor:
        a, b = x.chunk(2, 1)
        return self._see(a * b)

    def attend(self, asked: Tensor, heads: int) -> Tensor:
        n, c, h, w = asked.shape
        query, key, value = asked.view(n, 3, heads, c // 3 // heads, h * w).unbind(1)
        scores = query.transpose(2, 3) @ key * (c // 3 // heads) ** -0.5 + (self.known + 0.01).log().view(n, 1, 1, -1)
        return self._see((value @ scores.softmax(3).transpose(2, 3)).reshape(n, c // 3, h, w))

    def enlarge(self, x: Tensor) -> Tensor:
        return F.interpolate(x, scale_factor=2.0)


class _Floats:
    """Writes operators on values in float32, of which fp16 is made but for the attention."""

    def __init__(self, graph: Graph, known: str) -> None:
        self.graph, self.known = graph, known

    def convolve(self, x: str, layer: nn.Conv2d, *, relu: bool = False) -> str:
        weights = (self.graph.constant(value, np.float32) for value in _arrays(layer))
        y = self.graph.add("Conv", x, *weights, **_shape(layer))
        return self.graph.add("Relu", y) if relu else y

    def add(self, a: str, b: str) -> str:
        """The sum of two values."""
        return self.graph.add("Add", a, b)

    def product_of_halves(self, x: str) -> str:
        return self.graph.add("Mul", *self.graph.split(x, 2, axis=1))

    def attend(self, asked: str, heads: int) -> str:
        return self.graph.fence(_attend(self.graph, self.graph.fence(asked), self.known, heads))

    def enlarge(self, x: str) -> str:
        return double(self.graph, x)


class _Bytes:
    """Writes operators on 8-bit values in QDQ form.

    Every value is rounded to steps of its own, which `ranges` has in the order in which `_Watching` met them. A value
    here is a name and the (step, zero) it has.
    """

    def __init__(
        self, graph: Graph, known: str, ranges: Sequence[tuple[float, int]], moments: Sequence[Moments | None]
    ) -> None:
        self.graph, self.known, self._ranges, self._moments = graph, known, iter(ranges), iter(moments)

    def _round(self, x: str) -> tuple[str, float, int]:
        step, zero = next(self._ranges)
        return self.graph.requantise(x, step, zero), step, zero

    def convolve(self, x: tuple[str, float, int], layer: nn.Conv2d, *, relu: bool = False) -> tuple[str, float, int]:
        kernel, bias = _arrays(layer)
        weights = self.graph.weights(kernel, bias, x[1], next(self._moments))
        y = self.graph.add("Conv", x[0], *weights, **_shape(layer))
        return self._round(self.graph.add("Relu", y) if relu else y)

    def add(self, a: tuple[str, float, int], b: tuple[str, float, int]) -> tuple[str, float, int]:
        """The sum of two values."""
        return self._round(self.graph.add("Add", a[0], b[0]))

    def product_of_halves(self, x: tuple[str, float, int]) -> tuple[str, float, int]:
        return self._round(self.graph.add("Mul", *self.graph.split(x[0], 2, axis=1)))

    def attend(self, asked: tuple[str, float, int], heads: int) -> tuple[str, float, int]:
        return self._round(_attend(self.graph, asked[0], self.known, heads))

    def enlarge(self, x: tuple[str, float, int]) -> tuple[str, float, int]:
        return self.graph.requantise(double(self.graph, x[0]), *x[1:]), *x[1:]


def _arrays(layer: nn.Conv2d) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    assert layer.bias is not None
    return layer.weight.detach().cpu().numpy(), layer.bias.detach().cpu().numpy()


def _shape(layer: nn.Conv2d) -> dict[str, Any]:
    padding = [int(side) for side in layer.padding]
    return {"kernel_shape": list(layer.kernel_size), "strides": list(layer.stride), "pads": padding * 2,
            "group": layer.groups}  # fmt: skip


def _attend(graph: Graph, asked: str, known: str, heads: int) -> str:
    """In float32; `known` is ``(n, 1, h, w)``."""
    size = graph.add("Shape", asked)
    count = graph.add("Slice", size, graph.constant([2], np.int64), graph.constant([4], np.int64))
    count = graph.add("ReduceProd", count, keepdims=1)
    shape = graph.add("Concat", *(graph.constant(part, np.int64) for part in ([0], [3 * heads], [-1])), count, axis=0)
    places = graph.add("Reshape", asked, shape)  # (n, 3 heads, c, h w)
    query, key, value = graph.split(places, 3, axis=1)
    width = graph.add("Slice", graph.add("Shape", query), graph.constant([2], np.int64), graph.constant([3], np.int64))
    scale = graph.add("Sqrt", graph.cast(width, np.float32))
    scores = graph.add("MatMul", graph.add("Div", graph.add("Transpose", query, perm=[0, 1, 3, 2]), scale), key)
    first = graph.add("Log", graph.add("Add", known, graph.constant(0.01, np.float32)))
    flat = graph.add("Reshape", first, graph.constant([0, 1, 1, -1], np.int64))
    shares = graph.add("Softmax", graph.add("Add", scores, flat), axis=3)
    found = graph.add("MatMul", value, graph.add("Transpose", shares, perm=[0, 1, 3, 2]))
    back = graph.add("Concat", graph.constant([0, -1], np.int64), graph.add(
        "Slice", size, graph.constant([2], np.int64), graph.constant([4], np.int64)), axis=0)  # fmt: skip
    return graph.add("Reshape", found, back)


def _push_pull(graph: Graph, image: str, hole: str) -> str:
    """`train.networks.inpaint.push_pull` in operators."""

    def number(value: float) -> str:
        return graph.constant(value, np.float32)

    def halved(x: str) -> str:
        return graph.add("AveragePool", x, kernel_shape=[2, 2], strides=[2, 2])

    known = graph.add("Sub", number(1.0), hole)
    sums, shares = [graph.add("Mul", image, known)], [known]
    for _ in range(LEVELS):
        sums.append(halved(sums[-1]))
        shares.append(halved(shares[-1]))
    kernel = shepard().numpy()
    pads: dict[str, Any] = {"pads": [REACH] * 4, "kernel_shape": [2 * REACH + 1] * 2}
    colour = graph.add("Conv", sums[-1], graph.constant(np.repeat(kernel, 3, 0), np.float32), group=3, **pads)
    share = graph.add("Conv", shares[-1], graph.constant(kernel, np.float32), **pads)
    mean = graph.add("Div", graph.add("GlobalAveragePool", sums[-1]),
                     graph.add("Add", graph.add("GlobalAveragePool", shares[-1]), number(TINY)))  # fmt: skip
    fill = graph.add("Div", graph.add("Add", colour, graph.add("Mul", mean, number(TINY))),
                     graph.add("Add", share, number(TINY)))  # fmt: skip
    for level in reversed(range(LEVELS + 1)):
        if level < LEVELS:
            scales = graph.constant([1, 1, 2, 2], np.float32)
            fill = graph.add("Resize", fill, "", scales, mode="linear")  # as `double` smooth; its files say no more
        sure = graph.add("Min", graph.add("Mul", shares[level], number(SURE)), number(1.0))
        here = graph.add("Div", sums[level], graph.add("Add", shares[level], number(TINY * TINY)))
        fill = graph.add("Add", fill, graph.add("Mul", sure, graph.add("Sub", here, fill)))
    return fill


def deployed(network: Inpaint, *, calibration: Calibration | None = None) -> onnx.ModelProto:
    """The graph in fp32, or in int8 with the `calibration` that `calibrated` found."""
    graph = Graph()
    number = graph.constant
    mirrored = _for_bgr(network)
    pixels = graph.add("Transpose", graph.add("Mul", graph.cast("image", np.float32), number(1 / 255, np.float32)),
                       perm=[0, 3, 1, 2])  # fmt: skip
    inside = graph.add("Unsqueeze", graph.cast("hole", np.bool_), number([1], np.int64))
    hole = graph.cast(inside, np.float32)
    fill = _push_pull(graph, pixels, hole)
    covered = hole
    for _ in range(LEVELS):
        covered = graph.add("AveragePool", covered, kernel_shape=[2, 2], strides=[2, 2])
    known = graph.add("Sub", number(1.0, np.float32), covered)
    centred = graph.add("Sub", fill, number(0.5, np.float32))
    x = graph.add("SpaceToDepth", graph.add("Concat", centred, hole, axis=1), blocksize=2)
    if calibration is None:
        residual = graph.fence(body(_Floats(graph, known), mirrored, graph.fence(x)))
    else:
        first, *others = calibration.ranges
        ops = _Bytes(graph, known, others, calibration.moments)
        residual = body(ops, mirrored, (graph.requantise(x, *first), *first))[0]
    residual = graph.add("DepthToSpace", residual, blocksize=2, mode="CRD")
    level = graph.add("Mul", graph.add("Add", fill, residual), number(255, np.float32))
    level = graph.add("Round", graph.add("Clip", level, number(0, np.float32), number(255, np.float32)))
    filled = graph.cast(graph.add("Transpose", level, perm=[0, 2, 3, 1]), np.uint8)
    where = graph.add("Transpose", inside, perm=[0, 2, 3, 1])
    graph.add("Where", where, filled, "image", name="filled")
    image: Value = np.uint8, ["n", "h", "w", 3]
    return graph.model({"image": image, "hole": (np.uint8, ["n", "h", "w"])}, {"filled": image})


def _for_bgr(network: Inpaint) -> Inpaint:
    """The same network for BGR, with its unshuffled input in SpaceToDepth's order: pixel first, then colour."""
    widths = (network.stem.out_channels, network.to_quarter.out_channels, network.to_eighth.out_channels,
              network.to_sixteenth.out_channels)  # fmt: skip
    made = Inpaint(widths=widths, depth=len(network.body) + len(network.after)).eval()
    made.load_state_dict(network.state_dict())
    wide = network.stem.out_channels
    stem = network.stem.weight.detach().view(wide, 4, 4, 3, 3)[:, [2, 1, 0, 3]]  # (out, colour, pixel, …)
    tail = network.tail.weight.detach().view(3, 4, -1, 3, 3)
    assert made.tail.bias is not None
    assert network.tail.bias is not None
    with torch.no_grad():
        made.stem.weight.copy_(stem.transpose(1, 2).reshape(wide, 16, 3, 3))
        made.tail.weight.copy_(tail.flip(0).flatten(0, 1))
        made.tail.bias.copy_(network.tail.bias.detach().view(3, 4).flip(0).flatten())
    return made


@torch.no_grad()
def calibrated(network: Inpaint, images: Sequence[Pixels]) -> Calibration:
    """What 8 bits need to know, of RGB `images` with holes of every kind; steps have the least squared error there."""
    mirrored = _for_bgr(network)
    kinds = [one for one in network.modules() if isinstance(one, nn.Conv2d)]  # in the order of `body`
    watches = [Watch() if one.groups == 1 else None for one in kinds]
    samples: list[list[NDArray[np.float32]]] = []
    for index, image in enumerate(images):
        for kind in COMPARED:
            image, hole = _fitted(image, kind, index)
            pixels = torch.from_numpy(image.copy()).permute(2, 0, 1)[None].float() / 255.0
            where = torch.from_numpy(hole)[None, None].float()
            x = F.pixel_unshuffle(torch.cat([(push_pull(pixels, where) - 0.5).flip(1), where], 1), 2)
            x = x.reshape(1, 4, 4, *x.shape[2:]).transpose(1, 2).flatten(1, 2)  # pixel first, then colour
            watching = _Watching(1.0 - F.avg_pool2d(where, Inpaint.multiple), iter(watches))
            body(watching, mirrored, x)
            found = [x.flatten()[::7].numpy(), *watching.seen]
            samples = samples or [[] for _ in found]
            for kept, values in zip(samples, found, strict=True):
                kept.append(values)
    ranges = [steps(np.concatenate(values)) for values in samples]
    return Calibration(ranges, [None if watch is None else watch.moments() for watch in watches])


def steps(values: NDArray[np.float32]) -> tuple[float, int]:
    """The step and the zero (0..255) of an 8-bit code of `values` with the least squared error.

    Rounding and clipping are counted together.
    """
    low, high = min(float(values.min()), 0.0), max(float(values.max()), 0.0)
    best, least = (max(high - low, 1e-6) / 255.0, 0), np.inf
    for share in np.linspace(0.35, 1.0, 27):
        step = max((high - low) * float(share), 1e-6) / 255.0
        zero = int(np.clip(np.round(-low * share / step), 0, 255))
        coded = (np.clip(np.round(values / step) + zero, 0, 255) - zero) * step
        error = float(np.mean((coded - values) ** 2, dtype=np.float64))
        if error < least:
            best, least = (step, zero), error
    return best


def _fitted(image: Pixels, kind: str, index: int) -> tuple[Pixels, holes.Hole]:
    """The largest part of `image` that the network takes, and a hole in it."""
    height, width = (side - side % Inpaint.multiple for side in image.shape[:2])
    return image[:height, :width], holes.judged(kind, index, height, width)


def plan(network: nn.Module, recipe: Recipe, images: Path | None, judge_on: list[Path]) -> Plan:
    """fp32, fp16 and int8, the last calibrated on `images` with holes in them.

    All are compared on those, by default the ones in samples/; each folder of `judge_on` gives figures
    named after it.
    """
    if not isinstance(network, Inpaint):
        raise ValueError(f"recipe {recipe.name!r}: no exporter for networks of family {recipe.network['family']!r}")
    pictures = compared_on(images, least=SMALLEST)
    folders = pictures_by_name(judge_on)
    peers = {name: evaluate.inpainting_peers(truths) for name, truths in folders.items()}

    def graph(precision: str) -> tuple[onnx.ModelProto, Layout]:
        calibration = calibrated(network, pictures()) if precision == "int8" else None
        return deployed(network, calibration=calibration), "masked"

    def pairs(model: Model) -> Iterator[tuple[Pixels, Pixels]]:
        for index, picture in enumerate(pictures()):
            for kind in COMPARED:
                image, hole = _fitted(picture, kind, index)
                yield (run(model, image, hole)[hole > 0], evaluate.run_inpainting(network, image, hole)[hole > 0])

    def judged(model: Model | None) -> dict[str, float]:
        def fill(image: Pixels, hole: holes.Hole) -> Pixels:
            return run(model, image, hole) if model else evaluate.run_inpainting(network, image, hole)

        figures: dict[str, float] = {}
        for name, truths in folders.items():
            scores = evaluate.inpainting(fill, truths, peers[name])
            figures |= {f"{figure}_{name}": round(score, 4) for figure, score in scores.items()}
        return figures

    size = sum(weights.numel() for weights in network.parameters())
    card = ModelCard("", "inpaint", multiple=Inpaint.multiple, minimum=Inpaint.multiple, parameters=size)
    return Plan(("fp32", "fp16", "int8"), card, graph, pairs, judged)


def run(model: Model, image: Pixels, hole: holes.Hole) -> Pixels:
    """The model file on an RGB image of any size, enlarged to the network's multiple by what is not known."""
    height, width = image.shape[:2]
    more = ((0, -height % model.card.multiple), (0, -width % model.card.multiple))
    given = np.pad(image[..., ::-1], (*more, (0, 0)))[None], np.pad(hole, more, constant_values=1)[None]
    return np.ascontiguousarray(model(*given)[0][0, :height, :width, ::-1])


EXPORTER = Exporter(plan)
