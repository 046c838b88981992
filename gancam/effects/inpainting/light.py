"""Differences of light between two pictures of a place, and making one lit as the other.

What the ring around a hole shows now is compared with what it showed when what is behind was seen, or invented: both
have to be of the same moment. So whatever is put behind a hole brings the ring around it along, and what stays there
keeps its own.
"""

import math
from typing import Any, NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from gancam.effects.inpainting.regions import CELL, RING, UNKNOWN, Floats, FrameRegion, floats
from gancam.effects.inpainting.warp import cubic, frame_corners, square
from gancam.frame import Image
from gancam.vision.motion import Grey
from gancam.vision.planes import brightest
from gancam.vision.push_pull import spread

STEADY = 1.0  # grey levels by which light may differ before what is behind the hole follows
_OTHER = 40.0  # grey levels between a cell then and now: more is not light, it is something else
_ALIKE = 8.0  # grey levels by which the light of places may differ that are lit alike
_BELIEVED = 0.65  # share of what is near that must be as it was: half let passers-by leave what lay behind others
_ADRIFT = 8.0  # pixels by which something may lie beside where the camera's movement puts it
_FITS = 0.97  # share of the difference on the ring that must remain at most for a step aside to count
_EVENLY = np.full((1, 3), 1 / 3, np.float32)  # the mean of three colours, for cv2.transform
_FEW, _MANY = 4 * CELL * CELL, 1000  # pixels to learn an exposure from, at the least and at the most
_PINCH = 16.0  # squared grey levels: what varies less than that tells light from exposure badly
_EXPOSED = 0.03, 0.5  # least change of a gain, and share of what differs that remains at most with it
_SHALLOW = {True: 12.0, False: 22.0}  # pixels: where the camera rests, and where it moves and takes along what is wrong
_STALE, _STALE_SHARE = 4.0, 0.3  # as the next two, and the least light, for what is shallow and was invented
_OFF, _OFF_SHARE = 36.0, 0.5  # squared grey levels, and share of its contrast's square, that what is shallow may be off
_ROUGH, _SHARE = 8.0, 0.6  # grey levels, and share of its contrast, by which the pixels of a cell may differ else
_WINDOWS = 64  # for which an exposure is kept


def in_pixels(cells: NDArray[np.generic]) -> tuple[int, int]:
    """Return width and height in pixels of an array of cells."""
    return cells.shape[1] * CELL, cells.shape[0] * CELL


def _means(values: NDArray[Any], weights: NDArray[Any]) -> Floats:
    """The mean of `values` ``(h, w, ...)`` in each cell, weighed; 0 where no weight is."""
    if values.ndim > weights.ndim:
        return np.asarray(_sums(values * weights[..., None]) / np.maximum(_sums(weights)[..., None], 1e-6), np.float32)
    return np.asarray(_sums(values * weights) / np.maximum(_sums(weights), 1e-6), np.float32)


def _sums(values: NDArray[Any]) -> Floats:
    """The mean of each cell, that at the frame's end as if it were whole."""
    height, width = values.shape[:2]
    below, right = -height % CELL, -width % CELL
    if below or right:
        values = cv2.copyMakeBorder(values, 0, below, 0, right, cv2.BORDER_CONSTANT)
    size = values.shape[1] // CELL, values.shape[0] // CELL
    return np.asarray(cv2.resize(values, size, interpolation=cv2.INTER_AREA), np.float32)


def _differ(then: Image, now: Image, where: NDArray[np.bool_]) -> tuple[Floats, Floats, Floats, Floats]:
    """Compare by cells; only what is `where` counts.

    Returns:
        What light has added since `then`, ``(rows, columns, 3)``; how far pixels differ else, and the contrast that
        they had then; and how much of a cell that was measured on.
    """
    weights = floats(where)
    share = _sums(weights)
    added = floats(cv2.subtract(now, then, dtype=cv2.CV_32F))
    light = _means(added, weights)
    up = cv2.resize(light, in_pixels(light), interpolation=cv2.INTER_NEAREST)[: now.shape[0], : now.shape[1]]
    rough = _means(floats(cv2.transform(cv2.absdiff(added, up), _EVENLY)), weights)
    grey = floats(cv2.transform(floats(then), _EVENLY))
    contrast = np.sqrt(np.maximum(_means(grey * grey, weights) - _means(grey, weights) ** 2, 0.0))
    return light, rough, floats(contrast), floats(np.where(share > 0.05, share, np.float32(0)))


