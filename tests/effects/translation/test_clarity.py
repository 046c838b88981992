"""Clarity: weak shapes are brought out; edges, flat places and noise are not."""

from typing import get_args

import numpy as np
import pytest

from gancam.effects.translation.clarity import Outlined, with_clarity
from gancam.effects.translation.features import Features
from gancam.sources import TestPattern
from gancam.vision.planes import Planes

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


def gravel(level: int = 120, height: int = 240, width: int = 320) -> np.ndarray:
    """Spots of all greys, two pixels wide."""
    spots = RNG.integers(level - 60, level + 60, (height // 2, width // 2, 1), np.uint8)
    return spots.repeat(2, 0).repeat(2, 1).repeat(3, 2)


def test_what_is_full_of_fine_detail_is_no_shape() -> None:
    """Gravel, grass and leaves were raised as a face is, and drawn as a scribble."""
    image = gravel()
    assert with_clarity(image)[40:-40, 40:-40].std() < 0.95 * image[40:-40, 40:-40].std()
    letters = scene()
    letters[60:180, 84:180] = gravel(130)[60:180, 84:180] // 130 * 100 + 30
    apart = with_clarity(letters)[60:180, 84:180].std()
    assert apart > 0.9 * letters[60:180, 84:180].std(), "strong edges keep all but a little"


def test_what_is_a_little_rough_is_even_but_on_a_face() -> None:
    """Of plaster, asphalt and gravel a comic made black stubble."""
    spots = np.where(RNG.random((180, 320, 1)) < 0.5, 112, 130).astype(np.uint8)
    rough = spots.repeat(2, 0).repeat(2, 1).repeat(3, 2)
    face = Features((160.0, 180.0), 100.0, np.zeros((5, 2)))
    bare, faced = (with_clarity(rough, even=True, faces=faces)[60:-60] for faces in ((), (face,)))
    assert bare.std() < 0.85 * with_clarity(rough)[60:-60].std()
    assert faced[110:130, 150:170].std() > 1.2 * bare[110:130, 150:170].std()
    np.testing.assert_array_equal(faced[:, 400:], bare[:, 400:])


def pale(step: int = 20) -> np.ndarray:
    """A wall of 240, a shirt that is darker by `step`, and dots of that on the wall."""
    image = np.full((360, 640, 3), 240, np.uint8)
    image[100:, 120:300] -= np.uint8(step)
    for y in range(20, 340, 8):
        for x in range(420, 600, 8):
            image[y : y + 4, x : x + 4] -= np.uint8(step)
    return image


def test_pale_things_before_a_pale_wall_get_an_outline() -> None:
    """A white shirt before a white wall was white paper in a sketch."""
    image = pale()
    change = with_clarity(image, outlined="pale").astype(int) - with_clarity(image)
    edge, dots = change[180:340, 120:126], change[60:300, 440:580]
    assert change.max() <= 0, "nothing becomes lighter"
    assert edge.min(axis=(1, 2)).max() < -10, "the darker side of the edge, all along"
    assert (change[180:340, 60:110] == 0).all(), "not the lighter one"
    assert (change[180:340, 160:260] == 0).all(), "nor within"
    assert dots.mean() > 0.1 * edge.mean(), "dots are no outline"


def test_of_white_things_light_skin_is_none() -> None:
    """In paint an outline within a light face is a brown blot."""
    white, skin = pale(), pale()
    skin[..., 0] -= np.uint8(80)
    for image, outlined in ((white, True), (skin, False)):
        change = with_clarity(image, outlined="white").astype(int) - with_clarity(image)
        assert (change[180:340, 120:126].min() < -8) == outlined
        assert change.any() == outlined


def test_what_is_dark_needs_no_outline() -> None:
    dark = pale() - np.uint8(120)
    np.testing.assert_array_equal(with_clarity(dark, outlined="pale"), with_clarity(dark))


def test_it_works_in_given_arrays_as_in_new_ones() -> None:
    planes = Planes()
    for image in (scene(), pale(), scene(90, 121), gravel()):
        for outlined in get_args(Outlined):
            again = with_clarity(image, 1.0, planes, outlined=outlined)
            np.testing.assert_array_equal(again, with_clarity(image, outlined=outlined))


def test_ripples_all_over_snow_get_less_of_an_outline_than_a_line_by_itself() -> None:
    rows = np.arange(360)[:, None, None]

    def outline(dark: np.ndarray) -> int:
        image = np.where(dark, 208, 220).astype(np.uint8) * np.ones((1, 640, 3), np.uint8)
        plain, outlined = (with_clarity(image, outlined=way).astype(int) for way in ("nothing", "pale"))
        return int((plain - outlined)[100:260, 100:540].max())

    assert 0 < outline(rows % 30 < 6) < 0.4 * outline(np.abs(rows - 180) < 3)
