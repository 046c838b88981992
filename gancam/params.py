"""Parameters of effects, declared once: a dataclass whose fields carry their range.

The command line, keys, presets and recordings all read the same declaration.
"""

import dataclasses
import logging
import math
import os
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from functools import cache
from keyword import iskeyword
from typing import TYPE_CHECKING, ClassVar, Literal, Self, SupportsFloat, TypeAlias, TypeVar, cast

import numpy as np

from gancam.errors import ParameterError, did_you_mean, either, nearest, shown
from gancam.units import rounded

log = logging.getLogger(__name__)
Value: TypeAlias = bool | int | float | str
V = TypeVar("V", bound=Value)
Kind: TypeAlias = Literal["", "file", "new-file", "region", "box", "polygon", "colour", "seed", "seeds", "draw"]
"""What a value stands for, where that is more than its type says: how a page or a window lets somebody choose it."""
_DEPTHS: Mapping[Kind, int] = {"region": 1, "box": 1, "seeds": 1, "polygon": 2}
"""Kinds of texts for which their numbers may be given: how deep those of one are, where they are not flat."""
_STEPS = 20  # from the least to the most of a parameter
_ON, _OFF = ("on", "true", "yes", "1"), ("off", "false", "no", "0")


@dataclass(frozen=True)
class Scope:
    """Which models a parameter is for; with others it would change nothing.

    Attributes:
        words: They, for messages: "styles".
        holds: Tells of a model's card whether it is one of them.
    """

    words: str
    holds: Callable[[object], bool]


