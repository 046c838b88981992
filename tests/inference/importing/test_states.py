"""Networks of videos: what they gave for the frame before, and several frames at once."""

from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest

import gancam
from export.graph import Graph
from gancam.errors import ModelError
from gancam.frame import Image
from gancam.inference.importing import pictures
from tests.helpers.foreign import body
from tests.helpers.foreign_graphs import (
    BOTH,
    FREE,
    adapted,
    clipped,
    number,
    numbers,
    planes,
    recurrent,
    written,
)


def photos(count: int) -> list[Image]:
    """Different views of the same scene."""
    whole = pictures.truth(64, 64 + 4 * count)
    return [np.ascontiguousarray(whole[:, 4 * place : 4 * place + 64]) for place in range(count)]


def mean_of(graph: Graph, *shares: tuple[str, float]) -> str:
    """So much of each tensor."""
    parts = [graph.add("Mul", x, number(graph, share)) for x, share in shares]
    return graph.add("Sum", *parts)


def half(first: Image, second: Image) -> Image:
    return np.asarray(np.round(first / 2 + second / 2), np.uint8)


def near(made: Image, wanted: Image) -> bool:
    return int(np.abs(made.astype(int) - wanted.astype(int)).max()) <= 1


def test_states_go_on_in_another_copy_of_the_network(tmp_path: Path) -> None:
    source = recurrent(tmp_path)
    source.with_suffix(".toml").write_text('range = "0..1"\norder = "rgb"\n')
    path = adapted(source).path
    whole, first, second = (gancam.load(path, device="cpu", precision="fp32", threads=1) for _ in range(3))
    for at, frame in enumerate(photos(6)):
        one, other = (first, second) if at % 4 < 2 else (second, first)
        if at % 2 == 0:
            one.continue_from(other)
        assert (one(frame, time=at / 30) == whole(frame, time=at / 30)).all()


@pytest.mark.parametrize("parts", [1, 4])
def test_states_go_from_frame_to_frame_and_end_at_cuts(parts: int, tmp_path: Path) -> None:
    source = recurrent(tmp_path, parts=parts)
    source.with_suffix(".toml").write_text('range = "0..1"\norder = "rgb"\n')
    found = adapted(source)
    assert dict(found.convention.states) == {"r1i": "r1o"}
    assert found.card.layout == "recurrent"
    assert "r1i from frame to frame" in found.convention.describe()
    assert not any("left out" in doubt for doubt in found.convention.doubts)
    effect = gancam.load(found.path, device="cpu")
    flat = [np.full((64, 64, 3), level, np.uint8) for level in (100, 110, 200)]
    assert near(effect(flat[0]), flat[0])
    assert near(effect(flat[1]), half(*flat[:2]))
    assert near(effect(flat[2]), flat[2])  # another scene
    effect.reset()
    assert near(effect(flat[1]), flat[1])
    assert near(effect(flat[0][:, :32]), flat[0][:, :32])  # another size
    assert effect.remembers


@pytest.mark.parametrize("size", [(64, 64), (8 * 16, 7 * 16)], ids=["1 tile", "90 tiles"])
def test_a_graph_of_one_size_remembers_every_tile_of_a_frame(size: tuple[int, int], tmp_path: Path) -> None:
    graph = Graph()
    side = 64 if size == (64, 64) else 16
    kind: Any = np.float32, (1, 3, side, side)
    graph.add("Identity", clipped(graph, mean_of(graph, ("x", 0.5), ("state_in", 0.5))), name="y")
    graph.add("Identity", "y", name="state_out")
    source = written(graph, tmp_path, {"x": kind, "state_in": kind}, {"y": kind, "state_out": kind})
    source.with_suffix(".toml").write_text('range = "0..1"\norder = "rgb"\n[states]\nstate_in = "state_out"\n')
    effect = gancam.load(adapted(source).path, device="cpu")
    dark, light = (np.full((*size, 3), level, np.uint8) for level in (100, 120))
    effect(dark)
    assert np.abs(effect(light).astype(int) - 110).max() <= 1


def windowed(folder: Path, shares: list[float], *, axis: bool = False, every: bool = False) -> Path:
    """A network of as many frames as there are shares, which it makes a mean of: stacked, or on an axis."""
    graph = Graph()
    count = len(shares)
    if axis:
        frames = [graph.add("Gather", "x", graph.constant(place, np.int64), axis=1) for place in range(count)]
    else:
        frames = [planes(graph, "x", 3 * place, 3 * place + 3) for place in range(count)]
    made = clipped(graph, body(graph, mean_of(graph, *zip(frames, shares, strict=True)), "blur", 3, 1, "rgb"))
    if every:
        made = graph.add("Unsqueeze", made, numbers(graph, 1))
        made = graph.add("Concat", graph.add("Slice", "x", numbers(graph, 1), numbers(graph, count), numbers(graph, 1)),
                         made, axis=1)  # fmt: skip
    graph.add("Identity", made, name="y")
    takes: Any = np.float32, (1, count, 3, "h", "w") if axis else (1, 3 * count, "h", "w")
    gives: Any = (np.float32, (1, count, 3, "h", "w")) if every else BOTH
    return written(graph, folder, {"x": takes}, {"y": gives})


