"""The values of parameters that made the last frame, to go back to where others make none."""

from collections.abc import Sequence

from gancam.control.controls import Switchable
from gancam.params import Value


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
