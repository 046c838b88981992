"""Paper: what letters that are kept stand on becomes as light and as coloured as the ground that is drawn around."""

from typing import NamedTuple

import cv2
import numpy as np
from cv2.typing import MatLike
from numpy.typing import NDArray

from gancam.frame import Image
from gancam.vision.fit import halved, within

_SMALL = 320  # pixels of the longer side on which paper is looked for
_RING, _SHADE = 6, 10  # pixels of that size around what is written on, where paper is sought, and how alike in levels
_LEAST, _SHARE = 8, 0.12  # pixels of a paper that are seen around, and share of what is around it, at least
_UNEVEN, _AGREE = 24, 0.6  # levels that what is drawn of it may be off its median; share that is not, at least
_TINT = 48  # levels by which shades of one paper differ at most
_PAPERS, _PART = 6, 0.03  # that a component may have, and the share of it that one has at least
_THIN = np.ones((3, 3), np.uint8)  # what is thinner than that is no paper
_ENOUGH = 4000  # pixels that say which colour most have
_BINS = 4  # bits of a level that tell colours apart


class _Paper(NamedTuple):
    """Paper that is written on: its colour, by how many levels it is to be moved, and where it is."""

    colour: NDArray[np.int16]
    moved: NDArray[np.int16]
    there: NDArray[np.uint8]


def on_ground(image: Image, drawn: Image, seen: NDArray[np.uint8], *, most: int = 255) -> Image:
    """Give `image` as light and as coloured where it is written on as the ground is that is `drawn` around.

    Else a bar of a page would have a rectangle of another shade around its title. Each paper goes as what is drawn of
    it close by does; what is of none, or of one that is not seen around, stays as it is.

    Args:
        image: uint8 ``(H, W, 3)`` BGR.
        drawn: what a style made of it, of the same shape.
        seen: how far each place is written on, 0 to 255, ``(H, W)``.
        most: levels by which a paper goes at most; else it stays, as on hatching.
    """
    size = within((image.shape[1], image.shape[0]), _SMALL)
    small, made = (halved(one, size) for one in (image, drawn))
    there = (cv2.resize(seen, size, interpolation=cv2.INTER_AREA) > 0).astype(np.uint8)
    count, labels, boxes, _ = cv2.connectedComponentsWithStats(there)
    laid, times = image, np.array([image.shape[1] / size[0], image.shape[0] / size[1]])
    for label in range(1, count):
        x, y, wide, tall, _ = boxes[label].tolist()
        left, top = max(x - _RING, 0), max(y - _RING, 0)
        box = slice(top, y + tall + _RING), slice(left, x + wide + _RING)
        inside = labels[box] == label
        papers = _papers(small[box], made[box], inside, there[box], most)
        if not papers:
            continue
        (x, y), (right, bottom) = (
            np.rint(corner * times).astype(int).tolist()
            for corner in ((left, top), (left + inside.shape[1], top + inside.shape[0]))
        )
        laid = image.copy() if laid is image else laid
        full, place = (right - x, bottom - y), (slice(y, bottom), slice(x, right))
        for paper, own in zip(papers, _nearest(papers, inside), strict=True):
            if not paper.moved.any():
                continue
            changed = cv2.LUT(image[place], _tones(paper.colour, paper.colour + paper.moved))
            cv2.copyTo(changed, cv2.resize(own, full, interpolation=cv2.INTER_LINEAR_EXACT), laid[place])
    return laid


