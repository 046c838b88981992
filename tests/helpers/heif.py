"""Photos in HEIF, made box by box: HEVC of x265 as iPhones lay it out, with or without a grid of tiles."""

import io
import struct
from collections.abc import Sequence
from dataclasses import dataclass, field

import av
import numpy as np
from numpy.typing import NDArray

from gancam.frame import Image

OPACITY = b"urn:mpeg:hevc:2015:auxid:1\0"


@dataclass
class Item:
    """An item: its kind, bytes, properties (whole boxes), content type, and those that it refers to."""

    kind: bytes
    content: bytes
    properties: Sequence[bytes] = ()
    said: bytes = b""
    links: dict[bytes, list[int]] = field(default_factory=dict)


def box(name: bytes, *parts: bytes) -> bytes:
    return struct.pack(">I4s", 8 + sum(map(len, parts)), name) + b"".join(parts)


def full(name: bytes, version: int, *parts: bytes, flags: int = 0) -> bytes:
    return box(name, struct.pack(">I", version << 24 | flags), *parts)


def size(width: int, height: int) -> bytes:
    return full(b"ispe", 0, struct.pack(">II", width, height))


def nclx(primaries: int, transfer: int, matrix: int, *, whole: bool) -> bytes:
    return box(b"colr", b"nclx", struct.pack(">3HB", primaries, transfer, matrix, whole << 7))


def heif(items: Sequence[Item], *, primary: int = 1, brand: bytes = b"heic") -> bytes:
    """Lay out a file of `items`, which are numbered from 1."""
    head = box(b"ftyp", brand, bytes(4), b"mif1", brand)
    properties = [one for item in items for one in item.properties]
    infos = [full(b"infe", 2, struct.pack(">HH4s", n, 0, one.kind), b"\0", one.said) for n, one in enumerate(items, 1)]
    links = [
        box(kind, struct.pack(f">HH{len(to)}H", number, len(to), *to))
        for number, item in enumerate(items, 1) for kind, to in item.links.items()
    ]  # fmt: skip
    belongs, place = b"", 1
    for number, item in enumerate(items, 1):
        belongs += struct.pack(">HB", number, len(item.properties))
        belongs += bytes(range(place, place + len(item.properties)))
        place += len(item.properties)

    def meta(begin: int) -> bytes:
        where, inside = b"", b""  # what describes a grid is in the list itself
        for number, item in enumerate(items, 1):
            grid = item.kind == b"grid"
            place = len(inside) if grid else begin
            where += struct.pack(">HHHHII", number, grid, 0, 1, place, len(item.content))
            inside += item.content if grid else b""
            begin += 0 if grid else len(item.content)
        return full(
            b"meta", 0, full(b"hdlr", 0, bytes(4), b"pict", bytes(13)), full(b"pitm", 0, struct.pack(">H", primary)),
            full(b"iloc", 1, b"\x44\0", struct.pack(">H", len(items)), where),
            full(b"iinf", 0, struct.pack(">H", len(infos)), *infos), full(b"iref", 0, *links),
            box(b"iprp", box(b"ipco", *properties), full(b"ipma", 0, struct.pack(">I", len(items)), belongs)),
            box(b"idat", inside),
        )  # fmt: skip

    return (
        head
        + meta(len(head) + len(meta(0)) + 8)
        + box(b"mdat", *(item.content for item in items if item.kind != b"grid"))
    )


def coded(images: Sequence[NDArray[np.generic]], form: str = "yuv444p") -> list[Item]:
    """Code images of one size, BGR or grey, as items of HEVC, nearly without loss."""
    file = io.BytesIO()
    height, width = images[0].shape[:2]
    with av.open(file, "w", format="mp4") as container:
        options = {"x265-params": "log-level=none:keyint=1", "crf": "4", "preset": "ultrafast"}
        stream = container.add_stream("libx265", rate=25, options=options)
        stream.width, stream.height, stream.pix_fmt = width, height, form
        for image in images:
            given = av.VideoFrame.from_ndarray(np.asarray(image, np.uint8), "gray" if image.ndim == 2 else "bgr24")
            container.mux(stream.encode(given.reformat(format=form, dst_colorspace=6, dst_color_range=1)))
        container.mux(stream.encode())
    file.seek(0)
    with av.open(file, "r") as made:
        setup = box(b"hvcC", made.streams.video[0].codec_context.extradata or b"")
        packets = [bytes(packet) for packet in made.demux(video=0) if packet.size]
    return [Item(b"hvc1", one, (setup, size(width, height))) for one in packets]


def heic(
    image: Image, *, properties: Sequence[bytes] = (), beside: Sequence[Item] = (), form: str = "yuv444p"
) -> bytes:
    """Lay out one picture, with items `beside` that are numbered from 2."""
    photo = coded([image], form)[0]
    photo.properties = [*photo.properties, *properties]
    return heif([photo, *beside])


def tiled(image: Image, side: int, *, properties: Sequence[bytes] = ()) -> bytes:
    """Lay out a grid of tiles of `side` pixels, as iPhones do: the last of a row or column are filled up."""
    height, width = image.shape[:2]
    rows, columns = -(-height // side), -(-width // side)
    filled = np.pad(image, ((0, rows * side - height), (0, columns * side - width), (0, 0)), mode="edge")
    tiles = coded([
        filled[row * side : (row + 1) * side, column * side : (column + 1) * side]
        for row in range(rows) for column in range(columns)
    ])  # fmt: skip
    content = struct.pack(">4B2H", 0, 0, rows - 1, columns - 1, width, height)
    grid = Item(b"grid", content, [size(width, height), *properties], links={b"dimg": [*range(2, len(tiles) + 2)]})
    return heif([grid, *tiles])
