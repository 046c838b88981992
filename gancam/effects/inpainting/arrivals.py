"""Whether a thing came with the mask that marks it, or stood there before, unmarked."""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from gancam.effects.inpainting.warp import changed_pixels
from gancam.frame import Image
from gancam.vision.motion import Grey, Matrix

_ANOTHER, _GREW = 0.85, 0.6  # share of such pixels by which a new mask, or what one grew by, hides what came with it
_LETTERS, _ABRUPT = 0.05, 3.0  # the same of what covers little of its mask, and times what changed beside and before


@dataclass
class Copy:
    """A frame, what was hidden in it, and where it was seen from."""

    image: Image
    hidden: Grey
    matrix: Matrix


def unmoved(hidden: Grey, other: Grey, now: Copy, before: Copy, earlier: Copy | None) -> Grey | None:
    """Where a mask was put upon a thing that stood there, or taken off it, between the frame before and this one.

    That is 1 where both show the same, of what is `hidden` in the one of them and not in the `other`. None: nowhere.

    What is seen without the mask is that thing there, not what is behind it. A mask that moves leaves one side as it
    gains the other, and is no such.
    """
    if before.hidden.shape != hidden.shape or np.array_equal(hidden, other):
        return None
    found: Grey | None = None
    changes: tuple[Grey, Grey] | None = None
    count, labels, stats, _ = cv2.connectedComponentsWithStats(hidden, connectivity=8)
    for label, (x, y, wide, tall, _) in enumerate(stats[1:count].tolist(), 1):
        place = slice(max(y - 16, 0), y + tall + 16), slice(max(x - 16, 0), x + wide + 16)
        mine = np.asarray(labels[place] == label, np.uint8)
        new = mine & (1 - other[place])
        gained, kept = int(new.sum()), cv2.hasNonZero(mine & other[place])
        lost = int((other[place] & (1 - hidden[place])).sum()) if kept else 0
        if not gained or lost > 0.3 * gained:
            continue
        changes = changes or _changes(now, before, earlier)
        beside = (hidden[place] | other[place]) == 0
        if not _came(changes[0][place], changes[1][place], new > 0, beside, _GREW if kept else _ANOTHER):
            found = np.zeros_like(hidden) if found is None else found
            found[place] |= new
    return found


def _changes(now: Copy, before: Copy, earlier: Copy | None) -> tuple[Grey, Grey]:
    """Where the frame is another than the one before, and where that was another than the copy before it."""
    changed = changed_pixels(now.image, before.image, now.matrix @ np.linalg.inv(before.matrix))
    if earlier is None or earlier.image.shape != now.image.shape:
        return changed, np.ones_like(changed)
    return changed, changed_pixels(before.image, earlier.image, before.matrix @ np.linalg.inv(earlier.matrix))


def _came(now: Grey, earlier: Grey, new: NDArray[np.bool_], beside: NDArray[np.bool_], most: float) -> bool:
    """Say whether a thing came, or went, with its mask; else it stood there, or moved there, without one as well.

    What is opaque changes nearly all that is marked. Letters change little of it, but at once, and nothing beside it.

    Args:
        now: 1 where the frame is another than the one before.
        earlier: 1 where that was another than an earlier one.
        new: where it was marked, or was left.
        beside: where neither frame hides anything.
        most: share of `new` that something opaque changes.
    """
    share = float(now[new].mean())
    around = float(now[beside].mean()) if beside.any() else 0.0
    return share >= most or share > max(_LETTERS, _ABRUPT * around, _ABRUPT * float(earlier[new].mean()))
