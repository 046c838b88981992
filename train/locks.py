"""A folder that one process at a time may hold: by ``flock``, or by a locked file in it under Windows.

The system gives it back when the process ends, however it does.
"""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

FILE = ".lock"  # in the folder, where the folder itself cannot be locked


@contextmanager
def held(folder: Path) -> Iterator[bool]:
    """Hold a folder: whether nobody else does, also where the file system has no locks. Raises ``OSError``."""
    path = folder / FILE if sys.platform == "win32" else folder
    handle = os.open(path, os.O_RDWR | os.O_CREAT if path != folder else os.O_RDONLY)
    ours = False
    try:
        ours = _lock(handle)
        yield ours
    finally:
        os.close(handle)
        if ours and path != folder:
            with suppress(OSError):  # another holds it by now
                path.unlink()


if sys.platform == "win32":
    import msvcrt

    def _lock(handle: int) -> bool:
        try:
            msvcrt.locking(handle, msvcrt.LK_NBLCK, 1)  # its first byte, which need not be there
        except PermissionError:
            return False
        return True

else:
    import fcntl

    def _lock(handle: int) -> bool:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        except OSError:  # a file system without locks
            pass
        return True
