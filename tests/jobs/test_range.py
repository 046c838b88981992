"""A range of time in which there is no frame: one clear error however the work is done, and no output left behind."""

import json
import re
from fractions import Fraction
from pathlib import Path

import pytest

from gancam.cli.checks import parse_moment
from gancam.errors import InputError
from gancam.jobs.spec import ProcessOptions
from gancam.media.images import ImageFile, Picture, write_image, write_pictures
from gancam.sources import AnimatedImage, ImageFiles, TestPattern, VideoFile
from tests.helpers.clips import make_clip
from tests.helpers.command import here, through
from tests.helpers.jobs import cut_short, process

AFTER, BACKWARDS = ("--from", "99s"), ("--from", "3s", "--to", "2s")


@pytest.fixture
def clip(tmp_path: Path) -> Path:
    (tmp_path / "in").mkdir()
    return make_clip(tmp_path / "in" / "a.mkv")


@pytest.fixture
def endless(tmp_path: Path) -> Path:
    """A clip that does not say how long it is."""
    (tmp_path / "in").mkdir(exist_ok=True)
    return make_clip(tmp_path / "in" / "b.h264", form="h264", options={"bf": "0"})


@pytest.mark.parametrize("more", [(), ("-q",), ("--json",), ("--jobs", "2")])
@pytest.mark.parametrize("span", [AFTER, BACKWARDS])
def test_a_range_without_frames_is_refused(
    clip: Path, tmp_path: Path, span: tuple[str, ...], more: tuple[str, ...]
) -> None:
    done = here("process", clip, tmp_path / "out.mp4", *span, *more)
    assert done.returncode == 2, done.stderr
    assert done.stdout == ""
    assert done.stderr.count("\n") == 1, done.stderr
    assert ("ends at 0.8" if span == AFTER else "from 3 s to 2 s") in done.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["in"]


@pytest.mark.parametrize("more", [(), ("-q",), ("--json",), ("--jobs", "2")])
def test_so_is_one_of_a_clip_that_does_not_say_how_long_it_is(
    endless: Path, tmp_path: Path, more: tuple[str, ...]
) -> None:
    done = here("process", endless, tmp_path / "out.mp4", *AFTER, *more)
    assert done.returncode == 2, done.stderr
    assert done.stdout == ""
    assert re.search(r"(ends at|has no frame)", done.stderr)
    assert "Traceback" not in done.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["in"]


@pytest.mark.parametrize("jobs", ["1", "2"])
def test_of_a_batch_those_that_are_too_short_fail_alone(clip: Path, tmp_path: Path, jobs: str) -> None:
    long = [frame.image for frame in TestPattern((96, 64), frames=60)]
    make_clip(tmp_path / "in" / "long.mkv", images=long)
    done = here("process", tmp_path / "in", tmp_path / "out", "--from", "1s", "--jobs", jobs, "--json")
    assert done.returncode == 1
    failed = [event for event in map(json.loads, done.stdout.splitlines()) if event["event"] == "failed"]
    assert [Path(event["input"]).name for event in failed] == ["a.mkv"]
    assert "ends at 0.8" in failed[0]["error"]
    assert sorted(path.name for path in (tmp_path / "out").iterdir() if path.name[0] != ".") == ["long.mkv"]


def test_a_batch_backwards_is_refused_as_a_whole(clip: Path, tmp_path: Path) -> None:
    done = here("process", clip.parent, tmp_path / "out", *BACKWARDS)
    assert done.returncode == 2
    assert done.stderr.count("\n") == 1, done.stderr
    assert "from 3 s to 2 s" in done.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["in"]


def test_in_python(clip: Path, tmp_path: Path) -> None:
    for start, end in ((3, 2), (2, 2)):
        for refuses in (
            lambda span: VideoFile(tmp_path / "missing.mkv", **span),
            lambda span: ImageFiles(tmp_path / "missing-%d.png", **span),
            lambda span: ProcessOptions(**span),
        ):
            with pytest.raises(InputError, match="must come after"):
                refuses({"start": Fraction(start), "end": Fraction(end)})
    with pytest.raises(InputError, match=r"ends at 0\.80 s"):
        VideoFile(clip, start=Fraction(1))
    with VideoFile(clip, start=Fraction(785, 1000)) as source, pytest.raises(InputError, match="has no frame"):
        list(source)  # after the last frame began, before it ends
    with VideoFile(clip, end=Fraction(0)) as source, pytest.raises(InputError, match="has no frame before 0 s"):
        list(source)


def test_a_header_that_tells_too_little_does_not_hide_frames(tmp_path: Path) -> None:
    path = make_clip(tmp_path / "a.mkv")
    data = path.read_bytes()
    at = data.index(b"\x44\x89\x88") + 3  # the Duration of a Matroska file, a double
    path.write_bytes(data[:at] + b"\x40\x59" + bytes(6) + data[at + 8 :])  # 100 ms
    with VideoFile(path, start=Fraction(1, 2)) as source:
        assert [TestPattern.index_in(frame.image) for frame in source] == list(range(15, 24))


@pytest.mark.parametrize("text", ["-1", "1e400", "1e999999999", "1/3", "1:2:3:4", "abc", "", "1" * 10])
def test_what_is_no_moment(text: str) -> None:
    with pytest.raises(InputError, match=r"^--to .*: needs seconds from the beginning"):
        parse_moment("--to", text)


