"""Motion-JPEG over HTTP: what clients get, and that none of them slows the loop."""

import socket
import time
import urllib.error
import urllib.request

import cv2
import numpy as np
import pytest

from gancam.errors import InputError, SinkError
from gancam.frame import Frame
from gancam.pipeline import run
from gancam.sinks import open_sink
from gancam.sinks.mjpeg import MjpegServer
from gancam.sources import TestPattern


def fetch(url: str, **headers: str) -> tuple[str, bytes]:
    request = urllib.request.Request(url, headers=headers)
    with urllib.request.urlopen(request, timeout=10) as answer:
        return answer.headers["Content-Type"], answer.read()


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


def test_a_client_that_does_not_read_slows_nobody_and_close_returns() -> None:
    server = MjpegServer(0)
    with socket.create_connection(("127.0.0.1", server.port)) as stuck:
        stuck.sendall(b"GET /stream.mjpg HTTP/1.1\r\nHost: localhost\r\n\r\n")
        noise = np.random.default_rng(0).integers(0, 256, (480, 640, 3), dtype=np.uint8)
        slowest = 0.0
        for index in range(40):
            began = time.monotonic()
            server.write(Frame(noise, index, index / 30))
            slowest = max(slowest, time.monotonic() - began)
            time.sleep(0.01)
        assert slowest < 0.5
        began = time.monotonic()
        server.close()
        assert time.monotonic() - began < 5


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
    with pytest.raises(SinkError, match="mjpeg:PORT"):
        open_sink("mjpeg:x", fps=30, size=(8, 8))


def test_nobody_looking_costs_nothing() -> None:
    server = open_sink("mjpeg:0", fps=30, size=(96, 64))
    assert isinstance(server, MjpegServer)
    report = run(TestPattern((96, 64), frames=50), [], [server])
    assert report.busy["MjpegServer"] == 0
    assert any(server.url in note for note in report.notes)
