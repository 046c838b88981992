"""Packets of a picture and the tracks beside it on their way into one file or pipe."""

import os
from collections.abc import Iterable
from contextlib import suppress
from fractions import Fraction
from pathlib import Path
from typing import Any, Protocol

import av

from gancam._native import environment
from gancam.errors import OutputExists, SinkError
from gancam.files import check_target, give_name, lock_file, partial_path, unlock_file
from gancam.media.messages import cause
from gancam.sinks._codecs import container_of
from gancam.sinks._matroska import set_aspect
from gancam.sinks._settings import BEFORE_ALL, MOST_TICKS, EncoderSettings, VideoOptions, has_head, prepare
from gancam.sinks._sound import SoundTrack
from gancam.sinks._tracks import Packet, Tracks, needs_keys
from gancam.sinks.trial import QUIET

_FLUSHED = {"flush_packets": "1"}
_FRAGMENTS, _CLUSTERS = {**_FLUSHED, "frag_duration": "250000"}, {**_FLUSHED, "cluster_time_limit": "250"}
_LIVE = {
    "mp4": _FRAGMENTS,
    "mov": _FRAGMENTS,
    "matroska": _CLUSTERS,
    "webm": _CLUSTERS,
}  # pieces of a quarter of a second


class Place(Protocol):
    """Where a container is written to."""

    movflags: str  # of MP4 and MOV

    @property
    def target(self) -> object:
        """What PyAV opens: a file's name, or something with ``write``."""

    @property
    def file(self) -> Path | None:
        """The file that can be changed when it is complete; None where nothing can be taken back."""

    def publish(self) -> None:
        """Give what is whole its name. Raises ``SinkError`` and ``OutputExists``."""

    def discard(self) -> None:
        """Leave nothing behind."""


class OutputFile:
    """A file that is hidden, and locked against other processes, until it is whole.

    Args:
        path: The name that it gets in the end.
        options: Whether it may replace a file of that name, and the sources that it never may.

    Raises:
        SinkError: It cannot be written there.
        OutputExists: It exists, and may not be replaced.
    """

    movflags = "+faststart"

    def __init__(self, path: Path, options: VideoOptions) -> None:
        check_target(path, overwrite=options.overwrite, sources=[options.audio_from, options.info.path])
        self._path, self._overwrite = path, options.overwrite
        self._partial = partial_path(path)
        self._held: int | None = None
        self._kept = False

    @property
    def target(self) -> str:
        """The hidden file's name."""
        return os.fspath(self._partial)

    @property
    def file(self) -> Path:
        """The hidden file."""
        return self._partial

    def lock(self) -> None:
        """Create it, and keep others from writing it. Raises ``SinkError`` where another process does."""
        self._held = lock_file(self._partial, self._path)

    def publish(self) -> None:
        """Give the whole file its name; where it cannot have that, it is kept under the hidden one."""
        try:
            give_name(self._partial, self._path, overwrite=self._overwrite)
        except OSError as error:  # the work is kept, whatever is in its way
            self._kept = True
            kind = OutputExists if isinstance(error, FileExistsError) else SinkError
            raise kind(f"{self._path}: cannot take this name ({cause(error)}); the video is {self._partial}") from error
        finally:
            self._unlock()

    def discard(self) -> None:
        """Remove it."""
        if not self._kept:
            with suppress(OSError):
                self._partial.unlink(missing_ok=True)
        self._unlock()

    def _unlock(self) -> None:
        held, self._held = self._held, None
        unlock_file(held)


def claim_file(path: Path, options: VideoOptions) -> tuple[OutputFile, EncoderSettings, list[str]]:
    """Settle how a video file is written, and take its place.

    Returns:
        The hidden file, locked; how its frames are encoded; notes on what will not be as in the source.

    Raises:
        InputError: A value makes no sense.
        OutputExists: The file exists, and may not be replaced.
        SinkError: It cannot be written.
    """
    place = OutputFile(path, options)
    return place, *claim(place, path, options)


def claim(place: OutputFile, path: Path, options: VideoOptions) -> tuple[EncoderSettings, list[str]]:
    """Settle how a video is written to `place`, and lock that; raises as ``claim_file`` does."""
    options.check()
    settings, notes = prepare(path, container_of(path), options)
    place.lock()
    return settings, notes


