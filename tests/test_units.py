"""Numbers as people read them."""

import pytest

from gancam.pipeline import Report
from gancam.units import counted, milliseconds, rounded


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
