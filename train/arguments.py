"""The command line of `gancam train`: its options, and what can be found wrong with them before PyTorch is loaded.

That takes seconds, which nobody waits for who misspelt a word. So nothing here imports it.
"""

import argparse
import sys
from pathlib import Path

from train import recipe
from train.data.items import check_there
from train.data.named import NAMES
from train.painters import PAINTERS
from train.program import Parser, count, fail, seconds

ABOUT = "Train a recipe, or go on with it where it was stopped: the same command goes on, exactly."
SEVERAL = (
    "On several GPUs, from a checkout: torchrun --standalone --nproc-per-node N -m -- train RECIPE --data DATA (with "
    "the --, or torchrun takes --run for an option of its own); each process takes the GPU of its number."
)
# Options that are part of the recipe, and the tasks of train/tasks/ that have a use for each.
USERS = {
    "b": ("cyclegan",), "style": ("style",), "pairs": ("translation",), "teacher": ("distil",), "frames": ("distil",),
    "pool": ("distil", "translation"),
}  # fmt: skip
TASKS = {
    "classification", "cyclegan", "distil", "inpainting", "style", "super_resolution", "translation", "unconditional"
}  # fmt: skip


class _Listed(argparse.Action):
    """Prints a line for each recipe, and ends the program."""

    def __call__(self, parser: argparse.ArgumentParser, *args: object) -> None:
        """Print them."""
        wide = max(map(len, recipe.names()))
        sys.stdout.write("".join(f"{name:{wide}}  {recipe.about(name)}\n" for name in recipe.names()))
        parser.exit()


def make_parser() -> argparse.ArgumentParser:
    """Make the parser of the command line."""
    parser = Parser(prog="gancam train", description=ABOUT, epilog=SEVERAL)
    parser.add_argument("recipe", help="its name (--list tells of each), or the path of a .toml file")
    parser.add_argument("--list", action=_Listed, nargs=0, help="list the recipes and what they make, and end")
    parser.add_argument("--show-recipe", action="store_true", help="print the recipe, to copy and change, and end")
    parser.add_argument(
        "--data", "--a", type=Path,
        help=f"needed, pictures: a folder, .zip, .tar, .npz, .parquet, idx files, a video, or by name: "
        f"{', '.join(NAMES)}",
    )  # fmt: skip
    parser.add_argument(
        "--start", default="", metavar="MODEL",
        help="what to begin from: a model, by name or as an .onnx that gancam exported, or the folder of a run",
    )  # fmt: skip
    parser.add_argument("--b", type=Path, help="the second set of pictures (cyclegan)")
    parser.add_argument("--style", type=Path, help="the image, or folder of images, whose style is learnt (style)")
    parser.add_argument(
        "--pairs", help="what is made a photo of (pix2pix): edges, grey, degraded (by a webcam), or folders, which are "
        "DATA/input and DATA/target with pictures of the same names (when it is left out); or who paints it (draw, "
        f"mosaic, oil, watercolour): {', '.join(PAINTERS)}",
    )  # fmt: skip
    parser.add_argument("--teacher", type=Path, help="the network that is learnt from: .param, .onnx or .pt2 (distil)")
    parser.add_argument("--frames", type=Path, help="folder of pictures without a sharp original (distil)")
    parser.add_argument("--pool", type=Path, help="folder for what teachers and painters made (default: runs/pools)")
    parser.add_argument("--run", type=Path, help="folder of the run (default: runs/RECIPE)")
    parser.add_argument("--judge", type=Path, help="folder of images to evaluate on (default: some of the data)")
    parser.add_argument("--show", action="store_true", help="show samples in a window while they grow")
    parser.add_argument(
        "--live", metavar="SOURCE",
        help="play a camera (0), a video or test through the network while it learns, left half as it was before",
    )  # fmt: skip
    parser.add_argument(
        "--live-to", metavar="OUTPUT", action="append", help="where the live picture goes, as gancam live --to takes it"
    )
    parser.add_argument("--device", help="cpu, cuda or cuda:N (default: a GPU where there is one)")
    parser.add_argument(
        "--precision", choices=recipe.PRECISIONS[1:], help="what to compute in (default: the fastest of a short trial)"
    )
    parser.add_argument("--threads", type=count, help="CPU threads (default: all)")
    parser.add_argument("--stop-after", type=count, help="iteration to stop at, with a checkpoint")
    parser.add_argument(
        "--checkpoint-seconds", type=seconds, default=120.0, help="seconds between checkpoints (default: 120)"
    )
    parser.add_argument(
        "--keep-every", type=count, metavar="N", default=0,
        help="keep the checkpoint of every Nth iteration beside the newest, as checkpoint-0002000.pt, to export or "
        "to --start from",
    )  # fmt: skip
    return parser


def done(options: argparse.Namespace) -> int | None:
    """Do what needs no training: show the recipe, or say what is wrong. The exit code; None: there is more to do."""
    try:
        if options.show_recipe:
            sys.stdout.write(recipe.find(options.recipe).read_text(encoding="utf-8-sig"))
            return 0
        _check(options)
    except (OSError, ValueError) as error:
        return fail(error)
    return None


def _check(options: argparse.Namespace) -> None:
    """Raise ``OSError`` or ``ValueError`` for what is plainly wrong, the cheapest first."""
    path = recipe.find(options.recipe)
    if options.live_to and options.live is None:
        raise ValueError("--live-to says where the live picture goes: give --live SOURCE too")
    _check_uses(options)
    if options.data is None:
        raise ValueError(f"--data is missing: what is recipe {path.stem!r} trained on? --help lists what may be")
    for source in filter(None, (options.data, options.b)):
        check_there(source)


def _check_uses(options: argparse.Namespace) -> None:
    """Raise ``ValueError`` for an option that is of no use to what the recipe trains."""
    if all(getattr(options, name) is None for name in USERS):
        return
    chosen = recipe.load(options.recipe)
    for name, users in USERS.items():
        if getattr(options, name) is not None and chosen.task in TASKS and chosen.task not in users:
            said = " or ".join(task.replace("_", " ") for task in users)
            raise ValueError(f"--{name} is for {said}; recipe {chosen.name!r} is {chosen.task.replace('_', ' ')}")
