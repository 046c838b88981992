"""Work of other threads, done by the loop between two frames."""

import threading
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from typing import TypeVar

from gancam.errors import GancamError
from gancam.frame import Frame

T = TypeVar("T")
_PATIENCE = 20.0  # seconds that one frame may take


class FrameGate:
    """Lets other threads change what a loop works with: between two frames, or at once while no loop runs.

    Give it to ``run`` as one of `on_frame`, within ``with gate.running():``.
    """

    def __init__(self) -> None:
        self._lock = threading.RLock()
        self._running = False
        self._waiting: deque[Callable[[], None]] = deque()

    def __call__(self, frame: Frame) -> None:
        """Do what waits, before `frame`. For the loop alone."""
        while self._waiting:
            self._waiting.popleft()()

    @contextmanager
    def running(self) -> Iterator[None]:
        """Say that a loop runs, which calls this with each frame."""
        with self._lock:
            self._running = True
        try:
            yield
        finally:
            with self._lock:
                self._running = False
                while self._waiting:
                    self._waiting.popleft()()

    def do(self, act: Callable[[], T]) -> T:
        """Call `act` between two frames, and wait for what it returns or raises.

        Raises:
            GancamError: When no frame was finished for so long that the loop must hang; then `act` is not called.
        """
        done: Future[T] = Future()

        def work() -> None:
            if not done.set_running_or_notify_cancel():
                return  # who waited was told that it was not done
            try:
                done.set_result(act())
            except BaseException as error:  # it belongs to the thread that waits
                done.set_exception(error)

        with self._lock:
            if self._running:
                self._waiting.append(work)
            else:
                work()
        try:
            return done.result(_PATIENCE)
        except TimeoutError:
            if not done.cancel():  # it is being done at last
                return done.result()
            raise GancamError(f"no frame was finished for {_PATIENCE:g} s; try again, or stop the source") from None
