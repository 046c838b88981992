"""Somebody else's graphs that make a picture of a picture: understood, adapted, and the same as before."""

import re
import subprocess
import threading
import time
from pathlib import Path

import cv2
import numpy as np
import onnx
import pytest

import gancam
from export.graph import Graph
from gancam.errors import ModelError, ParameterError
from gancam.inference.importing import pictures, trial
from gancam.inference.importing.adopt import adapt, adopted, convention_of
from gancam.inference.importing.foreign import Foreign
from gancam.inference.importing.safety import metadata
from gancam.inference.importing.trial import TrialFailed
from gancam.inference.model import ImageModel
from tests.helpers.foreign import Case, body, matrix, write_case
from tests.helpers.small import still

LEAST = 45.0  # dB of what it makes, against the graph used as its maker would
SAMPLE = matrix()[::11]  # of the whole, which benchmarks/importing.py walks
LARGE = [case for case in SAMPLE if case.scale == 4]  # their outputs take most of the time
CASES = [
    pytest.param(case, marks=pytest.mark.slow) if case in LARGE[2:] else case
    for case in (*SAMPLE, Case("luma"), Case("luma", order="bgr"))
]


@pytest.fixture(scope="module")
def apart() -> trial.TrialProcess:
    """A process in which graphs of several tests are run as their makers would."""
    return trial.TrialProcess()


@pytest.mark.parametrize("case", CASES, ids=str)
def test_matrix(case: Case, apart: trial.TrialProcess, tmp_path: Path) -> None:
    source = write_case(case, tmp_path / "a.onnx", side=(40, 48))
    found = adapt(source, tmp_path / "b.onnx")
    assert found.psnr >= 60.0
    image = pictures.truth(40, 48)
    wanted = np.clip(np.round(Foreign(source, apart).picture(image, case.convention)), 0, 255).astype(np.uint8)
    made = ImageModel(tmp_path / "b.onnx")(image[None])[0][0]
    right = made.shape == wanted.shape and cv2.PSNR(made, wanted) >= LEAST
    assert right or (case.kind == "luma" and any("BGR fits" in doubt for doubt in found.convention.doubts))
    assert found.card.scale == case.scale
    assert found.card.fixed_height == 0  # the size that a file says is none that it needs
    assert found.convention.reach <= 6


