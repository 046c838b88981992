"""Luma and what a picture has beside it: taken apart, put together so that luma stays, made to agree, taken back."""

import cv2
import numpy as np
from cv2.typing import MatLike
from numpy.typing import NDArray

from gancam.frame import Image
from gancam.vision.fit import within
from gancam.vision.planes import Planes, brightest, darkest

_SHRUNK = 4  # times smaller than the picture, where luma and chroma are compared in 3x3
_FLAT = 20.0  # squared grey levels by which luma varies there where it tells little of chroma
_STRAYED = 12.0  # levels by which chroma may be off; by much more it is the picture's own
_FEWEST = 8  # pixels a side that are compared
_WASH, _HATCHES, _LETTER = 320, 9, 5  # pixels of the longer side of a wash, and of that of hatching and of lines
_TINTS = 60.0, 120.0  # levels between channels from which on a line has a colour, and in full: links, thin stripes
_LIGHTER = 3.0  # times that a wash is, at most
_OF_CR, _OF_CB = (1.402, -0.714), (1.772, -0.344)  # what red and green, blue and green change by (ITU-T T.871, 7)
_AROUND = np.ones((3, 3), np.uint8)


def chroma_of(image: Image) -> NDArray[np.int16]:
    """What each pixel has beside its luma, ``(H, W, 3)``."""
    grey = cv2.cvtColor(image, cv2.COLOR_BGR2GRAY)
    return np.asarray(cv2.subtract(image, cv2.merge([grey] * 3), dtype=cv2.CV_16S), np.int16)


def coloured(grey: NDArray[np.uint8], chroma: NDArray[np.int16]) -> Image:
    """The picture with that luma and those colours; where both cannot be had, less colour."""
    full = cv2.merge([grey] * 3)
    result = np.asarray(cv2.add(full, chroma, dtype=cv2.CV_8U), np.uint8)
    lost = cv2.absdiff(cv2.cvtColor(result, cv2.COLOR_BGR2GRAY), grey)
    places = np.flatnonzero(lost > 1)
    if len(places):
        here = chroma.reshape(-1, 3)[places].astype(np.float32)
        light = grey.reshape(-1)[places].astype(np.float32)[:, None]
        here -= here @ np.array([[0.114], [0.587], [0.299]], np.float32)  # enlarged ones may have gained some luma
        room = np.where(here > 0, 255.0 - light, light) / np.maximum(np.abs(here), 1e-3)
        fitting = light + here * np.minimum(room.min(1, keepdims=True), 1.0)
        result.reshape(-1, 3)[places] = np.round(fitting).astype(np.uint8)
    return result


def washed(drawn: Image, image: Image) -> Image:
    """Lay the colours of `image` under a drawing in ink: where there is but paper they are as dark as they are.

    What luma leaves no room for, colours of skin on white, would be paper else. Under hatching they are lighter, so
    that both together are as dark as `image`, and strokes stay black.

    Args:
        drawn: uint8 ``(H, W, 3)`` BGR, what was made of `image`.
        image: The same size.
    """
    height, width = image.shape[:2]
    size = within((width, height), _WASH)
    own, ink = (cv2.resize(one, size, interpolation=cv2.INTER_AREA) for one in (image, drawn))
    closed = cv2.morphologyEx(own, cv2.MORPH_CLOSE, np.ones((_LETTER, _LETTER), np.uint8))
    own = _tinted(own, closed)  # lines are in ink already
    window = (_HATCHES, _HATCHES)
    most = cv2.dilate(cv2.blur(cv2.cvtColor(ink, cv2.COLOR_BGR2GRAY), window), np.ones(window, np.uint8))
    for channel in cv2.split(own):
        most = cv2.max(most, channel)
    light = np.minimum(np.float32(255) / np.maximum(most, np.float32(1)), np.float32(_LIGHTER))
    wash = cv2.blur(cv2.multiply(own, cv2.merge([light] * 3), dtype=cv2.CV_8U), (3, 3))
    return np.asarray(cv2.multiply(drawn, cv2.resize(wash, (width, height)), scale=1 / 255), np.uint8)


def _tinted(own: MatLike, closed: MatLike) -> MatLike:
    """`closed`, which has no dark lines, with what had strong colours in them, as bright as what is around."""
    most, around = (brightest(one) for one in (own, closed))
    apart = most.astype(np.float32) - darkest(own)
    share = np.clip((apart - _TINTS[0]) / (_TINTS[1] - _TINTS[0]), 0, 1)[..., None]
    bright = own * (around / np.maximum(most, np.float32(1)))[..., None]
    return np.asarray(np.rint(closed + share * (bright - closed)), np.uint8)


