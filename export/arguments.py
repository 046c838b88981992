"""The command line of `gancam export`: its options, and what can be found wrong with them before PyTorch is loaded."""

import argparse
import re
import sys
from pathlib import Path

from train.files import checkpoint_of
from train.program import Parser, fail

ABOUT = """gancam export RUN -o gancam/models/: a run's generator as model files, each checked against PyTorch.

RUN may be the fp32 file of a model, too, to make its other precisions anew.
"""


def make_parser() -> argparse.ArgumentParser:
    """Make the parser of the command line."""
    parser = Parser(prog="gancam export", description=ABOUT)
    parser.add_argument("run", type=Path, help="a run's folder, a checkpoint, or an fp32 model file")
    parser.add_argument("-o", "--output", type=Path, required=True, help="folder for the model files")
    parser.add_argument("--name", default="", help="name of the model (default: the recipe's)")
    parser.add_argument("--images", type=Path, help="pictures to calibrate and compare on (default: samples/stills/)")
    parser.add_argument(
        "--judge", type=Path, action="append", default=[], help="folder to measure quality on; repeat it for several"
    )
    parser.add_argument(
        "--precisions", default="",
        help="precisions to write, as fp32,int8 (default: all but fp16, which gancam makes of the fp32 file itself)",
    )  # fmt: skip
    parser.add_argument("--licence", default="", help="licence of the weights, as their data allows, for the card")
    parser.add_argument("--trained-on", default="", help="what it was trained on, in words, for the card")
    parser.add_argument("--summary", default="", help="what it does, in one line, for gancam models")
    parser.add_argument("--seeds", default="", help="for a generator: seeds of pictures worth showing, as 3/17/42")
    parser.add_argument(
        "--noise",
        type=float,
        default=1.0,
        metavar="SHARE",
        help="for a stylegan: how much of its random detail to keep, 0 to 1 (default: 1)",
    )
    parser.add_argument("--reverse", action="store_true", help="for a cyclegan: export the network from B to A")
    parser.add_argument(
        "--enlarger", type=Path, action="append", default=[],
        help="for a stylegan: a run of super-resolution that enlarges its pictures; repeat it for one more behind it",
    )  # fmt: skip
    parser.add_argument(
        "--towards", nargs=2, metavar=("RUN", "SHARE"),
        help="for super-resolution: a run or an fp32 file, and how much of its weights to mix in, 0 to 1",
    )  # fmt: skip
    parser.add_argument(
        "--shrink",
        default="",
        metavar="RECIPE",
        help="for super-resolution: keep the frame's own size, as this recipe (restore-x1) does",
    )
    parser.add_argument("--overwrite", action="store_true", help="replace files that exist")
    return parser


def _share(text: str) -> float:
    """Read the share of `--towards`. Raises ``ValueError``."""
    try:
        return float(text)
    except ValueError:
        raise ValueError(f"--towards: the share {text!r} must be a number, 0 to 1") from None


def checked(options: argparse.Namespace) -> tuple[Path, float] | None:
    """Look at the words alone; give the run and the share of `--towards`, where that is wanted.

    Raises:
        ValueError: One means nothing.
        FileNotFoundError: There is no such run.
    """
    if options.output.suffix == ".onnx" or (options.output.exists() and not options.output.is_dir()):
        raise ValueError(f"-o {options.output}: names the folder for the files; --name gives the model's name")
    if options.name and not re.fullmatch(r"[A-Za-z0-9_][A-Za-z0-9_-]*", options.name):
        raise ValueError(f"--name {options.name!r}: a model's name has letters, digits, - and _ alone")
    if not re.fullmatch(r"([0-9]+(/[0-9]+)*)?", options.seeds):
        raise ValueError(f"--seeds {options.seeds!r}: whole numbers of 0 or more, joined by /")
    towards = (Path(options.towards[0]), _share(options.towards[1])) if options.towards else None
    for run in (options.run, *options.enlarger, *([towards[0]] if towards else [])):
        if run.suffix != ".onnx":  # of which the reader of models says more
            checkpoint_of(run)
    return towards


def main(arguments: list[str] | None = None) -> int:
    """Run the command line and return the exit code."""
    try:
        checked(make_parser().parse_args(arguments))
    except (OSError, ValueError) as error:
        return fail(error)
    from export import __main__ as program  # and PyTorch, which takes seconds: not before the words are known right

    return program.main(arguments)


if __name__ == "__main__":
    sys.exit(main())
