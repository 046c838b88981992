"""What an overlay tells of playing: latency, frames a second, what is off."""

import time
from collections import deque
from collections.abc import Callable

import numpy as np

from gancam.control import Controls
from gancam.frame import Frame


class Figures:
    """Counts frames that were shown, and writes lines of text about them.

    Args:
        controls: Whose effects are named where they are off.
        dropped: Asked for the number of dropped frames.
        status: Asked for a line that says what is played.
    """

    def __init__(self, controls: Controls, dropped: Callable[[], int] | None, status: Callable[[], str] | None) -> None:
        self._controls, self._dropped, self._status = controls, dropped, status
        self._status_now, self._lost = "", False
        self._latencies: deque[float] = deque(maxlen=120)
        self._shown: deque[float] = deque(maxlen=60)

    def ask(self) -> None:
        """Ask for the line that says what is played, on the thread that plays it."""
        self._status_now = "" if self._status is None else self._status()

    def add(self, frame: Frame) -> None:
        """Count a frame that has just been shown; a placeholder (which was not captured) ends what was counted."""
        now = time.monotonic()
        if frame.captured is None and self._latencies:
            self._lost = True
            self._latencies.clear()
            self._shown.clear()
        self._lost = self._lost and frame.captured is None
        self._shown.append(now)
        if frame.captured is not None:
            self._latencies.append(now - frame.captured)

    def lines(self) -> list[str]:
        """Write the lines."""
        lines = ["no picture"] if self._lost else []
        if self._latencies:
            middle, most = np.percentile(np.fromiter(self._latencies, float), (50, 95)) * 1000
            lines.append(f"latency {middle:.0f} ms, 95 %: {most:.0f} ms")
        if len(self._shown) > 1 and not self._lost:
            span = self._shown[-1] - self._shown[0]
            lines.append(f"{(len(self._shown) - 1) / max(span, 1e-6):.1f} fps")
        if self._dropped is not None:
            lines.append(f"{self._dropped()} dropped")
        if self._status_now:
            lines.append(self._status_now)
        if off := [effect.name for effect in self._controls.effects if not effect.on]:
            lines.append(f"off: {', '.join(off)}")
        return lines or ["..."]
