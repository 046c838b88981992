"""Dense motion: a picture that moved is carried to where it is, whatever its type and size."""

import cv2
import numpy as np
import pytest
from numpy.typing import DTypeLike

from gancam.vision.flow import DenseFlow
from gancam.vision.motion import small_grey
from tests.helpers.small import still

INNER = np.s_[20:-20, 20:-20]


@pytest.mark.parametrize("kind", [np.uint8, np.int16, np.float32])
@pytest.mark.parametrize("times", [1, 2])
def test_a_picture_is_carried_to_where_it_is(kind: DTypeLike, times: int) -> None:
    whole = np.asarray(cv2.resize(still("otters"), None, fx=times, fy=times), np.uint8)
    before, now = whole[:-6, :-8].copy(), whole[6:, 8:].copy()
    motion = DenseFlow()(small_grey(now)[0], small_grey(before)[0], (now.shape[1], now.shape[0]))
    assert motion is not None
    carried = motion.carry(before.astype(kind))
    assert (carried.dtype, carried.shape) == (np.dtype(kind), now.shape)
    left = np.abs(carried.astype(float) - now)[INNER].mean()
    assert left < 0.25 * np.abs(before.astype(float) - now)[INNER].mean()
    assert not motion.rests[INNER].mean() > 30


def test_what_moves_in_front_of_what_rests() -> None:
    before = still("lake").copy()
    now = before.copy()
    before[60:140, 60:160] = still("spices")[60:140, 60:160]
    now[60:140, 66:166] = still("spices")[60:140, 60:160]
    motion = DenseFlow(0.25)(small_grey(now)[0], small_grey(before)[0], (now.shape[1], now.shape[0]))
    assert motion is not None
    assert (motion.rests[80:120, 80:140] == 0).mean() > 0.9
    assert (motion.rests[:, 210:] == 255).mean() > 0.9
    assert np.abs((motion.x - np.arange(now.shape[1]))[80:120, 90:140] + 6).mean() < 1


def test_there_is_none_where_nothing_moves_or_too_little_is_seen() -> None:
    grey = small_grey(still("lake"))[0]
    assert DenseFlow(0.25)(grey, grey, (64, 48)) is None
    tiny = np.random.default_rng(0).integers(0, 256, (12, 40), dtype=np.uint8)
    assert DenseFlow()(tiny, np.roll(tiny, 2, 1), (64, 48)) is None
