"""Effects that play one after the other, however each of them is given."""

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path

from gancam.effects._contract import Effect
from gancam.effects._function import EffectLike, as_effect
from gancam.effects._load import open_effect
from gancam.effects._spec import spec_of
from gancam.errors import InputError, shown


def as_effects(effects: Sequence[EffectLike]) -> list[Effect]:
    """Give each of `effects` as an effect: itself, a plain function as one, or what a text or a path names, loaded.

    Raises:
        InputError: For a single one, which is easily given instead of a list of one, and for what is no effect.
        GancamError: As ``load`` does for a text.
    """
    if isinstance(effects, Effect | str | Path) or not isinstance(effects, Sequence):
        known, what = isinstance(effects, str | Path), type(effects).__name__
        name, cure = (repr(str(effects)), f"[{str(effects)!r}]") if known else (what, "[effect]")
        raise InputError(f"effects is {name}, not a list of effects: give {cure}, [] for none")
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
    return [effect for one, effect in zip(effects, chain, strict=True) if isinstance(one, str | Path)]
