"""Arrays that are handed out again when they are not held any more."""

import sys

import numpy as np
from numpy.typing import NDArray

from gancam.inference.cuda import page_locked
from gancam.inference.providers import is_cuda, number_of

_MOST = 7  # arrays of a pool beside the newest
_SMALL = 1 << 21  # bytes of an array that is kept when others are taken: parts of a picture come by turns with it


class BufferPool:
    """Arrays that are handed out again when they are not held any more.

    So a steady stream of pictures allocates nothing. An array that was taken is the caller's, and all views of it, for
    as long as any reference is left.

    Args:
        device: Where pictures come from. For an NVIDIA GPU they lie in page-locked memory, which it writes to by
            itself, at the speed of the bus.
    """

    def __init__(self, device: str = "cpu") -> None:
        self._device = device
        self._arrays: list[NDArray[np.uint8]] = []

    def take(self, shape: tuple[int, ...]) -> NDArray[np.uint8]:
        """Give a C-contiguous uint8 array of that shape, of unknown content."""
        for array in self._arrays:
            if array.shape == shape and sys.getrefcount(array) <= _UNHELD:
                return array
        locked = page_locked(shape, number_of(self._device)) if is_cuda(self._device) else None
        made = np.empty(shape, np.uint8) if locked is None else locked
        kept = [old for old in self._arrays if old.shape == shape or old.nbytes <= _SMALL]
        self._arrays = [*kept[-_MOST:], made]
        return made


def _unheld() -> int:
    """References to an array that a list alone holds.

    Counted in a loop over that list: which ones Python counts on the way differs from version to version.
    """
    for array in [np.empty(1, np.uint8)]:
        count = sys.getrefcount(array)
    return count


_UNHELD = _unheld()
