"""What image files hold beside the picture: colour profile (ICC), EXIF and XMP, read and written byte by byte."""

import mmap
import re
import struct
import zlib
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, replace

from gancam.media.heif import Heif, is_heif, moves

_PNG = b"\x89PNG\r\n\x1a\n"
_COLOUR_CHUNKS = (b"cHRM", b"gAMA", b"sRGB")  # of PNG, what tells the colours where there is no profile
_XMP_KEY = b"XML:com.adobe.xmp"
_MPF, _PICTURES = b"MPF\0", 0xB001  # the index of a JPEG's pictures, and its tag that has their number
_EXIF, _XMP, _ICC = b"Exif\0\0", b"http://ns.adobe.com/xap/1.0/\0", b"ICC_PROFILE\0"  # heads of JPEG's segments
_SEGMENT = 65533  # bytes in a segment of JPEG
_BITS, _ORIENTATION, _XMP_TAG, _EXIF_TAG, _ICC_TAG = 258, 274, 700, 34665, 34675  # of TIFF
_SIZES = {1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 6: 1, 7: 1, 8: 2, 9: 4, 10: 8, 11: 4, 12: 8, 13: 4}  # of TIFF's types, in bytes
Chunk = tuple[bytes, bytes]  # name and content


@dataclass(frozen=True, slots=True)
class ImageMetadata:
    """What stands in an image file beside the picture; empty where it does not.

    Attributes:
        icc: The colour profile.
        exif: EXIF, from its byte order mark on.
        xmp: XMP, as text in UTF-8.
        colours: Chunks of PNG that tell its colours.
        unread: What is there and not read, for messages: "EXIF data".
    """

    icc: bytes = b""
    exif: bytes = b""
    xmp: bytes = b""
    colours: tuple[Chunk, ...] = ()
    unread: tuple[str, ...] = ()

    @property
    def orientation(self) -> int:
        """How the stored picture is to be turned: EXIF's number, 1 to 8; 1 where nothing is said."""
        place, order = self._orientation_at()
        value = int(struct.unpack_from(order + "H", self.exif, place)[0]) if place else 1
        return value if 1 <= value <= 8 else 1

    def upright(self) -> "ImageMetadata":
        """Give it without orientation, for a picture to which that was applied."""
        place, order = self._orientation_at()
        exif = self.exif
        if place:
            exif = exif[:place] + struct.pack(order + "H", 1) + exif[place + 2 :]
        xmp = re.sub(rb"""(tiff:Orientation(?:=['"]|>))\s*[1-8]""", rb"\g<1>1", self.xmp)
        return replace(self, exif=exif, xmp=xmp)

    def for_colours(self) -> tuple["ImageMetadata", str]:
        """Give it for a picture of blue, green and red: a profile of other colours (CMYK, grey) does not hold there.

        Returns:
            It, and the kind of colours whose profile was taken away; empty where none was.
        """
        kind = self.icc[16:20].decode("latin-1").strip()
        return (self, "") if kind in ("", "RGB") else (replace(self, icc=b""), kind)

    def _orientation_at(self) -> tuple[int, str]:
        """Where in `exif` the number stands (0: nowhere), and the byte order."""
        with suppress(struct.error):
            order = {b"II*\0": "<", b"MM\0*": ">"}.get(self.exif[:4], "")
            if order:
                for tag, kind, _, at in _entries(self.exif, struct.unpack_from(order + "I", self.exif, 4)[0], order):
                    if tag == _ORIENTATION and kind == 3:
                        struct.unpack_from(order + "H", self.exif, at)
                        return at, order
        return 0, "<"


def read_metadata(data: bytes) -> ImageMetadata:
    """Read what an image file holds beside the picture; what is damaged is as if it were not there."""
    with suppress(struct.error, zlib.error, IndexError, ValueError):
        if data.startswith(_PNG):
            return _read_png(data)
        if data[:2] == b"\xff\xd8":
            return _read_jpeg(data)
        if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
            chunks = dict(reversed(list(riff_chunks(data))))
            exif = chunks.get(b"EXIF", b"").removeprefix(_EXIF)
            return ImageMetadata(icc=chunks.get(b"ICCP", b""), exif=exif, xmp=chunks.get(b"XMP ", b""))
        if data[:4] in (b"II*\0", b"MM\0*"):
            return _read_tiff(data)
        if is_heif(data):
            photo = Heif(data)  # what turns it is a part of how it is decoded
            return ImageMetadata(photo.icc, photo.exif, photo.xmp).upright()
    return ImageMetadata()


