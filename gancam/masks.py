"""Where to work: masks from files, boxes, polygons, a brush, an object that is followed, a colour, faces.

A mask is uint8 ``(H, W)``, not 0 where something is to be done (filled, in inpainting). What gives masks is any
function ``image -> mask``; those here also take the frame's time, can be told to ``reset``, and are made of each other:

    Between(Tracked(Boxes((10, 20, 80, 40))), 2.0, 9.5)
"""

import inspect
import json
import math
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple, Protocol, TypeAlias

import cv2
import numpy as np
from numpy.typing import NDArray

from gancam import motion
from gancam._native import quiet_opencv
from gancam.errors import MaskError, NotFound, OutputExists, SinkError
from gancam.frame import Image

Mask: TypeAlias = NDArray[np.uint8]

_SAME_ASPECT = 0.02  # by which the aspect of a mask file may differ from the frame's
COLOURS = {
    "red": (255, 0, 0), "green": (0, 255, 0), "blue": (0, 0, 255), "yellow": (255, 255, 0), "cyan": (0, 255, 255),
    "magenta": (255, 0, 255), "orange": (255, 128, 0), "pink": (255, 105, 180), "white": (255, 255, 255),
    "black": (0, 0, 0),
}  # fmt: skip


class MaskSource(Protocol):
    """Gives a mask for each frame, in order. The array is not changed afterwards, by neither side.

    Raises ``MaskError`` for what cannot be a mask of that image.
    """

    def __call__(self, image: Image, *, time: float | None = None) -> Mask: ...

    def reset(self) -> None:
        """Forget what was seen: a seek, a cut, a new source."""


def check_mask(mask: Any, image: Image, what: str = "mask") -> Mask:
    """`mask` as a Mask of `image`: bool, uint8 (not 0: marked) or float (0 to 1, over 0.5: marked), ``(H, W)`` or
    ``(H, W, 1)``. Copied only where it is no uint8 array. Raises ``MaskError``, which says what would do."""
    if not isinstance(mask, np.ndarray):
        raise MaskError(f"{what} is {type(mask).__name__}, not a numpy array (H, W) of uint8 or bool")
    if mask.ndim == 3 and mask.shape[2] == 1:
        mask = mask[..., 0]
    if mask.ndim != 2:
        raise MaskError(f"{what} has shape {mask.shape}: needs (height, width), one value a pixel")
    if mask.shape != image.shape[:2]:
        raise MaskError(
            f"{what} is {mask.shape[1]}x{mask.shape[0]}, the picture {image.shape[1]}x{image.shape[0]}: they must agree"
        )
    if mask.dtype == np.uint8:
        return np.asarray(mask, np.uint8)
    if mask.dtype == np.bool_:
        return np.asarray(mask.view(np.uint8), np.uint8)
    if np.issubdtype(mask.dtype, np.floating):
        if not (np.isfinite(mask).all() and float(mask.min()) >= 0 and float(mask.max()) <= 1):
            raise MaskError(f"{what} is {mask.dtype} beyond 0..1: needs 0 (keep) to 1 (marked), or uint8")
        return np.asarray(mask > 0.5, np.uint8)
    raise MaskError(f"{what} is {mask.dtype}: needs uint8 or bool (not 0: marked), or float 0..1")


def source(what: Any) -> MaskSource:
    """`what` as a source of masks: one as it is, an array (the same for each frame), the path of an image or of a mask
    track (``.json``), or a function ``image -> mask``. Raises ``MaskError``, ``NotFound``."""
    if isinstance(what, np.ndarray):
        return Fixed(what)
    if isinstance(what, (str, os.PathLike)):
        return MaskTrack(what) if Path(what).suffix.lower() == ".json" else MaskFile(what)
    if callable(what) and hasattr(what, "reset"):
        given: MaskSource = what
        return given
    if callable(what):
        return Function(what)
    raise MaskError(f"{type(what).__name__} gives no masks: needs an array, a path, or a function image -> mask")


class _Memoryless:
    def reset(self) -> None:
        """Nothing is remembered from frame to frame."""


class Function(_Memoryless):
    """Any function ``image -> mask``, or ``(image, time=...) -> mask``; what it gives is checked."""

    def __init__(self, function: Callable[..., Any]) -> None:
        self._function = function
        try:
            self._takes_time = "time" in inspect.signature(function).parameters
        except (TypeError, ValueError):  # some builtins tell nothing
            self._takes_time = False

    def __call__(self, image: Image, *, time: float | None = None) -> Mask:
        given = self._function(image, time=time) if self._takes_time else self._function(image)
        return check_mask(given, image, "what the mask function gave")


