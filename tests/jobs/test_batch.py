"""Many files: which are found, what they become, what is skipped, and what one failure costs."""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from gancam.effects import EffectSpec
from gancam.errors import InputError, NotFound, OutputExists, SinkError
from gancam.frame import Image
from gancam.jobs.batch import process_all
from gancam.jobs.eta import ProgressEstimate
from gancam.jobs.events import JobEvent, Summary, to_json
from gancam.jobs.inputs import LEDGER, BatchItem, find_inputs, is_batch
from gancam.jobs.process import process_video
from gancam.jobs.spec import EffectChainSpec, ProcessOptions
from gancam.pipeline import Report
from gancam.sinks.job_changes import changes
from gancam.sinks.piece_store import pieces_of
from gancam.sources import TestPattern
from tests.helpers.clips import make_clip
from tests.helpers.command import here, refused
from tests.helpers.jobs import same_pictures
from tests.helpers.links import needs_links
from tests.helpers.small import network, still, write_models


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_models(tmp_path_factory.mktemp("models"), network())


@pytest.fixture
def holiday(tmp_path: Path) -> Path:
    """Two videos, an image, a text, a folder in the folder, a damaged video, hidden things."""
    folder = tmp_path / "holiday"
    (folder / "sea").mkdir(parents=True)
    make_clip(folder / "a.mp4")
    make_clip(folder / "sea" / "b.mkv", images=[frame.image for frame in TestPattern((64, 48), frames=10)])
    cv2.imwrite(str(folder / "sea" / "still.png"), still("sign"))
    (folder / "notes.txt").write_text("sunny")
    (folder / "broken.mp4").write_bytes(b"no video" * 100)
    (folder / ".hidden.mp4").write_bytes(b"")
    return folder


def names(inputs: list[str], out: Path, **options: str) -> list[str]:
    return sorted(item.name for item in find_inputs(inputs, out, **options).items)


def read(path: Path) -> Image:
    return np.asarray(cv2.imread(str(path)), np.uint8)


def batch(
    inputs: Path, out: Path, specs: tuple[EffectSpec, ...] = (), *, workers: int | None = 1, **options: Any
) -> tuple[Summary, list[dict[str, Any]]]:
    events: list[dict[str, Any]] = []

    def notify(event: JobEvent) -> None:
        events.append(json.loads(json.dumps(to_json(event))))

    found = find_inputs([str(inputs)], out)
    return process_all(
        found, out, EffectChainSpec(specs), ProcessOptions(resume=True, **options), notify=notify, workers=workers
    ), events


