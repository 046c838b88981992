"""Image-to-image translation from pairs (pix2pix, https://arxiv.org/abs/1611.07004).

L1 and what a discriminator that sees both pictures of a pair has to say.
"""

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from train import adversarial, degrade, evaluate, losses, networks, painters, sheets
from train.data import Photos, Pixels, crop_to_multiple, dihedral, image_files, parted, read_image
from train.networks.colorizer import Colorizer
from train.networks.translator import Translator
from train.options import Bounds, Count, Share
from train.painters import PAINTERS, paint
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
    tensor,
    terms_of,
)

TERMS = {"l1", "chroma", "chroma_square", "chroma_mode", "perceptual", "adversarial", "feature_matching", "rest"}
PAIRS = ("self", "degraded", "folders", *PAINTERS)
POOL = "runs/pools"  # where paintings are kept
BIN, BINS = 0.05, 40  # of colours without their luma, -1 to 1 in red and in blue
FLOOR = 0.02  # share of all pixels, added to that of each bin: the rarest weigh some three times as much as grey
log = logging.getLogger(__name__)
WIDTH = 0.08  # of chroma_mode, in shares of white: two colours as far apart are no longer one


@dataclass(frozen=True)
class Data:
    """The keys of ``[data]``: see `TranslationTask`."""

    patch: Count = 128
    pairs: str = "self"
    sizes: tuple[Annotated[float, Bounds(0, 1, above=True)], ...] = (1.0, 0.7, 0.5)
    noise: Share = 0.0
    pool: str = POOL
    gamma: Annotated[float, Bounds(0, 8)] = 0.0


