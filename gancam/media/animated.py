"""How long animated pictures play: GIF, APNG and WebP."""

import itertools
import mmap
import os
import struct
from collections.abc import Iterator
from contextlib import suppress
from fractions import Fraction
from pathlib import Path

import av

from gancam.media.metadata import count_pictures, png_chunks, riff_chunks
from gancam.media.streams import open_file

_DURATION = 8 + 12  # bytes from the beginning of a frame's chunk in WebP


def is_animated(path: Path) -> bool:
    """Say whether the image file `path` (PNG, WebP) has more than one frame; not where it cannot be read."""
    with suppress(OSError):
        count, kind = count_pictures(path.read_bytes())
        return count > 1 and kind == "frames"
    return False


def is_still_gif(path: Path) -> bool:
    """Say whether `path` is a GIF of one frame; not where it cannot be read."""
    with suppress(OSError, av.FFmpegError, IndexError), open_file(path, "gif") as container:
        packets = (packet for packet in container.demux(container.streams.video[0]) if packet.size)
        return sum(1 for _ in itertools.islice(packets, 2)) == 1
    return False


def is_webp(path: str | os.PathLike[str]) -> bool:
    """Say whether a file is WebP by its first bytes, whatever its name."""
    with suppress(OSError), open(path, "rb") as file:
        head = file.read(12)
        return head[:4] == b"RIFF" and head[8:] == b"WEBP"
    return False


def shown_for(path: Path) -> Fraction:
    """Add up the seconds that the frames of an animated picture are shown; 0 for a single picture of WebP and PNG.

    Raises:
        OSError: It cannot be read; likewise ``av.FFmpegError``.
    """
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
        if data[8:12] == b"WEBP":
            frames = (content for name, content in riff_chunks(data) if name == b"ANMF")
            return Fraction(sum(int.from_bytes(frame[12:15], "little") for frame in frames), 1000)
        if data[1:4] == b"PNG":
            controls = (struct.unpack_from(">HH", one, 20) for name, one in png_chunks(data) if name == b"fcTL")
            return sum((Fraction(seconds, parts or 100) for seconds, parts in controls), Fraction(0))
    with open_file(path) as container:
        stream = container.streams.video[0]
        packets = [packet for packet in container.demux(stream) if packet.size]
        return sum((packet.duration or 0 for packet in packets), 0) * Fraction(stream.time_base or 0)


def set_last_duration(path: Path, milliseconds: int) -> None:
    """Let the last frame of an animated WebP be shown for so long; a single picture stays as it is.

    FFmpeg's encoder gives it the duration of the one before.
    """
    with path.open("r+b") as file, mmap.mmap(file.fileno(), 0) as data:
        frames = list(_webp_frames(data))
        if frames:
            at = frames[-1] + _DURATION
            data[at : at + 3] = min(milliseconds, (1 << 24) - 1).to_bytes(3, "little")


def _webp_frames(data: mmap.mmap) -> Iterator[int]:
    """Where the chunks of frames begin."""
    at = 12
    while at + 8 <= len(data):
        if data[at : at + 4] == b"ANMF":
            yield at
        length = int.from_bytes(data[at + 4 : at + 8], "little")
        at += 8 + length + length % 2
