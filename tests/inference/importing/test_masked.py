"""Somebody else's graphs that fill holes."""

from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import onnx
import pytest

import gancam
from gancam.inference.catalog import MODELS
from gancam.inference.importing import pictures
from gancam.inference.importing.adopt import adapt
from gancam.inference.model import MaskedModel
from tests.helpers.foreign import HoleCase, write_holes

TWO = HoleCase()
FOUR = HoleCase(planes=True)
CASES = [
    TWO, replace(TWO, mask_one="known"), replace(TWO, returns=False), replace(TWO, returns=False, mask_one="known"),
    replace(TWO, range="-1..1"), replace(TWO, dtype="uint8", range="0..255", mask_range="0..255", mask_one="known"),
    replace(TWO, fixed=True), FOUR, replace(FOUR, mask_one="known", mask_first=True, range="-1..1"),
    replace(FOUR, mask_first=True, mask_range="-0.5..0.5", mask_one="known", returns=False),
]  # fmt: skip


LATER = {CASES[1], CASES[3], CASES[8]}  # of which every part is in another


@pytest.mark.parametrize(
    "case", [pytest.param(case, marks=pytest.mark.slow) if case in LATER else case for case in CASES], ids=str
)
def test_holes(case: HoleCase, tmp_path: Path) -> None:
    path = write_holes(case, tmp_path / "a.onnx")
    found = adapt(path, tmp_path / "b.onnx")
    assert (found.convention.effect, found.convention.mask_one) == ("inpaint", case.mask_one)
    assert found.psnr >= 60
    image = pictures.truth(64, 64)
    hole = np.zeros((1, 64, 64), np.uint8)
    hole[0, 20:34, 12:30] = 7
    stained = image.copy()
    stained[hole[0] > 0] = (255, 0, 255)
    model = MaskedModel(tmp_path / "b.onnx")
    made, clean = (model(one[None], hole)[0][0] for one in (stained, image))
    assert np.array_equal(made, clean)  # what is in the hole is not looked at
    assert np.array_equal(made[hole[0] == 0], image[hole[0] == 0])
    telea = np.asarray(cv2.inpaint(stained, hole[0], 3, cv2.INPAINT_TELEA), np.float32)
    error, usual = (np.abs(one - image.astype(np.float32))[hole[0] > 0].mean() for one in (made, telea))
    assert error < 1.3 * usual + 4


@pytest.mark.parametrize(
    ("layout", "dtype"), [("hw", "float32"), ("nhw", "float32"), ("nhwc", "float32"), ("nchw", "int64"), ("hw", "bool")]
)
def test_masks_of_any_axes_and_type(layout: str, dtype: str, tmp_path: Path) -> None:
    path = write_holes(TWO, tmp_path / "a.onnx")
    model = onnx.load(path)
    graph, helper = model.graph, onnx.helper
    kind = helper.np_dtype_to_tensor_dtype(np.dtype(dtype))
    del graph.input[1]
    graph.input.append(
        helper.make_tensor_value_info("mask", kind, [{"n": 1, "c": 1}.get(axis, axis) for axis in layout])
    )
    shape = helper.make_tensor("axes", onnx.TensorProto.INT64, [4 - len(layout)], [0, 1][len(layout) - 2 :])
    graph.initializer.append(shape)
    whole = helper.make_node("Transpose" if layout == "nhwc" else "Unsqueeze", ["cast"], ["m"], name="whole")
    if layout == "nhwc":
        whole.attribute.append(helper.make_attribute("perm", [0, 3, 1, 2]))
    elif len(layout) < 4:
        whole.input.append("axes")
    else:
        whole.op_type = "Identity"
    graph.node.insert(0, whole)
    graph.node.insert(0, helper.make_node("Cast", ["mask"], ["cast"], to=onnx.TensorProto.FLOAT))
    onnx.save(model, path)
    found = adapt(path, tmp_path / "b.onnx")
    convention = found.convention
    assert (convention.effect, convention.mask_layout, convention.mask_dtype) == ("inpaint", layout, dtype)
    assert found.psnr >= 60


def test_a_fixed_size_fills_frames_of_any(tmp_path: Path) -> None:
    path = write_holes(replace(TWO, fixed=True), tmp_path / "a.onnx")
    effect = gancam.load(path)
    image = np.ascontiguousarray(pictures.truth(97, 150))
    mask = np.zeros((97, 150), np.uint8)
    mask[30:50, 40:60] = mask[70:80, 110:130] = 255
    made = effect(image, mask=mask)  # type: ignore[call-arg]
    assert made.shape == image.shape
    assert np.array_equal(made[:20], image[:20])


def test_an_own_network_without_its_card_is_inpainting_in_doubt_of_its_colours(tmp_path: Path) -> None:
    """Whether red and blue are exchanged is seen in holes alone, and most of a picture is around them."""
    model = onnx.load(MODELS / "inpaint.onnx")
    del model.metadata_props[:]
    onnx.save(model, tmp_path / "a.onnx")
    found = adapt(tmp_path / "a.onnx", tmp_path / "b.onnx").convention
    assert (found.effect, found.mask_one, found.range) == ("inpaint", "hole", "0..255")
    assert found.doubts == ("BGR fits as well as RGB (--order bgr)",)
    sure = adapt(tmp_path / "a.onnx", tmp_path / "c.onnx", answers={"order": "bgr"}).convention
    assert (sure.order, sure.doubts) == ("bgr", ())
