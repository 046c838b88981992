"""Video through stdin and stdout, as shells join programs."""

import os
import subprocess
import sys
import threading
import time
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

from gancam.effects import load
from gancam.errors import InputError, SinkError
from gancam.frame import Frame
from gancam.sinks.pipe import FORMATS, PipeWriter
from gancam.sinks.video import VideoOptions
from gancam.sources import TestPattern, VideoFile
from tests.helpers.clips import make_clip, packets_of, planes_of, times_of
from tests.helpers.command import refused, through

COMMAND = [sys.executable, "-m", "gancam", "process"]
PASS_ON = [sys.executable, "-c", "import shutil, sys; shutil.copyfileobj(sys.stdin.buffer, sys.stdout.buffer)"]


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    images = [frame.image for frame in TestPattern((96, 64), frames=150)]
    return make_clip(tmp_path_factory.mktemp("clips") / "clip.mp4", images=images, audio=[("aac", 0.0)])


@pytest.mark.parametrize("form", [form for form in FORMATS if form not in ("y4m", "rawvideo")])
def test_every_format_flows_through_a_pipe(tmp_path: Path, clip: Path, form: str) -> None:
    out = tmp_path / "out"
    done = through("process", clip, "-", "--format", form)
    assert done.returncode == 0, done.stderr
    assert b"150 frames" in done.stderr
    out.write_bytes(done.stdout)
    with av.open(str(out)) as container:
        assert sum(packet.size > 0 for packet in container.demux(video=0)) == 150
    shift = times_of(out)[0] - times_of(clip)[0]
    slack = 0 if form in ("mp4", "m4v", "mov") else 0.0011
    worst = max(abs(b - a - shift) for a, b in zip(times_of(clip), times_of(out), strict=True))
    assert worst <= slack
    if form not in ("webm", "mpegts", "ts"):
        assert [data for _, data in packets_of(out)[0]] == [data for _, data in packets_of(clip)[0]]


def test_y4m_for_the_encoders_of_others(tmp_path: Path, clip: Path) -> None:
    """It is the pictures and one rate: what is shown for longer is there more often."""
    images = [frame.image for frame in TestPattern((96, 64), frames=5)]
    uneven = make_clip(
        tmp_path / "a.mkv",
        images=images,
        ticks=[0, 1, 2, 6, 7],
        time_base=Fraction(1, 25),
        fps=25,
        aspect=Fraction(4, 3),
    )
    for source, rate, count in ((clip, 30, 150), (uneven, 25, 8)):
        done = through("process", source, "-", "--format", "y4m")
        assert done.returncode == 0, done.stderr
        assert (b"y4m holds no sound" in done.stderr) == (source == clip)
        (tmp_path / "out.y4m").write_bytes(done.stdout)
        with av.open(str(tmp_path / "out.y4m")) as container:
            stream = container.streams.video[0]
            assert (stream.sample_aspect_ratio or 1) == (Fraction(4, 3) if source == uneven else 1)
            if source == clip:
                assert stream.average_rate == rate
            assert sum(packet.size > 0 for packet in container.demux(stream)) == count
        if source == clip:
            for was, now in zip(planes_of(clip), planes_of(tmp_path / "out.y4m"), strict=True):
                assert all(np.array_equal(a, b) for a, b in zip(was, now, strict=True))


@pytest.mark.parametrize("size", [(96, 64), (95, 63), (1, 1)])
def test_rawvideo_is_the_frames(tmp_path: Path, size: tuple[int, int]) -> None:
    """8-bit BGR, nothing between, as NumPy reads it; what is shown for longer is there more often."""
    images = [frame.image[: size[1], : size[0]] for frame in TestPattern((96, 64), frames=5)]
    source = make_clip(
        tmp_path / "a.mkv", images=images, ticks=[0, 1, 2, 6, 7], time_base=Fraction(1, 25), fps=25, codec="ffv1",
        options={}, pix_fmt="bgr0", audio=[("flac", 0.0)],
    )  # fmt: skip
    done = through("process", source, "-", "--format", "rawvideo")
    assert done.returncode == 0, done.stderr
    said = done.stderr.decode()
    assert f"its reader must know: bgr24, {size[0]}x{size[1]}, 25 frames a second" in said
    assert "rawvideo holds no sound" in said
    frames = np.frombuffer(done.stdout, np.uint8).reshape(-1, size[1], size[0], 3)
    assert np.array_equal(frames, [images[index] for index in (0, 1, 2, 2, 2, 2, 3, 4)])


def test_rawvideo_is_what_effects_make(tmp_path: Path, clip: Path) -> None:
    words = ["-", "--format", "rawvideo", "-e", "sr-x2-fast", "--to", "0.1", "--precision", "fp32"]
    done = through("process", clip, *words)
    effect = load("sr-x2-fast", precision="fp32")
    with VideoFile(clip, end=Fraction(1, 10)) as video:
        made = [effect(frame.image) for frame in video]
    assert np.array_equal(np.frombuffer(done.stdout, np.uint8), np.ravel(made))