def test_a_tree_is_mirrored_and_what_is_no_picture_counted(holiday: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    found = find_inputs([str(holiday)], out)
    assert sorted(item.name for item in found.items) == ["a.mp4", "broken.mp4", "sea/b.mkv", "sea/still.png"]
    assert found.others == 1
    assert all(item.target == out / item.name for item in found.items)
    assert names([str(holiday / "a.mp4"), str(holiday / "sea")], out) == ["a.mp4", "sea/b.mkv", "sea/still.png"]
    assert names([str(holiday / "*")], out) == ["a.mp4", "broken.mp4", "sea/b.mkv", "sea/still.png"]
    assert names([str(holiday / "*.mp4")], out) == ["a.mp4", "broken.mp4"]
    assert names([str(holiday / "**" / "*.[mp][kn]?")], out) == ["sea/b.mkv", "sea/still.png"]
    assert names([str(holiday / "*.mp4"), str(holiday / "a.mp4")], out) == ["a.mp4", "broken.mp4"]


def test_which_names_mean_many_files(holiday: Path, tmp_path: Path) -> None:
    one, out = str(holiday / "a.mp4"), str(tmp_path / "out.mp4")
    assert not is_batch([one], out)
    assert not is_batch(["-"], out)
    assert not is_batch([str(tmp_path / "nothing.mp4")], out)
    assert is_batch([one, one], out)
    assert is_batch([str(holiday)], out)
    assert is_batch([str(holiday / "*.mp4")], out)
    assert is_batch([one], str(tmp_path))
    assert is_batch([one], out + "/")
    with pytest.raises(InputError, match="-: stdout takes one video"):
        find_inputs([str(holiday)], Path("-"))
    with pytest.raises(InputError, match="need a folder as output"):
        find_inputs([str(holiday)], Path(out))
    (holiday / "b*.mp4").write_bytes(b"")
    assert not is_batch([str(holiday / "b*.mp4")], out)


@needs_links
def test_the_output_is_never_an_input(holiday: Path, tmp_path: Path) -> None:
    inside = holiday / "out"
    batch(holiday / "sea", inside)
    assert (inside / "still.png").exists()
    wanted = ["a.mp4", "broken.mp4", "sea/b.mkv", "sea/still.png"]
    assert names([str(holiday)], inside) == wanted
    assert names([str(holiday)], holiday / "other") == wanted, "what an earlier batch wrote"
    assert names([str(holiday / "**" / "*")], holiday / "other") == wanted
    (holiday / "link").symlink_to(inside)
    assert names([str(holiday)], inside) == wanted
    with pytest.raises(InputError, match="is both input and output"):
        find_inputs([str(holiday)], holiday)
    with pytest.raises(InputError, match="would be written over itself"):
        find_inputs([str(holiday / "a.mp4"), str(holiday / "sea")], holiday)
    with pytest.raises(NotFound, match="matches no file"):
        find_inputs([str(holiday / "*.webm")], tmp_path)
    with pytest.raises(NotFound, match="no such file or folder"):
        find_inputs([str(holiday / "c.mp4")], tmp_path)


@needs_links
def test_links_are_followed_but_not_in_circles(holiday: Path, tmp_path: Path) -> None:
    (holiday / "sea" / "up").symlink_to(holiday)
    (holiday / "gone.mp4").symlink_to(tmp_path / "nowhere")
    (tmp_path / "elsewhere").mkdir()
    make_clip(tmp_path / "elsewhere" / "c.mp4")
    (holiday / "far").symlink_to(tmp_path / "elsewhere")
    (holiday / "one.mp4").symlink_to(tmp_path / "elsewhere" / "c.mp4")
    wanted = ["a.mp4", "broken.mp4", "far/c.mp4", "gone.mp4", "one.mp4", "sea/b.mkv", "sea/still.png"]
    assert names([str(holiday)], tmp_path / "out") == wanted
    assert names([str(holiday / "**")], tmp_path / "out") == wanted


def test_two_of_one_name(tmp_path: Path) -> None:
    for folder in ("x", "y"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "a.avi").write_bytes(b"")
    out = tmp_path / "out"
    with pytest.raises(InputError, match=r"would both become .*a\.avi: give a folder above both"):
        find_inputs([str(tmp_path / "x" / "a.avi"), str(tmp_path / "y" / "a.avi")], out)
    assert names([str(tmp_path / "x"), str(tmp_path / "y")], out) == ["x/a.mkv", "y/a.mkv"]
    for ending in (".mkv", ".MP4", ".wmv"):
        (tmp_path / "x" / f"a{ending}").write_bytes(b"")
    assert names([str(tmp_path / "x")], out) == ["a.MP4", "a.avi.mkv", "a.mkv", "a.wmv.mkv"]
    (tmp_path / "x" / "a.mkv").unlink()
    (tmp_path / "x" / "a.wmv.mkv").write_bytes(b"")
    assert names([str(tmp_path / "x")], out) == ["a.MP4", "a.mkv", "a.wmv.mkv", "a.wmv.mkv.mkv"]
    (tmp_path / "x" / "a.wmv.mkv").unlink()
    assert names([str(tmp_path / "x")], out) == ["a.MP4", "a.mkv", "a.wmv.mkv"]
    assert names([str(tmp_path / "x")], out, codec="vp9") == ["a.MP4", "a.mkv", "a.wmv.mkv"]
    assert find_inputs([str(tmp_path / "x")], out).notes == [
        ".avi files become .mkv files: .avi cannot be written", ".wmv files become .mkv files: .wmv cannot be written",
    ]  # fmt: skip
    with pytest.raises(InputError, match="no codec"):
        find_inputs([str(tmp_path / "x")], out, codec="betamax")


def test_names_that_a_disk_may_take_for_one(tmp_path: Path) -> None:
    """The second was refused or replaced the first on the disks of Windows, macOS and USB sticks."""
    out, inputs = tmp_path / "out", list[str]()
    for place, name in enumerate(
        ("IMG_1.JPG", "img_1.jpg", "Sea.mkv", "sea.avi", "cafe\u0301.mp4", "caf\u00e9.mp4", "A/b.mp4", "a/b.mp4")
    ):
        path = tmp_path / str(place) / name
        path.parent.mkdir(parents=True)
        path.write_bytes(b"")
        inputs.append(str(path if path.parent.name.isdecimal() else path.parent))
    found = find_inputs(inputs, out)
    assert [item.name for item in found.items] == [
        "IMG_1.JPG", "img_1.jpg.jpg", "Sea.mkv", "sea.avi.mkv", "cafe\u0301.mp4", "caf\u00e9.mp4.mp4", "A/b.mp4",
        "a/b.mp4.mp4",
    ]  # fmt: skip
    why = "many disks take names that differ in case or accents' form alone for one"
    assert found.notes[-1] == f"3 files get their extension twice, as img_1.jpg.jpg: {why}"


def test_one_failure_costs_one_file_and_what_is_done_is_skipped(holiday: Path, model: Path, tmp_path: Path) -> None:
    out = tmp_path / "new" / "out"
    summary, events = batch(holiday, out, (EffectSpec(str(model)),))
    assert (summary.made, summary.done, summary.others) == (3, 0, 1)
    assert [path.name for path, _ in summary.failed] == ["broken.mp4"]
    assert "broken.mp4: not a video" in summary.failed[0][1]
    assert summary.text(out)[1].startswith("failed: ")
    made = sorted(str(path.relative_to(out)) for path in out.rglob("*") if path.is_file())
    assert made == [LEDGER, "a.mp4", "sea/b.mkv", "sea/still.png"]
    assert read(out / "sea" / "still.png").shape[1] == 2 * still("sign").shape[1]
    kinds = [event["event"] for event in events]
    assert kinds[0] == "batch"
    assert kinds[-1] == "summary"
    assert kinds.count("file") == 4
    assert kinds.count("made") == 3
    progress = [event for event in events if event["event"] == "progress"]
    assert progress[-1]["eta"] is not None
    times = {path: path.stat().st_mtime_ns for path in out.rglob("[!.]*.*") if path.is_file()}
    again, _ = batch(holiday, out, (EffectSpec(str(model)),))
    assert (again.made, again.done, len(again.failed)) == (0, 3, 1)
    assert times == {path: path.stat().st_mtime_ns for path in out.rglob("[!.]*.*") if path.is_file()}


@pytest.mark.parametrize("workers", [1, 2])
def test_images_have_the_quality_that_is_asked_for(tmp_path: Path, workers: int) -> None:
    (tmp_path / "in").mkdir()
    cv2.imwrite(str(tmp_path / "in" / "a.jpg"), still("otters"))
    cv2.imwrite(str(tmp_path / "in" / "b.jpg"), still("otters"))
    for out, quality in ((tmp_path / "small", 10), (tmp_path / "large", 100)):
        batch(tmp_path / "in", out, quality=quality, workers=workers)
    assert (tmp_path / "small" / "a.jpg").stat().st_size < 0.5 * (tmp_path / "large" / "a.jpg").stat().st_size
    again, _ = batch(tmp_path / "in", tmp_path / "small", quality=10, workers=workers)
    assert (again.made, again.done) == (0, 2)
    with pytest.raises(OutputExists, match=r"was made with other options \(quality was 10, now 100\)"):
        batch(tmp_path / "in", tmp_path / "small", quality=100, workers=workers)


@pytest.mark.parametrize("workers", [1, pytest.param(2, marks=pytest.mark.slow)])
def test_names_that_exist_are_no_patterns(tmp_path: Path, workers: int) -> None:
    """They failed as "a still image, not a video"."""
    folder, stills = tmp_path / "in", {"50%d off.bmp", "a%03d.png", "100%.png", "%d.webp"}
    folder.mkdir()
    for name in stills:
        cv2.imwrite(str(folder / name), still("otters"))
    clip = make_clip(tmp_path / "clip.mp4")
    os.link(clip, folder / "b%02d.mp4")
    for codec, made in ((None, {"b%02d.mp4"}), ("webp", {"b%02d.webp"})):
        out = tmp_path / f"out-{codec}"
        for _ in range(2):  # made, and then skipped
            found = find_inputs([str(folder)], out, codec=codec)
            options = ProcessOptions(codec=codec, resume=True)
            summary = process_all(found, out, EffectChainSpec(), options, notify=lambda event: None, workers=workers)
            assert summary.failed == []
        assert summary.done == 5
        assert {name for name in os.listdir(out) if not name.startswith(".")} == stills | made


def test_what_was_made_otherwise_is_told_in_words(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    cv2.imwrite(str(tmp_path / "in" / "a.png"), still("otters")[:32, :32])
    chain = ["process", tmp_path / "in", tmp_path / "out", "-e", "sr-x2-fast:strength=0.5", "-e"]
    assert here(*chain, "sketch").returncode == 0
    told = "was made with other options (sr-x2-fast: strength was 0.5, now 1.0); give"
    refused(*chain[:4], "sr-x2-fast", "-e", "sketch", says=told)
    told = "was made with other options (effects were sr-x2-fast + sketch, now sr-x2-fast + style-oil); give"
    refused(*chain, "style-oil", says=told)
    refused(*chain[:3], says="was made with other options (effects were sr-x2-fast + sketch, now none); give")


@pytest.mark.parametrize(
    ("was", "now", "said"),
    [
        ({}, {}, ""),
        ({"eight-bit": True}, {}, "eight-bit was on, now not given"),
        ({"from": "3/2", "to": None}, {"from": "2", "to": "40"}, "from was 1.5 s, now 2 s; to was not given, now 40 s"),
        ({"params": None}, {"params": "ab" * 32}, "params was not given, now a file"),
        ({"input": f"7 bytes, {'0' * 32}"}, {"input": f"7 bytes, {'1' * 32}"},
         "input is another file, or was changed"),
        ({"effects": [{"name": "a", "detector": "ab" * 32, "params": {"detector": ""}}]},
         {"effects": [{"name": "a", "detector": "cd" * 32, "params": {"detector": ""}}]},
         "a: detector is another file, or was changed"),
        ({"rate": "30000/1001"}, {"rate": "25"}, "rate was 29.97 fps, now 25 fps"),
    ],
)  # fmt: skip
def test_changes_of_a_job_in_words(was: dict[str, object], now: dict[str, object], said: str) -> None:
    assert changes(was, now) == said


def test_what_was_made_otherwise_is_not_skipped(holiday: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    batch(holiday / "sea", out)
    with pytest.raises(
        OutputExists, match=r"b\.mkv: was made with other options \(quality was not given, now 50\); give another"
    ):
        batch(holiday / "sea", out, quality=50)
    summary, _ = batch(holiday / "sea", out, quality=50, overwrite=True)
    assert (summary.made, summary.done) == (1, 1), "the image has no quality"
    cv2.imwrite(str(holiday / "sea" / "still.png"), still("otters"))
    with pytest.raises(OutputExists, match=r"still\.png: was made with other options \(input is another"):
        batch(holiday / "sea", out, quality=50)
    with (out / "b.mkv").open("ab") as file:
        file.write(b"more")
    with pytest.raises(OutputExists, match=r"b\.mkv: exists, and is not as gancam made it \(and 1 more such files\)"):
        batch(holiday / "sea", out, quality=50)


def test_a_crash_in_the_ledger_loses_nothing(holiday: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    batch(holiday / "sea", out)
    lines = (out / LEDGER).read_bytes().splitlines(keepends=True)
    assert len(lines) == 4
    (out / LEDGER).write_bytes(b"".join(lines[:3]) + lines[3][:40])  # killed between the rename and the line's end
    assert batch(holiday / "sea", out)[0].done == 2
    (out / LEDGER).write_bytes(b"".join(lines[:2]) + lines[2][:40])
    with pytest.raises(OutputExists, match="was not made by gancam;"):
        batch(holiday / "sea", out)
    summary, _ = batch(holiday / "sea", out, overwrite=True)
    assert (summary.made, summary.done) == (1, 1)
    assert batch(holiday / "sea", out)[0].done == 2
    lines = (out / LEDGER).read_bytes().splitlines(keepends=True)
    assert json.loads(lines[-2])["instead"]
    (out / LEDGER).write_bytes(b"".join(lines[:-1]))  # killed in between, and what was there was replaced
    assert batch(holiday / "sea", out)[0].done == 2
    entry = {**json.loads(lines[-1]), "made": None}
    entry["instead"] = json.loads(lines[-1])["made"]
    (out / LEDGER).write_bytes(lines[0] + lines[1] + json.dumps(entry).encode())  # killed before it was replaced
    with pytest.raises(OutputExists, match="is not as gancam made it"):
        batch(holiday / "sea", out)


def test_every_file_finds_the_effects_fresh(holiday: Path, model: Path, tmp_path: Path) -> None:
    turns = tmp_path / "turns.jsonl"
    turns.write_text(
        json.dumps({"time": 0.0, "effects": ["small"], "set": {"small.strength": 1.0, "small.on": True}})
        + "\n"
        + json.dumps({"time": 0.1, "set": {"small.strength": 0.0}})
        + "\n"
    )
    out, alone = tmp_path / "out", tmp_path / "alone.mkv"
    chain_spec = EffectChainSpec((EffectSpec.parse(f"{model}:strength=0.5"),))
    batch(holiday, out, chain_spec.specs, params=turns)
    process_video(
        holiday / "sea" / "b.mkv",
        alone,
        chain_spec.load(),
        ProcessOptions(params=turns),
        Report(),
        notify=lambda note: None,
    )
    assert same_pictures(alone, out / "sea" / "b.mkv")
    half = np.asarray(chain_spec.load()[0](still("sign")), np.uint8)
    assert np.array_equal(read(out / "sea" / "still.png"), half)


def test_nowhere_to_write_and_nothing_to_do(holiday: Path, tmp_path: Path) -> None:
    with pytest.raises(SinkError, match="cannot be made a folder"):
        batch(holiday, holiday / "notes.txt")
    (tmp_path / "texts").mkdir()
    shutil.copy(holiday / "notes.txt", tmp_path / "texts")
    with pytest.raises(InputError, match=r"nothing to do: the inputs hold no video and no image, but 1 other file$"):
        batch(tmp_path / "texts", tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_images_that_are_not_read_are_named(holiday: Path, tmp_path: Path) -> None:
    folder = tmp_path / "phone"
    folder.mkdir()
    for name in ("a.JP2", "b.jp2", "c.jxl", "d.txt"):
        (folder / name).write_bytes(b"whatever")
    said = r"left out: 2 \.jp2, 1 \.jxl; such images are not read, convert them to \.png or \.jpg"
    with pytest.raises(InputError, match=f"no video and no image, but 1 other file; {said}$"):
        batch(folder, tmp_path / "out")
    shutil.copy(holiday / "sea" / "still.png", folder)
    shutil.copy(holiday / "a.mp4", folder / "tape.M2T")
    found = find_inputs([str(folder)], tmp_path / "out")
    assert sorted(item.source.name for item in found.items) == ["still.png", "tape.M2T"]
    assert (found.others, len(found.notes)) == (1, 2)
    assert re.fullmatch(said, found.notes[1])


def test_the_command_line(holiday: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    done = here("process", holiday / "a.mp4", holiday / "broken.mp4", holiday / "notes.txt", out)
    assert done.returncode == 1
    assert re.match(r"1 made in \S+, 1 failed, 1 neither video nor image; ", done.stdout)
    assert done.stdout.count("\n") == 2
    assert done.stderr.count("\n") == 1
    done = here("process", holiday, out, "--json")
    assert done.returncode == 1
    events = [json.loads(line) for line in done.stdout.splitlines()]
    assert events[0] == {"event": "batch", "files": 3, "done": 1, "others": 1, "notes": []}
    assert events[-1]["failed"][0]["input"] == str(holiday / "broken.mp4")
    done = here("process", holiday / "a.mp4", tmp_path / "two.mkv", "--jobs", "2", "--json")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["frames"] == 24
    refused("process", holiday, tmp_path / "other", "--jobs", "two", says="two")
    numbered = tmp_path / "%03d.png"
    refused("process", holiday / "a.mp4", numbered, "--jobs", "2", says="numbered images are made by one process")
    refused("process", holiday, out, "--quality", "40", says="--overwrite")


KILLED = """
import os, signal
from gancam.__main__ import start
from gancam.sinks.piece_store import PieceStore
end = PieceStore.end
def killed(self):
    end(self)
    if "b.mp4" in str(self._folder) and self.count == 2:
        os.kill(os.getpid(), signal.SIGKILL)
PieceStore.end = killed
start()
"""


@pytest.mark.skipif(sys.platform == "win32", reason="no SIGKILL")
@pytest.mark.slow
def test_a_batch_that_is_killed_goes_on(tmp_path: Path, model: Path) -> None:
    folder, out, whole = tmp_path / "in", tmp_path / "out", tmp_path / "whole"
    folder.mkdir()
    images = [frame.image for frame in TestPattern((96, 64), frames=400)]
    make_clip(folder / "a.mp4", images=images[:20])
    make_clip(folder / "b.mp4", images=images)
    command = [sys.executable, "-c", KILLED, "process", str(folder), str(out), "-e", f"{model}", "-q"]
    assert subprocess.run(command, timeout=300, check=False).returncode == -signal.SIGKILL
    assert not (out / "b.mp4").exists()
    assert len(list(pieces_of(out / "b.mp4").glob("*.piece"))) == 2
    made = (out / "a.mp4").stat().st_mtime_ns
    done = here("process", folder, out, "-e", model, "--json")
    assert done.returncode == 0, done.stderr
    events = [json.loads(line) for line in done.stdout.splitlines()]
    assert [event["done"] for event in events if event["event"] == "summary"] == [1]
    assert any("continues after" in event["note"] for event in events if event["event"] == "note")
    assert (out / "a.mp4").stat().st_mtime_ns == made
    assert sorted(os.listdir(out)) == [LEDGER, "a.mp4", "b.mp4"]
    assert here("process", folder, whole, "-e", model, "-q").returncode == 0
    assert all(same_pictures(whole / name, out / name) for name in ("a.mp4", "b.mp4"))


@pytest.mark.skipif(os.name == "nt" or os.geteuid() != 0, reason="takes the rights of another user")
def test_a_folder_that_nobody_may_enter_is_left_out_and_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    disk, closed = tmp_path / "disk", tmp_path / "disk" / "lost+found"
    closed.mkdir(parents=True, mode=0o700)
    (disk / "a.png").write_bytes(b"1")
    (tmp_path / "out").mkdir()
    for folder in (tmp_path, tmp_path.parent, tmp_path.parent.parent):
        folder.chmod(0o755)
    monkeypatch.chdir(tmp_path)
    os.seteuid(65534)
    try:
        found, some = (find_inputs([inputs], Path("out")) for inputs in ("disk", "disk/*"))
        with pytest.raises(InputError, match=r"disk/lost\+found: cannot be read \(Permission denied\)"):
            find_inputs(["disk/lost+found"], Path("out"))
    finally:
        os.seteuid(0)
    assert [item.name for item in found.items] == [item.name for item in some.items] == ["a.png"]
    told = "disk/lost+found: cannot be read (Permission denied), so what is in it is left out"
    assert found.notes == some.notes == [told]


@pytest.mark.skipif(sys.platform == "win32", reason="no RLIMIT_FSIZE")
def test_a_record_that_cannot_be_written_is_no_fault_of_gancams_own(tmp_path: Path) -> None:
    import resource

    (tmp_path / "in").mkdir()
    for name in ("a.png", "b.png"):
        cv2.imwrite(str(tmp_path / "in" / name), np.zeros((16, 16, 3), np.uint8))
    found = find_inputs([str(tmp_path / "in")], tmp_path / "out")
    before, ignored = resource.getrlimit(resource.RLIMIT_FSIZE), signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, before[1]))
    try:
        summary = process_all(found, tmp_path / "out", EffectChainSpec(), ProcessOptions(), notify=lambda event: None)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
        signal.signal(signal.SIGXFSZ, ignored)
    said = [error for _, error in summary.failed]
    assert len(said) == 2
    assert all(f"{LEDGER}: cannot be written (File too large), and it tells which" in one for one in said)


def test_a_folder_in_the_place_of_the_record_is_one_error(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    cv2.imwrite(str(tmp_path / "in" / "a.png"), np.zeros((16, 16, 3), np.uint8))
    (tmp_path / "out" / LEDGER).mkdir(parents=True)
    refused("process", tmp_path / "in", tmp_path / "out", says="move it away, or give another folder")


def test_files_that_fail_at_once_are_no_work_done_in_no_time(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [0.0]
    monkeypatch.setattr("gancam.jobs.eta.time.monotonic", lambda: now[0])
    monkeypatch.setattr("gancam.jobs.eta._cost", lambda item, options: 100.0)
    items = [BatchItem(Path(f"{one}.mkv"), Path(f"o/{one}.mkv"), str(one)) for one in range(12)]
    left = ProgressEstimate(items, ProcessOptions())
    for item in items[:9]:
        left.begin(item)
        left.end(item, made=False)
    assert left.eta() is None
    left.begin(items[9])
    now[0] = 0.5
    left.end(items[9])
    assert left.eta() == 1.0
