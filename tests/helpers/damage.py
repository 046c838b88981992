"""Pictures with logos over them and with scratches in them, made here, so that what is under them is known."""

from collections.abc import Sequence

import cv2
import numpy as np

from gancam.frame import Image
from tests.helpers.small import still


def pan(count: int, *, step: float = 5.0, size: tuple[int, int] = (400, 300)) -> list[Image]:
    """A camera that pans over a still picture."""
    scene = np.hstack([cv2.resize(still(name), None, fx=1.8, fy=1.8) for name in ("lake", "colosseum", "otters")])
    frames = []
    for index in range(count):
        move = np.array([[1, 0, -step * index], [0, 1, -60 - 20 * np.sin(index / 5)]])
        frames.append(np.asarray(cv2.warpAffine(scene, move, size, flags=cv2.INTER_LINEAR), np.uint8))
    return frames


def badge(shape: tuple[int, ...], kind: str) -> tuple[Image, np.ndarray, tuple[int, int]]:
    """Colours and coverage (0 to 1) of a logo, and its place."""
    side, picture = 56, np.full((56, 150, 3), 245, np.uint8)
    cover = np.zeros((56, 150), np.uint8)
    if kind == "disc":
        cv2.circle(cover, (28, 28), 24, 255, -1, cv2.LINE_AA)
        picture[:] = (190, 60, 40)
        cv2.circle(picture, (28, 28), 12, (250, 250, 250), 5, cv2.LINE_AA)
    elif kind == "ring":
        cv2.circle(cover, (28, 28), 22, 255, 7, cv2.LINE_AA)
    else:
        cv2.putText(cover, "CANAL 7", (6, 40), cv2.FONT_HERSHEY_DUPLEX, 1.0, 255, 5, cv2.LINE_AA)
        picture[:] = 15
        cv2.putText(picture, "CANAL 7", (6, 40), cv2.FONT_HERSHEY_DUPLEX, 1.0, (250, 250, 250), 2, cv2.LINE_AA)
    place = (14, 16) if kind == "disc" else (shape[0] - side - 14, 16)
    return picture, cover / 255.0, place


def composite(frames: Sequence[Image], kind: str, opacity: float) -> tuple[list[Image], np.ndarray]:
    """The frames with the logo over them, and where it is."""
    picture, cover, (y, x) = badge(frames[0].shape, kind)
    out, truth = [], np.zeros(frames[0].shape[:2], np.bool_)
    rows, columns = slice(y, y + cover.shape[0]), slice(x, x + cover.shape[1])
    truth[rows, columns] = cover > 0.5
    for frame in frames:
        made, share = frame.copy(), (cover * opacity)[..., None]
        made[rows, columns] = np.round(frame[rows, columns] * (1 - share) + picture * share)
        out.append(made)
    return out, truth


def scratched(frame: Image, rng: np.random.Generator) -> tuple[Image, np.ndarray]:
    mask = np.zeros(frame.shape[:2], np.uint8)
    height, width = frame.shape[:2]
    x, top = int(rng.integers(20, width - 20)), int(rng.integers(0, height // 2))
    cv2.line(mask, (x, top), (x + int(rng.integers(-4, 5)), top + height // 3), 1, 2)
    for _ in range(4):
        centre = int(rng.integers(10, width - 10)), int(rng.integers(10, height - 10))
        cv2.ellipse(mask, centre, (2, 4), float(rng.integers(0, 180)), 0, 360, 1, cv2.FILLED)
    damaged = frame.copy()
    damaged[mask > 0] = 240 if rng.random() < 0.5 else 8
    return damaged, mask