@pytest.mark.parametrize("text", ["1:99", "1:60", "1:60:00", "0:75:00", "1.5:30", "1:2.5:03"])
def test_times_that_no_clock_shows(text: str) -> None:
    with pytest.raises(
        InputError, match=r"^--to .*: minutes and seconds must be below 60, and only seconds may have decimals"
    ):
        parse_moment("--to", text)


@pytest.mark.parametrize(("text", "seconds"), [("90", 90), ("159s", 159), ("99:30", 5970), ("100:00:59.5", 360059.5)])
def test_the_largest_unit_has_no_limit(text: str, seconds: float) -> None:
    assert parse_moment("--to", text) == seconds


@pytest.mark.parametrize("ending", [".mp4", ".mkv"])
@pytest.mark.parametrize(
    ("span", "count"),
    [
        ((), 24),
        (("--to", "0.5"), 15),
        (("--from", "0.5"), 9),
        (("--from", "0.1", "--to", "0.5"), 12),
        (("--to", "9"), 24),
    ],
)
def test_what_was_asked_for_is_counted(tmp_path: Path, ending: str, span: tuple[str, ...], count: int) -> None:
    clip = make_clip(tmp_path / f"a{ending}")
    done = here("process", clip, tmp_path / "out.mp4", *span)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith(f"{count} frames in "), done.stdout
    source = VideoFile(clip, start=parse_moment("--from", span[1]) if "--from" in span else None)
    assert source.frames == 24 - (0 if "--from" not in span else 15 if span[1] == "0.5" else 3)
    source.close()


@pytest.mark.parametrize(
    ("ending", "span", "count"),
    [
        (".mkv", ("--from", "0.1", "--to", "0.5"), 12),
        *(
            pytest.param(ending, span, count, marks=pytest.mark.slow)
            for ending, span, count in ((".mp4", (), 24), (".mp4", ("--from", "0.5"), 9), (".mkv", ("--to", "9"), 24))
        ),
    ],
)
def test_so_it_is_by_workers(tmp_path: Path, ending: str, span: tuple[str, ...], count: int) -> None:
    done = here("process", make_clip(tmp_path / f"a{ending}"), tmp_path / "out.mp4", *span, "--jobs", "2")
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith(f"{count} frames in "), done.stdout


def test_frames_of_a_varying_rate_are_counted_in_the_end(tmp_path: Path) -> None:
    clip = make_clip(tmp_path / "a.mp4", ticks=[*range(0, 512 * 12, 512), *range(512 * 12, 512 * 60, 512 * 4)])
    with VideoFile(clip, end=Fraction(1)) as source:
        assert source.frames is not None
        came = sum(1 for _ in source)
        assert source.frames == came == 12 + 5


def test_a_job_that_goes_on_counts_its_own_frames(tmp_path: Path) -> None:
    clip = make_clip(tmp_path / "a.mp4")
    cut_short(clip, tmp_path / "out.mp4", 10)
    report, _ = process(clip, tmp_path / "out.mp4", resume=True)
    assert report.text()[0].startswith("17 frames in ")


@pytest.mark.parametrize("ending", [".mp4", ".mkv"])
@pytest.mark.parametrize("span", [("--to", "1s"), ("--from", "0.5s", "--to", "1.5s"), ("--from", "0.5s")])
def test_a_part_has_the_rate_of_the_whole(tmp_path: Path, ending: str, span: tuple[str, ...]) -> None:
    """The last frame was cut short at the end of the part: 31 frames in a second where the whole has 30.3."""
    images = [frame.image for frame in TestPattern((96, 64), frames=60)]
    ticks = [33 * tick for tick in range(60)]
    clip = make_clip(tmp_path / f"a{ending}", images=images, ticks=ticks, time_base=Fraction(1, 1000))
    done = here("process", clip, tmp_path / f"b{ending}", *span, "-e", "none", "--codec", "h264")
    assert done.returncode == 0, done.stderr
    with VideoFile(clip) as whole, VideoFile(tmp_path / f"b{ending}") as part:
        assert part.fps == pytest.approx(whole.fps, abs=0.1)
        came = list(part)
        assert done.stdout.startswith(f"{len(came)} frames in ")
        assert came[-1].duration == pytest.approx(0.033, abs=0.002)
    pictures = through("process", tmp_path / f"b{ending}", "-", "--format", "rawvideo")
    assert len(pictures.stdout) == len(came) * 96 * 64 * 3
    assert b"show one again" not in pictures.stderr


def test_so_has_a_part_of_images(tmp_path: Path) -> None:
    for index, frame in enumerate(TestPattern((96, 64), frames=10)):
        write_image(tmp_path / f"a-{index}.png", frame.image, overwrite=False)
    with ImageFiles(tmp_path / "a-%d.png", fps=30, end=Fraction(105, 1000)) as source:
        assert [round(frame.duration or 0, 3) for frame in source] == [0.033] * 4
        assert source.until == pytest.approx(4 / 30, abs=0.001)
    pages = [Picture(frame.image, None, 100 if frame.index < 2 else 3000) for frame in TestPattern((96, 64), frames=3)]
    write_pictures(tmp_path / "b.webp", ImageFile(pages, kind="frames"), overwrite=False)
    for end, lasts in ((Fraction(2), 1.8), (Fraction(9), 3.0), (Fraction(15, 100), 0.1)):
        with AnimatedImage(tmp_path / "b.webp", end=end) as animation:
            assert [frame.duration for frame in animation][-1] == pytest.approx(lasts, abs=0.001)
