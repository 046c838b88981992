"""What is shown: pictures and clips, with their sources and licences, as docs/gallery/sources.toml has them."""

import tomllib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from gancam.frame import Image
from gancam.media.images import read_colours
from gancam.sources import VideoFile

ENDINGS = {"picture": (".png", ".jpg", ".jpeg", ".webp"), "clip": (".mp4", ".mkv", ".avi", ".mov", ".webm")}
CLIP_FPS = 15  # of what is shown of a clip
WIDE = (640, 360)  # of the frames of a clip, which are cut to it


@dataclass(frozen=True)
class Credit:
    """What is known of a picture or a clip: one entry of sources.toml."""

    file: str = ""  # the end of its path
    title: str = ""
    source: str = ""
    licence: str = ""
    at: tuple[float, float] = (0.5, 0.5)  # the middle of the crop that is shown, in shares of width and height
    hole: tuple[float, float, float, float] = (0.35, 0.3, 0.3, 0.35)  # of a clip: what is to be filled, in shares
    start: int = 0  # of a clip: the first frame that is shown
    still: int = 0  # of a clip: the frame that is one of the pictures


@dataclass(frozen=True)
class Picture:
    """A picture to be shown, and what is known of it."""

    image: Image = field(repr=False)
    credit: Credit

    def crop(self, image: Image, size: tuple[int, int], at: Sequence[float] | None = None) -> Image:
        """Cut `size` (width, height) out of `image`, which shows this picture, around its place, or around `at`."""
        return cut(image, size, at or self.credit.at)

    def whole(self, image: Image, size: tuple[int, int]) -> Image:
        """Make as much of `image` as fits the shape of `size` that small."""
        height, width = image.shape[:2]
        share = min(width / size[0], height / size[1])
        part = cut(image, (round(size[0] * share), round(size[1] * share)), self.credit.at)
        way = cv2.INTER_AREA if share > 1 else cv2.INTER_CUBIC
        return np.asarray(cv2.resize(part, size, interpolation=way), np.uint8)


@dataclass(frozen=True)
class Clip:
    """A clip to be shown, and what is known of it."""

    path: Path
    credit: Credit

    def frames(self, count: int) -> list[Image]:
        """Read `count` frames of `WIDE` from where its credit says, `CLIP_FPS` of them a second."""
        with VideoFile(self.path) as source:
            step = max(round(source.fps / CLIP_FPS), 1)
            wanted = range(self.credit.start, self.credit.start + count * step, step)
            found = [frame.image for frame in _until(source, wanted.stop) if frame.index in wanted]
        return [Picture(image, self.credit).whole(image, WIDE) for image in found]

    def still(self) -> Picture:
        """Give the frame that is one of the pictures."""
        with VideoFile(self.path) as source:
            frames = list(_until(source, self.credit.still + 1))
        return Picture(frames[-1].image, self.credit)


def _until(source: Iterable[Any], stop: int) -> Iterator[Any]:
    for frame in source:
        if frame.index >= stop:
            return
        yield frame


def cut(image: Image, size: tuple[int, int], at: Sequence[float]) -> Image:
    """Cut `size` (width, height), or what there is of it, out of `image`, around the place `at` in shares."""
    height, width = image.shape[:2]
    wide, tall = min(size[0], width), min(size[1], height)
    left = min(max(round(at[0] * width - wide / 2), 0), width - wide)
    top = min(max(round(at[1] * height - tall / 2), 0), height - tall)
    return np.ascontiguousarray(image[top : top + tall, left : left + wide])


def credits_of(path: Path, kind: str) -> list[Credit]:
    """Read the entries of `kind` (picture or clip) of a sources.toml."""
    with path.open("rb") as file:
        entries: list[dict[str, Any]] = tomllib.load(file).get(kind, [])
    found = []
    for entry in entries:
        fields: dict[str, Any] = {key: tuple(one) if isinstance(one, list) else one for key, one in entry.items()}
        found.append(Credit(**fields))
    return found


def files_of(paths: Sequence[Path], kind: str) -> list[Path]:
    """List the files of `paths`, which are files, or folders with some of that kind."""
    found: list[Path] = []
    for path in paths:
        inside = sorted(path.iterdir()) if path.is_dir() else [path]
        found += [one for one in inside if one.suffix.lower() in ENDINGS[kind]]
    return found


def credited(paths: Sequence[Path], kind: str, known: Sequence[Credit]) -> list[tuple[Path, Credit]]:
    """Pair each file with what is known of it: those in the order of `known`, then the others."""
    places: list[tuple[int, Path, Credit]] = []
    for path in files_of(paths, kind):
        names = path.resolve().as_posix()
        place = next((place for place, one in enumerate(known) if names.endswith(f"/{one.file}")), len(known))
        credit = known[place] if place < len(known) else Credit(file=path.name, title=path.stem)
        places.append((place, path, credit))
    return [(path, credit) for _, path, credit in sorted(places, key=lambda one: one[0])]


@dataclass(frozen=True)
class Scene:
    """All that is shown."""

    pictures: list[Picture]
    clips: list[Clip]


def gather(pictures: Sequence[Path], clips: Sequence[Path], sources: Path) -> Scene:
    """Read the pictures, and one of each clip; sides are cut to multiples of 4."""
    found = [Clip(path, credit) for path, credit in credited(clips, "clip", credits_of(sources, "clip"))]
    stills = [
        Picture(read_colours(path), credit)
        for path, credit in credited(pictures, "picture", credits_of(sources, "picture"))
    ]
    stills += [clip.still() for clip in found]
    return Scene([Picture(_even(one.image), one.credit) for one in stills], found)


def _even(image: Image) -> Image:
    height, width = (side - side % 4 for side in image.shape[:2])
    return np.ascontiguousarray(image[:height, :width])
