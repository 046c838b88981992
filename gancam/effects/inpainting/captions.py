"""Captions of a colour, from the first trace of one that fades in to the last of one that fades out.

While it fades a caption has not its colour, so it is told by its look: the edges of its letters, which stay at their
place in the frame, while those of the scene under them average out. What is marked for some frames is a caption; what
glides through it, as stripes of a shirt do, is none. Read ahead, a caption is known before its first frame; live, it
can be followed out only, and what was seen where it came slowly is known to hold a trace of it.
"""

from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from gancam.effects.inpainting.regions import Floats, floats
from gancam.effects.inpainting.warp import square
from gancam.frame import Frame, Image
from gancam.masks import ColourKey, Mask, MaskSource, is_grey
from gancam.masks.colour import softened
from gancam.vision.planes import disc

_STANDS = 0.75  # of a caption's contrast: it stands, and fades below that
_TRACE = 0.05  # likewise: below that nothing is seen of it
_CHANCE = 3.0  # times as much as there is of it, by chance, beside its place
_FRAMES = 8  # that letters have to stand, else they move, or are none
_GAP = 2  # frames that it takes back where letters are not marked in one
_LONGEST = 1.0  # seconds of a fade
_STEPS, _FALL = 3, 0.04  # frames over which a fade takes away as much at least: else it is the scene that looks so
_BEYOND = 1  # frames more on each side: the last trace is weaker than what is measured
_JOINED = 1 / 40  # of the frame's shorter side: letters that are nearer belong to one caption
_SAME = 0.3  # of letters were seen of a caption that they belong to: less is a gleam that touches it
_MORE = 0.1  # of letters lie where no caption stands: they are a new one, or more of one
_OWN = 0.5  # of what touches a caption's place has to be of it, else it is something that runs into it
_EDGE = 2  # pixels around letters in which their edges are
_CAME = 0.25  # of letters that are new was in the frame before: they came slowly


