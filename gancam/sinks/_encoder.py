"""Frames on their way into packets: a bounded queue, and a hidden thread that encodes."""

import errno
import os
import queue
import sys
import threading
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import av

from gancam.errors import GancamError, SinkError
from gancam.frame import Frame
from gancam.media.messages import cause
from gancam.sinks._settings import EncoderSettings
from gancam.sinks.contract import Sink
from gancam.threads import BoundedQueue
from gancam.units import counted

_AHEAD, _WAITING = 4, 100_000_000  # frames that may wait for the encoder, and their bytes
_NICENESS = 5  # steps of priority that the encoder's threads give up, on Linux


class EncoderOutput(Protocol):
    """What becomes of pictures. All is called from the encoder's hidden thread, which alone touches what is inside."""

    @property
    def frames(self) -> int:
        """How many frames are in it, for messages."""

    @property
    def kept(self) -> str:
        """What remains of them after an error, for messages."""

    def open(self) -> int:
        """Begin. What goes wrong is raised where the sink is made.

        Returns:
            The tick of the last frame that is there already; before all others where none is.
        """

    def encode(self, picture: av.VideoFrame, tick: int, after: int) -> None:
        """Take a picture, shown at `tick`; the one before it was shown at `after`."""

    def finish(self, last: int, *, interrupted: bool) -> None:
        """Make the output whole after the picture of the tick `last`. May find that there is nothing to keep."""

    def discard(self) -> None:
        """Close what is open, and remove what is not worth keeping."""

    def abandon(self) -> None:
        """Let a ``finish`` that takes long end with an error. Called from another thread than all else."""


@dataclass(frozen=True, slots=True)
class _End:
    interrupted: bool


