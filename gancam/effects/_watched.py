"""An effect whose model file changes while it plays: each new one is loaded beside it and takes its place."""

import logging
import threading
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import numpy as np

from gancam.effects._contract import Effect
from gancam.effects._wrapper import EffectWrapper
from gancam.errors import GancamError
from gancam.frame import Image

log = logging.getLogger(__name__)
POLL = 0.2  # seconds between looks at the file


class WatchedEffect(EffectWrapper):
    """Plays the effect of a file, and the one of its newest content as soon as that is loaded, by a thread.

    A file that cannot be loaded, or whose pictures have another size, is told in the log and the one before plays on.

    Args:
        path: What is looked at; it is best replaced at once (renamed into place).
        load: Loads the effect from it.
        split: Whether the left half shows what the one before makes, once there is one; both then work on each frame.
    """

    def __init__(self, path: Path, load: Callable[[], Effect], *, split: bool = False) -> None:
        self._path, self._load, self._split = path, load, split
        self._stamp = _stamp(path)
        super().__init__(load())
        self._before = None
        self.loaded = 0  # how often it was replaced
        self._next: Effect | None = None
        self._size: tuple[int, int] | None = None
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="gancam-watch", daemon=True)
        self._thread.start()

    _before: Effect | None

    def __call__(self, image: Image, *, time: float | None = None) -> Image:
        """Call the newest effect, and beside it the one before, where both are shown."""
        self._size = image.shape[1], image.shape[0]
        if (new := self._next) is not None:
            self._next = None
            if self._before is not None:
                self._before.close()
            new.params = self.params
            self.effect, self._before, self.loaded = new, self.effect, self.loaded + 1
        made = self.effect(image, time=time)
        if not self._split or self._before is None:
            return made
        both = made.copy()
        middle = made.shape[1] // 2
        both[:, :middle] = self._before(image, time=time)[:, :middle]
        both[:, max(middle - 1, 0) : middle + 1] = 255
        return np.ascontiguousarray(both)

    def _watch(self) -> None:
        while not self._stop.wait(POLL):
            stamp = _stamp(self._path)
            if stamp in (self._stamp, None):
                continue
            self._stamp = stamp
            try:
                new = self._load()
            except GancamError as error:
                log.warning("%s changed and cannot be played, so the one before goes on: %s", self._path, error)
                continue
            size = self._size or (64, 64)
            if new.output_size(size) != self.effect.output_size(size):
                log.warning("%s changed to another output size, so the one before goes on", self._path)
                continue
            if self._size is not None:
                with suppress(GancamError):  # the first call prepares memory; the thread that plays need not wait
                    new(np.zeros((self._size[1], self._size[0], 3), np.uint8), time=0.0)
                    new.reset()
            self._next = new

    @property
    def status(self) -> str:
        """How often it was replaced, and the effect's own."""
        told = f"version {self.loaded + 1}" + (" | before, on the left" if self._split and self._before else "")
        return ", ".join(filter(None, [told, self.effect.status]))

    def reset(self) -> None:
        """Reset both effects."""
        for one in filter(None, (self.effect, self._before)):
            one.reset()

    def close(self) -> None:
        """Stop watching, and close what plays."""
        self._stop.set()
        self._thread.join()
        for one in filter(None, (self.effect, self._before, self._next)):
            one.close()


def _stamp(path: Path) -> tuple[int, int, int] | None:
    """What changes with a file; None where there is none, as for the moment between two."""
    try:
        told = path.stat()
    except OSError:
        return None
    return told.st_mtime_ns, told.st_size, told.st_ino
