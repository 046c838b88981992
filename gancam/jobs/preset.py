"""Presets: options of `gancam process`, effects first of all, in a TOML file."""

import json
import tomllib
from collections.abc import Mapping, Sequence
from pathlib import Path

from gancam.effects import EffectSpec
from gancam.errors import MALFORMED, InputError, NotFound, did_you_mean, first_line
from gancam.inference.catalog import NONE

_KINDS = {bool: "true or false", int: "a whole number", float: "a number", str: "a text", list: "a list of texts"}


def read_preset(path: Path, options: Mapping[str, type], *, others: bool = False) -> dict[str, object]:
    """Read options from a TOML file.

    An effect is a text as on the command line, or a table: ``{name = "sr-x2", strength = 0.7}``, or each under an
    ``[[effect]]`` of its own.

    Args:
        path: The file.
        options: Names of options, as on the command line without dashes, and their types; list is that of effects.
        others: Whether options of other names are left out rather than refused.

    Returns:
        Values of those options that the file has; effects are ``EffectSpec``.

    Raises:
        NotFound: When there is no such file.
        InputError: When it is not TOML, or has an unknown name or a value of another type.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise NotFound(f"{path}: no such preset") from None
    except (OSError, ValueError) as error:  # those of UTF-8 are ValueErrors
        raise _unreadable(str(path), error) from None
    values = {}
    for key, value in _parsed(text, str(path)).items():
        name = key.replace("_", "-")
        if name not in options and others:
            continue
        if name not in options:
            raise InputError(f"{path}: no option {key!r}{did_you_mean(name, options)}")
        values[name] = _checked(f"{path}: {key}", value, options[name])
    return values


def parse_effects(text: str) -> list[EffectSpec]:
    """Read the effects of a preset, as TOML; its other options are left out.

    Raises:
        InputError: When it is not TOML, or has no effects.
    """
    found = _parsed(text, "preset")
    if "effect" not in found:
        raise InputError("preset: has no [[effect]]")
    return _effects("preset: effect", found["effect"])


def write_effects(specs: Sequence[EffectSpec]) -> str:
    """Write effects as TOML that `read_preset` and `parse_effects` read, each with its parameters as texts.

    Raises:
        InputError: For a text that UTF-8 cannot hold, as the name of a file may be.
    """
    tables = []
    for spec in specs:
        lines = [f"{key} = {_quoted(value)}" for key, value in spec.params.items()]
        tables.append("\n".join(["[[effect]]", f"name = {_quoted(spec.name)}", *lines]) + "\n")
    return "\n".join(tables)


def _quoted(text: str) -> str:
    """Write a text as TOML has it: as JSON does, but DEL, which TOML wants escaped, too."""
    try:
        text.encode()
    except UnicodeEncodeError:
        raise InputError(f"{text!a}: cannot be written into a preset, which is UTF-8; rename the file") from None
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")


def _parsed(text: str, where: str) -> dict[str, object]:
    try:
        return tomllib.loads(text)
    except MALFORMED as error:
        raise _unreadable(where, error) from None


def _unreadable(where: str, error: Exception) -> InputError:
    said = "too deeply nested" if isinstance(error, RecursionError) else first_line(error)
    return InputError(f"{where}: cannot be read as TOML ({said})")


def _checked(where: str, value: object, kind: type) -> object:
    if kind is list:
        return _effects(where, value)
    if kind is str and isinstance(value, int | float) and not isinstance(value, bool):
        return str(value)  # jobs = 2, from = 5
    fits = isinstance(value, (int, float) if kind is float else kind) and isinstance(value, bool) == (kind is bool)
    if not fits:
        raise InputError(f"{where}={_written(value)}: needs {_KINDS[kind]}")
    return value


def _effects(where: str, value: object) -> list[EffectSpec]:
    """Read one effect or several; "none", which stands alone, is none."""
    found = [_effect(where, part) for part in (value if isinstance(value, list) else [value])]
    if EffectSpec(NONE) not in found:
        return found
    if len(found) > 1:
        raise InputError(f"{where}: {NONE!r} is no effect, and others stand beside it: give one or the other")
    return []


def _effect(where: str, part: object) -> EffectSpec:
    """Read an effect from a text, as on the command line, or from a table."""
    if not isinstance(part, dict):
        if not isinstance(part, str):
            raise InputError(f"{where}={_written(part)}: needs a text")
        text = part
        try:
            return EffectSpec.parse(text)
        except InputError as error:
            raise InputError(f"{where}: {error}") from None
    params = dict(part)
    name = params.pop("name", None)
    if not isinstance(name, str) or not name:
        raise InputError(f"{where}: an effect needs a name, as in name = 'sr-x2'")
    for key, value in params.items():
        if not isinstance(value, str | int | float):  # a bool is an int
            raise InputError(f"{where}: {name}: {key}={value}: needs a number, true or false, or a text")
    try:
        return EffectSpec(name, {key: _written(value) for key, value in params.items()})
    except InputError as error:
        raise InputError(f"{where}: {error}") from None


def _written(value: object) -> str:
    """Write a value as TOML and the command line have it."""
    return str(value).lower() if isinstance(value, bool) else str(value)
