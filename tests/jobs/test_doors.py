"""Cheap checks come first: what is wrong with names and values is told before any model is opened.

Each command here is given a damaged model. Its error would come first if it were opened.
"""

from pathlib import Path

import cv2
import pytest

from tests.helpers.clips import make_clip
from tests.helpers.command import here, refused
from tests.helpers.small import generator, still, write_generator


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    make_clip(tmp_path / "in.mp4")
    (tmp_path / "same.mp4").hardlink_to(tmp_path / "in.mp4")
    (tmp_path / "there.mp4").write_bytes(b"precious")
    (tmp_path / "there.png").write_bytes(b"precious")
    (tmp_path / "there-1.png").write_bytes(b"precious")
    (tmp_path / "bad.onnx").write_bytes(b"no model")
    (tmp_path / "a folder").mkdir()
    cv2.imwrite(str(tmp_path / "in.png"), still("sign"))
    cv2.imwrite(str(tmp_path / "still.ppm"), still("sign"))
    return tmp_path


def test_live_replaces_a_log_of_its_own_and_never_what_it_plays(folder: Path) -> None:
    before = (folder / "in.mp4").read_bytes()
    live = ("live", "in.mp4", "-e", "none", "--to", "out.mp4", "--overwrite")
    refused(*live[:5], "in.mp4", "--overwrite", says="the same file as the input")
    refused(*live[:6], "--stats", "there.png", says="there.png: exists")
    for _ in range(2):
        assert here(*live, "--stats", "stats.jsonl").returncode == 0
    assert here(*live[:5], "again.mp4", "--stats", "stats.jsonl").returncode == 0, "it is a log"
    assert (folder / "in.mp4").read_bytes() == before
    assert (folder / "there.png").read_bytes() == b"precious"


def test_a_still_is_no_video(folder: Path) -> None:
    read = "; images are read as .png, .jpg, .jpeg, .webp, .avif, .bmp, .tif, .tiff, .jfif, .heic, .heif, .hif, .mpo"
    refused("process", "still.ppm", "out.mp4", says=f"still.ppm: a still image, not a video{read}\n")
    refused("live", "in.png", "-e", "none", "--to", "out.mp4", says="in.png: a still image, not a video\n")


