"""A video that flows into a pipe while it is made."""

import errno
import os
from contextlib import suppress
from typing import Any

from gancam.errors import InputError, did_you_mean
from gancam.sinks.video import CONTAINERS, NUT, VideoWriter

FORMATS = {"matroska": ".mkv", "mpegts": ".ts", "nut": ".mkv", **{ending[1:]: ending for ending in CONTAINERS}}


class PipeWriter(VideoWriter):
    """A ``VideoWriter`` into the file descriptor `pipe`, as `form`: matroska, nut, mpegts, webm, or mp4 and mov in
    fragments. Nothing can be taken back: no resuming, no name at the end. When its reader goes away it is ``closed``,
    as if its user had closed it, and ``notes`` says so. `pipe` is not closed.

    Raises as ``VideoWriter`` does, and ``InputError`` for another `form`.
    """

    def __init__(self, pipe: int, form: str = "matroska", **options: Any) -> None:
        if form not in FORMATS:
            raise InputError(f"no format {form!r}{did_you_mean(form, FORMATS)}")
        self._pipe, self._form = _Pipe(pipe), form
        super().__init__("stdout", **options)

    @property
    def closed(self) -> bool:
        return self._closed or self._pipe.broken

    def _claim(self) -> None:
        self._holder = NUT if self._form == "nut" else CONTAINERS[FORMATS[self._form]]
        self._partial = self._path

    @property
    def _target(self) -> Any:
        return self._pipe

    @property
    def _muxing(self) -> dict[str, str]:
        options = super()._muxing
        if "movflags" in options:
            options["movflags"] = "+frag_keyframe+delay_moov+default_base_moof"
        return options

    def _publish(self) -> None:
        if self._pipe.broken:
            self._notes.append(f"the reader of stdout went away after {self._frames} frames")

    def _discard(self) -> None:
        self._close_parts()


class _Pipe:
    """What PyAV writes to; once the reader has gone, nowhere."""

    def __init__(self, pipe: int) -> None:
        self._pipe, self.broken = pipe, False

    def write(self, data: bytes) -> int:
        left = memoryview(data)
        with suppress(BrokenPipeError):
            while left and not self.broken:
                try:
                    left = left[os.write(self._pipe, left) :]
                except OSError as error:
                    self.broken = error.errno in (errno.EPIPE, errno.EINVAL)  # EINVAL: Windows' word for it
                    raise
        return len(data)
