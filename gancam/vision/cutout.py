"""What stands before a picture's plain ground, cut out along its edge.

The ground's colour is known, from the corners; that of what stands before it is taken from just inside its edge. So a
pixel of the edge says by itself how much of it is covered, and loses its share of the ground (the compositing equation,
with both colours known: https://dl.acm.org/doi/10.1145/237170.237263).
"""

from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from gancam.frame import Image
from gancam.vision.blend import Alpha
from gancam.vision.fit import scaled
from gancam.vision.planes import brightest

MARGIN = 0.08  # of the side, left free on each side of what is cut out: its shadow falls there
_CORNER = 1 / 16  # of the side: what the ground is read from
_AGREE = 24  # grey levels that corners may differ and be one ground
_GROUND = 40  # grey levels from the ground's colour at which something is surely not it
_DARK = 64  # grey levels up to which a ground is dark, so that nothing that shines looks like it
_STEM = 0.1  # of a side: what meets the picture's edge along more of it was cut off there
_NEAR = 0.6  # of how long that is: up to there it is made round, and is as it was from twice that on
_ROUND = 0.9  # of the radius of the largest disc in what was cut off: its corners are as round as that
_FADE = 0.07  # of a side, along the picture's edge, over which the shadow ends: it would end in a straight line
_STEPS = (0.03, 0.045, 0.03)  # to the right, down, and how blurred the shadow is, as shares of the side


class Cutout(NamedTuple):
    """A picture's foreground at the size wanted."""

    image: Image  # its colours, free of the ground's
    alpha: Alpha
    shadow: Alpha  # where its shadow falls, 255 where that is deepest


def ground(picture: Image) -> tuple[int, int, int] | None:
    """Return the colour of the plain ground that three corners of a picture show, BGR; None where they differ."""
    side = max(round(min(picture.shape[:2]) * _CORNER), 1)
    corners = np.array(
        [np.median(picture[rows, columns], axis=(0, 1)) for rows in _ends(side) for columns in _ends(side)]
    )
    middle = np.median(corners, axis=0)
    if np.count_nonzero(np.abs(corners - middle).max(axis=1) <= _AGREE / 2) < 3:
        return None
    blue, green, red = middle.round().astype(int).tolist()
    return blue, green, red


