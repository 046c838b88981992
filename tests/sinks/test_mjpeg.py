"""Motion-JPEG over HTTP: what clients get, and that none of them slows the loop."""

import json
import shutil
import socket
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from pathlib import Path

import cv2
import numpy as np
import pytest

from gancam.errors import InputError, SinkError
from gancam.frame import Frame
from gancam.pipeline import run
from gancam.sinks import SinkContext, mjpeg, open_sink
from gancam.sinks.mjpeg import MjpegServer
from gancam.sources import TestPattern
from gancam.sources.realtime import RealtimeSource
from gancam.sources.stream import Stream


def fetch(url: str, **headers: str) -> tuple[str, bytes]:
    request = urllib.request.Request(url, headers=headers)
    with urllib.request.urlopen(request, timeout=300) as answer:
        return answer.headers["Content-Type"], answer.read()


def test_head_tells_what_get_would_give() -> None:
    server = MjpegServer(0)
    try:
        server.write(Frame(TestPattern((320, 192)).image(77), 0, 0.0))
        for path in ("", "frame.jpg", "now.json", "stream.mjpg"):
            request = urllib.request.Request(f"{server.url}{path}", method="HEAD")
            with (
                urllib.request.urlopen(request, timeout=300) as told,
                urllib.request.urlopen(f"{server.url}{path}", timeout=300) as given,
            ):
                assert told.status == given.status == 200
                assert told.headers["Content-Type"] == given.headers["Content-Type"]
                assert told.read() == b""
        with pytest.raises(urllib.error.HTTPError) as refused:
            urllib.request.urlopen(urllib.request.Request(f"{server.url}nothing", method="HEAD"), timeout=300)
        assert refused.value.code == 404
        refused.value.close()
    finally:
        server.close()


def test_page_picture_and_what_is_not_there() -> None:
    server = MjpegServer(0)
    try:
        kind, page = fetch(server.url)
        assert kind.startswith("text/html")
        assert b"/stream.mjpg" in page
        server.write(Frame(TestPattern((320, 192)).image(77), 0, 0.0))
        kind, data = fetch(f"{server.url}frame.jpg")
        picture = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)
        assert kind == "image/jpeg"
        assert picture is not None
        assert TestPattern.index_in(np.asarray(picture, np.uint8)) == 77
        for path, host, code in (("nothing", "localhost", 404), ("", "evil.example", 403)):
            with pytest.raises(urllib.error.HTTPError) as refused:
                fetch(f"{server.url}{path}", Host=host)
            assert refused.value.code == code
            refused.value.close()
    finally:
        server.close()
        server.close()
    with pytest.raises(SinkError, match="closed"):
        server.write(Frame(TestPattern((8, 8)).image(0), 1, 1.0))


class Playing:
    """A server that plays the test pattern at 30 fps for as long as a ``with`` statement."""

    def __init__(self, size: tuple[int, int] = (320, 192)) -> None:
        self.server = MjpegServer(0)
        self._source = RealtimeSource(TestPattern(size, frames=None))
        self._thread = threading.Thread(target=run, args=(self._source, [], [self.server]))

    def __enter__(self) -> MjpegServer:
        self._thread.start()
        return self.server

    def __exit__(self, *_: object) -> None:
        self._source.close()
        self._thread.join()


def test_viewers_each_get_the_newest_whenever_they_come_and_go() -> None:
    def watch(url: str, enough: int) -> None:
        with Stream(url, patience=60) as source:
            indices = [TestPattern.index_in(frame.image) for frame, _ in zip(source, range(enough), strict=False)]
        seen.append(indices)

    seen: list[list[int]] = []
    with Playing() as server:
        viewers = [
            threading.Thread(target=watch, args=(f"{server.url}stream.mjpg", enough)) for enough in (5, 10, 20, 40)
        ]
        for viewer in viewers:
            viewer.start()
        for viewer in viewers:
            viewer.join()
        now = json.loads(fetch(f"{server.url}now.json")[1])
    assert sorted(map(len, seen)) == [5, 10, 20, 40]
    for indices in seen:
        assert indices == sorted(set(indices))
    assert (now["width"], now["height"]) == (320, 192)
    assert now["fps"] > 0
    assert now["age_ms"] >= 0


def test_before_the_first_picture() -> None:
    server = MjpegServer(0)
    try:
        now = json.loads(fetch(f"{server.url}now.json")[1])
        assert now == {"width": 0, "height": 0, "fps": 0, "age_ms": None}
    finally:
        server.close()


@pytest.mark.browser
@pytest.mark.skipif(shutil.which("chromium") is None, reason="needs chromium")
@pytest.mark.parametrize("size", [(800, 500), (400, 700)])
def test_the_page_in_a_browser(tmp_path: Path, size: tuple[int, int]) -> None:
    """The picture fills the window's width, or its height above the line of figures, in its own proportions."""
    shot = tmp_path / "shot.png"
    command = ["chromium", "--headless=new", "--no-sandbox", "--disable-gpu", "--hide-scrollbars", "--timeout=3000"]
    command += [f"--user-data-dir={tmp_path / 'profile'}", f"--window-size={size[0]},{size[1]}", f"--screenshot={shot}"]
    with Playing((640, 360)) as server:
        subprocess.run([*command, server.url], capture_output=True, timeout=300, check=True)
    page = cv2.imread(str(shot))
    assert page is not None
    bright = cv2.threshold(cv2.cvtColor(page, cv2.COLOR_BGR2HSV)[:, :, 1], 200, 1, cv2.THRESH_BINARY)[1]
    left, _, width, _ = cv2.boundingRect(bright)  # the coloured bars: 1/8 to 7/8 of the width
    picture = width * 8 / 6
    assert picture <= size[0] + 4
    assert picture == pytest.approx(min(size[0], (size[1] - 32) * 16 / 9), abs=8)
    assert left + width / 2 == pytest.approx(size[0] / 2, abs=4)


