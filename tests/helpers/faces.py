"""Small networks of aligned faces."""

from pathlib import Path

import cv2
import numpy as np
import onnx

from export.graph import Graph
from gancam.effects.faces import TEMPLATE
from gancam.inference.importing.adopt import adapt

SIDE = 128
DOTS = TEMPLATE * np.float32(SIDE / 512)
COLOURS = ((255, 0, 0), (0, 255, 0), (0, 0, 255), (255, 255, 0), (255, 0, 255))  # one a landmark, BGR


def negative(folder: Path) -> Path:
    """A network of 128x128 that needs that size and turns brightness round."""
    graph = Graph()
    flat = graph.add("Reshape", "x", graph.constant([1, 3, SIDE, SIDE], np.int64))
    graph.add("Sub", graph.constant(1.0, np.float32), flat, name="y")
    return written(graph, folder / "negative.onnx")


def painter(folder: Path) -> Path:
    """A network that always gives the same picture: a dot at each landmark of an aligned face, on grey."""
    picture = np.full((SIDE, SIDE, 3), 128, np.uint8)
    for dot, colour in zip(DOTS, COLOURS, strict=True):
        cv2.circle(picture, np.round(dot * 8).astype(int).tolist(), 4 * 8, colour, cv2.FILLED, cv2.LINE_AA, 3)
    planes = picture[..., ::-1].transpose(2, 0, 1)[None] / 255
    graph = Graph()
    nothing = graph.add("Mul", "x", graph.constant(0.0, np.float32))
    graph.add("Add", nothing, graph.constant(planes, np.float32), name="y")
    return written(graph, folder / "painter.onnx")


def written(graph: Graph, path: Path) -> Path:
    shape: list[str | int] = [1, 3, SIDE, SIDE]
    onnx.save(graph.model({"x": ("float32", shape)}, {"y": ("float32", shape)}), path)
    own = path.with_name("own.onnx")
    answers = {"effect": "faces", "range": "0..1", "order": "rgb", "output_range": "0..1", "output_order": "rgb"}
    found = adapt(path, own, answers=answers)
    assert (found.card.effect, found.card.fixed_height, found.card.fixed_width) == ("faces", SIDE, SIDE)
    return own
