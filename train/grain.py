"""Fields of fixed random shapes that repeat after `SIDE` pixels: where strokes and panes lie where a picture is flat.

A painter paints by them and a network is given them (`grain` of the translator): nothing of them has to be learnt.
Each is float32 ``(SIDE, SIDE)``.
"""

from collections.abc import Callable
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

__all__ = ["GRAINS", "SIDE", "laid", "panes", "paper", "strokes"]

Plane = NDArray[np.float32]
SIDE = 384  # pixels, more than half of the 640 that networks are shown
ANGLES, FINE = 4, 12  # of strokes: those that are given, and those that the wandering ones are made of
FREE, WANDER = np.pi / 5, 0.5  # where those lead, and how far they turn away from that
LONG, WIDE = 34.0, 6.5  # strokes, in pixels
SPACING = 16  # pixels between the middles of panes


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


@lru_cache
def panes() -> Plane:
    """Cells around the points of a shaken grid: ``(4, SIDE, SIDE)``.

    The lead between them 0..1, each one's tone -1..1, and how far right and down of its middle a place is, in
    `SPACING`.
    """
    rng = np.random.default_rng(7)
    count = SIDE // SPACING
    places = np.moveaxis(np.mgrid[:count, :count].astype(np.float64), 0, -1) + 0.5
    places[..., 1] += 0.5 * (np.arange(count) % 2)[:, None] - 0.25
    middles = ((places + rng.uniform(-0.34, 0.34, places.shape)) * SPACING).reshape(-1, 2)
    tones = rng.uniform(-1, 1, len(middles))
    first = np.full((SIDE, SIDE), np.inf)
    second, owner = first.copy(), np.zeros((SIDE, SIDE), np.intp)
    rows, columns = np.mgrid[:SIDE, :SIDE].astype(np.float64)
    for index, middle in enumerate(middles):
        apart = [(one - at + SIDE / 2) % SIDE - SIDE / 2 for one, at in zip((rows, columns), middle, strict=True)]
        distance = np.hypot(*apart)
        nearer = distance < first
        second = np.where(nearer, first, np.minimum(second, distance))
        first = np.where(nearer, distance, first)
        owner[nearer] = index
    lead = np.exp(-(((second - first) / 2.6) ** 2))
    right = (columns - middles[owner, 1] + SIDE / 2) % SIDE - SIDE / 2
    down = (rows - middles[owner, 0] + SIDE / 2) % SIDE - SIDE / 2
    return np.stack([lead, tones[owner], right / SPACING, down / SPACING]).astype(np.float32)


@lru_cache
def paper() -> Plane:
    """How much pigment paper takes, in large patches and in small grains: ``(2, SIDE, SIDE)``, mean 0, deviation 1."""
    return np.stack([_waves(24.0, 96.0, 0), _waves(6.0, 16.0, 1)])


GRAINS: dict[str, Callable[[], Plane]] = {"strokes": strokes, "panes": panes, "paper": paper}


def laid(fields: Plane, shape: tuple[int, int]) -> Plane:
    """`fields` ``(c, SIDE, SIDE)`` side by side from the top left, to height and width `shape`."""
    times = [-(-length // SIDE) for length in shape]
    return np.tile(fields, (1, *times))[:, : shape[0], : shape[1]]
