"""A brush: short dabs, each of one colour, which lead where shapes lead, over what a network painted in oil.

A network of this size learns no strokes that lie one over the other: it blurs them (docs/practices.md). But where dabs
lie can be known beforehand, for some angles; a picture then only says which are seen, and in which colour.
"""

from collections.abc import Sequence
from functools import lru_cache
from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from gancam.effects.translation.features import Features
from gancam.effects.translation.skin import add_oval, of_faces
from gancam.frame import Image
from gancam.inference.place import Place
from gancam.vision.fit import shrunk
from gancam.vision.planes import Planes, brightest, ramp

Plane = NDArray[np.float32]  # (h, w)
Numbers = NDArray[np.intp]

_SIDE, _WAYS = 160, 6  # pixels after which dabs repeat; angles that they lie at, evenly over half a turn
_LONG, _WIDE, _OFTEN = 25.0, 7.5, 3.0  # pixels of a dab; times that a place is painted over
_UNLIKE, _ASKEW = (0.75, 1.25), 0.1  # times as large as that they are; how far their angles stray
_BRISTLES = 2.4, 3.4  # pixels between their furrows
_RELIEF, _TONE = 4.8, 3.0  # levels: of light and shade on thick paint, a deviation; by which dabs differ, at most
_UNIT, _SQUARES = 8, 5  # of a level of those; squares in a row, around one, in which dabs that reach it may begin

_BITS = 3  # of which angle a dab lies at; those above it tell how well that leads, 0..255
_AGREES = np.cos(np.pi * (np.arange(256) / 256 - np.arange(_WAYS)[:, None] / _WAYS)) ** 2
_LEADS = ((np.rint(255 * _AGREES).astype(np.int16) << _BITS) + np.arange(_WAYS, dtype=np.int16)[:, None]).reshape(-1)
_ALIKE = 20.0  # by how much the best must lead better than the second to be seen in full: noise lets none blink
_EVEN = 3, (5, 5)  # pixels of the median, and of the mean of that, which is the colour of a dab: a median flickers
_APART = 22.0, 44.0  # levels that it may differ from its place by, in full, and from which on it is not seen
_FITS = ramp(np.arange(256), *_APART[::-1])
_BARE = 0.3  # of light and shade, where no dab is seen
_THICK = (0.35 + 1.2 * np.arange(256, dtype=np.float32) / 255).clip(0, 1) / _UNIT  # how far those show at each level

_AROUND, _UNSURE = 4.0, 1500.0  # where dabs lead: over how many pixels, a deviation, and squared slopes that lead half
_STEEP, _BUSY = 40.0, (8.0, 18.0)  # slopes that count in full; on average, from which on dabs are seen, and in full
_WINDOW = 9, 9  # pixels of a quarter of the size, over which they are averaged, twice
_OVAL, _FACE = (0.5, 0.66, 0.3), 0.6  # of a face, as in ``skin``, and how much less is seen there
_SKIN, _LARGEST = 0.6, 2  # how much less on necks, arms and hands, where dabs look like fur; faces whose those may be
_SUM = np.ones((1, 3), np.float32)  # of channels


class _Layout(NamedTuple):
    """All dabs, of a square that repeats in all directions.

    Attributes:
        owners: ``(_WAYS, _SIDE, _SIDE)``: which dab of each angle lies on top of a place.
        middles: ``(2, n)``: of each dab, down and right, in pixels; those that come in over a border lie beyond it.
        ways: ``(n,)``: at which angle it lies, times 256.
        laid: ``(n,)``: 1; 0 of what stands for no dab.
        relief: int16 ``(_WAYS * _SIDE * _SIDE,)``: by how much a place is lighter, in levels times `_UNIT`.
    """

    owners: Numbers
    middles: Numbers
    ways: Numbers
    laid: NDArray[np.int16]
    relief: NDArray[np.int16]


