"""Painters of lines and washes: ink, comic, watercolour."""

import numpy as np

from train import grain
from train.painters.filters import (
    Colours,
    Flow,
    Plane,
    across,
    along,
    blur,
    crowded,
    detail,
    evened,
    flow,
    kuwahara,
    lines,
    luma,
    saturated,
    skin,
    stepped,
)

PAPER = np.array([0.985, 0.975, 0.95], np.float32)
INK = np.array([0.07, 0.07, 0.10], np.float32)
WASH = np.array([0.36, 0.40, 0.47], np.float32)
SEPIA = np.array([0.24, 0.15, 0.12], np.float32)
SHADE = np.array([0.74, 0.74, 0.69], np.float32)  # absorbances of a grey: a wall stays grey, and a teal sea teal
TAN = np.array([0.62, 0.84, 0.92], np.float32)  # which is a brown on skin
NEUTRAL = np.array([0.94, 0.95, 0.93], np.float32)  # and of what is laid over it in the deepest shade


def abstract(image: Colours, coarse: float, fine: float) -> Colours:
    """Colour areas with clean borders: `coarse` ones, where there is detail `fine` ones (radii)."""
    near = kuwahara(image, fine)
    share = detail(luma(image))[:, :, None]
    return near * share + kuwahara(near, coarse) * (1 - share)


def outlines(smooth: Colours, field: Flow, busy: Plane, face: Plane, *, broad: float, thin: float) -> Plane:
    """Lines along the dark side of edges, 0 black to 1 white, half as broad as given, thin where it is `busy`.

    On the colours of a `face` weaker edges have one: eyes and lips.
    """
    grey = evened(luma(smooth))
    wide, fine = (
        lines(grey, field, fine=half, edge=0.004 * face - 0.009, steep=110.0, length=5.0, sharp=1.0)
        for half in (broad, thin)
    )
    return np.asarray(wide + (fine - wide) * busy, np.float32)


def ink(image: Colours) -> Colours:
    """Pen lines on paper, hatching in the shade and across it in the deep one, solid blacks, and a faint wash.

    Strokes are as broad as it is dark. There are fewer on the colours of skin, so that a face is a face.
    """
    smooth, flat = kuwahara(image, 2.5), abstract(image, 6.0, 3.0)
    face = blur(skin(flat), 3.0)
    drawn = lines(
        evened(_dark(smooth, face)), flow(smooth, 2.5), fine=1.05, edge=-0.0065, steep=90.0, length=4.5, sharp=1.0
    )  # fmt: skip
    tone = _dark(flat, face)
    tone = 0.5 * tone + 0.5 * evened(tone) + 0.13 * face
    pen = np.ones_like(tone)
    laid = grain.laid(grain.hatching(), (tone.shape[0], tone.shape[1]))
    for strokes, (begin, slowly, broad) in zip(laid, ((0.56, 0.40, 0.40), (0.355, 0.30, 0.36)), strict=True):
        width = broad * ((begin - tone) / slowly).clip(0, 1)
        pen *= 1 - np.float32(0.72) * _above(strokes, 0.91 - width, 12.0) * (1 - _above(tone, begin - 0.01, 45.0))
    wash = np.float32(0.22) * (1 - _above(tone, 0.50, 50.0)) + np.float32(0.30) * (1 - _above(tone, 0.30, 50.0))
    paper = PAPER - wash[:, :, None] * (PAPER - WASH)
    return np.asarray(INK + (paper - INK) * (drawn * _above(tone, 0.13, 60.0) * pen)[:, :, None], np.float32)


def _dark(image: Colours, face: Plane) -> Plane:
    """The tone of `image` for one who has ink alone: full colours are darker than their luma, but for those of skin."""
    colourful = ((image.max(2) - image.min(2) - 0.125) / 0.875).clip(0, 1)
    return np.asarray(luma(image) * (1 - 0.55 * colourful * (1 - face)), np.float32)


