"""What lasts before a camera that stands still, and what only passes by: for masks of people.

People are found late, or in part, and what they carry is not of them. So what was seen last before a mask came may be a
piece of somebody. Kept here is what each place showed for the longest time, which what comes later replaces once it has
stayed for a second. What differs from that and touches somebody who is marked goes with them. Of the first frames of a
clip that is read ahead, what most of them show is kept instead.
"""

import math
from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from gancam.effects.inpainting.regions import Floats
from gancam.frame import Image
from gancam.vision.fit import shrunk
from gancam.vision.motion import Grey
from gancam.vision.planes import brightest

_SMALL = 384  # pixels of the longer side, at the most, of the picture in which places are compared
_LASTS = 1.0  # seconds after which what is seen is the scene
_KNOWN = 0.5  # likewise, for what differs from it to be something else
_AWAY = 5.0  # seconds for which what was the scene is kept while nothing lasts in its place
_AGAIN = 0.5  # seconds after which what lasts is looked at anew: light changes slowly
_OTHER, _EDGE = 20, 12  # grey levels between two things; and between one and its soft edge, or its shadow
_LIGHT = 2.0  # grey levels by which the light of the whole picture has changed
_UPSET = 0.35  # share of what is seen that is another: the light, or the scene, has changed
_BELONGS = 1.0  # times the size of those who are marked: larger things that touch them are not theirs
_LEAST = 4  # small pixels
_HELD = 3.0  # seconds for which what was theirs stays theirs, without a mark
_SAME = 0.5  # share of it that was theirs in the frame before, at the least; and that rests, at the most
_RESTS = 1.5  # seconds after which what does not change is a thing that was put there
_TALL, _SLIM, _FULL = 1 / 20, 6.0, 0.25  # of the height; times the width; share of the box: of who may be somebody
_CLOSE, _RIM = np.ones((3, 3), np.uint8), np.ones((5, 5), np.uint8)

Box = tuple[int, int, int, int]  # left, top, width, height
_AS_USUAL = 24  # grey levels, at most, between what a frame shows and what is usual
_SHARE = 0.55  # of the frames, which must show that
_UNMARKED = 3  # of these, in which nobody was marked there
_FRAMES = 8  # frames


