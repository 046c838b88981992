"""Colour: what cv2 makes of YUV, and that the way back undoes it."""

from fractions import Fraction
from pathlib import Path

import av
import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from gancam.frame import check_image
from gancam.media.colour import Colour
from gancam.sources import VideoFile
from tests.helpers.clips import make_clip, planes_of, psnr, scenery

KR_KB = {1: (0.2126, 0.0722), 5: (0.299, 0.114), 6: (0.299, 0.114), 9: (0.2627, 0.0593), 2: (0.299, 0.114)}


def flat_clip(path: Path, yuv: tuple[int, int, int], matrix: int, full_range: bool) -> Path:
    """Three frames of one YUV colour, lossless."""
    with av.open(path, "w") as container:
        stream = container.add_stream("ffv1", rate=25)
        assert isinstance(stream, av.VideoStream)
        stream.width, stream.height, stream.pix_fmt = 64, 64, "yuv420p"
        stream.codec_context.colorspace = matrix
        stream.codec_context.color_range = 1 + full_range
        for index in range(3):
            frame = av.VideoFrame(64, 64, "yuv420p")
            for plane, value in zip(frame.planes, yuv, strict=True):
                plane.update(bytes([value]) * plane.buffer_size)
            frame.pts, frame.colorspace, frame.color_range = index, matrix, 1 + full_range
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path


def bgr_by_the_standard(yuv: tuple[int, int, int], matrix: int, full_range: bool) -> NDArray[np.float64]:
    """ITU-T H.273 equations, written the other way round than in gancam.info."""
    kr, kb = KR_KB[matrix]
    y, u, v = (float(value) for value in yuv)
    luma, blue, red = (y / 255, (u - 128) / 255, (v - 128) / 255)
    if not full_range:
        luma, blue, red = (y - 16) / 219, (u - 128) / 224, (v - 128) / 224
    r, b = luma + 2 * (1 - kr) * red, luma + 2 * (1 - kb) * blue
    g = (luma - kr * r - kb * b) / (1 - kr - kb)
    return np.array([b, g, r]).clip(0, 1) * 255


@pytest.mark.parametrize("full_range", [False, True])
@pytest.mark.parametrize("matrix", [1, 2, 5, 6, 9])
def test_opencv_follows_the_tags_and_takes_untagged_video_for_bt601(
    tmp_path: Path, matrix: int, full_range: bool
) -> None:
    for yuv in [(81, 100, 200), (145, 80, 70), (60, 180, 110), (120, 128, 128)]:
        path = flat_clip(tmp_path / "flat.mkv", yuv, matrix, full_range)
        with VideoFile(path) as source:
            image = next(iter(source)).image
            assert source.info.colour.matrix == matrix
            assert source.info.colour.full_range == full_range
        assert np.abs(image[32, 32] - bgr_by_the_standard(yuv, matrix, full_range)).max() <= 3


@pytest.mark.parametrize("full_range", [False, True])
@pytest.mark.parametrize("matrix", [1, 2, 6])
def test_the_way_back_undoes_what_opencv_did(tmp_path: Path, matrix: int, full_range: bool) -> None:
    path = make_clip(tmp_path / "a.mp4", images=scenery(), matrix=matrix, full_range=full_range)
    stored = planes_of(path)
    with VideoFile(path) as source:
        colour = source.info.colour
        for frame, (y, u, v) in zip(source, stored, strict=True):
            back = [np.zeros_like(y), np.zeros_like(u), np.zeros_like(v)]
            colour.to_yuv420(frame.image, back)
            assert psnr(back[0], y) > 52
            assert min(psnr(back[1], u), psnr(back[2], v)) > 50
            for mine, theirs in zip(back, (y, u, v), strict=True):
                assert abs(float(mine.mean()) - float(theirs.mean())) < 0.3


@pytest.mark.parametrize(("full_range", "black", "white"), [(False, 16, 235), (True, 0, 255)])
def test_black_and_white_are_kept_exactly(tmp_path: Path, full_range: bool, black: int, white: int) -> None:
    for luma in (black, white):
        path = flat_clip(tmp_path / "flat.mkv", (luma, 128, 128), 1, full_range)
        with VideoFile(path) as source:
            image = next(iter(source)).image
            planes = [np.zeros((64, 64), np.uint8), np.zeros((32, 32), np.uint8), np.zeros((32, 32), np.uint8)]
            source.info.colour.to_yuv420(image, planes)
        assert (planes[0] == luma).all()
        assert (np.stack(planes[1:]) == 128).all()


def test_conversion_without_a_source_agrees_with_opencv_where_opencv_can() -> None:
    image = check_image(cv2.resize(scenery()[0], (48, 32)))
    theirs = cv2.cvtColor(image, cv2.COLOR_BGR2YUV_I420)  # BT.601, limited range
    planes = [np.zeros((32, 48), np.uint8), np.zeros((16, 24), np.uint8), np.zeros((16, 24), np.uint8)]
    Colour(matrix=6).to_yuv420(image, planes)
    assert np.abs(planes[0].astype(int) - theirs[:32]).max() <= 1
    assert np.abs(planes[1].astype(float).mean() - theirs[32:40].mean()) < 1


def test_large_pictures_are_converted_band_by_band_to_the_same() -> None:
    width, height, part = 3000, 2000, 400
    image = check_image(cv2.resize(scenery()[0], (width, height), interpolation=cv2.INTER_CUBIC))
    shapes = [(height, width), *[(height // 2, width // 2)] * 2]
    whole, parts = ([np.zeros(shape, np.uint8) for shape in shapes] for _ in range(2))
    Colour().to_yuv420(image, whole)
    for top in range(0, height, part):
        planes = [plane[top * len(plane) // height :][: part * len(plane) // height] for plane in parts]
        Colour().to_yuv420(image[top : top + part], planes)
    assert all(np.array_equal(one, other) for one, other in zip(whole, parts, strict=True))


def test_conversion_writes_into_padded_rows_and_nowhere_else() -> None:
    image = np.full((2, 2, 3), (10, 200, 90), np.uint8)
    whole = [np.full((4, 64), 7, np.uint8) for _ in range(3)]
    views = [whole[0][:2, :2], whole[1][:1, :1], whole[2][:1, :1]]
    Colour().to_yuv420(image, views)
    assert all((view != 7).all() for view in views)
    assert [int((plane != 7).sum()) for plane in whole] == [4, 1, 1]


def test_footage_tells_aspect_and_time_base(tmp_path: Path) -> None:
    base = Fraction(1, 30000)
    path = make_clip(tmp_path / "a.mp4", time_base=base, aspect=Fraction(128, 117))
    with VideoFile(path) as source:
        assert source.info.aspect == Fraction(128, 117)
        assert source.info.time_base == base
        assert source.info.origin == 0
