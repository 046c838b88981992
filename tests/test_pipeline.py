"""The loop: every frame through every effect into every sink, and everything closed once, whatever happens."""

import json
import os
import random
import re
import signal
import subprocess
import sys
import threading
import time
import weakref
from collections.abc import Callable, Iterator
from pathlib import Path

import av
import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gancam.cli.console import Terminated
from gancam.effects import Effect, EffectLike
from gancam.errors import GancamError, SinkError
from gancam.frame import Frame, Image
from gancam.pipeline import Report, output_size, run
from gancam.sinks import Sink, SinkContext, open_sink
from gancam.sinks.video import VideoOptions, VideoWriter
from gancam.sources import ImageFiles, Source, Still, TestPattern, VideoFile
from gancam.sources.open import open_live
from tests.helpers.children import interruptible
from tests.helpers.clips import make_clip, packets_of, times_of


class Memory(Sink):
    """A sink that keeps what it gets, and fails or closes when told to."""

    def __init__(self, *, fails_at: int = -1, closes_at: int = -1, fails_on_close: bool = False) -> None:
        self.frames: list[Frame] = []
        self.closings: list[bool] = []
        self.fails_at, self.closes_at, self.fails_on_close = fails_at, closes_at, fails_on_close

    @property
    def closed(self) -> bool:
        return len(self.frames) == self.closes_at

    def write(self, frame: Frame) -> None:
        if frame.index == self.fails_at:
            raise SinkError("the sink fails")
        self.frames.append(frame)

    def close(self, *, interrupted: bool = False) -> None:
        self.closings.append(interrupted)
        if self.fails_on_close:
            raise SinkError("closing fails")


class Countdown(Source):
    """A source that counts its closings and may fail."""

    fps, size, frames = 30.0, (8, 8), 0

    def __init__(self, frames: int, *, fails_at: int = -1) -> None:
        self._pattern = TestPattern((8, 8), frames=frames)
        self.frames = frames
        self.fails_at = fails_at
        self.closings = 0

    def __iter__(self) -> Iterator[Frame]:
        for frame in self._pattern:
            if frame.index == self.fails_at:
                raise OSError("the source fails")
            yield frame

    def close(self) -> None:
        self.closings += 1


class FailsAt(Effect):
    """An effect on test patterns, and a progress callback, that raise at one frame."""

    def __init__(self, at: int, kind: type[BaseException]) -> None:
        self.at, self.kind = at, kind

    def __call__(self, image: Image, *, time: float | None = None) -> Image:
        if TestPattern.index_in(image) == self.at:
            raise self.kind("the effect fails")
        return image

    def progress(self, index: int, promised: int | None) -> None:
        if index == self.at:
            raise self.kind("progress fails")


def brighter(image: Image, *, time: float | None = None) -> Image:
    return image // 2 + 100


def doubled(image: Image, *, time: float | None = None) -> Image:
    return image.repeat(2, axis=0).repeat(2, axis=1)


def test_frames_go_through_effects_in_order_into_every_sink() -> None:
    pattern = TestPattern((16, 12), fps=25, frames=7)
    first, second = Memory(), Memory()
    seen: list[tuple[int, int | None]] = []
    report = run(pattern, [brighter, doubled], [first, second], progress=lambda i, n: seen.append((i, n)))
    assert seen == [(index, 7) for index in range(7)]
    for sink in (first, second):
        assert [frame.index for frame in sink.frames] == list(range(7))
        assert [frame.time for frame in sink.frames] == [index / 25 for index in range(7)]
        assert all((f.image == doubled(brighter(pattern.image(f.index)))).all() for f in sink.frames)
        assert sink.closings == [False]
    assert (report.frames, report.promised, report.interrupted, report.notes) == (7, 7, False, [])


def test_nothing_holds_a_picture_while_the_next_is_made() -> None:
    class Forgets(Memory):
        def write(self, frame: Frame) -> None:
            pass

    seen: list[weakref.ref[Image]] = []
    held = []

    def enlarged(image: Image, *, time: float | None = None) -> Image:
        held.append(sum(earlier() is not None for earlier in seen))
        made: Image = image.repeat(2, axis=0)
        seen.extend([weakref.ref(image), weakref.ref(made)])
        return made

    run(TestPattern((8, 8), frames=4), [enlarged], [Forgets()])
    assert held == [0, 0, 0, 0]


