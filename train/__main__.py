"""gancam train RECIPE --data DATA: train a recipe, or go on with it where it was stopped."""

import argparse
import logging
import os
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import torch

from train import arguments as command
from train import devices, loop, recipe, sizes, sources
from train.checkpoint import claimed
from train.console import Console
from train.page import Page
from train.processes import Group
from train.program import fail, spelt
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
Preview = Callable[[recipe.Recipe, Path, str, Sequence[str], Console], Watcher]


def main(
    arguments: list[str] | None = None, *, preview: Preview | None = None, read_model: ModelReader | None = None
) -> int:
    """Run the command line and return the exit code.

    Args:
        arguments: Its words; by default those of this process.
        preview: Makes the live picture of a recipe, run, source and outputs; without one, `--live` is refused.
        read_model: Reads the model files that a training begins from; without it, it begins from runs alone.
    """
    options = command.make_parser().parse_args(arguments)
    if (code := command.done(options)) is not None:
        return code
    logging.basicConfig(format="%(asctime)s %(message)s", datefmt="%H:%M:%S", stream=sys.stderr)
    try:
        group = Group.of(os.environ)
    except ValueError as error:
        return fail(str(error), 2)
    # and no other logger: matplotlib tells of its fonts; of several processes the first tells
    logging.getLogger("train").setLevel(logging.ERROR if group.rank else logging.INFO)
    devices.take_threads(options.threads)
    watchers: list[Watcher] = []
    try:
        said, code = _train(options, group, watchers, preview, read_model)
    finally:
        for watcher in reversed(watchers):
            watcher.close()
    if said:
        return fail(said, code)
    return code


def _device(name: str | None, group: Group) -> torch.device:
    """The device `name` for this process of `group`, which PyTorch can use. Raises ``ValueError``."""
    needs = f"; each of the {group.size} processes needs a GPU of its own" if group.size > 1 else ""
    return devices.usable(group.device(devices.usual() if name is None else name), needs=needs)


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
        given = {name: str(value) for name in command.USERS if (value := getattr(options, name)) is not None}
        tables: dict[str, dict[str, Any]] = {"data": given, **MADE.get(options.pairs, {})}
        chosen = recipe.load(options.recipe, tables, start=options.start)
        for name, found in sources.class_tables(chosen, options.data).items():
            tables[name] = {**tables.get(name, {}), **found}
        chosen = recipe.load(options.recipe, tables, start=options.start)
        run = options.run or Path("runs") / chosen.name
        if group.rank == 0:
            watchers += _watchers(options, chosen, run, preview, console)
        device = _device(options.device, group)
        with claimed(run) if group.rank == 0 else nullcontext(), group.joined(device):
            loop.train(
                chosen, options.data, run, device=device, evaluate_on=options.judge, stop_after=options.stop_after,
                watchers=watchers, read_model=read_model, compute_in=options.precision or "",
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
