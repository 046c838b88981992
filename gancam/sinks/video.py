"""A video file in MP4, MOV, Matroska, WebM or MPEG-TS, with the source's audio, clock and colours."""

import os
import struct
from collections.abc import Sequence
from contextlib import suppress
from fractions import Fraction
from pathlib import Path

import av
import numpy as np

from gancam.errors import SinkError
from gancam.files import check_target, give_name
from gancam.frame import Frame
from gancam.media.live_sound import heard
from gancam.sinks._animation import WholeAnimation
from gancam.sinks._codecs import (
    ANIMATIONS,
    CONTAINERS,
    DEFAULT_QUALITY,
    check_codec,
    check_quality,
    hardware_codecs,
    holds,
    keeps,
    trouble,
)
from gancam.sinks._encoder import EncodedSink, EncoderOutput
from gancam.sinks._muxer import OutputFile, WholeVideo, claim, claim_file
from gancam.sinks._settings import BEFORE_ALL, EncoderSettings, VideoOptions
from gancam.sinks.contract import SinkContext

__all__ = [
    "ANIMATIONS",
    "CONTAINERS",
    "DEFAULT_QUALITY",
    "EncodedSink",
    "VideoOptions",
    "VideoWriter",
    "check",
    "check_codec",
    "check_output",
    "check_quality",
    "hardware_codecs",
    "holds",
    "keeps",
    "open",
    "trouble",
]  # fmt: skip
_PLAYS_FROM = Fraction(2, 5)  # seconds after which the first piece of every container is on the disk


def open(path: str, context: SinkContext) -> "VideoWriter":
    """Open a video file."""
    with heard(context.sound if context.audio_from is None else None) as tap:
        return VideoWriter(path, VideoOptions.of(context, tap))


def check(path: str, *, overwrite: bool) -> None:
    """Find what would keep a video file from being opened live; raises as ``VideoWriter`` does."""
    check_output(Path(path), overwrite=overwrite)


class VideoWriter(EncodedSink):
    """Writes frames to a video file.

    Time: frame i is shown at ``frame.time``, in the source's time base (else one that suits `fps`). A time that does
    not come after its predecessor's is moved one tick behind it. Matroska and WebM hold whole milliseconds and none
    below 0: where sound begins before 0 (the run-up of AAC), everything begins that much later.

    Work goes to a hidden ``.NAME.partial.EXT`` beside the output and gets its name in ``close``, when it is whole. An
    interrupted video (Ctrl-C, an error in an effect) is finished with the frames that came and the audio that belongs
    to them, so that it plays. When no frame came, or the encoder failed (disk full), nothing is left behind; an older
    file under the name stays as it was until the rename.

    Args:
        path: The file; its extension chooses the container: .mp4, .m4v, .mov, .mkv, .webm, .ts (MPEG-TS), or an
            animated picture that plays without end: .gif, .apng, .webp.
        options: What is asked of it.

    Raises:
        InputError: A value makes no sense.
        OutputExists: The file exists, and may not be replaced.
        NotFound: There is no file `audio_from`.
        SinkError: It cannot be written. What goes wrong in the hidden encoder thread is raised by the next ``write`` or
            by ``close``.
    """

    def __init__(self, path: str | os.PathLike[str], options: VideoOptions) -> None:
        super().__init__(*_output_of(Path(path), options))


def _output_of(path: Path, options: VideoOptions) -> tuple[EncoderSettings, EncoderOutput, list[str]]:
    """Claim a file: how its frames are encoded, what becomes of them, and notes. Raises as ``VideoWriter`` does."""
    if path.suffix.lower() in ANIMATIONS:
        place, settings, notes = claim_file(path, options)
        if options.live:
            last = "which takes a few seconds for each that was recorded: Ctrl-C then gives it up"
            notes.append(f"{path.name} is made in the end, of frames that wait beside it, {last}")
        return settings, WholeAnimation(settings, options, place, notes), notes
    if options.live:
        growing = GrowingFile(path, options)
        settings, notes = claim(growing, path, options)
        return settings, LiveVideo(settings, options, growing, notes), notes
    place, settings, notes = claim_file(path, options)
    return settings, WholeVideo(settings, options, place, notes), notes


def check_output(
    path: Path,
    *,
    codec: str | None = None,
    quality: float | None = None,
    overwrite: bool = False,
    sources: Sequence[str | os.PathLike[str] | None] = (),
) -> None:
    """Find what would keep a ``VideoWriter`` of `path` from beginning, while there is nothing to write yet.

    Args:
        path: The file to be.
        codec: As ``VideoWriter`` has it.
        quality: As ``VideoWriter`` has it.
        overwrite: As ``VideoWriter`` has it.
        sources: The files that it must not replace.

    Raises:
        InputError: A value makes no sense.
        OutputExists: The file exists, and may not be replaced.
        SinkError: It cannot be written.
    """
    check_quality(quality)
    check_codec(path, codec, None)
    check_target(path, sources=sources, overwrite=overwrite)


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
