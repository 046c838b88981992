"""gancam train curves, evaluate and generation, which judge runs: their words, looked at before PyTorch is loaded.

That takes seconds, which nobody waits for who misspelt a word. So nothing here imports it.
"""

import argparse
import sys
from collections.abc import Callable
from importlib import import_module
from pathlib import Path

from train.data.items import check_there
from train.files import checkpoint_of
from train.program import Parser, count, fail


def curves_parser() -> argparse.ArgumentParser:
    """Make the parser of ``gancam train curves``."""
    parser = Parser(prog="gancam train curves", description="Draw the curves of runs.")
    parser.add_argument("runs", type=Path, nargs="+", metavar="RUN", help="folder of a run")
    parser.add_argument(
        "--record", metavar="ABOUT", help="keep them as what is to be expected of the recipe, and of what"
    )
    return parser


def evaluate_parser() -> argparse.ArgumentParser:
    """Make the parser of ``gancam train evaluate``."""
    parser = Parser(prog="gancam train evaluate", description="Judge networks, side by side.")
    parser.add_argument("runs", type=Path, nargs="+", metavar="RUN", help="folder of a run, or a checkpoint file")
    parser.add_argument("--images", type=Path, nargs="+", default=[], metavar="DIR", help="folders of whole images")
    parser.add_argument("--degradation", choices=("bicubic", "webcam"), action="append", help="default: both")
    parser.add_argument("--video", type=Path, nargs="+", default=[], metavar="CLIP", help="clips to see flicker on")
    return _computing(parser)


def generation_parser() -> argparse.ArgumentParser:
    """Make the parser of ``gancam train generation``."""
    about = "Judge the pictures of unconditional generators: how real, how different, and whether they are copies."
    parser = Parser(prog="gancam train generation", description=about)
    parser.add_argument("runs", nargs="+", type=Path, metavar="RUN", help="folder of a run, or a checkpoint file")
    parser.add_argument("--data", type=Path, required=True, help="the pictures: a folder, .zip or .npz")
    parser.add_argument("--samples", type=count, default=5000, help="pictures to judge (default: 5000)")
    return _computing(parser)


def _computing(parser: argparse.ArgumentParser) -> argparse.ArgumentParser:
    parser.add_argument("--device", help="cpu, cuda or cuda:N (default: a GPU)")
    parser.add_argument("--threads", type=count, help="CPU threads (default: all)")
    parser.add_argument("--json", action="store_true", help="figures as JSON")
    return parser


TOOLS: dict[str, Callable[[], argparse.ArgumentParser]] = {
    "curves": curves_parser, "evaluate": evaluate_parser, "generation": generation_parser,
}  # fmt: skip


def parsed(tool: str, arguments: list[str] | None) -> argparse.Namespace:
    """Read the words of a tool, by default those of this process; ends the program, with a line, for wrong ones."""
    parser = TOOLS[tool]()
    options = parser.parse_args(arguments)
    if tool == "evaluate" and not options.images and not options.video:
        parser.error("give --images, --video or both")
    return options


def _check(tool: str, options: argparse.Namespace) -> None:
    """Raise ``FileNotFoundError`` for what is not there."""
    for run in options.runs:
        checkpoint_of(run)
    if tool == "generation":
        check_there(options.data)
    for path in (*options.images, *options.video) if tool == "evaluate" else ():
        if not path.exists():
            raise FileNotFoundError(f"no file or folder {path}")


def main(arguments: list[str] | None = None) -> int:
    """Run the tool that the first of the words names, and return the exit code."""
    tool, *words = sys.argv[1:] if arguments is None else arguments
    try:
        _check(tool, parsed(tool, words))
    except OSError as error:
        return fail(error)
    code: int = import_module(f"train.{tool}").main(words)
    return code


if __name__ == "__main__":
    sys.exit(main())
