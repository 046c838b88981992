"""A decoded frame as the picture that is played: upright, in the colours and the 8 bits of SDR."""

from typing import Self

import av
import numpy as np

from gancam.frame import Image, check_image
from gancam.media.colour import ToBgr, converted_as
from gancam.media.hdr import HDR, HdrMetadata, ToneMap
from gancam.media.orientation import Orientation


class Played:
    """Makes the pictures that are played of the decoded frames of one stream.

    Whoever shows, judges or learns from frames asks here, so that all see the same.

    Args:
        orientation: How they are turned and mirrored to be upright.
        tone_map: What makes SDR of them, where they are HDR.
    """

    def __init__(self, orientation: Orientation | None = None, tone_map: ToneMap | None = None) -> None:
        self.orientation, self.tone_map = orientation or Orientation(), tone_map
        self._convert = ToBgr()

    @classmethod
    def of(cls, stream: av.VideoStream, first: av.VideoFrame) -> Self:
        """Return what makes pictures of `stream`, whose `first` frame tells of its orientation and its light.

        Another angle than 90 degrees is not applied. HDR is made SDR as `tone_map_of` says.
        """
        return cls(Orientation.of_frame(first), tone_map_of(stream, HdrMetadata.of_frame(first)))

    def __call__(self, frame: av.VideoFrame) -> Image:
        """Give `frame` as ``uint8 (H, W, 3)`` BGR, upright, a fresh array."""
        return self.with_opacity(frame, wanted=False)[0]

    def with_opacity(self, frame: av.VideoFrame, *, wanted: bool = True) -> tuple[Image, Image | None]:
        """Give `frame` as a picture, and its opacity ``uint8 (H, W)`` where that is `wanted` and not tone-mapped."""
        if frame.interlaced_frame:
            frame = in_one_piece(frame)
        if self.tone_map is not None:
            return self.orientation.apply(self.tone_map(frame)), None
        told = frame.colorspace
        frame.colorspace = converted_as(int(told))
        try:
            pixels = self._convert(frame, "bgra" if wanted else "bgr24").to_ndarray()
        finally:
            frame.colorspace = told
        image = self.orientation.apply(check_image(np.ascontiguousarray(pixels[..., :3])))
        return image, self.orientation.apply(np.ascontiguousarray(pixels[..., 3], np.uint8)) if wanted else None


def tone_map_of(stream: av.VideoStream, mastering: HdrMetadata) -> ToneMap | None:
    """Return what makes SDR of the frames of `stream`, HDR of more than 8 bits; None where it is none.

    Args:
        stream: The video.
        mastering: What it says of its brightest light.
    """
    context = stream.codec_context
    transfer = int(context.color_trc)
    if transfer not in HDR or bits_of(stream) <= 8:
        return None
    return ToneMap(transfer, int(context.color_primaries), mastering)


def bits_of(stream: av.VideoStream) -> int:
    """Return how many bits a sample of `stream` has; 8 where that is not known."""
    return max((part.bits for part in stream.format.components), default=8) if stream.format else 8


def in_one_piece(frame: av.VideoFrame) -> av.VideoFrame:
    """Copy `frame` without the mark that it is two fields.

    Of those, swscale gives each its own rows of chroma, and the way back to YUV (``Colour.to_yuv420``) would blur what
    it took apart.
    """
    if frame.format.chroma_height(16) == 16 or frame.format.is_rgb:
        return frame
    made = av.VideoFrame(frame.width, frame.height, frame.format.name)
    for was, now in zip(frame.planes, made.planes, strict=True):
        width = min(was.line_size, now.line_size)
        rows = np.frombuffer(memoryview(was), np.uint8).reshape(-1, was.line_size)[: was.height]
        np.frombuffer(memoryview(now), np.uint8).reshape(-1, now.line_size)[: now.height, :width] = rows[:, :width]
    made.colorspace, made.color_range = frame.colorspace, frame.color_range
    return made