def _papers(seen: Image, made: Image, inside: NDArray[np.bool_], there: NDArray[np.uint8], most: int) -> list[_Paper]:
    """The papers of what is `inside`, those that stay as they are among them; none: all of it does.

    Those are moved that are seen around, where nothing is `there`, and are drawn evenly, and shades of these.
    """
    found, left, still = list[_Paper](), inside.copy(), np.zeros(3, np.int16)
    least = max(_PART * np.count_nonzero(inside), 1)
    window = np.ones((2 * _RING + 1,) * 2, np.uint8)
    for _ in range(_PAPERS):
        if np.count_nonzero(left) < least:
            break
        colour = _usual(seen, left)
        alike = _alike(seen, colour)
        part = np.asarray(
            cv2.bitwise_and(cv2.morphologyEx(alike, cv2.MORPH_OPEN, _THIN), left.view(np.uint8)), np.uint8
        )
        left &= alike == 0
        if np.count_nonzero(part) < least:
            continue
        around = cv2.subtract(cv2.dilate(part, window), there)
        ring = cv2.bitwise_and(alike, around)
        moved = still
        if cv2.countNonZero(ring) >= max(_LEAST, _SHARE * cv2.countNonZero(around)):
            off = _some(cv2.subtract(made, seen, dtype=cv2.CV_16S), ring)
            middle = np.asarray(np.median(off, axis=0), np.int16)
            if float((np.abs(off - middle).max(1) <= _UNEVEN).mean()) >= _AGREE:
                moved = middle if int(np.abs(middle).max()) <= most else still
        found.append(_Paper(colour, moved, part))
    led = [one for one in found if int(np.abs(one.moved).max()) > 1]
    if not led:
        return []
    for number, one in enumerate(found):
        if not one.moved.any():
            near = min(led, key=lambda other: int(np.abs(other.colour - one.colour).max()))
            if int(np.abs(near.colour - one.colour).max()) <= _TINT:
                found[number] = one._replace(moved=near.moved)
    return found


def _nearest(papers: list[_Paper], inside: NDArray[np.bool_]) -> list[NDArray[np.uint8]]:
    """Where each of `papers` is the nearest: letters go as what they stand on does."""
    nearest = np.array([cv2.distanceTransform(1 - one.there, cv2.DIST_L2, 3) for one in papers]).argmin(0)
    within = cv2.dilate(inside.view(np.uint8), np.ones((3, 3), np.uint8)) > 0
    return [((nearest == number) & within).view(np.uint8) for number in range(len(papers))]


def _alike(levels: Image, colour: NDArray[np.int16]) -> NDArray[np.uint8]:
    """1 where `levels` are nearly of a colour, 0 elsewhere."""
    least, most = ((colour + way).tolist() for way in (1 - _SHADE, _SHADE - 1))
    return (cv2.inRange(levels, tuple(least), tuple(most)) > 0).view(np.uint8)


def _usual(levels: Image, where: NDArray[np.bool_]) -> NDArray[np.int16]:
    """The colour that most of some places have."""
    some = _some(levels, where.view(np.uint8))
    bins = (some >> (8 - _BINS)).astype(np.int32) @ np.array([1, 1 << _BINS, 1 << 2 * _BINS], np.int32)
    most = some[bins == np.bincount(bins).argmax()]
    return np.asarray(np.median(most, axis=0), np.int16)


def _some(values: MatLike, where: MatLike) -> NDArray[np.integer]:
    """What some of many places have, ``(n, 3)``."""
    places = np.flatnonzero(where)
    return np.asarray(values.reshape(-1, 3)[places[:: max(len(places) // _ENOUGH, 1)]])


def _tones(paper: NDArray[np.int16], ground: NDArray[np.int16]) -> NDArray[np.uint8]:
    """A table ``(256, 1, 3)`` that makes `ground` of `paper`, and leaves what is black and white, as letters are.

    Paper that is nearly black or white itself has none on its own side: all there goes along.
    """
    level, inner = np.arange(256.0)[:, None], np.clip(paper, 1, 254)
    along = level + (ground - paper)
    dark = np.where(paper < _SHADE, along, level * ground / inner)
    light = np.where(paper > 255 - _SHADE, along, 255 - (255 - level) * (255 - ground) / (255 - inner))
    table = np.where(level < paper, dark, np.where(level > paper, light, ground))
    return np.clip(np.rint(table), 0, 255).astype(np.uint8)[:, None]
