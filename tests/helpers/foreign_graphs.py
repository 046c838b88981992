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