class Muxer:
    """Writes one container: the packets of its picture, and the tracks that go along.

    Args:
        place: Where it is written to.
        options: Of which file tracks are taken, and what part of it.
        notes: Gets what could not be taken along.
    """

    def __init__(self, place: Place, options: VideoOptions, notes: list[str]) -> None:
        self._place, self._options, self._notes = place, options, notes
        self._container: av.container.OutputContainer | None = None
        self._tracks: Tracks | None = None
        self._stream: av.VideoStream | None = None
        self._settings: EncoderSettings | None = None
        self._sound: SoundTrack | None = None
        self._held: Packet | None = None  # the last packet
        self._first = self._begin = self._end = (
            0  # ticks: when the first packet is decoded, the picture begins and ends
        )
        self._late: int | None = None  # ticks by which all of it is later than its times say; None before the first
        self.written = 0  # packets of the picture
        self._noted = False  # whether what is left out has been told
        self._told = 0  # notes of the tracks until they were opened

    @property
    def stream(self) -> av.VideoStream:
        """The picture's, of the container that is open."""
        assert self._stream is not None
        return self._stream

    def open(self, settings: EncoderSettings) -> None:
        """Open the encoder of `settings`, the tracks and the container, and write its beginning.

        It can be closed and opened again, from the beginning; notes are made the first time alone.
        """
        self._settings, self._late = settings, None
        audio_from = self._options.audio_from
        notes = self._open(settings, None if audio_from is None else Path(audio_from))
        self._told = 0 if self._tracks is None else len(self._tracks.notes)
        if not self._noted:
            self._notes += notes
        self._noted = True

    def _open(self, settings: EncoderSettings, audio_from: Path | None) -> list[str]:
        options = self._container_options(settings, audio_from)
        container = self._container = av.open(
            self._place.target, "w", format=settings.container.format, options=options
        )
        stream = container.add_stream(settings.codec.encoder, rate=settings.rate, options=settings.encoder_options)
        assert isinstance(stream, av.VideoStream)
        stream.time_base = settings.time_base
        settings.describe(stream.codec_context)
        if settings.codec.name == "vp9" and settings.canvas.pixels.startswith("yuva"):
            stream.metadata["alpha_mode"] = "1"
        self._stream = stream
        if audio_from is not None:
            self._tracks = self._open_tracks(settings, audio_from, container)
        elif self._options.sound is not None:
            self._sound = SoundTrack(self._options.sound, container, settings.container.audio.encoder)
        try:
            with environment(QUIET):
                container.start_encoding()
        except (av.error.InvalidDataError, av.error.ArgumentError) as error:
            if self._tracks is None:
                raise
            self.abort()
            what = f"{settings.container.format} does not take what is described there ({cause(error)})"
            return [*self._open(settings, None), f"sound, subtitles, chapters and words are left out: {what}"]
        return [] if self._tracks is None else list(self._tracks.notes)

    def _open_tracks(self, settings: EncoderSettings, path: Path, container: av.container.OutputContainer) -> Tracks:
        start = settings.begin * settings.time_base
        first, end = self._options.part
        return Tracks(
            path,
            container,
            settings.container.audio,
            self._options.info.origin + start,
            first=None if first is None else Fraction(0),
            end=None if end is None else end - start,
        )

    def _container_options(self, settings: EncoderSettings, audio_from: Path | None) -> dict[str, str]:
        name = settings.container.format
        options = dict(_LIVE.get(name, _FLUSHED)) if settings.live else {}
        if settings.live and self._options.sound is None:
            # The tracks of a file are written in order: nothing waits ten seconds for one that is silent. Sound that is
            # heard comes late, and is never silent.
            options["max_interleave_delta"] = "100000"
        if name in ("mp4", "mov"):
            # A late start is an edit list, in units of the movie time scale: 1 ms unless told otherwise.
            keys = "+use_metadata_tags" if audio_from is not None and needs_keys(audio_from, name) else ""
            flags = self._place.movflags + keys
            options |= {"movflags": flags, "movie_timescale": str(settings.time_base.denominator)}
        return options

    def mux(self, packet: Packet) -> None:
        """Write a packet of the picture, and before it what belongs before it of the tracks.

        The last is held until ``finish``: MP4 and MOV last as long as all packets together, and the one that is decoded
        last may not be the one that is shown last.
        """
        assert self._settings is not None
        if self._held is not None:
            self._end = max(self._end, _end_of(self._held))
            self._write(self._held)
        if self._late is None:
            self._late = self._lateness(packet.pts or 0)
        if self._late and packet.pts is not None and packet.dts is not None:
            packet.pts, packet.dts = packet.pts + self._late, packet.dts + self._late
        if not packet.duration:
            packet.duration = self._settings.frame_ticks
        shown = packet.pts or 0
        if self._held is None:
            self._first, self._begin, self._end = packet.dts or 0, shown, shown
        self._begin = min(self._begin, shown)
        self._held = packet

    def was_shown(self, begin: int, ticks: int) -> None:
        """Say how long the picture of the tick `begin` is shown, where its packet is still held."""
        if self._held is not None and self._held.pts == begin + (self._late or 0):
            self._held.duration = ticks

    def _lateness(self, first: int) -> int:
        """How many ticks later a picture has to be shown whose first frame is at `first`: files begin at 0."""
        assert self._settings is not None
        if first >= 0:
            return 0
        name = self._settings.container.format
        begins = f"the first frame is at {float(first * self._settings.time_base):g} s"
        if self._tracks is None and self._sound is None:
            self._notes.append(f"{begins}, and a file begins at 0: all are so much later in it")
            return -first
        if name in ("mp4", "mov"):  # in others FFmpeg moves it, with all that goes along
            self._notes.append(f"{begins}, and what comes before 0 s is left out: .mkv keeps it")
        return 0

    def _write(self, packet: Packet) -> None:
        assert self._settings is not None
        assert self._container is not None
        if self._tracks is not None and packet.dts is not None:
            self._tracks.write_until(packet.dts * self._settings.time_base)
        if self._sound is not None and packet.pts is not None:
            self._container.mux(self._sound.packets_until(packet.pts * self._settings.time_base))
        self._container.mux(packet)
        self.written += 1

    def finish(self, until: Fraction | None) -> None:
        """Write what the tracks still hold and the container's end.

        Args:
            until: In seconds of the output, where the tracks end; None: all of them.
        """
        assert self._settings is not None
        assert self._container is not None
        if self._held is not None:
            self._end = max(self._end, _end_of(self._held))
            if self._settings.container.format in ("mp4", "mov") and self._held.dts is not None:
                lasts = self._end - self._begin - (self._held.dts - self._first)
                self._held.duration = max(self._held.duration or 0, lasts)
            self._write(self._held)
            self._held = None
        if self._tracks is not None:
            self._tracks.finish(until)
            self._notes += self._tracks.notes[self._told :]  # what was damaged on the way
        if self._sound is not None:
            self._container.mux(self._sound.finish(self._end * self._settings.time_base))
        self._container.close()
        aspect, file = self._settings.canvas.aspect, self._place.file
        if aspect != 1 and file is not None and has_head(self._settings.container) and not set_aspect(file, aspect):
            self._notes.append(f"the shape of its pixels ({aspect.numerator}:{aspect.denominator}) is left out")

    def release(self) -> None:
        """Write the packet that is held."""
        held, self._held = self._held, None
        if held is not None:
            self._write(held)

    def abort(self) -> None:
        """Close what is open, as it is, and forget it and the encoder's memory."""
        if self._sound is not None:
            self._sound.close()
        parts: list[Any] = [self._tracks, self._container]
        self._tracks = self._container = self._stream = self._held = None
        for part in parts:
            with suppress(av.FFmpegError, OSError, ValueError):  # the first error is the one to tell
                if part is not None:
                    part.close()


