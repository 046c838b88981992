"""Colours that a network drew where a picture has none of them, taken back."""

import cv2
import numpy as np

from gancam.frame import Image
from gancam.vision.planes import Planes

_AROUND = np.ones((3, 3), np.uint8)


def without_fringes(drawn: Image, image: Image, planes: Planes | None = None, out: Image | None = None) -> Image:
    """Keep what was drawn of a picture within the colours that the picture has there; luma stays.

    Each of Cr and Cb is kept between the least and the most of 3x3 pixels of `image` around a place, as in temporal
    antialiasing (B. Karis, High-quality temporal supersampling, SIGGRAPH 2014). Of a grey picture all stays grey.

    Args:
        drawn: uint8 ``(H, W, 3)`` BGR.
        image: uint8 ``(h, w, 3)`` BGR, what it was made of.
        planes: Where it works; None: in new arrays.
        out: Where the result goes, such as `drawn`; None: a new array.
    """
    planes, (height, width) = planes or Planes(), drawn.shape[:2]
    own = cv2.cvtColor(image, cv2.COLOR_BGR2YCrCb)
    made = cv2.cvtColor(drawn, cv2.COLOR_BGR2YCrCb, dst=planes("made", drawn.shape, np.uint8))
    *parts, bound = (planes(name, (height, width), np.uint8) for name in ("luma", "red", "blue", "bound"))
    cv2.split(made, parts)
    for channel, plane in enumerate(parts[1:], 1):
        colour = cv2.extractChannel(own, channel)
        for find, keep in ((cv2.erode, cv2.max), (cv2.dilate, cv2.min)):
            cv2.resize(find(colour, _AROUND), (width, height), dst=bound, interpolation=cv2.INTER_LINEAR)
            keep(plane, bound, dst=plane)
    cv2.merge(parts, dst=made)
    return np.asarray(cv2.cvtColor(made, cv2.COLOR_YCrCb2BGR, dst=out), np.uint8)
