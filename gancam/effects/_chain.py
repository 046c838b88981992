"""Effects that play one after the other, however each is given, and the place that one has in such a chain."""

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path

from gancam.effects._contract import Effect
from gancam.effects._function import EffectLike, as_effect
from gancam.effects._load import open_effect
from gancam.effects._spec import spec_of
from gancam.effects._wrapper import EffectWrapper
from gancam.errors import InputError, shown
from gancam.frame import Image
from gancam.inference.catalog import NONE
from gancam.inference.model import ImageModel

_RESERVED = ("source", "close")  # stages of a report that are no effects


def as_effects(effects: Sequence[EffectLike]) -> list[Effect]:
    """Give each of `effects` as an effect: itself, a plain function as one, or what a text or a path names, loaded.

    The text "none", which stands alone, is no effect.

    Raises:
        InputError: For a single one, which is easily given instead of a list of one, for what is no effect, and for
            "none" beside others.
        GancamError: As ``load`` does for a text.
    """
    if isinstance(effects, Effect | str | Path) or not isinstance(effects, Sequence):
        known, what = isinstance(effects, str | Path), type(effects).__name__
        name, cure = (repr(str(effects)), f"[{str(effects)!r}]") if known else (what, "[effect]")
        raise InputError(f"effects is {name}, not a list of effects: give {cure}, [] for none")
    if any(isinstance(effect, str) and effect == NONE for effect in effects):
        if len(effects) > 1:
            raise InputError(f"effects has {NONE!r}, which is no effect, and others beside it: give one or the other")
        return []
    return [_effect(place, effect) for place, effect in enumerate(effects)]


def _effect(place: int, effect: EffectLike) -> Effect:
    if isinstance(effect, str | Path):
        return open_effect(spec_of(effect))
    if not callable(effect):
        raise InputError(
            f"effects[{place}] is {shown(effect)}: needs an effect, a function image -> image, or a text that names one"
        )
    return as_effect(effect)


@contextmanager
def playing(effects: Sequence[EffectLike]) -> Iterator[list[Effect]]:
    """Give `effects` as ``as_effects`` does; those that were loaded for it are closed at the end."""
    chain = as_effects(effects)
    with ExitStack() as over:
        for effect in loaded_here(effects, chain):
            over.callback(effect.close)
        yield chain


def loaded_here(effects: Sequence[EffectLike], chain: Sequence[Effect]) -> list[Effect]:
    """Choose those of `chain`, which ``as_effects`` made of `effects`, that nobody else has, to close them."""
    given = effects if chain else ()  # of "none" nothing was made
    return [effect for one, effect in zip(given, chain, strict=True) if isinstance(one, str | Path)]


class EffectSlot(EffectWrapper):
    """An effect that can be turned off while it plays: an image is then only scaled to the size it would have.

    Attributes:
        effect: What plays here; ``gancam.Budget`` puts others of its quality levels in its place.
        on: Whether it is applied.
    """

    def __init__(self, effect: Effect, name: str = "") -> None:
        super().__init__(effect)
        self.on, self._name = True, name or effect.name

    def __call__(self, image: Image, *, time: float | None = None) -> Image:
        """Call the effect; while it is off, scale `image` (bicubic) to its output size."""
        return self.effect(image, time=time) if self.on else self.plain(image)

    def skim(self, image: Image, *, time: float | None = None) -> None:
        """Let the effect see `image`, unless it is off."""
        if self.on:
            self.effect.skim(image, time=time)

    @property
    def name(self) -> str:
        """Its name in the chain."""
        return self._name

    @property
    def opacity(self) -> Image | None:
        """The effect's own; None while it is off."""
        return self.effect.opacity if self.on else None

    @property
    def status(self) -> str:
        """The effect's own; empty while it is off."""
        return self.effect.status if self.on else ""

    def bare_model(self, size: tuple[int, int], *, time: float | None = None) -> ImageModel | None:
        """The effect's own; None while it is off."""
        return self.effect.bare_model(size, time=time) if self.on else None

    def quality_levels(self) -> Sequence[Sequence[Effect]]:
        """Offer those of the effect."""
        return self.effect.quality_levels()


def slots(effects: Sequence[EffectLike]) -> list[EffectSlot]:
    """Put each effect into a slot with a name of its own: the second of one name is NAME#2.

    Args:
        effects: Slots among them are left as they are.
    """
    chain = as_effects(effects)
    names = unique_names([effect.name for effect in chain])
    return [
        one if isinstance(one, EffectSlot) else EffectSlot(one, name) for one, name in zip(chain, names, strict=True)
    ]


def unique_names(names: Sequence[str]) -> list[str]:
    """Number what is there twice: ``["a", "a"]`` becomes ``["a", "a#2"]``."""
    unique: list[str] = []
    for name in names:
        taken = sum(other.split("#")[0] == name for other in [*unique, *_RESERVED])
        unique.append(f"{name}#{taken + 1}" if taken else name)
    return unique
