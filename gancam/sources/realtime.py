"""Open captures and other sources, played at their own rate."""

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from fractions import Fraction

import cv2

from gancam.errors import SourceError
from gancam.frame import Frame
from gancam.sources.camera import Capture, CaptureBackend
from gancam.sources.contract import Source
from gancam.sources.live import PATIENCE, LivePicture, LiveSource
from gancam.sources.pace import Pace
from gancam.vision.fit import squared


class CaptureSource(LiveSource):
    """Plays a ``cv2.VideoCapture`` that is already open, or anything with its methods; closing releases it.

    When it fails it ends: only its owner could open it again. A file is played at its own pace, from
    when frames are asked for.

    Raises:
        SourceError: For one that is not open, or gives no picture.
    """

    def __init__(self, capture: Capture, *, patience: float = PATIENCE) -> None:
        def connect() -> Capture:
            if not capture.isOpened():
                raise SourceError("the given capture is not open")
            return capture

        pace = Pace() if capture.get(cv2.CAP_PROP_FRAME_COUNT) > 0 else None
        feed = CaptureBackend("the given capture", connect, finite=True, pace=pace)
        super().__init__(feed, patience=patience, pace=pace)


class RealtimeSource(LiveSource):
    """Plays a source (a file, the test pattern) at its own pace, with its own times, as if it were live; closes it.

    Its clock begins when frames are asked for, so that nothing of it is missed before that.

    Args:
        source: What to play.
        name: For messages.
        patience: As of ``LiveSource``.
        again: Opens the same source once more at its end, whose times then go on from there; None: it ends.
        aspect: Width over height of its pixels, of which square ones are made.
    """

    def __init__(
        self,
        source: Source,
        *,
        name: str = "",
        patience: float = PATIENCE,
        again: Callable[[], Source] | None = None,
        aspect: Fraction = Fraction(1),
    ) -> None:
        pace = Pace()
        self._played = _Played(source, name or type(source).__name__, pace, again, aspect)
        super().__init__(self._played, patience=patience, pace=pace)

    @property
    def notes(self) -> Sequence[str]:
        """What the source says, too; of all rounds, once."""
        return [*self._played.notes, *super().notes]


class _Played:
    """The frames of a source, each when its time has come."""

    finite = True

    def __init__(
        self, source: Source, name: str, pace: Pace, again: Callable[[], Source] | None, aspect: Fraction
    ) -> None:
        self.name, self._pace, self._aspect = name, pace, aspect
        self._said: list[str] = []  # by the rounds before this one
        self.fps: float | None = source.fps
        self._source, self._again = source, again
        self._ended, self._offset = 0.0, 0.0  # seconds: of all that was played, and of the rounds before this one
        self._frames: Iterator[Frame] = iter(())
        self._came = False

    @property
    def notes(self) -> list[str]:
        return list(dict.fromkeys([*self._said, *self._source.notes]))

    def open(self) -> None:
        self._frames = iter(self._source)

    def read(self, stop: threading.Event) -> LivePicture | None:
        frame = next(self._frames, None)
        if frame is None and self._again is not None and self._came:
            self._source.close()
            self._said = self.notes
            self._source = self._again()
            self._frames = iter(self._source)
            frame = next(self._frames, None)
            self._offset = self._ended - (0.0 if frame is None else frame.time)
        if frame is None:
            self._pace.wait(self._ended, stop)  # the last picture stays as long as it is shown
            return None
        moment = frame.time + self._offset
        lasts = frame.duration or 1 / (self.fps or 25.0)
        self._ended = moment + lasts
        self._came = True
        self._pace.wait(moment, stop)
        return LivePicture(squared(frame.image, self._aspect), time.monotonic(), moment, lasts)

    def close(self) -> None:
        self._source.close()
