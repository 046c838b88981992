"""How long a file lasts and how many frames it has, as it says itself, and which part of it is wanted."""

import itertools
import math
import re
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import TypeVar

import av

from gancam.errors import InputError
from gancam.media.info import MOST_FPS, possible_rate
from gancam.media.streams import open_file
from gancam.sources.truncation import is_truncated

Seconds = TypeVar("Seconds", float, Fraction)
_EXACT = {"mov", "mp4", "avi"}  # where a stream's duration is the sum of its frames'
_READ = 0.97  # of a file's bytes: where the last packet ends; what follows is an index
LATE = 0.5  # seconds by which the last frame may come before the end that the file tells
_AS_LONG = 1.5  # times as long as the frame before: what a usual frame is shown at most


def cut_short(lasts: Seconds, left: Seconds, before: Seconds) -> Seconds:
    """Say how long the last frame of a range is shown.

    A usual one stays whole, though the range ends in it: cut short, it would raise the rate of what is made. One that
    stands for longer than others, as the slides of a talk do, ends with the range.

    Args:
        lasts: How many seconds it is shown in the source.
        left: How many are left of the range.
        before: How long the frame before it was shown, or what is usual.
    """
    return lasts if float(lasts) <= _AS_LONG * float(before) else min(lasts, left)


def check_range(start: Fraction | None, end: Fraction | None) -> None:
    """Raise ``InputError`` for a range of time (seconds) that ends where it begins, or before."""
    if start is not None and end is not None and end <= start:
        raise InputError(f"from {float(start):g} s to {float(end):g} s: the end must come after the beginning")


@dataclass(frozen=True)
class Extent:
    """How long a video is by its own word, and which part of it is wanted.

    Attributes:
        fps: Frames a second.
        time_base: Seconds of a tick of its pictures.
        origin: The file's seconds that are ``Frame.time`` 0.
        frames: How many the file says there are; None where it does not.
        counted: Whether it counted them, else they are reckoned.
        picture_end: When its last picture ends, in the file's seconds, as far as it says so.
        container_end: When all ends, likewise.
        start: Frames from this on are wanted, in seconds of ``Frame.time``.
        end: Frames before this, likewise.
        fields: How many pictures come of a frame of the file; of two, each has a tick of half the file's.
    """

    fps: float
    time_base: Fraction
    origin: Fraction
    frames: int | None
    counted: bool
    picture_end: Fraction | None
    container_end: Fraction | None
    start: Fraction | None
    end: Fraction | None
    fields: int = 1

    @property
    def whole(self) -> bool:
        """Whether all of it is wanted."""
        return self.start is None and self.end is None

    def seconds(self, tick: int) -> float:
        """Give ``Frame.time`` at a `tick`."""
        return float(tick * self.time_base - self.origin)

    def picture_times(self, ticks: Sequence[int]) -> list[float]:
        """Give ``Frame.time`` of each picture of the file's frames at `ticks`, in order: 2nd fields come half-way."""
        if self.fields == 1 or not ticks:
            return [self.seconds(tick) for tick in ticks]
        halves = [one + later for one, later in itertools.pairwise(ticks)]
        pairs = zip([2 * tick for tick in ticks], [*halves, 3 * ticks[-1] - ticks[-2] if halves else 0], strict=True)
        times = [self.seconds(tick) for pair in pairs for tick in pair]
        return times if halves else [times[0], times[0] + 1 / self.fps]


def frame_rate(stream: av.VideoStream) -> float:
    """Give frames a second: the average, else what FFmpeg guesses; 25 where neither makes sense.

    Guesses above 1000 are clocks, not rates, and so is that of a GIF of one frame: 100, its hundredths of a second.
    """
    average, guessed = stream.average_rate, stream.guessed_rate
    if average and 0 < average <= MOST_FPS:
        return possible_rate(average)
    return possible_rate(guessed) if guessed and 0 < guessed <= 1000 and stream.frames != 1 else 25.0


def end_of(container: av.container.InputContainer, stream: av.VideoStream) -> Fraction | None:
    """Give the time at which `stream` ends, in seconds of the file's clock, by any word of its container."""
    if stream.duration is not None and stream.time_base is not None:
        return ((stream.start_time or 0) + stream.duration) * Fraction(stream.time_base)
    if container.duration is None:
        return None
    start = 0 if "matroska" in container.format.name else container.start_time or 0  # there it is the end on the clock
    return Fraction(container.duration + start, av.time_base)


