"""Several images in one call, and the times that they are given."""

import math
from collections.abc import Iterator
from contextlib import suppress
from itertools import count, repeat
from typing import SupportsFloat

import numpy as np

from gancam.errors import ImageError, InputError, shown
from gancam.frame import Image


def check_time(time: SupportsFloat | None) -> float | None:
    """Return `time`, in seconds, as a float; None stays None. Raises ``InputError`` for what is no finite number."""
    if time is None:
        return None
    with suppress(TypeError, OverflowError):  # of an array of several, and of a whole number beyond all clocks
        if isinstance(time, SupportsFloat) and math.isfinite(seconds := float(time)):
            return seconds
    raise InputError(f"time is {shown(time)}: needs seconds, or None for an image that has no time")


def as_batch(images: object) -> Image | None:
    """Take an array for several images, ``(n, H, W, 3)`` uint8 without an empty side; None for one of other dimensions.

    Raises:
        ImageError: It has four dimensions, but is none.
    """
    if not isinstance(images, np.ndarray) or images.ndim != 4:
        return None
    if images.dtype != np.uint8 or images.shape[3] != 3 or 0 in images.shape[1:]:
        raise ImageError(f"images are {images.dtype} {images.shape}: need uint8 (n, height, width, 3) BGR")
    return np.ascontiguousarray(images)


def times(first: float | None) -> Iterator[float | None]:
    """Give the times of frames that follow each other from `first` on; None, for all, where that is None."""
    return repeat(None) if first is None else count(first, 1 / 30)
