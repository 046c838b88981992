"""An effect as the command line and presets name it, parsed once."""

import json
import os
import re
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from functools import cache
from importlib import import_module
from pathlib import Path
from pkgutil import iter_modules
from types import MappingProxyType, ModuleType
from typing import Self

from gancam.effects._registered import params_of, player, registered, standalone
from gancam.errors import InputError, ModelError, NotFound, ParameterError, nearest
from gancam.inference.card import ModelCard
from gancam.inference.catalog import find, menu, user_menu
from gancam.inference.importing.weights import SUFFIXES
from gancam.inference.variants import read_card, variants
from gancam.params import Params


def effect_names() -> list[str]:
    """List the effects that play models, and other packages' own.

    Those are the names of the files of this folder, but for those that begin with an underscore, and entry points of
    the group ``gancam.effects``.
    """
    return sorted({*_own_names(), *registered()})


@cache
def _own_names() -> tuple[str, ...]:
    found = iter_modules([str(Path(__file__).parent)])
    return tuple(module.name for module in found if not module.ispkg and not module.name.startswith("_"))


def effect_module(effect: str) -> ModuleType | None:
    """Find the module that plays models whose card names `effect`; None where there is none."""
    return import_module(f"gancam.effects.{effect}") if effect in _own_names() else player(effect)


def declared(effect: str) -> type[Params] | None:
    """Find the class of the parameters that an effect declares; None where there is no such effect."""
    alone = None if effect in _own_names() else standalone(effect)
    if alone is not None:
        return params_of(alone)
    module = effect_module(effect)
    if module is None:
        return None
    named = [one for one in vars(module).values() if isinstance(one, type) and issubclass(one, Params)]
    named.sort(key=lambda one: one.__module__ != module.__name__)  # its own before what it has from elsewhere
    return next((one for one in named if one is not Params), None)


def declared_for(card: ModelCard) -> type[Params] | None:
    """Find the class of the parameters that change something with a model; None where its effect is not there."""
    params = declared(card.effect)
    return None if params is None else params.suited(card)


@cache
def flag_names() -> tuple[str, ...]:
    """List all parameters that are on or off: those that may stand alone in the text of an `EffectSpec`."""
    found = set[str]()
    for name in effect_names():
        params = None
        with suppress(ModelError):  # of another package's effect that cannot be loaded: told to who asks for it
            params = declared(name)
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
                raise InputError(f"effect {self.name!r}: {key!r} is not a parameter name")
        object.__setattr__(self, "params", MappingProxyType(dict(self.params)))

    @classmethod
    def parse(cls, text: str) -> Self:
        r"""Read `NAME[:key=value...]`, the form of the command line.

        A switch alone (`:draw`) turns it on. A colon begins a parameter only before `key=` or before a switch that
        some effect has, so `C:\a.onnx`, `mask=C:\a.png` and URLs are whole. A value (or name) in double quotes, with
        the escapes of JSON, may hold anything.

        Raises ``InputError``.
        """
        name, at = _value(text, 0)
        if not name:
            raise InputError(f"effect {text!r} has no name")
        if ":" in text[:at] and not text.startswith('"') and not name.lower().endswith(_FILES):
            model, _, rest = name.partition(":")
            if not rest:
                raise InputError(f"effect {text!r}: '' is not key=value: remove the colon, or write key=value after it")
            raise InputError(f"effect {text!r}: {rest!r} is not key=value{_instead(model, rest)}")
        params = dict[str, str]()
        while at < len(text):
            begun = _key(text, at)
            assert begun is not None
            value, at = _value(text, begun.end()) if begun[2] else ("on", begun.end())
            if begun[1] in params:
                given = params[begun[1]]
                raise InputError(f"effect {text!r}: {begun[1]} is given twice, as {given!r} and as {value!r}")
            params[begun[1]] = value
        return cls(name, params)

    def __str__(self) -> str:
        """Write it as the text that `parse` makes this of."""
        path = ":" not in self.name or self.name.lower().endswith(_FILES)
        name = _written(self.name) if path else json.dumps(self.name, ensure_ascii=False)
        return ":".join([name, *(f"{key}={_written(value)}" for key, value in self.params.items())])

    def __reduce__(self) -> tuple[type[Self], tuple[str, dict[str, str]]]:
        return type(self), (self.name, dict(self.params))


def spec_of(name: str | Path) -> EffectSpec:
    """Read `name` as ``EffectSpec.parse`` does; what is a path is one, with all its colons."""
    if isinstance(name, Path) or ":" not in name or os.path.exists(name):
        return EffectSpec(str(name))
    return EffectSpec.parse(name)


_FILES = (".onnx", *SUFFIXES)  # that a name may be a path of
_KEY = re.compile(r":([^\W\d]\w*)(=|(?=:|\Z))")


def _key(text: str, at: int) -> re.Match[str] | None:
    """Where the next parameter begins: its key, and "=" unless it is a switch."""
    for found in _KEY.finditer(text, at):
        if found[1].isidentifier() and (found[2] or found[1] in flag_names()):
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


def _instead(model: str, rest: str) -> str:
    """The end of a message, for what stands behind the colon of an effect and is none of its switches."""
    params: Params | None = None
    with suppress(NotFound, InputError, ModelError):
        params = spec_params(EffectSpec(model))
    if params is None:
        return ", nor a switch that an effect has"
    known = params.declared()
    flags = [name for name, one in known.items() if one.type is bool]
    if (one := known.get(rest)) is not None:
        return f": {rest} takes {one.describe()}, as in {model}:{rest}={one.text(one.default)}"
    near = nearest(rest, known)
    return f"{near}, nor a switch of {model}: {', '.join(flags)}" if flags else f"{near}, and {model} has no switches"


def _written(value: str) -> str:
    """`value` as `_value` reads it."""
    return json.dumps(value, ensure_ascii=False) if value.startswith('"') or _key(value, 0) else value


def own_effect(name: str | Path) -> Callable[..., object] | None:
    """Find the effect of another package that is played by `name`; None where a model has that name, or nothing."""
    name = str(name)
    return standalone(name) if name not in {*user_menu(), *menu()} and name in registered() else None


def own_effect_names() -> list[str]:
    """List the effects of other packages that need no model, and what of them cannot be loaded."""
    models = {*user_menu(), *menu()}
    names = []
    for name in sorted(set(registered()) - models):
        player_of_models = False
        with suppress(ModelError):
            player_of_models = player(name) is not None
        if not player_of_models:
            names.append(name)
    return names


def check_spec(spec: EffectSpec) -> None:
    """Find what is wrong with `spec` at the cost of reading a card, before anything is loaded or tried.

    Raises ``NotFound``, ``ModelError`` for what is no model, and ``ParameterError``.
    """
    if not spec.params and own_effect(spec.name) is None:
        find(spec.name)
        return
    spec_params(spec)


def spec_params(spec: EffectSpec) -> Params | None:
    """Give the parameters that the effect of `spec` will begin with; None for one that this gancam does not have.

    Raises as ``check_spec``.
    """
    alone = own_effect(spec.name)
    if alone is not None:
        params: type[Params] | None = params_of(alone)
    else:
        params = declared_for(read_card(next(iter(variants(find(spec.name)).values()))))
    try:
        return None if params is None else params.of(**spec.params)
    except ParameterError as error:
        raise ParameterError(f"{Path(spec.name).stem}: {error}") from None