def test_what_belongs_to_an_image_follows_it() -> None:
    image, alpha = np.zeros((8, 6, 3), np.uint8), np.arange(48, dtype=np.uint8).reshape(8, 6)
    frame = Frame(image, 3, 0.5, captured=1.0, alpha=alpha, decoded=av.VideoFrame(6, 8, "yuv420p"))
    assert frame.with_image(image) is frame
    changed = frame.with_image(image + 1)
    assert changed.alpha is alpha
    assert changed.decoded is None
    assert (changed.index, changed.time, changed.captured) == (3, 0.5, 1.0)
    larger = frame.with_image(doubled(image))
    assert larger.alpha is not None
    assert np.array_equal(larger.alpha, cv2.resize(alpha, (12, 16), interpolation=cv2.INTER_CUBIC))


def test_effects_are_told_the_time() -> None:
    times: list[float | None] = []

    def note(image: Image, *, time: float | None = None) -> Image:
        times.append(time)
        return image

    run(TestPattern((8, 8), fps=10, frames=3), [note], [])
    assert times == [0.0, 0.1, 0.2]


def test_report_adds_up(clip: Path, tmp_path: Path) -> None:
    def slow(image: Image, *, time: float | None = None) -> Image:
        threading.Event().wait(0.005)
        return image

    source = VideoFile(clip)
    sink = VideoWriter(
        tmp_path / "a.mkv", VideoOptions(fps=30, size=source.size, source_info=source.info, audio_from=clip)
    )
    report = run(source, [slow, slow], [sink])
    assert list(report.stage_seconds) == ["source", "slow", "slow#2", "VideoWriter", "close"]
    assert report.stage_seconds["slow"] >= 24 * 0.005
    assert sum(report.stage_seconds.values()) == pytest.approx(report.seconds, rel=0.1, abs=0.01)
    assert set(report.worker_seconds) == {"source", "VideoWriter"}
    assert 0 < report.worker_seconds["source"] < 5
    assert 0 < report.worker_seconds["VideoWriter"] < 5
    assert report.cpu_seconds > 0
    assert report.fps == pytest.approx(24 / (report.seconds - report.stage_seconds["close"]))
    again = json.loads(json.dumps(report.to_dict()))
    assert again["frames"] == 24
    assert again["fps"] == report.fps
    first, stages, workers = report.text()
    assert first.startswith("24 frames in ")
    figure = r"\d+\.\d"
    parts = f"reading {figure}, slow {figure}, slow#2 {figure}, writing {figure}, finishing {figure}"
    assert re.fullmatch(f"ms a frame: {parts}; processor time {figure}", stages), stages
    assert re.fullmatch(f"ms a frame in worker threads: reading {figure}, writing {figure}", workers), workers
    assert "labels" not in again


def test_a_report_without_stages_says_nothing_of_them() -> None:
    """Worker processes are timed as a whole."""
    assert Report(frames=20, promised=20, seconds=2.0).text() == ["20 frames in 2.0 s, 10.0 fps"]


def test_the_time_to_finish_outputs_is_told_apart() -> None:
    """Of an animated picture it is longer than all before, and made the rate a quarter of what was played."""
    report = Report(frames=20, seconds=8.0, stage_seconds={"source": 2.0, "close": 6.0})
    assert report.fps == 10.0
    assert report.text()[0] == "20 frames in 2.0 s, 10.0 fps, then 6.0 s to finish"
    report.seconds, report.stage_seconds["close"] = 2.01, 0.01
    assert report.text()[0] == "20 frames in 2.0 s, 10.0 fps"


def test_two_outputs_of_a_kind_are_told_apart_in_the_report() -> None:
    report = run(TestPattern((8, 8), frames=2), [], [Memory(), Memory()])
    assert list(report.stage_seconds) == ["source", "Memory", "Memory#2", "close"]
    assert re.fullmatch(r"ms a frame: reading .*, writing .*, writing#2 .*, finishing .*", report.text()[1])


