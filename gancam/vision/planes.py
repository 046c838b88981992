"""Planes of numbers: arrays by name, which the system is slow to give for each frame, and what is done with them."""

from typing import TypeVar

import cv2
import numpy as np
from cv2.typing import MatLike
from numpy.typing import NDArray

T = TypeVar("T", np.uint8, np.uint16, np.int16, np.int32, np.float32)


class Planes:
    """Arrays by name, made at the first call for one, and anew where another shape or type is asked for."""

    def __init__(self) -> None:
        self._made: dict[str, NDArray[np.generic]] = {}

    def __call__(self, name: str, shape: tuple[int, ...], kind: type[T]) -> NDArray[T]:
        """Give the array `name`, of any content: what the last call for it was filled with, or nothing yet."""
        found = self._made.get(name)
        if found is None or found.shape != shape or found.dtype != kind:
            found = self._made[name] = np.empty(shape, kind)
        return found  # type: ignore[return-value]  # it is of that type


def ramp(values: MatLike, first: float, last: float) -> NDArray[np.float32]:
    """Give 0 where `values` are `first` or less, 1 from `last` on, and what lies between in between, float32."""
    return np.asarray(np.clip((values - np.float32(first)) * np.float32(1 / (last - first)), 0, 1), np.float32)


def brightest(image: MatLike) -> MatLike:
    """Give the most of the three channels of each place, ``(..., 3)`` -> ``(...)``, far faster than ``max(-1)``."""
    return np.maximum(np.maximum(image[..., 0], image[..., 1]), image[..., 2])


def darkest(image: MatLike) -> MatLike:
    """Give the least of the three channels of each place, as `brightest` does."""
    return np.minimum(np.minimum(image[..., 0], image[..., 1]), image[..., 2])


def disc(radius: int) -> NDArray[np.uint8]:
    """Give a structuring element: a disc of `radius` pixels."""
    side = 2 * radius + 1
    return np.asarray(cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (side, side)), np.uint8)
