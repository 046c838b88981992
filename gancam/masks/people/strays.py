"""Pieces of people that a network left beside them: a curl, an earring, a shoe, the frizz around hair.

Around who is marked, the scene is known from a little further out. What differs from it there by clearly more than it
varies itself is no scene; if it also touches who is marked, or lies beside them, and ends before the scene begins, it
is theirs. Where the scene is as busy as that, nothing is. Things of the scene may stand there as well: more than a rim
has to be what the network takes for somebody at least a little.
"""

import cv2
import numpy as np
from numpy.typing import NDArray

from gancam.frame import Image
from gancam.masks.mask import Mask
from gancam.vision.fit import shrunk, within
from gancam.vision.planes import disc

_SIDE = 200  # pixels of the side of a square as large as the largest of people, at the most, where they are looked for
_LONGEST = 1280  # of the longer side of the picture there
_REACH = 0.09  # of that square's side: how far from people
_GRAIN = 4.0  # the deviation of a colour, in levels, that a camera's noise makes
_APART, _LEVELS = 3.0, 12  # deviations from the scene, and levels, from which on something is not it
_FAINT = 0.6, 6, 0.02  # of those deviations; levels; and of the way to their colour: what may not be it
_TOWARDS, _HARDLY = 0.2, 0.08  # of the way from the scene's colour to theirs; the latter of what is twice as far apart
_CLOSE = 0.6  # of the reach: that near
_OTHER = 5.0, 24  # deviations and levels of what may be of any colour
_PLAIN = 8.0  # deviation of a scene before which also what may not be it is theirs, beside them
_ENOUGH = 0.02  # of the pixels around: so many must be known
_THEIRS = 0.4  # of a piece that touches nobody, which must lie within reach
_HINT, _HINTED = 0.06, 0.08  # what the network must say of so much of a piece that is more than an edge
_GOES_ON = 0.3  # of its mean width: as much of a piece may go on where the scene begins, or the picture ends
_RIM, _HOLE = 1 / 4, 1 / 2  # of the reach: how wide a rim is; of its square: a hole
_ISLAND = 0.02  # of the pixels of people: an island of the scene among them that is smaller says nothing of it
_SQUARE, _WIDER = np.ones((3, 3), np.uint8), np.ones((5, 5), np.uint8)

Plane = NDArray[np.float32]
Bits = NDArray[np.bool_]


def strays(image: Image, marked: Mask, likely: Plane) -> Mask:
    """Return 255 where pieces of those who are `marked` are left in `image`, else 0.

    Args:
        image: uint8 ``(H, W, 3)`` BGR.
        marked: uint8 ``(H, W)``, 255 where somebody is, else 0.
        likely: how surely somebody is there, 0 to 1, ``(h, w)``: the network's word, also where it is too weak to mark.
    """
    side = _side(marked)
    if not side:
        return np.zeros_like(marked)
    size = within(shrunk(marked.shape[::-1], max(side / _SIDE, 1)), _LONGEST)
    small, people = (
        np.asarray(cv2.resize(one, size, interpolation=cv2.INTER_AREA), np.uint8) for one in (image, marked)
    )
    perhaps = np.asarray(cv2.resize(likely, size, interpolation=cv2.INTER_LINEAR) > _HINT, np.bool_)
    reach = max(round(_REACH * side * size[0] / marked.shape[1]), 3)
    left, top, wide, tall = cv2.boundingRect(people)
    margin = 5 * reach
    place = slice(max(top - margin, 0), top + tall + margin), slice(max(left - margin, 0), left + wide + margin)
    pieces = np.zeros_like(people)
    pieces[place] = 255 * _Surroundings(small[place], _bits(people[place] > 0), perhaps[place], reach).strays()
    whole = cv2.resize(pieces, marked.shape[::-1], interpolation=cv2.INTER_LINEAR)
    return np.asarray(cv2.threshold(whole, 127, 255, cv2.THRESH_BINARY)[1], np.uint8)


