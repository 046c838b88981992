"""Captions of a colour, from the first trace of one that fades in to the last of one that fades out.

While it fades a caption has not its colour, so it is told by its look: what lies under it averages out against letters
that are known. Read ahead, a caption is known before its first frame; live, it can be followed out only.
"""

from collections import deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import cv2
import numpy as np

from gancam.effects.inpainting.regions import Floats, floats
from gancam.effects.inpainting.warp import disc
from gancam.frame import Frame, Image
from gancam.masks import ColourKey, Mask, MaskSource, is_grey

_STANDS = 0.75  # of a caption's contrast: it stands, and fades below that
_TRACE = 0.05  # likewise: below that nothing is seen of it
_CHANCE = 3.0  # times as much as there is of it, by chance, beside its place
_FRAMES = 6  # that it has to stand, else it moves, or is none
_LONGEST = 1.0  # seconds of a fade
_STEPS, _FALL = 3, 0.04  # frames over which a fade takes away as much at least: else it is the scene that looks so
_BEYOND = 1  # frames more on each side: the last trace is weaker than what is measured
_JOINED = 1 / 40  # of the frame's shorter side: letters that are nearer belong to one caption
_SAME = 0.3  # of letters were seen of a caption that they belong to: less is a gleam that touches it
_MORE = 0.1  # of letters lie where no caption stands: they are a new one, or more of one


