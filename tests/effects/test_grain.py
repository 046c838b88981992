"""Noise and grain for fills: as strong and as coarse as around them, new in each frame, and none where none is."""

from itertools import pairwise
from typing import Any

import cv2
import numpy as np
import pytest

from gancam import effects
from gancam.effects.inpaint import Inpaint
from gancam.effects.inpainting.grain import Grain
from gancam.effects.inpainting.holes import Holes
from gancam.frame import Image
from gancam.masks import Mask
from gancam.vision.motion import Matrix
from tests.helpers.small import filler, still, write_filler

MASK = np.zeros((240, 320), np.uint8)
MASK[80:140, 100:180] = 1
INNER = cv2.erode(MASK, np.ones((11, 11), np.uint8)) > 0
BESIDE = (cv2.dilate(MASK, np.ones((31, 31), np.uint8)) > 0) & (cv2.dilate(MASK, np.ones((5, 5), np.uint8)) == 0)


@pytest.fixture(scope="module")
def erase(tmp_path_factory: pytest.TempPathFactory) -> Inpaint:
    path = write_filler(tmp_path_factory.mktemp("models"), filler())
    effect = effects.load(path, device="cpu", precision="fp32", threads=1)
    assert isinstance(effect, Inpaint)
    return effect


def noisy(count: int, deviation: float, soft: float) -> list[Image]:
    """A camera at rest, with noise that is as coarse as `soft` pixels."""
    random, frames = np.random.default_rng(1), []
    y, x = np.mgrid[:240, :320].astype(np.float32)
    scene = np.dstack([80 + y / 3, 70 + x / 4, 160 - y / 4])
    for left in range(10, 300, 40):  # for the camera to hold on to
        scene[20:40, left : left + 20] = scene[200:220, left + 8 : left + 28] = 40
    for _ in range(count):
        noise: Any = random.standard_normal((*MASK.shape, 1)).astype(np.float32)
        if soft:
            noise = cv2.GaussianBlur(noise, (0, 0), soft)[..., None]
        frames.append((scene + noise * (deviation / noise.std())).round().clip(0, 255).astype(np.uint8))
    return frames


def fine(image: Image, where: np.ndarray) -> np.ndarray:
    grey = cv2.cvtColor(image, cv2.COLOR_BGR2GRAY).astype(np.float32)
    return np.asarray((grey - cv2.GaussianBlur(grey, (0, 0), 3))[where])


@pytest.mark.parametrize("soft", [0.0, 0.8])
@pytest.mark.parametrize("deviation", [5.0, 9.0])
def test_a_fill_has_the_grain_of_its_frame(erase: Inpaint, deviation: float, soft: float) -> None:
    erase.reset()
    frames = noisy(8, deviation, soft)
    shown = [erase(frame, mask=MASK).copy() for frame in frames]
    assert all(np.array_equal(a[MASK == 0], b[MASK == 0]) for a, b in zip(shown, frames, strict=True))
    wanted = float(fine(frames[-1], BESIDE).std())
    assert 0.8 < fine(shown[-1], INNER).std() / wanted < 1.25
    changes, around = (
        np.mean([np.abs(a.astype(int) - b)[where].mean() for a, b in pairwise(shown[3:])]) for where in (INNER, BESIDE)
    )
    assert 0.6 < changes / around < 1.2
    erase.reset()
    assert all(np.array_equal(erase(frame, mask=MASK), out) for frame, out in zip(frames, shown, strict=True))


def test_what_a_codec_left_and_what_moves_gets_none() -> None:
    wide = np.asarray(cv2.resize(still("otters"), (640, 480)), np.uint8)
    moves = [np.ascontiguousarray(wide[100:340, 3 * step : 320 + 3 * step]) for step in range(6)]
    for frames in (noisy(6, 1.5, 0.0), moves):
        grain, holes = Grain(), Holes(MASK, 0, 3)
        before = None
        for frame in frames:
            result = frame.copy()
            grain.add(result, frame, before, holes)
            assert np.array_equal(result, frame)
            before = frame, holes.hidden, np.eye(3)


@pytest.mark.parametrize(("deviation", "wanted"), [(0.0, 0.0), (2.0, 0.0), (6.0, 6.0)])
def test_a_camera_that_moves_makes_no_noise(deviation: float, wanted: float) -> None:
    """It runs, faster and faster, over a scene with few calm places; sometimes it is not told how far."""
    random, grain, holes = np.random.default_rng(3), Grain(), Holes(MASK, 0, 3)
    wide = np.asarray(cv2.resize(still("otters"), (900, 520), interpolation=cv2.INTER_CUBIC), np.float32)
    before: tuple[Image, Mask, Matrix] | None = None
    corner, added = np.zeros(2), []
    for step in range(25):
        now = np.round(np.array([0.8, 0.4]) * step**2)
        left, top = now.astype(int)
        frame = wide[top : top + 240, left : left + 320] + random.normal(0, deviation, (240, 320, 3))
        image = frame.round().clip(0, 255).astype(np.uint8)
        result = np.full_like(image, 128)
        if before is not None and step % 3:
            before[2][:2, 2] = corner - now
        grain.add(result, image, before, holes)
        added.append(float(result[INNER].std(0).mean()))
        assert (result[MASK == 0] == 128).all()
        before, corner = (image, holes.hidden, np.eye(3)), now
    assert max(added) < 1.25 * wanted + 0.1
    assert added[-1] >= 0.8 * wanted


def test_noise_of_another_scene_is_forgotten() -> None:
    grain, holes = Grain(), Holes(MASK, 0, 3)
    grain.add(noisy(1, 9.0, 0.0)[0], noisy(1, 9.0, 0.0)[0], None, holes)
    black = np.zeros((240, 320, 3), np.uint8)
    result = black + np.uint8(90)
    grain.add(result, black, None, holes)  # too dark for a block to tell
    assert (result == 90).all()
