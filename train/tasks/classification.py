"""Classification of the pictures of an .npz: `x_train`, `y_train` to learn from, `x_test`, `y_test` to judge on."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional as F

from train import networks
from train.augment import translation
from train.data.arrays import DAMAGED
from train.networks.digits import DigitClassifier
from train.recipe import Recipe
from train.tasks import Batch, Losses, Task, data_of, terms_of

TERMS = {"cross_entropy"}
SIDE, KINDS = 28, 10  # what the network takes, and how many kinds of pictures it tells apart


@dataclass(frozen=True)
class Data:
    """The keys of ``[data]``: none."""


class ClassificationTask(Task):
    """Batches ``image`` (n, 1, h, w) float 0..1, moved by up to an eighth, and ``label`` (n,). Loss: cross_entropy."""

    def __init__(self, recipe: Recipe, data: Path, device: torch.device) -> None:
        data_of(Data, recipe)
        terms_of(recipe, TERMS)
        if recipe.discriminator:
            raise ValueError(f"recipe {recipe.name!r}: classification has no [discriminator]: leave it out")
        self.device = device
        generator = networks.build(**recipe.network)
        if not isinstance(generator, DigitClassifier):
            raise ValueError(
                f"recipe {recipe.name!r}: [network] family must be digits, the one network that classifies"
            )
        self.generator = generator.to(device)
        try:
            with data.open("rb") as file, np.load(file) as arrays:
                self.images, self.labels = _part(arrays, "train")
                self.test = _part(arrays, "test")
        except (*DAMAGED, TypeError, AttributeError) as error:
            if isinstance(error, FileNotFoundError):
                raise FileNotFoundError(f"no file {data}") from None
            needed = "x_train, y_train, x_test and y_test"
            raise ValueError(f"{data} is not a complete .npz with {needed}: {error}") from error

    def _tensor(self, images: NDArray[np.uint8]) -> Tensor:
        return torch.from_numpy(images).to(self.device)[:, None].float() / 255.0

    def batch(self, rng: np.random.Generator, size: int) -> Batch:
        chosen = rng.integers(len(self.images), size=size)
        return {
            "image": translation(self._tensor(self.images[chosen])),
            "label": torch.from_numpy(self.labels[chosen]).to(self.device),
        }

    def generate(self, batch: Batch) -> Tensor:
        logits: Tensor = self.generator(batch["image"])
        return logits

    def generator_losses(self, batch: Batch, fake: Tensor, weights: Mapping[str, float]) -> Losses:
        entropy = F.cross_entropy(fake.float(), batch["label"])
        return Losses(weights["cross_entropy"] * entropy, {"cross_entropy": entropy})

    def preview(self, generator: nn.Module) -> NDArray[np.uint8]:
        """The first ten test pictures of each class that the classifier takes for another, or black."""
        images, wrong = self.test[0], self._answers(generator) != self.test[1]
        side = images.shape[1]
        grid = np.zeros((10 * side, 10 * side), np.uint8)
        for row in range(10):
            for column, index in enumerate(np.flatnonzero(wrong & (self.test[1] == row))[:10]):
                grid[row * side : (row + 1) * side, column * side : (column + 1) * side] = images[index]
        return np.repeat(grid[:, :, None], 3, axis=2)

    @torch.no_grad()
    def _answers(self, generator: nn.Module) -> NDArray[np.int64]:
        parts = np.array_split(self.test[0], max(len(self.test[0]) // 500, 1))
        return np.concatenate([generator(self._tensor(part)).argmax(1).cpu().numpy() for part in parts])

    def evaluate(self, generator: nn.Module, folder: Path | None) -> dict[str, float]:
        return {"accuracy": float((self._answers(generator) == self.test[1]).mean())}


def _part(arrays: Mapping[str, NDArray[Any]], name: str) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    """The pictures ``(n, 28, 28)`` and labels ``(n,)`` of a part. Raises ``KeyError``, ``ValueError``."""
    images, labels = arrays[f"x_{name}"], arrays[f"y_{name}"]
    if images.dtype != np.uint8 or images.shape[1:] != (SIDE, SIDE) or not len(images):
        raise ValueError(f"x_{name} must be uint8 (n, {SIDE}, {SIDE}), n 1 or more, not {images.dtype} {images.shape}")
    if labels.shape != images.shape[:1] or not np.isin(labels, range(KINDS)).all():
        raise ValueError(f"y_{name} must be {len(images)} labels of 0 to {KINDS - 1}, one for each picture")
    return images, labels.astype(np.int64)


build = ClassificationTask
