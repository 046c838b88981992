"""A video file in MP4, MOV, Matroska, WebM or MPEG-TS, with the source's audio, clock and colours."""

import errno
import math
import os
import queue
import sys
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import av
from av.codec.codec import UnknownCodecError

from gancam._native import environment
from gancam.errors import GancamError, InputError, OutputExists, SinkError, did_you_mean
from gancam.files import check_target, give_name, lock_file, partial_path, unlock_file
from gancam.frame import Frame
from gancam.inference.hardware import usable_cores
from gancam.media.info import VideoInfo
from gancam.media.messages import cause
from gancam.queues import BoundedQueue
from gancam.sinks._canvas import Canvas, sampling
from gancam.sinks._matroska import set_aspect
from gancam.sinks._tracks import AudioRule, Tracks

DEFAULT_QUALITY = 80.0
_AHEAD, _WAITING = 4, 100_000_000  # frames that may wait for the encoder, and their bytes
_HUGE = 16_000_000  # pixels from which on x264 must not look ahead, or it takes 2.4 GB (7680x4320) instead of 0.9
_SMALL = 352 * 288  # pixels up to which they are seen enlarged: x264's crf 3 finer, 40.9 to 42.9 dB in 176x144 noise
_SPARING = ":rc-lookahead=0:sync-lookahead=0:mbtree=0:bframes=0:sliced-threads=1"
_NICENESS = 5  # steps of priority that the encoder's threads give up, on Linux


@dataclass(frozen=True, slots=True)
class _Container:
    format: str  # FFmpeg's name
    codecs: tuple[str, ...]  # the usual one first
    audio: AudioRule


_MP4_AUDIO = ("aac", "mp3", "ac3", "eac3", "alac", "flac", "opus")
_MOV_AUDIO = ("aac", "mp3", "ac3", "eac3", "alac", "pcm_s16le", "pcm_s24le")
_MP4 = _Container("mp4", ("h264", "h265", "av1", "vp9"), AudioRule(_MP4_AUDIO, "aac"))
_MOV = _Container("mov", ("h264", "h265", "prores"), AudioRule(_MOV_AUDIO, "aac"))
_MKV = _Container("matroska", ("h264", "h265", "vp9", "av1", "ffv1"), AudioRule(None, "libopus"))
_WEBM = _Container("webm", ("vp9", "av1"), AudioRule(("opus", "vorbis"), "libopus"))
_TS = _Container("mpegts", ("h264", "h265"), AudioRule(("aac", "mp3", "ac3", "eac3"), "aac"))
NUT = replace(_MKV, format="nut")
CONTAINERS = {".mp4": _MP4, ".m4v": _MP4, ".mov": _MOV, ".mkv": _MKV, ".webm": _WEBM, ".ts": _TS}


@dataclass(frozen=True, slots=True)
class _Codec:
    encoder: str  # FFmpeg's name
    options: Callable[[float], dict[str, str]]  # of the encoder, for a quality of 0..100
    pixels: str = "yuv420p"
    keeps: tuple[str, ...] = ("yuv420p",)  # what a copy may have instead, planes as they are; none: all it can have
    lossless: bool = False
    alpha: str = ""  # the pixels that hold opacity, too


