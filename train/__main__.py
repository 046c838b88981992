"""gancam train RECIPE --data DATA: train a recipe, or go on with it where it was stopped."""

import argparse
import logging
import os
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch

from train import loop, precision, recipe, sizes, sources
from train.checkpoint import claimed
from train.console import Console
from train.data.named import NAMES
from train.page import Page
from train.painters import PAINTERS
from train.processes import Group
from train.program import Parser, count, fail, seconds, spelt
from train.report import Every
from train.show import Window
from train.start import ModelReader
from train.watch import Watcher

# What `--pairs` says of the networks, where one's own first layers make the input of a photo.
MADE: dict[str, dict[str, dict[str, str | int]]] = {
    "edges": {"data": {"pairs": "self"}, "network": {"front": "edges"}, "discriminator": {"colours": 4}},
    "grey": {
        "data": {"pairs": "self"}, "network": {"front": "grey", "keep": "luma"}, "discriminator": {"colours": 4},
    },
}  # fmt: skip
ABOUT = "Train a recipe, or go on with it where it was stopped: the same command goes on, exactly."
SEVERAL = (
    "On several GPUs, from a checkout: torchrun --standalone --nproc-per-node N -m -- train RECIPE --data DATA (with "
    "the --, or torchrun takes --run for an option of its own); each process takes the GPU of its number."
)
GIVEN = ("b", "style", "pairs", "teacher", "frames", "pool")  # options that are part of the recipe
# and the tasks of train/tasks/ that have a use for each
USERS = {
    "b": ("cyclegan",), "style": ("style",), "pairs": ("translation",), "teacher": ("distil",), "frames": ("distil",),
    "pool": ("distil", "translation"),
}  # fmt: skip
TASKS = {
    "classification", "cyclegan", "distil", "inpainting", "style", "super_resolution", "translation", "unconditional"
}  # fmt: skip

Preview = Callable[[recipe.Recipe, Path, str, Sequence[str], Console], Watcher]


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
    parser.add_argument(
        "--device", default="cuda" if torch.cuda.is_available() else "cpu", help="cpu, cuda or cuda:N (default: a GPU)"
    )
    parser.add_argument(
        "--precision", choices=precision.NAMES[1:], help="what to compute in (default: the fastest of a short trial)"
    )
    parser.add_argument("--threads", type=count, help="CPU threads (default: all)")
    parser.add_argument("--stop-after", type=count, help="iteration to stop at, with a checkpoint")
    parser.add_argument(
        "--checkpoint-seconds", type=seconds, default=120.0, help="how often a checkpoint is written (default: 120)"
    )
    parser.add_argument(
        "--keep-every", type=count, metavar="N", default=0,
        help="keep the checkpoint of every Nth iteration beside the newest, as checkpoint-0002000.pt, to export or "
        "to --start from",
    )  # fmt: skip
    return parser


def main(
    arguments: list[str] | None = None, *, preview: Preview | None = None, read_model: ModelReader | None = None
) -> int:
    """Run the command line and return the exit code.

    Args:
        arguments: Its words; by default those of this process.
        preview: Makes the live picture of a recipe, run, source and outputs; without one, `--live` is refused.
        read_model: Reads the model files that a training begins from; without it, it begins from runs alone.
    """
    options = make_parser().parse_args(arguments)
    if options.show_recipe:
        try:
            sys.stdout.write(recipe.find(options.recipe).read_text(encoding="utf-8-sig"))
        except (OSError, ValueError) as error:
            return fail(error)
        return 0
    logging.basicConfig(format="%(asctime)s %(message)s", datefmt="%H:%M:%S", stream=sys.stderr)
    try:
        group = Group.of(os.environ)
    except ValueError as error:
        return fail(str(error), 2)
    # and no other logger: matplotlib tells of its fonts; of several processes the first tells
    logging.getLogger("train").setLevel(logging.ERROR if group.rank else logging.INFO)
    if options.threads:
        if options.threads > (most := os.cpu_count() or 1):
            logging.getLogger("train").warning(
                "--threads %d: this machine has %d, which are taken", options.threads, most
            )
        torch.set_num_threads(min(options.threads, most))
    watchers: list[Watcher] = []
    try:
        said, code = _train(options, group, watchers, preview, read_model)
    finally:
        for watcher in reversed(watchers):
            watcher.close()
    if said:
        return fail(said, code)
    return code


