"""Files that are damaged or mislabelled, names that are odd, disks that are full: one clear line, or the work done."""

import os
import struct
import subprocess
import sys
from fractions import Fraction
from pathlib import Path

import av
import cv2
import numpy as np
import pytest

from gancam.errors import GancamError, InputError, OutputExists, SinkError
from gancam.frame import Frame
from gancam.jobs.inputs import find_inputs
from gancam.jobs.process import process_video
from gancam.jobs.spec import ProcessOptions
from gancam.pipeline import Report
from gancam.sinks.images import ImageWriter
from gancam.sinks.piece_store import pieces_of
from gancam.sinks.video import VideoOptions
from gancam.sources import TestPattern, VideoFile
from tests.helpers.clips import make_clip, times_of
from tests.helpers.command import gancam, here, refused
from tests.helpers.jobs import FULL_DISK, cut_short, process, same_pictures
from tests.helpers.links import needs_links


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_clip(tmp_path_factory.mktemp("clips") / "clip.mp4", audio=[("aac", 0.0)])


def with_cover_first(path: Path) -> Path:
    """An MP4 whose cover picture comes before its video."""
    picture = cv2.imencode(".jpg", TestPattern((320, 240)).image(0))[1].tobytes()
    data = make_clip(path).read_bytes()

    def box(kind: bytes, *parts: bytes) -> bytes:
        body = b"".join(parts)
        return struct.pack(">I", len(body) + 8) + kind + body

    value = box(b"data", struct.pack(">II", 13, 0), picture)  # 13: JPEG
    handler = box(b"hdlr", bytes(8), b"mdirappl", bytes(9))
    cover = box(b"udta", box(b"meta", bytes(4), handler, box(b"ilst", box(b"covr", value))))
    at = data.index(b"moov") - 4
    size = struct.unpack(">I", data[at : at + 4])[0]
    head = 8 + struct.unpack(">I", data[at + 8 : at + 12])[0]  # of moov and its mvhd
    moov = data[at + 8 : at + head] + cover + data[at + head : at + size]
    assert data.index(b"mdat") < at  # so that no place in it moves
    path.write_bytes(data[:at] + box(b"moov", moov) + data[at + size :])
    return path


def test_a_cover_picture_before_the_video_is_not_taken_for_it(tmp_path: Path) -> None:
    source, out = with_cover_first(tmp_path / "a.mp4"), tmp_path / "b.mp4"
    with av.open(str(source)) as container:
        assert container.streams.video[0].disposition & av.stream.Disposition.attached_pic
    for codec, target in (("h264", out), ("ffv1", tmp_path / "b.mkv")):
        report, _ = process(source, target, codec=codec)
        assert report.frames == 24
        with VideoFile(target) as video:
            assert [TestPattern.index_in(frame.image) for frame in video] == list(range(24))


@pytest.mark.parametrize("ending", [".avi", ".mkv", ".mp4", ".webm", ".xyz"])
def test_an_ending_that_lies(tmp_path: Path, clip: Path, ending: str) -> None:
    source = tmp_path / f"a{ending}"
    source.write_bytes(clip.read_bytes())
    report, _ = process(source, tmp_path / "out.mp4")
    assert report.frames == 24


def test_what_is_no_video_whatever_it_is_called(tmp_path: Path) -> None:
    (tmp_path / "text.mp4").write_text("just words\n" * 50)
    (tmp_path / "picture.mp4").write_bytes(cv2.imencode(".png", np.zeros((9, 9, 3), np.uint8))[1].tobytes())
    with av.open(tmp_path / "nothing.mkv", "w") as empty:
        stream = empty.add_stream("libx264", rate=30)
        stream.width = stream.height = 64
        empty.start_encoding()
    (tmp_path / "folder.mp4").mkdir()
    for name in ("text.mp4", "picture.mp4", "nothing.mkv", "folder.mp4"):
        with pytest.raises(GancamError, match=name) as caught:
            process(tmp_path / name, tmp_path / "out.mp4")
        assert "\n" not in str(caught.value)
    assert not list(tmp_path.glob("*out*"))


def test_frame_counts_that_lie(tmp_path: Path) -> None:
    source = make_clip(tmp_path / "a.avi", codec="mpeg4", options={"b": "1000000"})
    data = bytearray(source.read_bytes())
    for count in (-1, 0x7FFFFFFF, 0):
        data[data.index(b"avih") + 24 :][:4] = struct.pack("<i", count)
        at = data.index(b"avih") + 24
        data[at : at + 4] = struct.pack("<i", count)
        at = data.index(b"strh") + 40
        data[at : at + 4] = struct.pack("<i", count)
        (tmp_path / "b.avi").write_bytes(data)
        report, _ = process(tmp_path / "b.avi", tmp_path / "out.mp4", overwrite=True)
        assert report.frames == 24


