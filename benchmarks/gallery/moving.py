"""What the models make of clips."""

import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from benchmarks.gallery.files import encode, tiled
from benchmarks.gallery.pictures import CLIP_FPS, WIDE, Clip, Picture, cut
from benchmarks.gallery.tasks import grey, painted
from benchmarks.gallery.ways import Hole, Way, enlarged
from gancam.frame import Image
from gancam.sources import VideoFile

FRAMES = 20  # of each clip
_PART = (160, 120)  # (width, height) of what is shown to networks that enlarge twice, of such frames
NOISE, QUALITY = 6.0, 45.0  # grey levels, and of H.264: what a webcam in poor light and a codec do


@dataclass(frozen=True)
class Moving:
    """How the clips of a task are shown.

    Attributes:
        size: (width, height) of a tile.
        columns: Tiles side by side, at most.
        before: The name of what comes in; "" where it is not shown.
        most: Bytes of the file.
        crop: Whether a tile is a crop as it is, not the whole frame made small.
        kind: `spoilt`: what comes in is half as large, with noise and compression; `holes`: a box is to be filled;
            `grey`: colours are taken away; or "".
    """

    size: tuple[int, int]
    columns: int
    most: int
    before: str = "the clip"
    crop: bool = False
    kind: str = ""


MOVING = {
    "restore": Moving((240, 180), 4, 250_000, before="", crop=True, kind="spoilt"),
    "inpaint": Moving((400, 224), 2, 90_000, before="to be filled", kind="holes"),
    "styles": Moving((240, 136), 4, 150_000),
    "colour": Moving((320, 180), 3, 70_000, kind="grey"),
    "people": Moving((320, 180), 3, 70_000),
    "generators": Moving((320, 180), 3, 70_000, before=""),
}


def names(task: str, ways: Sequence[Way]) -> list[str]:
    """Name the tiles of a clip, as they stand under them."""
    return [*filter(None, [MOVING[task].before]), *(way.name for way in ways)]


def shown(task: str, ways: Sequence[Way], clips: Sequence[Clip]) -> list[Image]:
    """Make the frames of what is shown: the clips one after the other, the ways side by side."""
    how, made = MOVING[task], list[Image]()
    for clip in clips:
        frames = clip.frames(FRAMES)
        hole = _hole(clip) if how.kind == "holes" else None
        given = _given(how.kind, frames, hole, clip)
        strips = [way.clip(given, CLIP_FPS, hole) for way in ways]
        if how.before:
            strips.insert(0, frames if hole is None else [painted(one, hole) for one in frames])
        named = list(zip(strips, names(task, ways), strict=True))
        for index in range(len(frames)):
            tiles = [(_tile(how, clip, images[index]), name) for images, name in named]
            made.append(tiled(tiles, how.columns))
    return made


def _given(kind: str, frames: list[Image], hole: Hole | None, clip: Clip) -> list[Image]:
    if kind == "spoilt":
        return [cut(one, _PART, clip.credit.at) for one in spoilt(frames)]
    if kind == "grey":
        return [grey(one) for one in frames]
    if hole is not None:
        return [np.where(hole[..., None] > 0, np.uint8(0), one) for one in frames]
    return frames


def _tile(how: Moving, clip: Clip, image: Image) -> Image:
    if not how.crop:
        return Picture(image, clip.credit).whole(image, how.size)
    if image.shape[1] <= _PART[0]:  # of a network that does not enlarge
        image = enlarged(image, 2)
    return cut(image, how.size, (0.5, 0.5))


def _hole(clip: Clip) -> Hole:
    left, top, wide, tall = clip.credit.hole
    rows = slice(round(top * WIDE[1]), round((top + tall) * WIDE[1]))
    hole = np.zeros((WIDE[1], WIDE[0]), np.uint8)
    hole[rows, round(left * WIDE[0]) : round((left + wide) * WIDE[0])] = 255
    return hole


def spoilt(frames: Sequence[Image]) -> list[Image]:
    """Make a clip half as large, with a camera's noise, and pass it through H.264."""
    rng = np.random.default_rng(7)
    small = [cv2.resize(one, None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA) for one in frames]
    noisy = [np.clip(one + rng.normal(0, NOISE, one.shape), 0, 255).round().astype(np.uint8) for one in small]
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "spoilt.mp4"
        encode(path, noisy, QUALITY)
        with VideoFile(path) as source:
            return [frame.image for frame in source]
