"""A recipe is one TOML file: what is trained, on what, for how long. It travels inside every checkpoint."""

import json
import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import takewhile
from pathlib import Path
from typing import Any, get_type_hints

from train import old_names, options, sizes
from train.options import Count, Finite, Iterations, Part, Rate, Seed, Share

RECIPES = Path(__file__).with_name("recipes")
PRECISIONS = ("auto", "fp32", "bf16", "fp16")  # auto: what a trial finds (`train.precision`)
OPTIMISERS = ("adam", "muon")  # see `train.optimisers`


def as_toml(table: Mapping[str, Any], *above: str) -> str:
    """Write a table as TOML: plain values first, then a part for each table and each list of tables in it.

    Args:
        table: Of texts, numbers, booleans, lists and tables.
        above: The names of the tables that it is in.
    """
    parts = [f"{_key(key)} = {_value(one)}" for key, one in table.items() if not _is_part(one)]
    for key, one in table.items():
        if isinstance(one, Mapping):
            parts += [f"[{'.'.join(map(_key, (*above, key)))}]"] * (not one or not all(map(_is_part, one.values())))
            parts.append(as_toml(one, *above, key))
        elif _is_part(one):
            head = f"[[{'.'.join(map(_key, (*above, key)))}]]"
            parts += [f"{head}\n" + "\n".join(f"{_key(name)} = {_value(value)}" for name, value in each.items())
                      for each in one]  # fmt: skip
    return "\n".join(filter(None, parts))


def _is_part(value: Any) -> bool:
    return isinstance(value, Mapping) or (isinstance(value, list) and bool(value) and isinstance(value[0], Mapping))


def _key(name: str) -> str:
    return name if re.fullmatch("[A-Za-z0-9_-]+", name) else _value(name)


def _value(value: Any) -> str:
    if isinstance(value, str | bool):  # as JSON has them, but for one character
        return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{_key(name)} = {_value(one)}" for name, one in value.items()) + "}"
    return f"[{', '.join(map(_value, value))}]" if isinstance(value, list | tuple) else str(value)


@dataclass(frozen=True)
class Phase:
    """One stretch of training with its own losses."""

    name: str
    iterations: Iterations
    losses: Mapping[str, float]  # weight of each term; the task knows the names
    lr: Rate = 1e-3  # of the generator
    lr_discriminator: float = 0.0  # 0: the same as lr
    constant_fraction: Share = 0.6  # share of the phase at full rate; a cosine falls to lr * min_lr_fraction after that
    min_lr_fraction: Share = 0.01
    freeze_bn: bool = (
        False  # the generator's batch normalisation is as when deployed: by averages that no longer change
    )

    def __post_init__(self) -> None:
        if not self.losses:
            raise ValueError(f"phase {self.name!r} names no loss")


@dataclass(frozen=True)
class Recipe:
    """Everything a run depends on except the folder of data."""

    name: str
    task: str  # a file of train/tasks/
    network: Mapping[str, Any]  # family = a file of train/networks/, the rest its options
    phases: tuple[Phase, ...]
    data: Mapping[str, Any] = field(default_factory=dict)
    discriminator: Mapping[str, Any] = field(default_factory=dict)
    # what the generator starts from: a run beside this one or its path, or a model that gancam exported (`train.start`)
    start: str = ""
    batch: Count = 16
    seed: Seed = 1
    precision: str = "auto"  # of activations, one of `PRECISIONS`; weights are always fp32
    clip: float = 1.0  # norm of a gradient is cut to this; 0: never
    decay_l1: float = 0.0  # times the sum of the absolute weights, added to each player's loss
    decay_l2: float = 0.0  # times half the sum of the squared weights, likewise
    ema: Part = 0.999  # decay of the average of the generator's weights, which is what is kept
    betas: tuple[Part, Part] = (0.9, 0.99)
    optimiser: str = "adam"  # one of `OPTIMISERS`
    text: str = ""  # the file itself

    @property
    def iterations(self) -> int:
        """Iterations of all phases together."""
        return sum(phase.iterations for phase in self.phases)

    def phase(self, iteration: int) -> tuple[Phase, float]:
        """The phase of an iteration, and how far through it that is, 0..1."""
        for phase in self.phases:
            if iteration < phase.iterations:
                return phase, iteration / phase.iterations
            iteration -= phase.iterations
        return self.phases[-1], 1.0


def names() -> list[str]:
    """List the recipes that come with this package."""
    return sorted(path.stem for path in RECIPES.glob("*.toml"))


