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

from gancam.errors import SourceError
from gancam.media.messages import cause


@contextmanager
def spooled(pipe: BinaryIO) -> Iterator[Path]:
    """Copy all that comes from `pipe` to a temporary file; where `pipe` is a file itself, take that.

    A video is read several times, its sound beside its picture, and its end may be needed first.

    Yields:
        The file, which is removed when the context ends.

    Raises:
        SourceError: When it cannot be kept.
    """
    if sys.platform == "linux" and stat.S_ISREG(os.fstat(pipe.fileno()).st_mode):
        path = Path(os.path.realpath(f"/proc/self/fd/{pipe.fileno()}"))
        if path.exists():
            yield path
            return
    with tempfile.TemporaryDirectory(prefix="gancam-") as folder:
        path = Path(folder) / "stdin"
        try:
            with path.open("wb") as file:
                shutil.copyfileobj(pipe, file, 1 << 20)
        except OSError as error:
            room = f"cannot be kept in {tempfile.gettempdir()} ({cause(error)}); set TMPDIR to another folder"
            raise SourceError(f"stdin: {room}") from error
        yield path
