"""Photos of phones: HEIC and AVIF, read with all that is in them; AVIF written."""

import io
import struct
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image as Pillow
from PIL import ImageCms, features

from gancam.capture import VideoCapture
from gancam.errors import InputError, SourceError
from gancam.frame import Image
from gancam.jobs.checks import refuse_mixture
from gancam.jobs.inputs import find_inputs
from gancam.jobs.process import process_image
from gancam.jobs.spec import ProcessOptions
from gancam.media.images import read_image, read_pictures, write_image
from gancam.media.metadata import read_metadata
from gancam.media.orientation import Orientation
from gancam.media.paths import classify
from gancam.sources import ImageFiles, VideoFile
from tests.helpers.command import through
from tests.helpers.heif import OPACITY, Item, box, coded, full, heic, heif, nclx, size, tiled

PROFILE = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
XMP = b'<x:xmpmeta xmlns:x="adobe:ns:meta/"/>'
with_avif = pytest.mark.skipif(not features.check("avif"), reason="this Pillow writes no AVIF")


def ramp(width: int = 100, height: int = 90) -> Image:
    """A picture of which no two orientations are alike, without fine colours, which any coding keeps."""
    y, x = np.mgrid[0:height, 0:width]
    return np.dstack([x * 200 // width + 20, y * 200 // height + 20, (x + y) * 100 // (width + height) + 60]).astype(
        "u1"
    )


def written(path: Path, data: bytes) -> Path:
    path.write_bytes(data)
    return path


def exif(orientation: int) -> bytes:
    made = Pillow.Exif()
    made[0x0112], made[0x010F] = orientation, "a phone"
    return made.tobytes()


def test_a_photo_of_tiles(tmp_path: Path) -> None:
    image, alpha = read_image(written(tmp_path / "a.heic", tiled(ramp(), 64)))
    assert image.shape == (90, 100, 3)
    assert alpha is None
    assert cv2.PSNR(image, ramp()) > 45


@pytest.mark.parametrize("quarters", range(4))
def test_quarters_of_a_turn(tmp_path: Path, quarters: int) -> None:
    photo = tiled(ramp(), 64, properties=[box(b"irot", bytes([quarters]))])
    image, _ = read_image(written(tmp_path / "a.heic", photo))
    assert cv2.PSNR(image, np.ascontiguousarray(np.rot90(ramp(), quarters))) > 45


@with_avif
@pytest.mark.parametrize("number", range(1, 9))
def test_orientations_of_another_writer(tmp_path: Path, number: int) -> None:
    path = tmp_path / "a.avif"
    Pillow.fromarray(ramp()[..., ::-1]).save(path, quality=100, exif=exif(number))
    read = read_pictures(path)
    assert cv2.PSNR(read.pictures[0].image, Orientation.of_exif(number).apply(ramp())) > 40
    assert read.metadata.orientation == 1


def test_cropped_as_it_says(tmp_path: Path) -> None:
    clap = box(b"clap", struct.pack(">IIIIiIiI", 40, 1, 30, 1, 5, 1, -8, 1))
    image, _ = read_image(written(tmp_path / "a.heic", heic(ramp(96, 64), properties=[clap])))
    assert cv2.PSNR(image, ramp(96, 64)[9:39, 33:73]) > 45


@pytest.mark.parametrize("multiplied", [False, True])
def test_opacity(tmp_path: Path, multiplied: bool) -> None:
    opacity = np.tile(np.arange(64, 192, 2, dtype=np.uint8), (64, 1))
    colours = ramp(64, 64)
    stored = (colours * (opacity[..., None] / 255)).round().astype(np.uint8) if multiplied else colours
    aux = coded([opacity], "gray")[0]
    aux.properties = [*aux.properties, full(b"auxC", 0, OPACITY)]
    aux.links = {b"auxl": [1]}
    photo = coded([stored])[0]
    photo.links = {b"prem": [2]} if multiplied else {}
    image, alpha = read_image(written(tmp_path / "a.heic", heif([photo, aux])))
    assert alpha is not None
    assert np.abs(alpha.astype(int) - opacity).max() <= 2
    assert np.abs(image.astype(int) - colours).mean() < 2.5


def test_what_stands_beside_is_kept(tmp_path: Path) -> None:
    beside = [
        Item(b"Exif", struct.pack(">I", 6) + exif(6), links={b"cdsc": [1]}),
        Item(b"mime", XMP, said=b"application/rdf+xml\0", links={b"cdsc": [1]}),
    ]
    photo = heic(ramp(64, 64), properties=[box(b"colr", b"prof", PROFILE)], beside=beside)
    path = written(tmp_path / "a.heic", photo)
    for name in ("a.jpg", "a.png", "a.avif"):
        process_image(path, tmp_path / name, [])
        kept = read_metadata((tmp_path / name).read_bytes())
        assert (kept.icc, kept.xmp, kept.orientation) == (PROFILE, XMP, 1)
        assert b"a phone" in kept.exif
        assert read_image(tmp_path / name)[0].shape == (64, 64, 3)  # EXIF's orientation does not count in HEIF


def test_ten_bits_are_told_and_a_gain_map_is_no_opacity(tmp_path: Path) -> None:
    gain = coded([np.zeros((64, 64), np.uint8)], "gray")[0]
    gain.properties = [*gain.properties, full(b"auxC", 0, b"urn:com:apple:photo:2020:aux:hdrgainmap\0")]
    gain.links = {b"auxl": [1]}
    pixi = full(b"pixi", 0, b"\x03\x0a\x0a\x0a")
    photo = heic(ramp(64, 64), properties=[pixi], beside=[gain], form="yuv420p10le")
    read = read_pictures(written(tmp_path / "a.heic", photo))
    assert cv2.PSNR(read.pictures[0].image, ramp(64, 64)) > 40
    assert read.notes == ("its 10 bits a sample are read as 8",)
    assert read.pictures[0].alpha is None


def test_display_p3_without_a_profile_becomes_srgb(tmp_path: Path) -> None:
    image = np.full((64, 64, 3), (60, 90, 200), np.uint8)
    read, _ = read_image(written(tmp_path / "a.heic", heic(image, properties=[nclx(12, 13, 6, whole=False)])))
    # colour.science: P3 (200, 90, 60) is sRGB (217, 84, 49)
    assert np.abs(read.astype(int).mean((0, 1)) - (49, 84, 217)).max() < 3


def test_hdr_becomes_sdr(tmp_path: Path) -> None:
    grey = np.full((64, 64, 3), 148, np.uint8)  # 203 cd/m2 in PQ, the white of paper
    photo = heic(grey, properties=[nclx(9, 16, 9, whole=False)], form="yuv420p10le")
    read, _ = read_image(written(tmp_path / "a.heic", photo))
    assert 190 < read.mean() < 245


def test_the_content_says_what_it_is(tmp_path: Path) -> None:
    data = tiled(ramp(), 64)
    assert cv2.PSNR(read_image(written(tmp_path / "a.jpg", data))[0], ramp()) > 45
    write_image(tmp_path / "b.png", ramp(), overwrite=False)
    (tmp_path / "b.png").rename(tmp_path / "b.heic")
    assert (read_image(tmp_path / "b.heic")[0] == ramp()).all()
    done = through("process", "-", tmp_path / "out.png", given=data)
    assert done.returncode == 0, done.stderr
    assert cv2.PSNR(read_image(tmp_path / "out.png")[0], ramp()) > 45


def test_in_folders_and_in_a_row(tmp_path: Path) -> None:
    data = tiled(ramp(), 64)
    for name in ("a.HEIC", "b.hif", "b.jpg", "c.avif"):
        written(tmp_path / name, data)
    found = find_inputs([str(tmp_path)], tmp_path.parent / "out")
    assert [item.name for item in found.items] == ["a.jpg", "b.hif.jpg", "b.jpg", "c.avif"]
    assert all(item.is_image for item in found.items)
    assert ".HEIC files become .jpg files: .HEIC cannot be written" in found.notes
    written(tmp_path / "f-01.heic", data)
    with ImageFiles(tmp_path / "f-%02d.heic") as source:
        assert [frame.image.shape for frame in source] == [(90, 100, 3)]
    capture = VideoCapture(str(tmp_path / "a.HEIC"))
    assert capture.read()[0]


def damaged() -> list[tuple[str, bytes, str]]:
    whole = tiled(ramp(), 64)
    photo = coded([ramp(64, 64)])[0]
    lost = Item(b"grid", struct.pack(">4B2H", 0, 0, 1, 1, 128, 128), [size(128, 128)], links={b"dimg": [2, 2]})
    plain = heif([Item(b"hvc1", photo.content, photo.properties)])
    places = plain.index(b"iloc") + 8  # the sizes of their numbers, and behind them one item with one place
    one = plain[: places + 8] + b"\0\0\xff\xff" + plain[places + 12 :]  # the number of its places
    many = one[:places] + b"\0\0" + one[places + 2 :]  # that take no bytes
    huge = Item(b"hvc1", photo.content, [photo.properties[0], size(1 << 20, 1 << 20)])
    return [
        ("cut", whole[:-500], "it is cut off, or damaged"),
        ("few", heif([lost, photo]), "it has 2 of its 4 tiles"),
        ("kind", heif([Item(b"j2k1", b"x", [size(4, 4)])]), "its picture is coded as 'j2k1', which is not read"),
        ("list", whole[:60], "its list of pictures is "),
        ("huge", heif([huge]), r"1048576x1048576 pixels are more than 2\^30"),
        ("places", one, "(its list of pictures is|it is) (cut off, or )?damaged"),
        ("endless", many, "its list of pictures is damaged"),
        ("noise", heif([Item(b"hvc1", bytes(99), photo.properties)]), "it is damaged"),
        ("nothing", heif([Item(b"hvc1", photo.content, ())], primary=7), "it is damaged"),
    ]


@pytest.mark.parametrize(("data", "said"), [one[1:] for one in damaged()], ids=[one[0] for one in damaged()])
def test_what_is_damaged_is_one_error(tmp_path: Path, data: bytes, said: str) -> None:
    with pytest.raises(SourceError, match=rf"a\.heic: cannot be read: {said}"):
        read_image(written(tmp_path / "a.heic", data))


def test_damage_anywhere_is_no_other_error(tmp_path: Path) -> None:
    whole = heic(ramp(64, 64), properties=[nclx(12, 13, 6, whole=False), box(b"irot", b"\1")])
    rng = np.random.default_rng(0)
    for _ in range(30):
        broken = bytearray(whole)
        for at in rng.integers(0, 700, 4):
            broken[at] = rng.integers(0, 256)
        path = written(tmp_path / "a.heic", bytes(broken))
        try:
            read_pictures(path)
        except SourceError:
            continue


def test_a_photo_is_no_video(tmp_path: Path) -> None:
    path = written(tmp_path / "a.heic", tiled(ramp(), 64))
    with pytest.raises(InputError, match="is an image, so the output must be one too"):
        refuse_mixture(classify(path), classify(tmp_path / "a.mp4"))
    with pytest.raises(SourceError, match="a still image, not a video"):
        VideoFile(path)
    with pytest.raises(InputError, match=r"b\.heic: images are written as \.png, .*, not as \.heic"):
        process_image(path, tmp_path / "b.heic", [])


def test_avif_is_written_with_opacity_and_as_quality_says(tmp_path: Path) -> None:
    image = ramp()
    image[40:60, 40:60] = np.random.default_rng(0).integers(0, 256, (20, 20, 3))
    opacity = np.tile(np.arange(0, 200, 2, dtype=np.uint8), (90, 1))
    path = tmp_path / "a.png"
    write_image(path, np.dstack([image, opacity]), overwrite=False)
    sizes = []
    for quality in (10, 90, None):
        process_image(path, tmp_path / "a.avif", [], ProcessOptions(overwrite=True, quality=quality))
        made, alpha = read_image(tmp_path / "a.avif")
        assert alpha is not None
        assert np.abs(alpha.astype(int) - opacity).mean() < 3
        assert cv2.PSNR(made, image) > 25
        sizes.append((tmp_path / "a.avif").stat().st_size)
    assert sizes[0] < sizes[1]


def test_animations_become_avif_and_back(tmp_path: Path) -> None:
    frames = [Pillow.fromarray(np.full((32, 48, 3), level, np.uint8)) for level in (20, 120, 220)]
    frames[0].save(tmp_path / "a.webp", save_all=True, append_images=frames[1:], duration=[100, 250, 70], lossless=True)
    process_image(tmp_path / "a.webp", tmp_path / "a.avif", [])
    process_image(tmp_path / "a.avif", tmp_path / "b.webp", [])
    for name in ("a.avif", "b.webp"):
        read = read_pictures(tmp_path / name)
        assert [one.milliseconds for one in read.pictures] == [100, 250, 70]
        assert [round(float(one.image.mean()), -1) for one in read.pictures] == [20, 120, 220]
        assert read.loops == 0


@with_avif
def test_ours_is_read_by_others(tmp_path: Path) -> None:
    write_image(tmp_path / "a.avif", ramp(), overwrite=False)
    with Pillow.open(io.BytesIO((tmp_path / "a.avif").read_bytes())) as opened:
        assert cv2.PSNR(np.asarray(opened.convert("RGB"))[..., ::-1], ramp()) > 35
