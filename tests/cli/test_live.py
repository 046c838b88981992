"""Parts of `gancam live` and of its progress that need no camera."""

import errno
import re
import socket
import threading
import time
from fractions import Fraction
from pathlib import Path

import av
import cv2
import numpy as np
import pytest
from PIL import Image as Pillow
from PIL import ImageSequence

from gancam.cli.bars import BatchBars
from gancam.cli.live import _stop_after
from gancam.cli.slow_outputs import outside_effects, too_slow
from gancam.jobs.events import BatchStarted, FileFailed, FileMade, FileProgress, FileStarted, Note
from gancam.jobs.spec import EffectChainSpec
from gancam.pipeline import Report
from gancam.sinks.video import LiveVideo
from gancam.sources import TestPattern, VideoFile
from tests.helpers.clips import make_clip
from tests.helpers.command import here, refused
from tests.helpers.links import can_link
from tests.helpers.live import ends_after


def test_the_timer_has_a_name_and_is_gone_afterwards() -> None:
    stopped, others = threading.Event(), set(threading.enumerate())  # those that tests before may have left

    def timers() -> list[str]:
        new = set(threading.enumerate()) - others
        return [thread.name for thread in new if isinstance(thread, threading.Timer)]

    with _stop_after(60, stopped.set):
        assert timers() == ["gancam-stop"]
    assert timers() == []
    assert not stopped.is_set()
    with _stop_after(0.01, stopped.set):
        assert stopped.wait(120)
    assert timers() == []
    with _stop_after(None, stopped.set):
        assert timers() == []


def test_what_stops_is_done_before_it_goes_on() -> None:
    done: list[str] = []

    def stop() -> None:
        time.sleep(0.1)
        done.append("stopped")

    with _stop_after(0.0, stop):
        time.sleep(0.05)
    assert done == ["stopped"]


@pytest.mark.parametrize(
    ("writing", "showing", "made", "said"),
    [
        (
            3.0,
            1.0,
            (640, 480),
            "in writing 640x480: -e none, or an effect that keeps the size (restore-x1), makes 320x240",
        ),
        (1.0, 3.0, (320, 240), "in showing 320x240"),
        (
            0.0,
            0.0,
            (640, 480),
            "in writing 640x480: -e none, or an effect that keeps the size (restore-x1), makes 320x240",
        ),
    ],
)
def test_what_takes_the_time_is_named(writing: float, showing: float, made: tuple[int, int], said: str) -> None:
    report = Report(labels={"VideoWriter": "writing", "Window": "showing", "effects": "effects"})
    report.stage_seconds = {"source": 99.0, "effects": 99.0, "VideoWriter": writing, "Window": showing, "close": 99.0}
    assert outside_effects(report, made, (320, 240)) == said


def test_where_no_output_takes_most_of_the_time_none_is_named() -> None:
    report = Report(stage_seconds={"source": 9.0, "effects": 9.0, "a": 1.0, "b": 1.0, "c": 1.0, "close": 0.0})
    assert outside_effects(report, (640, 480), (320, 240)) == "outside the effects"
    assert outside_effects(Report(), (640, 480), (320, 240)) == "outside the effects"


@pytest.mark.parametrize(("stage", "worker"), [(0.001, 8.0), (8.0, None)])
def test_a_slow_output_is_named_in_a_run_too_short_for_a_budget(stage: float, worker: float | None) -> None:
    report = Report(frames=4, labels={"source": "reading", "effects": "effects", "VideoWriter": "writing"})
    report.stage_seconds = {"source": 9.0, "effects": 0.1, "VideoWriter": stage, "close": 9.0}
    report.worker_seconds = {} if worker is None else {"VideoWriter": worker}
    assert too_slow(report, 0.04, (640, 480), (320, 240)) == [
        "writing 640x480 alone takes 2000 ms a frame, not 40 ms: -e none, or an effect that keeps the size "
        "(restore-x1), makes 320x240"
    ]
    assert too_slow(report, None, (640, 480), (320, 240)) == []
    assert too_slow(report, 3.0, (640, 480), (320, 240)) == []
    assert too_slow(Report(), 0.04, (640, 480), (320, 240)) == []
    report.notes = ["it takes 2 s a frame; 1.9 s of it in writing 640x480"]
    assert too_slow(report, 0.04, (640, 480), (320, 240)) == []


