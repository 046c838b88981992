"""Scenes that pass into each other over several frames."""

import cv2
import numpy as np
import pytest

from gancam.effects.inpainting.background import Background
from gancam.effects.inpainting.dissolve import Dissolves
from gancam.frame import Image
from tests.helpers.small import still

SIZE = 320, 192


def scene(name: str) -> Image:
    return np.asarray(cv2.resize(still(name), SIZE, interpolation=cv2.INTER_AREA), np.uint8)


def dissolve(one: Image, other: Image, frames: int, rest: int = 6) -> list[Image]:
    steps = [(at + 1) / (frames + 1) for at in range(frames)]
    mixed = [np.asarray(cv2.addWeighted(one, 1 - share, other, share, 0), np.uint8) for share in steps]
    return [one] * rest + mixed + [other] * rest


def told(clip: list[Image]) -> list[int]:
    dissolves = Dissolves()
    return [index for index, image in enumerate(clip) if dissolves.look(image)]


@pytest.mark.parametrize("frames", [6, 12, 25, 40])
def test_a_dissolve_is_told_and_ends(frames: int) -> None:
    found = told(dissolve(scene("lake"), scene("otters"), frames, rest=30))
    assert found
    assert 30 + frames - 2 <= found[-1] < 30 + frames + 4
    assert found[0] > 30


def test_a_fade_through_black_is_told() -> None:
    one, other, black = scene("lake"), scene("otters"), np.zeros((*SIZE[::-1], 3), np.uint8)
    clip = dissolve(one, black, 12)[:-6] + [black] * 2 + dissolve(black, other, 12)[6:]
    assert any(17 <= index < 20 for index in told(clip))
    assert told([black] * 30) == []  # a wall is no fade


def test_pans_light_and_cuts_are_no_dissolves() -> None:
    wide = np.hstack([scene("lake"), scene("otters"), scene("spices")])
    for step in (4, 12, 25):
        pan = [np.ascontiguousarray(wide[:, at : at + SIZE[0]]) for at in range(0, 2 * SIZE[0], step)]
        assert told(pan) == []
    image = scene("otters")
    assert told([np.asarray(image * (1 - at / 40), np.uint8) for at in range(30)]) == []
    assert told([image] * 15 + [scene("lake")] * 15) == []
    still_frames = [cv2.circle(image.copy(), (20 + 8 * at, 90), 30, (0, 0, 200), -1) for at in range(30)]
    assert told([np.asarray(one, np.uint8) for one in still_frames]) == []


def test_a_dissolve_ends_what_is_remembered_of_a_scene() -> None:
    background, hidden = Background(people=True), np.zeros(SIZE[::-1], np.uint8)
    hidden[60:120, 100:160] = 1
    for index, image in enumerate(dissolve(scene("lake"), scene("otters"), 10)):
        background.belonging(image, hidden, index / 25)
    assert background.cuts
    assert background.camera.still
