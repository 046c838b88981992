"""What sinks of 4:2:0 video have in common: one size, even sides, colours of which players are told."""

from fractions import Fraction

import av
import cv2
import numpy as np
from numpy.typing import NDArray

from gancam.errors import InputError
from gancam.footage import UNSPECIFIED, Footage
from gancam.frame import Frame, Image, check_image


class Canvas:
    """Pictures of `size` ``(width, height)`` on their way to `where` (a name for messages).

    4:2:0 needs even sides, so an odd picture gets its last row or column twice; ``note`` says so, and is empty else.
    The colours of `like` are kept. Raises ``InputError`` for a size of nothing.
    """

    def __init__(self, size: tuple[int, int], where: str, like: Footage | None = None) -> None:
        if min(size) < 1:
            raise InputError(f"size is {size[0]}x{size[1]}: needs at least 1x1")
        self._where, self._like = where, like or Footage(size=size)
        self.size = int(size[0]), int(size[1])
        self.even = self.size[0] + self.size[0] % 2, self.size[1] + self.size[1] % 2
        self.note = ""
        if self.even != self.size:
            was, now = (f"{width}x{height}" for width, height in (self.size, self.even))
            self.note = f"{was} is odd, 4:2:0 is even: written as {now}, the last pixels repeated"

    def check(self, frame: Frame) -> Image:
        """The image of `frame`. Raises ``ImageError``, and ``InputError`` for another size."""
        image = check_image(frame.image)
        if (image.shape[1], image.shape[0]) != self.size:
            got, wants = f"{image.shape[1]}x{image.shape[0]}", f"{self.size[0]}x{self.size[1]}"
            raise InputError(f"frame {frame.index} is {got}, but {self._where} was opened for {wants}")
        return image

    def pad(self, image: Image) -> Image:
        """`image` with even sides."""
        if self.even == self.size:
            return image
        down, right = self.even[1] - self.size[1], self.even[0] - self.size[0]
        return check_image(cv2.copyMakeBorder(image, 0, down, 0, right, cv2.BORDER_REPLICATE))

    @property
    def aspect(self) -> Fraction:
        """Width over height of a displayed pixel."""
        return self._like.aspect

    def traits(self) -> dict[str, int | str]:
        """Size, format and colours, as attributes of an encoder's context."""
        colour = self._like.colour
        return {
            "width": self.even[0], "height": self.even[1], "pix_fmt": "yuv420p",
            "colorspace": self._matrix, "color_range": self._range,
            "color_primaries": colour.primaries, "color_trc": colour.transfer,
        }  # fmt: skip

    def describe(self, context: av.VideoCodecContext) -> None:
        """Tell the encoder size, format, pixel aspect and colours."""
        for name, value in self.traits().items():
            setattr(context, name, value)
        context.sample_aspect_ratio = self.aspect

    def yuv(self, image: Image, tick: int, time_base: Fraction) -> av.VideoFrame:
        """`image` as a frame for the encoder, shown at `tick` of `time_base`."""
        frame = av.VideoFrame(*self.even, "yuv420p")
        colour = self._like.colour
        colour.to_yuv420(self.pad(image), [_plane(plane) for plane in frame.planes])
        frame.colorspace, frame.color_range = self._matrix, self._range
        frame.color_primaries, frame.color_trc = colour.primaries, colour.transfer
        frame.pts, frame.time_base = tick, time_base
        return frame

    @property
    def _matrix(self) -> int:
        """The matrix to tell players: the source's, and where it told none, the one they took it for by its size."""
        matrix, was, now = self._like.colour.matrix, self._like.size, self.size
        if matrix == UNSPECIFIED and _is_hd(was) != _is_hd(now):
            return 1 if _is_hd(was) else 6
        return matrix

    @property
    def _range(self) -> int:
        return 2 if self._like.colour.full_range else 1


def _is_hd(size: tuple[int, int]) -> bool:
    """Whether players take untagged video of this size for BT.709."""
    return size[0] >= 1280 or size[1] > 576


def _plane(plane: av.video.plane.VideoPlane) -> NDArray[np.uint8]:
    rows = np.frombuffer(memoryview(plane), np.uint8).reshape(-1, plane.line_size)
    return rows[: plane.height, : plane.width]
