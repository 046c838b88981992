"""Pieces of people beside their mask: marked where the scene is plain, and where the network saw somebody at all."""

from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from gancam.frame import Image
from gancam.masks import Mask, Person
from gancam.masks.people.strays import strays, without_islands
from tests.helpers.small import still

SIZE = 320, 240  # width, height
HAIR, SKIN, PEARL = (30, 40, 60), (120, 150, 200), (240, 240, 240)
Plane = NDArray[np.float32]


def wall(light: int = 150, slope: int = 60, noise: float = 2.0) -> Image:
    """A wall that becomes darker to one side."""
    across = np.linspace(light, light - slope, SIZE[0])[None, :, None]
    grain = np.random.default_rng(0).normal(0, noise, (SIZE[1], SIZE[0], 3))
    return np.asarray(np.clip(across + np.array([10, 0, -10]) + grain, 0, 255), np.uint8)


def somebody(image: Image) -> Mask:
    """Draw somebody with a round head into `image`; returns where they are, a little too much."""
    marked = np.zeros(image.shape[:2], np.uint8)
    for picture, colours, more in ((image, (HAIR, SKIN), 0), (marked, (255, 255), 2)):
        cv2.circle(picture, (160, 100), 50 + more, colours[0], -1)
        cv2.ellipse(picture, (160, 240), (90 + more, 90 + more), 0, 0, 360, colours[1], -1)
    return marked


def drawn(image: Image, points: list[tuple[int, int]], width: int, colour: tuple[int, int, int]) -> Mask:
    """Draw a line into `image`; returns where it is."""
    line = np.zeros(image.shape[:2], np.uint8)
    cv2.polylines(line, [np.array(points, np.int32)], isClosed=False, color=255, thickness=width)
    image[line > 0] = colour
    return line


