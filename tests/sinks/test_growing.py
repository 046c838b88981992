"""Recordings of what cannot be made again: whatever ends the process, all but the last second plays."""

import os
import signal
import subprocess
import sys
import threading
import time
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from PIL import Image as Pillow
from PIL import ImageSequence

from gancam.errors import OutputExists
from gancam.frame import Frame
from gancam.sinks import SinkContext, open_sink
from gancam.sinks.piece_store import PieceStore
from gancam.sinks.video import VideoOptions, VideoWriter, cut_to_fragments
from tests.helpers.children import interruptible
from tests.helpers.clips import make_clip, with_cues
from tests.helpers.clips import ramps as frames

# Records 200 frames of 30 a second, and dies at once.
DYING = """
import os, sys, signal
from tests.helpers.clips import ramps as frames
from gancam.sinks.video import VideoOptions, VideoWriter
sink = VideoWriter(sys.argv[1], VideoOptions(fps=30, size=(160, 96), live=True, overwrite=True))
for frame in frames(200):
    sink.write(frame)
os.kill(os.getpid(), signal.SIGKILL)
"""
# The same, with the tracks of a file.
BESIDE = DYING.replace("live=True", "live=True, audio_from=sys.argv[2]")
# Records two thirds of a second, and dies when that has its name.
BRIEF = """
import os, sys, signal, time
from tests.helpers.clips import ramps as frames
from gancam.sinks.video import VideoOptions, VideoWriter
sink = VideoWriter(sys.argv[1], VideoOptions(fps=30, size=(160, 96), live=True))
for frame in frames(20):
    sink.write(frame)
while not os.path.exists(sys.argv[1]):
    time.sleep(0.01)
os.kill(os.getpid(), signal.SIGKILL)
"""
# Records until the disk is full.
FULL = """
import resource, signal, sys
from tests.helpers.clips import ramps as frames
from gancam.errors import SinkError
from gancam.sinks.video import VideoOptions, VideoWriter
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (400_000, 400_000))
sink = VideoWriter(sys.argv[1], VideoOptions(fps=30, size=(160, 96), live=True, quality=100))
try:
    for frame in frames(2000, grain=40):
        sink.write(frame)
except SinkError as error:
    print(error)
sink.close(interrupted=True)
"""
ENDINGS = (".mp4", ".mov", ".mkv", ".webm", ".ts")


def child(code: str, *paths: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", code, *map(str, paths)],
        cwd=Path(__file__).parent.parent.parent, capture_output=True, text=True, timeout=300, check=False,
    )  # fmt: skip


def count(path: Path) -> int:
    with av.open(str(path)) as container:
        return sum(1 for _ in container.decode(video=0))


def boxes(path: Path) -> list[str]:
    data, at, found = path.read_bytes(), 0, list[str]()
    while at < len(data):
        size = int.from_bytes(data[at : at + 4], "big")
        found.append(data[at + 4 : at + 8].decode())
        at += int.from_bytes(data[at + 8 : at + 16], "big") if size == 1 else size
    return found


@pytest.mark.skipif(os.name == "nt", reason="kills by a signal; an open file cannot be renamed on Windows")
@pytest.mark.parametrize("ending", ENDINGS)
def test_kill_9_costs_no_more_than_a_second(tmp_path: Path, ending: str) -> None:
    path = tmp_path / f"a{ending}"
    path.write_bytes(b"older")
    done = child(DYING, path)
    assert done.returncode == -signal.SIGKILL, done.stderr
    assert count(path) >= 200 - 30
    assert os.listdir(tmp_path) == [path.name]
    with VideoWriter(
        path, VideoOptions(fps=30, size=(160, 96), live=True, overwrite=True)
    ) as sink:  # what is left is no obstacle
        for frame in frames(40):
            sink.write(frame)
    assert count(path) == 40


