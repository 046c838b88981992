"""Where in its texture a graph begins (``ModelCard.texture_step``): a constant of the file, opened as an input.

So whatever else runs the file has nothing to give, and on a GPU the graph is what it was: there the texture stays where
it is.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from gancam.errors import GancamError, InputError
from gancam.inference.card import ModelCard
from gancam.inference.protobuf import write_field
from gancam.inference.variants import read_card

PLACE = "place"
Place: TypeAlias = tuple[int, int]
"""How far down and to the right in the texture the picture begins, in its steps; it repeats in all directions."""
_INT64 = 7  # of TensorProto.DataType


def has_place(path: Path, device: str) -> bool:
    """Say whether `with_place` is for the file `path` on `device`."""
    try:
        return device == "cpu" and read_card(path).texture_step > 0
    except GancamError:  # opening it says what is wrong
        return False


def with_place(model: bytes) -> bytes:
    """Give a file's content with its constant `PLACE` an input too, whose default the constant is.

    Messages of protobuf that follow each other are one, whose repeated fields are those of both
    (https://protobuf.dev/programming-guides/encoding/#last-one-wins): what follows the file is a model of one input.
    """
    sides = write_field(1, write_field(1, 2))  # one, of 2
    tensor = write_field(1, _INT64) + write_field(2, sides)
    takes = write_field(1, PLACE.encode()) + write_field(2, write_field(1, tensor))
    return model + write_field(7, write_field(11, takes))


class Texture:
    """The texture of an open graph.

    Args:
        optional: The names of its inputs that need not be given.
        card: The model's.

    Attributes:
        step: Pixels of a picture by which it can be moved; 0: it lies where it is, as it does on a GPU.
    """

    def __init__(self, optional: Sequence[str], card: ModelCard) -> None:
        can = PLACE in optional and not card.fixed_height
        self.step, self._name = card.texture_step if can else 0, card.name

    def at(self, place: Place) -> dict[str, NDArray[np.int64]]:
        """Give what the graph takes, by name, where a picture begins at `place`.

        Raises ``InputError`` for another than (0, 0) where it lies where it is.
        """
        if not self.step and place != (0, 0):
            raise InputError(f"{self._name}: place is {place}, but its texture cannot be moved: needs (0, 0)")
        return {PLACE: np.array(place, np.int64)} if self.step else {}
