"""Masks made of others: a union, a span of time."""

import math
from collections.abc import Sequence

import numpy as np

from gancam.errors import MaskError, shown
from gancam.frame import Image, check_image
from gancam.masks.conversion import MaskLike, source
from gancam.masks.mask import Mask, MaskSource
from gancam.units import is_finite


class Between(MaskSource):
    """A source from `start` seconds until before `end`; nothing is marked at other times.

    Frames without a time are taken to be 1/30 s apart.

    Raises:
        MaskError: `start` is not before `end`.
    """

    def __init__(self, what: MaskLike, start: float = 0.0, end: float = math.inf) -> None:
        if not (is_finite(start) and (is_finite(end) or (isinstance(end, float) and end == math.inf))):
            raise MaskError(f"from {shown(start)} to {shown(end)}: needs seconds")
        if not 0 <= start < end:
            raise MaskError(f"from {start:g} s to {end:g} s: the start must come before the end")
        self._what, self._start, self._end = source(what), start, end
        self._clock = 0.0
        self._marked = False  # whether a frame came within the span
        self._seen: tuple[float, float] | None = None  # seconds, of the first frame and the last

    def __call__(self, image: Image, *, time: float | None = None) -> Mask:
        """Return the source's mask within the span of time, else an empty one."""
        image, now = check_image(image), self._clock if time is None else time
        self._clock = now + 1 / 30
        self._seen = (now if self._seen is None else self._seen[0], now)
        if self._start <= now < self._end:
            self._marked = True
            return self._what(image, time=time)
        return np.zeros(image.shape[:2], np.uint8)

    @property
    def notes(self) -> list[str]:
        """The source's own, or that no frame came within the span."""
        if self._seen is None or self._marked:
            return self._what.notes
        first, last = self._seen
        span = f"from={self._start:g}s" + (f" to={self._end:g}s" if self._end < math.inf else "")
        return [f"{span}: nothing was marked, as the frames were of {first:.2f} s to {last:.2f} s"]

    @property
    def parts(self) -> Sequence[MaskSource]:
        """The source's own."""
        return self._what.parts

    def reset(self) -> None:
        """Begin at 0 seconds again, and reset the source."""
        self._clock, self._marked, self._seen = 0.0, False, None
        self._what.reset()


class Inverse(MaskSource):
    """All that another source does not mark."""

    def __init__(self, what: MaskLike) -> None:
        self._what = source(what)

    def __call__(self, image: Image, *, time: float | None = None) -> Mask:
        """Return 1 where the source has 0, else 0."""
        return np.asarray(self._what(image, time=time) == 0, np.uint8)

    @property
    def notes(self) -> list[str]:
        """The source's own."""
        return self._what.notes

    def reset(self) -> None:
        """Reset the source."""
        self._what.reset()


class Union(MaskSource):
    """All that any of several sources marks."""

    def __init__(self, *sources: MaskLike) -> None:
        self.sources = [source(what) for what in sources]

    def __call__(self, image: Image, *, time: float | None = None) -> Mask:
        """Return 1 where any source marks something, else 0; of one source, its own mask."""
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
        """All that the sources say."""
        return [note for one in self.sources for note in one.notes]

    @property
    def parts(self) -> Sequence[MaskSource]:
        """Those of all sources."""
        return [part for one in self.sources for part in one.parts]

    def reset(self) -> None:
        """Reset all sources."""
        for one in self.sources:
            one.reset()
