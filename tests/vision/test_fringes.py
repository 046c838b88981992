"""Coloured fringes: grey stays grey, what has its own colours keeps them, luma stays."""

import cv2
import numpy as np
import pytest

from gancam.frame import Image
from gancam.vision.chroma import without_fringes
from gancam.vision.planes import Planes
from tests.helpers.small import still


def grey_of(image: Image) -> Image:
    return np.asarray(cv2.merge([cv2.cvtColor(image, cv2.COLOR_BGR2GRAY)] * 3), np.uint8)


def fringed(image: Image, scale: int) -> Image:
    """`image` enlarged, its red moved aside."""
    large = cv2.resize(image, None, fx=scale, fy=scale, interpolation=cv2.INTER_CUBIC)
    large[..., 2] = np.roll(large[..., 2], 2, axis=1)
    return np.asarray(large, np.uint8)


@pytest.mark.parametrize("scale", [2, 4])
def test_of_a_grey_picture_all_stays_grey_and_as_light(scale: int) -> None:
    image = grey_of(still("sign"))
    drawn = fringed(image, scale)
    made = without_fringes(drawn, image)
    assert np.ptp(drawn, axis=2).max() > 50
    assert np.ptp(made, axis=2).max() <= 1
    luma = [cv2.cvtColor(one, cv2.COLOR_BGR2GRAY).astype(int) for one in (drawn, made)]
    assert np.abs(luma[0] - luma[1]).max() <= 2


@pytest.mark.parametrize("name", ["spices", "osprey"])
def test_what_is_right_stays_and_fringes_come_nearer(name: str) -> None:
    large = still(name)
    image = np.asarray(cv2.resize(large, None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA), np.uint8)

    def off(one: Image) -> float:
        return float(np.abs(one.astype(int) - large).mean())

    right = np.asarray(cv2.resize(image, large.shape[1::-1], interpolation=cv2.INTER_CUBIC), np.uint8)
    assert off(without_fringes(right, image)) < off(right) + 0.3
    wrong = fringed(image, 2)
    assert off(without_fringes(wrong, image)) < 0.95 * off(wrong)


def test_the_result_goes_where_it_shall_and_any_size_is_taken() -> None:
    planes = Planes()
    for shape in ((1, 1), (1, 7), (33, 20), (33, 20), (5, 64)):
        image = np.random.default_rng(0).integers(0, 256, (*shape, 3)).astype(np.uint8)
        drawn = fringed(image, 2)
        kept = drawn.copy()
        made = without_fringes(drawn, image, planes)
        assert np.array_equal(drawn, kept)
        assert np.array_equal(without_fringes(drawn, image, planes, out=drawn), made)
        assert np.array_equal(drawn, made)