@pytest.mark.parametrize(
    ("shares", "axis", "every", "frame"),
    [([0.1, 0.2, 0.7], False, False, 2), ([0.1, 0.1, 0.6, 0.1, 0.1], True, False, 2), ([0.3, 0.7], True, True, 1),
     ([0.7, 0.3], False, False, 0)],
    ids=["newest", "middle", "each", "newest-first"],
)  # fmt: skip
def test_several_frames_at_once(shares: list[float], axis: bool, every: bool, frame: int, tmp_path: Path) -> None:
    source = windowed(tmp_path, shares, axis=axis, every=every)
    source.with_suffix(".toml").write_text('range = "0..1"\norder = "rgb"\n')
    found = adapted(source)
    assert (found.convention.frames, found.convention.frame) == (len(shares), frame)
    behind = len(shares) - 1 - frame
    assert any(f"{behind} frames ahead" in doubt for doubt in found.convention.doubts) == (behind > 0 and frame > 0)
    effect = gancam.load(found.path, device="cpu")
    levels = [100, 112, 120, 108, 90]
    made = [float(effect(np.full((64, 64, 3), level, np.uint8))[32, 32].mean()) for level in levels]
    weights = [sum(shares[frame:]), *shares[:frame][::-1]] if frame else shares
    for place, value in enumerate(made):
        wanted = sum(share * levels[max(place - age, 0)] for age, share in enumerate(weights))
        assert abs(value - wanted) <= 1.0, (place, made)


def test_of_any_number_of_frames_as_many_as_are_said(tmp_path: Path) -> None:
    source = windowed(tmp_path, [0.2, 0.2, 0.6], axis=True, every=True)
    model = onnx.load(source)
    for port in (*model.graph.input, *model.graph.output):
        port.type.tensor_type.shape.dim[1].dim_param = f"t_{port.name}"
    onnx.save(model, source)
    source.with_suffix(".toml").write_text('range = "0..1"\norder = "rgb"\nframes = 3\n')
    assert (found := adapted(source).convention).frames == 3
    assert found.frame == 2


def test_frames_between_others_are_refused(tmp_path: Path) -> None:
    source = windowed(tmp_path, [0.5, 0.5])
    with pytest.raises(ModelError, match=r"2 frames at once, and to which of them .* is not clear .*50%, 50%"):
        adapted(source)


def test_the_frame_before_and_what_was_made_of_it(tmp_path: Path) -> None:
    graph = Graph()
    clipped(graph, mean_of(graph, ("frame", 0.5), ("prev_frame", 0.2), ("prev_output", 0.3)), "y")
    source = written(graph, tmp_path, {"frame": BOTH, "prev_frame": BOTH, "prev_output": BOTH}, {"y": BOTH})
    found = adapted(source)
    assert dict(found.convention.states) == {"prev_frame": "frame", "prev_output": "y"}
    effect = gancam.load(found.path, device="cpu")
    made = [int(effect(np.full((64, 64, 3), level, np.uint8))[9, 9, 0]) for level in (100, 110)]
    assert made[0] == 100
    assert abs(made[1] - 105) <= 1
    (tmp_path / "again.toml").write_text(found.convention.to_toml())
    source.rename(tmp_path / "again.onnx")
    assert adapted(tmp_path / "again.onnx").convention.states == found.convention.states


def test_states_that_drift_are_left_out(tmp_path: Path) -> None:
    graph = Graph()
    kernel = graph.constant(np.eye(8, 3)[:, :, None, None], np.float32)
    graph.add("Add", graph.add("Mul", "hidden", number(graph, 3.0)), graph.add("Conv", "x", kernel), name="hidden_out")
    clipped(graph, graph.add("Add", "x", graph.add("Mul", planes(graph, "hidden", 0, 3), number(graph, 0.1))), "y")
    kind = np.float32, (1, 8, *FREE[2:])
    found = adapted(written(graph, tmp_path, {"x": BOTH, "hidden": kind}, {"y": BOTH, "hidden_out": kind}))
    assert found.card.layout == "image"
    assert any("hidden) is left out: carried along, a still changes by" in doubt for doubt in found.convention.doubts)
