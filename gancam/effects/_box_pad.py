"""A box drawn over the picture of an effect that has a place in it."""

import numpy as np

from gancam import masks
from gancam.effects.morphing.settings import MorphParams
from gancam.errors import MaskError, shown
from gancam.frame import Image
from gancam.units import is_finite
from gancam.vision.blend import Region
from gancam.vision.pad import DrawingPad, Point


class BoxPad(DrawingPad):
    """Takes a box drawn over the picture as the parameter that it stands for.

    Attributes:
        image: The last frame; set by the effect.

    Args:
        params: Whose `region` it is or, where that is not where it is seen, whose `box`, which is followed.
    """

    def __init__(self, params: MorphParams) -> None:
        self._params = params
        self._before: list[dict[str, str]] = []
        self.image: Image | None = None  # the last frame
        self._notes: list[str] = []

    @property
    def notes(self) -> list[str]:
        return [*self._notes]

    @property
    def size(self) -> tuple[int, int] | None:
        return None if self.image is None else (self.image.shape[1], self.image.shape[0])

    @property
    def mask(self) -> masks.Mask:
        width, height = self.size or (1, 1)
        marked = np.zeros((height, width), np.uint8)
        if self._params.place() == "region" and self._params.region != "auto":
            marked[Region.parse(self._params.region).place((width, height)).slices] = 1
        return marked

    def box(self, first: Point, second: Point) -> dict[str, str]:
        assert self.image is not None
        height, width = self.image.shape[:2]
        if not all(map(is_finite, (*first, *second))):
            raise MaskError(f"corners {shown((first, second))}: each needs a number for x and for y, in pixels")
        left, right = sorted(min(max(x, 0), width) for x in (first[0], second[0]))
        top, bottom = sorted(min(max(y, 0), height) for y in (first[1], second[1]))
        if (left == right and left in (0, width)) or (top == bottom and top in (0, height)):
            self._notes.append(f"nothing of the box lies in the picture of {width}x{height}")
            return {}
        if self._params.place() == "region":
            x, y = min(int(left / width * 1000) / 1000, 0.999), min(int(top / height * 1000) / 1000, 0.999)
            shares = min(round((right - left) / width, 3), 1 - x), min(round((bottom - top) / height, 3), 1 - y)
            return self._set("region", f"{x:g}/{y:g}/{max(shares[0], 0.001):.6g}/{max(shares[1], 0.001):.6g}")
        drawn = round(left), round(top), max(round(right - left), 1), max(round(bottom - top), 1)
        try:
            masks.Tracked(drawn)(self.image)
        except MaskError as error:
            self._notes.append(str(error))
            return {}
        return self._set("box", "/".join(map(str, drawn)))

    def _set(self, name: str, value: str) -> dict[str, str]:
        self._before.append({name: str(self._params.value(name))})
        return {name: value}

    def undo(self) -> dict[str, str]:
        return self._before.pop() if self._before else {}

    def clear(self) -> dict[str, str]:
        first: dict[str, str] = {}
        while self._before:
            first |= self._before.pop()
        return first
