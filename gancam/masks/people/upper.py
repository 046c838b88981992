"""A closer look at the upper half of people: arms, hands and hair are there, and legs need none."""

import numpy as np
from numpy.typing import NDArray

from gancam.frame import Image
from gancam.masks.people.looks import Looks
from gancam.masks.people.regions import Window, carried, people_in, shown, window_around

_UPPER = 0.55  # of somebody's height
_WORTH = 0.6  # of both looks: what this one is worth
_FADES = 1 / 3  # of its height, at its lower end, over which that becomes nothing


def with_upper_half(
    found: NDArray[np.float32], image: Image, window: Window, look: Looks, work_size: int, *, adds: bool
) -> NDArray[np.float32]:
    """Return `found`, with what the network says, both ways, of the upper half of whoever that shows, shown alone.

    Args:
        found: how surely each pixel of `window` is somebody, 0 to 1, ``(h, w)``.
        image: the frame, uint8 ``(H, W, 3)`` BGR.
        window: the part of it that the network was shown.
        look: shows pictures to it.
        work_size: as for `gancam.masks.people.regions.network_size`.
        adds: leave what was found as it is, where this look is less sure.
    """
    person = people_in(found, window)
    if person is None:
        return found
    height = max(round(_UPPER * person[3]), 1)
    left, top, width, _ = window_around((*person[:3], height), (image.shape[1], image.shape[0]))
    half = left, top, width, person[1] + height - top
    small = shown(image, half, work_size)
    said = np.asarray((look(small) + look(small, turned=True)) * np.float32(0.5), np.float32)
    worth = np.zeros_like(said)  # none beyond it
    worth[1:-1, 1:-1] = np.clip(np.linspace(1 / _FADES, 0, len(said) - 2), 0, 1)[:, None] * _WORTH
    said, worth = (carried(one, half, window, found.shape) for one in (said, worth))
    change = said - found
    return np.asarray(found + (np.maximum(change, 0) if adds else change) * worth, np.float32)
