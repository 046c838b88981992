"""How often the same is laid into a hole: where a few pieces must do for all of it, they are seen as a pattern."""

import cv2
import numpy as np

from gancam.effects.inpainting.pieces import PATCH, Matches
from gancam.effects.inpainting.regions import Floats, floats

_AROUND = 15  # places a side over which that is averaged


def used(matches: Matches, unit: int, shape: tuple[int, int]) -> Floats:
    """Say for each place of the anchors' grid how often what lies around it lies in the hole; 1: there alone.

    Args:
        matches: what was found, in pixels.
        unit: pixels a side of a place.
        shape: of the grid.
    """
    known = np.isfinite(matches.unlike)
    row, column = matches.row[known], matches.column[known]
    _, cell, count = np.unique(
        (matches.found_row[known] // unit << 20) + matches.found_column[known] // unit,
        return_inverse=True, return_counts=True,
    )  # fmt: skip
    sums = np.zeros((*shape, 2), np.float32)
    middle = np.minimum(row + PATCH // 2, shape[0] - 1), np.minimum(column + PATCH // 2, shape[1] - 1)
    sums[middle] = np.column_stack([count[cell], np.ones(len(row))])
    sums = floats(cv2.blur(sums, (_AROUND, _AROUND), borderType=cv2.BORDER_CONSTANT))
    return floats(sums[..., 0] / np.maximum(sums[..., 1], 1e-6))
