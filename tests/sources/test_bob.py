"""Interlaced video whose fields become frames: each at its moment, at twice the rate, each once."""

import itertools
from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

from gancam.effects import EffectLike
from gancam.errors import InputError
from gancam.frame import Frame, Image
from gancam.jobs.identity import job_of
from gancam.jobs.process import process_video
from gancam.jobs.spec import ProcessOptions
from gancam.pipeline import Report
from gancam.sources import VideoFile
from gancam.sources.decoders import Deinterlace
from gancam.tools.verify import verify
from tests.helpers.clips import make_clip, psnr, times_of
from tests.helpers.command import here

FRAMES, STEP = 10, 8  # a bar moves by STEP columns from frame to frame, by half of that from field to field


def bar(moment: float) -> Image:
    image = np.full((64, 128, 3), 40, np.uint8)
    left = round(8 + STEP * moment)
    image[:, left : left + 16] = 220
    return image


def make_fields(path: Path, order: str = "tff", *, ticks: Sequence[int] | None = None, count: int = FRAMES) -> Path:
    """A clip of 25 frames a second, each of two fields: that of its own moment, and that of half a frame later."""
    marks = av.filter.Graph()  # pictures are marked, as cameras do; by a header alone, x264 has the lower first
    kind = av.VideoFormat("yuv420p", 128, 64)
    entrance = marks.add_buffer(width=128, height=64, format=kind, time_base=Fraction(1, 12800))
    chain = [entrance, marks.add("setfield", f"mode={order}"), marks.add("buffersink")]
    for one, other in itertools.pairwise(chain):
        one.link_to(other)
    marks.configure()
    with av.open(path, "w") as container:
        stream = container.add_stream("libx264", rate=25, options={"x264-params": f"{order}=1", "crf": "4"})
        stream.width, stream.height, stream.pix_fmt = 128, 64, "yuv420p"
        stream.time_base = stream.codec_context.time_base = Fraction(1, 12800)
        for index, tick in enumerate(range(0, 512 * count, 512) if ticks is None else ticks):
            image = bar(index)
            image[order == "tff" :: 2] = bar(index + 0.5)[order == "tff" :: 2]
            picture = av.VideoFrame.from_ndarray(image, format="bgr24").reformat(format="yuv420p")
            picture.pts, picture.time_base = tick, Fraction(1, 12800)
            marks.push(picture)
            made = marks.pull()
            assert isinstance(made, av.VideoFrame)
            container.mux(stream.encode(made))
        container.mux(stream.encode(None))
    return path


def left_of(frame: Frame) -> float:
    """Where the bar begins in `frame`, in columns, by all that is bright."""
    return float((frame.image[16:48].mean((0, 2)) * np.arange(128)).sum() / frame.image[16:48].mean((0, 2)).sum())


@pytest.mark.parametrize("order", ["tff", "bff"])
def test_each_field_becomes_a_frame_in_its_order(tmp_path: Path, order: str) -> None:
    path = make_fields(tmp_path / "a.mp4", order)
    with VideoFile(path, deinterlace="bob") as source:
        assert (source.fps, source.frames) == (50, 2 * FRAMES)
        assert not source.info.interlaced
        assert source.info.time_base == Fraction(1, 25600)
        assert source.notes == ["a.mp4: each of its fields becomes a frame: 50 frames a second, of 25"]
        told, frames = source.frame_times(), list(source)
    assert [frame.index for frame in frames] == list(range(2 * FRAMES))
    assert [frame.time for frame in frames] == [index / 50 for index in range(2 * FRAMES)] == told
    assert [frame.duration for frame in frames] == [pytest.approx(0.02)] * 2 * FRAMES
    for index, frame in enumerate(frames[2:-2], 2):
        assert psnr(frame.image, bar(index / 2)) > 24
    assert np.all(np.diff([left_of(frame) for frame in frames]) > 0)  # it never jumps back


@pytest.mark.parametrize("name", ["a.mp4", "a.mkv", "a.ts", "a.avi"])
def test_uneven_times_are_halved(tmp_path: Path, name: str) -> None:
    ticks = [512 * place for place in ([0, 1, 2, 4, 5, 8, 9, 10] if name != "a.avi" else range(8))]
    path = make_fields(tmp_path / name, ticks=ticks, count=8)
    with VideoFile(path) as source:
        was = [frame.time for frame in source]
    with VideoFile(path, deinterlace="bob") as source:
        told, now = source.frame_times(), [frame.time for frame in source]
    assert now[::2] == was
    assert now[1:-1:2] == pytest.approx([(one + later) / 2 for one, later in itertools.pairwise(was)], abs=1e-9)
    assert now[-1] == pytest.approx(was[-1] + (was[-1] - was[-2]) / 2)
    if name != "a.avi":  # whose packets have no time to be shown at
        assert now == told


