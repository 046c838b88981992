"""Finding and repairing scratches and dirt of film."""

from collections.abc import Iterable
from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from gancam.effects.inpainting.spool import Slot, Spool
from gancam.effects.inpainting.warp import disc
from gancam.frame import Frame, Image
from gancam.vision.fit import shrunk
from gancam.vision.flow import DenseFlow


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
    """Find the scratches and the dust of each frame of a clip. The first and the last have none."""
    found, window = Repairs(), list[Frame]()
    try:
        for frame in frames:
            window.append(frame)
            if len(window) == 3:
                before, now, after = window
                found[now.time] = defects(now.image, before.image, after.image)
                window.pop(0)
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
        self._late: list[tuple[Image, float | None]] = []  # the last frames

    def read_ahead(self, frames: Iterable[Frame]) -> None:
        """Find the defects of each frame of a clip."""
        self._repairs = repairs(frames)

    def __call__(self, image: Image, time: float | None) -> tuple[Image, float | None]:
        """Return a frame without its scratches, and its time, in seconds."""
        if self._repairs is not None and time is not None:
            return self._repairs[time](image), time
        late = [one for one in self._late[-2:] if one[0].shape == image.shape]
        self._late = [*late, (image.copy(), time)]
        if len(self._late) < 3:
            return self._late[0][0].copy(), self._late[0][1]  # what is given is the caller's
        (before, _), (now, then), (after, _) = self._late
        return defects(now, before, after)(now.copy()), then

    @property
    def alone(self) -> bool:
        """Whether one frame was seen, and no other beside it."""
        return len(self._late) == 1

    def reset(self) -> None:
        """Forget the frames before, and what was read ahead."""
        self._late = []
        self.close()

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


def defects(image: Image, before: Image, after: Image) -> Repair:
    """Find the defects of `image`, and the mean of `before` and `after`, both moved to where things are in it.

    A defect is lighter, or darker, than all of both that is near it (after Nadenau and Mitra, Blotch and scratch
    detection in image sequences based on rank ordered differences, 1996), thin or small, and lies in a part of the
    picture that is else as in both.
    """
    if before.shape != image.shape or after.shape != image.shape or min(image.shape[:2]) < 16:
        return NOTHING
    then, later = (_aligned(other, image) for other in (before, after))
    near = disc(1)
    over = cv2.subtract(image, cv2.dilate(cv2.max(then, later), near)).max(2)
    under = cv2.subtract(cv2.erode(cv2.min(then, later), near), image).max(2)
    height = cv2.max(over, under).astype(np.float32)
    apart = cv2.max(cv2.absdiff(image, then), cv2.absdiff(image, later)).max(2).astype(np.float32)
    noise = float(np.median(apart[::4, ::4]))
    marks = np.asarray(height > max(LEAST, NOISE * noise), np.uint8)
    if not marks.any():
        return NOTHING
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
    marks = np.asarray(cv2.dilate(good[labels].astype(np.uint8), disc(GROW)), np.uint8)
    if not marks.any() or float(marks.mean()) > MOST:
        return NOTHING
    places = np.flatnonzero(marks).astype(np.int32)
    mean = cv2.addWeighted(then, 0.5, later, 0.5, 0).reshape(-1, 3)
    return Repair(places, np.asarray(mean[places], np.uint8))


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
