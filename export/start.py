"""A model file that a training begins from: its network is read back, and must make what the file does."""

import logging
from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import islice, product
from pathlib import Path
from typing import Any

import torch
from torch import nn

from export import check
from export.enlarged import EnlargedGenerator
from export.plan import exporter
from export.restore import restore
from gancam.errors import ModelError, NotFound
from gancam.inference.card import ModelCard
from gancam.inference.catalog import find
from gancam.inference.model import Model
from gancam.inference.variants import read_card
from train import networks
from train import recipe as recipes
from train.networks.sr import SuperResolution
from train.recipe import Recipe
from train.start import ADDED, GROWN, Start

log = logging.getLogger("train")
COMPARED = 1  # picture of the file and of the network


def read_model(name: str, recipe: Recipe) -> Start:
    """The network of a model, by its name or the path of its fp32 file, for a training of `recipe`.

    Raises ``FileNotFoundError`` where there is no such model, and ``ValueError`` for a file that gancam did not export,
    of another precision, or whose network cannot be read back.
    """
    path, card = _card(name)
    if recipe.task == "cyclegan":
        raise ValueError(f"start {name!r}: a cyclegan has two networks and a model file one: begin from its run")
    found, made = _read(name, path, card, recipe)
    log.info("%s: what is learnt from it is under its licence, too: %s", name, card.licence)
    settled = not any(isinstance(module, nn.BatchNorm1d | nn.BatchNorm2d) for module in found.modules())
    return Start(name, made.network, found.state_dict(), settled=settled)


def _card(name: str) -> tuple[Path, ModelCard]:
    """The file of a model, and its card, which says that gancam exported it."""
    try:
        path = Path(name) if name.endswith(".onnx") else find(name)
        if not path.is_file():
            raise NotFound(f"no model file {name}")
        card = read_card(path)
    except NotFound as error:
        raise FileNotFoundError(f"start {name!r}: no run has that name, and {error}") from error
    except ModelError as error:
        raise ValueError(f"start {name!r}: {error}; a training begins from what gancam export made") from error
    if not card.recipe:
        raise ValueError(
            f"start {name!r}: its card names no recipe, so gancam export did not make it; a training begins from what "
            "that made, and learns from others as a --teacher (task distil)"
        )
    if card.precision != "fp32":
        plain = path.name.removesuffix(f".{card.precision}.onnx") + ".onnx"
        raise ValueError(f"start {name!r} is {card.precision}: give the model's fp32 file, {path.with_name(plain)}")
    return path, card


@torch.no_grad()
def _read(name: str, path: Path, card: ModelCard, recipe: Recipe) -> tuple[nn.Module, Recipe]:
    """The network in the file, as `recipe` trains it, and the recipe that has it: that one, or the card's."""
    errors: list[ValueError] = []
    for candidate in _candidates(card, recipe):
        try:
            network, made, _ = restore(path, candidate)
            plan = exporter(made).plan(network, made, None, [])
            check.parity("fp32", islice(plan.pairs(Model(path, device="cpu", precision="fp32")), COMPARED))
        except ValueError as error:
            errors.append(error)
            continue
        return _trainable(network, recipe), made
    where = "as it is now" if card.recipe in recipes.names() else "which is not among gancam's"
    raise ValueError(
        f"start {name!r}: {errors[0]}; its card names recipe {card.recipe!r}, {where}; a recipe with the [network] "
        "that the file was trained with would do"
    )


def _candidates(card: ModelCard, recipe: Recipe) -> Iterator[Recipe]:
    """Recipes whose network the file may have, likeliest first; it may have fewer layers than they say."""
    named = [recipes.load(card.recipe)] if card.recipe in recipes.names() else []
    yield from (recipe, *named)
    for one in (recipe, *named):
        has = {**networks.defaults(str(one.network["family"])), **one.network}
        less: dict[str, Sequence[Any]] = {name: range(int(has[name]), -1, -1) for name in sorted(GROWN & has.keys())}
        less |= {name: (value, type(value)()) for name, value in has.items() if name in ADDED}
        for values in product(*less.values()):
            yield replace(one, network={**one.network, **dict(zip(less, values, strict=True))})


def _trainable(network: nn.Module, recipe: Recipe) -> nn.Module:
    """The network with what its recipe trains and files have not: wider convolutions; and without what enlarges."""
    if isinstance(network, EnlargedGenerator):
        return network.generator
    expansion = int(recipe.network.get("expansion", networks.defaults("sr")["expansion"]))
    if not isinstance(network, SuperResolution) or not expansion:
        return network
    wide = SuperResolution(
        scale=network.scale, channels=network.channels, depth=network.depth, expansion=expansion,
        dilations=network.dilations[1:-1], unshuffle=network.multiple,
    )  # fmt: skip
    wide.fill(network.convolutions())
    return wide
