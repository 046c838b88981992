"""A source of masks that writes down what it gave."""

import os
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from gancam.errors import MaskError
from gancam.files import check_path
from gancam.frame import Image
from gancam.masks.conversion import MaskLike, source
from gancam.masks.mask import Mask, MaskSource
from gancam.masks.track_file import TrackEntry, to_counts, write_track


class Recorded(MaskSource):
    """Another source of masks, and all that it gave: ``save`` makes a mask track of it, which `MaskTrack` replays.

    Args:
        what: the source, anything that `source` takes.
    """

    def __init__(self, what: MaskLike) -> None:
        self.what = source(what)
        self._entries: list[TrackEntry] = []
        self._shape: tuple[int, int] | None = None
        self._last: tuple[Mask, TrackEntry] | None = None

    def __call__(self, image: Image, *, time: float | None = None) -> Mask:
        """Return the source's mask, and write it down. Raises ``MaskError`` where the size of frames changes."""
        mask = self.what(image, time=time)
        if self._shape not in (None, mask.shape):
            raise MaskError(f"a mask track is of one size: {self._shape} became {mask.shape}")
        self._shape = (mask.shape[0], mask.shape[1])
        if self._last is not None and (self._last[0] is mask or np.array_equal(self._last[0], mask)):
            entry = TrackEntry(time, self._last[1].counts)
        else:
            entry = TrackEntry(time, to_counts(mask))
        self._last = mask, entry
        self._entries.append(entry)
        return mask

    @property
    def notes(self) -> list[str]:
        """The source's own."""
        return self.what.notes

    @property
    def parts(self) -> Sequence[MaskSource]:
        """The source's own."""
        return self.what.parts

    def reset(self) -> None:
        """Reset the source; what was written down stays."""
        self.what.reset()

    @property
    def frames(self) -> int:
        """The number of frames so far."""
        return len(self._entries)

    def save(self, path: str | os.PathLike[str], *, overwrite: bool = False) -> None:
        """Write the mask track of all frames so far.

        Raises:
            MaskError: No frame came.
            OutputExists: `path` exists, and `overwrite` is false.
            SinkError: It cannot be written.
            InputError: `path` is none.
        """
        check_path(path, "mask track")
        if self._shape is None:
            raise MaskError(f"{path}: no frame came yet, so there is no mask track to save")
        write_track(Path(path), self._entries, self._shape, overwrite=overwrite)
