"""Graphs of one large size: found out about on small pictures where nothing in them needs that size."""

from pathlib import Path

import numpy as np
import pytest

from export.graph import Graph
from gancam.inference.importing.convention import Tensor
from gancam.inference.importing.foreign import Foreign
from tests.helpers.foreign import blurred
from tests.helpers.foreign_graphs import adapted, clipped, number, numbers, written

_SIDE = 192


def _written(graph: Graph, folder: Path) -> Path:
    size = (np.float32, (1, 3, _SIDE, _SIDE))
    return written(graph, folder, {"x": size}, {"y": size})


@pytest.fixture
def large(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Have the graphs' outputs of pictures of the size that their file says."""
    found = list[str]()
    run = Foreign.run

    def counted(self: Foreign, given: dict[str, Tensor], output: str) -> Tensor:
        if any(one.shape[-1] == _SIDE for one in given.values()):
            found.append(output)
        return run(self, given, output)

    monkeypatch.setattr(Foreign, "run", counted)
    return found


def test_a_size_that_is_not_needed_costs_nothing(large: list[str], tmp_path: Path) -> None:
    graph = Graph()
    clipped(graph, blurred(graph, "x", 3), "y")
    found = adapted(_written(graph, tmp_path))
    assert (found.convention.height, found.convention.range) == (0, "0..1")
    assert len(large) <= 6  # before, 30 to 70


@pytest.mark.slow
@pytest.mark.parametrize("needs", ["a plane of its size", "its size"])
def test_a_size_that_is_needed_stays(needs: str, tmp_path: Path) -> None:
    """What does not run at another size, and what does there something else, is tried at its own."""
    graph = Graph()
    made = blurred(graph, "x", 3)
    if needs == "its size":
        wide = graph.add("Equal", graph.add("Shape", made, start=3), numbers(graph, _SIDE))
        made = graph.add("Mul", made, graph.add("Where", wide, number(graph, 0.75), number(graph, 1.0)))
    else:
        made = graph.add("Add", made, graph.constant(np.zeros((1, 1, _SIDE, _SIDE)), np.float32))
    clipped(graph, made, "y")
    found = adapted(_written(graph, tmp_path)).convention
    assert (found.height, found.width) == (_SIDE, _SIDE)
