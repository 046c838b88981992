"""The scene behind the holes of a clip, as it will be seen later: from reading a file ahead."""

from typing import NamedTuple

import cv2
import numpy as np

from gancam.effects.inpainting.retrace import Earlier
from gancam.files import Slot, Spool
from gancam.frame import Image
from gancam.vision.motion import Grey


class Known(NamedTuple):
    """A canvas: what is known of the scene, in the coordinates of an anchor frame."""

    picture: Image
    state: Grey  # UNKNOWN, INVENTED or SEEN


class FutureBackground:
    """Scene that will be uncovered in a clip, for each canvas that a `Background` begins, in a temporary file.

    Attributes:
        earlier: Where people are before they are found.
    """

    def __init__(self) -> None:
        self.earlier = Earlier()
        self._spool = Spool()
        self._index: dict[int, tuple[Slot, tuple[int, ...], tuple[int, ...]]] = {}

    def put(self, frame: int, known: Known) -> None:
        """Keep what is known of the canvas that begins with the frame of this number."""
        box = cv2.boundingRect(known.state)
        if box[2]:
            x, y, wide, tall = box
            place = slice(y, y + tall), slice(x, x + wide)
            slot = self._spool.store(known.state[place].tobytes() + known.picture[place].tobytes())
            self._index[frame] = slot, tuple(box), known.state.shape

    def at(self, frame: int) -> Known | None:
        """Return what is known of the canvas that begins with the frame of this number; None: nothing."""
        if frame not in self._index:
            return None
        slot, (x, y, wide, tall), shape = self._index[frame]
        data = np.frombuffer(self._spool.load(slot), np.uint8)
        picture, state = np.zeros((*shape, 3), np.uint8), np.zeros(shape, np.uint8)
        state[y : y + tall, x : x + wide] = data[: wide * tall].reshape(tall, wide)
        picture[y : y + tall, x : x + wide] = data[wide * tall :].reshape(tall, wide, 3)
        return Known(picture, state)
