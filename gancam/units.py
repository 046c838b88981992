"""Numbers with their units, as people read them."""


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
