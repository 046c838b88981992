"""Which of what a network took for people is somebody."""

from collections.abc import Callable, Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from gancam.masks.people.movers import moves
from gancam.masks.people.regions import Window, carried

_PART = 0.3  # a probability from which on pixels are of one part
_SPECK = 1 / 500  # of what the network is shown: what is smaller, with its surroundings, is nobody
_SHARES = 0.1  # of a part: as much of it was somebody in the frame before, and it is them
_SHED = 1 / 3  # of the largest part of what was one in the frame before: what is smaller may be a thing left behind
_NEW, _KNOWN = (0.93, 0.85), (0.8, 0.7)  # how sure, and how alike its mirror image, who comes must be, and who stays
_SHOWN = 0.65, 0.25  # the same of those who show a face
_LIKELY = 0.75, 0.5  # the same of who comes, where rather too much is marked
_CREDIT = 2  # looks in a row after which somebody is given up
_MOVES, _STOPS = (0.75, 0.45), 20  # the same of those who move before a camera that stands still
_FACE = 0.5  # of a face's width and height, in its middle, which must be of the part
_NEAR = np.ones((5, 5), np.uint8)  # what is as near as that is of one part: legs, and who walks on them
_AROUND = np.ones((9, 9), np.uint8)
_ISLE = 1 / 500  # of what the network is shown: what is decided to be somebody, smaller, and stands alone is nobody

Plane = NDArray[np.float32]


class Belief:
    """Tells people from what else stands out: from time to time, and what it said holds between.

    The network says of people what it says of their mirror image, and is sure of them; of towers, aeroplanes and
    animals it is not, or only of one of both. Whoever has a face is somebody, if it is half as sure.
    """

    def __init__(self) -> None:
        # where somebody was, in half the size, and how many mistakes they have left
        self._credit: NDArray[np.uint8] | None = None
        self._parts: NDArray[np.int32] | None = None  # the number of the part that each was of, from 1 on

    def __call__(
        self,
        found: Plane,
        window: Window,
        both: Callable[[], tuple[Plane, Plane]],
        faces: Callable[[], Sequence[Window]],
        *,
        looks: bool,
        known: bool,
        moved: Callable[[], Plane | None] = lambda: None,
        soon: bool = False,
        sheds: bool = False,
    ) -> Plane:
        """Return `found` with 0 where nobody is.

        Args:
            found: 0 to 1, ``(h, w)``: what the network said of `window`.
            window: the part of the frame that it was shown.
            both: what it says of it and of its mirror image, mirrored back.
            faces: boxes in the frame.
            looks: whether to look at those of whom is not known who they are.
            known: whether to look at the others as well.
            moved: how much moved in `window`, as large as `found`; None where that is not known.
            soon: whether to look at those of them who move: somebody comes in.
            sheds: whether to look at once at what comes off somebody; else it is theirs as long as they are known.
        """
        marked = cv2.dilate(np.asarray(found > _PART, np.uint8), _NEAR)
        _, *found_parts, _ = cv2.connectedComponentsWithStats(marked[::2, ::2].copy())  # a quarter of the time
        labels, stats = (np.asarray(one, np.int32) for one in found_parts)
        credits = np.zeros(len(stats), np.uint8)
        shed = self._shed(labels, stats) if sheds else set()
        for part in np.flatnonzero(stats[:, 4] >= _SPECK * labels.size).tolist():
            if part:
                x, y, width, height, size = stats[part].tolist()
                place = slice(y, y + height), slice(x, x + width)
                before = self._credit_in(place, labels[place] == part, size)
                asks = (known or part in shed) if before else looks
                if asks or (soon and not before):
                    mask = _enlarged(np.asarray(labels == part, np.uint8), found) > 0
                    asks = asks or moves(moved(), mask)
                if asks:
                    is_somebody = _is_somebody(both(), mask, _KNOWN if before else _NEW) or (
                        (known or part in shed)
                        and _is_somebody(both(), mask, _SHOWN)
                        and _has_face(np.asarray(mask, np.uint8), window, faces())
                    )
                    if not is_somebody or before > _CREDIT:
                        runs = moves(moved(), mask) and _is_somebody(both(), mask, _MOVES)
                        before = _STOPS + 1 if runs else 1 if part in shed else before
                    before = max(_CREDIT, before - 1) if is_somebody else max(before - 1, 0)
                credits[part] = before
        self._credit = credits[labels]
        self._parts = np.where(self._credit > 0, labels, np.int32(0))
        credits[0] = 1
        return (
            found
            if credits.all()
            else np.asarray(found * _enlarged(np.asarray(credits > 0, np.uint8)[labels], found), np.float32)
        )

    def _credit_in(self, place: tuple[slice, slice], mine: NDArray[np.bool_], size: int) -> int:
        """What a part, of that `size` in pixels, has of credit from the frame before; 0: it is nobody known."""
        if self._credit is None:
            return 0
        held = self._credit[place][mine]
        return int(held.max()) if np.count_nonzero(held) > _SHARES * size else 0

    def _shed(self, labels: NDArray[np.int32], stats: NDArray[np.int32]) -> set[int]:
        """Parts that were of somebody in the frame before, beside the most of them.

        A towel that was taken for somebody's sleeve as they passed stays behind; a hand that is held up does not, since
        the network knows it.
        """
        parts = [part for part in range(1, len(stats)) if stats[part, 4] >= _SPECK * labels.size]
        if self._parts is None or len(parts) < 2:
            return set()
        most: dict[int, list[int]] = {}
        for part in parts:
            x, y, width, height, size = stats[part].tolist()
            place = slice(y, y + height), slice(x, x + width)
            were = np.bincount(self._parts[place][labels[place] == part])
            were[0] = 0
            if were.sum() > _SHARES * size:
                most.setdefault(int(were.argmax()), []).append(part)
        return {
            part
            for pieces in most.values()
            for part in pieces
            if stats[part, 4] < _SHED * max(stats[piece, 4] for piece in pieces)
        }

    def move(self, before: Window, now: Window, size: tuple[int, int]) -> None:
        """What was found of the window `before` is found of `now` from here on, at `size` (width, height)."""
        if self._credit is not None:
            half = (size[1] + 1) // 2, (size[0] + 1) // 2
            moved = carried(self._credit.astype(np.float32), before, now, half)
            self._credit = np.asarray(np.ceil(moved), np.uint8)
        self._parts = None

    def add(self, other: "Belief") -> None:
        """Believe in those in whom `other`, of the same window, does."""
        self._parts = None
        if self._credit is None or other._credit is None:
            self._credit = other._credit if self._credit is None else self._credit
        else:
            self._credit = np.maximum(self._credit, other._credit)


