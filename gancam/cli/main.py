"""The entry point of the command line."""

import logging
import signal
import sys
from types import FrameType
from typing import Annotated, NoReturn

import typer

import gancam
from gancam.cli import bench, demo, generate, importing, inspect, live, process  # noqa: F401 - their commands
from gancam.cli.app import app
from gancam.cli.console import Terminated, errors
from gancam.errors import GancamError


@app.callback(invoke_without_command=True)
def top(version: Annotated[bool, typer.Option("--version", help="Print the version.")] = False) -> None:
    if version:
        print(f"gancam {gancam.__version__}")
        raise typer.Exit


def _terminate(number: int, frame: FrameType | None) -> NoReturn:
    raise Terminated


def main(arguments: list[str] | None = None) -> NoReturn:
    """Run the command line and exit: 0 done, 2 an error told in one line, 130 and 143 after Ctrl-C and SIGTERM."""
    logging.basicConfig(format="%(message)s")
    if errors.is_terminal:  # that a model is tried for the first time takes a moment, and should be told
        logging.getLogger("gancam.inference.autotune").setLevel(logging.INFO)
    if signal.getsignal(signal.SIGTERM) != signal.SIG_IGN:  # who started us may want us to stay
        signal.signal(signal.SIGTERM, _terminate)
    try:
        code = app(args=arguments, standalone_mode=False)
        sys.exit(code if isinstance(code, int) else 0)
    except (KeyboardInterrupt, typer.Abort):
        sys.exit(130)
    except Terminated:
        sys.exit(143)
    except typer.TyperException as error:
        errors.print(f"gancam: {' '.join(error.format_message().split())}", markup=False)
        sys.exit(2)
    except GancamError as error:
        errors.print(f"gancam: {' '.join(str(error).split())}", markup=False)
        sys.exit(2)
    except BrokenPipeError:
        sys.exit(1)
