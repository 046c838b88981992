"""Glyphs: digits and letters in a row that are too few for a line of writing, as on bibs, price tags and shirts."""

from typing import cast

import cv2
import numpy as np
from numpy.typing import NDArray

from gancam.vision.motion import Grey
from gancam.vision.planes import disc

Ints = NDArray[np.int64]
_INK, _HALF, _NEAR = 28, 0.33, 15  # levels of a stroke, and share of the clearest around, at least; pixels of that
_TALL = 9, 1 / 5  # pixels of a glyph's height at least; of the frame's at most
_WIDE, _FILLED = (0.3, 1.15), (0.2, 0.85)  # times as wide as high; shares of its box that are strokes
_BAR = 0.12, 0.5  # the same of a 1 or an I: at least
_MOST = 160  # that are compared, the clearest: of grass there would be thousands
_FEWEST = 3  # in a row
_PAIR = 1.7, 4.0, 0.2  # of two alone: strokes as below at least, levels and shares as below at most
_GAP, _HIGH = (-0.1, 0.6), 0.75  # of their height: between neighbours; how high the lower one is at least
_OFF = 0.34  # how far their ends are apart at most
_ALIKE, _GROUND = 0.4, 40.0  # share by which they differ in how clear they are; levels in what they are on
_CLEAREST, _CORNERS = 60, 40  # the same of the clearest of one, at least, and between two corners of its box
_EVEN = 8.0  # levels that the ground of one varies by, on average
_CLEAR = 45.0  # levels by which they differ from that, on average
_BESIDE, _STRAY = 0.25, 0.35  # of the height: where there is but ground; of their strokes, what else is there at most
_BENT = 1.3  # strokes that a column of a glyph crosses, on average: a fence's boards, windows and trees are but one
_AROUND = 0.12, 2  # of the height, and pixels: what is seen around strokes


def groups(ink: Grey) -> tuple[int, NDArray[np.int32], NDArray[np.int32], NDArray[np.float64]]:
    """Do what ``cv2.connectedComponentsWithStats`` does, in less than half the time: Grana's way, on one core."""
    found = cv2.connectedComponentsWithStatsWithAlgorithm(ink, 8, cv2.CV_32S, cv2.CCL_GRANA)
    return cast(tuple[int, NDArray[np.int32], NDArray[np.int32], NDArray[np.float64]], found)


