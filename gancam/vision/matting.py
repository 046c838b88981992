"""How much of each pixel of a frame is somebody, from what a network said of a small picture of it.

What soft edges show of what is behind them (spill) is taken away before something else is put there.
"""

import cv2
import numpy as np
from numpy.typing import NDArray

from gancam.frame import Image
from gancam.vision.fit import shrunk
from gancam.vision.planes import Planes

_SOFT = 0.8  # pixels of the small picture by which the network's own edges may be wrong
_STEEP = 2.0  # how quickly the network's word goes from one side to the other there
_MARGIN = 0.03  # a probability that is as near to 0 or 1 is no edge
_AROUND = 7  # pixels, each of two of the small picture, across which the colours of both sides are gathered
_PURE = 0.6  # from which probability on a pixel's colour is of that side, the more the surer
_GRAIN = 20.0  # the variance of a colour that a camera's noise makes
_CLEAR = 2.0  # how far apart the colours of both sides are, in deviations, squared and halved, for them to decide alone
_ENOUGH = 0.05  # of the pixels around, which must be of each side
_ROW = 1024  # places that are looked up in a row
_SUM = np.ones((1, 3), np.float32)

Plane = NDArray[np.float32]
_SMALL = 120  # pixels of the shorter side at which colours are averaged
_REACH = 1 / 30  # of the shorter side: how wide such an average is
_RIM = 1 / 480  # of the shorter side: how far in from an edge a camera's lens and codec smear what is behind


def matte(found: Plane, small: Image, image: Image, planes: Planes | None = None) -> NDArray[np.uint8]:
    """Lay what a network found along the edges of the frame itself.

    Along its edge, the frame's colours decide how much of a pixel is on which side: where it lies between the means of
    the colours of both sides around it, each colour weighed by how well it tells them apart (linear discriminant
    analysis, of colours taken as independent). Where they are alike, what the network said decides, of which little is
    half transparent. Only pixels near an edge are computed, at the size of the frame.

    Args:
        found: how surely each pixel of `small` is somebody, 0 to 1, ``(h, w)``.
        small: what the network was shown, uint8 ``(h, w, 3)`` BGR.
        image: the frame that this was made of, uint8 ``(H, W, 3)`` BGR.
        planes: where it works; None: in new arrays.

    Returns:
        uint8 ``(H, W)``: 0 nobody, 255 all somebody.
    """
    size = image.shape[1], image.shape[0]
    soft = np.asarray(cv2.GaussianBlur(found, (0, 0), _SOFT, borderType=cv2.BORDER_REPLICATE), np.float32)
    says = np.clip(_STEEP * (soft - np.float32(0.5)) + np.float32(0.5), 0, 1, dtype=np.float32)
    opacity = np.asarray(cv2.resize(cv2.convertScaleAbs(says, alpha=255), size, interpolation=cv2.INTER_LINEAR))
    edge = np.asarray(cv2.inRange(soft, _MARGIN, 1 - _MARGIN) > 0, np.uint8)  # 0 or 1: looked up as truths, it is quick
    places = np.flatnonzero(cv2.resize(edge, size, interpolation=cv2.INTER_NEAREST).view(np.bool_))
    if not places.size:
        return np.asarray(opacity, np.uint8)
    y, x = np.divmod(places.astype(np.int32), np.int32(size[0]))
    at = np.empty((len(places), 2), np.float32)  # in the small picture
    for axis, where in enumerate((x, y)):
        np.multiply(where, np.float32(found.shape[1 - axis] / size[axis]), out=at[:, axis])
    at += np.float32(0.5) * (np.float32(found.shape[1] / size[0]) - 1)
    calm = cv2.blur(
        image, (3, 3), dst=(planes or Planes())("calm", image.shape, np.uint8)
    )  # else a camera's noise shows
    colours = calm.reshape(-1, 3)[places]
    weights = _sampled(_weights(soft, small), np.asarray(at / 2 - 0.25, np.float32))
    share = (
        weights[:, 3] + weights[:, 0] * colours[:, 0] + weights[:, 1] * colours[:, 1] + weights[:, 2] * colours[:, 2]
    )
    share = np.clip(share, -0.5, 0.5, out=share) + _STEEP * (_sampled(soft, at)[:, 0] - np.float32(0.5))
    opacity.reshape(-1)[places] = cv2.convertScaleAbs(np.maximum(share + np.float32(0.5), 0), alpha=255).reshape(-1)
    return np.asarray(opacity, np.uint8)


