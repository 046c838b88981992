"""Files that take the place of older ones whole: who is killed, or meets a full disk, leaves what was there before.

Where a symbolic link leads is what is replaced, as in `gancam.files`, and the link stays.
"""

import errno
import os
import secrets
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

LATEST = "checkpoint.pt"  # of a run: its state, as of the last time that it was written
PATIENCE = 2.0  # seconds for which a file that cannot be replaced is tried again
PAUSE = 0.05  # between two tries


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Give a name beside `path` to write to, which then takes its place; where writing fails, nothing is left of it.

    No other process has that name: two may make the same file, and the last to finish wins.

    Raises ``OSError``, which names `path` where the disk is full.
    """
    place = destination(path)
    partial = place.with_name(f".{place.name}.{secrets.token_hex(4)}.part")
    try:
        yield partial
        give_name(partial, path)
    except OSError as error:
        raise named(error, path) from error
    finally:
        partial.unlink(missing_ok=True)


def checkpoint_of(path: Path) -> Path:
    """Name the checkpoint that `path` is, or that is in the folder of a run. Raises ``FileNotFoundError``."""
    found = path / LATEST if path.is_dir() else path
    if not found.is_file():
        raise FileNotFoundError(f"no checkpoint {found}: train the recipe first")
    return found


def write(path: Path, data: bytes) -> None:
    """Write a whole file. Raises ``OSError`` as `replacing`."""
    with replacing(path) as partial:
        partial.write_bytes(data)


def append(path: Path, line: str) -> None:
    """Write `line` behind those of a text, also where a crash left the last one torn. Raises ``OSError``."""
    try:
        with path.open("ab+") as file:
            torn = file.tell() > 0 and file.seek(-1, os.SEEK_END) >= 0 and file.read(1) != b"\n"
            file.write(b"\n" * torn + line.encode("utf-8") + b"\n")
    except OSError as error:
        raise named(error, path) from error


def destination(path: Path) -> Path:
    """Return the file that is written under the name `path`: where a symbolic link leads, or `path` itself."""
    return Path(os.path.realpath(path)) if os.path.islink(path) else path


def give_name(partial: Path, path: Path) -> None:
    """Rename `partial` to the `destination` of `path`, which it replaces.

    Windows refuses that while somebody reads the older one, as a player of the run does: it is tried again for a while.
    Raises ``OSError``.
    """
    end = time.monotonic() + PATIENCE
    while True:
        try:
            partial.replace(destination(path))
            return
        except PermissionError:
            if time.monotonic() >= end:
                raise
            time.sleep(PAUSE)


def named(error: OSError, path: Path) -> OSError:
    """Make of `error` one that names the file: of a full disk the system says no more than that."""
    return OSError(f"cannot write {path}: the disk is full") if is_full(error) else error


def is_full(error: OSError) -> bool:
    """Whether a file cannot be written since there is no room for it."""
    return error.errno in (errno.ENOSPC, errno.EDQUOT)