def about(name: str) -> str:
    """Say what a recipe that comes with this package makes: the first sentence of its comment, and its size."""
    text = find(name).read_text(encoding="utf-8")
    told = " ".join(line.lstrip("# ") for line in takewhile(lambda line: line.startswith("#"), text.splitlines()))
    table = tomllib.loads(text)  # not `parse`, which loads PyTorch where sizes follow from networks
    size = f"{table['data']['resolution']} pixels" if "resolution" in table.get("data", {}) else ""
    first = re.split(r"(?<=[.!?]) ", told)[0].rstrip(".")
    iterations = sum(phase["iterations"] for phase in table["phase"])
    length = f"{iterations:,} iterations of {table.get('batch', Recipe.batch)}"
    return f"{first} ({', '.join(filter(None, [size, length]))})"


def find(name: str) -> Path:
    """The file of a recipe by name (`sr-x2`) or path. Raises ``FileNotFoundError``, which lists the names there are."""
    for path in (Path(name), RECIPES / f"{name}.toml"):
        if path.suffix == ".toml" and path.is_file():
            return path
    raise FileNotFoundError(f"no recipe {name!r}: there are {', '.join(names())}, or give the path of a .toml file")


def parse(text: str, *, name: str = "recipe") -> Recipe:
    """The recipe that TOML `text` spells; what is in its `[given]`, if it has one, takes precedence.

    Raises ``ValueError`` for what is not one.
    """
    try:
        table = tomllib.loads(text)
        for key, values in table.pop("given", {}).items():
            if isinstance(table.get(key), dict) and not isinstance(values, dict):
                raise ValueError(f"[given] {key} must be a table, not {values!r}")
            table[key] = {**table.get(key, {}), **values} if isinstance(values, dict) else values
        table = old_names.current_recipe(table)
        for place, phase in enumerate(table.get("phase", ())):
            _check("phase", phase, get_type_hints(Phase, include_extras=True), f"[[phase]] {place + 1}: ")
        phases = tuple(Phase(**phase) for phase in table.pop("phase", []))
        if not phases:
            raise ValueError("it has no [[phase]]")
        known = get_type_hints(Recipe, include_extras=True)
        _check("recipe", table, {name: kind for name, kind in known.items() if name not in ("phases", "text")})
        betas = tuple(table.pop("betas", (0.9, 0.99)))
        if len(betas) != 2:
            raise ValueError(f"betas {list(betas)} must be two numbers")
        if re.search(r"[/\\:\0]", name := table.get("name", name)) or name in (".", ".."):  # of which files are named
            raise ValueError(f"name = {name!r} must have no / or \\, nor : in it")
        recipe = Recipe(**{"name": name, **sizes.agreed(table)}, betas=betas, phases=phases, text=text)
    except (AttributeError, TypeError, ValueError, RecursionError, OverflowError) as error:
        raise ValueError(f"recipe {name!r}: {error}") from error
    if recipe.precision not in PRECISIONS:
        names = ", ".join(PRECISIONS[:-1])
        raise ValueError(f"recipe {name!r}: precision {recipe.precision!r} must be {names} or {PRECISIONS[-1]}")
    if recipe.optimiser not in OPTIMISERS:
        raise ValueError(f"recipe {recipe.name!r}: optimiser {recipe.optimiser!r} must be {' or '.join(OPTIMISERS)}")
    return recipe


def _check(kind: str, table: Mapping[str, Any], known: Mapping[str, Any], where: str = "") -> None:
    """Raise ``ValueError`` for what is not in its place in a recipe or a phase; `known` has the type of each key."""
    options.check_keys(f"{where}unknown", table, known)
    if kind == "recipe" and (lost := [name for name in ("task", "network") if name not in table]):
        raise ValueError(f"it has no {'task' if lost[0] == 'task' else '[network]'}: what is to be trained?")
    if kind == "phase" and (lost := [name for name in ("name", "iterations", "losses") if name not in table]):
        raise ValueError(f"{where}it has no {lost[0]}")
    for name, value in table.items():
        options.check(f"{where}{name}", value, known[name])
    for name, weight in table.get("losses", {}).items():
        options.check(f"{where}losses: {name}", weight, Finite)


def load(name: str, given: Mapping[str, Mapping[str, Any]] | None = None, *, start: str = "") -> Recipe:
    """The recipe of that name, or in that file, with what is `given` instead of what its tables say, and its `start`.

    That is part of its text from then on, and so of every checkpoint. Raises ``FileNotFoundError``, ``ValueError``.
    """
    path = find(name)
    try:
        text = path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise ValueError(f"{path} is not in UTF-8: save it as a text in UTF-8") from error
    new: dict[str, Any] = {"start": start} if start else {}
    new |= {table: dict(values) for table, values in (given or {}).items() if values}
    try:
        table = tomllib.loads(text)
    except (tomllib.TOMLDecodeError, RecursionError):
        new = {}  # it is refused for that
    if new and isinstance(own := table.pop("given", None), dict):  # which a text has once: it is written anew
        for key, values in new.items():
            there = own.get(key)
            own[key] = {**there, **values} if isinstance(there, dict) and isinstance(values, dict) else values
        text, new = as_toml(table), own
    return parse(f"{text}\n{as_toml({'given': new})}" if new else text, name=path.stem)
