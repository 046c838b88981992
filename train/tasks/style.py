"""Style transfer by a feed-forward network (Johnson et al., https://arxiv.org/abs/1603.08155).

Photos in the manner of one picture or a few, with a term that keeps video from boiling, and a discriminator of the
picture's patches (Li and Wand, https://arxiv.org/abs/1604.04382).

Features are taken of the picture at several sizes (Snelgrove, https://doi.org/10.1145/3145749.3149449): at one size
SqueezeNet's Gram matrices are satisfied by fine noise over a photo that is otherwise untouched.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional as F

from train import adversarial, evaluate, losses, networks, sheets
from train.data import Photos, Pixels, image_files, read_image, resize
from train.networks import squeezenet
from train.options import Count
from train.recipe import Recipe
from train.tasks import (
    HELD_BACK,
    Batch,
    Losses,
    Task,
    build_discriminator,
    data_of,
    discriminate,
    discriminator_losses,
    practices,
    tensor,
    terms_of,
)

TAPS = (0, 4, 7, 10, 12)  # layers of SqueezeNet whose Gram matrices are the style
CONTENT = 2  # which of them is the content
SMALLEST_STYLE = 64  # pixels of a style image's shorter side
SIZES = (1, 2, 4)  # what the picture is shrunk by before it is looked at
SEEN = 17 * SIZES[-1]  # pixels of the smallest patch that has features at every size
TERMS = {"content", "style", "variation", "temporal", "rest", "structure", "adversarial"}
SQUARE = 8  # pixels a side of the squares that keep their brightness, unless told otherwise
JUDGED = 16  # patches that a generator is judged on
MOVE = 8  # pixels that the second look of the temporal loss may be moved by, a multiple of the network's grid or not


@dataclass(frozen=True)
class Data:
    """The keys of ``[data]``: see `StyleTask`."""

    patch: Count = 192
    style_side: Count = 256
    square: Count = SQUARE
    style: str = ""


class StyleTask(Task):
    """Batches of photos and of patches of the style.

    ``image`` and ``style`` are (n, 3, p, p) RGB float 0..1, ``move`` is by what the second look is moved, and
    ``shift``, where the network's grain lies.

    ``[data]``: `patch` (p), `style` (an image or a folder of them; from the command line), `style_side` (pixels that
    the style images' shorter side is scaled to: the size of the strokes), `square` (pixels a side of what keeps its
    brightness).
    ``[discriminator]``: a network's options, and `adversarial.Translation`; may be left out.
    Losses: content, style, variation, temporal (a moment later, the camera moved), rest (a moment later, nothing but
    the camera's noise changed), structure (L1 of the luma of squares), adversarial.
    """

    def __init__(self, recipe: Recipe, data: Path, device: torch.device) -> None:
        options = data_of(Data, recipe)
        self.patch, side, self.square, style = options.patch, options.style_side, options.square, options.style
        terms = terms_of(recipe, TERMS)
        if not SEEN <= self.patch <= side:
            raise ValueError(
                f"recipe {recipe.name!r}: patch {self.patch} must be {SEEN} or more, and style_side {side} at most"
            )
        if self.square > self.patch:
            raise ValueError(f"recipe {recipe.name!r}: square {self.square} must be 1 to {self.patch}")
        if not style:
            raise ValueError(f"recipe {recipe.name!r}: no style: give one with --style IMAGE")
        self.device = device
        self.generator = networks.build(**recipe.network).to(device)
        judging, network = practices(adversarial.Translation, recipe, optional=True)
        self.adversarial_loss, self.discriminator = build_discriminator(recipe, judging.loss, network, terms, device)
        self.photos = Photos(data, smallest=self.patch, hold_back=HELD_BACK)
        self.styles = [self._style(path, side) for path in _style_files(Path(str(style)))]
        with torch.no_grad():
            seen = [self._look(tensor(image[None], self.device)) for image in self.styles]
        grams = [[losses.gram(layer)[0] for layer in layers] for layers in seen]
        self.grams = [torch.stack(same).mean(0) for same in zip(*grams, strict=True)]

    def _look(self, images: Tensor, taps: tuple[int, ...] = TAPS) -> list[Tensor]:
        """The features of `images` at every size, those of the first size first."""
        features = squeezenet.shared(str(self.device), taps)
        return [layer for size in SIZES for layer in features(F.avg_pool2d(images, size) if size > 1 else images)]

    def _style(self, path: Path, side: int) -> Pixels:
        image = read_image(path)
        height, width = image.shape[:2]
        if min(height, width) < SMALLEST_STYLE:
            raise ValueError(f"{path}: a style image needs {SMALLEST_STYLE} pixels a side, it has {width}x{height}")
        scale = side / min(height, width)
        return resize(image, (round(height * scale), round(width * scale)))

    def batch(self, rng: np.random.Generator, size: int) -> Batch:
        return self._batch([self.photos.images[self.photos.pick(rng)] for _ in range(size)], rng)

    def _batch(self, photos: Sequence[Pixels], rng: np.random.Generator) -> Batch:
        """Patches of `photos`, and as many of the style."""
        patches = [self._patch(photo, rng) for photo in photos]
        size = len(photos)
        styles = [self._patch(self.styles[int(rng.integers(len(self.styles)))], rng) for _ in range(size)]
        return {
            "image": tensor(np.stack(patches), self.device),
            "style": tensor(np.stack(styles), self.device),
            "move": torch.from_numpy(rng.integers(0, MOVE + 1, size=2)),
            "shift": torch.from_numpy(rng.integers(0, self.patch, size=2)),
        }

    def _patch(self, image: Pixels, rng: np.random.Generator) -> Pixels:
        top, left = (int(rng.integers(length - self.patch + 1)) for length in image.shape[:2])
        patch = image[top : top + self.patch, left : left + self.patch]
        return patch[:, ::-1] if rng.random() < 0.5 else patch

    def generate(self, batch: Batch) -> Tensor:
        fake: Tensor = self.generator(batch["image"], self._shift(batch))
        return fake

    def _shift(self, batch: Batch) -> tuple[int, int]:
        down, right = (int(shift) for shift in batch["shift"])
        return down, right

    def generator_losses(self, batch: Batch, fake: Tensor, weights: Mapping[str, float]) -> Losses:
        terms: dict[str, Tensor] = {}
        seen = self._look(fake) if weights.keys() & {"content", "style"} else []
        for name in weights:
            match name:
                case "content":
                    with torch.no_grad():
                        truth = self._look(batch["image"], TAPS[CONTENT : CONTENT + 1])
                    same = zip(seen[CONTENT :: len(TAPS)], truth, strict=True)
                    terms[name] = torch.stack([losses.relative_square(a, b) for a, b in same]).mean()
                case "style":
                    parts = [losses.relative_square(losses.gram(f), g) for f, g in zip(seen, self.grams, strict=True)]
                    terms[name] = torch.stack(parts).mean()
                case "adversarial":
                    real, false = discriminate(self.discriminator, batch["style"], fake)
                    terms[name] = self.adversarial_loss.generator(real[0], false[0])
                case "variation":
                    terms[name] = losses.total_variation(fake)
                case "structure":
                    with torch.no_grad():
                        wanted = losses.luma(batch["image"])
                    lumas = (F.avg_pool2d(image, self.square) for image in (losses.luma(fake), wanted))
                    terms[name] = losses.l1(*lumas)
                case "temporal":
                    terms[name] = self._temporal_error(batch, fake)
                case "rest":
                    terms[name] = losses.mse(self.generator(_noisy(batch["image"]), self._shift(batch)), fake)
        return Losses.of(terms, weights)

    def _temporal_error(self, batch: Batch, fake: Tensor) -> Tensor:
        """How differently the same place looks a moment later: moved by a few pixels, noisier, a little brighter."""
        down, right = (int(move) for move in batch["move"])
        side = self.patch - MOVE
        side -= side % int(self.generator.multiple)  # type: ignore[arg-type]
        later = batch["image"][:, :, down : down + side, right : right + side]
        seen = self.generator(_noisy(later), self._shift(batch))
        edge = MOVE  # where the border that is not there for the first look still tells
        now = fake[:, :, down : down + side, right : right + side]
        return losses.mse(seen[:, :, edge:-edge, edge:-edge], now[:, :, edge:-edge, edge:-edge])

    def discriminator_losses(self, batch: Batch, fake: Tensor, weights: Mapping[str, float]) -> Losses:
        return discriminator_losses(self.discriminator, self.adversarial_loss, batch["style"], fake)

    def preview(self, generator: nn.Module) -> NDArray[np.uint8]:
        """The style, and four photos before and after."""
        multiple = int(generator.multiple)  # type: ignore[arg-type]
        rows = []
        for index in np.linspace(0, len(self.photos.images) - 1, 4).astype(int):
            image = self.photos.images[index][:256, :384]
            image = image[: image.shape[0] // multiple * multiple, : image.shape[1] // multiple * multiple]
            rows.append((image, evaluate.run(generator, np.ascontiguousarray(image))))
        parts = [
            sheets.columns([("style", self.styles[:1])]),
            sheets.columns(list(zip(("photo", "painted"), zip(*rows, strict=True), strict=True))),
        ]
        width = max(part.shape[1] for part in parts)
        return np.vstack(
            [np.pad(part, ((0, 0), (0, width - part.shape[1]), (0, 0)), constant_values=255) for part in parts]
        )

    @torch.no_grad()
    def evaluate(self, generator: nn.Module, folder: Path | None) -> dict[str, float]:
        """Measure every loss term on sixteen patches of what was held back, the same each time."""
        photos = self.photos.held_back or self.photos.images
        batch = self._batch(
            [photos[index * len(photos) // JUDGED] for index in range(JUDGED)], np.random.default_rng(0)
        )
        kept, self.generator = self.generator, generator
        try:
            torch.manual_seed(0)
            found = self.generator_losses(
                batch, self.generate(batch), dict.fromkeys(sorted(TERMS - {"adversarial"}), 1.0)
            ).terms
        finally:
            self.generator = kept
        return {name: float(term) for name, term in found.items()}


def _noisy(image: Tensor) -> Tensor:
    """`image` a moment later: other noise, and all of it a little brighter or darker."""
    noise = torch.randn_like(image) * 0.02 + torch.randn(len(image), 1, 1, 1, device=image.device) * 0.01
    return (image + noise).clamp(0, 1)


def _style_files(path: Path) -> list[Path]:
    if path.is_dir():
        return image_files(path)
    if not path.is_file():
        raise FileNotFoundError(f"no style image {path}")
    return [path]


build = StyleTask
