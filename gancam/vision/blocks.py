"""The blocks of JPEG, taken out of a picture that was saved at a low quality."""

import math

import cv2
import numpy as np
from numpy.typing import NDArray

from gancam.frame import Image
from gancam.vision.planes import darkest

_SIDE = 192  # pixels of the middle of a picture that are looked at
_KEPT = 4  # frequencies across and down that are looked at first: higher ones are mostly lost
_TABLE = np.array(  # of quality 50
    [
        [16, 11, 10, 16, 24, 40, 51, 61],
        [12, 12, 14, 19, 26, 58, 60, 55],
        [14, 13, 16, 24, 40, 57, 69, 56],
        [14, 17, 22, 29, 51, 87, 80, 62],
        [18, 22, 37, 56, 68, 109, 103, 77],
        [24, 35, 55, 64, 81, 104, 113, 92],
        [49, 64, 78, 87, 103, 121, 120, 101],
        [72, 92, 95, 98, 112, 100, 103, 99],
    ]
)
_LIKELY = 0.3  # of the error of values that fall anywhere, up to which they are multiples of a step
_ALIKE = 3  # qualities after one that may fit better: of higher ones the steps divide those of a lower one
_FIRST = 3  # of those frequencies that are looked at first
_CLOSE = 0.1  # of that, by which another quality may fit better
_RARE = 0.03  # of blocks: so few that are no multiples change nothing
_FEWEST = 60  # values that must be told from nothing
_COARSEST, _FINEST = 5, 90  # qualities of pictures in which anything can be seen, and of which quality is told
_GRIDS = (0, 4), (2, 10), (4, 8), (6, 2), (8, 12), (10, 6), (12, 4), (14, 14)  # rows and columns: no two of 8 alike
_BLOCKY = 45  # quality from which on blocks are not seen by themselves
_MIDDLE = 128  # grey, which is 0 before the transform
_SOME, _MANY, _FEW = 4096, 48, 8  # blocks: among which those are sought that tell most; how many do, and must
_UNEVEN, _UNCUT = 24, 4  # levels within a block, and pixels of it that were not cut off, from which on it tells
_AGAIN, _ONWARD = 6, 1.8  # how often what was cut off is guessed, and how far each time
_EXACT, _UNLIKE = 0.5, 0.6  # levels off a picture of the quality at most, and of what others are off
_RINGS, _BESIDE = 1.5, 13  # of the lowest step: how strong rings on paper are; how near to ink they are, in pixels
_SHARES = (12, 25, _BLOCKY), (0.75, 0.5, 0.0)  # by quality, of the mean of those grids: the first lies nearer
_FAITHFUL = (12, 25, _FINEST, 95), (0.75, 0.5, 0.5, 0.0)  # for what would make more of blocks that are not seen

Levels = NDArray[np.float32]


