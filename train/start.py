"""What a training begins from: the network of another run, or that of a model file."""

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from train import checkpoint, networks
from train import recipe as recipes
from train.networks import sr_residual
from train.networks.inpaint import Gated
from train.networks.sr import CollapsibleConv
from train.networks.translator import Normed, ResidualBlock, Translator
from train.recipe import Recipe

log = logging.getLogger(__name__)
LEAST = 0.25  # of a network's weights, by their number, that must be there: fewer are there by chance
GROWN = {"refine", "depth", "blocks"}  # options by which a network has more layers than another: see `_passes_on`
ADDED = {"grain", "pattern"}  # options by which a network has something that is added
UNSEEN = {"expansion", "dropout"}  # options that change nothing of what a network makes


@dataclass(frozen=True)
class Start:
    """A trained network to begin from.

    Attributes:
        name: What it is called in messages.
        network: The [network] of the recipe that it was trained by.
        weights: What its ``state_dict`` gives.
        settled: Whether the averages of its batch normalisation, if it has any, are those of pictures; a model file has
            none, and what comes out of it has some that change nothing.
    """

    name: str
    network: Mapping[str, Any]
    weights: Mapping[str, Tensor]
    settled: bool


ModelReader = Callable[[str, Recipe], Start]  # of a model by its name or path, for a recipe


def find(recipe: Recipe, run: Path, read_model: ModelReader | None) -> Start | None:
    """Look up what `recipe` begins from; None where it begins afresh.

    It is a run, beside `run` or from where the user stands, its checkpoint, or else a model, which `read_model` knows.
    Raises ``FileNotFoundError`` where there is neither, and ``ValueError`` for what cannot be read.
    """
    if not recipe.start:
        return None
    if not recipe.start.endswith(".onnx"):
        for place in (run.parent / recipe.start, Path(recipe.start)):
            if (place / checkpoint.LATEST).is_file() or place.is_file():
                state = checkpoint.load(place)
                made = recipes.parse(state["recipe"], name=state["name"])
                return Start(recipe.start, made.network, state["ema"], settled=True)
    if read_model is None:
        raise FileNotFoundError(
            f"start {recipe.start!r}: no run {run.parent / recipe.start}; model files are read by gancam train alone"
        )
    return read_model(recipe.start, recipe)


def begin(network: nn.Module, start: Start, recipe: Recipe, show: Callable[[], None]) -> None:
    """Load into `network`, that of `recipe`, each tensor of `start` whose name and shape agree, and log what is new.

    Layers that `start` has not pass on what they are given, where they can. The grain of a translator is no weight: it
    stays what its recipe names. Where averages of batch normalisation are not those of pictures, they are measured
    while `show` runs the network on some.

    Raises ``ValueError`` where fewer than `LEAST` of the weights are there: the two are not the same kind of network.
    """
    mine = network.state_dict()
    if isinstance(network, Translator):
        mine.pop("grain", None)
    fitting = {key: value for key, value in start.weights.items() if key in mine and value.shape == mine[key].shape}
    other = differences(start.network, recipe.network)
    if sum(mine[key].numel() for key in fitting) < LEAST * sum(value.numel() for value in mine.values()):
        raise ValueError(_misfit(start, recipe, other))
    network.load_state_dict(fitting, strict=False)
    fresh = mine.keys() - fitting.keys()
    passed = _pass_on(network, fresh)
    if passed or not start.settled:
        settle(network, show)
    fresh -= passed
    left = start.weights.keys() - fitting.keys() - {"grain"}
    parts = {
        "begins afresh": sorted(fresh),
        "is left out": sorted(left),
        "differs": [both(name, *values) for name, values in other.items() if _is_seen(name, values[0])],
    }
    said = [f"{what}: {', '.join(names)}" for what, names in parts.items() if names]
    log.info("begins from %s: %s", start.name, "; ".join(said) or "its pictures are the same")


def differences(there: Mapping[str, Any], here: Mapping[str, Any]) -> dict[str, tuple[Any, Any]]:
    """The options in which two [network] tables differ, as they are in each; where families differ, those alone."""
    if there["family"] != here["family"]:
        return {"family": (there["family"], here["family"])}
    usual = networks.defaults(str(here["family"]))
    one, two = ({name: _plain(value) for name, value in {**usual, **table}.items()} for table in (there, here))
    return {name: (one.get(name), two.get(name)) for name in {**one, **two} if one.get(name) != two.get(name)}


