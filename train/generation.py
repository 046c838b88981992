"""How good a generator's samples are as a whole.

    gancam train generation RUN [RUN ...] --data SET [--samples 5000] [--json]

judges the networks of runs (or checkpoint files) against the pictures they learnt from. Every figure depends on the
network whose features it compares, on the number of samples and on the size pictures are scaled to: all three are
stated beside it.
"""

import logging
import math
import sys
import time
import warnings
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import TypeVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from train import checkpoint, devices, networks, recipe
from train.data import Pictures
from train.judging import parsed
from train.networks import digits, efficientnet
from train.networks.latent import LatentGenerator
from train.program import as_json, fail

NEAREST = 5  # neighbours of precision, recall, density and coverage
SHOWN = 10_000  # pictures of a side among which neighbours are sought, so that distances between all fit the memory
NEAR_COPY = 0.5  # of the typical distance between neighbouring training pictures: nearer than this is a near copy
DIGITS = tuple("0123456789")
KNOWN, LOOKED_AT = 0.9, 1000  # share of that many labelled pictures that the classifier is right on, of digits
MISFIT = "the installed torchvision is of another PyTorch: install both from one place, or uninstall torchvision"
CERTAIN = 10.0  # the number in z of a class that is asked for; the others' are standard normal
Features = Callable[[NDArray[np.uint8]], NDArray[np.float32]]  # (n, h, w, c) RGB -> (n, features)


log = logging.getLogger(__name__)
LEAST = 50  # pictures and samples below which distances between distributions say nothing
_EVERY = 5.0  # seconds between two words on how far it is
T = TypeVar("T")


@dataclass(frozen=True)
class FeatureNetwork:
    """A network whose features are compared."""

    name: str  # as it stands beside every score
    features: Features


def latents(generator: LatentGenerator, count: int, *, seed: int, kinds: Tensor | None = None) -> Tensor:
    """``(count, latent)`` float32 standard normal, the same for a seed everywhere; `kinds`: the class of each."""
    rng = np.random.default_rng(seed)
    z = torch.from_numpy(rng.standard_normal((count, generator.latent), dtype=np.float32))
    if kinds is not None:
        z[torch.arange(count), generator.latent - generator.classes + kinds] = CERTAIN
    return z


def _told(parts: Sequence[T], what: str) -> Iterator[T]:
    """`parts` one after the other; the log is told now and then how far that is."""
    said = time.monotonic()
    for index, part in enumerate(parts):
        if time.monotonic() - said > _EVERY:
            said = time.monotonic()
            log.info("%s: %.0f %%", what, 100 * index / len(parts))
        yield part


@torch.no_grad()
def sample(generator: LatentGenerator, z: Tensor, *, batch: int = 64) -> NDArray[np.uint8]:
    """``(n, latent)`` -> ``(n, h, w, c)`` RGB uint8."""
    device = next(generator.parameters()).device
    parts = _told(torch.split(z, batch), f"drawing {len(z)} samples")
    return np.concatenate([_pixels(generator(part.to(device))) for part in parts])


def _pixels(images: Tensor) -> NDArray[np.uint8]:  # [NCHW] -> [NHWC]
    pixels: NDArray[np.uint8] = images.float().clamp(0, 1).mul(255.0).round().byte().permute(0, 2, 3, 1).cpu().numpy()
    return pixels