@pytest.mark.slow
@pytest.mark.parametrize(("size", "made"), [("320x180", (640, 360)), ("1280x720", (1280, 720))])
def test_what_plays_without_an_effect_makes_no_large_picture_larger(
    tmp_path: Path, size: str, made: tuple[int, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    ends_after(3, monkeypatch)
    out = tmp_path / "out.mp4"
    assert here("live", "test", "--size", size, "--to", str(out), "--seconds", "0.3").returncode == 0
    with VideoFile(out) as video:
        assert video.size == made


def test_bars_take_events_of_files_that_never_began() -> None:
    source, target = Path("a.mp4"), Path("out/a.mp4")
    with BatchBars(shown=False) as bars:
        bars(BatchStarted(3, 0, 0, ("a note",)))
        bars(FileFailed(source, target, "a.mp4: damaged"))
        for _ in range(2):  # one file under two names
            bars(FileStarted(source, target))
        bars(FileProgress(source, 1, 10, 2.0))
        bars(FileMade(source, target))
        bars(FileProgress(source, 2, 10))
        bars(Note(None, "still there"))
        bars(FileMade(source, target))


def test_what_cannot_be_is_told_before_a_model_is_loaded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(EffectChainSpec, "load", lambda *_: pytest.fail("a model is loaded"))
    says = "--seconds 0: needs a number above 0; without it there is no end"
    refused("live", "test", "-e", "none", "--seconds", "0.0", "--to", str(tmp_path / "a.mkv"), says=says)
    refused("live", "test", "-e", "inpaint:draw", "--to", "mjpeg:0", says="draw needs a window")
    refused("live", "test", "-e", "inpaint:draw", "-e", "morph-fruits:draw", says="only one effect can be drawn on")
    refused("live", "test", "-e", "sr-x2", "--control", "mic", says="turns `level`, which none of these effects has")
    refused("live", "test", "-e", "sr-x2", "--control", str(tmp_path), says="not a regular file")
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        refused("live", "test", "-e", "sr-x2", "--control", port, says=f"control port {port} cannot be used")
    (tmp_path / "a.json").write_text("{}")
    refused("live", "test", "-e", f"inpaint:save={tmp_path / 'a.json'}:box=0/0/9/9", says="exists")
    one, link = tmp_path / "x.mp4", tmp_path / "there"
    places = [one]
    if can_link():
        link.symlink_to(tmp_path, target_is_directory=True)
        places.append(link / "x.mp4")
    for other in (*(("--to", place) for place in places), ("--to", f"source:{one}"), ("--stats", one)):
        refused("live", "test", "-e", "none", "--to", one, *other, says="two outputs would be this file")
    refused("live", "test", "-e", "none", "--loop", says="--loop: is for video files")
    refused("live", "test", "-e", "none", "--sound", "loud", says="must be mic, mic:NAME or none")
    says = "--seconds 1e+10: needs a number above 0, at most"
    refused("live", "test", "-e", "none", "--seconds", "1e10", "--to", str(tmp_path / "a.mkv"), says=says)
    says = "--seconds -1: needs a number above 0"
    refused("live", "test", "-e", "none", "--seconds", "-1", "--to", str(tmp_path / "a.mkv"), says=says)
    refused("live", "test", "-e", "none", "--to", "a.foo", says=".mov, .mkv, .webm, .ts, .gif, .apng, .webp")
    refused("live", "test", "-e", "none", "--deinterlace", says="--deinterlace: is for video files")
    refused("live", "test", "-e", "none", "--bob", says="--bob: is for video files")
    (tmp_path / "a.mp4").write_bytes(b"a")
    refused("live", tmp_path / "a.mp4", "-e", "none", "--size", "96x64", says="is a file, which has its own size")
    refused("live", "no-such-camera", "-e", "none", says="camera's index or name")
    refused("live", tmp_path / "b-%d.png", "-e", "none", says="no image has such a name")
    refused("live", tmp_path / "a*.mp4", "-e", "none", says="is a pattern, which only gancam process accepts")
    refused("live", "-", "-e", "none", says="-: gancam live cannot play standard input; gancam process - OUT reads it")


def test_an_animated_picture_is_made_in_the_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With the frames of before the effects, too; and it is told that it takes a while."""
    ends_after(9, monkeypatch)
    out, before = tmp_path / "a.webp", tmp_path / "b.gif"
    done = here("live", "test", "-e", "none", "--to", out, "--to", f"source:{before}", "--seconds", "0.3")
    assert done.returncode == 0, done.stderr
    assert "a.webp is made in the end, of frames that wait beside it, which takes a few seconds for each" in done.stderr
    assert re.findall(r"wrote (\S+) \([\d.]+ [kM]B\)", done.stdout) == [str(out), str(before)]
    assert sorted(tmp_path.iterdir()) == [out, before]
    for path in (out, before):
        with Pillow.open(path) as picture:
            assert ImageSequence.all_frames(picture)[1:]


def test_what_was_recorded_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ends_after(3, monkeypatch)
    out, before = tmp_path / "a.mp4", tmp_path / "b.mkv"
    done = here("live", "test", "-e", "none", "--to", out, "--to", f"source:{before}", "--seconds", "0.5")
    assert done.returncode == 0, done.stderr
    assert re.findall(r"wrote (\S+) \([\d.]+ [kM]B\)", done.stdout) == [str(out), str(before)]


def test_files_of_live_keep_what_an_effect_leaves_unseen(clip: Path, tmp_path: Path) -> None:
    kept, lost = tmp_path / "out.webm", tmp_path / "out.mp4"
    done = here("live", clip, "-e", "background:colour=transparent", "--to", kept, "--to", lost)
    assert done.returncode == 0, done.stderr
    assert done.stderr.count("its transparency is left out: h264 holds none") == 1
    with VideoFile(kept) as source:
        assert all(frame.alpha is not None and frame.alpha.max() < 9 for frame in source)  # nobody is in it


def test_an_output_that_fails_is_named_once_and_ends_with_1(
    clip: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bad, good = tmp_path / "bad.mkv", tmp_path / "good.mkv"
    encode = LiveVideo.encode

    def full(self: LiveVideo, picture: av.VideoFrame, tick: int, after: int) -> None:
        encode(self, picture, tick, after)
        if self._file.file.stem == "bad":  # from when it has its name on, however slow the machine is
            raise OSError(errno.ENOSPC, "full")

    monkeypatch.setattr(LiveVideo, "encode", full)
    log = ["--stats", "/dev/full"] if Path("/dev/full").exists() else []
    done = here("live", clip, "-e", "none", "--to", bad, "--to", good, *log)
    assert done.returncode == 1
    failed = (
        rf"{re.escape(str(bad))}: writing failed after \d+ frames \(no room left\); what was written until then is kept"
    )
    assert len(re.findall(failed, done.stdout + done.stderr)) == 1
    assert re.search(rf"^warning: {failed}; the other outputs continue$", done.stderr, re.M)
    assert done.stderr.count("/dev/full: cannot be written") == len(log[1:])
    assert "VideoWriter" not in done.stdout + done.stderr
    assert re.search(rf"wrote {re.escape(str(bad))} \(until [01]\.\d s, ", done.stdout)
    assert re.search(rf"wrote {re.escape(str(good))} \([\d.]+ [kM]B\)", done.stdout)


def test_what_a_file_cannot_have_live_is_told(tmp_path: Path) -> None:
    """As of ``gancam process``: fields that stay combed, light that becomes less, opacity that is left out."""
    films = {
        "hdr": make_clip(tmp_path / "hdr.mp4", codec="libx265", pix_fmt="yuv420p10le", matrix=9, primaries=9,
                         transfer=16, options={"x265-params": "log-level=none"}),
        "fields": make_clip(tmp_path / "fields.mp4", options={"flags": "+ilme+ildct", "x264-params": "tff=1"}),
        "veiled": tmp_path / "veiled.mkv",
    }  # fmt: skip
    images = [np.dstack([frame.image, np.full((64, 96), 90, np.uint8)]) for frame in TestPattern((96, 64), frames=9)]
    make_clip(films["veiled"], images=images, codec="ffv1", pix_fmt="bgra", options={})
    said = {
        name: here("live", film, "-e", "none", "--to", tmp_path / f"{name}-out.mkv").stderr
        for name, film in films.items()
    }
    assert "note: hdr.mp4: its HDR (PQ) is tone-mapped to SDR\n" in said["hdr"]
    assert "note: fields.mp4: is interlaced, its fields stay combed (--deinterlace undoes it)\n" in said["fields"]
    assert "note: veiled.mkv: its transparency is left out" in said["veiled"]
    out = tmp_path / "whole.mkv"
    done = here("live", films["fields"], "-e", "none", "--deinterlace", "--to", out)
    assert (done.returncode, "combed" in done.stderr) == (0, False)
    flags = []
    for file in (tmp_path / "fields-out.mkv", out):
        with av.open(file) as film:
            flags.append(bool(next(film.decode(video=0)).interlaced_frame))
    assert flags == [True, False]


def test_the_shape_of_pixels_is_kept_in_files(tmp_path: Path) -> None:
    film = make_clip(tmp_path / "a.mp4", aspect=Fraction(16, 11))
    outs = [tmp_path / "a.mkv", tmp_path / "b.mp4"]
    done = here("live", film, "-e", "none", *(word for out in outs for word in ("--to", out)))
    assert (done.returncode, done.stderr) == (0, "")
    for out in outs:
        with VideoFile(out) as made:
            assert (made.size, made.info.aspect) == ((96, 64), Fraction(16, 11))


def test_numbered_images_are_played(tmp_path: Path) -> None:
    for frame in TestPattern((96, 64), frames=9):
        cv2.imwrite(str(tmp_path / f"a-{frame.index:03d}.png"), frame.image)
    done = here("live", tmp_path / "a-%03d.png", "-e", "none", "--to", tmp_path / "a.mkv")
    assert done.returncode == 0, done.stderr
    with VideoFile(tmp_path / "a.mkv") as made:
        indices = [TestPattern.index_in(frame.image) for frame in made]
    assert indices == sorted(indices)
    assert (indices[0], indices[-1]) == (0, 8)  # a busy machine may leave out some between