def test_one_after_the_other(tmp_path: Path, clip: Path) -> None:
    with clip.open("rb") as file:
        first = subprocess.Popen([*COMMAND, "-", "-", "--codec", "ffv1", "-q"], stdin=file, stdout=subprocess.PIPE)
        second = subprocess.Popen([*COMMAND, "-", str(tmp_path / "b.mkv"), "--codec", "ffv1"], stdin=first.stdout)
        assert first.stdout is not None
        first.stdout.close()
        assert (first.wait(120), second.wait(120)) == (0, 0)
    for was, now in zip(planes_of(clip), planes_of(tmp_path / "b.mkv"), strict=True):
        assert all(np.array_equal(a, b) for a, b in zip(was, now, strict=True))


@pytest.mark.parametrize("data", [b"", b"no video"])
def test_what_is_wrong_with_standard_input_is_told_by_its_name(tmp_path: Path, data: bytes) -> None:
    done = through("process", "-", tmp_path / "b.mp4", given=data)
    assert done.returncode == 2
    assert done.stderr.decode().startswith("gancam: standard input: ")
    assert done.stderr.count(b"\n") == 1


def test_what_came_through_stdin_goes_on_after_a_break(tmp_path: Path, clip: Path) -> None:
    out = tmp_path / "out.mkv"
    command = [*COMMAND, "-", str(out), "-q"]
    for more in ([], ["--resume"]):
        with clip.open("rb") as file, subprocess.Popen(PASS_ON, stdin=file, stdout=subprocess.PIPE) as cat:
            done = subprocess.run([*command, *more], stdin=cat.stdout, capture_output=True, timeout=300)
        assert done.returncode == 0, done.stderr
        assert len(times_of(out)) == 150


def test_a_reader_that_goes_away_is_no_error(clip: Path) -> None:
    with subprocess.Popen([*COMMAND, str(clip), "-"], stdout=subprocess.PIPE, stderr=subprocess.PIPE) as job:
        assert job.stdout is not None
        assert job.stderr is not None
        job.stdout.read(100)
        job.stdout.close()
        said = job.stderr.read().decode()
        assert job.wait(120) == 0
    assert "the reader of stdout went away after" in said
    assert "Traceback" not in said


def test_a_sink_whose_reader_has_gone_is_closed(clip: Path) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    with VideoFile(clip) as video, PipeWriter(writing, VideoOptions(fps=30, size=video.size)) as sink:
        for frame in video:
            sink.write(Frame(frame.image, frame.index, frame.time))
    assert sink.closed
    assert any("went away" in note for note in sink.notes)
    os.close(writing)
    with pytest.raises(InputError, match="no format 'avi'"):
        PipeWriter(1, VideoOptions(fps=30, size=(96, 64)), "avi")


@pytest.mark.skipif(sys.platform == "win32", reason="its pipes always block")
def test_a_pipe_that_does_not_block_is_waited_for() -> None:
    """Programs on an event loop give such pipes to others."""
    reading, writing = os.pipe()
    os.set_blocking(writing, False)
    came: list[bytes] = []

    def read() -> None:
        while data := os.read(reading, 1 << 14):
            came.append(data)
            time.sleep(0.001)

    reader = threading.Thread(target=read)
    reader.start()
    with PipeWriter(writing, VideoOptions(fps=25, size=(320, 180)), "rawvideo") as sink:
        for index in range(4):
            sink.write(Frame(np.full((180, 320, 3), index, np.uint8), index, index / 25))
    os.close(writing)
    reader.join()
    os.close(reading)
    assert b"".join(came) == b"".join(bytes([index]) * (180 * 320 * 3) for index in range(4))


def test_what_cannot_be_piped_is_one_line(tmp_path: Path, clip: Path) -> None:
    refused("process", clip, tmp_path / "b.mp4", "--format", "nut", says="--format nut: is for stdout")
    refused("process", clip, "-", "--resume", says="--resume needs a file as output")
    for data in (b"", os.urandom(3000)):
        done = through("process", "-", tmp_path / "b.mp4", given=data)
        assert done.returncode == 2
        assert done.stderr.count(b"\n") == 1
    assert os.listdir(tmp_path) == []


@pytest.mark.skipif(not Path("/dev/null").exists(), reason="needs a device that takes all")
def test_damaged_times_do_not_repeat_a_frame_without_end() -> None:
    with open("/dev/null", "wb") as reader:
        sink = PipeWriter(reader.fileno(), VideoOptions(fps=25, size=(64, 48)), "y4m")
        for index, time in enumerate((0.0, 1e9)):
            sink.write(Frame(TestPattern((64, 48)).image(index), index, time))
        with pytest.raises(SinkError, match=r"frame 2 comes 277778 hours after the one before.*--format matroska"):
            sink.close()
