"""Clarity: weak shapes are brought out; edges, flat places and noise are not."""

import numpy as np
import pytest

from gancam.sources import TestPattern
from gancam.vision.clarity import with_clarity

RNG = np.random.default_rng(0)


def scene(height: int = 240, width: int = 320) -> np.ndarray:
    """A flat wall; spots that differ by 12 levels, 8 pixels wide; and a step of 120 levels."""
    image = np.full((height, width, 3), 130, np.uint8)
    for y in range(20, 220, 24):
        for x in range(84, 180, 24):
            image[y : y + 8, x : x + 8] -= 12
    image[:, 240:] = 250
    return image


def test_weak_shapes_differ_more_and_edges_and_walls_stay() -> None:
    image = scene()
    clear = with_clarity(image).astype(int)
    spots = np.s_[92:100, 108:116]
    between = np.s_[104:112, 120:128]
    before = image[between].mean() - image[spots].mean()
    after = clear[between].mean() - clear[spots].mean()
    assert before == 12
    assert 1.4 * before < after < 2.5 * before
    assert (clear[:, :56] == 130).all(), "a wall"
    assert np.abs(clear[:, 300:] - 250).max() <= 1, "a wall beside an edge"
    assert np.abs(clear - image)[:, 225:255].max() <= 6, "an edge has no halo"


def test_noise_is_not_raised() -> None:
    noisy = np.clip(130 + RNG.normal(0, 3, (240, 320, 1)), 0, 255).round().astype(np.uint8).repeat(3, 2)
    assert np.abs(with_clarity(noisy).astype(int) - noisy).max() <= 1


def test_more_is_more_and_none_is_the_picture_itself() -> None:
    image = scene()
    change = [np.abs(with_clarity(image, amount).astype(int) - image).mean() for amount in (0.5, 1.0, 2.0)]
    assert change[0] < change[1] < change[2]
    assert with_clarity(image, 0.0) is image


@pytest.mark.parametrize("shape", [(1, 1), (1, 7), (2, 3), (33, 1), (17, 41)])
def test_any_size_keeps_its_colours(shape: tuple[int, int]) -> None:
    image = RNG.integers(60, 200, (*shape, 3), np.uint8)
    clear = with_clarity(image)
    assert clear.shape == image.shape
    differences = clear.astype(int) - image
    assert (differences == differences[..., :1]).all(), "all channels by the same"


def test_flat_places_beside_strong_ones_are_no_roots_of_less_than_nothing() -> None:
    """Sums of a box filter are rounded: beside edges those of squares were below 0, and a picture was refused."""
    for frame in TestPattern((1280, 720), frames=8):
        image = frame.image
        with np.errstate(all="raise"):
            clear = with_clarity(image)
        assert np.abs(clear.astype(int) - image).max() < 60
