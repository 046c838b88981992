"""A video file that plays while it is written, for what cannot be made again."""

import os
import struct
from contextlib import suppress
from fractions import Fraction
from pathlib import Path

import av
import numpy as np

from gancam.errors import SinkError
from gancam.files import give_name
from gancam.frame import Frame
from gancam.sinks._muxer import OutputFile, WholeVideo
from gancam.sinks._settings import BEFORE_ALL, EncoderSettings, VideoOptions

_PLAYS_FROM = Fraction(2, 5)  # seconds after which the first piece of every container is on the disk


class GrowingFile(OutputFile):
    """A file that has its name, and plays, from its first second on; whatever then ends the process, it stays.

    Where an open file cannot be renamed (Windows), it is hidden until its end.
    """

    # Pieces that play by themselves, until a plain index in the end takes them in. What they begin with is written with
    # the first of them: only then does it say that sound begins before 0, which moved all to a later time.
    movflags = "hybrid_fragmented+delay_moov"

    def __init__(self, path: Path, options: VideoOptions) -> None:
        super().__init__(path, options)
        self.shown = False

    @property
    def file(self) -> Path:
        """The file, under the name that it has now."""
        return self._path if self.shown else self._partial

    def show(self) -> None:
        """Give it its name; where it cannot have that now, it is tried again in the end."""
        try:
            give_name(self._partial, self._path, overwrite=self._overwrite)
            self.shown = True
        except OSError:
            pass

    def publish(self) -> None:
        """Give the whole file its name, where it does not have it."""
        if self.shown:
            self._unlock()
        else:
            super().publish()

    def discard(self) -> None:
        """Remove it, where it does not play yet; else leave what of it is whole."""
        if self.shown:
            with suppress(OSError):
                cut_to_fragments(self._path)
            self._unlock()
        else:
            super().discard()


class LiveVideo(WholeVideo):
    """An ``EncoderOutput`` whose file plays while it is written."""

    def __init__(self, settings: EncoderSettings, options: VideoOptions, place: GrowingFile, notes: list[str]) -> None:
        super().__init__(settings, options, place, notes)
        self._file, self._first = place, BEFORE_ALL

    @property
    def kept(self) -> str:
        """What remains after an error."""
        return "what was written until then is kept" if self._file.shown else super().kept

    def encode(self, picture: av.VideoFrame, tick: int, after: int) -> None:
        """Write what the encoder gives; give the file its name once it plays."""
        super().encode(picture, tick, after)
        if self._first == BEFORE_ALL:
            self._first = tick
        if not self._file.shown and (tick - self._first) * self._settings.time_base > _PLAYS_FROM:
            self._file.show()

    def discard(self) -> None:
        """Close what is open; remove what does not play."""
        if not self._muxer.written:  # FFmpeg 8 crashes when it ends a file of this kind without a packet: it gets one
            with suppress(SinkError, av.FFmpegError, OSError):
                if not self.frames:
                    width, height = self._settings.canvas.size
                    blank = Frame(np.zeros((height, width, 3), np.uint8), 0, 0.0)
                    super().encode(self._settings.canvas.picture(blank, 0, self._settings.time_base), 0, BEFORE_ALL)
                self._mux(self._muxer.stream.encode(None))
                self._muxer.release()
        super().discard()


def cut_to_fragments(path: Path) -> None:
    """Cut an MP4 or MOV that was ended in the midst of writing behind its last whole fragment; others stay as they are.

    Players that come upon half a fragment stop with an error, some before what comes ahead of it. ISO/IEC 14496-12:
    a file is boxes, each with its length and kind ahead; a fragment is a ``moof`` and the ``mdat`` behind it.

    Raises:
        OSError: It cannot be read or changed.
    """
    with path.open("r+b") as file:
        size = file.seek(0, os.SEEK_END)
        at = whole = 0
        described = False
        while at + 8 <= size:
            file.seek(at)
            length, kind = struct.unpack(">I4s", file.read(8))
            if at == 0 and kind != b"ftyp":
                return
            if length == 1 and at + 16 <= size:
                (length,) = struct.unpack(">Q", file.read(8))
            if length < 8 or at + length > size:
                break
            at += length
            described |= kind == b"moov"
            if described and kind != b"moof":
                whole = at
        if 0 < whole < size:
            file.truncate(whole)
