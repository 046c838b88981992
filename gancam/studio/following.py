"""Where what was drawn on one frame of a video is in its others."""

import contextlib
import hashlib
import json
import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Literal, TypeAlias

import cv2
import numpy as np
from numpy.typing import NDArray

from gancam.errors import MALFORMED, InputError, MaskError
from gancam.files import replace_file
from gancam.frame import Frame, Image
from gancam.masks import Fixed, Tracked
from gancam.masks.matching import Picture
from gancam.masks.track_file import Counts, from_counts, to_counts, write_track
from gancam.sources import VideoFile
from gancam.vision.pad import Stroke

Choice: TypeAlias = Literal["auto", "on", "off"]
GoesOn: TypeAlias = Callable[[float], bool]
"""Is told how much is done, 0 to 1, and gives whether to go on."""
_SIDE = 32  # pixels of the pictures of it that are compared
_BETTER = 0.05  # of correlation: as much better it must be seen where it went than where it was drawn
_BYTES = 256 << 20  # of frames that are held at once, on the way back
_NOTES = 3  # of when it was not seen


class Stopped(Exception):
    """Who follows was asked to stop."""


@dataclass(frozen=True, slots=True)
class FollowPlan:
    """What is to be followed, kept in a file until that is done.

    Attributes:
        path: Of that file. What comes of it lies beside it: a mask track (.json), or an image (.png) where all stays.
    """

    path: Path

    @classmethod
    def keep(
        cls, folder: Path, video: Path, strokes: Sequence[Stroke], choice: Choice, span: tuple[float, float]
    ) -> "FollowPlan":
        """Write a plan down.

        Args:
            folder: Where.
            video: The file that they are of.
            strokes: What was drawn; what has no time stays where it is.
            choice: Whether it is followed: on, off, or where it moves.
            span: First second, and the one before which it ends; 0: the end of the file.
        """
        height, width = strokes[0].mask.shape
        head = [str(video), video.stat().st_mtime_ns, choice, *span, width, height]
        lines = [json.dumps(head).encode() + b"\n"]
        for mask, time, _ in strokes:
            lines.append(f"{math.nan if time is None else time:.6f} {to_counts(mask).tolist()}\n".encode())
        data = b"".join(lines)
        path = folder / f"{hashlib.sha256(data).hexdigest()[:16]}.marks"
        replace_file(path, data)
        return cls(path)

    @property
    def track(self) -> Path:
        """The mask track that will come of it."""
        return self.path.with_suffix(".json")

    def delete(self) -> None:
        """Delete it, and what came of it."""
        for path in (self.path, self.track, self.path.with_suffix(".png")):
            with contextlib.suppress(OSError):  # a file that stays is no reason to keep a job in the list
                path.unlink(missing_ok=True)

    def adapted(self, text: str) -> str:
        """Give an option that names the track as it is to be, once the plan is carried out."""
        still = self.path.with_suffix(".png")
        return text.replace(self.track.name, still.name) if still.is_file() else text

    def carry_out(self, goes_on: GoesOn) -> list[str]:
        """Follow, unless that is done already; what the user should know.

        Raises:
            GancamError: The video cannot be read, or the result not be written.
            Stopped: `goes_on` said so.
        """
        if self.track.is_file() or self.path.with_suffix(".png").is_file():
            return []
        try:
            head, *lines = self.path.read_text(encoding="utf-8").splitlines()
            video, _, choice, first, end, width, height = json.loads(head)
            parts = [line.partition(" ") for line in lines]
            marks = [
                _Mark(float(time), from_counts(np.array(json.loads(runs), np.uint32), (height, width)))
                for time, _, runs in parts
            ]
            span, file = (float(first), float(end) or math.inf), Path(video)
        except (OSError, *MALFORMED) as error:
            raise InputError("what was drawn is not kept any more: draw it again") from error
        _follow_all(file, marks, span, goes_on)
        if choice == "auto":
            for mark in marks:
                mark.choose()
        self._write(marks, (height, width))
        return _told(marks)

    def _write(self, marks: Sequence["_Mark"], shape: tuple[int, int]) -> None:
        followed = [mark for mark in marks if mark.follows]
        still = np.zeros(shape, np.uint8)
        for mark in marks:
            still |= mark.mask if not mark.follows else np.uint8(0)
        if not followed:
            replace_file(self.path.with_suffix(".png"), cv2.imencode(".png", still * 255)[1].tobytes(), shared=True)
            return
        times = sorted(set[float]().union(*(mark.found for mark in followed)))
        masks, frames = list[Counts](), list[tuple[float | None, int]]()
        for time in times:
            whole = still.copy()
            for mark in followed:
                if time in mark.found:
                    whole |= from_counts(mark.found[time], shape)
            runs = to_counts(whole)
            if not masks or not np.array_equal(runs, masks[-1]):
                masks.append(runs)
            frames.append((time, len(masks) - 1))
        write_track(self.track, masks, frames, shape, overwrite=True)


