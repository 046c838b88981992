"""A source that keeps the newest picture only, and goes on when what it reads from comes back."""

import math
import os
import threading
import time
import weakref
from collections.abc import Iterator, Sequence
from dataclasses import replace
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
    duration: float | None = None  # seconds for which it is shown, where that is known


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


class _Reader:
    """The hidden thread of a `LiveSource`, of which it knows nothing, so that that can be dropped unclosed.

    What it shares with who asks for frames is guarded by `change`.
    """

    def __init__(self, feed: LiveBackend, reconnect: int | None, sound: Sound, pace: Pace | None) -> None:
        self.feed, self.reconnect, self.sound, self.pace = feed, reconnect, sound, pace
        self.next_feed: LiveBackend | None = None
        self.change = threading.Condition()
        self.stop, self.process = threading.Event(), os.getpid()
        self.newest: LivePicture | None = None
        self.over = self.ended_early = False
        self.error: SourceError | None = None
        self.size: tuple[int, int] | None = None
        self.arrivals: list[float] = []  # of the first second
        self.attempts = 0  # to reconnect, in a row
        self.lost_at: float | None = None
        self.losses, self.lost_seconds = 0, 0.0
        self.coming_size: tuple[int, int] | None = None  # that pictures have now
        self.changes = 0  # of that
        self.dropped = 0
        self.told: list[str] = []
        self.thread = threading.Thread(target=self._read_all, name="gancam-live", daemon=True)
        self.thread.start()

    def close(self) -> None:
        """End the thread; one that hangs ends when what it waits for comes."""
        if self.thread is threading.current_thread():  # whose garbage collection came upon the last reference
            self.over = True  # and no more: it may hold the lock of `stop`
            return
        if os.getpid() != self.process:  # a forked one, in which the thread is not, but its locks may be held
            return
        self.stop.set()
        with self.change:
            self.ended_early |= not self.over or self.newest is not None
            self.over = True
            self.newest = None
            self.change.notify_all()
        self.thread.join(_GIVE_UP_ON_CLOSE)

    # The hidden thread, from here on.

    def _read_all(self) -> None:
        error: SourceError | None = None
        try:
            error = self._keep_connected()
        except Exception as unexpected:  # raised where the frames are asked for
            error = SourceError(f"{self.feed.name}: {cause(unexpected)}")
            error.__cause__ = unexpected
        with self.change:
            self.over, self.error = True, error
            self.change.notify_all()

    def _keep_connected(self) -> SourceError | None:
        """Connect and read until closed, ended, or given up; why it was given up."""
        while not self.stop.is_set():
            if self.next_feed is not None:
                self.feed, self.next_feed = self.next_feed, None
            failed = False
            try:
                self.feed.open()
                came = self._read_connected()
                lost = "no picture came" if self.size is None else "the connection was lost"
                error = SourceError(f"{self.feed.name}: {lost}")
            except SourceError as reason:
                error, came, failed = reason, False, True
            finally:
                self.feed.close()
            if self.stop.is_set() or self.over:
                break
            if self.next_feed is not None:
                continue
            if self.feed.finite or self.size is None:
                return error if failed or self.size is None else None
            with self.change:
                if came or self.lost_at is None:
                    self.attempts = 0
                    self.losses += 1
                    self.lost_at = time.monotonic()
                outage = time.monotonic() - self.lost_at
                if self.reconnect is not None and self.attempts >= self.reconnect:
                    return error
                self.attempts += 1
            self.stop.wait(min(max(outage / 20, _PAUSES[0]), _PAUSES[1]))
        return None

    def _note_size(self, size: tuple[int, int]) -> None:
        """Note a change of what comes, for the user."""
        assert self.size is not None
        before, self.coming_size = self.coming_size or self.size, size
        if size == before:
            return
        self.changes += 1
        if self.changes <= _CHANGES_TOLD:
            now, kept = f"{size[0]}x{size[1]}", f"{self.size[0]}x{self.size[1]}"
            how = "as at first" if size == self.size else f"shown within {kept}"
            self.told.append(f"{self.feed.name}: pictures are {now} now, {how}")

    def _read_connected(self) -> bool:
        """Read until the connection is lost; whether any picture came."""
        came = False
        while not self.stop.is_set() and self.next_feed is None:
            read = self.feed.read(self.stop)
            if read is None:
                break
            image, captured = read.image, read.captured
            size = image.shape[1], image.shape[0]
            if self.size is not None:
                self._note_size(size)
                image = fit(image, self.size)
            with self.change:
                if self.over:
                    break
                if self.newest is not None:
                    self.dropped += 1
                self.newest = read._replace(image=image)
                if self.pace is not None:
                    self.pace.holding = False  # not before: what is due, and not given yet, is no loss
                if self.sound.origin is None and (self.pace is None or self.pace.running):
                    self.sound.origin = captured
                if len(self.arrivals) <= 60:
                    self.arrivals.append(captured)
                self.size = self.size or size
                if self.lost_at is not None:
                    self.lost_seconds += time.monotonic() - self.lost_at
                    self.lost_at = None
                came = True
                self.change.notify_all()
        return came


