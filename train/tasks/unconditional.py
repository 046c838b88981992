"""Generation: latent in, picture out, learnt from a pile of pictures, or from one pile for each class."""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from train import adversarial, augment, generation, losses, networks, sheets
from train.data import Pictures
from train.networks.latent import LatentGenerator
from train.options import Bounds, Count
from train.recipe import Recipe
from train.tasks import Batch, Losses, Task, data_of, generator_loss, heads, practices, tensor, terms_of

TERMS = {"adversarial"}
SHEET = 8  # samples along a side of the preview
QUICK, QUICK_SIDE = 1000, 128  # samples judged while training (no more than pictures), and at what size
log = logging.getLogger(__name__)
FEW = 1000  # pictures: of fewer, a generator without augmentation is warned of
COLLAPSED = 0.5  # of the variety of the pictures: below it, samples are too much alike
SATURATED = 0.02  # of the discriminator's loss at the start: below it, the generator hears nothing


@dataclass(frozen=True)
class Data:
    """The keys of ``[data]``: see `UnconditionalTask`."""

    resolution: Count = 64
    channels: Annotated[int, Bounds(1, 3)] = 3
    mirror: bool = False
    names: tuple[str, ...] = ()


class UnconditionalTask(Task):
    """Batches ``real`` (n, c, r, r) RGB float 0..1, ``z`` (n, latent) and what the practices draw.

    Where ``[network]`` and ``[discriminator]`` have `classes`, pictures are made and judged by their class, which is in
    z and, of real pictures, in ``kind`` (n,).

    ``[data]``: `resolution`, `channels` (1 or 3), `mirror` (left and right are alike), `names` (of the classes, in
    order of the alphabet; by default their numbers).

    ``[discriminator]``: a network's options, and `adversarial.Unconditional`, what keeps this training from failing.

    What else a recipe switches: `norm = "spectral"`, `likeness` and `group` of the networks, the two learning rates of
    a phase, `ema`, `clip`, `decay_l1` and `decay_l2`.
    """

    generator: LatentGenerator
    discriminator: nn.Module

    def __init__(self, recipe: Recipe, data: Path, device: torch.device) -> None:
        options = data_of(Data, recipe)
        self.resolution, channels, self.mirror = options.resolution, options.channels, options.mirror
        if channels == 2:
            raise ValueError(f"recipe {recipe.name!r}: [data] channels = 2 must be 1 (grey) or 3 (colours)")
        names = options.names
        terms_of(recipe, TERMS)
        self.practices, network = practices(adversarial.Unconditional, recipe)
        self.adversarial_loss = losses.adversarial_loss(self.practices.loss, recipe.name)
        self.operations = augment.names(self.practices.augment)
        self.device = device
        self.whole_batch = recipe.batch  # pictures of an iteration, of which each of several processes has its share
        generator = networks.build(**recipe.network).to(device)
        if not isinstance(generator, LatentGenerator):
            raise ValueError(f"recipe {recipe.name!r}: its network is not an unconditional generator")
        if self.practices.mixing and generator.layers < 2:
            raise ValueError(
                f"recipe {recipe.name!r}: mixing = {self.practices.mixing:g} must be 0: {recipe.network['family']} has "
                "one style alone, stylegan has one for each layer"
            )
        self.generator = generator
        self.discriminator = networks.build(**network).to(device)
        # Kept with the weights, so that a resumed run goes on with it.
        augment_p = torch.tensor(0.0 if self.practices.adapt else self.practices.augment_p, device=device)
        self.discriminator.register_buffer("augment_p", augment_p, persistent=bool(self.practices.adapt))
        self.pictures = Pictures(data, resolution=self.resolution, channels=channels)
        self.classes = generator.classes
        if self.classes != int(network.get("classes", 0)):
            raise ValueError(f"recipe {recipe.name!r}: [network] and [discriminator] must have the same classes")
        if self.classes and len(self.pictures.classes) != self.classes:
            count = len(self.pictures.classes)
            cure = f"classes = {count} would do" if count > 1 else "give labels, or a folder for each class"
            raise ValueError(
                f"{data} has {count} classes of pictures ({_few(self.pictures.classes)}), and "
                f"recipe {recipe.name!r} has classes = {self.classes}: {cure}"
            )
        if names and names != self.pictures.classes:
            raise ValueError(f"{data} has the classes {_few(self.pictures.classes)}, not the recipe's {_few(names)}")
        if len(self.pictures.images) < FEW and not self.operations:
            log.warning(
                "%d pictures are few: the discriminator will know them by heart, and samples will be copies or noise; "
                'augment = ["colour", "translation", "cutout"] and augment_p = 0.6 under [discriminator], as stylegan '
                "has, mirror = true under [data], or more pictures help",
                len(self.pictures.images),
            )
        self.feature_network: generation.FeatureNetwork | None = None
        self._held: NDArray[np.float32] | None = None
        self._digits: bool | None = None  # whether the pictures are, which is found once

    def batch(self, rng: np.random.Generator, size: int) -> Batch:
        picked = rng.integers(len(self.pictures.images), size=size)
        chosen = self.pictures.images[picked]
        if self.mirror:
            flipped = rng.random(size) < 0.5
            chosen[flipped] = chosen[flipped, :, ::-1]
        real = tensor(chosen, self.device)
        latent, layers = self.generator.latent, self.generator.layers
        batch = {"real": real, "z": self._normal(rng, (size, latent))}
        if self.practices.mixing:
            cut = np.where(rng.random(size) < self.practices.mixing, rng.integers(1, layers, size=size), layers)
            batch["other"] = self._normal(rng, (size, latent))
            batch["mix"] = torch.from_numpy(np.arange(layers) >= cut[:, None]).to(self.device)
        if self.classes:
            batch["kind"] = torch.from_numpy(self.pictures.labels[picked]).to(self.device)
        batch["pay_r1"] = torch.tensor(bool(self.practices.r1 and rng.random() * self.practices.lazy < 1.0))
        return batch

    def _normal(self, rng: np.random.Generator, shape: tuple[int, int]) -> Tensor:
        return torch.from_numpy(rng.standard_normal(shape, dtype=np.float32)).to(self.device)

    def generate(self, batch: Batch) -> Tensor:
        fake: Tensor = self.generator(*(batch[name] for name in ("z", "other", "mix") if name in batch))
        return fake

    def _logits(self, images: Tensor, batch: Batch, kinds: Tensor | None) -> list[Tensor]:
        """The logits of each head for `images` of these `kinds`, augmented and under noise."""
        images = augment.augment(images, self.operations, self.discriminator.augment_p)  # type: ignore[arg-type]
        if self.practices.noise:
            images = images + self.practices.noise * (1.0 - float(batch["progress"])) * torch.randn_like(images)
        return heads(self.discriminator(images) if kinds is None else self.discriminator(images, kinds))

    def _kinds(self, batch: Batch) -> Tensor | None:
        """The classes that a batch's z ask for."""
        return self.generator.kinds(batch["z"]) if self.classes else None

    def generator_losses(self, batch: Batch, fake: Tensor, weights: Mapping[str, float]) -> Losses:
        self.discriminator.requires_grad_(False)
        logits = self._logits(fake, batch, self._kinds(batch))
        real = lambda: self._logits(batch["real"], batch, batch.get("kind"))
        adversarial = generator_loss(self.adversarial_loss, logits, real)
        self.discriminator.requires_grad_(True)
        return Losses(weights["adversarial"] * adversarial, {"adversarial": adversarial})

    def discriminator_losses(self, batch: Batch, fake: Tensor, weights: Mapping[str, float]) -> Losses:
        pay = bool(batch["pay_r1"])
        truth = batch["real"].requires_grad_(pay)
        real, false = self._logits(truth, batch, batch.get("kind")), self._logits(fake, batch, self._kinds(batch))
        parts = [self._lose(a, b) for a, b in zip(real, false, strict=True)]
        terms = {"discriminator": torch.stack(parts).mean()}
        total = terms["discriminator"]
        if pay:
            terms["r1"] = losses.r1(real[0], truth)
            total = total + 0.5 * self.practices.r1 * self.practices.lazy * terms["r1"]
        if self.practices.gradient_penalty:
            first = lambda images: self._logits(images, batch, batch.get("kind"))[0]
            terms["gradient_penalty"] = losses.gradient_penalty(first, batch["real"].detach(), fake)
            total = total + self.practices.gradient_penalty * terms["gradient_penalty"]
        with torch.no_grad():
            terms |= {"real": torch.cat([head.flatten() for head in real]).mean()}
            terms |= {"fake": torch.cat([head.flatten() for head in false]).mean(), "sign": real[0].sign().mean()}
            if self.practices.adapt:
                self._adapt(terms["sign"], self.whole_batch)
                terms["augment_p"] = self.discriminator.augment_p.clone()  # type: ignore[operator]
        return Losses(total, terms)

    def _lose(self, real: Tensor, fake: Tensor) -> Tensor:
        if self.practices.flips:
            swap = torch.rand(real.shape, device=real.device) < self.practices.flips
            real, fake = torch.where(swap, fake, real), torch.where(swap, real, fake)
        loss = self.adversarial_loss.discriminator(real, fake)
        if self.practices.smoothing:
            loss = loss + self.practices.smoothing * losses.mislabelled(self.adversarial_loss, real, fake)
        return loss

    def _adapt(self, sign: Tensor, count: int) -> None:
        p = self.discriminator.augment_p
        assert isinstance(p, Tensor)
        p.add_((sign - self.practices.adapt).sign() * count / 100_000).clamp_(0.0, 0.9)  # 0 to 0.9 in 90,000 pictures

    def preview(self, generator: nn.Module) -> NDArray[np.uint8]:
        """Samples of fixed latents, row by row; a column for each class where there are any."""
        assert isinstance(generator, LatentGenerator)
        if not self.classes:
            images = generation.sample(generator, generation.latents(generator, SHEET * SHEET, seed=0))
            return sheets.grid(images, SHEET)
        kinds = torch.arange(self.classes * SHEET) % self.classes
        images = generation.sample(generator, generation.latents(generator, len(kinds), seed=0, kinds=kinds))
        return sheets.grid(images, self.classes)

    def evaluate(self, generator: nn.Module, folder: Path | None) -> dict[str, float]:
        """``variety``, and where there is a network to look with, the Frechet distance of a quick look.

        It compares states of one run with each other and with nothing else (``gancam train generation`` does that).
        """
        assert isinstance(generator, LatentGenerator)
        count = min(QUICK, len(self.pictures.images))
        z = generation.latents(generator, count, seed=1)
        fakes = generation.sample(generator, z)
        figures = {"variety": generation.variety(fakes, self.pictures.images)}
        if self._digits is None:
            self._digits = generation.are_digits(self.pictures, self.device)
        if self._digits:
            figures |= generation.digit_modes(fakes, self.device)
            if self.classes:
                figures["agreement"] = generation.agreement(fakes, generator.kinds(z), self.device)
        if count < 2:  # which have no spread
            return figures
        if self.feature_network is None:
            try:
                small = self.pictures.images.shape[1:] == (28, 28, 1)
                self.feature_network = (
                    generation.digit_network(self.device)
                    if small
                    else generation.feature_network(self.device, side=QUICK_SIDE)
                )
            except (ImportError, FileNotFoundError):
                return figures
            chosen = np.random.default_rng(0).permutation(len(self.pictures.images))[: 2 * QUICK]
            self._held = self.feature_network.features(self.pictures.images[chosen])
        assert self._held is not None
        try:
            return figures | {"frechet": generation.frechet_distance(self._held, self.feature_network.features(fakes))}
        except ImportError as error:
            log.warning("no Frechet distance: %s", error)
            return figures

    def alarms(self, figures: Mapping[str, float]) -> list[str]:
        found = []
        if figures.get("variety", 1.0) < COLLAPSED:
            found.append(
                f"samples vary {figures['variety']:.2f} times as much as the pictures: the generator collapses; try "
                "mini-batch deviation (group) or likeness, r1, a lower lr of the generator, or more augmentation"
            )
        if abs(figures.get("discriminator", 1.0)) < SATURATED and self.practices.gradient_penalty == 0:
            found.append(
                f"the discriminator's loss is {figures['discriminator']:.4f}: it is never wrong, and the generator "
                "hears nothing; try augmentation, noise, r1, smoothing or a lower lr_discriminator"
            )
        return found


def _few(names: Sequence[str]) -> str:
    return ", ".join(names[:3]) + (", ..." if len(names) > 3 else "")


build = UnconditionalTask
