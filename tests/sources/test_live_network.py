"""Live sources from real servers on loopback: killed and restarted, refusing, silent, changing, damaged."""

import re
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from itertools import cycle
from pathlib import Path

import cv2
import pytest

from gancam.errors import SourceError
from gancam.frame import Frame, Image
from gancam.sinks.mjpeg import MjpegServer
from gancam.sources import TestPattern, VideoFile
from gancam.sources.stream import Stream
from tests.helpers.clips import make_clip, psnr
from tests.helpers.servers import CITY, Broadcast, free_port, needs_ffmpeg, needs_rtsp_server, repeated, rtsp_server

ROOT = Path(__file__).parent.parent.parent
rtsp = needs_rtsp_server()


def wait_for(frames: Iterator[Frame], true: Callable[[Frame], bool], seconds: float = 120) -> Frame:
    deadline = time.monotonic() + seconds
    for frame in frames:
        if true(frame):
            return frame
        assert time.monotonic() < deadline
    raise AssertionError("the source ended")


def shown(frame: Frame) -> bool:
    return frame.captured is not None


def lost(frame: Frame) -> bool:
    return frame.captured is None


def is_city(frame: Frame) -> bool:
    """Whether the picture is one of the sample's."""
    with VideoFile(CITY) as source:
        small = cv2.resize(frame.image, (64, 36), interpolation=cv2.INTER_AREA)
        return any(psnr(cv2.resize(one.image, (64, 36), interpolation=cv2.INTER_AREA), small) > 35 for one in source)


def ts(path: Path, size: tuple[int, int], frames: int = 30, first: int = 0) -> Path:
    """MPEG-TS of a pattern from index `first` on, 30 fps, with a key frame every half second."""
    images = [TestPattern(size).image(first + index) for index in range(frames)]
    options = {"crf": "20", "preset": "ultrafast", "tune": "zerolatency", "g": "15"}
    return make_clip(path, images=images, options=options)


class Pages:
    """A Motion-JPEG server that shows `images` in turn, again and again, one every `pause` seconds."""

    def __init__(self, images: Sequence[Image], pause: float) -> None:
        self._images, self._pause = images, pause
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._feed)

    def __enter__(self) -> str:
        self._server = MjpegServer(0)
        self._thread.start()
        return f"{self._server.url}stream.mjpg"

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()
        self._server.close()

    def _feed(self) -> None:
        for index, image in enumerate(cycle(self._images)):
            self._server.write(Frame(image, index, float(index)))
            if self._stop.wait(self._pause):
                return


@rtsp
def test_an_rtsp_server_killed_and_started_again(tmp_path: Path) -> None:
    clip = repeated(tmp_path / "long.mp4", 5)
    with rtsp_server(clip) as port:
        source = Stream(f"rtsp://127.0.0.1:{port}/clip", patience=0.8)
        frames = iter(source)
        assert source.size == (640, 360)
        assert source.fps == pytest.approx(30, abs=0.1)
        assert is_city(wait_for(frames, shown))
    with source:
        wait_for(frames, lost)
        with rtsp_server(clip, port=port):
            assert is_city(wait_for(frames, shown))
        wait_for(frames, lost)
        with rtsp_server(clip, port=port):
            wait_for(frames, shown)
        found = [re.search(r"lost (\d+) times", note) for note in source.notes]
        assert [int(one[1]) for one in found if one] >= [2], source.notes  # more where a server was slow to serve


@rtsp
def test_an_rtsp_server_that_wants_a_password(tmp_path: Path) -> None:
    with rtsp_server(CITY, "viewer", "right") as port:
        for login in ("", "viewer:wrong@"):
            url = f"rtsp://{login}127.0.0.1:{port}/clip"
            command = [sys.executable, "-m", "gancam", "live", url, "-e", "none", "--to", "mjpeg:0"]
            done = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False, cwd=ROOT)
            assert (done.returncode, done.stderr.count("\n")) == (2, 1), done.stderr
            assert "password" in done.stderr
            assert "wrong" not in done.stderr.replace("these are wrong", "")
        with Stream(f"rtsp://viewer:right@127.0.0.1:{port}/clip") as source:
            assert shown(next(iter(source)))
            assert source.name == f"rtsp://127.0.0.1:{port}/clip"
        with pytest.raises(SourceError, match=r"127.0.0.1:\d+/none: cannot be opened \(Server returned 404"):
            Stream(f"rtsp://viewer:right@127.0.0.1:{port}/none")


