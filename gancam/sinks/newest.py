"""The newest frame for pages that show it, as JPEG: made only while somebody takes it, once for all who do."""

import threading
import time
from collections import deque
from dataclasses import dataclass
from typing import TypeAlias

import cv2
import numpy as np

from gancam.frame import Frame, Image
from gancam.threads import Listeners
from gancam.vision.fit import scaled

_WORTH = 0.85  # of a side: a frame that would hardly be smaller is sent as it is
_WINDOW = 2.0  # seconds over which the rate is counted
_Manner: TypeAlias = tuple[tuple[int, int] | None, int, float]
"""The room that a picture was made for, its quality, and its share of the sides."""


@dataclass(frozen=True, slots=True)
class Picture:
    """One frame as a page shows it.

    Attributes:
        number: Counts the frames, from 1.
        size: (width, height) of the frame; the JPEG may be smaller.
        captured: ``time.monotonic()`` of the capture; None for what was not captured.
        after: JPEG of the frame.
        before: JPEG of the frame before its effects; empty where that was not asked for.
    """

    number: int
    size: tuple[int, int]
    captured: float | None
    after: bytes
    before: bytes = b""


class NewestFrame:
    """Keeps the newest frame, for any number of threads. ``put`` never waits; who asks for a JPEG makes it.

    Args:
        quality: Of the JPEG, 1 to 100.

    Attributes:
        listeners: Are told, by the thread of ``put``, whenever there is a newer frame.
        worker_seconds: How many seconds were spent on making JPEGs.
    """

    def __init__(self, quality: int) -> None:
        self._quality = quality
        self._lock = threading.Lock()  # guards the frame
        self._encoding = threading.Lock()
        self._frame: Frame | None = None
        self._number = 0
        self._made: dict[_Manner, Picture] = {}
        self.listeners = Listeners()
        self._moments: deque[float] = deque(maxlen=480)
        self.worker_seconds = 0.0

    def put(self, frame: Frame) -> None:
        """Make `frame` the newest, and tell those who listen."""
        with self._lock:
            self._frame = frame
            self._number += 1
            self._moments.append(time.monotonic())
        self.listeners.notify()

    def clear(self) -> None:
        """Forget the frame."""
        with self._lock:
            self._frame, self._made = None, {}
            self._moments.clear()

    @property
    def number(self) -> int:
        """Number of the newest frame; 0 before the first."""
        return self._number

    @property
    def frame(self) -> Frame | None:
        """The newest frame; None where there is none."""
        return self._frame

    def fps(self) -> float:
        """Count the frames a second that came lately."""
        with self._lock:
            recent = [moment for moment in self._moments if moment > time.monotonic() - _WINDOW]
        return (len(recent) - 1) / (recent[-1] - recent[0]) if len(recent) > 1 else 0.0

    def picture(
        self, *, before: bool = False, room: tuple[int, int] | None = None, quality: int = 0, share: float = 1.0
    ) -> Picture | None:
        """Make the JPEG of the newest frame, or give the one that was made.

        Args:
            before: Whether the frame before its effects is wanted too, where it is known.
            room: (width, height) that it is shown in: a larger frame is scaled down to that; None: as it is.
            quality: Of the JPEG; 0: the usual one.
            share: Of the sides that it would have, 0 to 1: to save more.

        Returns:
            None where there is no frame, or one that is larger than JPEG allows.
        """
        with self._encoding:
            with self._lock:
                frame, number = self._frame, self._number
            if frame is None:
                return None
            self._made = {key: one for key, one in self._made.items() if one.number == number}
            quality = quality or self._quality
            made = self._made.get((room, quality, share))
            if made is not None and (made.before or not before):
                return made
            began = time.perf_counter()
            after = as_jpeg(_fitted(frame.image, room, share), quality)
            original = frame.original if before else None
            first = None if original is None else as_jpeg(_fitted(original, room, share), quality)
            self.worker_seconds += time.perf_counter() - began
            if after is None:
                return None
            height, width = frame.image.shape[:2]
            picture = Picture(number, (width, height), frame.captured, after, first or b"")
            self._made[room, quality, share] = picture
            return picture


def _fitted(image: Image, room: tuple[int, int] | None, share: float) -> Image:
    """`image`, made smaller where that saves much."""
    if room is not None:
        share *= min(room[0] / image.shape[1], room[1] / image.shape[0], 1.0)
    if share > _WORTH:
        return image
    size = scaled((image.shape[1], image.shape[0]), share)
    return np.asarray(cv2.resize(image, size, interpolation=cv2.INTER_AREA), np.uint8)


def as_jpeg(image: Image, quality: int) -> bytes | None:
    """Make a JPEG of `image`; None where it is larger than JPEG allows."""
    try:
        done, data = cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, quality])
    except cv2.error:
        return None
    return data.tobytes() if done else None
