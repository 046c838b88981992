"""Filters that follow a picture's edges. Images are float32 RGB 0..1 ``(H, W, 3)``, planes ``(H, W)``."""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

Plane = NDArray[np.float32]  # (H, W)
Colours = NDArray[np.float32]  # (H, W, 3)
SECTORS = 8  # of a Kuwahara filter


@dataclass(frozen=True)
class Flow:
    """Where edges lead: unit tangents ``x`` and ``y``, and how much more there is across them than along them."""

    x: Plane
    y: Plane
    strength: Plane


def blur(x: NDArray[np.float32], deviation: float) -> NDArray[np.float32]:
    """Gaussian of any number of channels."""
    return np.asarray(cv2.GaussianBlur(x, (0, 0), deviation, borderType=cv2.BORDER_REFLECT), np.float32)


def flow(image: Colours, deviation: float) -> Flow:
    """The tangents of `image`'s edges, from its structure tensor, smoothed by a Gaussian of `deviation`."""
    dx = cv2.Sobel(image, cv2.CV_32F, 1, 0, ksize=3, borderType=cv2.BORDER_REFLECT)
    dy = cv2.Sobel(image, cv2.CV_32F, 0, 1, ksize=3, borderType=cv2.BORDER_REFLECT)
    tensor = np.stack([(dx * dx).sum(2), (dx * dy).sum(2), (dy * dy).sum(2)], 2)
    e, f, g = cv2.split(blur(tensor, deviation))
    angle = 0.5 * np.arctan2(2 * f, e - g) + np.float32(np.pi / 2)
    return Flow(np.cos(angle), np.sin(angle), np.hypot(e - g, 2 * f))


def _grid(shape: tuple[int, ...]) -> tuple[Plane, Plane]:
    y, x = np.mgrid[: shape[0], : shape[1]].astype(np.float32)
    return x, y


def _at(image: NDArray[np.float32], x: Plane, y: Plane) -> NDArray[np.float32]:
    return np.asarray(cv2.remap(image, x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT), np.float32)


def along(image: NDArray[np.float32], field: Flow, deviation: float) -> NDArray[np.float32]:
    """Smooth `image` along the stream lines of `field` by a Gaussian (line integral convolution)."""
    total, weight = image.copy(), 1.0
    for sign in (1.0, -1.0):
        x, y = _grid(image.shape)
        before = field.x * np.float32(sign), field.y * np.float32(sign)
        for step in range(1, round(2 * deviation) + 1):
            x, y = x + before[0], y + before[1]
            share = float(np.exp(-0.5 * (step / deviation) ** 2))
            total += np.float32(share) * _at(image, x, y)
            weight += share
            tangent = _at(field.x, x, y), _at(field.y, x, y)
            turned = np.where(tangent[0] * before[0] + tangent[1] * before[1] < 0, np.float32(-1), np.float32(1))
            before = tangent[0] * turned, tangent[1] * turned
    return total / np.float32(weight)


def across(luma: Plane, field: Flow, fine: float, *, coarse: float = 1.6, sharp: float = 0.99) -> Plane:
    """The difference of a fine and a coarse Gaussian across the edges: negative on the dark side of one."""
    x, y = _grid(luma.shape)
    sums, weights = [np.zeros_like(luma), np.zeros_like(luma)], [0.0, 0.0]
    reach = int(np.ceil(2.5 * fine * coarse))
    for step in range(-reach, reach + 1):
        seen = luma if step == 0 else _at(luma, x - field.y * np.float32(step), y + field.x * np.float32(step))
        for index, deviation in enumerate((fine, fine * coarse)):
            share = float(np.exp(-0.5 * (step / deviation) ** 2))
            sums[index] += np.float32(share) * seen
            weights[index] += share
    return np.asarray(sums[0] / weights[0] - sharp * (sums[1] / weights[1]), np.float32)


def lines(
    luma: Plane, field: Flow, *, fine: float, edge: Plane | float, steep: float, length: float, sharp: float
) -> Plane:
    """A line drawing, 0 black to 1 white (flow-based XDoG).

    Kang et al., https://doi.org/10.1145/1274871.1274878; Winnemoeller et al.,
    https://doi.org/10.1016/j.cag.2012.03.004.

    Args:
        luma: The picture's, 0..1.
        field: Its flow.
        fine: Deviation of the Gaussian across an edge: half a line's width.
        edge: How much darker a place must be than its surroundings.
        steep: How soon it is black then.
        length: Deviation of the Gaussian along an edge.
        sharp: Share of the surroundings that is taken off; below one, what is dark is filled.
    """
    found = along(across(luma, field, fine, sharp=sharp), field, length)
    return np.asarray(1.0 + np.tanh(steep * np.minimum(found - edge, 0)), np.float32)


