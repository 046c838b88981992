"""Where a generated picture is laid over the frame, and how its edges meet it.

In its region, which is drawn over the picture or the corner that hides least; or over squares around what a mask marks,
which do not tremble as detectors do.
"""

from collections.abc import Callable
from functools import lru_cache

import cv2
import numpy as np
from numpy.typing import NDArray

from gancam import masks
from gancam.effects.morphing.settings import MorphParams
from gancam.errors import MaskError, shown
from gancam.frame import Image
from gancam.masks.faces import Faces
from gancam.masks.mask import Mask
from gancam.masks.shapes import Box
from gancam.units import is_finite
from gancam.vision import blend as blend_room
from gancam.vision.bars import find_picture
from gancam.vision.blend import SHAPES, Place, Region, composite
from gancam.vision.cutout import cut_out, give_grey_rim, ground
from gancam.vision.fit import trimmed
from gancam.vision.motion import small_grey
from gancam.vision.pad import DrawingPad, Point
from gancam.vision.scenes import Scenes

_OBJECTS, _SPECK = 8, 64  # that are found at most, and pixels that none is under
Steep = NDArray[np.float32]
# The first is kept where no other is clearly better.
CORNERS = tuple(Region(x, y, 0.23, 0.41) for x, y in ((0.74, 0.05), (0.03, 0.05), (0.74, 0.54), (0.03, 0.54)))
_HEAD = 0.35  # of a face's sides, that its hair and chin reach beyond its box
_FACE = 8.0  # what a face costs that is hidden whole, beside 1 for what is as busy as the frame is on average
_MUCH = 0.4  # by how much another corner has to be better
_CLEARER = 2.0  # times as much contrast as when it was chosen: a film that fades in, and a camera that starts
_TRIED = 8  # pictures that tell whether a generator has a plain ground
_CRISP, _SOFTER = 2.0, 1.5  # times it is enlarged from which one saw its pixels, and by how many those are blurred


def squares(mask: Mask) -> list[Place]:
    """Return the squares around the largest objects in a mask, the largest first."""
    _, _, found, _ = cv2.connectedComponentsWithStats(np.asarray(mask != 0, np.uint8))
    order = np.argsort(-found[1:, cv2.CC_STAT_AREA])[:_OBJECTS] + 1
    places = []
    for index in order.tolist():
        left, top, width, height, area = found[index].tolist()
        if area >= _SPECK:
            side = max(width, height)
            places.append(Place(left + (width - side) // 2, top + (height - side) // 2, side, side))
    return places


def held_back(places: list[Place], before: list[Place]) -> list[Place]:
    """Hold each of `places` back by that of `before` it comes from, the more the less it moved: detectors tremble."""
    held = []
    for place in places:
        old = min(before, key=lambda other: _distance(place, other), default=None)
        gone = _distance(place, old) / place.width if old is not None else 1.0
        if old is not None and gone < 0.5:
            share = min(max(gone / 0.1, 0.2), 1.0)
            place = Place(*(round(a + (b - a) * share) for a, b in zip(old, place, strict=True)))
        held.append(place)
    return held


def _distance(one: Place, two: Place) -> float:
    return max(abs(a - b) for a, b in zip(one, two, strict=True))


class Corner:
    """Chooses the corner of the first frame, and of each after a cut, with no face in it and little else.

    It is one of the picture within black bars. It stays until the scene or the size of frames changes, or a dark one
    grows light.
    """

    def __init__(self) -> None:
        self._faces: Faces | None = None
        self._scenes = Scenes()
        self.reset()

    def reset(self) -> None:
        """Forget the frames before."""
        self._place: Place | None = None
        self._contrast = 0.0
        self._scenes.reset()

    def __call__(self, image: Image) -> Place:
        """Give the square in pixels; `image` is ``(H, W, 3)``, the next frame."""
        look = self._scenes(image)
        contrast = max(float(look.grey.std()), 1.0)
        if self._place is None or look.before is None or contrast > _CLEARER * self._contrast:
            self._place, self._contrast = self._chosen(image), contrast
        return self._place

    def _chosen(self, image: Image) -> Place:
        rows, columns = find_picture(image, still=False)
        if rows.start == rows.stop or columns.start == columns.stop:
            rows, columns = slice(0, image.shape[0]), slice(0, image.shape[1])
        size = columns.stop - columns.start, rows.stop - rows.start
        if self._faces is None:
            self._faces = Faces()
        faces = [_head(face.box) for face in self._faces.detect(image)]
        busy, scale = _busy(image)
        places, costs = [], []
        for corner in CORNERS:
            within = corner.place(size).square(size)
            place = within._replace(left=within.left + columns.start, top=within.top + rows.start)
            places.append(place)
            costs.append(_FACE * sum(_hidden(face, place) for face in faces) + _mean(busy, place, scale))
        least = int(np.argmin(costs))
        return places[least if costs[least] < costs[0] - _MUCH else 0]


def _head(box: Box) -> Place:
    """What a head covers of whose face this is the box."""
    x, y, wide, tall = box
    left, top = round(x - _HEAD * wide), round(y - _HEAD * tall)
    return Place(left, top, max(round(wide * (1 + 2 * _HEAD)), 1), max(round(tall * (1 + 2 * _HEAD)), 1))


def _hidden(head: Place, place: Place) -> float:
    """The share of a head that is hidden, as far as it shows: a quarter of it is as bad as all."""
    both = head.overlap(place)
    return 0.0 if both is None else min(4.0 * both.width * both.height / (head.width * head.height), 1.0)


def _busy(image: Image) -> tuple[Steep, float]:
    """How steep the frame is at each place, 1 on average, and how many times smaller that is."""
    grey, scale = small_grey(image, 320)
    across, down = (cv2.Sobel(grey, cv2.CV_32F, *which, ksize=3) for which in ((1, 0), (0, 1)))
    steep = cv2.blur(cv2.magnitude(across, down), (3, 3))
    return np.asarray(steep / max(float(steep.mean()), 1.0), np.float32), scale


def _mean(busy: Steep, place: Place, scale: float) -> float:
    """The mean of `busy` in a place of the frame, of one pixel at least."""
    rows = slice(min(int(place.top / scale), busy.shape[0] - 1), max(round(place.bottom / scale), 1))
    columns = slice(min(int(place.left / scale), busy.shape[1] - 1), max(round(place.right / scale), 1))
    return float(busy[rows, columns].mean())


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
        """What was wrong with boxes that were drawn."""
        return [*self._notes]

    @property
    def size(self) -> tuple[int, int] | None:
        """Width and height of the last frame; None before the first."""
        return None if self.image is None else (self.image.shape[1], self.image.shape[0])

    @property
    def mask(self) -> masks.Mask:
        """What the region marks, of the size of the last frame."""
        width, height = self.size or (1, 1)
        marked = np.zeros((height, width), np.uint8)
        if self._params.place() == "region" and self._params.region != "auto":
            marked[Region.parse(self._params.region).place((width, height)).slices] = 1
        return marked

    def box(self, first: Point, second: Point) -> dict[str, str]:
        """Take the box between two corners, in pixels; return the parameter that it changes, if it marks anything."""
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
        """Return what the last box changed, as it was before."""
        return self._before.pop() if self._before else {}

    def clear(self) -> dict[str, str]:
        """Return all that was drawn over, as it was before the first box."""
        first: dict[str, str] = {}
        while self._before:
            first |= self._before.pop()
        return first
