"""Live video to URLs: received by FFmpeg in PyAV, which also listens for RTMP, RTSP and TCP."""

import io
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import av
import numpy as np
import pytest

from gancam.errors import InputError, SinkError
from gancam.frame import Frame
from gancam.media.info import VideoInfo
from gancam.pipeline import run
from gancam.sinks import Sink, SinkContext, open_sink, stream
from gancam.sinks._sender import SenderTask, send
from gancam.sinks.stream import StreamWriter
from gancam.sinks.video import VideoOptions
from gancam.sources import TestPattern
from gancam.sources.realtime import RealtimeSource
from tests.helpers.clips import psnr
from tests.helpers.command import here
from tests.helpers.live import ends_after
from tests.helpers.servers import free_port

SIZE = (160, 96)


class Receiver:
    """Opens `url` in a thread and keeps (seconds, index burnt into the picture) of what comes, up to `enough`."""

    def __init__(self, url: str, options: dict[str, str] | None = None, *, enough: int = 10**9) -> None:
        self.frames: list[tuple[float, int]] = []
        self.last: av.VideoFrame | None = None
        self.codec = ""
        self._url, self._options, self._enough = url, options or {}, enough
        self.thread = threading.Thread(target=self._receive)
        self.thread.start()

    def _receive(self) -> None:
        with suppress(av.FFmpegError), av.open(self._url, options=self._options, timeout=(60, 60)) as container:
            self.codec = container.streams.video[0].codec_context.name
            for frame in container.decode(video=0):
                picture = np.asarray(frame.to_ndarray(format="bgr24"), np.uint8)
                self.frames.append((float(frame.time or 0), TestPattern.index_in(picture)))
                self.last = frame
                if len(self.frames) >= self._enough:
                    return


def until(true: Callable[[], object]) -> None:
    deadline = time.monotonic() + 120
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.002)


def play(sink: StreamWriter, frames: int = 60) -> None:
    """Send frames, none of which is left out."""
    for frame in TestPattern(SIZE, fps=60, frames=frames):
        until(lambda: sink.waiting < 2)
        sink.write(frame)
        time.sleep(1 / 60)
    sink.close()
    assert sink.dropped == 0


def connect(url: str, *, size: tuple[int, int] = SIZE, quality: float | None = None) -> StreamWriter:
    """Where somebody is about to listen."""
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline:
        try:
            sink = open_sink(url, SinkContext(fps=60, size=size, quality=quality))
        except SinkError as error:
            assert "cannot be reached" in str(error)  # noqa: PT017
            time.sleep(0.05)
        else:
            assert isinstance(sink, StreamWriter)
            return sink
    raise AssertionError(f"nobody listens at {url}")


LISTENING = {
    "tcp": ("tcp://127.0.0.1:{}?listen=1", "tcp://127.0.0.1:{}", {}),
    "rtmp": ("rtmp://127.0.0.1:{}/live/key", "rtmp://127.0.0.1:{}/live/key", {"listen": "1"}),
    "rtsp": ("rtsp://127.0.0.1:{}/live", "rtsp://127.0.0.1:{}/live", {"rtsp_flags": "listen", "listen_timeout": "60"}),
}


@pytest.mark.parametrize("scheme", sorted(LISTENING))
def test_a_receiver_gets_the_frames_with_their_times(scheme: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stream, "_CLOSING", 60.0)
    theirs, ours, options = LISTENING[scheme]
    port = free_port()
    receiver = Receiver(theirs.format(port), options)
    sink = connect(ours.format(port))
    play(sink)
    receiver.thread.join(120)
    assert not receiver.thread.is_alive()
    indices = [index for _, index in receiver.frames]
    assert len(indices) > 30
    assert indices == sorted(set(indices))
    assert max(indices) > 50
    shifts = np.array([moment - index / 60 for moment, index in receiver.frames])
    right = abs(np.diff(shifts)) < 0.002  # FLV counts milliseconds
    assert right.mean() > 0.8  # FFmpeg's RTSP changes its mind about the beginning once in five seconds
    assert receiver.codec == "h264"
    assert sink.worker_seconds > 0


def test_udp_is_sent_whether_or_not_anybody_listens() -> None:
    port = free_port(socket.SOCK_DGRAM)
    sink = open_sink(f"udp://127.0.0.1:{port}", SinkContext(fps=60, size=SIZE))
    assert isinstance(sink, StreamWriter)
    play(sink, 20)
    receiver = Receiver(f"udp://127.0.0.1:{port}", enough=40)
    sink = StreamWriter(f"udp://127.0.0.1:{port}", VideoOptions(fps=60, size=SIZE))
    deadline = time.monotonic() + 120
    for frame in TestPattern(SIZE, fps=60, frames=None):
        if not receiver.thread.is_alive():
            break
        assert time.monotonic() < deadline
        sink.write(frame)
        time.sleep(1 / 60)
    sink.close()
    indices = [index for _, index in receiver.frames]
    assert len(indices) == 40
    assert indices == sorted(set(indices))


