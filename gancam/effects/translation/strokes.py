"""Large strokes: a picture that was drawn small is enlarged with clean edges, or with the fine lines of the frame.

Those are brought in by a fast guided filter (https://arxiv.org/abs/1505.00996).
"""

import cv2
import numpy as np
from numpy.typing import NDArray

from gancam.effects.translation.glyphs import groups
from gancam.frame import Image
from gancam.vision.blend import composite
from gancam.vision.fit import halved, shrunk, within
from gancam.vision.planes import Planes, ramp

LAID = "laid", "panes"  # what a model's card says of dabs and of panes, which are laid on all of a picture
_UNIT = 2048  # of a slope, of at most 128 / (2 * 40 ** 0.5)
_RADIUS, _FLAT = 4, 40.0  # of the guided filter: its window, and the variance under which there is no edge
_TWICE = 2.5  # times as large as what was drawn, from which on it is enlarged in steps
_BRUSH = 5  # pixels of a window whose median a dab shows
# of fur, gravel and snow: times smaller is what is left of those; levels of what is fine, at most, and on average from
# which on there is some, and in full; levels that what is left may vary by, in full, and from which on it has shapes
_COARSE, _FINE, _ROUGH, _SHAPES = 4.0, 12.0, (5.0, 7.5), (11.0, 18.0)
_EVENED = 0.7  # how far a place becomes that then
_LINE, _STRONG = 9, 60  # of pen lines: pixels that they are narrower than, levels by which they stand out at least
_AROUND, _PAPER, _PLAIN = 25, 10, 0.865  # pixels around one, levels of what is plain there, and its share at least
_WHOLE = 0.3  # share of what hangs together that is so, from which on all of it is kept
_RIM = 3  # pixels of a border that is no line
_DARK = 100.0  # mean level under which lines are light
_SEEN, _BUSY, _WIDE = 160, 60.0, 9  # detail: on how many pixels, from which slope on it is full, its neighbourhood
_SOFT, _GAIN = 0.35, 3.0  # of an enlarged edge: how far its steps are smoothed, and how steep it is made again

# of hatching: how far it is smoothed, how steep it is made again, and grey levels of what that takes away that are none
_THIN, _CRISP, _LATTICE = 0.85, 2.0, 9


def fine_lines(found: Image, small: Image, image: Image, planes: Planes) -> NDArray[np.int16]:
    """Give what `found`, enlarged to the size of `image`, lacks of the fine lines of that.

    Around each pixel the output's luma is taken for a linear function of the frame's; its slope, which is smooth, says
    how much of what `small` lacks of `image` is lacking.

    Args:
        found: uint8 ``(h, w, 3)`` BGR, what was made of `small`.
        small: The same size: `image`, shrunk.
        image: uint8 ``(H, W, 3)`` BGR.
        planes: Where it works.

    Returns:
        ``(H, W, 3)``, to be added.
    """
    size, shape = (image.shape[1], image.shape[0]), image.shape[:2]
    slope = planes("slope", shape, np.int16)
    cv2.resize(_slope(small, found, planes), size, dst=slope, interpolation=cv2.INTER_LINEAR)
    grey, coarse = planes("grey", shape, np.uint8), planes("coarse", shape, np.uint8)
    cv2.cvtColor(image, cv2.COLOR_BGR2GRAY, dst=grey)
    cv2.resize(cv2.cvtColor(small, cv2.COLOR_BGR2GRAY), size, dst=coarse, interpolation=cv2.INTER_LINEAR)
    detail = cv2.subtract(grey, coarse, dst=planes("detail", shape, np.int16), dtype=cv2.CV_16S)
    cv2.multiply(detail, slope, dst=detail, scale=1 / _UNIT)
    return np.asarray(cv2.merge([detail] * 3, dst=planes("details", image.shape, np.int16)), np.int16)


