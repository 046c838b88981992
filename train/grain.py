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
ANGLES, FINE = 4, 12  # of strokes: those that are given, and those that the wandering ones are made of
FREE, WANDER = np.pi / 5, 0.5  # where those lead, and how far they turn away from that
LONG, WIDE = 34.0, 6.5  # strokes, in pixels


@lru_cache
def strokes() -> Plane:
    """Streaks at `ANGLES` angles, from 0 on to half a turn, and last such whose angle wanders about `FREE`.

    ``(ANGLES + 1, SIDE, SIDE)``, each of mean 0 and deviation 1.
    """
    straight = [_streaks(np.pi * index / ANGLES, index) for index in range(ANGLES)]
    many = [_streaks(np.pi * index / FINE, ANGLES + index) for index in range(FINE)]
    angle = FREE + WANDER * _waves(96.0, SIDE, 1)
    shares = [np.cos(angle - np.pi * index / FINE) ** 16 for index in range(FINE)]
    wandering = sum(share * one for share, one in zip(shares, many, strict=True))
    return np.stack([*straight, _even(wandering / np.sqrt(sum(share * share for share in shares)))])


def _streaks(angle: float, seed: int) -> Plane:
    down, right = np.fft.fftfreq(SIDE)[:, None], np.fft.fftfreq(SIDE)[None]
    along, across = right * np.cos(angle) + down * np.sin(angle), down * np.cos(angle) - right * np.sin(angle)
    band = np.exp(-6 * (along * LONG) ** 2 / 2 - 6 * (across * WIDE) ** 2 / 2)
    band = band * (1 - np.exp(-30 * (across * WIDE) ** 2))
    noise = np.random.default_rng(seed).normal(size=(SIDE, SIDE))
    return _even(np.fft.ifft2(np.fft.fft2(noise) * band).real)


def _waves(finest: float, coarsest: float, seed: int) -> Plane:
    """Noise that has waves of that many pixels, the longer the stronger."""
    frequency = np.hypot(np.fft.fftfreq(SIDE)[:, None], np.fft.fftfreq(SIDE)[None])
    band = (frequency <= 1 / finest) & (frequency >= 1 / coarsest)
    noise = np.fft.fft2(np.random.default_rng(seed).normal(size=(SIDE, SIDE)))
    return _even(np.fft.ifft2(noise * band / (frequency + 1e-6)).real)


def _even(values: NDArray[np.float64]) -> Plane:
    return np.asarray((values - values.mean()) / values.std(), np.float32)


GRAINS: dict[str, Callable[[], Plane]] = {"strokes": strokes}


def laid(fields: Plane, shape: tuple[int, int]) -> Plane:
    """`fields` ``(c, SIDE, SIDE)`` side by side from the top left, to height and width `shape`."""
    times = [-(-length // SIDE) for length in shape]
    return np.tile(fields, (1, *times))[:, : shape[0], : shape[1]]
