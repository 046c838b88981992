"""Glyphs: numbers on bibs and tags are found, and what only stands in a row is not."""

import cv2
import numpy as np
import pytest

from gancam.effects.translation.writing import written
from gancam.frame import Image

SHIRT = 40, 190, 235


def bib(
    text: str, height: int = 34, ink: tuple[int, int, int] = (150, 60, 50), at: tuple[int, int] = (140, 150)
) -> Image:
    """A number on white cloth on something coloured, 360 x 240 pixels."""
    image = np.full((240, 360, 3), SHIRT, np.uint8)
    cv2.rectangle(image, (110, 95), (250, 170), (235, 238, 240), cv2.FILLED)
    cv2.putText(image, text, at, cv2.FONT_HERSHEY_SIMPLEX, height / 22, ink, max(height // 9, 2), cv2.LINE_AA)
    return np.asarray(cv2.GaussianBlur(image, (3, 3), 0), np.uint8)


@pytest.mark.parametrize("text", ["282", "1257", "59"])
def test_a_number_is_found_with_what_is_close_around_its_strokes(text: str) -> None:
    image = bib(text)
    found = written(image)
    strokes = image.max(2) < 190
    assert found[strokes].mean() > 200
    assert found[:90].max() == 0, "not all of the cloth is"
    assert 0.01 < (found > 127).mean() < 0.06


@pytest.mark.parametrize("light", [False, True])
def test_light_digits_on_dark_cloth_are_found_as_dark_ones_on_light_cloth(*, light: bool) -> None:
    image = bib("282")
    found = written(255 - image if light else image)
    assert (found > 127).any()


def test_boards_of_a_fence_spots_and_leaves_are_no_number() -> None:
    image = np.full((240, 360, 3), SHIRT, np.uint8)
    fence = image.copy()
    for x in range(100, 260, 20):
        cv2.rectangle(fence, (x, 100), (x + 9, 140), (40, 40, 40), cv2.FILLED)
    spots = image.copy()
    for x in range(100, 260, 30):
        cv2.ellipse(spots, (x, 120), (8, 14), 0, 0, 360, (40, 40, 40), cv2.FILLED)
    rng = np.random.default_rng(0)
    leaves = cv2.resize(rng.integers(0, 256, (60, 90, 3), np.uint8), (360, 240), interpolation=cv2.INTER_CUBIC)
    for one in (fence, spots, leaves):
        assert not written(np.asarray(one, np.uint8)).any()


def test_numbers_at_the_border_and_pictures_of_any_size_are_taken() -> None:
    assert written(bib("282", at=(-10, 150))).shape == (240, 360)
    assert written(np.zeros((1, 1, 3), np.uint8)).shape == (1, 1)
