"""People whom the side of a window cuts off."""

import numpy as np
from numpy.typing import NDArray

from gancam.masks.people.regions import Window
from gancam.masks.people.seams import View, is_cut, joined

SIZE = 320, 180  # of the frame
SOMEBODY: Window = (60, 80, 200, 60)  # who lies across it


def whole(box: Window = SOMEBODY) -> NDArray[np.uint8]:
    """The opacity of somebody in the frame."""
    opacity = np.zeros(SIZE[::-1], np.uint8)
    x, y, width, height = box
    opacity[y : y + height, x : x + width] = 255
    return opacity


def view(window: Window, box: Window = SOMEBODY) -> View:
    """What a window shows of somebody."""
    left, top, width, height = window
    opacity = whole(box)[top : top + height, left : left + width]
    return View(window, np.asarray(opacity / 255, np.float32), opacity)


def test_who_ends_at_a_windows_side_fades_towards_it() -> None:
    window = 20, 40, 140, 140
    one = view(window)
    assert is_cut(one.decided, window, SIZE)
    opacity = joined([one], None, SIZE)
    row = opacity[110].astype(int)
    assert row[159] < 16
    assert row[:160].max() == 255
    assert np.abs(np.diff(row[70:])).max() < 32  # no edge
    assert (np.diff(row[70:]) <= 0).all()
    np.testing.assert_array_equal(opacity[:, :120], whole()[:, :120])


def test_who_ends_with_the_frame_or_within_the_window_is_left() -> None:
    window = 0, 40, 200, 140
    for box in ((40, 60, 60, 120), (0, 80, 100, 60)):
        one = view(window, box)
        assert not is_cut(one.decided, window, SIZE)
        np.testing.assert_array_equal(joined([one], None, SIZE), whole(box))


def test_who_is_seen_beyond_the_window_does_not_fade() -> None:
    left, right = view((20, 40, 140, 140)), view((120, 40, 160, 140))
    np.testing.assert_array_equal(joined([left], whole(), SIZE), whole())
    np.testing.assert_array_equal(joined([left, right], None, SIZE), whole())


def test_who_is_seen_beyond_it_in_a_window_in_which_they_fade_does() -> None:
    """The second window goes on where the first ends, and ends itself ten pixels from there."""
    left, right = view((20, 40, 140, 140)), view((120, 40, 50, 140))
    row = joined([left, right], None, SIZE)[110].astype(int)
    assert np.abs(np.diff(row[70:])).max() < 32
    assert row[169] < 16


def test_each_fades_as_gently_as_much_of_them_is_cut_off() -> None:
    window = 20, 20, 140, 150
    much, little = view(window, (60, 30, 200, 80)), view(window, (60, 130, 200, 12))
    wide, narrow = (joined([one], None, SIZE) for one in (much, little))
    assert np.count_nonzero(wide[70, :160] == 255) < np.count_nonzero(narrow[136, :160] == 255)


def test_of_whom_little_is_seen_fades_whole() -> None:
    window = 20, 20, 140, 150
    sliver = joined([view(window, (150, 60, 40, 30))], None, SIZE)
    assert sliver[:, :160].max() < 128
    larger = joined([view(window, (100, 60, 90, 30))], None, SIZE)
    assert larger[75, 105] == 255
