"""The loop that serves everybody: nothing in it waits for a disk, for a lock, or for threads that others have taken."""

import asyncio
import os
import shutil
import socket
import sys
import threading
import time
from collections.abc import Callable, Coroutine
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from gancam.frame import Image
from gancam.studio import menu
from gancam.studio.jobs_api import Previews
from tests.helpers.browser import serving
from tests.helpers.studio import BEARER, play_test, studio, wait_for


def test_no_request_reads_the_disk_in_the_event_loop(
    tmp_path: Path, clip: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[str] = []

    def watched(real: Callable[..., object]) -> Callable[..., object]:
        def calling(*arguments: object, **named: object) -> object:
            if asyncio._get_running_loop() is not None:
                frame: Any = sys._getframe(1)
                while frame is not None:
                    if f"gancam{os.sep}studio" in frame.f_code.co_filename:
                        seen.append(f"{frame.f_code.co_qualname}: {real.__name__}")
                        break
                    frame = frame.f_back
            return real(*arguments, **named)

        return calling

    with studio(tmp_path / "kept") as client:
        for module, name in (
            (os, "stat"),
            (os, "lstat"),
            (os, "scandir"),
            (os, "listdir"),
            (os, "unlink"),
            (os, "link"),
            (shutil, "disk_usage"),
        ):
            monkeypatch.setattr(module, name, watched(getattr(module, name)))
        play_test(client)
        reference = client.post("/api/uploads?name=a.mp4", content=clip.read_bytes()).json()["reference"]
        assert client.post("/api/jobs", json={"reference": reference}).status_code == 200
        number = client.get("/api/jobs").json()["jobs"][0]["number"]
        newest = client.post("/api/thumbnails").json()["number"]
        client.post("/api/catalogue", json={"reference": "uploads/none.onnx"})
        client.post("/api/catalogue/nothing/speed")
        client.post("/api/mirror", json={"on": True})
        client.put("/api/preset", content=b"")
        for path in (
            "state", "models", "sources", "preset", "command", "snapshot", "files", "files/uploads",
            "files/uploads?all=1", f"downloads/{reference}", f"media/{reference}", f"frames/{reference}",
            f"previews/{reference}",
            "jobs",
            f"strips/{reference}", f"jobs/{number}/verify", "catalogue", "seeds/nothing/1",
            f"thumbnails/{newest}/nothing",
        ):  # fmt: skip
            client.get(f"/api/{path}")
        client.post(f"/api/jobs/{number}/pause")
        client.delete(f"/api/jobs/{number}")
        client.delete(f"/api/files/{reference}")
        assert sorted(set(seen)) == []


def test_no_preview_is_made_that_nobody_waits_for(tmp_path: Path, clip: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    let, made, loops = threading.Event(), list[float](), list[asyncio.AbstractEventLoop]()
    asked: list[Callable[[], Coroutine[object, object, bool]]] = []
    make = Previews.make

    async def noted(self: Previews, chain: Any, image: Image, moment: float, gone: Any) -> Image:
        loops.append(asyncio.get_running_loop())
        asked.append(gone)
        return await make(self, chain, image, moment, gone)

    def slowly(self: Previews, chain: object, image: Image, moment: float) -> Image:
        made.append(moment)
        let.wait(120)
        return image

    def all_gone() -> bool:
        return all(asyncio.run_coroutine_threadsafe(gone(), loops[0]).result(120) for gone in asked[1:4])

    monkeypatch.setattr(Previews, "make", noted)
    monkeypatch.setattr(Previews, "_make", slowly)
    with serving(tmp_path) as url:
        port = int(url.split(":")[2].partition("/")[0])
        shutil.copy(clip, tmp_path / "uploads" / "a.mp4")
        head = f"Host: 127.0.0.1:{port}\r\nAuthorization: {BEARER['Authorization']}\r\n\r\n"
        pages = [socket.create_connection(("127.0.0.1", port)) for _ in range(5)]
        for place, page in enumerate(pages):  # as a slider is dragged
            page.sendall(f"GET /api/previews/uploads/a.mp4?at=0.{place} HTTP/1.1\r\n{head}".encode())
            wait_for(lambda place=place: len(asked) > place and made)  # type: ignore[misc]
        for page in pages[:4]:
            page.close()
        wait_for(all_gone)
        let.set()
        assert pages[4].recv(12) == b"HTTP/1.1 200"
        pages[4].close()
    assert made == [0.0, 0.4]


def test_what_waits_for_its_turn_holds_up_nothing_else(
    tmp_path: Path, clip: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    let = threading.Event()

    def slowly(name: str, frame: Image) -> Image:
        let.wait(300)
        return frame

    monkeypatch.setattr(menu, "_shown", slowly)
    with studio(tmp_path) as client, ThreadPoolExecutor(40) as pages:
        number = client.post("/api/thumbnails").json()["number"]
        asked = [pages.submit(client.get, f"/api/thumbnails/{number}/sketch") for _ in range(40)]
        time.sleep(0.3)
        began = time.monotonic()
        assert client.get("/api/state").status_code == 200
        took = time.monotonic() - began
        let.set()
        assert {one.result().status_code for one in asked} == {200}
        assert took < 200  # of the 300 that they may wait for