@pytest.mark.skipif(os.name == "nt", reason="kills by a signal; an open file cannot be renamed on Windows")
@pytest.mark.parametrize(
    ("ending", "beside"),
    [(".mp4", "words"), (".mkv", "words"), (".ts", "sound"), pytest.param(".mov", "sound", marks=pytest.mark.slow)],
)
def test_kill_9_costs_no_more_where_another_track_is_silent(tmp_path: Path, ending: str, beside: str) -> None:
    """FFmpeg held the picture back for ten seconds, in case the other track went on."""
    if beside == "words":
        source = with_cues(tmp_path / "a.mp4", "mov_text", [(100_000, 101_000, b"\0\4late")])
    else:
        source = make_clip(tmp_path / "a.mkv", audio=[("aac", 0.0)])
    path = tmp_path / f"b{ending}"
    done = child(BESIDE, path, source)
    assert done.returncode == -signal.SIGKILL, done.stderr
    assert count(path) >= 200 - 30


@pytest.mark.skipif(os.name == "nt", reason="kills by a signal; an open file cannot be renamed on Windows")
@pytest.mark.parametrize("ending", ENDINGS)
def test_it_plays_within_its_first_second(tmp_path: Path, ending: str) -> None:
    """In pieces of a second there was nothing before 1.25 s but a hidden file that no player opens."""
    path = tmp_path / f"a{ending}"
    done = child(BRIEF, path)
    assert done.returncode == -signal.SIGKILL, done.stderr
    assert count(path) >= 8
    assert os.listdir(tmp_path) == [path.name]


@pytest.mark.parametrize("ending", ENDINGS)
def test_in_the_end_it_is_a_plain_file(tmp_path: Path, ending: str) -> None:
    path = tmp_path / f"a{ending}"
    with open_sink(path, SinkContext(fps=30, size=(160, 96), live=True)) as sink:
        for frame in frames(150):
            sink.write(frame)
    assert count(path) == 150
    assert os.listdir(tmp_path) == [path.name]
    with av.open(str(path)) as container:
        assert container.duration is not None
        assert abs(container.duration / 1e6 - 5) < 0.05
    if ending in (".mp4", ".mov"):
        assert "moof" not in boxes(path)


@pytest.mark.parametrize("sound", [False, True])
@pytest.mark.parametrize("ending", [".mp4", ".mov", ".mkv"])
def test_frames_are_shown_until_the_next_and_the_last_as_long_as_it_says(
    tmp_path: Path, ending: str, sound: bool
) -> None:
    """Each was shown as long as usual, the last too; with sound that begins before 0 the first 21 ms longer in MP4."""
    begins = [0, 20, 60, 80, 360, 400]
    audio = make_clip(tmp_path / "sound.mkv", audio=[("aac", 0.0)]) if sound else None
    path = tmp_path / f"a{ending}"
    with VideoWriter(path, VideoOptions(fps=25, size=(160, 96), live=True, audio_from=audio)) as sink:
        for frame, begin in zip(frames(6), begins, strict=True):
            sink.write(replace(frame, time=begin / 1000, duration=0.3 if begin == 400 else None))
    with av.open(path) as container:
        told = [
            (round(1000 * packet.pts * packet.time_base), round(1000 * packet.duration * packet.time_base))
            for packet in container.demux(video=0)
            if packet.pts is not None and packet.duration is not None and packet.time_base is not None
        ]
    assert told == [(begin, end - begin) for begin, end in pairwise([*begins, 700])]


@pytest.mark.parametrize(("size", "fastest"), [((1920, 1080), False), ((2560, 1440), True)])
def test_large_pictures_are_written_as_fast_as_can_be(tmp_path: Path, size: tuple[int, int], fastest: bool) -> None:
    for live in (True, False):
        with VideoWriter(tmp_path / "a.mkv", VideoOptions(fps=30, size=size, live=live, overwrite=True)) as sink:
            sink.write(Frame(np.zeros((size[1], size[0], 3), np.uint8), 0, 0.0))
        assert (b"subme=0" in (tmp_path / "a.mkv").read_bytes()) == (live and fastest)  # what x264 says of itself


def test_an_older_file_stays_until_there_is_a_new_one(tmp_path: Path) -> None:
    path = tmp_path / "a.mp4"
    path.write_bytes(b"older")
    sink = VideoWriter(path, VideoOptions(fps=30, size=(160, 96), live=True, overwrite=True))
    sink.write(frames(1)[0])
    assert path.read_bytes() == b"older"
    sink.close()
    assert count(path) == 1
    before = path.read_bytes()
    VideoWriter(path, VideoOptions(fps=30, size=(160, 96), live=True, overwrite=True)).close()
    assert path.read_bytes() == before
    assert os.listdir(tmp_path) == ["a.mp4"]