class Lasting:
    """What lasts of a scene, in the coordinates of its frames: ``look``, ``belonging``, then ``learn`` for each.

    Args:
        picture: what is known of it already, uint8 ``(H, W, 3)``.
        known: not 0 where that is; None: nowhere.
    """

    def __init__(self, picture: Image, known: Grey | None = None) -> None:
        self.picture = picture.copy()
        self._size = shrunk(self._wide, math.ceil(max(self._wide) / _SMALL))
        self._scene = self._small(picture)
        self._stayed = self._floats() - 1  # seconds for which the scene was seen; less than 0: never
        if known is not None:
            self._stayed[self._marks(known, whole=True) > 0] = _LASTS
        self._away = self._floats()  # seconds for which something else was seen
        self._seen = self._scene.copy()  # what is seen now, as it was when it came
        self._since, self._rested = self._floats(), self._floats()  # seconds since; the latter also where it is hidden
        self._anew = self._marks(None)  # where the scene became another
        self._credit = self._floats()  # seconds for which it may stay hidden
        self._now, self._differs, self._people = self._scene, self._marks(None), self._marks(None)
        self._passed = self._refreshed = 0.0
        self._strangers: list[NDArray[np.int32]] = []

    @property
    def _wide(self) -> tuple[int, int]:
        return self.picture.shape[1], self.picture.shape[0]

    @property
    def sure(self) -> Grey:
        """1 where `picture` is what lasted, ``(H, W)``."""
        return self._full(_over(self._stayed, _KNOWN))

    def to_know(self, hidden: Grey) -> Grey:
        """Return 1 where what lasts is to be known of what is `hidden` (1), and where it is another than at first."""
        lasts = self.sure
        return np.asarray(lasts & (hidden | self._full(self._anew) if self._anew.any() else hidden), np.uint8)

    @property
    def strangers(self) -> list[Box]:
        """Boxes of what differs from the scene and may be somebody, the largest first."""
        shrink = self._wide[0] / self._size[0]
        found: list[Box] = []
        for x, y, wide, tall, area in sorted((one.tolist() for one in self._strangers), key=lambda one: -one[4]):
            if tall >= _TALL * self._size[1] and wide < tall < _SLIM * wide and area >= _FULL * wide * tall:
                found.append((round(x * shrink), round(y * shrink), round(wide * shrink), round(tall * shrink)))
        return found

    def look(self, image: Image, passed: float, marked: Grey) -> None:
        """Compare `image`, of `passed` seconds after the last, with what lasts, where it is not `marked`."""
        self._now, self._passed, self._people = self._small(image), passed, self._marks(marked)
        few = slice(None, None, 8), slice(None, None, 8)
        known = (self._stayed[few] >= 0) & (self._people[few] == 0)
        if known.any():
            change = self._now[few][known].astype(np.int16) - self._scene[few][known]
            light = np.round(np.median(change, axis=0))
            if np.abs(light).max() >= _LIGHT:
                for picture in (self.picture, self._scene, self._seen):
                    cv2.add(picture, np.append(light, 0.0), picture)
        self._differs = _difference(self._now, self._scene)
        if known.any() and (self._differs[few][known] > _OTHER).mean() > _UPSET:
            self._stayed[(self._stayed >= 0) & (self._people == 0)] = 0
        changed = _over(_difference(self._now, self._seen), _OTHER)
        cv2.copyTo(self._now, changed, self._seen)
        for seconds in (self._since, self._rested):
            seconds += np.float32(passed)
            seconds *= 1 - changed

    def belonging(self, marked: Grey) -> Grey:
        """Return what was `marked` in the frame that was looked at, with what belongs to it, as 0 or 1.

        That is what differs from the scene, touches it and is no larger, and what was hidden with it in the frame
        before, as long as it moves.
        """
        whole = np.asarray(marked != 0, np.uint8)
        self._credit -= np.float32(self._passed)
        people, sure = self._people, _over(self._stayed, _KNOWN)
        soft = _over(self._differs, _EDGE) & sure
        held = soft & _over(self._credit, 0)
        other = (_over(self._differs, _OTHER) & sure) | held
        self._strangers = []
        mine, credit = np.zeros_like(people), self._floats()
        if other.any():
            other = np.asarray(cv2.morphologyEx(other, cv2.MORPH_CLOSE, _CLOSE), np.uint8)
            box = cv2.boundingRect(other)
            place = slice(box[1], box[1] + box[3]), slice(box[0], box[0] + box[2])
            mine[place], credit[place] = self._theirs(other[place], held[place], place)
            for stranger in self._strangers:
                stranger[:2] += box[:2]
        credit[people > 0] = _HELD
        self._credit = credit
        theirs = mine | (soft & np.asarray(cv2.dilate(people | mine, _RIM), np.uint8))
        if theirs.any():
            whole |= self._full(np.asarray(cv2.dilate(theirs, _CLOSE), np.uint8))
        return whole

    def _theirs(self, other: Grey, held: Grey, place: tuple[slice, slice]) -> tuple[Grey, Floats]:
        """What belongs to people of what is `other` than the scene, in a `place`, and how long it may stay hidden."""
        people = self._people[place]
        near = np.asarray(cv2.dilate(people, _CLOSE), np.uint8)
        count, labels, stats, _ = cv2.connectedComponentsWithStats(other | near, connectivity=8)
        beyond = other & (1 - people)
        sizes, theirs, before, rests = (
            np.bincount(labels[part > 0], minlength=count)
            for part in (people, beyond, beyond & held, beyond & _over(self._rested[place], _RESTS))
        )
        touches = (sizes > 0) & (theirs <= _BELONGS * sizes)
        stays = (before >= _SAME * theirs) & (rests < _SAME * theirs)
        belongs = (theirs >= _LEAST) & (touches | stays)
        credit = np.where(touches & belongs, np.float32(_HELD), np.float32(0))
        for label in np.flatnonzero(belongs & ~touches).tolist():
            credit[label] = self._credit[place][labels == label].max()
        self._strangers = [stats[label] for label in np.flatnonzero(~belongs & (3 * sizes < theirs)).tolist()]
        return np.asarray(belongs.astype(np.uint8)[labels] & beyond, np.uint8), credit[labels] * beyond

    def doubted(self, upon: Grey) -> Grey:
        """Forget what is the scene where a mask was put `upon` a thing that stood there (1), and is no scene.

        Returns:
            Where that is, 1 or 0: not where what lasted is another thing, nor what is beside who is marked.
        """
        thing = self._people & (1 - (_over(self._differs, _EDGE) & _over(self._stayed, _KNOWN)))
        self._stayed[(self._marks(upon) & thing) > 0] = -1
        return np.asarray(upon & self._full(thing), np.uint8)

    def learn(self, image: Image, hidden: Grey | None) -> None:
        """Learn from `image` where it is not `hidden`; then show in it, in place, what lasts where things only pass."""
        covered = np.asarray(cv2.dilate(self._marks(hidden), _RIM), np.uint8)
        self._since *= 1 - covered
        known, bare, differs = self._stayed >= 0, covered == 0, self._differs > _OTHER
        same, other = bare & known & ~differs, bare & (differs | ~known)
        self._stayed += same * np.float32(self._passed)
        self._away = (self._away + other * np.float32(self._passed)) * ~same
        taken = other & ((self._since >= self._stayed) | (self._away > _AWAY))
        self._anew |= (taken & (self._stayed >= _KNOWN)).view(np.uint8)
        np.copyto(self._stayed, self._since, where=taken)
        np.minimum(self._stayed, np.float32(_LASTS), out=self._stayed)
        self._refreshed += self._passed
        fresh = taken
        if self._refreshed > _AGAIN:
            self._refreshed = 0.0
            fresh = taken | (same & (self._since > _LASTS))
        if fresh.any():
            cv2.copyTo(self._now, fresh.view(np.uint8), self._scene)
            cv2.copyTo(image, self._full(fresh.view(np.uint8)), self.picture)
        passing = (known & differs & ~taken).view(np.uint8)  # also beside what is hidden
        if passing.any():
            wide = np.asarray(cv2.dilate(passing, _CLOSE), np.uint8) & known.view(np.uint8)
            cv2.copyTo(self.picture, self._full(wide), image)

    def _floats(self) -> Floats:
        return np.zeros(self._size[::-1], np.float32)

    def _small(self, image: Image) -> Image:
        return np.asarray(cv2.resize(image, self._size, interpolation=cv2.INTER_AREA), np.uint8)

    def _marks(self, mask: Grey | None, *, whole: bool = False) -> Grey:
        """Where a mask marks anything, or all, of a small pixel, as 0 or 1."""
        if mask is None:
            return np.zeros(self._size[::-1], np.uint8)
        marked = cv2.threshold(mask, 0, 255, cv2.THRESH_BINARY)[1]
        small = np.asarray(cv2.resize(marked, self._size, interpolation=cv2.INTER_AREA), np.uint8)
        return _over(small, 254 if whole else 0)

    def _full(self, marks: Grey) -> Grey:
        return np.asarray(cv2.resize(marks, self._wide, interpolation=cv2.INTER_NEAREST), np.uint8)


