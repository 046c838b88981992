"""Cuts are told from pans, shaken hands, zooms, flashes, noise and dissolves."""

from itertools import pairwise

import cv2
import numpy as np
import pytest

from gancam.effects.inpainting.background import Background
from gancam.frame import Image
from gancam.vision.motion import small_grey
from gancam.vision.scenes import Dissolves, Scenes, is_cut
from tests.helpers.small import still

CENTRE = 480, 360
SIZE = 320, 192


def _crowd(seed: int = 0) -> Image:
    """Something busy, as a crowd is: a step of few pixels changes it by as much as a cut does."""
    grains = np.random.default_rng(seed).integers(0, 256, (120, 160, 3), np.uint8)
    return np.asarray(cv2.resize(grains, (960, 720), interpolation=cv2.INTER_CUBIC), np.uint8)


def _seen(scene: Image, *, x: float = 0, y: float = 0, angle: float = 0, zoom: float = 1) -> Image:
    """What a camera shows of `scene`, 640x360."""
    place = cv2.getRotationMatrix2D(CENTRE, angle, zoom)
    place[:, 2] += np.array([x - 160, y - 180])
    return np.asarray(cv2.warpAffine(scene, place, (640, 360), flags=cv2.INTER_LINEAR), np.uint8)


def _cut(before: Image, now: Image) -> bool:
    return is_cut(small_grey(before)[0], small_grey(now)[0])


@pytest.mark.parametrize(
    "step",
    [{"x": 24, "y": -9}, {"x": 150}, {"x": 5, "y": 7, "angle": 3, "zoom": 1.02}, {"zoom": 1.08}],
    ids=["pan", "whip pan", "shaken hand", "zoom"],
)
def test_a_camera_that_moves_past_something_busy_is_no_cut(step: dict[str, float]) -> None:
    before, now = _seen(_crowd()), _seen(_crowd(), **step)
    assert cv2.absdiff(before, now).mean() > 20, "as two scenes do"
    assert not _cut(before, now)
    assert _cut(before, _seen(_crowd(1), **step))
    smalls = [np.asarray(cv2.resize(one, (256, 144), interpolation=cv2.INTER_AREA), np.uint8) for one in (before, now)]
    assert not is_cut(*smalls)  # in colours, too


@pytest.mark.parametrize(("gain", "more"), [(1.0, 60), (0.4, 0)], ids=["flash", "exposure"])
def test_another_light_is_no_cut(gain: float, more: int) -> None:
    scene = cv2.resize(still("otters"), (640, 360))
    lit = np.asarray(cv2.convertScaleAbs(scene, alpha=gain, beta=more), np.uint8)
    assert cv2.absdiff(scene, lit).mean() > 20
    assert not _cut(np.asarray(scene, np.uint8), lit)


@pytest.mark.parametrize("dark", [1.0, 0.25], ids=["by day", "by night"])
def test_other_scenes_are_cuts(dark: float) -> None:
    names = "otters", "skyline", "lake", "spices"
    scenes = [cv2.convertScaleAbs(cv2.resize(still(name), (640, 360)), alpha=dark) for name in names]
    for number, now in enumerate(scenes):
        for before in scenes[:number]:
            assert _cut(np.asarray(before, np.uint8), np.asarray(now, np.uint8))


def test_noise_in_the_dark_and_a_slow_dissolve_are_no_cuts() -> None:
    rng = np.random.default_rng(0)
    night = cv2.convertScaleAbs(cv2.resize(still("skyline"), (640, 360)), alpha=0.25)
    first, second = (np.clip(night + rng.normal(0, 30, night.shape), 0, 255).astype(np.uint8) for _ in range(2))
    assert not _cut(first, second)
    one, other = (cv2.resize(still(name), (640, 360)) for name in ("otters", "lake"))
    mixes = [np.asarray(cv2.addWeighted(one, 1 - n / 12, other, n / 12, 0), np.uint8) for n in range(13)]
    assert not any(_cut(*pair) for pair in pairwise(mixes))


def test_each_scene_begins_once_and_so_does_another_size() -> None:
    scenes = Scenes()
    frames = [_seen(_crowd(seed), x=20 * step) for seed in (0, 1) for step in range(3)]
    frames += [frames[-1][:180, :320].copy(), frames[-1][:179, :320].copy()]
    assert [scenes(frame).before is None for frame in frames] == [True, False, False] * 2 + [True, True]
    scenes.reset()
    assert scenes(frames[-1]).before is None


def test_pictures_of_any_size_and_flat_ones() -> None:
    flat = np.full((180, 320), 90, np.uint8)
    assert not is_cut(flat, flat + np.uint8(5))
    assert is_cut(flat, flat[:90])
    for other in (flat + np.uint8(110), small_grey(_seen(_crowd()))[0]):
        assert is_cut(flat, other)
        assert is_cut(other, flat)
    for size in ((1, 1), (1, 50), (50, 1), (12, 12)):
        grey = np.zeros(size, np.uint8)
        assert not is_cut(grey, grey)
        assert is_cut(grey, grey + np.uint8(200))


def test_what_shows_nothing_is_another_scene_only_where_its_light_is_another() -> None:
    walls = [np.full((90, 160), level, np.uint8) for level in (100, 115, 200)]
    assert not is_cut(walls[0], walls[1])
    assert is_cut(walls[1], walls[2])


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
