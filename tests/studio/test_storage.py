"""Files by references: nothing outside the roots is reached."""

import asyncio
import json
import os
import shutil
from collections.abc import AsyncIterator
from pathlib import Path
from types import SimpleNamespace

import pytest
from starlette.testclient import TestClient

from gancam.errors import InputError, NotFound
from gancam.studio import storage
from gancam.studio.storage import Storage, StoredFile, upload_name
from tests.helpers.studio import state, studio, wait_for


def test_references_lead_below_the_roots_and_nowhere_else(tmp_path: Path) -> None:
    opened = tmp_path / "Videos"
    (opened / "sea").mkdir(parents=True)
    (opened / "sea" / "a.mp4").touch()
    (tmp_path / "secret.txt").touch()
    one = Storage(tmp_path / "kept", [opened])
    assert one.resolve("Videos/sea/a.mp4") == (opened / "sea" / "a.mp4").resolve()
    assert one.reference(opened / "sea" / "a.mp4") == "Videos/sea/a.mp4"
    for wrong in ("Videos/../secret.txt", "Videos/sea/../../secret.txt", "uploads/../../secret.txt"):
        with pytest.raises(InputError, match="outside"):
            one.resolve(wrong)
    for missing in ("", "/", "/etc/passwd", "..", "secret.txt", "Videos/none.mp4", "Videos/a\x00.mp4", "C:\\a.mp4"):
        with pytest.raises(NotFound):
            one.resolve(missing)
    with pytest.raises(InputError, match="outside"):
        one.reference(tmp_path / "secret.txt")


def test_messages_name_folders_by_their_own_names(tmp_path: Path) -> None:
    one = Storage(tmp_path / "kept", [])
    kept = (tmp_path / "kept").resolve()
    said = f"{kept / 'uploads' / 'a.mp4'}: is not in {kept / 'results'}, nor in {kept}; see {os.sep}"
    assert one.hide_paths(said) == f"a.mp4: is not in results, nor in kept; see {os.sep}"


@pytest.mark.skipif(os.name == "nt", reason="links need rights on Windows")
def test_links_that_lead_out_are_not_followed(tmp_path: Path) -> None:
    (tmp_path / "secret.mp4").touch()
    one = Storage(tmp_path / "kept")
    (tmp_path / "kept" / "uploads" / "link.mp4").symlink_to(tmp_path / "secret.mp4")
    (tmp_path / "kept" / "uploads" / "dead.mp4").symlink_to(tmp_path / "none")
    assert one.entries("uploads") == []
    with pytest.raises(InputError, match="outside"):
        one.resolve("uploads/link.mp4")


def test_folders_of_one_name_are_told_apart(tmp_path: Path) -> None:
    for name in ("a/clips", "b/clips", "c/uploads"):
        (tmp_path / name).mkdir(parents=True)
    one = Storage(tmp_path / "kept", [tmp_path / "a/clips", tmp_path / "b/clips", tmp_path / "c/uploads"])
    assert one.opened == ["clips", "clips-2", "uploads-2"]
    with pytest.raises(NotFound, match="no such folder"):
        Storage(tmp_path / "kept", [tmp_path / "none"])


@pytest.mark.parametrize(
    ("name", "clean"),
    [
        ("a.mp4", "a.mp4"), ("../../etc/passwd", "passwd"), ("C:\\x\\b c.png", "b c.png"), (".hidden", "hidden"),
        ("straße 1.mp4", "straße 1.mp4"), ("🎉 👩‍👧.png", "🎉 👩‍👧.png"),
        ("a\n<b>.mp4", "a__b_.mp4"), ("x" * 300 + ".mp4", "x" * 116 + ".mp4"),
        ("会" * 300 + ".mp4", "会" * 65 + ".mp4"), ("😀" + "会" * 65 + "x.mp4", "😀" + "会" * 64 + ".mp4"),
        ("holiday " + "x" * 300 + " end.mp4", "holiday " + "x" * 108 + ".mp4"), ("a." + "x" * 300, "a." + "x" * 118),
        ("CON.mp4", "_CON.mp4"), ("nul", "_nul"), ("aux.tar.gz", "_aux.tar.gz"), ("Lpt1 .mkv", "_Lpt1 .mkv"),
        ("com¹.png", "_com¹.png"), ("console.mp4", "console.mp4"), ("com10.png", "com10.png"),
    ],
)  # fmt: skip
def test_names_are_cleaned(name: str, clean: str) -> None:
    assert upload_name(name) == clean


