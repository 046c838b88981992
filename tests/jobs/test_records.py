"""`gancam process --resume` on a file that is made: passed over where the same job made it, refused where not."""

import json
import os
import shutil
from pathlib import Path

import cv2
import pytest

from gancam.files import cache_folder
from gancam.jobs import identity, records
from tests.helpers.clips import make_clip, scenery
from tests.helpers.command import here


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    make_clip(Path("in.mp4"), images=scenery(count=3))
    return tmp_path


def resume(*arguments: str) -> tuple[int, str]:
    done = here("process", *arguments, "--resume")
    return done.returncode, f"{done.stdout}{done.stderr}"


@pytest.mark.parametrize("out", ["out.mp4", "out.mkv", "out.gif", "frame-%02d.png"])
def test_what_is_made_is_passed_over(folder: Path, out: str) -> None:
    assert resume("in.mp4", out)[0] == 0
    before = {path: path.stat().st_mtime_ns for path in folder.glob("*.*")}
    assert resume("in.mp4", out) == (0, f"{out} is already made\n")
    assert resume("in.mp4", out, "-q") == (0, "")
    code, said = resume("in.mp4", out, "--json")
    assert (code, json.loads(said)["notes"]) == (0, ["is already made"])
    assert {path: path.stat().st_mtime_ns for path in folder.glob("*.*")} == before
    assert not list(folder.glob(".*"))  # nothing hidden lies beside it
    assert here("process", "in.mp4", out).returncode == 2  # without --resume, as ever


@pytest.mark.parametrize("arguments", [("out.mp4",), ("frame-%02d.png",), ("out.mp4", "--jobs", "2"), ("out",)])
def test_an_input_is_identified_once(folder: Path, monkeypatch: pytest.MonkeyPatch, arguments: tuple[str, ...]) -> None:
    """For the pieces, and for the record of what is finished: of a video, blocks from all over are read for that."""
    asked: list[str] = []

    def counted(path: str | os.PathLike[str]) -> str:
        asked.append(str(path))
        return whole(path)

    (folder / "out").mkdir()
    whole = identity.identity
    monkeypatch.setattr(identity, "identity", counted)
    assert here("process", "in.mp4", *arguments).returncode == 0
    assert asked == ["in.mp4"]


def test_an_image_is_passed_over(folder: Path) -> None:
    cv2.imwrite("in.png", scenery(count=1)[0])
    assert here("process", "in.png", "out.jpg", "--quality", "70").returncode == 0
    assert resume("in.png", "out.jpg", "--quality", "70") == (0, "out.jpg is already made\n")
    told = {"output": "out.jpg", "notes": ["is already made"]}
    assert json.loads(resume("in.png", "out.jpg", "--quality", "70", "--json")[1]) == told
    code, said = resume("in.png", "out.jpg", "--quality", "80")
    assert (code, "quality was 70" in said) == (2, True)


