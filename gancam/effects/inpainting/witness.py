"""What is around a hole bears witness to what is behind it: both have to be of the same moment.

What the ring around a hole shows now is compared with what it showed when what is behind was seen, or invented. So
whatever is put behind a hole brings the ring around it along, and what stays there keeps its own.
"""

import cv2
import numpy as np
from numpy.typing import NDArray

from gancam.effects.inpainting.regions import RING, floats
from gancam.effects.inpainting.warp import square


def witnesses(new: NDArray[np.bool_], kept: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Return what bears witness to what is `new` rather than to what is `kept`: within `RING` of it, and nearer to it.

    Args:
        new: what was put behind a hole, ``(h, w)``.
        kept: what was there and stays, likewise.
    """
    if not new.any():
        return new
    near = cv2.dilate(new.view(np.uint8), square(RING)) > 0
    return near & (_distance(new) <= _distance(kept)) if kept.any() else near


def _distance(place: NDArray[np.bool_]) -> NDArray[np.float32]:
    return floats(cv2.distanceTransform((~place).view(np.uint8), cv2.DIST_L2, 3))
