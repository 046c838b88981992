"""Paths through a generator's latent space.

A path is a function: the same place in it and the same parameters give the same picture, live and offline, in whatever
order places are taken.

    seeds -> z of each (`seeded`) -> keys of a `Path`, which joins them smoothly, in w or on the sphere of z
          -> a w for a phase, at constant perceptual speed (`Path.at`) -> a w for each layer (`styles`) -> picture

A phase counts keys: 0 at the first, 1 at the second, and between them in proportion to what is seen to change.
"""

import math
from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from gancam.errors import InputError

Latents = NDArray[np.float32]  # (n, latent)
SPACES = ("w", "z")
EASES: dict[str, Callable[[float], float]] = {  # of the share of the way from key to key
    "linear": lambda share: share,
    "smooth": lambda share: share * share * (3 - 2 * share),
    "hold": lambda share: EASES["smooth"](min(max(2 * share - 0.5, 0.0), 1.0)),  # half of the time on the keys
}
SAMPLES = 16  # pictures from key to key by which speed is measured: the largest step is then 1.1 to 1.2 of the median
STRETCH = 3  # keys of a walk over which its speed is evened out at a time; 1 where it begins, so that it begins at once
PSI = 0.7  # truncation that suits generators with a mapping


class LatentModel(Protocol):
    """What a path needs of a generator; ``gancam.inference.model.Generator`` is one."""

    @property
    def centre(self) -> Latents:
        """The mean w, ``(1, latent)``."""

    @property
    def layers(self) -> int:
        """How many w make a picture."""

    def mapping(self, z: Latents) -> Latents:
        """Map z ``(n, latent)`` to w, of the same shape."""

    def synthesis(self, ws: NDArray[np.float32]) -> NDArray[np.uint8]:
        """Make images ``(n, h, w, 3)`` of a w for each layer, ``(n, layers, latent)``."""


def seeded(seeds: Sequence[int], size: int) -> Latents:
    """Draw a z ``(n, size)`` for each seed, standard normal and the same everywhere.

    Raises ``InputError`` for a seed below 0.
    """
    if seeds and min(seeds) < 0:
        raise InputError(f"seed {min(seeds)}: must be 0 or more")
    rows = [np.random.default_rng(seed).standard_normal(size, np.float32) for seed in seeds]
    return np.stack(rows) if rows else np.empty((0, size), np.float32)


def slerp(start: NDArray[np.float64], end: NDArray[np.float64], share: float) -> NDArray[np.float64]:
    """Interpolate between two vectors spherically, at `share` (0 to 1) of the way.

    The direction goes along the great circle at constant angular speed, the length linearly
    (https://dl.acm.org/doi/10.1145/325334.325242). Opposite directions have no such circle: straight through then.
    """
    lengths = np.linalg.norm(start), np.linalg.norm(end)
    if min(lengths) == 0.0:
        return start + (end - start) * share
    a, b = start / lengths[0], end / lengths[1]
    angle = math.acos(min(max(float(a @ b), -1.0), 1.0))
    if angle < 1e-6 or math.pi - angle < 1e-6:
        return start + (end - start) * share
    way = (np.sin((1 - share) * angle) * a + np.sin(share * angle) * b) / np.sin(angle)
    return np.asarray(way * (lengths[0] + (lengths[1] - lengths[0]) * share))


def styles(
    w: Latents,
    generator: LatentModel,
    *,
    truncation: float | None = 1.0,
    other: Latents | None = None,
    other_from: int = 0,
) -> NDArray[np.float32]:
    """Give each layer a w, ``(n, layers, latent)`` float32, as ``synthesis`` takes them.

    Args:
        w: ``(n, latent)``.
        generator: Whose layers and centre they are.
        truncation: How far all are from the generator's centre: 1 leaves them, 0 leaves nothing but the centre. None is
            what suits the generator: 0.7, and 1 for one without a mapping (its only layer takes z itself, and a shorter
            z than it was trained on is a blur).
        other: ``(1, latent)``, for style mixing: early layers shape, late ones colour.
        other_from: The layer from which on `other` takes the place of `w`.

    Raises:
        InputError: A truncation below 0 or above 1.
    """
    if truncation is None:
        truncation = PSI if generator.layers > 1 else 1.0
    if not 0.0 <= truncation <= 1.0:
        raise InputError(f"truncation {truncation}: must be 0 to 1")
    ws = np.repeat(w[:, None], generator.layers, axis=1)
    if other is not None:
        ws[:, max(other_from, 0) :] = other[:, None]
    centre = generator.centre[:, None]
    return np.asarray(centre + np.float32(truncation) * (ws - centre), np.float32)


