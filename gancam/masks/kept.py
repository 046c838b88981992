"""Sources of masks that parameters name, each kept while they name it."""

from collections.abc import Callable, Mapping

from gancam.masks.mask import MaskSource


class KeptSources:
    """Makes sources of masks, and keeps each while it is wanted, whatever else is wanted beside it.

    What is followed, who was found and what is held would else begin anew with every change of another parameter.
    """

    def __init__(self) -> None:
        self._made: dict[tuple[object, ...], MaskSource] = {}

    def __call__(self, wanted: Mapping[tuple[object, ...], Callable[[], MaskSource]]) -> list[MaskSource]:
        """Return the sources that are `wanted`, in that order; the others are forgotten.

        Args:
            wanted: What makes each, by all that it is made of.

        Raises:
            GancamError: What making one raises; those before are then kept.
        """
        made = self._made
        self._made = {told: made[told] if told in made else make() for told, make in wanted.items()}
        return list(self._made.values())

    def forget(self, *, but: type[MaskSource] | None = None) -> None:
        """Have all made anew, but those of a class."""
        self._made = {told: one for told, one in self._made.items() if but is not None and isinstance(one, but)}
