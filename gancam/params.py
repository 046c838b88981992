"""What a user can turn, declared once: a dataclass whose fields carry their range. The command line, keys, presets
and recordings all read the same declaration."""

import dataclasses
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from keyword import iskeyword
from typing import Any, Self, TypeAlias

from gancam.errors import ParameterError, did_you_mean

ParameterValue: TypeAlias = bool | int | float | str
"""What a declared parameter can be."""
_STEPS = 20  # from the least to the most of a parameter


@dataclass(frozen=True)
class Parameter:
    """One declared field: its name, type, default, range or choices, and what it does.

    A number may have a `unit`, which a text for it may end with (``8s``). A text that stands for more than itself
    (a rectangle, a list of seeds) has a `parse`, which raises ``ValueError`` with the reason for one that means
    nothing; `form` says in words what it takes.
    """

    name: str
    type: type
    default: Any
    minimum: float | None
    maximum: float | None
    choices: tuple[str, ...]
    help: str
    unit: str = ""
    form: str = ""
    parse: Callable[[str], object] | None = None

    def check(self, value: Any) -> Any:
        """`value` as this parameter's type. Raises ``ParameterError`` for another type or a value out of range."""
        wanted = self.describe()
        if self.type is bool:
            if isinstance(value, str) and value.lower() in ("on", "true", "yes", "1", "off", "false", "no", "0"):
                return value.lower() in ("on", "true", "yes", "1")
            if not isinstance(value, bool):
                raise ParameterError(f"{self.name}={value!r}: needs {wanted}")
            return value
        if self.type is str:
            if not isinstance(value, str) or (self.choices and value not in self.choices):
                hint = did_you_mean(str(value), self.choices) if self.choices else ""
                raise ParameterError(f"{self.name}={value!r}: needs {wanted}{hint}")
            if self.parse is not None:
                try:
                    self.parse(value)
                except ValueError as error:
                    raise ParameterError(f"{self.name}={value!r}: {error}; needs {wanted}") from None
            return value
        try:
            if isinstance(value, bool):
                raise ValueError
            if self.unit and isinstance(value, str):
                value = value.strip().removesuffix(self.unit)
            number = self.type(value)
            if not math.isfinite(number) or (self.type is int and number != float(value)):
                raise ValueError
        except (ValueError, TypeError, OverflowError):
            raise ParameterError(f"{self.name}={value!r}: needs {wanted}") from None
        low = -math.inf if self.minimum is None else self.minimum
        high = math.inf if self.maximum is None else self.maximum
        if not low <= number <= high:
            raise ParameterError(f"{self.name}={value}: needs {wanted}")
        return number

    def describe(self) -> str:
        if self.type is bool:
            return "on or off"
        if self.choices:
            return "one of " + ", ".join(self.choices)
        if self.type is str:
            return self.form or "a text"
        kind = "a whole number" if self.type is int else "a number"
        if self.unit:
            kind += f" ({self.unit})"
        if self.minimum is not None and self.maximum is not None:
            return f"{kind} from {self._limit(self.minimum)} to {self._limit(self.maximum)}"
        if self.minimum is not None:
            return f"{kind} of {self._limit(self.minimum)} or more"
        return kind

    def _limit(self, value: float) -> str:
        return str(int(value)) if self.type is int else f"{value:g}"

    @property
    def ranged(self) -> bool:
        """Whether it is a number between two limits."""
        return self.minimum is not None and self.maximum is not None and self.maximum > self.minimum

    @property
    def free(self) -> bool:
        """Whether it is any text."""
        return self.type is str and not self.choices

    def text(self, value: Any) -> str:
        """`value` for a person."""
        if self.type is bool:
            return "on" if value else "off"
        return f"{value:.4g}{self.unit}" if self.type is float else f"{value}{self.unit}"

    def step(self, value: Any, *, up: bool) -> Any:
        """The value that comes after (or before) `value`, in the range: a twentieth of it, the next choice, on or off.

        A free text has no next one: it stays.
        """
        if self.type is bool:
            return up
        if self.type is str:
            if self.free:
                return value
            return self.choices[(self.choices.index(value) + (1 if up else -1)) % len(self.choices)]
        low = -math.inf if self.minimum is None else self.minimum
        high = math.inf if self.maximum is None else self.maximum
        size = (high - low) / _STEPS if math.isfinite(high - low) else max(abs(self.default) / 10, 1 / _STEPS)
        if self.type is int:
            return int(min(max(value + max(round(size), 1) * (1 if up else -1), low), high))
        return round(min(max(value + (size if up else -size), low), high), 6)

    def place(self, value: Any) -> float | None:
        """Where `value` lies between the least (0) and the most (1); None without a range."""
        if self.minimum is None or self.maximum is None or not self.ranged:
            return None
        return float((value - self.minimum) / (self.maximum - self.minimum))

    def at(self, place: float) -> Any:
        """The value at `place`, the opposite of ``place``: a float is rounded to a thousandth of its range or finer."""
        if self.minimum is None or self.maximum is None:
            raise ParameterError(f"{self.name}: has no range")
        span = self.maximum - self.minimum
        value = self.minimum + min(max(place, 0.0), 1.0) * span
        if self.type is int:
            return round(value)
        digits = max(3 - math.floor(math.log10(span)), 0)
        return min(max(round(value, digits), self.minimum), self.maximum)