def _check_uses(options: argparse.Namespace) -> None:
    """Raise ``ValueError`` for an option that is of no use to what the recipe trains."""
    chosen = recipe.load(options.recipe)
    for name, users in USERS.items():
        if getattr(options, name) is not None and chosen.task in TASKS and chosen.task not in users:
            said = " or ".join(task.replace("_", " ") for task in users)
            raise ValueError(f"--{name} is for {said}; recipe {chosen.name!r} is {chosen.task.replace('_', ' ')}")


def _device(name: str, group: Group) -> torch.device:
    """The device `name` for this process of `group`, which PyTorch can use. Raises ``ValueError``."""
    chosen = group.device(name)
    try:
        device = torch.device(chosen)
        torch.empty(1, device=device)
    except (RuntimeError, AssertionError) as error:  # PyTorch asserts that it was built with CUDA
        reason = str(error).splitlines()[0]
        needs = f"; each of the {group.size} processes needs a GPU of its own" if group.size > 1 else ""
        raise ValueError(
            f"--device {chosen}: PyTorch cannot use it ({reason}){needs}; --device cpu always works"
        ) from error
    return device


def _train(
    options: argparse.Namespace,
    group: Group,
    watchers: list[Watcher],
    preview: Preview | None,
    read_model: ModelReader | None,
) -> tuple[str, int]:
    """Train as `options` say, adding who watches to `watchers`; what is to be said in the end, and the exit code."""
    console = Console()
    watchers.append(console)
    try:
        if options.live_to and options.live is None:
            raise ValueError("--live-to says where the live picture goes: give --live SOURCE too")
        _check_uses(options)
        given = {name: str(value) for name in GIVEN if (value := getattr(options, name)) is not None}
        tables: dict[str, dict[str, Any]] = {"data": given, **MADE.get(options.pairs, {})}
        chosen = recipe.load(options.recipe, tables, start=options.start)
        if options.data is None:  # not before: which recipe there is decides what is wanted
            raise ValueError(f"--data is missing: what is recipe {chosen.name!r} trained on? --help lists what may be")
        for name, found in sources.class_tables(chosen, options.data).items():
            tables[name] = {**tables.get(name, {}), **found}
        chosen = recipe.load(options.recipe, tables, start=options.start)
        if options.precision:
            chosen = replace(chosen, precision=options.precision)
        run = options.run or Path("runs") / chosen.name
        if group.rank == 0:
            watchers += _watchers(options, chosen, run, preview, console)
        device = _device(options.device, group)
        with claimed(run) if group.rank == 0 else nullcontext(), group.joined(device):
            loop.train(
                chosen, options.data, run, device=device, evaluate_on=options.judge, stop_after=options.stop_after,
                watchers=watchers, read_model=read_model,
                every=Every(checkpoint_seconds=options.checkpoint_seconds, kept_checkpoint=options.keep_every),
            )  # fmt: skip
    except loop.Interrupted as stop:
        return "" if group.rank else str(stop), 128 + stop.number
    except (OSError, ValueError) as error:
        return spelt(error), 2
    except (RuntimeError, MemoryError) as error:
        if not (said := sizes.misfit(error)):
            raise
        return said, 2
    return "", 0


def _watchers(
    options: argparse.Namespace, chosen: recipe.Recipe, run: Path, preview: Preview | None, console: Console
) -> Iterator[Watcher]:
    """Make those who watch, beside the console, a run of the recipe `chosen`. Raises ``OSError``, ``ValueError``."""
    if options.show:
        yield Window(chosen.name)
    if options.live is not None:
        if preview is None:
            raise ValueError("--live: give it to gancam train, which plays the live picture in a process of its own")
        yield preview(chosen, run, options.live, options.live_to or [], console)
    yield Page(run, chosen.name)


if __name__ == "__main__":
    sys.exit(main())
