"""Large strokes: a picture that was drawn small is enlarged with clean edges, and gives way where detail is finer."""

from typing import TypeVar

import cv2
import numpy as np
from numpy.typing import NDArray

from gancam.frame import Image
from gancam.vision.fit import within
from gancam.vision.guided import fine_lines
from gancam.vision.planes import Planes

Level = TypeVar("Level", np.uint8, np.int16)

_REACH = 1.5  # strokes: what is narrower than that is lost in them
_NOISE = 10.0  # grey levels by which something narrow must differ from what is around it
_PLAIN = 6.0  # grey levels beyond those, averaged over `_AROUND`, at which detail counts in full
_AROUND = 2.0  # strokes around something narrow that are drawn finer with it, so that a face is drawn in one way
_DETAIL, _WINDOW, _SHOWN = 5, (7, 7), 0.5  # grey levels that are noise; of its mean; how much of it is seen at most
_RELIEF, _RAISED = 16, 3.0  # grey levels of a dab's light; strokes larger by so many have twice that, as they lose some
_BRUSH = 5  # pixels of a window whose median a dab shows
_SEEN, _BUSY, _WIDE = 160, 60.0, 9  # detail: on how many pixels, from which slope on it is full, its neighbourhood
_SOFT, _GAIN = 0.35, 3.0  # of an enlarged edge: how far its steps are smoothed, and how steep it is made again

# of hatching: how far it is smoothed, how much of what that takes away is added, and grey levels of it that are none
_THIN, _CRISP, _LATTICE = 0.6, 0.8, 5


def fine_structure(image: Image, stroke: float) -> NDArray[np.float32]:
    """Find where a picture has things too narrow to be drawn with large strokes: eyes, letters, but no edge alone.

    Args:
        image: uint8 ``(H, W, 3)`` BGR.
        stroke: how wide the strokes are, in pixels.

    Returns:
        ``(H, W)``: 0 where large strokes do, to 1 where detail is finer.
    """
    grey = cv2.GaussianBlur(cv2.cvtColor(image, cv2.COLOR_BGR2GRAY), (3, 3), 0)
    window = np.ones((2 * round(_REACH * stroke) + 1,) * 2, np.uint8)
    narrow = cv2.max(*(cv2.morphologyEx(grey, way, window) for way in (cv2.MORPH_TOPHAT, cv2.MORPH_BLACKHAT)))
    side = 2 * round(_AROUND * stroke) + 1
    busy = cv2.blur(np.maximum(narrow.astype(np.float32) - _NOISE, 0), (side, side)) / _PLAIN
    near = cv2.dilate(np.minimum(busy, 1), np.ones((side, side), np.uint8))
    soft = cv2.blur(cv2.blur(near, (side, side)), (side, side))
    return np.asarray(np.clip(2 * soft - 0.5, 0, 1), np.float32)


def broad(image: Image) -> Image:
    """Leave out what is finer than a brush: weave, grass and single hairs become spots, and edges stay where they are.

    Args:
        image: uint8 ``(H, W, 3)``, in the size in which it is drawn.
    """
    for _ in range(2):
        image = np.asarray(cv2.medianBlur(image, _BRUSH), np.uint8)
    return image


def receding(image: Image, share: float) -> NDArray[np.uint8]:
    """Give 255 where nothing is to be seen, less by up to `share` where there is detail."""
    height, width = image.shape[:2]
    size = within((width, height), _SEEN)
    small = cv2.cvtColor(cv2.resize(image, size, interpolation=cv2.INTER_AREA), cv2.COLOR_BGR2GRAY)
    slope = cv2.magnitude(*(cv2.Sobel(small, cv2.CV_32F, *way) for way in ((1, 0), (0, 1))))
    window = (_WIDE, _WIDE)
    busy = cv2.blur(cv2.blur(np.minimum(slope, 2 * _BUSY), window), window) / _BUSY
    shown = cv2.convertScaleAbs(255.0 * (1.0 - share * np.clip(busy, 0, 1)))
    return np.asarray(cv2.resize(shown, (width, height), interpolation=cv2.INTER_LINEAR), np.uint8)


