"""Timecode: counting on, dropped numbers, and what is none."""

from fractions import Fraction

import pytest

from gancam.media.timecode import advanced

NTSC, FILM = Fraction(30000, 1001), Fraction(24000, 1001)


@pytest.mark.parametrize(
    ("before", "rate", "frames", "after"),
    [
        ("01:00:00:00", Fraction(25), 0, "01:00:00:00"),
        ("01:00:00:24", Fraction(25), 1, "01:00:01:00"),
        ("10:59:59:23", FILM, 1, "11:00:00:00"),
        ("23:59:59:24", Fraction(25), 1, "00:00:00:00"),
        ("00:00:59;29", NTSC, 1, "00:01:00;02"),
        ("00:09:59;29", NTSC, 1, "00:10:00;00"),
        ("00:00:00;00", NTSC, 17982, "00:10:00;00"),
        ("00:10:00;00", NTSC, 1800, "00:11:00;02"),
        ("00:00:59.59", 2 * NTSC, 1, "00:01:00.04"),
        ("01:00:00:25", Fraction(25), 0, None),
        ("01:00:00;00", Fraction(25), 0, None),
        ("00:00:00:00", Fraction(1, 3), 0, None),
        ("3:2", Fraction(25), 0, None),
        ("", Fraction(25), 0, None),
    ],
)
def test_it_counts_on(before: str, rate: Fraction, frames: int, after: str | None) -> None:
    assert advanced(before, rate, frames) == after


def test_each_frame_of_an_hour_has_a_number_of_its_own() -> None:
    numbers = [advanced("00:00:00;00", NTSC, count) for count in range(0, 107892, 7)]
    assert len(set(numbers)) == len(numbers)
    assert not [one for one in numbers if one and one[6:8] == "00" and one[4] != "0" and one[9:] in ("00", "01")]
    assert advanced("00:00:00;00", NTSC, 107892) == "01:00:00;00"
