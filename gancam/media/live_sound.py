"""Sound while it comes, on the clock of the frames, for who records it."""

import threading
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

RATE = 48_000  # samples a second
CHANNELS = 2
_MOST = 30.0  # seconds that are kept for one who does not take them


class SoundBlock(NamedTuple):
    """Samples, and when the first of them was heard.

    Attributes:
        time: Seconds on the clock of ``Frame.time``.
        samples: ``int16 (n, 2)``, 48,000 a second.
    """

    time: float
    samples: NDArray[np.int16]


class Sound:
    """Passes on what one gives to all who listen; any thread may call it.

    Attributes:
        there: Whether something will be heard.
        origin: The ``time.monotonic()`` that is ``Frame.time`` 0; None, and nothing is passed on, before it is known.
    """

    def __init__(self) -> None:
        self.origin: float | None = None
        self.there = False
        self._lock = threading.Lock()
        self._taps: list[SoundTap] = []

    @property
    def wanted(self) -> bool:
        """Whether anyone listens."""
        return bool(self._taps)

    def put(self, captured: float, samples: NDArray[np.int16]) -> None:
        """Pass on ``int16 (n, 2)`` samples, the first of which was heard at ``time.monotonic()`` `captured`."""
        if self.origin is None:
            return
        block = SoundBlock(captured - self.origin, samples)
        with self._lock:
            for tap in self._taps:
                tap.put(block)

    def listen(self, begin: float = 0.0) -> "SoundTap":
        """Begin to keep what comes; `begin` is the ``Frame.time`` that is 0 for who listens."""
        tap = SoundTap(self, begin)
        with self._lock:
            self._taps.append(tap)
        return tap

    def leave(self, tap: "SoundTap") -> None:
        """Keep nothing more for `tap`."""
        with self._lock:
            if tap in self._taps:
                self._taps.remove(tap)


@contextmanager
def heard(sound: Sound | None, begin: float = 0.0) -> Iterator["SoundTap | None"]:
    """Listen for what is opened within, which closes the tap; where it cannot be opened, nothing is kept for it.

    Args:
        sound: What is heard; None: nothing.
        begin: As ``Sound.listen`` has it.
    """
    tap = None if sound is None else sound.listen(begin)
    try:
        yield tap
    except BaseException:
        if tap is not None:
            tap.close()
        raise


class SoundTap:
    """What came since somebody began to listen; `Sound.listen` makes it."""

    def __init__(self, sound: Sound, begin: float) -> None:
        self._sound, self._begin = sound, begin
        self._lock = threading.Lock()
        self._blocks: deque[SoundBlock] = deque()

    def put(self, block: SoundBlock) -> None:
        """Keep a block."""
        with self._lock:
            self._blocks.append(block._replace(time=block.time - self._begin))
            while self._blocks[-1].time - self._blocks[0].time > _MOST:
                self._blocks.popleft()

    def take(self, until: float) -> list[SoundBlock]:
        """Take what began before `until`, in order."""
        taken = []
        with self._lock:
            while self._blocks and self._blocks[0].time < until:
                taken.append(self._blocks.popleft())
        return taken

    def close(self) -> None:
        """Listen no more."""
        self._sound.leave(self)
