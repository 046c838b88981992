"""What happens while files are made: events for a user interface, and the listener that a scheduler reports to."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TypeAlias

from gancam.jobs.inputs import BatchItem
from gancam.pipeline import Report


@dataclass(frozen=True, slots=True)
class BatchStarted:
    """A batch begins.

    Attributes:
        files: How many are to be made.
        done: How many an earlier batch made.
        others: How many of the inputs are neither video nor image.
        notes: What the user should know of the inputs.
    """

    files: int
    done: int
    others: int
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class FileStarted:
    """Work on a file begins."""

    source: Path
    target: Path


@dataclass(frozen=True, slots=True)
class FileProgress:
    """More frames of a video are made.

    Attributes:
        source: The video.
        frame: How many frames are there.
        frames: How many there will be; None where that is not known.
        eta: Seconds until the whole batch is done; None where that is not known yet.
    """

    source: Path
    frame: int
    frames: int | None
    eta: float | None = None


@dataclass(frozen=True, slots=True)
class Note:
    """Something that the user should know, of one input or (`source` is None) of the whole job."""

    source: Path | None
    text: str


@dataclass(frozen=True, slots=True)
class FileMade:
    """A file is complete; `report` tells of a video what making it took."""

    source: Path
    target: Path
    report: Report | None = None


@dataclass(frozen=True, slots=True)
class FileFailed:
    """A file could not be made; `error` says why, in one line."""

    source: Path
    target: Path
    error: str


@dataclass(slots=True)
class Summary:
    """What became of a batch.

    Attributes:
        made: How many files were made.
        failed: The inputs that failed, each with why.
        done: How many an earlier batch had made.
        others: How many of the inputs are neither video nor image.
        seconds: How long it took.
    """

    made: int = 0
    failed: list[tuple[Path, str]] = field(default_factory=list)
    done: int = 0
    others: int = 0
    seconds: float = 0.0

    def text(self, out: Path) -> list[str]:
        """Write it out as lines of text; `out` is the folder of the outputs."""
        parts = [f"{self.made} made in {out}" if self.made else "0 made"]
        parts += [f"{self.done} done before"] if self.done else []
        parts += [f"{len(self.failed)} failed"] if self.failed else []
        parts += [f"{self.others} neither video nor image"] if self.others else []
        return [f"{', '.join(parts)}; {self.seconds:.1f} s", *(f"failed: {error}" for _, error in self.failed)]


@dataclass(frozen=True, slots=True)
class BatchFinished:
    """A batch ends.

    Attributes:
        summary: What became of it.
    """

    summary: Summary


JobEvent: TypeAlias = BatchStarted | FileStarted | FileProgress | Note | FileMade | FileFailed | BatchFinished
Notify: TypeAlias = Callable[[JobEvent], None]
"""Called with each event, in the thread that does the work."""


def to_json(event: JobEvent) -> dict[str, object]:
    """Give an event as an object ready for ``json.dumps``."""
    match event:
        case BatchStarted():
            return {"event": "batch", **asdict(event)}
        case FileStarted():
            return {"event": "file", "input": str(event.source), "output": str(event.target)}
        case FileProgress():
            frames = {"frame": event.frame, "frames": event.frames, "eta": event.eta}
            return {"event": "progress", "input": str(event.source), **frames}
        case Note():
            return {"event": "note", "input": str(event.source or ""), "note": event.text}
        case FileMade():
            report = {} if event.report is None else {"report": event.report.to_dict()}
            return {"event": "made", "input": str(event.source), "output": str(event.target), **report}
        case FileFailed():
            return {"event": "failed", "input": str(event.source), "output": str(event.target), "error": event.error}
        case BatchFinished(summary):
            failed = [{"input": str(path), "error": error} for path, error in summary.failed]
            return {"event": "summary", **asdict(summary), "failed": failed, "seconds": round(summary.seconds, 3)}


class JobListener(ABC):
    """What a scheduler reports to: what becomes of each item. Called from one thread."""

    def begin(self, item: BatchItem) -> None:
        """Hear that `item` comes next."""

    def record(self, item: BatchItem, job: Mapping[str, object]) -> None:
        """Hear by which `job` its frames will be made, as `job_of` says; what it raises is the item's failure."""

    @abstractmethod
    def progress(self, item: BatchItem, frame: int, frames: int | None, fresh: int) -> None:
        """Hear that `frame` of `frames` frames are there, `fresh` of them made in this run."""

    @abstractmethod
    def note(self, item: BatchItem, text: str) -> None:
        """Hear something that the user should know of `item`."""

    @abstractmethod
    def made(self, item: BatchItem, frames: int | None = None, notes: Sequence[str] = ()) -> None:
        """Hear that `item` is complete; of a video with its number of frames and all notes."""

    @abstractmethod
    def failed(self, item: BatchItem, error: Exception) -> None:
        """Hear that `item` could not be made."""
