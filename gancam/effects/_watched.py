"""An effect whose model file changes while it plays: each new one is loaded beside it and takes its place."""

import logging
import threading
import time as clock
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path

import numpy as np

from gancam.effects._contract import Effect
from gancam.effects._wrapper import EffectWrapper
from gancam.errors import GancamError, first_line
from gancam.frame import Image

log = logging.getLogger(__name__)
POLL = 0.1  # seconds between looks at the file
SETTLED = 1.0  # seconds of play before frames count: the first ones prepare memory


class ReloadCost:
    """Counts what replacing an effect costs the frames: those dropped meanwhile, beside those at other times.

    Args:
        dropped: Gives the number of frames that were dropped so far.
        settled: Seconds of play before frames count.

    Attributes:
        seconds: Of each replacement, from the writing of its file until its first picture.
    """

    def __init__(self, dropped: Callable[[], int] = lambda: 0, *, settled: float = SETTLED) -> None:
        self.seconds: list[float] = []
        self._dropped, self._seen, self._settled = dropped, 0, settled
        self._began, self._was_busy = 0.0, False
        self._frames = {True: 0, False: 0}  # while one is loaded, and at other times
        self._drops = {True: 0, False: 0}
        self._longest = {True: 0.0, False: 0.0}

    def frame(self, *, busy: bool) -> None:
        """Count a frame that arrives, and those dropped before it.

        Args:
            busy: Whether a replacement is being loaded, or has just played its first frames.
        """
        now, dropped = clock.monotonic(), self._dropped()
        if self._began == 0.0:
            self._began = now
        elif now - self._began >= self._settled:
            kind = busy or self._was_busy
            self._frames[kind] += 1
            self._drops[kind] += dropped - self._seen
        self._seen, self._was_busy = dropped, busy

    def took(self, seconds: float) -> None:
        """Note how long the newest frame took."""
        if any(self._frames.values()):
            self._longest[self._was_busy] = max(self._longest[self._was_busy], seconds)

    @property
    def dropped(self) -> int:
        """How many frames were dropped while replacements were loaded."""
        return self._drops[True]

    @property
    def expected(self) -> float:
        """How many of so many frames are dropped at other times."""
        return self._frames[True] * self._drops[False] / self._frames[False] if self._frames[False] else 0.0

    def describe(self) -> str:
        """Write it out; empty where nothing was replaced."""
        if not self.seconds:
            return ""
        count, frames = len(self.seconds), "frame" if self.dropped == 1 else "frames"
        usual, most = float(np.median(self.seconds)), max(self.seconds)
        return (
            f"loaded anew {count} time{'s' * (count > 1)}, its picture {usual:.2f} s after the file (at most "
            f"{most:.2f}); {self.dropped} {frames} dropped meanwhile, {self.expected:.0f} to be expected without; "
            f"longest frame {1000 * self._longest[True]:.0f} ms, at other times {1000 * self._longest[False]:.0f}"
        )


