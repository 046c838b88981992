"""Blending of an overlay with the frame, in 8 bits: a millisecond for a third of a 720p picture.

Every mode but the last two is linear in the overlay: ``A(b) + B(b) * s / 255`` with b the frame's and s the overlay's
value (https://www.w3.org/TR/compositing-1/#blendingseparable; soft light after Pegtop, without a bend in the middle).
So a mode is two tables of 256 entries, and what it costs is a look-up, a product and a sum.
"""

import math
from functools import lru_cache
from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from gancam.errors import InputError, did_you_mean
from gancam.frame import Image
from gancam.vision.planes import Planes

Alpha = NDArray[np.uint8]  # (H, W): how much of the overlay is seen, 0 none to 255 all
_LEVELS = np.arange(256, dtype=np.float64)
_TABLES = {  # A and B of the formula above
    "normal": (0 * _LEVELS, 255 + 0 * _LEVELS),
    "screen": (_LEVELS, 255 - _LEVELS),
    "add": (_LEVELS, 255 + 0 * _LEVELS),
    "multiply": (0 * _LEVELS, _LEVELS),
    "overlay": (np.maximum(2 * _LEVELS - 255, 0), 2 * np.minimum(_LEVELS, 255 - _LEVELS)),
    "soft-light": (_LEVELS**2 / 255, 2 * (_LEVELS - _LEVELS**2 / 255)),
}
MODES = (*_TABLES, "luminosity", "clone")
SHAPES = ("box", "ellipse")
_ROUND = 200  # pixels along a side of the largest ellipse that is computed as it is
_GRID = 24  # nodes along a side of the net on which `clone` solves its equation


class Place(NamedTuple):
    """A rectangle in pixels, which may reach outside the frame."""

    left: int
    top: int
    width: int
    height: int

    @property
    def right(self) -> int:
        """The first column to its right."""
        return self.left + self.width

    @property
    def bottom(self) -> int:
        """The first row below it."""
        return self.top + self.height

    @property
    def slices(self) -> tuple[slice, slice]:
        """Rows and columns of the frame."""
        return slice(self.top, self.bottom), slice(self.left, self.right)

    def overlap(self, other: "Place") -> "Place | None":
        """Return the rectangle that both cover; None where there is none."""
        left, top = max(self.left, other.left), max(self.top, other.top)
        width, height = min(self.right, other.right) - left, min(self.bottom, other.bottom) - top
        return Place(left, top, width, height) if width > 0 and height > 0 else None

    def square(self, size: tuple[int, int]) -> "Place":
        """Return the largest square in it, as near to the sides of a frame of that `size` (width, height) as it is.

        What is in a corner of a wide frame is in that corner of an upright one.
        """
        side = min(self.width, self.height)
        first = []
        for start, length, whole in ((self.left, self.width, size[0]), (self.top, self.height, size[1])):
            free = whole - length
            first.append(start + round((length - side) * (start / free if free > 0 else 0.5)))
        return Place(first[0], first[1], side, side)


class Region(NamedTuple):
    """A rectangle in shares of the frame."""

    x: float
    y: float
    width: float
    height: float

    @classmethod
    def parse(cls, text: str) -> "Region":
        """Read ``x/y/width/height``, shares of the frame, or ``full``. Raises ``ValueError`` with the reason."""
        if text == "full":
            return cls(0.0, 0.0, 1.0, 1.0)
        try:
            numbers = [float(part) for part in text.split("/")]
        except ValueError:
            numbers = []
        if len(numbers) != 4 or not all(map(math.isfinite, numbers)):
            raise ValueError("not four numbers")
        region = cls(*numbers)
        if min(region.width, region.height) <= 0:
            raise ValueError("its sides are not more than 0")
        if min(region.x, region.y) < 0 or max(region.x + region.width, region.y + region.height) > 1 + 1e-6:
            raise ValueError("it reaches outside the frame")
        return region

    def place(self, size: tuple[int, int]) -> "Place":
        """Return its pixels in a frame of `size` ``(width, height)``, one at least each way."""
        spans = []
        for start, share, length in ((self.x, self.width, size[0]), (self.y, self.height, size[1])):
            first = min(round(start * length), length - 1)
            spans.append((first, min(max(round((start + share) * length), first + 1), length) - first))
        (left, width), (top, height) = spans
        return Place(left, top, width, height)