def test_a_client_that_does_not_read_slows_nobody_and_close_returns(monkeypatch: pytest.MonkeyPatch) -> None:
    server = MjpegServer(0)
    with socket.create_connection(("127.0.0.1", server.port)) as stuck:
        noise = np.random.default_rng(0).integers(0, 256, (480, 640, 3), dtype=np.uint8)
        monkeypatch.setattr(mjpeg._Client, "timeout", 120.0)  # so long a picture may take to the client
        began = time.monotonic()
        stuck.sendall(b"GET /stream.mjpg HTTP/1.1\r\nHost: localhost\r\n\r\n")
        for index in range(40):
            server.write(Frame(noise, index, index / 30))
            time.sleep(0.01)
        server.close()
        assert time.monotonic() - began < 100


def test_port_in_use_and_bad_values() -> None:
    server = MjpegServer(0)
    try:
        with pytest.raises(SinkError, match=str(server.port)):
            MjpegServer(server.port)
    finally:
        server.close()
    with pytest.raises(InputError, match="port"):
        MjpegServer(70_000)
    with pytest.raises(InputError, match="quality"):
        MjpegServer(0, quality=0)
    for wrong in ("8080", True, None, 0.5):
        with pytest.raises(InputError, match="port"):
            MjpegServer(wrong)  # type: ignore[arg-type]
    with pytest.raises(InputError, match="quality"):
        MjpegServer(0, quality="x")  # type: ignore[arg-type]
    with pytest.raises(InputError, match="host"):
        MjpegServer(0, host=None)  # type: ignore[arg-type]
    for text in ("x", 5000 * "9", "[::1]:8099", "::1:8099"):
        with pytest.raises(SinkError, match="mjpeg:PORT") as refused:
            open_sink(f"mjpeg:{text}", SinkContext(fps=30, size=(8, 8)))
        assert len(str(refused.value)) < 200
    with pytest.raises(SinkError, match="cannot serve"):
        MjpegServer(0, host=f"{70 * 'x'}.org")


def test_nobody_looking_costs_nothing() -> None:
    server = open_sink("mjpeg:0", SinkContext(fps=30, size=(96, 64)))
    assert isinstance(server, MjpegServer)
    report = run(TestPattern((96, 64), frames=50), [], [server])
    assert report.worker_seconds["MjpegServer"] == 0
    assert any(server.url in note for note in report.notes)


def test_more_clients_than_there_are_places_are_told_so() -> None:
    server = MjpegServer(0)
    try:
        taken = 0
        while server.places.acquire(blocking=False):
            taken += 1
        assert taken == 32
        with pytest.raises(urllib.error.HTTPError) as refused:
            urllib.request.urlopen(f"{server.url}stream.mjpg", timeout=300)
        assert refused.value.code == 503
        refused.value.close()
        server.places.release()
        server.write(Frame(np.zeros((48, 64, 3), np.uint8), 0, 0.0))
        with urllib.request.urlopen(f"{server.url}stream.mjpg", timeout=300) as stream:
            assert stream.status == 200
    finally:
        server.close()


@pytest.mark.parametrize("path", ["stream.mjpg", "frame.jpg"])
def test_who_left_while_no_picture_came_makes_room(path: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mjpeg, "_LOOK", 0.05)
    server = MjpegServer(0)
    try:
        clients = [socket.create_connection(("127.0.0.1", server.port)) for _ in range(32)]
        for client in clients:
            client.sendall(f"GET /{path} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
        until = time.monotonic() + 120
        while server.places.acquire(blocking=False):
            server.places.release()
            assert time.monotonic() < until
            time.sleep(0.01)
        for client in clients:
            client.close()
        assert all(server.places.acquire(timeout=300) for _ in clients)
    finally:
        server.close()


def test_a_picture_is_not_waited_for_without_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mjpeg, "_LOOK", 0.02)
    monkeypatch.setattr(mjpeg, "_FIRST", 0.05)
    server = MjpegServer(0)
    try:
        with pytest.raises(urllib.error.HTTPError) as refused:
            urllib.request.urlopen(f"{server.url}frame.jpg", timeout=300)
        assert (refused.value.code, refused.value.read()) == (503, b"there is no picture yet\n")
        refused.value.close()
    finally:
        server.close()


def test_a_name_of_this_machine_is_no_other_whatever_its_letters() -> None:
    server = MjpegServer(0, host="LOCALHOST")
    try:
        assert fetch(f"{server.url}now.json")[0] == "application/json"
        with pytest.raises(urllib.error.HTTPError, match="403") as refused:
            fetch(f"{server.url}now.json", Host="evil.example")
        refused.value.close()
    finally:
        server.close()


@pytest.mark.skipif(sys.platform == "darwin", reason="has no other address of its own")
def test_every_address_of_this_machine_is_its_name() -> None:
    server = MjpegServer(0, host="127.0.0.2")
    try:
        assert fetch(f"{server.url}now.json")[0] == "application/json"
        for host, known in (
            ("127.0.0.2", True),
            ("[::1]:80", True),
            ("localhost:1", True),
            ("a.org", False),
            ("1.2.3.4", False),
        ):
            with socket.create_connection(("127.0.0.2", server.port)) as client:
                client.sendall(f"GET /now.json HTTP/1.1\r\nHost: {host}\r\n\r\n".encode())
                assert client.makefile().readline().split()[1] == ("200" if known else "403"), host
    finally:
        server.close()
