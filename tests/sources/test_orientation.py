"""Which way up video is shown: all eight orientations, through every reader, and in what `verify` says."""

import io
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from PIL import Image as Pillow

import gancam
from gancam.frame import Image
from gancam.jobs.process import process_video
from gancam.jobs.spec import ProcessOptions
from gancam.media.orientation import EIGHT, Orientation
from gancam.pipeline import Report
from gancam.sources import VideoFile
from gancam.tools.verify import verify
from tests.helpers.clips import make_clip, psnr, scenery

MATRICES = [
    (1, 0, 0, 1), (-1, 0, 0, 1), (1, 0, 0, -1), (-1, 0, 0, -1), (0, 1, 1, 0), (0, 1, -1, 0), (0, -1, 1, 0),
    (0, -1, -1, 0),
]  # fmt: skip
PICTURES = scenery(96, 64, 3)


def shown(image: Image, matrix: tuple[int, int, int, int]) -> Image:
    """`image` with what is at (x, y) put to (a x + c y, b x + d y): the oracle, pixel by pixel."""
    a, b, c, d = matrix
    height, width = image.shape[:2]
    y, x = np.mgrid[0:height, 0:width]
    across, down = a * x + c * y, b * x + d * y
    across, down = across - across.min(), down - down.min()
    made = np.zeros((down.max() + 1, across.max() + 1, *image.shape[2:]), np.uint8)
    made[down, across] = image
    return made


EXACT = {"qp": "0", "preset": "ultrafast"}  # without loss: libx264 may code the same picture in two ways


def first_image(path: Path, *, deinterlace: bool = False) -> Image:
    with VideoFile(path, deinterlace=deinterlace) as source:
        image = next(iter(source)).image
        assert source.size == (image.shape[1], image.shape[0])
    return image


@pytest.mark.parametrize("ending", [".mp4", ".mov", ".mkv"])
@pytest.mark.parametrize("matrix", MATRICES, ids=str)
def test_every_reader_shows_what_players_show(tmp_path: Path, matrix: tuple[int, int, int, int], ending: str) -> None:
    plain = make_clip(tmp_path / f"plain{ending}", images=PICTURES, aspect=Fraction(4, 3), options=EXACT)
    path = make_clip(
        tmp_path / f"a{ending}", images=PICTURES, aspect=Fraction(4, 3), matrix_of_display=matrix, options=EXACT
    )
    wanted = shown(first_image(plain), matrix)
    np.testing.assert_array_equal(first_image(path), wanted)
    with gancam.VideoCapture(path) as capture:
        read = capture.read()[1]
        assert read is not None
        np.testing.assert_array_equal(read, wanted)
    with VideoFile(path) as source:
        assert source.info.aspect == (Fraction(3, 4) if matrix[0] == 0 else Fraction(4, 3))


@pytest.mark.parametrize("matrix", MATRICES, ids=str)
@pytest.mark.parametrize("codec", ["ffv1", None], ids=["planes as they are", "encoded again"])
def test_a_copy_is_upright_and_verified(tmp_path: Path, matrix: tuple[int, int, int, int], codec: str | None) -> None:
    source = make_clip(tmp_path / "a.mp4", images=PICTURES, matrix_of_display=matrix)
    out = tmp_path / "out.mkv"
    process_video(source, out, [], ProcessOptions(codec=codec), Report(), notify=lambda note: None)
    with av.open(out) as container:
        assert Orientation.of_frame(next(container.decode(video=0))) == Orientation()
    assert psnr(first_image(out), first_image(source)) > 35
    found = {one.name: one for one in verify(source, out)}
    assert {one.verdict for one in found.values()} == {"kept"}
    assert ("orientation" in found) == (matrix != MATRICES[0])


@pytest.mark.parametrize("matrix", MATRICES[1:], ids=str)
def test_verify_tells_a_lost_orientation(tmp_path: Path, matrix: tuple[int, int, int, int]) -> None:
    """As a program writes that drops what it does not know."""
    before = make_clip(tmp_path / "a.mp4", images=PICTURES, matrix_of_display=matrix)
    after = make_clip(tmp_path / "b.mp4", images=PICTURES)
    told = {one.name: one for one in verify(before, after)}["orientation"]
    assert told.verdict == "changed"
    assert {one.name: one for one in verify(after, after)}.get("orientation") is None


