"""What a network says of pictures, which it is shown in two ways by turns."""

from functools import lru_cache

import cv2
import numpy as np
from numpy.typing import NDArray

from gancam.frame import Image
from gancam.inference.model import ImageModel
from gancam.masks.people.regions import Window, carried

_MEANS = 140, 105  # grey levels that a darker picture has on average as it is shown, and its mirror image
_WHITES = 0.9, 0.75  # of white: what white is shown as
_STEEPEST = 0.3  # the exponent that brings the darkest there, or near
_SAYS = 0.33, 0.5  # of both words: how much the other way's is worth where the picture moved since, and where it rests
_WORTH = 0.3  # a probability from which on the other way is asked as well, where nothing is known yet

Plane = NDArray[np.float32]


class Looks:
    """Shows small pictures to a network, exposed as it sees people best.

    It sees few of those in the dark, so that dark pictures are lifted; and takes what is nearly white for somebody more
    often than what is grey.

    Args:
        model: The open network. One that is recurrent is shown pictures as they are.
    """

    def __init__(self, model: ImageModel) -> None:
        self._model = model
        self.alone = not model.card.recurrent  # else it must be shown one frame after another, and nothing between

    def __call__(self, small: Image, *, turned: bool = False) -> Plane:
        """Return how surely each pixel of `small` is a person, 0 to 1; `turned`: as its mirror image shows them."""
        seen = small
        if self.alone:
            seen = np.asarray(cv2.LUT(small, _exposure(round(sum(cv2.mean(small)[:3]) / 3), turned)), np.uint8)
        if turned:
            seen = np.ascontiguousarray(seen[:, ::-1])
        found = np.asarray(self._model(seen[None])[0][0][..., 0], np.float32) / np.float32(255)
        return found[:, ::-1] if turned else found


class Opinion:
    """What a network says of one part of the frame: the mean of what it says of it and of its mirror image.

    These are wrong in different places. Each is asked for every other frame; where the picture rests, what was said of
    the frame before counts as much. So it takes no longer than to ask for one of them.
    """

    def __init__(self, looks: Looks) -> None:
        self._looks = looks
        self._said: Plane | None = None  # last, and in the frame before
        self._before: Plane | None = None
        self._both: tuple[Plane, Plane] | None = None
        self._small: Image | None = None  # what was shown last, in the frame of that number
        self._tick = -1
        self.turned = False  # how the next is shown

    def __call__(self, small: Image, still: Plane | None, tick: int) -> Plane:
        """Return how surely each pixel of `small` is a person, 0 to 1.

        Args:
            small: what is shown.
            still: how surely nothing moved there since the frame before; None where that was another scene.
            tick: the number of the frame.
        """
        self._before = self._said if still is not None and tick <= self._tick + 1 else None
        self._tick = tick
        now = self._said = self._looks(small, turned=self.turned)
        self._small, self._both = small, None
        if not self._looks.alone:
            return now
        self.turned = not self.turned
        if self._before is None and float(now.max()) > _WORTH:
            return self.alike()
        return self._mean(now, still)

    def again(self, small: Image, said: Plane) -> Plane:
        """The same of another picture of the same frame: what was `said` of it, shown as the last one was."""
        self._small, self._said, self._both = small, said, None
        return self._mean(said, None)

    def both(self) -> tuple[Plane, Plane]:
        """Return what the network says of the last picture both ways."""
        if self._both is None:
            assert self._said is not None
            assert self._small is not None
            self._both = self._said, self._looks(self._small, turned=self.turned)
        return self._both

    def alike(self) -> Plane:
        """Return the mean of both, of the last picture alone: what moves quickly was elsewhere in the one before."""
        return np.asarray(sum(self.both()) * np.float32(0.5), np.float32)

    def move(self, before: Window, now: Window, size: tuple[int, int]) -> None:
        """What was said of the window `before` is said of `now` from here on, at `size` (width, height)."""
        self._said, self._before = (
            None if word is None else carried(word, before, now, size[::-1]) for word in (self._said, self._before)
        )

    def _mean(self, now: Plane, still: Plane | None) -> Plane:
        if self._before is None:
            return now
        least, most = _SAYS
        worth = np.float32(least) if still is None else np.float32(most - least) * still + np.float32(least)
        return np.asarray(now + (self._before - now) * worth, np.float32)


@lru_cache(maxsize=512)
def _exposure(mean: int, turned: bool) -> NDArray[np.uint8]:
    """How bright each grey level of a picture that has this `mean` is shown."""
    lifted = np.log(_MEANS[turned] / 255) / np.log(np.clip(mean, 1, 254) / 255)
    share = (np.arange(256) / 255) ** np.clip(lifted, _STEEPEST, 1)
    return np.asarray((255 * _WHITES[turned] * share).round(), np.uint8)