def cut_out(picture: Image, colour: tuple[int, int, int], size: tuple[int, int]) -> Cutout:
    """Cut out what stands before the ground of that `colour`, which reaches in from the picture's edge.

    Of ground that it encloses, only dark one is cut out: in bright one, what stands there may shine.

    Args:
        picture: uint8 ``(h, w, 3)`` BGR.
        colour: of the ground, BGR.
        size: ``(width, height)`` of the result, in which `MARGIN` stays free on all sides.
    """
    inner = scaled(size, 1 - 2 * MARGIN)
    away = np.asarray(brightest(cv2.absdiff(picture, np.full_like(picture, colour))), np.uint8)  # from the ground
    inside = _inside(away, dark=max(colour) <= _DARK)
    core = _core(away, inside)
    image = _carried_out(picture, core)
    share = _rounded(_share(picture, image, colour, inside, core))
    how = cv2.INTER_AREA if min(inner) < min(picture.shape[:2]) else cv2.INTER_CUBIC
    gain = float(
        np.clip(min(inner) / min(picture.shape[:2]) / 2, 1.0, 3.0)
    )  # else a small picture's edge would be soft
    alpha = np.clip((cv2.resize(share, inner, interpolation=how) - 0.5) * gain + 0.5, 0, 1)
    left, top = ((whole - part) // 2 for whole, part in zip(size, inner, strict=True))
    edges = top, size[1] - inner[1] - top, left, size[0] - inner[0] - left
    whole = cv2.copyMakeBorder(np.round(alpha * 255).astype(np.uint8), *edges, cv2.BORDER_CONSTANT, value=0)
    large = cv2.copyMakeBorder(cv2.resize(image, inner, interpolation=how), *edges, cv2.BORDER_REPLICATE)
    return Cutout(np.asarray(large, np.uint8), np.asarray(whole, np.uint8), _shadow(np.asarray(whole, np.uint8)))


def give_grey_rim(image: Image, alpha: Alpha) -> None:
    """Give a picture's outermost pixels, in place, the brightness of what is cut out of it, in grey.

    Blended by ``clone``, those become the frame's and all else follows: in brightness, while it keeps its own colours.

    Args:
        image: uint8 ``(h, w, 3)`` BGR.
        alpha: uint8 ``(h, w)``, not 0 where the cut-out is.
    """
    blue, green, red = cv2.mean(image, alpha)[:3]
    luma = round(0.114 * blue + 0.587 * green + 0.299 * red)
    cv2.rectangle(image, (0, 0), (image.shape[1] - 1, image.shape[0] - 1), (luma,) * 3)


def _ends(side: int) -> tuple[slice, slice]:
    return slice(None, side), slice(-side, None)


def _inside(away: NDArray[np.uint8], *, dark: bool) -> NDArray[np.uint8]:
    """1 where the ground is not, else 0; `away`: by how many grey levels each pixel's most different channel is."""
    open_ground = np.asarray(away <= _GROUND, np.uint8)
    if dark:
        return 1 - open_ground
    _, labels = cv2.connectedComponents(np.pad(open_ground, 1, constant_values=1), connectivity=4)
    return np.asarray(labels[1:-1, 1:-1] != labels[0, 0], np.uint8)


def _core(away: NDArray[np.uint8], inside: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """1 where a pixel's colour is surely the foreground's own, else 0.

    That is so some pixels from the edge; in what is too thin to have such, where it differs most from the ground.
    """
    reach = 2 * max(round(min(inside.shape) / 28), 1) + 1
    deep = cv2.erode(inside, np.ones((reach, reach), np.uint8), borderType=cv2.BORDER_CONSTANT, borderValue=0)
    away = away * inside
    most = cv2.dilate(away, np.ones((2 * reach + 1, 2 * reach + 1), np.uint8))
    near = cv2.dilate(deep, np.ones((2 * reach + 1, 2 * reach + 1), np.uint8))
    thin = (near == 0) & (away >= np.maximum(most * 0.9, 1))
    return np.asarray((deep > 0) | thin, np.uint8)


def _carried_out(picture: Image, core: NDArray[np.uint8]) -> Image:
    """The picture, with the colours of `core` carried outwards over all else."""
    if not core.any():
        return picture
    weight = core.astype(np.float32)
    whole = cv2.multiply(picture, cv2.merge([core] * 3)).astype(np.float32)
    result = np.full_like(whole, np.array(cv2.sumElems(whole)[:3]) / weight.sum())
    for reach in (25, 7):  # the nearer the better
        share = cv2.blur(weight, (reach, reach), borderType=cv2.BORDER_CONSTANT)
        mean = np.asarray(cv2.blur(whole, (reach, reach), borderType=cv2.BORDER_CONSTANT), np.float32)
        mean /= np.maximum(share, 1e-6)[..., None]
        cv2.copyTo(mean, np.asarray(share > 1e-4, np.uint8), result)
    own = cv2.blur(weight, (3, 3)) * weight
    mixed = cv2.blendLinear(picture.astype(np.float32), result, own, 1 - own)
    return np.asarray(cv2.convertScaleAbs(mixed), np.uint8)


def _share(
    picture: Image, image: Image, colour: tuple[int, int, int], inside: NDArray[np.uint8], core: NDArray[np.uint8]
) -> NDArray[np.float32]:
    """How much of each pixel is covered, 0..1: where it lies between the ground's colour and the foreground's."""
    away, found = (one.astype(np.float32) - np.array(colour, np.float32) for one in (image, picture))
    along = np.einsum("ijk,ijk->ij", found, away) / np.maximum(np.einsum("ijk,ijk->ij", away, away), 1.0)
    band = np.asarray(cv2.dilate(inside, np.ones((3, 3), np.uint8)), np.uint8)
    share = np.where(core > 0, 1.0, np.clip(along, 0.0, 1.0) * band).astype(np.float32)
    soft = cv2.GaussianBlur(share, (0, 0), 0.8, borderType=cv2.BORDER_REPLICATE)
    return np.maximum(soft, core).astype(np.float32)  # what is thin would be thinned out


def _rounded(share: NDArray[np.float32]) -> NDArray[np.float32]:
    """`share` with round corners where the picture's edge cut something off in a straight line.

    That is an opening by a disc, near there alone: it would take stems and leaves away.
    """
    solid = np.asarray(share > 0.5, np.uint8)
    cut = np.zeros_like(solid)
    for line, marked in zip(_edges(solid), _edges(cut), strict=True):
        long = np.ones((1, max(round(_STEM * line.size), 2)), np.uint8)
        marked |= cv2.morphologyEx(line[None], cv2.MORPH_OPEN, long)[0]
    if not cut.any():
        return share
    deep = cv2.distanceTransform(np.pad(solid, 1), cv2.DIST_L2, cv2.DIST_MASK_PRECISE)[1:-1, 1:-1]
    radius = _ROUND * float(deep.max())
    away = cv2.distanceTransform(np.asarray(deep < radius, np.uint8), cv2.DIST_L2, cv2.DIST_MASK_PRECISE)
    far = cv2.distanceTransform(1 - cut, cv2.DIST_L2, 3)
    lost = np.maximum(share - np.clip(radius - away, 0, 1), 0)
    longest = max(int(np.count_nonzero(line)) for line in _edges(cut))
    near = np.clip(2 - far / (_NEAR * longest), 0, 1)
    return np.asarray(share - near * lost, np.float32)


def _edges(picture: NDArray[np.uint8]) -> tuple[NDArray[np.uint8], ...]:
    return picture[0], picture[-1], picture[:, 0], picture[:, -1]


def _shadow(alpha: Alpha) -> Alpha:
    """A soft shadow of `alpha`, to the lower right; computed small, since it has no detail."""
    height, width = alpha.shape
    side = min(height, width)
    small = max(side // 64, 1)
    less = cv2.resize(alpha, (max(width // small, 1), max(height // small, 1)), interpolation=cv2.INTER_AREA)
    right, down, blur = (step * side / small for step in _STEPS)
    moved = cv2.warpAffine(less, np.array([[1, 0, right], [0, 1, down]], np.float32), (less.shape[1], less.shape[0]))
    soft = cv2.GaussianBlur(moved, (0, 0), max(blur, 0.3), borderType=cv2.BORDER_CONSTANT)
    down_to, across_to = (_ends_softly(length, _FADE * side / small) for length in soft.shape)
    fading = np.asarray(cv2.multiply(soft, down_to[:, None] * across_to, dtype=cv2.CV_8U), np.uint8)
    return np.asarray(cv2.resize(fading, (width, height), interpolation=cv2.INTER_LINEAR), np.uint8)


def _ends_softly(length: int, reach: float) -> NDArray[np.float32]:
    """0 at both ends of a line of pixels, to 1 from `reach` on."""
    place = np.arange(length, dtype=np.float32)
    share = np.minimum(np.minimum(place, place[::-1]) / max(reach, 1.0), 1)
    return np.asarray(share * share * (3 - 2 * share), np.float32)
