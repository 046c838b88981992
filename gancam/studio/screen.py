"""The newest frame, for whoever looks: a sink that makes JPEGs only while somebody takes them."""

import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import cv2

from gancam.errors import InputError
from gancam.frame import Frame, Image
from gancam.sinks import Sink
from gancam.sinks.recorder import Recorder

QUALITY = 88  # of the JPEG
_WINDOW = 2.0  # seconds over which the rate is counted


@dataclass(frozen=True, slots=True)
class Picture:
    """What a page shows: one frame as JPEG.

    Attributes:
        number: Counts the frames of the session.
        size: (width, height).
        captured: ``time.monotonic()`` of the capture; None for a placeholder.
        after: JPEG of the frame.
        before: JPEG of the frame before its effects; empty where that was not asked for.
    """

    number: int
    size: tuple[int, int]
    captured: float | None
    after: bytes
    before: bytes = b""


class Screen(Sink):
    """Keeps the newest frame of a session, over many runs; ``close`` ends one run only.

    ``write`` never waits. JPEGs are made by the threads that ask for them, once for all.

    Args:
        folder: Where recordings go.
    """

    wants_original = True
    action = "showing"

    def __init__(self, folder: Path) -> None:
        self._lock = threading.Lock()  # guards the frame and who listens
        self._encoding = threading.Lock()
        self._frame: Frame | None = None
        self._number = 0
        self._made: Picture | None = None
        self._listeners: set[Callable[[], None]] = set()
        self._moments: deque[float] = deque(maxlen=240)
        self._worker_seconds = 0.0
        self._said: deque[str] = deque(maxlen=20)
        self.recorder = Recorder(folder, 30.0, self._said.append, self._said.append)

    @property
    def worker_seconds(self) -> float:
        """How many seconds were spent on making JPEGs."""
        return self._worker_seconds

    def write(self, frame: Frame) -> None:
        """Make `frame` the newest."""
        self.recorder.write(frame, lambda shown: shown.image)
        with self._lock:
            self._frame = frame
            self._number += 1
            self._moments.append(time.monotonic())
            listeners = list(self._listeners)
        for notify in listeners:
            notify()

    def close(self, *, interrupted: bool = False) -> None:
        """End a recording; the last frame stays."""
        self.recorder.stop(interrupted=interrupted)

    def clear(self) -> None:
        """Forget the last frame."""
        with self._lock:
            self._frame, self._made = None, None
            self._moments.clear()

    def listen(self, notify: Callable[[], None]) -> None:
        """Have `notify` called, in the loop's thread, whenever there is a newer frame."""
        with self._lock:
            self._listeners.add(notify)

    def unlisten(self, notify: Callable[[], None]) -> None:
        """Call `notify` no more."""
        with self._lock:
            self._listeners.discard(notify)

    @property
    def watched(self) -> bool:
        """Whether anybody listens."""
        return bool(self._listeners)

    @property
    def number(self) -> int:
        """Number of the newest frame; 0 before the first."""
        return self._number

    @property
    def frame(self) -> Frame | None:
        """The newest frame, with its original; None where there is none."""
        return self._frame

    def fps(self) -> float:
        """Frames a second that came lately."""
        with self._lock:
            recent = [moment for moment in self._moments if moment > time.monotonic() - _WINDOW]
        return (len(recent) - 1) / (recent[-1] - recent[0]) if len(recent) > 1 else 0.0

    def picture(self, *, before: bool) -> Picture | None:
        """Make a JPEG of the newest frame, or give the one that was made.

        Args:
            before: Whether the frame before its effects is wanted too.
        """
        with self._encoding:
            with self._lock:
                frame, number, made = self._frame, self._number, self._made
            if frame is None:
                return None
            if made is not None and made.number == number and (made.before or not before):
                return made
            began = time.perf_counter()
            original = frame.original if before else None
            picture = Picture(
                number, (frame.image.shape[1], frame.image.shape[0]), frame.captured, encoded(frame.image),
                b"" if original is None else encoded(original),
            )  # fmt: skip
            self._worker_seconds += time.perf_counter() - began
            self._made = picture
            return picture

    def snapshot(self) -> bytes:
        """Make a PNG of the newest frame. Raises ``InputError`` where there is none."""
        frame = self._frame
        if frame is None:
            raise InputError("there is no picture yet: choose a source first")
        return cv2.imencode(".png", frame.image)[1].tobytes()

    @property
    def said(self) -> list[str]:
        """What happened to recordings, the newest last."""
        return list(self._said)


def encoded(image: Image, quality: int = QUALITY) -> bytes:
    """Make a JPEG of `image`."""
    return cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, quality])[1].tobytes()
