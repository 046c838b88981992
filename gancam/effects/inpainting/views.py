"""Wide parts of holes, filled with the mean of what a network makes of them in several views.

What it makes up differs with the view: in the mirror, and from farther away. The mean is nearer to the truth than one
of them, since what they agree on stays; and deep in a hole the view from farther away knows more, since there known
pixels are nearer.
"""

from collections.abc import Callable, Sequence

import cv2
import numpy as np

from gancam.effects.inpainting.holes import windows
from gancam.effects.inpainting.regions import FrameRegion, floats
from gancam.effects.inpainting.texture import Part
from gancam.frame import Image
from gancam.masks import Mask

FAR = 2  # times smaller the network sees the picture from farther away
DEEP = 32  # pixels from known ones from which on that view alone counts; nearer, in proportion

Fill = Callable[[Image, Mask, Sequence[FrameRegion], int], None]


def average(picture: Image, hole: Mask, parts: Sequence[Part], fill: Fill) -> None:
    """Bring parts of a hole that a network filled to the mean of that fill and of its fills of other views, in place.

    Args:
        picture: uint8 ``(h, w, 3)`` BGR, filled in the hole.
        hole: 1 there, else 0, uint8 ``(h, w)``.
        parts: of the hole; the rest stays.
        fill: fills what a mask marks of a picture, within windows and in place, as it looks so many times smaller.
    """
    wanted = np.zeros_like(hole)
    for part in parts:
        wanted[part.rows, part.columns] |= part.share > 0
    height, width = hole.shape
    near = windows(hole, FrameRegion(0, 0, width, height))
    near = [window for window in near if cv2.hasNonZero(wanted[window.place])]
    mirrored = [FrameRegion(width - right, top, width - left, bottom) for left, top, right, bottom in near]
    mirror, behind = (np.asarray(cv2.flip(each, 1), np.uint8) for each in (picture, hole))

    def turned(smaller: int) -> Image:
        made = mirror.copy()
        fill(made, behind.copy(), mirrored, smaller)
        return np.asarray(cv2.flip(made, 1), np.uint8)

    far = picture.copy()
    fill(far, hole.copy(), near, FAR)
    close, distant = (picture, turned(1)), (far, turned(FAR))
    depth = np.minimum(floats(cv2.distanceTransform(hole, cv2.DIST_L2, 5)) / DEEP, 1)
    for part in parts:
        place, share = (part.rows, part.columns), part.share[..., None]
        here, there = (floats(cv2.addWeighted(a[place], 0.5, b[place], 0.5, 0, dtype=cv2.CV_32F))
                       for a, b in (close, distant))  # fmt: skip
        mean = here + depth[place][..., None] * (there - here)
        picture[place] = np.round(picture[place] + share * (mean - picture[place]))
