"""Where people were before they were found: they are followed backwards, to where they came in; and where a scene ends.

Nobody is found later in its last frames, so that all of these are looked at once more, backwards.
"""

import itertools
from collections import deque

import cv2
import numpy as np

from gancam.files import Slot, Spool
from gancam.frame import Image, room
from gancam.masks.mask import Mask
from gancam.masks.people.person import Person
from gancam.masks.people.trail import MARKED, Trail
from gancam.vision.motion import Grey
from gancam.vision.scenes import Scenes

_FRAMES, _BYTES = 15, 64 << 20  # frames that are kept at most, and of all of these
_NEW = 0.1  # of a piece of a mask: where less was marked in the frame before, somebody new was found
_LEAST = 1 / 2000  # of the frame: what is smaller is nobody
_NEAR = 1 / 24  # of the frame's longer side: how far people go from frame to frame, at most
_AFTER = 30  # frames from the one in which they were found that are kept as well: once hidden, they are found later
_RIM = 9  # pixels: what is marked around what is seen of them
_FANCIED = 2  # last frames in which there may be somebody who is not in those before
_GAPS = 3  # frames in which they were not seen, after which they had not come yet


class Earlier:
    """Masks of people in frames before those in which they were found, by the times of the frames.

    They are in a temporary file: of a long clip there is one for nearly every frame.
    """

    def __init__(self) -> None:
        self._spool = Spool()
        self._pieces: dict[float, list[tuple[int, int, int, Slot]]] = {}  # left, top, rows, and the bits

    def put(self, time: float, mask: Mask) -> None:
        """Mark in the frame of that `time` what is 1 in `mask`."""
        left, top, width, height = cv2.boundingRect(mask)
        if not width:
            return
        bits = np.packbits(mask[top : top + height, left : left + width], axis=1)
        self._pieces.setdefault(time, []).append((left, top, height, self._spool.store(bits.tobytes())))

    def with_them(self, marked: Grey, time: float | None) -> Grey:
        """Return what is `marked`, 0 or not, in the frame of that `time`, and those who were found later, as 1."""
        pieces = [] if time is None else self._pieces.get(time, [])
        if not pieces:
            return marked
        whole = np.asarray(marked != 0, np.uint8)
        for left, top, height, slot in pieces:
            bits = np.frombuffer(self._spool.load(slot), np.uint8).reshape(height, -1)
            piece = np.unpackbits(bits, axis=1)[:, : whole.shape[1] - left]
            whole[top : top + height, left : left + piece.shape[1]] |= piece
        return whole


class Retrace:
    """Follows people backwards through the frames before the one in which they were found, or in which a scene ends.

    Attributes:
        earlier: Where they were.
    """

    def __init__(self) -> None:
        self.earlier = Earlier()
        self._last: deque[tuple[float, Image]] = deque()
        self._marked: Grey | None = None  # in the frame before
        self._person, self._scenes = Person(wide=True), Scenes()
        self._person.prefer_quality()
        self._left = 0  # frames that are still kept

    def look(self, image: Image, marked: Grey, time: float) -> None:
        """Take in the next frame and its mask of people, 0 or not; `time` in seconds. `image` is kept: let it be."""
        before, self._marked = self._marked, marked
        if self._scenes(image).before is None or before is None:
            self.finish()
        elif len(self._last) > 1:
            count, labels, stats, _ = cv2.connectedComponentsWithStats(np.asarray(marked != 0, np.uint8))
            known = np.bincount(labels[before > 0], minlength=count)
            new = (known <= _NEW * stats[:, 4]) & (stats[:, 4] >= _LEAST * labels.size)
            new[0] = False
            if new.any():
                self._left = _AFTER
                self._follow(image, np.asarray(new[labels], np.uint8), time)
        if self._left and cv2.hasNonZero(marked):
            self.earlier.put(time, np.asarray(marked != 0, np.uint8))
        self._left = max(self._left - 1, 0)
        self._last.append((time, image))
        while len(self._last) > room(image, _FRAMES, _BYTES):
            self._last.popleft()

    def finish(self) -> None:
        """Look for people in the last frames of a scene backwards; call it where a clip ends, too.

        The last one is an image by itself, in which nobody is overlooked. What else is taken for somebody there is told
        from them in the third or so that is looked at. Who is not found in these, but farther back, is none of those
        who were lost.
        """
        last, self._left = list(reversed(self._last)), 0
        self._last.clear()
        self._person.reset()
        if len(last) <= _FANCIED:
            return
        seen = (  # as long as somebody may be there
            Trail()(self._person.opacity(image, time=last[0][0] - time if place else None), 0.0)
            for place, (time, image) in enumerate(last)
        )
        found = list(itertools.islice(seen, 2 * _FANCIED + 1))
        known, missed = np.bitwise_or.reduce(found[_FANCIED:]), 0
        for place, ((time, _), people) in enumerate(zip(last, itertools.chain(found, seen), strict=True)):
            theirs = _near(people, known)
            there = bool(theirs.any())
            missed = 0 if there else missed + 1
            if missed > _GAPS:
                return
            if there and place >= _FANCIED:
                known = theirs
            self.earlier.put(time, theirs)

    def _follow(self, image: Image, people: Mask, time: float) -> None:
        """Follow new `people` (1) in `image`, that of `time`, backwards."""
        person, missed = self._person, 0
        person.reset()
        person.opacity(image, time=0.0)
        for then, earlier in reversed(self._last):
            person.expect([_box(people)])
            seen = np.asarray(person.opacity(earlier, time=time - then) > MARKED, np.uint8)
            found = np.asarray(cv2.dilate(seen, np.ones((_RIM, _RIM), np.uint8)), np.uint8)
            theirs = _near(found, people)
            if not theirs.any():
                missed += 1
                if missed > _GAPS:
                    return
                continue
            people, missed = theirs, 0
            self.earlier.put(then, people)


def _near(found: Mask, people: Mask) -> Mask:
    """The parts of what was `found` (1) that may be `people` (1) in a frame beside it."""
    side = 2 * round(_NEAR * max(people.shape)) + 1
    _, labels = cv2.connectedComponents(found)
    near = cv2.dilate(people, np.ones((side, side), np.uint8)) > 0
    return np.asarray(np.isin(labels, np.unique(labels[near & (found > 0)])), np.uint8)


def _box(mask: Mask) -> tuple[int, int, int, int]:
    left, top, width, height = cv2.boundingRect(mask)
    return left, top, width, height
