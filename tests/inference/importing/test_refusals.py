"""What a trial takes too much of, what differs from run to run, second pictures, and where nothing can be kept."""

import io
import sys
from pathlib import Path

import cv2
import numpy as np
import onnx
import pytest

import gancam
from export.graph import Graph
from gancam.errors import MissingExtra, ModelError
from gancam.files import CACHE_VARIABLE
from gancam.inference.importing import adopt, trial
from tests.helpers.foreign import Case, write_case
from tests.helpers.foreign_graphs import BOTH, adapted, number, numbers, written


@pytest.mark.skipif(sys.platform != "linux", reason="the memory of a process has no limit here")
def test_what_wants_too_much_memory_is_refused_at_once(tmp_path: Path) -> None:
    graph = Graph()
    graph.add("Resize", "x", "", "", numbers(graph, 1, 3, 60_000, 60_000), mode="nearest", name="y")
    source = written(graph, tmp_path, {"x": BOTH}, {"y": (np.float32, (1, 3, "H", "W"))})
    with pytest.raises(ModelError, match=r"for x \[1, 3, 64, 64\] it wants 43\.2 GB of memory at once") as error:
        adapted(source)
    assert "Say what it is" not in str(error.value)


def test_what_gives_too_much_is_not_sent(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    graph = Graph()
    graph.add("Resize", "x", "", "", numbers(graph, 1, 3, 100, 100), mode="nearest", name="y")
    source = written(graph, tmp_path, {"x": BOTH}, {"y": (np.float32, (1, 3, "H", "W"))})
    asked, answers = io.BytesIO(), io.BytesIO()
    trial._send(asked, {"open": str(source), "threads": 1})
    trial._send(asked, {"run": 0, "inputs": ["x"], "output": "y"}, np.zeros((1, 3, 8, 8), np.float32))
    asked.seek(0)
    monkeypatch.setattr(trial, "MOST_OUTPUT", 4 * 3 * 100 * 100 - 1)
    trial.serve(asked, answers)
    answers.seek(0)
    trial._received(answers)
    told, arrays = trial._received(answers)
    assert arrays == []
    assert (told["failed"], told["gigabytes"]) == (" (y is [1, 3, 100, 100])", 0.00012)


def test_random_numbers_are_named(tmp_path: Path) -> None:
    graph = Graph()
    noise = graph.add("RandomNormalLike", "x", scale=0.02)
    graph.add("Add", "x", noise, name="y")
    with pytest.raises(ModelError, match=r"draws random numbers \(RandomNormalLike\): two runs on the same picture"):
        adapted(written(graph, tmp_path, {"x": BOTH}, {"y": BOTH}))


def test_a_second_picture_of_the_size_of_the_first(tmp_path: Path) -> None:
    graph = Graph()
    graph.add("Add", "x", graph.add("Mul", "style", number(graph, 0.1)), name="y")
    source = written(graph, tmp_path, {"x": BOTH, "style": (np.float32, (1, 3, "sh", "sw"))}, {"y": BOTH})
    cv2.imwrite(str(tmp_path / "wave.png"), np.full((96, 160, 3), 90, np.uint8))
    source.with_suffix(".toml").write_text('[extras]\nstyle = "wave.png"\n')
    with pytest.raises(ModelError, match="style must be of the size of x, and a picture in"):
        adapted(source)


def test_words_of_the_runtime_are_not_cut() -> None:
    told = trial._plain(RuntimeError("[ONNXRuntimeError] : 2 : INVALID_ARGUMENT : " + "Dimensions " * 40))
    assert told.endswith("Dimensions ...")
    assert len(told) <= 165


def test_where_no_cache_can_be_written_it_is_kept_for_the_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "cache").write_text("no folder")
    monkeypatch.setenv(CACHE_VARIABLE, str(tmp_path / "cache"))
    source = write_case(Case(scale=2), tmp_path / "a.onnx")
    image = np.zeros((8, 8, 3), np.uint8)
    for _ in range(2):
        assert gancam.load(source, device="cpu")(image).shape == (16, 16, 3)
    said = [record.message for record in caplog.records if "cannot be written" in record.message]
    assert len(said) == 1
    assert said[0].endswith(f"; set {CACHE_VARIABLE} to a folder that can be written")
    assert sum("it is tried out" in record.message for record in caplog.records) == 1
    assert onnx.load(adopt.adopted(source)).graph.node


def test_an_onnx_file_asks_for_the_package_that_it_needs_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Not for the extra, whose PyTorch takes a hundred times the space."""
    source = write_case(Case(scale=2), tmp_path / "a.onnx")
    monkeypatch.setitem(sys.modules, "onnx.compose", None)
    with pytest.raises(MissingExtra, match=r"pip install onnx$"):
        gancam.load(source)
