"""Filling by the network: in crops around holes, without the slope that they lie in, as a mean of several views, anew.

A network carries the colours of its ends too far into a wide hole, and leaves a stain; what is flat it fills exactly.
So a slope of brightness and colour, as a sky or a lit wall has, is taken away before, and put back.

What it makes up differs with the view: in the mirror, and from farther away. The mean is nearer to the truth than one
of them, since what they agree on stays; and deep in a hole the view from farther away knows more, since there known
pixels are nearer.

What was invented bit by bit, while a camera moved, is made up from what there was, and from what had been made up
beside that. It is invented anew, as one, when the camera is calm, or when what came past has gone.
"""

from collections.abc import Callable, Sequence

import cv2
import numpy as np

from gancam.effects.inpainting.holes import Crop, cut_out, overlap, paste, plan, windows
from gancam.effects.inpainting.regions import Floats, FrameRegion, floats
from gancam.effects.inpainting.texture import Part
from gancam.effects.inpainting.warp import frame_corners
from gancam.frame import Image
from gancam.inference.model import MaskedModel
from gancam.masks import Mask
from gancam.vision.motion import Grey, Matrix, moved

_STRIDE = 8  # pixels between those that are looked at
_FEW = 48  # of them, at the least
_PART, _ALL = 0.85, 0.95  # share of what varies around a hole that a plane explains, from and at which it is taken away
FAR = 2  # times smaller the network sees the picture from farther away
DEEP = 32  # pixels from known ones from which on that view alone counts; nearer, in proportion

Fill = Callable[[Image, Mask, Sequence[FrameRegion], int], None]
_CALM, _SLOW = 3, 0.005  # frames for which a camera is calm: it moves by less than that of the frame's width in each
# of what is hidden that may be patches: so far; when nothing stirs; in one frame then
_MOST, _SOME, _LITTLE = 0.5, 0.1, 0.01


def slope(image: Image, hole: Mask) -> Floats | None:
    """Find the plane, of mean 0 over the picture, that nearly all of what is known lies in.

    Args:
        image: uint8 ``(h, w, 3)``.
        hole: not 0 where nothing is known, ``(h, w)``.

    Returns:
        ``(h, w, 3)``; None where the picture is no such slope.
    """
    rows, columns = np.nonzero(hole[::_STRIDE, ::_STRIDE] == 0)
    if len(rows) < _FEW:
        return None
    height, width = hole.shape
    seen = floats(image[rows * _STRIDE, columns * _STRIDE])
    down, across = rows * _STRIDE / height - 0.5, columns * _STRIDE / width - 0.5
    terms = floats(np.column_stack([np.ones(len(rows)), down, across]))
    plane = np.linalg.lstsq(terms, seen, rcond=None)[0]
    varies = float(np.square(seen - seen.mean(0)).sum())
    explained = 1 - float(np.square(seen - terms @ plane).sum()) / max(varies, 1.0)
    if explained <= _PART:
        return None
    plane *= min((explained - _PART) / (_ALL - _PART), 1.0)
    y, x = np.arange(height) / height - 0.5, np.arange(width) / width - 0.5
    return floats(y[:, None, None] * plane[1] + x[None, :, None] * plane[2])


def without(image: Image, plane: Floats | None) -> Image:
    """Return `image` with a `slope` taken away."""
    return image if plane is None else np.asarray(cv2.subtract(image, plane, dtype=cv2.CV_8U), np.uint8)


def put_back(image: Image, plane: Floats | None) -> Image:
    """Return `image` with a `slope` added."""
    return image if plane is None else np.asarray(cv2.add(image, plane, dtype=cv2.CV_8U), np.uint8)


class Inventor:
    """Fills what is unknown in a picture with what a network makes of the rest."""

    def __init__(self, model: MaskedModel) -> None:
        self._model = model

    def __call__(
        self,
        picture: Image,
        unknown: Mask,
        within: Sequence[FrameRegion],
        smaller: int = 1,
        beside: Mask | None = None,
    ) -> None:
        """Fill what is `unknown` (1) in the windows of `picture` with what the network makes of the rest.

        It sees all that many times `smaller` than it has to, and nothing of what is `beside` (1). Both are changed: in
        the end nothing there is unknown.
        """
        crops = [crop for window in within for crop in plan(unknown, window, smaller)]
        while crops:  # pieces of one hole one after the other, so that each goes on from the one before
            turn, crops, seen = crops, [], list[tuple[int, int, int, int]]()
            batches: dict[tuple[int, int], list[Crop]] = {}
            for crop in turn:
                if any(overlap(crop.view, core) for core in seen):
                    crops.append(crop)
                else:
                    batches.setdefault(crop.size, []).append(crop)
                seen.append(crop.core)
            for batch in batches.values():
                unseen = unknown if beside is None else cv2.max(unknown, beside)
                given = [cut_out(picture, np.asarray(unseen, np.uint8), crop) for crop in batch]
                slopes = [slope(image, hole) for image, hole in given]
                flat = [without(image, plane) for (image, _), plane in zip(given, slopes, strict=True)]
                filled = self._model(np.stack(flat), np.stack([hole for _, hole in given]))[0]
                for crop, (_, hole), plane, answer in zip(batch, given, slopes, filled, strict=True):
                    content = put_back(answer, plane)
                    if cv2.countNonZero(hole) == hole.size:  # of what is around it nothing is left at this size
                        content = np.full_like(content, cv2.mean(picture, 1 - unseen)[:3])
                    paste(picture, unknown, crop, content)