# Chosen by measurement: a hand-held city view scaled to 1280x720, two cores. CPU time a frame, rate, Y-PSNR:
#
#     libx264 ultrafast  crf 18    6 ms  10.3 Mb/s  44.3 dB      libx265 ultrafast  crf 16   36 ms  3.7 Mb/s  45.2 dB
#     libx264 superfast  crf 16   12 ms   6.7 Mb/s  45.8 dB      libx265 superfast  crf 16   70 ms  4.3 Mb/s  46.4 dB
#     libx264 veryfast   crf 16   17 ms   5.8 Mb/s  45.9 dB      libvpx-vp9 speed 7 crf 23   17 ms  4.0 Mb/s  46.3 dB
#       (no inter partitions)     15 ms   5.7 Mb/s  45.9 dB      libsvtav1 10       crf 18   15 ms  3.5 Mb/s  42.8 dB
#     libx264 medium     crf 18   57 ms   5.0 Mb/s  45.1 dB      libsvtav1 8        crf 23   24 ms  2.8 Mb/s  43.5 dB
#
# For H.264, veryfast without inter partitions comes near superfast's time at veryfast's size (in calm scenes half of
# superfast's). The factors at quality 80 give about the same 42.5-43 dB for a copy of that clip at its own 640x360.
# Without cpu-independent, one run in ten of x264 differs in a few macroblocks (AVX-512), and resumed jobs would too.
_CODECS = {
    "h264": _Codec(
        "libx264",
        lambda q: {
            "preset": "veryfast", "partitions": "i8x8,i4x4", "x264-params": "cpu-independent=1",
            "crf": f"{48 - 0.4 * q:g}",
        },
    ),
    "h265": _Codec(
        "libx265",
        lambda q: {"preset": "superfast", "x265-params": "log-level=none", "crf": f"{49 - 0.4 * q:g}"},
        keeps=("yuv420p", "yuv420p10le"),
    ),
    "vp9": _Codec(
        "libvpx-vp9",
        lambda q: {"deadline": "realtime", "cpu-used": "7", "row-mt": "1", "b": "0", "crf": f"{63 - 0.5 * q:g}"},
    ),
    "av1": _Codec(
        "libsvtav1", lambda q: {"preset": "8", "crf": f"{63 - 0.53 * q:g}"}, keeps=("yuv420p", "yuv420p10le")
    ),
    "ffv1": _Codec(
        "ffv1", lambda q: {"level": "3", "slicecrc": "1"}, pixels="bgr0", keeps=(), lossless=True, alpha="bgra"
    ),
    "prores": _Codec(
        "prores_ks",
        lambda q: {"profile": "proxy" if q < 40 else "lt" if q < 60 else "standard" if q < 75 else "hq"},
        pixels="yuv422p10le",
        keeps=("yuv422p10le",),
        alpha="yuva444p10le",
    ),
}  # fmt: skip


def _nvenc(encoder: str) -> _Codec:
    return _Codec(encoder, lambda q: {"preset": "p5", "rc": "vbr", "b": "0", "cq": f"{max(49 - 0.4 * q, 1):g}"})


_NVENC = {"h264": _nvenc("h264_nvenc"), "h265": _nvenc("hevc_nvenc"), "av1": _nvenc("av1_nvenc")}
QUIET = {"SVT_LOG": "0"}  # while libsvtav1 opens: it writes a page to stderr otherwise; its errors reach us anyway
_ALIASES = {"avc": "h264", "x264": "h264", "hevc": "h265", "x265": "h265", "vp09": "vp9", "svtav1": "av1"}