def _steps(quality: int) -> Levels:
    """The steps of all frequencies, as libjpeg scales them."""
    per_cent = 5000 // quality if quality < 50 else 200 - 2 * quality
    return np.asarray(np.clip((_TABLE * per_cent + 50) // 100, 1, 255), np.float32)


_STEPS = np.array([_steps(quality) for quality in range(_COARSEST, _FINEST + 1)])
_WAVES = np.cos(np.pi / 8 * np.outer(np.arange(8), np.arange(8) + 0.5)).astype(np.float32) / 2  # DCT-II
_WAVES[0] /= np.sqrt(np.float32(2))
_BOTH = np.kron(_WAVES, _WAVES)  # down and across


def deblocked(image: Image, strength: float, *, sharpened: bool = False) -> Image:
    """Give a picture that was saved as JPEG, at a low quality, without its blocks; another is given as it came.

    Saved anew with its grid elsewhere, at the same quality, a picture has other blocks; the mean over several grids has
    none (A. Nosratinia, Enhancement of JPEG-compressed images by re-application of JPEG, 2001).

    Args:
        image: uint8 ``(H, W, 3)`` BGR.
        strength: 0 to 1.
        sharpened: Whether it is for something that sharpens: then qualities up to 90 count, of which blocks and rings
            beside edges are hardly seen yet, pages of letters are told, and the specks around those go.
    """
    quality = saved_quality(image, _FINEST if sharpened else _BLOCKY)
    if quality is None:
        return image
    share = strength * float(np.interp(quality, *(_FAITHFUL if sharpened else _SHARES)))
    mixed = np.asarray(cv2.addWeighted(_elsewhere(image, quality), share, image, 1 - share, 0), np.uint8)
    if not sharpened:
        return mixed
    depth = strength * _RINGS * float(_STEPS[quality - _COARSEST, 0, 0])
    black = np.asarray(cv2.bitwise_not(_on_paper(mixed, image, depth)), np.uint8)
    return np.asarray(cv2.bitwise_not(_on_paper(black, np.asarray(cv2.bitwise_not(image), np.uint8), depth)), np.uint8)


def _on_paper(mixed: Image, image: Image, depth: float) -> Image:
    """`mixed`, where `image` is white paper beside ink, without rings that are up to `depth` levels darker than that.

    What of the rings was lighter than white was cut off, so that no mean takes the others away.
    """
    white = np.asarray(cv2.inRange(image, (255, 255, 255), (255, 255, 255)))
    if not depth or not cv2.countNonZero(white):
        return mixed
    ink = cv2.erode(darkest(image), np.ones((_BESIDE, _BESIDE), np.uint8)) < _MIDDLE
    around = cv2.blur(white, (9, 9)) / np.float32(51)  # fifths of the pixels: of one on it is paper, of two wholly
    share = np.clip(2 - (255 - darkest(mixed)) / np.float32(depth), 0, 1) * np.clip(around - 1, 0, 1) * ink
    return np.asarray(cv2.blendLinear(np.full_like(mixed, 255), mixed, share, 1 - share), np.uint8)


def saved_quality(image: Image, finest: int = _BLOCKY) -> int | None:
    """Tell at which quality of libjpeg a picture was saved, wherever its grid begins.

    Values of a frequency are then multiples of a step, which the table of ITU-T T.81, K.1, gives for each quality.

    Args:
        image: uint8 ``(H, W, 3)`` BGR.
        finest: The highest quality that is looked for, up to 90.

    Returns:
        5 to `finest`; None for one that was saved at none of these.
    """
    part = _middle(image)
    grey = np.asarray(cv2.cvtColor(part, cv2.COLOR_BGR2GRAY), np.float32)
    steps = _STEPS[: finest + 1 - _COARSEST]
    lowest = steps[:, :_KEPT, :_KEPT].reshape(len(steps), -1)[:, 1:]
    grids = list(dict.fromkeys([(0, 0), _grid(grey)]))
    found = [_quality(grey[top:, left:], lowest) for top, left in grids]
    slow = finest > _BLOCKY  # frames must be quick
    if slow and not any(found) and min(grey.shape) >= 16 and (part.min() == 0 or part.max() == 255):
        wholes = [_whole(part[top:, left:], grey[top:, left:]) for top, left in grids]
        found = [_quality(whole, lowest) for whole in wholes if whole is not None]
    if slow and not any(found):
        steps = steps.reshape(len(steps), -1)
        likely = [(top, left) for top, left in grids if not _surely_none(_telling(part[top:, left:]), steps)]
        found = [_cut_quality(_telling(image[top:, left:]), steps) for top, left in likely]
    return min((quality for quality in found if quality is not None), default=None)


def _middle(image: Image) -> Image:
    """Its middle, in whole blocks from its corner."""
    top, left = (max(side - _SIDE, 0) // 16 * 8 for side in image.shape[:2])
    return np.ascontiguousarray(image[top : top + _SIDE, left : left + _SIDE])


def _whole(part: Image, grey: Levels) -> Levels | None:
    """Give `grey` with its blocks plain that were cut off at black or white: their values are no multiples any more.

    None where so few were that all else told already.
    """
    down, across = (side // 8 for side in grey.shape)
    size = across * 8, down * 8
    cut = np.asarray(cv2.inRange(part[: size[1], : size[0]], (1, 1, 1), (254, 254, 254))) == 0
    blocks = cut.reshape(down, 8, across, 8).any((1, 3))
    if blocks.mean() < _RARE:
        return None
    blocks = blocks.repeat(8, 0).repeat(8, 1)
    return np.where(blocks, np.float32(_MIDDLE), grey[: size[1], : size[0]])


def _grid(grey: Levels) -> tuple[int, int]:
    """Where the first row and column of blocks most likely begin: after the strongest of eight edges."""

    def begins(values: Levels) -> int:
        steps = values[:, :-1] - values[:, 1:]
        bends = np.abs(steps[:, 1:-1] - (steps[:, :-2] + steps[:, 2:]) / 2)
        whole = bends.shape[1] // 8 * 8
        if not whole:
            return 0
        return (int(bends[:, :whole].mean(0).reshape(-1, 8).mean(0).argmax()) + 2) % 8

    return begins(grey.T), begins(grey)


def _quality(grey: Levels, steps: Levels) -> int | None:
    """The lowest quality at which what is not 0 is a multiple of its step; of those beside it the best.

    `steps` are those of each quality from `_COARSEST` on, of the frequencies that are looked at but the lowest.
    """
    down, across = (side // 8 for side in grey.shape)
    if not down or not across:
        return None
    blocks = (grey[: down * 8, : across * 8] - _MIDDLE).reshape(down, 8, across, 8)
    waves = _WAVES[:_KEPT]
    values = np.abs(np.tensordot(np.tensordot(waves, blocks, (1, 1)), waves, (3, 1)))  # (down, .., across, across)
    values = np.moveaxis(values, -1, 1).reshape(_KEPT**2, -1)[1:]
    likely = np.flatnonzero(_errors(values[:_FIRST], steps[:, :_FIRST]) < 2 * _LIKELY)
    errors = _errors(values, steps[likely])
    fits = likely[errors < min(_LIKELY, errors.min(initial=1) + _CLOSE)]
    if not len(fits):
        return None
    beside = (likely >= fits[0]) & (likely < fits[0] + _ALIKE)
    return int(likely[beside][errors[beside].argmin()]) + _COARSEST


def _errors(values: Levels, steps: Levels) -> Levels:
    """How far `values` ``(frequencies, n)`` are from multiples of `steps` ``(m, frequencies)``, for each of those.

    1 is as far as anything is, or where few values tell.
    """
    times = (values / steps[..., None]).reshape(len(steps), values.size)
    told = times > 0.75
    off = (times - np.rint(times)) * told
    sums = np.einsum("ij,ij->i", off, off)
    count = np.array([cv2.countNonZero(each) for each in told.view(np.uint8)])
    return np.where(count < _FEWEST, 1, 12 * sums / np.maximum(count, 1)).astype(np.float32)


def _telling(image: Image) -> NDArray[np.uint8]:
    """Those blocks ``(n, 64, 3)`` all over a picture in which most is seen that was not cut off at black or white."""
    down, across = (side // 8 for side in image.shape[:2])
    every = max(1, math.isqrt(down * across // _SOME))
    part = image[: down * 8, : across * 8].reshape(down, 8, across, 8, 3)[::every, :, ::every]
    if not part.size:
        return np.empty((0, 64, 3), np.uint8)
    cut = cv2.inRange(part.reshape(-1, part.shape[2] * 8, 3), (1, 1, 1), (254, 254, 254)) == 0
    levels = part[..., 1].copy()
    # Down first: numpy adds and compares whole rows at once.
    whole = 64 - cut.reshape(levels.shape).sum(1, np.uint8).sum(2, int).ravel()
    apart = (levels.max(1).max(2).astype(int) - levels.min(1).min(2)).ravel()
    whole[apart < _UNEVEN] = 0
    most = np.lexsort((-apart, -whole))[:_MANY]  # of as whole ones, those of which finer steps are told, too
    most = most[whole[most] >= _UNCUT]
    row, column = np.divmod(most, part.shape[2])
    return np.asarray(part[row, :, column].reshape(-1, 64, 3), np.uint8)


def _surely_none(blocks: NDArray[np.uint8], steps: Levels) -> bool:
    """Whether those of `blocks` of which nothing was cut off are multiples of no quality's steps: told in no time."""
    whole = blocks[((blocks > 0) & (blocks < 255)).all((1, 2))][: 2 * _FEW]
    if len(whole) < _FEW:
        return False
    waves = (np.asarray(cv2.cvtColor(whole, cv2.COLOR_BGR2GRAY), np.float32) - _MIDDLE) @ _BOTH.T
    times = waves / steps[:, None]  # (qualities, blocks, 64)
    off = np.square((times - np.rint(times)) * steps[:, None]).mean((1, 2))  # as of pixels: the transform keeps lengths
    return bool(off.min() > (2 * _EXACT) ** 2)


def _cut_quality(blocks: NDArray[np.uint8], steps: Levels) -> int | None:
    """The quality of which what is seen of `blocks` is, whatever was cut off at black and white, as beside letters.

    What was cut off is guessed: by turns `blocks` are made multiples of the steps, and what is seen of them is put back
    (as D. C. Youla and H. Webb, Image restoration by the method of convex projections, 1982).
    """
    if len(blocks) < _FEW:
        return None
    grey = np.asarray(cv2.cvtColor(blocks, cv2.COLOR_BGR2GRAY), np.float32) - _MIDDLE
    white, black = (blocks == 255).any(2), (blocks == 0).any(2)
    most, least = (np.where(cut, side, 0).astype(np.float32) for cut, side in ((white, np.inf), (black, -np.inf)))
    seen = grey.size - np.count_nonzero(white | black)
    step = steps[:, None]
    guess = np.zeros(1, np.float32)
    for _ in range(_AGAIN if seen < grey.size else 1):
        more = (np.rint((grey + guess) @ _BOTH.T / step) * step) @ _BOTH - grey  # (qualities, blocks, 64)
        beyond = np.minimum(np.maximum(more, least), most)
        guess = guess + _ONWARD * (beyond - guess)
    off = np.sqrt(np.square(more - beyond).sum((1, 2)) / seen)
    best = int(off.argmin())
    others = np.delete(off, np.s_[max(best - _ALIKE, 0) : best + _ALIKE + 1])
    return best + _COARSEST if off[best] < min(_EXACT, _UNLIKE * others.min()) else None


def _elsewhere(image: Image, quality: int) -> Image:
    """The mean of what `image` is when it is saved with its grid at other places."""
    height, width = image.shape[:2]
    around = np.asarray(cv2.copyMakeBorder(image, 16, 16, 16, 16, cv2.BORDER_REPLICATE), np.uint8)
    total = np.zeros(image.shape, np.uint16)
    fine, coarse = cv2.IMWRITE_JPEG_SAMPLING_FACTOR_444, cv2.IMWRITE_JPEG_SAMPLING_FACTOR_420
    sampling = fine if quality > _BLOCKY else coarse  # halved once more, colours of thin lines would fade
    settings = [cv2.IMWRITE_JPEG_QUALITY, quality, cv2.IMWRITE_JPEG_SAMPLING_FACTOR, sampling]
    for top, left in _GRIDS:
        moved = around[top : top + height + 16, left : left + width + 16]
        _, saved = cv2.imencode(".jpg", moved, settings)
        made = np.asarray(cv2.imdecode(saved, cv2.IMREAD_COLOR), np.uint8)[16 - top :, 16 - left :]
        cv2.add(total, made[:height, :width], dst=total, dtype=cv2.CV_16U)
    return np.asarray(cv2.convertScaleAbs(total, alpha=1 / len(_GRIDS)), np.uint8)