def test_report_tells_promised_and_came_and_every_note(tmp_path: Path) -> None:
    images = [frame.image for frame in TestPattern((96, 65), frames=90)]
    path = make_clip(tmp_path / "a.mp4", images=[image[:64] for image in images], options={"g": "10"})
    data = bytearray(path.read_bytes())
    body, moov = data.index(b"mdat"), data.index(b"moov")
    data[(body + moov) // 2 : moov - 4] = bytes(moov - 4 - (body + moov) // 2)
    path.write_bytes(data)
    source = VideoFile(path)
    report = run(
        source,
        [lambda image, time=None: image[:63].copy()],
        [VideoWriter(tmp_path / "b.mp4", VideoOptions(fps=30, size=(96, 63), source_info=source.info))],
    )
    assert report.promised == 90
    assert 0 < report.frames < 90
    assert len(report.notes) == 2
    assert f"{report.frames} came" in report.notes[0]
    assert "96x64" in report.notes[1]
    assert f"{report.frames} of 90 frames" in report.text()[0]
    assert report.text()[-2:] == report.notes
    assert len(times_of(tmp_path / "b.mp4")) == report.frames


def test_no_frames_no_division() -> None:
    report = run(TestPattern((8, 8), frames=0), [brighter], [Memory()])
    assert report.frames == 0
    assert report.fps == 0
    assert report.text()


def test_a_sink_that_its_user_closed_ends_the_run_in_order() -> None:
    window, other, source = Memory(closes_at=3), Memory(), Countdown(10)
    report = run(source, [], [other, window])
    assert len(other.frames) == len(window.frames) == report.frames == 3
    assert other.closings == window.closings == [True]  # frames are missing at the end
    assert source.closings == 1
    assert not report.interrupted


@pytest.mark.parametrize("kind", ["video", "live", "images", "pattern", "still"])
def test_sinks_are_told_that_frames_are_missing_where_a_source_was_closed_early(tmp_path: Path, kind: str) -> None:
    images = [frame.image for frame in TestPattern((96, 64), frames=8)]
    for index, image in enumerate(images):
        cv2.imwrite(str(tmp_path / f"a-{index:06d}.png"), image)
    clip = make_clip(tmp_path / "a.mp4", images=images)
    opened: dict[str, Callable[[], Source]] = {
        "video": lambda: VideoFile(clip),
        "live": lambda: open_live(clip),
        "images": lambda: ImageFiles(tmp_path / "a-%06d.png"),
        "pattern": lambda: TestPattern((96, 64), frames=8),
        "still": lambda: Still(images[0], frames=8),
    }
    whole, part, source = Memory(), Memory(), opened[kind]()
    run(opened[kind](), [], [whole])
    run(source, [], [part], progress=lambda index, _: source.close() if index == 2 else None)
    assert (whole.closings, part.closings, len(part.frames)) == ([False], [True], 3)


@settings(max_examples=60)
@given(
    where=st.sampled_from(["source", "effect", "sink", "progress", "close", "nowhere"]),
    at=st.integers(0, 9),
    kind=st.sampled_from([ValueError, KeyboardInterrupt, SystemExit, MemoryError]),
)
def test_everything_is_closed_exactly_once_whatever_fails(where: str, at: int, kind: type[BaseException]) -> None:
    source = Countdown(10, fails_at=at if where == "source" else -1)
    sinks = [Memory(), Memory(fails_at=at if where == "sink" else -1, fails_on_close=where == "close"), Memory()]

    def effect(image: Image, *, time: float | None = None) -> Image:
        if where == "effect" and time == at / 30:
            raise kind("the effect fails")
        return image

    def progress(index: int, promised: int | None) -> None:
        if where == "progress" and index == at:
            raise kind("progress fails")

    expected = {"source": OSError, "sink": SinkError, "close": SinkError}.get(where, kind)
    report = Report()
    if where == "nowhere":
        run(source, [effect], sinks, progress=progress, report=report)
    else:
        with pytest.raises(expected):
            run(source, [effect], sinks, progress=progress, report=report)
    assert source.closings == 1
    early = where not in ("nowhere", "close")
    assert [sink.closings for sink in sinks] == [[early]] * 3
    assert report.interrupted == early
    assert report.frames == (at + (where == "progress") if early else 10)
    assert set(report.stage_seconds) >= {"source", "effect", "close"}


@pytest.mark.parametrize("effects", [["sketchh"], ["sr-x2-fast:strength=3"], [42], [lambda image: image, "no such"]])
def test_a_mistyped_effect_leaves_nothing_open(effects: list[EffectLike], tmp_path: Path) -> None:
    source, report = Countdown(3), Report()
    with pytest.raises(GancamError):
        run(source, effects, [open_sink(tmp_path / "a.mp4", SinkContext(fps=30.0, size=(8, 8)))], report=report)
    assert source.closings == 1
    assert report.interrupted
    assert list(tmp_path.iterdir()) == []
    run(Countdown(3), [], [open_sink(tmp_path / "a.mp4", SinkContext(fps=30.0, size=(8, 8)))])  # the name is free
    assert [path.name for path in tmp_path.iterdir()] == ["a.mp4"]


@pytest.mark.parametrize("sinks", [0, 1])
def test_frames_may_be_skimmed_without_an_effect(sinks: int) -> None:
    made = [Memory() for _ in range(sinks)]
    report = run(Countdown(5), [], made, skimmed=2)
    assert report.frames == 5
    assert [[frame.index for frame in sink.frames] for sink in made] == [[2, 3, 4]] * sinks


def test_errors_while_closing_do_not_hide_the_first_nor_each_other() -> None:
    report = Report()
    sinks = [Memory(fails_at=2, fails_on_close=True), Memory(fails_on_close=True)]
    with pytest.raises(SinkError, match="the sink fails"):
        run(Countdown(5), [], sinks, report=report)
    assert [sink.closings for sink in sinks] == [[True], [True]]
    assert report.notes == ["while closing: closing fails"] * 2


class Patient(Memory):
    """Takes so long to close that Ctrl-C, or another signal, comes once more."""

    def __init__(self, end: BaseException) -> None:
        super().__init__()
        self._end = end

    def close(self, *, interrupted: bool = False) -> None:
        raise self._end


@pytest.mark.parametrize("end", [KeyboardInterrupt(), Terminated(15)])
def test_what_is_given_up_while_it_closes_is_told(end: BaseException) -> None:
    report = Report()
    with pytest.raises(SinkError):
        run(Countdown(5), [], [Memory(fails_at=2), Patient(end)], report=report)
    assert report.notes == ["while closing: given up"]

    sinks = [Memory(fails_on_close=True), Memory()]
    with pytest.raises(SinkError, match="closing fails"):
        run(Countdown(5), [], sinks)
    assert [sink.closings for sink in sinks] == [[False], [False]]


def test_random_faults_leave_no_thread_no_partial_file_and_a_video_that_plays(tmp_path: Path) -> None:
    images = [frame.image for frame in TestPattern((96, 64), frames=40)]
    clip = make_clip(tmp_path / "clip.mp4", images=images, audio=[("aac", 0.0)])
    rng = random.Random(7)
    for trial in range(30):
        at, kind = rng.randrange(40), rng.choice([ValueError, KeyboardInterrupt])
        where = rng.choice(["effect", "sink", "progress"])

        target = tmp_path / f"{trial}.{rng.choice(['mp4', 'mkv'])}"
        source = VideoFile(clip)
        writer = VideoWriter(target, VideoOptions(fps=30, size=source.size, source_info=source.info, audio_from=clip))
        began = time.monotonic()
        with pytest.raises((kind, SinkError)):
            run(
                source,
                [FailsAt(at if where == "effect" else -1, kind)],
                [writer, Memory(fails_at=at if where == "sink" else -1)],
                progress=FailsAt(at if where == "progress" else -1, kind).progress,
            )
        assert time.monotonic() - began < 10
        assert not [t for t in threading.enumerate() if t.name.startswith("gancam-")]
        came = at + (where != "effect")
        assert target.exists() == (came > 0)
        if came:
            shown = times_of(target)
            assert len(shown) == came
            sound = packets_of(target)[0]
            assert sound[-1][0] <= shown[-1] + 0.05
    assert not [name for name in os.listdir(tmp_path) if "partial" in name]


STORM = """
import signal, threading
from gancam.threads import BoundedQueue

class Stop(Exception):
    pass

def stop(*_):
    raise Stop

lane = BoundedQueue(2)
put, take = lane.put, lane.take
taken = []
thread = threading.Thread(target=lambda: [taken.append(item) for item in iter(take, None)], daemon=True)
thread.start()
signal.signal(signal.SIGALRM, stop)
for number in range(2000):
    try:
        signal.setitimer(signal.ITIMER_REAL, 1e-5 + 3e-7 * (number % 97))
        for _ in range(9):
            put(number)
        signal.pause()
    except Stop:
        pass
signal.signal(signal.SIGALRM, signal.SIG_IGN)
put(None)
thread.join(120)
print(thread.is_alive(), taken == sorted(taken), len(taken) > 99)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="POSIX signals")
def test_an_exception_from_a_signal_leaves_no_lane_locked() -> None:
    """With ``queue.Queue`` in its place, this hangs within a second."""
    done = subprocess.run([sys.executable, "-W", "error", "-c", STORM], capture_output=True, text=True, timeout=300)
    assert (done.stdout, done.stderr) == ("False True True\n", "")


INTERRUPTED = """
import signal, sys
from gancam.pipeline import Report, run
from gancam.sinks.video import VideoOptions, VideoWriter
from gancam.sources import TestPattern

class Stop(Exception):
    pass

def stop(*_):
    raise Stop

signal.signal(signal.SIGTERM, stop)
report = Report()
pattern = TestPattern((160, 120), frames=100_000)
writer = VideoWriter(sys.argv[1], VideoOptions(fps=30, size=pattern.size))
def progress(index, promised):
    if index == 20:
        print("running", flush=True)
try:
    run(pattern, [], [writer], progress=progress, report=report)
except (KeyboardInterrupt, Stop) as error:
    print(type(error).__name__, report.frames, report.interrupted)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="POSIX signals")