def parameter(
    default: Any,
    *,
    minimum: float | None = None,
    maximum: float | None = None,
    choices: Sequence[str] = (),
    unit: str = "",
    form: str = "",
    parse: Callable[[str], object] | None = None,
    help: str,
) -> Any:
    """A field of a `Params` class; see `Parameter`."""
    about = {
        "minimum": minimum, "maximum": maximum, "choices": tuple(choices), "help": help, "unit": unit, "form": form,
        "parse": parse,
    }  # fmt: skip
    return field(default=default, metadata={"parameter": about})


@dataclass
class Params:
    """The declared parameters of an effect; setting one checks it, at any time, also while running.

    A field whose name Python keeps for itself is declared with an underscore after it, which its parameter has not:
    ``from_`` declares ``from``, and answers to both names.
    """

    @classmethod
    def declared(cls) -> dict[str, Parameter]:
        entries = {entry.name.removesuffix("_"): entry for entry in dataclasses.fields(cls)}
        return {
            name: Parameter(name, type(entry.default), entry.default, **entry.metadata["parameter"])
            for name, entry in entries.items()
        }

    def __setattr__(self, name: str, value: Any) -> None:
        declared, name = self.declared(), name.removesuffix("_")
        if name not in declared:
            raise ParameterError(f"no parameter {name!r}{did_you_mean(name, declared)}")
        super().__setattr__(f"{name}_" if iskeyword(name) else name, declared[name].check(value))

    def __getattr__(self, name: str) -> Any:
        if iskeyword(name):
            return getattr(self, f"{name}_")
        raise AttributeError(f"{type(self).__name__} has no parameter {name!r}")

    def value(self, name: str) -> Any:
        """Give the value of the declared parameter `name`. Raises ``ParameterError`` for an unknown one."""
        if name.removesuffix("_") not in self.declared():
            raise ParameterError(f"no parameter {name!r}{did_you_mean(name, self.declared())}")
        return getattr(self, name)

    def values(self) -> dict[str, Any]:
        """Give the values of all declared parameters, by name."""
        return {name: getattr(self, name) for name in self.declared()}

    def set(self, name: str, value: object) -> None:
        """Set one by its name. Raises ``ParameterError`` for an unknown name or a bad value."""
        setattr(self, name, value)

    @classmethod
    def of(cls, /, **values: object) -> Self:
        """Make parameters with `values` for some. Raises ``ParameterError`` for an unknown name or a bad value."""
        params = cls()
        for name, value in values.items():
            params.set(name, value)
        return params