class Fixed(_Memoryless):
    """The same mask for each frame, of whose size it must be."""

    def __init__(self, mask: NDArray[Any]) -> None:
        self._mask = mask.copy()

    def __call__(self, image: Image, *, time: float | None = None) -> Mask:
        return check_mask(self._mask, image)


class MaskFile(_Memoryless):
    """An image file. With transparency: what is not wholly transparent is marked. Without: what is bright is (grey 128
    and more). `invert` marks the rest instead. It is resized to the frames, which must have its aspect.

    Raises ``NotFound``, ``MaskError`` for what is no image, or one in colours without transparency.
    """

    def __init__(self, path: str | os.PathLike[str], *, invert: bool = False) -> None:
        self.path = Path(path)
        if not self.path.is_file():
            raise NotFound(f"mask {path}: no such file")
        with quiet_opencv():
            image = cv2.imdecode(np.fromfile(self.path, np.uint8), cv2.IMREAD_UNCHANGED) if self._bytes() else None
        if image is None:
            raise MaskError(f"mask {path}: not an image that OpenCV can read")
        full = 65535 if image.dtype == np.uint16 else 255
        if image.dtype not in (np.uint8, np.uint16):
            raise MaskError(f"mask {path}: has {image.dtype} pixels, needs 8 or 16 bits")
        if image.ndim == 3 and image.shape[2] == 4 and int(image[..., 3].min()) < full:
            marked = image[..., 3] > full // 32
        else:
            planes = image[..., None] if image.ndim == 2 else image[..., :3]
            if any((planes[..., 0] != planes[..., other]).any() for other in range(1, planes.shape[2])):
                raise MaskError(
                    f"mask {path}: is a picture in colours without transparency; needs grey (bright: marked) or alpha"
                )
            marked = planes[..., 0] > full // 2
        self._mask = np.asarray(marked != invert, np.uint8)
        self._resized: dict[tuple[int, ...], Mask] = {}

    def _bytes(self) -> int:
        return self.path.stat().st_size

    def __call__(self, image: Image, *, time: float | None = None) -> Mask:
        shape = image.shape[:2]
        if shape not in self._resized:
            height, width = self._mask.shape
            if abs(width * shape[0] / (height * shape[1]) - 1) > _SAME_ASPECT:
                raise MaskError(
                    f"mask {self.path}: is {width}x{height}, the picture {shape[1]}x{shape[0]}: another aspect"
                )
            resized = cv2.resize(self._mask * 255, (shape[1], shape[0]), interpolation=cv2.INTER_LINEAR)
            self._resized = {shape: np.asarray(resized > 100, np.uint8)}
        return self._resized[shape]


Box = tuple[float, float, float, float]  # left, top, width, height in pixels
Polygon = Sequence[tuple[float, float]]  # corners x, y in pixels


class Polygons(_Memoryless):
    """The insides of polygons, each at least three corners (x, y) in pixels; parts outside the frame are cut off.

    Raises ``MaskError`` for less than three corners, and for a frame in which nothing of one is seen.
    """

    def __init__(self, *polygons: Polygon) -> None:
        self._polygons = [np.array(corners, np.float64).reshape(-1, 2) for corners in polygons]
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
        if self._mask is None or self._mask.shape != image.shape[:2]:
            mask = np.zeros(image.shape[:2], np.uint8)
            for index, corners in enumerate(self._polygons):
                alone = self._inside(image.shape, corners)
                if not alone.any():
                    raise MaskError(
                        f"{self._name(index)}: nothing of it lies in the picture of {image.shape[1]}x{image.shape[0]}"
                    )
                mask |= alone
            self._mask = mask
        return self._mask


class Boxes(Polygons):
    """Upright boxes (left, top, width, height) in pixels. Raises as `Polygons`, and for a side that is not above 0."""

    def __init__(self, *boxes: Box) -> None:
        for box in boxes:
            if len(box) != 4 or not all(map(math.isfinite, box)) or min(box[2:]) <= 0:
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