def _over(values: Grey | Floats, level: float) -> Grey:
    """Return 1 where `values` are above `level`, else 0."""
    return np.asarray(values > level, np.uint8)


def _difference(one: Image, other: Image) -> Grey:
    """How far the colours of two pictures are apart, without what is noise."""
    return np.asarray(cv2.blur(brightest(cv2.absdiff(one, other)), (3, 3)), np.uint8)


def usual(frames: Sequence[Image], marked: Sequence[Grey]) -> tuple[Image, Grey] | None:
    """Return what most of `frames` show, and 1 where it is known, else 0; None: they are too few.

    Args:
        frames: of a camera that stands still, uint8 ``(H, W, 3)``.
        marked: for each, not 0 where it shows people, ``(H, W)``.
    """
    if len(frames) < _FRAMES:
        return None
    picture, known = np.empty_like(frames[0]), np.empty_like(marked[0])
    for top in range(0, len(picture), 64):  # in strips: all of many large frames would be too much at once
        rows = slice(top, top + 64)
        strip = np.stack([image[rows] for image in frames])
        middle = np.asarray(np.median(strip, axis=0), np.uint8)
        apart = np.stack([brightest(cv2.absdiff(image, middle)) for image in strip])
        like = apart <= _AS_USUAL
        bare = like & (np.stack([marks[rows] for marks in marked]) == 0)
        picture[rows] = middle
        known[rows] = (like.sum(axis=0) >= _SHARE * len(frames)) & (bare.sum(axis=0) >= _UNMARKED)
    return picture, known
