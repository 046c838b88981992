"""Timestamps of concatenated files (``cat a.ts b.ts``), which jump where the next file begins."""

from contextlib import suppress
from fractions import Fraction
from functools import cached_property
from pathlib import Path

import av

from gancam.media.discontinuities import LEAST, Discontinuity, discontinuities
from gancam.media.streams import open_file, picture_of
from gancam.sinks._subtitles import Packet

_BACK = Fraction(1, 2)  # seconds by which times that belong together never go back


class TimestampRepair:
    """Shifts the packets beside a picture to where it goes on: sources show each frame right after the one before.

    Args:
        path: The file that they are in.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._late = dict[int, Fraction]()  # seconds by which packets of a stream are later than they say
        self._count = dict[int, int]()  # how often it jumped
        self._usual = dict[int, Fraction]()  # by which they are later since the timestamps jumped ahead: below 0
        self._back = False  # whether it jumped back, not ahead alone
        self._last, self._moved = dict[int, Fraction](), dict[int, Fraction]()  # its last packet, as it was and moved

    def __call__(self, packet: Packet) -> bool:
        """Move a packet; whether it comes behind the one before, else it is of a sound longer than its picture."""
        index = packet.stream.index
        if packet.dts is None or not packet.time_base:
            return True
        clock = packet.dts * packet.time_base
        last = self._last.get(index, clock)
        self._last[index] = clock
        ahead = clock > last + LEAST and any(jump.is_between(last, clock) for jump in self._ahead)
        jumps = ahead or clock < last - _BACK
        if jumps and (count := self._count.get(index, 0)) < len(self._of_picture):
            self._count[index], self._late[index] = count + 1, self._of_picture[count]
            if ahead:
                self._usual[index] = self._late[index]
            self._back = self._back or clock < last
        if index in self._count:
            usual = self._usual.get(index, Fraction(0))
            if clock + usual > self._moved[index] + _BACK:  # it is back where it was
                self._late[index] = usual
            ticks = round(self._late[index] / packet.time_base)
            packet.dts += ticks
            packet.pts = None if packet.pts is None else packet.pts + ticks
            if packet.dts * packet.time_base <= self._moved[index]:
                return False
        self._moved[index] = packet.dts * packet.time_base
        return True

    @property
    def note(self) -> str:
        """A note that timestamps jumped back; empty where they did not."""
        return f"the timestamps of {self._path.name} jump back, as in concatenated files" if self._back else ""

    @cached_property
    def _ahead(self) -> list[Discontinuity]:
        return discontinuities(self._path)

    @cached_property
    def _of_picture(self) -> list[Fraction]:
        """The seconds by which the pictures after each jump are shown later than they say."""
        found, late, usual, end = list[Fraction](), Fraction(0), Fraction(0), Fraction(0)
        last: Fraction | None = None
        before: Fraction | None = None  # when the picture before is shown: in .mpg the last may get the next one's time
        with suppress(av.FFmpegError, OSError, IndexError), open_file(self._path) as film:
            stream = picture_of(film)
            if stream is None or stream.average_rate is None:
                return found
            for packet in film.demux(stream):
                if packet.dts is None or packet.pts is None or packet.time_base is None:
                    continue
                clock, shown = packet.dts * packet.time_base, packet.pts * packet.time_base
                ahead = before is not None and any(jump.is_between(before, shown) for jump in self._ahead)
                before = shown
                if ahead or (last is not None and clock < last - _BACK):
                    late = end - shown
                    usual = late if ahead else usual
                    found.append(late)
                elif shown + usual > end:
                    late = usual
                last, end = clock, max(end, shown + late + 1 / Fraction(stream.average_rate))
        return found
