"""What a source is: it gives frames in order, each once."""

from collections.abc import Iterator
from types import TracebackType
from typing import Protocol, Self

from gancam.frame import Frame


class Source(Protocol):
    """Gives frames in order, each once.

    Guarantees: a yielded frame's image is never changed afterwards; indices count 0, 1, 2 …; times strictly increase.
    ``close`` may be called at any time, more than once and after an exception anywhere; it returns promptly and leaves
    no thread behind. Iterating raises ``SourceError`` when the source fails, and simply ends when it ends.

    Optional attributes that ``run`` reports when they are there: ``busy`` (seconds a hidden thread has worked) and
    ``notes`` (list of str, what the user should know).
    """

    @property
    def fps(self) -> float:
        """Frames a second: nominal, or the average where the rate varies."""

    @property
    def size(self) -> tuple[int, int]:
        """(width, height) of every frame."""

    @property
    def frames(self) -> int | None:
        """How many frames are promised; None where nobody knows. Fewer or more may come."""

    def __iter__(self) -> Iterator[Frame]: ...

    def close(self) -> None: ...


class ClosingSource:
    """Makes a source usable in a ``with`` statement."""

    def close(self) -> None: ...

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
