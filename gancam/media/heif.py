"""Photos in HEIF: HEIC, as iPhones take them, and AVIF. The boxes are read here, FFmpeg decodes what is in them.

In the box `meta` (ISO/IEC 14496-12) are numbered items (ISO/IEC 23008-12): coded pictures, grids of them, and metadata.
"""

import struct
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from fractions import Fraction
from functools import cached_property
from typing import Any

import av
import cv2
import numpy as np
from av.video.reformatter import Interpolation, VideoReformatter
from numpy.typing import NDArray

from gancam.frame import Image, check_image
from gancam.media.colour import srgb_of
from gancam.media.hdr import HDR, TO_BT709, HdrMetadata, ToneMap
from gancam.media.orientation import Orientation
from gancam.media.played import Played

STILLS = {b"mif1", b"mif2", b"heic", b"heix", b"heim", b"heis", b"avif"}  # brands of photos
_FILMS = {b"msf1", b"hevc", b"hevx", b"hevm", b"hevs", b"avis"}  # of what moves
_CODECS = {  # FFmpeg's decoder, and the property that sets it up, by the kind of item
    b"hvc1": ("hevc", b"hvcC"), b"av01": ("libdav1d", b"av1C"), b"avc1": ("h264", b"avcC"),
}  # fmt: skip
_OPACITY = (b"urn:mpeg:hevc:2015:auxid:1", b"urn:mpeg:mpegB:cicp:systems:auxiliary:alpha")
_MOST = 1 << 30  # pixels, as OpenCV has it
_BAND = 256  # rows whose primaries are changed at once
_DAMAGED = (struct.error, IndexError, KeyError)
Box = tuple[bytes, int, int]  # name, and where its content begins and ends


def is_heif(data: bytes) -> bool:
    """Tell by its beginning whether a file is, or has beside what moves, a photo in HEIF."""
    length = int.from_bytes(data[:4], "big")
    brands = {data[at : at + 4] for at in (8, *range(16, min(length, 256), 4))}
    return data[4:8] == b"ftyp" and bool(brands & STILLS)


def moves(head: bytes) -> bool:
    """Tell by its first 12 bytes whether a file is a HEIF sequence: an animated AVIF, say."""
    return head[4:8] == b"ftyp" and head[8:12] in _FILMS


@dataclass(slots=True)
class _Item:
    """An item: its kind, what its name or content type is, where its bytes are, and its properties in order."""

    kind: bytes
    said: bytes = b""
    extents: list[tuple[int, int]] = field(default_factory=list)
    properties: list[tuple[bytes, bytes]] = field(default_factory=list)

    def of(self, name: bytes) -> bytes:
        """Give the first property of this name; empty where it has none."""
        return next((content for one, content in self.properties if one == name), b"")


