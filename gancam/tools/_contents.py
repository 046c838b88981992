"""What a file holds that is compared: its streams, their times, and what is said of them."""

import hashlib
import itertools
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import NamedTuple, TypeAlias

import av
import cv2
import numpy as np
from numpy.typing import NDArray

from gancam.errors import NotFound, SourceError
from gancam.frame import Frame
from gancam.media.animated import is_animated
from gancam.media.messages import INDEX_MISSING, no_video
from gancam.media.orientation import Orientation
from gancam.media.paths import SequencePath, StillPath, classify
from gancam.media.streams import described, first_heard, is_hidden, is_pause, open_file, picture_of
from gancam.media.timecode import advanced, is_timecode, timecode_of
from gancam.sources import AnimatedImage, ImageFiles, VideoFile
from gancam.sources.decoders import opacity_apart
from gancam.sources.extent import picture_end, shortage
from gancam.sources.truncation import lacks_index

Sight: TypeAlias = "NDArray[np.float32] | None"
"""A small grey picture as displayed; None where there is nothing in it."""
_SIGHT = 48  # width and height of the pictures that are compared
_SEEN = 4.0  # of 255: standard deviation of a picture in which there is something
_LOOK = 100  # frames that are searched for one
_COMPARED = "videos, animated pictures and numbered images (frame-%06d.png)"


class Part(NamedTuple):
    """The part of a file from `start` to before `end`, in seconds of ``Frame.time``; None where it is not limited."""

    start: Fraction | None = None
    end: Fraction | None = None


class Chapter(NamedTuple):
    """A chapter of a file."""

    start: Fraction  # seconds
    end: Fraction
    title: str


@dataclass
class Stream:
    """A stream of a file, and what its packets tell."""

    kind: str
    codec: str
    metadata: dict[str, str]
    disposition: int
    times: list[Fraction] = field(default_factory=list)
    end: Fraction | None = None  # seconds; None where the file does not say
    heard: Fraction | None = None  # seconds: of sound, when its first sample is played
    digest: bytes = b""  # of all packets so far
    packets: int = 0
    data: str = ""


@dataclass
class Media:
    """All of a file, or of a part of it, whose times are from its beginning on."""

    streams: list[Stream]
    metadata: dict[str, str]
    chapters: list[Chapter]
    picture: Stream
    size: tuple[int, int]
    aspect: Fraction
    colour: dict[str, int]  # empty for images, which are RGB
    orientation: Orientation | None  # None: at an angle that is none of the eight
    sight: Sight  # a small grey picture as displayed; None where none has anything in it
    interlaced: bool
    bits: int
    alpha: bool  # whether a pixel may be transparent
    pixels: str  # FFmpeg's name of their format
    timecode: str | None = None
    short: str = ""  # how the file tells that there was more of it
    readable: int = 0  # how many frames there are of it, before, in and behind that part


def read_media(path: Path, part: Part = Part()) -> Media:  # noqa: B008 - it cannot be changed
    """Read what `part` of a file holds.

    Raises:
        NotFound: It is not there.
        SourceError: It holds no video, or is damaged.
        InputError: No frame is in that part.
    """
    if isinstance(classify(path), SequencePath):
        return _images(ImageFiles(path, start=part.start, end=part.end), part)
    if not path.exists():
        raise NotFound(f"{path}: no such file")
    if isinstance(classify(path), StillPath) and not is_animated(path):
        raise SourceError(f"{path}: is an image; verify compares {_COMPARED}")
    if path.suffix.lower() == ".webp":
        return _images(AnimatedImage(path, start=part.start, end=part.end), part)
    clock = _on_clock(path, part)
    try:
        with open_file(path) as container:
            return _probe(path, container, clock)
    except (av.FFmpegError, OSError, ValueError, IndexError) as error:
        raise SourceError(f"{path}: {INDEX_MISSING if lacks_index(path) else no_video(error)}") from error


def _on_clock(path: Path, part: Part) -> Part:
    """`part` on the clock of the file's packets. Raises ``InputError`` where nothing is in it."""
    if part == Part():
        return part
    with VideoFile(path, start=part.start, end=part.end) as source:
        origin = source.info.origin
    return Part(*(None if one is None else one + origin for one in part))


