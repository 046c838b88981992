"""The WebSockets: pictures to the page, and a browser's camera from it."""

import asyncio
import json
import struct
import threading
import time
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from starlette.testclient import TestClient, WebSocketTestSession
from starlette.websockets import WebSocketDisconnect

from gancam.frame import Image
from gancam.sinks.newest import as_jpeg
from gancam.sources import TestPattern
from gancam.studio import pace, viewer
from gancam.studio.browser import decoded, jpeg_size
from gancam.studio.player import Player
from tests.helpers.studio import SOCKETS, play_test, state, studio, wait_for


@pytest.fixture(autouse=True)
def no_picture_is_slow(monkeypatch: pytest.MonkeyPatch) -> None:
    """Pictures are as good as can be however slow this machine is."""
    monkeypatch.setattr(pace, "SLOW", 1e9)


def jpeg(image: Image, quality: int = 90) -> bytes:
    return as_jpeg(image, quality) or b""


def picture(socket: WebSocketTestSession) -> tuple[int, float, tuple[int, int], Image, bytes]:
    """The next picture: its number, age in ms, size, image, and the JPEG before the effects."""
    while True:
        message = socket.receive()
        if message.get("bytes"):
            number, age, width, height, first = struct.unpack_from("<IfHHI", message["bytes"])
            data = message["bytes"][16:]
            return number, age, (width, height), decoded(data[:first]), data[first:]


def test_pictures_come_as_fast_as_they_are_shown(tmp_path: Path) -> None:
    with studio(tmp_path) as client:
        play_test(client)
        with client.websocket_connect(f"{SOCKETS}/api/live") as socket:
            numbers = []
            for _ in range(6):
                number, age, size, image, before = picture(socket)
                numbers.append(number)
                assert size == (640, 360) == image.shape[1::-1]
                assert 0 <= age < 60_000
                assert before == b""
                socket.send_text(json.dumps({"shown": number}))
            assert numbers == sorted(set(numbers))


def test_a_page_that_shows_nothing_is_sent_no_more_than_two(tmp_path: Path) -> None:
    with studio(tmp_path) as client:
        play_test(client)
        with client.websocket_connect(f"{SOCKETS}/api/live") as socket:
            first, second = picture(socket)[0], picture(socket)[0]
            for _ in range(4):  # figures go on, pictures do not
                assert not socket.receive().get("bytes")
            newest = TestPattern.index_in(snapshot(client))
            socket.send_text(json.dumps({"shown": first}))
            number, _, _, image, _ = picture(socket)
            assert TestPattern.index_in(image) >= newest  # and then it is the newest
            assert number > second


def test_the_original_comes_where_it_is_wanted(tmp_path: Path) -> None:
    with studio(tmp_path) as client:
        play_test(client)
        client.post("/api/effects", json={"model": "sr-x2-fast"})
        with client.websocket_connect(f"{SOCKETS}/api/live") as socket:
            socket.send_text(json.dumps({"compare": True}))
            for _ in range(20):
                number, _, size, image, before = picture(socket)
                socket.send_text(json.dumps({"shown": number}))
                if before and size == (1280, 720):
                    break
            assert decoded(before).shape == (360, 640, 3)
            assert TestPattern.index_in(image) == TestPattern.index_in(decoded(before))


def test_no_more_pixels_are_sent_than_are_shown(tmp_path: Path) -> None:
    with studio(tmp_path) as client:
        play_test(client)
        with client.websocket_connect(f"{SOCKETS}/api/live") as socket:
            socket.send_text(json.dumps({"room": {"width": 320, "height": 320}}))
            for _ in range(10):
                number, _, size, image, _ = picture(socket)
                socket.send_text(json.dumps({"shown": number}))
                if image.shape[1] < 640:
                    break
            assert size == (640, 360)
            assert image.shape == (180, 320, 3)
            assert client.get("/api/snapshot").content[16:24] == struct.pack(">II", 640, 360)