def composite(
    base: Image, overlay: Image, mode: str = "normal", alpha: Alpha | None = None, *, planes: Planes | None = None
) -> Image:
    """Blend `overlay` over `base` into a new Image.

    Modes: the tables above; ``luminosity`` takes the overlay's light and the frame's colours (of Y'CrCb); ``clone``
    shifts the overlay's colours so that they meet the frame's all along the border, as Poisson image editing does
    (https://dl.acm.org/doi/10.1145/882262.882269, equation 4), on a coarse net, which is enough for what is smooth.

    Args:
        base: uint8 ``(H, W, 3)`` BGR.
        overlay: likewise, of the same size.
        mode: one of `MODES`.
        alpha: how much of the overlay is seen, uint8 ``(H, W)``; where it is 0, the result is `base` to the byte.
        planes: where it works; None: in new arrays.

    Raises:
        InputError: there is no such mode, or the arrays are of different sizes.
    """
    if mode not in MODES:
        raise InputError(f"no blend mode {mode!r}{did_you_mean(mode, MODES)}")
    if base.shape != overlay.shape or (alpha is not None and alpha.shape != base.shape[:2]):
        shapes = f"{base.shape}, {overlay.shape}" + (f" and {alpha.shape}" if alpha is not None else "")
        raise InputError(f"frame, overlay and alpha must have one size, not {shapes}")
    if mode == "luminosity":
        mixed = _luminosity(base, overlay)
    elif mode == "clone":
        mixed = _clone(base, overlay)
    else:
        mixed = _by_tables(base, overlay, mode)
    if alpha is None:
        return np.array(mixed, np.uint8) if mixed is overlay else mixed
    weight = cv2.merge([alpha] * 3, dst=(planes or Planes())("weight", base.shape, np.uint8))
    seen = cv2.multiply(mixed, weight, scale=1 / 255)
    rest = cv2.multiply(base, cv2.bitwise_not(weight, dst=weight), dst=weight, scale=1 / 255)
    return _image(cv2.add(rest, seen, dst=seen))


def _image(pixels: object) -> Image:
    """What OpenCV gives, by the name it has here."""
    return np.asarray(pixels, np.uint8)


def _by_tables(base: Image, overlay: Image, mode: str) -> Image:
    if mode == "normal":
        return overlay
    if mode == "add":
        return _image(cv2.add(base, overlay))
    first, second = _tables(mode)
    product = cv2.multiply(cv2.LUT(base, second), overlay, scale=1 / 255)
    return _image(product if mode == "multiply" else cv2.add(cv2.LUT(base, first), product))


@lru_cache
def _tables(mode: str) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    first, second = _TABLES[mode]
    return np.round(first).astype(np.uint8), np.round(second).astype(np.uint8)


def _luminosity(base: Image, overlay: Image) -> Image:
    colours = cv2.cvtColor(base, cv2.COLOR_BGR2YCrCb)
    cv2.insertChannel(cv2.cvtColor(overlay, cv2.COLOR_BGR2GRAY), colours, 0)
    return _image(cv2.cvtColor(colours, cv2.COLOR_YCrCb2BGR))


def _clone(base: Image, overlay: Image) -> Image:
    height, width = base.shape[:2]
    if min(height, width) < 4:
        return base.copy()  # all border
    sides = [
        cv2.resize(np.subtract(one, two, dtype=np.float32), (_GRID, 1), interpolation=cv2.INTER_AREA)[0]
        for one, two in (
            (base[:1], overlay[:1]), (base[-1:], overlay[-1:]),
            (base[:, :1].transpose(1, 0, 2), overlay[:, :1].transpose(1, 0, 2)),
            (base[:, -1:].transpose(1, 0, 2), overlay[:, -1:].transpose(1, 0, 2)),
        )
    ]  # fmt: skip
    net = np.empty((_GRID, _GRID, 3), np.float32)
    net[:, 0], net[:, -1], net[0], net[-1] = sides[2], sides[3], sides[0], sides[1]
    rim = np.concatenate([net[0], net[-1], net[1:-1, 0], net[1:-1, -1]])
    net[1:-1, 1:-1] = (_harmonic() @ rim).reshape(_GRID - 2, _GRID - 2, 3)
    # the net's outer nodes lie on the border itself, not half a cell inside it as resize has it
    spread = cv2.warpAffine(
        net,
        np.array([[(_GRID - 1) / (width - 1), 0, 0], [0, (_GRID - 1) / (height - 1), 0]]),
        (width, height),
        flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP,
        borderMode=cv2.BORDER_REPLICATE,
    )
    return _image(cv2.add(overlay, spread, dtype=cv2.CV_8U))


