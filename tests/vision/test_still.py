import numpy as np

from gancam.frame import Image
from gancam.vision.still import StillFilter
from tests.helpers.small import still


def noisy(image: Image, rng: np.random.Generator) -> Image:
    return np.clip(image + rng.normal(0, 5, image.shape), 0, 255).astype(np.uint8)


def error(image: Image, truth: Image) -> float:
    return float(np.square(image.astype(float) - truth).mean())


def test_noise_of_what_stands_still_goes() -> None:
    rng, filter_, truth = np.random.default_rng(0), StillFilter(), still("lake")
    frames = [noisy(truth, rng) for _ in range(12)]
    given = [filter_(frame, 1.0) for frame in frames]
    assert np.array_equal(given[0], frames[0])
    assert error(given[-1], truth) < 0.35 * error(frames[-1], truth)
    change, before = (np.abs(a[-1].astype(int) - a[-2]).mean() for a in (given, frames))
    assert change < 0.2 * before


def test_what_moves_is_left_as_it_is() -> None:
    rng, filter_, truth = np.random.default_rng(0), StillFilter(), still("lake")
    for step in range(6):
        moved = np.roll(truth, 4 * step, 1)
        frame = np.concatenate([noisy(truth, rng), moved])  # half of it stands still
        given = filter_(frame, 1.0)
    half = len(truth)
    assert error(given[half + 8 :], moved[8:]) < 2.0
    assert error(given[:half], truth) < 0.6 * error(frame[:half], truth)


def test_a_cut_and_another_size_begin_anew() -> None:
    filter_, one, two = StillFilter(), still("lake"), still("spices")
    filter_(one, 1.0)
    assert error(filter_(two, 1.0), two) < 1.0
    assert np.array_equal(filter_(two[::2], 1.0), two[::2])
    filter_.reset()
    assert np.array_equal(filter_(one[::2], 1.0), one[::2])


def test_nothing_is_held_with_no_strength() -> None:
    rng, filter_, truth = np.random.default_rng(0), StillFilter(), still("lake")
    for _ in range(3):
        frame = noisy(truth, rng)
        assert np.array_equal(filter_(frame, 0.0), frame)
