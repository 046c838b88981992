"""Somebody else's graphs that make a picture of a picture: understood, adapted, and the same as before."""

from pathlib import Path

import cv2
import numpy as np
import onnx
import pytest

import gancam
from export.graph import Graph
from gancam.errors import ModelError, ParameterError
from gancam.inference.importing import pictures
from gancam.inference.importing.adopt import adapt, convention_of
from gancam.inference.importing.foreign import Foreign
from gancam.inference.importing.safety import metadata
from gancam.inference.model import ImageModel
from tests.helpers.foreign import Case, matrix, write_case
from tests.helpers.small import still

LEAST = 45.0  # dB of what it makes, against the graph used as its maker would
SAMPLE = matrix()[::11]  # of the whole, which benchmarks/importing.py walks


@pytest.mark.parametrize("case", [*SAMPLE, Case("luma"), Case("luma", order="bgr")], ids=str)
def test_matrix(case: Case, tmp_path: Path) -> None:
    source = write_case(case, tmp_path / "a.onnx", side=(40, 48))
    found = adapt(source, tmp_path / "b.onnx")
    assert found.psnr >= 60.0
    image = pictures.truth(40, 48)
    wanted = np.clip(np.round(Foreign(source).picture(image, case.convention)), 0, 255).astype(np.uint8)
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
    with pytest.raises(ModelError, match=r"is not understood: it takes x float32 .*Tried: 64x64 nchw 3 channels"):
        gancam.load(tmp_path / "a.onnx")
    graph = Graph()
    graph.add("Sin", graph.add("Mul", "x", graph.constant(9e3, np.float32)), name="y")
    onnx.save(graph.model({"x": ("float32", [1, 3, 64, 64])}, {"y": ("float32", [1, 3, 64, 64])}), tmp_path / "a.onnx")
    with pytest.raises(ModelError, match=r"grey levels off.*correlation"):
        gancam.load(tmp_path / "a.onnx")
