"""The sides of windows, at which somebody who goes on beyond would end in a straight line."""

from typing import Any, NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from gancam.masks.mask import Mask
from gancam.masks.people.regions import Window

_CUT = 0.02  # of a window's side along which somebody may lie at it, as noise does
_REACH = 0.7  # of the length along which they are cut off: as far from there, they have faded in
_LITTLE = 2.0  # of the square of that length over their area: farther by as much, so that half a head fades whole
_LEAST, _MOST = 6.0, 0.15  # pixels of what the network is shown, and the share of its side: the same, in between
_BEYOND = 3  # pixels of the frame from a window's side, at which is asked who goes on there
_GOES_ON = 200  # of 255: the opacity there above which they do
_TURNS = 4  # times that this is asked, at most

Plane = NDArray[np.float32]


class View(NamedTuple):
    """What was seen of people in a window."""

    window: Window
    decided: Plane  # 0 to 1, as large as what the network was shown of it
    opacity: Mask  # 0 to 255, ``(height, width)`` of the window


def is_cut(decided: Plane, window: Window, size: tuple[int, int]) -> bool:
    """Say whether somebody who was `decided` to be in `window` lies at a side of it where the frame goes on.

    Args:
        decided: 0 to 1, ``(h, w)``.
        window: the part of the frame of which that is.
        size: width and height of the frame.
    """
    sides = zip(_lines(decided), _inner(window, size), strict=True)
    return any(inner and np.count_nonzero(line > 0.5) > _CUT * line.size for line, inner in sides)


def joined(views: list[View], whole: Mask | None, size: tuple[int, int]) -> Mask:
    """Return the opacity of people in a frame, of whom none ends in a straight line at a window's side.

    Who is cut off there, and is not seen beyond it either, fades away towards it, the more gently the more of them is.

    Args:
        views: what was seen of them in windows.
        whole: opacity in the whole frame, 0 to 255, ``(H, W)``; None: it was not looked at.
        size: width and height of the frame.

    Returns:
        uint8 ``(H, W)``, 0 to 255.
    """
    shares: list[Plane | None] = [None] * len(views)
    opacity = _laid(views, shares, whole, size)
    if any(is_cut(view.decided, view.window, size) for view in views):
        for _ in range(_TURNS):  # who goes on in another window may fade there
            before = opacity
            shares = [_share(view, opacity) for view in views]
            opacity = _laid(views, shares, whole, size)
            if np.array_equal(before, opacity):
                break
    return opacity


def _laid(views: list[View], shares: list[Plane | None], whole: Mask | None, size: tuple[int, int]) -> Mask:
    """What is seen in windows, as much of it as `shares` say, laid over the frame's opacity."""
    opacity = np.zeros(size[::-1], np.uint8) if whole is None else whole.copy()
    for view, share in zip(views, shares, strict=True):
        left, top, width, height = view.window
        place = opacity[top : top + height, left : left + width]
        seen = view.opacity if share is None else cv2.multiply(view.opacity, share, dtype=cv2.CV_8U)
        cv2.max(place, np.asarray(seen, np.uint8), dst=place)
    return opacity


def _share(view: View, opacity: Mask) -> Plane | None:
    """How much of each pixel of a view is to be seen, 0 to 1; None where all of it is."""
    height, width = view.decided.shape
    free = np.ones((height, width), np.uint8)  # 0 where somebody is cut off
    lines = zip(_lines(view.decided), _beyond(view.window, opacity), _lines(free), strict=True)
    for line, beyond, marked in lines:
        if beyond is None:
            continue
        goes_on = cv2.resize(beyond.reshape(1, -1), (line.size, 1), interpolation=cv2.INTER_AREA)[0] > _GOES_ON
        marked[(line > 0.5) & ~goes_on] = 0
    if cv2.countNonZero(free) == free.size:
        return None
    away, nearest = cv2.distanceTransformWithLabels(free, cv2.DIST_L2, cv2.DIST_MASK_5, labelType=cv2.DIST_LABEL_CCOMP)
    _, parts, stats, _ = cv2.connectedComponentsWithStats(np.asarray(view.decided > 0.5, np.uint8))
    cut, sizes = nearest[free == 0], stats[parts[free == 0], cv2.CC_STAT_AREA]
    lengths, area = np.bincount(cut), np.ones(int(cut.max()) + 1)
    np.maximum.at(area, cut, sizes)
    reach = _REACH * lengths * (1 + _LITTLE * np.square(lengths) / area)
    reach = np.clip(reach, _LEAST, _MOST * max(free.shape)).astype(np.float32)
    share = np.clip((away - 1) / reach[nearest], 0, 1)
    smooth = np.asarray(share * share * (3 - 2 * share), np.float32)
    return np.asarray(cv2.resize(cv2.blur(smooth, (3, 3)), view.opacity.shape[::-1], interpolation=cv2.INTER_LINEAR))


def _lines(plane: NDArray[Any]) -> tuple[NDArray[Any], ...]:
    """The first and last column and row of a plane: left, right, top, bottom."""
    return plane[:, 0], plane[:, -1], plane[0], plane[-1]


def _inner(window: Window, size: tuple[int, int]) -> tuple[bool, ...]:
    """Whether the frame goes on at the left, right, top and bottom of a window."""
    left, top, width, height = window
    return left > 0, left + width < size[0], top > 0, top + height < size[1]


def _beyond(window: Window, opacity: Mask) -> tuple[NDArray[np.uint8] | None, ...]:
    """The frame's opacity just beyond the left, right, top and bottom of a window; None where it ends with that."""
    left, top, width, height = window
    across, down = slice(left, left + width), slice(top, top + height)
    right, bottom = left + width, top + height
    inner = _inner(window, opacity.shape[::-1])
    return (
        opacity[down, max(left - _BEYOND, 0)] if inner[0] else None,
        opacity[down, min(right + _BEYOND - 1, opacity.shape[1] - 1)] if inner[1] else None,
        opacity[max(top - _BEYOND, 0), across] if inner[2] else None,
        opacity[min(bottom + _BEYOND - 1, opacity.shape[0] - 1), across] if inner[3] else None,
    )
