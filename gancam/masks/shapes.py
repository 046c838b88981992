"""Masks of fixed shapes: boxes and polygons."""

from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from gancam.errors import MaskError, shown
from gancam.frame import Image, check_image
from gancam.masks.mask import Mask, MaskSource
from gancam.units import is_finite

Box = tuple[float, float, float, float]  # left, top, width, height in pixels
Polygon = Sequence[tuple[float, float]]  # corners x, y in pixels


def shared(one: Box, other: Box) -> float:
    """Return how many pixels two boxes have in common."""
    across = min(one[0] + one[2], other[0] + other[2]) - max(one[0], other[0])
    down = min(one[1] + one[3], other[1] + other[3]) - max(one[1], other[1])
    return max(across, 0) * max(down, 0)


class Polygons(MaskSource):
    """Marks the inside of polygons, each of three or more corners (x, y) in pixels, cut off at the frame's edges.

    Raises:
        MaskError: a polygon has fewer than three corners; when called, where a polygon lies wholly outside the frame.
    """

    def __init__(self, *polygons: Polygon) -> None:
        try:
            self._polygons = [np.array(corners, np.float64).reshape(-1, 2) for corners in polygons]
        except (TypeError, ValueError, OverflowError) as error:
            raise MaskError(f"polygons {shown(polygons)}: each needs corners (x, y), in pixels") from error
        for corners in self._polygons:
            if len(corners) < 3 or not np.isfinite(corners).all() or np.abs(corners).max() > 1e6:
                raise MaskError(f"polygon {corners.tolist()}: needs three corners x, y or more, in pixels")
        self._mask: Mask | None = None

    def _name(self, index: int) -> str:
        return f"polygon {self._polygons[index].tolist()}"

    @staticmethod
    def _inside(shape: tuple[int, ...], corners: NDArray[np.float64]) -> Mask:
        mask = np.zeros(shape[:2], np.uint8)
        cv2.fillPoly(mask, [np.round(corners * 256).astype(np.int32)], 1, shift=8)
        return mask

    def __call__(self, image: Image, *, time: float | None = None) -> Mask:
        """Return 1 inside the shapes, else 0. Raises ``MaskError`` if one lies wholly outside `image`."""
        image = check_image(image)
        if self._mask is None or self._mask.shape != image.shape[:2]:
            mask = np.zeros(image.shape[:2], np.uint8)
            for index, corners in enumerate(self._polygons):
                alone = self._inside(image.shape, corners)
                if not alone.any():
                    raise MaskError(
                        f"{self._name(index)}: lies outside the picture of {image.shape[1]}x{image.shape[0]}"
                    )
                mask |= alone
            self._mask = mask
        return self._mask


class Boxes(Polygons):
    """Marks upright boxes (left, top, width, height) in pixels, cut off at the frame's edges.

    Raises:
        MaskError: a side is not above 0; when called, where a box lies wholly outside the frame.
    """

    def __init__(self, *boxes: Box) -> None:
        for box in boxes:
            listed = isinstance(box, Sequence | np.ndarray) and not isinstance(box, str)
            if not (listed and len(box) == 4 and all(map(is_finite, box))):
                raise MaskError(f"box {shown(box)}: needs four numbers (left, top, width, height), in pixels")
            if min(box[2:]) <= 0:
                raise MaskError(f"box {'/'.join(f'{side:g}' for side in box)}: needs x/y/width/height above 0")
        self._boxes = boxes
        super().__init__(*(((x, y), (x + w, y), (x + w, y + h), (x, y + h)) for x, y, w, h in boxes))

    def _name(self, index: int) -> str:
        return f"box {'/'.join(f'{side:g}' for side in self._boxes[index])}"

    @staticmethod
    def _inside(shape: tuple[int, ...], corners: NDArray[np.float64]) -> Mask:
        mask = np.zeros(shape[:2], np.uint8)
        (left, top), (right, bottom) = np.round(corners[0]).astype(int), np.round(corners[2]).astype(int)
        mask[max(top, 0) : max(bottom, 0), max(left, 0) : max(right, 0)] = 1
        return mask
