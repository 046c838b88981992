"""Where frames come from: a video file, a still image, a test pattern.

A source is iterated once, by one thread. Dropping frames is a source's own nature: those here drop none.
"""

import itertools
import logging
import math
import os
import threading
import time
from bisect import bisect_left
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from types import TracebackType
from typing import NamedTuple, Protocol, Self

import av
import cv2
import numpy as np
from av.video.reformatter import Interpolation, VideoReformatter

from gancam._native import environment, quiet_opencv
from gancam.errors import InputError, NotFound, SourceError
from gancam.footage import Footage, SequencePath, cause, decoded_colour
from gancam.frame import Frame, Image, Lane, check_image

log = logging.getLogger(__name__)

# OpenCV reads these once, when the process reads its first video. By default its FFmpeg writes to stderr what we say in
# one line, and it takes a long stretch without video (a slide show over music) or a damaged one for the end.
_FOR_OPENCV = {
    "OPENCV_FFMPEG_LOGLEVEL": "-8",  # AV_LOG_QUIET
    "OPENCV_FFMPEG_READ_ATTEMPTS": "1000000",  # packets of other streams in a row; default 4096
    "OPENCV_FFMPEG_DECODE_ATTEMPTS": "10000",  # packets that give no frame in a row; default 64
}

_TEXT_ART = {"ansi", "bintext", "xbin", "idf"}  # codecs as which FFmpeg "plays" any text file
_CLOCK_STARTS_ANYWHERE = {"mpegts", "mpeg", "mpegvideo", "flv", "live_flv", "rm", "wtv", "asf"}
_RESIZED = {
    "h264": True, "hevc": True, "mpeg1video": True, "mpeg2video": True, "mpeg4": True, "vc1": True,
    "vp8": False, "vp9": False,
}  # fmt: skip # codecs that can change size in mid-stream, and whether FFmpeg finds the parameters that say so
_AHEAD, _BYTES_AHEAD = 4, 40_000_000  # frames that are decoded ahead of who asks, and their bytes


class Source(Protocol):
    """Gives frames in order, each once.

    Guarantees: a yielded frame's image is never changed afterwards; indices count 0, 1, 2 …; times strictly increase.
    ``close`` may be called at any time, more than once and after an exception anywhere; it returns promptly and leaves
    no thread behind. Iterating raises ``SourceError`` when the source fails, and simply ends when it ends.

    Optional attributes that ``run`` reports when they are there: ``busy`` (seconds a hidden thread has worked) and
    ``notes`` (list of str, what the user should know).
    """

    @property
    def fps(self) -> float:
        """Frames a second: nominal, or the average where the rate varies."""

    @property
    def size(self) -> tuple[int, int]:
        """(width, height) of every frame."""

    @property
    def frames(self) -> int | None:
        """How many frames are promised; None where nobody knows. Fewer or more may come."""

    def __iter__(self) -> Iterator[Frame]: ...

    def close(self) -> None: ...


class _Closing:
    """Makes a source usable in a ``with`` statement."""

    def close(self) -> None: ...

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