class Settled:
    """Gives a picture's colours the outlines of its luma: chroma that a codec smeared, or a network, goes back there.

    Around each pixel chroma is taken for a linear function of luma (fast guided filter, https://arxiv.org/abs/1505.00996).
    Where it is far from that it stays: red berries among leaves as light as they are.
    """

    def __init__(self) -> None:
        self._planes = Planes()
        self._off: list[MatLike] = []  # how far chroma was off in the picture before, 128 for not at all

    def __call__(self, image: Image, strength: float, *, still: bool = False) -> Image:
        """Give `image` with its colours at their outlines.

        Args:
            image: uint8 ``(H, W, 3)`` BGR.
            strength: 0 to 1.
            still: What is off by one level more or less than in the picture before is off by as much as there: such
                levels come and go with a video's noise.
        """
        height, width = image.shape[:2]
        if min(height, width) < _SHRUNK * _FEWEST:
            return image
        off = _strays(image)
        if still and len(self._off) == len(off) and self._off[0].shape == off[0].shape:
            for now, before in zip(off, self._off, strict=True):
                _, near = cv2.threshold(cv2.absdiff(now, before), 1, 255, cv2.THRESH_BINARY_INV)
                cv2.copyTo(before, near, now)
        self._off = off
        goes = np.arange(256) - 128.0
        goes *= strength * np.exp(-np.square(goes / _STRAYED))
        tables = [np.round(128 + factor * goes).astype(np.uint8) for factor in _OF_CR + _OF_CB]
        red, less, blue, fewer = (cv2.LUT(off[place // 2], table) for place, table in enumerate(tables))
        change = cv2.merge([blue, cv2.addWeighted(less, 1, fewer, 1, -128), red])
        whole = self._planes("change", image.shape, np.uint8)
        cv2.resize(change, (width, height), dst=whole, interpolation=cv2.INTER_LINEAR)
        return np.asarray(cv2.addWeighted(image, 1, whole, 1, -128), np.uint8)

    def reset(self) -> None:
        """Forget the picture before."""
        self._off = []


def _strays(image: Image) -> list[MatLike]:
    """How far Cr and Cb are from linear in luma, plus 128, at half the size."""
    height, width = image.shape[:2]
    shape, size = (width // 2, height // 2), (width // _SHRUNK, height // _SHRUNK)
    half = cv2.cvtColor(cv2.resize(image, shape, interpolation=cv2.INTER_AREA), cv2.COLOR_BGR2YCrCb)
    luma, *chroma = (cv2.extractChannel(half, channel) for channel in range(3))  # cv2.split takes five times as long
    less = cv2.resize(half, size)
    guide, *others = (cv2.extractChannel(less, channel).astype(np.float32) for channel in range(3))
    mean = cv2.blur(guide, (3, 3))
    varies = cv2.blur(cv2.multiply(guide, guide), (3, 3)) - cv2.multiply(mean, mean) + np.float32(_FLAT)
    off = []
    for plane, small in zip(chroma, others, strict=True):
        middle = cv2.blur(small, (3, 3))
        slope = (cv2.blur(cv2.multiply(small, guide), (3, 3)) - cv2.multiply(mean, middle)) / varies
        lines = (cv2.blur(each, (3, 3)) for each in (slope, middle - cv2.multiply(slope, mean)))
        slope, base = (cv2.resize(each, shape, interpolation=cv2.INTER_LINEAR) for each in lines)
        line = cv2.add(cv2.multiply(slope, luma, dtype=cv2.CV_32F), base, dtype=cv2.CV_8U)
        off.append(cv2.addWeighted(line, 1, plane, -1, 128))
    return off


def without_fringes(drawn: Image, image: Image, planes: Planes | None = None, out: Image | None = None) -> Image:
    """Keep what was drawn of a picture within the colours that the picture has there; luma stays.

    Each of Cr and Cb is kept between the least and the most of 3x3 pixels of `image` around a place, as in temporal
    antialiasing (B. Karis, High-quality temporal supersampling, SIGGRAPH 2014). Of a grey picture all stays grey.

    Args:
        drawn: uint8 ``(H, W, 3)`` BGR.
        image: uint8 ``(h, w, 3)`` BGR, what it was made of.
        planes: Where it works; None: in new arrays.
        out: Where the result goes, such as `drawn`; None: a new array.
    """
    planes, (height, width) = planes or Planes(), drawn.shape[:2]
    own = cv2.cvtColor(image, cv2.COLOR_BGR2YCrCb)
    made = cv2.cvtColor(drawn, cv2.COLOR_BGR2YCrCb, dst=planes("made", drawn.shape, np.uint8))
    *parts, bound = (planes(name, (height, width), np.uint8) for name in ("luma", "red", "blue", "bound"))
    cv2.split(made, parts)
    for channel, plane in enumerate(parts[1:], 1):
        colour = cv2.extractChannel(own, channel)
        for find, keep in ((cv2.erode, cv2.max), (cv2.dilate, cv2.min)):
            cv2.resize(find(colour, _AROUND), (width, height), dst=bound, interpolation=cv2.INTER_LINEAR)
            keep(plane, bound, dst=plane)
    cv2.merge(parts, dst=made)
    return np.asarray(cv2.cvtColor(made, cv2.COLOR_YCrCb2BGR, dst=out), np.uint8)
