"""Overlapping pieces laid over a hole: where they are cut, where they are mixed, what is left alone."""

import numpy as np

from gancam.effects.inpainting.pieces import Level, Matches, cut, joined, mean, usable
from gancam.effects.inpainting.regions import Floats

STRIDE, ROWS, COLUMNS = 4, 40, 60
SHIFT = 240  # pixels to the left, where what is taken lies


def two_pieces(bright: float, dark: float) -> tuple[Level, Matches]:
    """A hole whose patches found a `bright` plain above a slanting line, a `dark` one below; some fit much better."""
    picture = np.full((ROWS * STRIDE * 2, COLUMNS * STRIDE * 2, 3), bright, np.float32)
    picture[ROWS * STRIDE :] = dark
    y, x = (each / STRIDE for each in np.mgrid[: picture.shape[0], SHIFT : picture.shape[1]])
    picture[:, SHIFT:][y - 22 > 0.6 * (x - 87)] = dark  # what is around the hole agrees
    hole = np.zeros(picture.shape[:2], np.bool_)
    hole[40 : 40 + 100, SHIFT + 20 : SHIFT + 200] = True
    picture[hole] = 128
    row, column = (each.ravel() for each in np.mgrid[8:32, 63:107])
    below = (row - 20) > 0.6 * (column - 85)
    found_row = np.where(below, ROWS * STRIDE + row, row * STRIDE)
    unlike = np.random.default_rng(0).uniform(0, 400, len(row)).astype(np.float32)
    return Level(picture, hole, hole, STRIDE), Matches(row, column, found_row, column * STRIDE - SHIFT, unlike)


def border(made: Floats, level: Level) -> np.ndarray:
    """Of each column across the line, the first row that is rather dark."""
    inner = made[44:136, SHIFT + 60 : SHIFT + 160, 0]
    assert level.hole[44:136, SHIFT + 60 : SHIFT + 160].all()
    return np.asarray((inner < 120).argmax(0), np.float64)


def test_pieces_that_differ_are_cut_sharply_along_a_round_line() -> None:
    """The mean of patches of which some fit much better ends in their corners."""
    level, matches = two_pieces(200, 40)
    made, corners = cut(level, matches), mean(level, matches, usable(matches.unlike))
    away = []
    for each in (made, corners):
        line = border(each, level)
        across = np.arange(len(line))
        away.append(float(np.abs(line - np.polyval(np.polyfit(across, line, 1), across)).max()))
    assert away[0] < 3.5
    assert away[1] > 5
    steepest = np.abs(np.diff(made[44:136, SHIFT + 60 : SHIFT + 160, 0], axis=0)).max(0)
    assert np.median(steepest) > 30


def test_pieces_that_nearly_agree_are_mixed() -> None:
    level, matches = two_pieces(124, 112)
    made = cut(level, matches)[44:136, SHIFT + 60 : SHIFT + 160, 0]
    assert made.max() - made.min() > 11
    assert np.abs(np.diff(made, axis=0)).max() < 3


def test_only_the_hole_is_filled_and_only_where_something_was_found() -> None:
    level, matches = two_pieces(200, 40)
    nothing = matches._replace(unlike=np.full_like(matches.unlike, np.inf))
    for found, changes in ((matches, True), (nothing, False)):
        for made in (cut(level, found), mean(level, found, usable(found.unlike))):
            assert np.array_equal(made[~level.hole], level.picture[~level.hole])
            assert np.array_equal(made, level.picture) is not changes


def test_what_joins_pieces_is_nothing_where_they_are_the_same() -> None:
    same, near, apart = (joined(*two_pieces(*levels)) for levels in ((120, 120), (124, 112), (200, 40)))
    assert np.abs(same.change).max() < 1e-3
    assert same.cut == near.cut == 0
    assert np.abs(near.change).max() > 2
    assert apart.cut > 0.1
