"""What a table of a recipe may say: which keys, of which kind, how much. One line for what is wrong."""

import difflib
import math
from collections.abc import Iterable, Mapping
from typing import Any

Bounds = Mapping[str, tuple[float, float]]  # least and most of a number


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """Return the end of a message: the one of `known` that is near `word`, else all of them."""
    choices = sorted(known)
    close = difflib.get_close_matches(word.lower(), choices, n=1, cutoff=0.6)
    return f": did you mean {close[0]!r}?" if close else f": there are {', '.join(choices)}" if choices else ""


def check_keys(where: str, table: Iterable[str], known: Iterable[str]) -> None:
    """Raise ``ValueError`` for a key that is not `known`; `where` begins the message."""
    known = list(known)
    if unknown := [key for key in table if key not in known]:
        raise ValueError(f"{where} key {unknown[0]!r}{did_you_mean(unknown[0], known)}")


def check_kind(where: str, value: Any, usual: Any) -> str:
    """Raise ``ValueError`` where `value` is not of the kind of `usual`; return that of a number, else nothing."""
    kinds: list[tuple[type, tuple[type, ...], str]] = [
        (bool, (bool,), "true or false"), (int, (int,), "a whole number"), (float, (int, float), "a number"),
        (str, (str,), "a text"), (dict, (dict,), "a table"), (tuple, (list, tuple), "a list"),
        (list, (list, tuple), "a list"),
    ]  # fmt: skip
    right, name = next(((right, name) for kind, right, name in kinds if isinstance(usual, kind)), ((object,), ""))
    if not isinstance(value, right) or (isinstance(value, bool) and name in ("a whole number", "a number")):
        raise ValueError(f"{where} = {_shown(value)} must be {name}")
    return name if name in ("a whole number", "a number") else ""


def check_value(where: str, value: Any, usual: Any, least: float = 0.0, most: float = math.inf) -> None:
    """Raise ``ValueError`` where `value` is not of the kind of `usual`, or a number not finite, or beyond the bounds.

    What a list holds is like its first.
    """
    kind = check_kind(where, value, usual)
    if isinstance(usual, list | tuple):
        for one in value:
            check_value(where, one, usual[0] if usual else one, least, most)
    elif kind and not (math.isfinite(value) and least <= value <= most):
        room = "" if least == -math.inf else f", {least:g} or more" if most == math.inf else f", {least:g} to {most:g}"
        raise ValueError(f"{where} = {_shown(value)} must be {kind}{room or ' that is finite'}")


def take(
    where: str, table: str, given: Mapping[str, Any], usual: Mapping[str, Any], bounds: Bounds | None = None
) -> dict[str, Any]:
    """Return what a `table` of a recipe says, and what is `usual` where it says nothing.

    Whole numbers are 1 or more unless `bounds` say otherwise, or 0 is usual.

    Raises ``ValueError`` for a key that is not among the usual ones, and for a value of another kind.
    """
    check_keys(f"{where}: unknown {table}", given, usual)
    for name, value in given.items():
        like = usual[name]
        counts = isinstance(like, int) and not isinstance(like, bool) and like > 0
        least, most = (bounds or {}).get(name, (1 if counts else 0, math.inf))
        check_value(f"{where}: {table} {name}", value, like, least, most)
    return {**usual, **given}


def _shown(value: Any) -> str:
    text = str(value).lower() if isinstance(value, bool) else " ".join(repr(value).split())
    return text if len(text) <= 60 else f"{text[:50]}..."