def embed(data: bytes, metadata: ImageMetadata) -> tuple[bytes, list[str]]:
    """Put metadata into an image file that has none.

    Args:
        data: The file: PNG, JPEG, WebP, TIFF; all others hold none.
        metadata: What to put there, byte for byte.

    Returns:
        The file, and what it has no place for: "colour profile", "EXIF", "XMP".
    """
    named = {"colour profile": metadata.icc, "EXIF": metadata.exif, "XMP": metadata.xmp}
    there = {name: value for name, value in named.items() if value}
    writers: list[tuple[bytes, Callable[[bytes, ImageMetadata], tuple[bytes, list[str]]]]] = [
        (_PNG, _write_png), (b"\xff\xd8", _write_jpeg), (b"RIFF", _write_webp), (b"II*\0", _write_tiff),
    ]  # fmt: skip
    if there or metadata.colours:
        for magic, write in writers:
            if data.startswith(magic):
                return write(data, metadata)
    return data, list(there)


def count_pictures(data: bytes) -> tuple[int, str]:
    """Count the frames of an animation, or the pages of a TIFF file; and which of both they are."""
    with suppress(struct.error, IndexError, ValueError):
        if data.startswith(_PNG):
            for name, content in png_chunks(data):
                if name == b"acTL":
                    return max(int(struct.unpack_from(">I", content)[0]), 1), "frames"
                if name == b"IDAT":
                    break
        elif data[:4] == b"RIFF":
            return max(sum(name == b"ANMF" for name, _ in riff_chunks(data)), 1), "frames"
        elif data[:4] in (b"II*\0", b"MM\0*"):
            return max(len(list(_directories(data))), 1), "pages"
        elif moves(data):
            places = [at.start() for at in re.finditer(b"stsz", data)]
            return max(int.from_bytes(data[at + 12 : at + 16], "big") for at in places), "frames"
    return 1, "frames"


def sample_bits(data: bytes) -> int:
    """Give how many bits a sample of an image file has, 8 where it does not say."""
    if data.startswith(_PNG) and len(data) > 24:
        return data[24]
    with suppress(ValueError):
        if is_heif(data):
            return Heif(data).bits
    return max(tiff_tag(data, _BITS), default=8) if data[:4] in (b"II*\0", b"MM\0*") else 8


def tiff_tag(data: bytes, wanted: int) -> list[int]:
    """Give the numbers under a tag of the first page of a TIFF file; none where it is not there."""
    order = "<" if data[:2] == b"II" else ">"
    with suppress(struct.error, StopIteration):
        for tag, kind, count, at in _entries(data, next(_directories(data)), order):
            if tag == wanted and kind in (3, 4):
                return list(struct.unpack_from(f"{order}{count}{'H' if kind == 3 else 'I'}", data, at))
    return []


def with_tiff_tag(data: bytes, wanted: int, before: int, value: int) -> bytes | None:
    """Give a TIFF file another number under a tag of all its pages; None where one has not `before` there."""
    order = "<" if data[:2] == b"II" else ">"
    made = bytearray(data)
    try:
        for page in _directories(data):
            found = [at for tag, kind, count, at in _entries(data, page, order) if (tag, kind, count) == (wanted, 3, 1)]
            if not found or struct.unpack_from(order + "H", data, found[0])[0] != before:
                return None
            struct.pack_into(order + "H", made, found[0], value)
    except struct.error:
        return None
    return bytes(made)


def png_chunks(data: bytes | mmap.mmap) -> Iterator[Chunk]:
    """Give the name and the content of each chunk of a PNG, in order."""
    at = len(_PNG)
    while at + 8 <= len(data):
        length, name = struct.unpack_from(">I4s", data, at)
        yield name, data[at + 8 : at + 8 + length]
        at += 12 + length


def _read_png(data: bytes) -> ImageMetadata:
    icc = exif = xmp = b""
    colours: list[Chunk] = []
    for name, content in png_chunks(data):
        if name == b"iCCP" and not icc:
            icc = zlib.decompress(content[content.index(b"\0") + 2 :])
        elif name == b"eXIf" and not exif:
            exif = content.removeprefix(_EXIF)
        elif name == b"iTXt" and content.startswith(_XMP_KEY + b"\0") and not xmp:
            packed = content[len(_XMP_KEY) + 1]
            text = content[len(_XMP_KEY) + 3 :].split(b"\0", 2)[2]
            xmp = zlib.decompress(text) if packed else text
        elif name in _COLOUR_CHUNKS:
            colours.append((name, content))
    return ImageMetadata(icc, exif, xmp, tuple(colours))


