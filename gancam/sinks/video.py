"""A video file: H.264, H.265, VP9 or AV1 in MP4, MOV, Matroska or WebM, with the source's audio, clock and colours."""

import errno
import math
import os
import queue
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from types import TracebackType
from typing import Self

import av
import cv2
import numpy as np
from numpy.typing import NDArray

from gancam.errors import InputError, NotFound, OutputExists, SinkError, near
from gancam.footage import UNSPECIFIED, Footage
from gancam.frame import Frame, Image, check_image

DEFAULT_QUALITY = 80.0
_AHEAD = 4  # frames that may wait for the encoder


@dataclass(frozen=True, slots=True)
class _Container:
    format: str  # FFmpeg's name
    video: tuple[str, ...]  # codecs, the usual one first
    audio: tuple[str, ...] | None  # what players expect in it; None: all that FFmpeg can put there
    fallback: tuple[str, str]  # audio codec, encoder where a track has to be transcoded


_MP4_AUDIO = ("aac", "mp3", "ac3", "eac3", "alac", "flac", "opus")
_MP4 = _Container("mp4", ("h264", "h265", "av1", "vp9"), _MP4_AUDIO, ("AAC", "aac"))
_MOV = _Container("mov", ("h264", "h265"), (*_MP4_AUDIO[:5], "pcm_s16le", "pcm_s24le"), ("AAC", "aac"))
_MKV = _Container("matroska", ("h264", "h265", "vp9", "av1"), None, ("Opus", "libopus"))
_WEBM = _Container("webm", ("vp9", "av1"), ("opus", "vorbis"), ("Opus", "libopus"))
CONTAINERS = {".mp4": _MP4, ".m4v": _MP4, ".mov": _MOV, ".mkv": _MKV, ".webm": _WEBM}


@dataclass(frozen=True, slots=True)
class _Codec:
    encoder: str  # FFmpeg's name
    options: dict[str, str]
    crf: Callable[[float], float]  # quality 0..100 -> the encoder's constant rate factor


# Chosen by measurement on two cores (40 frames of a hand-held city view, scaled to 1280x720; CPU ms a frame, kb/s, Y-PSNR):
#
#     libx264 ultrafast crf 18           6 ms  10.3 Mb/s  44.3 dB      libx265 ultrafast crf 16   36 ms   3.7 Mb/s  45.2 dB
#     libx264 superfast crf 16          12 ms   6.7 Mb/s  45.8 dB      libx265 superfast crf 16   70 ms   4.3 Mb/s  46.4 dB
#     libx264 veryfast crf 16           17 ms   5.8 Mb/s  45.9 dB      libvpx-vp9 speed 7 crf 23  17 ms   4.0 Mb/s  46.3 dB
#     the same without inter partitions 15 ms   5.7 Mb/s  45.9 dB      libsvtav1 10 crf 18        15 ms   3.5 Mb/s  42.8 dB
#     libx264 medium crf 18             57 ms   5.0 Mb/s  45.1 dB      libsvtav1 8 crf 23         24 ms   2.8 Mb/s  43.5 dB
#
# For H.264, veryfast without inter partitions takes superfast's time for veryfast's size (calm scenes: half of superfast's).
# The rate factors at quality 80 give about the same PSNR, 42.5-43 dB, for a copy of that clip at 640x360.
_CODECS = {
    "h264": _Codec("libx264", {"preset": "veryfast", "partitions": "i8x8,i4x4"}, lambda q: 48 - 0.4 * q),
    "h265": _Codec("libx265", {"preset": "superfast", "x265-params": "log-level=none"}, lambda q: 49 - 0.4 * q),
    "vp9": _Codec(
        "libvpx-vp9", {"deadline": "realtime", "cpu-used": "7", "row-mt": "1", "b": "0"}, lambda q: 63 - 0.5 * q
    ),
    "av1": _Codec("libsvtav1", {"preset": "8"}, lambda q: 63 - 0.53 * q),
}
_ALIASES = {"avc": "h264", "x264": "h264", "hevc": "h265", "x265": "h265", "vp09": "vp9", "svtav1": "av1"}


