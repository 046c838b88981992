"""What commands say: notes, errors, progress."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from gancam.errors import SinkError

errors = Console(stderr=True, highlight=False, soft_wrap=True, emoji=False)


class Terminated(BaseException):
    """SIGTERM, turned into an exception so that files are finished on the way out."""


def print_note(text: str) -> None:
    errors.print(f"note: {text}", markup=False)


def print_warning(name: str, error: SinkError) -> None:
    print_error(f"{name} is left out, the others go on: {error}")


def print_error(warning: str) -> None:
    errors.print(f"warning: {' '.join(warning.split())}", markup=False)


@contextmanager
def progress_bar(frames: int | None, quiet: bool) -> Iterator[Any]:
    if quiet:
        yield None
        return
    columns = (
        BarColumn(), MofNCompleteColumn(), TextColumn("{task.fields[fps]:5.1f} fps"), TimeElapsedColumn(),
        TextColumn("ETA"), TimeRemainingColumn(),
    )  # fmt: skip
    bar = Progress(*columns, console=errors, transient=True, refresh_per_second=5)
    task = bar.add_task("", total=frames, fps=0.0)
    began, came = time.monotonic(), 0

    def advance(index: int, promised: int | None) -> None:
        nonlocal came
        came += 1
        bar.start()  # not before the first frame: an error comes alone
        seconds = time.monotonic() - began
        bar.update(task, completed=index + 1, total=promised, fps=came / seconds if seconds > 0 else 0.0)

    try:
        yield advance
    finally:
        if came:
            bar.stop()
