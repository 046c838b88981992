"""One file per kind of training: what a batch is, what the two networks lose on it, how the result is judged.

A recipe's ``task`` names the file, whose `build` makes a `Task` of (recipe, data, device). The loop knows nothing else.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field, fields
from importlib import import_module
from pathlib import Path
from pkgutil import iter_modules
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from train import losses, networks
from train.data import Pixels, image_files, read_image
from train.networks import squeezenet
from train.networks.discriminators import DiscriminatorOutput
from train.options import T, did_you_mean, read
from train.recipe import Recipe

Batch = dict[str, Tensor]
VERDICTS = {"adversarial", "feature_matching"}  # the losses that a discriminator is asked for
HELD_BACK = 8  # pictures of the data, at most, that are judged on where no folder is given for that
# Tasks whose results are judged on the pictures of any folder; the others are judged on their own data.
ON_FOLDERS = ("distil", "inpainting", "super_resolution", "translation")
SMALLEST = 32  # pixels a side of a picture that is judged on
SIDES = "patch", "resolution", "side", "sides", "square"  # keys of [data] with sides of what a batch is of, in pixels
MOST_PIXELS = 1 << 26  # of a batch: 256 pictures of 512x512


@dataclass
class Losses:
    """A scalar to minimise and the terms it is made of, before their weights."""

    total: Tensor
    terms: dict[str, Tensor] = field(default_factory=dict)

    @classmethod
    def of(cls, terms: dict[str, Tensor], weights: Mapping[str, float]) -> "Losses":
        """The sum of `terms`, each times its weight."""
        return cls(torch.stack([weights[name] * term for name, term in terms.items()]).sum(), terms)


class Task(ABC):
    """What the training loop needs of a task, with what is usual where a task says nothing.

    A task is made of (recipe, data, device): what is trained, where the data are, where the networks go. Raises
    ``ValueError`` for what it cannot train and ``FileNotFoundError`` where there is no data.

    Attributes:
        generator: The network that is trained and kept.
        discriminator: The network that judges it; None: there is none.
    """

    generator: nn.Module
    discriminator: nn.Module | None = None

    @abstractmethod
    def batch(self, rng: np.random.Generator, size: int) -> Batch:
        """Draw a batch on the task's device, by `rng` alone.

        The loop adds `progress`, the share of the run that is over, 0..1.
        """

    @abstractmethod
    def generate(self, batch: Batch) -> Tensor:
        """Run the generator on a batch, with gradients."""

    @abstractmethod
    def generator_losses(self, batch: Batch, fake: Tensor, weights: Mapping[str, float]) -> Losses:
        """Compute what the generator minimises; `weights` names the terms."""

    def discriminator_losses(self, batch: Batch, fake: Tensor, weights: Mapping[str, float]) -> Losses:
        """Compute what the discriminator minimises; `fake` is detached. Called when `adversarial` is among `weights`.

        Raises ``ValueError`` for a task that has no discriminator.
        """
        raise ValueError(f"{type(self).__name__} has no discriminator")

    @abstractmethod
    def preview(self, generator: nn.Module) -> NDArray[np.uint8]:
        """Make a sheet ``(H, W, 3)`` RGB of the same samples each time."""

    @abstractmethod
    def evaluate(self, generator: nn.Module, folder: Path | None) -> dict[str, float]:
        """Measure `generator` on the images in `folder`, None: on what the task held back; figures by name."""

    def alarms(self, figures: Mapping[str, float]) -> list[str]:
        """Name what goes wrong, by `figures` of a log line or an evaluation, and what to change; usually nothing."""
        return []


def build(recipe: Recipe, data: Path, device: torch.device) -> Task:
    """Build the task that a recipe names, with its networks and its data.

    Raises ``ValueError`` for an unknown task or option, ``FileNotFoundError`` where there is no data.
    """
    try:
        module: Any = import_module(f"{__name__}.{recipe.task}")
    except ModuleNotFoundError as error:
        known = [one.name for one in iter_modules(__path__)]
        raise ValueError(
            f"recipe {recipe.name!r}: no task {recipe.task!r}{did_you_mean(recipe.task, known)}"
        ) from error
    table = dict(recipe.network)
    family = table.pop("family", "")
    if not isinstance(family, str) or not family:
        raise ValueError(f"recipe {recipe.name!r} has no [network] family: which file of train/networks/ is it?")
    networks.check(family, table)
    task: Task = module.build(recipe, data, device)
    return task


# What tasks have in common


def data_of(of: type[T], recipe: Recipe) -> T:
    """Read [data] of a recipe into the dataclass `of`.

    Raises ``ValueError`` as `options.read`, and for a batch of more than `MOST_PIXELS`.
    """
    made = read(of, f"recipe {recipe.name!r}", "[data]", recipe.data)
    sides = [value for name in SIDES for value in np.atleast_1d(getattr(made, name, 1)).tolist()]
    if recipe.batch * max(sides) ** 2 > MOST_PIXELS:
        size = f"batch = {recipe.batch} of {max(sides)}x{max(sides)} pixels"
        raise ValueError(f"recipe {recipe.name!r}: {size} is more than {MOST_PIXELS:,} pixels: a smaller one would do")
    return made


def terms_of(recipe: Recipe, known: Collection[str]) -> set[str]:
    """The losses of all phases. Raises ``ValueError`` for one that is not `known`."""
    terms = {term for phase in recipe.phases for term in phase.losses}
    if unknown := sorted(terms - set(known)):
        raise ValueError(f"recipe {recipe.name!r}: unknown loss {unknown[0]}{did_you_mean(unknown[0], known)}")
    return terms


def practices(of: type[T], recipe: Recipe, *, optional: bool = False) -> tuple[T, dict[str, Any]]:
    """Read a task's own options from the [discriminator] of a recipe, and return the network's beside them.

    Args:
        of: A frozen dataclass whose fields are the options, as `options.read` takes it.
        recipe: What is trained.
        optional: Whether there need be no [discriminator] at all: the options are as usual then, the network's none.

    Raises:
        ValueError: A key that is neither a field nor an option of the network's family, a value that is not what the
            field may be, or no network at all.
    """
    if optional and not recipe.discriminator:
        return of(), {}
    rest = dict(recipe.discriminator)
    own = [field.name for field in fields(of)]
    given = {name: rest.pop(name) for name in own if name in rest}
    where = f"recipe {recipe.name!r}"
    if "family" not in rest:
        raise ValueError(f"{where} has no [discriminator] family: which file of train/networks/ is it?")
    known = networks.options(str(rest["family"]))
    if unknown := [name for name in rest if name not in ("family", *known)]:
        raise ValueError(
            f"{where}: unknown [discriminator] key {', '.join(map(repr, unknown))}: the task has "
            f"{', '.join(sorted(own))}, the network {', '.join(sorted(known))}"
        )
    return read(of, where, "[discriminator]", given), rest


def build_discriminator(
    recipe: Recipe, loss: str, network: dict[str, Any], terms: Collection[str], device: torch.device
) -> tuple[losses.Adversarial, nn.Module | None]:
    """Build the discriminator of a recipe and look up its adversarial loss.

    Args:
        recipe: What is trained.
        loss: The name of the adversarial loss.
        network: The options of the network, as `practices` returns them.
        terms: The losses of all phases.
        device: Where the network goes.

    Returns:
        The adversarial loss, and the network, None where the recipe has none.

    Raises:
        ValueError: An unknown loss or option, or losses that need a discriminator that is not there.
    """
    adversarial_loss = losses.adversarial_loss(loss, recipe.name)
    if network:
        return adversarial_loss, networks.build(**network).to(device)
    if VERDICTS & set(terms):
        raise ValueError(f"recipe {recipe.name!r} has adversarial losses but no [discriminator]")
    return adversarial_loss, None


def discriminate(
    discriminator: nn.Module | None, real: Tensor, fake: Tensor
) -> tuple[DiscriminatorOutput, DiscriminatorOutput]:
    """What a discriminator, which does not learn now, makes of `real` and of `fake`, through which gradients go."""
    assert discriminator is not None
    discriminator.eval().requires_grad_(False)
    with torch.no_grad():
        before: DiscriminatorOutput = discriminator(real)
    both = before, discriminator(fake)
    discriminator.train().requires_grad_(True)
    return both


def discriminator_losses(
    discriminator: nn.Module | None, adversarial_loss: losses.Adversarial, truth: Tensor, fake: Tensor, *, r1: float = 0
) -> Losses:
    """Compute what a discriminator of ``(logits, activations)`` minimises: its adversarial loss, and `r1` times R1.

    Both kinds of pictures are judged in one pass, so that its spectral norms move on once.
    """
    assert discriminator is not None
    truth = truth.detach().requires_grad_(r1 > 0)
    real, false = discriminator(torch.cat([truth, fake]))[0].chunk(2)
    terms = {"discriminator": adversarial_loss.discriminator(real, false)}
    total = terms["discriminator"]
    if r1 > 0:
        terms["r1"] = losses.r1(real, truth)
        total = total + r1 * terms["r1"]
    with torch.no_grad():
        terms |= {"real": real.mean(), "fake": false.mean()}
    return Losses(total, terms)


def perceived(truth: Tensor, fake: Tensor) -> tuple[list[Tensor], list[Tensor]]:
    """The activations of a classifier for `truth`, and for `fake`, through which gradients go; RGB 0..1."""
    features = squeezenet.shared(str(fake.device))
    with torch.no_grad():
        real = features(truth)
    return real, features(fake)


def shifted(*images: Tensor) -> tuple[Tensor, ...]:
    """Cut the first row, the first column, both or neither off all `images`, by chance.

    What `perceived` is given: the classifier's first layer has a stride of 2 and would favour every second pixel.
    """
    top, left = (int(shift) for shift in torch.randint(2, (2,)))
    return tuple(image[:, :, top:, left:] for image in images)


def judged_on(images: list[Pixels], folder: Path | None) -> list[Pixels]:
    """The pictures in `folder`, where one is given, else the first of `images`: what a generator is judged on."""
    return images[:HELD_BACK] if folder is None else [read_image(path) for path in image_files(folder)]


def check_judge(recipe: Recipe, folder: Path) -> None:
    """Raise ``ValueError`` where what `recipe` makes cannot be judged on the pictures in `folder`."""
    if recipe.task not in ON_FOLDERS or recipe.data.get("pairs") == "folders":
        raise ValueError(f"--judge {folder}: recipe {recipe.name!r} is judged on its own data; leave --judge out")
    try:
        for path in image_files(folder):
            if min(size := read_image(path).shape[:2]) < SMALLEST:
                raise ValueError(f"{path} has {size[1]}x{size[0]} pixels, too few to judge on: {SMALLEST} a side")
    except (OSError, ValueError) as error:
        raise ValueError(f"--judge: {error}") from error


def heads(found: Tensor | list[Tensor] | DiscriminatorOutput) -> list[Tensor]:
    """The logits of each head of any discriminator, from what its ``forward`` gave."""
    if isinstance(found, list):
        return found
    return [found[0] if isinstance(found, tuple) else found]


def generator_loss(
    adversarial_loss: losses.Adversarial, fake: list[Tensor], real: Callable[[], list[Tensor]]
) -> Tensor:
    """Compute the generator's adversarial loss: the mean over the heads of a discriminator.

    Args:
        adversarial_loss: Which.
        fake: The logits of each head for generated pictures, through which gradients go.
        real: Gives those for real ones, which depend on nothing that is learnt here. Asked only where the loss uses
            them: a relativistic one with `fake` in their place would teach nothing.
    """
    with torch.no_grad():
        true = real() if adversarial_loss.relative else fake
    return torch.stack([adversarial_loss.generator(*pair) for pair in zip(true, fake, strict=True)]).mean()


def tensor(images: NDArray[np.uint8], device: torch.device) -> Tensor:
    """uint8 ``(n, h, w, 3)`` -> float 0..1 ``(n, 3, h, w)``."""
    return torch.from_numpy(np.array(images)).to(device).permute(0, 3, 1, 2).float() / 255.0
