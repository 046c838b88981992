"""Checks of ranges, counts and rates."""

from fractions import Fraction

from gancam.errors import InputError
from gancam.media.info import MOST_FPS


def check_count_and_rate(frames: int | None, fps: float) -> None:
    """Raise ``InputError`` for a count of frames below 0, and a rate that is not in 0 to 10,000 frames a second."""
    if frames is not None and frames < 0:
        raise InputError(f"frames is {frames}: needs 0 or more, or None for no end")
    if not 0 < fps <= MOST_FPS:
        raise InputError(f"fps is {fps}: needs more than 0 and at most {MOST_FPS}")


def check_range(first: Fraction | None, end: Fraction | None) -> None:
    """Raise ``InputError`` for a range of time (seconds) that ends where it begins, or before."""
    if first is not None and end is not None and end <= first:
        raise InputError(
            f"from {float(first):g} s to {float(end):g} s there is no time: the end must come after the beginning"
        )