def test_the_damaged_model_is_what_remains(folder: Path) -> None:
    bad = ("-e", "bad.onnx")
    refused("process", "in.mp4", "out.mp4", *bad, says="bad.onnx")
    refused("process", "in.png", "out.png", *bad, says="bad.onnx")
    refused("process", "in.mp4", "%d.png", *bad, says="bad.onnx")
    refused("live", "in.mp4", "--to", "out.mp4", *bad, says="bad.onnx")
    refused("sample", "bad.onnx", "out.png", says="bad.onnx")
    refused("morph", "bad.onnx", "out.mp4", says="bad.onnx")
    refused("bench", "bad.onnx", says="bad.onnx")
    assert not {"out.mp4", "out.png", "1.png"} & {path.name for path in folder.iterdir()}


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ("no.mp4 out.mp4", "no.mp4: no such file"),
        ("no.png out.png", "no.png: no such file"),
        ("no-%d.png out.mp4", "no-%d.png: no image has such a name"),
        ("no-%d.png out.mp4 --jobs 2", "numbered images are made by one process"),
        ("in.mp4 there.mp4", "there.mp4: exists"),
        ("in.mp4 in.mp4 --overwrite", "in.mp4: the output is the same file as the input"),
        ("in.mp4 nowhere/out.mp4", "there is no folder"),
        ("in.mp4 out.xyz", "out.xyz: unknown video extension '.xyz'"),
        ("in.mp4 out", "out: has no extension, which would name its format; supported: .mp4, "),
        (
            "in.mp4 out?put.avi",
            "out put.avi: .avi is read, but not written; .mp4, .m4v, .mov, .mkv, .webm, .ts are, "
            "and ffmpeg makes it of one: write 'out put.mkv' instead, then ffmpeg -i 'out put.mkv' "
            "-c:v mjpeg -q:v 3 -c:a pcm_s16le 'out put.avi'",
        ),
        ("in.mp4 a.flv", "and ffmpeg makes it of one: write a.mp4 instead, then ffmpeg -i a.mp4 -c copy a.flv"),
        ("in.mp4 OUT.WMV", "ffmpeg -i OUT.mkv -q:v 3 OUT.WMV"),
        ("in.mp4 a.y4m", "and gancam process IN - --format y4m > a.y4m writes it to stdout"),
        ("in.mp4 out.png", "the input must be one too"),
        ("in.png out-%06d.png", "in.png is an image, so the output must be one too"),
        ("in.png out.jp2", "out.jp2: images are written as .png, .jpg, "),
        ("in.mp4 out.avif", "out.avif is one image, so the input must be one too, not in.mp4"),
        ("in.png out.heic", "out.heic: images are written as .png, .jpg, "),
        ("in.mp4 out-%d.ppm", "images are written as .png, .jpg, "),
        ("still.ppm out.ppm", "out.ppm: images are written as .png, .jpg, "),
        ("still.ppm out.png", "still.ppm: images are read as .png, .jpg, "),
        ("still.ppm out-%d.png", "still.ppm: images are read as .png, .jpg, "),
        ("in.mp4 there-%d.png", "there-1.png: exists"),
        ("in.mp4 a/b/%d.png", "there is no folder"),
        ("in.png there.png", "there.png: exists"),
        ("in.png in.png --overwrite", "in.png: the output is the same file as the input"),
        ("in.png nowhere/out.png", "there is no folder"),
        ("in.png out.mp4", "the output must be one too"),
        ("in.png out.png --params there.mp4", "an image has no time"),
        ("in.png out.png --from 10s", "--from and --to are for videos; in.png is an image, which has no time"),
        ("in.png out.png --to 10s", "--from and --to are for videos"),
        ("in.png out.png --fps 10", "--fps is for numbered images, and in.png is one image"),
        ("in.png out.png --codec h264", "--codec and --encoder are for videos; in.png is an image"),
        ("in.png out.png --encoder nvenc", "--codec and --encoder are for videos; in.png is an image"),
        ("in.png out.png --deinterlace", "--deinterlace is for videos, and in.png is an image"),
        ("in.png out.png --bob", "--bob is for videos, and in.png is an image"),
        ("in.mp4 out.mp4 --codec h246", "no codec 'h246'"),
        ("in.mp4 out.mp4 --codec ffv1", "cannot hold ffv1"),
        ("in.mp4 out.mp4 --quality 101", "quality is 101"),
        ("in.mp4 %d.png --quality 101", "quality is 101"),
        ("in.mp4 %d.png --codec h264", "--codec and --encoder are for videos"),
        ("in.mp4 out.mp4 --fps 25", "--fps is for numbered images"),
        ("in.mp4 out.mp4 --params no.jsonl", "no.jsonl: no such file"),
        ("in.mp4 out.mp4 --from 3s --to 2s", "from 3 s to 2 s: the end must come after the beginning"),
        ("in.mp4 in.png 'a folder' --quality 101", "quality is 101"),
        ("in.mp4 in.png 'a folder' --params no.jsonl", "no.jsonl: no such file"),
        ("in.mp4 out.mp4 -e sr-x2:strength=3", "0 to 1"),
        ("in.mp4 out.mp4 -e sr-x2:strenght=1", "did you mean 'strength'"),
        ("in.mp4 out.mp4 -e grain", "no model 'grain' (there are: apple2tomato, background, "),
        ("in.mp4 out.mp4 -e ./grain.py", "no model './grain.py': an effect is a model's name, an .onnx file"),
        ("in.mp4 out.mp4 -e ./board.onnx", "no model file ./board.onnx"),
        ("in.mp4 out.mp4 -e sr-x9", "no model 'sr-x9' (did you mean 'sr-x"),
        ("in.mp4 out.mp4 --device tpu", "--device 'tpu': must be auto, cpu, cuda"),
        ("in.mp4 out.mp4 --precision int3", "--precision 'int3': must be"),
        ("in.mp4 out.mp4 --threads 999999", "Invalid value for '--threads'"),
    ],
)
def test_process(folder: Path, arguments: str, says: str) -> None:
    words = arguments.replace("'a folder'", "a?folder").split()
    refused("process", *[word.replace("?", " ") for word in words], "-e", "bad.onnx", says=says)
    assert (folder / "there.mp4").read_bytes() == (folder / "there.png").read_bytes() == b"precious"


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ("no.mp4", "no.mp4: no such file"),
        ("a?folder", "a folder: is a folder; a live source is"),
        ("in.mp4 --to there.mp4", "there.mp4: exists"),
        ("in.mp4 --to source:there.mp4", "there.mp4: exists"),
        ("in.mp4 --to nowhere/out.mp4", "there is no folder"),
        ("in.mp4 --to windw", "windw: no such output"),
        ("in.mp4 --to x.avi", "x.avi: .avi is read, but not written; .mp4, .m4v"),
        ("in.mp4 --to source:x.avi", "x.avi: .avi is read, but not written; .mp4, .m4v"),
        ("in.mp4 --to nowhere/out.gif", "there is no folder"),
        (
            "in.mp4 --to f-%d.png",
            "f-%d.png: gancam live does not record images: record out.mp4, and gancam process out.mp4 f-%d.png",
        ),
        (
            "in.mp4 --to a.jpg",
            "and gancam process out.mp4 out-%06d.png makes an image of each frame; the key p in the window saves one",
        ),
        ("in.mp4 --to -", "-: live video goes to other programs as mjpeg:8080"),
        ("in.mp4 --to mjpeg:eighty", "needs mjpeg:PORT"),
        ("in.mp4 --size 640", "needs WIDTHxHEIGHT"),
        ("in.mp4 --target-fps 30 --target-ms 30", "use either"),
        ("in.mp4 --target-fps 0", "needs a number above 0"),
        ("in.mp4 --record-params there.png", "there.png: exists"),
        ("in.mp4 --stats nowhere/a.jsonl", "there is no folder"),
        ("in.mp4 --stats there.png", "there.png: exists"),
        ("in.mp4 --size 99999999x99999999", "at most 16384 each"),
        ("in.mp4 --to in.mp4 --overwrite", "in.mp4: the output is the same file as the input (in.mp4)"),
        ("in.mp4 --to same.mp4 --overwrite", "same.mp4: the output is the same file as the input (in.mp4)"),
        ("in.mp4 --to source:in.mp4 --overwrite", "in.mp4: the output is the same file as the input"),
        ("in.mp4 --to mjpeg:0 --stats in.mp4 --overwrite", "in.mp4: the output is the same file as the input"),
        ("in.mp4 --to mjpeg:0 --record-params in.mp4 --overwrite", "in.mp4: the output is the same file as the input"),
        ("in.mp4 --device tpu", "--device 'tpu': must be auto, cpu, cuda"),
        ("in.mp4 -e sr-x2:strength=3", "0 to 1"),
    ],
)
def test_live(folder: Path, arguments: str, says: str) -> None:
    refused("live", *[word.replace("?", " ") for word in arguments.split()], "-e", "bad.onnx", says=says)
    refused("live", "in.mp4", "-e", "none", "--target-fps", "30", says="need at least one -e EFFECT")


