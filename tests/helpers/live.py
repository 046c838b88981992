"""Live play that ends after so many frames, however long those take."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest

from gancam.cli import live
from gancam.frame import Frame
from gancam.sources.live import LiveSource


def ends_after(frames: int, patch: pytest.MonkeyPatch) -> None:
    """Have ``--seconds`` of ``gancam live``, whatever it says, end with at least so many frames in each output."""
    enough, given, frame_of = threading.Event(), list[float](), LiveSource._frame

    def counted(self: LiveSource, *arguments: object) -> Frame:
        frame: Frame = frame_of(self, *arguments)  # type: ignore[arg-type]
        given.append(frame.time)
        if len(given) > frames:  # the ones before were shown
            enough.set()
        return frame

    @contextmanager
    def stop_after(seconds: float | None, stop: Callable[[], None]) -> Iterator[None]:
        assert seconds is not None
        enough.clear()
        given.clear()

        def wait() -> None:
            enough.wait(120)
            stop()

        thread = threading.Thread(target=wait)
        thread.start()
        try:
            yield
        finally:
            enough.set()
            thread.join()

    patch.setattr(LiveSource, "_frame", counted)
    patch.setattr(live, "_stop_after", stop_after)
