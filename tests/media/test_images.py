"""Image files of every kind: opacity and orientation, metadata, many pictures in one, and limits of formats."""

import io
import json
import struct
import zlib
from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image as Pillow
from PIL import ImageCms

from gancam.errors import SinkError, SourceError
from gancam.frame import Image
from gancam.jobs.inputs import find_inputs
from gancam.jobs.process import process_image, process_video
from gancam.jobs.spec import ProcessOptions
from gancam.media.images import read_image, read_pictures
from gancam.media.lab import lab_to_bgr
from gancam.media.metadata import ImageMetadata, embed, read_metadata
from gancam.media.orientation import Orientation
from gancam.pipeline import Report
from gancam.sources import ImageFiles
from tests.helpers.clips import make_clip
from tests.helpers.command import here
from tests.helpers.small import still

WIDTH, HEIGHT = 12, 8
EIGHT = range(1, 9)
PROFILE = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
LONG = struct.pack(">I", len(PROFILE) + 70_000) + PROFILE[4:] + bytes(70_000)  # more than one segment of JPEG holds
XMP = b'<x:xmpmeta xmlns:x="adobe:ns:meta/"><a tiff:Orientation="6"/></x:xmpmeta>'


def exif(orientation: int) -> bytes:
    made = Pillow.Exif()
    made[0x0112], made[0x010E] = orientation, "a picture"
    return made.tobytes().removeprefix(b"Exif\0\0")


