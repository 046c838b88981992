"""Whether a video file is truncated, by its own structure; where that is not certain, it is taken for whole."""

import struct
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO

_SEGMENT = 0x18538067  # the element of Matroska that holds all but the head
_ASF_HEAD = bytes.fromhex("3026b2758e66cf11a6d900aa0062ce6c")
_ASF_FILE = bytes.fromhex("a1dcab8c47a9cf118ee400c00c205365")  # the object that tells the file's size
_MXF_HEAD = bytes.fromhex("060e2b34020501010d0102010102")
_BOXES = {b"ftyp", b"moov", b"mdat", b"free", b"skip", b"wide", b"moof", b"mfra", b"sidx", b"styp", b"uuid", b"meta"}
_TAIL = 1 << 18  # bytes at the end in which a whole packet of a stream is looked for
_LATE = 500  # milliseconds by which the last tag may come before the end that is told
_AUDIO_TAG, _VIDEO_TAG, _WORDS_TAG = 8, 9, 18  # of FLV


def is_truncated(path: Path) -> bool:
    """Tell whether a video file ends in the middle of something, or is shorter than its own head says.

    That is known of MP4, MOV, Matroska, WebM, AVI, FLV, ASF, Ogg, MPEG-TS, MPEG-PS and MXF, and of no other.
    """
    with suppress(OSError, IndexError), path.open("rb") as file:
        head, size = file.read(1 << 12), path.stat().st_size
        return any(cut(file, head, size) for cut in _FORMATS)
    return False


def lacks_index(path: Path) -> bool:
    """Tell whether a file is MP4 or MOV without the box "moov", which recorders write last: nothing of it plays."""
    with suppress(OSError, IndexError), path.open("rb") as file:
        at, size, found = 0, path.stat().st_size, set[bytes]()
        while at < size:
            kind, length = _box(file, at)
            if kind not in _BOXES:
                return False
            found.add(kind)
            if length < 8:  # 0: to the end
                break
            at += length
        return b"mdat" in found and not found & {b"moov", b"moof"}
    return False


def _avi(file: BinaryIO, head: bytes, size: int) -> bool:
    if head[:4] != b"RIFF" or head[8:12] != b"AVI ":
        return False
    told = int.from_bytes(head[4:8], "little")
    return told < (1 << 32) - 1 and told > size  # 8 bytes more, which some count and some do not


def _matroska(file: BinaryIO, head: bytes, size: int) -> bool:
    if head[:4] != b"\x1aE\xdf\xa3":
        return False
    length, start = _ebml_length(head, 4)
    at = start + length
    if int.from_bytes(head[at : at + 4], "big") != _SEGMENT:
        return False
    length, start = _ebml_length(head, at + 4)
    unknown = length == (1 << 7 * (start - at - 4)) - 1
    return not unknown and size < start + length


def _ebml_length(data: bytes, at: int) -> tuple[int, int]:
    """A length of EBML (RFC 8794), and where it ends."""
    count = 9 - data[at].bit_length()
    return int.from_bytes(data[at : at + count], "big") & ((1 << 7 * count) - 1), at + count


def _mp4(file: BinaryIO, head: bytes, size: int) -> bool:
    """Whether the last box (ISO/IEC 14496-12, 4.2) is not whole."""
    at = 0
    while head[4:8] in _BOXES:
        kind, length = _box(file, at)
        if kind not in _BOXES or length < 8:  # 0: to the end, whatever that is
            return False
        at += length
        if at >= size:
            return at > size
    return False


def _box(file: BinaryIO, at: int) -> tuple[bytes, int]:
    """The kind and the length of the box at `at`, as it tells them."""
    file.seek(at)
    box = file.read(16)
    length = int.from_bytes(box[:4], "big")
    return box[4:8], int.from_bytes(box[8:16], "big") if length == 1 else length


def _flv(file: BinaryIO, head: bytes, size: int) -> bool:
    """Whether the last tag is not whole, or the first tells of more bytes and more time than there are."""
    if head[:4] != b"FLV\x01":
        return False
    file.seek(max(size - 4, 0))
    length = int.from_bytes(file.read(4), "big")
    last = _flv_tag(file, max(size - 4 - length, 0))
    first = int.from_bytes(head[5:9], "big") + 4
    if last is not None and last[0] == length:
        begin = _flv_tag(file, first)
        bytes_told, seconds_told = (_flv_number(head, name) for name in (b"filesize", b"duration"))
        return begin is not None and bytes_told > size and seconds_told * 1000 > last[1] - begin[1] + _LATE
    at = first  # the file does not end with a tag: go through all, to be sure that it does with a part of one
    while (tag := _flv_tag(file, at)) is not None:
        if at + tag[0] > size:
            return True
        at += tag[0] + 4
    return False


