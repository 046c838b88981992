"""Fields of fixed random shapes that repeat after `SIDE` pixels: where strokes lie where a picture is flat.

A painter paints by them and a network is given them (`grain` of the translator): nothing of them has to be learnt.
Each is float32 ``(SIDE, SIDE)``.
"""

from collections.abc import Callable
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

__all__ = ["ANGLES", "GRAINS", "SIDE", "laid", "strokes"]

Plane = NDArray[np.float32]
SIDE = 384  # pixels, more than half of the 640 that networks are shown
ANGLES = 4  # of strokes
LONG, WIDE = 34.0, 6.5  # strokes, in pixels


@lru_cache
def strokes() -> Plane:
    """Streaks at `ANGLES` angles, from 0 on to half a turn: ``(ANGLES, SIDE, SIDE)``, of mean 0 and deviation 1."""
    down, right = np.fft.fftfreq(SIDE)[:, None], np.fft.fftfreq(SIDE)[None]
    made = []
    for index in range(ANGLES):
        angle = np.pi * index / ANGLES
        along, across = right * np.cos(angle) + down * np.sin(angle), down * np.cos(angle) - right * np.sin(angle)
        band = np.exp(-6 * (along * LONG) ** 2 / 2 - 6 * (across * WIDE) ** 2 / 2)
        band = band * (1 - np.exp(-30 * (across * WIDE) ** 2))
        noise = np.random.default_rng(index).normal(size=(SIDE, SIDE))
        streaks = np.fft.ifft2(np.fft.fft2(noise) * band).real
        made.append(np.asarray((streaks - streaks.mean()) / streaks.std(), np.float32))
    return np.stack(made)


GRAINS: dict[str, Callable[[], Plane]] = {"strokes": strokes}


def laid(fields: Plane, shape: tuple[int, int]) -> Plane:
    """`fields` ``(c, SIDE, SIDE)`` side by side from the top left, to height and width `shape`."""
    times = [-(-length // SIDE) for length in shape]
    return np.tile(fields, (1, *times))[:, : shape[0], : shape[1]]
