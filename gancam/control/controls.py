"""Controls of effects by name: their parameters, whether they are on, and the values that made the last frame."""

import copy
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Protocol

from gancam.control.syntax import short
from gancam.errors import InputError, ParameterError, did_you_mean
from gancam.frame import Frame
from gancam.params import Parameter, Params, Value, notice_renamed
from gancam.vision.pad import DrawingPad

_SWITCH = Parameter("on", bool, True, None, None, (), "whether the effect is applied at all")
Warn = Callable[[str], None]  # takes one line for the user


class Switchable(Protocol):
    """An effect that can be turned on and off, and its parameters: ``gancam.effects.EffectSlot``."""

    on: bool
    params: Params

    @property
    def parameters(self) -> Mapping[str, Parameter]:
        """What `params` declares, by name, with the defaults that suit this effect."""

    @property
    def pad(self) -> DrawingPad | None:
        """What a user draws on with the mouse."""

    @property
    def name(self) -> str:
        """What it is called."""


@dataclass(frozen=True)
class Control:
    """One thing to turn."""

    name: str  # EFFECT.PARAMETER
    effect: Switchable
    entry: Parameter

    @property
    def is_switch(self) -> bool:
        """Say whether it turns the effect on and off, and is no parameter of it."""
        return self.entry is _SWITCH

    @property
    def value(self) -> Value:
        """The value that is in force now."""
        return self.effect.on if self.is_switch else self.effect.params.value(self.entry.name)

    def set(self, value: Value) -> None:
        """Bring `value`, which was checked, into force. For the loop alone, between two frames."""
        if self.is_switch:
            self.effect.on = bool(value)
        else:
            self.effect.params.set(self.entry.name, value)


class Controls:
    """Everything that can be turned in `effects`, whose names must differ (``gancam.effects.slots`` sees to it).

    Any thread may ``request`` values; only the loop brings them into force, between two frames: give this object to
    ``run``, which calls it with every frame before that is made. So every frame is made with one state of all
    parameters, and nothing is half done.

    Attributes:
        effects: What is turned.
        by_name: Each `Control` by its name.
        version: Grows when the effects are replaced.

    Raises ``InputError`` for two things of one name.
    """

    def __init__(self, effects: Sequence[Switchable]) -> None:
        self.effects: list[Switchable] = []
        self.by_name: dict[str, Control] = {}
        self.version = -1
        self._formerly: dict[str, str] = {}  # names of today, by those of before
        self._lock = threading.RLock()
        self._requested: dict[str, Value] = {}
        self.replace(effects)

    def replace(self, effects: Sequence[Switchable]) -> None:
        """Turn other effects from now on; what was requested and is not in force is forgotten. For the loop alone.

        Raises:
            InputError: Two things have one name.
        """
        by_name: dict[str, Control] = {}
        formerly: dict[str, str] = {}
        for effect in effects:
            for entry in (_SWITCH, *effect.parameters.values()):
                control = Control(f"{effect.name}.{entry.name}", effect, entry)
                if control.name in by_name:
                    raise InputError(f"two things to turn are called {control.name}")
                by_name[control.name] = control
                if entry.formerly:
                    formerly[f"{effect.name}.{entry.formerly}"] = control.name
        with self._lock:
            self.effects, self.by_name, self._formerly = list(effects), by_name, formerly
            self._requested.clear()
            self.version += 1

    @contextmanager
    def steady(self) -> Iterator[None]:
        """Keep the effects from being replaced meanwhile, for who looks at several things of them."""
        with self._lock:
            yield

    def check(self, values: Mapping[str, object]) -> dict[str, Value]:
        """Return `values` by name as they would be, given as such or as text ("0.5", "on"); nothing is changed.

        All are tried together on copies of the effects' parameters, so that checks of a parameter class's own count
        too. Raises ``ParameterError`` for a name that does not exist and a value that cannot be.
        """
        with self._lock:
            return self._checked(values)

    def request(self, values: Mapping[str, object]) -> dict[str, Value]:
        """Bring `values` into force at the next frame, all in the same one. If one is wrong, none is taken.

        Args:
            values: by name, as such or as text ("0.5", "on").

        Returns:
            What they will be, by name, each by the one it has today.

        Raises:
            ParameterError: a name does not exist, or a value cannot be.
        """
        with self._lock:
            checked = self._checked(values)
            self._requested.update(checked)
        return checked

    def value(self, name: str) -> Value:
        """Return what was requested last, and so what the next frame is made with. Raises ``ParameterError``."""
        with self._lock:
            control = self._control(name)
            return self._requested.get(control.name, control.value)

    def values(self) -> dict[str, Value]:
        """Return what is in force now, by name; within the loop: what this frame was made with."""
        return {name: control.value for name, control in self.by_name.items()}

    def __call__(self, frame: Frame) -> None:
        """Bring what was requested into force, before `frame`. For the loop alone."""
        self.apply()

    def apply(self) -> None:
        """Bring what was requested into force. For the loop, or for who knows that none runs."""
        if self._requested:
            with self._lock:
                for name, value in self._requested.items():
                    self.by_name[name].set(value)
                self._requested.clear()

    def _checked(self, values: Mapping[str, object]) -> dict[str, Value]:
        trials: dict[int, Params] = {}
        checked: dict[str, Value] = {}
        for name, value in values.items():
            control = self._control(name)
            try:
                if control.is_switch:
                    checked[control.name] = _SWITCH.check(value)
                    continue
                trial = trials.setdefault(id(control.effect), self._as_requested(control.effect))
                trial.set(control.entry.name, value)
            except ParameterError as error:
                raise ParameterError(f"{control.effect.name}: {error}") from None
            checked[control.name] = trial.value(control.entry.name)
        return checked

    def _as_requested(self, effect: Switchable) -> Params:
        """A copy of the parameters of `effect`, as they will be at the next frame."""
        trial = copy.copy(effect.params)
        for name, value in self._requested.items():
            control = self.by_name[name]
            if control.effect is effect and not control.is_switch:
                trial.set(control.entry.name, value)
        return trial

    def _control(self, name: str) -> Control:
        if name not in self.by_name and name in self._formerly:
            notice_renamed(name, self._formerly[name])
            name = self._formerly[name]
        if name not in self.by_name:
            raise ParameterError(f"nothing is called {short(name)}{did_you_mean(name, self.by_name)}")
        return self.by_name[name]


class LastGood:
    """Remembers the parameters with which effects made their last frame; one that is off made none.

    Args:
        effects: Whose parameters these are.
    """

    def __init__(self, effects: Sequence[Switchable]) -> None:
        self._effects = effects
        self._values: dict[int, dict[str, Value]] = {}  # by the place of the effect

    def keep(self) -> None:
        """Note that a frame was made with the parameters as they are."""
        for place, effect in enumerate(self._effects):
            if effect.on:
                self._values[place] = effect.params.values()

    def take_back(self) -> str:
        """Set the parameters as they were at the last frame that was made.

        Returns:
            For the user, what was set back, and to what, by name; empty where nothing had been changed.
        """
        told = list[str]()
        for place, values in self._values.items():
            effect = self._effects[place]
            now, known = effect.params.values(), effect.parameters
            for name in [name for name, value in values.items() if now.get(name, value) != value]:
                effect.params.set(name, values[name])
                wrong, right = (known[name].text(value) or "nothing" for value in (now[name], values[name]))
                told.append(f"{effect.name}: {name}={wrong} was set back to {right}")
        return "; ".join(told)
