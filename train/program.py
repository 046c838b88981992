"""What `train` and `export` have in common as programs: how they begin, and how they say what is wrong.

``python -m train.program MODULE WORDS...`` runs a module of theirs as ``python -m MODULE WORDS...`` does, but a Ctrl-C
ends it without a traceback, also while PyTorch is being loaded.
"""

import argparse
import json
import math
import runpy
import sys
from collections.abc import Mapping
from typing import NoReturn


class Parser(argparse.ArgumentParser):
    """A parser that says what is wrong in one line."""

    def error(self, message: str) -> NoReturn:
        """Say `message`, and where the options are listed; end with exit code 2."""
        self.exit(2, f"gancam: {self.prog.removeprefix('gancam ')}: {message}; {self.prog} --help lists the options\n")


def count(text: str) -> int:
    """Read an option's whole number of 1 or more. Raises ``ArgumentTypeError``, which the parser tells."""
    if not (text.isascii() and text.isdigit() and int(text)):
        raise argparse.ArgumentTypeError(f"{text!r} must be a whole number, 1 or more")
    return int(text)


def seconds(text: str) -> float:
    """Read an option's time, 0 or more. Raises ``ArgumentTypeError``, which the parser tells."""
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not 0 <= value < math.inf:
        raise argparse.ArgumentTypeError(f"{text!r} must be a number of seconds, 0 or more")
    return value


def as_json(value: object, indent: int | None = None) -> str:
    """Write what is made of mappings, lists, texts and numbers as JSON, which has null for one that is not finite."""
    return json.dumps(_finite(value), indent=indent, allow_nan=False)


def _finite(value: object) -> object:
    match value:
        case float():
            return value if math.isfinite(value) else None
        case Mapping():
            return {key: _finite(one) for key, one in value.items()}
        case list() | tuple():
            return [_finite(one) for one in value]
    return value


def spelt(error: BaseException | str) -> str:
    """Say what is wrong in one line; what the system says of a file without the number that it has for it."""
    if isinstance(error, OSError) and error.strerror and error.filename:
        return f"{error.filename}: {error.strerror}"
    return " ".join(str(error).split())


def fail(error: BaseException | str, code: int = 2) -> int:
    """Say what is wrong in one line on stderr, and give the exit code."""
    sys.stderr.write(f"gancam: {spelt(error)}\n")
    return code


def begin() -> NoReturn:
    """Run the module that this process's words name."""
    del sys.argv[0]
    code: object = 0
    try:
        runpy.run_module(sys.argv[0], run_name="__main__", alter_sys=True)
    except SystemExit as end:
        code = end.code
    except KeyboardInterrupt:
        code = 130
    try:
        sys.stdout.flush()
    except OSError as error:
        sys.stdout = None
        code = code or fail(f"standard output cannot be written: {error.strerror}")
    sys.exit(code if code is None or isinstance(code, int) else str(code))


if __name__ == "__main__":
    begin()
