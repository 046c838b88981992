"""Colours for grey pictures: what was found for a frame, spread within its outlines and carried along its motion."""

import hashlib
from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from gancam.effects.translation.levels import Levels
from gancam.effects.translation.palette import Palette
from gancam.frame import Image, room
from gancam.vision.chroma import coloured
from gancam.vision.flow import DenseFlow, Motion
from gancam.vision.motion import Grey, small_grey
from gancam.vision.planes import Planes
from gancam.vision.scenes import is_cut

Plane = NDArray[np.float32]
_GRID, _HALVINGS = 128, 4  # pixels of the longer side that colours are spread on, and how often that is halved
_EDGE = 8.0  # grey levels from one of those pixels to the next over which a colour reaches 1 / e as far
_THROUGH = 1e-3  # how much of it goes through any edge
_OWN = 4e-3  # how much a pixel keeps to its own colour, against to a neighbour of the same grey
_ALL = 3e-4  # the same, for what it shall agree with: one that is four times as far away counts
_SWEEPS, _COARSEST = 4, 30  # over each grid, and over the coarsest
_DAMPED = 0.9  # of a sweep's change
_MEMORY, _BELIEVED = 90.0, 20.0  # frames, at most and at least, that count in what is known of a place
_FOUND, _LOST = 0.5, 1.5  # of its pixels: how far from it what comes back may end, and what then was not there
_RECALLED = 30.0  # frames that count, at most, in what is known of a place that was covered
_EACH, _AHEAD = 2, 20  # every how manieth frame of a shot is looked at ahead, and how many of those, at most
_BYTES = 128 << 20  # of all of these, at most
_SAME, _OTHER = 12.0, 36.0  # grey levels of change that are noise, and that make it another thing
_DARKER, _BLIND = 4.0, 6.0  # times darker or lighter that a frame is made up for, at most; levels that tell nothing
_AGREED, _MOST = 1.2, (0.4, 0.7)  # times that two places differ in that and agree; shares of them that begin to count
_SHOWN = 0.04  # the logarithm of that from which on it is made up for
_DRIFT = 1 / 60  # of that, by which what is known goes along in a frame: light that stays is how it is
_REST = 0.3  # pixels of the small picture in which motion is looked for: less is none
_LESS = 0.7  # of the size at which a network is shown the mirrored picture
_WINDOW, _FLAT = (3, 3), 30.0  # of the guided filter, and the variance under which there is no edge
_FINE = 640  # pixels of the longer side up to which colours follow luma: the eye is coarse for them
_EDGES, _LIT = (3.0, 8.0), 80.0  # grey levels that make an edge in the dark, and in a picture of that mean
_DULL, _RICH = 0.04, 0.12  # shares of a picture that are edges, from none of the colours found to all of them
_BLACK, _WHITE = (15.0, 60.0), (195.0, 248.0)  # grey levels between which a place is ever less black, ever more white
_NEUTRAL = 0.8  # of its colour that such a place loses
_FAINT, _SURE = 2.0, 25.0  # grey levels of chroma: what is found by chance, and what is mostly right
_PALER, _RICHER = 0.7, 1.5  # what becomes of the one and the other
_AMPLE = 20.0  # grey levels beyond what is sure in which that ends: what is strong, such as skin, stays
_PLAINER = 0.5  # power of the contrast that a faded picture is shown with more, by which its colours are weaker
_LUMA = 0.114, 0.587, 0.299  # of blue, green and red


class _Known(NamedTuple):
    """What is known after a frame."""

    small: Grey  # that frame
    state: Plane  # (h, w, 4) on the grid: the means of blue and of red less luma, and of luma, and of how many frames
    levels: Levels | None = None  # how faded it is


class _Grid(NamedTuple):
    """What colours shall be, times how much each pixel keeps to that, and what goes across to the next and down."""

    wanted: Plane  # (k, h, w)
    across: Plane  # (h, w - 1)
    down: Plane  # (h - 1, w)
    own: Plane  # (h, w)

    def coarser(self) -> "_Grid":
        """The same of half as many pixels a side."""
        return _Grid(_sums(self.wanted), _coarser(self.across), _coarser(self.down.T).T, _sums(self.own))

    def relaxed(self, planes: Plane, sweeps: int) -> Plane:
        """`planes` after some sweeps of a damped Jacobi iteration."""
        across, down, total = self.across, self.down, self.own.copy()
        total[:, 1:] += across
        total[:, :-1] += across
        total[1:] += down
        total[:-1] += down
        inverse = np.float32(_DAMPED) / total
        for _ in range(sweeps):
            new = self.wanted.copy()
            new[..., :-1] += across * planes[..., 1:]
            new[..., 1:] += across * planes[..., :-1]
            new[..., :-1, :] += down * planes[..., 1:, :]
            new[..., 1:, :] += down * planes[..., :-1, :]
            new *= inverse
            planes = np.float32(1 - _DAMPED) * planes + new
        return planes