def test_a_slow_network_gets_smaller_pictures_and_the_whole_one_once_nothing_moves(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pace, "SLOW", 0.0)  # whatever comes is too slow
    cv2.imwrite(str(tmp_path / "a.png"), TestPattern((640, 360)).image(0))
    with studio(tmp_path / "kept", tmp_path) as client, client.websocket_connect(f"{SOCKETS}/api/live") as socket:
        client.post("/api/source", json={"kind": "file", "value": f"{tmp_path.name}/a.png"})
        widths = [picture(socket)[3].shape[1]]
        while widths[-1] == 640:
            socket.send_text(json.dumps({"shown": 0}))
            widths.append(picture(socket)[3].shape[1])
        while widths[-1] < 640:
            socket.send_text(json.dumps({"shown": 0}))
            _, _, size, image, _ = picture(socket)
            widths.append(image.shape[1])
            assert size == (640, 360)
        assert min(widths) < 400


def test_the_state_comes_with_each_change(tmp_path: Path) -> None:
    with studio(tmp_path) as client, client.websocket_connect(f"{SOCKETS}/api/live") as socket:
        assert receive(socket, "state")["effects"] == []
        client.post("/api/effects", json={"model": "sketch"})
        wait_for(lambda: [one["name"] for one in receive(socket, "state")["effects"]] == ["sketch"])
        client.patch("/api/controls", json={"sketch.strength": 0.5})
        wait_for(lambda: receive(socket, "state")["effects"][0]["values"]["strength"] == 0.5)


def receive(socket: WebSocketTestSession, what: str) -> dict[str, Any]:
    while True:
        message = socket.receive()
        found = json.loads(message["text"]) if message.get("text") else {}
        if what in found:
            told: dict[str, Any] = found[what]
            return told


@pytest.mark.parametrize(
    "rubbish", ["", "[]", "1", "{", '{"room": 3}', '{"room": {"width": -1, "height": 5}}', "[" * 100_000]
)
def test_rubbish_ends_the_socket_and_nothing_else(tmp_path: Path, rubbish: str) -> None:
    with studio(tmp_path) as client:
        play_test(client)
        with client.websocket_connect(f"{SOCKETS}/api/live") as socket:
            socket.send_text(rubbish)
            while socket.receive()["type"] != "websocket.close":
                pass
        assert state(client)["source"]["state"] == "playing"


def test_a_browsers_camera_is_played(tmp_path: Path) -> None:
    pattern = TestPattern()
    with studio(tmp_path) as client, client.websocket_connect(f"{SOCKETS}/api/camera?fps=30") as socket:
        deadline = time.monotonic() + 120
        for index in range(1, 100_000):
            assert time.monotonic() < deadline
            socket.send_bytes(struct.pack("<f", 5.0) + jpeg(pattern.image(index), 95))
            assert socket.receive_text() == ""
            if client.get("/api/snapshot").status_code == 200:
                break
        source = state(client)["source"]
        assert (source["kind"], source["size"]) == ("browser", [640, 360])
        assert 0 < TestPattern.index_in(snapshot(client)) <= index
        client.post("/api/source", json={"kind": "test"})
        with pytest.raises(WebSocketDisconnect) as ended:
            socket.receive_text()
        assert ended.value.code == 4000


def snapshot(client: TestClient) -> Image:
    png = np.frombuffer(client.get("/api/snapshot").content, np.uint8)
    return np.asarray(cv2.imdecode(png, cv2.IMREAD_COLOR), np.uint8)


def test_damaged_pictures_of_a_camera_are_left_out(tmp_path: Path) -> None:
    image = TestPattern((64, 48)).image(3)
    good = jpeg(image, 95)
    huge = bytearray(good)
    at = huge.index(b"\xff\xc0")
    huge[at + 5 : at + 9] = b"\xff\xff\xff\xff"
    with studio(tmp_path) as client, client.websocket_connect(f"{SOCKETS}/api/camera") as socket:
        for data in (b"no picture", good[:30], bytes(huge), b"\xff\xd8" + bytes(1000), good):
            socket.send_bytes(struct.pack("<f", float("nan")) + data)
            socket.receive_text()
        wait_for(lambda: client.get("/api/snapshot").status_code == 200)
        assert state(client)["source"]["size"] == [64, 48]


