"""Whether what was found is somebody in other colours as well: in grey, in opposite hues, and as a negative.

People are known by their shape, in whatever colours they are shown. Flowers, shellfish and birds are often taken for
somebody since they have the colours of skin and clothes.
"""

from collections.abc import Callable, Sequence
from typing import Protocol

import cv2
import numpy as np
from numpy.typing import NDArray

from gancam.frame import Image
from gancam.masks.mask import Mask
from gancam.masks.people.regions import Window, holds, network_size, shown, window_around

_LEFT = 0.6  # of what the network says of a part: as much must be left of it, on average, in the other colours
_SAYS = 0.4  # of it on average, as it is: where the network says less of a part alone, no colours tell
_AROUND = 0.25, 0.45  # of its longer side: what is shown around it; of one alone, little decides
_PART = 60  # of 255: opacity from which on pixels are of one part
_NEAR = np.ones((5, 5), np.uint8)  # of the small picture: what is as near as that is of one part: legs, and a shirt
_SPECK = 1 / 500  # of it: what is smaller may be a hand, or far away, and no colours tell


class Look(Protocol):
    """A network that finds people."""

    def __call__(self, small: Image, *, turned: bool = False) -> NDArray[np.float32]:
        """Return how surely each pixel of `small` is somebody, 0 to 1; `turned`: as its mirror image shows them."""


def without_lookalikes(
    opacity: Mask, image: Image, look: Look, work_size: int, faces: Callable[[], Sequence[Window]]
) -> Mask:
    """Return `opacity` with 0 in parts that show no face, and are nobody in other colours.

    Args:
        opacity: how much of each pixel of `image` is somebody, uint8 ``(H, W)``.
        image: uint8 ``(H, W, 3)`` BGR.
        look: the network.
        work_size: as for `gancam.masks.people.regions.network_size`.
        faces: boxes in `image`, once they are asked for.
    """
    height, width = opacity.shape
    size = network_size(width, height, work_size)
    small = np.asarray(cv2.resize(opacity, size, interpolation=cv2.INTER_AREA), np.uint8)
    marked = np.asarray(small >= _PART, np.uint8)
    count, labels, stats, _ = cv2.connectedComponentsWithStats(cv2.dilate(marked, _NEAR))
    across, down = width / size[0], height / size[1]
    gone = np.zeros(count, np.bool_)
    for part in range(1, count):
        x, y, wide, tall, area = stats[part].tolist()
        if area < _SPECK * labels.size:
            continue
        box = round(x * across), round(y * down), max(round(wide * across), 1), max(round(tall * down), 1)
        theirs = np.asarray(labels == part, np.uint8)
        if any(holds(box, face) and _is_of(face, theirs, (across, down)) for face in faces()):
            continue
        ours = cv2.resize(theirs, (width, height), interpolation=cv2.INTER_NEAREST) * (opacity >= _PART)
        gone[part] = not _is_somebody(np.asarray(ours, np.float32), box, image, look, work_size)
    if not gone.any():
        return opacity
    stays = cv2.resize(np.asarray(~gone[labels], np.uint8), (width, height), interpolation=cv2.INTER_NEAREST)
    return np.asarray(opacity * stays, np.uint8)


def _is_of(face: Window, part: NDArray[np.uint8], pixel: tuple[float, float]) -> bool:
    """Whether the middle of `face` is of a `part` of the small picture, of which a pixel is that wide and tall."""
    x, y = (int((face[axis] + face[axis + 2] / 2) / pixel[axis]) for axis in (0, 1))
    return 0 <= y < part.shape[0] and 0 <= x < part.shape[1] and bool(part[y, x])


def _is_somebody(part: NDArray[np.float32], box: Window, image: Image, look: Look, work_size: int) -> bool:
    """Whether the network says of a `part` (1) of `image`, in that `box`, much the same in other colours."""
    said = other = 0.0
    for margin in _AROUND:
        left, top, wide, tall = window = window_around(box, (image.shape[1], image.shape[0]), margin=margin)
        small = shown(image, window, work_size)
        theirs = part[top : top + tall, left : left + wide]
        theirs = np.asarray(cv2.resize(theirs, small.shape[1::-1], interpolation=cv2.INTER_AREA), np.float32)
        many = max(float(theirs.sum()), 1.0)
        for turned in (False, True):
            said += float((look(small, turned=turned) * theirs).sum()) / many
            for recoloured in (_grey(small), _opposite(small), cv2.bitwise_not(small)):
                seen = look(np.asarray(recoloured, np.uint8), turned=turned)
                other += float((seen * theirs).sum()) / many / 3
    return said < _SAYS * 2 * len(_AROUND) or other >= _LEFT * said


def _grey(small: Image) -> Image:
    return np.asarray(cv2.cvtColor(cv2.cvtColor(small, cv2.COLOR_BGR2GRAY), cv2.COLOR_GRAY2BGR), np.uint8)


def _opposite(small: Image) -> Image:
    """Each hue replaced by the one across the colour circle."""
    turned = cv2.cvtColor(small, cv2.COLOR_BGR2HSV)
    turned[..., 0] = (turned[..., 0] + 90) % 180
    return np.asarray(cv2.cvtColor(turned, cv2.COLOR_HSV2BGR), np.uint8)
