"""Colour of a video as ITU-T H.273 tags it, what its code points are called, and the way from BGR to YUV."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import av
import cv2
import numpy as np
from av.video.reformatter import Interpolation, VideoReformatter
from numpy.typing import NDArray

from gancam.frame import Image

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
_UNSPECIFIED = "unspecified"
_BT601_NAMES = {5: "BT.470 BG (BT.601, 625 lines)", 6: "SMPTE 170M (BT.601, 525 lines)"}
_NAMES: dict[str, dict[int, str]] = {  # tables 4, 2 and 3
    "matrix": {
        0: "RGB", 1: "BT.709", 2: _UNSPECIFIED, 4: "FCC", **_BT601_NAMES, 7: "SMPTE 240M", 8: "YCgCo",
        9: "BT.2020", 10: "BT.2020 constant luminance", 11: "SMPTE ST 2085", 12: "from primaries",
        13: "from primaries, constant luminance", 14: "ICtCp",
    },
    "primaries": {
        1: "BT.709", 2: _UNSPECIFIED, 4: "BT.470 M", **_BT601_NAMES, 7: "SMPTE 240M", 8: "generic film", 9: "BT.2020",
        10: "CIE XYZ", 11: "DCI-P3", 12: "Display P3", 22: "EBU 3213",
    },
    "transfer": {
        1: "BT.709", 2: _UNSPECIFIED, 4: "gamma 2.2 (BT.470 M)", 5: "gamma 2.8 (BT.470 BG)",
        6: "SMPTE 170M (BT.601)", 7: "SMPTE 240M", 8: "linear", 9: "logarithmic 100:1", 10: "logarithmic 316:1",
        11: "xvYCC", 12: "BT.1361", 13: "sRGB", 14: "BT.2020, 10 bits", 15: "BT.2020, 12 bits", 16: "PQ",
        17: "SMPTE ST 428", 18: "HLG",
    },
    "full range": {0: "no", 1: "yes"},
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Colour:
    """Relation of a video's YUV to BGR, as code points of ITU-T H.273, and the way back to it.

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

    def to_yuv(self, image: Image, planes: Sequence[NDArray[np.integer]], *, bits: int = 8) -> None:
        """Write `image` as planes of any chroma sampling and depth.

        In floating point: slower than ``to_yuv420``, and as exact as the depth allows.

        Args:
            image: uint8 ``(h, w, 3)`` BGR.
            planes: where to: Y ``(h, w)``, U and V smaller by whole factors; or Y alone.
            bits: of a sample, 8 to 16.
        """
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
    """Return the `Colour` of `stream` as it is decoded to BGR.

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
        darkened=_darkening(matrix, full, name, (context.width % 2, context.height % 2)),
    )


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
    """Return the matrix with which swscale is to convert video of `matrix`, both as H.273 code points.

    It is `matrix` itself where swscale has it, else the one that `Colour` takes it for: BT.2020 with constant luminance
    for BT.2020 without, all others for BT.601.
    """
    if matrix in _IN_SWSCALE:
        return matrix
    return 9 if matrix == 10 else 6


def sampling(pixels: str) -> tuple[int, int]:
    """Count the luma samples for one of chroma, across and down.

    >>> sampling("yuv420p"), sampling("yuv422p10le"), sampling("gray")
    ((2, 2), (2, 1), (1, 1))
    """
    form = av.VideoFormat(pixels, 16, 16)
    return 16 // form.chroma_width(16), 16 // form.chroma_height(16)


class ToBgr:
    """Makes BGR of the pictures of one stream with swscale, so that grey stays grey.

    Where chroma has fewer rows than Y, swscale has a table for 8 bits (4:2:0), and for all other formats a way that
    gives a tint: half a level more of both U and V. So those are made 8-bit 4:2:0 first, which also takes less time.
    """

    def __init__(self) -> None:
        self._steps = VideoReformatter(), VideoReformatter(), VideoReformatter()

    def __call__(self, frame: av.VideoFrame, form: str = "bgr24") -> av.VideoFrame:
        """Give `frame` as `form`, "bgr24" or "bgra", by the matrix that it names (see `converted_as`)."""
        way = (*_between(frame.format, (frame.width, frame.height)), form)
        for step, name in zip(self._steps, way, strict=False):
            frame = step.reformat(frame, format=name, interpolation=Interpolation.BICUBIC)
        return frame


def _between(form: av.VideoFormat, size: tuple[int, int]) -> tuple[str, ...]:
    """Name the formats through which pictures of `form` go on their way to BGR."""
    across, down = sampling(form.name)
    tabled = form.name in ("yuv420p", "yuvj420p", "yuva420p") and size[1] % 2 == 0
    if form.is_rgb or down == 1 or tabled or size[0] % 2:  # of odd widths swscale does it well
        return ()
    kind = "yuva" if any(part.is_alpha for part in form.components) else "yuv"
    if across == 1:
        return "yuv440p", f"{kind}444p"
    return (f"{kind}420p",) if size[1] % 2 == 0 else (f"{kind}420p", f"{kind}444p")


@lru_cache(maxsize=64)
def _darkening(matrix: int, full_range: bool, pixel_format: str, odd: tuple[int, int]) -> float:
    """Luma levels lost on average by the conversion to BGR (`ToBgr`) of ordinary, unclipped colours.

    It differs between widths and heights that are `odd` (1) and even (0).
    """
    side = 64
    width, height = side - odd[0], side - odd[1]
    rng = np.random.default_rng(0)
    y = rng.integers(70, 180, (side, side), dtype=np.uint8)
    u, v = (rng.integers(112, 144, (side // 2, side // 2), dtype=np.uint8) for _ in range(2))
    frame = av.VideoFrame(width, height, "yuv420p")
    for plane, values in zip(frame.planes, (y, u, v), strict=True):
        rows = np.frombuffer(memoryview(plane), np.uint8).reshape(plane.height, -1)
        rows[:, : plane.width] = values[: plane.height, : plane.width]
    frame.colorspace, frame.color_range = converted_as(matrix), 2 if full_range else 1
    y = y[:height, :width]
    try:
        if pixel_format not in ("yuv420p", "yuvj420p"):
            frame = VideoReformatter().reformat(frame, format=pixel_format, interpolation=Interpolation.BICUBIC)
            back = VideoReformatter().reformat(frame, format="yuv420p", interpolation=Interpolation.BICUBIC)
            y = np.frombuffer(memoryview(back.planes[0]), np.uint8).reshape(height, -1)[:, :width]
        bgr = ToBgr()(frame).to_ndarray()
    except (ValueError, av.FFmpegError):  # a format swscale cannot write: leave its colours as they come
        return 0.0
    again = bgr.astype(np.float64) @ _rows_of_bgr_to_yuv(matrix, full_range, 0.0)[0, :3]
    inner = slice(2, -4), slice(2, -4)  # swscale leaves the last chroma of some formats as it was
    lost = float(np.mean((y - again)[inner])) - (0 if full_range else 16)
    return round(min(max(lost, -2.0), 2.0), 2)


def srgb_of(light: NDArray[np.float64]) -> NDArray[np.float64]:
    """Code linear light, 0 to 1, as sRGB does, 0 to 1 (IEC 61966-2-1)."""
    return np.where(light <= 0.0031308, 12.92 * light, 1.055 * light ** (1 / 2.4) - 0.055)


def code_name(kind: str, code: int) -> str:
    """Name a code point of a `kind`: "matrix", "primaries", "transfer" or "full range".

    >>> code_name("matrix", 1), code_name("transfer", 99)
    ('BT.709', 'code 99')
    """
    return _NAMES[kind].get(code, f"code {code}")
