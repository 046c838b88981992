"""Places as the parameters of inpainting say them."""

import math

from gancam import masks


def boxes(text: str) -> list[masks.Box]:
    """Read ``x/y/w/h`` in pixels, several joined by +. Raises ``ValueError`` with the reason."""
    found = []
    for part in filter(None, text.split("+")):
        numbers = [float(number) for number in part.split("/")]
        if len(numbers) != 4:
            raise ValueError("not four numbers")
        found.append((numbers[0], numbers[1], numbers[2], numbers[3]))
    if not all(math.isfinite(side) for box in found for side in box) or any(min(box[2:]) <= 0 for box in found):
        raise ValueError("width and height must be above 0")
    return found


def polygons(text: str) -> list[list[tuple[float, float]]]:
    """Read ``x/y/x/y/x/y...`` in pixels, several joined by +. Raises ``ValueError`` with the reason."""
    found = []
    for part in filter(None, text.split("+")):
        numbers = [float(number) for number in part.split("/")]
        if len(numbers) % 2:
            raise ValueError("an odd number of coordinates")
        found.append(list(zip(numbers[::2], numbers[1::2], strict=True)))
    if any(len(corners) < 3 for corners in found):
        raise ValueError("less than three corners")
    masks.Polygons(*found)
    return found
