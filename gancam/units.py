"""Numbers: what is one, how people read them, with their units, and how files hold rates."""

import math
from fractions import Fraction
from numbers import Real
from typing import TypeGuard


def is_finite(value: object) -> TypeGuard[float]:
    """Say whether `value` is a number, of Python or numpy: no switch, not NaN, not infinite, nor beyond all floats."""
    try:
        return isinstance(value, Real) and not isinstance(value, bool) and math.isfinite(value)
    except OverflowError:  # a whole number of some hundred digits, which JSON may have
        return False


def counted(number: int, thing: str) -> str:
    """Write how many there are of `thing`, in English: "1 frame", "2 frames"."""
    return f"{number} {thing}" if number == 1 else f"{number} {thing}s"


def rounded(value: float, digits: int = 3) -> str:
    """Write a number with so many digits that count, and never as a power of ten: 0.0512, 51.2, 1270."""
    text = f"{value:.{digits}g}"
    return f"{value:.0f}" if "e+" in text else text


def milliseconds(value: float) -> str:
    """Write a time that is given in milliseconds."""
    return f"{rounded(value)} ms"


def rate_of(fps: float) -> Fraction:
    """Write a rate as a fraction that containers hold: 29.97 as 30000/1001, 0.0004 as 1/2500.

    Args:
        fps: Frames a second, more than 0.

    Returns:
        The nearest fraction whose denominator is at most 1001; below 1, that whose numerator is, so it is never 0.
    """
    if fps < 1:
        return 1 / Fraction(1 / fps).limit_denominator(1001)
    return Fraction(fps).limit_denominator(1001)
