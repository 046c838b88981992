"""Black bars: where they are, and that the picture is mirrored into them."""

import cv2
import numpy as np
import pytest

from gancam.vision.bars import find_picture
from tests.helpers.small import still


def framed(top: int, bottom: int, left: int, right: int) -> np.ndarray[tuple[int, ...], np.dtype[np.uint8]]:
    image = np.full((120, 160, 3), 8, np.uint8)  # as codecs leave black
    image[top : 120 - bottom, left : 160 - right] = still("lake")[: 120 - top - bottom, : 160 - left - right]
    return image


@pytest.mark.parametrize("bars", [(20, 20, 0, 0), (0, 0, 30, 30), (12, 12, 20, 20), (0, 9, 0, 0), (0, 0, 0, 0)])
def test_bars_are_found_and_given_back(bars: tuple[int, int, int, int]) -> None:
    image = framed(*bars)
    picture = find_picture(image)
    top, bottom, left, right = bars
    assert tuple(picture) == (slice(top, 120 - bottom), slice(left, 160 - right))
    whole = picture.without_bars(image)
    assert whole.shape == image.shape
    assert np.array_equal(whole[picture], image[picture])
    assert find_picture(whole) == (slice(0, 120), slice(0, 160))
    made = np.full_like(image, 200)
    result = picture.with_bars(made, image)
    assert (result[picture] == 200).all()
    result[picture] = image[picture]
    assert np.array_equal(result, image)


def test_subtitles_belong_to_the_bar() -> None:
    image = framed(24, 24, 0, 0)
    cv2.putText(image, "Where?", (50, 112), cv2.FONT_HERSHEY_SIMPLEX, 0.4, (255, 255, 255), 1)
    assert find_picture(image).rows == slice(24, 96)


def test_a_dark_picture_has_no_bars_and_a_black_one_is_all_bar() -> None:
    rng = np.random.default_rng(0)
    night = np.clip(rng.normal(14, 8, (120, 160, 3)), 0, 255).astype(np.uint8)
    assert find_picture(night) == (slice(0, 120), slice(0, 160))
    for shape in ((120, 160, 3), (1, 1, 3)):
        black = np.zeros(shape, np.uint8)
        picture = find_picture(black)
        assert black[picture].size == 0
        assert np.array_equal(picture.with_bars(picture.without_bars(black) + 9, black), black)
    assert find_picture(np.full((1, 1, 3), 99, np.uint8)) == (slice(0, 1), slice(0, 1))
