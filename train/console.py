"""A run on the console: one line that moves on a terminal, a line now and then elsewhere."""

import os
import sys
import time
from collections.abc import Mapping
from typing import TextIO

import numpy as np
from numpy.typing import NDArray

from train.watch import Progress, Watcher

SHOWN = ("discriminator", "adversarial")  # first among the losses, where they are
MOST = 4  # losses on the line
QUIET = (2.0, 10.0, 30.0)  # seconds between lines that stay: the first, the second, and all others


class Console(Watcher):
    """Says how far a run is, what it is worth, what goes wrong, and where its samples are.

    Args:
        stream: Where to.
        terminal: Whether a line may be written over; by default, what `stream` says of itself.
    """

    def __init__(self, stream: TextIO = sys.stderr, *, terminal: bool | None = None) -> None:
        self._stream = stream
        self._terminal = stream.isatty() if terminal is None else terminal
        self._said, self._lines, self._width = time.monotonic(), 0, 0
        self._told_of_sheets = False

    def progress(self, progress: Progress) -> None:
        """Write the line."""
        line = describe(progress)
        if self._terminal:
            line = fitted(line, columns(self._stream) - 1)
            self._stream.write("\r" + line.ljust(self._width))
            self._stream.flush()
            self._width = len(line)
            return
        now = time.monotonic()
        if now - self._said >= QUIET[min(self._lines, len(QUIET) - 1)] or progress.iteration >= progress.end:
            self._said, self._lines = now, self._lines + 1
            self.say(line)

    def sheet(self, iteration: int, picture: NDArray[np.uint8], path: str) -> None:
        """Name the first picture of samples; those after it come without a word."""
        if path and not self._told_of_sheets:
            self._told_of_sheets = True
            self.say(f"samples: {path}, from now on the newest")

    def figures(self, iteration: int, figures: Mapping[str, float]) -> None:
        """Write the figures of an evaluation."""
        if figures:
            self.say(f"{iteration:,} judged: " + "  ".join(f"{name} {value:.4g}" for name, value in figures.items()))

    def alarm(self, iteration: int, text: str) -> None:
        """Write what goes wrong, and what to change."""
        self.say(f"warning at {iteration:,}: {text}")

    def say(self, text: str) -> None:
        """Write a line that stays."""
        clear = "\r" + " " * self._width + "\r" if self._width else ""
        self._width = 0
        self._stream.write(f"{clear}{time.strftime('%H:%M:%S')} {text}\n")
        self._stream.flush()

    def close(self) -> None:
        """Leave the last line."""
        if self._width:
            self._stream.write("\n")
            self._width = 0


def describe(progress: Progress) -> str:
    """Write how far a run is: ``1,200/45,000 2%  48 it/s  15 min left  discriminator 0.83  adversarial 2.8``."""
    first = [name for name in SHOWN if name in progress.terms]
    named = first + [name for name in progress.terms if name not in (*first, "real", "fake", "sign")]
    losses = "  ".join(f"{name} {progress.terms[name]:.3g}" for name in named[:MOST])
    share = 100 * progress.iteration // max(progress.end, 1)
    speed = f"{progress.rate:.3g} it/s" if progress.rate >= 1 or progress.rate <= 0 else f"{1 / progress.rate:.3g} s/it"
    left = f"{_duration(progress.left)} left" if progress.iteration < progress.end else "done"
    parts = [f"{progress.iteration:,}/{progress.end:,} {share}%", speed, left, losses]
    return "  ".join(filter(None, parts))


def fitted(line: str, width: int) -> str:
    """Leave out what is last of a line of parts that is longer than `width`: a longer one is not written over."""
    while len(line) > width and "  " in line:
        line = line.rpartition("  ")[0]
    return line[: max(width, 0)]


def columns(stream: TextIO) -> int:
    """How many characters a line of the terminal has; 80 where it does not say."""
    try:
        return os.get_terminal_size(stream.fileno()).columns or 80
    except (OSError, ValueError):
        return 80


def _duration(seconds: float) -> str:
    if seconds == float("inf"):
        return "?"
    if seconds < 90:
        return f"{seconds:.0f} s"
    if seconds < 5400:
        return f"{seconds / 60:.0f} min"
    return f"{seconds / 3600:.1f} h"
