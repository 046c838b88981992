"""The way from a decoder's pictures to BGR and back: no format gets a tint."""

import av
import numpy as np
import pytest
from av.video.reformatter import Interpolation, VideoReformatter

from gancam.media.colour import Colour, ToBgr, _darkening, converted_as, srgb_of

FORMATS = [
    "yuv420p", "yuvj420p", "yuva420p", "nv12", "yuv420p10le", "yuv420p12le", "yuv420p16be", "p010le", "yuva420p10le",
    "yuv410p", "yuv411p", "yuv440p", "yuv440p10le", "yuv422p", "yuyv422", "yuv422p10le", "yuv422p12le", "p210le",
    "yuv444p", "yuv444p10le", "yuv444p12le",
]  # fmt: skip


def flats(size: tuple[int, int], matrix: int, full: bool) -> list[av.VideoFrame]:
    """Forty pictures of one colour each, of 4:4:4."""
    rng = np.random.default_rng(5)
    made = []
    for _ in range(40):
        frame = av.VideoFrame(*size, "yuv444p")
        for plane, (low, high) in zip(frame.planes, ((70, 180), (112, 144), (112, 144)), strict=True):
            plane.update(np.full(plane.buffer_size, rng.integers(low, high), np.uint8).tobytes())
        frame.colorspace, frame.color_range = matrix, 1 + full
        made.append(frame)
    return made


@pytest.mark.parametrize(
    "size", [(64, 48), *(pytest.param(size, marks=pytest.mark.slow) for size in ((64, 47), (63, 48))), (63, 47)]
)
@pytest.mark.parametrize("pixels", FORMATS)
def test_planes_come_back_from_bgr_in_the_same_colours(pixels: str, size: tuple[int, int]) -> None:
    to_420, to_pixels, to_bgr = VideoReformatter(), VideoReformatter(), ToBgr()
    rare = ((10, False), (8, False)) if (pixels, size) == ("yuv444p", (64, 48)) else ()  # which swscale has not
    for matrix, full in ((1, False), (6, False), (9, False), (1, True), *rare):
        full = full or pixels == "yuvj420p"
        colour = Colour(
            matrix=matrix, full_range=full, darkened=_darkening(matrix, full, pixels, (size[0] % 2, size[1] % 2))
        )
        off = []
        for flat in flats(size, converted_as(matrix), full):
            frame = to_420.reformat(flat, format="yuv420p", interpolation=Interpolation.BICUBIC)
            frame = to_pixels.reformat(frame, format=pixels, interpolation=Interpolation.BICUBIC)
            planes = [np.zeros((48, 64), np.uint8) for _ in range(3)]
            bgr = np.asarray(to_bgr(frame).to_ndarray(), np.uint8)
            colour.to_yuv(np.ascontiguousarray(bgr[20:21, 20:21].repeat(48, 0).repeat(64, 1)), planes)
            off.append([float(plane[20, 20]) - bytes(was)[0] for plane, was in zip(planes, flat.planes, strict=True)])
        luma, *chroma = np.abs(np.mean(off, 0))
        assert max(chroma) < 0.25, (matrix, full, chroma)
        assert luma < 0.5  # of full range, 1023 is not four times 255


@pytest.mark.parametrize("pixels", ["yuv420p10le", "yuv420p12le", "nv12", "p010le", "yuv422p10le", "yuv444p10le"])
def test_grey_is_grey(pixels: str) -> None:
    for size in ((64, 48), (64, 47)):
        flat = av.VideoFrame(*size, "yuv444p")
        for plane in flat.planes:
            plane.update(bytes([128]) * plane.buffer_size)
        flat.colorspace = 1
        frame = VideoReformatter().reformat(flat, format=pixels, interpolation=Interpolation.BICUBIC)
        bgr = np.asarray(ToBgr()(frame).to_ndarray(), np.uint8)
        assert np.ptp(bgr, axis=2).max() == 0


def test_light_is_coded_as_srgb_does() -> None:
    """Against the way back, which IEC 61966-2-1 gives with constants of its own."""
    code = np.linspace(0, 1, 256)
    light = np.where(code <= 0.04045, code / 12.92, ((code + 0.055) / 1.055) ** 2.4)
    np.testing.assert_allclose(srgb_of(light), code, atol=1e-6)
