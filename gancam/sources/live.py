"""A source that keeps the newest picture only, and goes on when what it reads from comes back."""

import math
import threading
import time
from collections.abc import Iterator, Sequence
from fractions import Fraction
from typing import NamedTuple, Protocol

import numpy as np

from gancam.errors import InputError, SourceError
from gancam.frame import Frame, Image
from gancam.media.live_sound import Sound
from gancam.media.messages import cause
from gancam.sources.contract import Source
from gancam.sources.pace import Pace
from gancam.vision.fit import fit
from gancam.vision.text import draw_lines

SIZE = (640, 360)  # what a camera is asked for, and the test pattern's size, unless told otherwise
PATIENCE = 0.8  # seconds without a picture before the placeholder
_MOST_PATIENCE = 3.0  # the same, for a source that takes nearly as long between any two
_REPEAT = 0.2  # seconds between placeholders, so that windows stay alive
_FIRST_WAIT = 15.0  # seconds for a source's first picture
_PAUSES = (
    0.25,
    1.5,
)  # seconds between attempts to reconnect: a twentieth of the outage so far, from the first to the second
_CHANGES_TOLD = 20  # changes of size that are told one by one
_GIVE_UP_ON_CLOSE = 0.5  # seconds that close() waits for a reader that hangs


class LivePicture(NamedTuple):
    """A picture, and when it was captured."""

    image: Image
    captured: float  # time.monotonic()
    time: float | None = None  # on the source's own clock, where it has one


class LiveBackend(Protocol):
    """A connection to pictures. All but `name` and `finite` are used by the reader thread alone.

    Attributes:
        name: For messages: without credentials.
        finite: Whether an end is an end, not a loss.
    """

    name: str
    finite: bool

    @property
    def fps(self) -> float | None:
        """Frames a second that the source promises; None where nothing to be believed is known."""

    def open(self) -> None:
        """Connect. Raises ``SourceError`` with the reason."""

    def read(self, stop: threading.Event) -> LivePicture | None:
        """Read the next picture; None at the end, or when the source is lost."""

    def close(self) -> None:
        """Disconnect; may be called several times, also when `open` failed."""