@needs_ffmpeg
def test_rtmp(tmp_path: Path) -> None:
    port = free_port()
    command = ["ffmpeg", "-v", "quiet", "-re", "-i", str(CITY), "-an", "-c", "copy", "-f", "flv", "-listen", "1"]
    url = f"rtmp://127.0.0.1:{port}/live/key"
    with subprocess.Popen([*command, url]) as server:
        try:
            deadline, source = time.monotonic() + 60, None
            while source is None:
                try:
                    source = Stream(url, patience=0.8)
                except SourceError:
                    assert time.monotonic() < deadline
                    time.sleep(0.1)
            with source:
                frames = iter(source)
                assert is_city(wait_for(frames, shown))
                server.kill()
                wait_for(frames, lost)
        finally:
            server.kill()


def test_a_broadcast_that_stops_and_comes_back_even_late(tmp_path: Path) -> None:
    clip, port = ts(tmp_path / "a.ts", (160, 96)), free_port(socket.SOCK_DGRAM)
    rate = clip.stat().st_size  # a second of it
    with Broadcast(port, clip, rate=rate):
        source = Stream(f"udp://127.0.0.1:{port}", patience=0.3)
        frames = iter(source)
        wait_for(frames, shown)
    wait_for(frames, lost)
    with Broadcast(port, clip, rate=rate):
        wait_for(frames, shown)
    silent_since = time.monotonic()  # longer than a read waits
    wait_for(frames, lambda frame: time.monotonic() > silent_since + 4)
    with Broadcast(port, clip, rate=rate), source:
        assert wait_for(frames, shown).image.shape == (96, 160, 3)


def sees_both_sizes(url: str) -> bool:
    """Whether pictures from 0 and from 100 on are seen, all at one size."""
    with Stream(url) as source:
        kept, seen = source.size, set()
        deadline = time.monotonic() + 120
        for frame in source:
            assert (frame.image.shape[1], frame.image.shape[0]) == kept
            if shown(frame):
                seen.add(TestPattern.index_in(frame.image) >= 100)
            if len(seen) > 1 or time.monotonic() > deadline:
                break
    return len(seen) > 1


def test_a_broadcast_that_changes_its_size(tmp_path: Path) -> None:
    port = free_port(socket.SOCK_DGRAM)
    small, large = ts(tmp_path / "a.ts", (160, 96)), ts(tmp_path / "b.ts", (320, 192), first=100)
    with Broadcast(port, small, large, rate=(small.stat().st_size + large.stat().st_size) / 2):
        assert sees_both_sizes(f"udp://127.0.0.1:{port}")


def test_an_http_stream_that_changes_its_size() -> None:
    images = [TestPattern((160, 96)).image(7)] * 100 + [TestPattern((320, 192)).image(107)] * 100
    with Pages(images, 0.01) as url:
        assert sees_both_sizes(url)


def test_a_damaged_broadcast_goes_on_and_is_quiet(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    clip, port = ts(tmp_path / "a.ts", (320, 192), 90), free_port(socket.SOCK_DGRAM)
    good = 0
    url = f"udp://127.0.0.1:{port}"
    with Broadcast(port, clip, rate=clip.stat().st_size / 3, harm=0.05), Stream(url) as source:
        deadline = time.monotonic() + 300
        for frame in source:
            assert frame.image.shape == (192, 320, 3)
            good += shown(frame)
            if good >= 100:
                break
            assert time.monotonic() < deadline, f"{good} pictures"
    assert capfd.readouterr() == ("", "")


def test_a_server_that_accepts_and_says_nothing() -> None:
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        server.listen()
        with pytest.raises(SourceError, match=r"no answer in 5 s"):
            Stream(f"http://me:hidden@127.0.0.1:{server.getsockname()[1]}/")
