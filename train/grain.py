"""Fields of fixed random shapes that repeat after `SIDE` pixels or less: where strokes and panes lie on flat places.

A painter paints by them and a network is given them (`grain` of the translator): nothing of them has to be learnt.
Each is float32 and square.
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
GLASS = 320  # pixels
HATCH = 192  # pixels after which hatching repeats
LINES = (25, 28), (34, -13)  # how many strokes there are down and to the right in these
LONG = 24.0  # pixels in which a pen is pressed alike
WIDE, NARROW = 24.0, 10.7  # pixels between the middles of panes
NEAR, GAP = 8.0, 6.0  # pixels beyond which it does not matter how much nearer one middle is than another


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


def _waves(finest: float, coarsest: float, seed: int, side: int = SIDE, *, along: float | None = None) -> Plane:
    """Noise that has waves of that many pixels, the longer the stronger; none shorter than `LONG` in a direction."""
    down, right = np.fft.fftfreq(side)[:, None], np.fft.fftfreq(side)[None]
    frequency = np.hypot(down, right)
    band = (frequency <= 1 / finest) & (frequency >= 1 / coarsest)
    if along is not None:
        band &= np.abs(right * np.cos(along) + down * np.sin(along)) < 1 / LONG
    noise = np.fft.fft2(np.random.default_rng(seed).normal(size=(side, side)))
    return _even(np.fft.ifft2(noise * band / (frequency + 1e-6)).real)


def _even(values: NDArray[np.float64]) -> Plane:
    return np.asarray((values - values.mean()) / values.std(), np.float32)


@lru_cache
def panes() -> Plane:
    """Two nets of panes, wide ones and narrow ones: ``(7, GLASS, GLASS)``.

    First how much nearer the middle of a narrow pane is than that of a wide one, in `NEAR`, -1..1. Then of each net how
    much nearer the nearest middle is than the second nearest, in `GAP`, 0..1; the tone of a place's pane -1..1; and how
    far towards the bottom right of its pane it is, about -0.8..0.8.
    """
    rng = np.random.default_rng(7)
    wide, narrow = _panes(WIDE, 0.36, 1, rng), _panes(NARROW, 0.34, 0, rng)
    nearer = ((wide[0] - narrow[0]) / NEAR).clip(-1, 1)
    return np.concatenate([nearer[None], wide[1:], narrow[1:]]).astype(np.float32)


def _panes(spacing: float, shake: float, evened: int, rng: np.random.Generator) -> NDArray[np.float64]:
    """The panes around the points of a grid shaken so far, each moved `evened` times to the middle of its pane.

    The distance of the nearest middle, in pixels, and the three fields of a net.
    """
    count = round(GLASS / spacing)
    spacing = GLASS / count
    places = np.moveaxis(np.mgrid[:count, :count].astype(np.float64), 0, -1) + 0.5
    places[..., 1] += 0.5 * (np.arange(count) % 2)[:, None] - 0.25
    middles = ((places + rng.uniform(-shake, shake, places.shape)) * spacing).reshape(-1, 2)
    reach = int(2 * spacing)  # beyond the second nearest of any place
    for _ in range(evened):
        _, _, owner, away = _nearest(middles, reach)
        size = np.bincount(owner.ravel(), minlength=len(middles))
        middles += np.stack([np.bincount(owner.ravel(), one.ravel(), len(middles)) / size for one in away], 1)
    first, second, owner, (down, right) = _nearest(middles, reach)
    tones = rng.uniform(-1, 1, len(middles))
    return np.stack([first, ((second - first) / GAP).clip(0, 1), tones[owner], (0.6 * right + down) / spacing])


def _nearest(
    middles: NDArray[np.float64], reach: int
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.intp], NDArray[np.float64]]:
    """The distances of the two nearest `middles`, which is the nearest, and how far down and right of it a place is.

    Each is looked for within `reach` pixels down and right, around the border as well.
    """
    first = np.full((GLASS, GLASS), np.inf)
    second, owner = first.copy(), np.zeros((GLASS, GLASS), np.intp)
    away = np.zeros((2, GLASS, GLASS))
    rows, columns = np.mgrid[-reach : reach + 1, -reach : reach + 1]
    for index, middle in enumerate(middles):
        place = (rows + int(middle[0])) % GLASS, (columns + int(middle[1])) % GLASS
        apart = (np.stack(place) - middle[:, None, None] + GLASS / 2) % GLASS - GLASS / 2
        distance = np.hypot(*apart)
        nearer = distance < first[place]
        second[place] = np.where(nearer, first[place], np.minimum(second[place], distance))
        first[place] = np.where(nearer, distance, first[place])
        owner[place] = np.where(nearer, index, owner[place])
        away[:, *place] = np.where(nearer, apart, away[:, *place])
    return first, second, owner, away


@lru_cache
def paper() -> Plane:
    """How much pigment paper takes, in large patches and in small grains: ``(2, SIDE, SIDE)``, mean 0, deviation 1."""
    return np.stack([_waves(24.0, 96.0, 0), _waves(6.0, 16.0, 1)])


@lru_cache
def hatching() -> Plane:
    """Parallel strokes of a pen, and others across them: ``(2, HATCH, HATCH)``, 1 in the middle of a stroke, 0 between.

    They waver, and are pressed more and less along their way.
    """
    down, right = np.mgrid[:HATCH, :HATCH]
    fields = []
    for seed, turns in enumerate(LINES):
        lead = np.arctan2(*turns) + np.pi / 2
        waver = 0.16 * _waves(48.0, 192.0, 10 + seed, HATCH) + 0.05 * _waves(12.0, 48.0, 20 + seed, HATCH)
        phase = (turns[0] * down + turns[1] * right) / HATCH + waver
        pressed = _waves(5.0, 60.0, 30 + seed, HATCH, along=lead)
        fields.append(1 - np.abs(2 * (phase % 1) - 1) + 0.10 * pressed)
    return np.stack(fields).astype(np.float32)


GRAINS: dict[str, Callable[[], Plane]] = {"strokes": strokes, "panes": panes, "paper": paper, "hatching": hatching}


def laid(fields: Plane, shape: tuple[int, int]) -> Plane:
    """`fields` ``(c, side, side)`` side by side from the top left, to height and width `shape`."""
    times = [-(-length // fields.shape[1]) for length in shape]
    return np.tile(fields, (1, *times))[:, : shape[0], : shape[1]]