class EncodedSink(Sink):
    """A sink that takes frames on one thread, and gives `output` their pictures and when they are shown on another.

    ``write`` waits while the hidden thread is several frames behind. What goes wrong there is raised by the next
    ``write`` or by ``close``, once. Frames that come live and are to be an animated picture, which waits for its end
    beside it, wait for nothing: those that come too fast are left out.

    Args:
        settings: How frames become pictures.
        output: What becomes of those.
        notes: What will not be as in the source; it may grow.

    Raises:
        SinkError: The output cannot be opened.
        GancamError: What else the output raises when it is opened.
    """

    def __init__(self, settings: EncoderSettings, output: EncoderOutput, notes: Sequence[str]) -> None:
        self._settings, self._output, self._notes = settings, output, notes
        self._waits = not (settings.live and settings.container.most_fps)
        self._dropped = 0
        self._worker_seconds = 0.0
        self._error: Exception | None = None
        self._raised = False  # whether the error was raised to the user
        self._abandoned = False
        width, height = settings.canvas.size
        waiting = _WAITING // max(width * height * 3, 1)
        self._queue: BoundedQueue[Frame | _End] = BoundedQueue(min(max(waiting, 1), _AHEAD))
        self._ready: queue.SimpleQueue[None] = queue.SimpleQueue()
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._work, name="gancam-encode", daemon=True)
        self._thread.start()
        try:
            self._ready.get()
        except BaseException:  # Ctrl-C in just this moment
            self.close(interrupted=True)
            raise
        if self._error is not None:
            self._thread.join()
            raise self._error

    @property
    def path(self) -> Path:
        """The output."""
        return self._settings.path

    @property
    def failed(self) -> bool:
        """Whether writing failed, so that frames are missing in what is left."""
        return self._error is not None

    @property
    def notes(self) -> Sequence[str]:
        """What will not be as in the source."""
        if not self._dropped:
            return self._notes
        lost = f"{counted(self._dropped, 'frame')} left out, as they came faster than they can be kept until the end"
        return [*self._notes, f"{self.path.name}: {lost}"]

    @property
    def worker_seconds(self) -> float:
        """How many seconds the hidden thread has worked."""
        return self._worker_seconds

    def write(self, frame: Frame) -> None:
        """Hand over a frame. Raises ``SinkError``, and ``InputError`` for one of another size."""
        if self._closed:
            raise SinkError(f"{self.path}: already closed")
        self.raise_error()
        self._settings.canvas.check(frame)
        if not self._queue.put(frame, stopped=lambda: not self._waits or self._ended.is_set()):
            self.raise_error()
            self._dropped += 1

    def close(self, *, interrupted: bool = False) -> None:
        """Finish the output.

        A Ctrl-C meanwhile waits until that is done, where it takes no long time (``EncoderOutput.abandon``); a second
        one gives up.
        """
        if self._closed:
            return
        self._closed = True
        late: BaseException | None = None
        while True:
            try:
                self._queue.push(_End(interrupted))
                self._ended.wait()  # up to Python 3.12, a join that Ctrl-C ended takes the thread for ended too
                break
            except BaseException as error:
                self._abandoned = late is not None
                self._output.abandon()
                late = error
        self._thread.join()
        if late is not None:
            raise late
        if not self._raised:
            self.raise_error()

    def raise_error(self) -> None:
        """Raise what went wrong in the hidden thread, if anything did."""
        if self._error is not None:
            self._raised = True
            raise self._error

    def failure(self, error: Exception) -> Exception:
        """Make the error to raise of one that came up while writing."""
        if isinstance(error, GancamError):
            return error
        what = "no room left" if is_full(error) else cause(error)
        output = self._output
        made = SinkError(f"{self.path}: writing failed after {counted(output.frames, 'frame')} ({what}); {output.kept}")
        made.__cause__ = error
        return made

    # The hidden thread, from here on.

    def _work(self) -> None:
        try:
            self._open_and_encode()
        except Exception as error:  # of a disk that fails in tidying up, too: who waits is told, whatever it is
            self._error = self._error or self.failure(error)
        finally:
            self._ended.set()
            self._ready.put(None)

    def _open_and_encode(self) -> None:
        _yield_to_others()
        try:
            last = self._output.open()
        except Exception as error:  # raised by __init__, which waits for it
            self._error = error
            if is_full(error):
                self._error = SinkError(f"{self.path}: cannot be written (no room left)")
                self._error.__cause__ = error
            elif not isinstance(error, GancamError):
                self._error = self._settings.cannot_open(error)
                self._error.__cause__ = error
            self._output.discard()
            return
        self._ready.put(None)
        self._encode_all(last)

    def _encode_all(self, last: int) -> None:
        end: _End | None = None
        settings, output = self._settings, self._output
        try:
            while isinstance(item := self._queue.take(), Frame):
                began = time.perf_counter()
                after, last = last, settings.tick(item, last)
                picture = settings.canvas.picture(item, last, settings.time_base)
                picture.duration = settings.ticks_shown(item, last)
                del item  # a large picture less in memory while this one is encoded
                output.encode(picture, last, after)
                del picture
                self._worker_seconds += time.perf_counter() - began
            end = item
            began = time.perf_counter()
            if self._abandoned:
                output.discard()
            else:
                output.finish(last, interrupted=end.interrupted)
            self._worker_seconds += time.perf_counter() - began
        except Exception as error:  # raised by the next write or by close
            self._error = self.failure(error)
            output.discard()
            while end is None:  # keep taking, so that no write waits for ever
                taken = self._queue.take()
                end = taken if isinstance(taken, _End) else None


def is_full(error: Exception) -> bool:
    """Tell whether the disk is full, or more is not allowed to be on it."""
    return isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EFBIG, errno.EDQUOT)


def _yield_to_others() -> None:
    """Let this thread and those it starts give way to the network's.

    Inference waits for its slowest thread at every layer, the encoder for nothing: where both want a core, every
    pause of an inference thread makes the others idle. On two cores this makes the whole 2-10 % faster.
    """
    if sys.platform == "linux":  # elsewhere this would be about the whole process
        with suppress(OSError):
            os.nice(_NICENESS)  # of this thread, on Linux
