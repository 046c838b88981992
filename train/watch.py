"""Who watches a run while it goes on: the console, a window, a live picture."""

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray
from torch import nn


@dataclass(frozen=True)
class Progress:
    """How far a run is.

    Attributes:
        iteration: How many iterations are over.
        end: At how many it ends.
        phase: The name of the phase.
        rate: Iterations a second, of late.
        terms: The mean of each loss term, of late.
    """

    iteration: int
    end: int
    phase: str
    rate: float
    terms: Mapping[str, float] = field(default_factory=dict)

    @property
    def left(self) -> float:
        """Seconds to the end, as things go."""
        return (self.end - self.iteration) / self.rate if self.rate > 0 else float("inf")


class Watcher:
    """Sees a run; every method may be left as it is. All are called from the thread that trains.

    Attributes:
        sheet_seconds: How often it wants `sheet`, at most; 0: as often as sheets are written.
        weights_seconds: How often it wants `weights`, at most; 0: never.
    """

    sheet_seconds = 0.0
    weights_seconds = 0.0

    def step(self) -> None:
        """Do what must be done often, as answering a window's keys; called after each iteration."""

    def progress(self, progress: Progress) -> None:
        """Hear how far the run is, about once a second."""

    def sheet(self, iteration: int, picture: NDArray[np.uint8], path: str) -> None:
        """See samples ``(H, W, 3)`` RGB, and where they are written; an empty path: nowhere."""

    def figures(self, iteration: int, figures: Mapping[str, float]) -> None:
        """Hear what an evaluation found."""

    def alarm(self, iteration: int, text: str) -> None:
        """Hear what goes wrong, and what to change."""

    def weights(self, iteration: int, ema: nn.Module) -> None:
        """Take the averaged generator, which must be left as it is."""

    @property
    def stop(self) -> bool:
        """Whether the run should stop here, as by Ctrl-C."""
        return False

    def close(self) -> None:
        """Finish; called once, also after an error."""