class Drawn:
    """What somebody draws while it runs: a brush, boxes, an eraser. Coordinates are pixels of the frame of ``size``.

    Strokes last until `clear` or `undo`. Before the first frame nothing can be drawn. With `follow`, each stroke sticks
    to what it was drawn on, as `Tracked` does; what cannot be followed stays where it is, and ``notes`` says so, as it
    does when something is lost. ``mask`` is all that is marked, the stroke under way too.
    """

    brushes = True

    def __init__(self, *, follow: bool = False) -> None:
        self._follow = follow
        self._shape: tuple[int, int] | None = None
        self._pieces: list[Mask | Tracked] = []  # in the order in which they were drawn
        self._fresh: Mask = np.zeros((1, 1), np.uint8)  # drawn since the last frame
        self._seen: Mask = self._fresh  # what was given last
        self._drawing = False  # a stroke is under way
        self._told: list[str] = []

    def __call__(self, image: Image, *, time: float | None = None) -> Mask:
        if self._shape != image.shape[:2]:
            self._shape = (image.shape[0], image.shape[1])
            self.clear()
        new: Mask | Tracked | None = None
        if self._fresh.any() and not self._drawing:
            self._pieces.append(self._taken_up(image, time) if self._follow else self._fresh)
            self._fresh = np.zeros_like(self._fresh)
            new = self._pieces[-1]
        mask = self._fresh.copy()
        for piece in self._pieces:
            if not isinstance(piece, Tracked):
                mask |= piece
            else:
                mask |= piece.mask if piece is new else piece(image, time=time)
        self._seen = mask
        return mask

    def _taken_up(self, image: Image, time: float | None) -> "Mask | Tracked":
        tracked = Tracked(Fixed(self._fresh))
        try:
            tracked(image, time=time)
        except MaskError as error:
            self._told.append(f"what was drawn stays where it is: {error}")
            return self._fresh
        return tracked

    @property
    def size(self) -> tuple[int, int] | None:
        """Width and height of the frames; None before the first."""
        return None if self._shape is None else (self._shape[1], self._shape[0])

    @property
    def mask(self) -> Mask:
        return self._seen | self._fresh

    @property
    def notes(self) -> list[str]:
        return self._told + [note for piece in self._pieces if isinstance(piece, Tracked) for note in piece.notes]

    def brush(self, points: Sequence[tuple[float, float]], radius: float) -> None:
        """A stroke of round points through `points`; the last of them is where it ends for now."""
        self._stroke(self._fresh, points, radius, 1)

    def box(self, first: tuple[float, float], second: tuple[float, float]) -> dict[str, str]:
        """The box between two opposite corners. No parameter is to be changed for it."""
        (x0, y0), (x1, y1) = first, second
        cv2.rectangle(self._fresh, (round(x0), round(y0)), (round(x1), round(y1)), 1, cv2.FILLED)
        return {}

    def erase(self, points: Sequence[tuple[float, float]], radius: float) -> None:
        """Take away under a stroke; of what is followed, each piece that it touches."""
        gone = np.zeros_like(self._fresh)
        self._stroke(gone, points, radius, 1)
        self._pieces = [
            piece for piece in self._pieces if not (isinstance(piece, Tracked) and (piece.mask & gone).any())
        ]
        self._pieces = [piece if isinstance(piece, Tracked) else piece & (1 - gone) for piece in self._pieces]
        self._fresh = self._fresh & (1 - gone)
        self._forget_seen()

    def pen(self, *, down: bool) -> None:
        """Tell that a stroke begins or is over: only whole ones are followed."""
        self._drawing = down

    def undo(self) -> dict[str, str]:
        """Take back the last stroke."""
        if self._fresh.any():
            self._fresh = np.zeros_like(self._fresh)
        elif self._pieces:
            self._pieces.pop()
        self._forget_seen()
        return {}

    def clear(self) -> dict[str, str]:
        """Nothing is drawn any more."""
        self._pieces = []
        self._fresh = np.zeros(self._shape or (1, 1), np.uint8)
        self._forget_seen()
        return {}

    def reset(self) -> None:
        """What is drawn stays; what is followed is followed anew from the next frame on."""
        for piece in self._pieces:
            if isinstance(piece, Tracked):
                piece.reset()

    def _forget_seen(self) -> None:
        self._seen = np.zeros_like(self._fresh)
        for piece in self._pieces:
            self._seen |= piece.mask if isinstance(piece, Tracked) else piece

    @staticmethod
    def _stroke(canvas: Mask, points: Sequence[tuple[float, float]], radius: float, value: int) -> None:
        places = np.round(np.array(points, np.float64).reshape(-1, 1, 2)).astype(np.int32)
        cv2.polylines(canvas, [places], False, value, max(round(2 * radius), 1), cv2.LINE_8)
        for x, y in places[:, 0].tolist():
            cv2.circle(canvas, (x, y), max(round(radius), 0), value, cv2.FILLED)


