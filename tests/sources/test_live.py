"""Live sources: the newest picture only, placeholders and reconnecting, and a close() that always returns."""

import json
import random
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from fractions import Fraction
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import pairwise
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

import gancam
from gancam.effects import EffectSlot, as_effect
from gancam.errors import InputError, NotFound, SinkError, SourceError
from gancam.frame import Frame, Image
from gancam.media.messages import without_secrets
from gancam.pipeline import LatencyHistogram, Report, output_size, run
from gancam.sinks import Sink, SinkContext, open_sink
from gancam.sinks.logs import StatsLog
from gancam.sinks.mjpeg import MjpegServer
from gancam.sources import TestPattern, VideoFile, camera, live, realtime
from gancam.sources.camera import Camera, CaptureBackend, camera_called, cameras
from gancam.sources.live import LivePicture, LiveSource
from gancam.sources.open import open_live
from gancam.sources.pace import Pace
from gancam.sources.realtime import CaptureSource, RealtimeSource
from gancam.sources.stream import Stream
from tests.helpers.clips import make_clip
from tests.helpers.servers import free_port

NOTHING: object = (False, None)  # what a capture reads where no frame is


class Wire:
    """A capture, as ``cv2.VideoCapture`` is, that plays a pattern at 100 fps and may hang, end, or change its size."""

    def __init__(self, frames: int = 10_000, *, hangs_at: int = -1, grows_at: int = -1, bad: Any = None) -> None:
        self.pattern, self.frames, self.hangs_at, self.grows_at = TestPattern((96, 64)), frames, hangs_at, grows_at
        self.bad, self.count, self.released = bad, 0, 0
        self.hangs, self.let_go = threading.Event(), threading.Event()

    def isOpened(self) -> bool:  # noqa: N802
        return True

    def grab(self) -> bool:
        time.sleep(0.01)
        if self.count == self.hangs_at:
            self.hangs.set()
            self.let_go.wait(120)
        self.count += 1
        return self.count <= self.frames

    def retrieve(self) -> tuple[bool, Any]:
        if self.bad is not None and self.count % 2:
            return True, self.bad
        image = self.pattern.image(self.count)
        return True, cv2.resize(image, (192, 128)) if 0 <= self.grows_at <= self.count else image

    def get(self, what: int) -> float:
        return 100.0 if what == cv2.CAP_PROP_FPS else 0.0

    def release(self) -> None:
        self.released += 1


class Lines:
    """A feed that can be cut and mended."""

    name, finite, fps = "the line", False, 100.0

    def __init__(self) -> None:
        self.pattern, self.cut, self.count, self.refused = TestPattern((160, 96)), False, 0, 0

    def open(self) -> None:
        if self.cut:
            self.refused += 1
            raise SourceError("the line: cut")

    def read(self, stop: threading.Event) -> LivePicture | None:
        stop.wait(0.01)
        self.count += 1
        return None if self.cut else LivePicture(self.pattern.image(self.count), time.monotonic())

    def close(self) -> None: ...


class Kept(Sink):
    """A sink that keeps its frames and closes after some."""

    def __init__(self, enough: int = 10**9, *, fails_at: int = -1) -> None:
        self.frames: list[Frame] = []
        self.enough, self.fails_at = enough, fails_at

    @property
    def closed(self) -> bool:
        return len(self.frames) >= self.enough

    def write(self, frame: Frame) -> None:
        if len(self.frames) == self.fails_at:
            raise SinkError("full")
        self.frames.append(frame)


def first(frames: Iterator[Frame], true: Callable[[Frame], object]) -> Frame:
    """The next frame of which something is true."""
    deadline = time.monotonic() + 120
    for frame in frames:
        if true(frame):
            return frame
        assert time.monotonic() < deadline
    raise AssertionError("the source ended")


class Bursts(TestPattern):
    """A test pattern of which one frame comes, and five more whenever an effect is at work."""

    def __init__(self, bursts: int) -> None:
        super().__init__((96, 64), fps=100, frames=1 + 5 * bursts)
        self.asked, self.came = threading.Semaphore(0), threading.Semaphore(0)

    def __iter__(self) -> Iterator[Frame]:
        for frame in super().__iter__():
            if frame.index % 5 == 1:
                assert self.asked.acquire(timeout=300)
            yield frame
            if frame.index and frame.index % 5 == 0:  # asked for the next: the one before was taken
                self.came.release()

    def effect(self, image: Image, *, time: float | None = None) -> Image:
        self.asked.release()
        assert TestPattern.index_in(image) == (self.frames or 0) - 1 or self.came.acquire(timeout=300)
        return image