@pytest.mark.parametrize(
    ("command", "arguments", "says"),
    [
        ("sample", "there.png", "there.png: exists"),
        ("sample", "nowhere/out.png", "there is no folder"),
        ("sample", "out.mp4", "its extension must be .png, "),
        ("sample", "--to there.mp4", "there.mp4: is a file, and a folder is needed"),
        ("sample", "--to a/b", "there is no folder"),
        ("morph", "there.mp4", "there.mp4: exists"),
        ("morph", "out.png", "the loop is a video"),
        ("morph", "out.xyz", "out.xyz: unknown video extension '.xyz'"),
        ("morph", "nowhere/out.mp4", "there is no folder"),
        ("morph", "out.mp4 --seeds 1", "two seeds or more"),
        ("morph", "out.mp4 --seeds 1,b", "needs whole numbers"),
        ("morph", "out.mp4 --fps 1000", "must be 1 to 240"),
        ("morph", "out.mp4 --seconds 0", "two frames or more"),
        ("morph", "out.mp4 --size 8", "16 to 4096"),
        ("morph", "out.mp4 --ease in", "linear, smooth, hold"),
        ("morph", "out.mp4 --codec h246", "no codec 'h246'"),
        ("morph", "out.mp4 --quality -1", "quality is -1"),
        ("bench", "--size 640", "needs WIDTHxHEIGHT"),
        ("bench", "--device tpu", "--device 'tpu': must be auto, cpu, cuda"),
        ("bench", "--precision int3", "--precision 'int3': must be"),
        ("bench", "--picture there.png", "there.png: exists"),
        ("bench", "--picture nowhere/a.png", "there is no folder"),
        ("bench", "--compare no.json", "no baseline"),
    ],
)
def test_other_commands(folder: Path, command: str, arguments: str, says: str) -> None:
    refused(command, "bad.onnx", *arguments.split(), says=says)


def test_what_is_right_is_let_through(folder: Path) -> None:
    """Checks of the door refuse nothing that works: here what looks most like a fault."""
    model = write_generator(folder, generator())
    (folder / "new").mkdir()
    for arguments in (
        ("process", "in.mp4", "there.mp4", "--overwrite", "-q"),
        ("process", "in.mp4", "fresh/%d.png", "-q"),
        ("process", "in.png", "there.png", "--overwrite"),
        ("sample", model, "new/sheet.png", "--to", "samples", "-n", "2"),
        ("morph", model, "loop.mkv", "--seconds", "0.2", "--codec", "ffv1", "-q"),
    ):
        done = here(*arguments)
        assert done.returncode == 0, (arguments, done.stderr)


def test_an_empty_name_is_no_file(tmp_path: Path) -> None:
    for words in (["", str(tmp_path / "out.mp4")], [str(tmp_path / "in.mp4"), ""]):
        refused("process", *words, "-e", "sr-x2", says="an empty name is not a file")