def _write_png(data: bytes, metadata: ImageMetadata) -> tuple[bytes, list[str]]:
    chunks: list[Chunk] = [] if metadata.icc else list(metadata.colours)
    if metadata.icc:
        chunks.append((b"iCCP", b"ICC profile\0\0" + zlib.compress(metadata.icc)))
    if metadata.exif:
        chunks.append((b"eXIf", metadata.exif))
    if metadata.xmp:
        chunks.append((b"iTXt", _XMP_KEY + b"\0\0\0\0\0" + metadata.xmp))
    made = [
        struct.pack(">I", len(text)) + name + text + struct.pack(">I", zlib.crc32(name + text)) for name, text in chunks
    ]
    head = len(_PNG) + 25  # behind IHDR
    return data[:head] + b"".join(made) + data[head:], []


def _read_jpeg(data: bytes) -> ImageMetadata:
    exif = xmp = b""
    others: tuple[str, ...] = ()
    icc: dict[int, bytes] = {}
    at = 2
    while data[at] == 0xFF and data[at + 1] != 0xDA:  # the picture begins
        if data[at + 1] == 0xFF:  # a fill byte
            at += 1
            continue
        length = struct.unpack_from(">H", data, at + 2)[0]
        content = data[at + 4 : at + 2 + length]
        if data[at + 1] == 0xE1 and content.startswith(_EXIF) and not exif:
            exif = content[len(_EXIF) :]
        elif data[at + 1] == 0xE1 and content.startswith(_XMP) and not xmp:
            xmp = content[len(_XMP) :]
        elif data[at + 1] == 0xE2 and content.startswith(_ICC):
            icc[content[len(_ICC)]] = content[len(_ICC) + 2 :]
        elif data[at + 1] == 0xE2 and content.startswith(_MPF):
            others = _others_of(content[len(_MPF) :])
        at += 2 + length
    return ImageMetadata(b"".join(icc[number] for number in sorted(icc)), exif, xmp, unread=others)


def _others_of(index: bytes) -> tuple[str, ...]:
    """What is not read of a JPEG with several pictures, by their index: CIPA DC-007, "Multi-Picture Format"."""
    with suppress(struct.error):
        order = "<" if index[:2] == b"II" else ">"
        for tag, _, _, at in _entries(index, struct.unpack_from(order + "I", index, 4)[0], order):
            if tag == _PICTURES and struct.unpack_from(order + "I", index, at)[0] > 1:
                return ("other pictures (MPO: for the other eye, or for HDR)",)
    return ()


def _write_jpeg(data: bytes, metadata: ImageMetadata) -> tuple[bytes, list[str]]:
    parts: list[tuple[int, bytes]] = []
    lost = []
    for name, head, content in (("EXIF", _EXIF, metadata.exif), ("XMP", _XMP, metadata.xmp)):
        if content and len(head) + len(content) <= _SEGMENT:
            parts.append((0xE1, head + content))
        elif content:
            lost.append(name)
    room = _SEGMENT - len(_ICC) - 2
    profiles = [metadata.icc[at : at + room] for at in range(0, len(metadata.icc), room)]
    if len(profiles) <= 255:
        parts += [(0xE2, _ICC + bytes([n, len(profiles)]) + profile) for n, profile in enumerate(profiles, 1)]
    else:
        lost.append("colour profile")
    at = 2
    if data[2:4] == b"\xff\xe0":  # JFIF comes first
        at += 2 + struct.unpack_from(">H", data, 4)[0]
    made = [struct.pack(">BBH", 0xFF, marker, 2 + len(content)) + content for marker, content in parts]
    return data[:at] + b"".join(made) + data[at:], lost


def riff_chunks(data: bytes | mmap.mmap) -> Iterator[Chunk]:
    """Give the name and the content of each chunk of a WebP, in order."""
    at = 12
    while at + 8 <= len(data):
        name, length = struct.unpack_from("<4sI", data, at)
        yield name, data[at + 8 : at + 8 + length]
        at += 8 + length + length % 2


