"""Pictures in CIELAB, as TIFF files of printers hold them, turned into sRGB."""

import numpy as np
from numpy.typing import NDArray

from gancam.frame import Image
from gancam.media.colour import srgb_of

_WHITE = np.array([0.96422, 1.0, 0.82521])  # D50, of which TIFF's Lab is (ICC.1:2022, 7.2.16)
# XYZ of D50, adapted to D65 by Bradford's matrix, in sRGB's primaries (brucelindbloom.com, RGB/XYZ matrices)
_SRGB = np.array([
    [3.1338561, -1.6168667, -0.4906146], [-0.9787684, 1.9161415, 0.0334540], [0.0719453, -0.2289914, 1.4052427],
])  # fmt: skip
_LINEAR = 6 / 29  # of CIE 15: below it the cube root is a line


def lab_to_bgr(samples: NDArray[np.generic], *, signed: bool) -> Image:
    """Turn the samples of a TIFF file in CIELAB into a picture.

    Args:
        samples: uint8 or uint16 ``(H, W, 3)``, as they are in the file but in the order b, a, L.
        signed: Whether a and b are signed (CIELab, kind 8 of TIFF); else 0 is at the half (ICCLab, kind 9).

    Returns:
        uint8 ``(H, W, 3)`` BGR.
    """
    wide = samples.dtype == np.uint16
    numbers = samples.astype(np.float32) / (256 if wide else 1)
    lightness = numbers[..., 2] * np.float32(100 / (255 + (wide and signed) * 255 / 256))
    colour = np.where(numbers[..., :2] >= 128, numbers[..., :2] - 256, numbers[..., :2]) if signed else numbers - 128
    y = (lightness + 16) / 116
    roots = np.stack([y + colour[..., 1] / 500, y, y - colour[..., 0] / 200], axis=-1)
    xyz = np.where(roots > _LINEAR, roots**3, 3 * _LINEAR**2 * (roots - 4 / 29)) * _WHITE
    light = np.clip(xyz @ _SRGB.T, 0, 1)
    return np.ascontiguousarray(np.rint(255 * srgb_of(light))[..., ::-1], np.uint8)
