"""Where the frames of a session go: to whoever looks, and into a recording."""

from collections import deque
from pathlib import Path

import cv2

from gancam.errors import InputError
from gancam.frame import Frame
from gancam.sinks import Sink
from gancam.sinks.newest import NewestFrame
from gancam.sinks.recorder import Recorder

QUALITY = 88  # of the JPEG


class Screen(Sink):
    """Shows the newest frame of a session, over many runs; ``close`` ends a recording, no more.

    Args:
        folder: Where recordings go.

    Attributes:
        newest: The newest frame, which comes with its original.
        recorder: What records, for the loop's thread.
    """

    wants_original = True
    action = "showing"

    def __init__(self, folder: Path) -> None:
        self.newest = NewestFrame(QUALITY)
        self._said: deque[str] = deque(maxlen=20)
        self.recorder = Recorder(folder, 30.0, self._said.append, self._said.append)

    @property
    def worker_seconds(self) -> float:
        """How many seconds were spent on making JPEGs."""
        return self.newest.worker_seconds

    def write(self, frame: Frame) -> None:
        """Make `frame` the newest, and record it if a recording goes on."""
        self.recorder.write(frame, lambda shown: shown.image)
        self.newest.put(frame)

    def close(self, *, interrupted: bool = False) -> None:
        """End a recording; the last frame stays."""
        self.recorder.stop(interrupted=interrupted)

    def snapshot(self) -> bytes:
        """Make a PNG of the newest frame. Raises ``InputError`` where there is none."""
        frame = self.newest.frame
        if frame is None:
            raise InputError("there is no picture yet: choose a source first")
        return cv2.imencode(".png", frame.image)[1].tobytes()

    @property
    def said(self) -> list[str]:
        """What happened to recordings, the newest last."""
        return list(self._said)
