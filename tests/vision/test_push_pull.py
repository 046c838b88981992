"""Colours where a picture is transparent."""

import numpy as np

from gancam.vision.push_pull import with_colours_spread


def test_what_is_transparent_takes_the_colours_around_it() -> None:
    image, alpha = np.zeros((40, 61, 3), np.uint8), np.zeros((40, 61), np.uint8)
    image[8:30, 5:20], alpha[8:30, 5:20] = (200, 10, 90), 255
    image[8:30, 45:60], alpha[8:30, 45:60] = (20, 230, 40), 3
    made = with_colours_spread(image, alpha)
    assert np.array_equal(made[alpha > 0], image[alpha > 0])
    assert np.abs(made[5:33, 2:23].astype(int) - (200, 10, 90)).max() <= 40
    assert np.abs(made[0, 0].astype(int) - (200, 10, 90)).max() <= 40
    assert made[19, 62 - 3 :].min() >= 0
    assert abs(int(made[19, 33, 1]) - 120) < 60, "halfway between the two"


def test_what_is_opaque_or_all_transparent_stays_the_array_that_it_is() -> None:
    image = np.full((8, 5, 3), 7, np.uint8)
    assert with_colours_spread(image, np.full((8, 5), 255, np.uint8)) is image
    assert with_colours_spread(image, np.zeros((8, 5), np.uint8)) is image
