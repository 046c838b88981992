"""The painter in oil: dabs of thick paint that follow the picture, over areas of clean colour."""

import cv2
import numpy as np

from train import grain
from train.painters.filters import Colours, Plane, along, blur, detail, flow, kuwahara, luma, saturated, skin, stepped

UNSURE = 0.03  # how strong edges around a place must be, half, for dabs to follow them


def oil(image: Colours) -> Colours:
    """Paint `image` in oil: each dab a little lighter or darker and warmer or colder, and lit from the top left.

    Dabs lead where the edges around them lead, and wander where there are none. Where there is detail they are faint,
    and it is drawn with a narrow brush along its own edges: hair, grass and leaves become strokes. On the colours of
    skin dabs are faint, or they would be wrinkles, and areas of colour small, so that a face keeps its look.
    """
    seen = detail(luma(image))
    busy = blur(seen, 4.0)
    near = (1.6 * blur(seen, 11.0)).clip(0, 1)
    smooth = kuwahara(image, 3.0)
    fine, face = brushed(image), blur(skin(smooth), 3.0)[:, :, None]
    fine += 0.85 * face * (kuwahara(smooth, 3.0) - fine)
    share = busy[:, :, None]
    flat = blur(np.asarray(kuwahara(smooth, 7.0) * (1 - share) + fine * share, np.float32), 0.6)
    grey = luma(flat)
    dabs = laid(smooth) * (1.15 - 0.2 * busy - 0.3 * near) * (1 - 0.5 * ((grey - 0.7) / 0.3).clip(0, 1))
    dabs = dabs * (1 - 0.75 * skin(flat))
    toned = grey.clip(0, 1) ** np.float32(0.95) + np.float32(0.024) * dabs * (0.3 + 1.2 * grey).clip(0, 1)
    value = (0.6 * stepped(toned, 10.0, 4.0) + 0.4 * toned).clip(0.01, 1.1)
    colour = (saturated(flat, 1.45) - grey[:, :, None]) * (value / (grey + 0.03)).clip(0, 1.3)[:, :, None]
    warmth = (0.014 * dabs * value)[:, :, None] * np.array([1, 0.2, -1.2], np.float32)
    return np.asarray((value[:, :, None] + colour + warmth) * (1 + 0.03 * dabs)[:, :, None], np.float32)


def brushed(image: Colours) -> Colours:
    """`image` smeared along its edges, which are as steep across them as before, and no brighter or darker."""
    smeared = kuwahara(along(kuwahara(image, 2.0), flow(image, 3.0), 6.0), 3.5)
    steep, around = smeared + np.float32(1.5) * (smeared - blur(smeared, 1.6)), np.ones((3, 3), np.uint8)
    return np.asarray(steep.clip(cv2.erode(smeared, around), cv2.dilate(smeared, around)), np.float32)


def laid(smooth: Colours) -> Plane:
    """The dabs of `train.grain` laid along the edges of `smooth`, mean 0: of each place those that lead as it does."""
    *ways, wandering = grain.laid(grain.strokes(), (smooth.shape[0], smooth.shape[1]))
    field = flow(smooth, 5.0)
    total, weight = np.zeros_like(wandering), np.zeros_like(wandering)
    for way, dabs in enumerate(ways):
        angle = np.pi * way / len(ways)
        agrees = (field.x * np.float32(np.cos(angle)) + field.y * np.float32(np.sin(angle))) ** 20
        total += agrees * dabs
        weight += agrees
    sure = field.strength / (field.strength + np.float32(UNSURE))
    return np.asarray(sure * total / weight + (1 - sure) * wandering, np.float32)
