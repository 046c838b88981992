"""What commands print beside their results: notes, warnings, progress."""

import os
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from io import TextIOWrapper
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from gancam.errors import SinkError
from gancam.media.messages import cause

if TYPE_CHECKING:
    from gancam import pipeline

errors = Console(stderr=True, highlight=False, soft_wrap=True, emoji=False)


class Terminated(BaseException):
    """SIGTERM or SIGHUP (the terminal was closed) as an exception, so that files are finished on the way out."""

    def __init__(self, number: int) -> None:
        super().__init__(number)
        self.number = number


def prepare_streams() -> None:
    """Make stdin, stdout and stderr what commands can use, whatever console or none there is.

    One that is closed (cron's and services' may be, pythonw's are) becomes the null device: else the first file that is
    opened has its number, and native libraries write their words into it. stdout writes what its encoding lacks in
    escapes, as stderr does; else the name of a file ends a command.
    """
    if sys.stdin is None:
        sys.stdin = open(os.devnull, encoding="utf-8")  # noqa: SIM115 - for as long as the process
    if sys.stdout is None:
        sys.stdout = open(os.devnull, "w", encoding="utf-8")  # noqa: SIM115
    if sys.stderr is None:
        sys.stderr = open(os.devnull, "w", encoding="utf-8")  # noqa: SIM115
    if type(sys.stdout) is TextIOWrapper:  # not one that somebody has put there
        sys.stdout = _Output(sys.stdout)
    if type(sys.stderr) is TextIOWrapper:
        sys.stderr = _Words(sys.stderr)


class _Stream(TextIOWrapper):
    """Another way to write to a stream of Python's own, which stays open as long."""

    def __init__(self, stream: TextIOWrapper) -> None:
        stream.flush()
        self._before = stream
        buffering = stream.line_buffering, stream.write_through
        super().__init__(stream.buffer, stream.encoding, "backslashreplace", None, *buffering)


class _Output(_Stream):
    """stdout, which ends a command with one line where it cannot be written."""

    def write(self, text: str) -> int:
        """Write `text`. Raises ``SinkError``, and ``BrokenPipeError`` where nobody reads on."""
        with _told():
            return super().write(text)

    def flush(self) -> None:
        """Write what waits. Raises as `write` does."""
        with _told():
            super().flush()


@contextmanager
def _told() -> Iterator[None]:
    try:
        yield
    except BrokenPipeError:
        raise
    except OSError as error:
        raise SinkError(f"standard output cannot be written: {cause(error)}") from error


class _Words(_Stream):
    """stderr: where it cannot be written its words are lost, and nothing else."""

    def write(self, text: str) -> int:
        """Write `text` if that can be."""
        with suppress(OSError):
            return super().write(text)
        return len(text)

    def flush(self) -> None:
        """Write what waits if that can be."""
        with suppress(OSError):
            super().flush()


def finish_stdout() -> None:
    """Write what waits for stdout. Raises ``SinkError`` and ``BrokenPipeError``, and no other time when Python ends."""
    try:
        sys.stdout.flush()
    except OSError:
        with suppress(OSError):  # of a stream that is no file
            null = os.open(os.devnull, os.O_WRONLY)
            os.dup2(null, sys.stdout.fileno())
            os.close(null)
        raise


def print_note(text: str) -> None:
    """Print what the user should know to stderr."""
    errors.print(f"note: {text}", markup=False)


def print_warning(warning: str) -> None:
    """Print what went wrong, where other work goes on, to stderr as one line."""
    errors.print(f"warning: {' '.join(warning.split())}", markup=False)


def wrote(path: Path, *, until: float | None = None) -> str:
    """Say that a file was written, how large it is, and of one that is not whole, `until` when (in seconds)."""
    size = path.stat().st_size
    large = f"{size / 1e6:.1f} MB" if size >= 1e5 else f"{size / 1e3:.1f} kB"
    return f"wrote {path} ({large})" if until is None else f"wrote {path} (until {until:.1f} s, {large})"


@contextmanager
def progress_bar(frames: int | None, quiet: bool) -> Iterator["pipeline.Progress | None"]:
    """Show a bar on stderr, from the first frame on.

    Args:
        frames: How many frames there will be; None where that is not known.
        quiet: Whether to show none.

    Yields:
        What is called after each frame; None where `quiet`.
    """
    if quiet:
        yield None
        return
    columns = (
        BarColumn(), MofNCompleteColumn(), TextColumn("{task.fields[fps]:5.1f} fps"), TimeElapsedColumn(),
        TextColumn("ETA"), TimeRemainingColumn(), TextColumn("{task.fields[now]}"),
    )  # fmt: skip
    hidden = not errors.is_terminal  # where it would leave an empty line
    bar = Progress(*columns, console=errors, transient=True, refresh_per_second=5, disable=hidden)
    task = bar.add_task("", total=frames, fps=0.0, now="")
    began, came = time.monotonic(), 0

    def advance(index: int, promised: int | None) -> None:
        nonlocal came
        came += 1
        bar.start()  # not before the first frame: an error comes alone
        seconds = time.monotonic() - began
        now = "finishing" if index + 1 == promised else ""  # for animated pictures as long as all before
        bar.update(task, completed=index + 1, total=promised, fps=came / seconds if seconds > 0 else 0.0, now=now)

    try:
        yield advance
    finally:
        if came:
            bar.stop()
