"""What published networks have: planes of two classes, switches, latents, and a tanh behind a style."""

from pathlib import Path
from typing import Any

import cv2
import numpy as np
import onnx
import pytest
from onnx import TensorProto

import gancam
from export.graph import Graph
from gancam.errors import ModelError
from gancam.inference.importing import image, pictures
from tests.helpers.foreign import blurred
from tests.helpers.foreign_graphs import BOTH, adapted, number, numbers, planes, written


def _two_planes(folder: Path, *, chances: bool, axis: int = 1, name: str = "net.onnx", steep: float = 40.0) -> Path:
    """Logarithms of odds, or the chances, that a pixel is dark and that it is bright."""
    graph = Graph()
    grey = graph.add("ReduceMean", "x", numbers(graph, 1 if axis == 1 else 3), keepdims=1)
    bright = graph.add("Mul", graph.add("Sub", grey, number(graph, 0.5)), number(graph, steep))
    both = graph.add("Concat", graph.add("Mul", bright, number(graph, -0.5)), bright, axis=axis)
    if chances:
        graph.add("Softmax", both, name="y", axis=axis)
    else:
        graph.add("Identity", both, name="y")
    takes: Any = (1, 3, "h", "w") if axis == 1 else (1, "h", "w", 3)
    gives: Any = (1, 2, "h", "w") if axis == 1 else (1, "h", "w", 2)
    return written(graph, folder, {"x": (np.float32, takes)}, {"y": (np.float32, gives)}, name=name)


@pytest.mark.parametrize(
    ("chances", "axis", "name"), [(True, 1, "net.onnx"), (True, 3, "net.onnx"), (False, 1, "human_seg.onnx")]
)
def test_of_two_classes_the_second_is_in_front(chances: bool, axis: int, name: str, tmp_path: Path) -> None:
    source = _two_planes(tmp_path, chances=chances, axis=axis, name=name)
    (tmp_path / name).with_suffix(".toml").write_text('range = "0..1"\n')
    found = adapted(source)
    assert found.convention.effect == "background"
    assert any("the second of its two planes is what is in front" in doubt for doubt in found.convention.doubts)
    halves = np.zeros((1, 64, 64, 3), np.uint8)
    halves[:, :, 32:] = 255
    opacity = gancam.load(found.path, device="cpu", kind=gancam.Background).model(halves)[0][0]
    assert opacity[:, :31].max() == 0
    assert opacity[:, 33:].min() == 255


def test_two_planes_that_say_nothing_are_a_mask_where_the_user_says_it(tmp_path: Path) -> None:
    source = _two_planes(tmp_path, chances=False)
    with pytest.raises(ModelError, match=r"two planes, as networks that find .* do: .*--effect background"):
        adapted(source)
    source.with_suffix(".toml").write_text('effect = "background"\nrange = "0..1"\n')
    assert adapted(source).convention.doubts == ()


@pytest.mark.parametrize(
    ("name", "kind"), [("enable", np.bool_), ("denoise_strength", np.float32), ("apply", np.int64)]
)
def test_what_zero_switches_off_is_switched_on(name: str, kind: Any, tmp_path: Path) -> None:
    graph = Graph()
    share = graph.add("Cast", name, to=TensorProto.FLOAT)
    change = graph.add("Sub", blurred(graph, "x", 3), "x")
    graph.add("Add", "x", graph.add("Mul", change, share), name="y")
    found = adapted(written(graph, tmp_path, {"x": BOTH, name: (kind, (1,))}, {"y": BOTH})).convention
    assert dict(found.extras) == {name: 1.0}
    assert not any("does anything" in doubt for doubt in found.doubts)


@pytest.mark.parametrize(("name", "value", "told"), [("w", 1.0, False), ("foo", 2.0, True)])
def test_what_an_unknown_constant_changes_is_told(name: str, value: float, told: bool, tmp_path: Path) -> None:
    graph = Graph()
    share = graph.add("Sub", number(graph, 1.3), graph.add("Mul", name, number(graph, 0.6)))
    change = graph.add("Sub", blurred(graph, "x", 3), "x")
    graph.add("Add", "x", graph.add("Mul", change, share), name="y")
    found = adapted(written(graph, tmp_path, {"x": BOTH, name: (np.float32, (1,))}, {"y": BOTH})).convention
    assert dict(found.extras) == {name: value}
    assert any(f"what {name} is to be: {value:g}" in doubt for doubt in found.doubts) == told


def test_of_what_does_nothing_the_constants_are_told(tmp_path: Path) -> None:
    graph = Graph()
    share = graph.add("Mul", "strength", number(graph, 0.0))
    graph.add("Add", "x", share, name="y")
    found = adapted(written(graph, tmp_path, {"x": BOTH, "strength": (np.float32, (1,))}, {"y": BOTH})).convention
    assert any(r"as they went in with strength = 1 (others are said as [extras]" in doubt for doubt in found.doubts)