def guess(marked: Mask, *pieces: Mask) -> Plane:
    """What a network says of a small picture: much of who is `marked`, a little of the `pieces`."""
    whole = np.maximum.reduce([marked // 2, *(piece // 3 for piece in pieces)])
    blurred = cv2.GaussianBlur(whole, (0, 0), 2).astype(np.float32) / 255
    return np.asarray(cv2.resize(blurred, (160, 120), interpolation=cv2.INTER_AREA), np.float32)


CURLS = [(112, 80), (100, 90), (108, 100), (98, 112), (106, 122)]
EARRING = [(220, 96), (219, 116)]


@pytest.mark.parametrize(("light", "slope"), [(150, 60), (60, 20), (230, 10), (90, -60)])
def test_curls_and_an_earring_are_marked_before_a_wall(light: int, slope: int) -> None:
    image = wall(light, slope)
    marked = somebody(image)
    curls, earring = drawn(image, CURLS, 3, HAIR if light > 80 else SKIN), drawn(image, EARRING, 5, PEARL)
    if light == 230:  # before which a pearl is nothing
        earring = drawn(image, EARRING, 5, HAIR)
    found = strays(image, marked, guess(marked, curls, earring)) | marked
    assert (found[curls > 0] > 0).mean() > 0.98
    assert (found[earring > 0] > 0).mean() > 0.98
    assert cv2.dilate(marked | curls | earring, np.ones((19, 19), np.uint8))[found > 0].all()


def test_half_transparent_frizz_around_hair_is_marked_whole() -> None:
    image = wall()
    marked = somebody(image)
    frizz = np.zeros(SIZE[::-1], np.float32)
    cv2.circle(frizz, (160, 100), 56, 1.0, 6)
    frizz *= np.asarray(np.random.default_rng(1).uniform(0, 0.8, SIZE[::-1]), np.float32)
    frizz[marked > 0] = 0
    frizz[170:] = 0
    image = np.asarray(image * (1 - frizz[..., None]) + np.array(HAIR) * frizz[..., None], np.uint8)
    found = strays(image, marked, guess(marked, np.asarray(frizz > 0, np.uint8) * 255))
    assert (found[frizz > 0.2] > 0).mean() > 0.98
    assert (strays(image, marked, guess(marked))[frizz > 0.2] > 0).mean() > 0.4  # where the network knows nothing of it


def test_things_of_the_scene_stay() -> None:
    """A plain wall; and a post that goes on, and a chair's knob, which the network takes for nobody."""
    image = wall()
    marked = somebody(image)
    assert np.count_nonzero(strays(image, marked, guess(marked)) & (255 - marked)) < 0.005 * np.count_nonzero(marked)
    post, knob = drawn(image, [(108, 90), (0, 90)], 5, HAIR), drawn(image, EARRING, 5, PEARL)
    found = strays(image, marked, guess(marked))
    assert not found[knob > 0].any()
    assert (found[post > 0] > 0).mean() < 0.1


def test_before_a_busy_scene_the_mask_hardly_grows() -> None:
    otters = np.asarray(cv2.resize(still("otters"), SIZE, interpolation=cv2.INTER_AREA), np.uint8)
    leaves = np.random.default_rng(2).integers(0, 255, (60, 80, 3), np.uint8)
    for image in (otters, np.asarray(cv2.resize(leaves, SIZE, interpolation=cv2.INTER_NEAREST), np.uint8)):
        marked = somebody(image)
        grown = strays(image, marked, guess(marked)) & (255 - marked)
        assert np.count_nonzero(grown) < 0.05 * np.count_nonzero(marked)
        assert cv2.distanceTransform(255 - marked, cv2.DIST_L2, 5)[grown > 0].max() < 7


def test_small_holes_are_filled_and_wide_gaps_are_not() -> None:
    image = wall()
    marked = somebody(image)
    marked[95:100, 150:156] = 0
    image[195:225, 130:190] = wall()[195:225, 130:190]  # between an arm and the body, say
    marked[195:225, 130:190] = 0
    found = strays(image, marked, guess(marked))
    assert found[95:100, 150:156].all()
    assert not found[202:218, 138:182].any()


@pytest.mark.parametrize("size", [(1, 1), (3, 40), (64, 48)])
def test_nobody_and_nothing_else_leave_nothing(size: tuple[int, int]) -> None:
    image, likely = np.full((size[1], size[0], 3), 90, np.uint8), np.zeros((16, 32), np.float32)
    for level in (0, 255):
        marked = np.full(size[::-1], level, np.uint8)
        assert not strays(image, marked, likely).any()
    marked[0, 0] = 0
    assert strays(image, marked, likely).shape == marked.shape


def test_what_is_left_of_somebody_in_an_image_by_itself_is_marked_but_a_clip_is_as_it_was() -> None:
    people = cv2.imread(str(Path(__file__).parents[3] / "samples" / "people.jpg"))
    assert people is not None
    image = np.asarray(people, np.uint8)
    hood = slice(170, 190), slice(348, 366)  # its dark lining before the wall
    alone, clip = Person(wide=True)(image), Person(wide=True)(image, time=0.0)
    assert (alone >= clip).all()
    assert clip.sum() < alone.sum() < 1.05 * clip.sum()
    dark = image[hood].max(axis=2) < 140
    assert alone[hood][dark].mean() > 0.99


def test_small_islands_of_the_scene_are_marked_and_wide_ones_and_bays_are_not() -> None:
    marked = np.zeros((200, 300), np.uint8)
    marked[40:, 20:280] = 130
    marked[100:115, 60:80] = 0  # between two heads
    marked[80:160, 120:170] = 0  # between an arm and a body
    marked[190:, 200:210] = 0  # between two legs, at the picture's edge
    marked[40:52, 240:250] = 0  # beside a neck: the scene goes on above
    filled = without_islands(marked)
    assert (filled[100:115, 60:80] == 255).all()
    filled[100:115, 60:80] = 0
    np.testing.assert_array_equal(filled, marked)
    nobody = np.zeros((20, 30), np.uint8)
    assert without_islands(nobody) is nobody