class VideoWriter:
    """Writes frames of `size` to the file `path`, whose ending chooses the container: .mp4, .m4v, .mov, .mkv, .webm,
    .ts (MPEG-TS).

    fps         frames a second: nominal; the times that count are ``Frame.time``.
    size        (width, height) of the frames to come. 4:2:0 needs even numbers, so an odd picture gets its last row or
                column twice, which a note says.
    codec       "h264", "h265", "vp9", "av1", "prores" or "ffv1" (lossless); None: the container's usual (VP9 for WebM,
                else H.264). FFmpeg's name of an NVENC encoder ("h264_nvenc") means that one.
    encoder     "cpu" (the default) or "nvenc", an NVIDIA GPU's encoder of that codec.
    quality     0 (small) to 100 (as good as it gets), the same look on every codec.
    untouched   the frames to come are the source's (of `like`), each with its ``Frame.decoded``: where the codec can
                hold those planes (see `keeps`) they are encoded as they are, in the depth and sampling they have.
    overwrite   whether an existing `path` may be replaced. The source itself never is.
    audio_from  a file whose audio tracks go along, and its subtitles, chapters, covers, attachments, data and words:
                copied packet by packet where the container can hold them, else converted or left out (a note says so).
    like        the source's ``Footage``: its colours, pixel aspect, time base and clock are kept.
    part        (first, end) in seconds of ``Frame.time``: what the frames to come are a part of; `first` becomes 0.

    Time: frame i is shown at ``frame.time``, in the source's time base (else one that suits `fps`). A time that does
    not come after its predecessor's is moved one tick behind it. Matroska and WebM hold whole milliseconds and none
    below 0: where sound begins before 0 (the run-up of AAC), everything begins that much later.

    Work goes to a hidden ``.NAME.partial.EXT`` beside the output and gets its name in ``close``, when it is whole. An
    interrupted video (Ctrl-C, an error in an effect) is finished with the frames that came and the audio that belongs
    to them, so that it plays. When no frame came, or the encoder failed (disk full), nothing is left behind; an older
    file under the name stays as it was until the rename.

    Raises ``InputError`` for values that make no sense, ``OutputExists``, ``NotFound`` for a missing `audio_from`, and
    ``SinkError`` for all that cannot be written; what goes wrong in the hidden encoder thread is raised by the next
    ``write`` or by ``close``.
    """

    def __init__(
        self,
        path: str | os.PathLike[str],
        *,
        fps: float,
        size: tuple[int, int],
        codec: str | None = None,
        encoder: str | None = None,
        quality: float | None = None,
        untouched: bool = False,
        overwrite: bool = False,
        audio_from: str | os.PathLike[str] | None = None,
        like: VideoInfo | None = None,
        part: tuple[Fraction | None, Fraction | None] = (None, None),
    ) -> None:
        self._path = Path(path)
        self._like = like or VideoInfo(size=size)
        self._fps = float(fps)
        self._quality = DEFAULT_QUALITY if quality is None else float(quality)
        self._overwrite = overwrite
        self._audio_from = None if audio_from is None else Path(audio_from)
        self.notes: list[str] = []
        if not 0 < fps <= 1000:
            raise InputError(f"fps is {fps}: needs more than 0 and at most 1000")
        check_quality(quality)
        self._claim()
        self._codec = _choose_codec(codec, encoder, self._holder, self._path.suffix or self._holder.format)
        self._canvas = self._prepare(size, untouched)
        if self._canvas.note:
            self.notes.append(self._canvas.note)
        if self._codec[1].lossless and quality is not None:
            self.notes.append(f"{self._codec[0]} is lossless: quality {quality:g} changes nothing")
        self._lock = None if self._partial == self._path else lock_file(self._partial, self._path)
        self._tick = self._like.time_base or _time_base(self._rate)
        self._begin = round((part[0] or 0) / self._tick)
        self._part = part
        self._encoder_threads = min(usable_cores(), 8)  # more buys little and holds more frames in memory
        self._container: av.container.OutputContainer | None = None
        self._audio: Tracks | None = None
        self._busy = 0.0
        self._frames = 0
        self._closed = False
        self._error: Exception | None = None
        self._told = False  # whether the error was raised to the user
        self._abandoned = False
        waiting = _WAITING // max(size[0] * size[1] * 3, 1)
        self._queue: BoundedQueue[Frame | _End] = BoundedQueue(min(max(waiting, 1), _AHEAD))
        self._ready: queue.SimpleQueue[None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._work, name="gancam-encode", daemon=True)
        self._thread.start()
        try:
            self._ready.get()
        except BaseException:  # Ctrl-C in just this moment
            self.close(interrupted=True)
            raise
        if self._error is not None:
            self._thread.join()
            raise self._error

    def _prepare(self, size: tuple[int, int], untouched: bool) -> Canvas:
        made, aspect = self._codec[1], self._like.aspect
        carried = self._codec[0] in ("h264", "h265") or self._holder.format in ("mp4", "mov")
        if aspect != 1 and not carried and not self._has_head:
            shape = f"{aspect.numerator}:{aspect.denominator}"
            where = f"{self._holder.format} on stdout has it with h264 and h265 alone"
            self.notes.append(f"the shape of its pixels ({shape}) is left out: {where}, a file with all")
        if untouched and _keeps(made, self._like):
            pixels = self._like.pixels.replace("yuvj", "yuv")
            return Canvas(size, os.fspath(self._path), self._like, pixels=pixels, untouched=True)
        like = self._like
        if made.encoder == "prores_ks":  # it has no place to say that the range is full
            like = replace(like, colour=replace(like.colour, full_range=False))
        if like.alpha and not made.alpha:
            others = "ffv1 (.mkv), prores (.mov) and PNG images do"
            self.notes.append(f"its transparency is left out: {self._codec[0]} holds none here, {others}")
        return Canvas(
            size, os.fspath(self._path), like, pixels=made.alpha if like.alpha and made.alpha else made.pixels
        )

    def _claim(self) -> None:
        """Find the container, and where to write until all is there."""
        self._holder = _container_of(self._path)
        check_target(self._path, sources=[self._audio_from, self._like.path], overwrite=self._overwrite)
        self._partial = partial_path(self._path)

    @property
    def _has_head(self) -> bool:
        """Whether what is written can be completed at its beginning, and must be, to tell the shape of its pixels."""
        return self._holder.format in ("matroska", "webm") and self._partial != self._path

    @property
    def _target(self) -> Any:
        """What PyAV opens."""
        return os.fspath(self._partial)

    @property
    def _muxing(self) -> dict[str, str]:
        if self._holder.format not in ("mp4", "mov"):
            return {}
        # A late start is an edit list, in units of the movie time scale: 1 ms unless told otherwise.
        return {"movflags": "+faststart", "movie_timescale": str(self._tick.denominator)}

    @property
    def path(self) -> Path:
        return self._path

    @property
    def closed(self) -> bool:
        return self._closed

    @property
    def busy(self) -> float:
        """Seconds the encoder thread has worked."""
        return self._busy

    def write(self, frame: Frame) -> None:
        """Hand `frame` to the encoder; waits while it is several frames behind."""
        if self._closed:
            raise SinkError(f"{self._path}: already closed")
        self._raise_error()
        self._canvas.check(frame)
        self._queue.put(frame)

    def close(self, *, interrupted: bool = False) -> None:
        """Finish the file and give it its name. A Ctrl-C meanwhile waits until that is done, a second one gives up."""
        if self._closed:
            return
        self._closed = True
        late: BaseException | None = None
        while True:
            try:
                self._queue.push(_End(interrupted))
                self._thread.join()
                break
            except BaseException as error:
                self._abandoned = late is not None
                late = error
        if late is not None:
            raise late
        if not self._told:
            self._raise_error()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close(interrupted=kind is not None)

    def _raise_error(self) -> None:
        if self._error is not None:
            self._told = True
            raise self._error

    # The hidden thread, from here on. It alone touches the encoder, whose own threads it starts.

    def _work(self) -> None:
        _yield_to_others()
        try:
            self._open(self._audio_from)
        except Exception as error:  # raised by __init__, which waits for it
            self._error = error
            if not isinstance(error, GancamError):
                what = f"{self._codec[1].encoder} at {self._canvas.size[0]}x{self._canvas.size[1]}"
                self._error = SinkError(f"{self._path}: cannot be written with {what} ({cause(error)})")
                if self._codec[1] in _NVENC.values():
                    need = "that takes an NVIDIA GPU that encodes, and its driver; --encoder cpu works everywhere"
                    self._error = SinkError(f"{self._path}: {what} cannot be opened ({cause(error)}): {need}")
                self._error.__cause__ = error
            self._discard()
            self._ready.put(None)
            return
        self._ready.put(None)
        self._encode_all()

    def _open(self, audio_from: Path | None) -> None:
        """Open encoder, audio and container, and write the container's beginning."""
        self._container = av.open(self._target, "w", format=self._holder.format, options=self._muxing)
        self._stream = self._add_video()
        if audio_from is not None:
            origin = self._like.origin + self._begin * self._tick
            first, end = self._part
            within: dict[str, Fraction | None] = {
                "first": None if first is None else Fraction(0),
                "end": None if end is None else end - self._begin * self._tick,
            }
            self._audio = Tracks(audio_from, self._container, self._holder.audio, origin, **within)
        try:
            with environment(QUIET):
                self._container.start_encoding()
        except (av.error.InvalidDataError, av.error.ArgumentError):
            if self._audio is None:
                raise
            self._close_parts()
            self._audio = None
            self._open(None)
            self.notes.append("the audio is left out: its description is damaged")
        if self._audio is not None:
            self.notes += self._audio.notes

    def _add_video(self) -> av.VideoStream:
        stream = self._output.add_stream(self._codec[1].encoder, rate=self._rate, options=self._encoder_options)
        assert isinstance(stream, av.VideoStream)
        stream.time_base = self._tick
        self._describe(stream.codec_context)
        return stream

    @property
    def _encoder_options(self) -> dict[str, str]:
        options = self._codec[1].options(self._quality)
        pixels = self._canvas.size[0] * self._canvas.size[1]
        if self._codec[1].encoder == "libx264" and pixels > _HUGE:
            options["x264-params"] += _SPARING
        if self._codec[1].encoder == "libx264" and pixels <= _SMALL:
            options["crf"] = f"{float(options['crf']) - 3:g}"
        if self._codec[0] == "ffv1" and min(self._canvas.size) < 16:
            options["slices"] = "1"  # left to itself it finds no way to slice some of these
        if self._codec[0] == "prores" and self._canvas.pixels.startswith("yuva"):
            options["profile"] = "4444"
        return options

    def _describe(self, context: av.VideoCodecContext) -> None:
        self._canvas.describe(context)
        context.time_base = self._tick
        context.thread_count = self._encoder_threads
        if self._codec[0] == "h265" and self._holder.format in ("mp4", "mov"):
            context.codec_tag = "hvc1"  # Apple's players want it

    @property
    def _rate(self) -> Fraction:
        return Fraction(self._fps).limit_denominator(1001)

    @property
    def _duration(self) -> int:
        """Ticks that a frame lasts, nominally."""
        return max(round(1 / (self._fps * self._tick)), 1)

    def _encode_all(self) -> None:
        end: _End | None = None
        try:
            last = -(1 << 62)
            while isinstance(item := self._queue.take(), Frame):
                began = time.perf_counter()
                last = self._moment(item, last)
                picture = self._canvas.picture(item, last, self._tick)
                del item  # a large picture less in memory while this one is encoded
                for packet in self._stream.encode(picture):
                    self._mux(packet)
                del picture
                self._frames += 1
                self._busy += time.perf_counter() - began
            end = item
            began = time.perf_counter()
            if self._frames and not self._abandoned:
                self._finish(last, end.interrupted)
                self._publish()
            else:
                self._discard()
            self._busy += time.perf_counter() - began
        except Exception as error:  # raised by the next write or by close
            self._error = self._as_sink_error(error)
            self._discard()
            while end is None:  # keep taking, so that no write waits for ever
                taken = self._queue.take()
                end = taken if isinstance(taken, _End) else None

    def _moment(self, frame: Frame, last: int) -> int:
        """The tick at which `frame` is shown, behind `last`."""
        return max(round(Fraction(frame.time) / self._tick) - self._begin, last + 1)

    def _mux(self, packet: "av.Packet[av.VideoStream]") -> None:
        """Write an encoded packet, and before it the audio that belongs before it."""
        if not packet.duration:
            packet.duration = self._duration
        if self._audio is not None and packet.dts is not None:
            self._audio.write_until(packet.dts * self._tick)
        self._output.mux(packet)

    def _finish(self, last: int, interrupted: bool) -> None:
        """Write what encoder and audio still hold, and the container's end."""
        for packet in self._stream.encode(None):
            self._mux(packet)
        if self._audio is not None:
            known = len(self._audio.notes)
            self._audio.write_until((last + self._duration) * self._tick if interrupted else None)
            self._audio.close()
            self.notes += self._audio.notes[known:]
        self._output.close()
        self._tell_aspect()

    def _tell_aspect(self) -> None:
        aspect = self._canvas.aspect
        if aspect != 1 and self._has_head and not set_aspect(self._partial, aspect):
            self.notes.append(f"the shape of its pixels ({aspect.numerator}:{aspect.denominator}) is left out")

    def _publish(self) -> None:
        """Give the whole file its name."""
        try:
            give_name(self._partial, self._path, overwrite=self._overwrite)
        except OSError as error:  # the work is kept, whatever is in its way
            kind = OutputExists if isinstance(error, FileExistsError) else SinkError
            self._error = kind(f"{self._path}: cannot take this name ({cause(error)}); the video is {self._partial}")
        unlock_file(self._lock)

    def _discard(self) -> None:
        """Close what is open and remove the partial file."""
        self._close_parts()
        with suppress(OSError):
            self._partial.unlink(missing_ok=True)
        unlock_file(self._lock)

    def _close_parts(self) -> None:
        for part in (self._audio, self._container):
            with suppress(av.FFmpegError, OSError, ValueError):  # the first error is the one to tell
                if part is not None:
                    part.close()

    @property
    def _output(self) -> av.container.OutputContainer:
        assert self._container is not None
        return self._container

    def _as_sink_error(self, error: Exception) -> Exception:
        if isinstance(error, GancamError):
            return error
        if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EFBIG, errno.EDQUOT):
            what = "no room left"
        else:
            what = cause(error)
        said = SinkError(f"{self._path}: writing failed after {self._frames} frames ({what}); nothing was kept")
        said.__cause__ = error
        return said


