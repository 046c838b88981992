"""Networks that change the light of pictures: far from what they are shown, and right."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from export.graph import Graph
from gancam.inference.importing import pictures
from gancam.inference.importing.convention import RANGES, Convention
from gancam.inference.importing.foreign import Foreign
from gancam.inference.importing.measure import SIDES, sized
from gancam.inference.model import ImageModel
from tests.helpers.foreign import blurred
from tests.helpers.foreign_graphs import BOTH, adapted, clipped, number, numbers, written


def power(graph: Graph, x: str) -> str:
    least = graph.add("Clip", x, number(graph, 1e-6), number(graph, 1.0))
    return graph.add("Pow", least, number(graph, 0.5))


def twice(graph: Graph, x: str) -> str:
    return clipped(graph, graph.add("Mul", x, number(graph, 2.0)))


def curves(graph: Graph, x: str) -> str:
    """Eight curves ``y + a (y - y y)`` one upon the other, little light, as Zero-DCE has them."""
    low = graph.add("Mul", blurred(graph, x, 3), number(graph, 0.3))
    share = graph.add("Mul", graph.add("Tanh", graph.add("Add", low, number(graph, 0.2))), number(graph, 0.2))
    return curved(graph, x, share)


def strong_curves(graph: Graph, x: str) -> str:
    dark = graph.add("Sub", number(graph, 1.0), blurred(graph, x, 3))
    return curved(graph, x, graph.add("Mul", dark, number(graph, 0.35)))


def curved(graph: Graph, x: str, share: str) -> str:
    for _ in range(8):
        x = graph.add("Add", x, graph.add("Mul", share, graph.add("Sub", x, graph.add("Mul", x, x))))
    return x


def lit(change: Callable[[Graph, str], str], span: str, folder: Path) -> Path:
    """A network that changes light so, of values of that range."""
    graph = Graph()
    mean, deviation = ((np.array(one[:3]) / 255).reshape(1, 3, 1, 1) for one in RANGES[span])
    steps, means = graph.constant(deviation, np.float32), graph.constant(mean, np.float32)
    made = change(graph, graph.add("Add", graph.add("Mul", "x", steps), means))
    graph.add("Div", graph.add("Sub", made, means), steps, name="y")
    return written(graph, folder, {"x": BOTH}, {"y": BOTH}, "light.onnx")


@pytest.mark.parametrize("change", [power, twice, curves, strong_curves])
def test_low_light_of_plain_values(change: Callable[[Graph, str], str], tmp_path: Path) -> None:
    source = lit(change, "0..1", tmp_path)
    found = adapted(source)
    assert (found.convention.range, found.convention.output_range, found.convention.effect) == (
        "0..1", "0..1", "translate",
    )  # fmt: skip
    image = pictures.truth(40, 48)
    wanted = np.clip(Foreign(source).picture(image, found.convention), 0, 255)
    assert np.abs(ImageModel(found.path)(image[None])[0][0] - wanted).max() < 0.51


@pytest.mark.parametrize("change", [power, twice, curves, strong_curves])
@pytest.mark.parametrize("span", ["-1..1", "0..255", "imagenet"])
def test_low_light_of_other_values_is_never_wrong_in_silence(
    change: Callable[[Graph, str], str], span: str, tmp_path: Path
) -> None:
    found = adapted(lit(change, span, tmp_path)).convention
    assert found.range == span or any(f"{span} " in doubt or f"={span})" in doubt for doubt in found.doubts), found


def test_a_curve_of_light_explains_light_and_nothing_else() -> None:
    image = pictures.truth(64, 64)
    brighter = np.asarray(255 * np.sqrt(image / 255), np.float32)
    assert pictures.off(brighter, image) > 30.0
    assert pictures.untoned(brighter, image) < 4.0
    assert pictures.untoned(image[:, ::-1].astype(np.float32), image) > 20.0
    assert pictures.untoned(255.0 - image, image) > 20.0
    assert pictures.untoned(np.full(image.shape, np.nan, np.float32), image) == float("inf")


def test_a_side_of_every_multiple_is_tried_and_not_many_more() -> None:
    assert all(any(side % multiple == 0 for side in SIDES) for multiple in range(1, 65))
    assert len(SIDES) < 40  # each runs the network of a graph that takes none of them


@pytest.mark.parametrize("multiple", [20, 24, 31, 56, 100])
def test_multiples_of_any_number(multiple: int, tmp_path: Path) -> None:
    graph = Graph()
    x = graph.add("SpaceToDepth", blurred(graph, "x", 3), blocksize=multiple)
    graph.add("DepthToSpace", x, blocksize=multiple, name="y")
    found = adapted(written(graph, tmp_path, {"x": BOTH}, {"y": BOTH}))
    assert (found.convention.multiple, found.convention.minimum, found.convention.fixed) == (multiple, multiple, False)
    image = pictures.truth(70, 130)
    assert ImageModel(found.path)(image[None])[0].shape[1:] == image.shape


@pytest.mark.parametrize("side", [64, 112])
def test_one_size_that_a_file_does_not_say_is_told(side: int, tmp_path: Path) -> None:
    graph = Graph()
    graph.add("Reshape", blurred(graph, "x", 3), numbers(graph, 1, 3, side, side), name="y")
    found = adapted(written(graph, tmp_path, {"x": BOTH}, {"y": BOTH})).convention
    assert (found.height, found.width) == (side, side)
    assert any(f"of those tried {side}x{side} alone runs" in doubt for doubt in found.doubts)


def test_one_size_of_aligned_faces_is_no_doubt() -> None:
    found = sized(Convention(effect="faces", minimum=512), lambda height, width: False, {})
    assert (found.height, found.width, found.doubts) == (512, 512, ())


def test_multiples_of_any_number_of_holes(tmp_path: Path) -> None:
    graph = Graph()
    known = graph.add("Mul", "x", graph.add("Sub", number(graph, 1.0), "mask"))
    share = graph.add(
        "AveragePool", graph.add("Sub", number(graph, 1.0), "mask"), kernel_shape=[31, 31], strides=[31, 31]
    )
    low = graph.add("AveragePool", known, kernel_shape=[31, 31], strides=[31, 31])
    low = graph.add("Div", low, graph.add("Add", share, number(graph, 1e-3)))
    up = graph.constant([1, 1, 31, 31], np.float32)
    high = graph.add("Resize", low, "", up, mode="linear")
    graph.add("Add", known, graph.add("Mul", high, "mask"), name="y")
    takes = {"x": BOTH, "mask": (np.float32, (1, 1, "h", "w"))}
    found = adapted(written(graph, tmp_path, takes, {"y": BOTH})).convention
    assert (found.effect, found.multiple, found.fixed) == ("inpaint", 31, False)