def _same(light: Floats, rough: Floats, contrast: Floats) -> NDArray[np.bool_]:
    """Whether a cell still is the same place."""
    return np.asarray((brightest(np.abs(light)) < _OTHER) & (rough < _ROUGH + _SHARE * contrast), np.bool_)


def compare(
    then: Image, now: Image, ring: NDArray[np.bool_], inside: NDArray[np.bool_], *, at_rest: bool
) -> tuple[Floats, Grey, Grey]:
    """Compare two pictures of a place by cells, on a ring, and carry the result on smoothly from there.

    Light falls alike on what lies together: a cell that became lighter or darker than the others by more than `_ALIKE`,
    and by more the more light there is, shows something else.

    Args:
        then: uint8 ``(h, w, 3)``, in the place that it has now.
        now: likewise.
        ring: where both are compared, ``(h, w)``.
        inside: the hole, ``(h, w)``.
        at_rest: the camera stands where it stood then.

    Returns:
        What light has added since `then`, float32 ``(rows, columns, 3)``; 1 where it is not the same place any more, or
        shallow and better invented, uint8 ``(rows, columns)``; 1 where what is `inside` the ring is shallow, and the
        place so little the same that what was invented then is no better than what would be now.
    """
    light, rough, contrast, measured = _differ(then, now, ring)
    same = _same(light, rough, contrast)
    shallow = _shallow(inside, _SHALLOW[at_rest])
    exactly = at_rest & (brightest(np.abs(light)) < _STALE) & (rough < _STALE + _STALE_SHARE * contrast)
    stale = (shallow & (spread(floats(exactly)[..., None], measured)[..., 0] < _BELIEVED)).astype(np.uint8)
    usable = (measured > 0) & same
    if not usable.any():
        return np.zeros_like(light), (measured > 0).astype(np.uint8), stale
    usual = np.median(light[usable], axis=0)
    same &= brightest(np.abs(light - usual)) < _ALIKE + 0.5 * np.abs(usual).max()  # what is white gets no lighter
    doubted = spread(floats(same)[..., None], measured)[..., 0] < _BELIEVED
    doubted |= shallow & _off(rough, contrast, floats(brightest(np.abs(light - usual))), measured)
    return spread(light, floats(measured * same)), np.asarray(doubted, np.uint8), stale


def _off(rough: Floats, contrast: Floats, apart: Floats, measured: Floats) -> NDArray[np.bool_]:
    """Whether what was seen is farther from what is there now than what a network fills a shallow hole with.

    Both are estimated by what is near: the one by how it has changed, the other by its contrast.
    """
    near = spread(floats(np.dstack([rough, contrast, apart])), measured)
    off = np.square(near[..., 0]) + np.square(near[..., 2] / 2)
    return np.asarray(off > _OFF + _OFF_SHARE * np.square(near[..., 1]), np.bool_)


