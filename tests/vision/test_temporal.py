"""Noise goes along the motion of what moves; where there is none, and where things come into view, a frame stays."""

import numpy as np
import pytest

from gancam.frame import Image
from gancam.vision.temporal import TemporalFilter
from tests.helpers.small import still


def noisy(image: Image, rng: np.random.Generator, level: float = 5) -> Image:
    return np.clip(image + rng.normal(0, level, image.shape), 0, 255).astype(np.uint8)


def error(image: Image, truth: Image) -> float:
    return float(np.square(image.astype(float) - truth).mean())


def test_noise_of_what_stands_still_goes() -> None:
    rng, filter_, truth = np.random.default_rng(0), TemporalFilter(), still("lake")
    frames = [noisy(truth, rng) for _ in range(12)]
    given = [filter_(frame, 1.0) for frame in frames]
    assert np.array_equal(given[0], frames[0])
    assert error(given[-1], truth) < 0.35 * error(frames[-1], truth)
    change, before = (np.abs(a[-1].astype(int) - a[-2]).mean() for a in (given, frames))
    assert change < 0.2 * before


@pytest.mark.parametrize("step", [1, 2, 4])
def test_noise_goes_along_the_motion_of_what_moves(step: int) -> None:
    rng, filter_, truth = np.random.default_rng(0), TemporalFilter(), still("lake")
    for index in range(10):
        moved = np.roll(truth, step * index, 1)[:, 40:]  # the seam is out of view
        frame = noisy(moved, rng)
        given = filter_(frame, 1.0)
    assert error(given, moved) < 0.7 * error(frame, moved)


def test_strong_noise_goes_from_the_first_frame_on_and_then_over_time() -> None:
    rng, filter_, truth = np.random.default_rng(0), TemporalFilter(), still("lake")
    frames = [noisy(truth, rng, 18) for _ in range(10)]
    given = [filter_(frame, 1.0) for frame in frames]
    assert error(given[0], truth) < 0.5 * error(frames[0], truth)
    assert error(given[-1], truth) < 0.2 * error(frames[-1], truth)
    assert error(given[-1], truth) < error(given[0], truth)
    shown = truth.copy()
    shown[60:160, 100:220] = 255 - shown[60:160, 100:220]  # what was there does not stay
    inside = np.s_[70:150, 110:210]
    assert error(filter_(noisy(shown, rng, 18), 1.0)[inside], shown[inside]) < error(frames[0], truth)


def test_a_picture_of_odd_sides_is_as_calm() -> None:
    truth = still("lake")
    left = []
    for inner in (truth[:-2, :-2], truth[:-1, :-1]):
        rng, filter_ = np.random.default_rng(0), TemporalFilter()
        frames = [noisy(np.ascontiguousarray(inner), rng, 18) for _ in range(10)]
        given = [filter_(frame, 1.0) for frame in frames]
        left.append(error(given[-1], inner))
    assert max(left) < 1.05 * min(left)


def test_a_video_without_noise_is_left_as_it_is() -> None:
    filter_, truth = TemporalFilter(), still("lake")
    for index in range(6):  # as of a codec: what stands still is the same, byte for byte
        frame = truth.copy()
        frame[40:100, 20 + 4 * index : 80 + 4 * index] = still("spices")[40:100, 20:80]
        assert np.array_equal(filter_(frame, 1.0), frame)


def test_what_comes_into_view_is_not_mixed_with_what_was_there() -> None:
    rng, filter_, truth = np.random.default_rng(0), TemporalFilter(), still("lake")
    for _ in range(6):
        filter_(noisy(truth, rng), 1.0)
    shown = truth.copy()
    shown[60:160, 100:220] = 255 - shown[60:160, 100:220]
    frame = noisy(shown, rng)
    given = filter_(frame, 1.0)
    inside = np.s_[66:154, 106:214]
    assert error(given[inside], shown[inside]) < 1.1 * error(frame[inside], shown[inside])


def test_a_cut_and_another_size_begin_anew() -> None:
    filter_, one, two = TemporalFilter(), still("lake"), still("spices")
    filter_(one, 1.0)
    assert error(filter_(two, 1.0), two) < 1.0
    assert np.array_equal(filter_(two[::2], 1.0), two[::2])
    filter_.reset()
    assert np.array_equal(filter_(one[::2], 1.0), one[::2])


def test_a_cut_leaves_nothing_of_the_scene_before() -> None:
    rng, filter_ = np.random.default_rng(0), TemporalFilter()
    for _ in range(8):
        filter_(noisy(still("lake"), rng), 1.0)
    frame = noisy(still("spices"), rng)
    assert np.array_equal(filter_(frame, 1.0), frame)


def test_another_colour_of_the_same_brightness_is_another_thing() -> None:
    rng, filter_ = np.random.default_rng(0), TemporalFilter()
    before = np.full((120, 160, 3), 128, np.uint8)
    for _ in range(8):
        filter_(noisy(before, rng), 1.0)
    now = before.copy()
    now[40:80, 50:110] = (178, 128, 103)  # as bright, blue
    frame = noisy(now, rng)
    given = filter_(frame, 1.0)
    assert error(given[46:74, 56:104], now[46:74, 56:104]) < 1.1 * error(frame[46:74, 56:104], now[46:74, 56:104])
    assert error(given[:30], now[:30]) < 0.5 * error(frame[:30], now[:30])


@pytest.mark.parametrize("size", [(1, 1), (3, 40), (15, 15), (17, 400)])
def test_any_size_is_taken(size: tuple[int, int]) -> None:
    rng, filter_ = np.random.default_rng(0), TemporalFilter()
    for _ in range(3):
        frame = rng.integers(0, 256, (*size, 3)).astype(np.uint8)
        given = filter_(frame, 1.0)
        assert given.shape == frame.shape
        assert given.dtype == np.uint8


def test_nothing_is_held_with_no_strength() -> None:
    rng, filter_, truth = np.random.default_rng(0), TemporalFilter(), still("lake")
    for _ in range(3):
        frame = noisy(truth, rng)
        assert np.array_equal(filter_(frame, 0.0), frame)
