"""Discontinuities of a broadcast's timestamps: where recordings of other hours were concatenated."""

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


class Discontinuity(NamedTuple):
    """A jump ahead of a file's timestamps: the seconds before and after it."""

    last: Fraction
    next: Fraction

    def is_between(self, last: Fraction | float, now: Fraction | float) -> bool:
        """Tell whether a stream whose timestamps go from `last` to `now` seconds makes this jump."""
        return abs(float(last - self.last)) < _TOGETHER and abs(float(now - self.next)) < _TOGETHER


def discontinuities(path: Path) -> list[Discontinuity]:
    """Find where the timestamps of the picture and of all sound jump ahead together; reads the whole file once.

    Where sound goes on while there is no picture, or the other way round, time did pass.
    """
    found: dict[int, list[Discontinuity]] = {}
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
                found.setdefault(index, []).append(Discontinuity(last[index], clock))
            last[index] = clock
    heard = [found.get(index, []) for index in last if index != shown]
    together = lambda jump: all(any(jump.is_between(*other) for other in others) for others in heard)
    return list(filter(together, found.get(shown, [])))
