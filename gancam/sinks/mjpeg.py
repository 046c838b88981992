"""Motion-JPEG over HTTP: a browser, OBS or ``cv2.VideoCapture`` opens it."""

import json
import socket
import threading
import time
from collections.abc import Callable, Mapping
from http.server import BaseHTTPRequestHandler

from gancam.control.local import is_local, named_host, names_this_machine
from gancam.control.tcp import TcpServer
from gancam.errors import InputError, SinkError, shown
from gancam.frame import Frame, check_image, is_whole
from gancam.media.messages import cause
from gancam.sinks.contract import Sink, SinkContext
from gancam.sinks.newest import NewestFrame

FORM = "mjpeg:8080"
_BOUNDARY = "gancam-picture"
_MOST = 32  # clients that watch the stream at once: each costs time that the pictures need
_PATIENCE = 10.0  # seconds that one picture may take to a client before it counts as gone
_FIRST = 5.0  # seconds that /frame.jpg waits for the first picture
_LOOK = 0.5  # seconds after which a client that waits for a picture is looked at: it may have left
_DIGITS = 20  # of a port, which may have zeros before it; Python converts no more than some thousands
_PAGE = b"""<!doctype html>
<html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>gancam</title>
<link rel="icon" href="data:,">
<style>
html, body { margin: 0; height: 100%; background: #111; color: #ccc; font: 14px/1 system-ui, sans-serif }
body { display: flex; flex-direction: column }
main { flex: 1; min-height: 0; position: relative }
img { width: 100%; height: 100%; object-fit: contain; display: block; cursor: zoom-in }
p { position: absolute; inset: 0; margin: auto; height: 1em; text-align: center; font-size: 20px }
footer { display: flex; flex-wrap: wrap; gap: .6em 2em; justify-content: center; padding: 9px; white-space: nowrap }
b { color: #fff } span { min-width: 4em } span:empty { display: none }
@media (max-width: 480px) { footer { gap: .6em 1em } }
</style>
<main><p></p><img src="/stream.mjpg" alt="live picture" title="full screen"></main>
<footer><b>gancam</b><span id="size"></span><span id="fps"></span><span id="age"></span></footer>
<script>
const picture = document.querySelector("img"), word = document.querySelector("p"), text = {}
for (const name of ["size", "fps", "age"]) text[name] = document.getElementById(name)
let playing = true
picture.onclick = () => document.fullscreenElement ? document.exitFullscreen() : picture.requestFullscreen()
async function look() {
  let now = null
  try { now = await (await fetch("/now.json", { signal: AbortSignal.timeout(3000) })).json() } catch {}
  if (now && !playing) picture.src = "/stream.mjpg?" + Date.now()
  playing = now !== null
  picture.style.visibility = playing ? "visible" : "hidden"
  word.textContent = playing ? (now.width ? "" : "waiting for the first picture") : "not playing"
  text.size.textContent = now && now.width ? now.width + " x " + now.height : ""
  text.fps.textContent = now && now.width ? now.fps.toFixed(1) + " fps" : ""
  text.age.textContent = now && now.age_ms !== null ? "age " + now.age_ms + " ms" : ""
  setTimeout(look, 1000)
}
look()
</script>
"""


def open(address: str, context: SinkContext) -> "MjpegServer":
    """Open ``mjpeg:PORT`` or ``mjpeg:HOST:PORT``; port 8080 where none is given."""
    host, port = _address(address)
    return MjpegServer(port, host=host)


def check(address: str, *, overwrite: bool) -> None:
    """Find what is wrong with ``mjpeg:HOST:PORT``. Raises ``SinkError``."""
    _address(address)


def _address(text: str) -> tuple[str, int]:
    """Host and port of what comes after ``mjpeg:``."""
    host, _, port = text.rpartition(":")
    known = port.isascii() and port.isdigit() and len(port) <= _DIGITS
    if (not known and text) or ":" in host:
        address = "needs mjpeg:PORT or mjpeg:HOST:PORT, as in mjpeg:8080, HOST a name or an IPv4 address"
        raise SinkError(f"mjpeg:{text if len(text) <= 80 else f'{text[:60]}...'}: {address}")
    if int(port or 0) > 65535:
        raise SinkError(f"mjpeg:{text}: the port must be 0 to 65535, as in mjpeg:8080")
    return host or "127.0.0.1", int(port or 8080)


