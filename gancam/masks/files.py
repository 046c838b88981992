"""Masks from image files."""

import os
from pathlib import Path

import cv2
import numpy as np

from gancam._native import quiet_opencv
from gancam.errors import MaskError, NotFound
from gancam.files import check_path, is_film
from gancam.frame import Image, check_image
from gancam.masks.mask import SAME_ASPECT, Mask, MaskSource


class MaskFile(MaskSource):
    """A mask from an image file, resized to the frames, which must have the same aspect ratio.

    In an image with transparency, every pixel that is not fully transparent is marked; in others, every bright pixel
    (grey 128 and more). A file of only 0 and 1, such as a saved array, marks where it is 1. ``notes`` tell of a file
    that marks nothing.

    Args:
        path: the file.
        invert: whether to mark everything else instead.

    Raises:
        NotFound: there is no such file.
        MaskError: the file is not an image, or it is in colour and has no transparency.
    """

    def __init__(self, path: str | os.PathLike[str], *, invert: bool = False) -> None:
        check_path(path, "mask")
        self.path = Path(path)
        if not self.path.is_file():
            raise NotFound(f"mask {path}: no such file")
        with quiet_opencv():
            data = np.fromfile(self.path, np.uint8)
            image = cv2.imdecode(data, cv2.IMREAD_UNCHANGED) if len(data) else None
        if image is None and is_film(data[:12].tobytes()):
            raise MaskError(f"mask {path}: a video or an animation; a mask is a picture, or a mask track (.json)")
        if image is None:
            raise MaskError(f"mask {path}: not an image that OpenCV can read")
        full = 65535 if image.dtype == np.uint16 else 255
        if image.dtype not in (np.uint8, np.uint16):
            raise MaskError(f"mask {path}: has {image.dtype} pixels, needs 8 or 16 bits")
        if image.ndim == 3 and image.shape[2] == 4 and int(image[..., 3].min()) < full:
            level, least = image[..., 3], full // 32 + 1
        else:
            planes = image[..., None] if image.ndim == 2 else image[..., :3]
            if any((planes[..., 0] != planes[..., other]).any() for other in range(1, planes.shape[2])):
                raise MaskError(
                    f"mask {path}: is a picture in colours without transparency; needs grey (bright: marked) or alpha"
                )
            level, least = planes[..., 0], full // 2 + 1
        brightest = int(level.max())
        marked = level >= (1 if brightest == 1 else least)
        self._notes = []
        if not marked.any():
            said = "black" if brightest == 0 else f"dark: no more than {brightest} of {full}, and {least} marks"
            self._notes.append(f"mask {path}: marks nothing, all of it is {said}")
        self._mask = np.asarray(marked != invert, np.uint8)
        self._resized: dict[tuple[int, ...], Mask] = {}

    @property
    def notes(self) -> list[str]:
        """A note where nothing in the file counts as marked."""
        return [*self._notes]

    def __call__(self, image: Image, *, time: float | None = None) -> Mask:
        """Return the mask resized to `image`. Raises ``MaskError`` if the aspect ratios differ."""
        shape = check_image(image).shape[:2]
        if shape not in self._resized:
            height, width = self._mask.shape
            if abs(width * shape[0] / (height * shape[1]) - 1) > SAME_ASPECT:
                raise MaskError(
                    f"mask {self.path}: is {width}x{height}, the picture {shape[1]}x{shape[0]}: another aspect ratio"
                )
            resized = cv2.resize(self._mask * 255, (shape[1], shape[0]), interpolation=cv2.INTER_LINEAR)
            self._resized = {shape: np.asarray(resized > 100, np.uint8)}
        return self._resized[shape]
