"""Inpainting: photos with random holes, filled; least error first, then texture by a discriminator of the holes."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional as F

from train import adversarial, evaluate, holes, losses, networks, sheets
from train.data import Photos, Pixels, dihedral, warped
from train.networks.inpaint import Inpaint
from train.options import Count, Share
from train.recipe import Recipe
from train.tasks import (
    HELD_BACK,
    VERDICTS,
    Batch,
    Losses,
    Task,
    build_discriminator,
    data_of,
    discriminate,
    heads,
    judged_on,
    perceived,
    practices,
    shifted,
    terms_of,
)

TERMS = {"l1", "decibels", "perceptual", "distance", "adversarial", "feature_matching"}


@dataclass(frozen=True)
class Data:
    """The keys of ``[data]``: see `InpaintingTask`."""

    sides: tuple[Count, ...] = (128, 192, 256)
    holes: str = "all"
    fade: float = 0.0
    warp: Share = 0.0


class InpaintingTask(Task):
    """Batches ``truth`` (n, 3, s, s), RGB float 0..1, and ``hole`` (n, 1, s, s), 1 where it is to be filled.

    ``[data]``: `sides` (s: one of them a batch, by chance; multiples of 16). A batch is as many crops of the first
    side; of a larger one as many as have no more pixels together, so every iteration costs about the same. `holes`:
    which, one of `holes.DRAWN`. `fade`: pixels from a hole's edge after which l1 and decibels count 1 / e, so that what
    nobody can know need not be grey; 0: as much everywhere. `warp`: the share of crops that are `warped`, against
    learning few photos by heart.
    ``[discriminator]``: a network's options, and `adversarial.Faithful`.
    Losses, all of them inside the holes and each picture alike, however small its hole: l1, decibels (the negative
    PSNR), perceptual, distance, adversarial, feature_matching.
    """

    def __init__(self, recipe: Recipe, data: Path, device: torch.device) -> None:
        options = data_of(Data, recipe)
        self.sides, self.draw, self.fade, self.warp = list(options.sides), options.holes, options.fade, options.warp
        terms = terms_of(recipe, TERMS)
        if self.draw not in holes.DRAWN:
            raise ValueError(f"recipe {recipe.name!r}: holes {self.draw!r} must be one of {', '.join(holes.DRAWN)}")
        if min(self.sides) < 32 or any(side % Inpaint.multiple for side in self.sides):
            raise ValueError(f"recipe {recipe.name!r}: sides {self.sides} must be multiples of 16 from 32 up")
        self.device = device
        self.generator = networks.build(**recipe.network).to(device)
        judging, network = practices(adversarial.Faithful, recipe, optional=True)
        self.r1 = judging.r1
        if "feature_matching" in terms and network.get("family") == "features":
            raise ValueError(f"recipe {recipe.name!r}: a discriminator of features has none to match: feature_matching")
        self.adversarial_loss, self.discriminator = build_discriminator(recipe, judging.loss, network, terms, device)
        self.photos = Photos(data, smallest=max(self.sides), hold_back=HELD_BACK)
        self._peers: dict[Path | None, list[evaluate.Peers]] = {}

    def batch(self, rng: np.random.Generator, size: int) -> Batch:
        side = self.sides[int(rng.integers(len(self.sides)))]
        pairs = [self._pair(rng, side) for _ in range(max(1, size * self.sides[0] ** 2 // side**2))]
        truth, hole = (torch.from_numpy(np.stack(stack)).to(self.device) for stack in zip(*pairs, strict=True))
        return {"truth": truth.permute(0, 3, 1, 2).float() / 255.0, "hole": hole[:, None].float()}

    def _pair(self, rng: np.random.Generator, side: int) -> tuple[Pixels, holes.Hole]:
        image = self.photos.images[self.photos.pick(rng)]
        if self.warp and rng.random() < self.warp:
            return warped(image, side, rng), holes.DRAWN[self.draw](rng, side)
        top, left = (int(rng.integers(length - side + 1)) for length in image.shape[:2])
        crop = dihedral(image[top : top + side, left : left + side], int(rng.integers(8)))
        return crop, holes.DRAWN[self.draw](rng, side)

    def generate(self, batch: Batch) -> Tensor:
        fake: Tensor = self.generator(batch["truth"], batch["hole"])
        return fake

    def generator_losses(self, batch: Batch, fake: Tensor, weights: Mapping[str, float]) -> Losses:
        truth, hole = batch["truth"], batch["hole"]
        share = hole / (3.0 * hole.sum((1, 2, 3), keepdim=True))  # of the places of a picture, its colours apart
        if self.fade:
            share = share * _faded(hole, self.fade)
        seen: tuple[list[Tensor], list[Tensor]] = [], []
        where = hole
        if weights.keys() & {"perceptual", "distance"}:
            *pictures, where = shifted(truth, fake, hole)
            seen = perceived(*pictures)
        verdicts = discriminate(self.discriminator, truth, fake) if weights.keys() & VERDICTS else None
        terms: dict[str, Tensor] = {}
        for name in weights:
            match name:
                case "l1":
                    terms[name] = ((fake - truth).abs() * share).sum((1, 2, 3)).mean()
                case "decibels":
                    terms[name] = 10.0 * (((fake - truth).square() * share).sum((1, 2, 3)) + 1e-5).log10().mean()
                case "perceptual":
                    terms[name] = losses.perceptual(*seen, where=where)
                case "distance":
                    terms[name] = losses.perceptual_distance(*seen, where=where).mean()
                case "adversarial" if verdicts is not None:
                    said = [
                        self.adversarial_loss.generator(real[inside], false[inside])
                        for real, false, inside in _asked(hole, heads(verdicts[0]), heads(verdicts[1]))
                    ]
                    terms[name] = torch.stack(said).mean()
                case "feature_matching" if verdicts is not None:
                    terms[name] = losses.feature_matching(verdicts[0][1], verdicts[1][1], where=hole)
        return Losses.of(terms, weights)

    def discriminator_losses(self, batch: Batch, fake: Tensor, weights: Mapping[str, float]) -> Losses:
        """Compute what the discriminator minimises, at places with some hole: all others are real in both pictures."""
        discriminator = self.discriminator
        assert discriminator is not None
        truth = batch["truth"].detach().requires_grad_(self.r1 > 0)
        found = heads(discriminator(torch.cat([truth, fake])))  # one pass, so that the spectral norms move on once
        real, false = ([head.chunk(2)[side] for head in found] for side in (0, 1))
        asked = list(_asked(batch["hole"], real, false))
        terms = {
            "discriminator": torch.stack(
                [self.adversarial_loss.discriminator(a[inside], b[inside]) for a, b, inside in asked]
            ).mean()
        }
        total = terms["discriminator"]
        if self.r1 > 0:
            terms["r1"] = losses.r1(torch.cat([head.flatten(1) for head in real], 1), truth)
            total = total + self.r1 * terms["r1"]
        with torch.no_grad():
            terms |= {
                name: torch.stack([pair[side][pair[2]].mean() for pair in asked]).mean()
                for side, name in enumerate(("real", "fake"))
            }
        return Losses(total, terms)

    def preview(self, generator: nn.Module) -> NDArray[np.uint8]:
        """Columns of picture with hole (grey), fill and truth: six crops, the same each time."""
        rng = np.random.default_rng(0)
        pairs = [self._pair(rng, self.sides[-1]) for _ in range(6)]
        given = [np.where(hole[..., None] > 0, np.uint8(128), truth) for truth, hole in pairs]
        filled = [
            evaluate.run_inpainting(generator, picture, hole) for picture, (_, hole) in zip(given, pairs, strict=True)
        ]
        return sheets.columns([("hole", given), ("filled", filled), ("original", [truth for truth, _ in pairs])])

    def evaluate(self, generator: nn.Module, folder: Path | None) -> dict[str, float]:
        images = judged_on(self.photos.held_back or self.photos.images, folder)
        if folder not in self._peers:
            self._peers[folder] = evaluate.inpainting_peers(images)
        return evaluate.inpainting(
            lambda image, hole: evaluate.run_inpainting(generator, image, hole), images, self._peers[folder]
        )


def _asked(hole: Tensor, real: list[Tensor], false: list[Tensor]) -> Iterator[tuple[Tensor, Tensor, Tensor]]:
    """The logits of each head for real and filled pictures, and the places that count: with some hole in them."""
    for a, b in zip(real, false, strict=True):
        yield a, b, _inside(hole, a)


def _faded(hole: Tensor, fade: float) -> Tensor:
    """``exp(-d / fade)``, d the distance of a pixel of the hole to the nearest known one."""
    depths = [cv2.distanceTransform(one, cv2.DIST_L2, 3) for one in hole[:, 0].byte().cpu().numpy()]
    return torch.from_numpy(np.exp(-np.stack(depths) / fade)).to(hole)[:, None]


def _inside(hole: Tensor, logits: Tensor) -> Tensor:
    """Which places of a discriminator's grid have some of the hole in them."""
    return F.adaptive_max_pool2d(hole, logits.shape[2:]).to(logits.device) > 0


build = InpaintingTask
