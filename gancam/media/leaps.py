"""Where the clock of a broadcast's file leaps ahead, as where recordings of other hours were put one behind another."""

from contextlib import suppress
from fractions import Fraction
from pathlib import Path
from typing import NamedTuple

import av

from gancam.media.streams import open_file, picture_of

_DISCONTINUOUS = {"mpegts", "mpeg"}  # formats whose clock may begin anew anywhere: FFmpeg's AVFMT_TS_DISCONT
# Seconds: what is shorter is a gap in which nothing was recorded, and time passes. FFmpeg closes those from 10 on, too.
LEAST = 600
_TOGETHER = 3  # seconds by which the streams of a file may begin and end apart


class Leap(NamedTuple):
    """One leap: the seconds of the file's clock before and after it."""

    last: Fraction
    next: Fraction

    def is_at(self, last: Fraction | float, now: Fraction | float) -> bool:
        """Tell whether a stream that goes from `last` to `now` takes this leap."""
        return abs(float(last - self.last)) < _TOGETHER and abs(float(now - self.next)) < _TOGETHER


def leaps(path: Path) -> list[Leap]:
    """Find where the picture of a file and all that is heard with it leap ahead together; reads the whole file once.

    Where sound goes on while there is no picture, or the other way round, time did pass.
    """
    found: dict[int, list[Leap]] = {}
    last: dict[int, Fraction] = {}
    shown = -1  # the index of the picture
    with suppress(av.FFmpegError, OSError, IndexError), open_file(path) as film:
        picture = picture_of(film)
        if picture is None or not set(film.format.name.split(",")) & _DISCONTINUOUS:
            return []
        shown = picture.index
        for packet in film.demux([picture, *film.streams.audio]):
            if packet.dts is None or not packet.time_base:
                continue
            index, clock = packet.stream.index, packet.dts * packet.time_base
            if clock > last.get(index, clock) + LEAST:
                found.setdefault(index, []).append(Leap(last[index], clock))
            last[index] = clock
    heard = [found.get(index, []) for index in last if index != shown]
    return [leap for leap in found.get(shown, []) if all(any(leap.is_at(*one) for one in ones) for ones in heard)]