class TranslationTask(Task):
    """Batches ``input`` and ``truth`` (n, 3, p, p) RGB float 0..1.

    ``shift`` (n, 2) is where a network's grain lies, and ``again`` a second ``input`` with other noise.

    ``[data]``: `patch` (p), `sizes` (shares of the photos' own size at which patches are cut), `pairs`: ``self`` (the
    network's own front makes the input from the truth: its edges, its grey), ``degraded`` (the truth after a webcam and
    a codec, `train.degrade`), ``folders`` (the data folder has ``input/`` and ``target/`` with files of the same
    names), or a painter's name (`PAINTERS`: the truth is what that makes of the photo; kept in the folder
    `pool`). `noise`: the most that a camera's noise adds to the input, a deviation in shares of white. `gamma`: of
    ``self``, the most that a patch is made lighter or darker: its levels are raised to a power of 2 ** -gamma to 2 **
    gamma.
    ``[discriminator]``: a network's options, and `adversarial.Translation`.
    Losses: l1, chroma (L1 of the colours without their luma), chroma_square (their squared error over that of grey),
    chroma_mode (how far from the likeliest colours, `losses.apart`; rare ones count more), perceptual, adversarial,
    feature_matching, rest (two inputs that differ by their noise alone look alike).
    """

    def __init__(self, recipe: Recipe, data: Path, device: torch.device) -> None:
        options = data_of(Data, recipe)
        self.patch, self.pairs, self.noise, self.gamma = options.patch, options.pairs, options.noise, options.gamma
        terms = terms_of(recipe, TERMS)
        if self.pairs not in PAIRS:
            known = f"{', '.join(PAIRS)}; --pairs also takes edges, grey"
            raise ValueError(f"recipe {recipe.name!r}: pairs {self.pairs!r} must be one of {known}")
        if self.gamma and self.pairs != "self":
            raise ValueError(f"recipe {recipe.name!r}: gamma is for pairs self, not {self.pairs}")
        if "rest" in terms and not self.noise:
            raise ValueError(f"recipe {recipe.name!r}: the loss rest needs [data] noise above 0")
        self.device = device
        generator = networks.build(**recipe.network).to(device)
        if not isinstance(generator, Translator | Colorizer):
            raise ValueError(
                f"recipe {recipe.name!r}: [network] family must make images of images, as 'translator' does"
            )
        self.generator: nn.Module = generator
        self._seeing = generator  # the same, of which it is known that it looks before it makes anything
        judging, network = practices(adversarial.Translation, recipe, optional=True)
        if "family" in network and "colours" in networks.options(str(network["family"])):
            seen = generator.look(torch.zeros(1, 3, 16, 16, device=device)).shape[1]
            if network.setdefault("colours", 3 + seen) != 3 + seen:
                raise ValueError(
                    f"recipe {recipe.name!r}: [discriminator] colours = {network['colours']} must be {3 + seen}, "
                    f"what the network sees ({seen}) and a picture (3); or leave it out"
                )
        self.adversarial_loss, self.discriminator = build_discriminator(recipe, judging.loss, network, terms, device)
        self.multiple = generator.multiple
        self.inputs: list[Pixels] | None = None
        smallest = max(self.patch, SMALLEST)
        self.judged: tuple[list[Pixels], list[Pixels] | None]
        if self.pairs == "folders":
            self.truths, self.inputs = _paired(data, smallest)
        elif self.pairs in PAINTERS:
            self.truths, self.inputs = painters.pairs(self.pairs, data, Path(options.pool), smallest=smallest)
        else:
            self.photos = Photos(data, smallest=smallest, sizes=options.sizes, hold_back=HELD_BACK)
            self.truths = self.photos.images
        self._hold_back()
        self.rarity = rarity(self.truths, device) if "chroma_mode" in terms else None

    def batch(self, rng: np.random.Generator, size: int) -> Batch:
        pairs = [self._pair(rng) for _ in range(size)]
        batch = {
            name: tensor(np.stack([pair[index] for pair in pairs]), self.device)
            for index, name in enumerate(("input", "truth"))
        }
        batch["shift"] = torch.tensor([pair[2] for pair in pairs])
        if self.noise:
            clean = batch["input"]
            most = rng.uniform(0, self.noise, (size, 1, 1, 1)).astype(np.float32)
            for name in ("again", "input"):
                noise = torch.from_numpy(rng.standard_normal(clean.shape, np.float32) * most).to(self.device)
                batch[name] = (clean + noise).clamp(0, 1)
        return batch

    def _pair(self, rng: np.random.Generator) -> tuple[Pixels, Pixels, tuple[int, int]]:
        """What the network sees, what it shall make of it, and where its grain lies then."""
        index = self.photos.pick(rng) if self.inputs is None else int(rng.integers(len(self.truths)))
        truth, placed = self.truths[index], self._placed
        flip = 0 if placed else 4 * int(rng.integers(2))
        step = self.multiple if placed else 1
        top, left = (step * int(rng.integers((length - self.patch) // step + 1)) for length in truth.shape[:2])
        place = slice(top, top + self.patch), slice(left, left + self.patch)
        patch = truth[place]
        if self.gamma:
            patch = _lit(patch, 2.0 ** rng.uniform(-self.gamma, self.gamma))
        if self.inputs is not None:
            seen = self.inputs[index][place]
        else:
            seen = degrade.webcam(np.ascontiguousarray(patch), 1, rng) if self.pairs == "degraded" else patch
        return dihedral(seen, flip), dihedral(patch, flip), (-top // step, -left // step)

    @property
    def _placed(self) -> bool:
        """Whether what the network makes depends on where in the frame it is."""
        return isinstance(self._seeing, Translator) and self._seeing.placed

    def generate(self, batch: Batch) -> Tensor:
        return self._made(batch["input"], batch)

    def _made(self, seen: Tensor, batch: Batch) -> Tensor:
        made: Tensor = self.generator(seen, batch["shift"]) if self._placed else self.generator(seen)
        return made

    def _pairs_of(self, batch: Batch, images: Tensor) -> Tensor:
        """What a discriminator sees: what the network saw, and `images`."""
        with torch.no_grad():
            seen = self._seeing.look(batch["input"])
        return torch.cat([seen, images], 1)

    def generator_losses(self, batch: Batch, fake: Tensor, weights: Mapping[str, float]) -> Losses:
        truth = batch["truth"]
        verdicts = None
        if weights.keys() & VERDICTS:
            verdicts = discriminate(self.discriminator, self._pairs_of(batch, truth), self._pairs_of(batch, fake))
        terms: dict[str, Tensor] = {}
        for name in weights:
            match name:
                case "l1":
                    terms[name] = losses.l1(fake, truth)
                case "chroma":
                    terms[name] = losses.l1(fake - losses.luma(fake), truth - losses.luma(truth))
                case "chroma_square":
                    terms[name] = losses.relative_square(fake - losses.luma(fake), truth - losses.luma(truth))
                case "chroma_mode" if self.rarity is not None:
                    colours = truth - losses.luma(truth)
                    red, blue = _bins(colours)
                    terms[name] = losses.apart(fake - losses.luma(fake), colours, self.rarity[red, blue], WIDTH)
                case "perceptual":
                    terms[name] = losses.perceptual(*perceived(truth, fake))
                case "adversarial" if verdicts is not None:
                    terms[name] = self.adversarial_loss.generator(verdicts[0][0], verdicts[1][0])
                case "rest":
                    terms[name] = losses.l1(self._made(batch["again"], batch), fake)
                case "feature_matching" if verdicts is not None:
                    terms[name] = losses.feature_matching(verdicts[0][1], verdicts[1][1])
        return Losses.of(terms, weights)

    def discriminator_losses(self, batch: Batch, fake: Tensor, weights: Mapping[str, float]) -> Losses:
        pairs = self._pairs_of(batch, batch["truth"]), self._pairs_of(batch, fake)
        return discriminator_losses(self.discriminator, self.adversarial_loss, *pairs)

    def _hold_back(self) -> None:
        """Part what is judged on from what is learnt from."""
        if self.inputs is None:
            self.judged = self.photos.held_back or self.truths[:HELD_BACK], None
            return
        held = set(parted(len(self.truths), HELD_BACK))
        judged = sorted(held) or range(len(self.truths))[:HELD_BACK]
        self.judged = [self.truths[index] for index in judged], [self.inputs[index] for index in judged]
        self.truths = [one for index, one in enumerate(self.truths) if index not in held]
        self.inputs = [one for index, one in enumerate(self.inputs) if index not in held]

    def _judged_on(self, folder: Path | None) -> list[tuple[Pixels, Pixels]]:
        """Inputs and truths, whole pictures cut to what the network takes."""
        truths, inputs = self.judged
        if inputs is not None and (folder is None or self.pairs == "folders"):
            both, multiple = zip(inputs, truths, strict=True), self.multiple
            return [(crop_to_multiple(seen, multiple), crop_to_multiple(truth, multiple)) for seen, truth in both]
        return judged_pairs(judged_on(truths, folder), self.multiple, self.pairs)

    def preview(self, generator: nn.Module) -> NDArray[np.uint8]:
        """Columns of what the network sees, what it makes of it, and the truth."""
        rows = []
        for seen, truth in self._judged_on(None)[:6]:
            shape = min(truth.shape[0], 256) // 32 * 32, min(truth.shape[1], 256) // 32 * 32
            seen, truth = (np.ascontiguousarray(image[: shape[0], : shape[1]]) for image in (seen, truth))
            looked = self._seeing.look(tensor(seen[None], self.device))
            shown = (looked.clamp(0, 1) * 255).byte().expand(-1, 3, -1, -1)[0].permute(1, 2, 0).cpu().numpy()
            rows.append((shown, evaluate.run(generator, seen), truth))
        return sheets.columns(list(zip(("seen", "made", "wanted"), zip(*rows, strict=True), strict=True)))

    def evaluate(self, generator: nn.Module, folder: Path | None) -> dict[str, float]:
        """The figures of `evaluate.translation`."""
        return evaluate.translation(lambda image: evaluate.run(generator, image), self._judged_on(folder))


def _lit(image: Pixels, power: float) -> Pixels:
    """`image` with its levels raised to that power: darker above 1."""
    levels = 255.0 * (np.arange(256) / 255.0) ** power
    return np.asarray(levels.round().astype(np.uint8)[image], np.uint8)


def _bins(colours: Tensor) -> Tensor:
    """Where colours without their luma, ``(n, 3, ...)``, are in a table by their red and blue: ``(2, n, ...)``."""
    return ((colours[:, ::2].movedim(1, 0) + 1) / BIN).long().clamp(0, BINS - 1)


def rarity(truths: list[Pixels], device: torch.device) -> Tensor:
    """How much a pixel weighs, by its colour: the rarer that is in `truths`, the more, and 1 on the whole.

    As in class rebalancing (Zhang et al., https://arxiv.org/abs/1603.08511), without their classes.
    """
    counts = np.zeros((BINS, BINS))
    for truth in truths:
        pixels = tensor(np.ascontiguousarray(truth[None, ::4, ::4]), torch.device("cpu"))
        np.add.at(counts, tuple(_bins(pixels - losses.luma(pixels)).numpy()), 1)
    shares = counts / counts.sum()
    weights = 1 / (cv2.GaussianBlur(shares, (0, 0), 1.0) + FLOOR)
    return torch.tensor(weights / (weights * shares).sum(), dtype=torch.float32, device=device)


def judged_pairs(truths: list[Pixels], multiple: int, pairs: str) -> list[tuple[Pixels, Pixels]]:
    """Inputs and truths, cut to what a network takes; the same for a list every time."""
    cut = [np.ascontiguousarray(crop_to_multiple(image, multiple)) for image in truths]
    if pairs in PAINTERS:
        return [(image, paint(pairs, image)) for image in cut]
    rng = np.random.default_rng(evaluate.SEED)
    return [(degrade.webcam(image, 1, rng) if pairs == "degraded" else image, image) for image in cut]


def _paired(data: Path, smallest: int) -> tuple[list[Pixels], list[Pixels]]:
    """Targets and inputs by name, of so many pixels a side at least; the log tells how many have not.

    Raises ``ValueError`` that names what has no partner, more than one, or another size.
    """
    if not all((data / name).is_dir() for name in ("input", "target")):
        raise ValueError(
            f"{data} has no folders input/ and target/, whose pictures are pairs by name; of photos alone --pairs "
            "makes them: edges, grey, degraded, or who paints the target"
        )
    sides = {}
    for name in ("input", "target"):
        sides[name] = _by_stem(data / name)
    if lonely := sorted(sides["input"].keys() ^ sides["target"].keys()):
        some = ", ".join(lonely[:5]) + (" ..." if len(lonely) > 5 else "")
        raise ValueError(f"{data}: {len(lonely)} pictures are in only one of input/ and target/: {some}")
    truths, inputs = [], []
    for name in sorted(sides["input"]):
        seen, truth = read_image(sides["input"][name]), read_image(sides["target"][name])
        if seen.shape != truth.shape:
            raise ValueError(f"{data}: {name} is {seen.shape[1]}x{seen.shape[0]} in input/ and "
                             f"{truth.shape[1]}x{truth.shape[0]} in target/")  # fmt: skip
        if min(truth.shape[:2]) >= smallest:
            truths.append(truth)
            inputs.append(seen)
    if not truths:
        raise ValueError(f"{data}: no pair has {smallest} pixels a side")
    if small := len(sides["input"]) - len(truths):
        log.warning("%d pairs from %s; skipped %d under %d pixels", len(truths), data, small, smallest)
    return truths, inputs


def _by_stem(folder: Path) -> dict[str, Path]:
    """The pictures below `folder` by their names without endings. Raises ``ValueError`` where two have the same."""
    found: dict[str, Path] = {}
    for path in image_files(folder):
        name = str(path.relative_to(folder).with_suffix(""))
        if name in found:
            raise ValueError(f"{found[name]} and {path.name} have the same name: which of them is of the pair?")
        found[name] = path
    return found


build = TranslationTask
