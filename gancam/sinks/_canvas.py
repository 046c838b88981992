"""What sinks of video have in common: one size, a pixel format, colours of which players are told."""

import math
from fractions import Fraction
from typing import Any

import av
import cv2
import numpy as np
from av.video.reformatter import Interpolation, VideoReformatter
from numpy.typing import NDArray

from gancam.errors import InputError
from gancam.frame import Frame, Image, check_image, check_size
from gancam.media.colour import UNSPECIFIED, sampling
from gancam.media.info import VideoInfo
from gancam.sinks._sender import PictureFormat, set_format


def check_frame(frame: Frame, size: tuple[int, int], where: str) -> Image:
    """Return the image of `frame` for `where`. Raises ``ImageError``, and ``InputError`` for another size."""
    image = check_image(frame.image)
    if (image.shape[1], image.shape[0]) != size:
        got, wants = f"{image.shape[1]}x{image.shape[0]}", f"{size[0]}x{size[1]}"
        raise InputError(f"frame {frame.index} is {got}, but {where} was opened for {wants}")
    return image


class Canvas:
    """Makes an encoder's pictures of frames.

    4:2:0 needs even sides, so an odd picture gets its last row or column twice.

    Args:
        size: (width, height) of the frames.
        where: What the pictures are for, for messages.
        source_info: The source's properties, of which the colours are kept.
        pixels: FFmpeg's name of the pictures' format: planar YUV, grey, bgr24, bgr0 or bgra.
        untouched: Promises frames with ``Frame.decoded`` in just this size and format, which are passed on as they are.
            Without it, one of this size whose samples have more bits, and nothing else, is passed on with fewer.
        fields: Whether pictures of two fields are to be marked so, where the source's are and have the same size.

    Attributes:
        size: (width, height) of the frames.
        even: (width, height) of the pictures.
        fields: Which field of a picture comes first, "tff" or "bff"; empty where pictures are not of fields.
        pixels: FFmpeg's name of the pictures' format.
        note: Says that a side was made even; empty where none was.

    Raises:
        InputError: The size is none.
    """

    def __init__(
        self,
        size: tuple[int, int],
        where: str,
        source_info: VideoInfo | None = None,
        *,
        pixels: str = "yuv420p",
        untouched: bool = False,
        fields: bool = False,
    ) -> None:
        size = check_size(size)
        self._where, self._info = where, source_info or VideoInfo(size=size)
        self.pixels, self._untouched = pixels, untouched
        self._format = av.VideoFormat(pixels, 16, 16)
        self._bits = max(part.bits for part in self._format.components)
        self._rgb = bool(self._format.is_rgb)
        self.size = int(size[0]), int(size[1])
        across, down = (1, 1) if untouched else sampling(pixels)
        self.even = math.ceil(self.size[0] / across) * across, math.ceil(self.size[1] / down) * down
        whole = self.size == self._info.size and self.even[1] % 4 == 0  # of whose rows each field has its chroma
        self.fields = self._info.fields if fields and whole else ""
        self._graph: av.filter.Graph | None = None
        self._shallow = VideoReformatter()
        self.note = ""
        if self.even != self.size:
            was, now = (f"{width}x{height}" for width, height in (self.size, self.even))
            kind = "4:2:0" if down == 2 else "4:2:2"
            self.note = f"{was} is odd, {kind} is even: written as {now}, the last pixels repeated"

    def check(self, frame: Frame) -> Image:
        """Return the image of `frame`. Raises ``ImageError``, and ``InputError`` for another size."""
        return check_frame(frame, self.size, self._where)

    def pad(self, image: Image) -> Image:
        """Return `image`, or an opacity, with even sides."""
        if self.even == self.size:
            return image
        down, right = self.even[1] - self.size[1], self.even[0] - self.size[0]
        return np.asarray(cv2.copyMakeBorder(image, 0, down, 0, right, cv2.BORDER_REPLICATE), np.uint8)

    @property
    def aspect(self) -> Fraction:
        """Width over height of a displayed pixel."""
        return self._info.aspect

    def format(self) -> PictureFormat:
        """Give size, format and colours, for an encoder in another process."""
        colour = self._info.colour
        return {
            "width": self.even[0], "height": self.even[1], "pix_fmt": self.pixels,
            "colorspace": self._matrix, "color_range": self._range,
            "color_primaries": colour.primaries, "color_trc": colour.transfer,
        }  # fmt: skip

    def describe(self, context: av.VideoCodecContext) -> None:
        """Tell the encoder size, format, pixel aspect and colours."""
        set_format(self.format(), context)
        context.sample_aspect_ratio = self.aspect

    def picture(self, frame: Frame, tick: int, time_base: Fraction) -> av.VideoFrame:
        """Make the picture of `frame`, shown at `tick` of `time_base` (seconds)."""
        decoded = frame.decoded
        if decoded is not None and not self._untouched:
            decoded = self._shallower(decoded)
        made = self._of_fields(self._draw(frame.image, frame.alpha)) if decoded is None else decoded
        made.colorspace, made.color_range = self._matrix, self._range
        made.color_primaries, made.color_trc = self._info.colour.primaries, self._info.colour.transfer
        made.pict_type = 0  # the source's choice of key frames is not the encoder's
        made.pts, made.time_base = tick, time_base
        return made

    def _shallower(self, decoded: av.VideoFrame) -> av.VideoFrame | None:
        """`decoded` with fewer bits a sample, and all else the same; None where more than that would be to do."""
        names = decoded.format.name, self.pixels
        planes = [len(av.VideoFormat(name, 16, 16).components) for name in names]
        alike = not self._rgb and not decoded.format.is_rgb and planes[0] == planes[1] and self.even == self.size
        if not alike or sampling(names[0]) != sampling(names[1]) or decoded.interlaced_frame:
            return None
        return self._shallow.reformat(decoded, format=self.pixels, interpolation=Interpolation.BICUBIC)

    def _draw(self, image: Image, alpha: Image | None) -> av.VideoFrame:
        made = av.VideoFrame(*self.even, self.pixels)
        image = self.pad(image)
        if self.pixels == "bgr24":
            _samples(made.planes[0], np.uint8)[:, : 3 * self.even[0]] = image.reshape(self.even[1], -1)
            return made
        if self._rgb:
            whole = _samples(made.planes[0], np.uint8).reshape(made.planes[0].height, -1, 4)
            cv2.cvtColor(image, cv2.COLOR_BGR2BGRA, dst=whole[:, : self.even[0]])
            if alpha is not None:
                whole[:, : self.even[0], 3] = alpha
            return made
        planes = [_samples(plane, np.uint8 if self._bits == 8 else np.dtype("<u2")) for plane in made.planes]
        planes = [rows[:, : plane.width] for rows, plane in zip(planes, made.planes, strict=True)]
        if self.pixels in ("yuv420p", "yuva420p"):
            self._info.colour.to_yuv420(image, planes[:3])
        else:
            self._info.colour.to_yuv(image, planes, bits=self._bits)
        if len(planes) == 4:
            most = (1 << self._bits) - 1
            planes[3][:] = most if alpha is None else np.rint(self.pad(alpha) * (most / 255))
        return made

    def _of_fields(self, picture: av.VideoFrame) -> av.VideoFrame:
        """Mark a picture as two fields, where they are."""
        if not self.fields:
            return picture
        if self._graph is None:
            self._graph = av.filter.Graph()
            ends = (
                self._graph.add_buffer(
                    width=self.even[0], height=self.even[1], format=self._format, time_base=Fraction(1, 1000)
                ),
                self._graph.add("setfield", self.fields),
                self._graph.add("buffersink"),
            )
            ends[0].link_to(ends[1])
            ends[1].link_to(ends[2])
            self._graph.configure()
        self._graph.push(picture)
        made = self._graph.pull()
        assert isinstance(made, av.VideoFrame)
        return made

    @property
    def _matrix(self) -> int:
        """The matrix to tell players: the source's, and where it told none, the one they took it for by its size."""
        if self._rgb:
            return 0
        matrix, was, now = self._info.colour.matrix, self._info.size, self.size
        if matrix == UNSPECIFIED and _is_hd(was) != _is_hd(now):
            return 1 if _is_hd(was) else 6
        return matrix

    @property
    def _range(self) -> int:
        return 2 if self._info.colour.full_range or self._rgb else 1


def _is_hd(size: tuple[int, int]) -> bool:
    """Whether players take untagged video of this size for BT.709."""
    return size[0] >= 1280 or size[1] > 576


def _samples(plane: av.video.plane.VideoPlane, kind: Any) -> NDArray[Any]:
    """All of `plane`, with the padding at the end of each row."""
    return np.frombuffer(memoryview(plane), kind).reshape(plane.height, -1)
