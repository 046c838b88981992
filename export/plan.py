"""What the exporter needs to know of a task.

`export/TASK.py` offers ``EXPORTER``, an `Exporter`; another task's is imported where two tasks share their networks.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import onnx
from torch import Tensor, nn

from gancam.inference.card import Layout, ModelCard, Precision
from gancam.inference.model import Model
from train.data import Pixels, by_name, image_files, read_image
from train.recipe import Recipe

Weights = Mapping[str, Tensor]
SAMPLES = Path(__file__).parent.parent / "samples" / "stills"  # to calibrate and compare on where no pictures are given


@dataclass(frozen=True)
class Plan:
    """How a trained network becomes model files, one for each of `precisions`.

    Attributes:
        precisions: Those there are of the task, first to last; fp16 is made of fp32.
        card: The effect that plays the files, and what else the network decides; the run's own name, licence and data
            are not in it yet.
        graph: Gives the deployed graph of fp32 or int8, and its layout.
        pairs: Gives pictures of the file and of the network from the same input, RGB uint8, for a file; every variant
            must show the same in both. Nothing is made for them before it is asked: a file to look at needs none.
        judged: Gives quality figures by name, of a file, or, given None, of the network in PyTorch.
    """

    precisions: tuple[Precision, ...]
    card: ModelCard
    graph: Callable[[str], tuple[onnx.ModelProto, Layout]]
    pairs: Callable[[Model], Iterable[tuple[Pixels, Pixels]]]
    judged: Callable[[Model | None], dict[str, float]]


def compared_on(
    images: Path | None, prepared: Callable[[Pixels], Pixels] = lambda image: image, *, least: int = 1
) -> Callable[[], list[Pixels]]:
    """Give what reads the pictures that variants are calibrated and compared on, RGB, each `prepared`; it reads once.

    Those in `images` are read here and now, so that a fault in them is told before anything is made; the bundled ones
    (None) when they are asked for. Raises ``FileNotFoundError`` and ``ValueError`` as `image_files`, `read_image` and
    `prepared` do, and for a picture of fewer than `least` pixels a side.
    """

    def one(path: Path) -> Pixels:
        image = read_image(path)
        if min(image.shape[:2]) < least:
            size = f"{image.shape[1]}x{image.shape[0]}"
            raise ValueError(f"--images: {path} has {size} pixels, too few to compare on: {least} a side")
        return prepared(image)

    read = cache(lambda: list(map(one, image_files(images or SAMPLES))))
    if images is not None:
        read()
    return read


def on_rgb(model: Model) -> Callable[[Pixels], Pixels]:
    """A model file of one picture in and one out, as a function of RGB pictures."""
    return lambda image: model(np.ascontiguousarray(image[None, ..., ::-1]))[0][0, ..., ::-1]


def pictures_by_name(folders: list[Path]) -> dict[str, list[Pixels]]:
    """The pictures of each folder, RGB, by its name in lower case, after which figures are named.

    Raises ``FileNotFoundError``, and ``ValueError`` for a picture that is damaged and for two folders of one name.
    """
    return {name.lower(): list(map(read_image, image_files(path))) for name, path in by_name(folders).items()}


def one_direction(recipe: Recipe, weights: Weights, reverse: bool) -> Weights:
    """Return `weights` as they are. Raises ``ValueError`` for `reverse`, which only tasks of two directions know."""
    if reverse:
        raise ValueError(f"--reverse: recipe {recipe.name!r} has one direction; only a cyclegan has two")
    return weights


@dataclass(frozen=True)
class Exporter:
    """How the runs of one task are exported.

    Attributes:
        plan: Makes the `Plan` of a network, from (network, recipe, images, judge_on): `images` are real pictures to
            calibrate and compare on (None: the task's usual), `judge_on` folders or files that quality is measured on.
            Raises ``ValueError`` for a network that it cannot export.
        weights: Picks the weights of the network that is exported from a run's averaged generator, (recipe, weights,
            reverse). Raises ``ValueError`` for a direction that is not there.
    """

    plan: Callable[[nn.Module, Recipe, Path | None, list[Path]], Plan]
    weights: Callable[[Recipe, Weights, bool], Weights] = one_direction


def exporter(recipe: Recipe) -> Exporter:
    """Find the exporter of the recipe's task. Raises ``ValueError`` where there is none."""
    name = f"export.{recipe.task}"
    found = import_module(name) if recipe.task.isidentifier() and find_spec(name) is not None else None
    made = vars(found).get("EXPORTER") if found is not None else None
    if not isinstance(made, Exporter):
        raise ValueError(f"recipe {recipe.name!r}: no exporter for the task {recipe.task!r}")
    return made
