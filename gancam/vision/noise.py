"""How noisy a camera's picture is, told from its texture, and noise averaged away over neighbours."""

import cv2
import numpy as np
from numpy.typing import NDArray

from gancam.frame import Image

_BLOCK, _ROWS = 16, 24  # pixels a side of a block, and how many rows of blocks are looked at, at most
_QUIET = 25  # per cent of blocks that surely show nothing but noise
_MEAN = 1.596  # what noise of deviation 1 has in a Haar band, whose filters sum four pixels
# how much more a texture has along lines than across both, and how that counts against it
_FLATTER, _TEXTURE = 1.3, 1.5
# grey levels of noise from which, and at which, so much of a blurred picture is seen
_NONE, _FULL, _MOST = 4.0, 12.0, 0.8


def noise_level(image: Image) -> float:
    """Give the standard deviation of a picture's noise, in grey levels; 0 or less where there is none to speak of.

    Noise has as much in the diagonal band of Haar's wavelets as along rows and columns, which textures have not. Codecs
    leave none.

    Args:
        image: uint8 ``(H, W, 3)`` BGR, of which green is looked at.
    """
    down, across = image.shape[0] // _BLOCK, image.shape[1] // _BLOCK
    if not down or not across:
        return 0.0
    blocks = image[: down * _BLOCK, : across * _BLOCK, 1].reshape(down, _BLOCK, across * _BLOCK)[:: -(-down // _ROWS)]
    size = across, len(blocks)
    green = blocks.reshape(-1, across * _BLOCK).astype(np.int16)
    rows = green[::2] + green[1::2], green[::2] - green[1::2]  # sums and differences of two rows
    bands = rows[1][:, ::2] - rows[1][:, 1::2], rows[0][:, ::2] - rows[0][:, 1::2], rows[1][:, ::2] + rows[1][:, 1::2]
    both, rising, level = (
        cv2.resize(np.abs(band), size, interpolation=cv2.INTER_AREA).astype(np.float32) / np.float32(_MEAN)
        for band in bands
    )
    alike = both - _TEXTURE * np.maximum(np.maximum(rising, level) - _FLATTER * both, 0)
    return float(np.percentile(alike, _QUIET))


def smoothed(image: Image, noise: float, left: NDArray[np.float32] | None = None) -> Image:
    """Average noise of that level away over 3x3 pixels, as far as there is any; the picture itself where there is none.

    Args:
        image: uint8 ``(H, W, 3)``.
        noise: As ``noise_level`` gives it.
        left: ``(H, W)``, how much of the noise is left at each pixel; all.
    """
    if noise <= _NONE:
        return image
    share = np.minimum((noise * (1.0 if left is None else left) - _NONE) * (_MOST / (_FULL - _NONE)), _MOST)
    blurred = np.asarray(cv2.GaussianBlur(image, (3, 3), 0), np.uint8)
    if left is None:
        return np.asarray(cv2.addWeighted(blurred, float(share), image, 1.0 - float(share), 0.0), np.uint8)
    share = np.maximum(np.asarray(share, np.float32), 0)
    return np.asarray(cv2.blendLinear(blurred, image, share, 1 - share), np.uint8)