@pytest.mark.parametrize("name", ["", "/", "..", " . ", "a/"])
def test_names_that_are_none_are_refused(name: str) -> None:
    with pytest.raises(InputError):
        upload_name(name)


@pytest.mark.parametrize(
    ("name", "status"), [("a.pdf", 400), ("a", 400), ("a.mp4.zip", 400), ("A.MP4", 200), ("a.jpg", 200)]
)
def test_what_could_not_be_listed_is_not_kept_as_a_video_or_image(tmp_path: Path, name: str, status: int) -> None:
    with studio(tmp_path) as client:
        answer = client.post(f"/api/uploads?name={name}&only=media", content=b"one")
        assert answer.status_code == status
        assert len(list((tmp_path / "uploads").iterdir())) == (status == 200)
        assert client.post(f"/api/uploads?name={name}", content=b"one").status_code == 200


def test_uploads_never_replace_one_another(tmp_path: Path) -> None:
    with studio(tmp_path) as client:
        first = client.post("/api/uploads?name=a.png", content=b"one").json()
        second = client.post("/api/uploads?name=../x/a.png", content=b"two").json()
        assert [first["reference"], second["reference"]] == ["uploads/a.png", "uploads/a-2.png"]
        assert client.get("/api/downloads/uploads/a.png").content == b"one"
        assert client.get("/api/downloads/uploads/a-2.png?show=1").content == b"two"
        assert client.post("/api/uploads?name=", content=b"x").status_code == 400
        assert client.get("/api/downloads/uploads/../../x").status_code in (400, 404)
        assert client.get("/api/downloads/uploads").status_code == 400
        assert [entry["name"] for entry in client.get("/api/files/uploads").json()["entries"]] == ["a-2.png", "a.png"]


def test_files_of_long_names_are_kept(tmp_path: Path) -> None:
    with studio(tmp_path) as client:
        for count in range(3):
            answer = client.post(f"/api/uploads?name={'会议记录' * 25}.mp4", content=b"one")
            assert answer.status_code == 200
            assert client.get(f"/api/downloads/{answer.json()['reference']}").content == b"one"
            assert len(list((tmp_path / "uploads").iterdir())) == count + 1


def test_uploads_of_one_name_at_once_are_both_kept(tmp_path: Path) -> None:
    one = Storage(tmp_path)

    async def parts(text: bytes) -> AsyncIterator[bytes]:
        for byte in text:
            await asyncio.sleep(0.01)
            yield bytes([byte])

    async def both() -> list[StoredFile]:
        return list(await asyncio.gather(*(one.save("a.mp4", parts(text)) for text in (b"one", b"two"))))

    found = asyncio.run(both())
    assert sorted((tmp_path / "uploads" / each.name).read_bytes() for each in found) == [b"one", b"two"]
    assert len(list((tmp_path / "uploads").iterdir())) == 2