class MjpegServer(Sink):
    """Serves the newest frames at ``http://HOST:PORT/``.

    /             a page for people
    /stream.mjpg  the stream
    /frame.jpg    the newest picture; 503 where none has come for 5 seconds
    /now.json     its ``width`` and ``height``, 0 before the first; ``fps``; ``age_ms`` from its capture until it came
                  here, null for one that was not captured

    ``write`` never waits: each client has its own thread, which sends the newest picture when the one before is sent,
    so a slow client sees fewer. 32 may watch or wait for a picture at once; others are told so, and those who have
    left make room. JPEGs are made once for all
    clients, and only while there are any.

    Attributes:
        places: One for each that may watch the stream, or ask for a picture.

    Args:
        port: 0 takes a free one; ``port`` and ``url`` tell which.
        host: Who may connect: "127.0.0.1" this machine only, "0.0.0.0" everybody who can reach it. While the address
            is one that only this machine reaches, requests that name another host are refused, so that no web page can
            read the pictures by giving its own name this address.
        quality: Of the JPEG, 1 to 100.

    Raises:
        InputError: A value makes no sense.
        SinkError: The port is in use or not allowed.
    """

    action = "serving"

    def __init__(self, port: int = 8080, *, host: str = "127.0.0.1", quality: int = 85) -> None:
        if not (is_whole(port) and 0 <= int(port) <= 65535):
            raise InputError(f"port is {shown(port)}: needs 0 to 65535")
        if not (is_whole(quality) and 1 <= int(quality) <= 100):
            raise InputError(f"quality is {shown(quality)}: needs 1 to 100")
        if not isinstance(host, str):
            raise InputError(f"host is {shown(host)}: needs a name or an IPv4 address, as in '127.0.0.1'")
        self._change = threading.Condition()
        self._newest = NewestFrame(quality)
        self._age: int | None = None  # ms of the newest frame when it came
        self.places = threading.BoundedSemaphore(_MOST)
        try:
            self._server = _Server((host, port), self)
        except (OSError, ValueError) as error:  # ValueError: of what can be no host's name
            what = f"cannot serve at {host}:{port} ({cause(error)})"
            raise SinkError(f"mjpeg: {what}; give another port, or 0 for a free one") from error
        self.port = self._server.port
        self._host, self._local = host, is_local(self._server.socket)
        self.url = f"http://{'127.0.0.1' if host == '0.0.0.0' else host}:{self.port}/"
        self._notes: list[str] = [f"watch at {self.url} (the stream itself: {self.url}stream.mjpg)"]
        self._server.start()

    @property
    def worker_seconds(self) -> float:
        """How many seconds were spent on making JPEGs."""
        return self._newest.worker_seconds

    def write(self, frame: Frame) -> None:
        """Make `frame` the newest picture."""
        if self._closed:
            raise SinkError("mjpeg: already closed")
        check_image(frame.image)
        age = None if frame.captured is None else round(1000 * (time.monotonic() - frame.captured))
        with self._change:
            self._newest.put(frame)
            self._age = age
            self._change.notify_all()

    def close(self, *, interrupted: bool = False) -> None:
        """Hang up all clients and give the port back."""
        if self._closed:
            return
        with self._change:
            self._closed = True
            self._change.notify_all()
        self._server.close()

    def answers_to(self, host: str) -> bool:
        """Whether a request with that ``Host`` is answered."""
        return not self._local or names_this_machine(named_host(host)[0], self._host)

    def now(self) -> dict[str, float | None]:
        """Give what ``/now.json`` says."""
        frame = self._newest.frame
        height, width = (0, 0) if frame is None else frame.image.shape[:2]
        return {"width": width, "height": height, "age_ms": self._age, "fps": round(self._newest.fps(), 1)}

    def newest(self, after: int = 0, enough: Callable[[], bool] = lambda: False) -> tuple[int, bytes] | None:
        """Wait for a JPEG newer than number `after`, and make it where nobody else did.

        Args:
            after: The number of the last one; 0 before the first.
            enough: Asked now and then while there is none: whether it is waited for no longer.

        Returns:
            Its number and data; None when the server closes, or at `enough`.
        """
        seen = after
        while self._wait_beyond(seen, enough):
            seen = self._newest.number
            picture = self._newest.picture()
            if picture is not None and picture.number > after:  # else it is larger than JPEG allows
                return picture.number, picture.after
        return None

    def _wait_beyond(self, number: int, enough: Callable[[], bool]) -> bool:
        """Wait for a frame newer than `number`; False when the server closes, or at `enough`."""
        while True:
            with self._change:
                if self._change.wait_for(lambda: self._closed or self._newest.number > number, _LOOK):
                    return not self._closed
            if enough():
                return False


