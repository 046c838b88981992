"""The webcam degradation: what must hold whatever is drawn."""

from collections.abc import Callable

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from train import degrade
from train.data import Pixels


def picture(height: int, width: int, seed: int = 0) -> Pixels:
    """Smooth colour with a few hard edges."""
    rng = np.random.default_rng(seed)
    coarse = rng.integers(30, 226, (5, 6, 3), dtype=np.uint8)
    image = np.asarray(cv2.resize(coarse, (width, height), interpolation=cv2.INTER_CUBIC), dtype=np.uint8).copy()
    image[height // 4 : height // 2, width // 3 : width // 2] = rng.integers(30, 226, 3)
    return image


@settings(max_examples=60)
@given(st.integers(2, 90), st.integers(2, 90), st.sampled_from([1, 2, 3, 4]), st.integers(0, 2**32))
def test_any_size_comes_out_smaller_and_alike(height: int, width: int, scale: int, seed: int) -> None:
    height, width = max(height, scale), max(width, scale)
    image = picture(height, width)
    before = image.copy()
    small = degrade.webcam(image, scale, np.random.default_rng(seed))
    assert small.shape == (height // scale, width // scale, 3)
    assert small.dtype == np.uint8
    assert small.flags.c_contiguous
    assert np.array_equal(image, before)
    again = degrade.webcam(image, scale, np.random.default_rng(seed))
    assert np.array_equal(small, again)


@settings(max_examples=20)
@given(st.integers(16, 90), st.integers(16, 90), st.sampled_from([1, 2]), st.integers(0, 2**32))
def test_rough_is_a_smaller_picture_too(height: int, width: int, scale: int, seed: int) -> None:
    image = picture(height, width)
    small = degrade.rough(image, scale, np.random.default_rng(seed))
    assert small.shape == (height // scale, width // scale, 3)
    assert small.dtype == np.uint8
    assert np.array_equal(small, degrade.rough(image, scale, np.random.default_rng(seed)))


def test_rough_is_worse_than_a_webcam() -> None:
    image = picture(128, 160)
    true = cv2.resize(image, (80, 64), interpolation=cv2.INTER_AREA).astype(np.float32)

    def error(degradation: Callable[[Pixels, int, np.random.Generator], Pixels]) -> float:
        seen = [degradation(image, 2, np.random.default_rng(seed)).astype(np.float32) for seed in range(40)]
        return float(np.mean([np.abs(small - true).mean() for small in seen]))

    assert error(degrade.rough) > 1.15 * error(degrade.webcam)


@pytest.mark.parametrize("degradation", [degrade.webcam, degrade.rough])
def test_nothing_left_is_an_error(degradation: Callable[[Pixels, int, np.random.Generator], Pixels]) -> None:
    with pytest.raises(ValueError, match="no pixel left"):
        degradation(picture(3, 9), 4, np.random.default_rng(0))


@pytest.mark.parametrize("scale", [2, 4])
def test_colours_stay_and_nothing_moves(scale: int) -> None:
    image = picture(64 * scale, 80 * scale)
    true = cv2.resize(image, (80, 64), interpolation=cv2.INTER_AREA).astype(np.float32)
    shifts, errors = [], []
    for seed in range(60):
        small = degrade.webcam(image, scale, np.random.default_rng(seed)).astype(np.float32)
        assert np.abs(small.mean((0, 1)) - true.mean((0, 1))).max() < 4.0  # levels
        (dx, dy), _ = cv2.phaseCorrelate(small.mean(2), true.mean(2))
        shifts.append((dx, dy))
        errors.append(float(np.abs(small - true).mean()))
    assert np.abs(np.mean(shifts, axis=0)).max() < 0.05  # pixels of the small picture
    assert np.abs(shifts).max() < 0.6
    assert np.mean(np.array(errors) < 4.0) > 0.3  # a good share is mild
    assert max(errors) > 1.5 * min(errors)  # and not all is


def test_draws_differ() -> None:
    image = picture(64, 64)
    results = {degrade.webcam(image, 2, np.random.default_rng(seed)).tobytes() for seed in range(20)}
    assert len(results) > 15


def test_h264_loses_more_at_a_higher_rate_factor() -> None:
    image = picture(64, 80)
    noisy = np.clip(image + np.random.default_rng(0).normal(0, 12, image.shape), 0, 255).astype(np.uint8)
    errors = [
        np.abs(degrade.h264(noisy, rate_factor, np.random.default_rng(1)).astype(float) - noisy).mean()
        for rate_factor in (10.0, 25.0, 40.0)
    ]
    assert errors[0] < errors[1] < errors[2]


def test_noise_is_as_strong_as_it_says_and_grows_with_light() -> None:
    dark, bright = np.full((128, 128, 3), 20.0, np.float32), np.full((128, 128, 3), 220.0, np.float32)
    spread = {"dark": 0.0, "bright": 0.0}
    for seed in range(40):
        for name, flat in (("dark", dark), ("bright", bright)):
            noisy = degrade.noise(flat, np.random.default_rng(seed), 1.0, 1.0)
            assert noisy.dtype == np.float32
            assert float(noisy.std()) < 12.0
            spread[name] += float(noisy.std())
    assert spread["bright"] > 1.3 * spread["dark"]


def test_blur_keeps_a_flat_field_and_spreads_a_point() -> None:
    point = np.zeros((31, 31, 3), np.float32)
    point[15, 15] = 255.0
    for seed in range(40):
        rng = np.random.default_rng(seed)
        flat = degrade.blur(np.full((20, 20, 3), 90.0, np.float32), rng, 1.0, 2.0)
        np.testing.assert_allclose(flat, 90.0, atol=1e-3)
        spread = degrade.blur(point, np.random.default_rng(seed), 1.0, 2.0)
        assert float(spread.sum()) == pytest.approx(3 * 255.0, rel=1e-4)
        rows, columns = np.mgrid[:31, :31] - 15
        mass = spread[..., 0] / 255.0
        assert abs(float((mass * rows).sum())) < 1e-3  # its centre stays
        assert abs(float((mass * columns).sum())) < 1e-3