@dataclass(eq=False)
class _Caption:
    """Letters in a place of the frame, as they look."""

    place: tuple[slice, slice]
    ink: Mask  # 1: theirs, of that place
    look: Floats  # the slopes there, where their edges are, else 0
    first: int  # the frame, by number
    last: int  # in which a trace of it was seen
    stood: int = 1  # frames since it was found
    begins: int = 0
    trail: list[float] = field(default_factory=list)  # how much there was of it since it fades

    def seen(self, grey: Mask) -> tuple[float, float]:
        """How much of it there is in a frame, 0 to 1, and how much there is, by chance, beside its place."""
        rows, columns = self.place
        tall = max((rows.stop - rows.start) // 3, 3)
        values = []
        for down, across in ((0, 0), (0, tall), (0, -tall), (tall, 0), (-tall, 0)):
            top, left = rows.start + down, columns.start + across
            if top < 0 or left < 0:
                continue
            place = slice(top, rows.stop + down), slice(left, columns.stop + across)
            if grey[place].shape == self.ink.shape:
                values.append(_share(_slopes(grey[place]), self.look))
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
        key: finds what has a colour, or letters of it.

    Attributes:
        slow: 1 where letters are new in the last frame that were there, fainter, in the one before, else 0; None: they
            are nowhere. What was seen at such places until now may show a trace of them.
    """

    def __init__(self, key: ColourKey) -> None:
        self._key = key
        self._spans: list[_Span] | None = None
        self._begin()

    def _begin(self) -> None:
        self._standing: list[_Caption] = []
        self._number = 0
        self._run = np.zeros((0, 0), np.uint8)  # for how many frames each pixel has been of a letter
        self._before: tuple[Mask, Mask] | None = None  # the last frame in grey, and what was marked in it
        self.slow: Mask | None = None

    def __call__(self, image: Image, *, time: float | None = None) -> Mask:
        """Return 1 or more where there are letters, else 0."""
        hard, letters = self._key.hard(image, lettering=self._spans is None)
        if self._spans is not None:
            shown = [(span.place, span.mask) for span in self._spans
                     if time is not None and span.begin <= time <= span.end]  # fmt: skip
        else:
            grey = _grey(image)
            self._follow(grey, letters)
            shown = [(one.place, _shown(one)) for one in self._standing]
        shown = [(place, mask) for place, mask in shown if hard[place].shape == mask.shape]
        captions = np.zeros_like(hard)
        for place, mask in shown:
            captions[place] |= mask
        if shown and self.whole:
            hard = _without_strays(hard, captions, [place for place, _ in shown])
        marked = softened(hard) | captions
        if self._spans is None:
            self._compare(grey, hard, marked)
        return marked

    def _compare(self, grey: Mask, hard: Mask, marked: Mask) -> None:
        """Look which letters are new, and whether they were there already."""
        before, self._before, self.slow = self._before, (grey, marked), None
        if before is None or before[0].shape != grey.shape:
            return
        new = np.asarray((marked > 0) & (before[1] == 0), np.uint8)
        for label, place, each in _groups(new):
            mine = (each[place] == label) & (new[place] > 0)
            look = _edges(grey[place], np.asarray(mine & (hard[place] > 0), np.uint8))
            if _share(_slopes(before[0][place]), look) > _CAME:
                self.slow = np.zeros_like(marked) if self.slow is None else self.slow
                self.slow[place] |= mine

    @property
    def whole(self) -> bool:
        """Whether only captions are marked, from the first trace of each to its last: no other thing of the colour."""
        return self._key.lettering

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
            for gone in self._follow(grey, self._key.hard(frame.image, lettering=True)[1]):
                self._keep(gone, times)
            before.append((self._number - 1, grey))
            while times[before[0][0]] < frame.time - _LONGEST - _FRAMES / 10:
                before.popleft()
            for one in self._standing:
                if one.stood == 1:
                    _trace_back(one, before)
        for one in self._standing:
            self._keep(one, times)
        self._begin()

    def _keep(self, one: _Caption, times: Sequence[float]) -> None:
        if self._spans is not None:
            begin, end = max(one.begins - _BEYOND, 0), min(one.last + _BEYOND, len(times) - 1)
            self._spans.append(_Span(times[begin], times[end], one.place, _shown(one)))

    def _follow(self, grey: Mask, letters: Mask) -> list[_Caption]:
        """Look for the captions in the next frame; return those that are gone."""
        if grey.shape != self._run.shape:
            self._begin()
            self._run = np.zeros_like(grey)
        number, gone = self._number, list[_Caption]()
        self._number += 1
        for one in self._standing:
            much, _ = one.seen(grey)
            one.stood += 1
            if much >= _STANDS:
                one.last, one.trail = number, []
                one.look += (_edges(grey[one.place], one.ink) - one.look) / min(one.stood, 8)
                continue
            if number - one.last == 1 and one.fades(grey, one.trail):
                one.last = number
            if number > one.last + _BEYOND:
                gone.append(one)
        self._standing = [one for one in self._standing if one not in gone]
        marked = letters > 0
        self._run[marked] = np.minimum(self._run[marked] + 1, 2 * _FRAMES)
        self._run[~marked] -= np.minimum(self._run[~marked], _GAP)
        self._add(np.asarray(marked & (self._run >= _FRAMES), np.uint8), grey, number)
        return gone

    def _add(self, stands: Mask, grey: Mask, number: int) -> None:
        """Begin captions with letters that belong to none; one of which more is seen begins anew, with all of it."""
        for label, place, each in _groups(stands):
            ink = np.asarray((each[place] == label) & (stands[place] > 0), np.uint8)
            known, parts = np.zeros(grey.shape, np.uint8), list[_Caption]()
            for one in self._standing:
                known[one.place] |= one.ink
                large = one.ink.sum() > _SAME * ink.sum()
                if large and not one.trail and each[one.place][one.ink > 0].max() == label:
                    parts.append(one)
            if (ink & (1 - known[place])).sum() > _MORE * ink.sum():
                first = min((one.first for one in parts), default=number - _FRAMES + 1)
                begun = min((one.begins for one in parts), default=first)
                self._standing = [one for one in self._standing if one not in parts]
                look = _edges(grey[place], ink)
                self._standing.append(_Caption(place, ink, look, first, number, begins=begun))


def _trace_back(one: _Caption, before: Iterable[tuple[int, Mask]]) -> None:
    """Find the first frame in which there is a trace of a caption that stands now."""
    trail: list[float] = []
    for number, grey in reversed(list(before)):
        if number >= one.first:
            continue
        if not one.fades(grey, trail):
            return
        one.begins = number


def _groups(letters: Mask) -> Iterator[tuple[int, tuple[slice, slice], NDArray[np.int32]]]:
    """The captions that `letters` join to: the number of each, its place, and whose number each pixel has."""
    if not cv2.hasNonZero(letters):
        return
    near = disc(max(round(min(letters.shape) * _JOINED), 3))
    count, each, boxes, _ = cv2.connectedComponentsWithStats(cv2.dilate(letters, near), connectivity=8)
    for label, (x, y, wide, tall, _) in enumerate(boxes[1:count].tolist(), 1):
        yield label, (slice(y, y + tall), slice(x, x + wide)), np.asarray(each, np.int32)


def _without_strays(hard: Mask, captions: Mask, places: Sequence[tuple[slice, slice]]) -> Mask:
    """What is marked but for what touches captions' places and lies beside these: stripes that run into letters."""
    touched = np.zeros_like(hard)
    for place in places:
        touched[place] = 1
    count, each, boxes, _ = cv2.connectedComponentsWithStats(hard, connectivity=8)
    labels = each[hard > 0]
    inside = np.bincount(labels, captions[hard > 0] > 0, count)
    near = np.bincount(labels, touched[hard > 0], count) > 0
    stray = near & (inside < _OWN * boxes[:, cv2.CC_STAT_AREA])
    stray[0] = False
    return np.where(stray[each], np.uint8(0), hard)


def _shown(one: _Caption) -> Mask:
    return softened(one.ink)


def _grey(image: Image) -> Mask:
    return np.asarray(cv2.cvtColor(image, cv2.COLOR_BGR2GRAY), np.uint8)


def _slopes(grey: Mask) -> Floats:
    """Horizontal and vertical differences of grey levels, float32 ``(h, w, 2)``."""
    across, down = (cv2.Sobel(grey, cv2.CV_32F, *order, ksize=3, scale=1 / 8) for order in ((1, 0), (0, 1)))
    return floats(np.dstack([across, down]))


def _edges(grey: Mask, ink: Mask) -> Floats:
    """The slopes where the edges of letters are, else 0."""
    return floats(_slopes(grey) * (cv2.dilate(ink, square(_EDGE)) > 0)[..., None])


def _share(slopes: Floats, look: Floats) -> float:
    """How much of a `look` there is in `slopes`, 0 to 1: at each place no more than all of it, or its negative."""
    power = np.square(look).sum(2)
    much = np.clip((slopes * look).sum(2), -power, power)
    return float(much.sum() / max(float(power.sum()), 1.0))


def _are_captions(colour: str, letters: str) -> bool:
    """Say whether only letters of a colour are marked: where that is ``on``, or ``auto`` and it is a grey."""
    return {"on": True, "off": False}.get(letters, is_grey(colour))


def keyed(colour: str, tolerance: float, letters: str) -> MaskSource:
    """Make the source of masks of a colour; captions in it are followed unless `letters` is ``off``."""
    key = ColourKey(colour, tolerance=tolerance, soft=True, lettering=_are_captions(colour, letters))
    return key if letters == "off" else Captions(key)
