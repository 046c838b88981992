"""Grain and lines for holes that were filled smoothly, from what is around them.

What a small network makes of a wide hole has the right colours in the right places, but no grain, and a line ends in it
as a smudge. Here every patch that touches the hole looks for the known patch most like it, and the places of the hole
become the mean of what the patches found lay there, again and again from coarse to fine (Wexler et al.,
https://doi.org/10.1109/TPAMI.2007.60). Two things keep it from preferring what is smooth: what the network filled in is
first compared with a blurred picture of the surroundings, since it is blurred itself; and how strong gradients are
around a place is compared as well (Newson et al., https://arxiv.org/abs/1503.05528, section 3.3).
"""

import math
from typing import Any, NamedTuple

import cv2
import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from gancam.effects.inpainting import pieces
from gancam.effects.inpainting.pieces import PATCH, Level, Matches, Places, counts, cut, joined, mean, usable
from gancam.effects.inpainting.regions import Floats, floats, ramp
from gancam.frame import Image
from gancam.masks import Mask
from gancam.vision.planes import disc
from gancam.vision.push_pull import spread

WIDE = 14  # pixels from the edge of a hole to its middle from which on it is wide
CONTEXT = 96  # pixels around a wide part that are looked at, more around a very large one
CROWDED = 0.15  # share of that which is hole, too, from which on it is not alone
SOFT = 7  # pixels over which what is made fades where a hole becomes narrow
FINEST = 4  # pixels a side of the smallest places that anchors have to themselves
MOST = 9000  # places of the hole there, at most: they are larger in larger holes
DEEP = 6  # places from a hole's edge to its middle, at most, where all is compared with all
SEARCHES = 5  # of all with all, and means of what was found
JOINED = 2  # pixels a side of those places where pieces are joined
ROUNDS, LAST = 3, 1  # of looking around what was found, at each finer size and at the last
FEW_OF = 128  # places for each patch from which on too few of them are looked at to lay them all out
BESIDE = ((-1, 0), (1, 0), (0, -1), (0, 1))
NEAR = 0.05  # squared grey levels that a place counts as unlike for each squared place it is away
GUIDE = 0.15  # what a place that the network filled counts at first, beside a known one
BLUR = 1.5  # places: deviation of the blur in which known ones are compared with those
STRENGTH, AROUND = 3.0, 15  # weight of the strength of gradients, and the pixels a side that it is the mean over
USUAL = 15  # places a side of which the strength in the middle of their order is usual
BLOCK, BUSY = 21, (11.0, 14.0)  # pixels a side of patches, and levels by which they vary where all is calm, and busy
TRUST = 0.92  # what a place of the hole counts for each place that it is further in, in a search
_LONGEST = (1 << 15) - 64  # pixels of a side, with those that are added to it
SURE = 1.3  # by how much less what is found there counts for each place, in a mean
FEWEST = 16  # known patches: with fewer there is nothing to learn from
REPEATS = 0.11, 0.06  # of how much what is beside varies: so unlike, patches do not repeat it at all, and surely do
PLAIN = 60.0  # squared grey levels by which that varies, else there is nothing to repeat
UNLIKE = 0.03, 0.4  # of how much what is beside varies: so unlike, patches are right about colours, and are not
FAINT = 20.0  # squared grey levels by which that varies at the least


class Part(NamedTuple):
    """A wide part of a hole, and what is looked at around it."""

    rows: slice
    columns: slice
    share: Floats  # (h, w) of those: 1 in the part, less and less where it becomes narrow, 0 outside the hole
    alone: float  # 0..1: 1 where all that is around it is known, 0 where more than a little is hole as well


def wide_parts(hole: Mask) -> list[Part]:
    """Find the parts of a hole, 1 in ``(h, w)`` uint8, that are wider than twice `WIDE` pixels.

    A network continues across narrower ones.
    """
    x, y, wide, tall = cv2.boundingRect(hole)
    framed = cv2.copyMakeBorder(hole, 1, 1, 1, 1, cv2.BORDER_CONSTANT, value=1)  # what lies beyond is not known either
    inner = cv2.distanceTransform(framed[y : y + tall + 2, x : x + wide + 2], cv2.DIST_L2, 3)[1:-1, 1:-1] >= WIDE
    if not inner.any():
        return []
    deep = np.asarray(cv2.dilate(inner.astype(np.uint8), disc(WIDE)), np.uint8)
    count, labels, stats, _ = cv2.connectedComponentsWithStats(deep, connectivity=8)
    found = []
    for label, (left, top, across, down, _) in enumerate(stats[1:count].tolist(), 1):
        more = CONTEXT * max(1, round(math.sqrt(across * down / MOST) / FINEST))
        rows = slice(max(y + top - more, 0), y + top + down + more)
        columns = slice(max(x + left - more, 0), x + left + across + more)
        mine = np.zeros(hole.shape, np.float32)
        mine[y : y + tall, x : x + wide] = labels == label
        mine, inside = mine[rows, columns], hole[rows, columns] > 0
        others = float(np.mean(inside[mine == 0])) if (mine == 0).any() else 1.0
        share = floats(cv2.blur(mine, (SOFT, SOFT)) * inside)
        found.append(Part(rows, columns, share, 1 - min(others / CROWDED, 1.0)))
    return found


