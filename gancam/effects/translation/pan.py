"""How far a scene has moved across the picture since a video began: what the camera did, not what moves before it."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from gancam.frame import Image
from gancam.vision.motion import Grey, Points, corners, follow, small_grey, stands_still, thinned
from gancam.vision.scenes import is_cut

Complex = NDArray[np.complex128]  # x + iy
Flags = NDArray[np.bool_]
_LOOK = 160  # pixels of the longer side of pictures whose motion is looked for: the lengths here are in those
_MOST, _APART, _EACH = 120, 4.0, 1  # points that are found, how far apart, and how many of a 48th of the picture stay
_LEAST = 4  # points, in the picture and along its rim, without which nothing is known
_RIM, _LOW = 0.3, 0.75  # that is so far to the sides, and no lower: who is filmed seldom fills it
_REST = 1.0  # what a scene that stood still has to move before it counts as moved
_STEP = 0.12  # less than that is noise
_HOLD = 0.7  # what it has to go on before that is told: who sits in a car would see noise of the windows
_RECENT, _SLOW = 8, 1.4  # frames, and what it goes in those, at least, to take anything along: see `Pan`
_STILL, _STAND = 0.15, 0.2  # a point that moved less stood still, and the share of those at rest that says that all do
_NEAR = 1.0  # of a point that a motion explains
_REACHES = 4.0, 2.0, _NEAR, _NEAR  # of those that the next motion is fitted to
_AGREE, _ALONG = 0.4, 0.6  # shares of the points that must, and of those along the rim
_CALM = 10  # frames without motion after which a scene stands still
_FAR, _TURNED = 24.0, 0.06  # other points are followed when they went or turned so far
_LOST = 0.6  # the same, when a smaller share of them is found


class _Motion(NamedTuple):
    """Of a picture, in complex numbers, x + iy: a place `z` from its middle went ``turn * z + middle`` on."""

    turn: complex
    middle: complex

    def of(self, z: Complex) -> Complex:
        return self.turn * z + self.middle


_NONE = _Motion(0j, 0j)


class Pan:
    """Follows the scene from frame to frame, in shares of the picture's height and width.

    Points that stand out are followed from one frame to those after it. The motion that most of them agree on, along
    the rim of the picture too, is the camera's: turn and zoom may be part of it, and what counts is how far the middle
    went. A scene that stands still stays where it is to the last bit, whatever moves in front of it, and a hand that
    only trembles moves nothing. Nor does one that slowly drifts: what goes along goes by steps, which are seen where
    little else moves, and nobody sees it slide by a small part of a pixel in each frame.
    """

    _told: complex  # where it was last said to be
    _let: complex  # how far it drifted without being told
    _went: list[complex]  # where it was in recent frames

    def __init__(self) -> None:
        self.reset()

    def reset(self) -> None:
        """Forget the frames before: the next is the first."""
        self._last: Grey | None = None

    def __call__(self, image: Image) -> tuple[float, float]:
        """Look at the next frame ``(H, W, 3)``.

        Returns:
            How far down and to the right its scene has moved since the first frame, in shares of its height and width;
            a cut, or another size, begins anew. The first is at (0, 0), and so is all that stands still from then on.
        """
        grey, _ = small_grey(image, _LOOK)
        before, self._last = self._last, grey
        if before is None or before.shape != grey.shape:
            self._start(grey)
        else:
            agreed = self._rest(grey) if self._calm >= _CALM else self._move(grey, before)
            if not agreed and is_cut(before, grey):
                self._start(grey)
        where = self._base + self._since.middle
        self._went = [*self._went[-_RECENT:], where]
        if abs(where - self._went[0]) < _SLOW:
            self._let = where - self._told
        elif abs(where - self._let - self._told) > _HOLD:
            self._told = where - self._let
        return self._told.imag / grey.shape[0], self._told.real / grey.shape[1]

    def _start(self, grey: Grey) -> None:
        self._base, self._since = 0j, _NONE
        self._told, self._let = 0j, 0j
        self._went = []
        self._slid = 0j  # how far it went at rest, until the anchor
        self._calm = _CALM  # frames without motion until now
        self._anchor_at(grey)

    def _anchor_at(self, grey: Grey) -> None:
        self._base, self._since = self._base + self._since.middle, _NONE
        self._anchor, self._latest = grey, 0j
        self._points = thinned(corners(grey, most=_MOST, apart=_APART), grey.shape, each=_EACH)

    def _look(self, grey: Grey) -> tuple[Points, Points, bool]:
        """Where which of the points are now, and whether enough of them are."""
        points = self._points
        z = _complex(points) - complex(*grey.shape[1::-1]) / 2
        there, good = follow(self._anchor, grey, points, points + _pairs(self._since.of(z)))
        return points[good], there[good], bool(good.sum() >= _LOST * len(points))

    def _rest(self, grey: Grey) -> bool:
        """Look whether it still stands; False where nothing tells."""
        points, there, enough = self._look(grey)
        found = _agreed(points, there, grey.shape, still=True)
        if found is not None and abs(self._slid + found.middle) > _REST:
            self._slid, found = 0j, _NONE
            if not stands_still(self._anchor, grey, None):
                self._calm = 0
                self._anchor_at(grey)  # what it moved until now is not made up for, so that nothing jumps
                return True
        if found is not None:
            self._latest = found.middle
        if found is None or not enough:
            self._slid += self._latest
            self._anchor_at(grey)
        return found is not None

    def _move(self, grey: Grey, before: Grey) -> bool:
        """Go along; False where nothing tells how far."""
        points, there, enough = self._look(grey)
        found = _agreed(points, there, grey.shape)
        if found is None:
            self._anchor_at(before)
            points, there, enough = self._look(grey)
            found = _agreed(points, there, grey.shape)
        if found is not None and abs(found.middle - self._since.middle) > _STEP:
            self._since, self._calm = found, 0
        else:
            self._calm += 1
        if self._calm >= _CALM:
            self._slid = 0j
            self._anchor_at(grey)
        elif found is None or not enough or abs(found.middle) > _FAR or abs(found.turn) > _TURNED:
            self._anchor_at(grey)
        return found is not None


def _agreed(points: Points, there: Points, shape: tuple[int, ...], *, still: bool = False) -> _Motion | None:
    """The motion by which points went `there`, ``(n, 2)``; None where they do not agree.

    Args:
        points: Where they were.
        there: Where they are.
        shape: Of the picture.
        still: Whether nothing moved until now: then nothing does, while some are where they were.
    """
    side = np.array([shape[1], shape[0]], np.float64)
    right, down = (points / side).T
    rim = (np.abs(right - 0.5) > _RIM) & (down < _LOW)
    if rim.sum() < _LEAST:
        return None
    z, way = _complex(points) - complex(*side) / 2, _complex(there) - _complex(points)
    if still and (np.abs(way) < _STILL)[rim].mean() > _STAND:
        return _NONE
    apart = np.abs(way - way[rim, None])
    alike = apart[(apart < _NEAR).sum(1).argmax()] < 2 * _NEAR  # as the most along the rim
    fits = [_fitted(z, way, near) for near in (alike, np.ones(len(z), np.bool_))]
    found, near = max(fits, key=lambda fit: np.count_nonzero(fit[1] & rim))
    return found if near.mean() > _AGREE and near[rim].mean() > _ALONG else None


def _fitted(z: Complex, way: Complex, near: Flags) -> tuple[_Motion, Flags]:
    """The motion of those of the points `z` that it explains, in the least squares; and which those are.

    Args:
        z: Where they were, from the middle.
        way: How far they went.
        near: Which to begin with.
    """
    found = _NONE
    for reach in _REACHES:
        if near.sum() < _LEAST:
            return _NONE, np.zeros(len(z), np.bool_)
        mean, about = way[near].mean(), z[near] - z[near].mean()
        turn = np.vdot(about, way[near] - mean) / max(np.vdot(about, about).real, 1e-9)
        found = _Motion(complex(turn), complex(mean - turn * z[near].mean()))
        near = np.abs(way - found.of(z)) < reach
    return found, near


def _complex(points: Points) -> Complex:
    return points[:, 0].astype(np.float64) + 1j * points[:, 1]


def _pairs(numbers: Complex) -> Points:
    return np.stack([numbers.real, numbers.imag], 1).astype(np.float32)
