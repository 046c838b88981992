"""Super-resolution: pairs made from photos on the fly; L1 first, adversarial after."""

from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from train import adversarial, degrade, evaluate, losses, networks, sheets
from train.data import Photos, Pixels, crop_to_multiple, dihedral, downscale, resize, warped
from train.networks.sr import Upscaler
from train.options import Count, Share
from train.recipe import Recipe
from train.tasks import (
    HELD_BACK,
    SMALLEST,
    VERDICTS,
    Batch,
    Losses,
    Task,
    build_discriminator,
    data_of,
    discriminate,
    discriminator_losses,
    judged_on,
    perceived,
    practices,
    shifted,
    tensor,
    terms_of,
)

BESIDE = 4  # pixels around a small patch by which shrinking knows what is there
MARGIN = 8  # low-resolution pixels by which a crop to degrade is larger, so that a patch starts anywhere in a block

TERMS = {
    "l1",
    "mse",
    "luma_l1",
    "luma_mse",
    "perceptual",
    "distance",
    "adversarial",
    "feature_matching",
    "plane",
    "lattice",
    "local_lattice",
}
WINDOW = 8  # blocks a side of what `local_lattice` looks at by itself


@dataclass(frozen=True)
class Data:
    """The keys of ``[data]``: see `SuperResolutionTask`."""

    patch: Count = 64  # side of a low-resolution patch
    degradation: str = "bicubic"
    warp: Share = 0.0
    draws: str = "colours"