class Path:
    """A way through keys: a seamless loop through those of several seeds, or an endless walk that one seed starts.

    A walk goes anywhere, or, with `seeds`, from one of theirs to another: all of them, in an order of its own, then in
    another one, and so on.

    A loop of n keys is a phase of n long, and at its beginning again to the bit; it has them in order, each when it
    comes. A walk has no end; the keys 0, 1, 4, 7 ... and -3, -6 ... come at their whole phase. All along a loop, and
    between those keys of a walk, pictures change at a constant speed, as measured on pictures of the generator.

    Measuring takes 16 pictures a key, when a stretch is first asked for; for a walk, `prepare` does it a few pictures
    at a time beforehand.

    Args:
        generator: Whose latent space it is.
        seeds: Of the keys of a loop, or of those that a walk has after its first, each 0 or more.
        walk: The seed of a walk, 0 or more, whose picture is the first; None: a loop.
        space: "w": a smooth curve through the keys in w, for generators that map z to w; "z": along the sphere of z.

    Raises:
        InputError: Neither seeds nor a walk, a seed below 0, or an unknown space.
    """

    def __init__(
        self, generator: LatentModel, seeds: Sequence[int] = (), *, walk: int | None = None, space: str = "w"
    ) -> None:
        if space not in SPACES:
            raise InputError(f"space {space!r} must be {' or '.join(SPACES)}")
        if walk is None and not seeds:
            raise InputError("a path needs seeds for a loop, or one seed for a walk")
        if (least := min([*seeds, *([] if walk is None else [walk])])) < 0:
            raise InputError(f"seed {least}: must be 0 or more")
        self._generator, self._walk, self._seeds = generator, walk, tuple(seeds)
        self._space = space
        self.keys = len(self._seeds) if walk is None else None  # of a loop; a walk has no end
        self._size = generator.centre.shape[1]
        self._key = lru_cache(maxsize=64)(self._make_key)
        self._paces: dict[int, _Pace] = {}

    def at(self, phase: float, ease: str = "linear") -> Latents:
        """Give the w ``(1, latent)`` at a phase.

        Args:
            phase: In keys, of any sign.
            ease: One of `EASES`; another than linear slows down near the keys.

        Raises:
            InputError: An unknown `ease`.
        """
        if ease not in EASES:
            raise InputError(f"ease {ease!r} must be of {', '.join(EASES)}")
        return self._between(self._place(phase, EASES[ease]))

    def prepare(self, phase: float, pictures: int) -> None:
        """Measure what comes after `phase` with at most so many pictures, so that `at` need not later."""
        if self.keys is None:
            start, length = self._stretch(phase)
            self._pace(start, length).measure(None)
            self._pace(*self._stretch(start + length)).measure(pictures)

    def _place(self, phase: float, ease: Callable[[float], float]) -> float:
        """Where on the curve the path is at `phase`: both count keys, but places know nothing of speed."""
        if self.keys is not None:
            phase = phase % self.keys
            if phase == self.keys:  # what % may give for a hair's breadth below 0
                phase = 0.0
        start, length = self._stretch(phase)
        pace = self._pace(start, length)
        pace.measure(None)
        return start + pace.place(phase - start, ease)

    def _stretch(self, phase: float) -> tuple[int, int]:
        """The first key and the length of the stretch that `phase` is in."""
        if self.keys is not None:
            return 0, self.keys
        if 0.0 <= phase < 1.0:
            return 0, 1
        first = 1 if phase >= 1.0 else 0
        return first + STRETCH * math.floor((phase - first) / STRETCH), STRETCH

    def _pace(self, start: int, length: int) -> "_Pace":
        if start not in self._paces:
            if len(self._paces) > 3:
                del self._paces[next(iter(self._paces))]  # the oldest, which a walk has left behind
            self._paces[start] = _Pace(lambda place: self._look(start + place), length)
        return self._paces[start]

    def _look(self, place: float) -> NDArray[np.uint8]:
        picture: NDArray[np.uint8] = self._generator.synthesis(
            styles(self._between(place), self._generator, truncation=None)
        )[0]
        return picture

    def _between(self, place: float) -> Latents:
        """The w ``(1, latent)`` at a place."""
        first = math.floor(place)
        keys = [self._key((first + offset) % self.keys if self.keys else first + offset) for offset in range(-1, 3)]
        if self._space == "z":
            return self._generator.mapping(np.asarray([_along_sphere(keys, place - first)], np.float32))
        return np.asarray([_through(keys, place - first)], np.float32)

    def _make_key(self, index: int) -> NDArray[np.float64]:
        """Key number `index` of the curve: a w, or a z."""
        if self._walk is None:
            z = seeded([self._seeds[index]], self._size)
        elif self._seeds and index:
            around, place = divmod(index - (index > 0), len(self._seeds))
            order = np.random.default_rng([self._walk, 2 * around if around >= 0 else -2 * around - 1])
            z = seeded([self._seeds[order.permutation(len(self._seeds))[place]]], self._size)
        else:  # a walk's seed is its first key, so that it starts with the picture of that number
            entropy = [self._walk, 2 * index if index >= 0 else -2 * index - 1] if index else self._walk
            z = np.random.default_rng(entropy).standard_normal((1, self._size), np.float32)
        return np.asarray((z if self._space == "z" else self._generator.mapping(z))[0], np.float64)


