"""Effects made of others: all that they do not do themselves is asked of those inside."""

from abc import abstractmethod
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import ExitStack
from functools import reduce
from pathlib import Path

import cv2
import numpy as np

from gancam.effects._checks import prefix_errors
from gancam.effects._contract import Effect
from gancam.errors import MaskError, ParameterError
from gancam.frame import Frame, Image, check_size
from gancam.params import Parameter
from gancam.vision.pad import DrawingPad


class EffectChain(Effect):
    """Effects one after the other as one: subclass it and write `inside` and ``__call__``.

    All else is asked of those inside, but for `level`, `quality_levels` and `bare_model`: how it plays them is its own.
    """

    @property
    @abstractmethod
    def inside(self) -> Sequence[Effect]:
        """What plays now, in order; it may be nothing, and other effects with each frame."""

    @property
    def name(self) -> str:
        """Their names."""
        return " + ".join(effect.name for effect in self.inside)

    @property
    def parameters(self) -> dict[str, Parameter]:
        """Those of the first."""
        return self.inside[0].parameters if self.inside else {}

    @property
    def device(self) -> str:
        """Where they compute: the first device that is not the CPU, or that."""
        return next((effect.device for effect in self.inside if effect.device != "cpu"), "cpu")

    @property
    def remembers(self) -> bool:
        """Whether one of them does."""
        return any(effect.remembers for effect in self.inside)

    @property
    def can_skim(self) -> bool:
        """Whether the first does, and no other remembers."""
        return bool(self.inside) and self.inside[0].can_skim and not any(effect.remembers for effect in self.inside[1:])

    def skim(self, image: Image, *, time: float | None = None) -> None:
        """Let them see `image`, none of them more of it than those that remember need."""
        inside = list(self.inside)
        last = max((place for place, effect in enumerate(inside) if effect.remembers), default=-1)
        if last >= 0:
            for effect in inside[:last]:
                image = effect(image, time=time)
            inside[last].skim(image, time=time)

    @property
    def notes(self) -> list[str]:
        """Those of all."""
        return [note for effect in self.inside for note in effect.notes]

    @property
    def detection_note(self) -> str:
        """What any of them did not find."""
        return "; ".join(effect.detection_note for effect in self.inside if effect.detection_note)

    @property
    def opacity(self) -> Image | None:
        """What all of them leave to be seen."""
        planes = [opacity for effect in self.inside if (opacity := effect.opacity) is not None]
        return reduce(_through_both, sorted(planes, key=lambda plane: -plane.size)) if planes else None

    @property
    def noop_reason(self) -> str:
        """Why none of them would change a frame; empty where one may."""
        said = [effect.noop_reason for effect in self.inside]
        return "; ".join(said) if all(said) else ""

    @property
    def status(self) -> str:
        """What they save."""
        return "; ".join(effect.status for effect in self.inside if effect.status)

    def stats(self) -> Mapping[str, str | float | None]:
        """Give what all of them count."""
        return {key: value for effect in self.inside for key, value in effect.stats().items()}

    @property
    def pad(self) -> DrawingPad | None:
        """That of the first that has one."""
        return next((pad for effect in self.inside if (pad := effect.pad) is not None), None)

    def output_size(self, size: tuple[int, int]) -> tuple[int, int]:
        """Give (width, height) of what comes out of the last. Raises ``InputError`` for no size."""
        size = check_size(size)
        for effect in self.inside:
            size = effect.output_size(size)
        return size

    def knows_size(self, size: tuple[int, int]) -> bool:
        """Tell whether all do."""
        for effect in self.inside:
            if not effect.knows_size(size):
                return False
            size = effect.output_size(size)
        return True

    def reset(self) -> None:
        """Reset all."""
        for effect in self.inside:
            effect.reset()

    def continue_from(self, before: Effect) -> None:
        """Have each continue from the one in its place in `before`; where that has not as many, all begin anew."""
        others = before.inside if isinstance(before, EffectChain) else ()
        if len(others) != len(self.inside):
            super().continue_from(before)
            return
        for effect, other in zip(self.inside, others, strict=True):
            effect.continue_from(other)

    def close(self) -> None:
        """Close all, also those after one that fails."""
        with ExitStack() as over:
            for effect in reversed(self.inside):
                over.callback(effect.close)

    def discard(self) -> None:
        """Tell all, also those after one that fails."""
        with ExitStack() as over:
            for effect in reversed(self.inside):
                over.callback(effect.discard)

    def read_ahead(self, frames: Callable[[], Iterable[Frame]], *, whole: bool = True) -> None:
        """Show the file to the first."""
        for effect in self.inside[:1]:
            with prefix_errors(effect.name, MaskError, ParameterError):  # all else may be the file's
                effect.read_ahead(frames, whole=whole)

    def frame_took(self, seconds: float) -> None:
        """Tell all."""
        for effect in self.inside:
            effect.frame_took(seconds)

    def listen_to(self, path: Path) -> None:
        """Tell all."""
        for effect in self.inside:
            effect.listen_to(path)

    def prefer_quality(self) -> None:
        """Tell all."""
        for effect in self.inside:
            effect.prefer_quality()

    def identity(self) -> Mapping[str, str | None]:
        """Ask all; what those after the first tell, with names and parameters, has their places behind it."""
        told = dict(self.inside[0].identity()) if self.inside else {}
        for place, effect in enumerate(self.inside[1:], 2):
            own = {"effect": effect.name, "params": str(effect.params.values()), **effect.identity()}
            told |= {f"{key}#{place}": value for key, value in own.items()}
        return told


def _through_both(one: Image, other: Image) -> Image:
    """What is left of the one opacity by another, which is scaled to it."""
    if other.shape != one.shape:
        other = np.asarray(cv2.resize(other, one.shape[::-1], interpolation=cv2.INTER_CUBIC), np.uint8)
    return np.asarray(cv2.multiply(one, other, scale=1 / 255), np.uint8)


class EffectWrapper(EffectChain):
    """Another effect with something around it: subclass it and write ``__call__``; all else is that effect's own.

    Attributes:
        effect: The effect inside.
    """

    def __init__(self, effect: Effect) -> None:
        self.effect = effect
        self.card, self.params = effect.card, effect.params

    @property
    def inside(self) -> Sequence[Effect]:
        """The one."""
        return (self.effect,)

    def plain(self, image: Image) -> Image:
        """Give `image` as it is without the effect, scaled (bicubic) to the size that it would have."""
        size = self.output_size((image.shape[1], image.shape[0]))
        if size == (image.shape[1], image.shape[0]):
            return image
        return np.asarray(cv2.resize(image, size, interpolation=cv2.INTER_CUBIC), np.uint8)

    @property
    def level(self) -> str:
        """The effect's own."""
        return self.effect.level
