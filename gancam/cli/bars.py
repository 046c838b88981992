"""Progress of many files, as bars on a terminal."""

from datetime import timedelta
from pathlib import Path

from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn

from gancam.cli.console import errors, print_note, print_warning
from gancam.jobs.events import (
    BatchFinished,
    BatchStarted,
    FileFailed,
    FileMade,
    FileProgress,
    FileStarted,
    JobEvent,
    Note,
)


class BatchBars:
    """Shows a bar for each file at work and one for all of them, and lines for notes and failures."""

    def __init__(self, *, shown: bool) -> None:
        columns = (
            TextColumn("{task.description}", markup=False), BarColumn(), MofNCompleteColumn(),
            TextColumn("{task.fields[eta]}", markup=False),
        )  # fmt: skip
        hidden = not (shown and errors.is_terminal)
        self._bars = Progress(*columns, console=errors, transient=True, refresh_per_second=5, disable=hidden)
        self._all = self._bars.add_task("all", total=None, eta="")
        self._files: dict[Path, TaskID] = {}

    def __enter__(self) -> "BatchBars":
        return self

    def __exit__(self, *error: object) -> None:
        self._bars.stop()

    def __call__(self, event: JobEvent) -> None:
        """Show an event."""
        match event:
            case BatchStarted():
                for note in event.notes:
                    print_note(note)
                self._bars.update(self._all, total=event.files)
                self._bars.start()
            case FileStarted():
                self._files[event.source] = self._bars.add_task(event.source.name, total=None, eta="")
            case FileProgress():
                if event.source in self._files:
                    self._bars.update(self._files[event.source], completed=event.frame, total=event.frames)
                if event.eta is not None:
                    self._bars.update(self._all, eta=f"ETA {timedelta(seconds=round(event.eta))}")
            case Note():
                named = event.source is None or str(event.source) in event.text
                print_note(event.text if named else f"{event.source}: {event.text}")
            case FileMade():
                self._end(event.source)
            case FileFailed():
                self._end(event.source)
                print_warning(event.error)
            case BatchFinished():
                pass

    def _end(self, source: Path) -> None:
        if source in self._files:  # a file that failed before it began has no bar
            self._bars.remove_task(self._files.pop(source))
        self._bars.advance(self._all)