class Heif:
    """What is in a HEIF file.

    Args:
        data: The file.

    Raises:
        ValueError: It is damaged.
    """

    def __init__(self, data: bytes) -> None:
        self._data, self._items, self._primary = data, dict[int, _Item](), 0
        self._links: list[tuple[bytes, int, tuple[int, ...]]] = []  # kind of reference, from, to
        try:
            meta = next((box for box in _boxes(data, 0, len(data)) if box[0] == b"meta"), None)
            if meta is None:
                raise ValueError("its list of pictures is missing")
            self._read({name: (start, end) for name, start, end in _boxes(data, meta[1] + 4, meta[2])})
        except _DAMAGED as error:
            raise ValueError("its list of pictures is damaged") from error

    def _read(self, boxes: dict[bytes, tuple[int, int]]) -> None:
        data = self._data
        for name, start, end in _boxes(
            data, boxes[b"iinf"][0] + (8 if data[boxes[b"iinf"][0]] else 6), boxes[b"iinf"][1]
        ):
            if name == b"infe" and data[start] >= 2:
                wide = 4 if data[start] > 2 else 2
                kind = data[start + 6 + wide : start + 10 + wide]
                self._items[_number(data, start + 4, wide)] = _Item(kind, data[start + 10 + wide : end])
        start = boxes[b"pitm"][0]
        self._primary = _number(data, start + 4, 4 if data[start] else 2)
        self._read_places(boxes[b"iloc"][0], boxes.get(b"idat", (0, 0))[0])
        properties = list[tuple[bytes, bytes]]()
        for name, start, end in _boxes(data, *boxes[b"iprp"]):
            if name == b"ipco":
                properties = [(one, data[first:last]) for one, first, last in _boxes(data, start, end)]
            elif name == b"ipma":
                self._read_properties(start, properties)
        start, end = boxes.get(b"iref", (0, 0))
        for kind, at, last in _boxes(data, start + 4, end):
            wide = 4 if data[start] else 2
            count = _number(data, at + wide, 2)
            to = tuple(_number(data, place, wide) for place in range(at + wide + 2, last, wide))[:count]
            self._links.append((kind, _number(data, at, wide), to))

    def _read_places(self, at: int, inside: int) -> None:
        """Read where items are (`iloc`); `inside`: where the content of `idat` begins."""
        data, version = self._data, self._data[at]
        sizes = data[at + 4] >> 4, data[at + 4] & 15, data[at + 5] >> 4, (data[at + 5] & 15) if version else 0
        wide = 4 if version == 2 else 2
        count, at = _number(data, at + 6, wide), at + 6 + wide
        for _ in range(count):
            item, at = self._items.get(_number(data, at, wide)), at + wide
            way = 0
            if version:
                way, at = _number(data, at, 2) & 15, at + 2
            at += 2
            base, at = _number(data, at, sizes[2]), at + sizes[2]
            extents, at = _number(data, at, 2), at + 2
            if extents > 1 and not sum(sizes) - sizes[2]:  # which no byte tells apart: there could be any number
                raise ValueError("its list of pictures is damaged")
            for _ in range(extents):
                at += sizes[3]
                place, at = _number(data, at, sizes[0]), at + sizes[0]
                length, at = _number(data, at, sizes[1]), at + sizes[1]
                if item is not None and way < 2:
                    item.extents.append((base + place + (inside if way == 1 else 0), length))

    def _read_properties(self, at: int, properties: Sequence[tuple[bytes, bytes]]) -> None:
        """Read which item has which properties (`ipma`)."""
        data = self._data
        wide, many = 4 if data[at] else 2, data[at + 3] & 1
        count, at = _number(data, at + 4, 4), at + 8
        for _ in range(count):
            item, at = self._items.get(_number(data, at, wide)), at + wide
            associations, at = data[at], at + 1
            for _ in range(associations):
                place = _number(data, at, 1 + many) & (0x7FFF if many else 0x7F)
                at += 1 + many
                if item is not None and place:
                    item.properties.append(properties[place - 1])

    def _bytes_of(self, item: _Item) -> bytes:
        lengths = (length or max(len(self._data) - at, 0) for at, length in item.extents)
        if sum(lengths) > len(self._data):
            raise ValueError("it is damaged")
        parts = [self._data[at : at + length] if length else self._data[at:] for at, length in item.extents]
        if not parts or any(length > len(part) for part, (_, length) in zip(parts, item.extents, strict=True)):
            raise ValueError("it is cut off, or damaged")
        return b"".join(parts)

    def _linked(self, kind: bytes, to: int) -> Iterator[_Item]:
        """The items that refer to this one."""
        return (self._items[one] for name, one, others in self._links if name == kind and to in others)

    def _beside(self, kind: bytes, said: bytes = b"") -> bytes:
        """The bytes of metadata that describe the picture; empty where there are none, or they are damaged."""
        for item in self._linked(b"cdsc", self._primary):
            if item.kind == kind and said in item.said:
                with suppress(ValueError):
                    return self._bytes_of(item)
        return b""

    @property
    def exif(self) -> bytes:
        """EXIF, from its byte order mark on; its orientation does not count in HEIF."""
        content = self._beside(b"Exif")
        return content[4 + int.from_bytes(content[:4], "big") :]

    @property
    def xmp(self) -> bytes:
        """XMP, as text in UTF-8."""
        return self._beside(b"mime", b"application/rdf+xml")

    @cached_property
    def _colours(self) -> tuple[bytes, tuple[int, int, int, int] | None]:
        """The profile, and code points of primaries, transfer, matrix, and whether it is of full range."""
        told = [content for name, content in self._items[self._primary].properties if name == b"colr"]
        icc = next((content[4:] for content in told if content[:4] in (b"prof", b"rICC")), b"")
        points = next((struct.unpack_from(">3HB", content, 4) for content in told if content[:4] == b"nclx"), None)
        return icc, None if points is None else (points[0], points[1], points[2], points[3] >> 7)

    @property
    def icc(self) -> bytes:
        """The colour profile."""
        with suppress(*_DAMAGED):
            return self._colours[0]
        return b""

    @property
    def bits(self) -> int:
        """How many bits a sample has."""
        told = self._items[self._primary].of(b"pixi") if self._primary in self._items else b""
        return max(told[5:], default=8)

    def decode(self) -> tuple[Image, Image | None]:
        """Decode its picture, upright and in SDR, and its opacity.

        Returns:
            uint8 ``(H, W, 3)`` BGR, and uint8 ``(H, W)``; None where it has none.

        Raises:
            ValueError: It is damaged, coded in a way that is not read, or too large.
        """
        try:
            item = self._items[self._primary]
            image = self._colours_of(self._frame(self._primary, item))
            size = self._size(item) or (image.shape[1], image.shape[0])
            image = np.ascontiguousarray(image[: size[1], : size[0]])
            alpha = self._opacity((image.shape[1], image.shape[0]))
            if alpha is not None and any((kind, one) == (b"prem", self._primary) for kind, one, _ in self._links):
                image = check_image(
                    np.minimum(np.rint(image * (255 / np.maximum(alpha, 1))[..., None]), 255).astype("u1")
                )
            return _turned(image, item), None if alpha is None else _turned(alpha, item)
        except _DAMAGED as error:
            raise ValueError("it is damaged") from error
        except av.FFmpegError as error:
            raise ValueError(f"it is damaged ({error.strerror})") from error

    def _size(self, item: _Item) -> tuple[int, int] | None:
        told = item.of(b"ispe")
        return struct.unpack_from(">II", told, 4) if told else None

    def _frame(self, number: int, item: _Item) -> av.VideoFrame:
        """The picture of an item as it is coded: one frame, or those of a grid side by side."""
        if (size := self._size(item)) is not None and size[0] * size[1] > _MOST:
            raise ValueError(f"{size[0]}x{size[1]} pixels are more than 2^30")
        if item.kind != b"grid":
            return self._coded([item])[0]
        content = self._bytes_of(item)
        rows, columns = content[2] + 1, content[3] + 1
        tiles = next((to for kind, one, to in self._links if kind == b"dimg" and one == number), ())
        if len(tiles) != rows * columns:
            raise ValueError(f"it has {len(tiles)} of its {rows * columns} tiles")
        return _side_by_side(self._coded([self._items[one] for one in tiles]), columns)

    def _coded(self, items: Sequence[_Item]) -> list[av.VideoFrame]:
        """Decode items that are coded alike."""
        kind = items[0].kind
        if kind not in _CODECS:
            raise ValueError(f"its picture is coded as {kind.decode('latin-1')!r}, which is not read")
        codec, setup = _CODECS[kind]
        try:
            context = av.CodecContext.create(codec, "r")
        except av.codec.codec.UnknownCodecError as error:
            raise ValueError(f"this build of FFmpeg cannot decode {codec}, in which its picture is coded") from error
        assert isinstance(context, av.VideoCodecContext)
        context.extradata = items[0].of(setup)
        context.thread_count = 1  # threads that log what is damaged wait for ever for who frees them
        frames = list[av.VideoFrame]()
        for place, item in enumerate(items):
            packet = av.Packet(self._bytes_of(item))
            packet.pts = packet.dts = place
            frames += context.decode(packet)
            if sum(frame.width * frame.height for frame in frames[:1]) * len(frames) > _MOST:
                raise ValueError("its tiles have more than 2^30 pixels")
        frames += context.decode(None)
        if len(frames) != len(items) or any(frame.is_corrupt for frame in frames):
            raise ValueError(f"{len(frames)} of its {len(items)} tiles can be read" if items[1:] else "it is damaged")
        return sorted(frames, key=lambda frame: frame.pts or 0)

    def _colours_of(self, frame: av.VideoFrame) -> Image:
        primaries, transfer = int(frame.color_primaries), int(frame.color_trc)
        icc, points = self._colours
        if points is not None:
            primaries, transfer = points[:2]
            frame.colorspace, frame.color_range = points[2], 2 if points[3] else 1
        if transfer in HDR and max(part.bits for part in frame.format.components) > 8:
            frame.time_base = Fraction(1, 25)  # a filter needs one
            return ToneMap(transfer, primaries, HdrMetadata())(frame)
        if not frame.format.is_rgb and not frame.format.name.startswith("gray"):  # on its straight way it gets darker
            matrix, whole = frame.colorspace, frame.color_range
            frame = VideoReformatter().reformat(frame, format="yuv444p", interpolation=Interpolation.BICUBIC)
            frame.colorspace, frame.color_range = matrix, whole
        image = Played()(frame)
        return image if icc or primaries not in TO_BT709 else _in_srgb(image, TO_BT709[primaries])

    def _opacity(self, size: tuple[int, int]) -> Image | None:
        """The opacity of the picture, scaled to `size`."""
        for kind, number, to in self._links:
            item = self._items.get(number)
            if kind == b"auxl" and self._primary in to and item and item.of(b"auxC")[4:].startswith(_OPACITY):
                frame = self._frame(number, item)
                bits = frame.format.components[0].bits
                values = _rows(frame.planes[0], bits)[:, : frame.width]  # always of full range
                opacity = np.rint(values * np.float32(255 / ((1 << bits) - 1))).astype(np.uint8)
                if told := self._size(item):
                    opacity = np.ascontiguousarray(opacity[: told[1], : told[0]])
                same = opacity.shape == size[::-1]
                return opacity if same else np.asarray(cv2.resize(opacity, size, interpolation=cv2.INTER_LINEAR), "u1")
        return None