class _Server(TcpServer):
    def __init__(self, address: tuple[str, int], owner: MjpegServer) -> None:
        self.owner = owner
        super().__init__(address, _Client, name="http")


class _Client(BaseHTTPRequestHandler):
    server: _Server
    timeout = _PATIENCE
    protocol_version = "HTTP/1.1"
    server_version, sys_version = "gancam", ""

    def do_HEAD(self) -> None:
        self.do_GET()

    def do_GET(self) -> None:
        owner = self.server.owner
        path = self.path.partition("?")[0]
        if not owner.answers_to(self.headers.get("Host", "localhost")):
            self._answer(403, "text/plain", b"only for this machine\n")
        elif path == "/":
            self._answer(200, "text/html; charset=utf-8", _PAGE)
        elif path == "/now.json":
            self._answer(200, "application/json", json.dumps(owner.now()).encode())
        elif path == "/stream.mjpg" and self.command == "HEAD":
            self._begin_stream()
        elif path in ("/stream.mjpg", "/frame.jpg"):
            if not owner.places.acquire(blocking=False):
                self._answer(503, "text/plain", f"{_MOST} others are watching already\n".encode())
                return
            try:
                (self._stream if path == "/stream.mjpg" else self._show)(owner)
            finally:
                owner.places.release()
        else:
            self._answer(404, "text/plain", b"there are /, /stream.mjpg, /frame.jpg and /now.json\n")

    def _answer(self, status: int, kind: str, body: bytes) -> None:
        self._begin(status, kind, {"Content-Length": str(len(body))})
        if self.command != "HEAD":
            self.wfile.write(body)

    def _begin_stream(self) -> None:
        self._begin(200, f"multipart/x-mixed-replace; boundary={_BOUNDARY}", {})

    def _begin(self, status: int, kind: str, more: Mapping[str, str]) -> None:
        self.close_connection = True
        self.send_response(status)
        for name, value in {"Content-Type": kind, **more, "Cache-Control": "no-store", "Connection": "close"}.items():
            self.send_header(name, value)
        self.end_headers()

    def _show(self, owner: MjpegServer) -> None:
        end = time.monotonic() + _FIRST
        picture = owner.newest(enough=lambda: time.monotonic() > end or self._has_left())
        if picture is not None:
            self._answer(200, "image/jpeg", picture[1])
        else:
            self._answer(503, "text/plain", b"there is no picture yet\n")

    def _has_left(self) -> bool:
        """Look whether the client has hung up: a read would give its end."""
        self.connection.settimeout(0)
        try:
            return not self.connection.recv(1, socket.MSG_PEEK)
        except BlockingIOError:
            return False
        except OSError:
            return True
        finally:
            self.connection.settimeout(self.timeout)

    def _stream(self, owner: MjpegServer) -> None:
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 1 << 17)  # little waits in the system: old
        self.connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._begin_stream()
        number = 0
        while (picture := owner.newest(number, self._has_left)) is not None:
            number, data = picture
            head = f"--{_BOUNDARY}\r\nContent-Type: image/jpeg\r\nContent-Length: {len(data)}\r\n\r\n"
            self.wfile.write(head.encode() + data + b"\r\n")

    def log_message(self, format: str, *arguments: object) -> None:
        """Not on stderr."""
