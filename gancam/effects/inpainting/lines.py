"""Scratches that a projector makes: thin lines down a frame that are not in those beside it."""

from collections.abc import Sequence
from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from gancam.frame import Image

Level = NDArray[np.float32]

THIN = 19  # pixels that what is looked for is narrower than
BANDS = 16  # of a frame, in each of which a line counts as upright
TILT = 0.025  # of the height: how far a line leans at most
LONG = 0.4  # of the height: on so much of it a line must stand out, and not in the frames beside; but where those have
CLOSE, LEAST, WHOLE = 8, 0.15, 0.85  # one within so many pixels, on so much, and on so much whether they have it or not
FAINT, NOISY = 8.0, 1.5  # grey levels, and times the noise, by which it stands out
MOST, APART = 8, 6  # lines of a frame, and pixels between them
FLANK = 4  # pixels on both sides of a line that tell what is under it
REACH = THIN // 2 + FLANK  # pixels to each side of its middle that are looked at
GAP = 15  # rows in which a line is not seen, and goes on
EDGE = 0.2  # of how far a line stands out in its middle: what belongs to it


class Line(NamedTuple):
    """Where a line is: the columns from ``first`` to ``last`` of each of ``rows``, both included; int ``(n,)``."""

    rows: NDArray[np.intp]
    first: NDArray[np.intp]
    last: NDArray[np.intp]

    def cells(self, grow: int, width: int) -> tuple[NDArray[np.intp], NDArray[np.intp], NDArray[np.float32]]:
        """Rows and columns ``(n, k)`` of its pixels and `grow` on each side, and how far across each is, 0 to 1."""
        span = int((self.last - self.first).max(initial=0)) + 1 + 2 * grow
        steps = np.arange(span)
        columns = np.clip(self.first[:, None] - grow + steps, 0, width - 1)
        share = np.asarray((steps + 1) / (span + 1), np.float32)
        return np.broadcast_to(self.rows[:, None], columns.shape), columns, share


def lines(image: Image, others: Sequence[Image], noise: float, long: float = LONG) -> list[Line]:
    """Find the lines of `image` ``(H, W, 3)`` that none of `others`, frames beside it moved to where it is, has there.

    Args:
        image: What is looked at.
        others: The same scene at other times.
        noise: Grey levels by which they differ where nothing is to be seen.
        long: On how much of the height, 0 to 1, a line must stand out in `image` alone.
    """
    grey, *beside = (cv2.cvtColor(one, cv2.COLOR_BGR2GRAY) for one in (image, *others))
    found: list[Line] = []
    for way in (cv2.MORPH_TOPHAT, cv2.MORPH_BLACKHAT):
        window, near = np.ones((1, THIN), np.uint8), np.ones((3, 3), np.uint8)
        ridge = cv2.morphologyEx(grey, way, window)
        limit = max(FAINT, NOISY * noise)
        thin = np.asarray(ridge > limit, np.uint8)
        there = [cv2.morphologyEx(other, way, window) for other in beside]
        for other in there:
            ridge = cv2.subtract(ridge, cv2.dilate(other, near))
        seen = np.asarray(ridge > limit, np.uint8)
        others_thin = [np.asarray(other > limit, np.uint8) for other in there]
        sign = 1.0 if way == cv2.MORPH_TOPHAT else -1.0
        for middle in _middles(thin, seen, others_thin, long)[: MOST - len(found)]:
            found += _measured(np.asarray(grey, np.float32) * sign, seen, middle, noise)
    return found


