"""Keep input from a pipe in a file for as long as it is needed."""

import os
import shutil
import stat
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from gancam.errors import GancamError, SourceError
from gancam.media.messages import cause

NAME, OUT = "standard input", "standard output"


@contextmanager
def spooled(pipe: BinaryIO) -> Iterator[Path]:
    """Copy all that comes from `pipe` to a temporary file; where `pipe` is a file itself, take that.

    A video is read several times, its sound beside its picture, and its end may be needed first.

    Yields:
        The file, which is removed when the context ends; errors call it `NAME` rather than by where it was kept.

    Raises:
        SourceError: When it cannot be kept, and where nothing came.
    """
    if sys.platform == "linux" and stat.S_ISREG(os.fstat(pipe.fileno()).st_mode):
        path = Path(os.path.realpath(f"/proc/self/fd/{pipe.fileno()}"))
        if path.exists():
            yield path
            return
    with tempfile.TemporaryDirectory(prefix="gancam-") as folder:
        path = Path(folder) / NAME
        try:
            with path.open("wb") as file:
                shutil.copyfileobj(pipe, file, 1 << 20)
        except OSError as error:
            room = f"cannot be kept in {tempfile.gettempdir()} ({cause(error)}); set TMPDIR to another folder"
            raise SourceError(f"{NAME}: {room}") from error
        if path.stat().st_size == 0:
            raise SourceError(f"{NAME}: is empty; pipe a video into it, as in cat in.mkv | gancam process - out.mkv")
        with named_alone(path):
            yield path


def without_folder(said: str, path: Path) -> str:
    """Give a message that names a file which stands for stdin or stdout by its name alone."""
    return said.replace(f"{path.parent}{os.sep}", "") if path.stem in (NAME, OUT) else said


@contextmanager
def named_alone(path: Path) -> Iterator[None]:
    """Let errors name a file which stands for stdin or stdout by its name alone."""
    try:
        yield
    except GancamError as error:
        error.args = tuple(without_folder(str(one), path) for one in error.args)
        raise
