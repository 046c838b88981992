"""The pictures of one stream of a file, decoded by PyAV, and whether they are of two fields though the file says no."""

import heapq
import itertools
import logging
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from fractions import Fraction
from typing import Literal, NamedTuple, TypeAlias

import av
import numpy as np
from av.video.reformatter import Interpolation, VideoReformatter

from gancam.frame import Image
from gancam.media.hdr import HdrMetadata, ToneMap
from gancam.media.orientation import Orientation
from gancam.media.played import Played
from gancam.media.streams import decode_on_threads

Deinterlace: TypeAlias = bool | Literal["bob"]  # "bob": a frame of each field
log = logging.getLogger(__name__)
_WITHOUT_MOMENTS = {"avi", "asf"}  # formats that may not tell when a picture is shown, only when it is to be decoded
_REORDERED = 8  # pictures by which the order in which they are decoded may differ from that in which they are shown
_LOOK = 3  # pictures at the beginning of a video that may say that it is interlaced
_AHEAD, _BYTES_AHEAD = 4, 40_000_000  # frames that are decoded ahead of who asks, and their bytes


def frames_ahead(size: tuple[int, int]) -> int:
    """Tell how many frames of a `size` are decoded ahead, beside the one that waits for room."""
    return min(max(_BYTES_AHEAD // (size[0] * size[1] * 3), 1), _AHEAD)


class DecodedPicture(NamedTuple):
    """A picture of a stream.

    Attributes:
        image: ``uint8 (H, W, 3)`` BGR, a fresh array; None for a picture whose time was not wanted.
        tick: When it is shown, in the decoder's ticks: the stream's time base, or half of it.
        picture: The decoder's own, where that is kept.
        alpha: Opacity, ``uint8 (H, W)``, where the stream has it.
        duration: How long it is shown by its own word, in the same ticks; 0 where that is not said.
    """

    image: Image | None
    tick: int
    picture: av.VideoFrame | None = None
    alpha: Image | None = None
    duration: int = 0


class Decoder:
    """Decodes one stream of an open container to BGR; the first pictures at once, and none twice.

    A picture of another size or format than the first is scaled to that. A damaged packet costs its own picture. With
    `deinterlace`, pictures are made whole; `fields` ("tff", "bff") says which comes first where the stream does not.
    With "bob", each field becomes a picture, and the ticks are half as long as the stream's: the second field is shown
    half-way to the next frame.
    """

    def __init__(
        self, container: av.container.InputContainer, stream: av.VideoStream, deinterlace: Deinterlace, fields: str = ""
    ) -> None:
        self._container, self._keep, self._fields = container, False, fields
        self.index = stream.index
        decode_on_threads(stream)
        self._apart: av.VideoCodecContext | None = None
        if opacity_apart(stream):
            apart = av.CodecContext.create(f"libvpx-{stream.codec_context.name}".replace("-vp8", ""), "r")
            assert isinstance(apart, av.VideoCodecContext)
            apart.thread_count = 0
            self._apart = apart
        self._bob = deinterlace == "bob"
        self._time_base = Fraction(stream.time_base or Fraction(1, 90_000)) / (1 + self._bob)
        self._tick = (stream.start_time or 0) * (1 + self._bob)  # of the last picture
        self._played = Played()
        self.damaged = 0  # pictures that came damaged, or not at all while others came after them
        self._coming = self._whole(stream) if deinterlace else self._decode(stream)
        self._begun: deque[av.VideoFrame] = deque()
        with suppress(av.FFmpegError, IndexError):
            for frame in itertools.islice(self._coming, 1 if deinterlace else _LOOK):
                self._begun.append(frame)
        self.interlaced = not deinterlace and any(frame.interlaced_frame for frame in self._begun)
        self.other: tuple[int, int] | None = None  # another size, as displayed, of a later picture, once one came
        self.mastering = HdrMetadata()
        self.size: tuple[int, int] | None = None  # (width, height) as displayed; None where nothing can be decoded
        self.opaque = False  # whether its opacity, which it would have by its format, is of no use
        self.veiled = False  # whether a later picture of what is opaque was not
        self.askew = False  # whether it is to be shown in none of the eight orientations, which is not done
        if self._begun:
            first = self._begun[0]
            self._kind = first.width, first.height, first.format.name
            found = Orientation.of_frame(first if self._apart is None else _first_plain(container, stream) or first)
            self.askew = found is None
            self.opaque = stream.codec_context.name == "gif" and all(map(_is_opaque, self._begun))
            self.mastering = HdrMetadata.of_frame(first)
            self._played = Played(found)
            self.size = self.orientation.size(first.width, first.height)

    @property
    def orientation(self) -> Orientation:
        """That of the first picture."""
        return self._played.orientation

    def tone_map(self, tone_map: ToneMap) -> None:
        """Let `tone_map` make the images from now on."""
        self._played.tone_map = tone_map

    def keep_pictures(self) -> bool:
        """Give the decoder's own pictures too from now on, upright. False where they cannot be turned."""
        self._keep = _upright(self._begun[0], self.orientation) is not None
        return self._keep

    def _decode(self, stream: av.VideoStream) -> Iterator[av.VideoFrame]:
        """The pictures of `stream` in the order in which they are shown, which is that of their times."""
        formats = set(self._container.format.name.split(","))
        if formats & _WITHOUT_MOMENTS and stream.codec_context.has_b_frames:
            return _timed_in_order(self._pictures(stream))
        return self._pictures(stream)

    def _pictures(self, stream: av.VideoStream) -> Iterator[av.VideoFrame]:
        failed = 0  # packets since the last picture: at the end they are what is missing, not what is damaged
        with suppress(av.FFmpegError, IndexError):
            for packet in self._container.demux(stream):
                try:
                    frames = packet.decode() if self._apart is None else self._apart.decode(packet)
                except av.error.InvalidDataError:
                    failed += 1
                    continue
                if frames:
                    self.damaged += failed + sum(frame.is_corrupt for frame in frames)
                    failed = 0
                yield from frames

    def _whole(self, stream: av.VideoStream) -> Iterator[av.VideoFrame]:
        """The pictures of `stream` with each field's missing lines made up."""
        graph = av.filter.Graph()
        entrance, exit = graph.add_buffer(template=stream), graph.add("buffersink")
        mode = "send_field" if self._bob else "send_frame"
        bwdif = graph.add("bwdif", f"mode={mode}:deint=all:parity={self._fields or 'auto'}")
        entrance.link_to(bwdif)
        bwdif.link_to(exit)
        graph.configure()
        last = None
        for frame in itertools.chain(self._decode(stream), [None]):
            graph.push(frame)
            while True:
                try:
                    made = graph.pull()
                except (av.error.BlockingIOError, av.error.EOFError):
                    break
                assert isinstance(made, av.VideoFrame)
                if self._bob and made.pts is not None and last is not None and made.pts <= last:
                    made.pts = None  # of a frame beside one without a time, or the only one, it is no time
                last = last if made.pts is None else made.pts
                yield made

    def _next(self) -> av.VideoFrame | None:
        if self._begun:
            return self._begun.popleft()
        with suppress(av.FFmpegError, IndexError):
            return next(self._coming, None)
        return None

    def read(self, wanted: Callable[[int], bool]) -> DecodedPicture | None:
        """Read the next frame, without its picture if its time is not `wanted`; None at the end."""
        frame = self._next()
        if frame is None:
            return None
        if frame.pts is not None:
            self._tick = round(frame.pts * Fraction(frame.time_base or self._time_base) / self._time_base)
        if not wanted(self._tick):
            return DecodedPicture(None, self._tick)
        lasts = round((frame.duration or 0) * Fraction(frame.time_base or self._time_base) / self._time_base)
        if (frame.width, frame.height, frame.format.name) != self._kind:
            if (frame.width, frame.height) != self._kind[:2]:
                self.other = self.orientation.size(frame.width, frame.height)
            frame = VideoReformatter().reformat(frame, *self._kind, interpolation=Interpolation.BICUBIC)
        self.veiled = self.veiled or (self.opaque and not _is_opaque(frame))
        image, alpha = self._played.with_opacity(frame, wanted=self._counts(frame))
        kept = _upright(frame, self.orientation) if self._keep else None
        return DecodedPicture(image, self._tick, kept, alpha, lasts)

    def _counts(self, frame: av.VideoFrame) -> bool:
        """Whether opacity of `frame` is of use: what was opaque at first stays so."""
        return not self.opaque and any(part.is_alpha for part in frame.format.components)

    def close(self) -> None:
        """Close the container, and let go of what decodes it."""
        self._container.close()
        self._begun.clear()
        self._coming = iter(())


def _timed_in_order(frames: Iterable[av.VideoFrame]) -> Iterator[av.VideoFrame]:
    """Give pictures, which come as they are shown, the times in order that they have in the order of their packets."""
    waiting, times = deque[av.VideoFrame](), list[int]()
    for frame in itertools.chain(frames, [None] * _REORDERED):
        if frame is not None:
            waiting.append(frame)
            if frame.pts is not None:
                heapq.heappush(times, frame.pts)
        if waiting and (frame is None or len(waiting) > _REORDERED):
            first = waiting.popleft()
            if first.pts is not None:
                first.pts = heapq.heappop(times)
            yield first


def _first_plain(container: av.container.InputContainer, stream: av.VideoStream) -> av.VideoFrame | None:
    """Decode the first picture of a file again, without its opacity: only so it comes with its display matrix."""
    with suppress(av.FFmpegError, IndexError, OSError), av.open(container.name, metadata_errors="replace") as again:
        return next(again.decode(again.streams.video[stream.container.streams.video.index(stream)]), None)
    return None


def field_order(stream: av.VideoStream) -> str:
    """Say which field of a picture comes first: "tff", the upper, or "bff"; empty where that is not known."""
    if stream.codec_context.name == "dvvideo":
        return "bff"
    return {2: "tff", 3: "bff", 4: "tff", 5: "bff"}.get(stream.codec_context.field_order, "")  # AVFieldOrder


def _is_opaque(frame: av.VideoFrame) -> bool:
    """Whether no pixel of a picture of BGRA is transparent. FFmpeg decodes every GIF to that."""
    return frame.format.name != "bgra" or bool((frame.to_ndarray()[..., 3] == 255).all())


def opacity_apart(stream: av.VideoStream) -> bool:
    """Whether opacity is beside the pictures of `stream` (VP8 and VP9 in WebM), where only libvpx looks for it."""
    words = {key.lower(): value for key, value in stream.metadata.items()}
    codec = stream.codec_context.name if stream.codec_context is not None else ""
    return words.get("alpha_mode") == "1" and codec in ("vp8", "vp9")


def _upright(frame: av.VideoFrame, orientation: Orientation) -> av.VideoFrame | None:
    """Turn and mirror `frame`, plane by plane; None where its chroma does not allow that.

    What FFmpeg calls yuvj is yuv with full range.
    """
    name = frame.format.name.replace("yuvj", "yuv")
    if not orientation and name == frame.format.name:
        return frame
    samples = [(plane.width, plane.height) for plane in frame.planes]
    across, down = (frame.width / samples[-1][0], frame.height / samples[-1][1])
    fits = frame.width % across == 0 and frame.height % down == 0 and (across == down or not orientation.transposed)
    if orientation and (not fits or (len(samples) == 1 and not name.startswith("gray"))):
        return None
    made = av.VideoFrame(*orientation.size(frame.width, frame.height), name)
    kind = np.uint8 if frame.format.components[0].bits == 8 else np.uint16
    for was, now in zip(frame.planes, made.planes, strict=True):
        rows = np.frombuffer(memoryview(was), kind).reshape(was.height, -1)[:, : was.width]
        np.frombuffer(memoryview(now), kind).reshape(now.height, -1)[:, : now.width] = orientation.apply(rows)
    return made
