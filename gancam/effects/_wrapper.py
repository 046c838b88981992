"""An effect around another: all that it does not do itself is asked of that."""

from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

import cv2
import numpy as np

from gancam.effects._contract import Effect
from gancam.frame import Frame, Image
from gancam.params import Parameter
from gancam.vision.pad import DrawingPad


class EffectWrapper(Effect):
    """Another effect with something around it: subclass it and write ``__call__``; all else is that effect's own.

    Only `quality_levels` and `bare_model` are not: what is around belongs to how it plays.

    Attributes:
        effect: The effect inside.
    """

    def __init__(self, effect: Effect) -> None:
        self.effect = effect
        self.card, self.params = effect.card, effect.params

    def plain(self, image: Image) -> Image:
        """Give `image` as it is without the effect, scaled (bicubic) to the size that it would have."""
        size = self.output_size((image.shape[1], image.shape[0]))
        if size == (image.shape[1], image.shape[0]):
            return image
        return np.asarray(cv2.resize(image, size, interpolation=cv2.INTER_CUBIC), np.uint8)

    @property
    def name(self) -> str:
        """The effect's own."""
        return self.effect.name

    @property
    def parameters(self) -> dict[str, Parameter]:
        """The effect's own."""
        return self.effect.parameters

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
        """The effect's own."""
        return self.effect.remembers

    @property
    def skims(self) -> bool:
        """The effect's own."""
        return self.effect.skims

    @property
    def notes(self) -> list[str]:
        """The effect's own."""
        return self.effect.notes

    @property
    def unfound(self) -> str:
        """The effect's own."""
        return self.effect.unfound

    @property
    def opacity(self) -> Image | None:
        """The effect's own."""
        return self.effect.opacity

    @property
    def idle(self) -> str:
        """The effect's own."""
        return self.effect.idle

    @property
    def status(self) -> str:
        """The effect's own."""
        return self.effect.status

    def figures(self) -> Mapping[str, str | float | None]:
        """Ask the effect."""
        return self.effect.figures()

    @property
    def pad(self) -> DrawingPad | None:
        """The effect's own."""
        return self.effect.pad

    def output_size(self, size: tuple[int, int]) -> tuple[int, int]:
        """Ask the effect."""
        return self.effect.output_size(size)

    def reset(self) -> None:
        """Reset the effect."""
        self.effect.reset()

    def close(self) -> None:
        """Close the effect."""
        self.effect.close()

    def discard(self) -> None:
        """Tell the effect."""
        self.effect.discard()

    def read_ahead(self, frames: Callable[[], Iterable[Frame]], *, whole: bool = True) -> None:
        """Show the file to the effect."""
        self.effect.read_ahead(frames, whole=whole)

    def frame_took(self, seconds: float) -> None:
        """Tell the effect."""
        self.effect.frame_took(seconds)

    def listen_to(self, path: Path) -> None:
        """Tell the effect."""
        self.effect.listen_to(path)

    def take_time(self) -> None:
        """Tell the effect."""
        self.effect.take_time()

    def identity(self) -> Mapping[str, str | None]:
        """Ask the effect."""
        return self.effect.identity()
