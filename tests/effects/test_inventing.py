"""Fills of several views of a hole: what they agree on stays, what is made up becomes weaker, the rest is untouched."""

from collections.abc import Sequence

import numpy as np

from gancam.effects.inpainting.inventing import Fill, average
from gancam.effects.inpainting.regions import FrameRegion
from gancam.effects.inpainting.texture import wide_parts
from gancam.frame import Image
from gancam.masks import Mask
from tests.helpers.small import still

Calls = list[tuple[int, Image, Mask]]


def filler(calls: Calls, level: dict[int, int]) -> Fill:
    """Fill with a grey that depends on how far away it looks from."""

    def fill(picture: Image, unknown: Mask, within: Sequence[FrameRegion], smaller: int) -> None:
        calls.append((smaller, picture.copy(), unknown.copy()))
        for window in within:
            part = unknown[window.place]
            picture[window.place][part > 0] = level[smaller]
            part[:] = 0

    return fill


def wide() -> tuple[Image, Mask]:
    image, hole = still("spices"), np.zeros((240, 320), np.uint8)
    hole[60:180, 100:220] = 1
    hole[20:26, 20:300] = 1  # narrow
    image[hole > 0] = 100
    return image, hole


def test_close_to_known_pixels_two_views_count_and_deep_inside_those_from_afar() -> None:
    image, hole = wide()
    before, calls = image.copy(), Calls()
    average(image, hole, wide_parts(hole), filler(calls, {1: 140, 2: 180}))
    assert sorted(smaller for smaller, *_ in calls) == [1, 2, 2]
    assert np.array_equal(image[hole == 0], before[hole == 0])
    assert np.array_equal(image[20:26], before[20:26])
    across = image[120, 100:220, 0].astype(int)
    assert abs(across[3] - (120 + 60 * 4 / 32)) < 2  # 120 is the mean of 100 and 140, 180 what is seen from afar
    assert across[60] == 180


def test_the_mirror_shows_the_same_picture() -> None:
    image, hole = wide()
    before, calls = image.copy(), Calls()
    average(image, hole, wide_parts(hole), filler(calls, {1: 100, 2: 100}))
    assert np.array_equal(image, before)  # all agree
    mirrored = [np.array_equal(unknown, hole[:, ::-1]) and np.array_equal(picture, before[:, ::-1])
                for _, picture, unknown in calls]  # fmt: skip
    assert sum(mirrored) == 2
