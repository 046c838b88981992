"""Where frames come from: a video file, a still image, a test pattern.

A source is iterated once, by one thread. Dropping frames is a source's own nature: those here drop none.
"""

import itertools
import logging
import math
import os
import threading
import time
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

from gancam._native import quiet_opencv
from gancam.errors import GancamError, InputError, NotFound, SourceError
from gancam.footage import Footage, SequencePath, cause, converted_as, decoded_colour
from gancam.frame import Frame, Image, Lane, check_image

log = logging.getLogger(__name__)


_TEXT_ART = {"ansi", "bintext", "xbin", "idf"}  # codecs as which FFmpeg "plays" any text file
_CLOCK_STARTS_ANYWHERE = {"mpegts", "mpeg", "mpegvideo", "flv", "live_flv", "rm", "wtv", "asf"}
_LOOK = 3  # pictures at the beginning of a video that may say that it is interlaced
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
    """Every frame of a video file, decoded ahead by a hidden thread.

    The images are those of ``cv2.VideoCapture``, bit for bit, where that is right: the wheel of OpenCV 5.0 has no AV1,
    gives uninitialised memory for interlaced video and for the matrices YCgCo and BT.2020 with constant luminance, and
    stops at the first damaged packet of many files. So FFmpeg is called through PyAV.

    `path` names a local file that FFmpeg can read. Rotation tags are applied: ``size`` and the images are as displayed.

    ``Frame.time`` is the presentation time in seconds on the file's own clock, exact to float precision, so variable
    frame rates and late starts carry through. Frames without a usable time stamp follow their predecessor by
    ``1 / fps``.

    ``frames`` is the container's own count where it has one, otherwise its duration times the rate. When clearly fewer
    come, ``notes`` says so after the last.

    Where a stream changes its picture size, what follows is scaled to the first, and ``notes`` and the log say so once.

    `deinterlace` makes whole pictures of fields, at the same rate (FFmpeg's bwdif); without it, interlaced video is
    told in ``notes``. Frames before `first` and from `end` on (seconds of ``Frame.time``) are left out; what comes
    keeps its own time.

    Raises ``NotFound`` for a missing file, ``InputError`` for a range that ends before it begins or begins after the
    last frame, ``SourceError`` for what is not a video or gives not even one frame. A range in which no frame is found
    after all raises ``InputError`` when the frames are asked for.
    """

    def __init__(
        self,
        path: str | os.PathLike[str],
        *,
        deinterlace: bool = False,
        first: Fraction | None = None,
        end: Fraction | None = None,
    ) -> None:
        check_range(first, end)
        self._path = Path(path)
        self._deinterlace, self._skip = deinterlace, 0
        self._range = first, end
        self._from, self._end = (None if one is None else float(one) for one in (first, end))  # as Frame.time is
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None
        self._closed = self._ended = False
        self._busy = 0.0
        self.notes: list[str] = []
        if not os.path.exists(self._path):  # unlike Path's, it raises nothing for names that cannot be
            raise NotFound(f"{path}: no such file")
        if not self._path.is_file():
            kind = "a folder" if self._path.is_dir() else "not a regular file"
            raise SourceError(f"{path}: {kind}, not a video file")
        if self._path.stat().st_size == 0:
            raise SourceError(f"{path}: the file is empty")
        container = _open(self._path)
        try:
            stream = _video_in(container, self._path)
            self._footage = self._describe(container, stream)
            if first is not None:
                self._check_start(container, stream, first)
            began = time.perf_counter()
            self._decoder = self._decode(container, stream)
            self._busy += time.perf_counter() - began
        except BaseException:
            container.close()
            raise
        self._queue: Lane[Frame | Exception | None] = Lane(_ahead(self.size))

    def _describe(self, container: av.container.InputContainer, stream: av.VideoStream) -> Footage:
        """What the container says about its video; the size as it is displayed is not known yet."""
        rate = stream.average_rate or stream.guessed_rate
        self._fps = float(rate) if rate and 0 < rate <= 1000 else 25.0
        self._time_base = Fraction(stream.time_base or Fraction(1, 90000))
        origin = Fraction(0)
        if set(container.format.name.split(",")) & _CLOCK_STARTS_ANYWHERE and container.start_time:
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
        return Footage(
            size=(0, 0),
            path=Path(os.path.abspath(self._path)),
            alpha=alpha,
            time_base=self._time_base,
            origin=origin,
            aspect=aspect if aspect > 0 else Fraction(1),
            colour=decoded_colour(stream),
            depth=depth,
            hdr={16: "PQ", 18: "HLG"}.get(int(stream.codec_context.color_trc), ""),
            pixels=pixels,
        )

    def _check_start(self, container: av.container.InputContainer, stream: av.VideoStream, first: Fraction) -> None:
        """Refuse a range that begins after the end. A header may tell a shorter time than there is, so its word counts
        only where no packet contradicts it."""
        told = _end_of(container, stream)
        if told is None or first < told - self._footage.origin:
            return
        end = -math.inf
        with _open(self._path) as again, suppress(av.FFmpegError, IndexError):  # a damaged end; what came before counts
            for packet in again.demux(again.streams[stream.index]):
                if packet.pts is not None:
                    begins = float(packet.pts * self._time_base - self._footage.origin)
                    end = max(end, begins + float((packet.duration or 0) * self._time_base))
                    if begins >= first:
                        return
        if end > -math.inf:
            raise InputError(f"{self._path}: ends at {end:.2f} s, so nothing is left from {float(first):g} s on")

    def _decode(self, container: av.container.InputContainer, stream: av.VideoStream) -> "_Decoder":
        """Decode the first pictures, so that an open source is known to have one."""
        decoder = _Decoder(container, stream, self._deinterlace)
        if decoder.size is None:
            raise SourceError(f"{self._path}: no frame can be decoded: damaged, cut short, or an unknown codec")
        aspect = 1 / self._footage.aspect if decoder.turned else self._footage.aspect
        self._footage = replace(self._footage, size=decoder.size, aspect=aspect, interlaced=decoder.interlaced)
        if decoder.interlaced:
            self.notes.append(f"{self._path.name}: is interlaced, its fields stay combed (--deinterlace undoes it)")
        return decoder

    def keep_decoded(self) -> bool:
        """Give every frame its ``Frame.decoded``, upright, for a sink that can pass planes on as they are. Before
        iterating. False, and nothing changes, where rotation leaves no such planes."""
        if not self._decoder.keep_pictures():
            return False
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
            while not self._stop.is_set():
                began = time.perf_counter()
                read = self._decoder.read(wanted)
                self._busy += time.perf_counter() - began
                if read is None:
                    self._tell_shortage(came)
                    break
                image, tick, picture, alpha = read
                keep, last = wanted(tick), moment(tick)
                if self._end is not None and last >= self._end:
                    break
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
            self._offer(None if index or self._range == (None, None) else self._nothing_there())
        except Exception as error:  # raised where the frames are asked for
            self._offer(SourceError(f"{self._path}: cannot be decoded after frame {index} ({cause(error)})"))

    def _nothing_there(self) -> GancamError:
        """The error of a range in which no frame was found."""
        first, end = self._range
        parts = [f"from {float(first):g} s on"] if first is not None else []
        parts += [f"before {float(end):g} s"] if end is not None else []
        return InputError(f"{self._path}: has no frame {' and '.join(parts)}")

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


