"""Training runs: how gancam reaches the PyTorch side, which it never imports, and a run's checkpoint as a model.

`train` and `export` are packages of their own, beside `gancam` in a checkout and inside it, in ``_pytorch``, where it
is installed, so that neither name is taken from anybody else's. They run in processes of their own.
"""

import logging
import os
import re
import subprocess
import sys
from collections.abc import Sequence
from contextlib import suppress
from importlib.util import find_spec
from pathlib import Path

from gancam.errors import GancamError, MissingExtra, ModelError
from gancam.inference.variants import read_card

log = logging.getLogger(__name__)
CHECKPOINT = "checkpoint.pt"  # the newest, by which the folder of a run is known
_KEPT = re.compile(r"checkpoint-\d{7,}\.pt")  # of an iteration, beside it
_OF_RUNS = "tensorboard"  # what is beside them from the first second on: others call their files checkpoint.pt, too
FOLDER = "model"  # within it, for what is exported of it
_INSTALL = {"train": 'pip install "gancam[train]"', "export": 'pip install "gancam[export]"'}
_NEEDED = {"train": ("torch", "onnx", "PIL", "tensorboard", "matplotlib"), "export": ("torch", "onnx", "PIL")}


def home() -> Path:
    """Name the folder that holds the packages `train` and `export`. Raises ``MissingExtra`` where there is none."""
    package = Path(__file__).parent.parent
    for folder in (package / "_pytorch", package.parent):
        if (folder / "train" / "__main__.py").is_file() and (folder / "export" / "__main__.py").is_file():
            return folder
    raise MissingExtra("this gancam comes without its training; install the one from PyPI or from a checkout")


def command(module: str, arguments: Sequence[str]) -> tuple[list[str], dict[str, str]]:
    """Make the command, and its environment, that runs a module of `train` or `export`.

    A file or folder of such a name where the user stands is not taken for it.

    Raises:
        MissingExtra: A package that it needs is not installed.
    """
    side = "train" if module == "export.training" else module.partition(".")[0]
    missing = [name for name in _NEEDED[side] if find_spec(name) is None]
    if missing:
        raise MissingExtra(f"gancam {side} needs PyTorch and more ({missing[0]} is not installed): {_INSTALL[side]}")
    paths = [str(home()), *filter(None, [os.environ.get("PYTHONPATH")])]
    told = {"PYTHONIOENCODING": ":backslashreplace"}  # what stdout's encoding lacks ends nothing
    return [sys.executable, "-P", "-m", "train.program", module, *arguments], told | os.environ | {
        "PYTHONPATH": os.pathsep.join(paths)
    }


def checkpoint_of(path: Path) -> Path | None:
    """Name the checkpoint that `path`, the folder of a training run or one of its checkpoints, stands for."""
    if (path / CHECKPOINT).is_file():
        return path / CHECKPOINT
    named = _KEPT.fullmatch(path.name) or (path.name == CHECKPOINT and path.with_name(_OF_RUNS).is_dir())
    return path if named and path.is_file() else None


def model_of(checkpoint: Path) -> Path:
    """Name the file that is exported of a run's checkpoint; it need not be there."""
    run = checkpoint.parent
    name = re.sub(r"[^A-Za-z0-9_-]+", "-", run.resolve().name).strip("-") or "run"
    return run / FOLDER / f"{name}{checkpoint.stem.removeprefix('checkpoint')}.onnx"


def exported(checkpoint: Path) -> Path:
    """Give the model file of a run's checkpoint, exporting it in a process of its own where there is none.

    Raises:
        MissingExtra: It must be exported, and PyTorch is not installed.
        ModelError: It cannot be exported; the message has the exporter's.
    """
    file = model_of(checkpoint)
    newest = checkpoint.name == CHECKPOINT
    run, kind = (checkpoint.parent, "a training run") if newest else (checkpoint, "a checkpoint of a training run")
    written = checkpoint.stat().st_mtime_ns
    if _is_whole(file) and file.stat().st_mtime_ns >= written:
        return file
    try:
        words, environment = command("export.preview", [str(checkpoint), str(file)])
    except MissingExtra as error:
        raise MissingExtra(
            f'{run} is {kind}, whose export needs PyTorch: {_INSTALL["export"]}, or "gancam export {run} -o '
            f'{file.parent}" where it was trained'
        ) from error
    log.info("exporting %s to %s", run, file)
    try:
        file.parent.mkdir(exist_ok=True)
        done = subprocess.run(words, env=environment, capture_output=True, text=True, errors="replace", check=False)
        if done.returncode == 0 and file.is_file():
            with suppress(OSError):
                os.utime(file, ns=(written, written))  # training may have saved another checkpoint meanwhile
            return file
    except OSError as error:
        raise ModelError(f"{run} cannot be exported: {error}") from error
    said = [line for line in done.stderr.splitlines() if line.strip()] or ["no reason given"]
    raise ModelError(f"{run} cannot be exported: {said[-1].removeprefix('gancam: ')}")


def _is_whole(file: Path) -> bool:
    """Whether an exported file is there, and not what a crash left of one: its card is at its end."""
    try:
        read_card(file)
    except GancamError:
        return False
    return True
