"""Subtitles and other data on their way into a file: in the part that is written, and in the form that it holds."""

import re
from collections.abc import Callable, Iterator
from fractions import Fraction
from typing import Any, NamedTuple, TypeAlias

import av

from gancam.media.streams import is_pause

Packet: TypeAlias = "av.Packet[Any]"  # quoted: only the type stubs know it as generic

_SPOKEN = {"srt": "SubRip", "subrip": "SubRip", "ass": "ASS", "ssa": "ASS", "webvtt": "WebVTT"}
_FIELDS = 8  # of a line of ASS, before its words
_MILLI = Fraction(1, 1000)
_LASTS = Fraction(5)  # seconds for which words are shown that end nowhere
_PGS_COMPOSITION = b"\x16"  # the first byte of what shows or hides a subtitle of a Blu-ray
_PGS_STATE, _PGS_HEAD = 10, 14  # where it says whether all is told anew; behind that, how many pictures are shown
_DVD_UNIT = Fraction(1024, 90_000)  # seconds
_STYLE = (  # of which FFmpeg makes the description that MP4 wants
    "[Script Info]\r\nScriptType: v4.00+\r\n[V4+ Styles]\r\n"
    "Format: Name, Fontname, Fontsize, PrimaryColour, SecondaryColour, OutlineColour, BackColour, Bold, Italic, "
    "Underline, StrikeOut, ScaleX, ScaleY, Spacing, Angle, BorderStyle, Outline, Shadow, Alignment, MarginL, MarginR, "
    "MarginV, Encoding\r\n"
    "Style: Default,Arial,16,&Hffffff,&Hffffff,&H0,&H0,0,0,0,0,100,100,0,0,1,1,0,2,10,10,10,0\r\n"
    "[Events]\r\nFormat: Layer, Start, End, Style, Name, MarginL, MarginR, MarginV, Effect, Text\r\n"
)


class _Text(NamedTuple):
    end: Fraction | None  # seconds; None: when the next comes
    words: str


class Words:
    """A track of words that are converted.

    MP4 and MOV show one text at a time: where several are shown together, these become one, anew at every change.

    Args:
        codec: What they are in: MP4's mov_text for Matroska; SubRip, ASS and WebVTT for MP4 and MOV.
        output: The container that gets them; it must not have been begun.

    Attributes:
        stream: Theirs.
        said: What is done, for a note.
    """

    def __init__(self, codec: str, output: av.container.OutputContainer) -> None:
        self.stream: Any
        self._read: Callable[[bytes], str]
        self._together = codec == "mov_text"  # whether texts may be shown at one time
        if codec == "mov_text":
            self.said = "from mov_text to SubRip"
            self.stream = output.add_mux_stream("subrip")
            self._read = _of_mp4
        else:
            self.said = f"from {_SPOKEN[codec]} to mov_text"
            self.stream = output.add_stream("mov_text")
            self.stream.codec_context.subtitle_header = _STYLE.encode()
            self._read = _of_ass if _SPOKEN[codec] == "ASS" else _of_lines
        self.stream.time_base = _MILLI
        self._shown: list[_Text] = []
        self._written = Fraction(0)  # seconds: until there, what is shown is written

    def __call__(self, packet: Packet) -> list[Packet]:
        """Convert a packet; one without words gives none: it only ends its predecessor.

        What is given may be of earlier packets: how long they are shown as they are is known only then.
        """
        base = Fraction(packet.time_base or 0)
        begin = (packet.pts or 0) * base
        text = _Text(begin + packet.duration * base if packet.duration else None, self._read(bytes(packet)))
        if self._together:
            return [self._packet(begin, text.end or begin, text.words)] if text.words else []
        made = self.until(begin)
        if self._shown and begin > self._written:
            made.append(self._so_far(begin))
        self._written = max(self._written, begin)
        self._shown = [one for one in self._shown if one.end is not None]  # the others last until the next
        self._shown += [text] if text.words else []
        return made

    def until(self, seconds: Fraction | None) -> list[Packet]:
        """Give what is shown before `seconds` (None: ever) and known; no packet may come that begins there."""
        made = []
        while ends := [one.end for one in self._shown if one.end is not None]:
            if seconds is not None and min(ends) > seconds:
                break
            if min(ends) > self._written:
                made.append(self._so_far(min(ends)))
            self._shown = [one for one in self._shown if one.end is None or one.end > self._written]
        return made

    def finish(self, end: Fraction | None) -> list[Packet]:
        """Give the rest, which ends at `end` seconds at the latest."""
        made = self.until(end)
        if self._shown:
            made.append(self._so_far(self._written + _LASTS if end is None else end))
        self._shown = []
        return made

    def _so_far(self, end: Fraction) -> Packet:
        begin, self._written = self._written, end
        return self._packet(begin, end, "\n".join(one.words for one in self._shown))

    def _packet(self, begin: Fraction, end: Fraction, words: str) -> Packet:
        data = words.encode()
        if not self._together:
            data = data[:0xFFFF]
            data = len(data).to_bytes(2, "big") + data
        made = av.Packet(data)
        made.pts = made.dts = round(begin / _MILLI)
        made.duration, made.time_base = round(end / _MILLI) - made.pts, _MILLI
        made.stream = self.stream
        return made