class _Mark:
    """A stroke, and where it is found at which time."""

    def __init__(self, time: float, mask: NDArray[np.uint8]) -> None:
        self.time, self.mask = time, mask
        self.box = cv2.boundingRect(mask)
        self.found: dict[float, Counts] = {}
        self.follows = not math.isnan(time)
        self.error = ""
        self._drawn: NDArray[np.float32] | None = None  # what is marked, as it was drawn on
        self._there, self._here = list[float](), list[float]()  # how alike what is where it went, where it was drawn

    def begin(self, image: Image, picture: Picture) -> Tracked | None:
        """Give what follows it from the frame that it was drawn on; None where there is nothing to hold on to."""
        tracked = Tracked(Fixed(self.mask))
        try:
            tracked.track(image, picture, 0.0)
        except MaskError as error:
            self.follows, self.error = False, str(error)
            return None
        self._drawn = _look(picture.grey, self.box)
        return tracked

    def put(self, grey: NDArray[np.uint8], mask: NDArray[np.uint8], time: float) -> None:
        """Note where it is in a frame."""
        self.found[time] = to_counts(mask)
        assert self._drawn is not None
        self._here.append(_alike(self._drawn, _look(grey, self.box)))
        if mask.any():
            self._there.append(_alike(self._drawn, _look(grey, cv2.boundingRect(mask))))

    def choose(self) -> None:
        """Have it stay where it is seen there as well as where it went: a logo, or what does not move."""
        if self.follows and self._there:
            self.follows = float(np.mean(self._there)) > float(np.mean(self._here)) + _BETTER


def _look(grey: NDArray[np.uint8], box: Sequence[int]) -> NDArray[np.float32]:
    left, top, width, height = box
    part = grey[top : top + height, left : left + width]
    return np.asarray(cv2.resize(part, (_SIDE, _SIDE), interpolation=cv2.INTER_AREA), np.float32)


def _alike(one: NDArray[np.float32], other: NDArray[np.float32]) -> float:
    """The correlation of two pictures; 0 where one is plain."""
    first, second = one - one.mean(), other - other.mean()
    length = float(np.linalg.norm(first) * np.linalg.norm(second))
    return float((first * second).sum()) / length if length > 1.0 else 0.0


def _follow_all(video: Path, marks: Sequence[_Mark], span: tuple[float, float], goes_on: GoesOn) -> None:
    """Follow what has a time through all frames of a span, forwards and back."""
    moments = sorted({mark.time for mark in marks if mark.follows})
    with VideoFile(video) as source:
        length = (source.frames or 1) / (source.fps or 25)
        hold = _BYTES / (3 * source.size[0] * source.size[1]) / (source.fps or 25)
    last = min(span[1], length)
    whole = sum(max(last - time, 0) + max(time - span[0], 0) for time in moments) or 1.0
    done = 0.0
    for moment in moments:
        those = [mark for mark in marks if mark.follows and mark.time == moment]
        for frames in (_forwards(video, moment, span[1]), _backwards(video, moment, span[0], min(max(hold, 0.1), 2.0))):
            passed = 0.0
            for passed in _follow(those, frames, moment, span):
                if not goes_on(min((done + passed) / whole, 1.0)):
                    raise Stopped
            done += passed


def _follow(
    marks: Sequence[_Mark], frames: Iterator[Frame], moment: float, span: tuple[float, float]
) -> Iterator[float]:
    """Follow `marks` through `frames`, of which the first is theirs; gives how many seconds from it each is."""
    followers: list[tuple[_Mark, Tracked]] = []
    for number, frame in enumerate(frames):
        picture = Picture(np.asarray(cv2.cvtColor(frame.image, cv2.COLOR_BGR2GRAY), np.uint8))
        away = abs(frame.time - moment)
        if not number:
            for mark in marks:
                tracked = mark.begin(frame.image, picture)
                followers += [(mark, tracked)] if tracked is not None else []
            if not followers:
                return
        for mark, tracked in followers:
            mask = tracked.mask if not number else tracked.track(frame.image, picture, away)
            if span[0] - 1e-6 <= frame.time < span[1] - 1e-6:
                mark.put(picture.grey, mask, round(frame.time, 6))
        yield away


def _forwards(video: Path, moment: float, end: float) -> Iterator[Frame]:
    with VideoFile(video, start=_near(moment), end=None if end == math.inf or end <= moment else _near(end)) as source:
        source.tone_map()
        for frame in source:
            yield frame
            if frame.time >= end:
                return


def _backwards(video: Path, moment: float, first: float, hold: float) -> Iterator[Frame]:
    """Give the frame at `moment` and those before it, back to `first`, the newest first."""
    yield next(_forwards(video, moment, math.inf))
    until = moment
    while until > first:
        begin = max(until - hold, first, 0.0)
        begin = first if begin - first < 0.02 else begin
        with VideoFile(video, start=_near(begin) if begin else None, end=_near(until)) as source:
            source.tone_map()
            yield from reversed([frame for frame in source if frame.time < moment - 5e-4])
        until = begin


def _near(seconds: float) -> Fraction:
    """A time that the frame of that time is not before."""
    return Fraction(max(seconds - 5e-4, 0.0)).limit_denominator(90_000)


def _told(marks: Sequence[_Mark]) -> list[str]:
    """What became of what was drawn, for the user."""
    followed = [mark for mark in marks if mark.follows]
    told = list[str]()
    if followed:
        all_of = "what was drawn is followed" if len(followed) == len(marks) else "some of what was drawn is followed"
        told.append(f"{all_of} through the video")
    elif any(not math.isnan(mark.time) for mark in marks):
        told.append("what was drawn stays where it is: it is seen there all the time, or cannot be followed")
    told += list(dict.fromkeys(mark.error for mark in marks if mark.error))
    for mark in followed:
        unseen = [time for time, runs in sorted(mark.found.items()) if len(runs) < 2]
        if unseen:
            seconds = f"{unseen[0]:.1f} and {unseen[-1]:.1f} s"
            told.append(
                f"it is not seen in {len(unseen)} of {len(mark.found)} frames, between {seconds}: left as it is"
            )
    return told[: 1 + _NOTES]
