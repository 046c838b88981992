"""Imported models in fewer bits: kept where they show the same, refused where they do not."""

from itertools import pairwise
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import numpy_helper

import gancam
from export import check
from export.graph import Graph
from gancam.errors import ModelError
from gancam.frame import Image
from gancam.inference.importing import precisions
from gancam.inference.importing.adopt import adapt
from gancam.inference.importing.precisions import offer
from gancam.inference.variants import read_card, variants
from tests.helpers.foreign import Case, HoleCase, write_case, write_holes
from tests.helpers.small import still

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning")
ANSWERS = {"range": "0..1", "order": "rgb", "output_range": "0..1", "output_order": "rgb"}


def convolutions(folder: Path, *, spread: float = 1.0) -> Path:
    """Three convolutions beside a way around them; the wider `spread`, the more their channels differ in size."""
    rng = np.random.default_rng(0)
    graph = Graph()
    x = "x"
    sizes = [3, 16, 16, 3]
    for given, made in pairwise(sizes):
        kernel = rng.normal(0, 0.3 / np.sqrt(given * 9), (made, given, 3, 3))
        x = graph.add("Conv", x, graph.constant(kernel, np.float32), pads=[1] * 4)
        x = graph.add("Relu", graph.add("Mul", x, graph.constant(spread, np.float32))) if made != 3 else x
    graph.add("Add", "x", graph.add("Mul", x, graph.constant(spread**-2, np.float32)), name="y")
    shape: list[str | int] = [1, 3, "h", "w"]
    onnx.save(graph.model({"x": ("float32", shape)}, {"y": ("float32", shape)}), folder / "a.onnx")
    adapt(folder / "a.onnx", folder / "own.onnx", answers=ANSWERS)
    return folder / "own.onnx"


def photos() -> list[Image]:
    return [still(name)[:120, :150] for name in ("sign", "lake", "spices")]


def test_both_are_kept_beside_it_and_saturate_nowhere(tmp_path: Path) -> None:
    path = convolutions(tmp_path)
    offers = {one.precision: one for one in offer(path, photos())}
    assert offers["fp16"].psnr > 50
    assert offers["int8"].psnr > 40
    assert set(variants(path)) == {"fp32", "fp16", "int8"}
    for precision, file in variants(path).items():
        assert read_card(file).precision == precision
        assert precision == "fp32" or read_card(file).parity == {
            "psnr": pytest.approx(offers[precision].psnr, abs=0.01)
        }
    model = onnx.load(variants(path)["int8"])
    check.refuse(model)  # raises where a CPU could
    codes = [numpy_helper.to_array(one) for one in model.graph.initializer if one.data_type == onnx.TensorProto.INT8]
    assert len([one for one in codes if one.ndim == 4]) == 3
    image = photos()[0]
    shown = [gancam.load(path, precision=precision)(image).astype(float) for precision in ("fp32", "int8")]
    assert np.abs(shown[0] - shown[1]).mean() < 1.5
    assert "dB beside fp32" in offers["int8"].line


def test_what_loses_too_much_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = convolutions(tmp_path)
    path.with_name("own.int8.onnx").write_bytes(b"of before")
    monkeypatch.setattr(precisions, "LEAST_PSNR", 90.0)
    found = offer(path, photos())
    assert [one.path for one in found] == [None, None]
    assert all("dB beside fp32, less than 90" in one.line for one in found)
    assert set(variants(path)) == {"fp32"}


@pytest.mark.parametrize("depth", [1, 2])
def test_what_would_be_the_same_in_8_bits_is_no_offer(
    depth: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where int8 loses too much, the first and the last convolution are spared: of two nothing is left."""
    graph, mixed = Graph(), 0.8 * np.eye(3) + 0.061
    x = "x"
    for _ in range(depth):
        x = graph.add("Conv", x, graph.constant(mixed.reshape(3, 3, 1, 1), np.float32))
    graph.add("Identity", x, name="y")
    shape: list[str | int] = [1, 3, "h", "w"]
    onnx.save(graph.model({"x": ("float32", shape)}, {"y": ("float32", shape)}), tmp_path / "a.onnx")
    path = adapt(tmp_path / "a.onnx", tmp_path / "own.onnx", answers=ANSWERS).path
    monkeypatch.setattr(precisions, "LEAST_PSNR", 90.0)
    found = {one.precision: one for one in offer(path, photos())}["int8"]
    assert found.path is None
    assert "dB beside fp32, less than 90" in found.line


def test_what_cannot_be_offered(tmp_path: Path) -> None:
    adapt(write_case(Case("edges"), tmp_path / "a.onnx"), tmp_path / "own.onnx")
    with pytest.raises(ModelError, match="no pictures to calibrate on"):
        offer(tmp_path / "own.onnx", [])
    adapt(write_holes(HoleCase(), tmp_path / "b.onnx"), tmp_path / "fills.onnx")
    with pytest.raises(ModelError, match="only models of images"):
        offer(tmp_path / "fills.onnx", photos())
