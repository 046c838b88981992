"""All results as one ZIP archive."""

import io
import json
import os
import zipfile
from dataclasses import asdict
from pathlib import Path
from zipfile import ZipFile

import pytest

from gancam.studio.archive import zipped
from gancam.studio.jobs import Job
from tests.helpers.studio import studio


def test_each_file_is_there_by_its_own_name(tmp_path: Path) -> None:
    names = ["1/a.mp4", "2/a.mp4", "3/A.mp4", "4/Grüße 🎉.png", "5/صورة.png", "6/empty.bin"]
    files = [tmp_path / name for name in names]
    for file in files:
        file.parent.mkdir()
        file.write_bytes(b"" if file.name == "empty.bin" else file.as_posix().encode() * 1000)
    os.utime(files[0], (0, 0))  # before ZIP's own 1980
    with ZipFile(io.BytesIO(b"".join(zipped(files)))) as archive:
        assert archive.testzip() is None
        assert archive.namelist() == ["a.mp4", "a-2.mp4", "A-3.mp4", "Grüße 🎉.png", "صورة.png", "empty.bin"]
        assert [archive.read(one) for one in archive.infolist()] == [file.read_bytes() for file in files]


def test_no_part_is_large_whatever_the_file_is(tmp_path: Path) -> None:
    with (tmp_path / "large.mp4").open("wb") as file:
        file.truncate(50 << 20)
    sizes = [len(part) for part in zipped([tmp_path / "large.mp4"])]
    assert sum(sizes) > 50 << 20
    assert max(sizes) < 2 << 20


def test_files_beyond_the_sizes_of_the_old_format_are_taken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(zipfile, "ZIP64_LIMIT", 1000)  # which is 2 GB
    (tmp_path / "large.mp4").write_bytes(b"x" * 5000)
    (tmp_path / "b.png").write_bytes(b"b")
    data = b"".join(zipped([tmp_path / "large.mp4", tmp_path / "b.png"]))
    with ZipFile(io.BytesIO(data)) as archive:
        assert [len(archive.read(one)) for one in archive.infolist()] == [5000, 1]


def test_results_that_are_done_and_there_come_in_one_download(tmp_path: Path) -> None:
    kept = tmp_path / "kept"
    (kept / "jobs").mkdir(parents=True)
    for number, state in enumerate(["done", "done", "paused", "done"]):
        target = kept.resolve() / "results" / f"{number:04d}-ab" / "a.png"
        job = Job(f"{number:04d}-ab", str(kept / "uploads" / "a.png"), [], 1, "done", target=str(target))
        job.state = state  # type: ignore[assignment]
        (kept / "jobs" / f"{number:04d}-ab.json").write_text(json.dumps(asdict(job)))
        if number < 3:  # the last was deleted since
            target.parent.mkdir(parents=True)
            target.write_bytes(bytes([number]))
    with studio(kept) as client:
        answer = client.get("/api/results")
        assert answer.headers["content-disposition"] == 'attachment; filename="gancam-results.zip"'
        with ZipFile(io.BytesIO(answer.content)) as archive:
            assert {one.filename: archive.read(one) for one in archive.infolist()} == {"a.png": b"\0", "a-2.png": b"\1"}
        for number in (0, 1):
            client.delete(f"/api/jobs/{number:04d}-ab")
        assert client.get("/api/results").status_code == 404