class Tint:
    """Gives a picture the colours that a network finds for it, calmly and within its outlines.

    On a small grid each place keeps a mean of what was found there, moved along with what moves (dense optical flow)
    and begun anew where the picture changed, where what is there was hidden (the flow back does not return), and at a
    cut. What is uncovered begins with the colours that what is so light had there (`Palette`), and a shot that was read
    ahead with those of several of its frames. That mean is spread: to the colours whose difference from it
    and from those of their neighbours is least, where neighbours of another grey count less (a screened Poisson
    equation, from the coarsest grid to the finest). So halos go, colours end at outlines, and where those that are
    found within one outline contradict each other, near or far (`agreed`), grey is left. What is sure becomes more
    `vivid`. Then they are enlarged as a linear function of luma around each place (fast guided filter,
    https://arxiv.org/abs/1505.00996).
    """

    def __init__(self) -> None:
        self._known: _Known | None = None
        self._mirrored = False  # how the next frame is shown to the network
        self._flow, self._back, self._planes = DenseFlow(_REST), DenseFlow(_REST), Planes()
        self._palette = Palette()
        self._openings: dict[bytes, NDArray[np.int8]] = {}  # of shots that were read ahead, by their first frames

    def reset(self) -> None:
        """Forget the frames before, and what was read ahead."""
        self._known, self._openings = None, {}
        self._palette.clear()

    def read_ahead(self, frames: Iterable[Image], look: Callable[[Image], Image]) -> None:
        """Learn which colours each shot of a clip begins with: what is known when its first frames were seen backwards.

        Args:
            frames: Of the clip, as `seen` when they are played.
            look: As when they are played.
        """
        self.reset()
        openings: dict[bytes, NDArray[np.int8]] = {}
        shot: list[Image] = []
        begins, last = 0, None
        for index, seen in enumerate(frames):
            small, _ = small_grey(seen)
            if last is not None and is_cut(last, small):
                openings.update(self._opened(shot, look))
                shot, begins = [], index
            if (index - begins) % _EACH == 0 and len(shot) < room(seen, _AHEAD, _BYTES):
                shot.append(seen)
            last = small
        openings.update(self._opened(shot, look))
        self.reset()
        self._openings = openings

    def _opened(self, shot: Sequence[Image], look: Callable[[Image], Image]) -> dict[bytes, NDArray[np.int8]]:
        """What is known at the first of `shot`."""
        self.reset()
        for seen in reversed(shot):
            state, _, gain, _ = self._followed(seen, look, 1.0)
            state[..., :2] /= np.float32(gain)
        # In bytes, as a film has many shots: blue and red less luma, and of how many frames.
        return {_digest(shot[0]): np.rint(state[..., [0, 1, 3]]).clip(-128, 127).astype(np.int8)} if shot else {}

    def __call__(self, image: Image, seen: Image, look: Callable[[Image], Image], hold: float) -> Image:
        """Give `image` with its own luma and the colours found for it.

        Args:
            image: uint8 BGR ``(H, W, 3)``.
            seen: The same at the size that the network is shown.
            look: The network: keeps the size. It is shown the frame, or a smaller one mirrored, in turns; both of the
                first frame, and of each where nothing is held.
            hold: How much of what is known from the frames before counts, 0 to 1.
        """
        state, grey, gain, levels = self._followed(seen, look, hold)
        lit = _lit(grey, gain)
        clear = levels.spread(lit)
        colours = agreed(state[..., :2].transpose(2, 0, 1), clear.astype(np.float32))
        share = _richness(lit) * _coloured(clear) / np.float32(gain * levels.contrast**_PLAINER)
        return _enlarged(image, vivid(colours) * share, grey, self._planes)

    def _followed(self, seen: Image, look: Callable[[Image], Image], hold: float) -> tuple[Plane, Grey, float, Levels]:
        """What is known after `seen`, that in grey, on the grid, what times as light and how faded; see ``__call__``.

        Where lamps flicker and in fades, the network is shown a frame as light as what is known from those before: a
        face is no other colour in the dark. A faded one it is shown with black and white, as photos are.
        """
        size = _grid(seen)
        less = cv2.resize(seen, size, interpolation=cv2.INTER_AREA)
        grey = np.asarray(cv2.cvtColor(less, cv2.COLOR_BGR2GRAY), np.uint8)
        small, _ = small_grey(seen)
        known, gain = self._known if hold > 0 else None, 1.0
        if known is not None and known.state.shape[:2] == grey.shape:
            gain = _gain(known.state[..., 2], grey)
        if known is not None and (known.state.shape[:2] != grey.shape or is_cut(known.small, _lit(small, gain))):
            known, gain = None, 1.0
        if known is None:
            self._palette.clear()
            opening = self._openings.get(_digest(seen)) if hold > 0 else None
            if opening is not None:
                known = _Known(small, np.dstack([opening[..., :2], grey, opening[..., 2]]).astype(np.float32))
                self._palette.learn(known.state, known.state[..., 3])
        small, lit = _lit(small, gain), _lit(grey, gain)
        levels = Levels.of(lit).after(known.levels if known is not None else None)
        state = self._found(levels.spread(_lit(seen, gain)), look, size, both=known is None)
        state[..., 2] = lit
        found, weight = state.copy(), np.full(grey.shape, _BELIEVED if known is None else 1.0, np.float32)
        if known is not None:
            state = self._held(state, known, small, hold)
        state[..., 3] = np.maximum(state[..., 3], _BELIEVED * hold)
        if hold > 0:
            self._palette.learn(found, weight)
        kept = state.copy()
        kept[..., :3] *= np.float32(gain**-_DRIFT)
        self._known = _Known(small, kept, levels) if hold > 0 else None
        return state, grey, gain, levels

    def _found(self, seen: Image, look: Callable[[Image], Image], size: tuple[int, int], *, both: bool) -> Plane:
        """What the network finds, ``(h, w, 4)``: blue and red less luma, nothing yet, and how often it was asked."""
        state = np.zeros((size[1], size[0], 4), np.float32)
        self._mirrored = not both and not self._mirrored
        if both or not self._mirrored:
            _add(state, cv2.resize(look(seen), size, interpolation=cv2.INTER_AREA))
        if both or self._mirrored:
            less = max(round(seen.shape[1] * _LESS), 1), max(round(seen.shape[0] * _LESS), 1)
            mirrored = cv2.flip(cv2.resize(seen, less, interpolation=cv2.INTER_AREA), 1)
            found = look(np.asarray(mirrored, np.uint8))
            _add(state, cv2.flip(cv2.resize(found, size, interpolation=cv2.INTER_AREA), 1))
        state[..., :2] /= state[..., 3:]
        return state

    def _held(self, state: Plane, known: _Known, small: Grey, hold: float) -> Plane:
        """`state`, and what is `known`, moved along with the picture, where that shows the same."""
        motion = self._flow(small, known.small, (state.shape[1], state.shape[0]))
        before = known.state if motion is None else motion.carry(known.state)
        self._palette.follow(motion)
        change = cv2.blur(cv2.absdiff(before[..., 2], state[..., 2]), (3, 3))
        same = np.clip((_OTHER - change) / (_OTHER - _SAME), 0, 1)
        if motion is not None:
            same *= self._seen_before(motion, small, known.small)
        old = self._palette.recall(state[..., 2])
        weight = np.minimum(old[..., 2], _RECALLED) * (1 - same) * np.float32(hold)
        state[..., 3] += weight
        state[..., :2] += (weight / state[..., 3])[..., None] * (old[..., :2] - state[..., :2])
        frames = np.minimum(before[..., 3], _MEMORY) * same * np.float32(hold)
        state[..., 3] += frames
        share = (frames / state[..., 3])[..., None]
        state[..., :3] += share * (before[..., :3] - state[..., :3])  # luma too: a slow fade is a change
        return state

    def _seen_before(self, motion: Motion, now: Grey, before: Grey) -> Plane:
        """How surely each place was seen before, 0 to 1: what goes there again from where it came from."""
        back = self._back(before, now, (motion.x.shape[1], motion.x.shape[0]))
        rows, columns = np.indices(motion.x.shape, np.float32)
        there = np.dstack([columns, rows] if back is None else [back.x, back.y])
        ends = cv2.remap(there, motion.x, motion.y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
        apart = np.hypot(ends[..., 0] - columns, ends[..., 1] - rows)
        return np.asarray(np.clip((_LOST - apart) / (_LOST - _FOUND), 0, 1), np.float32)


def _digest(seen: Image) -> bytes:
    return hashlib.blake2b(seen.tobytes(), digest_size=16).digest()


def _grid(image: Image) -> tuple[int, int]:
    """Width and height of the grid, which can be halved."""
    step = 1 << _HALVINGS
    shrink = _GRID / max(image.shape) / step
    return max(round(image.shape[1] * shrink), 1) * step, max(round(image.shape[0] * shrink), 1) * step


def _gain(known: Plane, grey: Grey) -> float:
    """How many times as light as `grey` what is `known` of the same places is, if most of them say so; 1 if not."""
    known, grey = known[::2, ::2], grey[::2, ::2]
    seen = np.minimum(known, grey) > _BLIND
    if np.count_nonzero(seen) < 0.5 * seen.size:
        return 1.0
    apart = np.log(known[seen] / grey[seen])
    middle = float(np.median(apart))
    agree = float(np.mean(np.abs(apart - middle) < np.log(_AGREED)))
    agree = min(max((agree - _MOST[0]) / (_MOST[1] - _MOST[0]), 0.0), 1.0)
    least = max(abs(middle) - _SHOWN, 0.0) * agree
    return float(min(max(np.exp(np.copysign(least, middle)), 1 / _DARKER), _DARKER))


def _lit(image: NDArray[np.uint8], gain: float) -> NDArray[np.uint8]:
    """A picture that many times as light."""
    if gain == 1.0:
        return image
    return np.asarray(cv2.LUT(image, np.rint(np.arange(256) * gain).clip(0, 255).astype(np.uint8)), np.uint8)


def _add(state: Plane, found: object) -> None:
    image = np.asarray(found, np.uint8).astype(np.float32)
    luma = image @ np.array(_LUMA, np.float32)
    state[..., 0] += image[..., 0] - luma
    state[..., 1] += image[..., 2] - luma
    state[..., 3] += 1


def _richness(grey: Grey) -> np.float32:
    """How far a picture, on the grid, shows anything to tell colours from, 0 to 1; of a wall in soft light it does not.

    A network makes a sky of a plain picture. What counts is how much of it has edges, which soft light and noise have
    not, however strong: nothing of walls, 8 per cent of birds before a sky or a bare room, 14 and more of landscapes.
    """
    calm, window = cv2.GaussianBlur(grey, (5, 5), 0), np.ones((3, 3), np.uint8)
    least = min(max(_EDGES[1] * float(grey.mean()) / _LIT, _EDGES[0]), _EDGES[1])
    edges = int(np.count_nonzero(np.greater(cv2.morphologyEx(calm, cv2.MORPH_GRADIENT, window), least)))
    return np.float32(min(max((edges / grey.size - _DULL) / (_RICH - _DULL), 0.0), 1.0))


def _coloured(grey: Grey) -> Plane:
    """How much of a colour each place keeps: next to none in black and white, as hair and shirts of a sepia print."""
    light, (dark, pale) = grey.astype(np.float32), (_BLACK, _WHITE)
    toned = np.minimum((light - dark[0]) / (dark[1] - dark[0]), (pale[1] - light) / (pale[1] - pale[0]))
    return np.asarray(1 - _NEUTRAL * (1 - np.clip(toned, 0, 1)), np.float32)


def vivid(colours: Plane) -> Plane:
    """`colours` (2, h, w) with sure ones stronger, and faint ones fainter; their hue stays.

    A network's colours are means of what a thing may have, and so weaker than any of those: the less it is sure, the
    weaker. Of the faintest, hues are no better than chance; together they are a veil as of sepia.
    """
    chroma = np.sqrt(np.square(colours).sum(0))
    sure = np.clip((chroma - _FAINT) / (_SURE - _FAINT), 0, 1)
    beyond = np.exp(-np.square(np.maximum(chroma - _SURE, 0) / _AMPLE))
    return np.asarray(colours * (_PALER + (1 + (_RICHER - 1) * beyond - _PALER) * sure * sure * (3 - 2 * sure)))


def agreed(found: Plane, grey: Plane) -> Plane:
    """Even out `found` (2, h, w) within the outlines of `grey` (h, w), and let it agree all over a surface.

    What is found far around in the same surface is their vote, in which the strong weigh more. Half of what is given is
    that, and half what is found near, the weaker the less the votes agree: the length of their sum over their lengths'.
    """
    votes = evened(np.concatenate([found, np.hypot(*found)[None]]), grey, _ALL)
    agree = np.hypot(votes[0], votes[1]) / np.maximum(votes[2], 1e-3)
    return np.asarray(0.5 * (evened(found, grey) * agree + votes[:2]), np.float32)


def evened(found: Plane, grey: Plane, keeps: float = _OWN) -> Plane:
    """Even out `found` within the outlines of `grey`.

    Args:
        found: Any planes, float32 ``(k, h, w)``; sides that can be halved `_HALVINGS` times.
        grey: float32 ``(h, w)``, levels of 0 to 255.
        keeps: How much a pixel keeps to its own, against to a neighbour of the same grey.
    """
    across, down = (np.exp(-np.abs(np.diff(grey, axis=axis)) / _EDGE) + np.float32(_THROUGH) for axis in (1, 0))
    own, wanted = np.full(grey.shape, keeps, np.float32), found * np.float32(keeps)
    grids = [_Grid(wanted, across, down, own)]
    for _ in range(_HALVINGS):
        grids.append(grids[-1].coarser())
    planes = grids[-1].relaxed(grids[-1].wanted / grids[-1].own, _COARSEST)
    for grid in grids[-2::-1]:
        planes = grid.relaxed(planes.repeat(2, 1).repeat(2, 2), _SWEEPS)
    return planes


def _sums(planes: Plane) -> Plane:
    """Of each two by two."""
    return planes[..., ::2, ::2] + planes[..., 1::2, ::2] + planes[..., ::2, 1::2] + planes[..., 1::2, 1::2]


def _coarser(across: Plane) -> Plane:
    """What lets through from one block of two by two to the next: two ways side by side, each half, whole, half."""
    resists = 1 / across
    way = 1 / (0.5 * resists[:, :-1:2] + resists[:, 1::2] + 0.5 * resists[:, 2::2])
    return np.asarray(way[::2] + way[1::2], np.float32)


def _enlarged(image: Image, colours: Plane, grey: Grey, planes: Planes) -> Image:
    """`image` with `colours` (2, h, w) that belong to `grey` (h, w), by luma."""
    full = planes("full", image.shape[:2], np.uint8)
    cv2.cvtColor(image, cv2.COLOR_BGR2GRAY, dst=full)
    shrink = max(max(full.shape) / _FINE, 1.0)
    shape = max(round(full.shape[0] / shrink), 1), max(round(full.shape[1] / shrink), 1)
    size, guide = (shape[1], shape[0]), full
    if shape != full.shape:
        guide = planes("guide", shape, np.uint8)
        cv2.resize(full, size, dst=guide, interpolation=cv2.INTER_AREA)
    slope, offset = (planes(name, shape, np.float32) for name in ("slope", "offset"))
    blue, green, red = (planes(name, shape, np.int16) for name in ("blue", "green", "red"))
    for lines, plane in zip(_lines(colours, grey.astype(np.float32)), (blue, red), strict=True):
        for line, large in zip(lines, (slope, offset), strict=True):
            cv2.resize(line, size, dst=large, interpolation=cv2.INTER_LINEAR)
        cv2.multiply(slope, guide, dst=slope, dtype=cv2.CV_32F)
        cv2.add(slope, offset, dst=plane, dtype=cv2.CV_16S)
    cv2.addWeighted(blue, -_LUMA[0] / _LUMA[1], red, -_LUMA[2] / _LUMA[1], 0, dst=green)
    chroma = cv2.merge([blue, green, red], dst=planes("chroma", (*shape, 3), np.int16))
    if guide is not full:
        whole = planes("whole", image.shape, np.int16)
        chroma = cv2.resize(chroma, (full.shape[1], full.shape[0]), dst=whole, interpolation=cv2.INTER_LINEAR)
    return coloured(full, np.asarray(chroma, np.int16))


def _lines(colours: Plane, light: Plane) -> list[tuple[Plane, Plane]]:
    """Slope and offset of each colour as a linear function of `light` around each place."""
    middle = cv2.blur(light, _WINDOW)
    varies = cv2.blur(light * light, _WINDOW) - middle * middle + np.float32(_FLAT)
    found = []
    for plane in colours:
        mean = cv2.blur(plane, _WINDOW)
        slope = (cv2.blur(plane * light, _WINDOW) - mean * middle) / varies
        offset = cv2.blur(mean - slope * middle, _WINDOW)
        found.append((np.asarray(cv2.blur(slope, _WINDOW), np.float32), np.asarray(offset, np.float32)))
    return found
