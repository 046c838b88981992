"""Every bundled 8-bit file is the same picture on every CPU, and close to fp32."""

from pathlib import Path

import cv2
import numpy as np
import onnx
import onnxruntime
import pytest
from numpy.typing import NDArray

from export import check
from gancam.inference.catalog import MODELS
from gancam.inference.model import Model
from gancam.inference.variants import read_card
from tests.helpers import saturating
from tests.helpers.small import still

FILES = sorted(MODELS.glob("*.int8.onnx"))
RNG = np.random.default_rng(0)


def psnr(one: NDArray[np.uint8], other: NDArray[np.uint8]) -> float:
    return float(cv2.PSNR(one.reshape(-1), other.reshape(-1)))


def given(path: Path, side: int) -> dict[str, NDArray[np.uint8]]:
    """What the graph in `path` takes: half a photo, half noise around white, where sums are the largest."""
    photo = still("osprey")[80 : 80 + side // 2, 60 : 60 + side]
    image = np.concatenate([photo, RNG.integers(96, 256, photo.shape, dtype=np.uint8)])
    layout = read_card(path).layout
    if layout == "masked":
        hole = np.zeros((1, side, side), np.uint8)
        hole[:, side // 4 : side // 2, side // 4 : -side // 4] = 255
        return {"image": image[None], "hole": hole}
    image = np.pad(image, ((0, 0), (0, 0), (0, 1)))
    if layout == "cells":  # of two by two pixels
        image = image.reshape(side // 2, 2, side // 2, 2, 4).transpose(0, 2, 1, 3, 4).reshape(side // 2, side // 2, 16)
    return {"image": np.ascontiguousarray(image[None])}


@pytest.mark.parametrize("path", [
    pytest.param(path, id=path.name, marks=[pytest.mark.slow] if path.stat().st_size > 200_000 else [])
    for path in FILES
])  # fmt: skip
def test_bundled_files_are_the_same_picture_where_sums_saturate(path: Path) -> None:
    model, feed = onnx.load(path), given(path, 48)
    check.refuse(model)
    seen = saturating.run(model, feed, saturating=True)
    assert np.array_equal(seen, saturating.run(model, feed, saturating=False))
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    assert psnr(np.asarray(session.run(None, feed)[0]), seen) > 55  # what is rounded up here and down there


@pytest.mark.parametrize("path", FILES, ids=[path.name for path in FILES])
def test_bundled_files_are_close_to_fp32(path: Path) -> None:
    int8, fp32 = (
        Model(path.with_name(path.name.replace(".int8", "")), device="cpu", precision=one) for one in ("int8", "fp32")
    )
    seen: list[list[NDArray[np.uint8]]] = [[], []]
    for name in ("sign", "otters", "osprey", "colosseum"):
        image = np.ascontiguousarray(still(name)[None, :96, :128])
        hole = np.zeros(image.shape[:3], np.uint8)
        hole[:, 30:50, 40:80] = 255
        for model, results in zip((int8, fp32), seen, strict=True):
            results.append(model(image, hole)[0] if model.card.layout == "masked" else model(image)[0])
    assert psnr(np.concatenate(seen[0]), np.concatenate(seen[1])) >= 45
