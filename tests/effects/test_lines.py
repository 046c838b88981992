"""Scratches down the picture, as a projector makes them: found wherever they go, and nothing that stands there."""

import cv2
import numpy as np
import pytest

from gancam.effects.inpainting.lines import lines
from gancam.effects.inpainting.scratches import NOTHING, _aligned, defects, repairs
from gancam.frame import Frame, Image
from tests.helpers.damage import pan

SLOW = pytest.mark.slow
WALKER = (40, 110)  # pixels wide and high


def with_walker(frames: list[Image]) -> list[Image]:
    """Somebody dark who crosses the middle, so fast that no motion is found."""
    walked = []
    for index, frame in enumerate(frames):
        made, left = frame.copy(), 130 + 45 * index
        cv2.ellipse(
            made, (left, 160), (WALKER[0] // 2, WALKER[1] // 2), 0, 0, 360, (25, 30, 28), cv2.FILLED, cv2.LINE_AA
        )
        walked.append(made)
    return walked


def lined(frame: Image, column: int, width: int, level: float, share: float, lean: int) -> tuple[Image, np.ndarray]:
    """`frame` with a line from its top to its bottom, and where that is to be seen."""
    cover = np.zeros(frame.shape[:2], np.float32)
    cv2.line(cover, (column, 0), (column + lean, frame.shape[0]), 1.0, width, cv2.LINE_AA)
    cover = cover[..., None] * share
    made = np.asarray(np.rint(frame * (1 - cover) + level * cover), np.uint8)
    return made, np.abs(made.astype(int) - frame).max(2) > 20


def film(step: float, noise: float = 3.0) -> list[Image]:
    rng = np.random.default_rng(3)
    walked = with_walker(pan(5, step=step))
    return [np.clip(one + rng.normal(0, noise, one.shape), 0, 255).astype(np.uint8) for one in walked]


@pytest.mark.parametrize(
    ("step", "width", "level", "share"),
    [(0.0, 2, 250, 1), *(pytest.param(3.0, *r, marks=SLOW) for r in ((4, 245, 1), (2, 5, 1), (3, 255, 0.5)))],
)  # fmt: skip
def test_lines_go_whole_beside_a_walker_and_other_lines(step: float, width: int, level: float, share: float) -> None:
    """Pieces of them were left where a walker was, or a line of the frame before a few pixels beside them."""
    clean = film(step)
    for columns, most in (((225, 214, 236, 220, 204), 0.35), ((60, 222, 330, 150, 90), 0.1)):
        lean = (3, -2, 2, 4, 0)
        pairs = [lined(clean[at], columns[at], width, level, share, lean[at]) for at in range(5)]
        for at in (1, 2, 3):
            fixed = defects(*(pairs[one][0] for one in (at, at - 1, at + 1)))(pairs[at][0])
            seen = pairs[at][1]
            off = np.abs(fixed.astype(int) - clean[at]).max(2)
            assert (off[seen] > 40).mean() < most, (columns[at], at)
            far = cv2.dilate(seen.astype(np.uint8), np.ones((11, 11), np.uint8)) == 0
            assert (off[far] > 0).mean() < 0.004


def test_the_first_and_the_last_frame_and_those_at_a_cut_lose_their_lines() -> None:
    clean = [*film(2.0)[:3], *(np.ascontiguousarray(255 - one[:, ::-1]) for one in film(2.0)[2:])]
    pairs = [lined(frame, 60 + 57 * at, 2, 250, 1.0, 2) for at, frame in enumerate(clean)]
    frames = [Frame(image, at, at / 25) for at, (image, _) in enumerate(pairs)]
    kept = repairs(iter(frames))
    for frame, (_, seen), wanted in zip(frames, pairs, clean, strict=True):
        off = np.abs(kept[frame.time](frame.image).astype(int) - wanted).max(2)
        assert (off[seen] > 40).mean() < 0.3, frame.index
    kept.close()


@pytest.mark.parametrize("step", [4, *(pytest.param(step, marks=SLOW) for step in (0, 9))])
def test_posts_and_fences_are_no_scratches(step: int) -> None:
    """They stand in all frames, wherever the camera turns, and whoever comes or goes before them."""
    wide = np.full((300, 700, 3), 120, np.uint8)
    wide[150:] = 70
    for left in range(20, 700, 61):
        wide[20 + left % 47 :, left : left + 2 + left % 5] = 225 if left % 2 else 20
    rng = np.random.default_rng(0)
    frames = []
    for at in range(4):
        frame = wide[:, 40 + step * at : 440 + step * at] + rng.normal(0, 3, (300, 400, 3))
        frames.append(np.clip(frame, 0, 255).astype(np.uint8))
    for clip in (frames, with_walker(frames)):
        for at in (1, 2):
            beside = [_aligned(clip[other], clip[at]) for other in (at - 1, at + 1)]
            assert lines(clip[at], beside, 8.0) == []
        assert defects(clip[0], None, clip[1]) is NOTHING
