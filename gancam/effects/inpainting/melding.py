"""Pieces of pictures, laid side by side, joined so that no seam is seen where they nearly agree.

The steps from pixel to pixel inside the pieces are kept rather than their colours (Perez et al.,
https://doi.org/10.1145/1201775.882269): where two pieces of a sky meet, that differ a little, there is no step.
"""

import math
from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from gancam.effects.inpainting.regions import Floats, floats, ramp

JUMP = 24.0, 48.0  # grey levels by which pieces that meet may differ without a seam, and from which on it is an edge
SOFT, PLAIN = 1.5, 5.0  # pixels: deviation of the blur in which edges are told; grey levels from pixel to pixel in none
DRIFT = 8.0  # times as far as pieces pass into each other over: what is changed farther away matters little
SMOOTHINGS = 40  # of each size


def steps(picture: Floats) -> Floats:
    """From each pixel to the one right of it, and to the one below, ``(h, w, 2c)``; 0 at the end."""
    across = np.diff(picture, axis=1, append=picture[:, -1:])
    return np.dstack([across, np.diff(picture, axis=0, append=picture[-1:])])


class Melded(NamedTuple):
    """What joins pieces."""

    change: Floats  # (h, w, 3): what to add for no seam to be seen between those that nearly agree
    cut: float  # how much there is of cuts between pieces that differ, for each edge that lies within a piece


def melded(picture: Floats, wanted: Floats, hole: NDArray[np.bool_], side: int) -> Melded:
    """Find what takes from the hole the `steps` that it has beside those `wanted`, unless so much that it is an edge.

    Args:
        picture: ``(h, w, 3)``.
        wanted: `steps` of the pieces that it is made of, ``(h, w, 6)``.
        hole: ``(h, w)``.
        side: pixels over which pieces pass into each other.
    """
    excess = np.where(hole[..., None], steps(picture) - wanted, np.float32(0))
    ways, cuts = [], 0.0
    for way, size in ((excess[..., :3], (side, 1)), (excess[..., 3:], (1, side))):
        jump = np.abs(cv2.boxFilter(way, -1, size, normalize=False, borderType=cv2.BORDER_CONSTANT)).max(2)
        stays = ramp(floats(cv2.dilate(jump, np.ones(size[::-1], np.uint8))), JUMP)
        ways.append(way * (1 - stays)[..., None])
        cuts += float((np.abs(way).max(2) * stays).sum())
    across, down = ways
    parts = np.diff(across, axis=1, prepend=0) + np.diff(down, axis=0, prepend=0)  # how far they go apart
    soft = np.abs(steps(floats(cv2.GaussianBlur(picture, (0, 0), SOFT)))).max(2)[hole]
    edges = float(soft[soft > PLAIN].sum()) + math.sqrt(float(np.count_nonzero(hole)))
    return Melded(_solved(-parts, floats(hole)[..., None], 1 / (DRIFT * side) ** 2), cuts / edges)


def _solved(change: Floats, inside: Floats, held: float) -> Floats:
    """The surface whose Laplacian less `held` times itself is `change` where it is `inside`; it is 0 elsewhere."""
    height, width = change.shape[:2]
    guess = np.zeros_like(change)
    if min(height, width) > 8:
        even = [cv2.copyMakeBorder(x, 0, height % 2, 0, width % 2, cv2.BORDER_CONSTANT) for x in (change, inside)]
        size = even[0].shape[1] // 2, even[0].shape[0] // 2
        less = [floats(cv2.resize(x, size, interpolation=cv2.INTER_AREA)) for x in even]
        coarse = _solved(4 * less[0], floats(less[1] > 0.5)[..., None], 4 * held)
        guess = cv2.resize(coarse, (size[0] * 2, size[1] * 2), interpolation=cv2.INTER_LINEAR)[:height, :width] * inside
    beside = np.array([[0, 1, 0], [1, 0, 1], [0, 1, 0]], np.float32) / 4
    for _ in range(SMOOTHINGS):
        mean = cv2.filter2D(guess, -1, beside, borderType=cv2.BORDER_CONSTANT)
        guess = (guess + np.float32(0.8) * ((4 * mean - change) / np.float32(4 + held) - guess)) * inside
    return floats(guess)
