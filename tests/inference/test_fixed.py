"""Pictures of any size through graphs of one."""

from pathlib import Path

import cv2
import numpy as np
import onnx
import pytest
from numpy.typing import NDArray

import gancam
from export.graph import Graph
from gancam.inference.fixed import in_fixed_tiles
from gancam.inference.importing.adopt import adapt
from tests.helpers.small import still

SIZE = 48, 64


def blurred(images: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """What looks 2 pixels to each side, twice as large."""
    assert images.shape == (1, *SIZE, 3)
    low = cv2.blur(images[0], (5, 5), borderType=cv2.BORDER_REPLICATE)
    return np.asarray(np.kron(low, np.ones((2, 2, 1), np.uint8)), np.uint8)[None]


@pytest.mark.parametrize("size", [(48, 64), (20, 30), (49, 64), (130, 200), (48, 65)])
def test_tiles_of_a_known_reach_are_the_whole(size: tuple[int, int]) -> None:
    image = np.ascontiguousarray(still("sign")[: size[0], : size[1]])
    made = in_fixed_tiles(blurred, image, size=SIZE, scale=2, reach=2)
    low = np.asarray(cv2.blur(image, (5, 5), borderType=cv2.BORDER_REPLICATE), np.uint8)
    assert made.shape == (2 * size[0], 2 * size[1], 3)
    assert np.array_equal(made, np.kron(low, np.ones((2, 2, 1), np.uint8)))


def test_tiles_of_an_unknown_reach_fade_into_each_other() -> None:
    def shaded(images: NDArray[np.uint8]) -> NDArray[np.uint8]:  # each tile is of another brightness
        return np.full_like(images, images.mean())

    image = np.zeros((48, 256, 3), np.uint8)
    image[:, 128:] = 200
    made = in_fixed_tiles(shaded, image, size=SIZE, scale=1, reach=0)[24, :, 0].astype(int)
    assert np.abs(np.diff(made)).max() < 20  # no seam
    assert (made[0], made[-1]) == (0, 200)


def test_a_graph_that_needs_its_size_plays(tmp_path: Path) -> None:
    graph = Graph()
    flat = graph.add("Reshape", "x", graph.constant([1, 3, SIZE[0] * SIZE[1]], np.int64))
    back = graph.add("Reshape", flat, graph.constant([1, 3, *SIZE], np.int64))
    graph.add("Clip", back, graph.constant(0.0, np.float32), graph.constant(1.0, np.float32), name="y")
    shape = [1, 3, *SIZE]
    onnx.save(graph.model({"x": ("float32", shape)}, {"y": ("float32", shape)}), tmp_path / "a.onnx")
    found = adapt(tmp_path / "a.onnx", tmp_path / "b.onnx")
    assert (found.card.fixed_height, found.card.fixed_width) == SIZE
    effect = gancam.load(tmp_path / "a.onnx")
    for size in ((48, 64), (131, 77), (5, 9)):
        image = np.ascontiguousarray(still("sign")[: size[0], : size[1]])
        assert np.abs(effect(image).astype(int) - image).max() <= 1