def kuwahara(image: Colours, radius: float, *, sharp: float = 8.0) -> Colours:
    """The generalised Kuwahara filter: each place the mean of those sectors around it that vary least.

    Papari et al., https://doi.org/10.1109/TIP.2007.903912, with `SECTORS` smooth sectors of a Gaussian disc.
    """
    total, weight = np.zeros_like(image), np.zeros(image.shape[:2], np.float32)
    squares = image * image
    for kernel in _sectors(radius):
        mean = cv2.filter2D(image, -1, kernel, borderType=cv2.BORDER_REFLECT)
        spread = (cv2.filter2D(squares, -1, kernel, borderType=cv2.BORDER_REFLECT) - mean * mean).clip(0).sum(2)
        share = 1.0 / (1.0 + (255.0 * np.sqrt(spread) / 3) ** sharp)
        total += mean * share[:, :, None]
        weight += share
    return np.asarray(total / (weight[:, :, None] + 1e-20), np.float32)


def _sectors(radius: float) -> list[Plane]:
    reach = int(np.ceil(radius))
    y, x = np.mgrid[-reach : reach + 1, -reach : reach + 1].astype(np.float32)
    disc = np.exp(-(x * x + y * y) / (2 * (radius / 2) ** 2)) * (x * x + y * y <= (radius + 0.5) ** 2)
    turned = np.arctan2(y, x)
    kernels = []
    for sector in range(SECTORS):
        away = np.abs((turned - sector * 2 * np.pi / SECTORS + np.pi) % (2 * np.pi) - np.pi)
        kernel = disc * np.clip(1.0 - away / (2 * np.pi / SECTORS), 0, 1)
        kernel[reach, reach] = disc[reach, reach] / SECTORS
        kernels.append((kernel / kernel.sum()).astype(np.float32))
    return kernels


def slope(value: Plane) -> Plane:
    """How steep `value` is, by Sobel's filters."""
    small = blur(value, 1.0)
    return np.asarray(np.hypot(cv2.Sobel(small, cv2.CV_32F, 1, 0), cv2.Sobel(small, cv2.CV_32F, 0, 1)), np.float32)


def detail(luma: Plane) -> Plane:
    """How much there is to see at a place, 0..1: its strokes must be fine."""
    return np.asarray(np.clip(blur(np.minimum(slope(luma), 0.5), 5.0) / 0.16, 0, 1), np.float32)


def crowded(luma: Plane, sooner: Plane | float = 0.0) -> Plane:
    """How many edges there are around a place, 0..1, or `sooner`: a single one, however strong, is none."""
    many = ((blur(np.minimum(slope(luma), 0.14), 7.0) * (1 + sooner) - 0.043) / 0.030).clip(0, 1)
    return blur(np.asarray(many * many * (3 - 2 * many), np.float32), 2.0)


def luma(image: Colours) -> Plane:
    """BT.601 luma."""
    return np.asarray(image @ np.array([0.299, 0.587, 0.114], np.float32), np.float32)


def skin(image: Colours) -> Plane:
    """Whether the colours of places could be those of skin, pale to dark, 0..1: of a hue between red and yellow.

    The range of chroma is that of Chai and Ngan, https://doi.org/10.1109/76.767122, with soft ends.
    """
    grey = luma(image)
    red, blue = (np.float32(share) * (image[:, :, one] - grey) for one, share in ((0, 0.713), (2, 0.564)))
    inside = [(red - 0.02) / 0.03, (0.20 - red) / 0.03, (blue + 0.21) / 0.03, (-0.005 - blue) / 0.02]
    return np.asarray(np.min(inside, axis=0).clip(0, 1), np.float32)


def saturated(image: Colours, times: Plane | float) -> Colours:
    """`image` with `times` its colourfulness, and its luma."""
    grey = luma(image)[..., None]
    return np.asarray(grey + (image - grey) * np.asarray(times, np.float32)[..., None], np.float32)


def stepped(value: Plane, steps: float, steep: float) -> Plane:
    """`value` brought close to multiples of ``1 / steps``, softly in between."""
    scaled = value * np.float32(steps)
    low = np.floor(scaled)
    part = np.tanh((scaled - low - 0.5) * np.float32(steep)) / np.tanh(0.5 * steep)
    return np.asarray((low + 0.5 + 0.5 * part) / steps, np.float32)


def evened(value: Plane) -> Plane:
    """`value` with its slow changes halved: what lies in the dark is drawn as well."""
    around = blur(value, 24.0)
    return np.asarray(value * np.sqrt(0.5 / (around + 0.08)), np.float32)
