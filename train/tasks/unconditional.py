"""Unconditional generation: latent in, picture out, learnt from a pile of pictures."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from train import augment, generation, losses, networks
from train.data import Pictures
from train.recipe import Recipe
from train.tasks import Batch, Losses

TERMS = {"adversarial"}
SHEET = 8  # samples along a side of the preview


class UnconditionalTask:
    """Batches ``real`` (n, c, r, r) RGB float 0..1, ``z`` (n, latent) and what the practices draw.

    ``[data]``: `resolution`, `channels` (1 or 3), `mirror` (left and right are alike).
    ``[discriminator]``: a network's options, `loss` (a game of `losses.ADVERSARIAL`), `augment` (names of
    `train.augment`), `r1` (weight of that penalty), `lazy` (it is paid in one of so many iterations, times so much),
    `mixing` (share of samples whose style comes from two latents).
    """

    def __init__(self, recipe: Recipe, data: Path, device: torch.device) -> None:
        options, judge = dict(recipe.data), dict(recipe.discriminator)
        self.resolution, channels = int(options.pop("resolution", 64)), int(options.pop("channels", 3))
        self.mirror = bool(options.pop("mirror", False))
        if options:
            raise ValueError(f"recipe {recipe.name!r}: unknown [data] key {', '.join(map(repr, options))}")
        terms = {term for phase in recipe.phases for term in phase.losses}
        if unknown := terms - TERMS:
            known = ", ".join(sorted(TERMS))
            raise ValueError(f"recipe {recipe.name!r}: unknown loss {', '.join(sorted(unknown))}: there are {known}")
        game = str(judge.pop("loss", "nonsaturating"))
        if game not in losses.ADVERSARIAL:
            known = ", ".join(sorted(losses.ADVERSARIAL))
            raise ValueError(f"recipe {recipe.name!r}: discriminator loss {game!r} must be one of {known}")
        self.game = losses.ADVERSARIAL[game]
        self.r1, self.lazy = float(judge.pop("r1", 0.0)), int(judge.pop("lazy", 16))
        self.mixing = float(judge.pop("mixing", 0.0))
        self.operations = augment.names(judge.pop("augment", ()))
        self.device = device
        self.generator = networks.build(**recipe.network).to(device)
        self.discriminator: nn.Module = networks.build(**judge).to(device)
        self.pictures = Pictures(data, resolution=self.resolution, channels=channels)

    def batch(self, rng: np.random.Generator, size: int) -> Batch:
        chosen = self.pictures.images[rng.integers(len(self.pictures.images), size=size)]
        if self.mirror:
            flipped = rng.random(size) < 0.5
            chosen[flipped] = chosen[flipped, :, ::-1]
        real = torch.from_numpy(chosen).to(self.device).permute(0, 3, 1, 2).float() / 255.0
        latent = int(self.generator.latent)  # type: ignore[arg-type]
        batch = {"real": real, "z": self._normal(rng, (size, latent))}
        if self.mixing:
            layers = int(self.generator.layers)  # type: ignore[arg-type]
            cut = np.where(rng.random(size) < self.mixing, rng.integers(1, layers, size=size), layers)
            batch["other"] = self._normal(rng, (size, latent))
            batch["mix"] = torch.from_numpy(np.arange(layers) >= cut[:, None]).to(self.device)
        batch["pay_r1"] = torch.tensor(bool(self.r1 and rng.random() * self.lazy < 1.0))
        return batch

    def _normal(self, rng: np.random.Generator, shape: tuple[int, int]) -> Tensor:
        return torch.from_numpy(rng.standard_normal(shape, dtype=np.float32)).to(self.device)

    def generate(self, batch: Batch) -> Tensor:
        fake: Tensor = self.generator(*(batch[name] for name in ("z", "other", "mix") if name in batch))
        return fake

    def _judge(self, images: Tensor) -> list[Tensor]:
        """Logits of each head for augmented `images`."""
        logits = self.discriminator(augment.augment(images, self.operations))
        return logits if isinstance(logits, list) else [logits]

    def generator_losses(self, batch: Batch, fake: Tensor, weights: Mapping[str, float]) -> Losses:
        self.discriminator.requires_grad_(False)
        logits = self._judge(fake)
        self.discriminator.requires_grad_(True)
        adversarial = torch.stack([self.game.generator(head, head) for head in logits]).mean()
        return Losses(weights["adversarial"] * adversarial, {"adversarial": adversarial})

    def discriminator_losses(self, batch: Batch, fake: Tensor, weights: Mapping[str, float]) -> Losses:
        pay = bool(batch["pay_r1"])
        truth = batch["real"].requires_grad_(pay)
        real, false = self._judge(truth), self._judge(fake)
        parts = [self.game.discriminator(a, b) for a, b in zip(real, false, strict=True)]
        terms = {"discriminator": torch.stack(parts).mean()}
        total = terms["discriminator"]
        if pay:
            terms["r1"] = losses.r1(real[0], truth)
            total = total + 0.5 * self.r1 * self.lazy * terms["r1"]
        with torch.no_grad():
            terms |= {"real": real[0].mean(), "fake": false[0].mean(), "real_sign": real[0].sign().mean()}
            if len(real) > 1:
                terms["gap"] = torch.stack([a.mean() - b.mean() for a, b in zip(real, false, strict=True)][1:]).mean()
        return Losses(total, terms)

    def preview(self, generator: nn.Module) -> NDArray[np.uint8]:
        """Samples of fixed latents, row by row."""
        images = generation.sample(generator, generation.latents(generator, SHEET * SHEET, seed=0))
        return generation.sheet(images, SHEET)

    def evaluate(self, generator: nn.Module, folder: Path | None) -> dict[str, float]:
        fakes = generation.sample(generator, generation.latents(generator, generation.QUICK, seed=1))
        return generation.judge(fakes, self.pictures.images, device=self.device)


def build(recipe: Recipe, data: Path, device: torch.device) -> UnconditionalTask:
    return UnconditionalTask(recipe, data, device)
