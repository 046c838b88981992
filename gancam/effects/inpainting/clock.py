"""A clock that a camera wrote into its picture, found by its ticks; the scene need not move.

Nothing else changes once a second, always at the same moment, between ink and what is behind it. There the digit of the
seconds is. What is written in the same ink in its line, or in lines near it, stands still or runs, and belongs to it.
"""

from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from gancam.frame import Image
from gancam.masks.mask import Mask

_EVERY = 0.09  # seconds between looks
_PHASES = 10  # parts of a second that are told apart
_TICKS = 3  # at the least
_EDGE = 0.26  # of the height, at the top and at the bottom: where clocks are
_SWITCH = 36  # grey levels: less is noise, or something that moves
_PIXELS = 2  # of a cell that switch at once
_REGULAR = 0.85  # share of a cell's changes that are at the same moment of a second
_OFTEN = 0.65  # share of the seconds that were watched in which a digit of the seconds changes, somewhere in it
_MOST = 0.025  # of all cells: where more tick, it is something else
_INK = 0.4  # of its contrast: how far from its own grey level ink may be, at the edges of a stroke
_TALL = 0.75, 1.25  # of the digit's height: letters and digits of the same size
_BROAD = 1.5  # of that height: the broadest of these
_LEVEL = 0.16  # of that height: how far off the line they stand
_GAP = 2.0  # of that height: between two of them in a line, one that is not read among them
_LINES = 3.2  # of that height: how far above and below other lines are
_GLYPHS = 3  # of that size, beside what ticks, that stand still


class _Glyph(NamedTuple):
    left: int
    top: int
    right: int
    bottom: int

    @property
    def tall(self) -> int:
        return self.bottom - self.top


