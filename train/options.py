"""What a table of a recipe may say: which keys, of which kind, how much. One line for what is wrong."""

import difflib
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, fields
from types import NoneType, UnionType
from typing import TYPE_CHECKING, Annotated, Any, TypeVar, Union, get_args, get_origin, get_type_hints

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

T = TypeVar("T", bound="DataclassInstance")


@dataclass(frozen=True)
class Bounds:
    """What a number may be: finite, and `least` to `most`."""

    least: float = 0.0
    most: float = math.inf
    above: bool = False  # `least` itself is too little
    below: bool = False  # `most` itself is too much

    def hold(self, value: float) -> bool:
        """Tell whether `value` is within."""
        if abs(value) == math.inf or not self.least <= value <= self.most:  # no NaN, either
            return False
        return not ((self.above and value == self.least) or (self.below and value == self.most))

    def room(self) -> str:
        """Return the end of a message: what would do."""
        if self.least == -math.inf:
            return " that is finite"
        if self.most == math.inf:
            return f", more than {self.least:g}" if self.above else f", {self.least:g} or more"
        if not (self.above or self.below):
            return f", {self.least:,} to {self.most:,}"
        first = f"more than {self.least:g}" if self.above else f"{self.least:g} or more"
        return f", {first} and {f'less than {self.most:g}' if self.below else f'{self.most:g} at most'}"


# What the options of recipes are, as types of fields and of parameters. A number without bounds is 0 or more, a whole
# one a million at most: what is more is a slip, on which a loop or an array would spend a minute before it fails.
_MOST = 1_000_000
Count = Annotated[int, Bounds(1, _MOST)]
Iterations = Annotated[int, Bounds(1, 1_000_000_000)]
Depth = Annotated[int, Bounds(0, 1000)]  # layers, one by one
Share = Annotated[float, Bounds(0, 1)]
Part = Annotated[float, Bounds(0, 1, below=True)]  # less than all
Rate = Annotated[float, Bounds(0, above=True)]
Finite = Annotated[float, Bounds(-math.inf)]
Seed = Annotated[int, Bounds(0, 2**63 - 1)]
_KINDS: dict[Any, tuple[Any, str]] = {
    bool: ((bool,), "true or false"), int: ((int,), "a whole number"), float: ((int, float), "a number"),
    str: ((str,), "a text"), dict: ((dict,), "a table"), Mapping: ((dict,), "a table"),
    tuple: ((list, tuple), "a list"), list: ((list, tuple), "a list"),
    Sequence: ((list, tuple), "a list"),
}  # fmt: skip


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """Return the end of a message: the one of `known` that is near `word`, else all of them."""
    choices = sorted(known)
    close = difflib.get_close_matches(word.lower(), choices, n=1, cutoff=0.6)
    return (
        f": did you mean {close[0]!r}?"
        if close
        else f": there are {', '.join(choices)}"
        if choices
        else ": there are none"
    )


def check_keys(where: str, table: Iterable[str], known: Iterable[str]) -> None:
    """Raise ``ValueError`` for a key that is not `known`; `where` begins the message."""
    known = list(known)
    if unknown := [key for key in table if key not in known]:
        raise ValueError(f"{where} key {unknown[0]!r}{did_you_mean(unknown[0], known)}")


def check(where: str, value: Any, hint: Any, *, empty: bool = True) -> None:
    """Raise ``ValueError`` where `value` is not what the type `hint` says; `where` begins the message.

    Numbers must be finite and within the `Bounds` that `hint` has; 0 or more where it has none. A list is checked
    value by value, and may be empty only if `empty`.
    """
    if get_origin(hint) in (Union, UnionType):
        if value is None and NoneType in get_args(hint):
            return
        hint = next(one for one in get_args(hint) if one is not NoneType)
    bounds = Bounds(0, _MOST) if hint is int else Bounds()
    if get_origin(hint) is Annotated:
        hint, bounds = get_args(hint)[:2]
    kind = get_origin(hint) or hint
    right, name = _KINDS.get(kind, (object, ""))
    if not isinstance(value, right) or (isinstance(value, bool) and kind in (int, float)):
        raise ValueError(f"{where} = {_shown(value)} must be {name}{bounds.room() if kind in (int, float) else ''}")
    if kind in (int, float) and not bounds.hold(value):
        raise ValueError(f"{where} = {_shown(value)} must be {name}{bounds.room()}")
    if kind in (list, tuple, Sequence):
        if not value and not empty:
            raise ValueError(f"{where} = [] must have something in it")
        for one in value:
            check(where, one, (get_args(hint) or (object,))[0])


def read(of: type[T], where: str, table: str, given: Mapping[str, Any]) -> T:
    """Read the keys `given` in a `table` of a recipe into `of`.

    Args:
        of: A dataclass whose fields are the keys; all have defaults, and types that say what they may be. A list may be
            empty only where its default is.
        where: What the message begins with.
        table: As it is called in the message, such as ``[data]``.
        given: What the recipe says.

    Raises:
        ValueError: A key that is no field, or a value that `check` refuses; the message says what would do.
    """
    usual = {one.name: one.default for one in fields(of)}
    check_keys(f"{where}: unknown {table}", given, usual)
    hints = get_type_hints(of, include_extras=True)
    for name, value in given.items():
        check(f"{where}: {table} {name}", value, hints[name], empty=usual[name] == ())
    return of(**{name: _converted(value, hints[name]) for name, value in given.items()})


def _converted(value: Any, hint: Any) -> Any:
    """`value` of TOML as a field holds it: a tuple for a list, and a float also where a whole number is written."""
    if isinstance(value, list):
        return tuple(value)
    plain = get_args(hint)[0] if get_origin(hint) is Annotated else hint
    return float(value) if plain is float else value


def _shown(value: Any) -> str:
    text = str(value).lower() if isinstance(value, bool) else " ".join(repr(value).split())
    return text if len(text) <= 60 else f"{text[:50]}..."
