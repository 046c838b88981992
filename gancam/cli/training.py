"""`gancam train` and `gancam export`: PyTorch's side, in a process of its own."""

import os
import subprocess
import sys

import typer

from gancam.cli.app import app
from gancam.cli.console import Terminated
from gancam.inference.runs import command

_PASSED_ON = {"ignore_unknown_options": True, "allow_extra_args": True, "help_option_names": list[str]()}
_TOOLS = ("curves", "evaluate", "generation")  # that judge runs


@app.command(context_settings=_PASSED_ON, add_help_option=False)
def train(context: typer.Context) -> None:
    """Train a GAN of your own, or continue a training.

    gancam train RECIPE --data DATA trains a recipe on a data set's name, a folder, an archive or a video, and gancam
    train --help lists recipes and options; gancam train curves, evaluate and generation judge runs. It needs PyTorch:
    pip install "gancam[train]".
    """
    words = list(context.args)
    if words and words[0] in _TOOLS:
        raise typer.Exit(_run("train.judging", words))
    raise typer.Exit(_run("export.training", words))


@app.command(context_settings=_PASSED_ON, add_help_option=False)
def export(context: typer.Context) -> None:
    """Export a training run to model files.

    gancam export RUN -o DIR writes one for each precision, each compared with PyTorch, and gancam export --help lists
    its options. It needs PyTorch: pip install "gancam[export]".
    """
    raise typer.Exit(_run("export.arguments", list(context.args)))


def _run(module: str, arguments: list[str]) -> int:
    """Run a module to its end, and return its exit code; signals reach it.

    Where a process can become another one this one does, so that a signal reaches the training whoever sends it.
    """
    words, environment = command(module, arguments)
    if os.name != "nt":
        sys.stdout.flush()
        os.execve(words[0], words, environment)
    child = subprocess.Popen(words, env=environment)
    while True:
        try:
            code = child.wait()
            return code if code >= 0 else 128 - code
        except KeyboardInterrupt:  # the terminal sent it to the child, too, which stops with a checkpoint
            continue
        except Terminated:
            child.terminate()
