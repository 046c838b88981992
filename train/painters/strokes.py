"""The painter in oil: strokes along the edges of the picture, with a relief."""

import cv2
import numpy as np

from train import grain
from train.painters.filters import Colours, Flow, Plane, blur, detail, flow, kuwahara, luma, saturated, stepped

FAINT = 0.03  # strength of an edge that strokes do not follow: the camera's noise has as much
WARM = np.array([0.025, 0.0, -0.03], np.float32)  # of the lighter strokes; the others are as much colder


def oil(image: Colours) -> Colours:
    """Paint `image` in oil: areas of clean colour, in tones whose borders are strokes, lit from the top left.

    Where there is detail, as in a face, strokes are faint, so that it is seen.
    """
    busy = blur(detail(luma(image)), 2.0)
    smooth = kuwahara(image, 3.0)
    share = busy[:, :, None]
    flat = kuwahara(smooth, 6.0) * (1 - share) + smooth * share
    strokes = led(flow(smooth, 6.0, far=16.0, floor=FAINT)) * (1 - np.float32(0.65) * busy)
    grey = luma(flat)
    tone = np.asarray(grey.clip(0, 1) ** np.float32(0.9) + np.float32(0.036) * strokes, np.float32)
    step = stepped(tone, 10.0, 7.0)
    lit = (0.8 * step + 0.2 * tone).clip(0.01, 1.1) ** np.float32(1 / 0.9)
    painted = saturated(flat, 1.45) * (lit / (grey + 1e-2))[:, :, None]
    painted += (np.tanh(1.2 * strokes) * lit)[:, :, None] * WARM
    relief = np.float32(0.06) * strokes
    shade = 1 - _slope(blur(relief + step, 0.8), 0.3) - _slope(relief, 0.6)
    return np.asarray(painted * shade[:, :, None], np.float32)


def led(field: Flow) -> Plane:
    """Strokes of mean 0 and deviation about 1 that lead where `field` does, and freely where that is not sure."""
    *straight, free = grain.laid(grain.strokes(), (field.x.shape[0], field.x.shape[1]))
    double = field.x**2 - field.y**2, 2 * field.x * field.y
    total, weight = np.zeros_like(field.x), np.full_like(field.x, 1e-4)
    for index, streaks in enumerate(straight):
        angle = 2 * np.pi * index / grain.ANGLES
        share = (double[0] * np.cos(angle) + double[1] * np.sin(angle)).clip(0, 1) ** 1.5
        total, weight = total + share * streaks, weight + share * share
    sure = np.clip(2 * field.sure - 0.3, 0, 1)
    mixed = sure * total / np.sqrt(weight) + (1 - sure) * free
    return np.asarray(mixed / np.sqrt(sure**2 + (1 - sure) ** 2), np.float32)


def _slope(height: Plane, steep: float) -> Plane:
    """How much lower than what is above and left of it a place is, 0.09 at most."""
    rise = cv2.Sobel(height, cv2.CV_32F, 1, 0) * 0.5 + cv2.Sobel(height, cv2.CV_32F, 0, 1)
    return np.asarray((steep * rise).clip(-0.09, 0.09), np.float32)