def _end_of(packet: Packet) -> int:
    return (packet.pts or 0) + (packet.duration or 0)


class WholeVideo:
    """An ``EncoderOutput`` whose packets go straight into the container."""

    def __init__(self, settings: EncoderSettings, options: VideoOptions, place: Place, notes: list[str]) -> None:
        self._settings, self._place = settings, place
        self._muxer = Muxer(place, options, notes)
        self.frames = 0
        self._shown: dict[int, int] = {}  # how long pictures are shown that the encoder still has

    @property
    def kept(self) -> str:
        """What remains after an error."""
        return "the output is incomplete" if self._place.file is None else "partial output deleted"

    def open(self) -> int:
        """Open the container."""
        self._muxer.open(self._settings)
        return BEFORE_ALL

    def encode(self, picture: av.VideoFrame, tick: int, after: int) -> None:
        """Write what the encoder gives."""
        lasted = min(tick - after, MOST_TICKS)  # the next picture ends it, whatever was known of that before
        if after in self._shown:
            self._shown[after] = lasted
        self._muxer.was_shown(after, lasted)
        self._shown[tick] = picture.duration
        self._mux(self._muxer.stream.encode(picture))
        self.frames += 1

    def finish(self, last: int, *, interrupted: bool) -> None:
        """Write what encoder and tracks still hold, and give the file its name; without a frame there is none."""
        if not self.frames:
            self.discard()
            return
        self._mux(self._muxer.stream.encode(None))
        end = (last + self._settings.frame_ticks) * self._settings.time_base
        self._muxer.finish(end if interrupted else None)
        self._place.publish()

    def _mux(self, packets: Iterable[Packet]) -> None:
        for packet in packets:
            packet.duration = self._shown.pop(packet.pts or 0, packet.duration or 0)
            self._muxer.mux(packet)

    def abandon(self) -> None:
        """What is left to do takes no time worth ending."""

    def discard(self) -> None:
        """Leave nothing behind."""
        self._muxer.abort()
        self._place.discard()