class Cues:
    """One track of what is shown or holds from one moment to another, in the part of its file that is written.

    What begins before the part and lasts into it begins with it, and what lasts beyond its end ends there. Of
    subtitles that do not say how long they are shown, those last shown before the part are shown from its beginning.

    Args:
        stream: The track, in the file that it is in.
        origin: The seconds of the file's clock that become 0.
        begin: Where the part begins, in seconds from `origin`; None: nothing is before it.
        end: Where it ends; None: nothing is behind it. Attribute too.
        target: The stream that gets them.
        words: What converts them; None: they are copied.
    """

    def __init__(
        self,
        stream: av.stream.Stream,
        origin: Fraction,
        begin: Fraction | None,
        end: Fraction | None,
        target: av.stream.Stream,
        words: Words | None = None,
    ) -> None:
        self._codec = stream.codec_context.name if stream.codec_context is not None else ""
        self._is_shown = stream.type == "subtitle"
        self._origin, self._begin, self.end = origin, begin, end
        self._target, self._words = target, words
        self._before: list[Packet] = []  # what is shown where the part begins

    def take(self, packet: Packet) -> list[Packet]:
        """Give what is to be written of `packet`, and what had to wait for it."""
        packet.pts = packet.dts if packet.pts is None else packet.pts
        if packet.pts is None or packet.time_base is None:  # the empty packet that ends a stream
            return []
        if self._codec == "mov_text" and is_pause(bytes(packet)):
            return []  # it ends its predecessor, which says its length itself
        packet.pts -= round(self._origin / packet.time_base)
        if self.end is not None and packet.pts * packet.time_base >= self.end:
            return []
        if self._begin is not None and packet.pts * packet.time_base < self._begin:
            self._keep(packet)
            return []
        return [*self._at_begin(), *self._made(packet)]

    def until(self, seconds: Fraction | None) -> list[Packet]:
        """Give what waits and is known by `seconds`; None: all that waits."""
        made = self._at_begin() if seconds is None or self._begin is None or seconds > self._begin else []
        if self._words is not None:
            made += self._words.finish(self.end) if seconds is None else self._words.until(seconds)
        return made

    def _keep(self, packet: Packet) -> None:
        """Remember what may be shown still when the part begins."""
        assert self._begin is not None
        lasts = self._lasts(packet)
        if self._codec == "pgssub":
            head = bytes(packet)[:_PGS_HEAD]
            composes = head[:1] == _PGS_COMPOSITION
            if composes and (head[_PGS_STATE] or not head[-1]):  # what came before is not needed, or hidden
                self._before = []
            if not self._before and not (composes and head[-1]):
                return
        else:
            self._before = [one for one in self._before if self._lasts(one)]  # until this one
        if lasts is None:
            self._before += [packet] if self._is_shown else []
        elif (packet.pts or 0) * Fraction(packet.time_base or 0) + lasts > self._begin:
            self._before.append(packet)

    def _at_begin(self) -> list[Packet]:
        before, self._before = self._before, []
        return [made for packet in before for made in self._made(packet)]

    def _made(self, packet: Packet) -> list[Packet]:
        base, lasts = Fraction(packet.time_base or 1), self._lasts(packet)
        was = begin = packet.pts or 0
        ended = end = None if lasts is None else begin + round(lasts / base)
        if self._begin is not None:
            begin = max(begin, round(self._begin / base))
        if end is not None and self.end is not None:
            end = min(end, round(self.end / base))
        if end is not None and end <= begin:
            return []
        if self._codec == "dvdsub" and end is not None and (begin, end) != (was, ended):
            packet = _same_but(packet, _dvd_dates(bytes(packet), (begin - was) * base, (end - begin) * base))
        packet.pts = packet.dts = begin
        packet.duration = packet.duration and (0 if end is None else end - begin)
        if self._words is not None:
            return self._words(packet)
        packet.stream = self._target
        return [packet]

    def _lasts(self, packet: Packet) -> Fraction | None:
        """How many seconds `packet` is shown; None: until the next."""
        if packet.duration:
            return packet.duration * Fraction(packet.time_base or 0)
        return _dvd_end(bytes(packet)) if self._codec == "dvdsub" else None


