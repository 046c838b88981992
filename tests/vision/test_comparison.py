"""Comparisons as drawn: what is where, how large, and that nothing of a neighbour or a bar is mixed in."""

import numpy as np
import pytest

from gancam.frame import Image
from gancam.vision.comparison import Sheet, cut, detail_size, differing, filled


def flat(width: int, height: int, colour: int) -> Image:
    return np.full((height, width, 3), colour, np.uint8)


def test_side_by_side_is_the_pictures_and_a_line_between() -> None:
    sheet = Sheet((64, 36), (64, 36), ["", ""], 2)
    drawn = sheet.draw([flat(64, 36, 40), flat(64, 36, 90)])
    assert drawn.shape == (36, 64 + 2 + 64, 3) == (sheet.total[1], sheet.total[0], 3)
    assert (drawn[:, :64] == 40).all()
    assert (drawn[:, 64:66] == 255).all()
    assert (drawn[:, 66:] == 90).all()


def test_a_smaller_picture_is_scaled_and_one_of_another_shape_gets_bars() -> None:
    drawn = Sheet((64, 36), (64, 36), ["", ""], 2).draw([flat(32, 18, 40), flat(36, 36, 90)])
    assert (drawn[:, :64] == 40).all()
    assert (drawn[:, 66 : 66 + 14] == 0).all()
    assert (drawn[:, 66 + 14 : 66 + 50] == 90).all()


@pytest.mark.parametrize(
    ("size", "target"), [((427, 240), (1280, 720)), ((640, 360), (799, 449)), ((3, 2), (640, 427))]
)
def test_a_picture_whose_shape_differs_by_rounding_gets_no_bars(size: tuple[int, int], target: tuple[int, int]) -> None:
    scaled = filled(flat(*size, 90), target)
    assert scaled.shape == (target[1], target[0], 3)
    assert (scaled == 90).all()


def test_what_is_left_over_of_a_grid_is_black() -> None:
    sheet = Sheet((64, 36), (64, 36), ["", "", ""], 2)
    drawn = sheet.draw([flat(64, 36, colour) for colour in (40, 90, 140)])
    assert drawn.shape == (36 + 2 + 36, 130, 3)
    assert (drawn[36:38] == 255).all()
    assert (drawn[38:, :64] == 140).all()
    assert (drawn[38:, 66:] == 0).all()


def test_a_cut_picture_shows_each_in_its_part() -> None:
    drawn = Sheet((90, 36), (90, 36), ["", "", ""], 0).draw([flat(90, 36, colour) for colour in (40, 90, 140)])
    assert drawn.shape == (36, 90, 3)
    assert [int(drawn[20, x, 0]) for x in (0, 28, 29, 30, 31, 58, 59, 60, 61, 89)] == [
        40, 40, 255, 255, 90, 90, 255, 255, 140, 140,
    ]  # fmt: skip
    sheet = Sheet((90, 36), (90, 36), ["", ""], 0)
    for share, left in ((0.0, 0), (0.2, 18), (1.0, 90)):
        drawn = sheet.draw([flat(90, 36, 40), flat(90, 36, 140)], share)
        assert (drawn == 40).all(axis=(0, 2)).sum() == max(left - 1, 0)


def test_a_bar_stays_in_the_picture() -> None:
    for share in (-1.0, 0.0, 1.0, 2.0):
        place = flat(8, 4, 10)
        cut(place, flat(8, 4, 20), share)
        assert (place == 255).all(axis=(0, 2)).sum() == 1


@pytest.mark.parametrize("columns", [0, 2])
def test_a_detail_is_shown_in_whole_squares_below_each(columns: int) -> None:
    """Its pixels become squares of one colour, with nothing of the label, the outline or the neighbour."""
    before, after = flat(120, 80, 60), flat(120, 80, 60)
    after[40:44, 50:54] = 200
    box = differing([before, after], detail_size((120, 80), 2, beside=columns > 0))
    assert box[0] <= 50 < 54 <= box[0] + box[2]
    assert box[1] <= 40 < 44 <= box[1] + box[3]
    sheet = Sheet((120, 80), (120, 80), ["before", "after"], columns, box)
    drawn = sheet.draw([before, after])
    assert drawn.shape == (sheet.total[1], sheet.total[0], 3)
    below = drawn[82:]
    if columns:  # the halves of a cut picture lose the bar's width, so that edges of squares are between pixels
        assert set(np.unique(below)) == {60, 200, 255}
    times = (120 if columns else 60) // box[2]
    width = below.shape[1] // 2
    assert (below[:, : width - 2] == 60).all()
    assert (
        abs(int(((below[:, width + 2 :, 0] > 130) & (below[:, width + 2 :, 0] < 255)).sum()) - (4 * times) ** 2)
        <= 8 * times
    )


def test_labels_are_written_over_their_own_pictures() -> None:
    whole = Sheet((400, 300), (400, 300), ["before", "after"], 0).draw([flat(400, 300, 120)] * 2)
    assert (whole[:, 60:340][:, 20:] == 120).mean() > 0.97
    for part in (whole[:40, :100], whole[:40, -100:]):
        assert part.max() > 200, "no letters"
        assert part.min() < 60, "no backdrop"
    none = Sheet((400, 300), (400, 300), ["before", ""], 2).draw([flat(400, 300, 120)] * 2)
    assert (none[:, 402:] == 120).all()


@pytest.mark.parametrize("width", [16, 101, 640, 1000])
@pytest.mark.parametrize("columns", [0, 1, 2, 3])
def test_a_width_is_kept(width: int, columns: int) -> None:
    labels = ["a", "b", "c"]
    sheet = Sheet.within(width, (320, 180), labels, columns, (10, 10, 40, 30))
    drawn = sheet.draw([flat(320, 180, 90)] * 3)
    assert (drawn.shape[1], drawn.shape[0]) == sheet.total
    full = Sheet.within(None, (320, 180), labels, columns, None).total[0]
    assert min(width, full) - 3 * max(columns, 1) <= drawn.shape[1] <= width
