"""Check that effects keep their contract, and put their names into errors."""

from collections.abc import Iterator
from contextlib import contextmanager

from gancam.effects._contract import Effect
from gancam.errors import GancamError, ImageError, InputError, NotFound, SourceError
from gancam.frame import Image, check_image, check_size


@contextmanager
def prefix_errors(name: str, *kinds: type[GancamError]) -> Iterator[None]:
    """Put the name of an effect before the message of an error that does not name it.

    `kinds` are the errors to do that for. Default: ``InputError``, ``NotFound`` and ``SourceError``.
    """
    try:
        yield
    except (InputError, NotFound, SourceError) as error:
        said = str(error)
        named = name in said or said.startswith("the effect ") or said.endswith(f": {error.__cause__}")  # by one inside
        if named or not isinstance(error, kinds or GancamError):
            raise
        raise type(error)(f"{name}: {error}") from error


def check_made(name: str, made: object, by: str) -> Image:
    """Return the output of an effect as an Image.

    Args:
        name: The effect's.
        made: What it gave.
        by: What gave it, for the message: "function" or "__call__".

    Raises:
        ImageError: It is none.
    """
    if made is None:
        raise ImageError(f"the effect {name} gives None: does its {by} return the image?")
    return check_image(made, f"what the effect {name} gives")


def size_after(effect: Effect, size: tuple[int, int]) -> tuple[int, int]:
    """Ask `effect` for the (width, height) of its output for `size`. Raises ``InputError`` where it gives none."""
    return check_size(effect.output_size(size), f"the effect {effect.name}: its output_size gives")


def made_by(effect: Effect, image: Image, time: float | None) -> Image:
    """Call `effect`, and check that its output keeps the contract.

    Args:
        effect: What to call.
        image: ``uint8 (H, W, 3)`` BGR.
        time: In seconds; None for an image that has none.

    Returns:
        ``uint8 (h, w, 3)`` BGR, of the size that its ``output_size`` says.

    Raises:
        ImageError: It gives anything else.
        GancamError: What it raises, with its name.
    """
    size = image.shape[1], image.shape[0]
    name = effect.name
    with prefix_errors(name):
        image = check_made(name, effect(image, time=time), "__call__")
    said, made = size_after(effect, size), (image.shape[1], image.shape[0])
    if made != said:
        before, after, promised = (f"{width}x{height}" for width, height in (size, made, said))
        raise ImageError(
            f"the effect {name} makes {after} of {before}, and its output_size says {promised}: the two must agree"
        )
    return image
