"""Whether an encoder works on this machine: a few frames are encoded, decoded again and compared."""

import io
from collections.abc import Mapping
from fractions import Fraction
from functools import cache

import av
import cv2
import numpy as np

from gancam._native import environment
from gancam.frame import Image
from gancam.media.messages import cause

MISSING = "this build of PyAV has none"
QUIET = {"SVT_LOG": "0"}  # while libsvtav1 opens: it writes a page to stderr otherwise; its errors reach us anyway
_SIZE, _FRAMES = (640, 360), 5  # larger than what is the least of any hardware
_LEAST = 30.0  # dB: encoders have 38 and more of so smooth a picture, its neighbour has 19, and it without colours 21


def try_encoder(encoder: str, pixels: str, options: Mapping[str, str] | None = None) -> str:
    """Encode a smooth picture that moves, decode it, and compare the two.

    Args:
        encoder: FFmpeg's name.
        pixels: The pixel format that it is given.
        options: The encoder's own.

    Returns:
        What goes wrong, in a few words: `MISSING`, for one that FFmpeg does not have; empty where nothing does.
    """
    try:
        av.Codec(encoder, "w")
    except ValueError:  # UnknownCodecError
        return MISSING
    frames = _pictures()
    file = io.BytesIO()
    try:
        with environment(QUIET), av.open(file, "w", format="matroska") as made:
            stream = made.add_stream(encoder, rate=30, options=dict(options or {}))
            assert isinstance(stream, av.VideoStream)
            stream.width, stream.height, stream.pix_fmt = *_SIZE, pixels
            for index, image in enumerate(frames):
                picture = av.VideoFrame.from_ndarray(image, "bgr24").reformat(format="yuv420p")
                picture.pts, picture.time_base = index, Fraction(1, 30)
                made.mux(stream.encode(picture))
            made.mux(stream.encode(None))
        file.seek(0)
        with av.open(file, "r") as read:
            seen = [frame.to_ndarray(format="bgr24") for frame in read.decode(video=0)]
    except (av.FFmpegError, OSError, ValueError, RuntimeError, NotImplementedError) as error:
        return cause(error)
    if len(seen) != len(frames):
        return f"of {len(frames)} frames {len(seen)} come back"
    most = max(cv2.norm(a, b, cv2.NORM_L2SQR) / a.size for a, b in zip(frames, seen, strict=True))
    worst = 10 * np.log10(255**2 / max(most, 1e-9))
    return "" if worst >= _LEAST else f"other pictures come back, {worst:.0f} dB"


@cache  # for all encoders of a process: making them takes longer than what most that fail take to do so
def _pictures() -> tuple[Image, ...]:
    """Coloured waves that go to the right, far enough in a frame that none could be taken for its neighbour."""
    y, x = np.ogrid[: _SIZE[1], : _SIZE[0]]

    def picture(index: int) -> Image:
        waves = [np.sin((x - 40 * index) / 40 + phase) * np.cos(y / 30) for phase in (0, 1, 2)]
        return np.asarray(128 + 60 * np.stack(waves, axis=2), np.uint8)

    return tuple(map(picture, range(_FRAMES)))