class _Decoder:
    """The pictures of one stream of an open container, as BGR. The first are decoded at once, and none twice.

    A picture of another size or format than the first is scaled to that. A damaged packet costs its own picture.
    """

    def __init__(self, container: av.container.InputContainer, stream: av.VideoStream, deinterlace: bool) -> None:
        self._container, self._keep = container, False
        stream.thread_type = "AUTO"
        self._apart: av.VideoCodecContext | None = None
        if opacity_apart(stream):
            apart = av.CodecContext.create(f"libvpx-{stream.codec_context.name}".replace("-vp8", ""), "r")
            assert isinstance(apart, av.VideoCodecContext)
            apart.thread_count = 0
            self._apart = apart
        self._time_base = Fraction(stream.time_base or Fraction(1, 90_000))
        self._tick = stream.start_time or 0  # of the last picture
        self._convert = VideoReformatter()
        self._coming = self._whole(stream) if deinterlace else self._decode(stream)
        self._begun: deque[av.VideoFrame] = deque()
        with suppress(av.FFmpegError, IndexError):
            for frame in itertools.islice(self._coming, 1 if deinterlace else _LOOK):
                self._begun.append(frame)
        self.interlaced = not deinterlace and any(frame.interlaced_frame for frame in self._begun)
        self.other: tuple[int, int] | None = None  # another size that the stream's pictures take, once one came
        self.size: tuple[int, int] | None = None  # (width, height) as displayed; None where nothing can be decoded
        self.turned = False
        if self._begun:
            first = self._begun[0]
            self._kind = first.width, first.height, first.format.name
            self.turned = first.rotation // 90 % 2 == 1
            self.size = (first.height, first.width) if self.turned else (first.width, first.height)

    def keep_pictures(self) -> bool:
        """From now on, give the decoder's own pictures too, upright. False where they cannot be turned."""
        first = self._begun[0]
        self._keep = _upright(first, first.rotation // 90 % 4) is not None
        return self._keep

    def _decode(self, stream: av.VideoStream) -> Iterator[av.VideoFrame]:
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

    def _next(self) -> av.VideoFrame | None:
        if self._begun:
            return self._begun.popleft()
        with suppress(av.FFmpegError, IndexError):
            return next(self._coming, None)
        return None

    def read(self, wanted: Callable[[int], bool]) -> _Decoded | None:
        """The next frame, without its picture if its time is not `wanted`; None at the end."""
        frame = self._next()
        if frame is None:
            return None
        if frame.pts is not None:
            self._tick = round(frame.pts * Fraction(frame.time_base or self._time_base) / self._time_base)
        if not wanted(self._tick):
            return _Decoded(None, self._tick)
        quarters = frame.rotation // 90 % 4  # anticlockwise
        if (frame.width, frame.height, frame.format.name) != self._kind:
            if (frame.width, frame.height) != self._kind[:2]:
                self.other = frame.width, frame.height
            frame = VideoReformatter().reformat(frame, *self._kind, interpolation=Interpolation.BICUBIC)
        image, alpha = self._bgr(frame)
        if quarters:
            image = np.ascontiguousarray(np.rot90(image, quarters))
            alpha = None if alpha is None else np.ascontiguousarray(np.rot90(alpha, quarters))
        return _Decoded(image, self._tick, _upright(frame, quarters) if self._keep else None, alpha)

    def _bgr(self, frame: av.VideoFrame) -> tuple[Image, Image | None]:
        """`frame` as an Image, and its opacity ``(H, W)`` where it has one."""
        if frame.interlaced_frame:
            frame = _in_one_piece(frame)
        told = frame.colorspace
        veiled = any(part.is_alpha for part in frame.format.components)
        form = "bgra" if veiled else "bgr24"
        frame.colorspace = converted_as(int(told))
        try:
            pixels = self._convert.reformat(frame, format=form, interpolation=Interpolation.BICUBIC).to_ndarray()
        finally:
            frame.colorspace = told
        image = check_image(np.ascontiguousarray(pixels[..., :3]))
        return image, np.ascontiguousarray(pixels[..., 3], np.uint8) if veiled else None

    def close(self) -> None:
        self._container.close()


def _in_one_piece(frame: av.VideoFrame) -> av.VideoFrame:
    """A copy of `frame` that is not said to be two fields. Of those, swscale gives each its own rows of chroma, and
    the way back to YUV (``Colour.to_yuv420``) would blur what it took apart."""
    if frame.format.chroma_height(16) == 16 or frame.format.is_rgb:
        return frame
    made = av.VideoFrame(frame.width, frame.height, frame.format.name)
    for was, now in zip(frame.planes, made.planes, strict=True):
        width = min(was.line_size, now.line_size)
        rows = np.frombuffer(memoryview(was), np.uint8).reshape(-1, was.line_size)[: was.height]
        np.frombuffer(memoryview(now), np.uint8).reshape(-1, now.line_size)[: now.height, :width] = rows[:, :width]
    made.colorspace, made.color_range = frame.colorspace, frame.color_range
    return made


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
        check_range(first, end)
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


def _open(path: Path) -> av.container.InputContainer:
    """The container in the file `path`. Raises ``SourceError``."""
    absolute = os.path.abspath(path)  # so that no name is taken for a protocol or an option
    try:
        return av.open(absolute, metadata_errors="replace")
    except PermissionError as error:
        raise SourceError(f"{path}: no permission to read it") from error
    except (av.FFmpegError, OSError, ValueError) as error:
        raise SourceError(f"{path}: not a video, or damaged ({cause(error)})") from error


def _video_in(container: av.container.InputContainer, path: Path) -> av.VideoStream:
    """The first video of `container` that is not a cover. Raises ``SourceError`` where there is none."""
    videos = [s for s in container.streams.video if not s.disposition & av.stream.Disposition.attached_pic]
    if not videos:
        found = "only audio" if container.streams.audio else "no video"
        raise SourceError(f"{path}: holds {found}")
    formats = set(container.format.name.split(","))
    names = {s.codec_context.name for s in videos if s.codec_context is not None}
    if _TEXT_ART & names or "tty" in formats:
        raise SourceError(f"{path}: text, not a video")
    if any(name.endswith("_pipe") for name in formats) or "image2" in formats:
        raise SourceError(f"{path}: a still image, not a video (in Python: gancam.sources.Still)")
    stream = videos[0]
    if stream.codec_context is None or not stream.codec_context.name:
        raise SourceError(f"{path}: its video codec is not known to this build of FFmpeg")
    return stream


def check_range(first: Fraction | None, end: Fraction | None) -> None:
    """Raise ``InputError`` for a range of time (seconds) that ends where it begins, or before."""
    if first is not None and end is not None and end <= first:
        raise InputError(
            f"from {float(first):g} s to {float(end):g} s there is no time: the end must come after the beginning"
        )


def _end_of(container: av.container.InputContainer, stream: av.VideoStream) -> Fraction | None:
    """When `stream` ends on the clock of `container`, in seconds, as that says; None where it does not."""
    if stream.duration is not None and stream.time_base is not None:
        return ((stream.start_time or 0) + stream.duration) * Fraction(stream.time_base)
    if container.duration is None:
        return None
    start = 0 if "matroska" in container.format.name else container.start_time or 0  # there it is the end on the clock
    return Fraction(container.duration + start, av.time_base)


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
