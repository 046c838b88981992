"""What an effect is: an image in, an image out, and when each of its methods is called."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from copy import copy
from functools import cache
from inspect import get_annotations
from itertools import repeat
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self, get_type_hints

import numpy as np
from numpy.typing import NDArray

from gancam.effects._batches import as_batch, check_time, times
from gancam.errors import shown
from gancam.frame import Frame, Image, ImageLike, check_image, check_size
from gancam.inference.card import ModelCard
from gancam.inference.model import ImageModel, Model
from gancam.params import Parameter, Params, with_defaults
from gancam.threads import CallLock
from gancam.vision.pad import DrawingPad
from gancam.vision.scenes import Scenes


class Effect(ABC):
    """Makes an image from an image: subclass it and write ``__call__``; all else has a default.

    The caller of an effect guarantees that one thread calls it, that frames come in the order of their times, and that
    `params` change only between two calls. ``reset`` may come at any time between two calls. ``close`` comes once for
    each file or live session, after its last frame, also after an exception; after a ``reset`` the effect may be played
    again. (``gancam.pipeline.run`` and ``VideoCapture`` leave closing to their caller, who made the effect.)

    Args:
        **params: Values of its parameters.

    Attributes:
        card: What the effect's model says of itself; None for an effect without one.
        params: The declared parameters; set them at any time between two calls. A class says which it has by
            ``params: GrainParams = GrainParams()``; each effect then has its own.

    Raises:
        ParameterError: For a parameter that it does not have, and a value that it cannot have.
    """

    card: ModelCard | None = None
    if TYPE_CHECKING:
        params: Any  # a class says which they are: checkers then let it, and know no name of one that does not
    else:
        params = Params()

    def __init__(self, /, **params: object) -> None:
        for name, value in params.items():
            self.params.set(name, value)

    if not TYPE_CHECKING:  # type checkers know what attributes there are, and what ``__init__`` takes

        def __new__(cls, /, *_: object, **__: object) -> Self:
            made = super().__new__(cls)
            params = new_params(cls)
            if params is not None:
                made.__dict__["params"] = params
            return made

        def __setattr__(self, name: str, value: object) -> None:
            new = not (
                name.startswith("_") or name in self.__dict__ or any(name in vars(it) for it in type(self).__mro__)
            )
            if new and name in self.params.declared():
                cure = f"set it as effect.params.{name} = {shown(value)}"
                raise AttributeError(f"{name} is a parameter of {self.name}: {cure}")
            super().__setattr__(name, value)

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
        """Its name in reports and controls."""
        return self.card.name if self.card is not None else type(self).__name__

    @property
    def parameters(self) -> dict[str, Parameter]:
        """What `params` declares, by name; where the model's card says what suits it, that is the default."""
        return with_defaults(self.params.declared(), {} if self.card is None else self.card.defaults)

    @property
    def level(self) -> str:
        """Which of its ``quality_levels`` it is, for messages; empty where its name says so."""
        return ""

    @property
    def device(self) -> str:
        """Where it computes: "cpu", "cuda", "tensorrt" or "webgpu"."""
        return "cpu"

    @property
    def remembers(self) -> bool:
        """Whether its output may depend on earlier frames; asked before each job.

        If not, a resumed job does not show it the finished frames again, and workers skip frames that others make.
        """
        return True

    @property
    def can_skim(self) -> bool:
        """Whether `skim` is much faster than a call, so that several workers may share a file although it remembers."""
        return False

    def skim(self, image: Image, *, time: float | None = None) -> None:
        """See a frame whose output is not needed, so that later outputs are as if it had been called with it.

        By default it is called. Arguments and errors are those of a call.
        """
        self(image, time=time)

    @property
    def notes(self) -> list[str]:
        """Notes for the user on the frames since its parameters were last changed, or since ``reset``.

        Read for the report when playing ends, and at any time between two calls.
        """
        return []

    @property
    def detection_note(self) -> str:
        """What it detected in no frame since ``reset``, or in few, and a remedy; else empty. Shown for whole files."""
        return ""

    @property
    def opacity(self) -> Image | None:
        """Opacity of the last output, uint8 ``(h, w)``, of any size before the first frame; None: opaque."""
        return None

    @property
    def noop_reason(self) -> str:
        """Why it would change no frame with its current parameters, and a remedy; empty where it may change some."""
        return ""

    @property
    def status(self) -> str:
        """What it currently saves, in a few words for the overlay; asked once a frame, empty for nothing."""
        return ""

    def stats(self) -> Mapping[str, str | float | None]:
        """Give its statistics by name, for the log of a live session; asked once a frame."""
        return {}

    @property
    def pad(self) -> DrawingPad | None:
        """What a user draws on with the mouse; None where nothing can be drawn."""
        return None

    def output_size(self, size: tuple[int, int]) -> tuple[int, int]:
        """Give (width, height) of the output for an input of `size` (width, height). Raises ``InputError``."""
        return check_size(size)

    def knows_size(self, size: tuple[int, int]) -> bool:
        """Tell whether ``output_size`` can answer for `size` without trying the effect on a blank picture."""
        return True

    def bare_model(self, size: tuple[int, int], *, time: float | None = None) -> ImageModel | None:
        """Give the model if one call of it is all that happens to the next frame, of `size` (width, height).

        Asked before each frame, with its `time` in seconds, None for an image that has none. Models of effects that
        follow each other are played in a chain on their device (``gancam.inference.chain``), and those effects are not
        called for that frame. None: call it.
        """
        return None

    def reset(self) -> None:
        """Forget earlier frames: after a seek, a cut or a new source."""

    def continue_from(self, before: "Effect") -> None:
        """Take over what `before` remembers of earlier frames, as far as it fits.

        Called between two frames, when this one is played in the place of `before`: another of its ``quality_levels``,
        or the same effect of a newer file. That may be of another class, and may be played again later: then it
        continues from this one. Where nothing else is written this one begins anew.
        """
        if before is not self:
            self.reset()

    def close(self) -> None:
        """Finish what remains after the last frame, such as a file of masks.

        Raises:
            SinkError: Where that fails.
        """

    def discard(self) -> None:
        """Give up what ``close`` would finish: the job was interrupted, and will show all frames again."""

    def __enter__(self) -> Self:
        """Return the effect itself; `close` is called at the end of the ``with`` block."""
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def read_ahead(self, frames: Callable[[], Iterable[Frame]], *, whole: bool = True) -> None:
        """Learn from a file before its first frame is played; called for the first effect of a chain only.

        Args:
            frames: Each call reads the file from its start. Not called: nothing is read.
            whole: Whether that is all of the file, not a part.
        """

    def frame_took(self, seconds: float) -> None:
        """Be told how many seconds the last frame took, from its arrival until every output had it."""

    def listen_to(self, path: Path) -> None:
        """Follow the sound of `path`, the file that is played, unless another was given."""

    def prefer_quality(self) -> None:
        """Prefer quality to speed from now on: the frames go to a file, so nobody waits for them."""

    def quality_levels(self) -> "Sequence[Sequence[Effect]]":
        """Offer costlier and cheaper variants of itself, the best first (``gancam.Budget`` chooses among them).

        Returns:
            Groups of equally good ones, of which the fastest will be played. All give what ``output_size`` says; each
            is new, with parameters at their defaults so that it can be measured, of the class of `params`, which it
            will be given when it plays.
        """
        return [[self]]

    def identity(self) -> Mapping[str, str | None]:
        """Give what decides its output besides its parameters: entries for a job's manifest."""
        return {}


