"""Tables written as TOML, which Python reads and does not write."""

import json
import re
from collections.abc import Mapping
from typing import Any


def written(table: Mapping[str, Any], *above: str) -> str:
    """Write a table as TOML: plain values first, then a part for each table and each list of tables in it.

    Args:
        table: Of texts, numbers, booleans, lists and tables.
        above: The names of the tables that it is in.
    """
    parts = [f"{_key(key)} = {_value(one)}" for key, one in table.items() if not _is_part(one)]
    for key, one in table.items():
        if isinstance(one, Mapping):
            parts += [f"[{'.'.join(map(_key, (*above, key)))}]"] * (not one or not all(map(_is_part, one.values())))
            parts.append(written(one, *above, key))
        elif _is_part(one):
            head = f"[[{'.'.join(map(_key, (*above, key)))}]]"
            parts += [f"{head}\n" + "\n".join(f"{_key(name)} = {_value(value)}" for name, value in each.items())
                      for each in one]  # fmt: skip
    return "\n".join(filter(None, parts))


def _is_part(value: Any) -> bool:
    return isinstance(value, Mapping) or (isinstance(value, list) and bool(value) and isinstance(value[0], Mapping))


def _key(name: str) -> str:
    return name if re.fullmatch("[A-Za-z0-9_-]+", name) else _value(name)


def _value(value: Any) -> str:
    if isinstance(value, str | bool):  # as JSON has them, but for one character
        return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{_key(name)} = {_value(one)}" for name, one in value.items()) + "}"
    return f"[{', '.join(map(_value, value))}]" if isinstance(value, list | tuple) else str(value)
