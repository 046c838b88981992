"""What the exporter needs to know of a task. `export/TASK.py`, or the file that `SAME` names, offers
``plan(network, recipe, images, judge)``."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import onnx
from torch import nn

from gancam.inference.model import Model
from train.data import Pixels
from train.recipe import Recipe

SAME = {
    "style": "translation",
    "cyclegan": "translation",
    "distil": "super_resolution",
}  # tasks whose networks are exported as those of another


@dataclass(frozen=True)
class Plan:
    """How a trained network becomes model files, one for each of `precisions`.

    ``card``: what the cards say beside the run's own name, licence and data. ``graph``: the deployed graph of a
    precision and the layout it has. ``pairs``: pictures of the file and of the network from the same input, RGB uint8;
    every variant must show the same in both. ``judged``: figures of quality by name, of the file, or, given None, of
    the network in PyTorch.
    """

    precisions: tuple[str, ...]
    card: Mapping[str, Any]
    graph: Callable[[str], tuple[onnx.ModelProto, str]]
    pairs: Callable[[Model], Iterable[tuple[Pixels, Pixels]]]
    judged: Callable[[Model | None], dict[str, float]]


def plan(network: nn.Module, recipe: Recipe, images: Path | None, judge: list[Path]) -> Plan:
    """The plan of the recipe's task. `images` are real pictures to calibrate and compare on (None: the task's usual),
    `judge` what quality is measured on. Raises ``ValueError`` for a task or a network that has no exporter."""
    room = SAME.get(recipe.task, recipe.task)
    if not room.isidentifier() or find_spec(f"export.{room}") is None:
        raise ValueError(f"recipe {recipe.name!r}: no exporter for the task {recipe.task!r}")
    made: Plan = import_module(f"export.{room}").plan(network, recipe, images, judge)
    return made