def _flv_tag(file: BinaryIO, at: int) -> tuple[int, int] | None:
    """The length of the tag at `at` with its head, and its time in milliseconds; None where no tag is."""
    file.seek(at)
    tag = file.read(11)
    if len(tag) < 11 or tag[0] & 0x1F not in (_AUDIO_TAG, _VIDEO_TAG, _WORDS_TAG) or tag[8:] != b"\0\0\0":
        return None
    return 11 + int.from_bytes(tag[1:4], "big"), tag[7] << 24 | int.from_bytes(tag[4:7], "big")


def _flv_number(head: bytes, name: bytes) -> float:
    """What `name` is in the words of the first tag (AMF 0: its length, it, a mark, 8 bytes); 0 where it is not."""
    found = head.find(len(name).to_bytes(2, "big") + name + b"\0")
    return float(struct.unpack_from(">d", head, found + len(name) + 3)[0]) if found >= 0 else 0.0


def _asf(file: BinaryIO, head: bytes, size: int) -> bool:
    at = head.find(_ASF_FILE)
    if head[:16] != _ASF_HEAD or at < 0:
        return False
    live = head[at + 88] & 1
    return not live and int.from_bytes(head[at + 40 : at + 48], "little") > size


def _ogg(file: BinaryIO, head: bytes, size: int) -> bool:
    """Whether the last page (RFC 3533) is not whole."""
    if head[:4] != b"OggS":
        return False
    tail = _tail(file, size)
    page = tail[tail.rfind(b"OggS\0") :]
    if not page.startswith(b"OggS\0"):
        return False
    table = page[27 : 27 + page[26]] if len(page) > 26 else b""
    return len(page) < 27 or len(page) < 27 + page[26] + sum(table)


def _transport_stream(file: BinaryIO, head: bytes, size: int) -> bool:
    """Whether the last packet of MPEG-TS is not whole; those before it are."""
    for length, before in ((188, 0), (192, 4), (204, 0)):  # the last: with bytes that mend errors
        if set(head[before::length][:8]) == {0x47} and size >= 16 * length:
            file.seek((size // length - 8) * length)
            tail = file.read()
            marks = tail[before::length]
            return size % length > before and set(marks) == {0x47}
    return False


def _program_stream(file: BinaryIO, head: bytes, size: int) -> bool:
    """Whether the last packet of MPEG-PS is not whole; those before it, from a pack's head on, are."""
    if head[:4] != b"\0\0\1\xba":
        return False
    tail = _tail(file, size)
    at, whole = tail.find(b"\0\0\1\xba"), 0
    while 0 <= at <= len(tail) - 4 and tail[at : at + 3] == b"\0\0\1" and tail[at + 3] >= 0xB9:
        kind, rest = tail[at + 3], tail[at + 4 : at + 14]
        if kind == 0xB9:  # the end
            at += 4
        elif kind == 0xBA:  # of MPEG-1: always as long
            at += 12 if rest[:1] < b"\x40" else 14 + (rest[9] & 7 if len(rest) == 10 else 0)
        else:
            at += 6 + int.from_bytes(rest[:2], "big")
        whole += at <= len(tail)
    return whole > 1 and at > len(tail)


def _mxf(file: BinaryIO, head: bytes, size: int) -> bool:
    """Whether the last set (SMPTE 377-1: a key, a length of BER, the value) is not whole."""
    if head[:14] != _MXF_HEAD:
        return False
    file.seek(size - 4)
    file.seek(max(size - int.from_bytes(file.read(4), "big"), 0))  # an index of the file ends most
    at = file.tell()
    at = at if 0 < at < size - 4 and file.read(4) == _MXF_HEAD[:4] else 0
    while at < size:
        file.seek(at)
        key = file.read(25)
        if key[:4] != _MXF_HEAD[:4]:
            return False
        if len(key) < 17 or len(key) < 17 + (key[16] & 0x7F) * (key[16] >> 7):
            return True
        count = key[16] & 0x7F if key[16] & 0x80 else 0
        at += 17 + count + int.from_bytes(key[17 : 17 + count] if count else key[16:17], "big")
    return at > size


def _tail(file: BinaryIO, size: int) -> bytes:
    file.seek(max(size - _TAIL, 0))
    return file.read()


_FORMATS = (_avi, _matroska, _mp4, _flv, _asf, _ogg, _transport_stream, _program_stream, _mxf)