def _middles(
    thin: NDArray[np.uint8], seen: NDArray[np.uint8], beside: Sequence[NDArray[np.uint8]], long: float
) -> list[Level]:
    """The columns, one a row, of the lines along which most is `thin` (1), and enough `seen` in this frame alone.

    Where frames `beside` have a line close by, it may be a post of which somebody hid a part: that seldom goes from top
    to bottom.
    """
    height = len(seen)
    most = min(max(round(TILT * height), 2), THIN)
    new = _along(seen, most)
    if new.max() < LEAST:
        return []
    whole = _along(thin, most)
    close = np.max([cv2.dilate(_along(one, most), np.ones((3, 2 * CLOSE + 1), np.uint8)) for one in beside], 0)
    least = LEAST if long == LONG else long
    there = np.where(close < LONG, new >= long, (new >= least) & (whole >= WHOLE))
    scores = np.where(there, new + whole, 0.0)
    middles = []
    for _ in range(MOST):
        best, at = np.unravel_index(int(scores.argmax()), scores.shape)
        if scores[best, at] <= 0:
            break
        ridge = np.flatnonzero(scores[best] > scores[best, at] - 0.04)
        ridge = ridge[np.abs(ridge - at) < THIN // 2]
        middles.append(np.asarray(ridge.mean() + (int(best) - most) * (np.arange(height) / height - 0.5), np.float32))
        scores[:, max(int(at) - APART, 0) : int(at) + APART + 1] = 0
    return middles


def _along(cells: NDArray[np.uint8], most: int) -> Level:
    """On how much of each line that leans by up to `most` pixels (first axis), by its middle column, `cells` are 1."""
    width = cells.shape[1]
    wide = np.asarray(cv2.dilate(cells, np.ones((1, 3), np.uint8)), np.float32)
    bands = cv2.copyMakeBorder(
        cv2.resize(wide, (width, BANDS), interpolation=cv2.INTER_AREA), 0, 0, THIN, THIN, cv2.BORDER_CONSTANT
    )
    views = np.lib.stride_tricks.sliding_window_view(bands, width, axis=1)  # [band, shift + THIN, column]
    leans = np.arange(-most, most + 1)[:, None]
    shifts = np.rint(leans * (np.arange(BANDS) / (BANDS - 1) - 0.5)).astype(int) + THIN
    return np.asarray(np.mean([views[band, shifts[:, band]] for band in range(BANDS)], 0), np.float32)


def _measured(grey: Level, seen: NDArray[np.uint8], middle: Level, noise: float) -> list[Line]:
    """The line, lighter than what is around it, near the columns `middle`; nothing where it has no edges."""
    height = len(grey)
    for _ in range(2):
        above, profile, rows = _profile(grey, seen, middle)
        if len(rows) < 2 * BANDS or profile.max() < FAINT:
            return []
        weights = np.maximum(above - EDGE * profile.max(), 0)[:, REACH - 5 : REACH + 6]
        heavy = weights.sum(1) > 0
        if np.count_nonzero(heavy) < 2 * BANDS:
            return []
        where = (weights[heavy] * np.arange(-5, 6)).sum(1) / weights[heavy].sum(1)
        slope, offset = np.polyfit(rows[heavy], where, 1)
        middle = np.asarray(middle + np.clip(slope * np.arange(height) + offset, -6, 6), np.float32)
    above, profile, rows = _profile(grey, seen, middle)
    if len(rows) < 2 * BANDS:
        return []
    inside = profile > EDGE * profile.max()
    left = right = REACH
    while left > 0 and inside[left - 1]:
        left -= 1
    while right < 2 * REACH and inside[right + 1]:
        right += 1
    if right - left >= THIN or not inside[REACH]:
        return []
    whole, _, every = _profile(grey, np.ones_like(seen), middle)
    out = cv2.blur(whole[:, left : right + 1].mean(1)[:, None], (1, 7))[:, 0]
    shown = np.asarray(out > max(FAINT / 2, noise / 2, 0.1 * profile.max()), np.uint8)[:, None]
    at = every[cv2.morphologyEx(shown, cv2.MORPH_CLOSE, np.ones((GAP, 1), np.uint8))[:, 0] > 0]
    columns = np.rint(middle[at]).astype(np.intp)
    return [Line(at, columns - (REACH - left), columns + (right - REACH))] if len(at) else []


def _profile(grey: Level, seen: NDArray[np.uint8], middle: Level) -> tuple[Level, Level, NDArray[np.intp]]:
    """How far `grey` is above both sides of `middle`, in each row where something is `seen` there, and usually."""
    height, width = grey.shape
    columns = np.rint(middle).astype(np.intp)
    inside = (columns >= 2) & (columns < width - 2)
    near = np.clip(columns, 2, width - 3)
    marked = np.zeros(height, np.bool_)
    for step in range(-2, 3):
        marked |= seen[np.arange(height), near + step] > 0
    rows = np.flatnonzero(inside & marked)
    steps = np.arange(-REACH, REACH + 1)
    values = grey[rows[:, None], np.clip(columns[rows, None] + steps, 0, width - 1)]
    left, right = np.median(values[:, :FLANK], 1), np.median(values[:, -FLANK:], 1)
    share = (steps + REACH) / (2 * REACH)
    above = values - (left[:, None] * (1 - share) + right[:, None] * share)
    profile = np.median(above, 0) if len(rows) else np.zeros(len(steps))
    return np.asarray(above, np.float32), np.asarray(profile, np.float32), rows


def bridged(image: Image, found: Sequence[Line], grow: int) -> Image:
    """`image` with what is on both sides of each line carried on across it and `grow` pixels beside it."""
    result = image.copy() if found else image
    width = image.shape[1]
    for line in found:
        rows, columns, share = line.cells(grow, width)
        ends = []
        for side, sign in ((columns[:, 0], -1), (columns[:, -1], 1)):
            at = [np.clip(side + sign * step, 0, width - 1) for step in (1, 2)]
            ends.append(np.mean([result[line.rows, one] for one in at], 0)[:, None])
        mixed = ends[0] * (1 - share[None, :, None]) + ends[1] * share[None, :, None]
        result[rows, columns] = np.asarray(np.rint(mixed), np.uint8)
    return result


def marked(found: Sequence[Line], shape: tuple[int, int], grow: int) -> NDArray[np.uint8]:
    """1 on the lines and `grow` pixels beside them, else 0, uint8 ``(H, W)``."""
    mask = np.zeros(shape, np.uint8)
    for line in found:
        rows, columns, _ = line.cells(grow, shape[1])
        mask[rows, columns] = 1
    return mask
