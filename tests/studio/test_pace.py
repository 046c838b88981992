"""How good pictures are for a page, by how long they take to it."""

import pytest

from gancam.studio.pace import LEVELS, Pace

SIZES = [60_000, 36_000, 14_000, 6_000, 3_000]  # bytes of a picture at each level


def play(pace: Pace, rate: float, pictures: int, *, begin: float = 0.0, delay: float = 0.01) -> tuple[float, float]:
    """Send pictures over a network of `rate` bytes a second; when that ends, and what the last one took."""
    now, took = begin, 0.0
    for _ in range(pictures):
        size = SIZES[pace.level]
        pace.sent(now, size, pace.level)
        took = size / rate + delay
        now += took
        pace.shown(now)
    return now, took


@pytest.mark.parametrize("rate", [25_000, 100_000, 250_000])
def test_pictures_get_smaller_on_a_slow_network_until_they_come_in_time(rate: float) -> None:
    pace = Pace()
    _, took = play(pace, rate, 30)
    assert took < 0.14
    assert pace.level > 0


def test_they_get_better_again_once_it_is_quick() -> None:
    pace = Pace()
    now, _ = play(pace, 25_000, 30)
    assert pace.level == len(LEVELS) - 1
    play(pace, 10e6, 120, begin=now)
    assert pace.level == 0


def test_they_stay_as_good_as_can_be_on_a_quick_one() -> None:
    pace = Pace()
    play(pace, 10e6, 300)
    assert pace.level == 0


def test_what_does_not_help_is_undone() -> None:
    pace = Pace()
    play(pace, 100e6, 40, delay=0.2)  # a page far away, or one that draws slowly
    assert pace.level == 0


def test_a_better_level_that_is_too_slow_is_tried_more_and_more_seldom() -> None:
    pace, now, changes = Pace(), 0.0, []
    for _ in range(1500):
        before = pace.level
        now, _ = play(pace, 150_000, 1, begin=now)
        changes += [pace.level] if pace.level != before else []
    assert len(changes) < 30


def test_what_was_never_sent_is_no_matter() -> None:
    pace = Pace()
    pace.shown(1.0)
    assert pace.level == 0