def _slope(small: Image, found: Image, planes: Planes) -> NDArray[np.int16]:
    """How much the luma of `found` grows with that of `small`, smoothly, in shares of `_UNIT`."""
    shape, window = small.shape[:2], (2 * _RADIUS + 1,) * 2
    guide, target = (planes(name, shape, np.uint8) for name in ("guide", "target"))
    mean, aim, both, varies = (planes(name, shape, np.float32) for name in ("mean", "aim", "both", "varies"))
    for image, grey, middle in ((small, guide, mean), (found, target, aim)):
        cv2.boxFilter(cv2.cvtColor(image, cv2.COLOR_BGR2GRAY, dst=grey), cv2.CV_32F, window, dst=middle)
    product = cv2.multiply(guide, target, dst=planes("product", shape, np.uint16), dtype=cv2.CV_16U)
    cv2.boxFilter(product, cv2.CV_32F, window, dst=both)
    cv2.sqrBoxFilter(guide, cv2.CV_32F, window, dst=varies)
    both -= np.multiply(mean, aim, out=aim)
    varies -= np.multiply(mean, mean, out=mean)
    varies += np.float32(_FLAT)
    both *= np.float32(_UNIT)
    slope = planes("small slope", shape, np.int16)
    np.copyto(slope, np.divide(both, varies, out=both), casting="unsafe")
    return np.asarray(cv2.blur(slope, window, dst=planes("smooth slope", shape, np.int16)), np.int16)


def broad(image: Image, *, panes: bool = False) -> Image:
    """Leave out what is finer than a brush: weave, grass and single hairs become spots, and edges stay where they are.

    Lines of a pen on plain ground stay, as broad as can be painted: a drawing is nothing but lines.

    Args:
        image: uint8 ``(H, W, 3)``, in the size in which it is drawn.
        panes: Whether it is to be of glass, in which the spots that are left of fur and gravel would be black holes.
    """
    made = image
    for _ in range(2):
        made = np.asarray(cv2.medianBlur(made, _BRUSH), np.uint8)
    if panes:
        made = _without_grain(made, image)
    grey, near = np.asarray(cv2.cvtColor(image, cv2.COLOR_BGR2GRAY), np.uint8), np.ones((3, 3), np.uint8)
    dark = cv2.mean(grey)[0] < _DARK
    lines = _lines(grey, cv2.MORPH_OPEN if dark else cv2.MORPH_CLOSE)
    if lines is not None:
        thicker = (cv2.dilate if dark else cv2.erode)(image, near)
        cv2.copyTo(thicker, cv2.dilate(lines, near), made)
    return made


def _without_grain(made: Image, image: Image) -> Image:
    """Give `made` with the mean of `image` where that is rough and has no other shape, as fur, gravel and snow.

    A median leaves spots of those, which would be black holes between panes.
    """
    size = shrunk((image.shape[1], image.shape[0]), _COARSE)
    grey = np.asarray(cv2.cvtColor(image, cv2.COLOR_BGR2GRAY), np.uint8)
    fine = cv2.min(cv2.absdiff(grey, cv2.blur(grey, (5, 5))), _FINE)  # type: ignore[call-overload]
    few = halved(image, size)
    left = cv2.blur(few, (3, 3))
    level = cv2.cvtColor(left, cv2.COLOR_BGR2GRAY).astype(np.float32)
    mean = cv2.blur(level, (7, 7))
    varies = cv2.blur(level * level, (7, 7)) - mean * mean
    rough = cv2.blur(cv2.resize(fine, size, interpolation=cv2.INTER_AREA).astype(np.float32), (5, 5))
    share = ramp(rough, *_ROUGH) * (1 - ramp(np.sqrt(np.maximum(varies, 0)), *_SHAPES))
    alpha = cv2.convertScaleAbs(cv2.blur(share, (3, 3)), alpha=255 * _EVENED)
    if not cv2.countNonZero(alpha):
        return made
    full = image.shape[1], image.shape[0]
    large = [np.asarray(cv2.resize(one, full), np.uint8) for one in (left, alpha)]
    return composite(made, large[0], "normal", large[1])


