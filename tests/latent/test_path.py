"""Paths through the latent space of a small generator that is a formula."""

import math
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from gancam.errors import InputError
from gancam.latent.path import EASES, SAMPLES, STRETCH, Latents, Path, seeded, slerp, styles


class Formula:
    """Pictures ``(n, 12, 12, 3)`` that depend on w as unevenly as a network's do; counts them."""

    layers = 4

    def __init__(self, size: int = 16) -> None:
        rng = np.random.default_rng(5)
        self._map = rng.normal(size=(size, size)).astype(np.float32) / math.sqrt(size)
        self._paint = rng.normal(size=(self.layers, size, 12 * 12 * 3)).astype(np.float32) / math.sqrt(size)
        self.centre = rng.normal(size=(1, size)).astype(np.float32) * 0.3
        self.made = 0

    def mapping(self, z: Latents) -> Latents:
        return np.asarray(np.tanh(z @ self._map) * 1.5, np.float32)

    def synthesis(self, ws: NDArray[np.float32]) -> NDArray[np.uint8]:
        self.made += len(ws)
        flat = np.tanh(2 * np.einsum("nlc,lcp->np", ws, self._paint))
        return np.asarray(np.round(flat * 127 + 128), np.uint8).reshape(-1, 12, 12, 3)


def show(generator: Formula, w: Latents) -> NDArray[np.float64]:
    return generator.synthesis(styles(w, generator)).astype(float)


def steps(generator: Formula, path: Path, phases: NDArray[np.float64]) -> NDArray[np.float64]:
    pictures = [show(generator, path.at(float(phase))) for phase in phases]
    return np.array([math.sqrt(np.square(b - a).mean()) for a, b in pairwise(pictures)])


@pytest.mark.parametrize("space", ["w", "z"])
@pytest.mark.parametrize("seeds", [(3,), (3, 17), (3, 17, 42), (1, 5, 9, 11, 200)])
def test_a_loop_ends_where_it_begins(space: str, seeds: tuple[int, ...]) -> None:
    path = Path(Formula(), seeds, space=space)
    assert path.keys == len(seeds)
    assert np.array_equal(path.at(0), path.at(len(seeds)))
    assert np.array_equal(path.at(0.25), path.at(0.25 + 7 * len(seeds)))
    assert np.array_equal(path.at(-1e-300), path.at(0))


@pytest.mark.parametrize("space", ["w", "z"])
@pytest.mark.parametrize("ease", EASES)
def test_a_loop_passes_every_seed(space: str, ease: str) -> None:
    generator, seeds = Formula(), (3, 17, 42)
    path = Path(generator, seeds, space=space)
    ways = np.concatenate([path.at(phase, ease) for phase in np.linspace(0, 3, 1500)])
    for w in generator.mapping(seeded(seeds, 16)):
        assert np.abs(ways - w).max(1).min() < 0.02
    assert np.allclose(path.at(0, ease), generator.mapping(seeded([3], 16)), atol=1e-6)


@pytest.mark.parametrize("space", ["w", "z"])
@pytest.mark.parametrize("seeds", [(3, 17), (3, 17, 42), (1, 5, 9, 11, 200, 7)])
def test_what_is_seen_changes_at_constant_speed(space: str, seeds: tuple[int, ...]) -> None:
    generator = Formula()
    path = Path(generator, seeds, space=space)
    found = steps(generator, path, np.linspace(0, len(seeds), 100 * len(seeds) + 1))
    assert found.max() / np.median(found) < 1.5


def test_a_walk_is_smooth_endless_and_starts_at_its_seed() -> None:
    generator = Formula()
    path = Path(generator, walk=7)
    assert path.keys is None
    assert np.allclose(path.at(0), generator.mapping(seeded([7], 16)), atol=1e-6)
    for start in (0, 1, STRETCH, -STRETCH, 1000):
        found = steps(generator, path, start + np.linspace(0, 2, 241))
        assert found.max() / np.median(found) < 3
    assert np.abs(path.at(5e5) - path.at(0)).max() > 0.1
    assert np.abs(Path(generator, walk=8).at(0) - path.at(0)).max() > 0.1


@pytest.mark.parametrize("space", ["w", "z"])
def test_a_walk_among_seeds_has_them_all_in_every_round(space: str) -> None:
    generator, seeds = Formula(), (3, 17, 42, 5)
    path = Path(generator, seeds, walk=7, space=space)
    assert path.keys is None
    assert np.allclose(path.at(0), generator.mapping(seeded([7], 16)), atol=1e-6)
    known = generator.mapping(seeded(seeds, 16))
    found = {}
    for key in (1, 4, 7, 10, 13, -3, -6, -9, -12):  # where keys come at their whole phase
        apart = np.abs(known - path.at(key)).max(1)
        assert apart.min() < 1e-4
        found[key] = seeds[int(apart.argmin())]
    assert len(set(found.values())) == 4
    begins = {round(float(Path(generator, seeds, walk=walk, space=space).at(1)[0, 0]), 4) for walk in range(12)}
    assert 1 < len(begins) <= 4  # another seed, another order