def _sampled(planes: Plane, places: Plane) -> Plane:
    """Values of `planes` ``(h, w)`` or ``(h, w, n)`` at `places` ``(m, 2)``, x and y: ``(m, n)``."""
    rows = -(-len(places) // _ROW)  # OpenCV gives no picture of a side of 32768
    maps = np.zeros((rows, _ROW, 2), np.float32)
    maps.reshape(-1, 2)[: len(places)] = places
    across, down = cv2.split(maps)
    found = cv2.remap(planes, across, down, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    return np.asarray(found.reshape(rows * _ROW, -1)[: len(places)], np.float32)


def _weights(soft: Plane, small: Image) -> Plane:
    """Of the colours around each pixel, how B, G, R and 1 add up to where one lies between both sides, -0.5 to 0.5.

    It is of half the size, and 0 where only one side is near or their colours are alike.
    """
    half = (soft.shape[1] + 1) // 2, (soft.shape[0] + 1) // 2
    less = cv2.resize(small, half, interpolation=cv2.INTER_AREA)
    colours = cv2.cvtColor(less, cv2.COLOR_BGR2YCrCb).astype(np.float32)  # which are more independent than B, G and R
    share = np.asarray(cv2.resize(soft, half, interpolation=cv2.INTER_AREA), np.float32)
    window = (_AROUND, _AROUND)
    gain = np.float32(1 / (1 - _PURE))
    sides = [np.maximum(gain * (one - np.float32(_PURE)), 0, dtype=np.float32) for one in (share, 1 - share)]
    many = [np.maximum(cv2.blur(side, window), np.float32(1e-4)) for side in sides]
    means = [
        np.asarray(cv2.blur(colours * side[..., None], window) / number[..., None], np.float32)
        for side, number in zip(sides, many, strict=True)
    ]
    spread = cv2.blur(colours * colours * (sides[0] + sides[1])[..., None], window)
    for mean, number in zip(means, many, strict=True):
        spread -= mean * mean * number[..., None]
    spread /= (many[0] + many[1])[..., None]
    apart = means[0] - means[1]
    weights = apart / (np.maximum(spread, 0) + np.float32(_GRAIN))
    tells = cv2.transform(weights * apart, _SUM) / 2
    known = np.minimum(np.minimum(*many) / np.float32(_ENOUGH), 1)
    weights *= (known / np.maximum(tells, np.float32(_CLEAR)) / 2)[..., None]
    middle = cv2.transform(weights * (means[0] + means[1]), _SUM) / -2
    luma, red, blue = cv2.split(weights)  # of Y'CrCb, from B, G and R
    middle += 128 * (red + blue)
    made = [
        0.114 * luma - 0.081 * red + 0.5 * blue,
        0.587 * luma - 0.419 * red - 0.331 * blue,
        0.299 * luma + 0.5 * red - 0.169 * blue,
    ]
    return np.asarray(cv2.merge([*made, middle]), np.float32)


def own_colours(image: Image, opacity: NDArray[np.uint8], planes: Planes | None = None) -> Image:
    """Give what is cut out of an image its own colours: its edges show some of what was behind it.

    Blur fusion (Forte 2021, https://arxiv.org/abs/2006.14970), one step of it: means of the colours on either side
    stand for both, and what the image has beside their mixture is what is cut out has.

    Args:
        image: uint8 ``(H, W, 3)`` BGR.
        opacity: How much of each pixel is what is cut out, uint8 ``(H, W)``.
        planes: Where it works, and what it returns lies; None: in new arrays.

    Returns:
        uint8 ``(H, W, 3)`` BGR; where all of a pixel and of those around it is cut out, it is `image` to the byte.
    """
    size = height, width = opacity.shape
    opacity = np.asarray(cv2.min(opacity, cv2.GaussianBlur(opacity, (0, 0), max(_RIM * min(height, width), 0.5))))
    shrink = max(min(height, width) / _SMALL, 1.0)
    little = shrunk((width, height), shrink)
    small = np.asarray(cv2.resize(image, little, interpolation=cv2.INTER_AREA), np.float32)
    share = cv2.merge([cv2.resize(opacity, little, interpolation=cv2.INTER_AREA)] * 3).astype(np.float32) / np.float32(
        255
    )
    shape, planes = image.shape, planes or Planes()
    front, behind = (
        cv2.resize(_mean(small, weight), size[::-1], dst=planes(name, shape, np.uint8), interpolation=cv2.INTER_LINEAR)
        for name, weight in (("front", share), ("behind", 1 - share))
    )
    weight = cv2.merge([opacity] * 3, dst=planes("weight", shape, np.uint8))
    apart, wide = planes("apart", shape, np.int16), planes("wide", shape, np.int16)
    np.copyto(wide, weight)
    mixed = cv2.multiply(front, weight, dst=planes("mixed", shape, np.uint8), scale=1 / 255)
    cv2.multiply(behind, cv2.bitwise_not(weight, dst=weight), dst=behind, scale=1 / 255)
    cv2.subtract(image, cv2.add(mixed, behind, dst=mixed), dst=apart, dtype=cv2.CV_16S)
    cv2.multiply(apart, wide, dst=apart, scale=1 / 255)
    return np.asarray(cv2.add(apart, front, dst=front, dtype=cv2.CV_8U), np.uint8)


def _mean(image: NDArray[np.float32], share: NDArray[np.float32]) -> Image:
    """The mean around each pixel of those that have a share of all or nearly."""
    side = 2 * round(_REACH * min(image.shape[:2])) + 1
    weight = share * share
    weight *= weight
    found = cv2.blur(cv2.multiply(image, weight), (side, side))
    return np.asarray(
        cv2.convertScaleAbs(found / np.maximum(cv2.blur(weight, (side, side)), np.float32(1e-6))), np.uint8
    )