def _lines(grey: NDArray[np.uint8], fill: int) -> NDArray[np.uint8] | None:
    """Mark lines that stand out from plain ground, which `fill` makes of them: by their top-hat; None: there are none.

    In a texture, what is next to a dark place is not all as light as the lightest there.
    """
    ground = cv2.morphologyEx(grey, fill, np.ones((_LINE, _LINE), np.uint8))
    apart = cv2.absdiff(ground, grey)
    lines = cv2.threshold(apart, _STRONG, 255, cv2.THRESH_BINARY)[1]
    if not cv2.countNonZero(lines):
        return None
    side = (_AROUND // 2,) * 2  # of every second pixel
    off = cv2.absdiff(cv2.blur(ground[::2, ::2], side), grey[::2, ::2])
    plain = cv2.blur(cv2.threshold(off, _PAPER, 255, cv2.THRESH_BINARY_INV)[1], side)
    plain = cv2.erode(
        cv2.threshold(plain, 255 * _PLAIN, 255, cv2.THRESH_BINARY)[1], np.ones(side, np.uint8)
    )  # the end of a weave, too
    clear = cv2.bitwise_and(lines, cv2.resize(plain, grey.shape[::-1], interpolation=cv2.INTER_NEAREST))
    if not cv2.countNonZero(clear):
        return None
    count, labels, boxes, _ = groups(np.asarray(lines, np.uint8))
    share = np.bincount(labels[clear > 0], minlength=count) / boxes[:, cv2.CC_STAT_AREA]
    share[0] = 0.0
    left, top, wide, tall = boxes[:, :4].T
    share[np.maximum(wide, tall) < _LINE] = 0.0  # stars and flakes of snow, which would be black dots
    height, width = grey.shape
    share[(tall <= _RIM) & ((top == 0) | (top + tall == height))] = 0.0  # a border that cameras and scans leave dark
    share[(wide <= _RIM) & ((left == 0) | (left + wide == width))] = 0.0
    return (share >= _WHOLE)[labels].view(np.uint8)


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


def enlarged(
    found: Image, small: Image, image: Image, planes: Planes, out: Image, strokes: str, *, fine: bool = True
) -> Image:
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
        fine: Whether drawings have the fine lines, which broad strokes have not.
    """
    size = image.shape[1], image.shape[0]
    while not fine and strokes != "any" and max(size) > _TWICE * max(found.shape):  # edges stay steep in steps of two
        found = enlarged_clean(found, (2 * found.shape[1], 2 * found.shape[0]))
    if not fine and strokes == "lines":
        strokes = "laid"
    if strokes == "hatched" or strokes in LAID:
        large = (enlarged_hatching if strokes == "hatched" else enlarged_levels)(found, size, planes)
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


def enlarged_levels(drawn: Image, size: tuple[int, int], planes: Planes) -> NDArray[np.int16]:
    """Do what ``enlarged_clean`` does, for what is to be added to.

    Args:
        drawn: uint8 ``(H, W, 3)``.
        size: Of what is given: width and height.
        planes: Where it is written, until the next call with these.
    """
    calm, soft = (planes(name, drawn.shape, np.float32) for name in ("calm", "soft"))
    np.copyto(soft, cv2.GaussianBlur(drawn, (3, 3), 0))  # networks leave their own grid, two pixels long
    cv2.GaussianBlur(soft, (3, 3), _SOFT, dst=calm)
    return _steep(calm, drawn, _GAIN, size, planes)


def _steep(
    calm: NDArray[np.float32], drawn: Image, gain: float, size: tuple[int, int], planes: Planes
) -> NDArray[np.int16]:
    """Enlarge `calm`, what `drawn` is without a network's grid: edges are steeper by `gain`, and nothing is beyond."""
    factor = max(size[0] / drawn.shape[1], size[1] / drawn.shape[0])
    soft = planes("soft", drawn.shape, np.float32)
    reach = max((2 * round(0.75 * factor) + 1) / factor, 1.0)  # as two means over so many pixels
    cv2.GaussianBlur(calm, (7, 7), reach / 6**0.5, dst=soft)
    steep = planes("steep", drawn.shape, np.int16)
    np.copyto(steep, cv2.addWeighted(calm, 1 + gain, soft, -gain, 0, dst=soft), casting="unsafe")
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
    calm = cv2.add(soft, fine, dst=planes("calm", drawn.shape, np.float32), dtype=cv2.CV_32F)
    return _steep(np.asarray(calm, np.float32), drawn, _CRISP, size, planes)