@dataclass(eq=False)
class _Caption:
    """Letters in a place of the frame, as they look."""

    place: tuple[slice, slice]
    mask: Mask  # 1: theirs, of that place
    look: Floats  # grey levels there
    first: int  # the frame, by number
    last: int  # in which a trace of it was seen
    stood: int = 1  # frames
    begins: int = 0
    trail: list[float] = field(default_factory=list)  # how much there was of it since it fades

    def seen(self, grey: Mask) -> tuple[float, float]:
        """How much of it there is in a frame, 0 to 1, and how much there is, by chance, beside its place."""
        inside = self.mask > 0
        pattern = np.where(inside, self.look - float(self.look[inside].mean()), 0)
        power = max(float(np.square(pattern).sum()), 1.0)
        rows, columns = self.place
        tall = max((rows.stop - rows.start) // 3, 3)
        values = []
        for down, across in ((0, 0), (0, tall), (0, -tall), (tall, 0), (-tall, 0)):
            top, left = rows.start + down, columns.start + across
            if top < 0 or left < 0:
                continue
            part = grey[top : top + pattern.shape[0], left : left + pattern.shape[1]]
            if part.shape == pattern.shape:
                values.append(float((part * pattern).sum()) / power)
        return values[0], float(np.sqrt(np.mean(np.square(values[1:])))) if values[1:] else 0.0

    def fades(self, grey: Mask, trail: list[float]) -> bool:
        """Whether there is a trace of it in a frame, and less than in those next to it, whose `trail` this adds to."""
        much, chance = self.seen(grey)
        trail.append(much)
        falls = len(trail) <= _STEPS or much < trail[-1 - _STEPS] - _FALL
        return falls and much > max(_TRACE, min(_CHANCE * chance, 0.3))


class _Span(NamedTuple):
    """When a caption is there, and where."""

    begin: float
    end: float
    place: tuple[slice, slice]
    mask: Mask


class Captions(MaskSource):
    """Marks what a key finds, and captions among it while they fade, too.

    Args:
        key: finds letters.
    """

    def __init__(self, key: ColourKey) -> None:
        self._key = key
        self._spans: list[_Span] | None = None
        self._begin()

    def _begin(self) -> None:
        self._standing: list[_Caption] = []
        self._number = 0
        self._shape = (0, 0)

    def __call__(self, image: Image, *, time: float | None = None) -> Mask:
        """Return 1 or more where there are letters, else 0."""
        marked = self._key(image)
        if self._spans is not None:
            shown = [(span.place, span.mask) for span in self._spans
                     if time is not None and span.begin <= time <= span.end]  # fmt: skip
        else:
            self._follow(_grey(image), marked)
            shown = [(one.place, one.mask) for one in self._standing if one.stood >= _FRAMES]
        if shown:
            marked = marked.copy()
            for place, mask in shown:
                if marked[place].shape == mask.shape:
                    marked[place] |= mask
        return marked

    @property
    def notes(self) -> list[str]:
        """What the key has to say."""
        return self._key.notes

    def reset(self) -> None:
        """Forget the captions, and what was read ahead."""
        self._spans = None
        self._begin()
        self._key.reset()

    def learn(self, frames: Iterable[Frame]) -> None:
        """Read a clip ahead: when each of its captions begins to appear, and is gone."""
        self._begin()
        self._spans, times = [], list[float]()
        before: deque[tuple[int, Mask]] = deque()
        for frame in frames:
            times.append(frame.time)
            grey = _grey(frame.image)
            for gone in self._follow(grey, self._key(frame.image)):
                self._keep(gone, times)
            before.append((self._number - 1, grey))
            while times[before[0][0]] < frame.time - _LONGEST - _FRAMES / 10:
                before.popleft()
            for one in self._standing:
                if one.stood == _FRAMES and not one.trail:
                    _trace_back(one, before)
        for one in self._standing:
            self._keep(one, times)
        self._begin()

    def _keep(self, one: _Caption, times: Sequence[float]) -> None:
        if one.stood >= _FRAMES and self._spans is not None:
            begin, end = max(one.begins - _BEYOND, 0), min(one.last + _BEYOND, len(times) - 1)
            self._spans.append(_Span(times[begin], times[end], one.place, one.mask))

    def _follow(self, grey: Mask, marked: Mask) -> list[_Caption]:
        """Look for the captions in the next frame; return those that are gone."""
        if grey.shape != self._shape:
            self._begin()
            self._shape = grey.shape
        number, gone = self._number, list[_Caption]()
        self._number += 1
        for one in self._standing:
            much, _ = one.seen(grey)
            if much >= _STANDS:
                one.stood, one.last, one.trail = one.stood + 1, number, []
                one.look += (grey[one.place] - one.look) / min(one.stood, 8)
                continue
            if number - one.last == 1 and one.fades(grey, one.trail):
                one.last = number
            if number > one.last + _BEYOND or one.stood < _FRAMES:
                gone.append(one)
        self._standing = [one for one in self._standing if one not in gone]
        self._add(marked, grey, number)
        return gone

    def _add(self, marked: Mask, grey: Mask, number: int) -> None:
        """Begin captions with letters that belong to none; one of which more is seen begins anew, with all of it."""
        if not cv2.hasNonZero(marked):
            return
        near = disc(max(round(min(marked.shape) * _JOINED), 3))
        count, each, boxes, _ = cv2.connectedComponentsWithStats(cv2.dilate(marked, near), connectivity=8)
        for label, (x, y, wide, tall, _) in enumerate(boxes[1:count].tolist(), 1):
            place = slice(y, y + tall), slice(x, x + wide)
            mask = np.asarray((each[place] == label) & (marked[place] > 0), np.uint8)
            known, parts = np.zeros(grey.shape, np.uint8), list[_Caption]()
            for one in self._standing:
                known[one.place] |= one.mask
                large = one.mask.sum() > _SAME * mask.sum()
                if large and not one.trail and each[one.place][one.mask > 0].max() == label:
                    parts.append(one)
            if (mask & (1 - known[place])).sum() > _MORE * mask.sum():
                first = min((one.first for one in parts), default=number)
                begun = min((one.begins for one in parts), default=number)
                self._standing = [one for one in self._standing if one not in parts]
                look = floats(grey[place]).copy()
                self._standing.append(_Caption(place, mask, look, first, number, begins=begun))


def _trace_back(one: _Caption, before: Iterable[tuple[int, Mask]]) -> None:
    """Find the first frame in which there is a trace of a caption that stands now."""
    trail: list[float] = []
    for number, grey in reversed(list(before)):
        if number >= one.first:
            continue
        if not one.fades(grey, trail):
            return
        one.begins = number


def _grey(image: Image) -> Mask:
    return np.asarray(cv2.cvtColor(image, cv2.COLOR_BGR2GRAY), np.uint8)


def are_captions(colour: str, letters: str) -> bool:
    """Say whether only letters of a colour are marked: where that is ``on``, or ``auto`` and it is a grey."""
    return {"on": True, "off": False}.get(letters, is_grey(colour))


def keyed(colour: str, tolerance: float, letters: str) -> MaskSource:
    """Make the source of masks of a colour: of captions where ``are_captions`` says so."""
    only = are_captions(colour, letters)
    key = ColourKey(colour, tolerance=tolerance, soft=True, lettering=only)
    return Captions(key) if only else key
