"""How noisy a camera's picture is, told from its texture, and noise averaged away over neighbours."""

import cv2
import numpy as np
from cv2.typing import MatLike
from numpy.typing import NDArray

from gancam.frame import Image

_BLOCK, _ROWS = 16, 24  # pixels a side of a block, and how many rows of blocks are looked at, at most
_QUIET = 25  # per cent of blocks that surely show nothing but noise
_MEAN = 1.596  # what noise of deviation 1 has in a Haar band, whose filters sum four pixels
# how much more a texture has along lines than across both, and how that counts against it
_FLATTER, _TEXTURE = 1.3, 1.5
STRONG = 4.0  # grey levels of noise from which a blurred picture is seen
_FULL, _MOST = 12.0, 0.8  # and at which, and how much of it
_DRAWN, _BADLY = 5.0, 8.0  # grey levels of noise from which a drawing shows it, and from which all is taken off
_REACH, _WIDE = 4.0, 2.0  # times the noise that pixels differ and are still one area, and pixels that are averaged over


def noise_level(image: Image, least: float = 0.0) -> float:
    """Give the standard deviation of a picture's noise, in grey levels; 0 or less where there is none to speak of.

    Noise has as much in the diagonal band of Haar's wavelets as along rows and columns, which textures have not. Codecs
    leave none.

    Args:
        image: uint8 ``(H, W, 3)`` BGR, of which green is looked at.
        least: Of noise that is wanted to be known: where there is less, any level below may be given, which is quicker.
    """
    down, across = image.shape[0] // _BLOCK, image.shape[1] // _BLOCK
    if not down or not across:
        return 0.0
    blocks = image[: down * _BLOCK, : across * _BLOCK].reshape(down, _BLOCK, -1)[:: -(-down // _ROWS)]
    pairs = blocks.reshape(len(blocks) * _BLOCK, -1, 6)  # of pixels, side by side
    size = across, len(blocks)
    even, odd = cv2.extractChannel(pairs, 1), cv2.extractChannel(pairs, 4)
    slope = cv2.subtract(even, odd, dtype=cv2.CV_16S)
    both = _in_blocks(cv2.absdiff(slope[::2], slope[1::2]), size)
    if (most := _quantile(both)) < least:
        return most
    total = cv2.add(even, odd, dtype=cv2.CV_16S)
    level = _in_blocks(cv2.absdiff(total[::2], total[1::2]), size)
    rising = _in_blocks(np.abs(slope[::2] + slope[1::2]), size)
    return _quantile(both - _TEXTURE * np.maximum(np.maximum(rising, level) - _FLATTER * both, 0))


def _in_blocks(band: MatLike, size: tuple[int, int]) -> NDArray[np.float32]:
    """The mean of each block of a band, as deviation of noise."""
    return cv2.resize(band, size, interpolation=cv2.INTER_AREA).astype(np.float32) / np.float32(_MEAN)


def _quantile(levels: NDArray[np.float32]) -> float:
    """The level that `_QUIET` per cent do not reach."""
    place = (levels.size - 1) * _QUIET / 100
    below = int(place)
    above = min(below + 1, levels.size - 1)
    found = np.partition(levels, (below, above), axis=None)
    return float(found[below] + (found[above] - found[below]) * np.float32(place - below))


def even(image: Image) -> Image:
    """Take strong noise, which a network would draw, off a picture and keep edges; itself where there is little.

    Args:
        image: uint8 ``(H, W, 3)`` BGR.
    """
    noise = noise_level(image, _DRAWN)
    if noise <= _DRAWN:
        return image
    made = np.asarray(cv2.bilateralFilter(image, 0, _REACH * noise, _WIDE), np.uint8)
    share = min((noise - _DRAWN) / (_BADLY - _DRAWN), 1.0)  # nothing jumps where a video's noise is about that strong
    return np.asarray(cv2.addWeighted(made, share, image, 1 - share, 0.0), np.uint8)


def smoothed(image: Image, noise: float, left: NDArray[np.float32] | None = None) -> Image:
    """Average noise of that level away over 3x3 pixels, as far as there is any; the picture itself where there is none.

    Args:
        image: uint8 ``(H, W, 3)``.
        noise: As ``noise_level`` gives it.
        left: ``(H, W)``, how much of the noise is left at each pixel; all.
    """
    if noise <= STRONG:
        return image
    share = np.minimum((noise * (1.0 if left is None else left) - STRONG) * (_MOST / (_FULL - STRONG)), _MOST)
    blurred = np.asarray(cv2.GaussianBlur(image, (3, 3), 0), np.uint8)
    if left is None:
        return np.asarray(cv2.addWeighted(blurred, float(share), image, 1.0 - float(share), 0.0), np.uint8)
    share = np.maximum(np.asarray(share, np.float32), 0)
    return np.asarray(cv2.blendLinear(blurred, image, share, 1 - share), np.uint8)
