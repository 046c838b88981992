"""Plays one live source at a time through the chain, in a thread of its own."""

import logging
import threading
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, TypeAlias
from weakref import WeakValueDictionary

from gancam.errors import GancamError
from gancam.media.paths import StillPath, classify
from gancam.pipeline import run
from gancam.sources.live import SIZE, LiveSource
from gancam.sources.open import open_live
from gancam.studio.browser import BrowserCamera
from gancam.studio.chain import LiveChain
from gancam.studio.gate import FrameGate
from gancam.studio.media import frame_at
from gancam.studio.screen import Screen
from gancam.studio.still import StillImage
from gancam.vision.pad import Scene

log = logging.getLogger(__name__)
Kind: TypeAlias = Literal["test", "camera", "stream", "file", "browser"]
State: TypeAlias = Literal["idle", "opening", "playing", "ended", "failed", "resting"]
_JOIN = 2.0  # seconds that `stop` and `rest` wait for the frame that is being made


@dataclass(frozen=True, slots=True)
class SourceRequest:
    """A live source as the page asks for it.

    Attributes:
        kind: What it is.
        argument: What ``gancam live`` calls it.
        label: What the page calls it.
        camera: The browser's camera, for that kind.
        size: (width, height) that a camera is asked for, and of the test pattern.
        moment: Seconds of the frame of a video that is shown, and stands still; None: it plays.
    """

    kind: Kind
    argument: str
    label: str
    camera: BrowserCamera | None = None
    size: tuple[int, int] = SIZE
    moment: float | None = None

    @property
    def still(self) -> bool:
        """Whether it is the file of a still picture."""
        return self.kind == "file" and isinstance(classify(self.argument), StillPath)

    @property
    def stands(self) -> bool:
        """Whether one picture is shown all the time."""
        return self.still or self.moment is not None

    @property
    def scene(self) -> Scene:
        """What is drawn on when it plays."""
        return Scene(self.argument, self.moment) if self.kind == "file" else Scene()

    def open(self) -> LiveSource:
        """Open it. Raises ``GancamError``."""
        if self.camera is not None:
            return LiveSource(self.camera)
        if self.stands:
            return open_live(StillImage(frame_at(Path(self.argument), self.moment or 0.0)))
        return open_live(self.argument, size=self.size)


@dataclass(frozen=True, slots=True)
class _Playing:
    """What plays, of which a player lets go."""

    thread: threading.Thread | None
    feed: LiveSource | None
    camera: BrowserCamera | None

    def end(self) -> None:
        """Have it end soon. Not for who holds the player's lock, which the loop needs to end."""
        if self.camera is not None:
            self.camera.hang_up()
            self.camera.close()  # a browser whose pictures were never asked for sends them in vain
        if self.feed is not None:
            self.feed.close()

    def join(self) -> None:
        """Wait until it has ended, as ``end``."""
        if self.thread is not None:
            self.thread.join(_JOIN)  # one that is still opening ends by itself


class Player:
    """Plays; every method is for any thread, and may wait for a source to close and the frame that is being made.

    A recording ends with the source, not where a file begins anew.

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
        self._lock = threading.Lock()  # held for moments: never while something is waited for
        self._turn = threading.Lock()  # held by the one thread that plays
        self._held = WeakValueDictionary[str, threading.Lock]()  # by who has such a source open, or opens it
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
            before = self._begin(request)
        before.end()  # the new one waits for its turn meanwhile
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
        with self._lock:
            before, session = self._leave("idle", None), self._session
        before.end()
        before.join()
        with self._lock:
            if self._goes_on(session):  # another may play already
                self._screen.newest.clear()
        self._changed()

    def rest(self) -> None:
        """Let go of the source while nobody looks; ``wake`` goes on."""
        with self._lock:
            request = self.request
            if request is None or request.camera is not None or self.state not in ("opening", "playing"):
                return
            before = self._leave("resting", request)
        before.end()
        before.join()
        self._changed()

    def wake(self) -> None:
        """Play again what ``rest`` ended."""
        with self._lock:
            if self.state != "resting" or self.request is None:
                return
            before = self._begin(self.request)
        before.end()
        self._changed()

    # With the lock held; what is returned is for after that.

    def _begin(self, request: SourceRequest) -> _Playing:
        before = self._leave("opening", request)
        arguments = request, self._session
        self._thread = threading.Thread(target=self._play, args=arguments, name="gancam-studio", daemon=True)
        self._thread.start()
        return before

    def _leave(self, state: State, request: SourceRequest | None) -> _Playing:
        before = _Playing(self._thread, self._feed, None if self.request is None else self.request.camera)
        self._session += 1
        self._thread, self.request, self.state, self.error = None, request, state, ""
        return before

    # The hidden thread, from here on.

    def _play(self, request: SourceRequest, session: int) -> None:
        state, error = "ended", ""
        with self._lock:  # a camera may go by several names
            held = self._held.setdefault(
                request.argument if request.kind == "stream" else request.kind, threading.Lock()
            )
        try:
            with held:  # no camera is opened twice at once, and none waits for another that hangs
                if self._goes_on(session):
                    self._play_from(request.open(), request, session)
        except GancamError as reason:
            state, error = "failed", str(reason)
        except Exception as unexpected:
            log.exception("live: a fault of gancam's own")
            state, error = "failed", f"a fault of gancam's own: {unexpected!r}"
        with self._lock:
            if self._goes_on(session):
                self.state, self.error = ("failed" if state == "failed" else "ended"), error
        self._changed()

    def _play_from(self, feed: LiveSource, request: SourceRequest, session: int) -> None:
        with self._turn:
            try:
                while self._once(feed, request, session) and request.kind == "file" and self._goes_on(session):
                    feed = request.open()  # a file begins anew
            finally:
                self._gate.do(self._screen.recorder.stop)

    def _once(self, feed: LiveSource, request: SourceRequest, session: int) -> bool:
        """Play until the source ends, and close it; whether any frame came."""
        try:
            with self._lock:
                if not self._goes_on(session):
                    return False
                self._feed, self.state = feed, "playing"
                feed.mirrored = self.mirrored
            self._changed()
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