class Tracked:
    """What is marked in the first frame, followed: through translation, scale and rotation.

    `what` is a source of masks asked once, a box or an array. ``lost`` tells that the object is not seen any more: the
    mask is empty then, rather than over something else, until the object is found again. ``notes`` keeps the times.
    ``mask`` is the last one given.

    Raises ``MaskError`` at the first frame where there is nothing to hold on to in what is marked.
    """

    LEAST = 8  # points to hold on to
    ALIKE = 0.6  # correlation with the object as it was marked: under that it is lost, unless
    KNOWN = 0.8  # it has that with the object as it was lately
    PAUSE = 4  # frames between looks for a lost one
    SIDE = 64  # pixels of the pictures of it that are compared

    def __init__(self, what: Any) -> None:
        self._what = Boxes(tuple(what)) if isinstance(what, (tuple, list)) else source(what)
        self.lost = False
        self.notes: list[str] = []
        self.mask: Mask = np.zeros((1, 1), np.uint8)
        self._first: _Seen | None = None
        self._key: _Seen | None = None  # the object as it was when its points were chosen
        self._last: NDArray[np.uint8] | None = None  # the frame before
        self._matrix = np.eye(3)  # first frame -> now
        self._waited = 0

    def reset(self) -> None:
        """Mark anew at the next frame."""
        self._first = self._key = None
        self.lost = False

    def __call__(self, image: Image, *, time: float | None = None) -> Mask:
        grey = np.asarray(cv2.cvtColor(image, cv2.COLOR_BGR2GRAY), np.uint8)
        if self._first is None or self._first.grey.shape != grey.shape:
            self._start(image, grey)
        elif self.lost and self._waited < self.PAUSE:
            self._waited += 1
        elif not (self._search(grey) if self.lost else self._step(grey)):
            self._waited = 0
            if not self.lost:
                when = "" if time is None else f" at {time:.2f} s"
                self.notes.append(f"lost the followed object{when}; nothing is marked until it is seen again")
            self.lost = True
        elif self.lost:
            self.lost = False
            self.notes.append("found the followed object again" + ("" if time is None else f" at {time:.2f} s"))
        self.mask = self._moved_mask(grey.shape)
        return self.mask

    def _start(self, image: Image, grey: NDArray[np.uint8]) -> None:
        mask = self._what(image)
        if not mask.any():
            raise MaskError("nothing is marked in the first frame: there is nothing to follow")
        box = cv2.boundingRect(mask)
        points = motion.corners(grey, np.asarray(cv2.dilate(mask, np.ones((3, 3), np.uint8)) * 255, np.uint8), apart=4)
        x, y, wide, tall = box
        contrast = float(grey[y : y + tall, x : x + wide].std())
        if len(points) < self.LEAST or contrast < 4.0:
            raise MaskError(
                f"nothing to hold on to in the marked {wide}x{tall} pixels at {x}/{y}: mark more, with edges or texture"
            )
        self._matrix, self.lost = np.eye(3), False
        self._first = _Seen(grey, points, np.eye(3), mask, box)
        self._key, self._last = self._first, grey
        self._patterns = [self._look(grey, np.eye(3)).astype(np.float32)] * 2

    def _step(self, grey: NDArray[np.uint8]) -> bool:
        """Follow into the next frame; False: not there."""
        found = self._from_key(grey)
        if not found and self._last is not None:  # it turned, or light changed: it may still look as a frame ago
            key, self._key = self._key, None
            self._take_key(self._last)
            found = self._key is not None and self._from_key(grey)
            self._key = self._key if found else key
        self._last = grey if found else None
        return found

    def _from_key(self, grey: NDArray[np.uint8]) -> bool:
        assert self._key is not None
        there, good = motion.follow(
            self._key.grey, grey, self._key.points, motion.moved(self._key.points, self._since(self._key))
        )
        if int(good.sum()) < self.LEAST:
            return False
        cv2.setRNGSeed(0)
        step, near = cv2.estimateAffinePartial2D(self._key.points[good], there[good], ransacReprojThreshold=1.5)
        if step is None or int(near.sum()) < max(self.LEAST, 0.4 * len(self._key.points) * float(good.mean())):
            return False
        matrix = np.vstack([step, [0, 0, 1]]) @ self._key.matrix
        if not self._is_it(grey, matrix):
            return False
        self._matrix = matrix
        if int(near.sum()) < 0.6 * len(self._key.points):  # it has turned or come nearer: other points now
            self._take_key(grey)
        return True

    def _since(self, key: "_Seen") -> motion.Matrix:
        return np.asarray(self._matrix @ np.linalg.inv(key.matrix), np.float64)

    def _take_key(self, grey: NDArray[np.uint8]) -> None:
        points = motion.corners(grey, np.asarray(self._moved_mask(grey.shape) * 255, np.uint8), apart=4)
        if len(points) >= self.LEAST:
            assert self._first is not None
            self._key = _Seen(grey, points, self._matrix, self._first.mask, self._first.box)

    def _is_it(self, grey: NDArray[np.uint8], matrix: motion.Matrix) -> bool:
        """Whether what is there looks like what was marked, and some of it is in the picture."""
        stretch = math.sqrt(abs(float(np.linalg.det(matrix[:2, :2]))))
        if not 0.15 < stretch < 8.0:
            return False
        assert self._first is not None
        x, y, wide, tall = self._first.box
        edges = np.array([[x, y], [x + wide, y], [x + wide, y + tall], [x, y + tall]], np.float32)
        seen = motion.moved(edges, matrix)
        height, width = grey.shape
        if (seen.max(0) <= 2).any() or (seen.min(0) >= (width - 2, height - 2)).any():
            return False
        there = self._look(grey, matrix).astype(np.float32)
        inside = self._look(np.full_like(grey, 255), matrix) > 0
        if inside.sum() < 0.3 * inside.size or float(there[inside].std()) < 1.0:
            return False
        first, recent = (float(np.corrcoef(pattern[inside], there[inside])[0, 1]) for pattern in self._patterns)
        if recent >= self.KNOWN:  # it may change slowly
            self._patterns[1] = np.where(
                inside, self._patterns[1] + 0.05 * (there - self._patterns[1]), self._patterns[1]
            )
        return first >= self.ALIKE or recent >= self.KNOWN

    def _look(self, grey: NDArray[np.uint8], matrix: motion.Matrix) -> NDArray[np.uint8]:
        """The object's box as seen in `grey`, turned back upright, `SIDE` pixels a side."""
        assert self._first is not None
        x, y, wide, tall = self._first.box
        upright = np.array([[self.SIDE / wide, 0, -x * self.SIDE / wide], [0, self.SIDE / tall, -y * self.SIDE / tall],
                            [0, 0, 1]])  # fmt: skip
        there = upright @ np.linalg.inv(matrix)
        return np.asarray(cv2.warpPerspective(grey, there, (self.SIDE, self.SIDE), flags=cv2.INTER_AREA), np.uint8)

    def _search(self, grey: NDArray[np.uint8]) -> bool:
        """Look for the lost object in the whole picture, at the size and angle it was last seen in."""
        assert self._first is not None
        shrink = max(max(grey.shape) / motion.SMALL, 1.0)
        x, y, wide, tall = self._first.box
        linear = self._matrix.copy()
        linear[:2, 2] = 0
        edges = motion.moved(np.array([[0, 0], [wide, 0], [wide, tall], [0, tall]], np.float32), linear)
        low, high = edges.min(0), edges.max(0)
        size = np.maximum(np.round((high - low) / shrink), 1).astype(int)
        small = np.asarray(cv2.resize(grey, None, fx=1 / shrink, fy=1 / shrink, interpolation=cv2.INTER_AREA), np.uint8)
        if min(size) < 6 or size[0] > small.shape[1] or size[1] > small.shape[0]:
            return False
        shift = np.array([[1, 0, -x], [0, 1, -y], [0, 0, 1]], np.float64)
        place = np.array([[1 / shrink, 0, -low[0] / shrink], [0, 1 / shrink, -low[1] / shrink], [0, 0, 1]])
        wanted = cv2.warpPerspective(self._first.grey, place @ linear @ shift, (int(size[0]), int(size[1])))
        if float(wanted.std()) < 2:
            return False
        fits = cv2.matchTemplate(small, np.asarray(wanted, np.uint8), cv2.TM_CCOEFF_NORMED)
        _, best, _, where = cv2.minMaxLoc(fits)
        if best < 0.7:
            return False
        there = np.array([[1, 0, where[0] * shrink - low[0]], [0, 1, where[1] * shrink - low[1]], [0, 0, 1]])
        before, self._matrix, key = self._matrix, there @ linear @ shift, self._key
        for seen in (self._first, key):
            self._key = seen
            if self._from_key(grey):
                self._last = grey
                return True
        self._matrix, self._key = before, key
        return False

    def _moved_mask(self, shape: tuple[int, ...]) -> Mask:
        if self.lost or self._first is None:
            return np.zeros(shape, np.uint8)
        moved = cv2.warpPerspective(self._first.mask * 255, self._matrix, (shape[1], shape[0]), flags=cv2.INTER_LINEAR)
        return np.asarray(moved > 100, np.uint8)