class SuperResolutionTask(Task):
    """Batches ``low`` (n, 3, p, p) and ``high`` (n, 3, p * scale, p * scale), RGB float 0..1.

    ``[data]``: `patch` (p), `degradation` (``bicubic``: shrunk by an antialiased filter; ``webcam``: `train.degrade`),
    `warp` (the share of patches that are `warped`, where shrunk bicubically: against learning few photos by
    heart), `draws` (``colours``, or ``luma``: losses on activations see the generator's luma and the photo's chroma,
    so that no colour is made up along edges).
    ``[discriminator]``: a network's options, and `adversarial.Faithful`.
    Losses: l1, mse, luma_l1, luma_mse, perceptual, distance, adversarial, feature_matching, plane, lattice,
    local_lattice.
    """

    generator: Upscaler

    def __init__(self, recipe: Recipe, data: Path, device: torch.device) -> None:
        options = data_of(Data, recipe)
        self.scale, self.patch = scale_of(recipe), options.patch
        self.degradation, self.warp, self.draws = options.degradation, options.warp, options.draws
        terms = terms_of(recipe, TERMS)
        if self.warp and self.degradation != "bicubic":
            raise ValueError(f"recipe {recipe.name!r}: warp {self.warp} must be 0 with webcam")
        if self.degradation not in ("bicubic", "webcam"):
            raise ValueError(f"recipe {recipe.name!r}: degradation {self.degradation!r} must be bicubic or webcam")
        if self.draws not in ("colours", "luma"):
            raise ValueError(f"recipe {recipe.name!r}: draws {self.draws!r} must be colours or luma")
        self.device = device
        generator = networks.build(**recipe.network).to(device)
        assert isinstance(generator, Upscaler)  # no other has a scale
        self.generator = generator
        judging, network = practices(adversarial.Faithful, recipe, optional=True)
        self.r1 = judging.r1
        self.adversarial_loss, self.discriminator = build_discriminator(recipe, judging.loss, network, terms, device)
        self.photos = self._read(data)
        self.high = self.photos.images
        self.low: list[Pixels] = []  # the smaller images themselves where they are the same each time
        if self.degradation == "bicubic":
            self.low = self.photos.map(lambda image: downscale(image, self.scale))

    def _read(self, data: Path) -> Photos:
        """The photos to learn from, and those that are held back."""
        margin = MARGIN if self.degradation == "webcam" else 0
        smallest = max((self.patch + margin) * self.scale, SMALLEST)
        photos = Photos(data, smallest=smallest, hold_back=HELD_BACK)
        photos.images = photos.map(lambda image: crop_to_multiple(image, self.scale))
        return photos

    def batch(self, rng: np.random.Generator, size: int) -> Batch:
        pairs = self._pairs(rng, size)
        return {
            name: tensor(np.stack([pair[index] for pair in pairs]), self.device)
            for index, name in enumerate(("low", "high"))
        }

    def _pairs(self, rng: np.random.Generator, size: int) -> list[tuple[Pixels, Pixels]]:
        if self.degradation == "bicubic":
            return [self._pair(rng) for _ in range(size)]
        streams = [np.random.default_rng(seed) for seed in rng.integers(2**63, size=size)]  # one each: threads race
        with ThreadPoolExecutor(min(size, torch.get_num_threads())) as pool:
            return list(pool.map(self._degraded_pair, streams))

    def _pair(self, rng: np.random.Generator) -> tuple[Pixels, Pixels]:
        index, which = self.photos.pick(rng), int(rng.integers(8))
        low, high = self.low[index], self.high[index]
        if self.warp and rng.random() < self.warp:
            high = warped(high, (self.patch + 2 * BESIDE) * self.scale, rng)
            inner = slice(BESIDE, -BESIDE), slice(BESIDE, -BESIDE)
            wide = slice(BESIDE * self.scale, -BESIDE * self.scale)
            return downscale(high, self.scale)[inner], high[wide, wide]
        top = int(rng.integers(low.shape[0] - self.patch + 1))
        left = int(rng.integers(low.shape[1] - self.patch + 1))
        crop: Callable[[Pixels, int], Pixels] = lambda image, scale: image[
            top * scale : (top + self.patch) * scale, left * scale : (left + self.patch) * scale
        ]
        return dihedral(crop(low, 1), which), dihedral(crop(high, self.scale), which)

    def _degraded_pair(self, rng: np.random.Generator) -> tuple[Pixels, Pixels]:
        image, which = self.high[self.photos.pick(rng)], int(rng.integers(8))
        side, scale = (self.patch + MARGIN) * self.scale, self.scale
        top, left = (int(rng.integers(length - side + 1)) for length in image.shape[:2])
        image = image[top : top + side, left : left + side]
        low = degrade.webcam(image, scale, rng)
        top, left = (int(rng.integers(MARGIN + 1)) for _ in range(2))
        low = low[top : top + self.patch, left : left + self.patch]
        high = image[top * scale :, left * scale :][: self.patch * scale, : self.patch * scale]
        return dihedral(low, which), dihedral(high, which)

    def generate(self, batch: Batch) -> Tensor:
        fake: Tensor = self.generator(batch["low"])
        return fake

    def generator_losses(self, batch: Batch, fake: Tensor, weights: Mapping[str, float]) -> Losses:
        truth = batch["high"]
        looked_at = self._looked_at(truth, fake)
        seen = perceived(*shifted(truth, looked_at)) if weights.keys() & {"perceptual", "distance"} else ([], [])
        verdicts = discriminate(self.discriminator, truth, looked_at) if weights.keys() & VERDICTS else None
        terms: dict[str, Tensor] = {}
        for name in weights:
            match name:
                case "l1":
                    terms[name] = losses.l1(fake, truth)
                case "mse":
                    terms[name] = losses.mse(fake, truth)
                case "luma_l1":
                    terms[name] = losses.l1(losses.luma(fake), losses.luma(truth))
                case "luma_mse":
                    terms[name] = losses.mse(losses.luma(fake), losses.luma(truth))
                case "plane":
                    terms[name] = self._plane_error()
                case "lattice":
                    terms[name] = losses.lattice(fake, truth, self.scale)
                case "local_lattice":
                    terms[name] = losses.lattice(fake, truth, self.scale, side=WINDOW)
                case "perceptual":
                    terms[name] = losses.perceptual(*seen)
                case "distance":
                    terms[name] = losses.perceptual_distance(*seen).mean()
                case "adversarial" if verdicts is not None:
                    terms[name] = self.adversarial_loss.generator(verdicts[0][0], verdicts[1][0])
                case "feature_matching" if verdicts is not None:
                    terms[name] = losses.feature_matching(verdicts[0][1], verdicts[1][1])
        return Losses.of(terms, weights)

    def _looked_at(self, truth: Tensor, fake: Tensor) -> Tensor:
        """What a classifier or a discriminator sees of `fake`."""
        return truth + losses.luma(fake) - losses.luma(truth) if self.draws == "luma" else fake

    def _plane_error(self) -> Tensor:
        """How far the generator bends what is flat: mean absolute error on planes of random colours and slopes.

        Losses on a classifier's or a discriminator's activations reward a faint mesh of sub-pixels in smooth places,
        where it passes for grain; on a wall in a video one sees it, and it boils. A plane has one right answer, also
        where it comes with up to a level of noise and rounded to whole levels, as video brings it.
        """
        reach = self.generator.receptive_field
        side = 2 * reach + 4  # of which the middle, which no border touches, is looked at
        colour, slope = torch.rand(16, 3, 1, 1), (torch.rand(2, 16, 3, 1, 1) - 0.5) * 0.03

        def plane(scale: int) -> Tensor:
            place = (torch.arange(side * scale) + 0.5) / scale - side / 2
            return (colour + slope[0] * place.view(1, 1, -1, 1) + slope[1] * place).clamp(0, 1)

        small = plane(1) * 255.0
        small = (small + torch.rand(16, 1, 1, 1) * torch.randn(small.shape)).round() / 255.0
        inner = slice(reach * self.scale, -reach * self.scale)
        flat = self.generator(small.to(self.device))[:, :, inner, inner]
        return losses.l1(flat, plane(self.scale)[:, :, inner, inner].to(self.device))

    def discriminator_losses(self, batch: Batch, fake: Tensor, weights: Mapping[str, float]) -> Losses:
        truth = batch["high"]
        seen = self._looked_at(truth, fake)
        return discriminator_losses(self.discriminator, self.adversarial_loss, truth, seen, r1=self.r1)

    def preview(self, generator: nn.Module) -> NDArray[np.uint8]:
        """Columns of input (bicubic), output and truth: the six busiest of some patches, the same each time."""
        pairs = self._pairs(np.random.default_rng(0), 24)
        busiest = sorted(pairs, key=lambda pair: -float(pair[1].std()))[:6]
        return sheets.columns(
            [
                ("input", [resize(low, high.shape[:2]) for low, high in busiest]),
                ("made", [evaluate.run(generator, np.ascontiguousarray(low)) for low, _ in busiest]),
                ("original", [high for _, high in busiest]),
            ]
        )

    def evaluate(self, generator: nn.Module, folder: Path | None) -> dict[str, float]:
        images = judged_on(self.photos.held_back or self.photos.images, folder)
        upscale = partial(evaluate.run, generator)
        figures = evaluate.super_resolution(upscale, images, self.scale)
        if self.degradation == "webcam":
            webcam = evaluate.super_resolution(upscale, images, self.scale, degradation="webcam")
            figures |= {f"{name}_webcam": figure for name, figure in webcam.items()}
        return figures


def scale_of(recipe: Recipe) -> int:
    """How many times larger the network's pictures are. Raises ``ValueError`` where it has no ``scale``."""
    scale = recipe.network.get("scale")
    if scale is None:
        raise ValueError(f"recipe {recipe.name!r}: [network] has no scale: {recipe.task} needs a network that enlarges")
    return int(scale)


build = SuperResolutionTask
