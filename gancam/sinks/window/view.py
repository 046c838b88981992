"""What a window shows of a frame: the picture beside what it was before the effects, and figures over it."""

import time
from collections import deque
from collections.abc import Callable

import cv2
import numpy as np

from gancam.control import Controls
from gancam.frame import Frame, Image
from gancam.vision.comparison import cut


class Comparison:
    """Paints a frame, or it and its original on two sides of a bar, or the original alone.

    Attributes:
        split: Whether both are shown.
        held: Whether the original alone is.
        bar: The bar's place, of the picture's width.
    """

    def __init__(self) -> None:
        self.split = self.held = False
        self.bar = 0.5

    def before(self, frame: Frame) -> Image | None:
        """Return what the picture is compared with, if it is."""
        return frame.original if self.split or self.held else None

    def paint(self, frame: Frame, place: Image) -> None:
        """Paint the picture, or the comparison, at the size of `place`, into that."""
        size, before = (place.shape[1], place.shape[0]), self.before(frame)
        place[:] = _scaled(before if before is not None and self.held else frame.image, size)
        if before is not None and not self.held:
            cut(place, _scaled(before, size), self.bar)

    def as_shown(self, frame: Frame) -> Image:
        """Return the picture, or the comparison, at its own size: an array that is not changed any more."""
        if self.before(frame) is None:
            return frame.image
        picture = np.empty_like(frame.image)
        self.paint(frame, picture)
        return picture


def _scaled(image: Image, size: tuple[int, int]) -> Image:
    """`image` at `size`: smaller by averaging, larger as plainly as any player does."""
    if (image.shape[1], image.shape[0]) == size:
        return image
    how = cv2.INTER_AREA if size[0] < image.shape[1] else cv2.INTER_LINEAR
    return np.asarray(cv2.resize(image, size, interpolation=how), np.uint8)


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