def test_with_workers_and_from_another_folder(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert here("process", "in.mp4", "out.mp4").returncode == 0
    (folder / "else").mkdir()
    monkeypatch.chdir(folder / "else")
    assert resume("../in.mp4", "../out.mp4", "--jobs", "2") == (0, "../out.mp4 is already made\n")


@pytest.mark.parametrize(
    ("more", "says"),
    [
        (("--quality", "50"), "quality was not given, now 50"),
        (("--codec", "h265"), "codec was not given, now h265"),
        (("--chroma", "444"), "chroma was not given, now 444"),
        (("--to", "0.05s"), "to was not given, now 0.05 s"),
        (("--bob",), "deinterlace was off, now bob"),
    ],
)
def test_another_job_is_refused(folder: Path, more: tuple[str, ...], says: str) -> None:
    assert resume("in.mp4", "out.mp4")[0] == 0
    code, said = resume("in.mp4", "out.mp4", *more)
    assert code == 2
    assert "out.mp4: exists, and was made with other options (" in said
    assert says in said
    assert said.endswith("; give another name, or --overwrite\n")
    assert resume("in.mp4", "out.mp4")[0] == 0  # the record stays


def test_another_input_is_refused(folder: Path) -> None:
    assert resume("in.mp4", "out.mp4")[0] == 0
    make_clip(Path("in.mp4"), images=scenery(count=4))
    code, said = resume("in.mp4", "out.mp4")
    assert (code, "out.mp4: exists, and was made with other options (input " in said) == (2, True)


def test_files_that_were_moved_or_changed_are_refused(folder: Path) -> None:
    made = Path("out.mp4")
    assert resume("in.mp4", "out.mp4")[0] == 0
    kept = made.stat()
    made.rename("moved.mp4")
    code, said = resume("in.mp4", "moved.mp4")
    assert (code, "moved.mp4: exists, and there is no record that gancam made it" in said) == (2, True)
    shutil.copy("in.mp4", made)
    code, said = resume("in.mp4", "out.mp4")
    assert (code, "out.mp4: exists, and is not as gancam made it; give another name" in said) == (2, True)
    os.replace("moved.mp4", made)  # back again, as it was
    assert resume("in.mp4", "out.mp4") == (0, "out.mp4 is already made\n")
    os.utime(made, ns=(kept.st_atime_ns, kept.st_mtime_ns + 1_000_000_000))
    assert resume("in.mp4", "out.mp4")[0] == 2
    assert here("process", "in.mp4", "out.mp4", "--resume", "--overwrite").returncode == 0
    assert resume("in.mp4", "out.mp4")[0] == 0
    made.unlink()
    assert "wrote out.mp4" in resume("in.mp4", "out.mp4")[1]


@pytest.mark.parametrize("harm", ["no folder", "damaged", "another's"])
def test_without_a_record_it_is_refused(folder: Path, harm: str) -> None:
    if harm == "no folder":  # a cache that cannot be written, by root either
        Path("cache").write_bytes(b"")
    assert resume("in.mp4", "out.mp4")[0] == 0
    for record in cache_folder().glob("made/*") if harm != "no folder" else ():
        told = json.loads(record.read_text())
        record.write_text("{" if harm == "damaged" else json.dumps({**told, "output": "/else.mp4"}))
    code, said = resume("in.mp4", "out.mp4")
    assert (code, "out.mp4: exists, and there is no record that gancam made it" in said) == (2, True)


def test_a_failed_job_leaves_the_record_of_the_file_that_is_there(folder: Path) -> None:
    assert resume("in.mp4", "out.mp4")[0] == 0
    Path("bad.mp4").write_bytes(b"bad")
    assert here("process", "bad.mp4", "out.mp4", "--overwrite").returncode == 2
    assert resume("in.mp4", "out.mp4") == (0, "out.mp4 is already made\n")


def test_a_file_that_an_effect_writes_beside_must_be_there(folder: Path) -> None:
    target, beside = folder / "out.mp4", folder / "track.mkv"
    target.write_bytes(b"made")
    beside.write_bytes(b"track")
    job = {"input": "a"}
    records.keep(target, job, [beside])
    assert records.in_the_way(target, job, [beside]) is None
    assert records.in_the_way(target, job, []) == "exists, and was made without or with other files beside it"
    beside.unlink()
    assert records.in_the_way(target, job, [beside]) == f"exists, and {beside}, made with it, is no longer there"


def test_old_records_go(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(records, "_MOST", 3)
    for number in range(6):
        target = folder / f"{number}.mp4"
        target.write_bytes(b"made")
        records.keep(target, {}, [])
        for record in (cache_folder() / "made").glob("*.json"):
            os.utime(record, (1, number + 1)) if record.stat().st_mtime > 1e6 else None
    kept = [number for number in range(6) if records.in_the_way(folder / f"{number}.mp4", {}, []) is None]
    assert kept == [3, 4, 5]