@pytest.mark.parametrize(("number", "name"), [(signal.SIGINT, "KeyboardInterrupt"), (signal.SIGTERM, "Stop")])
def test_a_signal_leaves_a_video_that_plays(tmp_path: Path, number: signal.Signals, name: str) -> None:
    target = tmp_path / "a.mp4"
    with interruptible():
        process = subprocess.Popen(
            [sys.executable, "-W", "error", "-c", INTERRUPTED, str(target)],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
    assert process.stdout is not None
    assert process.stdout.readline() == "running\n"
    process.send_signal(number)
    try:
        out, err = process.communicate(timeout=300)
    finally:
        process.kill()
    assert err == ""
    said, frames, interrupted = out.split()
    assert (said, interrupted) == (name, "True")
    assert os.listdir(tmp_path) == ["a.mp4"]
    assert int(frames) >= 20
    assert int(frames) <= len(times_of(target)) <= int(frames) + 1  # the signal may come between write and count


@pytest.mark.skipif(sys.platform == "win32", reason="POSIX signals")
def test_impatient_interrupts_leave_neither_a_torn_file_nor_a_hang(tmp_path: Path) -> None:
    for trial in range(2):
        target = tmp_path / f"{trial}.mp4"
        with interruptible():
            process = subprocess.Popen(
                [sys.executable, "-c", INTERRUPTED, str(target)],
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                text=True,
            )
        assert process.stdout is not None
        process.stdout.readline()
        for _ in range(2 + 3 * trial):
            process.send_signal(signal.SIGINT)
            time.sleep(0.004)
        process.communicate(timeout=300)
        if target.exists():
            assert len(times_of(target)) > 0


def test_the_size_after_plain_functions_is_known() -> None:
    assert output_size([lambda image: image[::2], lambda image: image[:, :10]], (64, 48)) == (10, 24)
