"""Effects: image in, image out. One file an effect; a model's card names the file that plays it."""

from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Protocol

from gancam.effects._spec import EffectSpec, check_spec
from gancam.errors import ModelError
from gancam.frame import Image
from gancam.inference.card import ModelCard
from gancam.inference.catalog import open_model
from gancam.params import Params


class Effect(Protocol):
    """What every effect is.

    Calling it with an Image ``(H, W, 3)`` gives a new Image, of the size that `output_size` says; ``ImageError`` for
    anything that is no Image. `params` may be changed between calls.

    An effect of which there are dearer and cheaper ways may offer them to whoever watches the time
    (``gancam.budget.Budget``): ``ladder() -> Sequence[Sequence[Effect]]``, the best first, groups of equally good ones,
    among which the fastest will be played. All give what `output_size` says and are the same kind of effect; each is
    new, with parameters at their defaults so that it can be measured, of the class of `params`, which it will be given
    when it plays. A ``name`` says what is particular about each.

    An effect whose result depends on the one image, its time and its parameters alone may set ``remembers = False``:
    a resumed job then need not show it the frames again that are done. One with ``read_ahead(frames, whole=...)`` is
    shown, when it is the first of a chain, a file before that is played: each call of ``frames`` reads it from its
    start, and `whole` tells that it is not a part of a longer one. One with ``close()`` is told when the work is over,
    and may raise ``SinkError``. ``doing`` (a text,
    often empty) is what it saves just now, for the overlay; ``notes`` (texts) what it did, for the report.
    """

    card: ModelCard
    params: Params

    def __call__(self, image: Image, *, time: float | None = None) -> Image: ...

    def output_size(self, size: tuple[int, int]) -> tuple[int, int]:
        """(width, height) of the output for an input of `size`, also (width, height)."""

    def reset(self) -> None:
        """Forget what was seen: a seek, a cut, a new source."""


def load(
    name: str | Path,
    *,
    device: str = "auto",
    precision: str = "auto",
    threads: int | None = None,
    **params: Any,
) -> Effect:
    """The effect of a bundled model (`"sr-x2"`) or of an .onnx file, ready to be called.

    `device` is auto, cpu or cuda; `precision` auto, fp32, fp16 or int8; `threads` those of one call on the CPU. The
    other arguments are the effect's own declared parameters.

    Raises ``NotFound`` (names what is near), ``ModelError``, ``DeviceError``, ``ParameterError``.
    """
    model = open_model(name, device=device, precision=precision, threads=threads)
    module_name = f"{__name__}.{model.card.effect}"
    if find_spec(module_name) is None:
        raise ModelError(
            f"{model.path}: its card names the effect {model.card.effect!r}, which this gancam does not have"
        )
    effect: Effect = import_module(module_name).build(model, params)
    return effect


__all__ = ["Effect", "EffectSpec", "check_spec", "load"]
