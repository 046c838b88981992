"""What can be turned while effects play, by name."""

import copy
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from gancam.errors import InputError, ParameterError, did_you_mean
from gancam.frame import Frame
from gancam.params import Parameter, Params

_SWITCH = Parameter("on", bool, True, None, None, (), "whether the effect is applied at all")
Warn = Callable[[str], None]
"""Takes one line for the user."""


class Switchable(Protocol):
    """An effect that can be turned on and off, and its parameters: ``gancam.effects.EffectSlot``."""

    on: bool
    params: Params

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
        return self.entry is _SWITCH

    @property
    def value(self) -> Any:
        """What is in force now."""
        return self.effect.on if self.is_switch else self.effect.params.value(self.entry.name)

    def set(self, value: Any) -> None:
        if self.is_switch:
            self.effect.on = value
        else:
            self.effect.params.set(self.entry.name, value)


class Controls:
    """Everything that can be turned in `effects`, whose names must differ (``gancam.effects.slots`` sees to it).

    Any thread may ``ask`` for values; only the loop makes them so, between two frames: give this object to ``run`` as
    one of `on_frame`. So every frame is made with one state of all parameters, and nothing is half done.

    Raises ``InputError`` for two things of one name.
    """

    def __init__(self, effects: Sequence[Switchable]) -> None:
        self.effects = list(effects)
        self.knobs: dict[str, Control] = {}
        self._lock = threading.Lock()
        self._asked: dict[str, Any] = {}
        for effect in self.effects:
            for entry in (_SWITCH, *effect.params.declared().values()):
                knob = Control(f"{effect.name}.{entry.name}", effect, entry)
                if knob.name in self.knobs:
                    raise InputError(f"two things to turn are called {knob.name}")
                self.knobs[knob.name] = knob

    def check(self, values: Mapping[str, Any]) -> dict[str, Any]:
        """`values` by name, as they would be, given as such or as text ("0.5", "on"); nothing is changed.

        All are tried together on copies of the effects' parameters, so that checks of a parameter class's own count
        too. Raises ``ParameterError`` for a name that does not exist and a value that cannot be.
        """
        with self._lock:
            return self._checked(values)

    def ask(self, values: Mapping[str, Any]) -> dict[str, Any]:
        """Have `values` from the next frame on, all in the same one; what they will be. If one is wrong, none is taken:
        raises as ``check`` does."""
        with self._lock:
            checked = self._checked(values)
            self._asked.update(checked)
        return checked

    def value(self, name: str) -> Any:
        """What was asked for last, and so what the next frame is made with. Raises ``ParameterError``."""
        with self._lock:
            knob = self._knob(name)
            return self._asked.get(name, knob.value)

    def values(self) -> dict[str, Any]:
        """What is in force now, by name; within the loop: what this frame was made with."""
        return {name: knob.value for name, knob in self.knobs.items()}

    def __call__(self, frame: Frame) -> None:
        """Make what was asked for so, before `frame`. For the loop alone."""
        if self._asked:
            with self._lock:
                for name, value in self._asked.items():
                    self.knobs[name].set(value)
                self._asked.clear()

    def _checked(self, values: Mapping[str, Any]) -> dict[str, Any]:
        trials: dict[int, Params] = {}
        checked: dict[str, Any] = {}
        for name, value in values.items():
            knob = self._knob(name)
            if knob.is_switch:
                checked[name] = _SWITCH.check(value)
                continue
            trial = trials.setdefault(id(knob.effect), self._as_asked(knob.effect))
            trial.set(knob.entry.name, value)
            checked[name] = trial.value(knob.entry.name)
        return checked

    def _as_asked(self, effect: Switchable) -> Params:
        """A copy of the parameters of `effect`, as they will be at the next frame."""
        trial = copy.copy(effect.params)
        for name, value in self._asked.items():
            knob = self.knobs[name]
            if knob.effect is effect and not knob.is_switch:
                trial.set(knob.entry.name, value)
        return trial

    def _knob(self, name: str) -> Control:
        if name not in self.knobs:
            raise ParameterError(f"nothing is called {name!r}{did_you_mean(name, self.knobs)}")
        return self.knobs[name]