def brushed(drawn: Image, seen: Image, faces: Sequence[Features], begins: Place, step: int, planes: Planes) -> Image:
    """Give `drawn` in dabs of its colours, lit from the top left, where there is something to be seen.

    A dab is not seen where its place has another colour, so that shapes stay where they are. Dabs are faint on faces,
    and on the necks, arms and hands of the two largest; plain places keep the large ones that the network painted.

    Args:
        drawn: uint8 ``(H, W, 3)`` BGR, what a network painted.
        seen: The same size: what that was shown.
        faces: Of it.
        begins: How far down and to the right it begins in what dabs are laid on, in steps.
        step: Pixels of one.
        planes: Where it works.
    """
    height, width = drawn.shape[:2]
    # OpenCV and NumPy move four channels more quickly than three
    own = cv2.cvtColor(drawn, cv2.COLOR_BGR2BGRA, dst=planes("own", (height, width, 4), np.uint8))
    even = cv2.blur(cv2.medianBlur(own, _EVEN[0]), _EVEN[1], dst=planes("even", (height, width, 4), np.uint8))
    begins = begins[0] * step, begins[1] * step
    leads, busy = _leads(seen, begins)
    for face in faces:
        oval = np.zeros_like(busy)
        add_oval(oval, face, _OVAL, _FACE * face.share, width / busy.shape[1])
        busy *= 1 - oval
    if faces:
        large = sorted(faces, key=lambda face: face.width)[-_LARGEST:]
        small = np.asarray(cv2.resize(seen, busy.shape[::-1], interpolation=cv2.INTER_AREA), np.uint8)
        busy *= 1 - np.float32(_SKIN) * of_faces(small, large, width / busy.shape[1])
    there = np.asarray(cv2.resize(busy, (width, height)), np.float32)
    dabs = _dabs(np.asarray(even, np.uint8), leads, begins, planes)
    share = cv2.LUT(brightest(cv2.absdiff(dabs.colours, own)), _FITS) * dabs.sure
    light = np.asarray(dabs.relief * (there * (np.float32(_BARE) + np.float32(1 - _BARE) * share)), np.float32)
    share *= there
    made = cv2.blendLinear(dabs.colours, own, share, 1 - share)
    cv2.multiply(light, cv2.LUT(cv2.cvtColor(made, cv2.COLOR_BGRA2GRAY), _THICK), dst=light)
    bright = cv2.cvtColor(light, cv2.COLOR_GRAY2BGR)
    return np.asarray(cv2.add(cv2.cvtColor(made, cv2.COLOR_BGRA2BGR), bright, dtype=cv2.CV_8U), np.uint8)


class _Dabs(NamedTuple):
    """Those that lead best, for each place of a picture.

    Attributes:
        colours: uint8 ``(h, w, 4)``.
        relief: int16 ``(h, w)``, as of `_Layout`.
        sure: 0 where another leads as well, 1 where none does, ``(h, w)``.
    """

    colours: NDArray[np.uint8]
    relief: NDArray[np.int16]
    sure: Plane