def average(picture: Image, hole: Mask, parts: Sequence[Part], fill: Fill) -> None:
    """Bring parts of a hole that a network filled to the mean of that fill and of its fills of other views, in place.

    Args:
        picture: uint8 ``(h, w, 3)`` BGR, filled in the hole.
        hole: 1 there, else 0, uint8 ``(h, w)``.
        parts: of the hole; the rest stays.
        fill: fills what a mask marks of a picture, within windows and in place, as it looks so many times smaller.
    """
    wanted = np.zeros_like(hole)
    for part in parts:
        wanted[part.rows, part.columns] |= part.share > 0
    height, width = hole.shape
    near = windows(hole, FrameRegion(0, 0, width, height))
    near = [window for window in near if cv2.hasNonZero(wanted[window.place])]
    mirrored = [FrameRegion(width - right, top, width - left, bottom) for left, top, right, bottom in near]
    mirror, behind = (np.asarray(cv2.flip(each, 1), np.uint8) for each in (picture, hole))

    def turned(smaller: int) -> Image:
        made = mirror.copy()
        fill(made, behind.copy(), mirrored, smaller)
        return np.asarray(cv2.flip(made, 1), np.uint8)

    far = picture.copy()
    fill(far, hole.copy(), near, FAR)
    close, distant = (picture, turned(1)), (far, turned(FAR))
    depth = np.minimum(floats(cv2.distanceTransform(hole, cv2.DIST_L2, 5)) / DEEP, 1)
    for part in parts:
        place, share = (part.rows, part.columns), part.share[..., None]
        here, there = (floats(cv2.addWeighted(a[place], 0.5, b[place], 0.5, 0, dtype=cv2.CV_32F))
                       for a, b in (close, distant))  # fmt: skip
        mean = here + depth[place][..., None] * (there - here)
        picture[place] = np.round(picture[place] + share * (mean - picture[place]))


class Patchwork:
    """How much of what is hidden was invented again while the camera moved: such patches do not fit, and have no grain.

    ``look`` at each frame first, then ``add`` what of it was invented.
    """

    def __init__(self) -> None:
        self._calm = _CALM  # frames since the camera moved, at most that many
        self._patched = 0  # pixels
        self._quiet, self._stirred = 0, 0  # frames since anything was patched, likewise; pixels patched in the last
        self.anew = False  # whether all that is invented in this frame is to be invented as one

    def look(self, step: Matrix | None, hidden: Grey, *, people: bool) -> None:
        """Take in where the camera went since the frame before; None: a new scene.

        Args:
            step: From that frame to this one.
            hidden: 1 for what is hidden now.
            people: Whether it is people, who uncover and hide something all the time: nothing has come past then.
        """
        self.anew = False
        if step is None:
            self._calm, self._patched, self._quiet, self._stirred = _CALM, 0, 0, 0
            return
        marked = cv2.countNonZero(hidden)
        self._quiet = min(self._quiet + 1, _CALM) if self._stirred <= _LITTLE * marked else 0
        self._stirred = 0
        corners = frame_corners(hidden.shape[::-1])
        slow = float(np.abs(moved(corners, step) - corners).max()) < _SLOW * hidden.shape[1]
        self._calm = min(self._calm + 1, _CALM) if slow else 0
        most = _MOST if self._calm == _CALM or people else _SOME
        rests = self._calm == _CALM or (self._quiet == _CALM and not people)
        if rests and self._patched >= most * marked > 0:
            self.anew, self._patched = True, 0

    def add(self, invented: Grey, hidden_before: Grey) -> None:
        """Take in what was `invented` (1) of this frame, of the size of what was hidden (1) there in the one before."""
        if self._calm < _CALM and not self.anew:
            again = cv2.countNonZero(invented & hidden_before)
            self._patched += again
            self._stirred += again
