"""A studio at a socket of its own: garbage, idle clients, and that it plays on meanwhile."""

import http.client
import json
import random
import signal
import socket
import subprocess
import sys
import threading
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from http.cookiejar import CookieJar
from pathlib import Path
from typing import Any

import pytest

from gancam.errors import InputError
from gancam.studio import app
from gancam.studio.app import Address, Server, make_app
from gancam.studio.storage import Storage
from tests.helpers.children import interruptible
from tests.helpers.command import refused
from tests.helpers.studio import BEARER, TOKEN, wait_for


@contextmanager
def serving(folder: Path) -> Iterator[Address]:
    address = Address.bind("127.0.0.1", 0)
    one = Server(make_app(Storage(folder), token=TOKEN, port=address.port), address)
    thread = threading.Thread(target=one.serve_here)
    thread.start()
    wait_for(lambda: one.started)
    try:
        yield address
    finally:
        one.should_exit = True
        thread.join()
        address.bound.close()


def ask(port: int, method: str, path: str, body: str | None = None) -> tuple[int, dict[str, object]]:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    try:
        connection.request(method, path, body, dict(BEARER))
        answer = connection.getresponse()
        data = answer.read()
        return answer.status, json.loads(data) if answer.getheader("Content-Type") == "application/json" else {}
    finally:
        connection.close()


def send(port: int, data: bytes) -> bytes:
    """What comes back for some bytes, up to the end or a second of silence."""
    with socket.create_connection(("127.0.0.1", port), timeout=1) as client:
        try:
            client.sendall(data)
            return client.recv(65536)
        except OSError:
            return b""


_LINES = "GET /api/state HTTP/1.1", "POST /api/source HTTP/1.1", "", "GET http://x/ HTTP/9", "\x16\x03"
_HOSTS = "Host: evil.example", "Host:", ""
_MORE = (
    f"Authorization: Bearer {TOKEN[:-1]}", "Content-Length: -1", "Content-Length: 99999999999",
    "Transfer-Encoding: chunked\r\nContent-Length: 5", "A: " + "x" * 9000,
)  # fmt: skip


def test_garbage_is_refused_and_what_plays_goes_on(tmp_path: Path) -> None:
    rng = random.Random(1)
    with serving(tmp_path) as address:
        port = address.port
        ask(port, "POST", "/api/source", '{"kind": "test"}')
        wait_for(lambda: ask(port, "GET", "/api/snapshot")[0] == 200)
        for number in range(200):
            line, host, more = rng.choice(_LINES), rng.choice([f"Host: 127.0.0.1:{port}", *_HOSTS]), rng.choice(_MORE)
            body = rng.randbytes(rng.randrange(200))
            answer = send(port, f"{line}\r\n{host}\r\n{more}\r\nConnection: close\r\n\r\n".encode("latin-1") + body)
            assert answer[:12] in (b"", b"HTTP/1.1 400", b"HTTP/1.1 403", b"HTTP/1.1 413"), (number, line, host, more)
        status, state = ask(port, "GET", "/api/state")
        assert status == 200
        assert isinstance(state["source"], dict)
        assert state["source"]["state"] == "playing"


def test_idle_clients_are_hung_up_and_take_nothing_away(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with serving(tmp_path) as address, ExitStack() as open_sockets:

        def idle() -> list[socket.socket]:
            found = [
                open_sockets.enter_context(socket.create_connection(("127.0.0.1", address.port), timeout=60))
                for _ in range(50)
            ]
            for client in found[25:]:
                client.sendall(b"GET / HTTP/1.1\r\nHost: ")  # and nothing more
            return found

        monkeypatch.setattr(app, "_ASK_WITHIN", 300.0)
        idle()
        assert ask(address.port, "GET", "/api/state")[0] == 200
        monkeypatch.setattr(app, "_ASK_WITHIN", 0.5)
        assert all(client.recv(1000)[:12] in (b"", b"HTTP/1.1 400") for client in idle())


def test_more_clients_than_it_takes_are_told_so(tmp_path: Path) -> None:
    with serving(tmp_path) as address, ExitStack() as open_sockets:
        for _ in range(app._CLIENTS + 2):
            open_sockets.enter_context(socket.create_connection(("127.0.0.1", address.port), timeout=60))
        wait_for(lambda: ask(address.port, "GET", "/api/state")[0] == 503)


def test_a_port_in_use_and_a_strange_host_are_told_in_one_line() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(InputError, match=f"127.0.0.1:{port}.*give another --port"):
            Address.bind("127.0.0.1", port)
    with pytest.raises(InputError, match="--port 70000"):
        Address.bind("127.0.0.1", 70000)
    for host in (70 * "a", "a..b"):
        with pytest.raises(InputError, match=f"--host {host}: is no host's name"):
            Address.bind(host, 0)
    with pytest.raises(InputError, match="cannot listen"):
        Address.bind("no.such.host.invalid", 0)


def test_who_reaches_it_is_told_by_the_address_not_by_the_name(monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine's own name may stand for 127.0.1.1, or for its address in the network."""
    real = socket.getaddrinfo

    def known(host: str, port: int, **options: Any) -> Any:
        names = {"at-home": "127.0.0.1", "in-the-network": "0.0.0.0"}
        return real(names.get(host, host), port, **options)

    monkeypatch.setattr(socket, "getaddrinfo", known)
    for host, local in (("at-home", True), ("LOCALHOST", True), ("in-the-network", False)):
        address = Address.bind(host, 0)
        with address.bound:
            assert address.local == local, host


@pytest.mark.parametrize(
    ("host", "url"),
    [
        ("127.0.0.1", "http://127.0.0.1:1/?token=T"),
        ("0.0.0.0", "http://127.0.0.1:1/?token=T"),
        ("::1", "http://[::1]:1/?token=T"),
    ],
)
def test_the_address_is_one_that_a_browser_opens(host: str, url: str) -> None:
    with socket.socket() as unbound:
        assert Address(host, 1, unbound).url("T") == url


def test_the_command_line_serves_until_it_is_interrupted(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "gancam", "studio", "--no-browser", "--port", "0", "--keep", str(tmp_path)]
    with interruptible():
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    with process:
        assert process.stdout is not None
        url = process.stdout.readline().removeprefix("gancam studio: ").strip()
        jar = urllib.request.build_opener(urllib.request.HTTPCookieProcessor(CookieJar()))
        with jar.open(url, timeout=60) as answer:
            assert b"gancam studio" in answer.read()
        with pytest.raises(urllib.error.HTTPError, match="403"):
            urllib.request.urlopen(url.partition("?")[0], timeout=60)
        process.send_signal(signal.SIGINT)
        assert process.wait(300) == 130
        assert process.stderr is not None
        assert "Traceback" not in process.stderr.read()


def test_the_command_line_refuses_to_open_to_others_without_a_token() -> None:
    refused("studio", "--host", "0.0.0.0", "--no-browser", says="camera")
    refused("studio", "--host", "0.0.0.0", "--no-browser", says="--token")
    refused("studio", "--token", "short", "--no-browser", says="16 characters")
