"""What a source is: it gives frames in order, each once."""

from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from types import TracebackType
from typing import Self

from gancam.errors import InputError
from gancam.frame import Frame, Image
from gancam.media.info import check_rate


class Source(ABC):
    """Gives frames in order, each once: subclass it and write ``fps``, ``size`` and ``__iter__``.

    A source promises: a yielded frame's image is never changed afterwards; indices count 0, 1, 2 …; times strictly
    increase. One thread iterates it, once; ``close`` may be called from any thread, at any time, more than once and
    after an exception anywhere, returns promptly and leaves no thread behind. Dropping frames is the source's own
    nature: a camera keeps the newest, a file gives all. Leaving a ``with`` statement closes it.
    """

    _closed = _ended = False
    _notes: Sequence[str] = ()

    @property
    @abstractmethod
    def fps(self) -> float:
        """Frames a second: nominal, or the average where the rate varies."""

    @property
    @abstractmethod
    def size(self) -> tuple[int, int]:
        """(width, height) of every frame."""

    @property
    def frames(self) -> int | None:
        """How many frames are promised; None where that is not known. Fewer or more may come."""
        return None

    @property
    def name(self) -> str:
        """What to call it in messages, without credentials."""
        return type(self).__name__

    @property
    def notes(self) -> Sequence[str]:
        """What the user should know; grows while it plays."""
        return self._notes

    @property
    def worker_seconds(self) -> float | None:
        """How many seconds a hidden thread has worked, for the report; None without one."""
        return None

    @property
    def dropped(self) -> int:
        """How many frames were captured but never given, since a newer one came before they were asked for."""
        return 0

    @property
    def ended_early(self) -> bool:
        """Whether ``close`` came before its own end: ``run`` then tells sinks that frames are missing."""
        return self._closed and not self._ended

    @abstractmethod
    def __iter__(self) -> Iterator[Frame]:
        """Give the frames.

        Raises:
            SourceError: When the source fails; at its end iteration simply ends.
        """

    def close(self) -> None:
        """Let go of the file or device."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


class DrawnSource(Source):
    """Frames of one size and a constant rate, drawn as they are asked for: subclass it and write ``image``.

    Args:
        size: (width, height) of every frame.
        fps: Frames a second.
        frames: How many; None for no end.

    Raises:
        InputError: For a count below 0, and a rate that no video may have.
    """

    def __init__(self, size: tuple[int, int], fps: float, frames: int | None) -> None:
        if frames is not None and frames < 0:
            raise InputError(f"frames is {frames}: needs 0 or more, or None for no end")
        check_rate(fps)
        self._size, self._fps, self._frames = size, float(fps), frames

    @property
    def fps(self) -> float:
        """Frames a second."""
        return self._fps

    @property
    def size(self) -> tuple[int, int]:
        """(width, height) of every frame."""
        return self._size

    @property
    def frames(self) -> int | None:
        """How many frames there are; None where they do not end."""
        return self._frames

    @abstractmethod
    def image(self, index: int) -> Image:
        """Draw the picture of frame `index`, which nobody changes afterwards."""

    def __iter__(self) -> Iterator[Frame]:
        index = 0
        while not self._closed and (self._frames is None or index < self._frames):
            yield Frame(self.image(index), index, index / self._fps)
            index += 1
        self._ended = index == self._frames

    def close(self) -> None:
        """Give no more frames."""
        self._closed = True
