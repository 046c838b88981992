"""Effects: image in, image out. One file an effect; a model's card names the file that plays it."""

import json
import logging
import re
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from functools import cache
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from pkgutil import iter_modules
from types import MappingProxyType
from typing import Any, Protocol, Self

from gancam.card import ModelCard
from gancam.errors import InputError, ModelError, NotFound, near
from gancam.frame import Image
from gancam.model import Model, read_card, variants
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


def declared(effect: str) -> type[Params] | None:
    """The class of the parameters that the effect module of that name declares; None where there is no such module."""
    if find_spec(f"{__name__}.{effect}") is None:
        return None
    module = import_module(f"{__name__}.{effect}")
    own = (one for one in vars(module).values() if isinstance(one, type) and one.__module__ == module.__name__)
    return next((one for one in own if issubclass(one, Params)), None)


@cache
def switches() -> tuple[str, ...]:
    """The names of all parameters that are on or off: those that may stand alone in the text of an `EffectSpec`."""
    found = set[str]()
    for module in iter_modules(__path__):
        params = declared(module.name)
        found |= {one.name for one in params.declared().values() if one.type is bool} if params is not None else set()
    return tuple(sorted(found))


@dataclass(frozen=True, slots=True)
class EffectSpec:
    """An effect as its user asked for it: the name of its model, or the path of an .onnx, and its parameters as texts.

    Neither the name nor the parameters are known to exist: `check` and `load` tell. `params` cannot be changed.

    Raises ``InputError`` for an empty name, and for a key that no parameter can have.
    """

    name: str
    params: Mapping[str, str] = field(default_factory=dict, hash=False)

    def __post_init__(self) -> None:
        if not self.name:
            raise InputError("an effect needs a name")
        for key in self.params:
            if not (key.isidentifier() and _KEY.fullmatch(f":{key}=")):
                raise InputError(f"effect {self.name!r}: {key!r} is no name of a parameter")
        object.__setattr__(self, "params", MappingProxyType(dict(self.params)))

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read `NAME[:key=value...]`, the form of the command line.

        A switch alone (`:draw`) turns it on. A colon begins a parameter only before `key=` or before a switch that
        some effect has, so `C:\\a.onnx`, `mask=C:\\a.png` and URLs are whole. A value (or name) in double quotes, with
        the escapes of JSON, may hold anything.

        Raises ``InputError``.
        """
        name, at = _value(text, 0)
        if not name:
            raise InputError(f"effect {text!r} has no name")
        if ":" in text[:at] and not text.startswith('"') and not name.endswith(".onnx"):
            rest, alone = name.partition(":")[2], ", ".join(switches())
            raise InputError(f"effect {text!r}: {rest!r} is not key=value, nor one of those that stand alone: {alone}")
        params = dict[str, str]()
        while at < len(text):
            begun = _key(text, at)
            assert begun is not None
            params[begun[1]], at = _value(text, begun.end()) if begun[2] else ("on", begun.end())
        return cls(name, params)

    def __str__(self) -> str:
        """The text that `parse` makes this of."""
        path = ":" not in self.name or self.name.endswith(".onnx")
        name = _written(self.name) if path else json.dumps(self.name, ensure_ascii=False)
        return ":".join([name, *(f"{key}={_written(value)}" for key, value in self.params.items())])

    def __reduce__(self) -> tuple[type[Self], tuple[str, dict[str, str]]]:
        return type(self), (self.name, dict(self.params))


_KEY = re.compile(r":([^\W\d]\w*)(=|(?=:|\Z))")


def _key(text: str, at: int) -> re.Match[str] | None:
    """Where the next parameter begins: its key, and "=" unless it is a switch."""
    for found in _KEY.finditer(text, at):
        if found[1].isidentifier() and (found[2] or found[1] in switches()):
            return found
    return None


def _value(text: str, at: int) -> tuple[str, int]:
    """The name or value at `at`, and where it ends."""
    begun = _key(text, at)
    end = begun.start() if begun is not None else len(text)
    if text.startswith('"', at):
        with suppress(ValueError):  # else the quotation marks are a part of it
            value, closed = json.JSONDecoder().raw_decode(text, at)
            after = _key(text, closed)
            if closed == len(text) or (after is not None and after.start() == closed):
                return str(value), closed
    return text[at:end], end


def _written(value: str) -> str:
    """`value` as `_value` reads it."""
    return json.dumps(value, ensure_ascii=False) if value.startswith('"') or _key(value, 0) else value


def check(spec: EffectSpec) -> None:
    """Find what is wrong with `spec` at the cost of reading a card, before anything is loaded or tried.

    Raises ``NotFound``, ``ModelError`` for what is no model, and ``ParameterError``.
    """
    path = find(spec.name)
    if spec.params:
        params = declared(read_card(next(iter(variants(path).values()))).effect)
        if params is not None:
            params.of(**spec.params)


__all__ = ["Effect", "EffectSpec", "check", "declared", "find", "load", "menu", "open_model", "switches"]
