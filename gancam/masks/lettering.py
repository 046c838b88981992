"""Letters among all that has a colour: narrow strokes, set off from what is around them, in lines.

A wall, a sky or a shirt of the colour of a caption is wide; what is narrow in a scene (a rail, leaves before the sky,
gleams) is of all sizes, widths and shades, and stands anywhere. Letters have strokes of one width and shade, are about
as tall as those beside them and stand in line with these.
"""

from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from gancam.masks.mask import Mask

_STROKE = 1 / 24  # of the frame's shorter side: what is wider is no stroke
_TALL = 1 / 60, 1 / 5  # likewise: how tall letters are
_NEAR = 3  # pixels from a stroke within which its colour has ended
_SET_OFF = 0.8  # of the edge of a letter lies beside something of another colour
_SLIM = 0.6  # of the height: how wide the widest part of a stroke is at most
_EVEN = 0.5  # the spread of a letter's stroke width, as a share of that
_ALIKE = 0.5  # of the height, and of the width of strokes, of the taller or wider one, that another in line has
_SHADE = 16.0  # grey levels between letters of a line
_BAND = 0.35  # of the height, by which those in line reach above or below it
_LEVEL = 0.13  # of the height, within which the feet, or the heads, of most are
_GAP = 1.2  # of the height: between two of them in a line
_BAR = 0.3, 1.5  # of the height, and times the width of its stroke: what is narrower is a bar, as an l, and a stripe
_BARS = 0.7  # of a line: where more are bars, they are stripes
_AMID, _SPECK = 4, 0.15  # times as much among letters as there are of them: stripes; of the height: what counts there
_LETTERS = 3  # in a line, or what is as wide (a word whose letters are joined)
_PARTS = 4  # of a line of letters before a wall: fewer are snow, gleams
_MOST = 400  # candidates: more are leaves, water, a crowd
_OUTLINE = 1 / 80  # of the frame's shorter side: the broadest outline
_PLAIN = 40, 0.8, 70  # grey levels from its usual ones that an outline has, of how much of it, and from black or white


class _Letters(NamedTuple):
    """Parts that may be letters, all ``(n,)``: boxes in pixels, usual stroke width, and grey level."""

    left: NDArray[np.float64]
    top: NDArray[np.float64]
    right: NDArray[np.float64]
    bottom: NDArray[np.float64]
    stroke: NDArray[np.float64]
    shade: NDArray[np.float64]

    @property
    def tall(self) -> NDArray[np.float64]:
        return self.bottom - self.top

    def some(self, which: NDArray[np.bool_]) -> "_Letters":
        return _Letters(*(values[which] for values in self))


def is_wide(marked: Mask) -> bool:
    """Whether any of `marked` is wider than a stroke is."""
    side = round(max(min(marked.shape) * _STROKE, 6.0)) | 1
    return bool(cv2.hasNonZero(cv2.erode(marked, np.ones((side, side), np.uint8))))


def letters(marked: Mask, other: Mask, light: Mask, *, strictly: bool = False) -> Mask:
    """Return 255 where `marked` is part of lettering, and where that has an outline, else 0.

    Args:
        marked: 255 where something has the colour of the letters, else 0, uint8 ``(H, W)``.
        other: 255 where it surely has another, likewise.
        light: how light it is, likewise.
        strictly: whether there must be more of them, and their dots and commas be set off as letters are: `marked` may
            have specks of a wall.
    """
    nothing = np.zeros_like(marked)
    if not cv2.hasNonZero(marked):
        return nothing
    short = min(marked.shape)
    narrow, depth = _narrow(marked, max(short * _STROKE, 6.0) / 2)
    count, each, boxes, _ = cv2.connectedComponentsWithStats(narrow, connectivity=8)
    labels, stats = np.asarray(each, np.int32), np.asarray(boxes, np.int32)
    tall = stats[:, cv2.CC_STAT_HEIGHT]
    fits = (tall >= max(short * _TALL[0], 6)) & (tall <= short * _TALL[1])
    fits[0] = False
    if not fits.any():
        return nothing
    set_off = _set_off(narrow, labels, count, other) >= _SET_OFF
    fits &= set_off
    if not 0 < fits.sum() <= _MOST:
        return nothing
    found = _measured(np.flatnonzero(fits), labels, stats, depth, light)
    member = np.zeros(count, np.bool_)
    for line in _lines(found):
        if not strictly or line.sum() >= _PARTS:
            among = _of_line(stats, found.some(line))
            high = float(np.median(found.tall[line]))
            seen = among & (stats[:, 2:4].max(1) > _SPECK * high)
            if seen.sum() <= _AMID * line.sum():
                member |= among
    member &= set_off | (not strictly)
    member[0] = False
    if not member.any():
        return nothing
    return _with_outline(np.where(member, np.uint8(255), np.uint8(0))[labels], light)


def _narrow(marked: Mask, radius: float) -> tuple[Mask, NDArray[np.float32]]:
    """What of `marked` lies beside, not in, anything wider than twice `radius`; and how deep in it each pixel is."""
    depth = np.asarray(cv2.distanceTransform(marked, cv2.DIST_L2, 3), np.float32)
    wide = np.asarray(depth > radius, np.uint8)
    if not wide.any():
        return marked, depth
    near = cv2.distanceTransform(1 - wide, cv2.DIST_L2, 3) <= radius + 1.5
    return np.asarray(np.where(near, np.uint8(0), marked), np.uint8), depth