def _shallow(inside: NDArray[np.bool_], most: float) -> NDArray[np.bool_]:
    """Whether the hole near each cell is less than `most` pixels deep, ``(rows, columns)``."""
    framed = cv2.copyMakeBorder(inside.view(np.uint8), 1, 1, 1, 1, cv2.BORDER_CONSTANT)
    depth = cv2.distanceTransform(framed, cv2.DIST_L2, 3)[1:-1, 1:-1]
    rows, columns = -(-depth.shape[0] // CELL), -(-depth.shape[1] // CELL)
    full = np.zeros((rows * CELL, columns * CELL), np.float32)
    full[: depth.shape[0], : depth.shape[1]] = depth
    cells = full.reshape(rows, CELL, columns, CELL).max((1, 3))
    return np.asarray(cv2.dilate(cells, square(math.ceil(most / CELL))) < most, np.bool_)


class Exposure(NamedTuple):
    """What a change of exposure, or a fade, makes of each colour: so many times as much, and so much more."""

    gain: Floats = np.ones(3, np.float32)
    offset: Floats = np.zeros(3, np.float32)

    def __call__(self, picture: Image) -> Image:
        """Return `picture` ``(h, w, 3)`` exposed so."""
        if self.plain:
            return picture
        return np.asarray(cv2.transform(picture, np.column_stack([np.diag(self.gain), self.offset])), np.uint8)

    @property
    def plain(self) -> bool:
        """Whether it changes nothing."""
        return bool((self.gain == 1).all() and not self.offset.any())

    @property
    def inverse(self) -> "Exposure":
        """The way back."""
        return Exposure(floats(1 / self.gain), floats(-self.offset / self.gain))

    def near(self, other: "Exposure") -> bool:
        """Say whether both make nearly the same of black and of white."""
        black, white = self.offset - other.offset, 255 * (self.gain - other.gain) + self.offset - other.offset
        return bool(max(np.abs(black).max(), np.abs(white).max()) <= 2 * STEADY)


def exposure(then: Image, now: Image, where: NDArray[np.bool_]) -> Exposure:
    """Find how much another exposure `now` explains, by most of what both show `where` it is known; else none."""
    rows, columns = np.nonzero(where)
    some = slice(None, None, max(1, len(rows) // _MANY))
    before, after = (floats(picture[rows[some], columns[some]]) for picture in (then, now))
    usable = ((before > 2) & (before < 253) & (after > 2) & (after < 253)).all(1)
    before, after = before[usable], after[usable]
    if len(before) < _FEW:
        return Exposure()
    gain, offset = np.ones(3, np.float32), np.median(after - before, axis=0)
    plain = float(np.abs(after - before - offset).mean())
    if plain < STEADY:
        return Exposure()
    for _ in range(5):
        away = np.abs(after - gain * before - offset).max(1)
        weights = floats(1 / (1 + np.square(away / max(2.0, 1.5 * float(np.median(away))))))
        weights /= weights.sum()
        means = weights @ before, weights @ after
        a, b = before - means[0], after - means[1]
        gain = floats(((weights @ (a * b) + _PINCH) / (weights @ (a * a) + _PINCH)).clip(0.3, 3.0))
        offset = floats(means[1] - gain * means[0])
    least, most = _EXPOSED
    remains = float(np.abs(after - gain * before - offset).mean())
    return Exposure(gain, offset) if np.abs(gain - 1).max() > least and remains < most * plain else Exposure()


def relit(picture: Image, reference: Image, where: NDArray[np.bool_]) -> Image:
    """Return `picture` in the light of `reference`, by what both show `where` it is known.

    It stays as it is where they do not agree on one light: an exposure changes everywhere alike, what moves does not.
    """
    if not where.any():
        return picture
    picture = exposure(picture, reference, where)(picture)
    light, rough, contrast, measured = _differ(picture, reference, where)
    usable = (measured > 0) & _same(light, rough, contrast)
    if not usable.any():
        return picture
    alike = usable & (brightest(np.abs(light - np.median(light[usable], axis=0))) < _ALIKE)
    if 2 * int(alike.sum()) < int((measured > 0).sum()):
        return picture
    return lit(picture, spread(light, floats(measured * alike)))


def aligned(then: Image, state: Grey, now: Image, inside: NDArray[np.bool_]) -> tuple[Image, Grey]:
    """Move `then` and its `state` by an affine step so that the ring of what is seen `now` around a hole fits.

    Near things move past far ones when a camera does, and one homography cannot follow both. The step is that of the
    highest correlation (Evangelidis and Psarakis, https://doi.org/10.1109/TPAMI.2008.113). Where that fits no better,
    they are returned as they were.

    Args:
        then: what was seen, uint8 ``(h, w, 3)`` BGR.
        state: UNKNOWN, INVENTED or SEEN, ``(h, w)``.
        now: what is seen.
        inside: where the hole is, ``(h, w)``.
    """
    known = state > 0
    ring = (cv2.dilate(inside.view(np.uint8), square(RING)) > 0) & ~inside & known
    if int(ring.sum()) < CELL * CELL:
        return then, state
    step, until = np.eye(2, 3, dtype=np.float32), (cv2.TERM_CRITERIA_COUNT | cv2.TERM_CRITERIA_EPS, 15, 1e-3)
    a, b = (cv2.cvtColor(picture, cv2.COLOR_BGR2GRAY) for picture in (now, then))
    try:
        cv2.findTransformECC(a, b, step, cv2.MOTION_AFFINE, until, ring.view(np.uint8), 3)
    except cv2.error:  # nothing on the ring to go by
        return then, state
    size = state.shape[1], state.shape[0]
    drift = cv2.transform(frame_corners(size)[None], step)[0] - frame_corners(size)
    if not np.abs(drift).max() <= _ADRIFT:
        return then, state
    back = np.asarray(np.linalg.inv(np.vstack([step, [0, 0, 1]])), np.float64)
    turned = cubic(then, back, size)
    fits, fitted = (float(cv2.absdiff(now, picture)[ring].mean()) for picture in (then, turned))
    if fitted > fits * _FITS:
        return then, state
    kinds = np.asarray(cv2.warpPerspective(state, back, size, flags=cv2.INTER_NEAREST), np.uint8)
    whole = np.where(known, np.uint8(255), np.uint8(0))
    kinds[np.asarray(cv2.warpPerspective(whole, back, size, borderMode=cv2.BORDER_REPLICATE)) < 255] = UNKNOWN
    return turned, kinds


def lit(picture: Image, light: Floats) -> Image:
    """Return `picture` with `light` added, which is given by cells ``(rows, columns, 3)``."""
    if not light.any():
        return picture
    height, width = picture.shape[:2]
    up = cv2.resize(light, in_pixels(light), interpolation=cv2.INTER_LINEAR)[:height, :width]
    return np.asarray(cv2.add(picture, up, dtype=cv2.CV_8U), np.uint8)


def witnesses(new: NDArray[np.bool_], kept: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Return what bears witness to what is `new` rather than to what is `kept`: within `RING` of it, and nearer to it.

    Args:
        new: what was put behind a hole, ``(h, w)``.
        kept: what was there and stays, likewise.
    """
    if not new.any():
        return new
    near = cv2.dilate(new.view(np.uint8), square(RING)) > 0
    return near & (_distance(new) <= _distance(kept)) if kept.any() else near


def _distance(place: NDArray[np.bool_]) -> NDArray[np.float32]:
    return floats(cv2.distanceTransform((~place).view(np.uint8), cv2.DIST_L2, 3))


class KeptLight:
    """Keeps light from frame to frame, so that what stands still stays as it is to the byte."""

    def __init__(self) -> None:
        self._exposures: dict[FrameRegion, Exposure] = {}  # by windows of the last frames
        self._added: Floats = np.zeros((0, 0, 3), np.float32)  # to the canvas, by cells of the frame
        self._used: NDArray[np.bool_] = np.zeros((0, 0), np.bool_)  # where that was in use in the frame before

    def begin(self, shape: tuple[int, ...]) -> None:
        """Begin anew with frames of that `shape`."""
        cells = -(-shape[0] // CELL), -(-shape[1] // CELL)
        self._added, self._used = np.zeros((*cells, 3), np.float32), np.zeros(cells, np.bool_)
        self._exposures = {}

    def exposure(self, window: FrameRegion, measured: Exposure) -> Exposure:
        """The exposure to show a window of the canvas in: that `measured` now, or the one before."""
        kept = self._exposures.get(window)
        if kept is not None and measured.near(kept):
            return kept
        if len(self._exposures) > _WINDOWS:
            self._exposures.clear()
        self._exposures[window] = measured
        return measured

    def cells(self, window: FrameRegion, measured: Floats) -> Floats:
        """What is added to the cells of a window: that `measured` now, or what it was before."""
        added, used = self._added[window.cells], self._used[window.cells]
        change = measured - added
        added += np.where(used[..., None], change - change.clip(-STEADY, STEADY), change)
        used[:] = True
        return added

    def taken_from(self, window: FrameRegion, picture: Image) -> Image:
        """Return a finished window without the light that it will be shown in when it is recalled."""
        return self._exposures.get(window, Exposure()).inverse(lit(picture, -self._added[window.cells]))