@dataclass(frozen=True, slots=True)
class _End:
    interrupted: bool


def keeps(path: str | os.PathLike[str], footage: VideoInfo, *, codec: str | None, encoder: str | None) -> bool:
    """Whether a ``VideoWriter`` of `path` with these options keeps the planes of untouched `footage` as they are.
    Raises as it does for a codec that cannot be had."""
    ending = Path(path).suffix
    if ending.lower() not in CONTAINERS:
        return False
    return _keeps(_choose_codec(codec, encoder, CONTAINERS[ending.lower()], ending)[1], footage)


def _keeps(codec: _Codec, footage: VideoInfo) -> bool:
    pixels = footage.pixels.replace("yuvj", "yuv")
    if not codec.keeps:
        return pixels in {form.name for form in av.Codec(codec.encoder, "w").video_formats or ()}
    across, down = sampling(pixels) if pixels in codec.keeps else (1, 1)
    return pixels in codec.keeps and footage.size[0] % across == 0 and footage.size[1] % down == 0


def _choose_codec(codec: str | None, encoder: str | None, holder: _Container, ending: str) -> tuple[str, _Codec]:
    if encoder not in (None, "cpu", "nvenc"):
        raise InputError(f"no encoder {encoder!r}{did_you_mean(encoder, ['cpu', 'nvenc'])}")
    name = holder.codecs[0] if codec is None else codec.lower().replace(".", "")
    if name.endswith("_nvenc"):
        name, encoder = name.removesuffix("_nvenc"), "nvenc"
    name = _ALIASES.get(name, name)
    have = [known for known, made in _CODECS.items() if _has_encoder(made.encoder)]
    if name not in _CODECS:
        raise InputError(f"no codec {codec!r}{did_you_mean(name, have)}; this build has {', '.join(have)}")
    if name not in have:
        wants = _CODECS[name].encoder
        raise SinkError(f"this build of PyAV has no {wants}, so no {name}; it has {', '.join(have)}")
    if name not in holder.codecs:
        others = [other for other, container in CONTAINERS.items() if name in container.codecs]
        holds = ", ".join(holder.codecs)
        raise SinkError(f"{ending} cannot hold {name}; it holds {holds} (for {name}: {', '.join(others)})")
    if encoder != "nvenc":
        return name, _CODECS[name]
    if name not in _NVENC:
        raise SinkError(f"NVENC encodes {', '.join(_NVENC)}, not {name}")
    if not _has_encoder(_NVENC[name].encoder):
        raise SinkError(f"this build of PyAV has no {_NVENC[name].encoder}; --encoder cpu works everywhere")
    return name, _NVENC[name]


