"""Holes: of the declared size, drawn from the seed alone."""

from collections.abc import Callable

import numpy as np
import pytest

from train import holes


@pytest.mark.parametrize("kind", [holes.text, holes.box, holes.freeform, holes.scratches, holes.blob])
@pytest.mark.parametrize("size", [(64, 64), (90, 41)])
def test_a_hole_is_ones_and_zeros_from_its_seed(
    kind: Callable[[np.random.Generator, int, int], holes.Hole], size: tuple[int, int]
) -> None:
    hole = kind(np.random.default_rng(3), *size)
    assert hole.shape == size
    assert hole.dtype == np.uint8
    assert set(np.unique(hole)) <= {0, 1}
    assert np.array_equal(hole, kind(np.random.default_rng(3), *size))


@pytest.mark.parametrize("seed", range(10))
def test_judged_holes_have_their_area(seed: int) -> None:
    assert 0.018 < holes.judged("box", seed, 320, 480).mean() < 0.052
    assert 0.2 <= holes.judged("freeform", seed, 320, 480).mean() < 0.32
    assert 0.0 < holes.judged("text", seed, 320, 480).mean() < 0.3


def test_training_holes_reach_from_specks_to_much_of_the_crop() -> None:
    rng = np.random.default_rng(0)
    shares = [float(holes.training(rng, 128).mean()) for _ in range(200)]
    assert 0.0 < min(shares) < 0.02
    assert 0.35 < max(shares) <= 0.45


def test_wide_holes_are_wide() -> None:
    rng = np.random.default_rng(0)
    shares = [float(holes.wide(rng, 96).mean()) for _ in range(60)]
    assert all(0 < share <= 0.45 for share in shares)
    assert np.median(shares) > 0.15
