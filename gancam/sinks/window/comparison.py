"""The picture beside what it was before the effects."""

import cv2
import numpy as np

from gancam.frame import Frame, Image


class Comparison:
    """Paints a frame, or it and its original on two sides of a bar, or the original alone.

    Attributes:
        split: Whether both are shown.
        held: Whether the original alone is.
        bar: The bar's place, of the picture's width.
    """

    def __init__(self) -> None:
        self.split = self.held = False
        self.bar = 0.5

    def before(self, frame: Frame) -> Image | None:
        """Return what the picture is compared with, if it is."""
        return frame.original if self.split or self.held else None

    def paint(self, frame: Frame, place: Image) -> None:
        """Paint the picture, or the comparison, at the size of `place`, into that."""
        size, before = (place.shape[1], place.shape[0]), self.before(frame)
        place[:] = _scaled(before if before is not None and self.held else frame.image, size)
        if before is not None and not self.held:
            bar = min(max(round(self.bar * size[0]), 0), size[0])
            place[:, :bar] = _scaled(before, size)[:, :bar]
            place[:, max(bar - 1, 0) : bar + 1] = 255

    def as_shown(self, frame: Frame) -> Image:
        """Return the picture, or the comparison, at its own size: an array that is not changed any more."""
        if self.before(frame) is None:
            return frame.image
        picture = np.empty_like(frame.image)
        self.paint(frame, picture)
        return picture


def _scaled(image: Image, size: tuple[int, int]) -> Image:
    """`image` at `size`: smaller by averaging, larger as plainly as any player does."""
    if (image.shape[1], image.shape[0]) == size:
        return image
    how = cv2.INTER_AREA if size[0] < image.shape[1] else cv2.INTER_LINEAR
    return np.asarray(cv2.resize(image, size, interpolation=how), np.uint8)