@lru_cache
def _harmonic() -> NDArray[np.float32]:
    """The matrix that takes values on the rim of the net (top, bottom, left, right) to those within it.

    Each of those is the mean of its four neighbours.
    """
    place = np.full((_GRID, _GRID), -1)
    inner = _GRID - 2
    place[1:-1, 1:-1] = np.arange(inner * inner).reshape(inner, inner)
    rim = np.full((_GRID, _GRID), -1)
    rim[0], rim[-1] = np.arange(_GRID), np.arange(_GRID) + _GRID
    rim[1:-1, 0], rim[1:-1, -1] = np.arange(inner) + 2 * _GRID, np.arange(inner) + 2 * _GRID + inner
    within, around = np.eye(inner * inner), np.zeros((inner * inner, 4 * _GRID - 4))
    for y, x in np.argwhere(place >= 0):
        for other in ((y - 1, x), (y + 1, x), (y, x - 1), (y, x + 1)):
            if place[other] >= 0:
                within[place[y, x], place[other]] -= 0.25
            else:
                around[place[y, x], rim[other]] += 0.25
    return np.asarray(np.linalg.solve(within, around), np.float32)


@lru_cache(maxsize=16)
def feather(
    size: tuple[int, int],
    width: float,
    shape: str = "box",
    sides: tuple[bool, bool, bool, bool] = (True, True, True, True),
) -> Alpha:
    """Return the alpha of a box or an ellipse whose edge fades in.

    Args:
        size: its ``(width, height)`` in pixels.
        width: over which it fades in, a share (0 to 0.5) of its shorter side.
        shape: one of `SHAPES`.
        sides: of a box, which of left, top, right and bottom fade.

    Returns:
        uint8 ``(H, W)``, read-only: 0 outside to 255 where all of it is seen.
    """
    if shape == "ellipse" and max(size) > _ROUND:  # a root for every pixel would take longer than to blend
        small = feather((min(size[0], _ROUND), min(size[1], _ROUND)), width, shape)
        alpha: Alpha = np.asarray(cv2.resize(small, size, interpolation=cv2.INTER_LINEAR), np.uint8)
        alpha.flags.writeable = False
        return alpha
    reach = min(max(width * min(size), 0.5), min(size) / 2)
    x, y = (np.arange(length, dtype=np.float32) + 0.5 for length in size)
    if shape == "ellipse":
        radius = np.sqrt((2 * x / size[0] - 1)[None] ** 2 + (2 * y / size[1] - 1)[:, None] ** 2)
        share = _smooth((1 - radius) * (min(size) / 2 / reach))
    else:
        across, down = np.ones_like(x), np.ones_like(y)
        for wanted, ramp, distance in zip(sides, (across, down) * 2, (x, y, size[0] - x, size[1] - y), strict=True):
            if wanted and width > 0:
                ramp *= _smooth(distance / reach)
        share = down[:, None] * across[None]
    alpha = np.round(share * 255).astype(np.uint8)
    alpha.flags.writeable = False
    return alpha


def lessened(alpha: Alpha, share: float, soft: Alpha | None) -> Alpha:
    """Return `alpha` times `share`, and times `soft` (of 255) where there is one."""
    if share < 1.0:
        alpha = np.asarray(cv2.convertScaleAbs(alpha, alpha=share), np.uint8)
    return alpha if soft is None else np.asarray(cv2.multiply(alpha, soft, scale=1 / 255), np.uint8)


def _smooth(share: NDArray[np.floating]) -> NDArray[np.float32]:
    """0..1 -> 0..1 with level ends."""
    share = np.clip(share, 0, 1)
    return np.asarray(share * share * (3 - 2 * share), np.float32)


def mixed(one: Image, two: Image, share: float) -> Image:
    """Give `share` of `one`, and of `two` the rest."""
    return np.asarray(cv2.addWeighted(one, share, two, 1.0 - share, 0.0), np.uint8)