def feature_network(device: torch.device, *, side: int = efficientnet.SIDE) -> FeatureNetwork:
    """EfficientNet-lite0, for pictures in colour. Raises ``ImportError`` without the package that holds its weights."""
    network = efficientnet.shared(str(device))

    def features(images: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Compute the features that are compared."""
        return _in_batches(images, device, lambda x: network(x.expand(-1, 3, -1, -1), side))

    return FeatureNetwork(f"EfficientNet-lite0, {side} pixels", features)


def digit_network(device: torch.device) -> FeatureNetwork:
    """The classifier of digits that was trained here, for 28x28 pictures of one channel."""
    network = digits.shared(str(device))
    return FeatureNetwork("digit classifier, 28 pixels", lambda images: _in_batches(images, device, network.features))


@torch.no_grad()
def _in_batches(
    images: NDArray[np.uint8], device: torch.device, function: Callable[[Tensor], Tensor], size: int = 64
) -> NDArray[np.float32]:
    found = []
    for start in _told(range(0, len(images), size), f"looking at {len(images)} pictures"):
        part = torch.from_numpy(np.ascontiguousarray(images[start : start + size])).to(device)
        found.append(function(part.permute(0, 3, 1, 2).float() / 255.0).float().cpu().numpy())
    return np.concatenate(found)


class _Given(nn.Module):
    """Stands for a feature network where the features are at hand already."""

    def __init__(self, features: int) -> None:
        super().__init__()
        self.num_features = features

    def forward(self, x: Tensor) -> Tensor:
        """Run the network."""
        return x


def _image_metric(name: str) -> ModuleType:
    """Load one of torchmetrics' measures of images, late: they take seconds, and import torchvision where there is one.

    Raises ``ImportError`` where they cannot be loaded.
    """
    try:
        return import_module(f"torchmetrics.image.{name}")
    except (ImportError, RuntimeError, AttributeError, OSError) as error:  # so a torchvision of another PyTorch ends
        cause = str(error).splitlines()[0] if str(error) else type(error).__name__
        cure = MISFIT if "torchvision" in cause else 'pip install "gancam[train]"'
        raise ImportError(f"torchmetrics cannot be loaded ({cause}): {cure}") from error


def frechet_distance(a: NDArray[np.float32], b: NDArray[np.float32]) -> float:
    """``|ma - mb|^2 + tr(Ca + Cb - 2 (Ca Cb)^0.5)`` of two sets of features.

    Heusel et al., https://arxiv.org/abs/1706.08500. By torchmetrics. Not negative; falls with the number of samples.
    Raises ``ImportError`` where that cannot be loaded.
    """
    fid = _image_metric("fid").FrechetInceptionDistance
    metric = fid(feature=_Given(a.shape[1]), reset_real_features=False).set_dtype(torch.float64)
    metric.update(torch.from_numpy(a).double(), real=True)
    metric.update(torch.from_numpy(b).double(), real=False)
    return max(float(metric.compute()), 0.0)


def kernel_distance(a: NDArray[np.float32], b: NDArray[np.float32]) -> float:
    """Squared maximum mean discrepancy with the kernel ``(x.y / d + 1)^3``, times 1000.

    Binkowski et al., https://arxiv.org/abs/1801.01401. By torchmetrics: 50 subsets of 500. Unbiased, so it may be a
    little negative. Raises ``ImportError`` where torchmetrics cannot be loaded.
    """
    kid = _image_metric("kid").KernelInceptionDistance
    with torch.random.fork_rng(devices=[]), warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # that the features are held in memory
        torch.manual_seed(0)
        metric = kid(feature=_Given(a.shape[1]), subsets=50, subset_size=min(500, len(a), len(b)))
        metric.update(torch.from_numpy(a), real=True)
        metric.update(torch.from_numpy(b), real=False)
        return float(metric.compute()[0]) * 1000.0


def neighbours(real: NDArray[np.float32], fake: NDArray[np.float32], *, nearest: int = NEAREST) -> dict[str, float]:
    """``precision`` and ``recall``.

    Shares of fakes (reals) within the distance of some real (fake) to its k-th neighbour
    (https://arxiv.org/abs/1904.06991). ``density`` and ``coverage``: real balls around a fake over k, and the share of
    reals with a fake in their ball (https://arxiv.org/abs/2002.09797). Of more than `SHOWN` on a side, `SHOWN` evenly
    chosen ones are compared.
    """
    a, b = torch.from_numpy(_some(real)).double(), torch.from_numpy(_some(fake)).double()
    nearest = min(nearest, len(a) - 1, len(b) - 1)
    reach_a = torch.cdist(a, a).kthvalue(nearest + 1, dim=1).values  # the first is the point itself
    reach_b = torch.cdist(b, b).kthvalue(nearest + 1, dim=1).values
    between = torch.cdist(a, b)
    inside = between <= reach_a[:, None]
    return {
        "precision": float(inside.any(0).double().mean()),
        "recall": float((between <= reach_b[None]).any(1).double().mean()),
        "density": float(inside.double().sum(0).mean() / nearest),
        "coverage": float((between.min(1).values <= reach_a).double().mean()),
    }


def near_copies(fakes: NDArray[np.uint8], reals: NDArray[np.uint8]) -> float:
    """Share of `fakes` that are near copies of a training picture.

    By mean squared difference of 16x16 averages, mirrored too, the nearest is nearer than `NEAR_COPY` times the median
    distance of a training picture to its own nearest neighbour.
    """
    a, b = _thumbnails(reals), _thumbnails(fakes)
    own = torch.cat([torch.cdist(part, a).kthvalue(2, dim=1).values for part in torch.split(a, 500)])  # first: itself
    mirrored = _thumbnails(fakes[:, :, ::-1])
    pairs = zip(torch.split(b, 500), torch.split(mirrored, 500), strict=True)
    nearest = torch.cat([torch.minimum(*(torch.cdist(part, a).min(1).values for part in pair)) for pair in pairs])
    return float((nearest < NEAR_COPY * own.median()).float().mean())


def _some(features: NDArray[np.float32]) -> NDArray[np.float32]:
    if len(features) <= SHOWN:
        return features
    chosen = np.linspace(0, len(features) - 1, SHOWN).round().astype(int)
    return np.asarray(features[chosen], np.float32)


def _thumbnails(images: NDArray[np.uint8]) -> Tensor:
    x = torch.from_numpy(np.ascontiguousarray(images)).permute(0, 3, 1, 2).float()
    return nn.functional.adaptive_avg_pool2d(x, 16).flatten(1)


def variety(fakes: NDArray[np.uint8], reals: NDArray[np.uint8]) -> float:
    """Deviation of the pixels of `fakes` over that of `reals`: 1 where samples differ as much as pictures do."""
    return float(fakes.std(0).mean() / max(float(reals.std(0).mean()), 1e-6))


@torch.no_grad()
def path_length(
    generator: LatentGenerator, features: FeatureNetwork, *, count: int = 1000, step: float = 1e-2, seed: int = 2
) -> float:
    """``E |f(g(w_t)) - f(g(w_t+step))|^2 / step^2`` between neighbours on straight lines in W.

    Perceptual path length, https://arxiv.org/abs/1812.04948, section 4.1. With the `features` scaled to unit length,
    and a hundredth of the line instead of a ten-thousandth, which eight bits would hide.
    """
    device = next(generator.parameters()).device
    z = latents(generator, 2 * count, seed=seed).to(device)
    w = torch.cat([generator.mapping(part) for part in torch.split(z, 256)]).float()
    place = torch.rand(count, 1, generator=torch.Generator().manual_seed(seed)).to(device)
    pictures = []
    for share in (place, place + step):
        mixed = torch.lerp(w[:count], w[count:], share)
        ws = mixed[:, None].expand(-1, generator.layers, -1)
        parts = _told(torch.split(ws, 64), f"drawing {count} samples for the path length")
        pictures.append(np.concatenate([_pixels(generator.synthesis(part)) for part in parts]))
    a, b = (torch.nn.functional.normalize(torch.from_numpy(features.features(part)), dim=1) for part in pictures)
    return float((a - b).square().sum(1).mean() / step**2)


@dataclass(frozen=True)
class Scores:
    """Figures and the protocol they hold for."""

    feature_network: str
    samples: int
    reals: int
    figures: dict[str, float]

    def text(self) -> str:
        """Format the figures for a terminal."""
        said = "  ".join(f"{name} {value:.4g}" for name, value in self.figures.items())
        return f"{self.feature_network}, {self.samples} samples against {self.reals} pictures\n  {said}"


def score(
    generator: LatentGenerator,
    reals: NDArray[np.uint8],
    features: FeatureNetwork,
    *,
    samples: int = 5000,
    seed: int = 1,
) -> Scores:
    """Compare `samples` of `generator` with all of `reals` ``(n, h, w, c)`` RGB uint8, by figures for any pictures."""
    fakes = sample(generator, latents(generator, samples, seed=seed))
    a, b = features.features(reals), features.features(fakes)
    figures = {"frechet": frechet_distance(a, b), "kernel": kernel_distance(a, b)} | neighbours(a, b)
    figures |= {"near_copies": near_copies(fakes, reals), "variety": variety(fakes, reals)}
    return Scores(features.name, samples, len(reals), figures)


def are_digits(pictures: Pictures, device: torch.device) -> bool:
    """Whether `pictures` are digits by their labels, 0 to 9, and the classifier says the same of nearly all.

    Many a set of ten kinds has the shape and the labels of MNIST (Fashion-MNIST, Kuzushiji-MNIST), and of its pictures
    that classifier says nothing.
    """
    if pictures.classes != DIGITS or pictures.images.shape[1:] != (28, 28, 1):
        return False
    chosen = np.linspace(0, len(pictures.images) - 1, min(LOOKED_AT, len(pictures.images))).round().astype(int)
    found = _in_batches(pictures.images[chosen], device, digits.shared(str(device))).argmax(1)
    return float((found == pictures.labels[chosen]).mean()) >= KNOWN


def digit_modes(images: NDArray[np.uint8], device: torch.device) -> dict[str, float]:
    """``modes``: digits with at least one in a thousand of the samples; ``kl``: of the class histogram to uniform."""
    classes = digits.shared(str(device))
    found = _in_batches(images, device, classes).argmax(1)
    shares = np.bincount(found, minlength=10) / len(found)
    kl = float(sum(share * math.log(10 * share) for share in shares if share > 0))
    return {"modes": float((shares >= 0.001).sum()), "kl": kl}


def agreement(images: NDArray[np.uint8], kinds: Tensor, device: torch.device) -> float:
    """Share of pictures of digits in which the classifier sees the digit, 0 to 9, that was asked for."""
    found = _in_batches(images, device, digits.shared(str(device))).argmax(1)
    return float((found == kinds.cpu().numpy()).mean())


def score_run(made: recipe.Recipe, generator: LatentGenerator, data: Path, *, samples: int = 5000) -> Scores:
    """All that is measured of a generator of recipe `made`, against the pictures in `data` as the recipe takes them.

    How many digits there are, how evenly, and whether those asked for: of what `are_digits` finds to be digits.

    Raises ``FileNotFoundError`` and ``ValueError`` for `data` and too few of either, ``ImportError`` without the
    network to look with.
    """
    _check_enough(samples, f"--samples {samples}")
    device = next(generator.parameters()).device
    shape = {"resolution": int(made.data.get("resolution", 64)), "channels": int(made.data.get("channels", 3))}
    pictures = Pictures(data, **shape)
    reals = pictures.images
    _check_enough(len(reals), f"{data} has {len(reals)} usable pictures")
    seen = digit_network(device) if shape == {"resolution": 28, "channels": 1} else feature_network(device)
    scores = score(generator, reals, seen, samples=samples)
    if are_digits(pictures, device):
        z = latents(generator, samples, seed=1)
        fakes = sample(generator, z)
        scores.figures.update(digit_modes(fakes, device))
        if generator.classes == len(DIGITS):
            scores.figures["agreement"] = agreement(fakes, generator.kinds(z), device)
    if seen.name.startswith("digit"):
        half = min(samples, len(reals) // 2)
        mixed = np.random.default_rng(0).permutation(len(reals))  # MNIST's neighbours come from two crowds in turn
        halves = (seen.features(reals[part]) for part in (mixed[:half], mixed[half : 2 * half]))
        scores.figures["frechet_of_reals"] = frechet_distance(*halves)
        scores.figures["near_copies_of_reals"] = near_copies(reals[mixed[:half]], reals[mixed[half:]])
    scores.figures["path_length"] = path_length(generator, seen)
    return scores


def _check_enough(number: int, said: str) -> None:
    """Raise ``ValueError`` for so few pictures that nothing can be said of their distribution."""
    if number < LEAST:
        raise ValueError(
            f"{said}: distances between distributions (Frechet, kernel) need {LEAST} at the least, and some thousands "
            "to be compared with those of others"
        )


def main(arguments: list[str] | None = None) -> int:
    """Run the command line and return the exit code."""
    options = parsed("generation", arguments)
    logging.basicConfig(level=logging.WARNING, format="%(message)s", stream=sys.stderr)
    log.setLevel(logging.INFO)
    devices.take_threads(options.threads)
    try:
        device = devices.usable(options.device)
        found = {}
        for run in options.runs:
            state = checkpoint.load(run)
            made = recipe.parse(state["recipe"], name=state["name"])
            generator = networks.build(**made.network).to(device).eval()
            if not isinstance(generator, LatentGenerator):
                raise ValueError(f"{run} is a run of {made.name!r}, whose network is not an unconditional generator")
            networks.fill(generator, state["ema"], made.name, run)
            found[str(run)] = score_run(made, generator, options.data, samples=options.samples)
    except (OSError, ValueError, RuntimeError, ImportError) as error:
        return fail(error)
    lines = [f"{name}: {scores.text()}" for name, scores in found.items()]
    told = {name: asdict(scores) for name, scores in found.items()}
    sys.stdout.write((as_json(told, indent=2) if options.json else "\n".join(lines)) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
