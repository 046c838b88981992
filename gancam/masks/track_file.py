"""Masks kept in files: pictures, and mask tracks with times."""

import json
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from gancam.errors import MaskError, NotFound
from gancam.frame import Image
from gancam.masks.mask import Mask, MaskSource

FORMAT = "gancam mask track"


@dataclass(frozen=True)
class _Entry:
    time: float | None
    runs: tuple[int, ...]  # lengths of unmarked, marked, unmarked … pixels, row by row


def to_runs(mask: Mask) -> tuple[int, ...]:
    flat = np.concatenate([[0], (mask.reshape(-1) != 0).astype(np.int8), [0]])
    edges = np.flatnonzero(np.diff(flat))
    return tuple(np.diff(np.concatenate([[0], edges])).tolist())


def from_runs(runs: Sequence[int], shape: tuple[int, int]) -> Mask:
    flat = np.zeros(shape[0] * shape[1], np.uint8)
    place = 0
    for index, length in enumerate(runs):
        if index % 2:
            flat[place : place + length] = 1
        place += length
    return flat.reshape(shape)


class MaskTrack(MaskSource):
    """A recorded mask for each frame, replayed: by the frame's time where both know one, else one after the other.

    ``size`` (width, height) and ``frames`` are those of the clip it was recorded with. Raises ``NotFound``,
    ``MaskError`` for what is no mask track, for frames of another size, and where it ends before the clip does.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.path = Path(path)
        if not self.path.is_file():
            raise NotFound(f"mask track {path}: no such file")
        try:
            about = json.loads(self.path.read_text(encoding="utf-8"))
            if not isinstance(about, dict) or about.get("format") != FORMAT or about.get("version") != 1:
                raise ValueError("its format is another")
            height, width = int(about["height"]), int(about["width"])
            self._shape = height, width
            self._masks = [tuple(int(length) for length in runs) for runs in about["masks"]]
            self._frames = [(None if time is None else float(time), int(number)) for time, number in about["frames"]]
            whole = height * width
            if not (whole > 0 and self._frames) or any(min(runs, default=0) < 0 for runs in self._masks):
                raise ValueError("it is empty or damaged")
            if any(sum(runs) > whole for runs in self._masks):
                raise ValueError("a mask is larger than the picture")
            if any(not 0 <= number < len(self._masks) for _, number in self._frames):
                raise ValueError("it names a mask that it does not have")
        except (ValueError, KeyError, TypeError, RecursionError) as error:
            raise MaskError(f"{path}: is no mask track ({error})") from error
        times = [time for time, _ in self._frames]
        known = [time for time in times if time is not None]
        self._times = known if len(known) == len(times) and known == sorted(known) else None
        self._next = 0
        self._made: tuple[int, Mask] | None = None

    @property
    def size(self) -> tuple[int, int]:
        return self._shape[1], self._shape[0]

    @property
    def frames(self) -> int:
        return len(self._frames)

    def fits(self, size: tuple[int, int], frames: int | None) -> None:
        """Raise ``MaskError`` where a clip of `size` (width, height) and so many frames cannot be the recorded one."""
        if size != self.size:
            raise MaskError(f"{self.path}: is a mask track of {self.size[0]}x{self.size[1]}, not {size[0]}x{size[1]}")
        if frames is not None and frames != self.frames:
            raise MaskError(f"{self.path}: is a mask track of {self.frames} frames; this clip has {frames}")

    def finished(self) -> None:
        """Raise ``MaskError`` where the clip that is over was a shorter one than the recorded one."""
        left = self.frames - self._next
        late = self._times[-1] - self._times[self._next - 1] > 0.1 if self._times and self._next else True
        if left > 2 and late:
            raise MaskError(f"{self.path}: is a mask track of {self.frames} frames; this clip ends {left} before")

    def __call__(self, image: Image, *, time: float | None = None) -> Mask:
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
            raise MaskError(f"{self.path}: ends after {self.frames} frames; this is another, longer clip")
        self._next = index + 1
        number = self._frames[index][1]
        if self._made is None or self._made[0] != number:
            self._made = number, from_runs(self._masks[number], self._shape)
        return self._made[1]

    def reset(self) -> None:
        self._next = 0