class _Seen(NamedTuple):
    """The followed object in one frame."""

    grey: NDArray[np.uint8]
    points: motion.Points
    matrix: motion.Matrix  # first frame -> this one
    mask: Mask  # of the first frame
    box: Sequence[int]  # of that


class ColourKey(_Memoryless):
    """Everything of a colour: a marker, a glove, a ball. `colour` is (r, g, b), ``#rrggbb`` or a name of `COLOURS`.

    `tolerance` is how far hue and saturation may differ, in units of CIELAB (of 100), whatever the light; greys are
    told by their lightness, too. Specks are left out. Raises ``MaskError`` for what is no colour.
    """

    def __init__(self, colour: str | tuple[int, int, int], *, tolerance: float = 20.0) -> None:
        self.colour = parse_colour(colour) if isinstance(colour, str) else colour
        if len(self.colour) != 3 or not all(0 <= part <= 255 for part in self.colour):
            raise MaskError(f"colour {colour!r}: needs (r, g, b) of 0..255, #rrggbb or one of {', '.join(COLOURS)}")
        if not 0 < tolerance <= 200:
            raise MaskError(f"tolerance {tolerance}: needs more than 0, 200 at most")
        pixel = np.array([[self.colour[::-1]]], np.uint8)
        self._lab = cv2.cvtColor(pixel, cv2.COLOR_BGR2LAB)[0, 0].astype(np.float32)
        self._tolerance = tolerance
        self._grey = float(np.hypot(*(self._lab[1:] - 128.0))) < 16

    def __call__(self, image: Image, *, time: float | None = None) -> Mask:
        lab = cv2.cvtColor(image, cv2.COLOR_BGR2LAB)
        low, high = self._lab - self._tolerance, self._lab + self._tolerance
        if not self._grey:
            low[0], high[0] = 10, 255  # in the dark there is no colour
        else:
            low[0], high[0] = self._lab[0] - 2.55 * self._tolerance, self._lab[0] + 2.55 * self._tolerance
        marked = np.asarray(cv2.inRange(lab, low.clip(0, 255), high.clip(0, 255)), np.uint8)
        return np.asarray(cv2.medianBlur(marked, 5) if min(image.shape[:2]) > 4 else marked, np.uint8)