def picture_end(container: av.container.InputContainer, stream: av.VideoStream) -> Fraction | None:
    """Give the time at which the last picture of `stream` ends, in seconds, where the file says it of this stream."""
    formats = set(container.format.name.split(","))
    if "avi" in formats and len(stream.index_entries) != stream.frames:  # its head and its index disagree
        return None
    if formats & _EXACT and stream.duration:
        return end_of(container, stream)
    if "matroska" not in formats:
        return None
    found = re.fullmatch(r"(\d+):(\d+):(\d+(?:\.\d+)?)\0*", stream.metadata.get("DURATION", ""))
    if found is not None:
        return int(found[1]) * 3600 + int(found[2]) * 60 + Fraction(found[3])
    return end_of(container, stream) if len(container.streams) == 1 else None


def promised_frames(
    container: av.container.InputContainer, stream: av.VideoStream, fps: float
) -> tuple[int | None, bool]:
    """Give how many frames `stream` should have, and whether that was counted (else it is its duration times `fps`)."""
    formats = set(container.format.name.split(","))
    if "avi" in formats and is_truncated(Path(container.name)):  # the index is missing, and its head counts gaps too
        reckoned = round(stream.frames * (stream.time_base or 0) * Fraction(fps))
        return reckoned if 0 < reckoned < 1e9 else None, False
    if {"mp4", "avi"} & formats:  # edit lists hide some, and gaps of AVI are empty frames
        shown = sum(not entry.is_discard and entry.size > 0 for entry in stream.index_entries)
        if shown:
            return shown, True
    if stream.frames > 0:
        return stream.frames, True
    told = stream.metadata.get("NUMBER_OF_FRAMES", "")  # as mkvmerge writes it
    if told.isdecimal() and int(told) > 0:
        return int(told), False
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


def frames_within(frames: int | None, fps: float, start: Fraction | None, end: Fraction | None) -> int | None:
    """Reckon how many of so many `frames` are shown from `start` to before `end`, in seconds; None for None."""
    if frames is None or (start is None and end is None):
        return frames
    before = math.ceil(max(start or 0, 0) * Fraction(fps))
    until = frames if end is None else min(math.ceil(end * Fraction(fps)), frames)
    return max(until - before, 0)


def shortage(
    path: Path, container: av.container.InputContainer, stream: av.VideoStream, times: Sequence[Fraction]
) -> str:
    """Say what of `stream` there was more of than the frames at `times`, all that come; empty where that is all.

    Args:
        path: The file.
        container: It, open.
        stream: Its picture.
        times: When the frames come that can be read, in seconds of the file's clock.
    """
    promised, counted = promised_frames(container, stream, frame_rate(stream))
    if counted and promised is not None and len(times) < promised:
        return f"{promised} frames promised"
    if is_truncated(path):
        return "the file is cut off"
    last, end = (
        max(times, default=Fraction(0)),
        end_of(container, stream) if "matroska" in container.format.name else None,
    )
    late = end is not None and end - last > LATE
    return f"damaged after {float(last):.1f} s" if late and breaks_off(path, max(float(last), 0.0)) else ""


def breaks_off(path: Path, last: float) -> bool:
    """Tell whether a file goes on where nothing more can be read of it: it is damaged there.

    Args:
        path: A file of a format whose packets come in the order of their times.
        last: The time of a picture near the break, in seconds of the file's clock, from which on it is read.
    """
    end = 0
    with suppress(av.FFmpegError, IndexError, OSError), open_file(path) as film:
        film.seek(int(last * av.time_base))
        for packet in film.demux():
            if packet.pos is not None:
                end = max(end, packet.pos + packet.size)
    return 0 < end < _READ * path.stat().st_size


def shown_ticks(path: Path, index: int) -> list[int]:
    """List when the pictures of the stream `index` of a file are shown, in ticks, without decoding one; in order."""
    ticks: list[int] = []
    with suppress(av.FFmpegError, IndexError, OSError), open_file(path) as film:
        ticks += [one.pts for one in film.demux(film.streams[index]) if one.pts is not None and not one.is_discard]
    return sorted(ticks)


def frames_until(path: Path) -> float | None:
    """Give the time until which the picture of a video file plays, in seconds from its first frame, by its packets.

    None where it cannot be read.
    """
    first, end = math.inf, -math.inf
    with suppress(av.FFmpegError, IndexError, OSError), open_file(path) as film:
        for packet in film.demux(film.streams.video[0]):
            if packet.pts is not None and packet.time_base is not None and packet.size:
                first = min(first, float(packet.pts * packet.time_base))
                end = max(end, float((packet.pts + (packet.duration or 0)) * packet.time_base))
    return end - first if end > first else None
