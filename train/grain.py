"""Fields of fixed random shapes that repeat after `SIDE` pixels: where strokes and panes lie where a picture is flat.

A painter paints by them and a network is given them (`grain` of the translator): nothing of them has to be learnt.
Each is float32 ``(SIDE, SIDE)``.
"""

from collections.abc import Callable
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

Plane = NDArray[np.float32]
SIDE = 384  # pixels, more than half of the 640 that networks are shown
DAB = 46.0, 12.0  # length and width of dabs, in pixels
WAYS = 6  # angles that dabs are laid at, evenly over half a turn
LEAD, WANDER = np.pi / 4, 0.75  # where those lead that follow nothing, and how far that wanders
OFTEN = 3.0  # times that a place is painted over
BRISTLES = 4.5, 7.0  # pixels between their furrows
SPACING = 16  # pixels between the middles of panes


@lru_cache
def strokes() -> Plane:
    """Dabs of a brush, one over the other: ``(WAYS + 1, SIDE, SIDE)``, each of mean 0 and deviation 1.

    How light each is in itself and by the light from the top left: of those that lead at each of `WAYS` angles from
    the right downwards, and of those that wander.
    """
    straight = [_dabs(np.full((SIDE, SIDE), np.pi * way / WAYS), seed=10 + way) for way in range(WAYS)]
    return np.stack([*straight, _dabs(LEAD + WANDER * _waves(110.0, SIDE, 1), seed=5)])


def _dabs(leads: NDArray[np.floating], seed: int) -> Plane:
    """Dabs around the points of a shaken grid, laid in random order where `leads`, angles ``(SIDE, SIDE)``, lead."""
    rng = np.random.default_rng(seed)
    length, width = DAB
    count = round(SIDE * (OFTEN / (length * width)) ** 0.5)
    middles = (
        (np.stack([*np.mgrid[:count, :count]], -1).reshape(-1, 2) + rng.uniform(0, 1, (count**2, 2))) * SIDE / count
    )
    tone, height = np.zeros((2, SIDE, SIDE))
    reach = int(length)
    rows, columns = np.mgrid[-reach : reach + 1, -reach : reach + 1]
    for y, x in rng.permutation(middles):
        top, left = int(y), int(x)
        angle = leads[top % SIDE, left % SIDE] + rng.normal(0, 0.12)
        half = np.array([length, width]) * rng.uniform(0.7, 1.25, 2) / 2
        down, right = rows + top - y, columns + left - x
        along = right * np.cos(angle) + down * np.sin(angle)
        across = down * np.cos(angle) - right * np.sin(angle) + rng.normal(0, 0.008) * along**2
        u, v = along / half[0], across / half[1]
        inside = np.abs(u) ** 3 + np.abs(v) ** 2.5 < 1
        place = (rows + top)[inside] % SIDE, (columns + left)[inside] % SIDE
        tone[place] = rng.uniform(-1, 1)
        furrows = np.sin(2 * np.pi * (across / rng.uniform(*BRISTLES) + rng.uniform()))
        rounded = (1 - 0.9 * np.abs(v) ** 3) * (1 - 0.35 * u.clip(0, 1) ** 2)
        height[place] = (rounded + 0.25 * furrows + rng.normal(0, 0.1))[inside]
    height = _smooth(height, 1.2)  # a network is shown half as many pixels
    lit = 0.8 * (np.roll(height, -1, 0) - np.roll(height, 1, 0)) + 0.5 * (
        np.roll(height, -1, 1) - np.roll(height, 1, 1)
    )
    return _even(0.85 * _even(_smooth(tone, 0.8)) + 0.6 * _even((lit / lit.std()).clip(-2.5, 2.5)))


def _smooth(values: NDArray[np.float64], deviation: float) -> NDArray[np.float64]:
    """A Gaussian, around the border as well."""
    down, right = np.fft.fftfreq(SIDE)[:, None], np.fft.fftfreq(SIDE)[None]
    band = np.exp(-2 * (np.pi * deviation) ** 2 * (down**2 + right**2))
    return np.asarray(np.fft.ifft2(np.fft.fft2(values) * band).real)


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
