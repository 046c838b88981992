"""Where the frames of a session go: to whoever looks, and into a recording."""

import time
from collections import deque
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import cv2

from gancam.errors import InputError
from gancam.frame import Frame
from gancam.sinks import Sink
from gancam.sinks.newest import NewestFrame
from gancam.sinks.recorder import Recorder

QUALITY = 88  # of the JPEG


class Screen(Sink):
    """Shows the newest frame of a session, and records, over many runs; ``close`` is the end of one of them.

    Args:
        folder: Where recordings go.
        changed: Called, in any thread, when there is more that was ``said``.

    Attributes:
        newest: The newest frame, which comes with its original. Its times go on from run to run, with what passed
            between, so that a file that begins anew is recorded on.
        recorder: What records, for the loop's thread.
        said_count: How many lines were ever ``said``.
    """

    wants_original = True
    action = "showing"

    def __init__(self, folder: Path, changed: Callable[[], None] = lambda: None) -> None:
        self.newest = NewestFrame(QUALITY)
        self._changed = changed
        self._said: deque[str] = deque(maxlen=20)
        self.said_count = 0
        self.recorder = Recorder(folder, 30.0, self._say, self._say)
        self._begins = True  # a run, with the next frame
        self._offset, self._last = 0.0, 0.0  # seconds: before this run; of the newest frame
        self._wrote = time.monotonic()

    @property
    def worker_seconds(self) -> float:
        """How many seconds were spent on making JPEGs."""
        return self.newest.worker_seconds

    def write(self, frame: Frame) -> None:
        """Make `frame` the newest, and record it if a recording goes on."""
        now = time.monotonic()
        if self._begins:
            self._begins, self._offset = False, self._last + max(now - self._wrote, 1e-3) - frame.time
        frame = replace(frame, time=frame.time + self._offset)
        self._last, self._wrote = frame.time, now
        self.recorder.write(frame, lambda shown: shown.image)
        self.newest.put(frame)

    def close(self, *, interrupted: bool = False) -> None:
        """Note the end of a run; the last frame stays, and a recording goes on with the next run."""
        self._begins = True

    def snapshot(self) -> bytes:
        """Make a PNG of the newest frame. Raises ``InputError`` where there is none."""
        frame = self.newest.frame
        if frame is None:
            raise InputError("there is no picture yet: choose a source first")
        return cv2.imencode(".png", frame.image)[1].tobytes()

    def _say(self, text: str) -> None:
        self._said.append(text)
        self.said_count += 1
        self._changed()

    @property
    def said(self) -> list[str]:
        """What happened to recordings, the newest 20 of it, the newest last."""
        return list(self._said)
