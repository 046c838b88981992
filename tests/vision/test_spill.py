"""Colours of what was behind, at the edges of what is cut out."""

import cv2
import numpy as np

from gancam.vision.spill import own_colours


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