def _images(opened: ImageFiles | AnimatedImage, part: Part) -> Media:
    with opened as source:
        begin = part.start or Fraction(0)
        times, until = [time - begin for time in source.times], source.until - begin
        picture = Stream("video", source.path.suffix[1:], {}, 0, times, until)
        return Media(
            streams=[picture], metadata={}, chapters=[], picture=picture, size=source.size, aspect=Fraction(1),
            colour={}, orientation=Orientation(), sight=_sight_of(next(iter(source), None)), interlaced=False, bits=8,
            alpha=source.info.alpha, pixels="bgr24",
        )  # fmt: skip


def _probe(path: Path, container: av.container.InputContainer, part: Part) -> Media:
    """Read what a file holds, decoding one frame and reading all packets."""
    chapters = _chapters_of(container, part)
    streams: dict[int, Stream] = {}
    video = picture_of(container)
    for stream in container.streams:
        if is_timecode(stream) or _is_chapter_text(stream, chapters):
            continue
        streams[stream.index] = _describe(stream)
    if video is None:
        raise SourceError(f"{path}: holds no video")
    frames = container.decode(video)
    frame = next(frames, None)
    orientation = Orientation() if frame is None else Orientation.of_frame(frame)
    seen = frames if frame is None else itertools.chain([frame], frames)
    sight = _sight(seen) if part == Part() else None  # it is another picture's
    shown = _read_packets(path, streams, part).get(video.index, [])
    for index, known in streams.items():
        if known.kind == "audio":
            known.heard = first_heard(path, index)
    end = picture_end(container, video)
    if end is not None and end > max(shown, default=end - 1):  # a track that says it ends before its last frame errs
        streams[video.index].end = end
    for known in streams.values():
        _begin_with(known, part)
    context = video.codec_context
    aspect = Fraction(video.sample_aspect_ratio or 1) or Fraction(1)
    upright = orientation or Orientation()
    parts = () if frame is None else frame.format.components
    return Media(
        streams=list(streams.values()),
        metadata=_metadata(container.metadata) | _moment(container.metadata),
        chapters=chapters,
        picture=streams[video.index],
        size=upright.size(context.width, context.height),
        aspect=1 / aspect if upright.transposed else aspect,
        colour={
            "matrix": int(context.colorspace), "primaries": int(context.color_primaries),
            "transfer": int(context.color_trc), "full range": int(int(context.color_range) == 2),
        },
        orientation=orientation,
        sight=sight,
        interlaced=frame is not None and bool(frame.interlaced_frame),
        bits=max((part.bits for part in parts), default=8),
        alpha=any(part.is_alpha for part in parts) or opacity_apart(video),
        pixels="yuv420p" if frame is None else "pal8" if context.name == "gif" else frame.format.name,
        timecode=_timecode(container, video, 0 if part.start is None else sum(time < part.start for time in shown)),
        short="" if _goes_past(shown, part) else shortage(path, container, video, shown),
        readable=len(shown),
    )  # fmt: skip


def _goes_past(shown: Sequence[Fraction], part: Part) -> bool:
    """Tell whether frames are `shown` behind `part`, so that it is whole, whatever is missing of the file."""
    return part.end is not None and any(time >= part.end for time in shown)


def _timecode(container: av.container.InputContainer, video: av.VideoStream, before: int) -> str | None:
    """The timecode of the first frame of a part, before which there are `before`."""
    told = timecode_of(container, video)
    return advanced(told, Fraction(video.average_rate or 25), before) or told if told and before else told


def _begin_with(known: Stream, part: Part) -> None:
    """Tell the times of a stream from the beginning of `part` on, and none of them from outside of it."""
    begin = part.start or Fraction(0)
    if part.end is not None and known.end is not None:
        known.end = min(known.end, part.end)
    if part.start is not None:
        cut = known.kind == "subtitle"  # sound packets that begin before the part are kept whole
        known.times = [(max(time, begin) if cut else time) - begin for time in known.times]
        known.heard = None if known.heard is None else max(known.heard, begin) - begin
        known.end = None if known.end is None else known.end - begin


def _sight(frames: Iterable[av.VideoFrame]) -> Sight:
    """A small grey picture of the first frame in which there is anything, as displayed."""
    for frame in itertools.islice(frames, _LOOK):
        small = frame.reformat(_SIGHT, _SIGHT, "gray", interpolation="AREA").to_ndarray().astype(np.float32)
        if small.std() > _SEEN:
            return (Orientation.of_frame(frame) or Orientation()).apply(small)
    return None


