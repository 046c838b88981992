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
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from gancam.errors import MALFORMED, MaskError, NotFound
from gancam.files import check_path, write_file
from gancam.frame import Image, check_image
from gancam.masks.mask import Mask, MaskSource
from gancam.units import counted

FORMAT = "gancam mask track"
_MOST = 2**32 - 1  # pixels of a picture
Counts = NDArray[np.uint32]  # of an hour of frames there are many millions: as Python's numbers they take gigabytes
Order = Literal["C", "F"]  # runs go row by row, or column by column
_ROWS: Order = "C"
_COLUMNS: Order = "F"


def to_counts(mask: Mask) -> Counts:
    """Return the runs of `mask` ``(H, W)`` as COCO has them: of 0, of not 0, of 0 … column by column, H * W in all."""
    flat = mask.reshape(-1, order=_COLUMNS) != 0
    edges = np.flatnonzero(flat[1:] != flat[:-1]) + 1
    start = [0, 0] if flat[0] else [0]
    return np.diff(np.concatenate([start, edges, [flat.size]])).astype(np.uint32)


def from_counts(counts: Counts, shape: tuple[int, int], order: Order = _COLUMNS) -> Mask:
    """Return the mask of `shape` (height, width), 0 and 1, that has these runs; what they do not reach is 0."""
    flat = np.zeros(shape[0] * shape[1], np.uint8)
    runs = np.repeat((np.arange(len(counts)) % 2).astype(np.uint8), counts)
    flat[: len(runs)] = runs
    return np.ascontiguousarray(flat.reshape(shape, order=order))


def write_track(
    path: Path,
    masks: Iterable[Counts],
    frames: Sequence[tuple[float | None, int]],
    shape: tuple[int, int],
    *,
    overwrite: bool,
) -> None:
    """Write a mask track, mask by mask.

    Args:
        path: the file to be.
        masks: the runs of each mask.
        frames: the time of each frame in seconds, where it has one, and the number of its mask.
        shape: height and width of frames.
        overwrite: whether `path` may exist.

    Raises:
        OutputExists: `path` exists, and `overwrite` is false.
        SinkError: it cannot be written.
    """

    def pieces() -> Iterator[bytes]:
        about = {"format": FORMAT, "version": 2, "width": shape[1], "height": shape[0], "masks": []}
        yield _text(about)[:-2]
        for number, counts in enumerate(masks):
            yield b"," * (number > 0) + _text({"size": list(shape), "counts": counts.tolist()})
        yield b'],"frames":' + _text(frames) + b"}"

    write_file(path, pieces(), overwrite=overwrite)


def _text(value: object) -> bytes:
    return json.dumps(value, separators=(",", ":")).encode()


def _packed(read: dict[str, object]) -> dict[str, object]:
    """What was read of a mask, with its runs packed as soon as they are: see `Counts`."""
    if "counts" in read:
        read["counts"] = _checked(read["counts"])
    return read


def _checked(runs: object) -> Counts:
    counts = np.asarray(runs, np.int64)
    if counts.ndim != 1 or (counts < 0).any() or int(counts.sum()) > _MOST:
        raise ValueError("it is damaged")
    return counts.astype(np.uint32)


class MaskTrack(MaskSource):
    """Replays recorded masks: by the frame's time where both have one, else one after the other.

    ``size`` (width, height) and ``frames`` are those of the recorded clip.

    Args:
        path: a file that `Recorded` saved.

    Raises:
        NotFound: there is no such file.
        MaskError: the file is not a mask track; when called, where a frame has another size or the track has ended.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        check_path(path, "mask track")
        self.path = Path(path)
        if not self.path.is_file():
            raise NotFound(f"mask track {path}: no such file")
        try:
            self._read(self.path.read_text(encoding="utf-8"))
        except (OSError, *MALFORMED) as error:
            raise MaskError(f"{path}: is not a mask track ({error})") from error
        times = [time for time, _ in self._frames]
        known = [time for time in times if time is not None]
        self._times = known if len(known) == len(times) and known == sorted(known) else None
        self._next = 0
        self._made: tuple[int, Mask] | None = None

    def _read(self, text: str) -> None:
        about = json.loads(text, object_hook=_packed)
        if not isinstance(about, dict) or about.get("format") != FORMAT or about.get("version") not in (1, 2):
            raise ValueError("its format is unknown")
        height, width = int(about["height"]), int(about["width"])
        self._shape = height, width
        self._order = _ROWS if about["version"] == 1 else _COLUMNS
        lists = map(_checked, about["masks"]) if about["version"] == 1 else (mask["counts"] for mask in about["masks"])
        if about["version"] == 2 and any(mask["size"] != [height, width] for mask in about["masks"]):
            raise ValueError("a mask has another size")
        self._masks: list[Counts] = list(lists)
        self._frames = [(None if time is None else float(time), int(number)) for time, number in about["frames"]]
        if not (height * width > 0 and self._frames):
            raise ValueError("it is empty or damaged")
        if any(int(counts.sum()) > height * width for counts in self._masks):
            raise ValueError("a mask is larger than the picture")
        if any(not 0 <= number < len(self._masks) for _, number in self._frames):
            raise ValueError("it names a mask that it does not have")

    @property
    def size(self) -> tuple[int, int]:
        """(width, height) of the recorded clip in pixels."""
        return self._shape[1], self._shape[0]

    @property
    def frames(self) -> int:
        """How many frames the recorded clip has."""
        return len(self._frames)

    def fits(self, size: tuple[int, int], frames: int | None) -> None:
        """Raise ``MaskError`` where a clip of `size` (width, height) and `frames` cannot be the recorded one."""
        if size != self.size:
            raise MaskError(f"{self.path}: is a mask track of {self.size[0]}x{self.size[1]}, not {size[0]}x{size[1]}")
        if frames is not None and frames != self.frames:
            raise MaskError(f"{self.path}: is a mask track of {counted(self.frames, 'frame')}; this clip has {frames}")

    def finished(self) -> None:
        """Raise ``MaskError`` where the clip has ended before the recorded one does."""
        left = self.frames - self._next
        late = self._times[-1] - self._times[self._next - 1] > 0.1 if self._times and self._next else True
        if left > 2 and late:
            raise MaskError(
                f"{self.path}: is a mask track of {counted(self.frames, 'frame')}; this clip ends {left} before"
            )

    def __call__(self, image: Image, *, time: float | None = None) -> Mask:
        """Return the mask recorded at `time`, or else the next one. Raises ``MaskError`` if another clip is played."""
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
        """Start again at the first frame, where frames have no times."""
        self._next = 0