def test_a_file_that_appears_meanwhile_is_not_replaced(tmp_path: Path) -> None:
    path = tmp_path / "a.mkv"
    sink = VideoWriter(path, VideoOptions(fps=30, size=(160, 96), live=True))
    path.write_bytes(b"somebody's")
    for frame in frames(60):
        sink.write(frame)
    with pytest.raises(OutputExists, match=r"cannot take this name.*\.a\.partial\.mkv"):
        sink.close()
    assert path.read_bytes() == b"somebody's"
    assert count(tmp_path / ".a.partial.mkv") == 60


def test_an_animation_takes_no_time_from_others(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its frames wait without loss, which takes long: it leaves out its own, where all waited for it."""
    write, given = PieceStore.write, threading.Event()

    def slow(*arguments: Any) -> None:
        assert given.wait(120)
        write(*arguments)

    monkeypatch.setattr(PieceStore, "write", slow)
    path = tmp_path / "a.webp"
    sink = VideoWriter(path, VideoOptions(fps=30, size=(160, 96), live=True))
    for frame in frames(30):
        sink.write(frame)
    given.set()
    sink.close()
    (said,) = [note for note in sink.notes if "left out" in note]
    lost = int(said.removeprefix("a.webp: ").partition(" ")[0])
    with Pillow.open(path) as picture:
        assert 3 <= len(ImageSequence.all_frames(picture)) == 30 - lost


@pytest.mark.parametrize("ending", [".mp4", ".mov"])
def test_half_a_fragment_is_cut_off(tmp_path: Path, ending: str) -> None:
    """As a full disk leaves it: players ended with an error where half of it began."""
    path = tmp_path / f"a{ending}"
    with VideoWriter(path, VideoOptions(fps=30, size=(160, 96), live=True)) as sink:
        for frame in frames(60):
            sink.write(frame)
        while path.stat().st_size < 20_000:
            time.sleep(0.01)
        growing = path.read_bytes()
    last = growing.rindex(b"moof") - 4
    for size in (len(growing) - 100, last + 50, last + 4, last):
        path.write_bytes(growing[:size])
        cut_to_fragments(path)
        assert path.read_bytes() == growing[:last]
        with av.open(path) as film:
            assert len(list(film.decode(video=0))) > 20
    for other in (b"no film at all", growing[:50], b""):
        path.write_bytes(other)
        cut_to_fragments(path)
        assert path.read_bytes() == other


@pytest.mark.skipif(os.name == "nt", reason="a full disk is made by a limit of the system")
@pytest.mark.parametrize("ending", [".mp4", pytest.param(".mkv", marks=pytest.mark.slow)])
def test_a_full_disk_keeps_what_is_there(tmp_path: Path, ending: str) -> None:
    path = tmp_path / f"a{ending}"
    done = child(FULL, path)
    assert "no room left" in done.stdout, done.stdout + done.stderr
    assert "what was written until then is kept" in done.stdout
    played = 0
    with av.open(str(path)) as container:
        for _ in container.decode(video=0):
            played += 1
    assert played > 30


@pytest.mark.skipif(os.name == "nt", reason="Windows has no SIGHUP")
@pytest.mark.parametrize("name", ["SIGHUP", pytest.param("SIGTERM", marks=pytest.mark.slow), "SIGINT"])
def test_closing_the_terminal_finishes_the_files(tmp_path: Path, name: str) -> None:
    path = tmp_path / "a.mp4"
    with interruptible():
        live = subprocess.Popen(
            [sys.executable, "-m", "gancam", "live", "test", "-e", "none", "--size", "160x96", "--to", str(path)],
            cwd=Path(__file__).parent.parent.parent, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        )  # fmt: skip
    with live:
        while not path.exists() and live.poll() is None:
            time.sleep(0.005)
        live.send_signal(number := signal.Signals[name])
        said, errors = live.communicate(timeout=300)
    assert live.returncode == 128 + number, said + errors
    assert "(interrupted)" in said
    assert "moof" not in boxes(path)
    assert f"{count(path)} frame" in said