@pytest.mark.parametrize(("slow", "said"), [(0.0, ""), (0.0, 'order = "rgb"\nrange = "0..1"\n'), (1e9, "")])
def test_how_long_the_trials_take_is_told(
    slow: float, said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(image, "_SLOW", slow)
    graph = Graph()
    graph.add("Identity", blurred(graph, "x", 3), name="y")
    (tmp_path / "a.toml").write_text(said)
    adapted(written(graph, tmp_path, {"x": BOTH}, {"y": BOTH}))
    told = [one for one in caplog.messages if "are tried: about 1 min, this once" in one]
    assert len(told) == (slow == 0.0)
    if told:
        assert ("shorter where --order and --range are said (gancam import " in told[0]) == (not said)


@pytest.mark.parametrize(
    ("takes", "gives"),
    [
        ({"latent_sample": (np.float32, (1, 4, "h", "w"))}, {"sample": (np.float32, (1, 3, "H", "W"))}),
        ({"sample": BOTH}, {"latent_sample": (np.float32, (1, 4, "H", "W"))}),
        (
            {"sample": (np.float32, (1, 4, 64, 64)), "encoder_hidden_states": (np.float32, (1, 77, 8))},
            {"out_sample": (np.float32, (1, 4, 64, 64))},
        ),
    ],
    ids=["decoder", "encoder", "unet"],
)
def test_parts_of_diffusion_models_are_named(takes: dict[str, Any], gives: dict[str, Any], tmp_path: Path) -> None:
    graph = Graph()
    first, last = next(iter(takes)), next(iter(gives))
    count = gives[last][1][1]
    kernel = graph.constant(np.ones((count, takes[first][1][1], 1, 1)), np.float32)
    graph.add("Conv", first, kernel, name=last)
    with pytest.raises(ModelError, match="is no picture, but what diffusion models work on"):
        adapted(written(graph, tmp_path, takes, gives))


def test_two_frames_are_named(tmp_path: Path) -> None:
    graph = Graph()
    graph.add("Mul", graph.add("Add", "img0", "img1"), "timestep", name="y")
    takes = {"img0": BOTH, "img1": BOTH, "timestep": (np.float32, (1,))}
    with pytest.raises(ModelError, match=r"two frames \(img0, img1\), as networks that make frames between others"):
        adapted(written(graph, tmp_path, takes, {"y": BOTH}))


def test_what_was_exported_in_training_mode_is_doubted(tmp_path: Path) -> None:
    graph = Graph()
    weights = [graph.constant([value] * 3, np.float32) for value in (0.25, 0.5, 0.0, 1.0)]
    graph.add("BatchNormalization", "x", *weights, name="y", training_mode=1)
    model = graph.model({"x": BOTH}, {"y": BOTH})
    model.graph.node[-1].output.extend(["mean", "variance"])  # as they would be after this picture
    onnx.save(model, tmp_path / "a.onnx")
    found = adapted(tmp_path / "a.onnx").convention
    assert any("exported in training mode" in doubt for doubt in found.doubts)


def test_a_style_that_ends_in_a_tanh_takes_what_it_gives(tmp_path: Path) -> None:
    """Stripes over what is more red than blue: the less of them, the nearer the photo, under ranges that are wrong."""
    graph = Graph()
    red, blue = planes(graph, "x", 0, 1), planes(graph, "x", 2, 3)
    where = graph.add("Sub", graph.add("Sub", red, blue), number(graph, 0.2))
    where = graph.add("Sigmoid", graph.add("Mul", where, number(graph, 10.0)))
    stripes = np.tile(np.sign(np.sin(np.arange(64) * 0.4)), (64, 1))[None, None]
    drawn = graph.add("Sub", graph.constant(stripes, np.float32), "x")
    made = graph.add("Add", "x", graph.add("Mul", drawn, where))
    graph.add("Tanh", graph.add("Mul", made, number(graph, 2.0)), name="y")
    kind = np.float32, (1, 3, 64, 64)
    found = adapted(written(graph, tmp_path, {"x": kind}, {"y": kind})).convention
    assert (found.range, found.output_range, found.order) == ("-1..1", "-1..1", "rgb")
    told = " ".join(found.doubts)
    assert "BGR fits as well as RGB" in told


def test_a_style_lends_its_light_and_colours(tmp_path: Path) -> None:
    """As AdaIN does: what comes out is far from the photo, and nearer under values that are wrong."""
    graph = Graph()
    sides = numbers(graph, 2, 3)

    def statistics(x: str) -> tuple[str, str]:
        mean = graph.add("ReduceMean", x, sides)
        squares = graph.add("ReduceMean", graph.add("Mul", graph.add("Sub", x, mean), graph.add("Sub", x, mean)), sides)
        return mean, graph.add("Sqrt", squares)

    (mean, deviation), (lent, spread) = statistics("content"), statistics("style")
    plain = graph.add("Div", graph.add("Sub", "content", mean), deviation)
    graph.add("Add", graph.add("Mul", plain, spread), lent, name="y")
    style = np.full((64, 64, 3), (40, 60, 200), np.uint8)
    style[::2] += 30
    cv2.imwrite(str(tmp_path / "style.png"), style)
    (tmp_path / "a.toml").write_text(f'[extras]\nstyle = "{(tmp_path / "style.png").as_posix()}"\n')
    found = adapted(written(graph, tmp_path, {"content": BOTH, "style": BOTH}, {"y": BOTH}))
    assert (found.convention.range, found.convention.output_range) == ("0..1", "0..1")
    made = gancam.load(found.path, device="cpu")(pictures.truth(64, 64))
    assert np.abs(np.mean(made, (0, 1)) - style.mean((0, 1))).max() < 2