class VideoFile(_Closing):
    """Every frame of a video file, captured by OpenCV, decoded ahead by a hidden thread.

    What OpenCV's FFmpeg cannot decode (AV1 in the wheels of 2025-26) goes through PyAV's, with the same result.

    `path` names a local file that FFmpeg can read. Rotation tags are applied: ``size`` and the images are as displayed.

    ``Frame.time`` is the presentation time in seconds on the file's own clock, exact to float precision, so variable
    frame rates and late starts carry through. (OpenCV rounds time stamps to whole microseconds since 4.13; they are
    taken back to the tick of the stream's time base, for time bases finer than that by a look at the packets.) Frames
    without a usable time stamp follow their predecessor by ``1 / fps``.

    ``frames`` is the container's own count where it has one, otherwise its duration times the rate. When clearly fewer
    come, ``notes`` says so after the last.

    Where a stream changes its picture size, what follows is scaled to the first, and ``notes`` and the log say so once.

    `deinterlace` makes whole pictures of fields, at the same rate (FFmpeg's bwdif); without it, interlaced video is
    told in ``notes``. Frames before `first` and from `end` on (seconds of ``Frame.time``) are left out; what comes
    keeps its own time.

    Raises ``NotFound`` for a missing file, ``SourceError`` for what is not a video or gives not even one frame.
    """

    def __init__(
        self,
        path: str | os.PathLike[str],
        *,
        deinterlace: bool = False,
        first: Fraction | None = None,
        end: Fraction | None = None,
    ) -> None:
        self._path = Path(path)
        self._deinterlace, self._skip = deinterlace, 0
        self._from, self._end = (None if one is None else float(one) for one in (first, end))  # as Frame.time is
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None
        self._closed = self._ended = False
        self._busy = 0.0
        self._ticks: list[int] = []
        self.notes: list[str] = []
        if not os.path.exists(self._path):  # unlike Path's, it raises nothing for names that cannot be
            raise NotFound(f"{path}: no such file")
        if not self._path.is_file():
            kind = "a folder" if self._path.is_dir() else "not a regular file"
            raise SourceError(f"{path}: {kind}, not a video file")
        if self._path.stat().st_size == 0:
            raise SourceError(f"{path}: the file is empty")
        self._probe()
        opened: tuple[_OpenCV | _PyAV, _Decoded | None] = self._open()
        self._decoder, self._first = opened
        self._queue: Lane[Frame | Exception | None] = Lane(_ahead(self.size))

    def _probe(self) -> None:
        """Read what the container says about its video, without decoding."""
        absolute = os.path.abspath(self._path)  # so that no name is taken for a protocol or an option
        try:
            container = av.open(absolute, metadata_errors="replace")
        except PermissionError as error:
            raise SourceError(f"{self._path}: no permission to read it") from error
        except (av.FFmpegError, OSError, ValueError) as error:
            raise SourceError(f"{self._path}: not a video, or damaged ({cause(error)})") from error
        with container:
            videos = [s for s in container.streams.video if not s.disposition & av.stream.Disposition.attached_pic]
            names = [s.codec_context.name for s in videos if s.codec_context is not None]
            if not videos:
                found = "only audio" if container.streams.audio else "no video"
                raise SourceError(f"{self._path}: holds {found}")
            formats = set(container.format.name.split(","))
            if _TEXT_ART & set(names) or "tty" in formats:
                raise SourceError(f"{self._path}: text, not a video")
            if any(name.endswith("_pipe") for name in formats) or "image2" in formats:
                raise SourceError(f"{self._path}: a still image, not a video (in Python: gancam.sources.Still)")
            stream = videos[0]
            if stream.codec_context is None or not stream.codec_context.name:
                raise SourceError(f"{self._path}: its video codec is not known to this build of FFmpeg")
            rate = stream.average_rate or stream.guessed_rate
            self._fps = float(rate) if rate and 0 < rate <= 1000 else 25.0
            self._time_base = Fraction(stream.time_base or Fraction(1, 90000))
            self._start = stream.start_time or 0
            self._stream_index = stream.index
            self._first_video = container.streams.video[0].index == stream.index  # which OpenCV takes, cover or not
            origin = Fraction(0)
            if formats & _CLOCK_STARTS_ANYWHERE and container.start_time:
                origin = Fraction(container.start_time, av.time_base)
            self._frames, self._counted = _promised(container, stream, self._fps)
            aspect = Fraction(stream.sample_aspect_ratio or 1)
            depth = max((part.bits for part in stream.format.components), default=8) if stream.format else 8
            self._shallow = f"{self._path.name}: its {depth} bits a sample are read as 8" if depth > 8 else ""
            if self._shallow:
                self.notes.append(self._shallow)
            alpha = stream.format is not None and any(part.is_alpha for part in stream.format.components)
            pixels = stream.format.name if stream.format else ""
            if opacity_apart(stream):
                alpha, pixels = True, pixels.replace("yuv4", "yuva4")
            self._footage = Footage(
                size=(0, 0),
                path=Path(absolute),
                alpha=alpha,
                time_base=self._time_base,
                origin=origin,
                aspect=aspect if aspect > 0 else Fraction(1),
                colour=decoded_colour(stream),
                depth=depth,
                hdr={16: "PQ", 18: "HLG"}.get(int(stream.codec_context.color_trc), ""),
                interlaced=not self._deinterlace and _interlaced(container, stream),
                pixels=pixels,
            )
            if self._footage.interlaced:
                self.notes.append(f"{self._path.name}: is interlaced, its fields stay combed (--deinterlace undoes it)")
        if self._time_base < Fraction(1, 1_000_000):
            with av.open(absolute, metadata_errors="replace") as container:
                self._ticks = _packet_ticks(container, self._stream_index)

    def _open(self) -> tuple["_OpenCV | _PyAV", "_Decoded"]:
        """Open a decoder and decode the first frame, so that an open source is known to have one."""
        absolute = os.path.abspath(self._path)
        began = time.perf_counter()
        decoder: _OpenCV | _PyAV
        first = None
        if self._first_video and not self._deinterlace and not self._footage.alpha:
            with quiet_opencv(), environment(_FOR_OPENCV):
                decoder = _OpenCV(absolute, self._stream_index, self._time_base, self._start, self._ticks)
                first = decoder.read()
            if first is None:
                decoder.close()
        if first is None:
            decoder = _PyAV(absolute, self._stream_index, self._deinterlace)
            first = decoder.read()
        if first is None:
            decoder.close()
            raise SourceError(f"{self._path}: no frame can be decoded: damaged, cut short, or an unknown codec")
        self._busy += time.perf_counter() - began
        assert first.image is not None
        height, width = first.image.shape[:2]
        aspect = 1 / self._footage.aspect if decoder.turned else self._footage.aspect
        self._footage = replace(self._footage, size=(width, height), aspect=aspect)
        return decoder, first

    def keep_decoded(self) -> bool:
        """Give every frame its ``Frame.decoded``, upright, for a sink that can pass planes on as they are. Before
        iterating. False, and nothing changes, where rotation leaves no such planes."""
        decoder = _PyAV(os.path.abspath(self._path), self._stream_index, self._deinterlace, keep=True)
        first = decoder.read()
        if first is None or first.picture is None or (first.picture.width, first.picture.height) != self.size:
            decoder.close()
            return False
        self._decoder.close()
        self._decoder, self._first = decoder, first
        self.notes = [note for note in self.notes if note != self._shallow]
        return True

    def skip(self, frames: int) -> None:
        """Leave out the first `frames`; the next has that index. Before iterating."""
        self._skip = frames

    @property
    def path(self) -> Path:
        return self._path

    @property
    def fps(self) -> float:
        return self._fps

    @property
    def size(self) -> tuple[int, int]:
        return self._footage.size

    @property
    def frames(self) -> int | None:
        return self._frames

    @property
    def footage(self) -> Footage:
        """Colour, clock and shape, for a file sink."""
        return self._footage

    @property
    def busy(self) -> float:
        """Seconds the decoder has worked."""
        return self._busy

    def __iter__(self) -> Iterator[Frame]:
        if self._closed:
            raise SourceError(f"{self._path}: already closed")
        if self._thread is None:
            self._thread = threading.Thread(target=self._read, name="gancam-decode", daemon=True)
            self._thread.start()
        while not self._closed and not self._ended:
            item = self._queue.take()
            if not isinstance(item, Frame):
                self._ended = True
                if item is not None:
                    raise item
                return
            yield item
            del item  # a large picture less in memory while the next is waited for

    def _read(self) -> None:
        """The hidden thread: decode until the end, an error, or close()."""
        index = came = 0
        changed = False
        last = -math.inf

        def moment(tick: int) -> float:
            exact = float(tick * self._time_base - self._footage.origin)
            return exact if exact > last else last + 1 / self._fps

        def wanted(tick: int) -> bool:
            return index >= self._skip and (self._from is None or moment(tick) >= self._from)

        try:
            read, self._first = self._first, None
            while read is not None and not self._stop.is_set():
                image, tick, picture, alpha = read
                keep, last = wanted(tick), moment(tick)
                if self._end is not None and last >= self._end:
                    self._offer(None)
                    return
                if (
                    keep
                    and image is not None
                    and not self._offer(Frame(image, index, last, alpha=alpha, decoded=picture))
                ):
                    return
                index += self._from is None or last >= self._from
                came += 1
                if self._decoder.other is not None and not changed:
                    changed = self._tell_change(self._decoder.other, last)
                del read, image, picture, alpha  # which whoever asked for them may give back meanwhile
                began = time.perf_counter()
                read = self._decoder.read(wanted)
                self._busy += time.perf_counter() - began
            self._tell_shortage(came)
            self._offer(None)
        except Exception as error:  # raised where the frames are asked for
            self._offer(SourceError(f"{self._path}: cannot be decoded after frame {index} ({cause(error)})"))

    def _offer(self, item: Frame | Exception | None) -> bool:
        """Wait for room in the queue and put `item` there; False once the source is closed."""
        return self._queue.put(item, stopped=self._stop.is_set)

    def _tell_change(self, other: tuple[int, int], moment: float) -> bool:
        other = other[::-1] if self._decoder.turned else other
        was, now = (f"{width}x{height}" for width, height in (self.size, other))
        note = f"{self._path.name}: its pictures become {now} at about {max(moment, 0):.1f} s, they are scaled to {was}"
        log.warning("%s", note)
        self.notes.append(note)
        return True

    def _tell_shortage(self, came: int) -> None:
        if self._frames is None or self._stop.is_set():
            return
        slack = 0 if self._counted else max(2, self._frames // 50)
        if came < self._frames - slack:
            about = "" if self._counted else "about "
            self.notes.append(f"the video stops early: {about}{self._frames} frames promised, {came} came")

    def close(self) -> None:
        self._closed = True
        self._stop.set()
        self._queue.wake()
        if self._thread is not None:
            self._thread.join()
        self._decoder.close()
        self._queue.push(None)  # whoever still waits for a frame is told that none comes


def _ahead(size: tuple[int, int]) -> int:
    """How many frames of a `size` are decoded ahead, beside the one that waits for room."""
    return min(max(_BYTES_AHEAD // (size[0] * size[1] * 3), 1), _AHEAD)


class _Decoded(NamedTuple):
    image: Image | None  # a fresh array; None for a picture whose time was not wanted
    tick: int  # when it is shown, in the stream's time base
    picture: av.VideoFrame | None = None
    alpha: Image | None = None


class _OpenCV:
    """The frames of a file through ``cv2.VideoCapture``. Raises nothing: what cannot be read has no frames."""

    def __init__(self, path: str, index: int, time_base: Fraction, start: int, ticks: list[int]) -> None:
        self._capture = cv2.VideoCapture(path, cv2.CAP_FFMPEG)
        self._sizes = _Sizes(path, index)
        self._time_base, self._start, self._ticks = time_base, start, ticks
        self.turned = self._capture.get(cv2.CAP_PROP_ORIENTATION_META) % 180 != 0

    def read(self, wanted: Callable[[int], bool] = lambda tick: True) -> _Decoded | None:
        """The next frame, without its picture if its time is not `wanted`; None at the end."""
        try:
            if not self._capture.grab():
                return None
        except cv2.error:
            return None
        self._sizes.follow()
        milliseconds = self._capture.get(cv2.CAP_PROP_POS_MSEC)  # after the stream's start
        tick = round(Fraction(milliseconds) / 1000 / self._time_base) + self._start
        if self._ticks:
            at = bisect_left(self._ticks, tick)
            nearest = min(self._ticks[max(at - 1, 0) : at + 1], key=lambda known: abs(known - tick))
            if abs(nearest - tick) * self._time_base < Fraction(2, 1_000_000):
                tick = nearest
        if not wanted(tick):
            return _Decoded(None, tick)
        try:
            ok, image = self._capture.retrieve()
        except cv2.error:
            return None
        return _Decoded(check_image(image), tick) if ok else None

    @property
    def other(self) -> tuple[int, int] | None:
        """Another size that the stream's pictures take, once that is known."""
        return self._sizes.other

    def close(self) -> None:
        self._capture.release()
        self._sizes.close()


class _Sizes:
    """Whether a stream changes its size, which OpenCV hides: a look at its packets, one for each that OpenCV decodes.
    Only the first picture and those behind changed parameters are decoded; of VP8 and VP9, which have none, each key
    frame."""

    def __init__(self, path: str, index: int) -> None:
        self.other: tuple[int, int] | None = None
        self._first: tuple[int, int] | None = None
        self._container = av.open(path, metadata_errors="replace")
        stream = self._container.streams[index]
        self._codec = stream.codec_context.name if stream.codec_context is not None else ""
        self._known = (stream.codec_context.extradata if stream.codec_context is not None else None) or b""
        self._packets: Iterator[av.Packet[av.VideoStream]] = iter(())
        if self._codec in _RESIZED:
            assert isinstance(stream, av.VideoStream)
            self._packets = self._container.demux(stream)
        if _RESIZED.get(self._codec):
            self._filter = av.BitStreamFilterContext("extract_extradata", stream)

    def follow(self) -> None:
        with suppress(av.FFmpegError, IndexError):
            packet = next(self._packets, None)
            if packet is None or not packet.size or not packet.is_keyframe or self.other is not None:
                return
            if _RESIZED[self._codec]:
                for filtered in self._filter.filter(packet):
                    found = filtered.get_sidedata("new_extradata")
                    parameters = self._known if found is None else bytes(found)
                    if self._first is None or parameters != self._known:
                        self._known = parameters
                        self._look(filtered)
            else:
                self._look(packet)

    def _look(self, packet: "av.Packet[av.VideoStream]") -> None:
        context = av.CodecContext.create(self._codec, "r")
        assert isinstance(context, av.VideoCodecContext)
        context.thread_count = 1
        if self._known:
            context.extradata = self._known
        for picture in [*context.decode(packet), *context.decode(None)]:
            size = picture.width, picture.height
            self._first = self._first or size
            self.other = size if size != self._first else self.other

    def close(self) -> None:
        self._container.close()


class _PyAV:
    """The same for what OpenCV's FFmpeg cannot do (AV1, deinterlacing, `keep` the decoder's pictures), with the same
    conversion to BGR. A picture of another size or format than the first is scaled to that."""

    def __init__(self, path: str, index: int, deinterlace: bool = False, *, keep: bool = False) -> None:
        self.turned, self._keep = False, keep
        self._kind: tuple[int, int, str] | None = None
        self.other: tuple[int, int] | None = None  # another size that the stream's pictures take, once one came
        self._container = av.open(path, metadata_errors="replace")
        stream = self._container.streams[index]
        assert isinstance(stream, av.VideoStream)
        stream.thread_type = "AUTO"
        self._apart: av.VideoCodecContext | None = None
        if opacity_apart(stream):
            apart = av.CodecContext.create(f"libvpx-{stream.codec_context.name}".replace("-vp8", ""), "r")
            assert isinstance(apart, av.VideoCodecContext)
            apart.thread_count = 0
            self._apart = apart
        self._time_base = stream.time_base or Fraction(1, 90_000)
        self._frames = self._whole(stream) if deinterlace else self._decode(stream)
        self._convert = VideoReformatter()

    def _decode(self, stream: av.VideoStream) -> Iterator[av.VideoFrame]:
        """All that can be decoded: a damaged packet costs its own picture."""
        with suppress(av.FFmpegError, IndexError):
            for packet in self._container.demux(stream):
                with suppress(av.error.InvalidDataError):
                    yield from packet.decode() if self._apart is None else self._apart.decode(packet)

    def _whole(self, stream: av.VideoStream) -> Iterator[av.VideoFrame]:
        """The pictures of `stream` with each field's missing lines made up."""
        graph = av.filter.Graph()
        entrance, exit = graph.add_buffer(template=stream), graph.add("buffersink")
        bwdif = graph.add("bwdif", "mode=send_frame:deint=all")
        entrance.link_to(bwdif)
        bwdif.link_to(exit)
        graph.configure()
        for frame in itertools.chain(self._decode(stream), [None]):
            graph.push(frame)
            while True:
                try:
                    made = graph.pull()
                except (av.error.BlockingIOError, av.error.EOFError):
                    break
                assert isinstance(made, av.VideoFrame)
                yield made

    def read(self, wanted: Callable[[int], bool] = lambda tick: True) -> _Decoded | None:
        try:
            frame = next(self._frames, None)
        except (av.FFmpegError, IndexError):
            return None
        if frame is None:
            return None
        tick = round(Fraction(frame.pts or 0) * Fraction(frame.time_base or self._time_base) / self._time_base)
        if not wanted(tick):
            return _Decoded(None, tick)
        kind = self._kind = self._kind or (frame.width, frame.height, frame.format.name)
        quarters = frame.rotation // 90 % 4  # anticlockwise
        if (frame.width, frame.height, frame.format.name) != kind:
            self.other = (frame.width, frame.height) if (frame.width, frame.height) != kind[:2] else self.other
            frame = VideoReformatter().reformat(frame, *kind, interpolation=Interpolation.BICUBIC)
        veiled = any(part.is_alpha for part in frame.format.components)
        form = "bgra" if veiled else "bgr24"
        bgr = self._convert.reformat(frame, format=form, interpolation=Interpolation.BICUBIC).to_ndarray()
        self.turned = quarters % 2 == 1
        image = check_image(np.ascontiguousarray(np.rot90(bgr[..., :3], quarters)))
        alpha = np.ascontiguousarray(np.rot90(bgr[..., 3], quarters), np.uint8) if veiled else None
        return _Decoded(image, tick, _upright(frame, quarters) if self._keep else None, alpha)

    def close(self) -> None:
        self._container.close()


def opacity_apart(stream: av.VideoStream) -> bool:
    """Whether opacity is beside the pictures of `stream` (VP8 and VP9 in WebM), where only libvpx looks for it."""
    words = {key.lower(): value for key, value in stream.metadata.items()}
    codec = stream.codec_context.name if stream.codec_context is not None else ""
    return words.get("alpha_mode") == "1" and codec in ("vp8", "vp9")


def _upright(frame: av.VideoFrame, quarters: int) -> av.VideoFrame | None:
    """`frame` turned anticlockwise, plane by plane; None where its chroma does not allow that. What FFmpeg calls yuvj
    is yuv with full range."""
    name = frame.format.name.replace("yuvj", "yuv")
    if quarters == 0 and name == frame.format.name:
        return frame
    samples = [(plane.width, plane.height) for plane in frame.planes]
    across, down = (frame.width / samples[-1][0], frame.height / samples[-1][1])
    fits = frame.width % across == 0 and frame.height % down == 0 and (across == down or quarters % 2 == 0)
    if quarters and (not fits or (len(samples) == 1 and not name.startswith("gray"))):
        return None
    size = (frame.height, frame.width) if quarters % 2 else (frame.width, frame.height)
    made = av.VideoFrame(*size, name)
    kind = np.uint8 if frame.format.components[0].bits == 8 else np.uint16
    for was, now in zip(frame.planes, made.planes, strict=True):
        rows = np.frombuffer(memoryview(was), kind).reshape(was.height, -1)[:, : was.width]
        np.frombuffer(memoryview(now), kind).reshape(now.height, -1)[:, : now.width] = np.rot90(rows, quarters)
    return made


class ImageFiles(_Closing):
    """The images of a numbered name (``frame-%06d.png``) as a video, in the order of their numbers, from any on.

    Their times are those of the file beside them that `SequencePath` names, if there is one (timestamp format v2);
    else an image follows its predecessor by ``1 / fps``, and a gap in the numbers is a gap in time, which ``notes``
    tells. All have the size of the first. `first` and `end` are as those of a ``VideoFile``.

    Raises ``NotFound`` where there is none; ``SourceError``, when it comes to it, for one that is damaged or of another
    size.
    """

    def __init__(
        self,
        path: str | os.PathLike[str],
        *,
        fps: float = 25.0,
        first: Fraction | None = None,
        end: Fraction | None = None,
    ) -> None:
        self._path = Path(path)
        _check_count_and_rate(None, fps)
        names = SequencePath.of(self._path)
        self._files = [] if names is None else names.images()
        if names is None or not self._files:
            raise NotFound(f"{path}: there is no such image")
        self.notes: list[str] = []
        self._fps, self._time_base = float(fps), 1 / Fraction(fps).limit_denominator(1001)
        self._times = self._read_times(names.times)
        keep = [
            index for index, moment in enumerate(self._times)
            if (first is None or moment >= first) and (end is None or moment < end)
        ]  # fmt: skip
        if not keep:
            raise SourceError(f"{path}: no image is between those times")
        self._times = [self._times[index] for index in keep]
        self._files = [self._files[index] for index in keep]
        image, alpha = read_image(self._files[0][1])
        size = image.shape[1], image.shape[0]
        self._footage = Footage(size=size, time_base=self._time_base, alpha=alpha is not None)
        self._skip, self._closed = 0, False
        self._pool = ThreadPoolExecutor(2, "gancam-images")  # decode ahead of who asks

    def _read_times(self, file: Path) -> list[Fraction]:
        numbers = [number for number, _ in self._files]
        if not file.is_file():
            missing = numbers[-1] - numbers[0] + 1 - len(numbers)
            if missing:
                self.notes.append(f"{self._path.name}: {missing} of its numbers are missing, which are gaps in time")
            return [(number - numbers[0]) * self._time_base for number in numbers]
        try:
            lines = [line.strip() for line in file.read_text(encoding="ascii").splitlines()]
            times = [Fraction(line) / 1000 for line in lines if line and not line.startswith("#")]
            base = next((Fraction(line.split()[-1]) for line in lines if line.startswith("# time base ")), None)
        except (OSError, ValueError, ZeroDivisionError) as error:
            raise SourceError(f"{file}: is no list of times ({cause(error)})") from error
        if len(times) != len(numbers) or any(b <= a for a, b in itertools.pairwise(times)):
            raise SourceError(f"{file}: has {len(times)} times for {len(numbers)} images, or they do not increase")
        self._time_base = base or Fraction(1, 1_000_000)
        if len(times) > 1:
            self._fps = float((len(times) - 1) / (times[-1] - times[0]))
        return [round(moment / self._time_base) * self._time_base for moment in times]

    @property
    def path(self) -> Path:
        return self._path

    @property
    def fps(self) -> float:
        return self._fps

    @property
    def size(self) -> tuple[int, int]:
        return self._footage.size

    @property
    def frames(self) -> int | None:
        return len(self._files)

    @property
    def times(self) -> list[Fraction]:
        """When each image is shown, in seconds."""
        return list(self._times)

    @property
    def footage(self) -> Footage:
        return self._footage

    def keep_decoded(self) -> bool:
        return False

    def skip(self, frames: int) -> None:
        """Leave out the first `frames`; the next has that index."""
        self._skip = frames

    def __iter__(self) -> Iterator[Frame]:
        left = deque(range(self._skip, len(self._files)))
        work: deque[tuple[int, Future[tuple[Image, Image | None]]]] = deque()
        while (left or work) and not self._closed:
            while left and len(work) <= _ahead(self.size):
                work.append((left[0], self._pool.submit(read_image, self._files[left.popleft()][1])))
            index, (image, alpha) = work[0][0], work.popleft()[1].result()
            if (image.shape[1], image.shape[0]) != self.size:
                got, wants = f"{image.shape[1]}x{image.shape[0]}", f"{self.size[0]}x{self.size[1]}"
                raise SourceError(f"{self._files[index][1]}: is {got}, but the first is {wants}")
            yield Frame(image, index, float(self._times[index]), alpha=alpha)

    def close(self) -> None:
        self._closed = True
        self._pool.shutdown(cancel_futures=True)


class Still(_Closing):
    """One image, `frames` times (None: for ever), `fps` frames a second.

    `image` is an Image (copied) or the path of an image file. Raises ``NotFound`` or ``SourceError`` for a path that
    cannot be read, ``ImageError`` for an array that is not an Image.
    """

    def __init__(self, image: Image | str | os.PathLike[str], *, frames: int | None = 1, fps: float = 25.0) -> None:
        if isinstance(image, str | os.PathLike):
            self._image = _read_image(Path(image))
        else:
            self._image = check_image(image).copy()
        _check_count_and_rate(frames, fps)
        self._image.flags.writeable = False  # every frame shares it
        self._frames, self._fps = frames, float(fps)
        self._closed = False

    @property
    def fps(self) -> float:
        return self._fps

    @property
    def size(self) -> tuple[int, int]:
        return self._image.shape[1], self._image.shape[0]

    @property
    def frames(self) -> int | None:
        return self._frames

    def __iter__(self) -> Iterator[Frame]:
        index = 0
        while not self._closed and (self._frames is None or index < self._frames):
            yield Frame(self._image, index, index / self._fps)
            index += 1

    def close(self) -> None:
        self._closed = True


class TestPattern(_Closing):
    """A moving, deterministic picture with a burnt-in time code: to try and test everything without a camera.

    `size` is (width, height), at least (1, 1). The top holds the frame's index as 16 black or white blocks, the most
    significant bit first, which `index_in` reads back even after scaling and compression; below are colour bars, a
    moving ramp, a bouncing ball and the time code MINUTES:SECONDS:FRAME. Pictures under 64x48 have ramp and bars only.
    """

    __test__ = False  # pytest: not a test, whatever the name

    def __init__(self, size: tuple[int, int] = (640, 360), *, fps: float = 30.0, frames: int | None = 300) -> None:
        width, height = size
        if width < 1 or height < 1:
            raise InputError(f"size is {width}x{height}: needs at least 1x1")
        _check_count_and_rate(frames, fps)
        self._size, self._fps, self._frames = (int(width), int(height)), float(fps), frames
        self._closed = False
        self._ground = _colour_bars(self._size)

    @property
    def fps(self) -> float:
        return self._fps

    @property
    def size(self) -> tuple[int, int]:
        return self._size

    @property
    def frames(self) -> int | None:
        return self._frames

    def __iter__(self) -> Iterator[Frame]:
        index = 0
        while not self._closed and (self._frames is None or index < self._frames):
            yield Frame(self.image(index), index, index / self._fps)
            index += 1

    def image(self, index: int) -> Image:
        """The picture of frame `index`, a fresh array."""
        width, height = self._size
        image = self._ground.copy()
        ramp = ((np.arange(width) + 3 * index) % 256).astype(np.uint8)
        image[height // 2 : height * 3 // 4] = ramp[:, None]
        if width < 64 or height < 48:
            return image
        radius = height // 12
        swing = (width - 2 * radius) / 2
        centre = (int(width / 2 + swing * np.sin(index / 15)), height * 7 // 8)
        cv2.circle(image, centre, radius, (255, 255, 255), -1, cv2.LINE_AA)
        bits = height // 8
        for bit in range(16):
            left, right = bit * width // 16, (bit + 1) * width // 16
            image[:bits, left:right] = 235 if index >> (15 - bit) & 1 else 16
        rate = max(round(self._fps), 1)
        code = f"{index // rate // 60:02d}:{index // rate % 60:02d}:{index % rate:02d}"
        scale = height / 300
        place = (width // 16, bits + int(40 * scale) + 2)
        thick, edge = max(round(scale), 1), max(round(2 * scale), 1)
        # an outline by shifts: a bolder stroke is also wider with the fonts of OpenCV 5
        for x, y in ((-edge, 0), (edge, 0), (0, -edge), (0, edge), (0, 0)):
            colour = (0, 0, 0) if x or y else (255, 255, 255)
            at = (place[0] + x, place[1] + y)
            cv2.putText(image, code, at, cv2.FONT_HERSHEY_SIMPLEX, scale, colour, thick, cv2.LINE_AA)
        return image

    @staticmethod
    def index_in(image: Image) -> int:
        """The frame index (0..65535) burnt into `image`, a picture of this pattern at any scale."""
        height, width = image.shape[:2]
        index = 0
        for bit in range(16):
            middle = (2 * bit + 1) * width // 32
            index = index << 1 | int(image[height // 16, middle].mean() > 128)
        return index

    def close(self) -> None:
        self._closed = True


def _colour_bars(size: tuple[int, int]) -> Image:
    width, height = size
    bars = [[192 * (bar >> channel & 1) for channel in (0, 2, 1)] for bar in range(7, -1, -1)]
    ground = np.empty((height, width, 3), np.uint8)
    ground[:] = np.array(bars, np.uint8)[np.arange(width) * 8 // width]
    ground[height * 3 // 4 :] = 24
    return ground


def _check_count_and_rate(frames: int | None, fps: float) -> None:
    if frames is not None and frames < 0:
        raise InputError(f"frames is {frames}: needs 0 or more, or None for no end")
    if not 0 < fps <= 1000:
        raise InputError(f"fps is {fps}: needs more than 0 and at most 1000")


def _read_image(path: Path) -> Image:
    if not os.path.exists(path):
        raise NotFound(f"{path}: no such file")
    try:
        data = np.fromfile(path, np.uint8)  # unlike cv2.imread, this opens any name on any system
        with quiet_opencv():
            image = cv2.imdecode(data, cv2.IMREAD_COLOR) if data.size else None
    except (OSError, cv2.error) as error:
        raise SourceError(f"{path}: cannot be read ({cause(error)})") from error
    if image is None:
        raise SourceError(f"{path}: not an image that OpenCV can read")
    return check_image(image)


def read_image(path: Path) -> tuple[Image, Image | None]:
    """The image in the file `path`, and its opacity ``(H, W)`` where it has one. Raises as ``Still`` does."""
    image = _read_image(path)
    if path.suffix.lower() not in (".png", ".webp", ".tif", ".tiff"):
        return image, None
    data = np.fromfile(path, np.uint8)
    if data[1:4].tobytes() == b"PNG" and data[25] in (0, 2):  # grey or colour, and nothing else
        return image, None
    with quiet_opencv():
        whole = cv2.imdecode(data, cv2.IMREAD_UNCHANGED)
    if whole is None or whole.ndim != 3 or whole.shape != (*image.shape[:2], 4):
        return image, None
    return image, np.ascontiguousarray(whole[..., 3] // (1 if whole.dtype == np.uint8 else 257), np.uint8)


def _packet_ticks(container: av.container.InputContainer, index: int) -> list[int]:
    """The presentation times of all packets, in order."""
    ticks = []
    with suppress(av.FFmpegError, IndexError):  # a damaged end; what came before counts
        for packet in container.demux(container.streams[index]):
            if packet.pts is not None:
                ticks.append(packet.pts)  # noqa: PERF401 - keeps what came before an error
    return sorted(ticks)


def _interlaced(container: av.container.InputContainer, stream: av.VideoStream) -> bool:
    """Whether one of the first pictures says that it is two fields; leaves `container` anywhere."""
    with suppress(av.FFmpegError, IndexError):
        return any(frame.interlaced_frame for frame in itertools.islice(container.decode(stream), 3))
    return False


def _promised(container: av.container.InputContainer, stream: av.VideoStream, fps: float) -> tuple[int | None, bool]:
    """How many frames `stream` should have, and whether that is a count (else an estimate)."""
    if "mp4" in container.format.name.split(","):
        shown = sum(not entry.is_discard for entry in stream.index_entries)  # edit lists hide some
        if shown:
            return shown, True
    if stream.frames > 0:
        return stream.frames, True
    seconds: float | None = None
    start = float((stream.start_time or 0) * (stream.time_base or 0))
    if stream.duration is not None and stream.time_base is not None:
        seconds = float(stream.duration * stream.time_base)
    elif container.duration is not None:
        seconds = container.duration / av.time_base
        if "matroska" in container.format.name:  # where the duration is the end on the clock
            seconds -= start
    if seconds is None or not 0 < seconds < 1e7:
        return None, False
    return max(round(seconds * fps), 1), False
