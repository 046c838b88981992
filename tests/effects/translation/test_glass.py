"""Glass: panes of one wall have its hue, dark ones are not black, and what is colourful stays as it was drawn."""

import cv2
import numpy as np
import pytest

from gancam.effects.translation.glass import as_glass
from gancam.frame import Image
from tests.helpers.small import still

SIDE, LEAD = 32, 4  # pixels of a pane, and of the lead around it


def panes(seen: Image, jitter: float) -> Image:
    """A drawing of `seen` in square panes, warmer and colder by turns, with black leads."""
    rows, columns = np.indices(seen.shape[:2])
    turn = np.where((rows // SIDE + columns // SIDE) % 2, 1.0, -1.0)[..., None]
    drawn = seen * 1.05 + jitter * turn * (-1, 0, 1)
    drawn[(rows % SIDE < LEAD) | (columns % SIDE < LEAD)] = 8
    return np.asarray(drawn.clip(0, 255).round(), np.uint8)


def wall(colour: tuple[int, int, int]) -> Image:
    noise = np.random.default_rng(0).normal(0, 1.5, (192, 256, 3))
    return np.asarray((np.array(colour) + noise).clip(0, 255).round(), np.uint8)


def warmth(image: Image) -> float:
    """How far panes beside each other differ in red less blue, in levels."""
    middles = image[SIDE // 2 :: SIDE, SIDE // 2 :: SIDE].astype(float)
    warm = middles[..., 2] - middles[..., 0]
    return float(np.abs(np.diff(warm, axis=1)).mean())


@pytest.mark.parametrize("colour", [(170, 170, 170), (225, 228, 230), (60, 58, 56), (160, 175, 190), (130, 125, 115)])
def test_panes_of_a_pale_wall_have_one_hue(colour: tuple[int, int, int]) -> None:
    seen = wall(colour)
    drawn = panes(seen, 10)
    assert warmth(drawn) > 30
    made = as_glass(drawn.copy(), seen)
    assert warmth(made) < 5
    luma, before = (cv2.cvtColor(one, cv2.COLOR_BGR2GRAY).astype(int) for one in (made, drawn))
    assert np.abs(luma - before).max() < 4  # tones and leads stay


def test_what_is_colourful_stays_as_it_was_drawn() -> None:
    seen = wall((40, 90, 220))
    drawn = panes(seen, 10)
    assert np.abs(as_glass(drawn.copy(), seen).astype(int) - drawn).max() <= 1


def test_a_wall_takes_no_colour_from_what_stands_before_it() -> None:
    seen = wall((170, 170, 170))
    seen[64:128, 96:160] = (30, 60, 230)
    drawn = panes(seen, 0)
    made = as_glass(drawn.copy(), seen).astype(int)
    far = np.ones(seen.shape[:2], bool)
    far[64 - 8 : 128 + 8, 96 - 8 : 160 + 8] = False
    assert np.abs(made - drawn)[far].max() < 12
    assert np.abs(made - drawn)[76:116, 108:148].max() <= 1


def test_no_pane_of_dark_cloth_is_black() -> None:
    """One pane in a hat was a black disc, and those around it grey."""
    seen = wall((15, 15, 15))
    drawn = panes(seen, 0)
    drawn[drawn > 8] = 26
    disc = slice(SIDE + LEAD, 2 * SIDE), slice(SIDE + LEAD, 2 * SIDE)
    drawn[disc] = 2
    made = as_glass(drawn.copy(), seen)
    inner = made[disc][6:-6, 6:-6]
    assert int(inner.min()) >= 14
    assert int(inner.max()) <= 26
    others = made[LEAD + 2 : -2, 3 * SIDE : -2].astype(int) - drawn[LEAD + 2 : -2, 3 * SIDE : -2]
    assert np.abs(others).mean() < 1


def test_a_photo_of_pale_and_colourful_things_keeps_its_colours() -> None:
    seen = still("spices")
    own, made = (cv2.cvtColor(one, cv2.COLOR_BGR2YCrCb).astype(int) for one in (seen, as_glass(seen.copy(), seen)))
    assert np.abs(own - made)[..., 1:].mean() < 4
