"""Checks of ranges, counts and rates."""

from fractions import Fraction
from typing import TypeVar

from gancam.errors import InputError
from gancam.media.info import check_rate

Seconds = TypeVar("Seconds", float, Fraction)
_AS_LONG = 1.5  # times as long as the frame before: what a usual frame is shown at most


def cut_short(lasts: Seconds, left: Seconds, before: Seconds) -> Seconds:
    """Say how long the last frame of a range is shown.

    A usual one stays whole, though the range ends in it: cut short, it would raise the rate of what is made. One that
    stands for longer than others, as the slides of a talk do, ends with the range.

    Args:
        lasts: How many seconds it is shown in the source.
        left: How many are left of the range.
        before: How long the frame before it was shown, or what is usual.
    """
    return lasts if float(lasts) <= _AS_LONG * float(before) else min(lasts, left)


def check_count_and_rate(frames: int | None, fps: float) -> None:
    """Raise ``InputError`` for a count of frames below 0, and a rate (frames a second) that no video may have."""
    if frames is not None and frames < 0:
        raise InputError(f"frames is {frames}: needs 0 or more, or None for no end")
    check_rate(fps)


def check_range(first: Fraction | None, end: Fraction | None) -> None:
    """Raise ``InputError`` for a range of time (seconds) that ends where it begins, or before."""
    if first is not None and end is not None and end <= first:
        raise InputError(
            f"from {float(first):g} s to {float(end):g} s there is no time: the end must come after the beginning"
        )
