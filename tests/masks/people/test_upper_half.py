"""A closer look at the upper half of people in a video: in each frame where it finds a head, else now and then."""

import cv2
import numpy as np
import pytest

from gancam.frame import Image
from gancam.masks.people.looks import Looks
from gancam.masks.people.upper import UpperHalf

SIZE = (144, 256)
WINDOW = 0, 0, 256, 144
RESTS = np.ones(SIZE, np.float32)


def body(*, head: bool) -> np.ndarray:
    found = np.zeros(SIZE, np.float32)
    cv2.rectangle(found, (110, 40), (146, 143), 1, cv2.FILLED)
    if head:
        cv2.circle(found, (128, 36), 8, 1, cv2.FILLED)
    return found


class Nearer(Looks):
    """Finds what is bright, as a network does that is shown somebody near."""

    def __init__(self) -> None:
        self.looks = 0

    def __call__(self, small: Image, *, turned: bool = False) -> np.ndarray:
        self.looks += 1
        return np.asarray(small[..., 0] > 127, np.float32)


def picture() -> Image:
    return np.asarray(cv2.merge([body(head=True) * 255] * 3), np.uint8)


def test_a_head_that_is_found_from_nearer_is_looked_for_in_each_frame() -> None:
    upper, look = UpperHalf(), Nearer()
    for frame in range(20):
        made = upper(body(head=False), picture(), WINDOW, look, 256, adds=False, still=RESTS)
        assert look.looks == frame + 1
        assert made[33, 128] > 0.5
        assert made[130, 128] == 1  # legs are as they were found


@pytest.mark.parametrize(("frames", "looks"), [(1, 1), (15, 1), (16, 2), (46, 4)])
def test_where_both_see_the_same_it_hardly_takes_time(frames: int, looks: int) -> None:
    upper, look = UpperHalf(), Nearer()
    for _ in range(frames):
        found = body(head=True)
        assert upper(found, picture(), WINDOW, look, 256, adds=False, still=RESTS) is found
    assert look.looks == looks


def test_it_ends_once_the_head_is_found_anyway() -> None:
    upper, look = UpperHalf(), Nearer()
    for frame in range(32):
        upper(body(head=frame >= 8), picture(), WINDOW, look, 256, adds=False, still=RESTS)
    assert look.looks == 17  # 15, and one where it is asked again, twice