def parse_colour(text: str) -> tuple[int, int, int]:
    """(r, g, b) of ``#rrggbb``, ``rrggbb`` or a name. Raises ``MaskError``."""
    if text.lower() in COLOURS:
        return COLOURS[text.lower()]
    digits = text.removeprefix("#")
    if len(digits) == 6:
        try:
            return int(digits[:2], 16), int(digits[2:4], 16), int(digits[4:], 16)
        except ValueError:
            pass
    raise MaskError(f"colour {text!r}: needs #rrggbb or one of {', '.join(COLOURS)}")


class Face(NamedTuple):
    """A face in pixels of the frame."""

    box: Box
    landmarks: NDArray[np.float32]  # (5, 2): right eye, left eye, nose, right and left corner of the mouth
    score: float


class Faces:
    """The faces that a detector finds: a YuNet model as OpenCV's ``FaceDetectorYN`` runs it, a file that you name.

    Each is an ellipse around its box, `grow` times as large; one that is not found for a moment stays for `hold`
    frames. ``detect`` gives the faces themselves. Raises ``NotFound``, ``MaskError`` for what is no such model.
    """

    LONG = 320  # pixels of the longer side of what the detector sees

    def __init__(self, model: str | os.PathLike[str], *, score: float = 0.6, grow: float = 1.2, hold: int = 5) -> None:
        self.model = Path(model)
        if not self.model.is_file():
            raise NotFound(f"face detector {model}: no such file; a YuNet .onnx, as of opencv_zoo, is needed")
        try:
            with quiet_opencv():  # it warns of its own settings
                self._detector = cv2.FaceDetectorYN.create(str(self.model), "", (self.LONG, self.LONG), score)
        except cv2.error as error:
            raise MaskError(f"face detector {model}: OpenCV cannot run it ({_first_line(error)})") from error
        self._grow, self._hold = grow, hold
        self._held: list[tuple[Box, int]] = []

    def detect(self, image: Image) -> list[Face]:
        """The faces of `image`, the surest first."""
        shrink = max(max(image.shape[:2]) / self.LONG, 1.0)
        size = max(round(image.shape[1] / shrink), 32), max(round(image.shape[0] / shrink), 32)
        self._detector.setInputSize(size)
        try:
            _, found = self._detector.detect(cv2.resize(image, size, interpolation=cv2.INTER_AREA))
        except cv2.error as error:
            raise MaskError(f"face detector {self.model}: is no YuNet model ({_first_line(error)})") from error
        if found is None:
            return []
        scale = np.array([image.shape[1] / size[0], image.shape[0] / size[1]], np.float32)
        faces = []
        for row in np.asarray(found, np.float32):
            x, y, wide, tall = (row[:4].reshape(2, 2) * scale).reshape(-1).tolist()
            faces.append(Face((x, y, wide, tall), row[4:14].reshape(5, 2) * scale, float(row[14])))
        return sorted(faces, key=lambda face: -face.score)

    def __call__(self, image: Image, *, time: float | None = None) -> Mask:
        boxes = [face.box for face in self.detect(image)]
        kept = [(box, age - 1) for box, age in self._held if age > 0 and not any(_overlap(box, now) for now in boxes)]
        self._held = [(box, self._hold) for box in boxes] + kept
        mask = np.zeros(image.shape[:2], np.uint8)
        for (x, y, wide, tall), _ in self._held:
            axes = round(wide * self._grow / 2), round(tall * self._grow / 2)
            cv2.ellipse(mask, (round(x + wide / 2), round(y + tall / 2)), axes, 0, 0, 360, 1, cv2.FILLED)
        return mask

    def reset(self) -> None:
        self._held = []