class WatchedEffect(EffectWrapper):
    """Plays the effect of a file, and the one of its newest content as soon as that is loaded, by a thread.

    That thread opens it, has it make a first picture, and closes the one before: the frames wait for none of that. A
    file that cannot be loaded, whatever the reason, or whose pictures have another size, is told in the log and the one
    before plays on, until the file changes again.

    Args:
        path: What is looked at; it is best replaced at once (renamed into place).
        load: Loads the effect from it.
        split: Whether the left half shows what the one before makes, once there is one; both then work on each frame.
        dropped: Gives the number of frames that were dropped so far, to tell what a replacement costs.

    Attributes:
        loaded: How often it was replaced.
        cost: What that cost.
    """

    def __init__(
        self,
        path: Path,
        load: Callable[[], Effect],
        *,
        split: bool = False,
        dropped: Callable[[], int] = lambda: 0,
    ) -> None:
        self._path, self._load, self._split = path, load, split
        self._stamp = _stamp(path)
        super().__init__(load())
        self._before: Effect | None = None
        self.loaded, self.cost = 0, ReloadCost(dropped)
        self._change = threading.Lock()  # of the next two
        self._next: tuple[Effect, float] | None = None  # and when its file was written
        self._over: list[Effect] = []  # which the thread closes
        self._loading, self._fresh = False, 0
        self._size: tuple[int, int] | None = None
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="gancam-watch", daemon=True)
        self._thread.start()

    def __call__(self, image: Image, *, time: float | None = None) -> Image:
        """Call the newest effect, and beside it the one before, where both are shown."""
        self._size = image.shape[1], image.shape[0]
        self.cost.frame(busy=self._loading or self._fresh > 0)
        written = self._replace()
        made = self._make(image, time)
        if written is not None:
            self.cost.seconds.append(max(clock.time() - written, 0.0))
        return made

    def _replace(self) -> float | None:
        """Put what was loaded in the place of what plays; when its file was written, None where nothing was."""
        self._fresh -= self._fresh > 0
        with self._change:
            if self._next is None:
                return None
            (new, written), self._next = self._next, None
            if self._before is not None:
                self._over.append(self._before)
            new.params = self.params
            self.effect, self._before = new, self.effect
            if not self._split:  # else both play, each with its own memory
                new.continue_from(self._before)
                self._over.append(self._before)
                self._before = None
        self.loaded, self._fresh = self.loaded + 1, 3
        return written

    def _make(self, image: Image, time: float | None) -> Image:
        made = self.effect(image, time=time)
        if not self._split or self._before is None:
            return made
        both = made.copy()
        middle = made.shape[1] // 2
        both[:, :middle] = self._before(image, time=time)[:, :middle]
        both[:, max(middle - 1, 0) : middle + 1] = 255
        return np.ascontiguousarray(both)

    # The thread

    def _watch(self) -> None:
        while not self._stop.wait(POLL):
            self._close_those_over()
            stamp = _stamp(self._path)
            if stamp is None or stamp == self._stamp:
                continue
            self._stamp, self._loading = stamp, True
            new = self._open()
            if new is not None:
                with self._change:
                    if self._next is not None:  # of which no frame was made
                        self._over.append(self._next[0])
                    self._next = new, stamp[0] / 1e9
            self._loading = False

    def _open(self) -> Effect | None:
        """Load the effect, ready to play; None, told in the log, where it cannot be."""
        try:
            new = self._load()
        except Exception as error:  # what plays goes on, whatever it is
            log.warning("%s changed and cannot be played, so the one before goes on: %s", self._path, _words(error))
            return None
        try:
            size = self._size or (64, 64)
            if new.output_size(size) == self.effect.output_size(size):
                self._warm_up(new)
                return new
            log.warning("%s changed to another output size, so the one before goes on", self._path)
        except Exception as error:
            log.warning("%s changed and makes no picture, so the one before goes on: %s", self._path, _words(error))
        self._finish(new)
        return None

    def _warm_up(self, new: Effect) -> None:
        """Have it prepare memory, which the first call does: the thread that plays need not wait."""
        if self._size is not None and new.knows_size(self._size):  # else it may be a function that remembers
            with suppress(GancamError):  # of a black picture
                new(np.zeros((self._size[1], self._size[0], 3), np.uint8), time=0.0)
                new.reset()

    def _close_those_over(self) -> None:
        """Close what plays no more, and let its memory go."""
        with self._change:
            over, self._over = self._over, []
        for one in over:
            self._finish(one)

    def _finish(self, over: Effect) -> None:
        try:
            over.close()
        except Exception as error:  # what plays goes on
            log.warning("%s changed, and the one before could not be closed: %s", self._path, _words(error))

    # What it tells

    @property
    def status(self) -> str:
        """How often it was replaced, and the effect's own."""
        told = f"version {self.loaded + 1}" + (" | before, on the left" if self._split and self._before else "")
        return ", ".join(filter(None, [told, self.effect.status]))

    @property
    def notes(self) -> list[str]:
        """What replacing it cost, and the effect's own."""
        told = self.cost.describe()
        return [*([f"{self._path}: {told}"] if told else []), *self.effect.notes]

    def stats(self) -> Mapping[str, str | float | None]:
        """Give how often it was replaced, the frames dropped meanwhile, and the effect's own."""
        own = {"version": self.loaded + 1, "reloading": self._loading, "reload_dropped": self.cost.dropped}
        return {**own, **super().stats()}

    def frame_took(self, seconds: float) -> None:
        """Note it, and tell the effect."""
        self.cost.took(seconds)
        self.effect.frame_took(seconds)

    def reset(self) -> None:
        """Reset both effects."""
        for one in filter(None, (self.effect, self._before)):
            one.reset()

    def close(self) -> None:
        """Stop watching, and close what plays."""
        self._stop.set()
        self._thread.join()
        self._close_those_over()
        following = self._next[0] if self._next is not None else None
        for one in filter(None, (self.effect, self._before, following)):
            one.close()


def _words(error: Exception) -> str:
    """What went wrong, for the log; of what no gancam error is with its kind."""
    return str(error) if isinstance(error, GancamError) else f"{type(error).__name__}: {first_line(error)}"


def _stamp(path: Path) -> tuple[int, int, int] | None:
    """What changes with a file; None where there is none, as for the moment between two."""
    try:
        told = path.stat()
    except OSError:
        return None
    return told.st_mtime_ns, told.st_size, told.st_ino
