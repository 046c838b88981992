"""What a user draws on with the mouse, over the picture of an effect."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

from gancam.params import Value

Point: TypeAlias = tuple[float, float]
"""x and y."""


@dataclass(frozen=True, slots=True)
class Scene:
    """What is drawn on, as who draws knows it.

    Attributes:
        path: Of the file that plays; empty where it is none.
        moment: Its time in seconds where it stands still at a frame; None: it plays.
        mirrored: Whether it is shown mirrored.
    """

    path: str = ""
    moment: float | None = None
    mirrored: bool = False


class Stroke(NamedTuple):
    """What was drawn in one go.

    Attributes:
        mask: ``uint8 (height, width)``, 1 where it was drawn: not where it was followed to since.
        time: Seconds of the frame that it was drawn on; None where that is not known.
        scene: What it was drawn on.
    """

    mask: NDArray[np.uint8]
    time: float | None
    scene: Scene


class DrawingPad:
    """Takes strokes and boxes; subclass it and write what can be drawn, all else does nothing.

    Coordinates are pixels of the effect's input. The window's thread calls it between two frames. What gives a mapping
    has these parameters of the effect changed, by name.

    Attributes:
        brushes: Whether it takes strokes, and not boxes alone.
        scene: What is drawn on from now on; kept with each stroke.
    """

    brushes: bool = False
    scene: Scene = Scene()

    @property
    def strokes(self) -> Sequence[Stroke]:
        """What was drawn and not taken back, in its order; without boxes where they are parameters."""
        return ()

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
