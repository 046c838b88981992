"""Blending in 8 bits against the formulas in floating point, and against OpenCV's own Poisson editing."""

from collections.abc import Callable

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from gancam.errors import InputError
from gancam.frame import Image
from gancam.vision.blend import MODES, SHAPES, composite, feather
from tests.helpers.small import still

Plane = NDArray[np.float64]
FORMULAS: dict[str, Callable[[Plane, Plane], Plane]] = {  # of base and overlay in 0..1
    "normal": lambda b, s: s,
    "screen": lambda b, s: 1 - (1 - b) * (1 - s),
    "add": lambda b, s: np.minimum(b + s, 1),
    "multiply": lambda b, s: b * s,
    "overlay": lambda b, s: np.where(b < 0.5, 2 * b * s, 1 - 2 * (1 - b) * (1 - s)),
    "soft-light": lambda b, s: (1 - 2 * s) * b**2 + 2 * s * b,
}


def every_pair() -> tuple[Image, Image]:
    """256x256 pixels: each value of the frame with each of the overlay."""
    values = np.arange(256, dtype=np.uint8)
    base, overlay = np.meshgrid(values, values)
    return np.dstack([base] * 3), np.dstack([overlay] * 3)


@pytest.mark.parametrize("mode", FORMULAS)
def test_every_value_meets_the_formula(mode: str) -> None:
    base, overlay = every_pair()
    true = FORMULAS[mode](base / 255, overlay / 255) * 255
    assert np.abs(composite(base, overlay, mode) - true).max() <= 1.3
    half = composite(base, overlay, mode, np.full((256, 256), 100, np.uint8))
    assert np.abs(half - (base + (true - base) * (100 / 255))).max() <= 1.9


@pytest.mark.parametrize("mode", MODES)
def test_alpha_from_nothing_to_all(mode: str) -> None:
    base, overlay = still("sign")[:90, :120], still("otters")[:90, :120]
    kept = base.copy(), overlay.copy()
    whole = composite(base, overlay, mode)
    assert whole.dtype == np.uint8
    assert whole.shape == base.shape
    alpha = np.zeros((90, 120), np.uint8)
    assert np.array_equal(composite(base, overlay, mode, alpha), base)
    assert np.array_equal(composite(base, overlay, mode, alpha + 255), whole)
    alpha[:, 40:] = 255
    split = composite(base, overlay, mode, alpha)
    assert np.array_equal(split[:, :40], base[:, :40])
    assert np.array_equal(split[:, 40:], whole[:, 40:])
    whole[:] = 0
    assert np.array_equal(base, kept[0])
    assert np.array_equal(overlay, kept[1])


def test_luminosity_keeps_colours_and_takes_light() -> None:
    base, overlay = np.full((8, 8, 3), (60, 100, 160), np.uint8), still("lake")[:8, :8]
    mixed = composite(base, overlay, "luminosity")
    light = cv2.cvtColor(overlay, cv2.COLOR_BGR2GRAY).astype(int)
    assert np.abs(cv2.cvtColor(mixed, cv2.COLOR_BGR2GRAY).astype(int) - light).max() <= 12  # what had to be cut off
    inside = (mixed.min(2) > 0) & (mixed.max(2) < 255)
    colours = [cv2.cvtColor(image, cv2.COLOR_BGR2YCrCb).astype(int)[..., 1:] for image in (mixed, base)]
    assert np.abs(colours[0] - colours[1])[inside].max() <= 2


def test_clone_meets_the_border_and_is_poisson_editing() -> None:
    frame = cv2.GaussianBlur(still("lake"), (0, 0), 6)
    small = cv2.resize(still("spices"), (16, 16), interpolation=cv2.INTER_AREA)
    overlay = np.asarray(cv2.resize(small, (120, 90)), np.uint8)
    base = np.asarray(frame[40:130, 60:180], np.uint8)
    mine = composite(base, overlay, "clone")
    rim = np.ones((90, 120), bool)
    rim[1:-1, 1:-1] = False
    before = np.abs(overlay.astype(int) - base)[rim].mean()
    assert np.abs(mine.astype(int) - base)[rim].mean() < before / 10
    mask = np.full((90, 120), 255, np.uint8)
    true = cv2.seamlessClone(overlay, frame, mask, (120, 85), cv2.NORMAL_CLONE)[40:130, 60:180]
    assert cv2.PSNR(mine[4:-4, 4:-4], true[4:-4, 4:-4]) > 28
    assert cv2.PSNR(overlay[4:-4, 4:-4], true[4:-4, 4:-4]) < 20


def test_clone_of_the_same_is_the_same() -> None:
    image = still("otters")[:77, :133]
    assert np.array_equal(composite(image, image.copy(), "clone"), image)


@settings(max_examples=60)
@given(
    size=st.tuples(st.integers(1, 70), st.integers(1, 70)), width=st.floats(0, 0.5), shape=st.sampled_from(SHAPES),
    sides=st.tuples(*[st.booleans()] * 4), mode=st.sampled_from(MODES),
)  # fmt: skip
def test_any_size(
    size: tuple[int, int], width: float, shape: str, sides: tuple[bool, bool, bool, bool], mode: str
) -> None:
    alpha = feather(size, width, shape, sides)
    assert alpha.shape == (size[1], size[0])
    rng = np.random.default_rng(0)
    base, overlay = rng.integers(0, 256, (2, size[1], size[0], 3), dtype=np.uint8)
    mixed = composite(base, overlay, mode, alpha)
    assert mixed.shape == base.shape
    assert np.array_equal(mixed[alpha == 0], base[alpha == 0])


def test_feather_fades_the_sides_that_are_asked() -> None:
    alpha = feather((200, 100), 0.2).astype(int)
    assert alpha[50, 100] == 255
    assert alpha[50, 0] < 3
    assert (np.diff(alpha[50, :20]) > 0).all()
    assert (alpha[50, 20:180] == 255).all()
    assert np.array_equal(alpha, alpha[::-1, ::-1])
    left = feather((200, 100), 0.2, "box", (True, False, False, False))
    assert (left[:, 20:] == 255).all()
    assert (left[:, 0] < 3).all()
    assert (feather((9, 7), 0.0) == 255).all()


def test_an_ellipse_is_round() -> None:
    alpha = feather((100, 60), 0.1, "ellipse")
    assert alpha[30, 50] == 255
    assert alpha[0, 0] == alpha[59, 99] == 0
    assert abs(int((alpha > 127).sum()) - np.pi * 50 * 30 * 0.9 * 0.95) < 300
    hard = feather((100, 60), 0.0, "ellipse")
    assert abs(int((hard > 127).sum()) - np.pi * 50 * 30) < 100


def test_wrong_words_and_sizes() -> None:
    image = still("otters")[:20, :30]
    with pytest.raises(InputError, match="did you mean 'screen'"):
        composite(image, image, "sreen")
    for other, alpha in ((image[:, :29], None), (image, np.zeros((20, 29), np.uint8))):
        with pytest.raises(InputError, match="one size"):
            composite(image, other, "normal", alpha)