def _overlap(a: Box, b: Box) -> bool:
    across = min(a[0] + a[2], b[0] + b[2]) - max(a[0], b[0])
    down = min(a[1] + a[3], b[1] + b[3]) - max(a[1], b[1])
    return across > 0 and down > 0 and across * down > 0.2 * min(a[2] * a[3], b[2] * b[3])


def _first_line(error: BaseException) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0][:120]


class Between:
    """`what` from `start` seconds until before `end`; empty at other times. Frames without a time are 1/30 s apart.

    Raises ``MaskError`` where `start` is not before `end`.
    """

    def __init__(self, what: Any, start: float = 0.0, end: float = math.inf) -> None:
        if not 0 <= start < end:
            raise MaskError(f"from {start:g} s to {end:g} s: the start must come before the end")
        self._what, self._start, self._end = source(what), start, end
        self._clock = 0.0

    def __call__(self, image: Image, *, time: float | None = None) -> Mask:
        now = self._clock if time is None else time
        self._clock = now + 1 / 30
        if self._start <= now < self._end:
            return self._what(image, time=time)
        return np.zeros(image.shape[:2], np.uint8)

    def reset(self) -> None:
        self._clock = 0.0
        self._what.reset()


class Union:
    """What any of several sources marks."""

    def __init__(self, *sources: Any) -> None:
        self.sources = [source(what) for what in sources]

    def __call__(self, image: Image, *, time: float | None = None) -> Mask:
        masks = [one(image, time=time) for one in self.sources]
        if len(masks) == 1:
            return masks[0]
        marked = np.zeros(image.shape[:2], np.uint8)
        for mask in masks:
            marked |= np.asarray(mask != 0, np.uint8)
        return marked

    def reset(self) -> None:
        for one in self.sources:
            one.reset()


# Mask tracks


FORMAT = "gancam mask track"


@dataclass(frozen=True)
class _Entry:
    time: float | None
    runs: tuple[int, ...]  # lengths of unmarked, marked, unmarked … pixels, row by row


def _to_runs(mask: Mask) -> tuple[int, ...]:
    flat = np.concatenate([[0], (mask.reshape(-1) != 0).astype(np.int8), [0]])
    edges = np.flatnonzero(np.diff(flat))
    return tuple(np.diff(np.concatenate([[0], edges])).tolist())


def _from_runs(runs: Sequence[int], shape: tuple[int, int]) -> Mask:
    flat = np.zeros(shape[0] * shape[1], np.uint8)
    place = 0
    for index, length in enumerate(runs):
        if index % 2:
            flat[place : place + length] = 1
        place += length
    return flat.reshape(shape)


class Recorded:
    """`what`, and what it gave written down: ``save`` makes a mask track of it, which `MaskTrack` replays exactly."""

    def __init__(self, what: Any) -> None:
        self.what = source(what)
        self._entries: list[_Entry] = []
        self._shape: tuple[int, int] | None = None
        self._last: tuple[Mask, _Entry] | None = None

    def __call__(self, image: Image, *, time: float | None = None) -> Mask:
        mask = self.what(image, time=time)
        if self._shape not in (None, mask.shape):
            raise MaskError(f"a mask track is of one size: {self._shape} became {mask.shape}")
        self._shape = (mask.shape[0], mask.shape[1])
        if self._last is not None and (self._last[0] is mask or np.array_equal(self._last[0], mask)):
            entry = _Entry(time, self._last[1].runs)
        else:
            entry = _Entry(time, _to_runs(mask))
        self._last = mask, entry
        self._entries.append(entry)
        return mask

    def reset(self) -> None:
        self.what.reset()

    def save(self, path: str | os.PathLike[str], *, overwrite: bool = False) -> None:
        """Write the track of all frames so far. Raises ``OutputExists``, ``SinkError``."""
        path = Path(path)
        if path.exists() and not overwrite:
            raise OutputExists(f"{path}: exists; give another name, or --overwrite")
        height, width = self._shape or (0, 0)
        masks: list[list[int]] = []
        numbers: dict[tuple[int, ...], int] = {}
        frames: list[list[float | int | None]] = []
        for entry in self._entries:
            if entry.runs not in numbers:
                numbers[entry.runs] = len(masks)
                masks.append(list(entry.runs))
            frames.append([entry.time, numbers[entry.runs]])
        about = {"format": FORMAT, "version": 1, "width": width, "height": height, "masks": masks, "frames": frames}
        partial = path.with_name(f".{path.name}.partial")
        try:
            partial.write_text(json.dumps(about, separators=(",", ":")), encoding="utf-8")
            partial.replace(path)
        except OSError as error:
            partial.unlink(missing_ok=True)
            raise SinkError(f"{path}: cannot be written ({error.strerror or error})") from error


