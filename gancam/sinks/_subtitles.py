"""Words of subtitles, from the form of one container into that of another."""

import re
from collections.abc import Callable
from fractions import Fraction
from typing import Any, TypeAlias

import av

Packet: TypeAlias = "av.Packet[Any]"  # quoted: only the type stubs know it as generic

_SPOKEN = {"srt": "SubRip", "subrip": "SubRip", "ass": "ASS", "ssa": "ASS", "webvtt": "WebVTT"}
_FIELDS = 8  # of a line of ASS, before its words
_STYLE = (  # of which FFmpeg makes the description that MP4 wants
    "[Script Info]\r\nScriptType: v4.00+\r\n[V4+ Styles]\r\n"
    "Format: Name, Fontname, Fontsize, PrimaryColour, SecondaryColour, OutlineColour, BackColour, Bold, Italic, "
    "Underline, StrikeOut, ScaleX, ScaleY, Spacing, Angle, BorderStyle, Outline, Shadow, Alignment, MarginL, MarginR, "
    "MarginV, Encoding\r\n"
    "Style: Default,Arial,16,&Hffffff,&Hffffff,&H0,&H0,0,0,0,0,100,100,0,0,1,1,0,2,10,10,10,0\r\n"
    "[Events]\r\nFormat: Layer, Start, End, Style, Name, MarginL, MarginR, MarginV, Effect, Text\r\n"
)


class Words:
    """A track of words that are converted.

    Args:
        codec: What they are in: MP4's mov_text for Matroska; SubRip, ASS and WebVTT for MP4 and MOV.
        output: The container that gets them; it must not have been begun.

    Attributes:
        stream: Theirs.
        said: What is done, for a note.
    """

    def __init__(self, codec: str, output: av.container.OutputContainer) -> None:
        self.stream: Any
        self._convert: Callable[[bytes], bytes]
        if codec == "mov_text":
            self.said = "from mov_text to SubRip"
            self.stream = output.add_mux_stream("subrip")
            self._convert = _of_mp4
        else:
            self.said = f"from {_SPOKEN[codec]} to mov_text"
            self.stream = output.add_stream("mov_text")
            self.stream.codec_context.subtitle_header = _STYLE.encode()
            self._convert = _of_ass if _SPOKEN[codec] == "ASS" else _of_lines
        self.stream.time_base = Fraction(1, 1000)

    def __call__(self, packet: Packet) -> list[Packet]:
        """Convert a packet; one without words gives none: it only ends its predecessor."""
        data = self._convert(bytes(packet))
        if not data:
            return []
        made = av.Packet(data)
        made.pts, made.dts, made.duration, made.time_base = packet.pts, packet.dts, packet.duration, packet.time_base
        made.stream = self.stream
        return [made]


def can_convert(codec: str, form: str) -> bool:
    """Whether `Words` of `codec` go into a container of the format `form`."""
    return (codec == "mov_text" and form == "matroska") or (codec in _SPOKEN and form in ("mp4", "mov"))


def _of_mp4(data: bytes) -> bytes:
    return data[2 : 2 + int.from_bytes(data[:2], "big")]


def _of_lines(data: bytes) -> bytes:
    return _for_mp4(re.sub(r"</?[a-zA-Z][^>]*>", "", data.decode("utf-8", "replace")))


def _of_ass(data: bytes) -> bytes:
    words = data.decode("utf-8", "replace").split(",", _FIELDS)[-1]
    return _for_mp4(words.replace(r"\N", "\n").replace(r"\n", "\n").replace(r"\h", " "))


def _for_mp4(words: str) -> bytes:
    """The words without the marks in braces of ASS, which SubRip has too; behind their length."""
    text = re.sub(r"\{\\[^}]*\}", "", words).replace("\r\n", "\n").strip().encode()[:0xFFFF]
    return len(text).to_bytes(2, "big") + text if text else b""
