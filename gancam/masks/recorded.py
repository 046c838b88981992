"""A source of masks that writes down what it gave."""

import json
import os
from pathlib import Path
from typing import Any

import numpy as np

from gancam.errors import MaskError, OutputExists, SinkError
from gancam.frame import Image
from gancam.masks.conversion import source
from gancam.masks.mask import Mask, MaskSource
from gancam.masks.track_file import FORMAT, _Entry, to_runs


class Recorded(MaskSource):
    """`what`, and what it gave written down: ``save`` makes a mask track of it, which `MaskTrack` replays exactly."""

    def __init__(self, what: Any) -> None:
        self.what = source(what)
        self._entries: list[_Entry] = []
        self._shape: tuple[int, int] | None = None
        self._last: tuple[Mask, _Entry] | None = None

    def __call__(self, image: Image, *, time: float | None = None) -> Mask:
        mask = self.what(image, time=time)
        if self._shape not in (None, mask.shape):
            raise MaskError(f"a mask track is of one size: {self._shape} became {mask.shape}")
        self._shape = (mask.shape[0], mask.shape[1])
        if self._last is not None and (self._last[0] is mask or np.array_equal(self._last[0], mask)):
            entry = _Entry(time, self._last[1].runs)
        else:
            entry = _Entry(time, to_runs(mask))
        self._last = mask, entry
        self._entries.append(entry)
        return mask

    def reset(self) -> None:
        self.what.reset()

    def save(self, path: str | os.PathLike[str], *, overwrite: bool = False) -> None:
        """Write the track of all frames so far. Raises ``OutputExists``, ``SinkError``."""
        path = Path(path)
        if path.exists() and not overwrite:
            raise OutputExists(f"{path}: exists; give another name, or --overwrite")
        height, width = self._shape or (0, 0)
        masks: list[list[int]] = []
        numbers: dict[tuple[int, ...], int] = {}
        frames: list[list[float | int | None]] = []
        for entry in self._entries:
            if entry.runs not in numbers:
                numbers[entry.runs] = len(masks)
                masks.append(list(entry.runs))
            frames.append([entry.time, numbers[entry.runs]])
        about = {"format": FORMAT, "version": 1, "width": width, "height": height, "masks": masks, "frames": frames}
        partial = path.with_name(f".{path.name}.partial")
        try:
            partial.write_text(json.dumps(about, separators=(",", ":")), encoding="utf-8")
            partial.replace(path)
        except OSError as error:
            partial.unlink(missing_ok=True)
            raise SinkError(f"{path}: cannot be written ({error.strerror or error})") from error