class Texture(NamedTuple):
    """What a hole is made of by its surroundings."""

    picture: Floats  # (h, w, 3) BGR 0..255, the same as before outside the hole
    sure: float  # 0..1: how exactly the surroundings repeat in it
    fits: Floats  # (h, w) 0..1: how well the patches fit of which it is made
    busy: Floats  # (h, w) 0..1: how far nearly all that is around is detail, as a crowd, leaves and a market are
    cut: float  # how much there is in it of cuts between pieces, for each edge within them
    used: Floats  # (h, w): how often what lies around each place lies somewhere in the hole


def textured(image: Image, hole: Mask, spared: Mask | None = None) -> Texture | None:
    """Give a hole that was filled smoothly the grain and the lines of its surroundings.

    Args:
        image: uint8 ``(h, w, 3)`` BGR, filled smoothly in the hole.
        hole: not 0 there, uint8 ``(h, w)``.
        spared: not 0 where nothing is taken from, either; None: nowhere.

    Returns:
        None where too little is known to learn from, and for a side longer than what OpenCV counts (32767 pixels).
    """
    height, width = hole.shape
    if max(height, width) > _LONGEST:
        return None
    unit = FINEST
    while int(np.count_nonzero(hole)) / unit**2 > MOST:
        unit *= 2
    coarsest, depth = 2 * unit, float(cv2.distanceTransform(hole, cv2.DIST_L2, 3).max())
    while depth > DEEP * coarsest:
        coarsest *= 2
    while min(height, width) < coarsest * PATCH:
        coarsest //= 2
    if coarsest < 2 * unit:
        return None
    below, right = -height % coarsest, -width % coarsest
    picture = np.asarray(cv2.copyMakeBorder(image, 0, below, 0, right, cv2.BORDER_REPLICATE), np.uint8)
    empty, barred = (
        np.asarray(cv2.copyMakeBorder(mask, 0, below, 0, right, cv2.BORDER_CONSTANT, value=1) > 0, np.bool_)
        for mask in (hole, hole if spared is None else hole | spared)
    )
    rich, size = np.dstack([floats(picture), _strength(picture, empty)]), coarsest
    while (found := _search(_level(rich, empty, barred, size, 1))) is None:
        if size == 2 * unit:
            return None
        size //= 2  # patches that large are not known, as beside the picture's edge, where few sides are
    made, matches = found
    while size > 1:
        size //= 2
        if size >= unit:
            level = _from_above(_level(rich, empty, barred, size, 1), made)
            matches = _split(matches, level.hole)
        else:
            level = _from_above(_level(rich[..., :3], empty, barred, size, unit // size), made[..., :3])
            matches = matches._replace(found_row=2 * matches.found_row, found_column=2 * matches.found_column)
        made, matches = _refine(level, matches, last=size == 1)
    less = unit // JOINED
    level = _level(rich[..., :3], empty, barred, less, JOINED)
    rows, columns = matches.found_row // less, matches.found_column // less
    both = joined(level, matches._replace(found_row=rows, found_column=columns))
    change = cv2.resize(both.change, empty.shape[::-1], interpolation=cv2.INTER_LINEAR) * empty[..., None]
    made = floats(made + change)
    varies = _varies(picture, empty, PATCH * unit)
    fits = _fits(matches, varies, (empty.shape[0] // unit, empty.shape[1] // unit))
    fits = floats(cv2.resize(fits, empty.shape[::-1], interpolation=cv2.INTER_LINEAR))[:height, :width]
    busy = _busy(image, hole > 0, unit // FINEST)
    often = pieces.repetition(matches, unit, (empty.shape[0] // unit, empty.shape[1] // unit))
    often = floats(cv2.resize(often, empty.shape[::-1], interpolation=cv2.INTER_LINEAR))[:height, :width]
    return Texture(made[:height, :width].clip(0, 255), _sure(matches, varies), fits, busy, both.cut, often)


def _busy(picture: Image, hole: NDArray[np.bool_], times: int) -> Floats:
    """How far patches around each place vary, the middle one in order counting: one strong edge makes nothing busy.

    In a picture that is so many `times` smaller: petals are plain to who looks at a tulip from too near.
    """
    height, width = hole.shape
    size = max(width // times, 1), max(height // times, 1)
    grey, known = (floats(cv2.resize(one, size, interpolation=cv2.INTER_AREA))
                   for one in (cv2.cvtColor(picture, cv2.COLOR_BGR2GRAY), floats(~hole)))  # fmt: skip
    share = floats(cv2.blur(known, (BLOCK, BLOCK)))
    mean, square = (cv2.blur(each * known, (BLOCK, BLOCK)) / np.maximum(share, 1e-3) for each in (grey, grey * grey))
    usual = _usual(np.sqrt(np.maximum(square - mean * mean, 0))[..., None], floats(share > 0.5))
    return floats(cv2.resize(ramp(usual[..., 0], BUSY), (width, height)))


def _usual(values: Floats, seen: Floats) -> Floats:
    """The middle, in order, of `values` ``(h, w, c)`` around each place; where nothing is `seen`, that of the rim."""
    height, width, channels = values.shape
    size = max(width // FINEST, 1), max(height // FINEST, 1)
    small, known = (floats(cv2.resize(x, size, interpolation=cv2.INTER_NEAREST)) for x in (values, seen))
    near = spread(small.reshape(*known.shape, channels), known).clip(0, 255).astype(np.uint8)
    middle = np.dstack([cv2.medianBlur(np.ascontiguousarray(near[..., c]), USUAL) for c in range(channels)])
    beyond = cv2.resize(spread(floats(middle), known), (width, height), interpolation=cv2.INTER_LINEAR)
    return floats(beyond).reshape(values.shape)


def _varies(picture: Image, hole: NDArray[np.bool_], side: int) -> float:
    """Variance, in squared grey levels, of what is beside the hole within patches of `side` pixels."""
    values = floats(picture)
    mean, square = (cv2.blur(each, (side, side)) for each in (values, values * values))
    beside = (cv2.dilate(hole.astype(np.uint8), np.ones((2 * side + 1,) * 2, np.uint8)) > 0) & ~hole
    return float((square - mean * mean)[beside].mean()) if beside.any() else 0.0


def _sure(matches: Matches, varies: float) -> float:
    """How little the patches of the hole are unlike what they found, for how much those beside it vary, 0 to 1."""
    unlike = matches.unlike[np.isfinite(matches.unlike)]
    if not len(unlike) or varies < PLAIN:
        return 0.0
    most, least = REPEATS
    return float(np.clip((most - float(unlike.mean()) / varies) / (most - least), 0, 1))


def _fits(matches: Matches, varies: float, shape: tuple[int, int]) -> Floats:
    """The same for each place of the anchors' grid, from the patches that lie over it."""
    usable = np.isfinite(matches.unlike)
    row, column, unlike = matches.row[usable], matches.column[usable], matches.unlike[usable]
    sums = np.zeros((*shape, 2), np.float32)
    counting = counts(unlike) + np.float32(1e-4) if len(unlike) else unlike
    sums[row, column] = np.column_stack([counting * np.maximum(unlike, 0), counting])
    last = PATCH - 1, PATCH - 1
    sums = floats(cv2.boxFilter(sums, -1, (PATCH, PATCH), anchor=last, borderType=cv2.BORDER_CONSTANT))
    share = np.log(sums[..., 0] / np.maximum(sums[..., 1], 1e-9) / max(varies, FAINT) + 1e-4)
    least, most = np.log(UNLIKE)
    return floats(cv2.blur(np.clip((most - share) / (most - least), 0, 1), (3, 3))).clip(0, 1)


def _level(picture: Floats, hole: NDArray[np.bool_], barred: NDArray[np.bool_], size: int, stride: int) -> Level:
    """`size` times smaller; a place with any of the hole in it is hole."""
    if size == 1:
        return Level(picture, hole, barred, stride)
    height, width = hole.shape[0] // size, hole.shape[1] // size
    less = cv2.resize(picture, (width, height), interpolation=cv2.INTER_AREA)
    parts = [np.asarray(mask.reshape(height, size, width, size).any((1, 3)), np.bool_) for mask in (hole, barred)]
    return Level(floats(less), parts[0], parts[1], stride)


def _from_above(level: Level, made: Floats) -> Level:
    """With what was `made` at half its size in the hole."""
    height, width = level.hole.shape
    above = floats(cv2.resize(made, (width, height), interpolation=cv2.INTER_CUBIC))
    return level._replace(picture=np.where(level.hole[..., None], above, level.picture))


def _strength(picture: Image, hole: NDArray[np.bool_]) -> Floats:
    """Mean size of the gradients across and down around each place, ``(h, w, 2)``.

    In the hole it is what is usual around it: grain is, a single edge is not.
    """
    grey = floats(cv2.cvtColor(picture, cv2.COLOR_BGR2GRAY))
    known = floats(cv2.dilate(hole.astype(np.uint8), np.ones((3, 3), np.uint8)) == 0)
    share = floats(cv2.blur(known, (AROUND, AROUND)))
    steps = [cv2.Sobel(grey, cv2.CV_32F, *way, ksize=1) for way in ((1, 0), (0, 1))]
    means = [cv2.blur(np.abs(step) * known, (AROUND, AROUND)) / np.maximum(share, 1e-3) for step in steps]
    strength, seen = floats(STRENGTH * np.dstack(means)), floats(share > 0.1)
    return np.where(seen[..., None] > 0, strength, _usual(strength, seen))


def _patches(picture: Floats, row: Places, column: Places) -> Floats:
    """The patches that begin there, ``(n, PATCH * PATCH * channels)``."""
    windows = sliding_window_view(picture, (PATCH, PATCH), axis=(0, 1))
    return np.ascontiguousarray(windows[row, column]).reshape(len(row), -1)


def _free(hole: NDArray[np.bool_], side: int) -> NDArray[np.bool_]:
    """Where patches of `side` pixels begin that have none of the hole in them."""
    near = cv2.dilate(hole.astype(np.uint8), np.ones((side, side), np.uint8), anchor=(0, 0))
    return np.asarray(near[: hole.shape[0] - side + 1, : hole.shape[1] - side + 1] == 0, np.bool_)


def _places(where: NDArray[np.bool_]) -> tuple[Places, Places]:
    row, column = np.nonzero(where)
    return row.astype(np.int64), column.astype(np.int64)


def _search(level: Level) -> tuple[Floats, Matches] | None:
    """Every patch with some of the hole in it against every known one."""
    hole, picture = level.hole, level.picture
    sources = _places(_free(level.barred, PATCH))
    anchors = _places(np.asarray(~_free(hole, PATCH), np.bool_))
    if len(sources[0]) < FEWEST:
        return None
    channels = picture.shape[2]

    def weights(places: Floats) -> Floats:
        return _patches(np.repeat(places[..., None], channels, 2), *anchors)

    depth = cv2.distanceTransform(hole.astype(np.uint8), cv2.DIST_L2, 3)
    trust, sure = weights(floats(TRUST**depth)), weights(floats(SURE**-depth)).mean(1)
    known = weights(floats(~hole))
    middle = np.array([128.0] * 3 + [0.0] * (channels - 3), np.float32)
    centred = picture - middle  # near 0, where float32 is fine
    source = _patches(centred, *sources)
    share = floats(~hole)
    soft = cv2.GaussianBlur(centred * share[..., None], (0, 0), BLUR)
    soft = _patches(floats(soft / np.maximum(cv2.GaussianBlur(share, (0, 0), BLUR), 1e-3)[..., None]), *sources)
    made = picture
    matches: Matches | None = None
    for turn in range(SEARCHES):
        target = _patches(centred, *anchors)
        pairs = [(source, trust)]
        if turn == 0:
            pairs = [(source, known), (soft, (1 - known) * np.float32(GUIDE))]
        matches = _nearest(pairs, target, sources, anchors)
        counting = counts(matches.unlike) * sure + np.float32(1e-4)
        made = mean(level._replace(picture=made), matches, counting)
        centred[hole] = made[hole] - middle
    assert matches is not None
    return made, matches


def _nearest(
    pairs: list[tuple[Floats, Floats]], target: Floats, sources: tuple[Places, Places], anchors: tuple[Places, Places]
) -> Matches:
    """For each of `target` the source with the least weighed squared difference; `pairs` are sources and weights."""
    total = floats(sum(weight.sum(1) for _, weight in pairs))
    best, unlike = np.zeros(len(target), np.int64), np.zeros(len(target), np.float32)
    squares = [source * source for source, _ in pairs]
    step = max(1, (1 << 23) // len(sources[0]))  # 32 MB of differences at a time
    for start in range(0, len(target), step):
        part = slice(start, start + step)
        away = sum(
            square @ weight[part].T - 2 * (source @ (weight[part] * target[part]).T)
            for square, (source, weight) in zip(squares, pairs, strict=True)
        )
        distance = (sources[0][:, None] - anchors[0][part]) ** 2 + (sources[1][:, None] - anchors[1][part]) ** 2
        away = away + np.float32(NEAR) * total[part] * distance.astype(np.float32)
        best[part] = chosen = away.argmin(0)
        own = sum((weight[part] * target[part] ** 2).sum(1) for _, weight in pairs)
        unlike[part] = away[chosen, np.arange(len(chosen))] + own
    mean = floats(np.maximum(unlike, 0) / total)
    return Matches(*anchors, sources[0][best], sources[1][best], mean)


def _split(matches: Matches, hole: NDArray[np.bool_]) -> Matches:
    """Anchors for every place of a level that is twice as fine, each with what the one above it found."""
    row, column = _places(np.asarray(~_free(hole, PATCH), np.bool_))
    shape = hole.shape[0] // 2, hole.shape[1] // 2
    empty = np.ones(shape, np.uint8)
    empty[matches.row, matches.column] = 0
    _, nearest = cv2.distanceTransformWithLabels(empty, cv2.DIST_L2, 3, labelType=cv2.DIST_LABEL_PIXEL)
    order = np.zeros(int(nearest.max()) + 1, np.int64)
    order[nearest[matches.row, matches.column]] = np.arange(len(matches.row))
    above = order[nearest[row // 2, column // 2]]
    down, right = (matches.found_row - matches.row)[above], (matches.found_column - matches.column)[above]
    return Matches(row, column, row + 2 * down, column + 2 * right, matches.unlike[above])


def _refine(level: Level, matches: Matches, *, last: bool) -> tuple[Floats, Matches]:
    """Let each anchor look one pixel around what it found, and where its neighbours found theirs.

    After Barnes et al., https://doi.org/10.1145/1531326.1531330.
    """
    stride, side = level.stride, PATCH * level.stride
    known = _free(level.barred, side)
    row, column = matches.row * stride, matches.column * stride
    number = np.full((int(matches.row.max()) + 3, int(matches.column.max()) + 3), -1, np.int64)
    number[matches.row + 1, matches.column + 1] = np.arange(len(row))
    around = [number[matches.row + 1 + down, matches.column + 1 + right] for down, right in BESIDE]
    around = [np.where(beside < 0, np.arange(len(row)), beside) for beside in around]

    def looks(picture: NDArray[Any]) -> NDArray[Any]:
        """A pixel of each place of every patch, by where it begins."""
        return sliding_window_view(picture, (side, side), axis=(0, 1))[..., ::stride, ::stride]

    sources = looks(np.asarray(level.picture.clip(0, 255), np.uint8))
    if known.size < FEW_OF * len(row):
        sources = sources.reshape(*known.shape, -1)  # side by side in memory
    y = np.clip(matches.found_row, 0, known.shape[0] - 1)
    x = np.clip(matches.found_column, 0, known.shape[1] - 1)
    made, best = level.picture, matches.unlike
    for _ in range(LAST if last else ROUNDS):
        target = floats(looks(made)[row, column].reshape(len(row), -1))
        best = np.full(len(row), np.inf, np.float32)
        tried = [(y + down, x + right) for down in (-1, 0, 1) for right in (-1, 0, 1)]
        tried += [(row + (y - row)[beside], column + (x - column)[beside]) for beside in around]
        for there, here in tried:
            there, here = np.clip(there, 0, known.shape[0] - 1), np.clip(here, 0, known.shape[1] - 1)
            apart = sources[there, here].reshape(target.shape) - target
            unlike = np.einsum("ij,ij->i", apart, apart) / np.float32(apart.shape[1])
            unlike[~known[there, here]] = np.inf
            better = unlike < best
            best, y, x = np.where(better, unlike, best), np.where(better, there, y), np.where(better, here, x)
        matches = Matches(matches.row, matches.column, y, x, floats(best))
        laid = level._replace(picture=made)
        made = cut(laid, matches) if last else mean(laid, matches, usable(matches.unlike))
    return made, matches
