"""What an effect is: an image in, an image out, and when each of its methods is called."""

import inspect
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from types import BuiltinFunctionType, FunctionType, MethodType
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from gancam.frame import Frame, Image
from gancam.inference.card import ModelCard
from gancam.inference.model import ImageModel, Model
from gancam.params import Params
from gancam.vision.pad import DrawingPad

ImageFunction: TypeAlias = Callable[..., Image]
"""A plain function ``image -> image`` or ``(image, time=...) -> image``: ``uint8 (H, W, 3)`` BGR in, the same kind out,
of any size."""


class Effect(ABC):
    """Takes an image and gives an image: subclass it and write ``__call__``; all else has a default.

    Who plays an effect promises: one thread calls it, frames come in the order of their times, and `params` change
    only between two calls. ``reset`` may come at any time between two calls. ``close`` comes once for each file or live
    session, after its last frame, also after an exception; after a ``reset`` the effect may be played again.
    (``gancam.pipeline.run`` and ``VideoCapture`` leave that to their caller, who made the effect.)

    Attributes:
        card: What the effect's model says of itself; None for an effect without one.
        params: The declared parameters; set them at any time between two calls.
    """

    card: ModelCard | None = None
    params: Params = Params()

    @abstractmethod
    def __call__(self, image: Image, *, time: float | None = None) -> Image:
        """Make the output for one image.

        Args:
            image: ``uint8 (H, W, 3)`` BGR; the caller's, never to be changed.
            time: Seconds on the source's clock; None for an image that has none.

        Returns:
            ``uint8 (h, w, 3)`` BGR of the size that ``output_size`` says: a new array, or `image` itself for "nothing
            to do".

        Raises:
            ImageError: For anything that is no such image.
            GancamError: For what keeps this frame from being made; playing ends with it.
        """

    @property
    def name(self) -> str:
        """What to call it in reports and controls."""
        return self.card.name if self.card is not None else type(self).__name__

    @property
    def level(self) -> str:
        """What tells it apart from its other ``quality_levels``, for messages; empty where its name does."""
        return ""

    @property
    def device(self) -> str:
        """Where it computes: "cpu", "cuda" or "tensorrt"."""
        return "cpu"

    @property
    def remembers(self) -> bool:
        """Whether frames before this one may show in it; asked before each job.

        Without memory, a resumed job need not show it the finished frames again, and workers skip what others make.
        """
        return True

    @property
    def notes(self) -> Sequence[str]:
        """What it did that the user should know; read for the report when playing ends."""
        return ()

    @property
    def status(self) -> str:
        """What it saves just now, in a few words for the overlay; asked once a frame, empty for nothing."""
        return ""

    @property
    def pad(self) -> DrawingPad | None:
        """What a user draws on with the mouse; None where nothing can be drawn."""
        return None

    def output_size(self, size: tuple[int, int]) -> tuple[int, int]:
        """Give (width, height) of the output for an input of `size`, also (width, height)."""
        return size

    def bare_model(self, size: tuple[int, int]) -> ImageModel | None:
        """Name the model whose call is all that it would do to the next frame, of `size` (width, height), as it is set.

        Asked before each frame. Models of effects that follow each other are played in a chain on their device
        (``gancam.inference.chain``), and those effects are not called for that frame. None: call it.
        """
        return None

    def reset(self) -> None:
        """Forget what was seen: a seek, a cut, a new source."""

    def close(self) -> None:
        """Finish what outlives the frames (a file of masks, say).

        Raises:
            SinkError: Where that fails.
        """

    def read_ahead(self, frames: Callable[[], Iterable[Frame]], *, whole: bool = True) -> None:
        """Learn from a file before its first frame is played; called for the first effect of a chain only.

        Args:
            frames: Each call reads the file from its start. Not called: nothing is read.
            whole: Whether that is all of the file, not a part.
        """

    def frame_took(self, seconds: float) -> None:
        """Hear how long the newest frame took from its arrival until every output had it; called after each frame."""

    def listen_to(self, path: Path) -> None:
        """Take `path`, the file being played, for the sound to follow, where no other was given."""

    def quality_levels(self) -> "Sequence[Sequence[Effect]]":
        """Offer dearer and cheaper ways to do the same, the best first (``gancam.Budget`` chooses among them).

        Returns:
            Groups of equally good ones, of which the fastest will be played. All give what ``output_size`` says; each
            is new, with parameters at their defaults so that it can be measured, of the class of `params`, which it
            will be given when it plays.
        """
        return [[self]]

    def identity(self) -> Mapping[str, str | None]:
        """Tell what else than its parameters decides how its output looks: entries for a job's manifest."""
        return {}


class ModelEffect(Effect):
    """An effect that runs a network.

    Attributes:
        card: The model's card.
        model: The open model file.
    """

    card: ModelCard
    model: Model

    @property
    def device(self) -> str:
        """Where its network runs: "cpu", "cuda" or "tensorrt"."""
        return self.model.device

    def identity(self) -> Mapping[str, str | None]:
        """Tell the model file by its SHA-256, and where it runs."""
        return {"model": self.model.digest, "device": self.device}


class MaskedEffect(ModelEffect):
    """An effect that works where a mask says, which may come with each call."""

    @abstractmethod
    def __call__(self, image: Image, *, time: float | None = None, mask: NDArray[np.generic] | None = None) -> Image:
        """Make a new image of `image`; see ``Effect``.

        Args:
            image: ``uint8 (H, W, 3)`` BGR.
            time: In seconds.
            mask: ``(H, W)``: uint8 or bool (not 0: marked) or float (over 0.5: marked); None: what its parameters say.
        """


class FunctionEffect(Effect):
    """A plain function as an effect."""

    def __init__(self, function: ImageFunction) -> None:
        named = isinstance(function, FunctionType | BuiltinFunctionType | MethodType)
        self._function, self._name = function, function.__name__ if named else type(function).__name__
        try:
            self._takes_time = "time" in inspect.signature(function).parameters
        except (TypeError, ValueError):  # some builtins tell nothing
            self._takes_time = False

    def __call__(self, image: Image, *, time: float | None = None) -> Image:
        """Call the function, with the time where it takes one."""
        return self._function(image, time=time) if self._takes_time else self._function(image)

    @property
    def name(self) -> str:
        """The function's name; of another callable that of its class."""
        return self._name

    def output_size(self, size: tuple[int, int]) -> tuple[int, int]:
        """Try the function on a black image of `size`, since it cannot be asked."""
        height, width = self(np.zeros((size[1], size[0], 3), np.uint8)).shape[:2]
        return width, height


def as_effect(effect: Effect | ImageFunction) -> Effect:
    """Give `effect` itself, or a plain function as one."""
    return effect if isinstance(effect, Effect) else FunctionEffect(effect)
