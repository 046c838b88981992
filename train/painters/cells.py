"""The painter of mosaics: panes of glass between leads, and broader leads along contours."""

import numpy as np

from train import grain
from train.painters.drawn import abstract
from train.painters.filters import Colours, blur, detail, evened, flow, kuwahara, lines, luma, saturated, stepped

LEAD = 0.04  # its grey


def mosaic(image: Colours) -> Colours:
    """Panes of few tones, each a little lighter or darker and warmer or colder than the picture, and lit from above.

    Where there is detail, as in a face, the leads between them are thin, so that it is seen.
    """
    lead, tone, right, down = grain.laid(grain.panes(), (image.shape[0], image.shape[1]))
    calm = 1 - blur(detail(luma(image)), 3.0)
    flat = blur(abstract(image, 8.0, 4.0), 0.7)
    smooth = kuwahara(image, 2.5)
    contours = lines(
        evened(luma(smooth)), flow(smooth, 3.0), fine=1.6, edge=-0.009, steep=110.0, length=5.0, sharp=1.0
    )  # fmt: skip
    grey = luma(flat)
    toned = grey.clip(0, 1) ** np.float32(0.85) + 0.05 * tone * (0.4 + 0.6 * calm)
    lit = 0.25 * toned + 0.75 * stepped(toned, 7.0, 6.0)
    lit *= np.float32(1.05)
    colour = (saturated(flat, 1.55) - grey[:, :, None]) * (lit / (grey + 0.03)).clip(0, 1.3)[:, :, None]
    glass = lit[:, :, None] + colour
    glass += (0.06 * tone * lit)[:, :, None] * np.array([1, 0, -1], np.float32)
    glass *= (1 - 0.22 * (0.6 * right + down) * (0.5 + 0.5 * calm))[:, :, None]
    open_ = ((1 - lead * (0.22 + 0.55 * calm)) * contours)[:, :, None]
    return np.asarray(glass * open_ + LEAD * (1 - open_), np.float32)