def _is_seen(name: str, there: Any) -> bool:
    """Whether pictures are others where option `name` is another than `there`, of which the weights say nothing."""
    return name not in GROWN | UNSEEN and not (name in ADDED and not there)


def _plain(value: Any) -> Any:
    return list(value) if isinstance(value, tuple) else value


def both(name: str, there: Any, here: Any) -> str:
    """Write an option's value there and here, for a message."""
    one, two = ("as usual" if value is None else value for value in (there, here))
    return f"{name} ({one} there, {two} here)"


def _misfit(start: Start, recipe: Recipe, other: Mapping[str, tuple[Any, Any]]) -> str:
    what = ", ".join(both(name, *values) for name, values in other.items()) or "hardly a tensor of it fits"
    return (
        f"start {start.name!r} has another network than recipe {recipe.name!r}: {what}; a copy of the recipe with a "
        "[network] as it is there would do, or another start"
    )


@torch.no_grad()
def _pass_on(network: nn.Module, fresh: set[str]) -> set[str]:
    """Make layers all of whose tensors are `fresh` give what they are given, where they can; the tensors' names."""
    passed: set[str] = set()
    for name, module in network.named_modules():
        own = {f"{name}.{key}" for key in module.state_dict()}
        if own and own <= fresh and _passes_on(name, module):
            passed |= own
        if isinstance(module, Translator):  # what is added after the stem, and on the coarsest grid: nothing
            at = f"{name}." if name else ""
            for key, parameter in module.named_parameters():
                if key in ("mix.weight", "pattern") and at + key in fresh:
                    parameter.zero_()
                    passed.add(at + key)
    return passed


def _passes_on(name: str, module: nn.Module) -> bool:
    """Make `module` give what it is given (0 or more, where it ends in a ReLU); whether it is one that can."""
    match module:
        case ResidualBlock():
            nn.init.zeros_(_norm(module.second).weight)
        case Normed() if ".refine." in f".{name}":
            norm, conv = _norm(module), module[0]
            assert isinstance(conv, nn.Conv2d)
            assert norm.running_var is not None
            nn.init.dirac_(conv.weight)
            norm.running_var.fill_(1 - norm.eps)
        case CollapsibleConv() if module.identity is not None:
            module.fill(module.identity, torch.zeros_like(module.bias))
        case sr_residual.Block():
            nn.init.zeros_(module.second.weight)
            nn.init.zeros_(module.second.bias)  # type: ignore[arg-type]
        case Gated():
            nn.init.zeros_(module.narrow.weight)
            nn.init.zeros_(module.narrow.bias)  # type: ignore[arg-type]
        case _:
            return False
    return True


def _norm(layer: Normed) -> nn.BatchNorm2d:
    norm = layer[1]
    assert isinstance(norm, nn.BatchNorm2d)
    return norm


@torch.no_grad()
def settle(network: nn.Module, show: Callable[[], None]) -> None:
    """Measure the averages of batch normalisation while `show` runs `network`, whose pictures stay as they are.

    Its scale and offset are changed by as much as the averages are, so that batches, too, give almost the same.
    """
    norms = [module for module in network.modules() if isinstance(module, nn.BatchNorm1d | nn.BatchNorm2d)]
    seen: dict[nn.Module, list[Tensor]] = {norm: [] for norm in norms}

    def look(norm: nn.Module, given: tuple[Tensor, ...]) -> None:
        x = given[0].double()
        alike = (0, *range(2, x.dim()))
        seen[norm].append(torch.stack([x.mean(alike), x.square().mean(alike)]))

    hooks = [norm.register_forward_pre_hook(look) for norm in norms]
    training = network.training
    network.eval()
    if norms:
        show()
    network.train(training)
    for hook in hooks:
        hook.remove()
    for norm, moments in seen.items():
        assert isinstance(norm, nn.BatchNorm1d | nn.BatchNorm2d)
        if not moments or norm.running_mean is None or norm.running_var is None:
            continue
        mean, square = torch.stack(moments).mean(0)
        variance = (square - mean.square()).clamp(min=0)
        scale = norm.weight.double() / (norm.running_var.double() + norm.eps).sqrt()
        offset = norm.bias.double() - scale * norm.running_mean.double()
        norm.running_mean.copy_(mean)
        norm.running_var.copy_(variance)
        norm.weight.copy_(scale * (variance + norm.eps).sqrt())
        norm.bias.copy_(offset + scale * mean)
