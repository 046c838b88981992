"""Finding and repairing scratches and dirt of film."""

from collections.abc import Iterable
from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from gancam.effects.inpainting.lines import bridged, lines, marked
from gancam.files import Slot, Spool
from gancam.frame import Frame, Image
from gancam.masks import Mask
from gancam.vision.fit import shrunk
from gancam.vision.flow import DenseFlow
from gancam.vision.planes import brightest, disc


class Repair(NamedTuple):
    """The defects of one frame: where they are, and what the frames beside it show there."""

    places: NDArray[np.int32]  # (n,) indices into the flat picture
    colours: NDArray[np.uint8]  # (n, 3)

    def __call__(self, image: Image) -> Image:
        """Return `image` ``(H, W, 3)`` repaired; itself where nothing is to be done."""
        if not len(self.places):
            return image
        repaired = image.copy()
        repaired.reshape(-1, 3)[self.places] = self.colours
        return repaired


NOTHING = Repair(np.zeros(0, np.int32), np.zeros((0, 3), np.uint8))


class Repairs:
    """The repairs of a clip by the times of its frames, in a temporary file."""

    def __init__(self) -> None:
        self._spool = Spool()
        self._index: dict[float, tuple[Slot, int]] = {}

    def __setitem__(self, time: float, repair: Repair) -> None:
        if len(repair.places):
            slot = self._spool.store(repair.places.tobytes() + repair.colours.tobytes())
            self._index[time] = slot, len(repair.places)

    def __getitem__(self, time: float) -> Repair:
        if time not in self._index:
            return NOTHING
        slot, count = self._index[time]
        data = self._spool.load(slot)
        return Repair(np.frombuffer(data, np.int32, count), np.frombuffer(data, np.uint8, -1, 4 * count).reshape(-1, 3))

    def __len__(self) -> int:
        return len(self._index)

    def close(self) -> None:
        """Forget them."""
        self._spool.close()


def repairs(frames: Iterable[Frame]) -> Repairs:
    """Find the scratches and the dust of each frame of a clip; of the first and the last, lines alone."""
    found, window = Repairs(), list[Frame]()
    try:
        for frame in frames:
            window = [*window[-2:], frame]
            if len(window) == 2:
                found[window[0].time] = defects(window[0].image, None, frame.image)
            elif len(window) == 3:
                before, now, after = window
                found[now.time] = defects(now.image, before.image, after.image)
        if len(window) > 1:
            found[window[-1].time] = defects(window[-1].image, window[-2].image, None)
    except BaseException:
        found.close()
        raise
    return found


class Scratches:
    """Takes the defects out of a video's frames: of a clip that was read ahead, else each a frame late.

    That takes the frame after: where it is not known, what is given is the frame before.
    """

    def __init__(self) -> None:
        self._repairs: Repairs | None = None  # of the clip that was read ahead
        self._late: list[tuple[Image, float | None, Mask | None]] = []  # the last frames

    def read_ahead(self, frames: Iterable[Frame]) -> None:
        """Find the defects of each frame of a clip."""
        self._repairs = repairs(frames)

    def __call__(
        self, image: Image, time: float | None, mask: Mask | None = None
    ) -> tuple[Image, float | None, Mask | None]:
        """Return a frame without its scratches, its time in seconds, and the `mask` that came with it."""
        if self._repairs is not None and time is not None:
            return self._repairs[time](image), time, mask
        late = [one for one in self._late[-2:] if one[0].shape == image.shape]
        self._late = [*late, (image.copy(), time, None if mask is None else mask.copy())]
        if len(self._late) < 3:
            first, then, marked = self._late[0]
            return first.copy(), then, marked  # what is given is the caller's
        (before, *_), (now, then, marked), (after, *_) = self._late
        return defects(now, before, after)(now.copy()), then, marked

    @property
    def alone(self) -> bool:
        """Whether one frame was seen, and no other beside it."""
        return len(self._late) == 1

    def close(self) -> None:
        """Forget what was read ahead."""
        repairs, self._repairs = self._repairs, None
        if repairs is not None:
            repairs.close()


