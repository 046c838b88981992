"""Blacks and whites: those of a faded picture are spread, a plain one and a full one stay."""

import numpy as np
import pytest

from gancam.effects.translation.levels import Levels


def ramp(black: int, white: int) -> np.ndarray[tuple[int, int], np.dtype[np.uint8]]:
    return np.linspace(black, white, 4000).round().astype(np.uint8).reshape(50, 80)


@pytest.mark.parametrize(("black", "white"), [(0, 255), (60, 230), (0, 140), (110, 255), (70, 190)])
def test_what_is_spread_goes_from_black_to_white(black: int, white: int) -> None:
    grey = ramp(black, white)
    made = Levels.of(grey).spread(grey)
    assert made.min() <= 2
    assert made.max() >= 253
    assert np.all(np.diff(made.astype(int).ravel()) >= 0)


@pytest.mark.parametrize("level", [0, 9, 128, 255])
def test_what_is_plain_stays(level: int) -> None:
    grey = np.full((20, 30), level, np.uint8)
    assert np.array_equal(Levels.of(grey).spread(grey), grey)


@pytest.mark.parametrize(("black", "white"), [(100, 150), (0, 60), (180, 255), (90, 180)])
def test_the_more_there_is_to_see_the_more_it_is_spread_and_never_beyond_bounds(black: int, white: int) -> None:
    grey = ramp(black, white)
    found = Levels.of(grey)
    assert 1 <= found.contrast <= 2.51
    made = found.spread(grey).astype(int)
    assert made.max() - made.min() <= 2.51 * (white - black) + 2


def test_dust_is_neither_black_nor_white() -> None:
    grey = ramp(80, 180)
    grey.ravel()[[100, 2000, 3500]] = 255
    assert Levels.of(grey).white < 200


def test_levels_follow_slowly() -> None:
    old, new = Levels(0, 255), Levels(100, 200)
    assert new.after(None) == new
    begun = new.after(old)
    assert 0 < begun.black < 20
    for _ in range(100):
        begun = new.after(begun)
    assert begun == pytest.approx(new, abs=0.1)