def without_fancies(
    found: Plane, window: Window, both: Callable[[], tuple[Plane, Plane]], faces: Callable[[], Sequence[Window]]
) -> Plane:
    """Return `found` with 0 where somebody would be in whom the network hardly believes, and who shows no face.

    For images, where nobody is known yet, and rather too much is to be marked.

    Args:
        found: 0 to 1, ``(h, w)``: what the network said of `window`.
        window: the part of the frame that it was shown.
        both: what it says of it and of its mirror image, mirrored back.
        faces: boxes in the frame.
    """
    count, labels, stats, _ = cv2.connectedComponentsWithStats(cv2.dilate(np.asarray(found > _PART, np.uint8), _NEAR))
    for part in range(1, count):
        mask = labels == part
        if not (
            stats[part, 4] >= _SPECK * labels.size
            and (_is_somebody(both(), mask, _LIKELY) or _has_face(mask.view(np.uint8), window, faces()))
        ):
            found = np.where(mask, np.float32(0), found)
    return found


def near_parts(found: Plane) -> Plane:
    """Return `found`, 0 to 1 ``(h, w)``, with 0 where it is low and not near what may be part of somebody."""
    return np.asarray(found * cv2.dilate(np.asarray(found > _PART, np.uint8), _AROUND), np.float32)


def without_isles(decided: Plane) -> Plane:
    """Return what was `decided`, 0 or 1 but along edges, without specks beside people."""
    inside = np.asarray(decided[::2, ::2] > 0.5, np.uint8)
    _, labels, stats, _ = cv2.connectedComponentsWithStats(inside)
    isles = stats[:, 4] < _ISLE * labels.size
    isles[0] = False
    if not isles.any():
        return decided
    around = np.asarray(cv2.dilate(isles.astype(np.uint8)[labels], np.ones((3, 3), np.uint8)), np.uint8)
    around[(inside > 0) & ~isles[labels]] = 0
    return np.asarray(np.where(_enlarged(around, decided) > 0, np.float32(0), decided), np.float32)


def _enlarged(half: NDArray[np.uint8], found: Plane) -> NDArray[np.uint8]:
    """`half` at twice the size, that of `found`."""
    return np.asarray(cv2.resize(half, found.shape[::-1], interpolation=cv2.INTER_NEAREST), np.uint8)


def _is_somebody(both: tuple[Plane, Plane], part: NDArray[np.bool_], least: tuple[float, float]) -> bool:
    """Say whether the network is as sure both ways, and as much of what either finds is found by both."""
    for word in both:
        sure = word[part & (word > 0.5)]
        if not sure.size or float(sure.mean()) < least[0]:
            return False
    around = cv2.dilate(np.asarray(part, np.uint8), _AROUND) > 0
    one, other = (word[around] for word in both)
    return float(np.minimum(one, other).sum()) >= least[1] * float(np.maximum(one, other).sum())


def _has_face(part: NDArray[np.uint8], window: Window, faces: Sequence[Window]) -> bool:
    across, down = part.shape[1] / window[2], part.shape[0] / window[3]
    for x, y, width, height in faces:
        left, right = ((x - window[0] + share * width) * across for share in ((1 - _FACE) / 2, (1 + _FACE) / 2))
        top, bottom = ((y - window[1] + share * height) * down for share in ((1 - _FACE) / 2, (1 + _FACE) / 2))
        if left < 0 or top < 0 or right > part.shape[1] or bottom > part.shape[0]:
            continue
        middle = part[int(top) : max(int(bottom), int(top) + 1), int(left) : max(int(right), int(left) + 1)]
        if middle.size and middle.mean() > 0.7:
            return True
    return False
