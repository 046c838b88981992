"""A still picture that plays, so that it can be drawn on and effects be tried on it."""

from collections.abc import Iterator

from gancam.frame import Frame, Image
from gancam.sources.contract import Source


class StillImage(Source):
    """Plays one picture without end, until it is closed.

    Args:
        image: The picture, ``uint8 (H, W, 3)`` BGR.
    """

    def __init__(self, image: Image) -> None:
        self._image = image

    @property
    def fps(self) -> float:
        """Frames a second: enough to draw by."""
        return 15.0

    @property
    def size(self) -> tuple[int, int]:
        """(width, height) of the picture."""
        return self._image.shape[1], self._image.shape[0]

    def __iter__(self) -> Iterator[Frame]:
        index = 0
        while not self._closed:
            yield Frame(self._image, index, index / self.fps)
            index += 1

    def close(self) -> None:
        """End it."""
        self._closed = True
