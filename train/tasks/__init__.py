"""One file per kind of training: what a batch is, what the two networks lose on it, how the result is judged.

A recipe's ``task`` names the file, which offers ``build(recipe, data, device)``. The loop knows this protocol only.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib import import_module
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from train.recipe import Recipe

Batch = dict[str, Tensor]


@dataclass
class Losses:
    """A scalar to minimise and the terms it is made of, before their weights."""

    total: Tensor
    terms: dict[str, Tensor] = field(default_factory=dict)


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
