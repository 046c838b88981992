"""One file per kind of training: what a batch is, what the two networks lose on it, how the result is judged.

A recipe's ``task`` names the file, which offers ``build(recipe, data, device)``. The loop knows this protocol only.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from importlib import import_module
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from train import losses, networks
from train.networks.discriminators import Judged
from train.recipe import Recipe

Batch = dict[str, Tensor]


@dataclass
class Losses:
    """A scalar to minimise and the terms it is made of, before their weights."""

    total: Tensor
    terms: dict[str, Tensor] = field(default_factory=dict)

    @classmethod
    def of(cls, terms: dict[str, Tensor], weights: Mapping[str, float]) -> "Losses":
        """The sum of `terms`, each times its weight."""
        return cls(torch.stack([weights[name] * term for name, term in terms.items()]).sum(), terms)


class Task(Protocol):
    @property
    def generator(self) -> nn.Module: ...
    @property
    def discriminator(self) -> nn.Module | None: ...

    def batch(self, rng: np.random.Generator, size: int) -> Batch:
        """A batch on the task's device that depends on `rng` alone. The loop adds `progress`, the share of the run that
        is over, 0..1."""

    def generate(self, batch: Batch) -> Tensor:
        """The generator's output, with gradients."""

    def generator_losses(self, batch: Batch, fake: Tensor, weights: Mapping[str, float]) -> Losses:
        """What the generator minimises; `weights` names the terms."""

    def discriminator_losses(self, batch: Batch, fake: Tensor, weights: Mapping[str, float]) -> Losses:
        """What the discriminator minimises; `fake` is detached. Called when `adversarial` is among the weights."""

    def preview(self, generator: nn.Module) -> NDArray[np.uint8]:
        """A sheet (H, W, 3) RGB of the same samples each time."""

    def evaluate(self, generator: nn.Module, folder: Path | None) -> dict[str, float]:
        """Figures by name; `folder` holds the images to judge on, None: what the task held back."""

    def alarms(self, figures: Mapping[str, float]) -> list[str]:
        """What is going wrong, by `figures` of a log line or an evaluation, and what to change; empty when all is
        well."""


def build(recipe: Recipe, data: Path, device: torch.device) -> Task:
    """Raises ``ValueError`` for an unknown task or option, ``FileNotFoundError`` where there is no data."""
    try:
        module: Any = import_module(f"{__name__}.{recipe.task}")
    except ModuleNotFoundError as error:
        raise ValueError(f"no task {recipe.task!r}: train/tasks/{recipe.task}.py does not exist") from error
    task: Task = module.build(recipe, data, device)
    return task


# What tasks have in common


def check(recipe: Recipe, rest: Collection[str], known: Collection[str]) -> set[str]:
    """The losses of all phases. Raises ``ValueError`` for one that is not `known`, and for `rest`: the keys of [data]
    that the task did not take."""
    if rest:
        raise ValueError(f"recipe {recipe.name!r}: unknown [data] key {', '.join(map(repr, rest))}")
    terms = {term for phase in recipe.phases for term in phase.losses}
    if unknown := terms - set(known):
        there = ", ".join(sorted(known))
        raise ValueError(f"recipe {recipe.name!r}: unknown loss {', '.join(sorted(unknown))}: there are {there}")
    return terms


def opponent(
    recipe: Recipe, judge: dict[str, Any], terms: Collection[str], device: torch.device, *, loss: str
) -> tuple[losses.Adversarial, nn.Module | None]:
    """The game, by default that of `loss`, and the discriminator that what is left of `judge` describes, if anything
    is. Raises ``ValueError`` for losses that need one that is not there."""
    game = losses.game(str(judge.pop("loss", loss)), recipe.name)
    if judge:
        return game, networks.build(**judge).to(device)
    if {"adversarial", "feature_matching"} & set(terms):
        raise ValueError(f"recipe {recipe.name!r} has adversarial losses but no [discriminator]")
    return game, None


def judged(judge: nn.Module | None, real: Tensor, fake: Tensor) -> tuple[Judged, Judged]:
    """What a discriminator, which does not learn now, makes of `real` and of `fake`, through which gradients go."""
    assert judge is not None
    judge.eval().requires_grad_(False)
    with torch.no_grad():
        before: Judged = judge(real)
    both = before, judge(fake)
    judge.train().requires_grad_(True)
    return both


def heads(found: Tensor | list[Tensor] | Judged) -> list[Tensor]:
    """The logits of each head of any discriminator, from what its ``forward`` gave."""
    if isinstance(found, list):
        return found
    return [found[0] if isinstance(found, tuple) else found]


def fooling(game: losses.Adversarial, logits: list[Tensor]) -> Tensor:
    """What the generator loses, the mean of what each head says of its pictures."""
    return torch.stack([game.generator(head, head) for head in logits]).mean()


def tensor(images: NDArray[np.uint8], device: torch.device) -> Tensor:
    """uint8 ``(n, h, w, 3)`` -> float 0..1 ``(n, 3, h, w)``."""
    return torch.from_numpy(np.array(images)).to(device).permute(0, 3, 1, 2).float() / 255.0
