"""Numbers: what is one, and how people read them, with their units."""

import math
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