def _sight_of(frame: Frame | None) -> Sight:
    if frame is None:
        return None
    grey = cv2.cvtColor(frame.image, cv2.COLOR_BGR2GRAY)
    small = cv2.resize(grey, (_SIGHT, _SIGHT), interpolation=cv2.INTER_AREA).astype(np.float32)
    return small if small.std() > _SEEN else None


def _chapters_of(container: av.container.InputContainer, part: Part) -> list[Chapter]:
    made = [
        Chapter(
            one["start"] * Fraction(one["time_base"] or 0), one["end"] * Fraction(one["time_base"] or 0),
            one["metadata"].get("title", ""),
        )
        for one in container.chapters()
    ]  # fmt: skip
    begin, end = part.start or Fraction(0), part.end
    within = [one for one in made if (part.start is None or one.end > begin) and (end is None or one.start < end)]
    if part.start is not None:
        within = [one._replace(start=max(one.start, begin) - begin, end=one.end - begin) for one in within]
    return within if end is None else [one._replace(end=min(one.end, end - begin)) for one in within]


def _is_chapter_text(stream: av.stream.Stream, chapters: Sequence[Chapter]) -> bool:
    """Tell whether a data stream of MP4 or MOV holds the chapters' names."""
    handler = stream.metadata.get("handler_name", "")
    return bool(chapters) and stream.type == "data" and ("Text" in handler or "Subtitle" in handler)


def _describe(stream: av.stream.Stream) -> Stream:
    codec = stream.codec_context.name if stream.codec_context is not None else "none"
    made = Stream(stream.type, codec, _metadata(stream.metadata), int(stream.disposition))
    language = stream.metadata.get("language", "und")
    if language != "und":
        made.metadata["language"] = language
    if stream.type == "attachment":
        made.data = hashlib.sha256(stream.data).hexdigest()  # type: ignore[attr-defined]
    return made


def _read_packets(path: Path, streams: Mapping[int, Stream], part: Part) -> dict[int, list[Fraction]]:
    """Fill in times, counts and, but for video, hashes of all packets of `part`; returns those times of the whole."""
    whole: dict[int, list[Fraction]] = {}
    with open_file(path) as container:
        for packet in container.demux():
            known = streams.get(packet.stream.index)
            if known is None or not packet.size or (known.codec == "mov_text" and is_pause(bytes(packet))):
                continue
            if is_hidden(packet):
                continue
            if packet.pts is not None and packet.time_base is not None:
                moment = packet.pts * packet.time_base
                lasts = 0 if packet.stream.type == "video" else (packet.duration or 0) * packet.time_base
                early = part.start is not None and moment + lasts <= part.start and moment < part.start
                whole.setdefault(packet.stream.index, []).append(moment)
                if early or (part.end is not None and moment >= part.end):
                    continue
            known.packets += 1
            if packet.pts is not None and packet.time_base is not None:
                moment = packet.pts * packet.time_base
                known.times.append(moment)
                if packet.duration and (packet.stream.type != "video" or _says_durations(container)):
                    known.end = max(known.end or moment, moment + packet.duration * packet.time_base)
            if packet.stream.type != "video":
                data = bytes(packet)
                if known.codec == "aac" and data[0] == 0xFF and data[1] & 0xF6 == 0xF0:  # an ADTS head
                    data = data[7 if data[1] & 1 else 9 :]
                known.digest = hashlib.sha256(known.digest + data).digest()
    for known in streams.values():
        known.times.sort()
    return whole


def _says_durations(container: av.container.InputContainer) -> bool:
    """Whether the durations of pictures are the file's word, not what FFmpeg takes them for."""
    return bool({"mp4", "avi", "gif", "nut"} & set(container.format.name.split(",")))


def _moment(metadata: dict[str, str]) -> dict[str, str]:
    """When a file was made, where it says so."""
    return {key: value for key, value in metadata.items() if key == "creation_time"}


def _metadata(metadata: dict[str, str]) -> dict[str, str]:
    """Give what people wrote, by key in small letters; what muxers write is left out."""
    found = {key.lower(): value for key, value in described(metadata).items()}
    if "name" in found:
        found.setdefault("title", found.pop("name"))
    return found