def paint_glyphs(ground: Grey, apart: Grey, found: Grey) -> bool:
    """Find rows of glyphs, and set `found`, ``(h, w)``, to 255 on and around their strokes, in place.

    Neighbours in a row are as high as each other, stand as low, and differ as much from grounds that are as light.

    Args:
        ground: What is under strokes, uint8 ``(h, w)``.
        apart: By how many levels each place differs from it.
        found: Of the same size.

    Returns:
        Whether there are any.
    """
    most = cv2.dilate(apart, np.ones((_NEAR, _NEAR), np.uint8))
    least = np.maximum(cv2.convertScaleAbs(most, alpha=_HALF), np.uint8(_INK))
    ink = (apart > least).view(np.uint8)  # of what is clear, more is too faint: out of focus, glyphs touch
    _, labels, boxes, _ = groups(ink)
    left, top, wide, tall, area = boxes.T.astype(np.int64)
    filled = area / (wide * tall)
    bars = (wide < _WIDE[0] * tall) & (wide >= _BAR[0] * tall) & (filled > _BAR[1])
    shapes = (wide >= _WIDE[0] * tall) & (wide <= _WIDE[1] * tall) & (filled > _FILLED[0]) & (filled < _FILLED[1])
    inside = (left > 0) & (top > 0) & (left + wide < ink.shape[1]) & (top + tall < ink.shape[0])
    fits = (bars | shapes) & inside & (tall >= _TALL[0]) & (tall <= _TALL[1] * len(ink))
    fits[0] = False
    fits &= most[top + tall // 2, left + wide // 2] > _CLEAREST
    ends = ground[top, left].astype(np.int16), ground[top + tall - 1, left + wide - 1].astype(np.int16)
    fits &= np.abs(ends[0] - ends[1]) < _CORNERS
    few = np.flatnonzero(fits)
    if len(few) < 2:
        return False
    boxes = boxes[few, :4]
    crops = [(slice(y, y + h), slice(x, x + w)) for x, y, w, h in boxes.tolist()]
    strokes = [(labels[crop] == label).view(np.uint8) for crop, label in zip(crops, few.tolist(), strict=True)]
    levels = np.array([cv2.mean(apart[crop], stroke)[0] for crop, stroke in zip(crops, strokes, strict=True)])
    paper, uneven = np.array([cv2.meanStdDev(ground[crop]) for crop in crops]).reshape(-1, 2).T
    rows = _rows(boxes.astype(np.int64), levels, paper)
    painted = False
    for row in rows:
        runs = sum(np.count_nonzero(np.diff(strokes[one], axis=0, prepend=0) == 1) for one in row)
        bent = runs / int(boxes[row, 2].sum())
        even, high = float(uneven[row].mean()), float(boxes[row, 3].mean())
        stray = _stray(ink, boxes[row], sum(int(strokes[one].sum()) for one in row), round(_BESIDE * high))
        if float(levels[row].mean()) < _CLEAR or bent < _BENT or even > _EVEN or stray > _STRAY:
            continue
        if len(row) < _FEWEST and (bent < _PAIR[0] or even > _PAIR[1] or stray > _PAIR[2]):
            continue
        painted = True
        more = round(_AROUND[0] * high) + _AROUND[1]
        window = disc(more)
        for one in row:
            x, y, w, h = boxes[one].tolist()
            whole = cv2.copyMakeBorder(strokes[one] * np.uint8(255), more, more, more, more, cv2.BORDER_CONSTANT)
            above, before = max(more - y, 0), max(more - x, 0)
            part = found[max(y - more, 0) : y + h + more, max(x - more, 0) : x + w + more]
            grown = cv2.dilate(whole, window)[above : above + part.shape[0], before : before + part.shape[1]]
            np.maximum(part, grown, out=part)
    return painted


def _stray(ink: Grey, boxes: NDArray[np.int32], own: int, beside: int) -> float:
    """How much other ink there is around a row of glyphs, in shares of its `own`."""
    (left, top), (right, bottom) = boxes[:, :2].min(0) - beside, (boxes[:, :2] + boxes[:, 2:]).max(0) + beside
    around = ink[max(top, 0) : bottom, max(left, 0) : right]
    return int(np.count_nonzero(around)) / own - 1.0


def _rows(boxes: Ints, levels: NDArray[np.float64], paper: NDArray[np.float64]) -> list[list[int]]:
    """The glyphs, by their place in `boxes`, that stand in a row with others."""
    clear = np.argsort(-levels)[:_MOST]
    x, y, wide, tall = boxes[clear].T
    level, light = levels[clear], paper[clear]
    high = np.maximum(tall[:, None], tall)
    gap = x - (x + wide)[:, None]
    follows = (x > x[:, None]) & (gap > _GAP[0] * high) & (gap < _GAP[1] * high)
    follows &= np.minimum(tall[:, None], tall) >= _HIGH * high
    for end in (y, y + tall):
        follows &= np.abs(end - end[:, None]) <= _OFF * high
    follows &= np.abs(level - level[:, None]) <= _ALIKE * np.maximum(level[:, None], level)
    follows &= np.abs(light - light[:, None]) <= _GROUND
    after = np.where(follows, gap, np.iinfo(np.int64).max).argmin(1)
    has = follows.any(1)
    rows, taken = list[list[int]](), set[int]()
    for first in np.argsort(x).tolist():
        row = [first]
        while has[row[-1]] and int(after[row[-1]]) not in taken:
            row.append(int(after[row[-1]]))
            taken.add(row[-1])
        if first not in taken and len(row) > 1:
            rows.append([int(clear[one]) for one in row])
        taken.add(first)
    return rows
