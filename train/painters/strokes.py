"""The painter in oil: brush strokes along the edges of the picture, large ones first, with a relief of bristles."""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from train.painters.filters import TILE, Colours, Plane, blur, detail, flow, kuwahara, luma, saturated

LAYERS = ((12, -1.0, 1.0), (8, 0.2, 0.95), (6, 0.4, 0.95), (4, 0.55, 0.9))  # spacing, detail from which on, opacity
BRUSHES = 4  # kinds of strokes


@dataclass(frozen=True)
class Canvas:
    """What is painted on: its colours, and how thick the paint lies."""

    colours: Colours
    height: Plane


@dataclass(frozen=True)
class Brush:
    """A stroke that leads to the right, in a square: how much it covers, and how thick its paint is."""

    alpha: Plane
    height: Plane


def oil(image: Colours) -> Colours:
    """Paint `image` in oil."""
    base = kuwahara(image, 3.0)
    busy = blur(detail(luma(image)), 3.0)
    field = flow(base, 3.0, far=20.0)
    canvas = Canvas(kuwahara(base, 8.0), np.zeros(busy.shape, np.float32))
    for spacing, least, opacity in LAYERS:
        seen = blur(base, spacing / 8)
        brushes = [_brush(3.4 * spacing, 1.25 * spacing, index) for index in range(BRUSHES)]
        for number, y, x, at, tone in _places(busy, spacing, least):
            colour = seen[at] * np.float32(1 + 0.06 * tone)
            _put(canvas, brushes[number % BRUSHES], (x, y), (float(field.x[at]), float(field.y[at])), colour, opacity)
    height = blur(canvas.height, 0.6)
    lit = cv2.Sobel(height, cv2.CV_32F, 1, 0) * 0.5 + cv2.Sobel(height, cv2.CV_32F, 0, 1)
    shade = (1 + np.clip(-lit * 0.045, -0.13, 0.13))[:, :, None]
    return np.asarray(saturated(canvas.colours, 1.25) * shade, np.float32)


def _brush(length: float, width: float, seed: int) -> Brush:
    rng = np.random.default_rng(seed)
    side = int(length) + 3 | 1
    y, x = (one.astype(np.float32) - side // 2 for one in np.mgrid[:side, :side])
    rows = y[:, 0]
    ragged = np.interp(rows, np.linspace(-width, width, 9), rng.uniform(0.75, 1.0, 9)).astype(np.float32)[:, None]
    ends = np.clip((length / 2 * ragged - np.abs(x)) / 2.0, 0, 1)
    sides = np.clip((width / 2 - np.abs(y)) / 1.0 + 0.5, 0, 1)
    hairs = max(int(2 * width), 5)
    bristles = np.interp(rows, np.linspace(-width, width, hairs), rng.normal(size=hairs)).astype(np.float32)[:, None]
    height = bristles * np.ones_like(x) * 0.5 + (1 - (2 * y / width) ** 2).clip(0) * 0.6
    return Brush(np.asarray(ends * sides, np.float32), height.astype(np.float32))


def _places(busy: Plane, spacing: int, least: float) -> list[tuple[int, float, float, tuple[int, int], float]]:
    """Where strokes lie that are `spacing` apart: place in the order of painting, y, x, the pixel there, tone -1..1."""
    rng = np.random.default_rng(spacing)
    side = TILE // spacing
    jitter = rng.uniform(-0.5, 0.5, (side, side, 2)) * spacing
    tones, order = rng.uniform(-1, 1, (side, side)), rng.permutation(side * side).reshape(side, side)
    found = []
    for row in range(-1, -(-busy.shape[0] // spacing) + 1):
        for column in range(-1, -(-busy.shape[1] // spacing) + 1):
            place = row % side, column % side
            y, x = (row + 0.5) * spacing + jitter[place][0], (column + 0.5) * spacing + jitter[place][1]
            at = min(max(int(y), 0), busy.shape[0] - 1), min(max(int(x), 0), busy.shape[1] - 1)
            if busy[at] >= least:
                found.append((int(order[place]), float(y), float(x), at, float(tones[place])))
    return sorted(found)


def _put(
    canvas: Canvas, brush: Brush, centre: tuple[float, float], tangent: tuple[float, float],
    colour: NDArray[np.float32], opacity: float,
) -> None:  # fmt: skip
    """Lay one stroke on the canvas, its middle at `centre` ``(x, y)``, along `tangent`."""
    side = brush.alpha.shape[0]
    left, top = round(centre[0]) - side // 2, round(centre[1]) - side // 2
    right, bottom = min(left + side, canvas.height.shape[1]), min(top + side, canvas.height.shape[0])
    if max(left, 0) >= right or max(top, 0) >= bottom:
        return
    c, s, m = *tangent, side // 2
    turn = np.array([[c, s, m - c * m - s * m], [-s, c, m + s * m - c * m]], np.float32)
    place = slice(max(top, 0), bottom), slice(max(left, 0), right)
    inner = tuple(slice(span.start - start, span.stop - start) for span, start in zip(place, (top, left), strict=True))
    alpha, height = (
        cv2.warpAffine(one, turn, (side, side), flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP)[inner]
        for one in (brush.alpha, brush.height)
    )
    alpha = alpha * np.float32(opacity)
    canvas.colours[place] += alpha[:, :, None] * (colour - canvas.colours[place])
    canvas.height[place] += alpha * (height - canvas.height[place])
