"""Luma and what a picture has beside it: taken apart, and put together so that luma stays."""

import cv2
import numpy as np
from numpy.typing import NDArray

from gancam.frame import Image


def chroma_of(image: Image) -> NDArray[np.int16]:
    """What each pixel has beside its luma, ``(H, W, 3)``."""
    grey = cv2.cvtColor(image, cv2.COLOR_BGR2GRAY)
    return np.asarray(cv2.subtract(image, cv2.merge([grey] * 3), dtype=cv2.CV_16S), np.int16)


def coloured(grey: NDArray[np.uint8], chroma: NDArray[np.int16]) -> Image:
    """The picture with that luma and those colours; where both cannot be had, less colour."""
    full = cv2.merge([grey] * 3)
    result = np.asarray(cv2.add(full, chroma, dtype=cv2.CV_8U), np.uint8)
    lost = cv2.absdiff(cv2.cvtColor(result, cv2.COLOR_BGR2GRAY), grey)
    places = np.flatnonzero(lost > 1)
    if len(places):
        here = chroma.reshape(-1, 3)[places].astype(np.float32)
        light = grey.reshape(-1)[places].astype(np.float32)[:, None]
        here -= here @ np.array([[0.114], [0.587], [0.299]], np.float32)  # enlarged ones may have gained some luma
        room = np.where(here > 0, 255.0 - light, light) / np.maximum(np.abs(here), 1e-3)
        fitting = light + here * np.minimum(room.min(1, keepdims=True), 1.0)
        result.reshape(-1, 3)[places] = np.round(fitting).astype(np.uint8)
    return result
