"""The first frames of a file in which people are filled: they are known from the first one on."""

import tracemalloc

import numpy as np

import gancam
from gancam import masks
from gancam.effects.inpainting.prescan import Prescan
from gancam.frame import Frame, Image
from tests.helpers.small import still


class Late(masks.Person):
    """Takes what is red for somebody, from the third frame on that it sees of a scene."""

    def __init__(self) -> None:
        super().__init__()
        self._frames = 0

    def __call__(self, image: Image, *, time: float | None = None) -> masks.Mask:
        """Return 1 where it is red, once it has seen some."""
        self._frames += 1
        return np.asarray((image == (0, 0, 255)).all(2) & (self._frames > 2), np.uint8)

    def reset(self) -> None:
        """Begin anew."""
        self._frames = 0


def test_who_is_found_late_is_known_in_the_first_frame_of_a_file_that_is_read_ahead() -> None:
    clip = []
    for index in range(20):
        image = still("lake").copy()
        image[100:160, 20 + 8 * index : 40 + 8 * index] = 0, 0, 255
        clip.append(Frame(image, index, index / 10))
    erase = gancam.load("inpaint", device="cpu", threads=1, mask=Late())
    erase.read_ahead(lambda: iter(clip))
    for frame in clip:
        assert not (erase(frame.image, time=frame.time) == (0, 0, 255)).all(2).any()


def test_few_large_frames_are_kept_of_the_first() -> None:
    small, large = Prescan(people=True), Prescan(people=True)
    for index in range(20):
        small.belonging(np.full((48, 64, 3), index, np.uint8), np.zeros((48, 64), np.uint8), None)
    assert [int(image[0, 0, 0]) for image in small.opening] == [*range(14, -1, -1), 0, 0]
    for _ in range(4):
        large.belonging(np.zeros((4320, 7680, 3), np.uint8), np.zeros((4320, 7680), np.uint8), None)
    assert len(large.opening) == 1 + 2


def test_the_first_frames_are_held_once() -> None:
    """They are for two rooms, each of which made a copy."""
    frames, nobody = [np.zeros((360, 480, 3), np.uint8) for _ in range(12)], np.zeros((360, 480), np.uint8)
    scout = Prescan(people=True)
    for place in (0, 1):
        scout.belonging(frames[place], nobody, place / 30)
    tracemalloc.start()
    try:
        for place in range(2, 12):
            scout.belonging(frames[place], nobody, place / 30)
        held, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert held < 10 * 1.6 * frames[0].nbytes  # a copy, and its mask, of a third
