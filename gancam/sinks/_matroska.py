"""The shape of pixels in a Matroska or WebM file, which FFmpeg's writer takes from where PyAV cannot put it."""

import zlib
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import NamedTuple

_SEGMENT, _SEEKS, _VOID, _INFO, _TRACKS = 0x18538067, 0x114D9B74, 0xEC, 0x1549A966, 0x1654AE6B
_SEEK, _SEEK_ID, _SEEK_PLACE, _CRC, _ENTRY, _VIDEO = 0x4DBB, 0x53AB, 0x53AC, 0xBF, 0xAE, 0xE0
_WIDTH, _HEIGHT, _UNIT, _SHOWN_WIDTH, _SHOWN_HEIGHT = 0xB0, 0xBA, 0x54B2, 0x54B0, 0x54BA
_RATIO = 3  # a unit: width and height shown are a ratio alone
_HEAD = 1 << 20  # bytes within which the tracks are described
_LONGEST = 8  # bytes of a number


class _NoPlace(Exception):
    pass


class _Element(NamedTuple):
    """RFC 8794: an identity from `place` on, a length from `size` on, and the data from `start` to `end`."""

    id: int
    place: int
    size: int
    start: int
    end: int


def set_aspect(path: Path, aspect: Fraction) -> bool:
    """Write the shape of pixels into a finished file (RFC 9559, 5.1.4.1.28).

    What the description of the track grows by is taken from the gap behind the list of places, so that all but two
    places stay.

    Args:
        path: A file made by FFmpeg.
        aspect: How many times as wide as high a pixel of its video is. WebM knows no other unit than the width shown,
            so there it is rounded to a pixel of that; else it is exact.

    Returns:
        Whether it was written; where there is no gap, nothing is.
    """
    with path.open("r+b") as file:
        data = file.read(_HEAD)
        try:
            head = _with_aspect(data, aspect)
        except (StopIteration, IndexError, OverflowError, ZeroDivisionError, _NoPlace):
            return False
        if len(head) != len(data):
            return False
        file.seek(0)
        file.write(head)
    return True


def _with_aspect(data: bytes, aspect: Fraction) -> bytes:
    """The head `data` of a file, as long as it was."""
    ratio = b"webm" not in data[: next(_elements(data, 0, len(data))).end]
    segment = _find(_SEGMENT, data, 0, len(data))
    seeks, gap, tracks = (_find(kind, data, segment.start, segment.end) for kind in (_SEEKS, _VOID, _TRACKS))
    videos = (
        (entry, part)
        for entry in _elements(data, tracks.start, tracks.end)
        if entry.id == _ENTRY
        for part in _elements(data, entry.start, entry.end)
        if part.id == _VIDEO
    )
    entry, video = next(videos)
    parts = list(_elements(data, video.start, video.end))
    width, height = (_number(data, _find(kind, data, video.start, video.end)) for kind in (_WIDTH, _HEIGHT))
    shown = Fraction(width, height) * aspect
    sizes = (shown.numerator, shown.denominator) if ratio else (max(round(width * aspect), 1), height)
    kept = b"".join(
        data[part.place : part.end] for part in parts if part.id not in (_UNIT, _SHOWN_WIDTH, _SHOWN_HEIGHT)
    )
    kept += _made(_SHOWN_WIDTH, sizes[0]) + _made(_SHOWN_HEIGHT, sizes[1]) + (_made(_UNIT, _RATIO) if ratio else b"")
    grown = len(kept) - (video.end - video.start)
    if not seeks.end == gap.place < gap.end <= tracks.place or tracks.end > len(data):
        raise _NoPlace
    new_video = _begun(data, video, grown) + kept
    new_entry = _begun(data, entry, grown) + data[entry.start : video.place] + new_video + data[video.end : entry.end]
    inner = data[tracks.start : entry.place] + new_entry + data[entry.end : tracks.end]
    return b"".join(
        [
            data[: seeks.place],
            _begun(data, seeks, 0),
            _checked(_moved(data, seeks, grown)),
            _begun(data, gap, -grown),
            bytes(gap.end - gap.start - grown),
            data[gap.end : tracks.place],
            _begun(data, tracks, grown),
            _checked(inner),
            data[tracks.end :],
        ]
    )


def _elements(data: bytes, place: int, end: int) -> Iterator[_Element]:
    while place < min(end, len(data)):
        length = 9 - data[place].bit_length()
        known = int.from_bytes(data[place : place + length], "big")
        size = place + length
        bits = 9 - data[size].bit_length()
        start = size + bits
        found = int.from_bytes(data[size:start], "big") & ((1 << 7 * bits) - 1)
        yield _Element(known, place, size, start, start + found)
        place = start + found


def _find(kind: int, data: bytes, place: int, end: int) -> _Element:
    for element in _elements(data, place, end):
        if element.id == kind:
            return element
    raise _NoPlace


def _number(data: bytes, element: _Element) -> int:
    return int.from_bytes(data[element.start : element.end], "big")


def _made(kind: int, value: int) -> bytes:
    """An element that holds a number. Raises `_NoPlace` for one that none holds: it was read from a damaged head."""
    size = max((value.bit_length() + 7) // 8, 1)
    if size > _LONGEST:
        raise _NoPlace
    return kind.to_bytes((kind.bit_length() + 7) // 8, "big") + bytes([0x80 | size]) + value.to_bytes(size, "big")


def _begun(data: bytes, element: _Element, more: int) -> bytes:
    """Identity and length of `element` when its data is `more` bytes longer; as many bytes as before."""
    bits = element.start - element.size
    length = element.end - element.start + more
    if not 0 <= length < (1 << 7 * bits) - 1:
        raise _NoPlace
    return data[element.place : element.size] + (length | 1 << 7 * bits).to_bytes(bits, "big")


def _moved(data: bytes, seeks: _Element, by: int) -> bytes:
    """The list of places when information and tracks are `by` bytes nearer."""
    made = bytearray(data[seeks.start : seeks.end])
    for seek in _elements(data, seeks.start, seeks.end):
        if seek.id != _SEEK:
            continue
        place = _find(_SEEK_PLACE, data, seek.start, seek.end)
        if _number(data, _find(_SEEK_ID, data, seek.start, seek.end)) in (_INFO, _TRACKS):
            size = place.end - place.start
            near = (_number(data, place) - by).to_bytes(size, "big")
            made[place.start - seeks.start : place.end - seeks.start] = near
    return bytes(made)


def _checked(inner: bytes) -> bytes:
    """The data of an element, the checksum at its beginning (if there is one) that of what follows."""
    if inner[:2] != bytes([_CRC, 0x84]):
        return inner
    return inner[:2] + zlib.crc32(inner[6:]).to_bytes(4, "little") + inner[6:]