class LiveSource(Source):
    """Keeps the newest picture only: the base of `Camera`, `Stream`, `CaptureSource` and `RealtimeSource`.

    ``Frame.time`` is seconds since the first picture's capture; what `RealtimeSource` plays keeps its own times, so
    that a file has the same ones live and offline. ``Frame.captured`` is the ``time.monotonic()`` of the capture.
    Indices count the frames that are given; ``dropped`` counts those that a newer one replaced before they were asked
    for.

    Without a picture for `patience` seconds (twice the time between the last two, up to 3 s, where that is longer) a
    placeholder is given, of the same size and with a text that says so, and again every 0.2 s; ``captured`` is None.
    Effects are not shown it (``Frame.placeholder``).
    Meanwhile the reader reconnects, with pauses of a twentieth of the outage so far (0.25 to 1.5 s), for ever or until
    `reconnect` attempts in a row have failed: then iterating raises ``SourceError``. A file whose next picture is due
    later, as that of a slide show, gives the last one again instead.

    All frames have the first one's size: where the source changes it in mid-play, pictures are scaled in their own
    proportions, with black bars where they do not fill it, and ``notes`` tells each change.

    ``close`` closes it, and so does whoever lets go of the last reference. It returns within half a second even where
    OpenCV's read hangs: the reader thread, a daemon, releases the capture and ends as soon as that read returns.

    Args:
        feed: Where pictures come from.
        patience: Seconds without a picture before the placeholder.
        reconnect: Attempts in a row after which it gives up; None for no limit.
        measure: Whether the rate is measured for a second rather than believed.
        sound: Gets the source's own sound.
        pace: What holds the pictures of `feed` back, for one that waits until frames are asked for.

    Attributes:
        origin: The container's seconds that became ``Frame.time`` 0, of a file.
        aspect: Width over height of a displayed pixel.
        fields: Which of the two fields of its pictures comes first, of a file: "tff" (the upper) or "bff"; empty where
            they are not of fields, or that is not known.
        sound: What is heard beside the pictures: a stream's own sound, or what a microphone gives it.
        mirrored: Whether pictures are flipped, as in a mirror; it may change at any time.

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
        self._patience, self._pace = patience, pace
        self._index, self._last, self._own_clock = 0, -math.inf, False
        self.mirrored = False
        self.sound = sound or Sound()
        self.origin, self.aspect, self.fields = Fraction(0), Fraction(1), ""
        self._reader = _Reader(feed, reconnect, self.sound, pace)
        weakref.finalize(self, self._reader.close).atexit = False
        try:
            self._fps = self._settle(measure)
        except BaseException:
            self.close()
            raise

    def _settle(self, measure: bool) -> float:
        """Wait for the first picture and find out the rate."""
        reader = self._reader
        with reader.change:
            known = reader.change.wait_for(lambda: reader.size is not None or reader.over, _FIRST_WAIT)
            if reader.error is not None and reader.size is None:  # else what came is given first
                raise reader.error
            if not known or reader.size is None:
                raise SourceError(f"{reader.feed.name}: no picture came" + (f" in {_FIRST_WAIT:g} s" * (not known)))
            promised = reader.feed.fps
            if promised is not None and not measure:
                return promised
            reader.change.wait_for(lambda: reader.over or len(reader.arrivals) > 60, 1.2)
            moments = reader.arrivals[3:] if len(reader.arrivals) > 8 else reader.arrivals  # the first come in a burst
        span = moments[-1] - moments[0]
        fps = (len(moments) - 1) / span if span > 0 else promised or 25.0
        fps = min(max(fps, 1.0), 1000.0)
        said = f", {promised:.3g} promised" if promised is not None else ""
        reader.told.append(f"{reader.feed.name}: {self.size[0]}x{self.size[1]}, {fps:.3g} fps measured{said}")
        return fps

    @property
    def name(self) -> str:
        """What to call it in messages, without user name, password and query."""
        return self._reader.feed.name

    @property
    def fps(self) -> float:
        """Frames a second."""
        return self._fps

    @property
    def size(self) -> tuple[int, int]:
        """(width, height) of every frame."""
        assert self._reader.size is not None
        return self._reader.size

    @property
    def ready(self) -> bool:
        """Whether the next frame, or the end, is there without waiting."""
        with self._reader.change:
            return self._reader.newest is not None or self._reader.over

    @property
    def dropped(self) -> int:
        """How many pictures were captured, but replaced by a newer one before they were asked for."""
        return self._reader.dropped

    @property
    def ended_early(self) -> bool:
        """Whether it was closed before its own end."""
        return self._reader.ended_early

    @property
    def notes(self) -> Sequence[str]:
        """The measured rate, losses, changes of size, and what cannot be as in the source."""
        reader = self._reader
        told = list(reader.told)
        if reader.changes > _CHANGES_TOLD:
            told.append(f"{reader.feed.name}: pictures changed their size {reader.changes} times")
        if reader.losses:
            times = "once" if reader.losses == 1 else f"{reader.losses} times"
            told.append(f"{reader.feed.name}: lost {times}, {reader.lost_seconds:.1f} s without a picture")
        return told

    def tell(self, note: str) -> None:
        """Add to ``notes``."""
        self._reader.told.append(note)

    def tell_squared(self, aspect: Fraction) -> None:
        """Say in ``notes`` that pictures were scaled, whose pixels were `aspect` times as wide as high."""
        if aspect != 1:
            now, was = f"{self.size[0]}x{self.size[1]}", f"{aspect.numerator}:{aspect.denominator}"
            self.tell(f"{self.name}: its pixels are not square ({was}): scaled to {now}")

    def __iter__(self) -> Iterator[Frame]:
        reader = self._reader
        if self._pace is not None and not self._pace.running:
            self._begin(self._pace)
        wait, before, shown, until = self._patience, math.inf, None, None
        while True:
            with reader.change:
                reader.change.wait_for(lambda: reader.newest is not None or reader.over, wait)
                newest, reader.newest = reader.newest, None
                if newest is None and reader.over:
                    if reader.error is not None and not reader.stop.is_set():
                        raise reader.error
                    return
            if newest is not None:
                wait = max(self._patience, min(2 * (newest.captured - before), _MOST_PATIENCE))
                before = newest.captured
                self._own_clock = newest.time is not None
                moment = newest.captured - reader.arrivals[0] if newest.time is None else newest.time
                shown = newest.image
                until = None if newest.duration is None else moment + newest.duration
                yield self._frame(shown, moment, newest.captured, until)
            elif self._pace is not None and self._pace.holding and shown is not None:  # a slide, not a loss
                wait, now = _REPEAT, time.monotonic()
                moment = self._pace.now() if self._own_clock else now - reader.arrivals[0]
                yield self._frame(shown, moment, now, until)
            else:
                wait = _REPEAT
                # a file's clock stands still meanwhile, so that the next picture has its own time again
                moment = self._last if self._own_clock else time.monotonic() - reader.arrivals[0]
                yield replace(self._frame(self._placeholder(), moment, None), placeholder=True)

    def peek(self) -> Frame | None:
        """Give the picture that would be played now, which stays to be played; None where there is none just now."""
        with self._reader.change:
            newest = self._reader.newest
        if newest is None:
            return None
        image = np.ascontiguousarray(newest.image[:, ::-1]) if self.mirrored else newest.image
        return Frame(image, 0, 0.0, captured=newest.captured)

    def _begin(self, pace: Pace) -> None:
        """Let what waited for this begin: its first picture counts as captured now."""
        reader = self._reader
        with reader.change:
            now = self.sound.origin = reader.arrivals[0] = pace.begin()
            if reader.newest is not None:
                reader.newest = reader.newest._replace(captured=now)

    def _frame(self, image: Image, moment: float, captured: float | None, until: float | None = None) -> Frame:
        self._last = max(moment, self._last + 1e-6)
        self._index += 1
        if self.mirrored and captured is not None:
            image = np.ascontiguousarray(image[:, ::-1])
        duration = None if until is None or until <= self._last else until - self._last
        return Frame(image, self._index - 1, self._last, captured=captured, duration=duration)

    def _placeholder(self) -> Image:
        reader = self._reader
        width, height = self.size
        image = np.full((height, width, 3), 40, np.uint8)
        with reader.change:
            lost_at, attempts = reader.lost_at, reader.attempts
        lines = ["no picture", reader.feed.name[-48:]]
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
        reader = self._reader
        with reader.change:
            reader.next_feed = feed
            reader.attempts, reader.lost_at = 0, None

    def close(self) -> None:
        """End the reader thread; may be called at any time and more than once."""
        self._reader.close()