def test_a_slow_effect_makes_frames_fewer_not_older() -> None:
    kept, source = Kept(), Bursts(20)
    report = run(RealtimeSource(source, patience=60), [source.effect], [kept])
    assert (report.frames, report.dropped) == (21, 80)
    assert report.age_p95 is not None
    assert [TestPattern.index_in(frame.image) for frame in kept.frames] == list(range(0, 101, 5))
    assert [frame.index for frame in kept.frames] == list(range(len(kept.frames)))
    times = [frame.time for frame in kept.frames]
    assert all(late > early for early, late in pairwise(times))
    assert "dropped" in "\n".join(report.text())


def test_a_file_is_played_at_its_own_pace(clip: Path) -> None:
    began = time.monotonic()
    with open_live(clip, patience=60) as source:
        frames = list(source)
    assert time.monotonic() - began > 23 / 30
    assert len(frames) + source.dropped == 24


class Clock(Pace):
    """A pace whose time is told by the test."""

    def __init__(self) -> None:
        super().__init__()
        self.time, self.change = 0.0, threading.Condition()

    def go_on_to(self, moment: float) -> None:
        """Let it be `moment`, once a picture is held back."""
        with self.change:
            assert self.change.wait_for(lambda: self.holding, 60)
            self.time = moment
            self.change.notify_all()

    def wait(self, moment: float, stop: threading.Event) -> None:
        if self._first is None:
            self._first = moment
            return
        with self.change:
            self.holding = True
            self.change.notify_all()
            self.change.wait_for(lambda: self.time >= moment, 60)

    def now(self) -> float:
        return self.time


