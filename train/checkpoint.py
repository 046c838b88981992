"""A run's folder, in which one training writes at a time, and its state: one file that carries its own recipe.

It is written beside and renamed: a full disk or a kill leaves the previous one whole.
"""

import os
import pickle
import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import torch

from train import files, old_names

LATEST = files.LATEST
_LOCK = ".lock"  # in the folder of a run, where the folder itself cannot be locked


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
    try:
        with _held(run) as ours:
            if not ours:
                raise OSError(f"another training writes into {run}: wait for it, or give another --run")
            yield
    finally:
        with suppress(OSError):  # where something is in it
            for folder in fresh:
                folder.rmdir()


@contextmanager
def _held(folder: Path) -> Iterator[bool]:
    """Hold a folder until the process ends, however it does: whether nobody else holds it. Raises ``OSError``."""
    path = folder / _LOCK if sys.platform == "win32" else folder
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
        """Lock an open file; whether nobody else has."""
        try:
            msvcrt.locking(handle, msvcrt.LK_NBLCK, 1)  # its first byte, which need not be there
        except PermissionError:
            return False
        return True

else:
    import fcntl

    def _lock(handle: int) -> bool:
        """Lock an open folder, also where the file system has no locks; whether nobody else has."""
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        except OSError:  # a file system without locks
            pass
        return True


def kept(iteration: int) -> str:
    """Name the file of the checkpoint that stays, of an iteration."""
    return f"checkpoint-{iteration:07d}.pt"


def save(run: Path, state: dict[str, Any], name: str = LATEST) -> Path:
    """Write `state` (tensors, numbers, strings, containers of them) as a checkpoint of the run. Raises ``OSError``."""
    path = run / name
    partial = files.destination(path).with_suffix(".part")
    try:
        with partial.open("wb") as file:
            torch.save(state, file)
            file.flush()
            os.fsync(file.fileno())
        files.give_name(partial, path)
    except (OSError, RuntimeError) as error:
        full = _is_full(error, run)
        partial.unlink(missing_ok=True)
        before = "; the checkpoint before it is untouched" if (run / LATEST).exists() else ""
        why = "the disk is full" if full else getattr(error, "strerror", None) or str(error).splitlines()[0]
        raise OSError(f"cannot write {path}: {why}{before}") from error
    return path


def _is_full(error: OSError | RuntimeError, folder: Path) -> bool:
    """Whether the disk of `folder` is, which PyTorch calls an unexpected place in its file."""
    if isinstance(error, OSError):
        return files.is_full(error)
    return "unexpected pos" in str(error) or shutil.disk_usage(folder).free < 1 << 16


def load(path: Path) -> dict[str, Any]:
    """The state in `path`, or in the run folder `path`. Raises ``FileNotFoundError``, ``ValueError`` when damaged."""
    path = files.checkpoint_of(path)
    try:
        state: dict[str, Any] = torch.load(path, map_location="cpu", weights_only=True)
    except PermissionError as error:
        raise ValueError(f"{path} cannot be read: {error.strerror}") from error
    except (RuntimeError, EOFError, OSError, pickle.UnpicklingError, ValueError) as error:
        # what they say is of PyTorch's files, and no help
        raise ValueError(f"{path} is {_fault(path)}, or not a checkpoint of gancam") from error
    if not isinstance(state, dict) or "recipe" not in state:
        raise ValueError(f"{path} is not a checkpoint of gancam: it has no recipe")
    return old_names.current_state(state)


def _fault(path: Path) -> str:
    return "damaged" if path.stat().st_size else "empty"