class MaskTrack:
    """A recorded mask for each frame, replayed: by the frame's time where both know one, else one after the other.

    ``size`` (width, height) and ``frames`` are those of the clip it was recorded with. Raises ``NotFound``,
    ``MaskError`` for what is no mask track, for frames of another size, and where it ends before the clip does.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.path = Path(path)
        if not self.path.is_file():
            raise NotFound(f"mask track {path}: no such file")
        try:
            about = json.loads(self.path.read_text(encoding="utf-8"))
            if not isinstance(about, dict) or about.get("format") != FORMAT or about.get("version") != 1:
                raise ValueError("its format is another")
            height, width = int(about["height"]), int(about["width"])
            self._shape = height, width
            self._masks = [tuple(int(length) for length in runs) for runs in about["masks"]]
            self._frames = [(None if time is None else float(time), int(number)) for time, number in about["frames"]]
            whole = height * width
            if not (whole > 0 and self._frames) or any(min(runs, default=0) < 0 for runs in self._masks):
                raise ValueError("it is empty or damaged")
            if any(sum(runs) > whole for runs in self._masks):
                raise ValueError("a mask is larger than the picture")
            if any(not 0 <= number < len(self._masks) for _, number in self._frames):
                raise ValueError("it names a mask that it does not have")
        except (ValueError, KeyError, TypeError, RecursionError) as error:
            raise MaskError(f"{path}: is no mask track ({error})") from error
        times = [time for time, _ in self._frames]
        known = [time for time in times if time is not None]
        self._times = known if len(known) == len(times) and known == sorted(known) else None
        self._next = 0
        self._made: tuple[int, Mask] | None = None

    @property
    def size(self) -> tuple[int, int]:
        return self._shape[1], self._shape[0]

    @property
    def frames(self) -> int:
        return len(self._frames)

    def fits(self, size: tuple[int, int], frames: int | None) -> None:
        """Raise ``MaskError`` where a clip of `size` (width, height) and so many frames cannot be the recorded one."""
        if size != self.size:
            raise MaskError(f"{self.path}: is a mask track of {self.size[0]}x{self.size[1]}, not {size[0]}x{size[1]}")
        if frames is not None and frames != self.frames:
            raise MaskError(f"{self.path}: is a mask track of {self.frames} frames; this clip has {frames}")

    def finished(self) -> None:
        """Raise ``MaskError`` where the clip that is over was a shorter one than the recorded one."""
        left = self.frames - self._next
        late = self._times[-1] - self._times[self._next - 1] > 0.1 if self._times and self._next else True
        if left > 2 and late:
            raise MaskError(f"{self.path}: is a mask track of {self.frames} frames; this clip ends {left} before")

    def __call__(self, image: Image, *, time: float | None = None) -> Mask:
        self.fits((image.shape[1], image.shape[0]), None)
        index = self._next
        if time is not None and self._times is not None:
            index = int(np.searchsorted(self._times, time))
            if index and (index == self.frames or time - self._times[index - 1] <= self._times[index] - time):
                index -= 1  # the nearer: files round times, and live play leaves out frames
            last = self._times[-1]
            step = (last - self._times[0]) / max(self.frames - 1, 1) or 1.0
            if time > last + max(2 * step, 0.1):
                index = self.frames
        if index >= self.frames:
            raise MaskError(f"{self.path}: ends after {self.frames} frames; this is another, longer clip")
        self._next = index + 1
        number = self._frames[index][1]
        if self._made is None or self._made[0] != number:
            self._made = number, _from_runs(self._masks[number], self._shape)
        return self._made[1]

    def reset(self) -> None:
        self._next = 0
