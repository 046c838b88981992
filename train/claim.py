"""One training at a time in the folder of a run."""

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None  # type: ignore[assignment]


@contextmanager
def claimed(run: Path) -> Iterator[None]:
    """Hold the folder `run` against other trainings; it is made where there is none, and goes if it stays empty.

    Raises ``OSError`` where it is none, cannot be made or written, or another training holds it.
    """
    fresh = [folder for folder in (run, *run.parents) if not folder.exists()]
    try:
        run.mkdir(parents=True, exist_ok=True)
        (run / ".tried").write_bytes(b"x")  # here, or TensorBoard's thread would say so, by a traceback
        (run / ".tried").unlink()
    except OSError as error:
        why = "it is a file" if run.is_file() else error.strerror
        raise OSError(f"cannot write into the run's folder {run} ({why}): give another --run") from error
    held = os.open(run, os.O_RDONLY) if fcntl is not None else None
    try:
        if held is not None:
            try:
                fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError as error:
                raise OSError(f"another training writes into {run}: wait for it, or give another --run") from error
            except OSError:  # a file system without locks
                pass
        yield
    finally:
        if held is not None:
            os.close(held)
        with suppress(OSError):  # where something is in it
            for folder in fresh:
                folder.rmdir()