class LiveSource(Source):
    """Keeps the newest picture only: the base of `Camera`, `Stream`, `CaptureSource` and `RealtimeSource`.

    ``Frame.time`` is seconds since the first picture's capture; what `RealtimeSource` plays keeps its own times, so
    that a file has the same ones live and offline. ``Frame.captured`` is the ``time.monotonic()`` of the capture.
    Indices count the frames that are given; ``dropped`` counts those that a newer one replaced before they were asked
    for.

    Without a picture for `patience` seconds (twice the time between the last two, up to 3 s, where that is longer) a
    placeholder is given, of the same size and with a text that says so, and again every 0.2 s; ``captured`` is None.
    Meanwhile the reader reconnects, with pauses of a twentieth of the outage so far (0.25 to 1.5 s), for ever or until
    `reconnect` attempts in a row have failed: then iterating raises ``SourceError``.

    All frames have the first one's size: where the source changes it in mid-play, pictures are scaled in their own
    proportions, with black bars where they do not fill it, and ``notes`` tells each change.

    ``close`` returns within half a second even where OpenCV's read hangs: the reader thread, a daemon, releases the
    capture and ends as soon as that read returns.

    Args:
        feed: Where pictures come from.
        patience: Seconds without a picture before the placeholder.
        reconnect: Attempts in a row after which it gives up; None for no limit.
        measure: Whether the rate is measured for a second rather than believed.
        sound: Gets the source's own sound.
        pace: What holds the pictures of `feed` back, for one that waits until frames are asked for.

    Attributes:
        origin: The container's seconds that became ``Frame.time`` 0, of a file.
        sound: What is heard beside the pictures: a stream's own sound, or what a microphone gives it.
        mirrored: Whether pictures are given mirrored, as one sees oneself; it may change at any time.

    Raises:
        InputError: For values that make no sense.
        SourceError: When no picture comes within 15 seconds.
    """

    def __init__(
        self,
        feed: LiveBackend,
        *,
        patience: float = PATIENCE,
        reconnect: int | None = None,
        measure: bool = False,
        sound: Sound | None = None,
        pace: Pace | None = None,
    ) -> None:
        if not patience > 0:
            raise InputError(f"patience is {patience}: needs more than 0 seconds")
        if reconnect is not None and reconnect < 0:
            raise InputError(f"reconnect is {reconnect}: needs 0 or more attempts, or None for ever")
        self._feed, self._patience, self._reconnect, self._pace = feed, patience, reconnect, pace
        self._next_feed: LiveBackend | None = None
        self._change = threading.Condition()  # guards all that reader and consumer share
        self._stop = threading.Event()
        self._newest: LivePicture | None = None
        self._over = False
        self._error: SourceError | None = None
        self._size: tuple[int, int] | None = None
        self._arrivals: list[float] = []  # of the first second
        self._attempts = 0  # to reconnect, in a row
        self._lost_at: float | None = None
        self._losses, self._lost_seconds = 0, 0.0
        self._coming_size: tuple[int, int] | None = None  # that pictures have now
        self._changes = 0  # of that
        self._dropped = 0
        self._index, self._last, self._own_clock = 0, -math.inf, False
        self.mirrored = False
        self.sound = sound or Sound()
        self.origin = Fraction(0)
        self._told: list[str] = []
        self._thread = threading.Thread(target=self._read_all, name="gancam-live", daemon=True)
        self._thread.start()
        try:
            self._fps = self._settle(measure)
        except BaseException:
            self.close()
            raise

    def _settle(self, measure: bool) -> float:
        """Wait for the first picture and find out the rate."""
        with self._change:
            known = self._change.wait_for(lambda: self._size is not None or self._over, _FIRST_WAIT)
            if self._error is not None:
                raise self._error
            if not known or self._size is None:
                raise SourceError(f"{self._feed.name}: no picture came" + (f" in {_FIRST_WAIT:g} s" * (not known)))
            promised = self._feed.fps
            if promised is not None and not measure:
                return promised
            self._change.wait_for(lambda: self._over or len(self._arrivals) > 60, 1.2)
            moments = self._arrivals[3:] if len(self._arrivals) > 8 else self._arrivals  # the first come in a burst
        span = moments[-1] - moments[0]
        fps = (len(moments) - 1) / span if span > 0 else promised or 25.0
        fps = min(max(fps, 1.0), 1000.0)
        said = f", {promised:.3g} promised" if promised is not None else ""
        self._told.append(f"{self._feed.name}: {self.size[0]}x{self.size[1]}, {fps:.3g} fps measured{said}")
        return fps

    @property
    def name(self) -> str:
        """What to call it in messages, without user name, password and query."""
        return self._feed.name

    @property
    def fps(self) -> float:
        """Frames a second."""
        return self._fps

    @property
    def size(self) -> tuple[int, int]:
        """(width, height) of every frame."""
        assert self._size is not None
        return self._size

    @property
    def frames(self) -> int | None:
        """How many frames are promised; None where that is not known."""
        return None

    @property
    def ready(self) -> bool:
        """Whether the next frame, or the end, is there without waiting."""
        with self._change:
            return self._newest is not None or self._over

    @property
    def dropped(self) -> int:
        """How many pictures were captured, but replaced by a newer one before they were asked for."""
        return self._dropped

    @property
    def notes(self) -> Sequence[str]:
        """The measured rate, losses and changes of size."""
        told = list(self._told)
        if self._changes > _CHANGES_TOLD:
            told.append(f"{self._feed.name}: pictures changed their size {self._changes} times")
        if self._losses:
            times = "once" if self._losses == 1 else f"{self._losses} times"
            told.append(f"{self._feed.name}: lost {times}, {self._lost_seconds:.1f} s without a picture")
        return told

    def __iter__(self) -> Iterator[Frame]:
        if self._pace is not None and not self._pace.running:
            self._begin(self._pace)
        wait, before = self._patience, math.inf
        while True:
            with self._change:
                self._change.wait_for(lambda: self._newest is not None or self._over, wait)
                newest, self._newest = self._newest, None
                if newest is None and self._over:
                    if self._error is not None and not self._stop.is_set():
                        raise self._error
                    return
            if newest is not None:
                wait = max(self._patience, min(2 * (newest.captured - before), _MOST_PATIENCE))
                before = newest.captured
                self._own_clock = newest.time is not None
                moment = newest.captured - self._arrivals[0] if newest.time is None else newest.time
                yield self._frame(newest.image, moment, newest.captured)
            else:
                wait = _REPEAT
                # a file's clock stands still meanwhile, so that the next picture has its own time again
                moment = self._last if self._own_clock else time.monotonic() - self._arrivals[0]
                yield self._frame(self._placeholder(), moment, None)

    def _begin(self, pace: Pace) -> None:
        """Let what waited for this begin: its first picture counts as captured now."""
        with self._change:
            now = self.sound.origin = self._arrivals[0] = pace.begin()
            if self._newest is not None:
                self._newest = self._newest._replace(captured=now)

    def _frame(self, image: Image, moment: float, captured: float | None) -> Frame:
        self._last = max(moment, self._last + 1e-6)
        self._index += 1
        if self.mirrored and captured is not None:
            image = np.ascontiguousarray(image[:, ::-1])
        return Frame(image, self._index - 1, self._last, captured=captured)

    def _placeholder(self) -> Image:
        width, height = self.size
        image = np.full((height, width, 3), 40, np.uint8)
        with self._change:
            lost_at, attempts = self._lost_at, self._attempts
        lines = ["no picture", self._feed.name[-48:]]
        if lost_at is not None:
            lines.append(f"reconnecting, attempt {attempts}" if attempts else "reconnecting")
        draw_lines(image, lines, "middle", height=max(height // 16, 8), backdrop=0.5)
        return image

    def mirror(self) -> bool:
        """Turn pictures around, or back; whether they are now mirrored."""
        self.mirrored = not self.mirrored
        return self.mirrored

    def switch(self, feed: LiveBackend) -> None:
        """Read from another place from now on, as soon as the read that goes on returns; sizes and times stay."""
        with self._change:
            self._next_feed = feed
            self._attempts, self._lost_at = 0, None

    def close(self) -> None:
        """End the reader thread; may be called at any time and more than once."""
        self._stop.set()
        with self._change:
            self._over = True
            self._newest = None
            self._change.notify_all()
        if self._thread is not threading.current_thread():
            self._thread.join(_GIVE_UP_ON_CLOSE)

    # The hidden thread, from here on.

    def _read_all(self) -> None:
        error: SourceError | None = None
        try:
            error = self._keep_connected()
        except Exception as unexpected:  # raised where the frames are asked for
            error = SourceError(f"{self._feed.name}: {cause(unexpected)}")
            error.__cause__ = unexpected
        with self._change:
            self._over, self._error = True, error
            self._change.notify_all()

    def _keep_connected(self) -> SourceError | None:
        """Connect and read until closed, ended, or given up; why it was given up."""
        while not self._stop.is_set():
            if self._next_feed is not None:
                self._feed, self._next_feed = self._next_feed, None
            lost = "no picture came" if self._size is None else "the connection was lost"
            error = SourceError(f"{self._feed.name}: {lost}")
            try:
                self._feed.open()
                came = self._read_connected()
            except SourceError as reason:
                error, came = reason, False
            finally:
                self._feed.close()
            if self._stop.is_set():
                break
            if self._next_feed is not None:
                continue
            if self._feed.finite or self._size is None:
                return error if self._size is None else None
            with self._change:
                if came or self._lost_at is None:
                    self._attempts = 0
                    self._losses += 1
                    self._lost_at = time.monotonic()
                outage = time.monotonic() - self._lost_at
                if self._reconnect is not None and self._attempts >= self._reconnect:
                    return error
                self._attempts += 1
            self._stop.wait(min(max(outage / 20, _PAUSES[0]), _PAUSES[1]))
        return None

    def _note_size(self, size: tuple[int, int]) -> None:
        """Note a change of what comes, for the user."""
        assert self._size is not None
        before, self._coming_size = self._coming_size or self._size, size
        if size == before:
            return
        self._changes += 1
        if self._changes <= _CHANGES_TOLD:
            now, kept = f"{size[0]}x{size[1]}", f"{self._size[0]}x{self._size[1]}"
            how = "as at first" if size == self._size else f"shown within {kept}"
            self._told.append(f"{self._feed.name}: pictures are {now} now, {how}")

    def _read_connected(self) -> bool:
        """Read until the connection is lost; whether any picture came."""
        came = False
        while not self._stop.is_set() and self._next_feed is None:
            read = self._feed.read(self._stop)
            if read is None:
                break
            image, captured = read.image, read.captured
            size = image.shape[1], image.shape[0]
            if self._size is not None:
                self._note_size(size)
                image = fit(image, self._size)
            with self._change:
                if self._over:
                    break
                if self._newest is not None:
                    self._dropped += 1
                self._newest = LivePicture(image, captured, read.time)
                if self.sound.origin is None and (self._pace is None or self._pace.running):
                    self.sound.origin = captured
                if len(self._arrivals) <= 60:
                    self._arrivals.append(captured)
                self._size = self._size or size
                if self._lost_at is not None:
                    self._lost_seconds += time.monotonic() - self._lost_at
                    self._lost_at = None
                came = True
                self._change.notify_all()
        return came
