"""Who is let in, and what is refused."""

import mimetypes
from pathlib import Path

import pytest
from starlette.testclient import TestClient
from starlette.websockets import WebSocketDisconnect

from gancam.studio.app import make_app
from gancam.studio.storage import Storage
from tests.helpers.studio import BASE, BEARER, SOCKETS, TOKEN, studio


def test_the_address_with_the_token_lets_in_and_nothing_else_does(tmp_path: Path) -> None:
    with TestClient(make_app(Storage(tmp_path), token=TOKEN, port=8765), base_url=BASE) as client:
        for path in ("/", "/?token=wrong", "/static/js/main.js", "/api/state", "/nothing"):
            assert client.get(path).status_code == 403
        page = client.get("/", params={"token": TOKEN})
        assert page.status_code == 200
        assert "gancam studio" in page.text
        assert "token" not in str(page.url)
        assert client.get("/api/state").status_code == 200
        cookie = page.history[0].headers["set-cookie"].lower()
        assert "httponly" in cookie
        assert "samesite=lax" in cookie


@pytest.mark.parametrize(
    "headers",
    [
        {"Host": "evil.example"},
        {"Host": "evil.example:8765"},
        {"Host": "127.0.0.1:8766"},
        {"Host": "127.0.0.1:8765@evil.example"},
        {"Host": "[::1"},
        {"Host": ""},
        {"Origin": "http://evil.example"},
        {"Origin": "http://127.0.0.1:1"},
        {"Origin": "null"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
        {"Authorization": "Bearer wrong"},
        {"Authorization": TOKEN},
        {"Authorization": f"Basic {TOKEN}"},
        {"Cookie": "gancam-studio-8765=wrong", "Authorization": ""},
        {"Cookie": 'gancam-studio-8765="', "Authorization": ""},
    ],
)
def test_other_pages_and_names_are_refused(tmp_path: Path, headers: dict[str, str]) -> None:
    with studio(tmp_path) as client:
        assert client.get("/api/state", headers=headers).status_code == 403
        assert client.post("/api/source", json={"kind": "test"}, headers=headers).status_code == 403
        for path in ("/api/live", "/api/camera"):
            with pytest.raises(WebSocketDisconnect) as refused:
                client.websocket_connect(f"{SOCKETS}{path}", headers=headers).__enter__()
            assert refused.value.code == 4403
        assert client.get("/api/state").json()["source"]["state"] == "idle"


@pytest.mark.parametrize("host", ["127.0.0.1:8765", "localhost:8765", "[::1]:8765"])
def test_this_machine_has_three_names(tmp_path: Path, host: str) -> None:
    with studio(tmp_path) as client:
        headers = {"Host": host, "Origin": f"http://{host}", "Sec-Fetch-Site": "same-origin"}
        assert client.get("/api/state", headers=headers).status_code == 200


def test_open_to_others_it_is_known_by_addresses_not_by_strange_names(tmp_path: Path) -> None:
    app = make_app(Storage(tmp_path), token=TOKEN, host="0.0.0.0", port=8765, local=False)
    with TestClient(app, base_url=BASE, headers=BEARER) as client:
        for host, status in {"192.168.1.7:8765": 200, "[fe80::1]:8765": 200, "evil.example:8765": 403}.items():
            assert client.get("/api/state", headers={"Host": host}).status_code == status


def test_a_name_that_stands_for_this_machine_alone_is_the_users_own(tmp_path: Path) -> None:
    app = make_app(Storage(tmp_path), token=TOKEN, host="At-Home", port=8765)
    with TestClient(app, base_url=BASE, headers=BEARER) as client:
        for host, status in {
            "at-home:8765": 200,
            "localhost:8765": 200,
            "192.168.1.7:8765": 403,
            "b:8765": 403,
        }.items():
            assert client.get("/api/state", headers={"Host": host}).status_code == status


def test_a_link_in_another_page_opens_the_page_and_nothing_else(tmp_path: Path) -> None:
    link = {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "document"}
    with studio(tmp_path) as client:
        assert client.get("/", headers=link).status_code == 200
        assert client.get("/api/state", headers=link).status_code == 403
        assert client.get("/", headers=link | {"Sec-Fetch-Dest": "iframe"}).status_code == 403


def test_the_page_loads_nothing_from_elsewhere_and_is_in_no_frame(tmp_path: Path) -> None:
    with studio(tmp_path) as client:
        policy = client.get("/").headers["content-security-policy"]
        assert "default-src 'none'" in policy
        assert "frame-ancestors 'none'" in policy
        assert "unsafe" not in policy


def test_bodies_are_bounded(tmp_path: Path) -> None:
    with studio(tmp_path) as client:
        claimed = {"Content-Length": str(10 << 30), "Content-Type": "application/json"}
        assert client.post("/api/source", content=b"{}", headers=claimed).status_code == 413
        digits = {"content-length": "9" * 5000}  # more than int() takes
        assert client.post("/api/source", content=b"{}", headers=digits).status_code == 413
        assert client.post("/api/uploads?name=a.mp4", content=b"", headers=digits).status_code == 400
        assert client.post("/api/uploads?name=a.mp4", content=b"", headers=claimed).status_code == 413
        chunks = (b"x" * 65536 for _ in range(40))  # no length is told
        assert client.post("/api/source", content=chunks).status_code == 400
        assert list((tmp_path / "uploads").iterdir()) == []


def test_scripts_are_scripts_whatever_the_system_calls_them(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mimetypes, "_db", mimetypes.MimeTypes())  # Windows' registry, as some programs leave it
    for ending in (".js", ".css", ".svg", ".html"):
        mimetypes.add_type("text/plain", ending)
    with studio(tmp_path) as client:
        kinds = {"js/api.js": "text/javascript", "css/base.css": "text/css", "icon.svg": "image/svg+xml"}
        for path, kind in kinds.items():
            assert client.get(f"/static/{path}").headers["content-type"].partition(";")[0] == kind
        assert client.get("/").headers["content-type"].startswith("text/html")
