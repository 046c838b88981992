"""What is a number, how people read it, and rates as files hold them."""

import math
from fractions import Fraction

import numpy as np
import pytest

from gancam.pipeline import Report
from gancam.units import counted, is_finite, milliseconds, rate_of, rounded


@pytest.mark.parametrize(
    ("value", "text"),
    [(0.0, "0"), (0.05123, "0.0512"), (118.4, "118"), (999.6, "1000"), (1268.2, "1268")],
)
def test_three_digits_count_and_none_is_a_power_of_ten(value: float, text: str) -> None:
    assert rounded(value) == text
    assert milliseconds(value) == f"{text} ms"


def test_one_of_a_thing_has_no_plural() -> None:
    assert [counted(number, "frame") for number in (0, 1, 2)] == ["0 frames", "1 frame", "2 frames"]
    assert Report(frames=1, promised=1, seconds=1.0).text() == ["1 frame in 1.0 s, 1.0 fps"]
    assert Report(frames=1, promised=24, seconds=1.0).text() == ["1 of 24 frames in 1.0 s, 1.0 fps"]


@pytest.mark.parametrize(
    ("fps", "rate"),
    [
        (25.0, Fraction(25)),
        (29.97002997, Fraction(30000, 1001)),
        (0.05, Fraction(1, 20)),
        (0.0004, Fraction(1, 2500)),
        (1 / 3600, Fraction(1, 3600)),
    ],
)
def test_no_rate_is_so_slow_that_it_becomes_0(fps: float, rate: Fraction) -> None:
    assert rate_of(fps) == rate


def test_what_is_no_number_is_not_taken_for_one() -> None:
    assert all(map(is_finite, (0, -1.5, 10**300, np.float32(1), np.int64(2), Fraction(1, 3))))
    others = (math.nan, math.inf, -math.inf, 10**400, True, np.True_, np.float32("nan"), "1", None, [1.0], 1j)
    assert not any(map(is_finite, others))
