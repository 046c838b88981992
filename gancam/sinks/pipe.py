"""A video that flows into a pipe while it is made."""

import errno
import os
import select
from contextlib import suppress
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import av

from gancam.errors import InputError, SinkError, did_you_mean
from gancam.sinks._codecs import CONTAINERS, NUT, RAW, Y4M
from gancam.sinks._encoder import EncodedSink
from gancam.sinks._muxer import WholeVideo
from gancam.sinks._settings import VideoOptions, prepare
from gancam.sinks._tracks import left_out
from gancam.units import counted

FORMATS = {
    "matroska": ".mkv",
    "mpegts": ".ts",
    "nut": ".mkv",
    "y4m": ".y4m",
    "rawvideo": ".bgr24",
    **{ending[1:]: ending for ending in CONTAINERS},
}
_PICTURES = ("y4m", "rawvideo")  # without sound and times
_LONGEST_PAUSE = 86_400  # seconds
READER_GONE = errno.EPIPE, errno.EINVAL  # of a pipe; EINVAL: Windows' word for it


class PipeWriter(EncodedSink):
    """Writes a video into a pipe.

    Nothing can be taken back: there is no resuming, and no name at the end. When its reader goes away it is ``closed``,
    as if its user had closed it, and ``notes`` says so. The pipe is left open.

    Args:
        pipe: Its file descriptor.
        options: As those of a ``VideoWriter``; `overwrite` means nothing here.
        form: matroska, nut, mpegts, webm, mp4 and mov in fragments; or pictures as they are, of one rate: y4m for the
            encoders of others, rawvideo for programs that know their size, 8-bit BGR, row by row, nothing between.

    Raises:
        InputError: There is no such `form`, or a value makes no sense.
        NotFound: There is no file `audio_from`.
        SinkError: As a ``VideoWriter``.
    """

    def __init__(self, pipe: int, options: VideoOptions, form: str = "matroska") -> None:
        if form not in FORMATS:
            raise InputError(f"no format {form!r}{did_you_mean(form, FORMATS)}")
        options.check()
        self._pipe = _Pipe(pipe, options.info.aspect if form == "y4m" else Fraction(1))
        container = {"nut": NUT, "y4m": Y4M, "rawvideo": RAW}.get(form) or CONTAINERS[FORMATS[form]]
        settings, notes = prepare(Path("stdout"), container, options, seekable=False)
        if form in _PICTURES and options.audio_from is not None:
            notes += left_out(Path(options.audio_from), f"{form} holds")
            options = replace(options, audio_from=None)
        if form == "rawvideo":
            (width, height), aspect = settings.canvas.size, options.info.aspect
            shape = "" if aspect == 1 else f", pixels of {aspect.numerator}:{aspect.denominator}"
            notes.append(
                f"its reader must know: bgr24, {width}x{height}, {float(settings.rate):.7g} frames a second{shape}"
            )
        self._video = (_ConstantRate if form in _PICTURES else WholeVideo)(settings, options, self._pipe, notes)
        self._all_notes = notes
        super().__init__(settings, self._video, notes)

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
        if open_until_now and isinstance(self._video, _ConstantRate) and self._video.again:
            pictures, again = counted(self._video.frames, "frame"), self._video.again
            self._all_notes.append(f"{pictures} were written: its rate is constant, and {again} of them show one again")


class _ConstantRate(WholeVideo):
    """An ``EncoderOutput`` without times: where a frame is shown for longer, it is written again.

    Raises:
        SinkError: A frame comes more than a day after the one before: such times are damaged, and would never end.
    """

    _before: av.VideoFrame | None = None
    again = 0  # how many frames were written that are others again

    def encode(self, picture: av.VideoFrame, tick: int, after: int) -> None:
        if self._before is not None:
            pause = (tick - after) * float(self._settings.time_base)
            if pause > _LONGEST_PAUSE:
                said = (
                    f"frame {self.frames + 1} comes {pause / 3600:.0f} hours after the one before, which would be shown"
                )
                raise SinkError(f"stdout: {said} again and again; --format matroska keeps times")
            for missing in range(after + 1, tick):
                self._before.pts = missing
                super().encode(self._before, missing, missing - 1)
                self.again += 1
        super().encode(picture, tick, after)
        self._before = picture


class _Pipe:
    """What PyAV writes to; once the reader has gone, nowhere."""

    movflags = "+frag_keyframe+delay_moov+default_base_moof"
    file = None

    def __init__(self, pipe: int, aspect: Fraction) -> None:
        self._pipe, self.broken = pipe, False
        self._aspect: Fraction | None = aspect if aspect != 1 else None  # to be put into the head of a y4m

    @property
    def target(self) -> object:
        return self

    def write(self, data: bytes) -> int:
        left = memoryview(data)
        if self._aspect is not None:  # PyAV does not tell the muxer
            told = f" A{self._aspect.numerator}:{self._aspect.denominator} ".encode()
            left, self._aspect = memoryview(bytes(data).replace(b" A0:0 ", told, 1)), None
        with suppress(BrokenPipeError):
            while left and not self.broken:
                try:
                    left = left[os.write(self._pipe, left) :]
                except BlockingIOError:  # as programs on an event loop give their own pipes to others
                    select.select([], [self._pipe], [])
                except OSError as error:
                    self.broken = error.errno in READER_GONE
                    raise
        return len(data)

    def publish(self) -> None:
        """It has no name."""

    def discard(self) -> None:
        """What was sent is sent."""