def test_an_upload_may_take_all_that_is_free(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    disk, large = 10 << 20, 1 << 20

    def usage(_: object) -> SimpleNamespace:
        return SimpleNamespace(free=disk - sum(path.stat().st_size for path in (tmp_path / "uploads").iterdir()))

    async def chunks(count: int) -> AsyncIterator[bytes]:
        for _ in range(count):
            yield bytes(large)

    monkeypatch.setattr(storage, "KEEP_FREE", 1 << 20)
    monkeypatch.setattr(shutil, "disk_usage", usage)
    one = Storage(tmp_path)
    for mib in (9, 8, 5):
        one.check_size(mib * large)
        made = asyncio.run(one.save("a.mp4", chunks(mib)))
        assert made.size == mib * large
        one.delete(made.reference)
    with pytest.raises(InputError, match=r"^10 MB do not fit on the disk: 10 MB are free, and 1 MB of them are left"):
        one.check_size(10 * large)
    with pytest.raises(InputError, match=r"^10 MB do not fit on the disk: 10 MB are free"):
        asyncio.run(one.save("a.mp4", chunks(10)))
    with pytest.raises(InputError, match=r"^9\.7 GB are too much: up to 8\.6 GB are taken"):
        one.check_size(9 << 30)
    assert list((tmp_path / "uploads").iterdir()) == []


def test_a_disk_that_takes_no_more_is_told_of(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with studio(tmp_path) as client:
        shutil.rmtree(tmp_path / "uploads")
        answer = client.post("/api/uploads?name=a.mp4", content=b"x")
        assert answer.status_code == 400
        assert answer.json()["error"].startswith("a.mp4: cannot be kept (No such file")


_ODD: list[tuple[str, str, dict[str, object] | None]] = [
    ("GET", f"files/uploads/{'a' * 300}", None), ("GET", f"files/uploads/{'会' * 100}?all=1", None),
    ("GET", "files/uploads/loop", None), ("GET", "files/uploads/loop?all=1", None),
    ("GET", "files/uploads/sub?all=1", None), ("GET", "files/uploads/a.mp4?all=1", None),
    ("GET", "files/uploads/a.mp4", None), ("DELETE", f"files/uploads/{'a' * 300}", None),
    ("GET", f"downloads/uploads/{'a' * 300}", None), ("GET", f"media/uploads/{'a' * 300}", None),
    ("GET", "media/uploads/loop", None), ("GET", "frames/uploads/%00", None),
    ("POST", "jobs", {"reference": f"uploads/{'a' * 300}"}), ("POST", "jobs", {"reference": "uploads/a\x00"}),
    ("POST", "source", {"kind": "file", "value": f"uploads/{'a' * 300}"}),
    ("POST", "source", {"kind": "file", "value": "uploads/\ud800"}),
    ("POST", "source", {"kind": "camera", "value": "9" * 30}),
    ("POST", "source", {"kind": "camera", "value": "\x00"}),
    ("POST", "source", {"kind": "stream", "value": "http://[::1"}),
    ("POST", "source", {"kind": "stream", "value": "rtsp://a\x00b/"}),
    ("POST", "effects", {"model": "background", "params": {"image": f"uploads/{'b' * 300}"}}),
    ("POST", "effects", {"model": "background", "params": {"image": "/x\x00"}}),
    ("POST", "effects", {"model": "background", "params": {"image": f"/{'b' * 300}"}}),
    ("POST", "effects", {"model": "a\x00"}), ("POST", "effects", {"model": "a" * 300}),
    ("PATCH", "controls", {"inpaint.mask": "/x\x00"}), ("PATCH", "controls", {"inpaint.mask": "uploads/\udcff"}),
    ("PATCH", "controls", {"inpaint.save": ""}), ("PATCH", "controls", {"inpaint.mask": "a" * 5000}),
    ("POST", "catalogue", {"reference": "uploads/a.mp4", "name": "a\x00"}),
    ("POST", "catalogue", {"reference": "uploads/\x00"}), ("POST", "catalogue/a%00/speed", None),
    ("GET", f"thumbnails/1/{'a' * 300}", None), ("GET", f"seeds/{'a' * 300}/1", None),
    ("GET", "seeds/a%00/1", None), ("GET", "seeds/mnist/x", None), ("GET", "thumbnails/-1/sketch", None),
    ("GET", f"seeds/mnist/{'9' * 5000}", None), ("GET", f"thumbnails/{'9' * 5000}/sketch", None),
    ("POST", f"jobs/{'a' * 300}/pause", None), ("DELETE", "jobs/..%2F..%2Fx", None),
]  # fmt: skip


@pytest.mark.slow
@pytest.mark.skipif(os.name == "nt", reason="links need rights on Windows")
def test_no_name_is_a_fault_of_gancams_own(tmp_path: Path) -> None:
    with studio(tmp_path) as client:
        (tmp_path / "uploads" / "sub").mkdir()
        (tmp_path / "uploads" / "sub" / "b.mp4").touch()
        (tmp_path / "uploads" / "loop").symlink_to(tmp_path / "uploads" / "loop")
        (tmp_path / "uploads" / "a.mp4").write_bytes(b"x")
        client.post("/api/effects", json={"model": "inpaint"})
        faults = []
        for method, path, body in _ODD:
            content = None if body is None else json.dumps(body)
            if client.request(method, f"/api/{path}", content=content).status_code >= 500:
                faults.append((method, path, body))
            wait_for(lambda: state(client)["source"]["state"] != "opening")
            if "gancam's own" in state(client)["source"]["error"]:
                faults.append((method, path, body))
        assert faults == []


def test_pictures_videos_and_sound_are_shown_in_the_browser_and_nothing_that_may_hold_a_script(tmp_path: Path) -> None:
    shown = ["a.png", "a.jpg", "a.webp", "a.mp4", "a.webm", "a.wav", "a.MP4"]
    kept = [
        "a.svg", "a.svgz", "a.html", "a.xhtml", "a.xht", "a.shtml", "a.js", "a.mml", "a.xml", "a.pdf", "a.txt", "a",
        "a.SVG", "a.xyz", "a.swf", "a.css", "a.mhtml", "a.png.gz", "a.svg.gz", "a.x3d",
    ]  # fmt: skip
    with studio(tmp_path) as client:
        for name in (*shown, *kept):
            client.post(f"/api/uploads?name={name}", content=b"<script>")
        assert [name for name in (*shown, *kept) if disposition(client, f"{name}?show=1") == "inline"] == shown
        assert {disposition(client, name) for name in shown} == {"attachment"}


def disposition(client: TestClient, name: str) -> str:
    return client.get(f"/api/downloads/uploads/{name}").headers["content-disposition"].partition(";")[0]


def test_an_upload_that_grows_too_large_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(storage, "LARGEST", 100_000)
    with studio(tmp_path) as client:
        assert client.post("/api/uploads?name=a.mp4", content=b"x" * 100_001).status_code == 413
        chunks = (b"x" * 50_000 for _ in range(4))  # no length is told
        assert client.post("/api/uploads?name=a.mp4", content=chunks).status_code == 400
        assert list((tmp_path / "uploads").iterdir()) == []


def test_what_a_crash_left_of_an_upload_is_deleted_at_a_later_start(tmp_path: Path) -> None:
    uploads = tmp_path / "uploads"
    uploads.mkdir()
    for name in (".old.mp4.part", ".new.mp4.part", "kept.part", ".hidden"):
        (uploads / name).touch()
        if "new" not in name:
            os.utime(uploads / name, (1e9, 1e9))
    Storage(tmp_path)
    assert sorted(path.name for path in uploads.iterdir()) == [".hidden", ".new.mp4.part", "kept.part"]


def test_an_upload_that_breaks_off_leaves_nothing(tmp_path: Path) -> None:
    async def broken() -> AsyncIterator[bytes]:
        yield b"some"
        raise ConnectionError

    one = Storage(tmp_path)
    with pytest.raises(ConnectionError):
        asyncio.run(one.save("a.mp4", broken()))
    assert list((tmp_path / "uploads").iterdir()) == []