def chunk(name: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + name + content + struct.pack(">I", zlib.crc32(name + content))


def png(colours: int, depth: int, *, key: bool, orientation: int) -> bytes:
    """A PNG of a colour type, with or without its transparent colours (tRNS)."""
    rng = np.random.default_rng(colours * 100 + depth)
    values = rng.integers(
        0, 16 if colours == 3 and depth == 8 else 1 << depth, (HEIGHT, WIDTH, {2: 3, 4: 2, 6: 4}.get(colours, 1))
    )
    values[0, 0] = values[-1, 2] = values[3, 5]
    bits = "".join(
        "0" * 8 + (line := "".join(format(value, f"0{depth}b") for value in row.ravel())) + "0" * (-len(line) % 8)
        for row in values
    )
    packed = int(bits, 2).to_bytes(len(bits) // 8, "big")
    data = b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", struct.pack(">IIBBBBB", WIDTH, HEIGHT, depth, colours, 0, 0, 0))
    count = min(1 << depth, 16)
    if colours == 3:
        data += chunk(b"PLTE", rng.integers(0, 256, 3 * count, np.uint8).tobytes())
    if key:
        first = [int(value) for value in values[0, 0]]
        data += chunk(
            b"tRNS",
            rng.integers(0, 256, count, np.uint8).tobytes() if colours == 3 else struct.pack(f">{len(first)}H", *first),
        )
    return data + chunk(b"eXIf", exif(orientation)) + chunk(b"IDAT", zlib.compress(packed)) + chunk(b"IEND", b"")


def pillow_reads(data: bytes) -> NDArray[np.uint8]:
    """The picture upright, BGRA: the oracle."""
    from PIL import ImageOps

    whole = np.asarray(ImageOps.exif_transpose(Pillow.open(io.BytesIO(data))).convert("RGBA"))
    return np.ascontiguousarray(whole[..., [2, 1, 0, 3]])


TYPES = [
    (colours, depth, key)
    for colours, depths in ((0, (1, 2, 4, 8, 16)), (2, (8, 16)), (3, (1, 2, 4, 8)), (4, (8, 16)), (6, (8, 16)))
    for depth in depths
    for key in ((False, True) if colours in (0, 2, 3) else (False,))
]


@pytest.mark.parametrize(("colours", "depth", "key"), TYPES)
@pytest.mark.parametrize("orientation", EIGHT)
def test_png_of_every_kind_is_upright_with_its_opacity(
    tmp_path: Path, colours: int, depth: int, key: bool, orientation: int
) -> None:
    path = tmp_path / "a.png"
    path.write_bytes(png(colours, depth, key=key, orientation=orientation))
    image, alpha = read_image(path)
    upright = Orientation.of_exif(orientation)
    assert image.shape[:2] == upright.size(HEIGHT, WIDTH)
    assert (alpha is not None) == (key or colours in (4, 6))
    if depth < 16:
        wanted = pillow_reads(path.read_bytes())
        np.testing.assert_array_equal(image, wanted[..., :3])
        if (colours, key) == (0, True):  # Pillow itself fails for 2 and 4 bits
            grey = pillow_reads(png(colours, depth, key=False, orientation=1))[0, 0, 0]
            wanted[..., 3] = np.where(wanted[..., 0] == grey, 0, 255)
        if alpha is not None:
            np.testing.assert_array_equal(alpha, wanted[..., 3])
    elif alpha is not None:
        path.write_bytes(png(colours, depth, key=key, orientation=1))
        plain = read_image(path)[1]
        assert plain is not None
        np.testing.assert_array_equal(alpha, upright.apply(plain))


def veiled() -> NDArray[np.uint8]:
    y, x = np.mgrid[0:HEIGHT, 0:WIDTH]
    return np.dstack([x * 20, y * 30, 255 - x * 10, 10 + y * 30]).astype(np.uint8)  # RGBA


@pytest.mark.parametrize("orientation", EIGHT)
@pytest.mark.parametrize(
    ("form", "mode", "options"),
    [
        ("WEBP", "RGBA", {"lossless": True, "exact": True}), ("WEBP", "RGB", {"lossless": True}),
        ("TIFF", "RGBA", {}), ("TIFF", "RGBA", {"compression": "tiff_lzw"}), ("TIFF", "RGB", {}), ("TIFF", "LA", {}),
        ("TIFF", "L", {}), ("JPEG", "RGB", {"quality": 100, "subsampling": 0}), ("PNG", "LA", {}),
    ],
)  # fmt: skip
def test_webp_tiff_and_jpeg_are_upright_with_their_opacity(
    tmp_path: Path, form: str, mode: str, options: dict[str, object], orientation: int
) -> None:
    path = tmp_path / f"a.{form.lower()}"
    Pillow.fromarray(veiled(), "RGBA").convert(mode).save(path, form, exif=exif(orientation), **options)
    image, alpha = read_image(path)
    wanted = pillow_reads(path.read_bytes())
    assert np.abs(image.astype(int) - wanted[..., :3]).max() <= (6 if form == "JPEG" else 0)
    assert (alpha is not None) == (mode in ("RGBA", "LA"))
    if alpha is not None:
        np.testing.assert_array_equal(alpha, wanted[..., 3])


def test_colours_that_opacity_was_multiplied_into_are_taken_apart(tmp_path: Path) -> None:
    path = tmp_path / "a.tiff"
    straight = veiled()
    multiplied = np.rint(straight[..., :3] * (straight[..., 3:] / 255)).astype(np.uint8)
    Pillow.fromarray(np.dstack([multiplied, straight[..., 3]]), "RGBA").save(path, "TIFF")
    tag = b"\x52\x01\x03\x00\x01\x00\x00\x00"  # ExtraSamples, of which 2 means that the colours are as they are
    assert tag + b"\x02" in path.read_bytes()
    path.write_bytes(path.read_bytes().replace(tag + b"\x02", tag + b"\x01"))
    image, alpha = read_image(path)
    assert alpha is not None
    np.testing.assert_array_equal(alpha, straight[..., 3])
    solid = alpha > 100
    assert np.abs(image[..., ::-1].astype(int) - straight[..., :3])[solid].max() <= 2


@pytest.mark.parametrize("ending", [".png", ".webp", ".tiff"])
@pytest.mark.parametrize("source", ["PNG", "WEBP", "TIFF"])
def test_opacity_goes_from_every_format_into_every_other(tmp_path: Path, source: str, ending: str) -> None:
    path, out = tmp_path / f"a.{source.lower()}", tmp_path / f"b{ending}"
    options: dict[str, object] = {"lossless": True, "exact": True} if source == "WEBP" else {}
    Pillow.fromarray(veiled(), "RGBA").save(path, source, exif=exif(6), **options)
    process_image(path, out, [], notify=lambda note: None)
    before, after = read_image(path), read_image(out)
    np.testing.assert_array_equal(before[0], after[0])
    assert before[1] is not None
    assert after[1] is not None
    np.testing.assert_array_equal(before[1], after[1])


def doubled(image: Image) -> Image:
    return np.repeat(np.repeat(image, 2, 0), 2, 1)


@pytest.mark.parametrize("ending", [".png", ".jpg", ".webp", ".tiff", ".bmp"])
@pytest.mark.parametrize("source", ["PNG", "JPEG", "WEBP"])
@pytest.mark.parametrize("profile", [PROFILE, LONG], ids=["a profile", "a long profile"])
def test_metadata_are_kept(tmp_path: Path, source: str, ending: str, profile: bytes) -> None:
    path, out, said = tmp_path / f"a.{source.lower()}", tmp_path / f"b{ending}", list[str]()
    plain = io.BytesIO()
    Pillow.fromarray(veiled()[..., :3]).save(plain, source)
    data, lost = embed(plain.getvalue(), ImageMetadata(profile, exif(6), XMP))
    path.write_bytes(data)
    assert lost == []
    there = Pillow.open(io.BytesIO(data))  # others read what is written here
    there.load()
    assert there.info["icc_profile"] == profile
    assert there.getexif()[0x0112] == 6
    assert there.size == (WIDTH, HEIGHT)
    process_image(path, out, [doubled], notify=said.append)
    kept = read_metadata(out.read_bytes())
    assert kept.icc == (b"" if ending == ".bmp" else profile)
    assert kept.exif == (b"" if ending in (".bmp", ".tiff") else exif(1))
    assert kept.xmp == (b"" if ending == ".bmp" else XMP.replace(b'"6"', b'"1"'))
    lost = {".bmp": ["colour profile", "EXIF", "XMP"], ".tiff": ["EXIF"]}.get(ending, [])
    assert [note.split("its ")[1].split(" is left out")[0] for note in said] == lost
    with Pillow.open(out) as made:
        assert made.size == (HEIGHT * 2, WIDTH * 2)
        assert made.info.get("icc_profile") == (None if ending == ".bmp" else profile)
    assert read_image(out)[0].shape == (WIDTH * 2, HEIGHT * 2, 3)


def test_metadata_of_tiff_are_kept(tmp_path: Path) -> None:
    path, out, said = tmp_path / "a.tif", tmp_path / "b.tif", list[str]()
    options = {"icc_profile": PROFILE, "tiffinfo": {700: XMP, 34665: {36867: "2026:01:01 00:00:00"}}}
    Pillow.fromarray(veiled(), "RGBA").save(path, "TIFF", **options)
    process_image(path, out, [], notify=said.append)
    kept = read_metadata(out.read_bytes())
    assert (kept.icc, kept.xmp) == (PROFILE, XMP.replace(b'"6"', b'"1"'))
    assert said == [f"{path}: its EXIF data are left out"]


def test_what_a_png_says_of_its_colours_is_kept(tmp_path: Path) -> None:
    data = png(2, 8, key=False, orientation=1)
    (tmp_path / "a.png").write_bytes(data[:33] + chunk(b"gAMA", struct.pack(">I", 100_000)) + data[33:])
    process_image(tmp_path / "a.png", tmp_path / "b.png", [])
    with Pillow.open(tmp_path / "b.png") as made:
        assert made.info["gamma"] == 1.0


@pytest.mark.parametrize("form", ["JPEG", "TIFF"])
def test_a_profile_of_other_colours_is_left_out_and_told(tmp_path: Path, form: str) -> None:
    """CMYK is read as RGB, for which its profile would be wrong."""
    path, said = tmp_path / f"a.{form.lower()}", list[str]()
    profile = PROFILE[:16] + b"CMYK" + PROFILE[20:]
    Pillow.fromarray(veiled()[..., :3]).convert("CMYK").save(path, form, icc_profile=profile)
    process_image(path, tmp_path / "b.png", [], notify=said.append)
    assert said == [f"{path}: its colour profile (CMYK) is left out: the picture is read as RGB"]
    assert read_image(path)[1] is None


@pytest.mark.parametrize("damage", range(40))
def test_damaged_metadata_cost_no_picture(damage: int) -> None:
    rng = np.random.default_rng(damage)
    for form in ("PNG", "JPEG", "WEBP", "TIFF"):
        out = io.BytesIO()
        Pillow.fromarray(veiled()[..., :3]).save(out, form, icc_profile=PROFILE, exif=exif(6))
        data = bytearray(out.getvalue())
        for place in rng.integers(4, min(len(data), 200), 12):
            data[place] = rng.integers(0, 256)
        read_metadata(bytes(data[: rng.integers(20, len(data))])).upright()
        assert read_metadata(bytes(data)).orientation in EIGHT


def animation(path: Path, form: str, *, count: int = 4, alpha: bool = True) -> list[int]:
    durations = [100, 200, 300, 40][:count]
    frames = [
        Pillow.fromarray(
            np.dstack(
                [np.full((HEIGHT, WIDTH, 3), 40 * index + 20), np.full((HEIGHT, WIDTH), 255 - 30 * index * alpha)]
            ).astype(np.uint8),
            "RGBA",
        )
        for index in range(count)
    ]
    options: dict[str, object] = {"lossless": True} if form == "WEBP" else {}
    frames[0].save(path, form, save_all=True, append_images=frames[1:], duration=durations, loop=3, **options)
    return durations


@pytest.mark.parametrize("source", ["PNG", "WEBP"])
@pytest.mark.parametrize("ending", [".png", ".webp"])
@pytest.mark.parametrize("alpha", [True, False])
def test_all_frames_of_an_animation_are_made(tmp_path: Path, source: str, ending: str, alpha: bool) -> None:
    path, out, said = tmp_path / f"a.{source.lower()}", tmp_path / f"b{ending}", list[str]()
    durations = animation(path, source, alpha=alpha)
    process_image(path, out, [doubled], notify=said.append)
    made = read_pictures(out)
    assert said == []
    assert [picture.milliseconds for picture in made.pictures] == durations
    assert made.loops == 3
    assert [int(picture.image[0, 0, 0]) for picture in made.pictures] == [20, 60, 100, 140]
    assert [None if one.alpha is None else int(one.alpha[0, 0]) for one in made.pictures] == (
        [255, 225, 195, 165] if alpha else [None] * 4
    )
    assert made.pictures[0].image.shape == (HEIGHT * 2, WIDTH * 2, 3)


@pytest.mark.parametrize(
    ("source", "ending", "says"),
    [("WEBP", ".jpg", "has 4 frames"), ("PNG", ".tiff", "has 4 frames"), ("TIFF", ".png", "has 4 pages")],
)
def test_where_one_picture_alone_fits_it_is_told_how_many_there_are(
    tmp_path: Path, source: str, ending: str, says: str
) -> None:
    path, said = tmp_path / f"a.{source.lower()}", list[str]()
    animation(path, source, alpha=False)
    process_image(path, tmp_path / f"b{ending}", [], notify=said.append)
    assert any(says in note and "gets the first" in note for note in said)
    assert read_image(tmp_path / f"b{ending}")[0][0, 0, 0] in range(18, 23)


def test_all_pages_are_made(tmp_path: Path) -> None:
    animation(tmp_path / "a.tif", "TIFF", alpha=False)
    process_image(tmp_path / "a.tif", tmp_path / "b.tif", [doubled])
    made = read_pictures(tmp_path / "b.tif")
    assert [int(picture.image[0, 0, 0]) for picture in made.pictures] == [20, 60, 100, 140]
    assert made.pictures[3].image.shape == (HEIGHT * 2, WIDTH * 2, 3)


def test_the_limit_of_a_format_is_told_before_the_work(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    wide = np.zeros((1, 40_000, 3), np.uint8)
    cv2.imwrite(str(tmp_path / "a.png"), wide)
    made: list[int] = []

    def counting(image: Image) -> Image:
        made.append(1)
        return np.repeat(image, 2, 1)

    for ending, most in ((".webp", 16383), (".jpg", 65500)):
        with pytest.raises(SinkError, match=f"80000x1 is too large, {ending} has at most {most} pixels .*png"):
            process_image(tmp_path / "a.png", tmp_path / f"b{ending}", [counting])
        assert not (tmp_path / f"b{ending}").exists()
    process_image(tmp_path / "a.png", tmp_path / "b.png", [counting])
    process_image(tmp_path / "a.png", tmp_path / "b.bmp", [counting])
    assert capfd.readouterr().err == ""


def test_what_is_too_large_to_read_is_one_clear_line(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    data = png(0, 1, key=False, orientation=1)
    head = b"IHDR" + struct.pack(">II", 60_000, 60_000) + data[24:29]
    (tmp_path / "a.png").write_bytes(data[:12] + head + struct.pack(">I", zlib.crc32(head)) + data[33:])
    with pytest.raises(SourceError, match="more pixels than OpenCV reads"):
        read_image(tmp_path / "a.png")
    assert capfd.readouterr().err == ""


@pytest.mark.parametrize("name", ["a.jpg", "a.mpo"])
def test_the_first_picture_of_several_in_a_jpeg_is_made_and_the_others_are_told(tmp_path: Path, name: str) -> None:
    first, other = (Pillow.fromarray(still("sign")[..., ::-1] // share) for share in (1, 4))
    first.save(tmp_path / name, format="mpo", save_all=True, append_images=[other], quality=95)
    said: list[str] = []
    process_image(tmp_path / name, tmp_path / "b.png", [], notify=said.append)
    assert said == [f"{tmp_path / name}: its other pictures (MPO: for the other eye, or for HDR) are left out"]
    made = read_image(tmp_path / "b.png")[0]
    assert np.abs(made.astype(int) - still("sign")).mean() < 4
    first.save(tmp_path / "one.jpg", format="mpo", save_all=True, append_images=[])
    assert read_pictures(tmp_path / "one.jpg").notes == ()


@pytest.mark.parametrize("ending", [".png", ".jpg", ".webp", ".tiff", ".bmp"])
@pytest.mark.parametrize("keep", [0, 1, 20, 0.5])
def test_what_is_cut_off_is_one_clear_line(
    tmp_path: Path, ending: str, keep: float, capfd: pytest.CaptureFixture[str]
) -> None:
    whole = cv2.imencode(ending, np.random.default_rng(0).integers(0, 255, (40, 60, 3), np.uint8))[1].tobytes()
    path = tmp_path / f"a{ending}"
    path.write_bytes(whole[: keep if isinstance(keep, int) else int(len(whole) * keep)])
    for read in (read_image, read_pictures):
        with pytest.raises(SourceError, match="is empty" if keep == 0 else "not an image that OpenCV can read"):
            read(path)
    assert capfd.readouterr().err == ""


@pytest.mark.parametrize("ending", [".png", ".tiff"])
def test_sixteen_bits_are_read_as_eight_and_told(tmp_path: Path, ending: str) -> None:
    deep = np.full((HEIGHT, WIDTH, 3), 0x8040, np.uint16)
    for index in (1, 2):
        cv2.imwrite(str(tmp_path / f"a-{index}{ending}"), deep)
    said: list[str] = []
    process_image(tmp_path / f"a-1{ending}", tmp_path / "b.png", [], notify=said.append)
    assert said == [f"{tmp_path / f'a-1{ending}'}: its 16 bits a sample are read as 8"]
    with ImageFiles(tmp_path / f"a-%d{ending}") as source:
        assert any("16 bits a sample are read as 8" in note for note in source.notes)


def test_fractions_are_refused_in_one_clear_line(tmp_path: Path) -> None:
    cv2.imwrite(str(tmp_path / "a.tiff"), np.zeros((4, 4, 3), np.float32))
    with pytest.raises(SourceError, match="float32 samples, needs whole numbers of 8 or 16 bits"):
        read_image(tmp_path / "a.tiff")


def test_numbered_images_keep_their_profile(tmp_path: Path) -> None:
    for index in (1, 2):
        Pillow.fromarray(veiled()).save(tmp_path / f"a-{index}.png", icc_profile=PROFILE)
    for target, says in (("b-%d.webp", ""), ("b-%d.bmp", "colour profile is left out"), ("b.mp4", "videos hold none")):
        said: list[str] = []
        process_video(tmp_path / "a-%d.png", tmp_path / target, [], ProcessOptions(), Report(), notify=said.append)
        assert any("profile" in note for note in said) == bool(says)
        assert any(says in note for note in said)
    assert read_metadata((tmp_path / "b-2.webp").read_bytes()).icc == PROFILE
    assert read_image(tmp_path / "b-2.webp")[1] is not None


def test_quality_is_that_of_jpeg_and_json_tells_what_was_written(tmp_path: Path) -> None:
    cv2.imwrite(str(tmp_path / "a.png"), still("otters"))
    sizes = []
    for quality in (0, 50, 100):
        out = tmp_path / f"{quality}.jpg"
        done = here("process", tmp_path / "a.png", out, "--quality", quality, "--json")
        assert (done.returncode, json.loads(done.stdout)) == (0, {"output": str(out), "notes": []}), done.stderr
        sizes.append(out.stat().st_size)
    assert sizes[0] < sizes[1] < sizes[2]
    for quality in (0, 100):
        here("process", tmp_path / "a.png", tmp_path / f"{quality}.webp", "--quality", quality)
    assert (tmp_path / "0.webp").read_bytes() == (tmp_path / "100.webp").read_bytes(), "it is lossless"


def test_a_video_that_is_called_an_image_is_told(tmp_path: Path) -> None:
    for name in ("a.mp4", "a.mkv"):
        film = make_clip(tmp_path / name).rename(tmp_path / "film.png")
        with pytest.raises(SourceError, match=r"film\.png: a video, by its content: give it the ending of one"):
            read_image(film)


def test_a_jpeg_by_the_name_that_windows_gives_it_is_an_image(tmp_path: Path) -> None:
    """Read and written with all that belongs to it, and taken from a folder."""
    with Pillow.open(io.BytesIO(cv2.imencode(".png", still("lake"))[1].tobytes())) as picture:
        picture.save(tmp_path / "in.jfif", "JPEG", quality=95, icc_profile=PROFILE, exif=exif(6))
    process_image(tmp_path / "in.jfif", tmp_path / "out.JFIF", [], ProcessOptions(quality=90))
    before, after = (read_pictures(tmp_path / name) for name in ("in.jfif", "out.JFIF"))
    assert after.pictures[0].image.shape == before.pictures[0].image.shape
    assert (tmp_path / "out.JFIF").read_bytes()[:2] == b"\xff\xd8"
    assert after.metadata.icc == PROFILE
    (item,) = find_inputs([str(tmp_path / "in.jfif")], tmp_path / "made").items
    assert item.target == tmp_path / "made" / "in.jfif"


def test_a_tiff_in_lab_has_the_colours_of_the_picture(tmp_path: Path) -> None:
    """OpenCV shows its white, of D50, as if it were that of a screen: far too warm."""
    colours = [(255, 255, 255), (128, 128, 128), (0, 0, 0), (40, 60, 200), (200, 90, 30), (60, 160, 70)]
    image = np.repeat(np.repeat(np.array(colours, np.uint8)[None], 8, 0), 8, 1)
    pages = [Pillow.fromarray(one[..., ::-1]).convert("LAB") for one in (image, image[:, ::-1])]
    path, said = tmp_path / "a.tif", list[str]()
    pages[0].save(path, save_all=True, append_images=pages[1:])
    read = read_pictures(path).pictures
    assert len(read) == 2
    for one, other in zip(read, (image, image[:, ::-1]), strict=True):
        assert np.abs(one.image.astype(int) - other).max() <= 6  # of 33, by what 8 bits of Lab hold
    assert np.array_equal(read_image(path)[0], read[0].image)
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("LAB")).tobytes()
    pages[0].save(path, icc_profile=profile)
    process_image(path, tmp_path / "b.png", [], notify=said.append)
    assert said == [f"{path}: its colours (Lab) are turned into sRGB"]


def test_lab_of_all_kinds_is_the_same_picture() -> None:
    samples = np.random.default_rng(0).integers(0, 256, (9, 9, 3), np.uint8)
    plain = lab_to_bgr(samples, signed=True)
    assert np.array_equal(lab_to_bgr(samples ^ np.array([128, 128, 0], np.uint8), signed=False), plain)
    wide = samples.astype(np.uint16) * np.array([256, 256, 257], np.uint16)
    assert np.abs(lab_to_bgr(wide, signed=True).astype(int) - plain).max() <= 1
    half = (samples ^ np.array([128, 128, 0], np.uint8)).astype(np.uint16) * np.uint16(256)
    assert np.abs(lab_to_bgr(half, signed=False).astype(int) - plain).max() <= 1