@dataclass(frozen=True)
class Parameter:
    """One declared field: its name, type, default, range or choices, and what it does.

    A number may have a `unit`, which a text for it may end with (``8s``). A text that stands for more than itself
    (a rectangle, a list of seeds) has a `parse`, which raises ``ValueError`` with the reason for one that means
    nothing; `form` says in words what it takes, `kind` for what it stands, and `words` which
    texts mean something of their own instead (`person`, for a mask's file). One that was renamed answers to its name of
    before, `formerly`, too.
    What a number below 0 means may have a word, `below` ("auto"), which is then a text for it, and written for it.
    One that does something with some models alone has those as its `scope`.
    """

    name: str
    type: type  # one of bool, int, float, str
    default: Value
    minimum: float | None
    maximum: float | None
    choices: tuple[str, ...]
    help: str
    unit: str = ""
    form: str = ""
    parse: Callable[[str], object] | None = None
    formerly: str = ""
    kind: Kind = ""
    words: tuple[str, ...] = ()
    below: str = ""
    scope: Scope | None = None

    def check(self, value: object) -> Value:
        """Return `value`, given as such or as text, as this parameter's type.

        Raises:
            ParameterError: it is of another type, no choice, or out of range.
        """
        if self.type is bool:
            return self._checked_switch(value)
        if self.type is str:
            return self._checked_text(value)
        return self._checked_number(value)

    def _checked_switch(self, value: object) -> bool:
        if isinstance(value, str) and value.lower() in _ON + _OFF:
            return value.lower() in _ON
        if not isinstance(value, bool):
            raise self._refusal(value)
        return value

    def _checked_text(self, value: object) -> str:
        if isinstance(value, os.PathLike) and self.kind in ("file", "new-file"):
            value = os.fspath(value)
        elif self.kind in _DEPTHS and isinstance(value, list | tuple | np.ndarray):
            value = _joined(value, _DEPTHS[self.kind]) or value
        if not isinstance(value, str) or (self.choices and value not in self.choices):
            raise self._refusal(value, nearest(str(value), self.choices))
        if self.parse is not None:
            try:
                self.parse(value)
            except ValueError as error:
                found, _, needed = str(error).partition(": needs ")
                if needed:
                    found = "" if value in found else f"{found}: "
                else:
                    found, needed = f"{found}; ", self.describe()
                raise ParameterError(f"{self.name}={value!r}: {found}needs {needed}") from None
        return value

    def _checked_number(self, value: object) -> int | float:
        if isinstance(value, str) and self.below and value.strip().lower() == self.below:
            value = -1
        if isinstance(value, str) and self.unit:
            value = value.strip().removesuffix(self.unit)
        if isinstance(value, bool) or not isinstance(value, str | SupportsFloat):
            raise self._refusal(value)
        try:
            number: int | float = self.type(value)
            if not math.isfinite(number) or (self.type is int and number != float(value)):
                raise ValueError
        except (ValueError, TypeError, OverflowError):
            raise self._refusal(value) from None
        low, high = self._limits
        if not low <= number <= high:
            raise ParameterError(f"{self.name}={value}: needs {self.describe()}")
        return number

    def _refusal(self, value: object, hint: str = "") -> ParameterError:
        return ParameterError(f"{self.name}={shown(value)}: needs {self.describe()}{hint}")

    def describe(self) -> str:
        """Say in words which values there are, as "a number from 0 to 2"."""
        if self.type is bool:
            return "on or off"
        if self.choices:
            return either(self.choices)
        if self.type is str:
            return self.form or "a text"
        kind = "a whole number" if self.type is int else "a number"
        if self.unit:
            kind += f" ({self.unit})"
        least = 0.0 if self.below else self.minimum
        word = f", or {self.below}" if self.below else ""
        if least is not None and self.maximum is not None:
            return f"{kind} from {self._limit(least)} to {self._limit(self.maximum)}{word}"
        if least is not None:
            return f"{kind} of {self._limit(least)} or more{word}"
        return kind

    def to_json(self) -> dict[str, object]:
        """Give the declaration, but for its name, as an object ready for ``json.dumps``."""
        return {
            "type": self.type.__name__, "default": self.default, "minimum": self.minimum, "maximum": self.maximum,
            "choices": list(self.choices), "unit": self.unit, "kind": self.kind, "words": list(self.words),
            "below": self.below, "form": self.describe(), "help": self.help,
        }  # fmt: skip

    @property
    def _limits(self) -> tuple[float, float]:
        """The least and the most of a number; infinite where none is declared."""
        low = -math.inf if self.minimum is None else self.minimum
        return low, math.inf if self.maximum is None else self.maximum

    def _limit(self, value: float) -> str:
        return str(int(value)) if self.type is int else f"{value:g}"

    @property
    def ranged(self) -> bool:
        """Say whether it is a number between two limits."""
        return self.minimum is not None and self.maximum is not None and self.maximum > self.minimum

    @property
    def free(self) -> bool:
        """Say whether it is any text."""
        return self.type is str and not self.choices

    def text(self, value: Value) -> str:
        """Write `value` for a person, with its unit."""
        if self.type is bool:
            return "on" if value else "off"
        if self.below and not isinstance(value, str) and value < 0:
            return self.below
        return f"{rounded(float(value), 4)}{self.unit}" if self.type is float else f"{value}{self.unit}"

    def step(self, value: Value, *, up: bool) -> Value:
        """Return the value that comes after (or before) `value`.

        That is a twentieth of the range on, the next choice, on or off. A free text has no next one: it stays.
        """
        if self.type is bool:
            return up
        if isinstance(value, str):
            if self.free:
                return value
            return self.choices[(self.choices.index(value) + (1 if up else -1)) % len(self.choices)]
        low, high = self._limits
        size = (high - low) / _STEPS if math.isfinite(high - low) else max(abs(float(self.default)) / 10, 1 / _STEPS)
        if self.type is int:
            return int(min(max(value + max(round(size), 1) * (1 if up else -1), low), high))
        return round(min(max(value + (size if up else -size), low), high), 6)

    def place(self, value: Value) -> float | None:
        """Return where `value` lies between the least (0) and the most (1); None without a range."""
        if self.minimum is None or self.maximum is None or not self.ranged:
            return None
        return (float(value) - self.minimum) / (self.maximum - self.minimum)

    def at(self, place: float) -> int | float:
        """Return the value at `place` (0 to 1) in the range, rounded to a thousandth of it or finer."""
        if self.minimum is None or self.maximum is None:
            raise ParameterError(f"{self.name}: has no range")
        span = self.maximum - self.minimum
        value = self.minimum + min(max(place, 0.0), 1.0) * span
        if self.type is int:
            return round(value)
        digits = max(3 - math.floor(math.log10(span)), 0) if span else 0
        return min(max(round(value, digits), self.minimum), self.maximum)


def _joined(numbers: object, depth: int) -> str:
    """Numbers as the text of a region, a box, a polygon or seeds; empty for what is none of numbers."""
    with suppress(ValueError):  # of several polygons that have not the same number of corners
        array = np.asarray(numbers)
        if array.dtype.kind in "iuf" and array.size and array.ndim in (1, depth):
            return "/".join(repr(number).removesuffix(".0") for number in array.ravel().tolist())
    parts = [_joined(one, depth) for one in numbers] if isinstance(numbers, list | tuple | np.ndarray) else []
    return "+".join(parts) if all(parts) else ""


def parameter(
    default: V,
    *,
    minimum: float | None = None,
    maximum: float | None = None,
    choices: Sequence[str] = (),
    unit: str = "",
    form: str = "",
    parse: Callable[[str], object] | None = None,
    formerly: str = "",
    kind: Kind = "",
    words: Sequence[str] = (),
    below: str = "",
    scope: Scope | None = None,
    help: str,
) -> V:
    """Declare a field of a `Params` class; the arguments are those of a `Parameter`."""
    about = Parameter(
        "", type(default), default, minimum, maximum, tuple(choices), help, unit, form, parse, formerly, kind,
        tuple(words), below, scope,
    )  # fmt: skip
    return field(default=default, metadata={"parameter": about})


