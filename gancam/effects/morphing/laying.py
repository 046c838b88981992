"""Where a generated picture is laid over the frame, and how its edges meet it."""

from collections.abc import Callable
from functools import lru_cache

import cv2
import numpy as np

from gancam import masks
from gancam.effects.morphing.corner import Corner
from gancam.effects.morphing.settings import MorphParams
from gancam.frame import Image
from gancam.masks.objects import held_back, squares
from gancam.vision import blend as blend_room
from gancam.vision.blend import SHAPES, Place, Region, composite
from gancam.vision.cutout import cut_out, give_grey_rim, ground
from gancam.vision.fit import trimmed

_TRIED = 8  # pictures that tell whether a generator has a plain ground
_CRISP, _SOFTER = 2.0, 1.5  # times it is enlarged from which one saw its pixels, and by how many those are blurred


class Layer:
    """Lays pictures over frames, whole or cut out from the plain ground that they stand before.

    Args:
        samples: Gives so many pictures, ``uint8 (n, H, W, 3)``, that tell whether there is such a ground.
    """

    def __init__(self, samples: Callable[[int], Image]) -> None:
        self._samples = samples
        self._usual_ground = lru_cache(maxsize=1)(self._see_ground)
        self._objects: list[Place] = []
        self._corner = Corner()

    def reset(self) -> None:
        """Forget where objects were, and the corner that was chosen."""
        self._objects = []
        self._corner.reset()

    def see(self, image: Image) -> None:
        """Take in a frame over which nothing is laid: another corner may be chosen."""
        self._corner(image)

    def prepare(self, params: MorphParams) -> None:
        """Find out now, and not between two frames, whether there is a ground, where that may be asked."""
        if params.shape in ("auto", "cutout"):
            self._usual_ground()

    def over(self, image: Image, picture: Image, where: str, mask: masks.Mask | None, params: MorphParams) -> Image:
        """Return `image` with `picture` over it.

        Args:
            image: ``uint8 (H, W, 3)``, which is left as it is.
            picture: ``uint8 (H, W, 3)``, of any size.
            where: region, object, inside or outside, as `MorphParams.place` has it.
            mask: What is marked, ``uint8 (H, W)``; None for region.
            params: Its region and looks.
        """
        height, width = image.shape[:2]
        result, colour = image.copy(), self._ground(picture, params)
        if where == "object" and mask is not None:
            self._objects = held_back(squares(mask), self._objects)
            for place in self._objects:
                self._lay(result, picture, colour, place, (True, True, True, True), None, "ellipse", params)
            return result
        if mask is not None and where == "outside":
            mask = np.asarray(mask == 0, np.uint8)
        shape = "box" if params.region == "full" else "ellipse"
        place = self._corner(image) if params.region == "auto" else Region.parse(params.region).place((width, height))
        fit = params.fit
        if fit == "auto":
            fit = "cover" if params.region == "full" and colour is None else "contain"
        if fit == "contain":
            place = place.square((width, height))
        elif fit == "cover":
            picture = trimmed(picture, place.width, place.height)
            colour = self._ground(picture, params)
        sides = place.left > 0, place.top > 0, place.right < width, place.bottom < height
        self._lay(result, picture, colour, place, sides, mask, shape, params)
        return result

    def _lay(
        self, result: Image, picture: Image, colour: tuple[int, int, int] | None, place: Place,
        sides: tuple[bool, bool, bool, bool], mask: masks.Mask | None, shape: str,
        params: MorphParams,
    ) -> None:  # fmt: skip
        """Blend `picture` into `result`, in place; what lies outside, or is ground of that `colour`, is left out.

        Its edge has the form of `shape` where no parameter says another.
        """
        size = place.width, place.height
        seen = Place(0, 0, result.shape[1], result.shape[0]).overlap(place)
        if seen is None:
            return
        inner = Place(seen.left - place.left, seen.top - place.top, seen.width, seen.height)
        soft = None
        if mask is not None:
            soft = _softened(mask[seen.slices], round(params.feather * min(mask.shape[:2]) / 8))
        if colour is None:
            how = cv2.INTER_AREA if min(size) < min(picture.shape[:2]) else cv2.INTER_CUBIC
            times = max(size) / max(picture.shape[:2])
            calm = picture if times <= _CRISP else cv2.GaussianBlur(picture, (0, 0), _SOFTER)
            overlay = np.asarray(cv2.resize(calm, size, interpolation=how), np.uint8)
            alpha = blend_room.feather(size, params.feather, params.shape if params.shape in SHAPES else shape, sides)
        else:
            overlay, alpha, shadow = cut_out(picture, colour, size)
            if params.blend == "clone":
                give_grey_rim(overlay, alpha)
            if params.shadow > 0 and params.blend == "normal":
                dark = blend_room.lessened(shadow[inner.slices], params.opacity * params.shadow, soft)
                black = np.zeros((*dark.shape, 3), np.uint8)
                result[seen.slices] = composite(result[seen.slices], black, "normal", dark)
        alpha = blend_room.lessened(alpha[inner.slices], params.opacity, soft)
        overlay = np.ascontiguousarray(overlay[inner.slices])
        result[seen.slices] = composite(result[seen.slices], overlay, params.blend, alpha)

    def _ground(self, picture: Image, params: MorphParams) -> tuple[int, int, int] | None:
        """The ground that the picture stands before, if that is to be cut away."""
        if params.shape == "cutout" or (params.shape == "auto" and params.fit in ("auto", "contain")):
            usual = self._usual_ground()  # what one picture looks like says little, and another may follow at once
            return usual and (ground(picture) or usual)
        return None

    def _see_ground(self) -> tuple[int, int, int] | None:
        """The plain ground of nearly all that the generator makes, if there is one."""
        grounds = [ground(picture) for picture in self._samples(_TRIED)]
        plain = [colour for colour in grounds if colour is not None]
        return plain[0] if len(plain) >= _TRIED - 1 else None


def _softened(mask: masks.Mask, radius: int) -> masks.Mask:
    """0 and more -> 0 to 255 with a soft edge."""
    full = np.asarray(cv2.threshold(mask, 0, 255, cv2.THRESH_BINARY)[1], np.uint8)
    return np.asarray(cv2.blur(full, (2 * radius + 1,) * 2), np.uint8) if radius else full