def comic(image: Colours) -> Colours:
    """Few tones with clear steps, softer ones on the colours of skin, strong colours and black outlines."""
    flat = abstract(image, 7.0, 3.5)
    flat = blur(flat, 0.7)
    grey, face = luma(flat), blur(skin(flat), 4.0)
    dark = (1 - grey / 0.5).clip(0, 1)  # what is dark stays so
    lit = np.clip(grey, 1e-4, 1) ** (np.float32(0.75) + np.float32(0.25) * dark)
    apart = blur(lit, 3.0) - lit
    lit += 0.8 * face * apart * (1 - np.abs(apart) / 0.05).clip(0, 1)
    hard, soft = stepped(lit, 4.0, 12.0), stepped(lit, 6.0, 5.0)
    steps = hard + 0.65 * face * (soft - hard)
    flat = flat * (steps / (grey + 1e-3))[:, :, None]
    flat = np.asarray(
        saturated(flat, 1.3) - (0.2 * face * dark)[:, :, None] * (flat - luma(flat)[:, :, None]), np.float32
    )
    smooth = kuwahara(image, 2.5)
    smooth += face[:, :, None] * (kuwahara(image, 1.9) - smooth)
    drawn = outlines(smooth, flow(smooth, 3.0), crowded(luma(image), face), face, broad=1.45, thin=1.05)
    black = 1 / (1 + np.exp(-(grey - 0.07) * 80))
    return np.asarray(flat * (drawn * black)[:, :, None], np.float32)


def watercolour(image: Colours) -> Colours:
    """Line and wash: flat washes with dark rims on white paper, which shows in gaps along sepia contours.

    Shade is a wash of its own, a grey, on the colours of skin brown, laid in up to three layers over that of the
    hue. Colours are absorbances, as of glass, so that washes add up and paper shines through.
    """
    flat = blur(abstract(image, 9.0, 3.0), 0.7)
    pigment, fine = grain.laid(grain.paper(), (flat.shape[0], flat.shape[1]))
    density = _washes(flat, pigment + 0.3 * fine)
    rim = (blur(density, 0.7) - blur(density, 3.0)).clip(0, 0.35)
    smooth = kuwahara(image, 2.5)
    field, grey = flow(smooth, 3.0), evened(luma(smooth))
    gap = _above(along(across(grey, field, 1.2, sharp=1.0), field, 4.0), 0.022, 260.0)
    calm = 1 - 0.8 * blur(detail(luma(image)), 6.0)  # a face keeps its skin
    taken = (1 + calm * (0.13 * pigment + 0.09 * fine)).clip(0.5, 1.6)
    density = (0.82 * density + 2.0 * rim) * (taken * (1 - 0.55 * gap))[:, :, None]
    painted = PAPER * np.exp(-density)
    drawn = lines(grey, field, fine=0.9, edge=-0.009, steep=90.0, length=5.0, sharp=1.0)
    pencil = np.float32(0.85) * (1 - drawn)[:, :, None]
    return np.asarray(painted * (1 - pencil) + pencil * SEPIA * painted ** np.float32(0.3), np.float32)


def _washes(flat: Colours, pigment: Plane) -> Colours:
    """The absorbances of what is laid on the paper for `flat` areas; `pigment`, mean 0, lets their borders wander."""
    face = skin(flat)
    pigment = pigment * (1 - 0.8 * face)
    value = 0.5 * luma(flat) + 0.5 * flat.max(2)  # a strong colour is not a dark one
    tone = 0.6 * value.clip(0, 1) ** np.float32(0.85) + 0.4 * evened(value) + 0.022 * pigment
    light, middle, deep = (1 - _above(tone, place, 60.0) for place in (0.68, 0.46, 0.31))
    vivid = saturated(flat, 1.6).clip(0.02, 1) + np.float32(0.08)  # black has no hue to make much of
    vivid = vivid / vivid.max(2, keepdims=True)
    chroma = 1 - vivid.min(2)
    dry = 0.85 * _above(tone, 0.88 + 0.4 * chroma, 50.0)
    hue = -np.log(vivid.clip(0.10, 1)) * ((0.50 + 0.22 * light + 0.18 * middle) * (1 - dry))[:, :, None]
    hue += (8 * chroma).clip(0, 1)[:, :, None] * (np.log(PAPER) - np.log(PAPER).mean())  # no green seas on warm paper
    thin, thick = ((0.16 * light + 0.40 * middle) * (1 - 0.45 * chroma), 1.00 * deep * (1 - 0.45 * chroma))
    shade = SHADE + face[:, :, None] * (TAN - SHADE)
    return np.asarray(hue + thin[:, :, None] * shade + thick[:, :, None] * NEUTRAL, np.float32)


def _above(value: Plane, place: Plane | float, steep: float) -> Plane:
    """0 where `value` is below `place`, 1 where it is above, softly in between."""
    return np.asarray(1 / (1 + np.exp(((place - value) * np.float32(steep)).clip(-40, 40))), np.float32)