class _Pace:
    """How much pictures change along one stretch of a path.

    Measured picture by picture, so that it does not matter to the last bit how many were made at once.
    """

    def __init__(self, look: Callable[[float], NDArray[np.uint8]], length: int) -> None:
        self._look, self._length = look, length
        self._places = np.arange(length * SAMPLES + 1) / SAMPLES
        self._last = look(0.0).astype(np.float32)
        self._seen = [0.0]  # the sum of all changes up to each place

    def measure(self, most: int | None) -> None:
        """Go on, with at most so many pictures (None: to the end)."""
        left = self._places[len(self._seen) :].tolist()
        for place in left[:most]:
            picture = self._look(place).astype(np.float32)
            change = math.sqrt(float(np.square(picture - self._last).mean()))
            self._seen.append(self._seen[-1] + change + 1e-3)  # where nothing changes there is a middle, too
            self._last = picture

    def place(self, phase: float, ease: Callable[[float], float]) -> float:
        """From a phase, 0 to the length, to a place on the curve, 0 to the length."""
        seen = np.asarray(self._seen)
        wanted = phase / self._length * seen[-1]
        keys = seen[::SAMPLES]
        key = min(int(np.searchsorted(keys, wanted, side="right")) - 1, self._length - 1)
        begin, end = keys[key], keys[key + 1]
        wanted = begin + (end - begin) * ease((wanted - begin) / (end - begin))
        return float(np.interp(wanted, seen, self._places))


def _through(keys: Sequence[NDArray[np.float64]], share: float) -> NDArray[np.float64]:
    """From the second of four keys to the third on the Catmull-Rom spline: smooth where parts meet."""
    before, start, end, after = keys
    slope = end - before
    bend = 2 * before - 5 * start + 4 * end - after
    turn = 3 * (start - end) + after - before
    return np.asarray(start + 0.5 * share * (slope + share * (bend + share * turn)))


def _along_sphere(keys: Sequence[NDArray[np.float64]], share: float) -> NDArray[np.float64]:
    """From the second of four keys to the third on a sphere: Shoemake's squad, and lengths linearly.

    With the sphere's own logarithm and exponential.
    """
    lengths = [float(np.linalg.norm(key)) for key in keys]
    if min(lengths) == 0.0:
        return _through(keys, share)
    a, b, c, d = (key / length for key, length in zip(keys, lengths, strict=True))
    inner = _exponential(b, -(_logarithm(b, c) + _logarithm(b, a)) / 4)
    outer = _exponential(c, -(_logarithm(c, d) + _logarithm(c, b)) / 4)
    way = slerp(slerp(b, c, share), slerp(inner, outer, share), 2 * share * (1 - share))
    return np.asarray(way / np.linalg.norm(way) * (lengths[1] + (lengths[2] - lengths[1]) * share))


def _logarithm(origin: NDArray[np.float64], point: NDArray[np.float64]) -> NDArray[np.float64]:
    """The tangent at `origin` that leads to `point`, both of length 1."""
    across = point - origin * float(origin @ point)
    length = float(np.linalg.norm(across))
    if length < 1e-9:
        return np.zeros_like(origin)
    return np.asarray(across * (math.atan2(length, float(origin @ point)) / length))


def _exponential(origin: NDArray[np.float64], tangent: NDArray[np.float64]) -> NDArray[np.float64]:
    length = float(np.linalg.norm(tangent))
    if length < 1e-9:
        return origin
    return np.asarray(math.cos(length) * origin + math.sin(length) / length * tangent)
