"""Noise: told from texture, and averaged away where it is strong."""

import cv2
import numpy as np
import pytest

from gancam.frame import Image
from gancam.vision.noise import even, noise_level, smoothed
from tests.helpers.small import still


def noisy(image: Image, level: float, seed: int = 0) -> Image:
    rng = np.random.default_rng(seed)
    return np.clip(image + rng.normal(0, level, image.shape), 0, 255).round().astype(np.uint8)


@pytest.mark.parametrize("name", ["lake", "otters", "sign", "spices"])
def test_noise_is_told_from_texture(name: str) -> None:
    image = still(name)
    assert noise_level(image) < 4
    assert 9 < noise_level(noisy(image, 18)) < 21
    done, data = cv2.imencode(".jpg", noisy(image, 8), [cv2.IMWRITE_JPEG_QUALITY, 60])
    assert done
    assert noise_level(np.asarray(cv2.imdecode(data, cv2.IMREAD_COLOR), np.uint8)) < 4  # a codec has taken it


def test_strong_noise_is_smoothed_and_clean_pictures_are_not() -> None:
    image = still("lake")
    assert smoothed(image, noise_level(image)) is image
    bad = noisy(image, 18)
    level = noise_level(bad)
    assert cv2.PSNR(smoothed(bad, level), image) > cv2.PSNR(bad, image) + 3
    left = np.zeros(image.shape[:2], np.float32)
    left[:, :100] = 1
    part = smoothed(bad, level, left)
    assert np.array_equal(part[:, 101:], bad[:, 101:])
    assert np.array_equal(part[:, :99], smoothed(bad, level)[:, :99])
    assert noise_level(np.zeros((3, 5, 3), np.uint8)) == 0


@pytest.mark.parametrize("name", ["lake", "sign"])
@pytest.mark.parametrize("level", [0, 3, 18])
def test_noise_that_matters_is_told_as_without_a_limit(name: str, level: float) -> None:
    image = noisy(still(name), level)
    known, told = noise_level(image), noise_level(image, least=2.0)
    assert told == known or max(told, known) < 2.0


def test_strong_noise_is_evened_out_and_edges_stay() -> None:
    halves = np.full((120, 160, 3), 60, np.uint8)
    halves[:, 80:] = 180
    assert even(halves) is halves
    weak = noisy(halves, 5.3)
    assert np.abs(even(weak).astype(int) - weak).mean() < 1  # so that a video does not jump
    made = even(noisy(halves, 12))
    assert made[10:-10, 10:70].std() < 6
    assert abs(float(made[:, 81].mean()) - 180) < 8
    assert abs(float(made[:, 78].mean()) - 60) < 8