def test_a_part_and_a_jump_give_the_frames_of_the_whole(tmp_path: Path) -> None:
    path = make_fields(tmp_path / "a.mp4")
    with VideoFile(path, deinterlace="bob") as source:
        whole = list(source)
    with VideoFile(path, deinterlace="bob", start=Fraction("0.1"), end=Fraction("0.3")) as source:
        assert source.frames == 10
        source.skip(3)
        part = list(source)
    assert [frame.index for frame in part] == list(range(3, 10))
    for frame, same in zip(part, whole[8:15], strict=True):
        assert frame.time == same.time
        assert np.array_equal(frame.image, same.image)
    with pytest.raises(InputError, match=r"ends at 0\.40 s"):
        VideoFile(path, deinterlace="bob", start=Fraction("0.5"))


def test_one_frame_gives_two(tmp_path: Path) -> None:
    path = make_fields(tmp_path / "a.mp4", count=1)
    with VideoFile(path, deinterlace="bob") as source:
        told, frames = source.frame_times(), list(source)
    assert [frame.time for frame in frames] == told == [0, 0.02]


def test_another_word_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"deinterlace is 'weave': needs True, False or 'bob'"):
        VideoFile(make_fields(tmp_path / "a.mp4", count=1), deinterlace="weave")  # type: ignore[arg-type]


@pytest.mark.parametrize("out", ["b.mp4", "b.mkv", "b.mov", "b.ts"])
@pytest.mark.parametrize("effects", [[], [lambda image: image]])
def test_a_file_of_fields_is_made(tmp_path: Path, out: str, effects: list[EffectLike]) -> None:
    path, target, report = make_fields(tmp_path / "a.mp4"), tmp_path / out, Report()
    said: list[str] = []
    process_video(path, target, effects, ProcessOptions(deinterlace="bob"), report, notify=said.append)
    assert "a.mp4: each of its fields becomes a frame: 50 frames a second, of 25" in said
    assert (report.frames, report.promised) == (2 * FRAMES, 2 * FRAMES)
    with av.open(target) as made:
        assert made.streams.video[0].guessed_rate == 50
    times = times_of(target)
    assert [float(time - times[0]) for time in times] == pytest.approx([index / 50 for index in range(20)], abs=1e-3)
    found = {one.name: one for one in verify(path, target)}
    assert (found["frames"].verdict, found["frames"].before, found["frames"].after) == ("changed", "10", "20")
    assert found["frame times"].verdict == "kept"
    assert found["frame times"].after.endswith("frames have their times; 10 new")
    if out != "b.ts":  # which does not say when it ends
        assert found["last frame until"].verdict == "kept"
    assert not any(one.verdict == "lost" for one in found.values())


@pytest.mark.slow
def test_the_command_line_makes_it_with_workers_too(tmp_path: Path) -> None:
    path, made = make_fields(tmp_path / "a.mp4"), [tmp_path / "b.mkv", tmp_path / "c.mkv"]
    for target, more in zip(made, (("--deinterlace",), ("--jobs", "2")), strict=True):
        assert here("process", path, target, "--bob", "--codec", "ffv1", *more).returncode == 0
    assert times_of(made[0]) == times_of(made[1])
    with VideoFile(made[0]) as one, VideoFile(made[1]) as other:
        assert [one.frames, other.frames] == [20, 20]
        assert all(np.array_equal(was.image, now.image) for was, now in zip(one, other, strict=True))


@pytest.mark.slow
def test_live_plays_fields(tmp_path: Path) -> None:
    path, made = make_fields(tmp_path / "a.mp4"), tmp_path / "b.mkv"
    done = here("live", path, "-e", "none", "--bob", "--to", made)
    assert (done.returncode, "50 frames a second, of 25" in done.stderr) == (0, True)
    with VideoFile(made) as source:
        times = [round(50 * frame.time) for frame in source]
        assert times[-1] == 2 * FRAMES - 1  # of the second field; a busy machine may leave out some between
        assert not source.info.interlaced


def test_a_job_of_fields_is_another_job(tmp_path: Path) -> None:
    path = make_fields(tmp_path / "a.mp4", count=1)
    told = [job_of(path, [], ProcessOptions(deinterlace=way))["deinterlace"] for way in (False, True, "bob")]
    assert told == [False, True, "bob"]


@pytest.mark.parametrize("deinterlace", [True, "bob"])
@pytest.mark.parametrize("height", [64, 480])
def test_pictures_that_are_whole_stay_as_they_are(tmp_path: Path, deinterlace: Deinterlace, height: int) -> None:
    noise = np.random.default_rng(7).integers(0, 256, (height // 4, 40, 3), dtype=np.uint8)
    moving = [np.roll(np.kron(noise, np.ones((4, 4, 1), np.uint8)), (index, 3 * index), (0, 1)) for index in range(12)]
    path = make_clip(tmp_path / "whole.mp4", images=moving)
    with VideoFile(path) as source:
        plain = list(source)
    with VideoFile(path, deinterlace=deinterlace) as source:
        assert (source.fps, source.frames) == (30, 12)
        assert source.notes == ["whole.mp4: its pictures are whole, not of two fields, and stay as they are"]
        for frame, same in zip(source, plain, strict=True):
            assert frame.time == same.time
            assert np.array_equal(frame.image, same.image)
