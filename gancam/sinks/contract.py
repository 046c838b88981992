"""What a sink is: it takes frames in order, and is told when there are no more."""

import os
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import Self, SupportsFloat

from gancam.control import Controls, EffectMenu
from gancam.errors import InputError, shown
from gancam.frame import Frame, check_size
from gancam.media.info import VideoInfo
from gancam.media.live_sound import Sound


class Sink(ABC):
    """Takes frames in order: subclass it and write ``write`` and, where there is something to finish, ``close``.

    ``gancam.pipeline.run`` promises: one thread calls ``write``, with indices and times that increase and images of one
    size; no image is changed afterwards, so a hidden thread may keep it. ``close`` is called exactly once by ``run``,
    also after an exception anywhere, after the last ``write``; a second call must do nothing. Leaving a ``with``
    statement closes it, as interrupted where an exception leaves it.

    Attributes:
        wants_original: Whether frames must come with ``Frame.original``.
        passive: Whether it is no output for which alone playing would go on (a log).
        action: What it does with frames, for the report's text: writing, showing, sending.
    """

    wants_original: bool = False
    passive: bool = False
    action: str = "writing"
    _closed: bool = False
    _notes: Sequence[str] = ()

    @property
    def name(self) -> str:
        """What to call it in reports."""
        return type(self).__name__

    @property
    def closed(self) -> bool:
        """Whether its user closed it (a window): asked after each frame; playing then ends in order."""
        return self._closed

    @property
    def notes(self) -> Sequence[str]:
        """What the user should know; complete before the first ``write`` where that is possible."""
        return self._notes

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

    def close(self, *, interrupted: bool = False) -> None:
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


@dataclass(frozen=True, slots=True, kw_only=True)
class SinkContext:
    """What a sink may need to know of what it is opened for; each takes what it has a use for.

    Attributes:
        fps: Frames a second, nominal.
        size: (width, height) of the frames to come.
        source_info: The source's colours, pixel aspect and clock, to be kept.
        audio_from: A file whose sound and other streams go along.
        codec: Name of a video codec; None for what is usual.
        quality: 0 (small) to 100 (best); None for what is usual.
        overwrite: Whether an existing file may be replaced.
        live: Whether the frames cannot be had again, so that files must play whatever ends the process.
        controls: What a window's keys and panel turn.
        dropped: Asked for the number of frames that the source dropped, for an overlay.
        status: Asked for a line that says how effects are played just now, for an overlay.
        sound: What is heard while it plays, to be recorded.
        menu: Effects that can be exchanged while they play.
        mirror: Turns the source's picture around, or back; returns whether it is now mirrored.
        next_camera: Has the next camera play; returns its name.

    Raises:
        InputError: For a rate that is no number, and a size that is not two whole numbers of at least 1.
    """

    fps: float
    size: tuple[int, int]
    source_info: VideoInfo | None = None
    audio_from: str | os.PathLike[str] | None = None
    codec: str | None = None
    quality: float | None = None
    overwrite: bool = False
    live: bool = False
    controls: Controls | None = None
    dropped: Callable[[], int] | None = None
    status: Callable[[], str] | None = None
    sound: Sound | None = None
    menu: EffectMenu | None = None
    mirror: Callable[[], bool] | None = None
    next_camera: Callable[[], str] | None = None

    def __post_init__(self) -> None:
        if isinstance(self.fps, bool) or not isinstance(self.fps, SupportsFloat):
            raise InputError(f"fps {shown(self.fps)}: needs frames a second, a number")
        check_size(self.size)