def test_a_foreign_file_plays_and_is_remembered(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    path = write_case(Case(scale=2), tmp_path / "some net.v2.onnx")
    before = path.read_bytes()
    effect = gancam.load(path)
    image = still("sign")[:61, :83]
    assert effect(image).shape == (122, 166, 3)
    assert [record.message for record in caplog.records] == [
        f"{path}: without a card; it is tried out, once ...",
        "some-net-v2: super_resolution x2, RGB 0..1 float32 NCHW, any size; licence unknown",
    ]
    caplog.clear()
    assert np.array_equal(gancam.load(path)(image), effect(image))
    assert len(caplog.records) == 1
    assert path.read_bytes() == before
    assert effect.card.licence == "unknown"


@pytest.mark.parametrize("damage", ["cut", "zeros"])
def test_what_a_crash_left_of_an_adapted_file_is_made_anew(damage: str, tmp_path: Path) -> None:
    source = write_case(Case(scale=2), tmp_path / f"{damage}.onnx")
    made = adopted(source)
    data = made.read_bytes()
    made.write_bytes(data[: len(data) // 2] if damage == "cut" else bytes(len(data)))
    assert adopted(source) == made
    assert made.read_bytes() == data


def test_a_network_that_enlarges_and_looks_at_all_of_a_picture(tmp_path: Path) -> None:
    graph = Graph()
    mean = graph.add("GlobalAveragePool", "x")  # channel attention, as RCAN has it
    share = graph.add("Add", graph.add("Mul", mean, graph.constant(0.1, np.float32)), graph.constant(0.9, np.float32))
    graph.add("Identity", body(graph, graph.add("Mul", "x", share), "sharpen", 3, 2, "rgb"), name="y")
    shapes: list[list[int | str]] = [[1, 3, "h", "w"], [1, 3, "sh", "sw"]]
    onnx.save(graph.model({"x": ("float32", shapes[0])}, {"y": ("float32", shapes[1])}), tmp_path / "a.onnx")
    made = adapt(tmp_path / "a.onnx", tmp_path / "b.onnx", answers={"range": "0..1", "order": "rgb"})
    assert (made.card.scale, made.card.receptive_field) == (2, 0)
    assert any("looks at all of a picture" in doubt for doubt in made.convention.doubts)
    effect = gancam.load(made.path, device="cpu")
    assert effect(still("sign")[:48, :64]).shape == (96, 128, 3)
    with pytest.raises(ParameterError, match="would change nothing"):
        gancam.load(made.path, device="cpu", threshold=0.0)  # a change anywhere is one everywhere


def test_a_sidecar_is_believed(tmp_path: Path) -> None:
    path = write_case(Case(), tmp_path / "a.onnx")
    path.with_suffix(".toml").write_text('order = "bgr"\nrange = "0..255"\neffect = "translate"\n')
    found = adapt(path, tmp_path / "b.onnx").convention
    assert (found.order, found.range, found.doubts) == ("bgr", "0..255", ())
    path.with_suffix(".toml").write_text(found.to_toml())
    assert adapt(path, tmp_path / "b.onnx").convention == found
    assert convention_of(metadata(tmp_path / "b.onnx")) == found
    path.with_suffix(".toml").write_text('colour = "bgr"\n')
    with pytest.raises(ParameterError, match="unknown entry 'colour'"):
        adapt(path, tmp_path / "b.onnx")
    path.with_suffix(".toml").write_text("what?")
    with pytest.raises(ModelError, match=r"a\.toml beside the model is no TOML"):
        adapt(path, tmp_path / "b.onnx")


def test_a_wrong_answer_is_told(tmp_path: Path) -> None:
    graph = Graph()
    parts = graph.add("SpaceToDepth", "x", blocksize=8)
    graph.add("DepthToSpace", parts, blocksize=8, name="y")
    shape: list[str | int] = [1, 3, "h", "w"]
    onnx.save(graph.model({"x": ("float32", shape)}, {"y": ("float32", shape)}), tmp_path / "a.onnx")
    assert adapt(tmp_path / "a.onnx", tmp_path / "b.onnx").convention.multiple == 8
    (tmp_path / "b.onnx").unlink()
    with pytest.raises(ModelError, match=r"cannot run|does not run as it is taken for"):
        adapt(tmp_path / "a.onnx", tmp_path / "b.onnx", answers={"multiple": 2})
    assert not list(tmp_path.glob("b.onnx"))


def test_what_is_no_picture_is_refused_with_what_was_tried(tmp_path: Path) -> None:
    graph = Graph()
    graph.add("GlobalAveragePool", "x", name="y")
    onnx.save(graph.model({"x": ("float32", [1, 3, "h", "w"])}, {"y": ("float32", [1, 3, 1, 1])}), tmp_path / "a.onnx")
    with pytest.raises(ModelError, match=r"is not understood: it takes x float32 .*Tried: nchw: y gives"):
        gancam.load(tmp_path / "a.onnx")
    graph = Graph()
    graph.add("Sin", graph.add("Mul", "x", graph.constant(9e3, np.float32)), name="y")
    onnx.save(graph.model({"x": ("float32", [1, 3, 64, 64])}, {"y": ("float32", [1, 3, 64, 64])}), tmp_path / "a.onnx")
    with pytest.raises(ModelError, match=r"grey levels off.*correlation"):
        gancam.load(tmp_path / "a.onnx")


def _enlarging(path: Path, scale: float) -> Path:
    graph = Graph()
    kernel = graph.constant(np.eye(3).reshape(3, 3, 1, 1), np.float32)
    found = graph.add("Conv", "x", kernel)
    graph.add("Resize", found, "", graph.constant([1, 1, scale, scale], np.float32), mode="cubic", name="y")
    takes, gives = [1, 3, "h", "w"], [1, 3, "H", "W"]
    onnx.save(graph.model({"x": ("float32", takes)}, {"y": ("float32", gives)}), path)  # type: ignore[dict-item]
    return path


@pytest.mark.parametrize("answers", [{}, {"effect": "translate", "order": "rgb", "range": "0..1"}, {"scale": 2}])
@pytest.mark.parametrize("scale", [0.5, 1.5])
def test_what_has_no_whole_scale_is_given_no_advice_that_cannot_help(
    scale: float, answers: dict[str, object], tmp_path: Path
) -> None:
    source = _enlarging(tmp_path / "a.onnx", scale)
    with pytest.raises(
        ModelError, match=rf"^{re.escape(str(source))}: y gives .*, {scale:g} times its sides: what keeps"
    ) as error:
        adapt(source, tmp_path / "b.onnx", answers=answers)
    assert "Say what it is" not in str(error.value)


@pytest.mark.parametrize(
    ("answers", "says"),
    [
        ({"scale": 2}, "y gives 192x192 for 64x64, which is x3, and scale says 2: leave that out"),
        ({"scale": 4}, "which is x3, and scale says 4: leave that out"),
        (
            {"layout": "nhwc"},
            r"layout nhwc, as was said, in which x \(1, 3, any, any\) has no 1, 3 or 4 channels. Leave",
        ),
        ({"order": "y"}, "order y, as was said, but x has 3 channels. Leave out what was said of it"),
    ],
)
def test_an_answer_that_cannot_be_is_named(answers: dict[str, object], says: str, tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=says) as error:
        adapt(_enlarging(tmp_path / "a.onnx", 3), tmp_path / "b.onnx", answers=answers)
    assert "Say what it is" not in str(error.value)


def test_what_does_nothing_is_doubted(tmp_path: Path) -> None:
    source = _enlarging(tmp_path / "a.onnx", 1)
    for answers in ({}, {"order": "rgb", "range": "0..1", "effect": "translate"}):
        doubts = adapt(source, tmp_path / "b.onnx", answers=answers).convention.doubts
        assert any("whether it does anything" in doubt for doubt in doubts)
    mild = write_case(Case(), tmp_path / "mild.onnx")
    assert not any("anything" in doubt for doubt in adapt(mild, tmp_path / "b.onnx").convention.doubts)


def test_what_fits_under_two_ranges_is_no_secret(tmp_path: Path) -> None:
    """A residual that is taken for another one under another range, and which does as little good under each."""
    graph = Graph()
    wave = graph.add("Sin", graph.add("Mul", "x", graph.constant(9.0, np.float32)))
    y = graph.add("Add", "x", graph.add("Mul", wave, graph.constant(0.02, np.float32)))
    graph.add("Identity", y, name="y")
    shape: list[str | int] = [1, 3, "h", "w"]
    onnx.save(graph.model({"x": ("float32", shape)}, {"y": ("float32", shape)}), tmp_path / "a.onnx")
    found = adapt(tmp_path / "a.onnx", tmp_path / "b.onnx")
    assert any("(--range=" in doubt for doubt in found.convention.doubts)


def test_what_makes_photos_worse_is_doubted(tmp_path: Path) -> None:
    graph = Graph()
    x = graph.add("AveragePool", "x", kernel_shape=[5, 5], pads=[2, 2, 2, 2])
    graph.add("Resize", x, "", graph.constant([1, 1, 2, 2], np.float32), mode="nearest", name="y")
    shape: list[str | int] = [1, 3, "h", "w"]
    onnx.save(graph.model({"x": ("float32", shape)}, {"y": ("float32", [1, 3, "sh", "sw"])}), tmp_path / "a.onnx")
    found = adapt(tmp_path / "a.onnx", tmp_path / "b.onnx")
    assert any("as wrong as plainly enlarged" in doubt for doubt in found.convention.doubts)


@pytest.mark.filterwarnings("error")
def test_a_graph_that_ends_its_process_ends_no_other(tmp_path: Path) -> None:
    """ONNX Runtime 1.31 divides by 0 where its fast pooling has nothing to pool: the process is gone."""
    graph = Graph()
    kernel = graph.constant(np.full((16, 3, 3, 3), 0.1), np.float32)
    found = graph.add("Conv", "x", kernel, pads=[1, 1, 1, 1], strides=[2, 2])
    found = graph.add("MaxPool", found, kernel_shape=[7, 7], strides=[3, 3])
    found = graph.add("ReduceMax", found, keepdims=1)
    nothing = graph.add("Mul", found, graph.constant([0.0], np.float32))
    graph.add("Add", "x", nothing, name="y")
    shape: list[str | int] = [1, 3, "h", "w"]
    onnx.save(graph.model({"x": ("float32", shape)}, {"y": ("float32", shape)}), tmp_path / "a.onnx")
    convention = adapt(tmp_path / "a.onnx", tmp_path / "b.onnx").convention
    assert convention.minimum == 16
    image = still("sign")[:7, :9]
    assert np.array_equal(ImageModel(tmp_path / "b.onnx")(image[None])[0][0], image)
    foreign = Foreign(tmp_path / "a.onnx")
    with pytest.raises(TrialFailed):
        foreign.run({"x": np.zeros((1, 3, 8, 16), np.float32)}, "y")
    assert foreign.run({"x": np.ones((1, 3, 32, 32), np.float32)}, "y").mean() == 1.0


@pytest.mark.filterwarnings("error")
def test_a_graph_that_never_ends_is_stopped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def value(name: str, kind: int) -> onnx.ValueInfoProto:
        return onnx.helper.make_tensor_value_info(name, kind, [])

    same = [onnx.helper.make_node("Identity", [a], [b]) for a, b in (("on", "still_on"), ("s", "t"))]
    body = onnx.helper.make_graph(
        same, "body", [value("i", 7), value("on", 9), value("s", 1)], [value("still_on", 9), value("t", 1)]
    )
    graph = Graph()
    rounds = graph.constant(2**62, np.int64)
    looped = graph.add("Loop", rounds, "", graph.add("ReduceMax", "x", keepdims=0), body=body)
    graph.add("Add", "x", looped, name="y")
    shape: list[str | int] = [1, 3, "h", "w"]
    onnx.save(graph.model({"x": ("float32", shape)}, {"y": ("float32", shape)}), tmp_path / "a.onnx")
    foreign = Foreign(tmp_path / "a.onnx")
    monkeypatch.setattr(trial, "PATIENCE", 0.3)
    end = subprocess.Popen.kill

    def end_slowly(process: "subprocess.Popen[bytes]") -> None:
        """The timer's thread is not scheduled again until the call has seen that the process is gone."""
        end(process)
        if threading.current_thread() is not threading.main_thread():
            time.sleep(0.5)

    monkeypatch.setattr(subprocess.Popen, "kill", end_slowly)
    with pytest.raises(TrialFailed, match=r"takes longer than 0\.3 s"):
        foreign.run({"x": np.zeros((1, 3, 8, 8), np.float32)}, "y")
