"""Graphs as other people export them: small real networks in every convention, that sharpen, blur or smooth."""

from dataclasses import dataclass, replace
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import onnx

from export.graph import Graph
from gancam.inference.importing.convention import LUMA, RANGES, Convention, Layout, Order

KINDS = ("sharpen", "blur", "edges")
_GAUSS = np.outer([1, 2, 1], [1, 2, 1]) / 16.0


@dataclass(frozen=True)
class Case:
    """One graph of the matrix."""

    kind: str = "sharpen"
    layout: Layout = "nchw"
    order: Order = "rgb"
    range: str = "0..1"
    dtype: str = "float32"
    fixed: bool = False
    scale: int = 1

    def __str__(self) -> str:
        size = "fixed" if self.fixed else "free"
        return f"{self.kind}-{self.layout}-{self.order}-{self.range}-{self.dtype}-{size}-x{self.scale}"

    @property
    def convention(self) -> Convention:
        """What a probe should find."""
        channels = 1 if self.order == "y" else 3
        return Convention(
            image="x", output="y", layout=self.layout, output_layout=self.layout, dtype=self.dtype, channels=channels,
            output_channels=channels, order=self.order, output_order=self.order, range=self.range,
            output_range=self.range, scale=self.scale,
        )  # fmt: skip


def matrix() -> list[Case]:
    """Every combination that makes sense: bytes have one range."""
    axes = product(
        ("nchw", "nhwc"), ("rgb", "bgr", "y"), ("0..1", "0..255", "-1..1", "imagenet"),
        ("float32", "float16", "uint8"), (False, True), (1, 2, 4),
    )  # fmt: skip
    cases = []
    for index, (layout, order, span, dtype, fixed, scale) in enumerate(axes):
        if dtype == "uint8" and span != "0..255":
            continue
        case = Case("sharpen", layout, order, span, dtype, fixed, scale)  # type: ignore[arg-type]
        cases.append(replace(case, kind=KINDS[index % len(KINDS)]))
    return cases


def write_case(case: Case, path: Path, *, side: tuple[int, int] = (48, 64)) -> Path:
    """The graph of that case; `side` (height, width) where it is fixed."""
    graph = Graph()
    mean, deviation = (np.array(one) / 255.0 for one in RANGES[case.range])
    chosen = {"rgb": [0, 1, 2], "bgr": [2, 1, 0], "y": [3]}[case.order]
    channels = len(chosen)
    x = graph.add("Cast", "x", to=onnx.TensorProto.FLOAT)
    if case.layout == "nhwc":
        x = graph.add("Transpose", x, perm=[0, 3, 1, 2])
    means, steps = (one[chosen].reshape(1, -1, 1, 1) for one in (mean, deviation))
    x = graph.add("Mul", x, graph.constant(steps, np.float32))
    x = graph.add("Add", x, graph.constant(means, np.float32))
    x = body(graph, x, case.kind, channels, case.scale, case.order)
    x = graph.add("Clip", x, graph.constant(0.0, np.float32), graph.constant(1.0, np.float32))
    x = graph.add("Sub", x, graph.constant(means, np.float32))
    x = graph.add("Div", x, graph.constant(steps, np.float32))
    if case.layout == "nhwc":
        x = graph.add("Transpose", x, perm=[0, 2, 3, 1])
    if case.dtype == "uint8":
        x = graph.add("Round", x)
    kind = onnx.helper.np_dtype_to_tensor_dtype(np.dtype(case.dtype))
    graph.add("Cast", x, name="y", to=kind)
    height, width = side if case.fixed else ("h", "w")
    takes: list[Any] = [height, width]
    gives: list[Any] = [case.scale * height, case.scale * width] if case.fixed else ["sh", "sw"]
    shapes = [[1, channels, *sides] if case.layout == "nchw" else [1, *sides, channels] for sides in (takes, gives)]
    model = graph.model({"x": (case.dtype, shapes[0])}, {"y": (case.dtype, shapes[1])})
    onnx.save(model, path)
    return path


def body(graph: Graph, x: str, kind: str, channels: int, scale: int, order: str) -> str:
    """What such a network does to a picture of 0..1, NCHW, before it enlarges it."""
    x = _work(graph, x, kind, channels, order)
    if scale == 1:
        return x
    sizes = graph.constant([1, 1, scale, scale], np.float32)
    return graph.add("Resize", x, "", sizes, mode="cubic", cubic_coeff_a=-0.75)


