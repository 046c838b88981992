"""Small graphs of other people's kinds, written operator by operator."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import onnx

from export.graph import Graph
from gancam.inference.importing.adopt import Adapted, adapt

Sides: TypeAlias = Sequence[str | int]
FREE: Sides = (1, 3, "h", "w")
BOTH = np.float32, FREE


def written(graph: Graph, folder: Path, takes: dict[str, Any], gives: dict[str, Any], name: str = "a.onnx") -> Path:
    onnx.save(graph.model(takes, gives), folder / name)
    return folder / name


def adapted(source: Path) -> Adapted:
    return adapt(source, source.parent / "made.onnx")


def number(graph: Graph, value: float) -> str:
    return graph.constant(value, np.float32)


def numbers(graph: Graph, *values: int) -> str:
    return graph.constant(list(values), np.int64)


def clipped(graph: Graph, x: str, name: str = "") -> str:
    return graph.add("Clip", x, number(graph, 0.0), number(graph, 1.0), name=name)


def planes(graph: Graph, x: str, start: int, end: int) -> str:
    return graph.add("Slice", x, numbers(graph, start), numbers(graph, end), numbers(graph, 1))


def recurrent(folder: Path, *, parts: int = 1) -> Path:
    """Half the frame, and half what its state has of the frame before, in so many parts of its sides."""
    graph = Graph()
    kernel = graph.constant(np.eye(8, 3)[:, :, None, None], np.float32)
    state = graph.add("Conv", "src", kernel)
    down = graph.constant([1, 1, 1 / parts, 1 / parts], np.float32)
    up = graph.constant([1, 1, parts, parts], np.float32)
    if parts > 1:
        state = graph.add("Resize", state, "", down, mode="linear")
    graph.add("Add", graph.add("Mul", "r1i", number(graph, 0.0)), state, name="r1o")
    before = graph.add("Resize", "r1i", "", up, mode="nearest") if parts > 1 else "r1i"
    seen = graph.add("ReduceMax", "r1i", keepdims=1)
    started = graph.add("Cast", graph.add("Greater", seen, number(graph, 0.001)), to=1)
    change = graph.add("Sub", planes(graph, before, 0, 3), "src")
    change = graph.add("Mul", graph.add("Mul", change, number(graph, 0.5)), started)
    clipped(graph, graph.add("Add", "src", change), "fgr")
    kind = np.float32, (1, 8, "rh", "rw")
    return written(graph, folder, {"src": BOTH, "r1i": kind}, {"fgr": BOTH, "r1o": kind})
