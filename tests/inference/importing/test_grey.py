"""Networks that give one plane of a picture: edges behind a sigmoid, and depth."""

from pathlib import Path

import cv2
import numpy as np
import pytest

from export.graph import Graph
from gancam.errors import ModelError
from gancam.inference.importing import pictures
from gancam.inference.importing.convention import RANGES
from gancam.inference.model import ImageModel
from tests.helpers.foreign_graphs import BOTH, adapted, number, numbers, written

PLANE = np.float32, (1, 1, "h", "w")
SAID = 'effect = "translate"\nrange = "imagenet255"\norder = "bgr"\n'


@pytest.fixture
def edges(tmp_path: Path) -> Path:
    """Edges as HED gives them: of BGR less ImageNet's mean, behind a sigmoid, with zeros around the picture."""
    graph = Graph()
    mean = np.array(RANGES["imagenet255"][0][:3][::-1]).reshape(1, 3, 1, 1)
    grey = graph.add("ReduceMean", graph.add("Add", "x", graph.constant(mean, np.float32)), numbers(graph, 1))
    across = np.array([[-1, 0, 1], [-2, 0, 2], [-1, 0, 1]], np.float32)[None, None]
    found = [graph.add("Abs", graph.add("Conv", grey, graph.constant(one), pads=[1] * 4))
             for one in (across, across.transpose(0, 1, 3, 2))]  # fmt: skip
    steep = graph.add("Mul", graph.add("Add", *found), number(graph, 1 / 40))
    graph.add("Sigmoid", graph.add("Sub", steep, number(graph, 3.0)), name="y")
    return written(graph, tmp_path, {"x": BOTH}, {"y": PLANE})


@pytest.mark.parametrize("said", ["", 'effect = "translate"\n', SAID.replace('order = "bgr"\n', ""), SAID])
def test_edges_behind_a_sigmoid(said: str, edges: Path) -> None:
    """The output's range is found when only the input's is said, and what a doubt advises works."""
    edges.with_suffix(".toml").write_text(said)
    found = adapted(edges)
    assert (found.convention.effect, found.convention.output_range) == ("translate", "0..1")
    image = pictures.truth(64, 64)
    grey = image.astype(np.float32).mean(2)
    steep = np.abs(cv2.Sobel(grey, cv2.CV_32F, 1, 0)) + np.abs(cv2.Sobel(grey, cv2.CV_32F, 0, 1))
    wanted = 255 / (1 + np.exp(3 - steep / 40))
    made = ImageModel(found.path)(image[None])[0][0]
    assert np.abs(made[2:-2, 2:-2, 0] - wanted[2:-2, 2:-2]).max() < 1.0


def test_the_same_grey_everywhere_is_refused(edges: Path) -> None:
    edges.with_suffix(".toml").write_text(SAID + 'output_range = "0..255"\n')
    with pytest.raises(
        ModelError, match=r"imagenet255 in, 0..255 out: all of a photo becomes the same grey\. .* leave"
    ):
        adapted(edges)


@pytest.mark.parametrize("said", ["", 'effect = "translate"\n'])
@pytest.mark.parametrize("reach", [(0.0, 10.0), (50.0, 850.0)])
def test_depth_is_named(reach: tuple[float, float], said: str, tmp_path: Path) -> None:
    graph = Graph()
    grey = graph.add("ReduceMean", "x", numbers(graph, 1))
    graph.add("Add", graph.add("Mul", grey, number(graph, reach[1] - reach[0])), number(graph, reach[0]), name="y")
    source = written(graph, tmp_path, {"x": BOTH}, {"y": PLANE})
    source.with_suffix(".toml").write_text(said)
    with pytest.raises(ModelError, match=r"gives one plane, of values from .* to .*, as networks that find depth do"):
        adapted(source)
