"""Masks of people."""

from functools import lru_cache

import cv2
import numpy as np
from numpy.typing import NDArray

from gancam.frame import Image, ImageLike, check_image
from gancam.inference.catalog import MODELS
from gancam.inference.model import ImageModel
from gancam.masks.mask import Mask, MaskSource
from gancam.vision.motion import is_cut

_WORK_SIZE = 256  # pixels of the longer side of frames of 16:9 that the network is shown, where its card says nothing
_RADIUS, _FLAT = 3, 100.0  # of the guided filter: its window, and the variance under which there is no edge
_CHANGE = 0.15  # of a probability, which the noise of a camera makes
_MARKED = 60  # of 255: opacity from which on a wide mask marks a pixel: hair, and the blur of a hand
_RIM = 240  # of the shorter side: how far a wide mask reaches beyond that, over what compression smeared of people
_TRAIL = 20  # hundredths of a second for which a pixel stays marked
_GONE = 0.5  # times as many pixels as in the frame before: fewer is a mistake, not somebody who walks out
_KEPT = 1.0  # seconds for which such a mistake may last
_NONE, _ALL = 0.12, 0.92  # what is less is nobody, what is more is all somebody: no haze around heads


class Person(MaskSource):
    """People near the camera, as MediaPipe's selfie segmentation sees them: bundled, nothing to name.

    What the network is not sure of (as MediaPipe does it), or what hardly changed, stays as it was in the frame before,
    so that edges do not tremble, but for a cut; they are then laid along those of the frame (fast guided filter,
    https://arxiv.org/abs/1505.00996).

    Args:
        model: The open network; None opens the bundled one on the CPU.
        hold: 0 to 1: how much of the frame before stays there.
        wide: Rather mark too much than show somebody: what may be hair is marked, and some pixels around, each stays so
            for a fifth of a second, and where most of what was marked is gone from one frame to the next, all of it
            stays for a second.
            Frames without a time are taken to be 1/30 s apart.
    """

    def __init__(self, model: ImageModel | None = None, *, hold: float = 0.7, wide: bool = False) -> None:
        self._model = model if model is not None else ImageModel(MODELS / "background.onnx", device="cpu")
        self.hold, self.wide = hold, wide
        self._before: tuple[Image, NDArray[np.float32]] | None = None  # the last small picture, and what was found
        self._left: Mask = np.zeros((0, 0), np.uint8)  # hundredths of a second for which a pixel is still marked
        self._many = 0  # pixels in which somebody was seen last
        self._missed = self._clock = 0.0  # seconds for which they have been gone; time of the last frame

    def __call__(self, image: Image, *, time: float | None = None) -> Mask:
        """Return 1 where a person is in `image`, else 0."""
        opacity = self.opacity(image)
        return self._widened(opacity, time) if self.wide else np.asarray(opacity > 127, np.uint8)

    def _widened(self, opacity: NDArray[np.uint8], time: float | None) -> Mask:
        now = self._clock + 1 / 30 if time is None else time
        passed, self._clock = max(now - self._clock, 0.0), now
        rim = 2 * max(round(min(opacity.shape) / _RIM), 1) + 1
        around = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (rim, rim))
        seen = np.asarray(cv2.dilate(cv2.threshold(opacity, _MARKED, _TRAIL, cv2.THRESH_BINARY)[1], around), np.uint8)
        if self._left.shape != seen.shape:
            self._left, self._many, self._missed = np.zeros_like(seen), 0, 0.0
        many = cv2.countNonZero(seen)
        self._missed = self._missed + passed if many < _GONE * self._many else 0.0
        if self._missed == 0.0 or self._missed > _KEPT:
            self._left -= np.minimum(self._left, np.uint8(min(round(100 * passed), 255)))
            self._many = many
        self._left = np.asarray(cv2.max(self._left, seen), np.uint8)
        return np.asarray(self._left > 0, np.uint8)

    def opacity(self, image: ImageLike) -> NDArray[np.uint8]:
        """Return how much of each pixel of `image` ``(H, W, 3)`` is a person: ``(H, W)``, 0 to 255."""
        image = check_image(image)
        height, width = image.shape[:2]
        size = _size(width, height, self._model.card.work_size or _WORK_SIZE)
        small = np.asarray(cv2.resize(image, size, interpolation=cv2.INTER_AREA), np.uint8)
        found = np.asarray(self._model(small[None])[0][0][..., 0], np.float32) / np.float32(255)
        if self._before is not None and not is_cut(self._before[0], small):
            change = self._before[1] - found
            kept = np.maximum(1 - (2 * found - 1) ** 2, np.exp(-((change / _CHANGE) ** 2)))
            found = np.asarray(found + change * kept * self.hold, np.float32)
        self._before = small, found
        return _along_edges(found, small, image)

    def reset(self) -> None:
        """Forget the frames before."""
        self._before, self._left = None, np.zeros((0, 0), np.uint8)
        self._many, self._missed, self._clock = 0, 0.0, 0.0


@lru_cache(maxsize=8)
def _size(width: int, height: int, work_size: int) -> tuple[int, int]:
    """Width and height, in multiples of 16, that the network is shown a frame at.

    They are as many pixels as 16:9 has whose longer side is `work_size`.
    """
    shrink = (work_size * work_size * 9 / 16 / (width * height)) ** 0.5
    across, down = (max(round(side * shrink / 16), 2) * 16 for side in (width, height))
    return min(across, 1024), min(down, 1024)


def _along_edges(found: NDArray[np.float32], small: Image, image: Image) -> NDArray[np.uint8]:
    """`found`, made of `small`, at the size of `image`, as a local linear function of that one's luma."""
    guide = cv2.cvtColor(small, cv2.COLOR_BGR2GRAY).astype(np.float32)
    window = (2 * _RADIUS + 1,) * 2
    mean, aim = cv2.blur(guide, window), cv2.blur(found, window)
    slope = (cv2.blur(guide * found, window) - mean * aim) / (cv2.blur(guide * guide, window) - mean * mean + _FLAT)
    offset = aim - slope * mean
    size = image.shape[1], image.shape[0]
    slopes, offsets = (
        cv2.resize(cv2.blur(one, window), size, interpolation=cv2.INTER_LINEAR) for one in (slope, offset)
    )
    grey = cv2.blur(cv2.cvtColor(image, cv2.COLOR_BGR2GRAY), (3, 3))  # else a camera's noise is seen at edges
    whole = cv2.multiply(slopes, grey, dtype=cv2.CV_32F) + offsets
    scale = 255 / (_ALL - _NONE)
    return np.asarray(cv2.convertScaleAbs(np.maximum(whole, _NONE), alpha=scale, beta=-_NONE * scale), np.uint8)
