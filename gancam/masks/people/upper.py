"""A closer look at the upper half of people: heads, arms, hands and hair are there, and legs need none."""

import numpy as np
from numpy.typing import NDArray

from gancam.frame import Image
from gancam.masks.people.looks import Looks
from gancam.masks.people.regions import Window, carried, people_in, shown, window_around

_UPPER = 0.55  # of somebody's height
_WORTH = 0.6  # of both looks: what this one is worth
_FADES = 1 / 3  # of its height, at its lower end, over which that becomes nothing
_AGAIN = 15  # frames of a video after which is seen whether that look is worth its time
_HALF = 0.45  # the probability at which nobody becomes somebody
_TELLS, _STILL_TELLS = 0.03, 0.015  # of the pixels of people, that it must see otherwise; and once it is worth it


class UpperHalf:
    """Looks closer at the upper half of people in a video, in each frame while that sees clearly otherwise.

    A head before snow or a bright sky is lost to a network that sees all of somebody, and found by one that sees them
    nearer. Mostly both see the same: so that it takes no time, that is asked only every now and then.
    """

    def __init__(self) -> None:
        self._tells, self._age = False, 0

    def __call__(
        self,
        found: NDArray[np.float32],
        image: Image,
        window: Window,
        look: Looks,
        work_size: int,
        *,
        adds: bool,
        still: NDArray[np.float32] | None,
    ) -> NDArray[np.float32]:
        """Return `found`, or what `with_upper_half` makes of it; both take the same."""
        asks, self._age = self._age % _AGAIN == 0, self._age + 1
        if not (self._tells or asks):
            return found
        adds, turned = adds or still is None, self._age % 2 == 0
        made = with_upper_half(found, image, window, look, work_size, adds=adds, still=still, turned=turned)
        if asks:
            was, now = found > _HALF, made > _HALF
            away, people = np.count_nonzero(was != now), int(np.count_nonzero(was | now))
            self._tells = bool(away > (_STILL_TELLS if self._tells else _TELLS) * people)
        return made if self._tells else found


def with_upper_half(
    found: NDArray[np.float32],
    image: Image,
    window: Window,
    look: Looks,
    work_size: int,
    *,
    adds: bool,
    still: NDArray[np.float32] | None = None,
    turned: bool | None = None,
) -> NDArray[np.float32]:
    """Return `found`, with what the network says of the upper half of whoever that shows, shown alone.

    Args:
        found: how surely each pixel of `window` is somebody, 0 to 1, ``(h, w)``.
        image: the frame, uint8 ``(H, W, 3)`` BGR.
        window: the part of it that the network was shown.
        look: shows pictures to it.
        work_size: as for `gancam.masks.people.regions.network_size`.
        adds: leave what was found as it is, where this look is less sure.
        still: how surely nothing moved, 0 to 1, as large as `found`: the same where something did, since of who is
            smeared this look is less sure; None: unknown, and it is believed everywhere.
        turned: whether it is shown the mirror image; None: both ways, of which the mean counts.
    """
    person = people_in(found, window)
    if person is None:
        return found
    height = max(round(_UPPER * person[3]), 1)
    left, top, width, _ = window_around((*person[:3], height), (image.shape[1], image.shape[0]))
    half = left, top, width, person[1] + height - top
    small = shown(image, half, work_size)
    if turned is None:
        said = np.asarray((look(small) + look(small, turned=True)) * np.float32(0.5), np.float32)
    else:
        said = look(small, turned=turned)
    worth = np.zeros_like(said)  # none beyond it
    worth[1:-1, 1:-1] = np.clip(np.linspace(1 / _FADES, 0, len(said) - 2), 0, 1)[:, None] * _WORTH
    said, worth = (carried(one, half, window, found.shape) for one in (said, worth))
    change = said - found
    if still is not None:
        change = np.maximum(change, change * still)
    return np.asarray(found + (np.maximum(change, 0) if adds else change) * worth, np.float32)
