"""`gancam bench` as a user runs it, and its comparison of figures."""

import json
from dataclasses import replace
from pathlib import Path

import cv2
import pytest

from gancam.errors import InputError, ModelError, NotFound
from gancam.inference.hardware import instructions, kernel_instructions
from gancam.tools import bench as benchmark
from gancam.tools.bench import Case, Results, compare, measure, picture
from tests.helpers.command import here, refused
from tests.helpers.small import network, write_models


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_models(tmp_path_factory.mktemp("models"), network())


@pytest.fixture(scope="module")
def results(model: Path) -> Results:
    cases = [Case(str(model), (64, 48), "cpu", precision, 1) for precision in ("fp32", "int8")]
    return measure(cases, rounds=2, seconds=0.05)


def test_every_figure_is_there(results: Results) -> None:
    assert [row.precision for row in results.rows] == ["fp32", "int8"]
    for row in results.rows:
        assert 0 < row.median_ms <= row.p95_ms
        assert row.fps == pytest.approx(1000 / row.median_ms, rel=0.01)
        assert row.network + row.conversion + row.copies + row.rest == pytest.approx(1, abs=0.01)
        assert row.convolutions_ms is not None
        assert row.over_convolutions == row.median_ms / row.convolutions_ms
        assert row.cores > 0
        assert 10 < row.memory_mb < 10_000
        assert row.calls >= 10
    assert results.rows[0].conversion == 0  # a graph of whole images does that itself
    assert results.rows[1].conversion > 0
    told = json.loads(json.dumps(results.to_dict()))["machine"]
    assert told["instructions"] == list(instructions())
    assert set(told["kernel_instructions"].split()) <= set(told["instructions"])


def test_a_picture_of_it(results: Results) -> None:
    image = picture(results)
    assert image.shape[1] == 1100
    assert image.std() > 5


def test_a_long_name_leaves_the_bars_of_the_picture_free(results: Results) -> None:
    rows = [replace(results.rows[0], model=name) for name in ("m", "a-long-name-" * 9)]
    image = picture(Results({**results.machine, "cpu": "a processor " * 20}, rows))
    above, below = image[60:104, 430:], image[104:148, 430:]
    assert (above == below).all()  # the same bar, and nothing over it
    assert (image[:60, 1090:] == 250).all()
    assert (image[104:148, :420] < 100).any()


def test_it_is_compared_with_itself_and_with_a_faster_one(results: Results, tmp_path: Path) -> None:
    path = tmp_path / "baseline.json"
    path.write_text(json.dumps(results.to_dict()))
    same, differs = compare(results, benchmark.baseline(path))
    assert [change.ratio for change in same] == [1.0, 1.0]
    assert not differs
    slow = Results(
        {**results.machine, "cores": 99}, [replace(row, median_ms=3 * row.median_ms) for row in results.rows]
    )
    changes, differs = compare(slow, benchmark.baseline(path))
    assert [round(change.ratio, 6) for change in changes] == [3.0, 3.0]
    assert len(differs) == 1
    assert "cores was" in differs[0]
    with pytest.raises(InputError, match="none of these cases"):
        compare(Results(results.machine, [replace(results.rows[0], width=1)]), benchmark.baseline(path))


@pytest.mark.parametrize("text", [
    "", "{}", "[]", "null", "\x00", '{"version": 1, "machine": {}, "rows": [{}]}',
    '{"version": 1, "machine": 3, "rows": []}', '{"version": 99, "rows": []}',
])  # fmt: skip
def test_what_is_no_baseline(tmp_path: Path, text: str) -> None:
    path = tmp_path / "baseline.json"
    path.write_text(text)
    with pytest.raises(InputError, match="baseline"):
        benchmark.baseline(path)
    with pytest.raises(NotFound, match="--json"):
        benchmark.baseline(tmp_path / "none.json")


def test_what_cannot_run_says_so(tmp_path: Path) -> None:
    with pytest.raises(NotFound, match=r"none\.onnx"):
        measure([Case(str(tmp_path / "none.onnx"), (64, 48))], rounds=1)
    (tmp_path / "bad.onnx").write_bytes(b"nothing")
    with pytest.raises(ModelError, match="bad"):
        measure([Case(str(tmp_path / "bad.onnx"), (64, 48))], rounds=1)


def test_from_the_command_line(model: Path, tmp_path: Path) -> None:
    common = ("bench", model, "--size", "64x48", "--threads", 1, "--rounds", 1, "--seconds", 0.05)
    done = here(*common, "--precision", "all", "--json", "--picture", tmp_path / "bars.png")
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    assert {row["precision"] for row in told["rows"]} == {"fp32", "fp16", "int8"}
    assert cv2.imread(str(tmp_path / "bars.png")) is not None
    baseline = tmp_path / "baseline.json"
    baseline.write_text(done.stdout)
    one = (*common, "--precision", "fp32")  # each precision is a process
    again = here(*one, "--compare", baseline, "--slower", 1000)
    assert again.returncode == 0, again.stderr
    assert "times" in again.stdout
    assert f"({' '.join(kernel_instructions())})" in again.stdout.splitlines()[0]
    for row in told["rows"]:
        row["median_ms"] /= 1000
    baseline.write_text(json.dumps(told))
    slower = here(*one, "--compare", baseline)
    assert slower.returncode == 1
    assert "slower than" in slower.stderr


def test_bad_options(model: Path, tmp_path: Path) -> None:
    (tmp_path / "there.png").write_bytes(b"mine")
    refused("bench", model, "--compare", tmp_path / "none.json", says="no baseline")
    refused("bench", model, "--slower", "0.5", says="--slower 0.5: needs --compare")
    refused("bench", "sr-x9", "--precision", "all", says="did you mean")
    refused("bench", model, "--size", "64", says="WIDTHxHEIGHT")
    refused("bench", model, "--picture", tmp_path / "bars.txt", says="is an image")
    refused("bench", model, "--picture", tmp_path / "there.png", says="exists")
    refused("bench", model, "--precision", "int4", "--rounds", 1, says="int4")
