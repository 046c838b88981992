"""What moves before a camera that stands still, and where somebody goes."""

import cv2
import numpy as np

from gancam.frame import Image
from gancam.masks.people.course import Course
from gancam.masks.people.deciding import rests
from gancam.masks.people.movers import Movers, moves
from gancam.masks.people.regions import Window
from tests.helpers.small import still

FRAME = (0, 0, 256, 144)


def scene(shift: int = 0, thing: int | None = None) -> Image:
    """A view, `shift` pixels to the side, with a thing of 30 by 60 pixels at that column."""
    wide = np.asarray(cv2.resize(still("skyline"), (320, 144), interpolation=cv2.INTER_AREA), np.uint8)
    image = np.ascontiguousarray(wide[:, shift : shift + 256])
    if thing is not None:
        rough = np.random.default_rng(5).integers(0, 256, (60, 30, 3)).astype(np.uint8)
        image[60:120, thing : thing + 30] = cv2.blur(rough, (3, 3))
    return image


def shown(*images: Image) -> Movers:
    movers, before = Movers(), None
    for image in images:
        movers.look(before, image, None if before is None else rests(before, image))
        before = image
    return movers


def of(left: int) -> np.ndarray[tuple[int, int], np.dtype[np.bool_]]:
    part = np.zeros((144, 256), np.bool_)
    part[60:120, left : left + 30] = True
    return part


def test_what_moves_before_a_camera_that_stands_still_is_told_from_what_stands_there() -> None:
    share = shown(*(scene(thing=60 + 8 * step) for step in range(4))).share(FRAME, FRAME, (144, 256))
    assert moves(share, of(84))
    assert not moves(share, of(180))
    part = (60, 40, 60, 90)
    near = shown(scene(thing=60), scene(thing=68)).share(FRAME, part, (90, 60))
    assert near is not None
    assert near.shape == (90, 60)


def test_nothing_is_said_where_the_camera_moves_or_nothing_was_before() -> None:
    assert not moves(shown(scene(thing=60)).share(FRAME, FRAME, (144, 256)), of(60))
    assert shown(*(scene(4 * step) for step in range(4))).share(FRAME, FRAME, (144, 256)) is None
    again = shown(scene(0), scene(6), scene(6), scene(6))  # of a file that holds frames twice, a pan rests in between
    assert again.share(FRAME, FRAME, (144, 256)) is None
    again.reset()
    assert again.share(FRAME, FRAME, (144, 256)) is None


def test_a_window_is_ahead_of_who_is_quick_and_around_who_is_not() -> None:
    size, course = (400, 300), Course()
    box: Window
    for step in range(5):
        box = (50 + 12 * step, 80, 60, 120)
        wanted = course(box, size)
    assert course.quick
    assert wanted is not None
    assert wanted[0] == box[0]
    assert wanted[0] + wanted[2] > box[0] + box[2] + 12
    unseen = course(None, size)
    assert unseen is not None
    assert abs(unseen[0] - box[0] - 12) <= 3, "where they would be by now"
    assert [course(None, size) for _ in range(5)][-1] is None, "they may have stopped"
    slow = Course()
    for step in range(5):
        assert slow((50 + step, 80, 60, 120), size) == (50 + step, 80, 60, 120)
    assert slow(None, size) is None
    leaving = Course()
    for step in range(5):
        leaving((280 + 15 * step, 80, 60, 120), size)
    rest = leaving(None, size)
    assert rest is not None
    assert rest[0] + rest[2] == 400, "what of them is in the frame"