def _write_webp(data: bytes, metadata: ImageMetadata) -> tuple[bytes, list[str]]:
    chunks = list(riff_chunks(data))
    if chunks[0][0] == b"VP8X":
        flags, size = chunks[0][1][0], chunks[0][1][4:]
        chunks = chunks[1:]
    elif chunks[0][0] == b"VP8L":  # 14 bits each of width and height, less one, and one bit for opacity
        bits = struct.unpack_from("<I", chunks[0][1], 1)[0]
        flags = 0x10 if bits >> 28 & 1 else 0
        size = struct.pack("<I", bits & 0x3FFF)[:3] + struct.pack("<I", bits >> 14 & 0x3FFF)[:3]
    else:
        flags = 0
        size = b"".join(struct.pack("<I", (one & 0x3FFF) - 1)[:3] for one in struct.unpack_from("<HH", chunks[0][1], 6))
    flags |= (0x20 if metadata.icc else 0) | (0x08 if metadata.exif else 0) | (0x04 if metadata.xmp else 0)
    all_of = [(b"VP8X", bytes([flags, 0, 0, 0]) + size), (b"ICCP", metadata.icc), *chunks]
    all_of += [(b"EXIF", metadata.exif), (b"XMP ", metadata.xmp)]
    body = b"WEBP"
    for name, content in all_of:
        if content or name not in (b"ICCP", b"EXIF", b"XMP "):
            body += name + struct.pack("<I", len(content)) + content + b"\0" * (len(content) % 2)
    return b"RIFF" + struct.pack("<I", len(body)) + body, []


def _entries(data: bytes, at: int, order: str) -> list[tuple[int, int, int, int]]:
    """The entries of a directory of TIFF: tag, type, count, and where the values are."""
    made = []
    for place in range(struct.unpack_from(order + "H", data, at)[0]):
        tag, kind, count = struct.unpack_from(order + "HHI", data, at + 2 + 12 * place)
        value = at + 2 + 12 * place + 8
        if count * _SIZES.get(kind, 1) > 4:
            value = struct.unpack_from(order + "I", data, value)[0]
        made.append((tag, kind, count, value))
    return made


def _directories(data: bytes) -> Iterator[int]:
    """Where the directories of a TIFF file are, one a page."""
    order = "<" if data[:2] == b"II" else ">"
    at, seen = struct.unpack_from(order + "I", data, 4)[0], set[int]()
    while at and at not in seen:
        seen.add(at)
        yield at
        at = struct.unpack_from(order + "I", data, at + 2 + 12 * struct.unpack_from(order + "H", data, at)[0])[0]


def _read_tiff(data: bytes) -> ImageMetadata:
    order = "<" if data[:2] == b"II" else ">"
    entries = {tag: (kind, count, at) for tag, kind, count, at in _entries(data, next(_directories(data)), order)}

    def content(tag: int) -> bytes:
        kind, count, at = entries.get(tag, (1, 0, 0))
        return data[at : at + count * _SIZES.get(kind, 1)]

    unread = ("EXIF data",) if _EXIF_TAG in entries else ()
    return ImageMetadata(content(_ICC_TAG), b"", content(_XMP_TAG), unread=unread)


def _write_tiff(data: bytes, metadata: ImageMetadata) -> tuple[bytes, list[str]]:
    """Append values and new directories, which are those that are there with a few entries more."""
    lost = ["EXIF"] if metadata.exif else []
    added = [
        (tag, kind, value) for tag, kind, value in ((_XMP_TAG, 1, metadata.xmp), (_ICC_TAG, 7, metadata.icc)) if value
    ]
    if not added:
        return data, lost
    out = bytearray(data)
    link = 4  # where the place of the next directory stands
    for at in list(_directories(data)):
        count = struct.unpack_from("<H", data, at)[0]
        fields = [data[at + 2 + 12 * place : at + 14 + 12 * place] for place in range(count)]
        for tag, kind, value in added:
            out += b"\0" * (len(out) % 2)
            fields.append(struct.pack("<HHII", tag, kind, len(value), len(out)))
            out += value + b"\0" * max(4 - len(value), 0)
        out += b"\0" * (len(out) % 2)
        struct.pack_into("<I", out, link, len(out))
        fields.sort(key=lambda one: int.from_bytes(one[:2], "little"))
        out += struct.pack("<H", len(fields)) + b"".join(fields)
        link = len(out)
        out += b"\0\0\0\0"
    return bytes(out), lost
