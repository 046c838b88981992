"""The painter in oil: dabs of thick paint, over areas of clean colour."""

import numpy as np

from train import grain
from train.painters.filters import Colours, blur, detail, kuwahara, luma, saturated, stepped


def oil(image: Colours) -> Colours:
    """Paint `image` in oil: each dab a little lighter or darker and warmer or colder, and lit from the top left.

    Where there is detail, as in a face, dabs are narrow and faint, so that it is seen.
    """
    busy = blur(detail(luma(image)), 4.0)
    broad = (1.4 - 1.6 * busy).clip(0, 1)
    wide, hue, lit, narrow, finely = grain.laid(grain.strokes(), (image.shape[0], image.shape[1]))
    tone = (broad * wide + (1 - broad) * narrow) * (1 - 0.65 * busy)
    light = (broad * lit + (1 - broad) * finely) * (1 - 0.6 * busy)
    smooth = kuwahara(image, 3.0)
    share = busy[:, :, None]
    flat = kuwahara(smooth, 7.0) * (1 - share) + smooth * share
    grey = luma(flat)
    toned = grey.clip(0, 1) ** np.float32(0.92) + np.float32(0.034) * tone * (0.3 + 1.4 * grey).clip(0, 1)
    value = (0.6 * stepped(toned, 12.0, 5.0) + 0.4 * toned).clip(0.01, 1.1)
    colour = (saturated(flat, 1.4) - grey[:, :, None]) * (value / (grey + 0.03)).clip(0, 1.3)[:, :, None]
    warmth = (0.032 * hue * broad * value)[:, :, None] * np.array([1, 0, -1], np.float32)
    return np.asarray((value[:, :, None] + colour + warmth) * (1 + 0.09 * light)[:, :, None], np.float32)
