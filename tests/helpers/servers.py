"""Real servers on loopback for the tests of live sources: RTSP by GStreamer, MPEG-TS over UDP."""

import itertools
import os
import random
import shutil
import socket
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import av
import pytest

CITY = Path(__file__).parent.parent.parent / "samples" / "city.mp4"
_PACKET = 188  # bytes of a packet of MPEG-TS
# The system's Python: GStreamer's bindings are its packages.
_PYTHON = "/usr/bin/python3"
_RTSP = """
import sys
import gi

gi.require_version("Gst", "1.0")
gi.require_version("GstRtspServer", "1.0")
from gi.repository import GLib, Gst, GstRtspServer

Gst.init(None)
port, clip, *login = sys.argv[1:]
server = GstRtspServer.RTSPServer()
server.set_address("127.0.0.1")
server.set_service(port)
factory = GstRtspServer.RTSPMediaFactory()
factory.set_launch(f'( filesrc location="{clip}" ! qtdemux ! h264parse ! rtph264pay name=pay0 config-interval=1 )')
if login:
    auth, token, role = GstRtspServer.RTSPAuth(), GstRtspServer.RTSPToken(), GstRtspServer.RTSPPermissions()
    token.set_string("media.factory.role", "viewer")
    auth.add_basic(GstRtspServer.RTSPAuth.make_basic(*login), token)
    server.set_auth(auth)
    for right in ("access", "construct"):
        role.add_permission_for_role("viewer", f"media.factory.{right}", True)
    factory.set_permissions(role)
server.get_mount_points().add_factory("/clip", factory)
server.attach(None)
print(server.get_bound_port(), flush=True)
GLib.MainLoop().run()
"""


def needs_rtsp_server() -> pytest.MarkDecorator:
    """Skips where GStreamer's RTSP server is not installed."""
    code = "import gi; gi.require_version('GstRtspServer', '1.0'); from gi.repository import GstRtspServer"
    try:
        there = subprocess.run([_PYTHON, "-c", code], capture_output=True, timeout=300, check=False).returncode == 0
    except OSError:
        there = False
    return pytest.mark.skipif(
        not there, reason="needs GStreamer's RTSP server: apt install python3-gi gir1.2-gst-rtsp-server-1.0 "
        "gstreamer1.0-plugins-good gstreamer1.0-plugins-bad"
    )  # fmt: skip


needs_ffmpeg = pytest.mark.skipif(shutil.which("ffmpeg") is None, reason="needs the ffmpeg command")


@contextmanager
def rtsp_server(clip: Path, *login: str, port: int = 0) -> Iterator[int]:
    """Serves `clip`, an MP4 of H.264, at ``rtsp://127.0.0.1:PORT/clip``, from its beginning for each client; killed at
    the end. Gives the port."""
    command = [_PYTHON, "-c", _RTSP, str(port), str(clip), *login]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as server:
        try:
            assert server.stdout is not None
            yield int(server.stdout.readline())
        finally:
            server.kill()


def repeated(path: Path, times: int, clip: Path = CITY) -> Path:
    """The pictures of `clip`, H.264 in MP4, as they are, `times` one after the other, in `path`."""
    with av.open(path, "w") as output:
        stream = None
        for turn in range(times):
            with av.open(clip) as source:
                video = source.streams.video[0]
                if stream is None:
                    stream = output.add_stream_from_template(video)
                assert video.duration is not None
                for packet in source.demux(video):
                    if packet.dts is not None and packet.pts is not None:
                        packet.dts, packet.pts = packet.dts + turn * video.duration, packet.pts + turn * video.duration
                        packet.stream = stream
                        output.mux(packet)
    return path


class Broadcast:
    """Sends files of MPEG-TS, one after the other and over again, to a UDP port of this machine, at `rate` bytes a
    second. `harm` is the share of packets in which a byte is spoilt. To be used in a ``with`` statement."""

    def __init__(self, port: int, *files: Path, rate: float, harm: float = 0.0) -> None:
        self._port, self._files, self._rate, self._harm = port, files, rate, harm
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._send)

    def __enter__(self) -> "Broadcast":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()

    def _send(self) -> None:
        dice = random.Random(0)
        with socket.socket(type=socket.SOCK_DGRAM) as sender:
            while True:
                for file in self._files:
                    data = bytearray(file.read_bytes())
                    for start in range(0, len(data), 7 * _PACKET):
                        part = data[start : start + 7 * _PACKET]
                        for packet in range(0, len(part), _PACKET):
                            if dice.random() < self._harm:
                                part[packet + dice.randrange(8, _PACKET)] ^= 0xFF
                        sender.sendto(part, ("127.0.0.1", self._port))
                        if self._stop.wait(len(part) / self._rate):
                            return


_ports = itertools.count(os.getpid() * 101)  # so that processes with numbers in a row have a hundred each


def free_port(kind: socket.SocketKind = socket.SOCK_STREAM) -> int:
    """A port for what takes no socket that is bound already, as FFmpeg: free now, and nobody's soon after.

    Systems give ports from 32768 (Linux) or 49152 on to whoever asks for any, also for the other end of a connection,
    so one of those may be lost before it is used. This is one below, and no two are the same in a process.
    """
    while True:
        port = 20_000 + next(_ports) % 12_000
        with socket.socket(type=kind) as one, suppress(OSError):
            one.bind(("127.0.0.1", port))
            return port