def new_params(kind: type[Effect]) -> Params | None:
    """Make the parameters that an effect of a class begins with; None where its `params` is something of its own.

    Those are a copy of the value that the class has, or of the class that its annotation names.
    """
    for one in kind.__mro__:
        if (value := vars(one).get("params")) is not None:
            return copy(value) if isinstance(value, Params) else None
        if (named := _annotated(one)) is not None:
            return named()
    return None


@cache
def _annotated(kind: type) -> type[Params] | None:
    """The class that the annotation of a class's `params` names, where that can be known from outside."""
    if "params" not in get_annotations(kind):
        return None
    with suppress(Exception):  # of names that are there for type checkers only, say
        named = get_type_hints(kind)["params"]
        return named if isinstance(named, type) and issubclass(named, Params) else None
    return None


class ModelEffect(Effect):
    """An effect that runs a network: subclass it and write ``compute``.

    Calls are safe from several threads; they queue. One that ``remembers`` takes them for frames of one video, in the
    order in which they come, so give each video an effect of its own: ``copy.deepcopy`` makes one, and so does
    ``pickle``, for another process. A copy has the model, opened anew, and the parameters, but no memory of frames.

    Args:
        model: The open model file.
        params: What can be set while it runs.

    Attributes:
        card: The model's card.
        model: The open model file.
    """

    card: ModelCard
    if TYPE_CHECKING:
        model: Any  # a class says which it takes

    def __init__(self, model: Model, params: Params) -> None:
        self.card, self.model, self.params = model.card, model, params
        self._lock = CallLock()  # of all that it remembers
        self._scenes = Scenes()  # of a network that carries states

    def __call__(self, image: ImageLike, *, time: float | None = None) -> Image:
        """Make the output for one image, or for several that follow each other.

        Args:
            image: ``uint8 (H, W, 3)`` BGR, or ``(n, H, W, 3)``: n frames, made one after the other.
            time: Seconds on the source's clock; None for an image that has none. Of several, that of the first, and
                the others are a thirtieth of a second apart.

        Returns:
            ``uint8 (h, w, 3)``, or ``(n, h, w, 3)``; see ``Effect``.

        Raises:
            ImageError: For anything that is no such image.
            InputError: For a time that is no finite number.
            GancamError: For what keeps this frame from being made.
        """
        time = check_time(time)
        with self._lock:
            images = as_batch(image)
            if images is None:
                return self._following(check_image(image), time)
            frames = zip(images, times(time), strict=False)
            return self._stacked(images, (self._following(one, at) for one, at in frames))

    def _following(self, image: Image, time: float | None) -> Image:
        """Make the output for the next frame; a network that carries states begins anew at a cut."""
        if self.card.recurrent and self._scenes(image).before is None:
            self._forget()
        return self.compute(image, time)

    def _forget(self) -> None:
        if isinstance(self.model, ImageModel):
            self.model.reset()

    def reset(self) -> None:
        """Forget the frames before, those that the network remembers."""
        with self._lock:
            self._scenes.reset()
            self._forget()

    def _take_states(self, before: "ModelEffect", *, fit: bool) -> None:
        """Take what the network of `before` carries; begin anew where that does not `fit`.

        It does where that network is this one, in any precision, and is shown frames of that size.
        """
        self._forget()
        if not fit:
            self._scenes.reset()
            return
        self._scenes, before._scenes = before._scenes, self._scenes
        if isinstance(self.model, ImageModel) and isinstance(before.model, ImageModel):
            self.model.continue_from(before.model)

    @abstractmethod
    def compute(self, image: Image, time: float | None) -> Image:
        """Make the output for one image that has been checked; one thread at a time is in here."""

    def _stacked(self, images: Image, results: Iterable[Image]) -> Image:
        """The results for `images`, ``(n, H, W, 3)``, as one array."""
        width, height = self.output_size((images.shape[2], images.shape[1]))
        made = np.empty((len(images), height, width, 3), np.uint8)
        for place, result in zip(made, results, strict=True):
            place[...] = result
        return made

    def arguments(self) -> Mapping[str, object]:
        """What the class is made with, beside model and parameters, for a copy that does the same."""
        return {}

    def __reduce__(self) -> tuple[object, ...]:
        return _again, (type(self), self.model, self.params, dict(self.arguments()))

    def __repr__(self) -> str:
        known = self.parameters
        changed = [f"{key}={value!r}" for key, value in self.params.values().items() if value != known[key].default]
        about = [repr(self.card.name), f"device={self.device!r}", f"precision={self.model.precision!r}", *changed]
        return f"<gancam.{type(self).__name__} {' '.join(about)}>"

    @property
    def device(self) -> str:
        """Where its network runs: "cpu", "cuda", "tensorrt" or "webgpu"."""
        model: Model = self.model
        return model.device

    def identity(self) -> Mapping[str, str | None]:
        """Tell the model file by its SHA-256, and where it runs."""
        return {"model": self.model.digest, "device": self.device}


