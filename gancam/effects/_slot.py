"""A place in a chain of effects: it has a name of its own, and its effect can be turned off and replaced."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path

import cv2
import numpy as np

from gancam.effects._contract import Effect, ImageFunction, as_effect
from gancam.frame import Frame, Image
from gancam.inference.model import ImageModel
from gancam.vision.pad import DrawingPad

_RESERVED = ("source", "close")  # stages of a report that are no effects


class EffectSlot(Effect):
    """An effect that can be turned off while it plays: an image is then only scaled to the size it would have.

    Attributes:
        effect: What plays here; ``gancam.Budget`` puts others of its quality levels in its place.
        on: Whether it is applied.
    """

    def __init__(self, effect: Effect, name: str = "") -> None:
        self.effect, self.on, self._name = effect, True, name or effect.name
        self.card, self.params = effect.card, effect.params

    def __call__(self, image: Image, *, time: float | None = None) -> Image:
        """Call the effect; while it is off, scale `image` (bicubic) to its output size."""
        if self.on:
            return self.effect(image, time=time)
        size = self.output_size((image.shape[1], image.shape[0]))
        if size == (image.shape[1], image.shape[0]):
            return image
        return np.asarray(cv2.resize(image, size, interpolation=cv2.INTER_CUBIC), np.uint8)

    @property
    def name(self) -> str:
        """Its name in the chain."""
        return self._name

    @property
    def level(self) -> str:
        """The effect's own."""
        return self.effect.level

    @property
    def device(self) -> str:
        """The effect's own."""
        return self.effect.device

    @property
    def remembers(self) -> bool:
        """The effect's own, also while it is off: it may be turned on."""
        return self.effect.remembers

    @property
    def notes(self) -> Sequence[str]:
        """The effect's own."""
        return self.effect.notes

    @property
    def status(self) -> str:
        """The effect's own; empty while it is off."""
        return self.effect.status if self.on else ""

    @property
    def pad(self) -> DrawingPad | None:
        """The effect's own."""
        return self.effect.pad

    def output_size(self, size: tuple[int, int]) -> tuple[int, int]:
        """Ask the effect, on or off."""
        return self.effect.output_size(size)

    def bare_model(self, size: tuple[int, int]) -> ImageModel | None:
        """The effect's own; None while it is off."""
        return self.effect.bare_model(size) if self.on else None

    def reset(self) -> None:
        """Reset the effect."""
        self.effect.reset()

    def close(self) -> None:
        """Close the effect."""
        self.effect.close()

    def read_ahead(self, frames: Callable[[], Iterable[Frame]], *, whole: bool = True) -> None:
        """Show the file to the effect."""
        self.effect.read_ahead(frames, whole=whole)

    def frame_took(self, seconds: float) -> None:
        """Tell the effect."""
        self.effect.frame_took(seconds)

    def listen_to(self, path: Path) -> None:
        """Tell the effect."""
        self.effect.listen_to(path)

    def quality_levels(self) -> Sequence[Sequence[Effect]]:
        """Offer those of the effect."""
        return self.effect.quality_levels()

    def identity(self) -> Mapping[str, str | None]:
        """Ask the effect."""
        return self.effect.identity()


def slots(effects: Sequence[Effect | ImageFunction]) -> list[EffectSlot]:
    """Put each effect into a slot with a name of its own: the second of one name is NAME#2.

    Args:
        effects: Slots among them are left as they are.
    """
    chain = [as_effect(effect) for effect in effects]
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