def with_defaults(declared: Mapping[str, Parameter], own: Mapping[str, object]) -> dict[str, Parameter]:
    """Give parameters by name, as `declared`, but with the defaults that `own` has for some of them.

    Raises:
        ParameterError: One of them is of another type or out of range.
    """
    return {name: replace(one, default=one.check(own[name])) if name in own else one for name, one in declared.items()}


@cache
def notice_renamed(before: str, now: str) -> None:
    """Log, once for each name, that the parameter `before` is called `now`."""
    log.warning("the parameter %s is called %s now; the old name still works", before, now)


def _today(name: str, declared: Mapping[str, Parameter]) -> str:
    """The name that the parameter `name` has now; any other text as it is."""
    for entry in declared.values() if name not in declared else ():
        if entry.formerly and entry.formerly == name:
            notice_renamed(name, entry.name)
            return entry.name
    return name


@dataclass
class Params:
    """The declared parameters of an effect; setting one checks it, at any time, also while running.

    A field whose name Python keeps for itself is declared with an underscore after it, which its parameter has not:
    ``from_`` declares ``from``, and answers to both names.

    Attributes:
        unused: Parameters that would change nothing, each with the models that it is for: they keep their defaults, and
            are not declared.
    """

    unused: ClassVar[Mapping[str, str]] = {}

    @classmethod
    def declared(cls) -> dict[str, Parameter]:
        """Return the parameters of this class by name."""
        if cls not in _declared:  # once: whatever sets a value asks for all of it
            entries = {entry.name.removesuffix("_"): entry for entry in dataclasses.fields(cls)}
            entries = {name: entry for name, entry in entries.items() if name not in cls.unused}
            _declared[cls] = {name: replace(entry.metadata["parameter"], name=name) for name, entry in entries.items()}
        return dict(_declared[cls])

    @classmethod
    def suited(cls, card: object) -> type[Self]:
        """Give this class without the parameters that would change nothing with a model of that `card`."""
        scopes = [(name, one.scope) for name, one in cls.declared().items() if one.scope is not None]
        unused = tuple((name, scope.words) for name, scope in scopes if not scope.holds(card))
        return cast(type[Self], _without(cls, unused)) if unused else cls

    def __reduce__(self) -> tuple[object, ...]:
        kind = type(self).__mro__[1] if self.unused else type(self)
        return _again, (kind, tuple(self.unused.items()), dict(vars(self)))

    if not TYPE_CHECKING:  # type checkers know what is declared, and so that a misspelt name is not

        def __setattr__(self, name: str, value: object) -> None:
            declared = self.declared()
            name = _today(name.removesuffix("_"), declared)
            if name in self.unused:
                if name in vars(self):
                    raise ParameterError(f"{name} is for {self.unused[name]}, and would change nothing here")
                super().__setattr__(name, value)  # its default
                return
            if name not in declared:
                raise ParameterError(f"no parameter {name!r}{did_you_mean(name, declared)}")
            super().__setattr__(f"{name}_" if iskeyword(name) else name, declared[name].check(value))

        def __getattr__(self, name: str) -> Value:
            if iskeyword(name):
                value: Value = getattr(self, f"{name}_")
                return value
            if (today := _today(name, self.declared())) != name:
                return self.value(today)
            raise AttributeError(f"{type(self).__name__} has no parameter {name!r}")

    def value(self, name: str) -> Value:
        """Give the value of the declared parameter `name`. Raises ``ParameterError`` for an unknown one."""
        name = _today(name, self.declared())
        if name.removesuffix("_") not in self.declared():
            raise ParameterError(f"no parameter {name!r}{did_you_mean(name, self.declared())}")
        found: Value = getattr(self, name)
        return found

    def values(self) -> dict[str, Value]:
        """Give the values of all declared parameters, by name."""
        return {name: getattr(self, name) for name in self.declared()}

    def set(self, name: str, value: object) -> None:
        """Set one by its name. Raises ``ParameterError`` for an unknown name or a bad value."""
        setattr(self, name, value)

    @classmethod
    def of(cls, /, **values: object) -> Self:
        """Return the parameters, with `values` for some of them.

        Raises:
            ParameterError: there is no such name, or a value is of another type or out of range.
        """
        params = cls()
        for name, value in values.items():
            params.set(name, value)
        return params


_declared: dict[type[Params], Mapping[str, Parameter]] = {}
_fewer: dict[tuple[type[Params], tuple[tuple[str, str], ...]], type[Params]] = {}


def _without(kind: type[Params], unused: tuple[tuple[str, str], ...]) -> type[Params]:
    """A class as `kind`, but for the parameters that are `unused`: their names, and the models that they are for."""
    if (kind, unused) not in _fewer:
        named = {"unused": dict(unused), "__module__": kind.__module__, "__doc__": kind.__doc__}
        _fewer[kind, unused] = type(kind.__name__, (kind,), named)
    return _fewer[kind, unused]


def _again(kind: type[Params], unused: tuple[tuple[str, str], ...], values: Mapping[str, object]) -> Params:
    made = (_without(kind, unused) if unused else kind)()
    vars(made).update(values)
    return made
