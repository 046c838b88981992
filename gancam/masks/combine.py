"""Masks made of others: a union, a span of time, and one that writes down what it gave."""

import math
import os
from collections.abc import Sequence
from hashlib import blake2b
from pathlib import Path

import numpy as np

from gancam.errors import MaskError, shown
from gancam.files import Slot, Spool, check_path
from gancam.frame import Image, check_image
from gancam.masks.conversion import MaskLike, source
from gancam.masks.mask import Mask, MaskSource
from gancam.masks.track_file import to_counts, write_track
from gancam.units import is_finite


class _Wrapper(MaskSource):
    """A source made of one other, whose notes and parts are its own."""

    def __init__(self, what: MaskLike) -> None:
        self.what = source(what)

    @property
    def notes(self) -> list[str]:
        """The source's own."""
        return self.what.notes

    @property
    def parts(self) -> Sequence[MaskSource]:
        """The source's own."""
        return self.what.parts

    def reset(self) -> None:
        """Reset the source."""
        self.what.reset()


class Between(_Wrapper):
    """Passes a source's masks on from `start` (seconds) until just before `end`, and marks nothing at other times.

    Frames without a time are taken to be 1/30 s apart.

    Raises:
        MaskError: `start` is not before `end`.
    """

    def __init__(self, what: MaskLike, start: float = 0.0, end: float = math.inf) -> None:
        if not (is_finite(start) and (is_finite(end) or (isinstance(end, float) and end == math.inf))):
            raise MaskError(f"from {shown(start)} to {shown(end)}: needs seconds")
        if not 0 <= start < end:
            raise MaskError(f"from {start:g} s to {end:g} s: the start must come before the end")
        super().__init__(what)
        self._start, self._end = start, end
        self._clock = 0.0
        self._marked = False  # whether a frame came within the span
        self._seen: tuple[float, float] | None = None  # seconds, of the first frame and the last

    def __call__(self, image: Image, *, time: float | None = None) -> Mask:
        """Return the source's mask within the time span, else an empty one."""
        image, now = check_image(image), self._clock if time is None else time
        self._clock = now + 1 / 30
        self._seen = (now if self._seen is None else self._seen[0], now)
        if self._start <= now < self._end:
            self._marked = True
            return self.what(image, time=time)
        return np.zeros(image.shape[:2], np.uint8)

    @property
    def notes(self) -> list[str]:
        """The source's notes, or one that no frame came within the span."""
        if self._seen is None or self._marked:
            return super().notes
        first, last = self._seen
        span = f"from={self._start:g}s" + (f" to={self._end:g}s" if self._end < math.inf else "")
        return [f"{span}: nothing was marked, as the frames were of {first:.2f} s to {last:.2f} s"]

    def reset(self) -> None:
        """Start again at 0 seconds, and reset the source."""
        self._clock, self._marked, self._seen = 0.0, False, None
        super().reset()


class Inverse(_Wrapper):
    """Marks everything that another source leaves unmarked."""

    def __call__(self, image: Image, *, time: float | None = None) -> Mask:
        """Return 1 where the source's mask is 0, else 0."""
        return np.asarray(self.what(image, time=time) == 0, np.uint8)

    @property
    def parts(self) -> Sequence[MaskSource]:
        """The inverse itself, as it marks what its source does not."""
        return [self]


class Union(MaskSource):
    """Marks everything that at least one of several sources marks."""

    def __init__(self, *sources: MaskLike) -> None:
        self.sources = [source(what) for what in sources]

    def __call__(self, image: Image, *, time: float | None = None) -> Mask:
        """Return 1 where any source marks, else 0; with a single source, its mask as it is."""
        image = check_image(image)
        masks = [one(image, time=time) for one in self.sources]
        if len(masks) == 1:
            return masks[0]
        marked = np.zeros(image.shape[:2], np.uint8)
        for mask in masks:
            marked |= np.asarray(mask != 0, np.uint8)
        return marked

    @property
    def notes(self) -> list[str]:
        """The notes of all sources."""
        return [note for one in self.sources for note in one.notes]

    @property
    def parts(self) -> Sequence[MaskSource]:
        """The parts of all sources."""
        return [part for one in self.sources for part in one.parts]

    def reset(self) -> None:
        """Reset all sources."""
        for one in self.sources:
            one.reset()


class Recorded(_Wrapper):
    """Records the masks of another source: ``save`` writes them as a mask track, which `MaskTrack` replays.

    Args:
        what: the source, anything that `source` takes.
    """

    def __init__(self, what: MaskLike) -> None:
        super().__init__(what)
        self._begin()

    def _begin(self) -> None:
        self._shape: tuple[int, int] | None = None
        self._last: tuple[Mask, int] | None = None
        self._frames: list[tuple[float | None, int]] = []  # time, and the number of the mask
        self._spool = Spool()  # of the runs of masks
        self._slots: list[Slot] = []  # by number
        self._numbers: dict[bytes, int] = {}  # by what identifies the runs
        self._was_reset = False

    def __reduce__(self) -> tuple[object, ...]:  # a file cannot be copied; a copy records frames of its own
        return Recorded, (self.what,)

    def __call__(self, image: Image, *, time: float | None = None) -> Mask:
        """Return the source's mask, and record it. Raises ``MaskError`` if the frame size changes."""
        last = self._frames[-1][0] if self._frames else None
        if self._was_reset and (time is None or last is None or time <= last):
            self._begin()
        self._was_reset = False
        mask = self.what(image, time=time)
        if self._shape not in (None, mask.shape):
            raise MaskError(f"a mask track is of one size: {self._shape} became {mask.shape}")
        self._shape = (mask.shape[0], mask.shape[1])
        if self._last is None or not (self._last[0] is mask or np.array_equal(self._last[0], mask)):
            self._last = mask, self._number(to_counts(mask).tobytes())
        self._frames.append((time, self._last[1]))
        return mask

    def _number(self, runs: bytes) -> int:
        told = blake2b(runs, digest_size=16).digest()
        if told not in self._numbers:
            self._numbers[told] = len(self._slots)
            self._slots.append(self._spool.store(runs))
        return self._numbers[told]

    def reset(self) -> None:
        """Reset the source; the next frame starts a new track, unless its time continues from the last one."""
        self.what.reset()
        self._was_reset = True

    @property
    def frames(self) -> int:
        """How many frames were recorded so far."""
        return len(self._frames)

    def save(self, path: str | os.PathLike[str], *, overwrite: bool = False) -> None:
        """Write all frames recorded so far to a mask track.

        Raises:
            MaskError: No frame was recorded.
            OutputExists: `path` exists, and `overwrite` is false.
            SinkError: It cannot be written.
            InputError: `path` is not a path.
        """
        check_path(path, "mask track")
        if self._shape is None:
            raise MaskError(f"{path}: no frame came yet, so there is no mask track to save")
        runs = (np.frombuffer(self._spool.load(slot), np.uint32) for slot in self._slots)
        write_track(Path(path), runs, self._frames, self._shape, overwrite=overwrite)
