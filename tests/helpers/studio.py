"""A studio without a socket: the application, and a client that has its token."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from starlette.testclient import TestClient

from gancam.studio.app import make_app
from gancam.studio.storage import Storage

TOKEN = "0123456789abcdef0123"
BEARER = {"Authorization": f"Bearer {TOKEN}"}
BASE = "http://127.0.0.1:8765"
SOCKETS = "ws://127.0.0.1:8765"  # paths alone would go to the client's own default host


@contextmanager
def studio(folder: Path, *opened: Path) -> Iterator[TestClient]:
    """Give a client of a studio that keeps its files in `folder`; it is let in."""
    app = make_app(Storage(folder, opened), token=TOKEN, port=8765)
    with TestClient(app, base_url=BASE, headers=BEARER) as client:
        yield client


def state(client: TestClient) -> dict[str, Any]:
    found: dict[str, Any] = client.get("/api/state").json()
    return found


def wait_for(what: Callable[[], object], seconds: float = 120.0) -> None:
    """Wait until `what` gives something true."""
    deadline = time.monotonic() + seconds
    while not what():
        assert time.monotonic() < deadline, "it never came"
        time.sleep(0.02)


def play_test(client: TestClient) -> None:
    """Play the test pattern, and wait for its first picture."""
    assert client.post("/api/source", json={"kind": "test"}).status_code == 200
    wait_for(lambda: client.get("/api/snapshot").status_code == 200)
