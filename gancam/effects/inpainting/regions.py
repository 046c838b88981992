"""Parts of the frame whose sides lie between cells, and the types of arrays that inpainting shares."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]
CELL = 8  # pixels a side of the cells in which light is compared
RING = 2 * CELL  # pixels around a hole that are compared
UNKNOWN, INVENTED, SEEN = 0, 1, 2
LASTED = 3  # likewise, of a clip that was read ahead: what was seen for long
HALO = 3  # pixels around a hole that may show the edge of what hides the scene


def floats(values: NDArray[np.generic]) -> Floats:
    """Return `values` as float32, copied only where they are not."""
    return np.asarray(values, np.float32)


def ramp(values: Floats, ends: tuple[float, float]) -> Floats:
    """Give 0 up to the first of two `ends`, 1 from the second on, and what is between them in between."""
    return floats(np.clip((values - ends[0]) / (ends[1] - ends[0]), 0, 1))


class FrameRegion(NamedTuple):
    """A part of the frame; its sides lie between cells, or are the frame's."""

    left: int
    top: int
    right: int
    bottom: int

    @classmethod
    def around(cls, box: Sequence[int], more: int, shape: tuple[int, ...]) -> "FrameRegion":
        """Return the smallest that holds `box` (left, top, width, height) and `more` pixels around, in the frame."""
        x, y, wide, tall = box
        left, top = (max(start - more, 0) // CELL * CELL for start in (x, y))
        right, bottom = (-(-(end + more) // CELL) * CELL for end in (x + wide, y + tall))
        return cls(left, top, min(right, shape[1]), min(bottom, shape[0]))

    @property
    def size(self) -> tuple[int, int]:
        """Width and height."""
        return self.right - self.left, self.bottom - self.top

    @property
    def place(self) -> tuple[slice, slice]:
        """Rows and columns of the frame."""
        return slice(self.top, self.bottom), slice(self.left, self.right)

    @property
    def cells(self) -> tuple[slice, slice]:
        """Rows and columns of the frame's cells."""
        return (
            slice(self.top // CELL, -(-self.bottom // CELL)), slice(self.left // CELL, -(-self.right // CELL))
        )  # fmt: skip
