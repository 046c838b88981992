"""Places as the parameters of inpainting say them."""

from gancam import masks


def boxes(text: str) -> list[masks.Box]:
    """Read ``x/y/w/h`` in pixels, several joined by +. Raises ``ValueError`` with the reason."""
    found = []
    for part in filter(None, text.split("+")):
        numbers = [float(number) for number in part.split("/")]
        if len(numbers) != 4:
            raise ValueError("not four numbers")
        found.append((numbers[0], numbers[1], numbers[2], numbers[3]))
    masks.Boxes(*found)
    return found


def polygons(text: str) -> list[list[tuple[float, float]]]:
    """Read ``x/y/x/y/x/y...`` in pixels, several joined by +. Raises ``ValueError`` with the reason."""
    found = []
    for part in filter(None, text.split("+")):
        numbers = [float(number) for number in part.split("/")]
        if len(numbers) % 2:
            raise ValueError("an odd number of coordinates")
        found.append(list(zip(numbers[::2], numbers[1::2], strict=True)))
    masks.Polygons(*found)
    return found
