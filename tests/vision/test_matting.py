"""Edges of people at the size of the frame."""

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from gancam.frame import Image
from gancam.vision.matting import matte, own_colours

SIZE = (640, 360)


def disc(radius: int, behind: tuple[int, int, int], grain: float = 0.0) -> tuple[NDArray[np.float32], Image]:
    """Somebody who is round: how much of each pixel is them, and the frame."""
    large = np.zeros((SIZE[1] * 4, SIZE[0] * 4), np.uint8)
    cv2.circle(large, (1280, 720), radius * 4, 255, -1)
    share = cv2.resize(large, SIZE, interpolation=cv2.INTER_AREA).astype(np.float32) / np.float32(255)
    image = share[..., None] * (60, 70, 120) + (1 - share[..., None]) * behind
    image += np.random.default_rng(1).normal(0, grain, image.shape)
    return share, np.asarray(np.clip(image.round(), 0, 255), np.uint8)


def seen(image: Image, radius: int) -> tuple[NDArray[np.float32], Image]:
    """What a network says that takes them to be of that radius, and what it was shown."""
    small = np.asarray(cv2.resize(image, (256, 144), interpolation=cv2.INTER_AREA), np.uint8)
    return np.asarray(cv2.resize(disc(radius, (0, 0, 0))[0], (256, 144), interpolation=cv2.INTER_AREA)), small


@pytest.mark.parametrize("radius", [97, 100, 103])
@pytest.mark.parametrize("grain", [0.0, 4.0])
def test_edges_are_those_of_the_frame(radius: int, grain: float) -> None:
    """The network is wrong by some pixels of the frame: the colours tell where somebody ends."""
    share, image = disc(100, (190, 170, 120), grain)
    found, small = seen(image, radius)
    opacity = matte(found, small, image).astype(np.float32) / 255
    assert np.abs(opacity - share).sum() < 0.6 * np.abs(cv2.resize(found, SIZE) - share).sum() + 150
    assert ((opacity > 0.1) & (opacity < 0.9)).sum() < 2.5 * 2 * np.pi * 100, "pixels of an edge that is some 600 long"


def test_where_colours_tell_nothing_an_edge_is_as_crisp() -> None:
    share, image = disc(100, (60, 70, 120))
    opacity = matte(*seen(image, 100), image).astype(np.float32) / 255
    assert np.abs(opacity - share).max() < 0.6
    assert ((opacity > 0.1) & (opacity < 0.9)).sum() < 4 * 2 * np.pi * 100


def test_what_the_network_is_sure_of_stays() -> None:
    """Somebody has the colour of the wall in the middle: no hole is there."""
    share, image = disc(100, (190, 170, 120))
    image[150:210, 300:340] = (190, 170, 120)
    opacity = matte(*seen(image, 100), image)
    assert (opacity[share > 0][cv2.erode(share, np.ones((15, 15)))[share > 0] > 0.99] == 255).all()
    assert (opacity[cv2.dilate(share, np.ones((15, 15))) == 0] == 0).all()


@pytest.mark.parametrize("size", [(640, 360), (33, 1), (1, 1), (1001, 17)])
def test_all_and_nothing(size: tuple[int, int]) -> None:
    image = np.full((size[1], size[0], 3), 90, np.uint8)
    small = np.zeros((32, 64, 3), np.uint8)
    for level in (0, 1):
        assert (matte(np.full((32, 64), level, np.float32), small, image) == 255 * level).all()
    half = np.zeros((32, 64), np.float32)
    half[:, :32] = 1
    assert matte(half, small, image).shape == image.shape[:2]


def test_edges_lose_the_colour_of_what_was_behind() -> None:
    opacity = np.zeros((240, 320), np.uint8)
    cv2.circle(opacity, (160, 130), 70, 255, -1)
    opacity = np.asarray(cv2.GaussianBlur(opacity, (0, 0), 3), np.uint8)
    share = opacity[..., None] / 255
    front, behind = np.array([30, 40, 60]), np.array([200, 255, 230])
    image = np.round(share * front + (1 - share) * behind).astype(np.uint8)
    before = image.copy()
    found = own_colours(image, opacity)
    assert np.array_equal(image, before)
    assert np.array_equal(found[opacity == 255], image[opacity == 255])
    edge = (opacity > 60) & (opacity < 255)
    assert np.abs(image[edge].astype(int) - front).max() > 90
    assert np.abs(found[edge].astype(int) - front).max() < 30


def test_detail_stays_where_the_mask_is_not_sure() -> None:
    image = np.random.default_rng(0).integers(90, 160, (48, 64, 3), np.uint8)
    image = np.asarray(cv2.GaussianBlur(image, (3, 3), 0), np.uint8)
    found = own_colours(image, np.full((48, 64), 128, np.uint8))
    mean = cv2.blur(image, (3, 3))
    assert np.corrcoef((image.astype(int) - mean).ravel(), (found.astype(int) - mean).ravel())[0, 1] > 0.5


def test_all_and_nothing_of_it_is_no_matter() -> None:
    image = np.full((1, 1, 3), 77, np.uint8)
    assert np.array_equal(own_colours(image, np.full((1, 1), 255, np.uint8)), image)
    assert own_colours(image, np.zeros((1, 1), np.uint8)).shape == (1, 1, 3)