def enlarged(found: Image, small: Image, image: Image, planes: Planes, out: Image, strokes: str) -> Image:
    """Enlarge what a network made of a small picture, with the fine lines of the large one.

    Drawings have clean edges, and nothing of the network's own grid, but for hatching, which would be dots; dabs and
    panes, nothing finer than they are.

    Args:
        found: uint8 ``(h, w, 3)`` BGR, what was made of `small`.
        small: The same size.
        image: uint8 ``(H, W, 3)``, of which `small` is.
        planes: Where it works.
        out: What is given, of the size of `image`.
        strokes: As a model's card has them.
    """
    size = image.shape[1], image.shape[0]
    if strokes in ("laid", "hatched"):
        large = (enlarged_levels if strokes == "laid" else enlarged_hatching)(found, size, planes)
        return np.asarray(cv2.convertScaleAbs(large, dst=out), np.uint8)
    details = fine_lines(found, small, image, planes)
    if strokes == "any":
        cv2.resize(found, size, dst=out, interpolation=cv2.INTER_CUBIC)
        return np.asarray(cv2.add(out, details, dst=out, dtype=cv2.CV_8U), np.uint8)
    result = cv2.add(enlarged_levels(found, size, planes), details, dst=details)
    cv2.threshold(result, 0, 0, cv2.THRESH_TOZERO, dst=details)
    return np.asarray(cv2.convertScaleAbs(details, dst=out), np.uint8)


def enlarged_clean(drawn: Image, size: tuple[int, int]) -> Image:
    """Enlarge a drawing to `size` (width, height): edges are as steep as in the small one, without steps or halos.

    Args:
        drawn: uint8 ``(H, W, 3)``.
        size: Of what is given.
    """
    return np.asarray(cv2.convertScaleAbs(enlarged_levels(drawn, size, Planes())), np.uint8)


def enlarged_levels(drawn: NDArray[Level], size: tuple[int, int], planes: Planes) -> NDArray[np.int16]:
    """Do what ``enlarged_clean`` does, for what is to be added too.

    Args:
        drawn: uint8, or int16 for what is to be added, ``(H, W, 3)``.
        size: Of what is given: width and height.
        planes: Where it is written, until the next call with these.
    """
    factor = max(size[0] / drawn.shape[1], size[1] / drawn.shape[0])
    calm, soft = (planes(name, drawn.shape, np.float32) for name in ("calm", "soft"))
    np.copyto(soft, cv2.GaussianBlur(drawn, (3, 3), 0))  # networks leave their own grid, two pixels long
    cv2.GaussianBlur(soft, (3, 3), _SOFT, dst=calm)
    reach = max((2 * round(0.75 * factor) + 1) / factor, 1.0)  # as two means over so many pixels
    cv2.GaussianBlur(calm, (7, 7), reach / 6**0.5, dst=soft)
    steep = planes("steep", drawn.shape, np.int16)
    np.copyto(steep, cv2.addWeighted(calm, 1 + _GAIN, soft, -_GAIN, 0, dst=soft), casting="unsafe")
    shape, window = (size[1], size[0], drawn.shape[2]), np.ones((3, 3), np.uint8)
    large = planes("large", shape, np.int16)  # what is linear is faster in the small picture
    cv2.resize(steep, size, dst=large, interpolation=cv2.INTER_CUBIC)
    for limit, bound in ((cv2.max, cv2.erode), (cv2.min, cv2.dilate)):
        np.copyto(steep, bound(drawn, window))
        limit(
            large, cv2.resize(steep, size, dst=planes("bound", shape, np.int16), interpolation=cv2.INTER_LINEAR), large
        )
    return large


