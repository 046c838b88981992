"""When the pictures of a source that could be read at once are due."""

import threading
import time

_LOOK = 0.05  # seconds between looks whether waiting is given up


class Pace:
    """Holds pictures back until their time; the clock begins when somebody asks for frames, not when it is opened.

    So nothing of a file is missed while models are loaded and outputs are opened. The first picture is never held back:
    it tells the size. One thread may ``wait`` while another calls ``begin``.
    """

    def __init__(self) -> None:
        self._go = threading.Event()
        self._began = 0.0  # time.monotonic() of `begin`
        self._first: float | None = None
        self.holding = False  # whether a picture is there, and held back, until who gives it on says otherwise

    @property
    def running(self) -> bool:
        """Whether the clock has begun."""
        return self._go.is_set()

    def begin(self) -> float:
        """Let the clock begin, with the first picture; the ``time.monotonic()`` of that."""
        if not self._go.is_set():
            self._began = time.monotonic()
            self._go.set()
        return self._began

    def wait(self, moment: float, stop: threading.Event) -> None:
        """Wait until the picture of `moment`, in seconds on the source's own clock, is due, or until `stop` is set."""
        if self._first is None:
            self._first = moment
            return
        while not self._go.wait(_LOOK):
            if stop.is_set():
                return
        self.holding = True
        due = self._began + moment - self._first - time.monotonic()
        stop.wait(min(max(due, 0), threading.TIMEOUT_MAX))  # a damaged time may be any

    def now(self) -> float:
        """Seconds on the source's own clock, once it runs."""
        return (self._first or 0.0) + time.monotonic() - self._began
