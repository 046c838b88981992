"""Options of a command in a TOML file."""

import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from gancam.errors import InputError, NotFound, near

_SAID = {bool: "true or false", int: "a whole number", float: "a number", str: "a text", list: "a list of texts"}


def read_preset(path: Path, options: Mapping[str, type]) -> dict[str, Any]:
    """What the TOML file `path` says of `options` (names as on the command line without dashes, and types). The list
    of effects may hold tables, too: ``{name = "sr-x2", strength = 0.7}``, or each under a ``[[effect]]`` of its own.

    Raises ``NotFound``, and ``InputError`` for what is no TOML, an unknown name or a value of another type.
    """
    try:
        found = tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise NotFound(f"{path}: no such preset") from None
    except (OSError, ValueError) as error:  # TOML's errors and those of UTF-8 are ValueErrors
        raise InputError(f"{path}: cannot be read as TOML ({str(error).splitlines()[0]})") from None
    values = {}
    for key, value in found.items():
        name = key.replace("_", "-")
        if name not in options:
            raise InputError(f"{path}: no option {key!r}{near(name, options)}")
        values[name] = _checked(f"{path}: {key}", value, options[name])
    return values


def _checked(where: str, value: Any, kind: type) -> Any:
    if kind is list:
        parts = value if isinstance(value, list) else [value]
        return [_effect(where, part) if isinstance(part, dict) else _checked(where, part, str) for part in parts]
    fits = isinstance(value, (int, float) if kind is float else kind) and isinstance(value, bool) == (kind is bool)
    if not fits:
        raise InputError(f"{where}={_written(value)}: needs {_SAID[kind]}")
    return value


def _effect(where: str, table: Mapping[str, Any]) -> str:
    """A table as ``NAME:key=value``."""
    if not isinstance(table.get("name"), str):
        raise InputError(f"{where}: an effect needs a name, as in name = 'sr-x2'")
    parts = [table["name"]]
    for key, value in table.items():
        if key == "name":
            continue
        text = _written(value)
        if isinstance(value, dict | list) or ":" in text:
            raise InputError(
                f"{where}: {table['name']}: {key}={text}: needs a number, true or false, or a text without :"
            )
        parts.append(f"{key}={text}")
    return ":".join(parts)


def _written(value: Any) -> str:
    return {True: "true", False: "false"}[value] if isinstance(value, bool) else str(value)
