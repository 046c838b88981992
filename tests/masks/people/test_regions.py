"""Windows around people for a closer look."""

import cv2
import numpy as np
from numpy.typing import NDArray

from gancam.masks.people import regions
from gancam.masks.people.regions import Window

FRAME = 640, 360


def found_at(
    *boxes: Window, window: Window = (0, 0, *FRAME), shape: tuple[int, int] = (144, 256)
) -> NDArray[np.float32]:
    """What a network that is shown `window` says of people who are boxes."""
    whole = np.zeros(FRAME[::-1], np.float32)
    for x, y, width, height in boxes:
        whole[y : y + height, x : x + width] = 1
    left, top, width, height = window
    part = whole[top : top + height, left : left + width]
    return np.asarray(cv2.resize(part, shape[::-1], interpolation=cv2.INTER_AREA), np.float32)


def test_people_are_found_where_they_are() -> None:
    one, other, speck = (400, 100, 80, 200), (100, 150, 50, 100), (10, 10, 4, 4)
    boxes = regions.boxes_above(found_at(one, other, speck), (0, 0, *FRAME), 0.5)
    assert np.abs(np.subtract(boxes, [one, other])).max() <= 5  # two of its pixels
    window = 380, 80, 130, 240
    (near,) = regions.boxes_above(found_at(one, other, window=window), window, 0.5)
    assert np.abs(np.subtract(near, one)).max() <= 2
    assert regions.people_in(found_at(), (0, 0, *FRAME)) is None
    assert regions.people_in(found_at(one, other), (0, 0, *FRAME)) == regions.united(boxes)


def test_a_window_leaves_room_and_more_where_somebody_is_cut_off() -> None:
    person = 300, 160, 80, 200
    window = regions.window_around(person, FRAME)
    assert window == (250, 110, 180, 250)  # to the lower side of the frame
    assert not regions.is_close(person, window, FRAME)
    assert not regions.is_cut_off(person, window, FRAME)
    assert regions.is_close((245, 160, 80, 200), window, FRAME)
    cut = 260, 110, 170, 250
    assert regions.is_cut_off(cut, window, FRAME)
    left, top, width, _ = regions.window_around(cut, FRAME, window)
    assert (top, left + width) == (0, 580)  # six tenths of 250 pixels more above and to the right
    assert left > 190
    assert min(regions.window_around((0, 0, 2, 2), FRAME)[2:]) >= 16


def test_what_was_found_stays_where_it_is_when_the_window_moves() -> None:
    person = 300, 160, 80, 120
    before, now = (250, 100, 200, 200), (270, 130, 160, 180)
    moved = regions.carried(found_at(person, window=before), before, now, (192, 176))
    assert moved.shape == (192, 176)
    assert np.abs(moved - found_at(person, window=now, shape=(192, 176))).mean() < 0.02
    same = found_at(person, window=before)
    np.testing.assert_allclose(regions.carried(same, before, before, same.shape), same, atol=1e-6)


def test_windows_that_share_much_are_joined() -> None:
    assert regions.overlap((0, 0, 100, 100), (50, 0, 100, 100))
    assert not regions.overlap((0, 0, 100, 100), (90, 0, 100, 100))
    assert not regions.overlap((0, 0, 100, 100), (200, 200, 100, 100))
    assert regions.united([(0, 10, 20, 30), (15, 0, 20, 20)]) == (0, 0, 35, 40)
    assert regions.holds((10, 10, 20, 20), (15, 15, 4, 4))
    assert not regions.holds((10, 10, 20, 20), (25, 15, 20, 4))
