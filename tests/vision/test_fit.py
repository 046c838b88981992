"""Sizes in proportion, and pictures in a place of a given size."""

from fractions import Fraction

import numpy as np
import pytest

from gancam.vision.fit import fit, scaled, shrunk, within

SIZES = [(1, 1), (1, 4000), (640, 360), (641, 359), (4096, 3), (177, 1000)]


@pytest.mark.parametrize("size", SIZES)
def test_no_side_is_over_the_longest_and_none_is_lost(size: tuple[int, int]) -> None:
    for longest in (1, 7, 320, 5000):
        small = within(size, longest)
        assert min(small) >= 1
        assert max(small) == min(longest, max(size))
        assert all(abs(one - whole * max(small) / max(size)) <= 1 for one, whole in zip(small, size, strict=True))
    assert within(size, 5000) == size


@pytest.mark.parametrize("size", SIZES)
def test_sizes_are_whole_pixels_and_one_at_least(size: tuple[int, int]) -> None:
    assert scaled(size, 1) == shrunk(size, 1.0) == size
    assert scaled(size, 1e-9) == shrunk(size, 1e9) == (1, 1)
    assert shrunk(size, 1e9, least=32) == (32, 32)
    assert scaled(size, Fraction(1, 2)) == shrunk(size, 2.0)
    assert scaled(scaled(size, 4), 0.25) == size


@pytest.mark.parametrize("size", SIZES)
def test_a_picture_is_fitted_within_black_bars(size: tuple[int, int]) -> None:
    picture = np.full((size[1], size[0], 3), 200, np.uint8)
    fitted = fit(picture, (64, 48))
    assert fitted.shape == (48, 64, 3)
    rows, columns = (fitted.max((axis, 2)) > 0 for axis in (1, 0))
    wide, tall = scaled(size, min(64 / size[0], 48 / size[1]))
    assert (columns.sum(), rows.sum()) == (min(wide, 64), min(tall, 48))
    assert fit(fitted, (64, 48)) is fitted
