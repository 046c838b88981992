"""Painters: slow classical filters that draw a photo as ink, comic, watercolour, oil or mosaic.

A network learns from what they make of photos (`--pairs ink` and so on), and then does it fast enough for video. What
they make of a place follows from the picture around it, and from nothing further away than a network of that kind sees:
what it cannot foretell, it would blur. It is finer where there is detail, as in a face. Nothing is drawn by chance: the
same picture gives the same painting. What does not come from the picture (where strokes and panes lie, the grain of
paper) is a field of `train.grain`, which the network is given as well.

Lengths are in pixels of pictures of about 640.
"""

from collections.abc import Callable

import numpy as np

from train.data import Pixels
from train.painters.cells import mosaic
from train.painters.drawn import comic, ink, watercolour
from train.painters.filters import Colours
from train.painters.strokes import oil

__all__ = ["PAINTERS", "VERSIONS", "paint"]
PAINTERS: dict[str, Callable[[Colours], Colours]] = {
    "ink": ink, "comic": comic, "watercolour": watercolour, "oil": oil, "mosaic": mosaic,
}  # fmt: skip
VERSIONS = {"ink": 3, "comic": 4, "watercolour": 8, "oil": 10, "mosaic": 6}  # one more where what it paints changes


def paint(name: str, image: Pixels) -> Pixels:
    """What the painter of that name makes of RGB uint8 `image` ``(H, W, 3)``, of the same size."""
    painted = PAINTERS[name](image.astype(np.float32) / np.float32(255))
    return np.ascontiguousarray((painted.clip(0, 1) * 255).round().astype(np.uint8))
