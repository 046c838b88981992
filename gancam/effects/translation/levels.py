"""Blacks and whites of faded pictures, for a network that learnt from pictures which have both."""

from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from gancam.vision.motion import Grey

_ENDS = 0.1, 99.9  # per cent of a picture that are darker than its black, and than its white
_PLAIN, _SCENE = 40.0, 90.0  # levels between these: up to which there is nothing to see, and from which on a scene
_MOST = 2.5  # times the contrast, at most: noise grows, too
_SLOWLY = 0.1  # of the way to its own that a frame goes from those of the frame before


class Levels(NamedTuple):
    """What is black, and what white, in a picture: grey levels, 0 to 255."""

    black: float
    white: float

    @classmethod
    def of(cls, grey: Grey) -> "Levels":
        """Tell those of a picture, uint8 ``(h, w)``; what is plain, such as a wall, keeps what it has."""
        black, white = (float(level) for level in np.percentile(grey, _ENDS))
        share = float(np.interp(white - black, (_PLAIN, _SCENE), (0.0, 1.0)))
        black, white = share * black, 255.0 - share * (255.0 - white)
        more = max(255.0 / _MOST - (white - black), 0.0) / max(black + 255.0 - white, 1.0)
        return cls(black - more * black, white + more * (255.0 - white))

    def after(self, before: "Levels | None") -> "Levels":
        """Give those of a frame that comes after one with `before`: they change slowly, so that nothing flickers."""
        if before is None:
            return self
        black, white = (old + _SLOWLY * (new - old) for old, new in zip(before, self, strict=True))
        return Levels(black, white)

    @property
    def contrast(self) -> float:
        """How many times the contrast a picture gets."""
        return 255.0 / (self.white - self.black)

    def spread(self, image: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """Give a picture, uint8 of any shape, with its black at 0 and its white at 255."""
        table = np.rint((np.arange(256) - self.black) * self.contrast).clip(0, 255).astype(np.uint8)
        return np.asarray(cv2.LUT(image, table), np.uint8)
