"""Effects: image in, image out. One file an effect; a model's card names the file that plays it."""

import logging
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Protocol

from gancam.card import ModelCard
from gancam.errors import InputError, ModelError, NotFound, near
from gancam.frame import Image
from gancam.model import Model, variants
from gancam.params import Params

log = logging.getLogger(__name__)
MODELS = Path(__file__).parent.parent / "models"


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


def menu() -> dict[str, Path]:
    """The bundled models by name, the folder's listing."""
    names = {path.name.removesuffix(".onnx"): path for path in MODELS.glob("[!.]*.onnx")}
    return {name: names[name] for name in sorted(names) if name.rpartition(".")[2] not in ("fp16", "int8")}


def find(name: str | Path) -> Path:
    """The file of a bundled model by name, or `name` itself where it is the path of an .onnx. Raises ``NotFound``."""
    bundled = menu()
    if str(name) in bundled:
        return bundled[str(name)]
    path = Path(name)
    if path.suffix == ".onnx":
        if variants(path):
            return path
        raise NotFound(f"no model file {path}")
    raise NotFound(f"no effect {str(name)!r}{near(str(name), bundled)}; `gancam models` lists them")


def open_model(name: str | Path, *, device: str = "auto", precision: str = "auto", threads: int | None = None) -> Model:
    """The bundled model of that name, or the .onnx file, open. A licence that forbids commercial use is told in the
    log. Raises as `load` does."""
    model = Model(find(name), device=device, precision=precision, threads=threads)
    if model.card.restricted:
        log.warning("%s: its licence allows no commercial use (%s)", model.card.name, model.card.licence)
    return model


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


def parse(text: str) -> tuple[str, dict[str, str]]:
    """`NAME[:key=value[:key=value...]]` of the command line as name and parameters; a key alone turns something on.

    Raises ``InputError``.
    """
    name, *pairs = text.split(":")
    params = {}
    for pair in pairs:
        key, equals, value = pair.partition("=")
        if not key.isidentifier():
            raise InputError(f"effect {text!r}: {pair!r} is not key=value")
        params[key] = value if equals else "on"
    if not name:
        raise InputError(f"effect {text!r} has no name")
    return name, params


__all__ = ["Effect", "find", "load", "menu", "open_model", "parse"]
