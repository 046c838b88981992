"""Black bars: where they are, and that the picture is mirrored into them."""

import cv2
import numpy as np
import pytest

from gancam.frame import Image
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
    night = np.clip(rng.normal(9, 6, (120, 160, 3)), 0, 255).astype(np.uint8)
    assert find_picture(night) == (slice(0, 120), slice(0, 160))
    for shape in ((120, 160, 3), (1, 1, 3)):
        black = np.zeros(shape, np.uint8)
        picture = find_picture(black)
        assert black[picture].size == 0
        assert np.array_equal(picture.with_bars(picture.without_bars(black) + 9, black), black)
    assert find_picture(np.full((1, 1, 3), 99, np.uint8)) == (slice(0, 1), slice(0, 1))


def night() -> Image:
    """Fireworks and a moon, lit from its right, before a sky that is black to the edges of the picture."""
    image = np.full((180, 320, 3), 2, np.uint8)
    lit = np.clip(np.arange(120) * 3 - 40, 0, 255).astype(np.uint8)
    moon = np.zeros((120, 120), np.uint8)
    cv2.circle(moon, (60, 60), 58, 255, -1, cv2.LINE_AA)
    image[30:150, 60:180] = np.maximum(image[30:150, 60:180], np.minimum(lit, moon)[..., None])
    for angle in range(0, 360, 15):
        way = np.array([np.cos(np.radians(angle)), np.sin(np.radians(angle))])
        cv2.line(image, (220, 80), tuple(int(x) for x in (220, 80) + 50 * way), (90, 160, 255), 1, cv2.LINE_AA)
    return image


def test_the_dark_margin_of_a_photo_is_no_bar() -> None:
    """A planet was cut off by a straight line, and a night sky had a frame that was left as it was."""
    image = night()
    whole = slice(0, 180), slice(0, 320)
    assert find_picture(image) == whole
    assert find_picture(image, still=False) == whole
    planet = np.zeros((180, 320, 3), np.uint8)
    planet[:, 60:200] = np.clip(np.arange(140) * 2, 0, 255).astype(np.uint8)[:, None]  # of which the frame sees a part
    limb = np.zeros((180, 320), np.uint8)
    cv2.circle(limb, (60, 90), 130, 1, -1)
    planet *= limb[..., None]
    assert find_picture(planet) == whole
    disc = np.zeros((180, 180, 3), np.uint8)
    cv2.circle(disc, (90, 90), 78, (60, 160, 220), -1)
    assert find_picture(disc) == (slice(0, 180), slice(0, 180))
    assert find_picture(disc, still=False) == (slice(0, 180), slice(0, 180))


@pytest.mark.parametrize("bars", [(20, 20, 0, 0), (0, 0, 30, 30), (12, 12, 20, 20), (0, 30, 0, 0)])
def test_bars_of_a_dark_film_are_found(bars: tuple[int, int, int, int]) -> None:
    """In a video, where half of the scene is black; and where all is of which the upper bar's edge would be seen."""
    top, bottom, left, right = bars
    image = framed(*bars)
    picture = slice(top, 120 - bottom), slice(left, 160 - right)
    dark = image.copy()
    dark[picture] = (image[picture] * 0.35).astype(np.uint8)
    assert find_picture(dark, still=False) == picture
    if top == bottom > 0:
        cv2.ellipse(dark, (80, top), (60, 18), 0, 0, 360, (4, 4, 4), -1)  # a hill, upside down
        dark[: top + 2] = 4
        assert find_picture(dark, still=False) == picture
        assert find_picture(image, still=True) == picture
