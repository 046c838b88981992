"""Mask tracks: a mask for each frame of a clip, kept in a JSON file.

    {"format": "gancam mask track", "version": 2, "width": 4, "height": 3,
     "masks": [{"size": [3, 4], "counts": [4, 1, 2, 1, 4]}], "frames": [[0.0, 0], [0.04, 0]]}

Each of `masks` is in COCO's uncompressed run-length encoding (``pycocotools.mask.frPyObjects`` takes it): ``size`` is
[height, width] and ``counts`` are lengths of runs of unmarked, marked, unmarked … pixels, column by column. Each of
`frames` is a time in seconds (or null) and the index of a mask. Files of version 1, whose masks are lists of runs row
by row, are read too.
"""

import json
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np

from gancam.errors import MaskError, NotFound
from gancam.files import check_path, write_file
from gancam.frame import Image, check_image
from gancam.masks.mask import Mask, MaskSource
from gancam.units import counted

FORMAT = "gancam mask track"
Counts = tuple[int, ...]
Order = Literal["C", "F"]  # runs go row by row, or column by column
_ROWS: Order = "C"
_COLUMNS: Order = "F"


@dataclass(frozen=True)
class TrackEntry:
    """A frame of a mask track: its time in seconds, where it has one, and its mask as runs."""

    time: float | None
    counts: Counts


def to_counts(mask: Mask) -> Counts:
    """Return the runs of `mask` ``(H, W)`` as COCO has them: of 0, of not 0, of 0 … column by column, H * W in all."""
    flat = mask.reshape(-1, order=_COLUMNS) != 0
    edges = np.flatnonzero(flat[1:] != flat[:-1]) + 1
    counts = np.diff(np.concatenate([[0], edges, [flat.size]])).tolist()
    return (0, *counts) if flat[0] else tuple(counts)


def from_counts(counts: Sequence[int], shape: tuple[int, int], order: Order = _COLUMNS) -> Mask:
    """Return the mask of `shape` (height, width), 0 and 1, that has these runs; what they do not reach is 0."""
    flat = np.zeros(shape[0] * shape[1], np.uint8)
    place = 0
    for index, length in enumerate(counts):
        if index % 2:
            flat[place : place + length] = 1
        place += length
    return np.ascontiguousarray(flat.reshape(shape, order=order))


def write_track(path: Path, entries: Sequence[TrackEntry], shape: tuple[int, int], *, overwrite: bool) -> None:
    """Write a mask track of frames of `shape` (height, width). Raises ``OutputExists`` and ``SinkError``."""
    masks: list[dict[str, list[int]]] = []
    numbers: dict[Counts, int] = {}
    frames: list[list[float | int | None]] = []
    for entry in entries:
        if entry.counts not in numbers:
            numbers[entry.counts] = len(masks)
            masks.append({"size": list(shape), "counts": list(entry.counts)})
        frames.append([entry.time, numbers[entry.counts]])
    about = {"format": FORMAT, "version": 2, "width": shape[1], "height": shape[0], "masks": masks, "frames": frames}
    write_file(path, json.dumps(about, separators=(",", ":")).encode(), overwrite=overwrite)


class MaskTrack(MaskSource):
    """A recorded mask for each frame, replayed: by the frame's time where both know one, else one after the other.

    ``size`` (width, height) and ``frames`` are those of the clip it was recorded with.

    Args:
        path: a file that `Recorded` saved.

    Raises:
        NotFound: there is no such file.
        MaskError: it is no mask track; later, for frames of another size, and where it ends before the clip does.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        check_path(path, "mask track")
        self.path = Path(path)
        if not self.path.is_file():
            raise NotFound(f"mask track {path}: no such file")
        try:
            self._read(self.path.read_text(encoding="utf-8"))
        except (ValueError, KeyError, TypeError, RecursionError) as error:
            raise MaskError(f"{path}: is no mask track ({error})") from error
        times = [time for time, _ in self._frames]
        known = [time for time in times if time is not None]
        self._times = known if len(known) == len(times) and known == sorted(known) else None
        self._next = 0
        self._made: tuple[int, Mask] | None = None

    def _read(self, text: str) -> None:
        about = json.loads(text)
        if not isinstance(about, dict) or about.get("format") != FORMAT or about.get("version") not in (1, 2):
            raise ValueError("its format is another")
        height, width = int(about["height"]), int(about["width"])
        self._shape = height, width
        self._order = _ROWS if about["version"] == 1 else _COLUMNS
        lists = about["masks"] if about["version"] == 1 else [mask["counts"] for mask in about["masks"]]
        if about["version"] == 2 and any(mask["size"] != [height, width] for mask in about["masks"]):
            raise ValueError("a mask is of another size")
        self._masks = [tuple(int(length) for length in counts) for counts in lists]
        self._frames = [(None if time is None else float(time), int(number)) for time, number in about["frames"]]
        if not (height * width > 0 and self._frames) or any(min(counts, default=0) < 0 for counts in self._masks):
            raise ValueError("it is empty or damaged")
        if any(sum(counts) > height * width for counts in self._masks):
            raise ValueError("a mask is larger than the picture")
        if any(not 0 <= number < len(self._masks) for _, number in self._frames):
            raise ValueError("it names a mask that it does not have")

    @property
    def size(self) -> tuple[int, int]:
        """Width and height of the clip, in pixels."""
        return self._shape[1], self._shape[0]

    @property
    def frames(self) -> int:
        """The number of frames of the clip."""
        return len(self._frames)

    def fits(self, size: tuple[int, int], frames: int | None) -> None:
        """Raise ``MaskError`` where a clip of `size` (width, height) and so many frames cannot be the recorded one."""
        if size != self.size:
            raise MaskError(f"{self.path}: is a mask track of {self.size[0]}x{self.size[1]}, not {size[0]}x{size[1]}")
        if frames is not None and frames != self.frames:
            raise MaskError(f"{self.path}: is a mask track of {counted(self.frames, 'frame')}; this clip has {frames}")

    def finished(self) -> None:
        """Raise ``MaskError`` where the clip that is over was a shorter one than the recorded one."""
        left = self.frames - self._next
        late = self._times[-1] - self._times[self._next - 1] > 0.1 if self._times and self._next else True
        if left > 2 and late:
            raise MaskError(
                f"{self.path}: is a mask track of {counted(self.frames, 'frame')}; this clip ends {left} before"
            )

    def __call__(self, image: Image, *, time: float | None = None) -> Mask:
        """Return the mask of the frame at `time`, else of the next. Raises ``MaskError`` for another clip."""
        image = check_image(image)
        self.fits((image.shape[1], image.shape[0]), None)
        index = self._next
        if time is not None and self._times is not None:
            index = int(np.searchsorted(self._times, time))
            if index and (index == self.frames or time - self._times[index - 1] <= self._times[index] - time):
                index -= 1  # the nearer: files round times, and live play leaves out frames
            last = self._times[-1]
            step = (last - self._times[0]) / max(self.frames - 1, 1) or 1.0
            if time > last + max(2 * step, 0.1):
                index = self.frames
        if index >= self.frames:
            raise MaskError(f"{self.path}: ends after {counted(self.frames, 'frame')}; this is another, longer clip")
        self._next = index + 1
        number = self._frames[index][1]
        if self._made is None or self._made[0] != number:
            self._made = number, from_counts(self._masks[number], self._shape, self._order)
        return self._made[1]

    def reset(self) -> None:
        """Begin at the first frame again, where frames have no times."""
        self._next = 0
