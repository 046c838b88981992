"""What a file read ahead will show behind its holes."""

import tempfile
import weakref
import zlib
from typing import NamedTuple

import cv2
import numpy as np

from gancam.effects.inpainting.regions import Grey
from gancam.frame import Image


class Known(NamedTuple):
    """A canvas."""

    picture: Image
    state: Grey


class FutureBackground:
    """What will be uncovered in a clip, for each canvas that a `Background` begins, by the number of its first frame.
    It is kept in a temporary file."""

    def __init__(self) -> None:
        self._file = tempfile.SpooledTemporaryFile(max_size=64 << 20)  # noqa: SIM115 - closed with this
        weakref.finalize(self, self._file.close)
        self._index: dict[int, tuple[int, int, tuple[int, ...], tuple[int, ...]]] = {}

    def put(self, frame: int, known: Known) -> None:
        box = cv2.boundingRect(known.state)
        if box[2]:
            x, y, wide, tall = box
            place = slice(y, y + tall), slice(x, x + wide)
            data = zlib.compress(known.state[place].tobytes() + known.picture[place].tobytes(), 1)
            self._index[frame] = self._file.seek(0, 2), len(data), tuple(box), known.state.shape
            self._file.write(data)

    def at(self, frame: int) -> Known | None:
        if frame not in self._index:
            return None
        start, length, (x, y, wide, tall), shape = self._index[frame]
        self._file.seek(start)
        data = np.frombuffer(zlib.decompress(self._file.read(length)), np.uint8)
        picture, state = np.zeros((*shape, 3), np.uint8), np.zeros(shape, np.uint8)
        state[y : y + tall, x : x + wide] = data[: wide * tall].reshape(tall, wide)
        picture[y : y + tall, x : x + wide] = data[wide * tall :].reshape(tall, wide, 3)
        return Known(picture, state)