def without_islands(marked: Mask) -> Mask:
    """Mark small pieces of the scene as well that lie within who is `marked`, uint8 ``(H, W)``, 0 where nobody is.

    Filled up to its edge, a light between two children is a lamp that hangs in the air.
    """
    _, labels, stats, _ = cv2.connectedComponentsWithStats(np.asarray(marked == 0, np.uint8))
    left, top, wide, tall, area = stats.T
    height, width = marked.shape
    within = (left > 0) & (top > 0) & (left + wide < width) & (top + tall < height)
    within &= area < _ISLAND * np.count_nonzero(marked)
    within[0] = False
    return np.asarray(np.where(within[labels], 255, marked), np.uint8) if within.any() else marked


def _side(marked: Mask) -> float:
    """The side of a square as large as the largest who is `marked`; 0 where nobody is, or nothing else."""
    count, _, stats, _ = cv2.connectedComponentsWithStats(marked)
    most = int(stats[1:, 4].max()) if count > 1 else 0
    return 0.0 if most in (0, marked.size) else float(most**0.5)


class _Surroundings:
    """What is around people (1) in a small picture, as far as `reach`, and twice that."""

    def __init__(self, small: Image, people: Mask, perhaps: Bits, reach: int) -> None:
        self._people, self._perhaps, self._reach = people, perhaps, reach
        self._away = np.asarray(cv2.distanceTransform(1 - people, cv2.DIST_L2, 3), np.float32)
        self._near = (self._away <= 2 * reach) & (people == 0)
        self._beside = self._away <= max(_RIM * reach, 2)
        self._channels = cv2.split(cv2.cvtColor(small, cv2.COLOR_BGR2YCrCb))
        self._colours = np.stack(self._channels).astype(np.float32)
        self._edge = np.ones(people.shape, np.bool_)  # of the picture, beyond which the scene may go on
        self._edge[1:-1, 1:-1] = False
        inner = np.asarray(cv2.erode(people, _WIDER), np.uint8)
        self._theirs, _, known = self._around(inner, 2 * reach)
        self._their_colour = self._near & known

    def strays(self) -> Mask:
        """Return 1 where strays are, else 0."""
        first, faint, _ = self._unlike(_bits(self._away > self._reach), 3 * self._reach)
        plain = _bits((self._away > 1.5) & ~first & ~(faint & self._perhaps))
        second, faint, known = self._unlike(
            np.asarray(cv2.erode(plain, _SQUARE), np.uint8), max(round(0.7 * self._reach), 2)
        )
        unlike = second | (first & ~known) | (faint & self._perhaps)
        pieces = self._pieces(_bits(unlike))
        grown = self._with_edges(pieces, faint) if cv2.hasNonZero(pieces) else pieces
        return grown | self._holes(grown | self._people)

    def _with_edges(self, pieces: Mask, faint: Bits) -> Mask:
        """What surely is theirs, with what hardly differs beside it, and without the notches between."""
        beside, between = (disc(max(round(self._reach / part), 1)) for part in (2, 3))
        further = _dilated(_bits((pieces > 0) & ~self._beside), beside) > 0
        joined = pieces | (_dilated(pieces, beside) & _bits(faint & (self._beside | further)))
        count, labels = cv2.connectedComponents(joined)
        held = np.zeros(count, np.uint8)
        held[labels[pieces > 0]] = 1
        grown = held[labels]
        closed = np.asarray(cv2.morphologyEx(grown | self._people, cv2.MORPH_CLOSE, between), np.uint8)
        return _dilated(closed & _dilated(grown, between) & (1 - self._people), _SQUARE)

    def _holes(self, marked: Mask) -> Mask:
        """Small gaps in what is `marked` (1)."""
        count, labels, stats, _ = cv2.connectedComponentsWithStats(1 - marked, connectivity=4)
        small = _bits(stats[:, 4] <= _HOLE * self._reach**2)
        small[0] = 0
        return small[labels] if count > 1 else np.zeros_like(marked)

    def _around(self, of: Mask, reach: int) -> tuple[Plane, Plane, Bits]:
        """Mean and variance of the colours `of` (1) that many pixels around each, and where there are enough."""
        box = (2 * reach + 1, 2 * reach + 1)
        many = cv2.boxFilter(of, cv2.CV_32F, box, borderType=cv2.BORDER_CONSTANT)
        gain = 1 / np.maximum(many, np.float32(1e-4))
        mean, spread = np.empty_like(self._colours), np.empty_like(self._colours)
        for index, channel in enumerate(self._channels):
            there = cv2.multiply(channel, of)
            cv2.boxFilter(there, cv2.CV_32F, box, dst=mean[index], borderType=cv2.BORDER_CONSTANT)
            cv2.sqrBoxFilter(there, cv2.CV_32F, box, dst=spread[index], borderType=cv2.BORDER_CONSTANT)
        mean *= gain
        spread *= gain
        spread -= mean * mean
        np.maximum(spread, 0, out=spread)
        spread += np.float32(_GRAIN**2)
        return mean, spread, many > _ENOUGH

    def _unlike(self, scene: Mask, reach: int) -> tuple[Bits, Bits, Bits]:
        """What near people is not the `scene` (1) around, what may not be, and where that is known."""
        mean, spread, known = self._around(scene, reach)
        away = self._colours - mean
        way = (self._theirs - mean) / spread
        towards = (away * way).sum(axis=0) / np.maximum(((self._theirs - mean) * way).sum(axis=0), np.float32(1e-3))
        apart, levels = (away * away / spread).max(axis=0), np.abs(away).max(axis=0)
        close = self._away <= _CLOSE * self._reach
        theirs = (apart > _APART**2) & (towards > _TOWARDS)
        theirs |= (apart > (2 * _APART) ** 2) & (towards > _HARDLY) & close
        theirs &= (levels > _LEVELS) & self._their_colour
        other = (apart > _OTHER[0] ** 2) & (levels > _OTHER[1]) & self._near
        faint = (apart > (_FAINT[0] * _APART) ** 2) & (levels > _FAINT[1])
        faint &= ((towards > _FAINT[2]) | (apart > _APART**2)) & self._near
        theirs |= faint & self._beside & (spread.max(axis=0) < _PLAIN**2) & self._their_colour
        return (theirs | other) & known, faint & known, known

    def _pieces(self, unlike: Mask) -> Mask:
        """What of `unlike` (1) is theirs: it touches them, or is just beside them, and ends within reach."""
        joined = np.asarray(cv2.morphologyEx(unlike, cv2.MORPH_CLOSE, _WIDER), np.uint8)
        count, labels = cv2.connectedComponents(joined)
        touches = np.zeros(count, np.bool_)
        touches[labels[_dilated(self._people, _SQUARE) > 0]] = True
        places = np.flatnonzero(unlike)
        parts, away = labels.reshape(-1)[places], self._away.reshape(-1)[places]
        further, perhaps, edge = (~self._beside.reshape(-1)[places], self._perhaps.reshape(-1)[places],
                                  self._edge.reshape(-1)[places])  # fmt: skip
        many, near, goes_on, wide, hinted = (
            np.bincount(parts[chosen], minlength=count)
            for chosen in (
                away > 0,
                away <= self._reach,
                edge | (away > 2 * self._reach - 1),
                further,
                further & perhaps,
            )
        )
        theirs = (many >= np.where(touches, 2, 4)) & (touches | (near >= _THEIRS * many))
        theirs[0] = False
        ends = goes_on * 2 * self._reach <= _GOES_ON * many
        whole, rim = _bits(theirs & ends & (hinted >= _HINTED * wide))[labels], _bits(theirs)[labels]
        return np.asarray(unlike & (whole | (rim & _bits(self._beside))), np.uint8)


def _dilated(mask: Mask, by: Mask) -> Mask:
    return np.asarray(cv2.dilate(mask, by), np.uint8)


def _bits(where: NDArray[np.bool_]) -> Mask:
    return np.asarray(where, np.uint8)
