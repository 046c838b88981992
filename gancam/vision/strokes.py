"""Large strokes: a picture that was drawn small is enlarged with clean edges, and gives way where detail is finer."""

import cv2
import numpy as np
from numpy.typing import NDArray

from gancam.frame import Image

_REACH = 1.5  # strokes: what is narrower than that is lost in them
_NOISE = 10.0  # grey levels by which something narrow must differ from what is around it
_PLAIN = 6.0  # grey levels beyond those, averaged over `_AROUND`, at which detail counts in full
_AROUND = 2.0  # strokes around something narrow that are drawn finer with it, so that a face is drawn in one way
_SOFT, _GAIN = 0.35, 3.0  # of an enlarged edge: how far its steps are smoothed, and how steep it is made again


def fine_structure(image: Image, stroke: float) -> NDArray[np.float32]:
    """Find where a picture has things too narrow to be drawn with large strokes: eyes, letters, but no edge alone.

    Args:
        image: uint8 ``(H, W, 3)`` BGR.
        stroke: how wide the strokes are, in pixels.

    Returns:
        ``(H, W)``: 0 where large strokes do, to 1 where detail is finer.
    """
    grey = cv2.GaussianBlur(cv2.cvtColor(image, cv2.COLOR_BGR2GRAY), (3, 3), 0)
    window = np.ones((2 * round(_REACH * stroke) + 1,) * 2, np.uint8)
    narrow = cv2.max(*(cv2.morphologyEx(grey, way, window) for way in (cv2.MORPH_TOPHAT, cv2.MORPH_BLACKHAT)))
    side = 2 * round(_AROUND * stroke) + 1
    busy = cv2.blur(np.maximum(narrow.astype(np.float32) - _NOISE, 0), (side, side)) / _PLAIN
    near = cv2.dilate(np.minimum(busy, 1), np.ones((side, side), np.uint8))
    soft = cv2.blur(cv2.blur(near, (side, side)), (side, side))
    return np.asarray(np.clip(2 * soft - 0.5, 0, 1), np.float32)


def enlarged_clean(drawn: Image, size: tuple[int, int]) -> Image:
    """Enlarge a drawing to `size` (width, height): edges are as steep as in the small one, without steps or halos."""
    factor = max(size[0] / drawn.shape[1], size[1] / drawn.shape[0])
    calm = cv2.GaussianBlur(drawn, (3, 3), 0)  # what networks leave of their own grid is two pixels long
    large = cv2.resize(calm, size, interpolation=cv2.INTER_CUBIC)
    large = cv2.GaussianBlur(large, (0, 0), _SOFT * factor)
    side = 2 * round(0.75 * factor) + 1
    window = np.ones((side, side), np.uint8)
    soft = cv2.blur(cv2.blur(large, (side, side)), (side, side))
    steep = cv2.addWeighted(large, 1 + _GAIN, soft, -_GAIN, 0)
    plain = cv2.resize(drawn, size, interpolation=cv2.INTER_LINEAR)
    return np.asarray(cv2.min(cv2.max(steep, cv2.erode(plain, window)), cv2.dilate(plain, window)), np.uint8)


def mixed_by(share: NDArray[np.float32], fine: Image, coarse: Image) -> Image:
    """Return `fine` where `share` is 1, `coarse` where it is 0, and a mixture between; all ``(H, W)`` large."""
    return np.asarray(cv2.blendLinear(fine, coarse, share, 1 - share), np.uint8)