def _boxes(data: bytes, at: int, end: int) -> Iterator[Box]:
    """The boxes of a part of a file; the last may be cut off."""
    while at + 8 <= end:
        length, name = struct.unpack_from(">I4s", data, at)
        head = 8
        if length == 1:
            length, head = struct.unpack_from(">Q", data, at + 8)[0], 16
        if 0 < length < head:
            return
        last = min(at + length, end) if length else end
        yield name, at + head, last
        at = last


def _number(data: bytes, at: int, wide: int) -> int:
    if at + wide > len(data):
        raise IndexError
    return int.from_bytes(data[at : at + wide], "big")


def _rows(plane: av.video.plane.VideoPlane, bits: int) -> NDArray[Any]:
    return np.frombuffer(memoryview(plane), np.uint8 if bits == 8 else np.uint16).reshape(plane.height, -1)


def _side_by_side(frames: Sequence[av.VideoFrame], columns: int) -> av.VideoFrame:
    """Put tiles of one size together, row after row."""
    first = frames[0]
    width, height = first.width * columns, first.height * (len(frames) // columns)
    if any(
        (one.width, one.height, one.format.name) != (first.width, first.height, first.format.name) for one in frames
    ):
        raise ValueError("its tiles are not alike")
    if width * height > _MOST:
        raise ValueError(f"{width}x{height} pixels are more than 2^30")
    made = av.VideoFrame(width, height, first.format.name)
    bits = first.format.components[0].bits
    for place, frame in enumerate(frames):
        for was, now in zip(frame.planes, made.planes, strict=True):
            top, left = place // columns * was.height, place % columns * was.width
            part = _rows(was, bits)[:, : was.width]
            _rows(now, bits)[top : top + was.height, left : left + was.width] = part
    made.colorspace, made.color_range = first.colorspace, first.color_range
    made.color_primaries, made.color_trc = first.color_primaries, first.color_trc
    return made


def _turned(picture: Image, item: _Item) -> Image:
    """Crop, turn and mirror a picture as its properties say, in their order."""
    for name, content in item.properties:
        if name == b"clap":
            numbers = struct.unpack_from(">IIIIiIiI", content)
            wide, high, right, down = (numbers[at] / (numbers[at + 1] or 1) for at in (0, 2, 4, 6))
            left = max(round((picture.shape[1] - wide) / 2 + right), 0)
            top = max(round((picture.shape[0] - high) / 2 + down), 0)
            picture = picture[top : top + round(high), left : left + round(wide)]
            if not picture.size:
                raise ValueError("it is cropped to nothing")
        elif name == b"irot":  # quarters of a turn anticlockwise
            turn = Orientation.of_exif((1, 8, 3, 6)[content[0] & 3])
            picture = turn.apply(picture)
        elif name == b"imir":  # 0: top and bottom change places
            picture = Orientation(mirrored=bool(content[0] & 1), flipped=not content[0] & 1).apply(picture)
    return np.ascontiguousarray(picture)


def _in_srgb(image: Image, matrix: NDArray[np.float64]) -> Image:
    """Change the primaries of a picture coded as sRGB, by the matrix of its linear RGB to that of sRGB."""
    steps = np.arange(256) / 255
    light = np.where(steps <= 0.04045, steps / 12.92, ((steps + 0.055) / 1.055) ** 2.4).astype(np.float32)
    coded = np.arange(1 << 12) / ((1 << 12) - 1)
    back = np.rint(255 * srgb_of(coded))
    made, turned = np.empty_like(image), matrix[::-1, ::-1].astype(np.float32)
    for top in range(0, image.shape[0], _BAND):
        linear = cv2.transform(light[image[top : top + _BAND]], turned)
        made[top : top + _BAND] = back[np.rint(np.clip(linear, 0, 1) * ((1 << 12) - 1)).astype(np.int16)]
    return made