class VideoWriter:
    """Writes frames of `size` to the file `path`, whose ending chooses the container: .mp4, .m4v, .mov, .mkv, .webm.

    fps         frames a second: nominal; the times that count are ``Frame.time``.
    size        (width, height) of the frames to come. 4:2:0 needs even numbers, so an odd picture gets its last row or
                column twice, which a note says.
    codec       "h264", "h265", "vp9" or "av1"; None: the container's usual (VP9 for WebM, else H.264).
    quality     0 (small) to 100 (as good as it gets), the same look on every codec.
    overwrite   whether an existing `path` may be replaced. The source itself never is.
    audio_from  a file whose audio tracks go along, all of them: copied packet by packet where the container can hold
                them, else transcoded (a note says which and to what).
    like        the source's ``Footage``: its colours, pixel aspect, time base and clock are kept.

    Time: frame i is shown at ``frame.time``, in the source's time base (else 1/90000); Matroska and WebM hold whole
    milliseconds only. A time that does not come after its predecessor's is moved one tick behind it.

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
        quality: float | None = None,
        overwrite: bool = False,
        audio_from: str | os.PathLike[str] | None = None,
        like: Footage | None = None,
    ) -> None:
        self._path = Path(path)
        self._like = like or Footage(size=size)
        self._overwrite = overwrite
        self._size = int(size[0]), int(size[1])
        self.notes: list[str] = []
        self._busy = 0.0
        self._frames = 0
        self._closed = False
        self._error: BaseException | None = None
        self._queue: queue.Queue[Frame | _End] = queue.Queue(_AHEAD)
        quality = DEFAULT_QUALITY if quality is None else quality
        if min(self._size) < 1:
            raise InputError(f"size is {size[0]}x{size[1]}: needs at least 1x1")
        if not 0 < fps <= 1000:
            raise InputError(f"fps is {fps}: needs more than 0 and at most 1000")
        if not 0 <= quality <= 100:
            raise InputError(f"quality is {quality}: needs 0 to 100")
        holder = CONTAINERS.get(self._path.suffix.lower())
        if holder is None:
            known = ", ".join(CONTAINERS)
            raise SinkError(f"{path}: its ending names no video container; there are {known}")
        name, encoder = _choose_codec(codec, holder, self._path.suffix)
        _refuse_source(self._path, [audio_from, self._like.path])
        if os.path.lexists(self._path) and not overwrite:
            raise OutputExists(f"{path}: exists; give another name, or overwrite it on purpose")
        if self._path.is_dir():
            raise SinkError(f"{path}: is a folder")
        folder = self._path.absolute().parent
        if not folder.is_dir():
            raise SinkError(f"{path}: there is no folder {folder}")
        self._partial = folder / f".{self._path.stem}.partial{self._path.suffix}"
        self._audio: _Audio | None = None
        try:
            options = {"movflags": "+faststart"} if holder.format in ("mp4", "mov") else {}
            self._container = av.open(os.fspath(self._partial), "w", format=holder.format, options=options)
        except (av.FFmpegError, OSError) as error:
            raise SinkError(f"{path}: cannot be written ({_reason(error)})") from error
        try:
            self._stream = self._add_video(name, encoder, quality, fps)
            if audio_from is not None:
                self._audio = _Audio(Path(audio_from), self._container, holder, self._like.origin, self.notes)
            self._container.start_encoding()
        except BaseException as error:
            self._discard()
            if isinstance(error, av.FFmpegError | ValueError) and not isinstance(error, InputError):
                where = f"{self._size[0]}x{self._size[1]}"
                raise SinkError(f"{path}: {encoder.encoder} cannot write {where} ({_reason(error)})") from error
            raise
        self._thread = threading.Thread(target=self._encode_all, name="gancam-encode", daemon=True)
        self._thread.start()

    def _add_video(self, name: str, encoder: _Codec, quality: float, fps: float) -> av.VideoStream:
        width, height = self._size
        self._even = width + width % 2, height + height % 2
        if self._even != self._size:
            self.notes.append(
                f"{width}x{height} is odd and 4:2:0 video is even: "
                f"written as {self._even[0]}x{self._even[1]}, the last pixels repeated"
            )
        rate = Fraction(fps).limit_denominator(1001)
        options = {**encoder.options, "crf": f"{encoder.crf(quality):g}"}
        stream = self._container.add_stream(encoder.encoder, rate=rate, options=options)
        assert isinstance(stream, av.VideoStream)
        stream.width, stream.height = self._even
        stream.pix_fmt = "yuv420p"
        self._tick = self._like.time_base or _time_base(rate)
        stream.time_base = self._tick
        context = stream.codec_context
        context.time_base = self._tick
        context.thread_count = min(os.cpu_count() or 1, 16)
        self._duration = max(round(1 / (fps * self._tick)), 1)
        context.sample_aspect_ratio = self._like.aspect
        colour = self._like.colour
        self._tag = colour.matrix
        if colour.matrix == UNSPECIFIED and _is_hd(self._like.size) != _is_hd(self._size):
            self._tag = 1 if _is_hd(self._like.size) else 6
        context.colorspace, context.color_range = self._tag, 2 if colour.full_range else 1
        context.color_primaries, context.color_trc = colour.primaries, colour.transfer
        if name == "h265" and self._container.format.name in ("mp4", "mov"):
            context.codec_tag = "hvc1"  # Apple's players want it
        return stream

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
        image = check_image(frame.image)
        if (image.shape[1], image.shape[0]) != self._size:
            got, wants = f"{image.shape[1]}x{image.shape[0]}", f"{self._size[0]}x{self._size[1]}"
            raise InputError(f"frame {frame.index} is {got}, but {self._path} was opened for {wants}")
        self._queue.put(frame)

    def close(self, *, interrupted: bool = False) -> None:
        if self._closed:
            return
        self._closed = True
        self._queue.put(_End(interrupted))
        self._thread.join()
        self._raise_error()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close(interrupted=kind is not None)

    def _raise_error(self) -> None:
        error, self._error = self._error, None
        if error is not None:
            raise error

    # The hidden thread, from here on.

    def _encode_all(self) -> None:
        end: _End | None = None
        try:
            last = -(1 << 62)
            while isinstance(item := self._queue.get(), Frame):
                began = time.perf_counter()
                last = max(round(Fraction(item.time) / self._tick), last + 1)
                for packet in self._stream.encode(self._picture(item.image, last)):
                    self._mux(packet)
                self._frames += 1
                self._busy += time.perf_counter() - began
            end = item
            began = time.perf_counter()
            self._finish(end, last)
            self._busy += time.perf_counter() - began
        except BaseException as error:
            self._error = self._as_sink_error(error)
            self._discard()
            while end is None:  # keep taking, so that no write waits for ever
                taken = self._queue.get()
                end = taken if isinstance(taken, _End) else None

    def _picture(self, image: Image, tick: int) -> av.VideoFrame:
        """`image` as a YUV frame for the encoder."""
        width, height = self._even
        if self._even != self._size:
            down, right = height - self._size[1], width - self._size[0]
            image = cv2.copyMakeBorder(image, 0, down, 0, right, cv2.BORDER_REPLICATE)
        frame = av.VideoFrame(width, height, "yuv420p")
        colour = self._like.colour
        colour.to_yuv420(image, [_plane(plane) for plane in frame.planes])
        frame.colorspace, frame.color_range = self._tag, 2 if colour.full_range else 1
        frame.color_primaries, frame.color_trc = colour.primaries, colour.transfer
        frame.pts, frame.time_base = tick, self._tick
        return frame

    def _mux(self, packet: av.Packet) -> None:
        """Write an encoded packet, and before it the audio that belongs before it."""
        if not packet.duration:
            packet.duration = self._duration
        if self._audio is not None and packet.dts is not None:
            self._audio.write_until(packet.dts * self._tick)
        self._container.mux(packet)

    def _finish(self, end: "_End", last: int) -> None:
        if not self._frames:
            self._discard()
            return
        for packet in self._stream.encode(None):
            self._mux(packet)
        if self._audio is not None:
            self._audio.write_until((last + self._duration) * self._tick if end.interrupted else None)
            self._audio.close()
        self._container.close()
        if self._overwrite:
            os.replace(self._partial, self._path)
        else:
            _rename_unless_there(self._partial, self._path)

    def _discard(self) -> None:
        """Close what is open and remove the partial file."""
        for part in (self._audio, self._container):
            try:
                if part is not None:
                    part.close()
            except (av.FFmpegError, OSError, ValueError):
                pass  # the first error is the one to tell
        self._partial.unlink(missing_ok=True)

    def _as_sink_error(self, error: BaseException) -> BaseException:
        if isinstance(error, OutputExists | SinkError):
            return error
        if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EFBIG, errno.EDQUOT):
            said = SinkError(f"{self._path}: no room left on the disk after {self._frames} frames; nothing was kept")
        else:
            said = SinkError(f"{self._path}: cannot be written after {self._frames} frames ({_reason(error)})")
        said.__cause__ = error
        return said


@dataclass(frozen=True, slots=True)
class _End:
    interrupted: bool


class _Audio:
    """The audio tracks of one file on their way into another, a step at a time."""

    def __init__(
        self, path: Path, output: av.container.OutputContainer, holder: _Container, origin: Fraction, notes: list[str]
    ) -> None:
        self._output = output
        self._origin = origin
        self._notes = notes
        self._tracks: dict[int, _Track] = {}
        if not path.exists():
            raise NotFound(f"{path}: no such file")
        try:
            self._input = av.open(os.path.abspath(path), metadata_errors="replace")
        except (av.FFmpegError, OSError) as error:
            raise SinkError(f"{path}: its audio cannot be read ({_reason(error)})") from error
        holds = holder.audio if holder.audio is not None else output.supported_codecs
        ending = f".{'mkv' if holder.format == 'matroska' else holder.format}"
        for number, stream in enumerate(self._input.streams.audio, 1):
            name = stream.codec_context.name if stream.codec_context is not None else ""
            known = _codec_name(stream)
            if not name:
                notes.append(f"audio track {number} is left out: its codec is not known to this build of FFmpeg")
                continue
            if known in holds:
                made = output.add_stream_from_template(stream)
                self._tracks[stream.index] = _Track(made, None)
            else:
                said, encoder = holder.fallback
                notes.append(f"audio track {number} is transcoded from {known} to {said}: {ending} cannot hold it")
                self._tracks[stream.index] = _transcoder(stream, output, encoder)
            for key in ("language", "title"):
                if key in stream.metadata:
                    self._tracks[stream.index].stream.metadata[key] = stream.metadata[key]
        self._packets = self._demux()
        self._next = next(self._packets, None)

    def _demux(self) -> Iterator[av.Packet]:
        streams = [stream for stream in self._input.streams.audio if stream.index in self._tracks]
        if not streams:
            return
        try:
            yield from self._input.demux(streams)
        except av.FFmpegError as error:
            self._notes.append(f"the audio ends early: the file is damaged ({_reason(error)})")

    def write_until(self, seconds: Fraction | None) -> None:
        """Write the packets that begin before `seconds` of ``Frame.time``; None: all that are left."""
        while self._next is not None:
            packet = self._next
            if packet.dts is not None and packet.time_base is not None and seconds is not None:
                if packet.dts * packet.time_base - self._origin >= seconds:
                    return
            self._write(packet)
            self._next = next(self._packets, None)

    def _write(self, packet: av.Packet) -> None:
        track = self._tracks[packet.stream.index]
        shift = round(self._origin / packet.time_base) if packet.time_base else 0
        if packet.pts is not None:
            packet.pts -= shift
        if packet.dts is not None:
            packet.dts -= shift
        if track.encode is not None:
            for made in track.encode(packet):
                self._output.mux(made)
        elif packet.dts is not None:  # else the empty packet that ends a stream
            packet.stream = track.stream
            self._output.mux(packet)

    def close(self) -> None:
        self._input.close()


@dataclass(frozen=True, slots=True)
class _Track:
    stream: av.AudioStream
    encode: Callable[[av.Packet], list[av.Packet]] | None  # None: copied


def _transcoder(source: av.AudioStream, output: av.container.OutputContainer, encoder: str) -> _Track:
    rate = 48000 if encoder == "libopus" else min(source.rate or 48000, 48000)
    made = output.add_stream(encoder, rate=rate, layout=source.layout.name)
    resampler: av.AudioResampler | None = None

    def encode(packet: av.Packet) -> list[av.Packet]:
        nonlocal resampler
        packets: list[av.Packet] = []
        try:
            frames: list[av.AudioFrame | None] = list(packet.decode())
        except av.FFmpegError:
            frames = []  # a damaged packet is a gap
        if resampler is None:
            context = made.codec_context
            resampler = av.AudioResampler(context.format, context.layout, context.rate, context.frame_size)
        if packet.dts is None:
            frames.append(None)
        for frame in frames:
            for ready in resampler.resample(frame):
                packets += made.encode(ready)
        if packet.dts is None:
            packets += made.encode(None)
        return packets

    return _Track(made, encode)


def _choose_codec(codec: str | None, holder: _Container, ending: str) -> tuple[str, _Codec]:
    name = holder.video[0] if codec is None else codec.lower().replace(".", "")
    name = _ALIASES.get(name, name)
    have = [known for known, made in _CODECS.items() if _has_encoder(made.encoder)]
    if name not in _CODECS:
        raise InputError(f"no codec {codec!r}{near(name, have)}; this build has {', '.join(have)}")
    if name not in have:
        wants = _CODECS[name].encoder
        raise SinkError(f"this build of PyAV has no {wants}, so no {name}; it has {', '.join(have)}")
    if name not in holder.video:
        raise SinkError(f"{ending} cannot hold {name}; it holds {', '.join(holder.video)}")
    return name, _CODECS[name]


def _has_encoder(name: str) -> bool:
    try:
        av.Codec(name, "w")
    except av.codec.codec.UnknownCodecError:
        return False
    return True


def _refuse_source(path: Path, sources: list[str | os.PathLike[str] | None]) -> None:
    for source in sources:
        if source is None:
            continue
        same = os.path.abspath(path) == os.path.abspath(source)
        if same or (path.exists() and os.path.exists(source) and os.path.samefile(path, source)):
            raise SinkError(f"{path}: is the source itself ({source}); give the output another name")


def _time_base(rate: Fraction) -> Fraction:
    """One that holds both a constant `rate` and arbitrary times well."""
    ticks = math.lcm(90_000, rate.numerator)
    return Fraction(1, ticks if ticks <= 1_000_000 else 90_000)


def _rename_unless_there(partial: Path, path: Path) -> None:
    """Rename without ever replacing: a link fails where a rename would overwrite what appeared meanwhile."""
    try:
        os.link(partial, path)
    except FileExistsError as error:
        raise OutputExists(f"{path}: appeared while it was being written; the new video is {partial}") from error
    except OSError:  # a file system without hard links
        if os.path.lexists(path):
            raise OutputExists(f"{path}: appeared while it was being written; the new video is {partial}") from None
        os.rename(partial, path)
    else:
        partial.unlink()


def _is_hd(size: tuple[int, int]) -> bool:
    """Whether players take untagged video of this size for BT.709."""
    return size[0] >= 1280 or size[1] > 576


def _plane(plane: av.video.plane.VideoPlane) -> NDArray[np.uint8]:
    return np.frombuffer(plane, np.uint8).reshape(-1, plane.line_size)[: plane.height, : plane.width]


def _codec_name(stream: av.AudioStream) -> str:
    codec = stream.codec_context.codec if stream.codec_context is not None else None
    return codec.canonical_name if codec is not None else ""


def _reason(error: BaseException) -> str:
    words = getattr(error, "strerror", None) or str(error)
    return str(words).strip().splitlines()[0][:120] if str(words).strip() else type(error).__name__