@settings(max_examples=25)
@given(phases=st.lists(st.floats(-40, 40), min_size=1, max_size=6), walk=st.booleans(), z=st.booleans())
def test_a_path_is_a_function(phases: list[float], walk: bool, z: bool) -> None:
    """Whatever was asked before, and however much was prepared."""
    generator, space = Formula(), "z" if z else "w"

    def path() -> Path:
        return Path(generator, walk=3, space=space) if walk else Path(generator, (4, 8, 15), space=space)

    used = path()
    for phase in phases:
        used.prepare(phase, 3)
        w = used.at(phase)
        assert np.array_equal(w, path().at(phase))
        assert w.shape == (1, 16)
        assert np.isfinite(w).all()


def test_a_walk_is_measured_beforehand_in_small_portions() -> None:
    generator = Formula()
    path = Path(generator, walk=1)
    path.prepare(0.0, 1)
    assert generator.made <= SAMPLES + 3  # what a new walk makes wait for
    for frame in range(1, STRETCH * 60 * 2):
        before = generator.made
        path.at(frame / 60)
        path.prepare(frame / 60, 1)
        assert generator.made - before <= 2  # one, and the first of a stretch


def test_a_loop_is_measured_once() -> None:
    generator = Formula()
    path = Path(generator, (1, 2, 3))
    for phase in np.linspace(0, 9, 50):
        path.at(float(phase))
        path.prepare(float(phase), 5)
    assert generator.made == 3 * SAMPLES + 1


def test_ease_stays_on_the_keys() -> None:
    generator, seeds = Formula(), (3, 17, 42)
    times = np.linspace(0, 3, 600)
    keys = generator.mapping(seeded(seeds, 16))
    path = Path(generator, seeds)

    def still(ease: str) -> float:
        ways = np.concatenate([path.at(phase, ease) for phase in times])
        return float(np.mean([np.abs(keys - w).max(1).min() < 0.05 for w in ways]))

    shares = [still(ease) for ease in ("linear", "smooth", "hold")]
    assert shares == sorted(shares)
    assert shares[2] > 0.45
    for ease in EASES.values():
        assert (ease(0.0), ease(1.0)) == (0.0, 1.0)
        assert all(b >= a for a, b in pairwise(ease(share) for share in np.linspace(0, 1, 50)))


@given(
    share=st.floats(0, 1), scale=st.floats(0.1, 10),
    parts=st.tuples(st.integers(0, 10**6), st.integers(0, 10**6)).filter(lambda two: two[0] != two[1]),
)  # fmt: skip
def test_slerp_keeps_lengths_and_angles(share: float, scale: float, parts: tuple[int, int]) -> None:
    a, b = seeded(parts, 24).astype(np.float64)
    b *= scale
    way = slerp(a, b, share)
    lengths = np.linalg.norm(a), np.linalg.norm(b)
    assert np.linalg.norm(way) == pytest.approx(lengths[0] + (lengths[1] - lengths[0]) * share)

    def angle(x: NDArray[np.float64], y: NDArray[np.float64]) -> float:
        return float(np.arccos(np.clip(x @ y / np.linalg.norm(x) / np.linalg.norm(y), -1, 1)))

    assert angle(a, way) == pytest.approx(share * angle(a, b), abs=1e-6)


def test_slerp_of_odd_vectors() -> None:
    x = np.array([1.0, 0.0, 0.0])
    assert np.allclose(slerp(x, x, 0.3), x)
    assert np.allclose(slerp(x, -x, 0.25), 0.5 * x)
    assert np.allclose(slerp(0 * x, x, 0.5), 0.5 * x)


def test_styles_truncate_and_mix() -> None:
    generator = Formula()
    w, other = generator.mapping(seeded([1, 2], 16)), generator.mapping(seeded([3], 16))
    assert styles(w, generator).shape == (2, 4, 16)
    assert np.allclose(styles(w, generator), w[:, None])
    assert np.allclose(styles(w, generator, truncation=0.0), generator.centre[:, None])
    assert np.allclose(styles(w, generator, truncation=0.5), (w + generator.centre)[:, None] / 2)
    assert np.array_equal(styles(w, generator, truncation=None), styles(w, generator, truncation=0.7))
    mixed = styles(w, generator, other=other, other_from=1)
    assert np.allclose(mixed[:, 0], w)
    assert np.allclose(mixed[:, 1:], other)
    for psi in (-0.1, 1.1):
        with pytest.raises(InputError, match="truncation"):
            styles(w, generator, truncation=psi)


def test_a_generator_without_a_mapping_is_left_at_the_length_it_was_trained_on() -> None:
    generator = Formula()
    generator.layers = 1
    w = generator.mapping(seeded([1, 2], 16))
    assert np.allclose(styles(w, generator, truncation=None), w[:, None])


def test_seeds() -> None:
    assert np.array_equal(seeded([5, 9], 8)[1], seeded([9], 8)[0])
    assert seeded([], 8).shape == (0, 8)
    assert seeded([1], 3).dtype == np.float32
    with pytest.raises(InputError, match="seed -1"):
        seeded([2, -1], 8)
    for wrong in ({}, {"seeds": (-1, 2)}, {"walk": -3}, {"seeds": (1, -2), "walk": 2},
                  {"walk": 1, "space": "y"}):  # fmt: skip
        with pytest.raises(InputError):
            Path(Formula(), **wrong)
    with pytest.raises(InputError, match="bouncy"):
        Path(Formula(), (1, 2)).at(0, "bouncy")
