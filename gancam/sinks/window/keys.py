"""Keys that turn effects and their parameters."""

from gancam.control import Control, Controls
from gancam.vision.text import text_width


class ControlKeys:
    """Turns `controls` by keys: 1 to 9 switch an effect, [ and ] choose a parameter, - and + turn it.

    Attributes:
        effects: Whether there is an effect to switch.
    """

    def __init__(self, controls: Controls) -> None:
        self._controls = controls
        self._switches = [f"{effect.name}.on" for effect in controls.effects]
        self._turns = [one for one in controls.by_name.values() if not one.is_switch and not one.entry.free]
        self._turn = 0
        self.effects = bool(self._switches)

    @property
    def chosen(self) -> str:
        """The name of the parameter that is turned; empty where there is none."""
        return self._turns[self._turn].name if self._turns else ""

    def press(self, letter: str) -> str | None:
        """Do what a key wants, and return what to say; None for a key that is none of these."""
        if "1" <= letter <= "9" and int(letter) <= len(self._switches):
            name = self._switches[int(letter) - 1]
            on = not self._controls.value(name)
            self._controls.request({name: on})
            return f"{self._controls.by_name[name].effect.name} {'on' if on else 'off'}"
        if letter not in "[]-_+=" or not self._turns:
            return None
        if letter in "[]":
            self._turn = (self._turn + (1 if letter == "]" else -1)) % len(self._turns)
        control = self._turns[self._turn]
        if letter not in "[]":
            value = control.entry.step(self._controls.value(control.name), up=letter in "+=")
            self._controls.request({control.name: value})
        return self._assignment(control)

    def help(self, letters: int, room: int) -> list[str]:
        """List effects and parameters with their values, in capitals of `letters` pixels and `room` pixels wide."""
        lines = []
        for number, name in enumerate(self._switches[:9], 1):
            state = "on" if self._controls.value(name) else "off"
            lines.append(f"\t{number}: {self._controls.effects[number - 1].name} is {state}")
        for number, control in enumerate(self._turns):
            mark = ">" if number == self._turn else " "
            short = f"\t{mark} {self._assignment(control)}"
            long = f"{short} ({control.entry.describe()})"
            lines.append(long if text_width(long, letters) < room else short)
        return lines

    def _assignment(self, control: Control) -> str:
        return f"{control.name} = {control.entry.text(self._controls.value(control.name))}"