def enlarged_hatching(drawn: Image, size: tuple[int, int], planes: Planes) -> NDArray[np.int16]:
    """Enlarge a drawing with hatching: what ``enlarged_clean`` would make dots of stays strokes.

    Args:
        drawn: uint8 ``(H, W, 3)``.
        size: Of what is given: width and height.
        planes: Where it is written, until the next call with these.
    """
    soft = cv2.GaussianBlur(drawn, (3, 3), _THIN, dst=planes("thin", drawn.shape, np.uint8))
    fine = np.asarray(cv2.subtract(drawn, soft, dtype=cv2.CV_16S), np.int16)
    fine -= np.clip(fine, -_LATTICE, _LATTICE)  # networks leave their own grid
    crisp = planes("crisp", drawn.shape, np.int16)
    cv2.addWeighted(soft, 1, fine, 1 + _CRISP, 0, dst=crisp, dtype=cv2.CV_16S)
    large = planes("large", (size[1], size[0], drawn.shape[2]), np.int16)
    cv2.resize(crisp, size, dst=large, interpolation=cv2.INTER_CUBIC)
    return np.asarray(cv2.threshold(large, 0, 0, cv2.THRESH_TOZERO, dst=large)[1], np.int16)


def with_broad_lines(found: Image, broad: Image, share: NDArray[np.float32]) -> Image:
    """Give a drawing the broader lines of another, but for where `share` (0 to 1) says that there is detail.

    The thin line lies within the broad one, so that there is no double, and the pale rim of the broad one is not seen.
    """
    return mixed_by(found, np.asarray(cv2.min(found, broad), np.uint8), share)


def laid_on(image: Image, seen: Image, drawn: Image) -> Image:
    """Lay what was drawn into a smaller picture on a picture: large dabs and panes, and its own edges and details.

    What the drawing changed is enlarged and added; where detail is finer, up to `_SHOWN` of the picture itself is seen.

    Args:
        image: uint8 ``(H, W, 3)`` BGR.
        seen: The same, smaller.
        drawn: What was made of `seen`, of that size.
    """
    size = image.shape[1], image.shape[0]
    stroke = max(size[0] / seen.shape[1], size[1] / seen.shape[0])
    mean = np.asarray(cv2.blur(seen, _WINDOW), np.uint8)
    changed = cv2.subtract(drawn, _detail(seen, mean), dtype=cv2.CV_16S)
    light = (_relief(drawn, seen) * min((stroke - 1.0) / _RAISED, 1.0)).astype(np.int16)
    layer = enlarged_levels(np.asarray(cv2.add(changed, cv2.merge([light] * 3)), np.int16), size, Planes())
    detail = _detail(image, np.asarray(cv2.resize(mean, size, interpolation=cv2.INTER_LINEAR), np.uint8))
    result = np.asarray(cv2.add(layer, detail, dtype=cv2.CV_8U), np.uint8)
    return mixed_by(image, result, fine_structure(image, stroke) * np.float32(_SHOWN * min(stroke - 1.0, 1.0)))


def _detail(image: Image, mean: NDArray[np.uint8]) -> NDArray[np.int16]:
    """What a picture has beside its local `mean`, less what is as small as noise."""
    apart = np.asarray(cv2.subtract(image, mean, dtype=cv2.CV_16S), np.int16)
    return np.asarray(cv2.subtract(apart, _within(apart, _DETAIL)), np.int16)


def _relief(drawn: Image, seen: Image) -> NDArray[np.int16]:
    """How much lighter than around it a drawing makes each place of what was `seen`, as thick paint is lit."""
    grey, before = (cv2.cvtColor(one, cv2.COLOR_BGR2GRAY) for one in (drawn, seen))
    light = cv2.GaussianBlur(cv2.subtract(grey, before, dtype=cv2.CV_16S), (3, 3), 0)  # without the network's own grid
    return _within(np.asarray(cv2.subtract(light, cv2.blur(light, _WINDOW)), np.int16), _RELIEF)


def _within(values: NDArray[np.int16], most: int) -> NDArray[np.int16]:
    return np.asarray(np.clip(values, -most, most), np.int16)


def mixed_by(fine: Image, coarse: Image, share: NDArray[np.float32]) -> Image:
    """Return `fine` where `share` is 1, `coarse` where it is 0, and a mixture between; all ``(H, W)`` large."""
    return np.asarray(cv2.blendLinear(fine, coarse, share, 1 - share), np.uint8)
