"""Plays one live source at a time through the chain, in a thread of its own."""

import logging
import threading
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, TypeAlias

from gancam.errors import GancamError
from gancam.pipeline import run
from gancam.sources.live import SIZE, LiveSource
from gancam.sources.open import open_live
from gancam.studio.browser import BrowserCamera
from gancam.studio.chain import LiveChain
from gancam.studio.gate import FrameGate
from gancam.studio.screen import Screen

log = logging.getLogger(__name__)
Kind: TypeAlias = Literal["test", "camera", "stream", "file", "browser"]
State: TypeAlias = Literal["idle", "opening", "playing", "ended", "failed", "resting"]
_JOIN = 2.0  # seconds that playing may take to end


@dataclass(frozen=True, slots=True)
class SourceRequest:
    """A live source as the page asks for it.

    Attributes:
        kind: What it is.
        argument: What ``gancam live`` calls it.
        label: What the page calls it.
        camera: The browser's camera, for that kind.
        size: (width, height) that a camera is asked for, and of the test pattern.
    """

    kind: Kind
    argument: str
    label: str
    camera: BrowserCamera | None = None
    size: tuple[int, int] = SIZE

    def open(self) -> LiveSource:
        """Open it. Raises ``GancamError``."""
        return LiveSource(self.camera) if self.camera is not None else open_live(self.argument, size=self.size)


class Player:
    """Plays; ``play`` and ``stop`` are for any thread and wait no longer than for the frame that is being made.

    Args:
        chain: What the frames go through.
        screen: Where they go.
        gate: Opened for other threads while a loop runs.
        changed: Called, in any thread, when there is something new to show.

    Attributes:
        request: What was asked for last; None before that, and after ``stop``.
        state: What becomes of it.
        error: Why it failed; else empty.
        mirrored: Whether pictures are played mirrored, as one sees oneself.
    """

    def __init__(self, chain: LiveChain, screen: Screen, gate: FrameGate, changed: Callable[[], None]) -> None:
        self._chain, self._screen, self._gate, self._changed = chain, screen, gate, changed
        self._lock = threading.RLock()
        self._turn = threading.Lock()  # held by the one thread that plays
        self._session = 0
        self._thread: threading.Thread | None = None
        self._feed: LiveSource | None = None
        self.request: SourceRequest | None = None
        self.state: State = "idle"
        self.error = ""
        self.mirrored = False

    @property
    def feed(self) -> LiveSource | None:
        """The source that plays now; None where none does."""
        return self._feed

    def play(self, request: SourceRequest) -> None:
        """Play this from now on, in place of what played."""
        with self._lock:
            self.stop()
            self.request, self.state, self.error = request, "opening", ""
            self._session += 1
            arguments = request, self._session
            self._thread = threading.Thread(target=self._play, args=arguments, name="gancam-studio", daemon=True)
            self._thread.start()
        self._changed()

    def mirror(self, *, on: bool) -> None:
        """Play pictures mirrored from the next one on, whatever plays, or as they are."""
        with self._lock:
            self.mirrored = on
            if self._feed is not None:
                self._feed.mirrored = on
        self._changed()

    def stop(self) -> None:
        """Play nothing any more."""
        self._end("idle")
        with self._lock:
            self.request = None
        self._screen.newest.clear()
        self._changed()

    def rest(self) -> None:
        """Let go of the source while nobody looks; ``wake`` goes on."""
        with self._lock:
            if self.request is not None and self.request.camera is None and self.state in ("opening", "playing"):
                self._end("resting")

    def wake(self) -> None:
        """Play again what ``rest`` ended."""
        with self._lock:
            if self.state == "resting" and self.request is not None:
                self.play(self.request)

    def _end(self, state: State) -> None:
        with self._lock:
            self._session += 1
            thread, feed, request = self._thread, self._feed, self.request
            self._thread = None
            self.state, self.error = state, ""
        if request is not None and request.camera is not None:
            request.camera.hang_up()
        if feed is not None:
            feed.close()
        if thread is not None and thread is not threading.current_thread():
            thread.join(_JOIN)  # one that is still opening ends by itself

    # The hidden thread, from here on.

    def _play(self, request: SourceRequest, session: int) -> None:
        state, error = "ended", ""
        try:
            with self._turn:
                while self._goes_on(session) and self._once(request, session) and request.kind == "file":
                    pass  # a file begins anew
        except GancamError as reason:
            state, error = "failed", str(reason)
        except Exception as unexpected:
            log.exception("live: a fault of gancam's own")
            state, error = "failed", f"a fault of gancam's own: {unexpected!r}"
        with self._lock:
            if self._goes_on(session):
                self.state, self.error = ("failed" if state == "failed" else "ended"), error
        self._changed()

    def _once(self, request: SourceRequest, session: int) -> bool:
        """Play until the source ends; whether any frame came."""
        feed = request.open()
        with self._lock:
            if not self._goes_on(session):
                feed.close()
                return False
            self._feed, self.state = feed, "playing"
            feed.mirrored = self.mirrored
        self._changed()
        try:
            self._chain.listen_to(Path(request.argument) if request.kind == "file" else None)
            self._chain.reset()
            with self._gate.running():
                report = run(feed, [self._chain], [self._screen], on_frame=[self._gate, self._chain.begin])
            return report.frames > 0
        finally:
            with self._lock:
                self._feed = None
            with suppress(GancamError):
                feed.close()

    def _goes_on(self, session: int) -> bool:
        return self._session == session
