"""Points of light in the dark, which the strokes of a style are too broad for."""

import cv2
import numpy as np

import gancam
from gancam.effects.translation.sparks import sparks
from gancam.frame import Image

PLACES = [(40 + 60 * right, 30 + 50 * down) for right in range(10) for down in range(6)]


def _sky(level: int = 8) -> Image:
    image = np.full((360, 640, 3), level, np.uint8)
    for x, y in PLACES:
        image[y : y + 3, x : x + 3] = (230, 220, 250)
    return image


def test_points_on_dark_are_found_and_lines_and_noise_are_not() -> None:
    found = sparks(_sky())
    assert found is not None
    assert min(found[y + 1, x + 1] for x, y in PLACES) == 255
    assert float((found > 0).mean()) < 0.02
    image = np.full((360, 640, 3), 8, np.uint8)
    cv2.line(image, (30, 60), (600, 60), (240, 240, 240), 2)
    cv2.line(image, (100, 10), (300, 210), (240, 240, 240), 2)
    lines = sparks(image)
    assert lines is None or float((lines > 0).mean()) < 0.001  # the ends
    noise = np.clip(np.random.default_rng(0).normal(20, 8, image.shape), 0, 255).astype(np.uint8)
    noisy = sparks(noise)
    assert noisy is None or float((noisy > 0).mean()) < 0.01


def test_sparks_of_a_burst_do_not_hide_each_other() -> None:
    rng = np.random.default_rng(1)
    image = np.full((360, 640, 3), 8, np.uint8)
    places = [(320 + 36 * x, 150 + 36 * y) for x, y in rng.uniform(-1, 1, (110, 2)) if x * x + y * y < 1]
    for x, y in places:
        cv2.circle(image, (round(x), round(y)), 1, (40, 130, 120), cv2.FILLED)
    found = sparks(image)
    assert found is not None
    assert np.mean([found[round(y), round(x)] > 200 for x, y in places]) > 0.8


def test_there_are_none_by_day() -> None:
    assert sparks(_sky(120)) is None


def test_a_style_leaves_stars_in_the_sky() -> None:
    sky = _sky()
    made = gancam.load("style-oil", device="cpu")(sky)
    assert np.median([made[y + 1, x + 1].max() for x, y in PLACES]) > 180