class MaskedEffect(ModelEffect):
    """An effect that works where a mask says, which may come with each call."""

    def __call__(
        self, image: ImageLike, mask: NDArray[np.generic] | None = None, *, time: float | None = None
    ) -> Image:
        """Make a new image of `image`, or images of several; see ``ModelEffect``.

        Args:
            image: ``uint8 (H, W, 3)`` BGR, or ``(n, H, W, 3)``.
            mask: ``(H, W)``: uint8 or bool (not 0: marked) or float (over 0.5: marked); None: what its parameters say.
                For n images also ``(n, H, W)``, one for each.
            time: In seconds.

        Raises:
            ImageError: For anything that is no such image.
            InputError: For a time that is no finite number.
            MaskError: For a mask that is none of that image.
        """
        time = check_time(time)
        with self._lock:
            images = as_batch(image)
            if images is None:
                return self.compute_masked(check_image(image), time, mask)
            each = (
                mask if isinstance(mask, np.ndarray) and mask.ndim == 3 and len(mask) == len(images) else repeat(mask)
            )
            frames = zip(images, times(time), each, strict=False)
            return self._stacked(images, (self.compute_masked(*frame) for frame in frames))

    def compute(self, image: Image, time: float | None) -> Image:
        """Make the output where the parameters mark something."""
        return self.compute_masked(image, time, None)

    @abstractmethod
    def compute_masked(self, image: Image, time: float | None, mask: NDArray[np.generic] | None) -> Image:
        """Make the output for one image that has been checked; one thread at a time is in here."""


def _again(kind: type[ModelEffect], model: Model, params: Params, arguments: Mapping[str, object]) -> ModelEffect:
    effect = kind(model, params, **arguments)
    effect.reset()  # masks come along as they were
    return effect