def test_a_slide_stays_as_long_as_it_is_shown(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It gave way to `no picture` after a while, and the last one was gone at once."""
    levels = (40, 120, 200)
    images = [np.full((64, 96, 3), level, np.uint8) for level in levels]
    clip = make_clip(tmp_path / "a.mp4", images=images, ticks=[0, 1, 8], time_base=Fraction(1, 10), fps=10)
    kept, began = Kept(), time.monotonic()
    run(open_live(clip, patience=60), [], [kept])
    assert time.monotonic() - began > 0.85
    with VideoFile(clip) as file:
        *_, last = file
    assert last.duration is not None
    assert kept.frames[-1].time == last.time
    assert kept.frames[-1].duration == pytest.approx(last.duration)
    monkeypatch.setattr(realtime, "Pace", Clock)
    with RealtimeSource(VideoFile(clip), patience=0.05) as source:
        frames, clock = iter(source), source._pace
        assert isinstance(clock, Clock)
        shown = [next(frames)]
        for moment in (0.1, 0.3, 0.5, 0.79, 0.8):
            clock.go_on_to(moment)
            while shown[-1].time < moment:
                shown.append(next(frames))
        clock.go_on_to(0.9)
        shown += frames
    assert not any(frame.placeholder for frame in shown)
    told = [(frame.time, min(levels, key=lambda level: np.abs(frame.image - float(level)).max())) for frame in shown]
    assert [level for moment, level in told if moment in (0.3, 0.5, 0.79)] == [120] * 3
    assert told[-1][1] == 200


def test_a_picture_that_is_due_and_not_there_yet_is_no_loss(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where it took its time between the two, `no picture` was shown."""
    due, go, made = threading.Event(), threading.Event(), list[Image]()

    def squared(image: Image, aspect: Fraction) -> Image:
        made.append(image)
        if len(made) == 2:
            due.set()
            assert go.wait(120)
        return image

    monkeypatch.setattr(realtime, "squared", squared)
    with RealtimeSource(TestPattern((96, 64), frames=2), patience=0.05) as source:
        frames = iter(source)
        assert TestPattern.index_in(next(frames).image) == 0
        assert due.wait(120)
        again = next(frames)
        assert (TestPattern.index_in(again.image), again.placeholder) == (0, False)
        go.set()
        assert first(frames, lambda frame: TestPattern.index_in(frame.image) == 1)


@pytest.mark.parametrize("given", ["path", "capture", "again"])
def test_a_file_begins_when_frames_are_asked_for_not_while_models_are_loaded(clip: Path, given: str) -> None:
    with open_live(cv2.VideoCapture(str(clip)) if given == "capture" else clip, loop=given == "again") as source:
        time.sleep(0.5)  # what takes its time in between
        asked = time.monotonic()
        frames: list[Frame] = []
        for frame in source:
            frames.append(frame)
            if frame.time > 22.5 / 30:
                break
    assert time.monotonic() - asked > 22 / 30
    assert frames[0].time == 0
    assert frames[0].captured is not None
    assert frames[0].captured >= asked
    assert source.sound.origin == frames[0].captured


def test_stalled_source_gives_placeholders_and_close_returns_while_read_hangs() -> None:
    wire = Wire(hangs_at=5)
    source = CaptureSource(wire, patience=0.2)
    assert wire.hangs.wait(120)
    frame = first(iter(source), lambda frame: frame.captured is None)
    assert frame.image.shape == (64, 96, 3)
    source.close()
    assert (wire.count, wire.released) == (5, 0)  # the read hangs all the while
    wire.let_go.set()
    source._reader.thread.join(120)
    assert wire.released == 1


def test_a_placeholder_is_shown_as_it_is_in_the_size_of_what_effects_make() -> None:
    shown: list[Image] = []

    def doubled(image: Image) -> Image:
        shown.append(image)
        return 255 - image.repeat(2, axis=0).repeat(2, axis=1)

    wire = Wire(hangs_at=5)
    with CaptureSource(wire, patience=0.2) as source, gancam.VideoCapture(source, effects=[doubled]) as capture:
        assert wire.hangs.wait(120)
        placeholder = first(iter(source), lambda frame: frame.placeholder)
        ok, read = capture.read()
        assert ok
        assert read.shape == (128, 192, 3)
        assert np.median(read) == np.median(placeholder.image) == 40
        assert not any(np.array_equal(image, placeholder.image) for image in shown)
        wire.let_go.set()


def test_a_capture_that_gives_no_picture_is_told() -> None:
    with pytest.raises(SourceError, match="the wire: gives no picture"):
        LiveSource(CaptureBackend("the wire", lambda: Wire(0)))


def shown_at_least(source: LiveSource, count: int) -> bool:
    return sum(1 for frame, _ in zip(source, range(count), strict=False) if frame.captured is not None) == count


def test_reconnects_when_it_comes_back() -> None:
    lines = Lines()
    with LiveSource(lines, patience=0.2) as source:
        frames = iter(source)
        assert next(frames).captured is not None
        lines.cut = True
        # one that came of a busy machine alone is not meant
        placeholder = first(frames, lambda frame: frame.captured is None and lines.refused)
        assert placeholder.image.std() > 1  # there is a text on it
        lines.cut = False
        assert first(frames, lambda frame: frame.captured is not None)
        assert any("lost once" in note for note in source.notes)


class Rare(Lines):
    """A feed that says of pictures a fifth of a second apart that they were captured a minute apart."""

    fps = 5.0

    def read(self, stop: threading.Event) -> LivePicture | None:
        stop.wait(0.2 if self.count else 0.0)
        self.count += 1
        return LivePicture(self.pattern.image(self.count), 60.0 * self.count)


def test_a_slow_source_is_not_taken_for_a_dead_one(monkeypatch: pytest.MonkeyPatch) -> None:
    """Placeholders come between the first two pictures only, before it is known how far apart they are."""
    monkeypatch.setattr(live, "_MOST_PATIENCE", 60.0)
    kinds: list[bool] = []
    with LiveSource(Rare(), patience=0.05) as source:
        for frame in source:
            kinds.append(frame.captured is not None)
            if sum(kinds) == 5:
                break
    second = [place for place, there in enumerate(kinds) if there][1]
    assert all(kinds[second:]), kinds


def test_closing_is_no_loss() -> None:
    with LiveSource(Lines(), patience=60) as source:
        assert shown_at_least(source, 3)
    source._reader.thread.join(120)
    assert not [note for note in source.notes if "lost" in note]


def test_gives_up_after_so_many_attempts() -> None:
    lines = Lines()

    def play(source: LiveSource) -> None:
        for frame in source:
            lines.cut = frame.index > 3

    with LiveSource(lines, patience=0.2, reconnect=1) as source, pytest.raises(SourceError, match="cut"):
        play(source)
    with pytest.raises(InputError, match="reconnect"):
        LiveSource(lines, reconnect=-1)
    with pytest.raises(InputError, match="patience"):
        LiveSource(lines, patience=0)


class Late(LiveSource):
    """One that is slower to look than its reader is to come to the end, as on a busy machine."""

    def _settle(self, measure: bool) -> float:
        self._reader.thread.join()
        return super()._settle(measure)


def test_what_came_is_given_before_a_loss_is_told() -> None:
    source, frames = Late(CaptureBackend("the wire", lambda: Wire(2)), reconnect=0), list[Frame]()
    with source, pytest.raises(SourceError, match="the wire: the connection was lost"):
        frames.extend(source)
    assert [frame.image.shape for frame in frames] == [(64, 96, 3)]


def test_size_change_is_scaled_to_the_first_and_told() -> None:
    with CaptureSource(Wire(60, grows_at=20)) as source:
        assert {frame.image.shape for frame in source} == {(64, 96, 3)}
    assert any("192x128" in note for note in source.notes)


class Shapes:
    """A backend that gives a white picture of each size in turn."""

    name, finite, fps = "shapes", True, 30.0

    def __init__(self, *sizes: tuple[int, int]) -> None:
        self.sizes, self.taken = list(sizes), threading.Semaphore(1)

    def open(self) -> None:
        """Nothing to connect to."""

    def read(self, stop: threading.Event) -> LivePicture | None:
        self.taken.acquire(timeout=300)  # the one before was looked at
        if not self.sizes:
            return None
        width, height = self.sizes.pop(0)
        return LivePicture(np.full((height, width, 3), 255, np.uint8), time.monotonic())

    def close(self) -> None:
        """Nothing to disconnect."""


def test_another_shape_keeps_its_proportions_and_each_change_is_told() -> None:
    backend = Shapes((80, 60), (60, 80), (160, 120), (80, 60), (80, 60), (160, 90))
    filled = []
    with LiveSource(backend, patience=60) as source:
        for frame in source:
            assert frame.image.shape == (60, 80, 3)
            columns = np.flatnonzero(frame.image[30, :, 0])
            rows = np.flatnonzero(frame.image[:, 40, 0])
            filled.append((len(columns), len(rows)))
            backend.taken.release()
        assert filled == [(80, 60), (45, 60), (80, 60), (80, 60), (80, 60), (80, 45)]
        assert list(source.notes) == [
            "shapes: pictures are 60x80 now, shown within 80x60",
            "shapes: pictures are 160x120 now, shown within 80x60",
            "shapes: pictures are 80x60 now, as at first",
            "shapes: pictures are 160x90 now, shown within 80x60",
        ]


def test_mirrored_pictures() -> None:
    with CaptureSource(wire := Wire(3)) as source:
        assert source.mirror()
        plain = next(iter(source)).image[:, ::-1]
        assert np.array_equal(plain, wire.pattern.image(TestPattern.index_in(plain)))
        assert not source.mirror()


def test_a_file_that_is_played_in_a_loop(tmp_path: Path) -> None:
    clip = make_clip(tmp_path / "a.mp4", images=[TestPattern((64, 48)).image(index) for index in range(6)])
    seen = []
    with open_live(clip, loop=True, patience=60) as source:
        for frame in source:
            if frame.captured is not None:
                seen.append((TestPattern.index_in(frame.image), frame.time))
            if len(seen) > 10 and seen[-1][0] < seen[-2][0]:
                break
    times = [moment for _, moment in seen]
    assert times == sorted(times)
    assert all(
        abs(moment * 30 - round(moment * 30)) < 0.01 and round(moment * 30) % 6 == number for number, moment in seen
    )


@pytest.mark.parametrize(("url", "says"), [
    ("http://no-such-host.invalid/a.mjpg", "there is no host no-such-host.invalid, or no network"),
    ("rtsp://no-such-host.invalid/a", "there is no host no-such-host.invalid"),
    ("http://127.0.0.1:{port}/a", "refused the connection: nothing listens there"),
    ("tcp://127.0.0.1:{port}", "refused the connection"),
])  # fmt: skip
def test_why_a_stream_cannot_be_opened(url: str, says: str) -> None:
    with pytest.raises(SourceError) as raised:
        Stream(url.format(port=free_port()))
    assert says in str(raised.value)
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize("bad", [np.empty((0, 0, 3), np.uint8), np.zeros((4, 4, 3), np.float32), "nothing"])
def test_broken_pictures_are_left_out(bad: Any) -> None:
    with CaptureSource(Wire(20, bad=bad)) as source:
        frames = list(source)
    assert frames
    assert all(frame.image.shape == (64, 96, 3) for frame in frames)


def test_a_source_without_any_picture() -> None:
    with pytest.raises(SourceError, match="no picture"):
        CaptureSource(Wire(0))
    with pytest.raises(SourceError, match="no picture"):
        RealtimeSource(TestPattern((8, 8), frames=0))


def test_secrets_are_never_said() -> None:
    for url in ("http://me:se@cr/et@127.0.0.1:9/door?token=secret", "rtsp://me:secret@127.0.0.1:9/door"):
        assert without_secrets(url).endswith("://127.0.0.1:9/door")
        with pytest.raises(SourceError) as failure:
            Stream(url)
        assert "127.0.0.1:9/door" in str(failure.value)
        assert "se@cr" not in str(failure.value)
        assert "secret" not in str(failure.value)


@pytest.mark.skipif(Path("/dev/video9").exists(), reason="this machine has a tenth camera")
def test_a_camera_that_is_not_there() -> None:
    with pytest.raises(SourceError, match="camera"):
        Camera(9)
    for name in ("9", "/dev/video9"):
        with pytest.raises(SourceError, match="camera"):
            open_live(name)
    with pytest.raises(NotFound):
        open_live("nowhere.mp4")


def test_unauthorised_url_says_so() -> None:
    class Refuses(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(401)
            self.end_headers()

        def log_message(self, format: str, *arguments: object) -> None: ...

    with ThreadingHTTPServer(("127.0.0.1", 0), Refuses) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        with pytest.raises(SourceError, match="password"):
            Stream(f"http://127.0.0.1:{server.server_address[1]}/")
        server.shutdown()
        thread.join()


def test_an_http_stream_that_dies_and_comes_back() -> None:
    """Our own server as a camera on the network, killed and started again on the same port."""
    stop = threading.Event()

    def serve(port: int) -> MjpegServer:
        server = MjpegServer(port)
        pattern = TestPattern((160, 96), frames=None)

        def feed() -> None:
            for frame in pattern:
                with suppress(SinkError):  # closed in between
                    if server.closed or stop.wait(0.03):
                        return
                    server.write(frame)

        threading.Thread(target=feed, daemon=True).start()
        return server

    server = serve(0)
    try:
        with Stream(f"{server.url}stream.mjpg", patience=0.8) as source:
            frames = iter(source)
            assert TestPattern.index_in(next(frames).image) < 1000
            server.close()
            assert first(frames, lambda frame: frame.captured is None)
            server = serve(server.port)
            assert first(frames, lambda frame: frame.captured is not None)
    finally:
        stop.set()
        server.close()


def test_close_after_exceptions_anywhere(tmp_path: Path) -> None:
    dice = random.Random(0)
    for trial in range(18):
        at, kind = dice.randrange(6), dice.choice(["effect", "sink", "source"])

        def effect(image: Image, *, time: float | None = None, at: int = at, kind: str = kind) -> Image:
            if kind == "effect" and TestPattern.index_in(image) >= at:
                raise ValueError("the effect fails")
            return image

        lines = Lines()
        source = (
            LiveSource(lines, reconnect=0, patience=5)
            if trial % 2
            else RealtimeSource(TestPattern((160, 96), fps=200, frames=60))
        )
        targets = dice.sample(["mjpeg:0", "udp://127.0.0.1:9", str(tmp_path / f"{trial}.mp4")], 1 + trial % 3)
        sinks = [open_sink(target, SinkContext(fps=100, size=(160, 96))) for target in targets]
        failing = Kept(30, fails_at=at if kind == "sink" else -1)
        lines.cut = kind == "source"
        with suppress(ValueError, SourceError, SinkError):
            run(source, [effect], [*sinks, failing])
        assert all(sink.closed for sink in sinks)
        for thread in threading.enumerate():
            if thread.name.startswith("gancam-"):
                thread.join(120)
                assert not thread.is_alive(), thread.name


def test_a_failing_sink_is_left_out_and_the_others_go_on(tmp_path: Path) -> None:
    told: list[str] = []
    good, bad = Kept(), Kept(fails_at=3)
    report = Report()
    run(
        TestPattern((8, 8), frames=10), [], [bad, good], report=report,
        on_sink_failure=lambda name, error: told.append(f"{name}: {error}"),
    )  # fmt: skip
    assert (len(bad.frames), len(good.frames), told) == (3, 10, ["Kept: full"])
    assert report.notes == ["full; the other outputs continue"]
    log = StatsLog(tmp_path / "stats.jsonl")
    with pytest.raises(SinkError, match="full"):  # a log alone is nothing to go on for
        run(TestPattern((8, 8), frames=10), [], [Kept(fails_at=3), log], on_sink_failure=lambda name, error: None)


def test_latencies() -> None:
    ages = LatencyHistogram()
    assert ages.percentile(95) is None
    for age in range(100):
        ages.add(age / 1000)
    ages.add(1e9)
    assert ages.percentile(50) == pytest.approx(0.05, abs=0.002)
    assert ages.percentile(100) == pytest.approx(10, abs=0.01)


def doubled(image: Image, *, time: float | None = None) -> Image:
    return np.repeat(np.repeat(image, 2, axis=0), 2, axis=1)


def test_switch_keeps_the_size() -> None:
    switch = EffectSlot(as_effect(doubled))
    image = TestPattern((96, 64)).image(3)
    assert output_size([switch, as_effect(doubled)], (96, 64)) == (384, 256)
    for on in (True, False):
        switch.on = on
        assert switch(image).shape == (128, 192, 3)


def test_capture_reads_every_frame_of_a_file(clip: Path) -> None:
    with gancam.VideoCapture(clip, effects=[doubled]) as capture:
        assert capture.isOpened()
        assert capture.get(cv2.CAP_PROP_FRAME_WIDTH) == 192
        assert capture.get(cv2.CAP_PROP_FRAME_HEIGHT) == 128
        assert capture.get(cv2.CAP_PROP_FPS) == 30
        assert capture.get(cv2.CAP_PROP_FRAME_COUNT) == 24
        ok, image = capture.read()
        assert ok
        assert image is not None
        image[:] = 0  # people draw on what they read
        assert capture.grab()
        assert capture.retrieve()[1] is capture.retrieve()[1]
        assert capture.get(cv2.CAP_PROP_POS_FRAMES) == 2
        assert sum(1 for _ in capture) == 22
        assert capture.read() == NOTHING
        assert not capture.set(cv2.CAP_PROP_FRAME_WIDTH, 1280)
    assert not capture.isOpened()
    capture.release()


def test_capture_takes_any_source_and_never_raises_for_one() -> None:
    with gancam.VideoCapture(VideoFile(Path("samples/city.mp4").absolute())) as capture:
        assert capture.read()[0]
    with gancam.VideoCapture(CaptureSource(Wire(30))) as capture:
        assert capture.get(cv2.CAP_PROP_FPS) == 100
        assert capture.read()[0]
    capture = gancam.VideoCapture("nowhere.mp4")
    assert not capture.isOpened()
    assert capture.read() == NOTHING
    assert isinstance(capture.error, NotFound)


def test_gancam_live_on_the_command_line(clip: Path, tmp_path: Path) -> None:
    command = [sys.executable, "-m", "gancam", "live", str(clip), "-e", "none", "--to", "mjpeg:0", "--to", "out.mp4"]
    command += ["--stats", "stats.jsonl", "--json"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stderr
    report = json.loads(done.stdout)
    lines = (tmp_path / "stats.jsonl").read_text().splitlines()
    assert report["frames"] == len(lines) > 0
    assert {"frame", "time", "age_ms", "dropped"} <= set(json.loads(lines[0]))
    with VideoFile(tmp_path / "out.mp4") as video:
        assert sum(1 for _ in video) == report["frames"]


class Lamp:
    """A backend of one grey, for ever."""

    fps, finite = 30.0, False

    def __init__(self, name: str, grey: int, size: tuple[int, int]) -> None:
        self.name, self.grey, self.size, self.opened = name, grey, size, False

    def open(self) -> None:
        self.opened = True

    def read(self, stop: threading.Event) -> LivePicture | None:
        stop.wait(0.005)
        return LivePicture(np.full((self.size[1], self.size[0], 3), self.grey, np.uint8), time.monotonic())

    def close(self) -> None:
        self.opened = False


def test_another_camera_in_mid_play() -> None:
    first, second = Lamp("first", 50, (64, 48)), Lamp("second", 200, (48, 64))
    with LiveSource(first, patience=60) as source:
        frames = iter(source)
        assert next(frames).image[24, 32, 0] == 50
        source.switch(second)
        while (frame := next(frames)).image[24, 32, 0] != 200:
            pass
        assert frame.image.shape == (48, 64, 3)
        assert (first.opened, second.opened, source.name) == (False, True, "second")
        assert not any("lost" in note for note in source.notes)


def test_cameras_by_name(tmp_path: Path) -> None:
    for index, (name, number) in enumerate(
        [("HD Webcam: front", "0"), ("HD Webcam: front", "1"), ("Logitech C920", "0")]
    ):
        place = tmp_path / f"video{index}"
        place.mkdir()
        (place / "name").write_text(f"{name}\n")
        (place / "index").write_text(f"{number}\n")
    assert cameras(tmp_path) == {0: "HD Webcam: front", 2: "Logitech C920"}
    assert camera_called("logitech", tmp_path) == 2
    assert camera_called("webcam", tmp_path) == 0
    assert camera_called("scanner", tmp_path) is None
    assert cameras(tmp_path / "none") == {}


def test_a_camera_is_known_by_its_path_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    link = tmp_path / "usb-camera"
    link.symlink_to("/dev/video2")
    there = {0: "first"}
    monkeypatch.setattr(camera, "cameras", lambda: there)
    monkeypatch.setattr(Camera, "switch", lambda self, feed: None)
    source = Camera.__new__(Camera)
    source._size_asked, source._fps_asked = (64, 48), 30.0
    for device in (0, "/dev/video0"):
        source.device = device
        assert source.next_camera() == "there is no other camera"
    there |= {2: "second", 4: "third"}
    for device, said in (("/dev/video0", "camera 2: second"), (str(link), "camera 4: third"), (4, "camera 0: first")):
        source.device = device
        assert source.next_camera() == said


def test_pixels_that_are_not_square_become_so(tmp_path: Path) -> None:
    """Windows, pages and virtual cameras have square ones alone; files are told instead."""
    wide = make_clip(tmp_path / "wide.mp4", aspect=Fraction(3, 2))
    tall = make_clip(tmp_path / "tall.mp4", aspect=Fraction(1, 2))
    for path, size, said in ((wide, (144, 64), "3:2"), (tall, (96, 128), "1:2")):
        with open_live(path) as source:
            assert (source.size, source.aspect) == (size, Fraction(1))
            assert next(iter(source)).image.shape[1::-1] == size
            assert source.notes == [f"{path.name}: its pixels are not square ({said}): scaled to {size[0]}x{size[1]}"]
        with open_live(VideoFile(path), square=False) as source:
            assert (source.size, source.aspect) == ((96, 64), Fraction(*map(int, said.split(":"))))
            assert source.notes == []


def test_what_a_file_says_at_its_end_is_told_once_of_all_rounds(tmp_path: Path) -> None:
    path = make_clip(tmp_path / "a.mkv", images=[frame.image for frame in TestPattern((96, 64), fps=90, frames=9)])
    data = path.read_bytes()
    path.write_bytes(data[: len(data) * 3 // 4])
    with open_live(path, loop=True) as source:
        for frame in source:
            if frame.index > 12:
                break
        assert len([note for note in source.notes if "stops early" in note]) == 1


def test_an_image_that_does_not_fit_its_sequence_is_an_error(tmp_path: Path) -> None:
    for number, side in enumerate((32, 32, 16, 32), 1):
        cv2.imwrite(str(tmp_path / f"f{number:03d}.png"), np.full((side, side, 3), 90, np.uint8))
    wrong = r"f003\.png: is 16x16, but the first is 32x32"
    with closing(open_live(str(tmp_path / "f%03d.png"))) as source, pytest.raises(SourceError, match=wrong):
        list(source)