class Clock:
    """Looks at frames, and finds a clock that is written in them."""

    def __init__(self) -> None:
        self._shape = (0, 0)
        self._next = self._first = self._last = -np.inf

    @property
    def watched(self) -> float:
        """Seconds from the first look to the last."""
        return max(self._last - self._first, 0.0) if self._shape[0] else 0.0

    def look(self, image: Image, now: float) -> None:
        """Look at a frame, ``(H, W, 3)``, at `now` seconds; most that come soon after another are left out."""
        if image.shape[:2] != self._shape or now < self._last:
            self._begin(image, now)
            return
        if now < self._next:
            return
        self._next, self._last = now + _EVERY, now
        phase = int(now % 1.0 * _PHASES) % _PHASES
        for band, place in enumerate(self._bands):
            view, before = _grey(image[place]), self._before[band]
            cells = self._cells(cv2.absdiff(view, before) > _SWITCH) >= _PIXELS
            self._changes[band][phase] += cells
            cv2.max(self._high[band], view, self._high[band])
            cv2.min(self._low[band], view, self._low[band])
            np.copyto(before, view)
            self._seconds[band][int(now - self._first) % 64] |= cells

    def _begin(self, image: Image, now: float) -> None:
        height, width = image.shape[:2]
        self._shape, self._first, self._last, self._next = (height, width), now, now, now + _EVERY
        deep = min(round(height * _EDGE), height // 2)
        self._bands = [slice(0, deep), slice(height - deep, height)] if deep else []
        self._side = max(min(height, width) // 90, 4)  # pixels of a cell
        views = [_grey(image[place]) for place in self._bands]
        self._before, self._high, self._low = ([view.copy() for view in views] for _ in range(3))
        shapes = [self._cells(view > 255).shape for view in views]
        self._changes = [np.zeros((_PHASES, *shape), np.float32) for shape in shapes]
        self._seconds = [np.zeros((64, *shape), np.bool_) for shape in shapes]

    def _cells(self, marked: NDArray[np.bool_]) -> NDArray[np.float32]:
        """How many pixels are marked in each cell."""
        size = -(-marked.shape[1] // self._side), -(-marked.shape[0] // self._side)
        padded = cv2.copyMakeBorder(
            marked.view(np.uint8), 0, size[1] * self._side - marked.shape[0], 0,
            size[0] * self._side - marked.shape[1], cv2.BORDER_CONSTANT,
        )  # fmt: skip
        means = cv2.resize(np.asarray(padded, np.float32), size, interpolation=cv2.INTER_AREA)
        return np.asarray(np.round(means * self._side**2), np.float32)

    def find(self) -> Mask:
        """Return 1 where a clock is, with all that is written beside it, else 0; ``(H, W)``."""
        mask = np.zeros(self._shape, np.uint8)
        if self.watched < _TICKS:
            return mask
        for band, place in enumerate(self._bands):
            self._mark(mask[place], band)
        return mask

    def _mark(self, mask: Mask, band: int) -> None:
        changes = self._changes[band]
        total = changes.sum(0)
        pairs = changes + np.roll(changes, 1, 0)  # a tick falls between two looks
        seconds_of = self._seconds[band].sum(0)
        ticking = (pairs.max(0) >= _REGULAR * total) & (seconds_of >= 2)
        watched = min(int(self.watched), 64)
        near = np.asarray(cv2.dilate(ticking.astype(np.uint8), np.ones((3, 3), np.uint8)), np.uint8)
        count, labels, stats, _ = cv2.connectedComponentsWithStats(near, connectivity=8)
        for label in range(1, count):
            mine = (labels == label) & ticking
            seconds = int(self._seconds[band][:, mine].any(1).sum())
            phases = changes[:, mine].sum(1)
            together = (phases + np.roll(phases, 1)).max() / phases.sum()
            if (
                mine.sum() > max(_MOST * mine.size, 12)
                or seconds < max(_TICKS, _OFTEN * watched)
                or together < _REGULAR
            ):
                continue
            x, y, wide, tall, _ = stats[label].tolist()
            side = self._side
            self._mark_text(mask, band, _Glyph(x * side, y * side, (x + wide) * side, (y + tall) * side))

    def _mark_text(self, mask: Mask, band: int, around: _Glyph) -> None:
        """Mark the text that the digit of the seconds, somewhere in `around`, belongs to."""
        high, low = self._high[band], self._low[band]
        place = slice(around.top, around.bottom), slice(around.left, around.right)
        spans = cv2.absdiff(high[place], low[place])
        switched = np.asarray(spans > max(_SWITCH, np.percentile(spans, 95) / 2), np.uint8)
        if switched.sum() < 8:
            return
        best: list[_Glyph] = []
        for bright in (True, False):
            ever, always = _ink(high, low, place, bright=bright)
            x, y, wide, tall = cv2.boundingRect(switched * np.asarray(ever[place], np.uint8))
            digit = _Glyph(around.left + x, around.top + y, around.left + x + wide, around.top + y + tall)
            if tall >= 6 and 0.4 * wide < tall and wide < 3 * tall:
                found = _text(digit, _glyphs(always, tall), _glyphs(ever, tall))
                best = found if len(found) > len(best) else best
        for glyph in [*best, *_between(best)]:
            beyond = max(round(glyph.tall * 0.15), 2)
            # a 1 may become a broader digit
            broader = beyond + max(round((0.6 * best[0].tall - glyph.right + glyph.left) / 2), 0) * (
                glyph.tall > 0.6 * best[0].tall
            )
            first, last = (
                (glyph.left - broader, glyph.top - beyond),
                (glyph.right + broader - 1, glyph.bottom + beyond - 1),
            )
            cv2.rectangle(mask, first, last, 1, cv2.FILLED)


def _grey(image: Image) -> NDArray[np.uint8]:
    return np.asarray(cv2.cvtColor(image, cv2.COLOR_BGR2GRAY), np.uint8)


def _ink(
    high: NDArray[np.uint8], low: NDArray[np.uint8], place: tuple[slice, slice], *, bright: bool
) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Where there ever was ink, and where always: as bright, or dark, as pixels in `place` that switch most become."""
    spans = cv2.absdiff(high, low)[place]
    most = spans >= 0.7 * np.percentile(spans[spans > _SWITCH], 95)
    contrast = float(np.median(spans[most]))
    if bright:
        edge = float(np.median(high[place][most])) - _INK * contrast
        return high >= edge, low >= edge
    edge = float(np.median(low[place][most])) + _INK * contrast
    return low <= edge, high <= edge


def _glyphs(ink: NDArray[np.bool_], tall: int) -> list[_Glyph]:
    """What in `ink` may be a letter or a mark beside a digit that is so tall."""
    whole = cv2.morphologyEx(ink.astype(np.uint8), cv2.MORPH_CLOSE, np.ones((max(tall // 4, 1), 1), np.uint8))
    count, _, stats, _ = cv2.connectedComponentsWithStats(whole, connectivity=8)
    return [
        _Glyph(x, y, x + wide, y + high)
        for x, y, wide, high, area in stats[1:count].tolist()
        if area >= 3 and high <= _TALL[1] * tall and wide <= _BROAD * tall
    ]


def _text(digit: _Glyph, still: list[_Glyph], running: list[_Glyph]) -> list[_Glyph]:
    """What is written in the line of `digit`, that first, and in lines beside it; nothing where it is no text."""
    line = _line(digit, [*still, *running])
    of_line = set(line)
    if sum(glyph in of_line for glyph in set(still)) < _GLYPHS:
        return []
    left, right = min(glyph.left for glyph in line), max(glyph.right for glyph in line)
    marks = [
        glyph for glyph in still
        if glyph.top >= digit.top - _LEVEL * digit.tall and glyph.bottom <= digit.bottom + 2 * _LEVEL * digit.tall
        and glyph.right > left - digit.tall / 2 and glyph.left < right + digit.tall / 2
    ]  # fmt: skip
    others = []
    for glyph in still:
        near = 0.8 * digit.tall < abs(glyph.bottom - digit.bottom) < _LINES * digit.tall
        if near and left <= (glyph.left + glyph.right) / 2 <= right and glyph not in of_line:
            row = _line(glyph._replace(top=glyph.bottom - digit.tall), still)
            if sum(one.left < right and one.right > left for one in row) >= _GLYPHS + 1:
                others += row
    return list(dict.fromkeys([digit, *line, *marks, *others]))


def _between(glyphs: list[_Glyph]) -> list[_Glyph]:
    """What is between neighbours in a line of text: a letter may stand there that is as bright as what is behind it."""
    found = []
    for glyph in glyphs:
        tall = glyph.tall
        after = [
            one for one in glyphs
            if one.left > glyph.right and abs(one.bottom - glyph.bottom) <= max(_LEVEL * tall, 2.0)
            and _TALL[0] * tall <= one.tall <= _TALL[1] * tall and one.left < glyph.right + _GAP * tall
        ]  # fmt: skip
        if after and tall > _TALL[0] * glyphs[0].tall:
            found.append(glyph._replace(left=glyph.right, right=min(one.left for one in after)))
    return found


def _line(digit: _Glyph, glyphs: list[_Glyph]) -> list[_Glyph]:
    """The letters of the size of `digit` that stand in line with it, one after the other to both sides."""
    beside = [
        glyph for glyph in dict.fromkeys(glyphs)
        if _TALL[0] * digit.tall <= glyph.tall <= _TALL[1] * digit.tall
        and abs(glyph.bottom - digit.bottom) <= max(_LEVEL * digit.tall, 2.0)
    ]  # fmt: skip
    left, right, line = digit.left, digit.right, [digit]
    while True:
        reach = _GAP * digit.tall
        added = [glyph for glyph in beside if glyph.right > left - reach and glyph.left < right + reach]
        if not added:
            return line
        beside = [glyph for glyph in beside if glyph not in added]
        line += added
        left, right = min(left, *(g.left for g in added)), max(right, *(g.right for g in added))
