"""Painters of lines and washes: ink, comic, watercolour."""

import numpy as np

from train.painters.filters import (
    Colours,
    along,
    blur,
    detail,
    evened,
    flow,
    kuwahara,
    lines,
    luma,
    paper,
    saturated,
    stepped,
)

PAPER = np.array([0.985, 0.975, 0.95], np.float32)
INK = np.array([0.07, 0.07, 0.10], np.float32)
WASH = np.array([0.36, 0.40, 0.47], np.float32)
PENCIL = np.array([0.32, 0.26, 0.24], np.float32)


def _abstract(image: Colours, coarse: float, fine: float) -> Colours:
    """Colour areas with clean borders: `coarse` ones, where there is detail `fine` ones (radii)."""
    near = kuwahara(image, fine)
    share = detail(luma(image))[:, :, None]
    return near * share + kuwahara(near, coarse) * (1 - share)


def ink(image: Colours) -> Colours:
    """Pen lines on paper, solid blacks, and two washes of blue grey."""
    smooth = kuwahara(image, 2.5)
    drawn = lines(
        evened(luma(smooth)), flow(smooth, 2.5), fine=0.9, edge=-0.007, steep=70.0, length=4.0, sharp=1.0
    )  # fmt: skip
    tone = luma(_abstract(image, 6.0, 3.0))
    tone = 0.5 * tone + 0.5 * evened(tone)
    black = 1 / (1 + np.exp(-(tone - 0.14) * 60))
    light = 1 / (1 + np.exp((tone - 0.50) * 50))
    deep = 1 / (1 + np.exp((tone - 0.30) * 50))
    wash = (
        PAPER
        - light[:, :, None] * (PAPER - WASH) * np.float32(0.42)
        - deep[:, :, None] * (PAPER - WASH) * np.float32(0.45)
    )
    return np.asarray(INK + (wash - INK) * (drawn * black)[:, :, None], np.float32)


def comic(image: Colours) -> Colours:
    """Few tones with clear steps, strong colours and black outlines."""
    flat = _abstract(image, 5.0, 2.5)
    grey = luma(flat)
    lit = grey ** np.float32(0.8)
    flat = flat * (lit / (grey + 1e-3))[:, :, None]
    steps = stepped(lit, 5.0, 7.0)
    flat = saturated(flat, 1.35) + (steps - lit)[:, :, None]
    smooth = kuwahara(image, 2.5)
    drawn = lines(
        evened(luma(smooth)), flow(smooth, 3.0), fine=1.15, edge=-0.011, steep=70.0, length=4.5, sharp=1.0
    )  # fmt: skip
    return np.asarray(flat * drawn[:, :, None], np.float32)


def watercolour(image: Colours) -> Colours:
    """Transparent washes with darker rims on grained paper, which stays white where it is brightest."""
    busy = detail(luma(image))[:, :, None]
    near = kuwahara(image, 3.0)
    far = kuwahara(near, 8.0)
    far = 0.5 * far + 0.5 * blur(far, 8.0)
    flat = near * busy + far * (1 - busy)
    flat = along(flat, flow(flat, 3.0), 4.0)
    grey = luma(flat)
    lit = grey ** np.float32(0.75)
    steps = stepped(lit, 4.0, 5.0)
    flat = flat * ((0.4 * lit + 0.6 * steps) / (grey + 1e-3))[:, :, None]
    density = -np.log(np.clip(saturated(flat, 1.35), 0.04, 1.0))
    density = np.maximum(density * (0.62 + 0.16 * busy) - 0.06, 0)
    density = np.maximum(density + 0.9 * (blur(density, 0.8) - blur(density, 3.0)).clip(-0.25, 0.35), 0)
    shape = luma(image).shape
    pigment = 1 + 0.13 * paper(shape, 2.5, 8.0, 3) + 0.10 * paper(shape, 16.0, 64.0, 4)
    density = density * np.clip(pigment, 0.55, 1.6)[:, :, None]
    smooth = kuwahara(image, 2.0)
    drawn = lines(
        evened(luma(smooth)), flow(smooth, 2.5), fine=0.6, edge=-0.008, steep=60.0, length=4.0, sharp=1.0
    )  # fmt: skip
    pencil = 1 - np.float32(0.4) * (1 - drawn)[:, :, None] * (1 - PENCIL)
    return np.asarray(PAPER * np.exp(-density) * pencil, np.float32)
