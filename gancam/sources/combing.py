"""Video of two fields a picture that does not say so: found by how its lines move."""

import itertools
from collections.abc import Iterable, Iterator
from contextlib import suppress
from fractions import Fraction
from itertools import islice
from pathlib import Path
from typing import NamedTuple, Self

import av
import numpy as np
from numpy.typing import NDArray

from gancam.media.streams import decode_on_threads, open_file, picture_of

_PLACES, _FRAMES = 3, 9  # where it is looked at, spread over the whole, and how many frames each time
_COLUMNS = 640  # of the middle of a picture
_STEP = 8  # levels by which a line stands out from both beside it
# Of 84 clips of whole pictures (480 and 720 lines, three codecs, good to very bad) the first of these ratios was at
# most 1.05, the second 1.2: none is taken for fields. Of 168 clips of fields all are found at H.264's crf 18, 93 % in
# MPEG-2 at 1.5 Mb/s, half at crf 28, where combs are blurred; none in the wrong order. (FFmpeg's idet took 5 of 84
# whole ones for fields.)
_FARTHER, _GAP, _OWN, _MOVES = 1.15, 1.3, 0.15, 0.001
_ALIKE = 1.05  # that ratio, up to which pictures are whole: between both it is left open
_LESS = 0.75  # share of what mixtures are combed
_LINES = range(400, 1089)  # that interlaced video has; in smaller, what compression leaves looks alike


class Combs(NamedTuple):
    """How combed the pictures of a video are, each as a share of its pixels, on average.

    Attributes:
        own: In a picture.
        upper_next: In what its lower field makes with the upper field of the next.
        lower_next: In what its upper field makes with the lower field of the next.
        told: Whether any picture says of itself that it is of fields.
        tall: Whether it has as many lines as interlaced video has.
    """

    own: float = 0.0
    upper_next: float = 0.0
    lower_next: float = 0.0
    told: bool = False
    tall: bool = False

    @classmethod
    def of(cls, path: Path, *, any_height: bool = False) -> Self:
        """Look at some frames of the video at `path`; at none of one that is not `tall`, unless at `any_height`."""
        combed, told, tall = [], False, False
        with suppress(av.FFmpegError, OSError, ValueError, IndexError), open_file(path) as container:
            stream = picture_of(container)
            if stream is None or stream.codec_context is None:
                return cls()
            tall = stream.codec_context.height in _LINES
            if not (tall or any_height):
                return cls()
            decode_on_threads(stream)
            for moment in _moments(container, stream):
                if moment is not None:
                    container.seek(moment, stream=stream)
                frames = list(islice(container.decode(stream), _FRAMES))
                told |= any(frame.interlaced_frame for frame in frames)
                combed += list(_combed(frames))
        if not combed:
            return cls(told=told, tall=tall)
        own, upper_next, lower_next = map(float, np.mean(combed, axis=0))
        return cls(own, upper_next, lower_next, told, tall)

    @property
    def order(self) -> str:
        """Which field comes first: "tff" (the upper), "bff", or empty where pictures are whole, or little tells.

        Where a video is of whole pictures, both mixtures are combed alike; where it is of fields, those that are a
        field apart are combed as the picture itself is, and those that are three fields apart much more.
        """
        if not self.tall:
            return ""
        for order, near, far in (("tff", self.upper_next, self.lower_next), ("bff", self.lower_next, self.upper_next)):
            moves = far > max(_MOVES, _FARTHER * near) and far - self.own > _GAP * max(near - self.own, 0)
            if moves and self.own > _OWN * near:
                return order
        return ""

    @property
    def whole(self) -> bool:
        """Whether its pictures surely are whole: none says that it is of fields, and both mixtures are combed alike.

        In a small video they must be combed more than pictures themselves.
        """
        near, far = sorted((self.upper_next, self.lower_next))
        return not self.told and far <= _ALIKE * near and (self.tall or self.own <= _LESS * near)


def _moments(container: av.container.InputContainer, stream: av.VideoStream) -> list[int | None]:
    """Ticks to look from; None: from where it is."""
    base = Fraction(stream.time_base or Fraction(1, 90_000))
    length = stream.duration or int(Fraction(container.duration or 0, av.time_base) / base)
    if length * base < 3:
        return [None]
    first = stream.start_time or 0
    return [first + length * (2 * place + 1) // (2 * _PLACES) for place in range(_PLACES)]


def _combed(frames: Iterable[av.VideoFrame]) -> Iterator[tuple[float, float, float]]:
    """Which part is combed of each picture, its lower field with the next upper, its upper with the next lower."""
    lumas = map(_luma, frames)
    for now, later in itertools.pairwise(lumas):
        if now.shape == later.shape:
            upper, lower = now[0::2], now[1::2]
            yield _combs(upper, lower), _combs(later[0::2], lower), _combs(upper, later[1::2])


def _luma(frame: av.VideoFrame) -> NDArray[np.int16]:
    left = max((frame.width - _COLUMNS) // 2, 0)
    return frame.reformat(format="gray").to_ndarray()[:, left : left + _COLUMNS].astype(np.int16)


def _combs(upper: NDArray[np.int16], lower: NDArray[np.int16]) -> float:
    """Which part of the pixels of the lower field stands out, to the same side, from the upper's above and below."""
    lines = min(len(upper) - 1, len(lower))
    above, below = lower[:lines] - upper[:lines], lower[:lines] - upper[1 : lines + 1]
    return float(((np.minimum(above, below) > _STEP) | (np.maximum(above, below) < -_STEP)).mean())