def test_a_camera_that_goes_ends_what_plays(tmp_path: Path) -> None:
    with studio(tmp_path) as client:
        with client.websocket_connect(f"{SOCKETS}/api/camera") as socket:
            socket.send_bytes(struct.pack("<f", 5.0) + jpeg(TestPattern().image(1)))
            wait_for(lambda: state(client)["source"]["state"] == "playing")
        wait_for(lambda: state(client)["source"]["state"] == "ended")
        refused = client.post("/api/recording", json={"on": True})  # of a picture that stands still for ever
        assert "nothing to record" in refused.json()["error"]


def test_without_a_viewer_a_source_rests(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(viewer, "REST_AFTER", 0.05)
    with studio(tmp_path) as client:
        play_test(client)
        with client.websocket_connect(f"{SOCKETS}/api/live") as socket:
            picture(socket)
        wait_for(lambda: state(client)["source"]["state"] == "resting")
        with client.websocket_connect(f"{SOCKETS}/api/live") as socket:
            wait_for(lambda: state(client)["source"]["state"] == "playing")
            picture(socket)


def test_the_page_says_when_a_source_is_let_go() -> None:
    said = (Path(__file__).parents[2] / "docs" / "studio.md").read_text(encoding="utf-8")
    assert "the camera is let go ten seconds after the last page is closed" in said
    assert viewer.REST_AFTER == 10


def test_a_recording_is_not_cut_off_and_the_source_rests_after_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(viewer, "REST_AFTER", 0.1)
    with studio(tmp_path) as client:
        play_test(client)
        client.post("/api/recording", json={"on": True})
        with client.websocket_connect(f"{SOCKETS}/api/live") as socket:
            picture(socket)
        time.sleep(0.3)
        assert state(client)["source"]["state"] == "playing"
        client.post("/api/recording", json={"on": False})
        wait_for(lambda: state(client)["source"]["state"] == "resting")


def test_a_viewer_who_comes_while_a_source_is_let_go_sees_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(viewer, "REST_AFTER", 0.01)
    resting, let = threading.Event(), threading.Event()
    rest = Player.rest

    def slowly(self: Player) -> None:
        resting.set()
        let.wait(120)
        rest(self)

    monkeypatch.setattr(Player, "rest", slowly)
    with studio(tmp_path) as client:
        play_test(client)
        with client.websocket_connect(f"{SOCKETS}/api/live") as socket:
            picture(socket)
        assert resting.wait(120)
        with client.websocket_connect(f"{SOCKETS}/api/live") as socket:
            threading.Timer(0.1, let.set).start()
            time.sleep(0.3)
            wait_for(lambda: state(client)["source"]["state"] == "playing", 5)
            picture(socket)


def test_pictures_go_on_while_many_requests_wait(tmp_path: Path) -> None:
    with studio(tmp_path) as client:
        play_test(client)
        over = threading.Event()
        assert client.portal is not None
        for _ in range(64):  # more than Python has threads for
            client.portal.start_task_soon(asyncio.to_thread, over.wait, 120.0)
        try:
            began = time.monotonic()
            with client.websocket_connect(f"{SOCKETS}/api/live") as socket:
                assert receive(socket, "state")["source"]["state"] == "playing"
                for _ in range(5):
                    socket.send_text(json.dumps({"shown": picture(socket)[0]}))
            assert time.monotonic() - began < 100
        finally:
            over.set()


def test_the_size_of_a_jpeg_is_read_from_its_header() -> None:
    for size in ((640, 360), (1, 1), (37, 41)):
        assert jpeg_size(jpeg(TestPattern(size).image(0))) == size
    for data in (b"", b"\xff\xd8", b"\xff\xd8\xff\xc0", b"\x89PNG" * 10, b"\xff\xd8" + b"\xff\xe0\x00\x00" * 9):
        assert jpeg_size(data) is None