def test_the_orientation_of_pictures_in_which_nothing_is_seen_is_that_of_their_tags(tmp_path: Path) -> None:
    black = [np.zeros((64, 96, 3), np.uint8)] * 3
    before = make_clip(tmp_path / "a.mp4", images=black, matrix_of_display=(-1, 0, 0, 1))
    after = make_clip(tmp_path / "b.mp4", images=black, matrix_of_display=(1, 0, 0, -1))
    assert {one.name: one.verdict for one in verify(before, after)}["orientation"] == "changed"


@pytest.mark.parametrize("ending", [".ts", ".mkv", ".avi", ".flv"])
@pytest.mark.parametrize("flip", ["horizontal", "vertical"])
def test_a_mirror_within_the_stream_is_applied(tmp_path: Path, ending: str, flip: str) -> None:
    """H.264's own message of it, which containers that have no matrix carry too."""
    plain = make_clip(tmp_path / f"plain{ending}", images=PICTURES, options={"crf": "12", "bf": "0"})
    path = tmp_path / f"a{ending}"
    with av.open(plain) as clip, av.open(path, "w") as film:
        stream = clip.streams.video[0]
        made = film.add_stream_from_template(stream)
        change = av.BitStreamFilterContext(f"h264_metadata=display_orientation=insert:flip={flip}", stream, made)
        for packet in clip.demux(stream):
            for changed in change.filter(packet if packet.size else None):
                changed.stream = made
                film.mux(changed)
    matrix = (-1, 0, 0, 1) if flip == "horizontal" else (1, 0, 0, -1)
    np.testing.assert_array_equal(first_image(path), shown(first_image(plain), matrix))


@pytest.mark.parametrize("matrix", MATRICES, ids=str)
def test_whole_pictures_of_fields_are_turned_too(tmp_path: Path, matrix: tuple[int, int, int, int]) -> None:
    options = {**EXACT, "flags": "+ildct+ilme", "x264-params": "tff=1"}
    plain = make_clip(tmp_path / "plain.mp4", images=PICTURES, options=options)
    path = make_clip(tmp_path / "a.mp4", images=PICTURES, options=options, matrix_of_display=matrix)
    wanted = shown(first_image(plain, deinterlace=True), matrix)
    np.testing.assert_array_equal(first_image(path, deinterlace=True), wanted)


def test_opacity_is_turned_with_its_picture(tmp_path: Path) -> None:
    pictures = [np.dstack([image, np.tile(np.linspace(0, 255, 96), (64, 1)).astype(np.uint8)]) for image in PICTURES]
    for form, ending, options in (("yuva420p", ".mkv", {"g": "1"}), ("bgra", ".mov", {})):
        codec = "ffv1" if form == "yuva420p" else "qtrle"
        pixels = form if codec == "ffv1" else "argb"
        path = make_clip(
            tmp_path / f"a{ending}", images=pictures, codec=codec, pix_fmt=pixels, options=options,
            matrix_of_display=(0, 1, 1, 0),
        )  # fmt: skip
        with VideoFile(path) as source:
            frame = next(iter(source))
        assert frame.alpha is not None
        assert frame.alpha.shape == frame.image.shape[:2] == (96, 64)
        assert frame.alpha[0].max() < 10
        assert frame.alpha[-1].min() > 245


def test_another_angle_is_told_and_not_taken_for_a_quarter(tmp_path: Path) -> None:
    plain = make_clip(tmp_path / "plain.mp4", images=PICTURES, options=EXACT)
    path = make_clip(tmp_path / "a.mp4", images=PICTURES, options=EXACT, matrix_of_display=(0.866, -0.5, 0.5, 0.866))
    np.testing.assert_array_equal(first_image(path), first_image(plain))
    with VideoFile(path) as source:
        assert any("at an angle that is not applied" in note for note in source.notes)


def test_the_eight_orientations_differ() -> None:
    image = scenery(7, 5, 1)[0]
    made = {orientation.apply(image).tobytes() for orientation in EIGHT}
    assert len(made) == 8
    assert [str(one) for one in EIGHT[:3]] == ["upright", "mirrored", "turned by 180"]
    assert not EIGHT[0]
    assert all(EIGHT[1:])


@pytest.mark.parametrize("number", range(1, 9))
def test_photos_in_a_row_are_turned_as_each_says(tmp_path: Path, number: int) -> None:
    made = Pillow.Exif()
    made[0x0112] = number
    picture = io.BytesIO()
    Pillow.fromarray(PICTURES[0][..., ::-1]).save(picture, "JPEG", exif=made.tobytes(), quality=100, subsampling=0)
    path = tmp_path / "a.mjpeg"
    path.write_bytes(picture.getvalue() * 2)
    wanted = Orientation.of_exif(number).apply(PICTURES[0])
    assert psnr(first_image(path), wanted) > 30
