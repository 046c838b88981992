"""Translation between two piles of pictures that show nothing in common (CycleGAN, https://arxiv.org/abs/1703.10593)."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from train import adversarial, augment, generation, losses, networks, sheets
from train.data import Pictures
from train.options import Count
from train.recipe import Recipe
from train.tasks import Batch, Losses, Task, data_of, generator_loss, heads, practices, tensor, terms_of

TERMS = {"adversarial", "cycle", "identity"}
POOL = 50  # generated pictures that are kept to be shown again (the paper, section 4)
SHEET = 8
Direction = Literal["ab", "ba"]
DIRECTIONS: tuple[Direction, Direction] = ("ab", "ba")


class Both(nn.Module):
    """The networks of the two directions, ``ab`` (A to B) and ``ba``. ``forward`` is the first, which is exported."""

    def __init__(self, ab: nn.Module, ba: nn.Module) -> None:
        super().__init__()
        self.ab, self.ba = ab, ba

    def direction(self, name: Direction) -> nn.Module:
        """The network of that direction."""
        return {"ab": self.ab, "ba": self.ba}[name]

    def forward(self, x: Tensor) -> Tensor:  # [NCHW]
        """Run the network."""
        y: Tensor = self.ab(x)
        return y


class Discriminators(Both):
    """A discriminator of Bs (``ab``) and one of As (``ba``), and the pools of what they were shown before."""

    filled: Tensor
    pool_ab: Tensor
    pool_ba: Tensor

    def __init__(self, ab: nn.Module, ba: nn.Module, resolution: int) -> None:
        super().__init__(ab, ba)
        for name in ("pool_ab", "pool_ba"):
            self.register_buffer(name, torch.zeros(POOL, 3, resolution, resolution, dtype=torch.uint8))
        self.register_buffer("filled", torch.zeros((), dtype=torch.int64))

    def pool(self, name: Direction) -> Tensor:
        """What the discriminator of that direction was shown: ``(POOL, 3, resolution, resolution)`` uint8."""
        return {"ab": self.pool_ab, "ba": self.pool_ba}[name]

    def requires_grad_(self, requires_grad: bool = True) -> "Discriminators":
        """Ask each discriminator, since one may have parts that never learn."""
        for discriminator in (self.ab, self.ba):
            discriminator.requires_grad_(requires_grad)
        return self


@dataclass(frozen=True)
class Data:
    """The keys of ``[data]``: see `CycleGanTask`."""

    resolution: Count = 64
    mirror: bool = True
    b: str = ""


class CycleGanTask(Task):
    """Batches ``a`` and ``b`` (n, 3, r, r) RGB float 0..1.

    ``[data]``: `resolution`, `mirror`, `b` (the second set, from the command line; the first is the data).
    ``[discriminator]``: a network's options, and `adversarial.Unpaired`.
    Losses: adversarial, cycle (L1 after there and back), identity (L1 of what is there already).
    """

    generator: Both
    discriminator: Discriminators

    def __init__(self, recipe: Recipe, data: Path, device: torch.device) -> None:
        options = data_of(Data, recipe)
        self.mirror = options.mirror
        terms_of(recipe, TERMS)
        if not options.b:
            raise ValueError(f"recipe {recipe.name!r}: no second set: give --a DIR and --b DIR")
        self.device = device
        judging, network = practices(adversarial.Unpaired, recipe)
        self.adversarial_loss = losses.adversarial_loss(judging.loss, recipe.name)
        self.operations, self.augment_p = augment.names(judging.augment), judging.augment_p
        self.generator = Both(networks.build(**recipe.network), networks.build(**recipe.network)).to(device)
        discriminators = networks.build(**network), networks.build(**network)
        self.discriminator = Discriminators(*discriminators, options.resolution).to(device)
        self.a, self.b = (Pictures(path, resolution=options.resolution) for path in (data, Path(options.b)))

    def _some(self, pictures: Pictures, rng: np.random.Generator, size: int) -> Tensor:
        chosen = pictures.images[rng.integers(len(pictures.images), size=size)]
        if self.mirror:
            flipped = rng.random(size) < 0.5
            chosen[flipped] = chosen[flipped, :, ::-1]
        return tensor(chosen, self.device)

    def batch(self, rng: np.random.Generator, size: int) -> Batch:
        return {"a": self._some(self.a, rng, size), "b": self._some(self.b, rng, size)}

    def generate(self, batch: Batch) -> Tensor:
        """Both directions, one after the other in the batch."""
        return torch.cat([self.generator.ab(batch["a"]), self.generator.ba(batch["b"])])

    def _logits(self, name: Direction, images: Tensor) -> list[Tensor]:
        """The logits of each head of that discriminator for `images`, augmented."""
        return heads(self.discriminator.direction(name)(augment.augment(images, self.operations, self.augment_p)))

    def generator_losses(self, batch: Batch, fake: Tensor, weights: Mapping[str, float]) -> Losses:
        b, a = fake.chunk(2)
        terms: dict[str, Tensor] = {}
        for name in weights:
            match name:
                case "adversarial":
                    self.discriminator.requires_grad_(False)
                    both = [
                        generator_loss(
                            self.adversarial_loss, self._logits(which, images), partial(self._logits, which, real)
                        )
                        for which, real, images in zip(DIRECTIONS, (batch["b"], batch["a"]), (b, a), strict=True)
                    ]
                    self.discriminator.requires_grad_(True)
                    terms[name] = torch.stack(both).sum()
                case "cycle":
                    back = losses.l1(self.generator.ba(b), batch["a"]) + losses.l1(self.generator.ab(a), batch["b"])
                    terms[name] = back
                case "identity":
                    same = losses.l1(self.generator.ab(batch["b"]), batch["b"])
                    terms[name] = same + losses.l1(self.generator.ba(batch["a"]), batch["a"])
        return Losses.of(terms, weights)

    def discriminator_losses(self, batch: Batch, fake: Tensor, weights: Mapping[str, float]) -> Losses:
        parts = []
        for name, real, false in zip(DIRECTIONS, (batch["b"], batch["a"]), fake.chunk(2), strict=True):
            pairs = zip(self._logits(name, real), self._logits(name, self._pooled(name, false)), strict=True)
            parts.append(torch.stack([self.adversarial_loss.discriminator(*pair) for pair in pairs]).mean())
        with torch.no_grad():
            self.discriminator.filled.add_(len(batch["a"]))
        total = torch.stack(parts).sum()
        return Losses(total, {"discriminator": total})

    def _pooled(self, name: Direction, fake: Tensor) -> Tensor:
        """Half of `fake` as it is; for the other half, something from the pool, where it goes instead."""
        pool = self.discriminator.pool(name)
        filled = int(self.discriminator.filled)
        shown = []
        for index, image in enumerate(fake):
            packed = (image.clamp(0, 1) * 255).round().byte()
            if filled + index < POOL:
                pool[filled + index] = packed
                shown.append(image)
            elif float(torch.rand(())) < 0.5:
                place = int(torch.randint(POOL, ()))
                shown.append(pool[place].float() / 255.0)
                pool[place] = packed
            else:
                shown.append(image)
        return torch.stack(shown)

    def preview(self, generator: nn.Module) -> NDArray[np.uint8]:
        """Columns of As, what becomes of them, Bs, what becomes of them."""
        assert isinstance(generator, Both)
        parts = []
        for name, other, pictures, network in (("A", "B", self.a, generator.ab), ("B", "A", self.b, generator.ba)):
            chosen = pictures.images[np.linspace(0, len(pictures.images) - 1, 2 * SHEET).astype(int)]
            for part in np.split(chosen, 2):
                parts += [(name, list(part)), (f"{name} to {other}", list(self._run(network, part)))]
        return sheets.columns(parts)

    @torch.no_grad()
    def _run(self, network: nn.Module, images: NDArray[np.uint8]) -> NDArray[np.uint8]:
        x = tensor(images, self.device)
        y: NDArray[np.uint8] = (network(x).clamp(0, 1) * 255).round().byte().permute(0, 2, 3, 1).cpu().numpy()
        return y

    def evaluate(self, generator: nn.Module, folder: Path | None) -> dict[str, float]:
        """``variety`` of what becomes of As, against the Bs."""
        assert isinstance(generator, Both)
        chosen = self.a.images[np.linspace(0, len(self.a.images) - 1, min(200, len(self.a.images))).astype(int)]
        return {"variety": generation.variety(self._run(generator.ab, chosen), self.b.images)}

    def alarms(self, figures: Mapping[str, float]) -> list[str]:
        if figures.get("variety", 1.0) < 0.4:
            return [f"translations vary {figures['variety']:.2f} times as much as pictures of B: raise cycle, lower lr"]
        return []


build = CycleGanTask
