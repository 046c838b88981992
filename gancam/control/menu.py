"""What a window and a socket ask of effects that can be exchanged while they play."""

from abc import ABC, abstractmethod
from collections.abc import Sequence

from gancam.frame import Image


class EffectMenu(ABC):
    """Names of chains of effects, one of which plays; all may be called from any thread.

    Attributes:
        names: What can be chosen, in the order to show it.
    """

    names: Sequence[str] = ()

    @property
    @abstractmethod
    def playing(self) -> str:
        """The name of what plays."""

    @property
    @abstractmethod
    def coming(self) -> str:
        """The name of what is being loaded to play next; empty where nothing is."""

    @property
    @abstractmethod
    def failed(self) -> str:
        """What went wrong since something was chosen last, for whoever asks; empty where nothing did."""

    @abstractmethod
    def choose(self, text: str) -> str:
        """Have another chain play as soon as it is loaded; what plays goes on meanwhile.

        Args:
            text: One of `names`, or effects as the command line has them, with blanks between.

        Returns:
            The name that it will have.

        Raises:
            GancamError: There is no such effect or parameter.
        """

    @abstractmethod
    def news(self) -> str:
        """Say once what went wrong since the last call, for the one who shows it; empty where nothing did."""

    @abstractmethod
    def look(self, *, on: bool) -> None:
        """Begin to make thumbnails of the newest frame, or let that be."""

    @abstractmethod
    def thumbnail(self, name: str) -> Image | None:
        """Give what a chain makes of the frame, small: ``uint8 (h, w, 3)``; None while that is not there."""

    def step(self, by: int) -> str:
        """Choose what stands `by` places behind what plays (or comes); its name."""
        now = self.coming or self.playing
        place = self.names.index(now) + by if now in self.names else 0
        return self.choose(self.names[place % len(self.names)])