# Defects
LEAST = 14.0  # grey levels by which a defect stands out at least
NOISE = 4.0  # times the picture's own noise, likewise
ASTRAY = 0.3  # of how far it stands out: what the picture around it differs from the frames beside it at most
MOST = 0.2  # of the picture: more is a cut, a flash or a motion that was not followed
THICK = 60  # of the shorter side: twice that is how thick a defect is at most
CERTAIN = 0.6  # of a defect must lie where the picture around it is not astray
GROW = 2  # pixels around it
SHOT = 3.0  # times as far apart as the other frame beside it: it is of another shot
BESIDE = 13, 5  # pixels wide and high around a line in which something moved, or did not
ALONE = 0.6  # of the height: on so much a line must stand out where one frame beside it is all there is
LIGHT, FLICKER = (5, 25, 50, 75, 95), 3.0  # per cent of a picture that are darker; grey levels that these flicker by
DIFFER = 12.0  # grey levels by which the frames beside differ where they do


def defects(image: Image, before: Image | None, after: Image | None) -> Repair:
    """Find the defects of `image`, and what `before` and `after` have there, both moved to where things are in it.

    A defect is lighter, or darker, than all of both that is near it (after Nadenau and Mitra, Blotch and scratch
    detection in image sequences based on rank ordered differences, 1996), thin or small, and lies in a part of the
    picture that is else as in both. Lines down the picture are found by themselves, wherever they go, and where one of
    both is not there or of another shot.
    """
    beside = [one for one in (before, after) if one is not None]
    if not beside or any(one.shape != image.shape for one in beside) or min(image.shape[:2]) < 16:
        return NOTHING
    aligned = [_aligned(_as_light(one, image), image) for one in beside]
    apart = [float(np.median(brightest(cv2.absdiff(image[::4, ::4], one[::4, ::4])))) for one in aligned]
    aligned = [one for one, far in zip(aligned, apart, strict=True) if far <= SHOT * min(apart) + LEAST]
    then, later = aligned[0], aligned[-1]
    noise = float(np.median(_apart(*(one[::4, ::4] for one in (image, then, later)))))
    long = lines(image, aligned, noise) if len(aligned) == 2 else lines(image, aligned, noise, ALONE)
    then, later = (bridged(other, lines(other, (image,), noise), GROW) for other in (then, later))
    calm = bridged(image, long, GROW)
    small = _small(calm, then, later, noise) if len(aligned) == 2 else np.zeros(image.shape[:2], np.uint8)
    marks = marked(long, image.shape[:2], GROW) | small
    if not marks.any() or float(marks.mean()) > MOST:
        return NOTHING
    places = np.flatnonzero(marks).astype(np.int32)
    return Repair(places, _under(places, calm, small, then, later, noise))


def _apart(image: Image, then: Image, later: Image) -> NDArray[np.uint8]:
    return np.asarray(brightest(cv2.max(cv2.absdiff(image, then), cv2.absdiff(image, later))), np.uint8)


