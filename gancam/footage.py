"""What a video file is beside its pixels: colour, clock, shape. Sources describe it, file sinks honour it.

Colour is where most tools lose: a video holds YUV, an Image is BGR, and the way back must undo exactly what the way
in did. What ``cv2.VideoCapture`` does on the way in was measured with clips of known YUV (OpenCV 4.13 and 5.0):

- It follows the stream's tags: BT.601, 709 and 2020 matrices, limited and full range. Untagged streams are taken as
  BT.601 limited whatever their size. OpenCV 4.11 and older took *everything* for BT.601, so gancam needs 4.13.
- Each chroma sample is used for its 2x2 pixels as it is, so the mean over 2x2 gives it back.
- Surprise: the result is too dark, by 1.1 of 255 in luma for coloured pixels, because swscale's fast path drops the
  fraction of each product. Exact black and white stay. A plain inverse keeps that loss (46.8 dB for a copy without
  any encoder); adding the mean back brings it to about 55 dB. The amount depends on swscale's SIMD code, so it is
  measured once a process, through PyAV's swscale, whose result equals cv2's bit for bit.
"""

import os
import re
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from fractions import Fraction
from functools import lru_cache
from pathlib import Path
from typing import Any, Self

import av
import cv2
import numpy as np
from av.video.reformatter import Interpolation, VideoReformatter
from numpy.typing import NDArray

from gancam.frame import Image

IMAGES = (".png", ".jpg", ".jpeg", ".webp", ".bmp", ".tif", ".tiff")  # endings of what is read and written as an image
UNSPECIFIED = 2  # in matrix, primaries and transfer alike

# ITU-T H.273 matrix code point -> (Kr, Kb), Table 4. What is not here swscale treats as BT.601, and so do we.
_LUMA = {
    1: (0.2126, 0.0722),  # BT.709
    7: (0.212, 0.087),  # SMPTE 240M
    9: (0.2627, 0.0593),  # BT.2020
    10: (0.2627, 0.0593),
}
_BT601 = (0.299, 0.114)
_IN_SWSCALE = {0, 1, 2, 4, 5, 6, 7, 9}  # it refuses all other matrices
_BAND = 1 << 21  # pixels converted at once: what that takes meanwhile is seven bytes for each


