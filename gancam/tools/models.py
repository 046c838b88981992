"""Which models are there, how good they are, and how fast on this machine; and effects of other packages."""

import inspect
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Self, TypeVar

from gancam.effects import EffectSpec, declared_for, own_effect, own_effect_names, package_of, spec_params
from gancam.errors import GancamError
from gancam.inference.autotune import remembered
from gancam.inference.card import ModelCard
from gancam.inference.catalog import find, menu, user_menu
from gancam.inference.trials import Trial
from gancam.inference.variants import is_made, read_card, variants
from gancam.params import Parameter, with_defaults
from gancam.units import milliseconds

T = TypeVar("T")
_TASKS = {  # by effect
    "super_resolution": "super-resolution", "inpaint": "inpainting", "morph": "generator",
    "translate": "image to image", "background": "people, background", "faces": "faces",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class ModelEntry:
    """A model as a user sees it.

    Attributes:
        name: Its name.
        files: Its files, by precision, as ``variants`` gives them.
        cards: Their cards, by precision.
        trials: What was tried on this machine, by device.
        own: Whether it is in the user's folder, not bundled.
    """

    name: str
    files: Mapping[str, Path]
    cards: Mapping[str, ModelCard]
    trials: Mapping[str, list[Trial]]
    own: bool = False

    @classmethod
    def read(cls, name: str, path: Path, *, own: bool = False) -> Self:
        """Read the cards of the model in `path`, and what is remembered of it. Raises ``ModelError``."""
        files = variants(path)
        trials = {device: found for device in ("cpu", "cuda", "webgpu")
                  if (found := remembered(files, device)) is not None}  # fmt: skip
        return cls(
            name, files, {precision: read_card(file, precision) for precision, file in files.items()}, trials, own
        )

    @property
    def card(self) -> ModelCard:
        """The card of its fp32 file, where there is one."""
        return self.cards.get("fp32") or next(iter(self.cards.values()))

    @property
    def task(self) -> str:
        """What it is for, in words."""
        return _TASKS.get(self.card.effect, self.card.effect)

    @property
    def effect_parameters(self) -> list[Parameter]:
        """What can be set of the effect that plays it, with the defaults of the card.

        None where this gancam does not have that effect.
        """
        params = declared_for(self.card)
        return [] if params is None else list(with_defaults(params.declared(), self.card.defaults).values())

    @property
    def size(self) -> str:
        """How many times it enlarges, or how large its pictures are."""
        side = self.card.resolution
        return f"{side}x{side}" if self.card.layout == "latent" else f"x{self.card.scale}"

    @property
    def time(self) -> str:
        """The fastest accurate precision on each device where it was tried."""
        best = {device: min((one for one in trials if one.exact), key=lambda one: one.ms, default=None)
                for device, trials in self.trials.items()}  # fmt: skip
        return "\n".join(f"{device} {one.precision} {milliseconds(one.ms)}" for device, one in best.items() if one)

    def _bytes(self, precision: str) -> int:
        """Of the file of its own that a precision has; 0 for fp16 that is made of the fp32 file."""
        file = self.files[precision]
        return 0 if is_made(file, precision) else file.stat().st_size

    def to_json(self) -> dict[str, object]:
        """Give all that is known, ready for ``json.dumps``."""
        card = self.card
        return {
            "name": self.name, "own": self.own, "effect": card.effect, "scale": card.scale, "licence": card.licence,
            "quality": dict(card.quality), "figures": [asdict(figure) for figure in card.figures],
            "parameters": card.parameters, "summary": card.summary, "data": card.data,
            "recipe": card.recipe, "commit": card.commit, "receptive_field": card.receptive_field,
            "layout": card.layout, "resolution": card.resolution, "latent": card.latent, "layers": card.layers,
            "effect_parameters": _told(self.effect_parameters),
            "variants": {
                precision: {"bytes": self._bytes(precision), "quality": dict(other.quality),
                            "parity": dict(other.parity)}
                for precision, other in self.cards.items()
            },
            "proved": {device: [asdict(one) for one in trials] for device, trials in self.trials.items()},
        }  # fmt: skip


def _told(parameters: Sequence[Parameter]) -> list[dict[str, object]]:
    return [{"name": one.name, "takes": one.describe(), "default": one.default, "help": one.help} for one in parameters]


@dataclass(frozen=True, slots=True)
class OwnEffect:
    """An effect of another package, which needs no model, as a user sees it.

    Attributes:
        name: Its name.
        package: That which registered it.
        summary: What it does, in a line.
        effect_parameters: What can be set of it.
    """

    name: str
    package: str
    summary: str
    effect_parameters: Sequence[Parameter]

    @classmethod
    def read(cls, name: str) -> Self:
        """Load the effect `name`, which ``own_effect_names`` lists. Raises ``ModelError``."""
        effect, params = own_effect(name), spec_params(EffectSpec(name))
        summary = inspect.cleandoc(effect.__doc__ or "") if effect is not None else ""
        return cls(
            name, package_of(name), summary.partition("\n")[0], [] if params is None else [*params.declared().values()]
        )

    def to_json(self) -> dict[str, object]:
        """Give all that is known, with the keys of a model's, ready for ``json.dumps``."""
        return {
            **_NOTHING, "name": self.name, "own": True, "effect": self.name, "package": self.package,
            "summary": self.summary, "effect_parameters": _told(self.effect_parameters),
        }  # fmt: skip


@dataclass(frozen=True, slots=True)
class Unusable:
    """A model, or an effect of another package, that is there and cannot be used, as a user sees it.

    Attributes:
        name: Its name.
        why: What keeps it from being used.
        own: Whether it is not bundled.
    """

    name: str
    why: str
    own: bool = True

    def to_json(self) -> dict[str, object]:
        """Give its name and an ``error``, with the keys of a model's, ready for ``json.dumps``."""
        return {**_NOTHING, "name": self.name, "own": self.own, "error": self.why}


_NOTHING: dict[str, object] = {  # what of a model's keys tells nothing of what is none
    "effect": "", "scale": 1, "licence": "", "quality": {}, "figures": [], "parameters": 0, "summary": "", "data": "",
    "recipe": "", "commit": "", "receptive_field": 0, "layout": "", "resolution": 0, "latent": 0, "layers": 0,
    "effect_parameters": [], "variants": {}, "proved": {},
}  # fmt: skip


def each(names: Iterable[str], read: Callable[[str], T], *, own: bool = True) -> list[T | Unusable]:
    """Read each of `names`, for a list of them: one that cannot be used hides no other, and says why."""
    found: list[T | Unusable] = []
    for name in names:
        try:
            found.append(read(name))
        except GancamError as error:
            found.append(Unusable(name, " ".join(str(error).split()), own))
    return found


def own_effects() -> list[OwnEffect | Unusable]:
    """List all effects of other packages."""
    return each(own_effect_names(), OwnEffect.read)


def model_entries() -> list[ModelEntry | Unusable]:
    """List all models, bundled and the user's own."""
    bundled = menu()
    return [
        *each(bundled, lambda name: ModelEntry.read(name, bundled[name]), own=False),
        *each(user_menu(), lambda name: ModelEntry.read(name, find(name), own=True)),
    ]
