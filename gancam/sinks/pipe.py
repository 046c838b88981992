"""A video that flows into a pipe while it is made."""

import errno
import os
from contextlib import suppress
from pathlib import Path

from gancam.errors import InputError, did_you_mean
from gancam.sinks._codecs import CONTAINERS, NUT
from gancam.sinks._encoder import EncodedSink, Encoder
from gancam.sinks._muxer import WholeVideo
from gancam.sinks._settings import VideoOptions, prepare
from gancam.units import counted

FORMATS = {"matroska": ".mkv", "mpegts": ".ts", "nut": ".mkv", **{ending[1:]: ending for ending in CONTAINERS}}


class PipeWriter(EncodedSink):
    """Writes a video into a pipe.

    Nothing can be taken back: there is no resuming, and no name at the end. When its reader goes away it is ``closed``,
    as if its user had closed it, and ``notes`` says so. The pipe is left open.

    Args:
        pipe: Its file descriptor.
        options: As those of a ``VideoWriter``; `overwrite` means nothing here.
        form: matroska, nut, mpegts, webm, or mp4 and mov in fragments.

    Raises:
        InputError: There is no such `form`, or a value makes no sense.
        NotFound: There is no file `audio_from`.
        SinkError: As a ``VideoWriter``.
    """

    def __init__(self, pipe: int, options: VideoOptions, form: str = "matroska") -> None:
        if form not in FORMATS:
            raise InputError(f"no format {form!r}{did_you_mean(form, FORMATS)}")
        options.check()
        self._pipe = _Pipe(pipe)
        container = NUT if form == "nut" else CONTAINERS[FORMATS[form]]
        settings, notes = prepare(Path("stdout"), container, options, seekable=False)
        self._video = WholeVideo(settings, options, self._pipe, notes)
        self._all_notes = notes
        super().__init__(Encoder(settings, self._video), notes)

    @property
    def closed(self) -> bool:
        """Whether its reader has gone, or ``close`` was called."""
        return super().closed or self._pipe.broken

    def close(self, *, interrupted: bool = False) -> None:
        """Send what is left."""
        open_until_now = not super().closed
        super().close(interrupted=interrupted)
        if open_until_now and self._pipe.broken and self._video.frames:
            self._all_notes.append(f"the reader of stdout went away after {counted(self._video.frames, 'frame')}")


class _Pipe:
    """What PyAV writes to; once the reader has gone, nowhere."""

    movflags = "+frag_keyframe+delay_moov+default_base_moof"
    file = None

    def __init__(self, pipe: int) -> None:
        self._pipe, self.broken = pipe, False

    @property
    def target(self) -> object:
        return self

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

    def publish(self) -> None:
        """It has no name."""

    def discard(self) -> None:
        """What was sent is sent."""