def test_datagrams_hold_whole_packets_of_mpeg_ts() -> None:
    with socket.socket(type=socket.SOCK_DGRAM) as listener:
        listener.bind(("127.0.0.1", 0))
        listener.settimeout(60)
        sink = StreamWriter(f"udp://127.0.0.1:{listener.getsockname()[1]}", VideoOptions(fps=60, size=SIZE))
        play(sink, 10)
        data = listener.recv(65536)
    assert len(data) <= 1316
    assert len(data) % 188 == 0
    assert data[0] == 0x47


def test_an_odd_picture_keeps_its_colours() -> None:
    port = free_port()
    receiver = Receiver(f"tcp://127.0.0.1:{port}?listen=1")
    sink = connect(f"tcp://127.0.0.1:{port}", size=(95, 63), quality=100)
    assert any("95x63" in note for note in sink.notes)
    y, x = np.mgrid[0:63, 0:95]
    image = np.stack([x * 2 + 20, y * 3 + 20, 220 - x - y], axis=2).astype(np.uint8)
    for index in range(20):
        until(lambda: sink.waiting < 2)
        sink.write(Frame(image, index, index / 30))
    with pytest.raises(InputError, match=r"8x8.*95x63"):
        sink.write(Frame(np.zeros((8, 8, 3), np.uint8), 20, 1.0))
    sink.close()
    receiver.thread.join(120)
    assert receiver.last is not None
    assert (receiver.last.width, receiver.last.height) == (96, 64)
    assert (receiver.last.colorspace, receiver.last.color_range) == (1, 1)  # BT.709, limited: what a Footage begins as
    assert psnr(receiver.last.to_ndarray(format="bgr24")[:63, :95], image) > 33


@pytest.fixture
def deaf() -> Iterator[int]:
    """The port of a server that accepts and then reads nothing."""
    with socket.socket() as server:
        server.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        server.bind(("127.0.0.1", 0))
        server.listen()
        yield int(server.getsockname()[1])


def noise(size: tuple[int, int], count: int) -> Iterator[Frame]:
    dice = np.random.default_rng(0)
    for index in range(count):
        yield Frame(dice.integers(0, 256, (size[1], size[0], 3), np.uint8), index, index / 30)


def test_a_receiver_that_hangs_holds_nobody(deaf: int) -> None:
    sink = StreamWriter(f"tcp://127.0.0.1:{deaf}", VideoOptions(fps=30, size=(640, 360), quality=100), patience=3)
    slowest = 0.0

    def fill() -> None:
        nonlocal slowest
        for frame in noise((640, 360), 10_000):
            began = time.monotonic()
            sink.write(frame)
            slowest = max(slowest, time.monotonic() - began)
            time.sleep(0.02)

    with pytest.raises(SinkError, match="taken nothing for 3 s"):
        fill()
    assert slowest < 3  # no write waited until the receiver was given up
    assert sink.dropped > 0
    sink.close(interrupted=True)
    assert any("not sent" in note for note in sink.notes)
    sink.close()


def test_a_receiver_that_goes_away_is_left_out_and_the_others_go_on() -> None:
    port = free_port()
    receiver = Receiver(f"tcp://127.0.0.1:{port}?listen=1", enough=10)
    sink, other = connect(f"tcp://127.0.0.1:{port}"), open_sink("mjpeg:0", SinkContext(fps=60, size=SIZE))
    told: list[str] = []
    since: list[int] = []  # frames that came after it was told
    deadline = time.monotonic() + 120

    class Ends(Sink):
        def write(self, frame: Frame) -> None:
            since.extend([frame.index] * len(told))

        @property
        def closed(self) -> bool:
            return len(since) == 10 or time.monotonic() > deadline

    run(
        RealtimeSource(TestPattern(SIZE, fps=60, frames=None)), [], [sink, other, Ends()],
        on_sink_failure=lambda name, error: told.append(f"{name}: {error}"),
    )  # fmt: skip
    receiver.thread.join(120)
    assert len(told) == 1
    assert "StreamWriter" in told[0]
    assert "receiver is gone" in told[0]
    assert len(since) == 10


