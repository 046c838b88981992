"""Which effects a job runs, and how its videos are processed."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

from gancam.effects import EffectSlot, EffectSpec, ModelEffect, load, slots
from gancam.sources.ranges import check_range


@dataclass(frozen=True, slots=True)
class ProcessOptions:
    """How videos are to be processed; `first` and `end` in seconds of the input's clock."""

    codec: str | None = None
    encoder: str | None = None
    quality: float | None = None
    first: Fraction | None = None
    end: Fraction | None = None
    deinterlace: bool = False
    eight_bit: bool = False
    params: Path | None = None
    overwrite: bool = False
    resume: bool = False
    pipe: int | None = None  # a file descriptor to write to instead of a file, in the container `form`
    form: str | None = None
    fps: float | None = None  # of numbered images without times

    def __post_init__(self) -> None:
        check_range(self.first, self.end)


@dataclass(frozen=True, slots=True)
class EffectChainSpec:
    """Which effects, and how they run: what any process needs to have the same."""

    specs: tuple[EffectSpec, ...] = ()
    device: str = "auto"
    precision: str = "auto"
    threads: int | None = None

    def load(self, sound: Path | None = None) -> list[EffectSlot]:
        """Load the effects; `sound` is the file that those hear which can and were given no other."""
        chain = slots([self._load(spec) for spec in self.specs])
        _listen(chain, sound)
        return chain

    def _load(self, spec: EffectSpec) -> ModelEffect:
        params: Mapping[str, Any] = spec.params  # none of which is called as those of `load`
        return load(spec.name, device=self.device, precision=self.precision, threads=self.threads, **params)


class LoadedChain:
    """The effects of a recipe, loaded once for many files, each of which finds them as if just loaded."""

    def __init__(self, recipe: EffectChainSpec) -> None:
        self._effects = recipe.load()
        self._values = [effect.params.values() for effect in self._effects]

    def fresh(self, sound: Path | None = None) -> list[EffectSlot]:
        """Give the effects without memory of an earlier file, on, their parameters as given; `sound` as in
        ``EffectChainSpec.load``."""
        for effect, values in zip(self._effects, self._values, strict=True):
            for name, value in values.items():
                effect.params.set(name, value)
            effect.on = True
            effect.reset()
        _listen(self._effects, sound)
        return self._effects


def _listen(chain: Sequence[EffectSlot], sound: Path | None) -> None:
    if sound is not None:
        for effect in chain:
            effect.listen_to(sound)