@dataclass(frozen=True, slots=True)
class Colour:
    """How the YUV of a video relates to BGR, as code points of ITU-T H.273, and how to get back to it.

    The default is what an output without a video source gets: BT.709, limited range.
    """

    matrix: int = 1
    primaries: int = 1
    transfer: int = 1
    full_range: bool = False
    darkened: float = 0.0  # luma levels (of 255) that the decoder's conversion to BGR lost on average

    def to_yuv420(self, image: Image, planes: Sequence[NDArray[np.uint8]]) -> None:
        """Write `image` as 4:2:0 into `planes`: Y ``(h, w)``, U and V ``(h/2, w/2)``, rows may be padded.

        `image` is uint8 ``(h, w, 3)`` BGR with even `h` and `w`. The exact inverse of ``cv2.VideoCapture``'s
        conversion for this colour. Twice as fast as swscale at the same precision: 1 ms at 1280x720 on one thread.
        """
        height, width = image.shape[:2]
        step = max(_BAND // width // 2, 1) * 2
        if height > step:
            for top in range(0, height, step):
                end = top + step
                chroma_of_it = [plane[top // 2 : end // 2] for plane in planes[1:]]
                self.to_yuv420(image[top:end], [planes[0][top:end], *chroma_of_it])
            return
        rows = _rows_of_bgr_to_yuv(self.matrix, self.full_range, self.darkened)
        floor, ceiling = (0, 255) if self.full_range else (16, 235)
        # All three rows at once although only Y is kept: the three-row form is vectorised, the one-row form is not
        # (0.35 against 1.6 ms).
        luma = cv2.extractChannel(cv2.transform(image, rows), 0)
        if self.darkened > 0:
            black = round(floor + self.darkened)  # exact black was not darkened: take it back to the floor
            cv2.threshold(luma, black, 0, cv2.THRESH_TOZERO, dst=luma)
        np.clip(luma, floor, ceiling, out=planes[0])
        half = cv2.resize(image, (width // 2, height // 2), interpolation=cv2.INTER_AREA)
        chroma = cv2.transform(half, rows)
        cv2.extractChannel(chroma, 1, dst=planes[1])
        cv2.extractChannel(chroma, 2, dst=planes[2])

    def to_yuv(self, image: Image, planes: Sequence[NDArray[Any]], *, bits: int = 8) -> None:
        """Write `image` as planes of any chroma sampling and depth: Y ``(h, w)``, U and V smaller by whole factors, or
        Y alone. In floating point: slower than ``to_yuv420``, and as exact as the depth allows."""
        scale = 1 << (bits - 8)
        rows = _rows_of_bgr_to_yuv(self.matrix, self.full_range, self.darkened) * scale
        floor, ceiling = (0, (1 << bits) - 1) if self.full_range else (16 * scale, 235 * scale)
        yuv = cv2.transform(image.astype(np.float32), rows)
        luma = yuv[..., 0]
        luma[luma <= floor + self.darkened * scale + 0.01] = floor  # exact black was not darkened
        planes[0][:] = np.clip(np.rint(luma), floor, ceiling)
        for place, plane in enumerate(planes[1:3], 1):
            shape = plane.shape[1], plane.shape[0]
            chroma = cv2.resize(yuv[..., place], shape, interpolation=cv2.INTER_AREA)
            plane[:] = np.clip(np.rint(chroma), 0, (1 << bits) - 1)


def decoded_colour(stream: av.VideoStream) -> Colour:
    """The `Colour` of what ``cv2.VideoCapture`` makes of `stream`.

    Streams that hold RGB (or palettes) come through untouched, so they get the default colour for the way out.
    """
    context = stream.codec_context
    name = stream.format.name if stream.format is not None else "yuv420p"  # context.pix_fmt crashes in PyAV 17.1
    if av.VideoFormat(name, 16, 16).is_rgb or name == "pal8":
        return Colour()
    matrix = int(context.colorspace)
    matrix = UNSPECIFIED if matrix in (0, 3) else matrix
    full = int(context.color_range) == 2 or name.startswith("yuvj")
    return Colour(
        matrix=matrix,
        primaries=int(context.color_primaries) or UNSPECIFIED,
        transfer=int(context.color_trc) or UNSPECIFIED,
        full_range=full,
        darkened=_darkening(matrix, full, name),
    )


@dataclass(frozen=True, slots=True)
class Footage:
    """What a file sink needs in order to write something that behaves like the source.

    `origin` is the container's time, in seconds, that became ``Frame.time`` 0: not 0 only for containers whose clock
    starts anywhere (MPEG-TS and its kin). `aspect` is the width of a displayed pixel over its height. `depth` are the
    bits a sample had, `hdr` is "PQ" or "HLG" or empty, `interlaced` tells pictures of two fields (and not yet undone).
    """

    size: tuple[int, int]  # (width, height) as displayed, rotation applied
    path: Path | None = None
    time_base: Fraction | None = None
    origin: Fraction = Fraction(0)
    aspect: Fraction = Fraction(1)
    colour: Colour = field(default_factory=Colour)
    depth: int = 8
    hdr: str = ""
    interlaced: bool = False
    alpha: bool = False  # whether frames come with their ``Frame.alpha``
    pixels: str = ""  # FFmpeg's name of the pixel format, empty where there is none


def _rows_of_bgr_to_yuv(matrix: int, full_range: bool, lift: float) -> NDArray[np.float32]:
    """(3, 4): Y, U, V from (B, G, R, 1), of 255; `lift` is added to Y. ITU-T H.273 equations 38-40."""
    kr, kb = _LUMA.get(matrix, _BT601)
    kg = 1 - kr - kb
    luma, chroma, floor = (1.0, 1.0, 0.0) if full_range else (219 / 255, 224 / 255, 16.0)
    blue, red = chroma / (2 * (1 - kb)), chroma / (2 * (1 - kr))
    return np.array(
        [
            [luma * kb, luma * kg, luma * kr, floor + lift],
            [blue * (1 - kb), -blue * kg, -blue * kr, 128],
            [-red * kb, -red * kg, red * (1 - kr), 128],
        ],
        np.float32,
    )


def converted_as(matrix: int) -> int:
    """Return the matrix with which swscale is to convert video of `matrix`: itself where swscale has it, else the one
    that `Colour` takes it for (BT.2020 with constant luminance for BT.2020 without, all others for BT.601)."""
    if matrix in _IN_SWSCALE:
        return matrix
    return 9 if matrix == 10 else 6


@lru_cache(maxsize=64)
def _darkening(matrix: int, full_range: bool, pixel_format: str) -> float:
    """Luma levels lost on average by swscale's conversion to BGR of ordinary, unclipped colours."""
    side = 64
    rng = np.random.default_rng(0)
    y = rng.integers(70, 180, (side, side), dtype=np.uint8)
    u, v = (rng.integers(112, 144, (side // 2, side // 2), dtype=np.uint8) for _ in range(2))
    yuv = np.concatenate([y.reshape(-1), u.reshape(-1), v.reshape(-1)]).reshape(side * 3 // 2, side)
    frame = av.VideoFrame.from_ndarray(yuv, "yuv420p")
    frame.colorspace, frame.color_range = converted_as(matrix), 2 if full_range else 1
    try:
        if pixel_format not in ("yuv420p", "yuvj420p"):
            frame = VideoReformatter().reformat(frame, format=pixel_format, interpolation=Interpolation.BICUBIC)
            back = VideoReformatter().reformat(frame, format="yuv420p", interpolation=Interpolation.BICUBIC)
            y = np.asarray(back.to_ndarray(), np.uint8)[:side]
        bgr = VideoReformatter().reformat(frame, format="bgr24", interpolation=Interpolation.BICUBIC).to_ndarray()
    except (ValueError, av.FFmpegError):  # a format swscale cannot write: leave its colours as they come
        return 0.0
    again = bgr.astype(np.float64) @ _rows_of_bgr_to_yuv(matrix, full_range, 0.0)[0, :3]
    lost = float(np.mean(y - again)) - (0 if full_range else 16)
    return round(min(max(lost, -2.0), 2.0), 2)


@dataclass(frozen=True, slots=True)
class VideoPath:
    """The name of a video: of everything that is no image."""

    path: Path

    def __fspath__(self) -> str:
        return str(self.path)

    __str__ = __fspath__


@dataclass(frozen=True, slots=True)
class StillPath:
    """The name of one image."""

    path: Path

    def __fspath__(self) -> str:
        return str(self.path)

    __str__ = __fspath__


@dataclass(frozen=True, slots=True)
class SequencePath:
    """The name of numbered images, as `out/frame-%06d.png`: `before`, a number of at least `digits` digits, `after`."""

    path: Path
    before: str
    digits: int
    after: str

    def __fspath__(self) -> str:
        return str(self.path)

    __str__ = __fspath__

    @classmethod
    def of(cls, path: str | os.PathLike[str]) -> Self | None:
        """The sequence that `path` is written as; None where it is no such name.

        >>> SequencePath.of("out/frame-%06d.png").image(7).name
        'frame-000007.png'
        """
        found = re.fullmatch(r"([^%]*)%(?:0(\d{1,2}))?d([^%]*)", Path(path).name)
        return None if found is None else cls(Path(path), found[1], int(found[2] or 1), found[3])

    def image(self, number: int) -> Path:
        return self.path.with_name(f"{self.before}{number:0{self.digits}d}{self.after}")

    def images(self) -> list[tuple[int, Path]]:
        """The files that are there, by number."""
        form = re.compile(re.escape(self.before) + r"(\d+)" + re.escape(self.after))
        with suppress(OSError):
            matches = [(form.fullmatch(file.name), file) for file in self.path.absolute().parent.iterdir()]
            return sorted((int(match[1]), file) for match, file in matches if match and len(match[1]) >= self.digits)
        return []

    @property
    def times(self) -> Path:
        """Where the times of the images are kept."""
        return self.path.with_name(f"{self.before}times.txt")


MediaPath = VideoPath | SequencePath | StillPath


def classify(path: str | os.PathLike[str]) -> MediaPath:
    """Say what kind of input or output `path` names, by its ending alone; nothing is opened.

    Images end in one of `IMAGES`; they are a sequence where the name has one number (`%06d`) and no file is called
    just so. All else is a video. What was classified before is given back as it is.
    """
    if isinstance(path, MediaPath):
        return path
    path = Path(path)
    if path.suffix.lower() not in IMAGES:
        return VideoPath(path)
    found = SequencePath.of(path)
    return StillPath(path) if found is None or os.path.exists(path) else found


def cause(error: BaseException) -> str:
    """FFmpeg's or the system's own words for `error`, on one line and without the path."""
    words = str(getattr(error, "strerror", None) or getattr(error, "err", None) or error).strip()
    return words.splitlines()[0][:120] if words else type(error).__name__


def without_secrets(url: str) -> str:
    """`url` without user name, password, query and fragment.

    >>> without_secrets("rtsp://me:se@cret@10.0.0.7:554/door?token=1")
    'rtsp://10.0.0.7:554/door'
    """
    scheme, mark, rest = url.partition("://")
    if not mark:
        return url
    rest = rest.rpartition("@")[2]  # the last @: passwords may hold one, and so hide more rather than less
    return f"{scheme}://{re.split('[?#]', rest, maxsplit=1)[0]}"