def test_an_rtmp_server_that_never_answers_does_not_hang_the_process(deaf: int) -> None:
    """Its handshake would hold PyAV's thread, and with it Python, for ever."""
    done: list[str] = []

    def dial() -> None:
        try:
            StreamWriter(f"rtmp://127.0.0.1:{deaf}/live/secret", VideoOptions(fps=30, size=SIZE), patience=3)
        except SinkError as error:
            done.append(str(error))

    thread = threading.Thread(target=dial)
    thread.start()
    ticks = 0
    while thread.is_alive():
        time.sleep(0.01)
        ticks += 1
    assert ticks > 3  # of 300
    assert "no answer within 3 s" in done[0]
    assert "secret" not in done[0]


@pytest.mark.parametrize("url", [
    "rtmp://me:hidden@127.0.0.1:{}/live/hidden", "rtsp://me:hidden@127.0.0.1:{}/a?token=hidden",
    "tcp://me:hidden@127.0.0.1:{}",
])  # fmt: skip
def test_nobody_there_is_one_error_without_secrets(url: str) -> None:
    with pytest.raises(SinkError, match="cannot be reached") as failure:
        StreamWriter(url.format(free_port()), VideoOptions(fps=30, size=SIZE))
    assert "hidden" not in str(failure.value)
    assert "127.0.0.1" in str(failure.value)


def test_secrets_are_not_in_the_list_of_processes() -> None:
    if not Path("/proc/self/cmdline").exists():
        pytest.skip("needs /proc")
    sink = StreamWriter("udp://me:hidden@127.0.0.1:9", VideoOptions(fps=30, size=SIZE))
    try:
        assert b"hidden" not in Path(f"/proc/{sink._process.pid}/cmdline").read_bytes()
    finally:
        sink.close()


def test_what_comes_up_in_the_hidden_thread_is_told() -> None:
    sink = StreamWriter(f"udp://127.0.0.1:{free_port()}", VideoOptions(fps=30, size=SIZE))
    picture = np.zeros((SIZE[1], SIZE[0], 3), np.uint8)
    with pytest.raises(SinkError, match=r"^udp://127.0.0.1:\d+: cannot convert float NaN"):  # noqa: PT012
        for index in range(6000):
            sink.write(Frame(picture, index, float("nan")))
            time.sleep(0.01)
    sink.close()


def test_half_a_picture_is_not_sent(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Who wrote was ended in the midst of one: what has not come is whatever was in memory."""
    width, height = 128, 48
    task: SenderTask = {
        "url": str(tmp_path / "sent.ts"), "format": "mpegts", "options": {}, "rate": "25", "ticks": 90_000, "sound": 0,
        "encoder": {"preset": "ultrafast", "tune": "zerolatency"}, "aspect": "1",
        "picture": {
            "width": width, "height": height, "pix_fmt": "yuv420p", "colorspace": 1, "color_range": 1,
            "color_primaries": 1, "color_trc": 1,
        },
    }  # fmt: skip
    whole = width * height * 3 // 2
    pictures = [(3600 * index).to_bytes(8, "little") + bytes([128]) * whole for index in range(12)]
    send(task, io.BytesIO(b"".join(pictures)[: -whole // 2]))
    assert "connected" in capsys.readouterr().out
    with av.open(task["url"]) as container:
        assert len(list(container.decode(video=0))) == 11


def test_bad_values() -> None:
    url = "udp://127.0.0.1:9"
    sized = VideoOptions(fps=30, size=SIZE)
    for said, options, patience in (
        ("fps", replace(sized, fps=0.0), 10.0),
        ("quality", replace(sized, quality=101.0), 10.0),
        ("patience", sized, 0.0),
    ):
        with pytest.raises(InputError, match=said):
            StreamWriter(url, options, patience=patience)
    with pytest.raises(InputError, match="size"):
        StreamWriter(url, VideoOptions(fps=30, size=(0, 1), source_info=VideoInfo(size=(0, 1))))
    with pytest.raises(SinkError, match="gopher://"):
        open_sink("gopher://127.0.0.1/x", SinkContext(fps=30, size=SIZE))
    sink = StreamWriter(url, VideoOptions(fps=30, size=SIZE))
    sink.close()
    with pytest.raises(SinkError, match="closed"):
        sink.write(Frame(np.zeros((96, 160, 3), np.uint8), 0, 0.0))


def test_on_the_command_line(monkeypatch: pytest.MonkeyPatch) -> None:
    ends_after(4, monkeypatch)
    command = ["live", "test", "-e", "none", "--seconds", "1"]
    url = f"rtmp://me:hidden@127.0.0.1:{free_port()}/live/hidden"
    done = here(*command, "--to", url)
    assert (done.returncode, done.stderr.count("\n")) == (2, 1), done.stderr
    assert "hidden" not in done.stdout + done.stderr
    url = f"udp://127.0.0.1:{free_port(socket.SOCK_DGRAM)}"
    done = here(*command, "--to", url)
    assert done.returncode == 0, done.stderr
