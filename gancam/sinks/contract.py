"""What a sink is: it takes frames in order, and is told when there are no more."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from types import TracebackType
from typing import Self

from gancam.frame import Frame


class Sink(ABC):
    """Takes frames in order: subclass it and write ``write`` and, where there is something to finish, ``close``.

    ``gancam.pipeline.run`` promises: one thread calls ``write``, with indices and times that increase and images of one
    size; no image is changed afterwards, so a hidden thread may keep it. ``close`` is called exactly once by ``run``,
    also after an exception anywhere, after the last ``write``; a second call must do nothing. Leaving a ``with``
    statement closes it, as interrupted where an exception leaves it.

    Attributes:
        wants_original: Whether frames must come with ``Frame.original``.
        passive: Whether it is no output for which alone playing would go on (a log).
    """

    wants_original: bool = False
    passive: bool = False

    @property
    def name(self) -> str:
        """What to call it in reports."""
        return type(self).__name__

    @property
    def closed(self) -> bool:
        """Whether its user closed it (a window): asked after each frame; playing then ends in order."""
        return False

    @property
    def notes(self) -> Sequence[str]:
        """What the user should know; complete before the first ``write`` where that is possible."""
        return ()

    @property
    def worker_seconds(self) -> float | None:
        """How many seconds a hidden thread has worked, for the report; None without one."""
        return None

    @property
    def frames_done(self) -> int:
        """How many frames it has already, from an interrupted run; those are not written again."""
        return 0

    @abstractmethod
    def write(self, frame: Frame) -> None:
        """Take the next frame; may wait where the sink is slower than the source.

        Raises:
            SinkError: When it cannot go on, also for what went wrong in a hidden thread since the last call.
        """

    def close(self, *, interrupted: bool = False) -> None:  # noqa: B027 (a sink may have nothing to finish)
        """Finish: join every hidden thread, make the output whole.

        Args:
            interrupted: Whether frames are missing at the end.

        Raises:
            SinkError: For what was not raised before.
        """

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close(interrupted=kind is not None)