def _dabs(even: Image, leads: NDArray[np.uint8], begins: Place, planes: Planes) -> _Dabs:
    """Choose them, of colours `even`, uint8 ``(h, w, 4)``, by where they shall lead: see `_leads`."""
    height, width = even.shape[:2]
    layout, colour_of = _layout(), np.ascontiguousarray(even).view(np.int32).reshape(-1)
    down, right = (-(one % _SIDE) for one in begins)
    columns = np.arange(right, width, _SIDE, dtype=np.intp)
    x = np.clip(columns + layout.middles[1][:, None], 0, width - 1)
    # keys of squares in a row lie side by side, and are looked up at once: NumPy does so quickly by fours
    keys = np.zeros((len(x), -(-len(columns) // 4) * 4), np.int16)
    found = planes("found", (height, width), np.int32)
    relief, sure = planes("relief", (height, width), np.int16), planes("sure", (height, width), np.float32)
    for top in range(down, height, _SIDE):
        rows, inside = slice(max(top, 0), min(top + _SIDE, height)), slice(max(-top, 0), min(height - top, _SIDE))
        shape = inside.stop - inside.start, _SIDE, keys.shape[1]
        best, second, new, less = (planes(name, shape, np.int16) for name in ("best", "second", "new", "less"))
        best[:] = second[:] = 0
        at = x + np.clip(layout.middles[0] + top, 0, height - 1)[:, None] * width
        keys[:, : len(columns)] = _LEADS.take(leads.take(at) + layout.ways[:, None], mode="clip") * layout.laid[:, None]
        for owner in layout.owners:
            keys.take(owner[inside], axis=0, out=new, mode="clip")
            np.maximum(second, np.minimum(best, new, out=less), out=second)
            np.maximum(best, new, out=best)
        second[:] = (best >> _BITS) - (second >> _BITS)
        best &= np.int16((1 << _BITS) - 1)
        way, margin = (
            np.concatenate([one[..., column] for column in range(len(columns))], axis=1)[:, -right : width - right]
            for one in (best, second)
        )
        place, square = _places(begins, (height, width))
        place = way * np.intp(_SIDE**2) + place[rows]
        layout.relief.take(place, mode="clip", out=relief[rows])
        number = layout.owners.reshape(-1).take(place, mode="clip")
        number *= len(columns)
        number += square
        colour_of.take(at).reshape(-1).take(number, mode="clip", out=found[rows])
        sure[rows] = ramp(margin, 0, _ALIKE)
    return _Dabs(found.view(np.uint8).reshape(height, width, 4), relief, sure)


def _leads(seen: Image, begins: Place) -> tuple[NDArray[np.uint8], Plane]:
    """Tell where dabs lead, 0..255 over half a turn, ``(H * W,)``, and how much there is to be seen, 0..1, smaller."""
    height, width = seen.shape[:2]
    size = shrunk((width, height), 2.0)
    small = cv2.resize(seen, size, interpolation=cv2.INTER_AREA)
    right, down = (cv2.Sobel(small, cv2.CV_32F, *way, scale=0.5) for way in ((1, 0), (0, 1)))
    squares = [right * right, down * down]
    across, twice = squares[0] - squares[1], 2 * right * down  # of the structure tensor
    lead = cv2.GaussianBlur(cv2.merge([cv2.transform(one, _SUM) for one in (across, twice)]), (0, 0), _AROUND / 2)
    lead = _waves(begins, size) - lead
    angle = cv2.phase(lead[..., 0], lead[..., 1]) * np.float32(128 / np.pi)
    wanted = cv2.resize(angle.astype(np.uint8), (width, height), interpolation=cv2.INTER_NEAREST)
    slope = np.minimum(np.sqrt(cv2.transform(squares[0] + squares[1], _SUM)), np.float32(_STEEP))
    slope = cv2.resize(slope, shrunk(size, 2.0), interpolation=cv2.INTER_AREA)
    return np.asarray(wanted, np.uint8).reshape(-1), ramp(cv2.blur(cv2.blur(slope, _WINDOW), _WINDOW), *_BUSY)


@lru_cache(maxsize=8)
def _waves(begins: Place, size: tuple[int, int]) -> Plane:
    """Give where dabs lead that follow nothing, ``(h, w, 2)`` of half a picture's `size` (width, height)."""
    y, x = (2.0 * one + at for one, at in zip(np.ogrid[: size[1], : size[0]], begins, strict=True))
    lead = 2 * (np.pi / 4 + 0.75 * np.sin(x / 37 + 1.3 * np.sin(y / 53)) + 0.5 * np.sin(y / 41))
    return np.asarray(_UNSURE * np.stack([np.cos(lead), np.sin(lead)], -1), np.float32)


@lru_cache(maxsize=8)
def _places(begins: Place, shape: tuple[int, int]) -> tuple[Numbers, Numbers]:
    """Number the places of the square, ``(h, w)``, for a picture of that height and width; and squares in a row."""
    down, right = (np.arange(side) + at % _SIDE for at, side in zip(begins, shape, strict=True))
    return _SIDE * (down % _SIDE)[:, None] + right % _SIDE, right // _SIDE


@lru_cache
def _layout() -> _Layout:
    """Lay the dabs: of each angle around the points of a shaken grid, in random order."""
    owners, middles, ways, laid, relief = [], [], [], [], []
    begun = 0
    for way in range(_WAYS):
        rng = np.random.default_rng(way)
        top, height, where = _way(np.pi * way / _WAYS, rng)
        tone = rng.uniform(-_TONE, _TONE, len(where))
        keys, owner = np.unique(top, return_inverse=True)
        dab, moved = keys // _SQUARES**2 - 1, np.stack(np.divmod(keys % _SQUARES**2, _SQUARES)) - _SQUARES // 2
        owners.append(owner.reshape(_SIDE, _SIDE) + begun)
        middles.append(np.rint(where[dab].T - _SIDE * moved))
        ways.append(np.full(len(keys), way << 8))
        laid.append(keys > 0)
        around = cv2.GaussianBlur(np.pad(height.reshape(_SIDE, _SIDE), 8, mode="wrap"), (0, 0), 0.7)
        lit = 0.8 * (around[9:-7, 8:-8] - around[7:-9, 8:-8]) + 0.5 * (around[8:-8, 9:-7] - around[8:-8, 7:-9])
        levels = _RELIEF * (lit / lit.std()).clip(-2.5, 2.5) + tone[dab][owner].reshape(lit.shape)
        relief.append(np.rint(levels * _UNIT).astype(np.int16))
        begun += len(keys)
    joined = np.concatenate
    return _Layout(
        np.stack(owners).astype(np.intp), joined(middles, 1).astype(np.intp), joined(ways).astype(np.intp),
        joined(laid).astype(np.int16), np.stack(relief).reshape(-1),
    )  # fmt: skip


def _way(angle: float, rng: np.random.Generator) -> tuple[NDArray[np.intp], NDArray[np.float64], NDArray[np.float64]]:
    """Lay dabs that lead so, from the right downwards: which is on top, how high a place is, and middles ``(n, 2)``.

    Which is that number plus one, times the squares of `_SQUARES`, plus that one of them in which the place would be.
    """
    count = round(_SIDE * (_OFTEN / (_LONG * _WIDE)) ** 0.5)
    grid = np.indices((count, count)).reshape(2, -1).T
    middles = rng.permutation((grid + rng.uniform(0, 1, grid.shape)) * _SIDE / count)
    reach, every = int(0.75 * _LONG), (len(middles), 1, 1)
    rows, columns = (
        at.astype(int)[:, None, None] + np.arange(-reach, reach + 1).reshape(shape)
        for at, shape in zip(middles.T, ((1, -1, 1), (1, 1, -1)), strict=True)
    )
    down, right = rows - middles[:, :1, None], columns - middles[:, 1:, None]
    leads, end, period, phase, raised = (
        angle + rng.normal(0, _ASKEW, every), rng.uniform(0, 1, every), rng.uniform(*_BRISTLES, every),
        rng.uniform(0, 1, every), rng.normal(0, 0.15, every),
    )  # fmt: skip
    across = down * np.cos(leads) - right * np.sin(leads)
    u, v = (
        one / (0.5 * side * rng.uniform(*_UNLIKE, every))
        for one, side in ((right * np.cos(leads) + down * np.sin(leads), _LONG), (across, _WIDE))
    )
    inside = np.nonzero((np.abs(u) < 1.2) & (np.abs(v) < 1))
    dab, u, v, across = inside[0], u[inside], v[inside], across[inside]
    end, period, phase, raised = (one[dab, 0, 0] for one in (end, period, phase, raised))
    raised += (1 - 0.9 * np.abs(v) ** 3) * (1 - 0.35 * u.clip(0, 1) ** 2)
    raised += 0.25 * np.sin(2 * np.pi * (across / period + phase))
    ragged = 1 + 0.18 * np.sin(2 * np.pi * (1.5 * v + end))
    laid = np.abs(u / ragged) ** 3 + np.abs(v) ** 2.5 < 1
    y, x, dab = (one[laid] for one in (rows[inside[0], inside[1], 0], columns[inside[0], 0, inside[2]], dab))
    shift = (y // _SIDE + _SQUARES // 2) * _SQUARES + x // _SIDE + _SQUARES // 2
    place = y % _SIDE * _SIDE + x % _SIDE  # where dabs lie one over the other, the last is on top
    top, height = np.zeros(_SIDE**2, np.intp), np.zeros(_SIDE**2)
    top[place] = (dab + 1) * _SQUARES**2 + shift
    height[place] = raised[laid]
    return top, height, middles