def broken(path: Path) -> Path:
    """A Matroska clip of which nothing can be read behind its middle."""
    images = [np.random.default_rng(index).integers(0, 255, (48, 64, 3), np.uint8) for index in range(60)]
    data = bytearray(make_clip(path, images=images).read_bytes())
    data[len(data) // 2 : len(data) // 2 + 2000] = np.random.default_rng(1).bytes(2000)
    path.write_bytes(data)
    return path


def test_what_cannot_be_read_of_a_damaged_file_is_told_also_quietly_and_in_a_batch(tmp_path: Path) -> None:
    source = broken(tmp_path / "a.mkv")
    done = here("process", source, tmp_path / "b.mkv", "-q")
    assert done.returncode == 0
    assert "note: the video stops early: its file is damaged after" in done.stderr
    many = here("process", source, f"{tmp_path / 'many'}/", "-q")
    assert "the video stops early: its file is damaged after" in many.stderr


def test_a_last_frame_that_stays_is_no_damage(tmp_path: Path) -> None:
    source = make_clip(tmp_path / "a.mkv", ticks=[*range(0, 2300, 100), 30_000], time_base=Fraction(1, 1000))
    report, notes = process(source, tmp_path / "b.mkv")
    assert report.notes == notes == []


def test_numbered_images_are_not_replaced_by_what_is_made_of_them(tmp_path: Path) -> None:
    for number in range(3, 6):
        cv2.imwrite(str(tmp_path / f"i{number}.png"), TestPattern((32, 32)).image(number))
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    for name in ("i%d.png", "i%04d.png"):
        refused("process", tmp_path / "i%d.png", tmp_path / name, "--overwrite", says="has the names of the input")
        with pytest.raises(SinkError, match="has the names of the input"):
            process(tmp_path / "i%d.png", tmp_path / name, overwrite=True)
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == before


def test_one_image_of_a_video_is_told_how_to_name_all(tmp_path: Path, clip: Path) -> None:
    refused("process", clip, tmp_path / "a.png", says="an image for each frame is written as a-%06d.png")
    for name, cure in (("x-%5d.png", "x-%06d.png"), ("%d-%d.jpg", "%06d.jpg")):
        refused("process", clip, tmp_path / name, says=f"images have one %06d in their name, as {cure} has")


def test_deep_colour_is_told_which_codec_keeps_it(tmp_path: Path) -> None:
    deep = make_clip(tmp_path / "a.mp4", pix_fmt="yuv420p10le")
    _, said = process(deep, tmp_path / "b.mp4")
    assert said == ["a.mp4: its 10 bits a sample are read as 8 (--codec h265 keeps all in a copy)"]
    done = here("process", deep, tmp_path / "b.ts", "-e", "sr-x2-fast", "--jobs", "2")
    assert done.stderr.count("its 10 bits a sample are read as 8\n") == 1


def test_wide_and_flat_is_lossless_too(tmp_path: Path) -> None:
    source = make_clip(tmp_path / "a.mkv", images=[np.full((4, 1600, 3), 90, np.uint8)] * 2, codec="libx264")
    report, _ = process(source, tmp_path / "b.mkv", codec="ffv1")
    assert report.frames == 2


def test_one_frame_is_a_video(tmp_path: Path) -> None:
    source = make_clip(tmp_path / "a.mp4", images=[TestPattern((96, 64)).image(3)])
    for name in ("b.mp4", "b.mkv", "b%d.png"):
        report, _ = process(source, tmp_path / name)
        assert report.frames == 1


def test_names_of_all_kinds(tmp_path: Path, clip: Path) -> None:
    names = [
        "two words.mp4",
        "-o.mp4",
        "--quality.mp4",
        "100%d.mp4",
        "映画 ü.mp4",
        "n" * 251 + ".mp4",
        "映" * 83 + ".mkv",
    ]
    for name in names:
        (tmp_path / "in").mkdir(exist_ok=True)
        source = tmp_path / "in" / name
        source.write_bytes(clip.read_bytes())
        process(source, tmp_path / name)
        assert len(times_of(tmp_path / name)) == 24
        assert not pieces_of(tmp_path / name).exists()
        assert len(os.fsencode(pieces_of(tmp_path / name).name)) <= 255
    done = gancam("process", "--", "in/-o.mp4", "-p.mp4", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert len(times_of(tmp_path / "-p.mp4")) == 24
    with pytest.raises(SinkError, match="cannot be written"):
        process(clip, tmp_path / ("n" * 252 + ".mp4"))
    for name in ("n" * 252 + ".mp4", "n" * 252 + ".png", "n" * 252 + "%d.png"):
        refused("process", tmp_path / name, tmp_path / ("o" * 252 + Path(name).suffix), says="gancam: ")


def test_a_job_under_the_longest_name_goes_on(tmp_path: Path) -> None:
    images = [frame.image for frame in TestPattern((96, 64), frames=200)]
    source, out = make_clip(tmp_path / "a.mp4", images=images), tmp_path / ("n" * 252 + ".ts")
    cut_short(source, out, 130)
    report, _ = process(source, out, resume=True)
    assert report.frames == 80


@needs_links
def test_links(tmp_path: Path, clip: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "folder").symlink_to(tmp_path / "real")
    (tmp_path / "in.mp4").symlink_to(clip)
    (tmp_path / "dangling.mp4").symlink_to(tmp_path / "nowhere.mp4")
    process(tmp_path / "in.mp4", tmp_path / "folder" / "out.mp4")
    assert os.listdir(tmp_path / "real") == ["out.mp4"]
    before = clip.read_bytes()
    with pytest.raises(SinkError, match="same file as the input"):
        process(clip, tmp_path / "in.mp4", overwrite=True)
    with pytest.raises(OutputExists):
        process(clip, tmp_path / "dangling.mp4")
    with pytest.raises(GancamError, match="no such file"):
        process(tmp_path / "dangling.mp4", tmp_path / "out.mp4")
    (tmp_path / "loop.mp4").symlink_to(tmp_path / "loop.mp4")
    with pytest.raises(GancamError, match=r"loop\.mp4"):
        process(tmp_path / "loop.mp4", tmp_path / "out.mp4")
    assert clip.read_bytes() == before


@needs_links
@pytest.mark.parametrize("name", ["out.mp4", "out.gif", "%02d.png"])
def test_overwriting_a_link_replaces_what_it_leads_to(tmp_path: Path, clip: Path, name: str) -> None:
    far, near = tmp_path / "far", tmp_path / "near"
    far.mkdir()
    near.mkdir()
    files = [name % number for number in range(1, 4)] if "%" in name else [name]
    for file in files:
        (far / file).write_bytes(b"old")
        (near / file).symlink_to(far / file)
    process(clip, near / name, overwrite=True, end=Fraction(1, 10))
    assert all((near / file).is_symlink() for file in files)
    assert all((far / file).stat().st_size > 100 for file in files)
    assert sorted(os.listdir(far)) == files


@needs_links
def test_an_interrupted_video_goes_on_beside_what_its_link_leads_to(tmp_path: Path, clip: Path) -> None:
    (tmp_path / "far").mkdir()
    (tmp_path / "out.mp4").symlink_to(tmp_path / "far" / "real.mp4")
    cut_short(clip, tmp_path / "out.mp4", 20, overwrite=True)
    assert pieces_of(tmp_path / "out.mp4").parent == (tmp_path / "far").resolve()
    report, _ = process(clip, tmp_path / "out.mp4", resume=True, overwrite=True)
    assert report.frames == 17
    assert os.listdir(tmp_path / "far") == ["real.mp4"]
    assert (tmp_path / "out.mp4").is_symlink()


@needs_links
def test_links_to_the_inputs_are_no_output(tmp_path: Path, clip: Path) -> None:
    """As a copy of a folder by links (cp -rs) has them."""
    one, other = tmp_path / "in", tmp_path / "out"
    one.mkdir()
    other.mkdir()
    for number in (1, 2):
        cv2.imwrite(str(one / f"{number}.png"), TestPattern((64, 48)).image(number))
        (other / f"{3 - number}.png").symlink_to(one / f"{number}.png")
    before = {path.name: path.read_bytes() for path in one.iterdir()}
    with pytest.raises(SinkError, match="is a link to an image of the input"):
        process(one / "%d.png", other / "%d.png", overwrite=True)
    with pytest.raises(InputError, match="would be written over the input"):
        find_inputs([str(one)], other)
    assert {path.name: path.read_bytes() for path in one.iterdir()} == before


def test_folders_that_cannot_be_written(tmp_path: Path, clip: Path) -> None:
    if os.path.isdir("/proc"):  # where not even root may write
        for name in ("a.mp4", "a%d.png"):
            with pytest.raises(SinkError, match=r"cannot be written|is being written"):
                process(clip, Path("/proc") / name)
    if hasattr(os, "getuid") and os.getuid() != 0:
        tmp_path.chmod(0o555)
        with pytest.raises(SinkError, match="cannot be written in"):
            process(clip, tmp_path / "a.mp4")
        tmp_path.chmod(0o755)


@pytest.mark.skipif(sys.platform == "win32", reason="an open file cannot be moved there")
def test_a_source_that_goes_away_is_told_with_what_is_kept(tmp_path: Path) -> None:
    source = make_clip(tmp_path / "a.mp4", audio=[("aac", 0.0)])
    out, away = tmp_path / "b.mp4", tmp_path / "away.mp4"

    def take(frame: Frame) -> None:
        if frame.index == 5:
            source.rename(away)

    with pytest.raises(SinkError, match=r"a\.mp4: is no longer there.*24 are kept, --resume continues once it is back"):
        process_video(source, out, [], ProcessOptions(), Report(), notify=lambda note: None, on_frame=[take])
    away.rename(source)
    report, _ = process(source, out, resume=True)
    assert report.frames == 0
    assert len(times_of(out)) == 24


@pytest.mark.skipif(sys.platform == "win32", reason="no RLIMIT_FSIZE")
@pytest.mark.parametrize(("name", "room"), [("out.mp4", 4000), ("%d.png", 2000)])
def test_a_disk_that_is_full_from_the_start(tmp_path: Path, name: str, room: int) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (30, 64, 96, 3), np.uint8)
    source = make_clip(tmp_path / "a.mp4", images=list(noise), options={"crf": "20"})
    (tmp_path / "out").mkdir()
    command = [sys.executable, "-c", FULL_DISK, str(source), str(tmp_path / "out" / name), str(room)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    assert "no room left" in done.stdout
    assert done.stdout.count("\n") == 1
    assert "after 0 frames" in done.stdout
    assert "no part was finished yet, so nothing is kept and the same command starts over" in done.stdout
    assert os.listdir(tmp_path / "out") == []
    process(source, tmp_path / "out" / name, quality=95)


def test_a_full_disk_between_images_keeps_those_that_are_there(tmp_path: Path) -> None:
    images = [np.zeros((64, 96, 3), np.uint8)] * 20 + list(
        np.random.default_rng(0).integers(0, 256, (4, 64, 96, 3), np.uint8)
    )
    source = make_clip(tmp_path / "a.mp4", images=images, options={"crf": "20"})
    out, whole = tmp_path / "out" / "%d.png", tmp_path / "whole" / "%d.png"
    command = [sys.executable, "-c", FULL_DISK, str(source), str(out), "3000"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    assert "20 are kept, --resume continues" in done.stdout
    report, _ = process(source, out, quality=95, resume=True)
    assert report.frames == 4
    process(source, whole, quality=95)
    for number in range(1, 25):
        assert (tmp_path / "out" / f"{number}.png").read_bytes() == (tmp_path / "whole" / f"{number}.png").read_bytes()


def test_zero_duration_and_times_that_stand_still(tmp_path: Path) -> None:
    source = make_clip(tmp_path / "a.mkv", time_base=Fraction(1, 1000))
    data = bytearray(source.read_bytes())
    at = data.find(b"\x44\x89\x88")  # Matroska's duration
    assert at > 0
    data[at + 3 : at + 11] = bytes(8)
    (tmp_path / "b.mkv").write_bytes(data)
    report, _ = process(tmp_path / "b.mkv", tmp_path / "c.mp4")
    assert report.frames == 24
    process(source, tmp_path / "d.mp4")
    assert same_pictures(tmp_path / "c.mp4", tmp_path / "d.mp4")


def test_an_image_writer_is_closed_once(tmp_path: Path) -> None:
    sink = ImageWriter(tmp_path / "%d.png", VideoOptions(fps=25, size=(96, 64)))
    for frame in TestPattern((96, 64), frames=3):
        sink.write(frame)
    sink.close()
    sink.close()
    with pytest.raises(SinkError, match="closed"):
        sink.write(frame)
    assert sorted(os.listdir(tmp_path)) == ["1.png", "2.png", "3.png", "times.txt"]
