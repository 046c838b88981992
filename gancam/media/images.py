"""Image files, read and written with their opacity."""

import os
from pathlib import Path

import cv2
import numpy as np

from gancam._native import quiet_opencv
from gancam.errors import NotFound, SinkError, SourceError
from gancam.files import write_file
from gancam.frame import Image, check_image
from gancam.media.messages import cause


def write_image(path: Path, image: Image, *, overwrite: bool) -> None:
    """Write an image file whole, or leave everything as it was.

    Args:
        path: its extension is the format, one of `gancam.media.paths.IMAGES`.
        image: uint8 ``(H, W, 3)`` BGR, or ``(H, W, 4)`` with opacity where the format has it.
        overwrite: whether an older file may be replaced.

    Raises:
        OutputExists: `path` exists, and `overwrite` is false.
        SinkError: it cannot be encoded or written.
    """
    try:
        done, data = cv2.imencode(path.suffix, image)
    except cv2.error as error:
        raise SinkError(f"{path}: OpenCV cannot encode {image.shape[1]}x{image.shape[0]} as {path.suffix}") from error
    if not done:
        raise SinkError(f"{path}: this OpenCV cannot write {path.suffix}")
    write_file(path, data.tobytes(), overwrite=overwrite)


def read_colours(path: Path) -> Image:
    """Read an image file as uint8 ``(H, W, 3)`` BGR, without opacity. Raises ``NotFound`` and ``SourceError``."""
    if not os.path.exists(path):
        raise NotFound(f"{path}: no such file")
    try:
        data = np.fromfile(path, np.uint8)  # unlike cv2.imread, this opens any name on any system
        with quiet_opencv():
            image = cv2.imdecode(data, cv2.IMREAD_COLOR) if data.size else None
    except (OSError, cv2.error) as error:
        raise SourceError(f"{path}: cannot be read ({cause(error)})") from error
    if image is None:
        raise SourceError(f"{path}: not an image that OpenCV can read")
    return check_image(image)


def read_image(path: Path) -> tuple[Image, Image | None]:
    """Read an image file, and its opacity.

    Returns:
        The image, uint8 ``(H, W, 3)`` BGR, and its opacity, uint8 ``(H, W)``; None where it has none.

    Raises:
        NotFound: there is no such file.
        SourceError: it cannot be read as an image.
    """
    image = read_colours(path)
    if path.suffix.lower() not in (".png", ".webp", ".tif", ".tiff"):
        return image, None
    data = np.fromfile(path, np.uint8)
    if data[1:4].tobytes() == b"PNG" and data[25] in (0, 2):  # grey or colour, and nothing else
        return image, None
    with quiet_opencv():
        whole = cv2.imdecode(data, cv2.IMREAD_UNCHANGED)
    if whole is None or whole.ndim != 3 or whole.shape != (*image.shape[:2], 4):
        return image, None
    return image, np.ascontiguousarray(whole[..., 3] // (1 if whole.dtype == np.uint8 else 257), np.uint8)
