"""What is in a file: its facts, single frames, thumbnails of its timeline."""

import os
from collections.abc import Iterable, Iterator
from contextlib import closing
from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache
from itertools import islice
from pathlib import Path

import av
import cv2
import numpy as np

from gancam.errors import InputError, SourceError
from gancam.frame import Image
from gancam.media.images import read_image
from gancam.media.messages import cause
from gancam.media.paths import StillPath, classify
from gancam.media.played import Played
from gancam.media.streams import decode_on_threads, picture_of
from gancam.sources import VideoFile

_HEIGHT = 72  # of a strip's thumbnails
_MOST = 40  # thumbnails of a strip
_DECODED = 30  # frames for one of them, at most


@dataclass(frozen=True, slots=True)
class MediaFacts:
    """What a page tells of a file.

    Attributes:
        kind: image or video.
        size: (width, height) as displayed.
        fps: Frames a second; 0 for an image.
        frames: How many there are, about; 1 for an image.
        begins: Seconds of the first frame: sound may begin before.
    """

    kind: str
    size: tuple[int, int]
    fps: float
    frames: int
    begins: float = 0.0

    @property
    def seconds(self) -> float:
        """How long it is."""
        return self.frames / self.fps if self.fps else 0.0

    def to_json(self) -> dict[str, object]:
        """Give it ready for ``json.dumps``."""
        return {"kind": self.kind, "size": self.size, "fps": self.fps, "frames": self.frames, "seconds": self.seconds,
                "begins": self.begins}  # fmt: skip


def facts(path: Path) -> MediaFacts:
    """Look into a file, once until it changes. Raises ``SourceError`` for what is neither a video nor an image."""
    try:
        stat = path.stat()
    except OSError:
        return _look_into(path, (0, 0))  # which raises what is told of it
    return _look_into(path, (stat.st_mtime_ns, stat.st_size))


@lru_cache(maxsize=1000)
def _look_into(path: Path, _: tuple[int, int]) -> MediaFacts:
    if isinstance(classify(path), StillPath):
        image = read_image(path)[0]
        return MediaFacts("image", (image.shape[1], image.shape[0]), 0.0, 1)
    with VideoFile(path) as video:
        begins = next((frame.time for frame in video), 0.0)
        return MediaFacts("video", video.size, video.fps, video.frames or 1, begins)


def frame_at(path: Path, seconds: float) -> Image:
    """Give the frame of a video that is shown at a time, or the last; of an image, that.

    Raises ``SourceError`` and ``InputError``.
    """
    if isinstance(classify(path), StillPath):
        return read_image(path)[0]
    try:
        return _first(path, seconds)
    except InputError:  # after the last
        known = facts(path)
        return _first(path, max(known.seconds - 2 / (known.fps or 25), 0.0))


def _first(path: Path, seconds: float) -> Image:
    with VideoFile(path, start=Fraction(seconds).limit_denominator(90_000)) as video:
        video.tone_map()
        for frame in video:
            return frame.image
    raise SourceError(f"{path.name}: holds no picture")


def strip(path: Path, count: int) -> Image:
    """Put `count` thumbnails of a video side by side, about evenly in time. Raises ``SourceError``."""
    count = min(max(count, 1), _MOST)
    if isinstance(classify(path), StillPath):
        return np.hstack([_thumbnail(read_image(path)[0])])
    made = list(_thumbnails(path, count))
    if not made:
        raise SourceError(f"{path.name}: holds no picture")
    width = min(image.shape[1] for image in made)
    return np.ascontiguousarray(np.hstack([image[:, :width] for image in made]))


def _thumbnails(path: Path, count: int) -> Iterator[Image]:
    try:
        with closing(av.open(os.path.abspath(path), metadata_errors="replace")) as container:
            stream = picture_of(container)
            if stream is None:
                return
            decode_on_threads(stream)
            first, length = stream.start_time or 0, stream.duration
            if length is None:
                length = int((container.duration or 0) / 1e6 / (stream.time_base or Fraction(1)))
            played: Played | None = None
            for place in range(count):
                wanted = first + length * place // count
                container.seek(wanted, stream=stream)
                frame = _next_to(container.decode(stream), wanted)
                if frame is not None:
                    played = played or Played.of(stream, frame)
                    yield _thumbnail(played(frame))
    except (av.FFmpegError, ValueError, OSError) as error:
        raise SourceError(f"{path.name}: {cause(error)}") from error


def _next_to(frames: Iterable[av.VideoFrame], wanted: int) -> av.VideoFrame | None:
    """The frame at a time stamp, or one that is not much earlier: key frames may be far apart."""
    found = None
    for found in islice(frames, _DECODED):
        if found.pts is not None and found.pts >= wanted:
            break
    return found


def _thumbnail(image: Image) -> Image:
    size = max(round(image.shape[1] * _HEIGHT / image.shape[0]), 1), _HEIGHT
    return np.asarray(cv2.resize(image, size, interpolation=cv2.INTER_AREA), np.uint8)
