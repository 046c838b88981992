"""Files by references: nothing outside the roots is reached."""

import os
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from gancam.errors import InputError, NotFound
from gancam.studio import storage
from gancam.studio.storage import Storage, clean_name
from tests.helpers.studio import studio


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
        ("straße 1.mp4", "straße 1.mp4"), ("a\n<b>.mp4", "a__b_.mp4"), ("x" * 300 + ".mp4", "x" * 116 + ".mp4"),
    ],
)  # fmt: skip
def test_names_are_cleaned(name: str, clean: str) -> None:
    assert clean_name(name) == clean


@pytest.mark.parametrize("name", ["", "/", "..", " . ", "a/"])
def test_names_that_are_none_are_refused(name: str) -> None:
    with pytest.raises(InputError):
        clean_name(name)


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


def test_an_upload_that_grows_too_large_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(storage, "LARGEST", 100_000)
    with studio(tmp_path) as client:
        assert client.post("/api/uploads?name=a.mp4", content=b"x" * 100_001).status_code == 413
        chunks = (b"x" * 50_000 for _ in range(4))  # no length is told
        assert client.post("/api/uploads?name=a.mp4", content=chunks).status_code == 400
        assert list((tmp_path / "uploads").iterdir()) == []


def test_an_upload_that_breaks_off_leaves_nothing(tmp_path: Path) -> None:
    import asyncio

    async def broken() -> AsyncIterator[bytes]:
        yield b"some"
        raise ConnectionError

    one = Storage(tmp_path)
    with pytest.raises(ConnectionError):
        asyncio.run(one.save("a.mp4", broken()))
    assert list((tmp_path / "uploads").iterdir()) == []
