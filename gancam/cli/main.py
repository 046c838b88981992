"""The entry point of the command line."""

import logging
import os
import signal
import sys
import traceback
from collections.abc import Callable
from contextlib import suppress
from types import FrameType
from typing import Annotated, NoReturn

import typer

import gancam
from gancam.cli.app import app, load_commands
from gancam.cli.console import Terminated, errors, finish_stdout, prepare_streams
from gancam.errors import GancamError, behind
from gancam.files import wrong_path

DEBUG = "GANCAM_DEBUG"  # environment variable: 1 is --debug


@app.callback(invoke_without_command=True)
def top(
    context: typer.Context,
    version: Annotated[bool, typer.Option("--version", help="Print the version and exit.")] = False,
    debug: Annotated[
        bool,
        typer.Option(
            "--debug",
            help="Print the Python traceback of errors, for a bug report; the environment variable GANCAM_DEBUG=1 "
            "does the same.",
        ),
    ] = False,
) -> None:
    """Handle the options that stand before a command."""
    if debug:
        _tracebacks.debug = True
    if version:
        print(f"gancam {gancam.__version__}")
        raise typer.Exit
    if context.invoked_subcommand is None:
        print(context.get_help(), file=sys.stderr)
        raise typer.Exit(2)  # nothing was asked for, and a script should hear of that


def main(arguments: list[str] | None = None) -> NoReturn:
    """Run the command line and exit.

    Exit codes: 0 done, 1 something failed, 2 an error in what was asked for, told in one line, or no command, which
    gets the help on stderr; 130, 143 and 129 after Ctrl-C, SIGTERM and SIGHUP.
    """
    _tracebacks.debug = False
    load_commands(sys.argv[1:] if arguments is None else arguments)
    prepare_streams()
    if not logging.getLogger().handlers:
        handler = logging.StreamHandler()
        handler.addFilter(_tracebacks)
        logging.basicConfig(format="%(message)s", handlers=[handler])
    if errors.is_terminal:  # a model that is tried for the first time takes a moment, and the user should know why
        logging.getLogger("gancam.inference.autotune").setLevel(logging.INFO)
    if os.environ.get(DEBUG, "0") not in ("", "0"):
        _tracebacks.debug = True
    for name in ("SIGTERM", "SIGHUP"):  # Windows has no SIGHUP
        number = signal.Signals.__members__.get(name)
        if number is not None and signal.getsignal(number) != signal.SIG_IGN:  # the parent may want it ignored (nohup)
            signal.signal(number, _terminate)
    code = _run(lambda: app(args=arguments, standalone_mode=False))
    if code:
        with suppress(OSError):  # one line is told already
            finish_stdout()
    sys.exit(code or _run(finish_stdout))


def _run(command: Callable[[], object]) -> int:
    """Run a command; the exit code."""
    try:
        code = command()
        return code if isinstance(code, int) else 0
    except (KeyboardInterrupt, typer.Abort):
        return 130
    except Terminated as ended:
        return 128 + ended.number
    except typer.TyperException as error:
        return _fail(error.format_message(), error, 2)
    except GancamError as error:
        return _fail(str(error), error, 2)
    except BrokenPipeError:
        return 1
    except Exception as error:
        signalled = behind(error, KeyboardInterrupt, Terminated)
        if signalled is not None:
            return 128 + signalled.number if isinstance(signalled, Terminated) else 130
        if (said := wrong_path(error)) is not None:
            return _fail(said, error, 2)
        cure = 'please report it with the output of the same command as "gancam --debug ..."'
        return _fail(f"a fault of gancam's own: {error!r}; {cure}", error, 1)


def _fail(message: str, error: BaseException, code: int) -> int:
    if _tracebacks.debug:
        errors.print("".join(traceback.format_exception(error)).rstrip(), markup=False)
    errors.print(f"gancam: {' '.join(message.split())}", markup=False)
    return code


class _TracebackFilter(logging.Filter):
    """Leaves out records with a traceback, unless asked for: what they are about is told in one line elsewhere."""

    debug = False

    def filter(self, record: logging.LogRecord) -> bool:
        return self.debug or not record.exc_info


_tracebacks = _TracebackFilter()


def _terminate(number: int, frame: FrameType | None) -> NoReturn:
    raise Terminated(number)
