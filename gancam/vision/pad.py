"""What a user draws on with the mouse, over the picture of an effect."""

from collections.abc import Mapping, Sequence
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from gancam.params import Value

Point: TypeAlias = tuple[float, float]
"""x and y."""


class DrawingPad:
    """Takes strokes and boxes; subclass it and write what can be drawn, all else does nothing.

    Coordinates are pixels of the effect's input. The window's thread calls it between two frames. What gives a mapping
    has these parameters of the effect changed, by name.

    Attributes:
        brushes: Whether it takes strokes, and not boxes alone.
    """

    brushes: bool = False

    @property
    def size(self) -> tuple[int, int] | None:
        """(width, height) of the effect's input; None before the first frame."""
        return None

    @property
    def mask(self) -> NDArray[np.uint8]:
        """What is marked: ``uint8 (height, width)``, not 0."""
        width, height = self.size or (1, 1)
        return np.zeros((height, width), np.uint8)

    @property
    def notes(self) -> list[str]:
        """What the user who draws should know, the newest last."""
        return []

    def pen(self, *, down: bool) -> None:
        """Begin or end a stroke."""

    def brush(self, points: Sequence[Point], radius: float) -> None:
        """Mark along `points`, twice `radius` pixels wide."""

    def erase(self, points: Sequence[Point], radius: float) -> None:
        """Unmark along `points`, twice `radius` pixels wide."""

    def box(self, first: Point, second: Point) -> Mapping[str, Value]:
        """Mark the box between two opposite corners."""
        return {}

    def undo(self) -> Mapping[str, Value]:
        """Take back the newest stroke or box."""
        return {}

    def clear(self) -> Mapping[str, Value]:
        """Take back all that was drawn."""
        return {}