def _set_off(narrow: Mask, labels: NDArray[np.int32], count: int, other: Mask) -> NDArray[np.float64]:
    """Share of each part's edge that has another colour within `_NEAR` pixels."""
    edge = np.flatnonzero(cv2.subtract(narrow, cv2.erode(narrow, np.ones((3, 3), np.uint8))))
    beside = cv2.dilate(other, np.ones((2 * _NEAR + 1,) * 2, np.uint8)).reshape(-1)[edge] > 0
    label = labels.reshape(-1)[edge]
    return np.asarray(np.bincount(label, beside, count) / np.maximum(np.bincount(label, minlength=count), 1))


def _measured(
    parts: NDArray[np.intp],
    labels: NDArray[np.int32],
    stats: NDArray[np.int32],
    depth: NDArray[np.float32],
    light: Mask,
) -> _Letters:
    """Those of `parts` that have strokes of one width."""
    rows = []
    for part in parts.tolist():
        x, y, wide, tall, _ = stats[part].tolist()
        place = slice(y, y + tall), slice(x, x + wide)
        mine = labels[place] == part
        deep = np.where(mine, depth[place], np.float32(0))
        ridge = deep[mine & (deep >= cv2.dilate(deep, np.ones((3, 3), np.uint8)))]
        usual = float(ridge.mean())
        if 2 * float(ridge.max()) > _SLIM * max(tall, wide / 2) or float(ridge.std()) > _EVEN * usual:
            continue
        inner = mine & (deep >= usual - 0.01)
        rows.append((x, y, x + wide, y + tall, 2 * usual, float(light[place][inner].mean())))
    return _Letters(*np.array(rows, np.float64).reshape(-1, 6).T)


def _lines(found: _Letters) -> list[NDArray[np.bool_]]:
    """Which of them stand in line, the longest lines first."""
    lines, free = [], np.ones(len(found.left), np.bool_)
    all_lines = [_line(found, seed) for seed in range(len(found.left))]
    for line in sorted(all_lines, key=lambda line: int(line.sum()), reverse=True):
        rest = line & free
        free &= ~rest
        if rest.any() and _is_text(found.some(rest)):
            lines.append(rest)
    return lines


def _line(found: _Letters, seed: int) -> NDArray[np.bool_]:
    """What stands in line with one of them, one after the other to both sides, and is like it."""
    tall, high = found.tall, float(found.tall[seed])
    beside = (found.top > found.top[seed] - _BAND * high) & (found.bottom < found.bottom[seed] + _BAND * high)
    beside &= np.minimum(tall, high) > _ALIKE * np.maximum(tall, high)
    stroke = found.stroke[seed]
    beside &= np.minimum(found.stroke, stroke) > _ALIKE * np.maximum(found.stroke, stroke)
    beside &= np.abs(found.shade - found.shade[seed]) < _SHADE
    order = np.flatnonzero(beside)
    order = order[np.argsort(found.left[order])]
    ends = np.maximum.accumulate(found.right[order])
    breaks = np.flatnonzero(found.left[order][1:] - ends[:-1] > _GAP * high)
    line = np.zeros(len(tall), np.bool_)
    for run in np.split(order, breaks + 1):
        if seed in run:
            line[run] = True
    return line


def _is_text(line: _Letters) -> bool:
    """Whether what stands in line has feet, or heads, on one level, and is not nearly all bars, as stripes are."""
    high = float(np.median(line.tall))
    wide = line.right - line.left
    units = np.maximum(wide / (1.5 * high), 1.0)
    bars = wide < np.maximum(_BAR[0] * line.tall, _BAR[1] * line.stroke)
    if units.sum() < _LETTERS or bars.mean() > _BARS:
        return False
    near = max(_LEVEL * high, 1.5)
    most = max(float(units[np.abs(edges - edge) <= near].sum()) for edges in (line.top, line.bottom) for edge in edges)
    return most >= max(0.5 * float(units.sum()), _LETTERS)


def _of_line(stats: NDArray[np.int32], line: _Letters) -> NDArray[np.bool_]:
    """Which parts lie in a line of letters: these, dots, commas and accents."""
    high = float(np.median(line.tall))
    left, top, wide, tall = stats[:, :4].T
    return np.asarray(
        (top > line.top.min() - 0.4 * high) & (top + tall < line.bottom.max() + 0.4 * high)
        & (left + wide > line.left.min() - 0.8 * high) & (left < line.right.max() + 0.8 * high)
    )  # fmt: skip


def _with_outline(lettering: Mask, light: Mask) -> Mask:
    """The letters, and around them what is black, of white ones, or the other way round: their outline."""
    x, y, wide, tall = cv2.boundingRect(lettering)
    reach = max(round(min(lettering.shape) * _OUTLINE), 3)
    place = slice(max(y - reach, 0), y + tall + reach), slice(max(x - reach, 0), x + wide + reach)
    away = np.rint(cv2.distanceTransform(255 - lettering[place], cv2.DIST_L2, 5))
    shade, ink, far = light[place].astype(np.int16), float(np.median(light[lettering > 0])), 0
    usual = float(np.median(shade[away == 2]))
    if abs(usual - (0 if ink > 127 else 255)) > _PLAIN[2]:
        return lettering
    while far < reach and (np.abs(shade[away == far + 1] - usual) < _PLAIN[0]).mean() > _PLAIN[1] * (far > 0):
        far += 1
    whole = lettering.copy()
    whole[place][away <= far] = 255
    return whole
