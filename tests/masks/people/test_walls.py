"""The wall that a network half took for somebody."""

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from gancam.frame import Image
from gancam.masks.people.walls import without_walls

WALL, HAIR = (190, 195, 200), (30, 40, 60)
CAP = slice(35, 46), slice(100, 156)  # above somebody's head
STRAND = slice(35, 46), slice(126, 129)


def shown(wall: tuple[int, int, int] = WALL) -> Image:
    """Somebody of 56 pixels' width before a wall, with a strand of hair that stands up; under a camera's noise."""
    random = np.random.default_rng(0)
    small = np.empty((144, 256, 3), np.float64)
    small[:] = wall
    small[46:, 100:156] = small[STRAND] = HAIR
    small[46:, 100:156] += random.normal(0, 15, (98, 56, 1))  # hair shines
    return np.asarray(np.clip(small + random.normal(0, 2, small.shape), 0, 255), np.uint8)


def said(cap: float = 0.85) -> NDArray[np.float32]:
    """What a network says of them, which is so sure of the cap of wall around that strand."""
    found = np.zeros((144, 256), np.float32)
    found[46:, 100:156] = 1
    found[CAP] = cap
    return found


def test_a_cap_of_wall_goes_and_hair_in_it_stays() -> None:
    found = said()
    made = without_walls(found, shown())
    wall = np.ones(found.shape, np.bool_)
    wall[STRAND] = False
    assert np.mean(made[CAP][wall[CAP]] < 0.45) > 0.8
    assert (made[STRAND] > 0.8).all()
    assert (made <= found).all(), "nobody is added"


def test_what_is_sure_stays() -> None:
    """A white patch on a dark coat is no wall."""
    small = shown()
    small[80:100, 110:140] = WALL
    assert (without_walls(said(), small)[46:, 100:156] == 1).all()


def test_pale_print_on_a_shirt_is_no_wall() -> None:
    """Its lines were holes in somebody's shoulder, which came and went."""
    small, found = shown(), said()
    found[50:64, 104:152] = 0.6
    small[52:62:4, 108:148] = WALL
    small[52:62, 112:146:6] = WALL
    made = without_walls(found, small)
    assert (made[52:62, 108:148] > 0.45).mean() > 0.95
    assert np.mean(made[36:45, 104:122] < 0.45) > 0.8, "the wall above goes"


def test_who_looks_like_the_wall_stays() -> None:
    found = said()
    assert np.abs(without_walls(found, shown(HAIR)) - found).max() < 0.1


def test_a_room_of_many_colours_tells_nothing() -> None:
    room = np.random.default_rng(1).integers(0, 256, (18, 32, 3)).astype(np.uint8)
    small = np.asarray(cv2.resize(room, (256, 144), interpolation=cv2.INTER_NEAREST), np.uint8)
    small[46:, 100:156] = HAIR
    found = said()
    assert np.mean(without_walls(found, small)[CAP] > 0.6) > 0.9


@pytest.mark.parametrize("found", [said(0.0), said(1.0), np.ones((32, 32), np.float32)])
def test_where_there_is_no_doubt_nothing_changes(found: NDArray[np.float32]) -> None:
    small = np.asarray(cv2.resize(shown(), found.shape[::-1]), np.uint8)
    assert without_walls(found, small) is found


@pytest.mark.parametrize("size", [(32, 32), (1024, 32), (48, 208)])
def test_of_any_shape(size: tuple[int, int]) -> None:
    found = np.full((size[1], size[0]), 0.8, np.float32)
    found[: size[1] // 3], found[-size[1] // 3 :] = 1, 0
    made = without_walls(found, np.full((*found.shape, 3), 128, np.uint8))
    assert made.shape == found.shape
    assert np.isfinite(made).all()