def _small(image: Image, then: Image, later: Image, noise: float) -> NDArray[np.uint8]:
    """1 where `image` has what is thin or small, and in neither of the others."""
    near = disc(1)
    over = cv2.subtract(image, cv2.dilate(cv2.max(then, later), near))
    under = cv2.subtract(cv2.erode(cv2.min(then, later), near), image)
    height, apart = (one.astype(np.float32) for one in (brightest(cv2.max(over, under)), _apart(image, then, later)))
    marks = np.asarray(height > max(LEAST, NOISE * noise), np.uint8)
    if not marks.any():
        return marks
    whole = np.asarray(cv2.dilate(marks, disc(GROW)), np.uint8)
    whole &= np.asarray(apart > max(LEAST / 2, 2 * noise), np.uint8) | marks
    thick = cv2.morphologyEx(whole, cv2.MORPH_OPEN, disc(max(min(image.shape[:2]) // THICK, 3)))
    others = np.asarray(1 - cv2.dilate(whole, disc(GROW)), np.float32)
    reach = (4 * GROW + 9,) * 2
    astray = cv2.blur(apart * others, reach) / np.maximum(cv2.blur(others, reach), 1e-3)
    sure = marks & np.asarray(astray < ASTRAY * height, np.uint8)
    count, labels, stats, _ = cv2.connectedComponentsWithStats(whole, connectivity=8)
    strong, certain, wide = (np.bincount(labels.reshape(-1), x.reshape(-1) > 0, count) for x in (marks, sure, thick))
    good = (certain >= 3) & (certain > CERTAIN * strong) & (wide < 0.3 * stats[:, cv2.CC_STAT_AREA])
    good[0] = False
    return np.asarray(cv2.dilate(good[labels].astype(np.uint8), disc(GROW)), np.uint8)


def _under(
    places: NDArray[np.int32], calm: Image, small: NDArray[np.uint8], then: Image, later: Image, noise: float
) -> NDArray[np.uint8]:
    """What is under defects: the mean of both others, and where they differ, the one that is like what is around.

    Around is `calm`, in which lines are bridged, but for what is `small`; where neither is like that, or a line runs
    over somebody who walks, that is taken.
    """
    before, after, around = (one.reshape(-1, 3)[places].astype(np.int16) for one in (then, later, calm))
    before, after = before + _lighter(calm, then), after + _lighter(calm, later)
    mean, limit = (before + after + 1) // 2, max(DIFFER, 3 * noise)
    differ = np.abs(before - after).max(1) > limit
    if differ.any() and small.any():
        window = (4 * GROW + 9,) * 2
        share = np.maximum(cv2.blur(np.asarray(1 - small, np.float32), window), 1e-2).reshape(-1)[places]
        known = cv2.blur(cv2.copyTo(calm, 1 - small), window).reshape(-1, 3)[places] / share[:, None]
        around = np.where(small.reshape(-1)[places][:, None] > 0, np.minimum(known, 255).astype(np.int16), around)
    beside = np.asarray(_apart(calm, then, later), np.float32)  # of lines, these are of what is on both sides
    moved = cv2.blur(beside, BESIDE).reshape(-1)[places] > 2 * limit
    off = [np.abs(one - around).max(1) for one in (before, after)]
    chosen = np.where((off[0] < off[1])[:, None], before, after)
    chosen = np.where((np.minimum(*off) < 2 * limit)[:, None], chosen, around)
    chosen = np.where(differ[:, None], chosen, mean)
    chosen = np.where((moved & (small.reshape(-1)[places] == 0))[:, None], around, chosen)
    return np.clip(chosen, 0, 255).astype(np.uint8)


def _lighter(image: Image, other: Image) -> NDArray[np.int16]:
    """By how much `image` is lighter than `other`, ``(3,)``: old film flickers."""
    apart = np.asarray(cv2.subtract(image[::4, ::4], other[::4, ::4], dtype=cv2.CV_16S), np.int16)
    return np.asarray(np.median(apart.reshape(-1, 3), 0), np.int16)


def _as_light(other: Image, image: Image) -> Image:
    """`other` as light as `image`, whose lamp had another strength: else all of a film that flickers is astray."""
    was, now = (np.percentile(one[::4, ::4], LIGHT, axis=(0, 1)) for one in (other, image))
    if np.abs(np.median(now - was, 0)).max() < FLICKER:
        return other
    levels = np.arange(256.0)
    tables = [levels + np.interp(levels, *pair) for pair in zip(was.T, (now - was).T, strict=True)]
    return np.asarray(cv2.LUT(other, np.rint(np.dstack(tables)).clip(0, 255).astype(np.uint8)), np.uint8)


def _aligned(other: Image, image: Image) -> Image:
    """`other` with everything moved to where it is in `image`."""
    height, width = image.shape[:2]
    shrink = max(max(height, width) / 480, 1.0)
    size = shrunk((width, height), shrink, least=16)
    # What is thin is smoothed away, so that the motion is not that of the scratches.
    now, then = (
        np.asarray(
            cv2.medianBlur(cv2.cvtColor(cv2.resize(x, size, interpolation=cv2.INTER_AREA), cv2.COLOR_BGR2GRAY), 5),
            np.uint8,
        )
        for x in (image, other)
    )
    motion = DenseFlow(preset=cv2.DISOPTICAL_FLOW_PRESET_FAST)(now, then, (width, height))
    return other if motion is None else motion.carry(other)
