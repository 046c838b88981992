"""A still picture that plays, so that it can be drawn on and effects be tried on it."""

from collections.abc import Iterator
from pathlib import Path

from gancam.frame import Frame
from gancam.media.images import read_image
from gancam.sources.contract import Source


class StillImage(Source):
    """Plays one picture without end, until it is closed.

    Args:
        path: Of the picture.

    Raises:
        SourceError: It cannot be read.
    """

    def __init__(self, path: Path) -> None:
        self._image = read_image(path)[0]

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