def can_convert(codec: str, form: str) -> bool:
    """Whether `Words` of `codec` go into a container of the format `form`."""
    return (codec == "mov_text" and form == "matroska") or (codec in _SPOKEN and form in ("mp4", "mov"))


def _of_mp4(data: bytes) -> str:
    return data[2 : 2 + int.from_bytes(data[:2], "big")].decode("utf-8", "replace")


def _of_lines(data: bytes) -> str:
    return _plain(re.sub(r"</?[a-zA-Z][^>]*>", "", data.decode("utf-8", "replace")))


def _of_ass(data: bytes) -> str:
    words = data.decode("utf-8", "replace").split(",", _FIELDS)[-1]
    return _plain(words.replace(r"\N", "\n").replace(r"\n", "\n").replace(r"\h", " "))


def _plain(words: str) -> str:
    """The words without the marks in braces of ASS, which SubRip has too."""
    return re.sub(r"\{\\[^}]*\}", "", words).replace("\r\n", "\n").strip()


def _same_but(packet: Packet, data: bytes) -> Packet:
    made = av.Packet(data)
    made.pts, made.dts, made.duration, made.time_base = packet.pts, packet.dts, packet.duration, packet.time_base
    return made


def _dvd_sequences(data: bytes) -> Iterator[int]:
    """Where the dates are in a subtitle of a DVD: two bytes, of which one unit is 1024 / 90000 s; then the commands."""
    place = int.from_bytes(data[2:4], "big")
    while place + 4 <= len(data):
        yield place
        following = int.from_bytes(data[place + 2 : place + 4], "big")
        if following <= place:
            return
        place = following


def _dvd_end(data: bytes) -> Fraction | None:
    """After how many seconds a subtitle of a DVD is hidden; None where it does not say: its last date hides it."""
    dates = [int.from_bytes(data[place : place + 2], "big") for place in _dvd_sequences(data)]
    return dates[-1] * _DVD_UNIT if dates and dates[-1] else None


def _dvd_dates(data: bytes, later: Fraction, lasts: Fraction) -> bytes:
    """The subtitle of a DVD, when it comes by `later` seconds later and is shown for `lasts` at most."""
    made = bytearray(data)
    for place in _dvd_sequences(data):
        date = min(max(int.from_bytes(data[place : place + 2], "big") * _DVD_UNIT - later, Fraction(0)), lasts)
        made[place : place + 2] = round(date / _DVD_UNIT).to_bytes(2, "big")
    return bytes(made)