def _work(graph: Graph, x: str, kind: str, channels: int, order: str) -> str:
    if kind == "blur":  # of light, which grows with the square of a pixel's value
        light = graph.add("Mul", x, graph.add("Abs", x))
        low = blurred(graph, light, channels)
        return graph.add("Mul", graph.add("Sign", low), graph.add("Sqrt", graph.add("Abs", low)))
    low = blurred(graph, x, channels)
    detail = graph.add("Sub", x, low)
    if kind == "sharpen":  # without halos
        most = graph.constant(0.06, np.float32)
        return graph.add("Add", x, graph.add("Clip", detail, graph.constant(-0.06, np.float32), most))
    if kind == "luma":  # sharpens luma, in whichever order its colours come
        weights = np.array(LUMA[::-1] if order == "rgb" else LUMA).reshape(1, 3, 1, 1)
        return graph.add("Add", x, graph.add("Conv", detail, graph.constant(2 * weights, np.float32)))
    least = graph.constant(10 / 255, np.float32)  # edges: details below are taken for noise
    up = graph.add("Relu", graph.add("Sub", detail, least))
    down = graph.add("Relu", graph.add("Sub", graph.add("Neg", detail), least))
    return graph.add("Add", low, graph.add("Sub", up, down))


def blurred(graph: Graph, x: str, channels: int) -> str:
    kernel = np.tile(_GAUSS, (channels, 1, 1, 1))
    return graph.add("Conv", _edged(graph, x), graph.constant(kernel, np.float32), group=channels)


def _edged(graph: Graph, x: str) -> str:
    return graph.add("Pad", x, graph.constant([0, 0, 1, 1, 0, 0, 1, 1], np.int64), mode="edge")


@dataclass(frozen=True)
class HoleCase:
    """A graph that fills holes with what is around them."""

    planes: bool = False  # one input of four channels
    mask_one: str = "hole"
    range: str = "0..1"
    returns: bool = True  # what was known, too
    mask_first: bool = False
    dtype: str = "float32"
    mask_range: str = "0..1"
    fixed: bool = False

    def __str__(self) -> str:
        return "-".join(str(value) for value in vars(self).values())


def write_holes(case: HoleCase, path: Path, *, side: int = 64) -> Path:
    """The graph of that case: normalised blurs of growing size, as far as nothing is known."""
    graph = Graph()
    mean, deviation = (one[0] / 255.0 for one in RANGES[case.range])
    low, high = (float(one) for one in case.mask_range.split(".."))
    if case.planes:
        split = graph.add("Cast", "x", to=onnx.TensorProto.FLOAT)
        parts = [_channels(graph, split, *ends) for ends in (((1, 4), (0, 1)) if case.mask_first else ((0, 3), (3, 4)))]
    else:
        parts = [graph.add("Cast", one, to=onnx.TensorProto.FLOAT) for one in ("x", "m")]
    x = graph.add("Add", graph.add("Mul", parts[0], graph.constant(deviation, np.float32)),
                  graph.constant(mean, np.float32))  # fmt: skip
    mask = graph.add("Sub", parts[1], graph.constant(low, np.float32))
    mask = graph.add("Div", mask, graph.constant(high - low, np.float32))
    one = graph.constant(1.0, np.float32)
    known = graph.add("Sub", one, mask) if case.mask_one == "hole" else mask
    fill = graph.constant(0.0, np.float32)
    for size in (41, 21, 11, 5):
        seen = graph.add("Mul", x, known)
        around, weight = (_box(graph, value, count, size) for value, count in ((seen, 3), (known, 1)))
        share = graph.add("Div", around, graph.add("Max", weight, graph.constant(1e-4, np.float32)))
        sure = graph.add("Min", graph.add("Mul", weight, graph.constant(20.0, np.float32)), one)
        fill = graph.add("Add", graph.add("Mul", share, sure), graph.add("Mul", fill, graph.add("Sub", one, sure)))
    hole = graph.add("Sub", one, known)
    y = graph.add("Mul", fill, hole)
    if case.returns:
        y = graph.add("Add", y, graph.add("Mul", x, known))
    y = graph.add("Clip", y, graph.constant(0.0, np.float32), one)
    y = graph.add("Div", graph.add("Sub", y, graph.constant(mean, np.float32)), graph.constant(deviation, np.float32))
    y = graph.add("Round", y) if case.dtype == "uint8" else y
    graph.add("Cast", y, name="y", to=onnx.helper.np_dtype_to_tensor_dtype(np.dtype(case.dtype)))
    sides: list[Any] = [side, side] if case.fixed else ["h", "w"]
    takes: Any = {"x": (case.dtype, [1, 4 if case.planes else 3, *sides])}
    if not case.planes:
        takes["m"] = (case.dtype, [1, 1, *sides])
    onnx.save(graph.model(takes, {"y": (case.dtype, [1, 3, *sides])}), path)
    return path


def _channels(graph: Graph, x: str, start: int, end: int) -> str:
    ends = (graph.constant([one], np.int64) for one in (start, end, 1))
    return graph.add("Slice", x, *ends)


def _box(graph: Graph, x: str, channels: int, size: int) -> str:
    kernel = np.full((channels, 1, size, size), 1 / size**2)
    edge = size // 2
    return graph.add("Conv", x, graph.constant(kernel, np.float32), group=channels, pads=[edge] * 4)
