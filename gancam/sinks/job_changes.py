"""In what two jobs differ, as their manifests tell, in words."""

import re
from collections.abc import Mapping, Sequence
from fractions import Fraction
from typing import Any, TypeGuard

_HASH = re.compile(r"(\d+ (bytes|images), )?[0-9a-f]{32,64}")  # what a manifest has for a file
_FRACTION = re.compile(r"-?\d+/\d+")
_UNITS = {"from": " s", "to": " s", "rate": " fps"}
_MOST = 60  # characters of a value


def changes(was: Mapping[str, object], now: Mapping[str, object]) -> str:
    """Say in what two jobs differ; empty where they are the same."""
    keys = [key for key in sorted(was.keys() | now.keys()) if was.get(key) != now.get(key)]
    return "; ".join(_said(key, was.get(key), now.get(key)) for key in keys)


def _said(key: str, was: object, now: object) -> str:
    if _is_chain(was) and _is_chain(now):
        return _effects(was, now)
    hashed = [isinstance(value, str) and _HASH.fullmatch(value) is not None for value in (was, now)]
    if all(hashed):
        return f"{key} is another file, or was changed"
    before, after = ("a file" if file else _words(key, one) for file, one in zip(hashed, (was, now), strict=True))
    return f"{key} was {before}, now {after}"


def _is_chain(value: object) -> TypeGuard[list[dict[str, Any]]]:
    if not isinstance(value, list):
        return False
    return all(isinstance(one, dict) and isinstance(one.get("params", {}), dict) for one in value)


def _words(key: str, value: object) -> str:
    if value is None:
        return "not given"
    if isinstance(value, bool):
        return "on" if value else "off"
    text = str(value) or "empty"
    if _UNITS.get(key) and (_FRACTION.fullmatch(text) or text.isdecimal()):
        return f"{float(Fraction(text)):.6g}{_UNITS[key]}"
    return text if len(text) <= _MOST else f"{text[: _MOST - 3]}..."


def _effects(was: Sequence[Any], now: Sequence[Any]) -> str:
    """Two chains of effects: their names, or, where those are the same, what differs of each."""
    names = [[str(one.get("name")) for one in chain] for chain in (was, now)]
    if names[0] != names[1]:
        before, after = (" + ".join(each) or "none" for each in names)
        return f"effects were {before}, now {after}"
    found = []
    for name, old, new in zip(names[0], was, now, strict=True):
        rest = [{key: value for key, value in one.items() if key != "params"} for one in (old, new)]
        said = [changes(rest[0], rest[1]), changes(old.get("params", {}), new.get("params", {}))]
        found += [f"{name}: {one}" for one in said if one]
    return "; ".join(found)