def check_output(
    path: Path,
    *,
    codec: str | None = None,
    encoder: str | None = None,
    quality: float | None = None,
    overwrite: bool = False,
    sources: Sequence[str | os.PathLike[str] | None] = (),
) -> None:
    """Find what would keep a `VideoWriter` of `path` from beginning, while there is nothing to write yet.

    The arguments are those of a `VideoWriter`; `sources` are the files that it must not replace. Raises as it does.
    """
    check_quality(quality)
    check_codec(path, codec, encoder)
    check_target(path, sources=sources, overwrite=overwrite)


def check_codec(path: str | os.PathLike[str], codec: str | None, encoder: str | None) -> None:
    """Raise as a `VideoWriter` of `path` does for a codec or an encoder that cannot be had there."""
    path = Path(path)
    _choose_codec(codec, encoder, _container_of(path), path.suffix)


def check_quality(quality: float | None) -> None:
    """Raise ``InputError`` for a quality out of range."""
    if quality is not None and not 0 <= quality <= 100:
        raise InputError(f"quality is {quality}: needs 0 to 100")


def _container_of(path: Path) -> _Container:
    if path.suffix.lower() not in CONTAINERS:
        raise SinkError(f"{path}: its ending names no video container; there are {', '.join(CONTAINERS)}")
    return CONTAINERS[path.suffix.lower()]


def holds(ending: str, codec: str | None) -> bool:
    """Whether a file of this `ending` can be written, with `codec` (None: the usual). Raises as ``VideoWriter`` for a
    codec that nobody knows."""
    holder = CONTAINERS.get(ending.lower())
    try:
        return holder is not None and bool(_choose_codec(codec, None, holder, ending))
    except SinkError:
        return False


def _has_encoder(name: str) -> bool:
    with suppress(UnknownCodecError):
        av.Codec(name, "w")
        return True
    return False


def _time_base(rate: Fraction) -> Fraction:
    """One that holds both a constant `rate` and arbitrary times well."""
    ticks = math.lcm(90_000, rate.numerator)
    return Fraction(1, ticks if ticks <= 1_000_000 else 90_000)


def _yield_to_others() -> None:
    """Let this thread and those it starts give way to the network's.

    Inference waits for its slowest thread at every layer, the encoder for nothing: where both want a core, every
    pause of an inference thread makes the others idle. On two cores this makes the whole 2-10 % faster.
    """
    if sys.platform == "linux":  # elsewhere this would be about the whole process
        with suppress(OSError):
            os.nice(_NICENESS)  # of this thread, on Linux
