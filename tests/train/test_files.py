"""What a training writes: whole files, whoever else writes or reads them, and one clear line where the disk is full."""

import errno
import json
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Barrier

import pytest
import torch

from tests.helpers.links import needs_links
from tests.helpers.training import GENERATOR
from train import checkpoint, curves, files, loop, recipe, report
from train.data.named import Named, fetch


def test_two_that_write_one_file_leave_it_whole(tmp_path: Path) -> None:
    both = Barrier(2)

    def make(letter: str) -> None:
        with files.replacing(tmp_path / "a.png") as partial, partial.open("w") as file:
            file.write(letter * 9)
            both.wait()  # the other has opened its own, too

    with ThreadPoolExecutor(2) as pool:
        list(pool.map(make, "ab"))
    assert (tmp_path / "a.png").read_text() in ("a" * 9, "b" * 9)
    assert [path.name for path in tmp_path.iterdir()] == ["a.png"]


@needs_links
def test_what_a_link_leads_to_is_replaced_and_the_link_stays(tmp_path: Path) -> None:
    far, run = tmp_path / "far", tmp_path / "run"
    far.mkdir()
    run.mkdir()
    for name in ("page.html", checkpoint.LATEST):
        (far / name).write_bytes(b"old")
        (run / name).symlink_to(far / name)
    files.write(run / "page.html", b"page")
    checkpoint.save(run, {"recipe": "new"})
    assert (far / "page.html").read_bytes() == b"page"
    assert checkpoint.load(far) == {"recipe": "new"}
    assert all(path.is_symlink() for path in run.iterdir())
    assert len([*far.iterdir(), *run.iterdir()]) == 4


def test_what_is_read_is_replaced_once_it_is_not(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As Windows has it, where nothing that is open can be replaced."""
    monkeypatch.setattr(files, "PAUSE", 0.0)
    replace, refused = Path.replace, [PermissionError(errno.EACCES, "in use")] * 3

    def by_then(partial: Path, path: Path) -> Path:
        if refused:
            raise refused.pop()
        return replace(partial, path)

    monkeypatch.setattr(Path, "replace", by_then)
    files.write(tmp_path / "page.html", b"page")
    assert checkpoint.save(tmp_path, {"recipe": ""}).is_file()
    assert (tmp_path / "page.html").read_bytes() == b"page"
    monkeypatch.setattr(files, "PATIENCE", 0.0)
    refused += [PermissionError(errno.EACCES, "in use")] * 3
    with pytest.raises(PermissionError):
        files.write(tmp_path / "page.html", b"other")
    assert (tmp_path / "page.html").read_bytes() == b"page"
    assert not list(tmp_path.glob(".*"))


def test_a_line_after_a_torn_one_is_not_lost(tmp_path: Path) -> None:
    log = tmp_path / "log.jsonl"
    log.write_text(json.dumps({"iteration": 100, "l1": 1.0}) + '\n{"iteration": 200, "l')
    files.append(log, json.dumps({"iteration": 300, "l1": 3.0}))
    files.append(log, json.dumps({"iteration": 400, "l1": 4.0}))
    assert curves.read(tmp_path).losses["l1"] == ([100, 300, 400], [1.0, 3.0, 4.0])


def test_an_alarm_that_a_resumed_run_finds_again_is_one(tmp_path: Path) -> None:
    log = tmp_path / "log.jsonl"
    for text in ("collapses", "collapses", "diverges"):
        files.append(log, json.dumps({"iteration": 100, "alarm": text}))
    files.append(log, json.dumps({"iteration": 100, "l1": 1.0}))
    assert curves.read(tmp_path).alarms == {100: ["collapses", "diverges"]}


def test_a_full_disk_names_the_file_and_leaves_nothing_half_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(path: Path, data: bytes) -> int:
        path.touch()
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(Path, "write_bytes", full)
    with pytest.raises(OSError, match=r"cannot write .*a\.png: the disk is full$"):
        files.write(tmp_path / "a.png", b"picture")
    assert not list(tmp_path.iterdir())


def test_what_was_learnt_is_kept_where_a_picture_of_it_cannot_be(
    photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(report.Report, "step", _fails_at_3)
    text = GENERATOR.format(iterations=9)
    with pytest.raises(OSError, match="the disk is full"):
        loop.train(recipe.parse(text, name="tiny"), photos, tmp_path, device=torch.device("cpu"))
    assert checkpoint.load(tmp_path)["iteration"] == 3


def _fails_at_3(self: report.Report, iteration: int, *rest: object) -> None:
    if iteration == 3:
        raise OSError("cannot write samples.png: the disk is full")


def test_a_data_set_that_two_fetch_at_once_is_whole(tmp_path: Path) -> None:
    source = tmp_path / "there"
    source.mkdir()
    (source / "a.gz").write_bytes(bytes(99))
    known = Named(source.as_uri(), "here", {"a.gz": "e1ac9b9bf44fb3c98a68ebc88d2efc52"})
    with pytest.raises(ValueError, match="is damaged, or another file by now"):
        fetch(known, tmp_path)
    assert not list((tmp_path / "here").iterdir())
    with pytest.raises(OSError, match="absent"):
        fetch(Named((tmp_path / "absent").as_uri(), "here", {"a.gz": ""}), tmp_path)
