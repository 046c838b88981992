"""Files that are processed: the queue, pausing, crashes, previews."""

import json
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import psutil
import pytest
from starlette.testclient import TestClient

from gancam.errors import NotFound
from gancam.frame import Image
from gancam.sources import TestPattern
from gancam.studio import jobs as module
from gancam.studio.following import FollowPlan
from gancam.studio.jobs import Job, JobQueue
from gancam.studio.media import facts, frame_at, strip
from tests.helpers.clips import make_clip
from tests.helpers.command import video
from tests.helpers.studio import studio, wait_for


def upload(client: TestClient, path: Path) -> str:
    reference: str = client.post(f"/api/uploads?name={path.name}", content=path.read_bytes()).json()["reference"]
    return reference


def jobs(client: TestClient) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = client.get("/api/jobs").json()["jobs"]
    return found


def test_the_folder_of_a_result_is_not_told(tmp_path: Path) -> None:
    kept = tmp_path / "kept"
    (kept / "jobs").mkdir(parents=True)
    target = kept.resolve() / "results" / "0001-ab" / "a.mp4"
    job = Job("0001-ab", str(kept / "uploads" / "a.mp4"), [], 9, "paused", notes=[f"{target}: goes on after 7 frames"])
    (kept / "jobs" / "0001-ab.json").write_text(json.dumps(asdict(job)))
    with studio(kept) as client:
        assert jobs(client)[0]["notes"] == ["a.mp4: goes on after 7 frames"]


def picture(jpeg: bytes) -> Image:
    return np.asarray(cv2.imdecode(np.frombuffer(jpeg, np.uint8), cv2.IMREAD_COLOR), np.uint8)


def test_a_video_goes_through_the_queue(tmp_path: Path, clip: Path) -> None:
    with studio(tmp_path / "kept") as client:
        reference = upload(client, clip)
        client.post("/api/effects", json={"model": "sr-x2-fast"})
        body = {"reference": reference, "start": 0.2, "end": 0.6}
        job = client.post("/api/jobs", json=body).json()
        assert (job["name"], job["source"], job["frames"]) == ("clip.mp4", reference, 12)
        wait_for(lambda: jobs(client)[0]["state"] in ("done", "failed"))
        (job,) = jobs(client)
        assert (job["state"], job["error"]) == ("done", "")
        made = client.get(f"/api/downloads/{job['target']}").content
        (tmp_path / "made.mp4").write_bytes(made)
        assert video(tmp_path / "made.mp4")[:2] == (12, (192, 128))
        kept = client.get(f"/api/jobs/{job['number']}/verify").json()["differences"]
        assert {"name": "size", "verdict": "changed", "before": "96x64", "after": "192x128"} in kept
        assert {"name": "frames", "verdict": "kept", "before": "12", "after": "12"} in kept
        assert not [one for one in kept if one["verdict"] != "kept" and one["name"] != "size"]
        assert [one["name"] for one in client.get("/api/files/results?all=1").json()["entries"]] == ["clip.mp4"]


def test_an_image_goes_through_the_queue(tmp_path: Path) -> None:
    cv2.imwrite(str(tmp_path / "a.png"), TestPattern((64, 48)).image(0))
    with studio(tmp_path / "kept") as client:
        reference = upload(client, tmp_path / "a.png")
        client.post("/api/effects", json={"model": "sr-x2-fast"})
        client.post("/api/jobs", json={"reference": reference})
        wait_for(lambda: jobs(client)[0]["state"] in ("done", "failed"))
        assert jobs(client)[0]["state"] == "done"
        assert picture(client.get(f"/api/downloads/{jobs(client)[0]['target']}").content).shape == (96, 128, 3)


@pytest.mark.slow
@pytest.mark.skipif(os.name == "nt", reason="SIGKILL")
def test_a_job_goes_on_after_a_pause_a_crash_and_a_new_start(tmp_path: Path) -> None:
    images = [frame.image for frame in TestPattern((320, 192), frames=240)]
    clip = make_clip(tmp_path / "long.mp4", images=images)
    kept = tmp_path / "kept"
    with studio(kept) as client:
        reference = upload(client, clip)
        client.post("/api/effects", json={"model": "sketch"})
        client.post("/api/jobs", json={"reference": reference})
        wait_for(lambda: jobs(client)[0]["frame"] > 5)
        number = jobs(client)[0]["number"]
        assert client.post(f"/api/jobs/{number}/pause").json()["jobs"][0]["state"] == "paused"
        wait_for(lambda: not children())
        client.post(f"/api/jobs/{number}/resume")
        wait_for(lambda: children())
        wait_for(lambda: jobs(client)[0]["frame"] > 70)
        os.kill(children()[0], signal.SIGKILL)
        wait_for(lambda: jobs(client)[0]["state"] == "failed")
        client.post(f"/api/jobs/{number}/resume")
        wait_for(lambda: children())
    with studio(kept) as client:  # the studio itself was ended meanwhile
        assert jobs(client)[0]["state"] in ("paused", "done")
        client.post(f"/api/jobs/{number}/resume")
        wait_for(lambda: jobs(client)[0]["state"] == "done")
        assert video(kept / "results" / number / "long.mp4")[0] == 240
        assert client.delete(f"/api/jobs/{number}").json()["jobs"] == []
        assert (kept / "results" / number / "long.mp4").exists()


def children() -> list[int]:
    """Processes that make files now."""
    found = []
    for child in psutil.Process().children():
        try:
            found += [child.pid] if "process" in child.cmdline() else []
        except psutil.Error:
            continue
    return found


def test_what_fails_tells_why_and_what_is_removed_is_gone(
    tmp_path: Path, clip: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PYTHONIOENCODING", "latin-1")  # as Windows' pipes: another one than the page's
    queue = JobQueue(tmp_path / "jobs", tmp_path / "results")
    try:
        job = queue.add(clip, ["-e", "sketch", "--codec", "größe"], 24)
        wait_for(lambda: job.state == "failed")
        assert "no codec 'größe'" in job.error
        queue.remove(job.number)
        assert queue.jobs() == []
        assert list((tmp_path / "jobs").iterdir()) == []
    finally:
        queue.close()


_STUBBORN = (
    "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('{}', flush=True); time.sleep(300)"
)
_SLEEPING = "import time; print('{}', flush=True); time.sleep(300)"
_POPEN = subprocess.Popen
_MADE = """print('{"event": "summary", "made": 1, "done": 0, "seconds": 1}')"""


@contextmanager
def queue_of(folder: Path) -> Iterator[JobQueue]:
    queue = JobQueue(folder / "jobs", folder / "results")
    try:
        yield queue
    finally:
        queue.close()


def run_instead(monkeypatch: pytest.MonkeyPatch, code: str) -> None:
    """Have jobs run `code`, a process that begins within milliseconds, in place of gancam."""

    def popen(_: list[str], **options: Any) -> "subprocess.Popen[str]":
        return _POPEN([sys.executable, "-I", "-S", "-c", code], **options)

    monkeypatch.setattr(subprocess, "Popen", popen)


@pytest.mark.parametrize("code", [_SLEEPING, _STUBBORN])
@pytest.mark.skipif(os.name == "nt", reason="SIGTERM")
def test_a_running_job_that_is_removed_does_not_come_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, code: str
) -> None:
    run_instead(monkeypatch, code)
    monkeypatch.setattr(module, "_PATIENCE", 0.1)
    with queue_of(tmp_path) as queue:
        for _ in range(4):
            job = queue.add(tmp_path / "a.mp4", [], 1)
            wait_for(lambda job=job: job.state == "running")  # type: ignore[misc]
            time.sleep(0.05)  # until it has its handler
            (tmp_path / "results" / job.number).mkdir(parents=True)
            queue.remove(job.number)
            with pytest.raises(NotFound):
                queue.resume(job.number)
        wait_for(lambda: not [one for one in threading.enumerate() if one.name == "gancam-studio-jobs"])
        assert list((tmp_path / "jobs").iterdir()) == []
        assert list((tmp_path / "results").iterdir()) == []
        assert not children_of("time.sleep(300)")


@pytest.mark.skipif(os.name == "nt", reason="SIGTERM")
def test_a_trial_goes_before_what_runs_which_then_goes_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def popen(command: list[str], **options: Any) -> "subprocess.Popen[str]":
        return _POPEN([sys.executable, "-I", "-S", "-c", _MADE if "short" in command else _SLEEPING], **options)

    monkeypatch.setattr(subprocess, "Popen", popen)
    with queue_of(tmp_path) as queue:
        long, waiting = (queue.add(tmp_path / name, [], 9) for name in ("long.mp4", "other.mp4"))
        wait_for(lambda: long.state == "running")
        trial = queue.add(tmp_path / "a.mp4", ["short"], 1, trial=True)
        wait_for(lambda: trial.state == "done")
        wait_for(lambda: long.state == "running")
        assert waiting.state == "waiting"


@pytest.mark.skipif(os.name == "nt", reason="SIGKILL")
def test_a_job_that_the_system_ends_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run_instead(monkeypatch, "import os; os.kill(os.getpid(), 9)")
    with queue_of(tmp_path) as queue:
        job = queue.add(tmp_path / "a.mp4", [], 9)
        wait_for(lambda: job.state == "failed")
    assert job.error == "the system ended it (SIGKILL), as it does where memory runs out; --resume continues"


def test_what_is_told_of_a_job_names_buttons(tmp_path: Path) -> None:
    (tmp_path / "jobs").mkdir()
    error = "writing failed after 11 frames (no room left); 11 are kept, --resume continues"
    job = Job("0001-ab", str(tmp_path / "uploads" / "a.mp4"), [], 9, "failed", error=error)
    (tmp_path / "jobs" / "0001-ab.json").write_text(json.dumps(asdict(job)))
    with studio(tmp_path) as client:
        assert jobs(client)[0]["error"].endswith("; 11 are kept, Try again continues")


def test_what_was_to_be_followed_is_deleted_with_the_last_job_of_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run_instead(monkeypatch, _SLEEPING)
    masks = tmp_path / "masks"
    masks.mkdir()
    for name in ("a.marks", "a.json", "another.marks"):
        (masks / name).touch()
    with queue_of(tmp_path) as queue:
        plan = FollowPlan(masks / "a.marks")
        runs, waits = (queue.add(tmp_path / "a.mp4", [], 1, plan=plan) for _ in range(2))
        queue.remove(waits.number)
        assert {path.name for path in masks.iterdir()} == {"a.marks", "a.json", "another.marks"}
        queue.remove(runs.number)
        assert [path.name for path in masks.iterdir()] == ["another.marks"]


@pytest.mark.skipif(os.name == "nt", reason="SIGTERM")
def test_a_job_is_ended_that_does_not_end_by_itself(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run_instead(monkeypatch, _STUBBORN)
    monkeypatch.setattr(module, "_PATIENCE", 0.1)
    with queue_of(tmp_path) as queue:
        first = queue.add(tmp_path / "a.mp4", [], 1)
        wait_for(lambda: first.state == "running")
        time.sleep(0.1)
        run_instead(monkeypatch, _MADE)
        second = queue.add(tmp_path / "b.mp4", [], 1)
        queue.pause(first.number)
        wait_for(lambda: second.state == "done")
        assert first.state == "paused"
        run_instead(monkeypatch, _STUBBORN)
        queue.resume(first.number)
        wait_for(lambda: first.state == "running")
        time.sleep(0.1)
        began = time.monotonic()
        queue.close()
        assert time.monotonic() - began < 200
        assert not children_of("time.sleep(300)")


def children_of(word: str) -> list[psutil.Process]:
    return [one for one in psutil.Process().children() if word in " ".join(one.cmdline())]


@pytest.mark.parametrize(
    "error", [OSError(12, "Cannot allocate memory"), ValueError("embedded null byte"), MemoryError()]
)
def test_a_job_that_cannot_begin_fails_and_the_next_begins(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    def broken(*_: object, **__: object) -> None:
        raise error

    with queue_of(tmp_path) as queue:
        monkeypatch.setattr(subprocess, "Popen", broken)
        first = queue.add(tmp_path / "a.mp4", [], 1)
        wait_for(lambda: first.state == "failed")
        assert (error.args[-1] if error.args else "MemoryError") in first.error
        run_instead(monkeypatch, _MADE)
        second = queue.add(tmp_path / "b.mp4", [], 1)
        wait_for(lambda: second.state == "done")
        queue.resume(first.number)
        wait_for(lambda: first.state == "done")
    with queue_of(tmp_path) as queue:
        assert [job.state for job in queue.jobs()] == ["done", "done"]


@pytest.mark.parametrize("text", ['{"number": 3}', "{", "[]", "\xff", '{"number": "x"}'])
def test_damaged_jobs_are_left_out(tmp_path: Path, text: str) -> None:
    with queue_of(tmp_path) as queue:
        job = queue.add(tmp_path / "a.mp4", [], 1)
        queue.pause(job.number)
    kept = (tmp_path / "jobs" / f"{job.number}.json").read_text(encoding="utf-8")
    (tmp_path / "jobs" / "0007-x.json").write_text(text, encoding="latin-1")
    (tmp_path / "jobs" / "zzz.json").write_text(kept.replace(job.number, "zzz"))
    (tmp_path / "jobs" / "0009-x.json").write_text(kept.replace('"options": []', '"options": 5'))
    with queue_of(tmp_path) as queue:
        assert [one.number for one in queue.jobs()] == [job.number]
        queue.pause(queue.add(tmp_path / "a.mp4", [], 1).number)


def test_jobs_wait_for_their_turn_and_damaged_ones_are_left_out(tmp_path: Path, clip: Path) -> None:
    (tmp_path / "jobs").mkdir()
    (tmp_path / "jobs" / "0007-x.json").write_text('{"number": 3}')
    queue = JobQueue(tmp_path / "jobs", tmp_path / "results")
    first, second = (queue.add(clip, ["-e", "sketch"], 24) for _ in range(2))
    assert queue.job(second.number).state == "waiting"
    queue.pause(second.number)
    queue.close()
    assert first.state in ("waiting", "paused", "done")
    assert queue.job(second.number).state == "paused"
    again = JobQueue(tmp_path / "jobs", tmp_path / "results")
    assert [job.number for job in again.jobs()] == [first.number, second.number]
    again.close()


@pytest.mark.parametrize(
    ("more", "words"),
    [
        ({"reference": "uploads/none.mp4"}, "no such file"),
        ({"start": 2, "end": 1}, "ends before"),
        ({"codec": "--help"}, "there are"),
        ({"quality": 101}, "from 0 to 100"),
        ({"start": "x"}, "needs a number"),
    ],
)
def test_jobs_that_make_no_sense_are_refused(tmp_path: Path, clip: Path, more: dict[str, object], words: str) -> None:
    with studio(tmp_path / "kept") as client:
        body = {"reference": upload(client, clip), **more}
        answer = client.post("/api/jobs", json=body)
        assert answer.status_code in (400, 404)
        assert words in answer.json()["error"]
        assert client.post("/api/jobs/none/pause").status_code == 404
        assert jobs(client) == []


def test_a_frame_is_shown_before_and_after_and_the_timeline_in_thumbnails(tmp_path: Path, clip: Path) -> None:
    with studio(tmp_path / "kept") as client:
        reference = upload(client, clip)
        assert client.get(f"/api/media/{reference}").json() == {
            "kind": "video", "size": [96, 64], "fps": 30.0, "frames": 24, "seconds": 0.8, "begins": 0.0,
        }  # fmt: skip
        before = picture(client.get(f"/api/frames/{reference}?at=0.5").content)
        assert TestPattern.index_in(before) == 15
        client.post("/api/effects", json={"model": "sr-x2-fast"})
        after = picture(client.get(f"/api/previews/{reference}?at=0.5").content)
        assert after.shape == (128, 192, 3)
        assert TestPattern.index_in(after) == 15
        assert picture(client.get(f"/api/strips/{reference}?count=6").content).shape == (72, 6 * 108, 3)
        for wrong in ("-1", "x", "nan", "1e9"):
            assert client.get(f"/api/frames/{reference}?at={wrong}").status_code == 400
        client.post("/api/effects", json={"model": "inpaint", "params": {"draw": "on"}})  # and nothing drawn
        assert client.get(f"/api/previews/{reference}?at=0.5").content[:2] == b"\xff\xd8"


@pytest.mark.parametrize("mirrored", [False, True])
def test_what_is_drawn_on_a_photo_is_filled_in_its_file(tmp_path: Path, mirrored: bool) -> None:
    photo = np.full((120, 160, 3), 200, np.uint8)
    photo[50:70, 20:60] = 0
    cv2.imwrite(str(tmp_path / "a.png"), photo)
    with studio(tmp_path / "kept") as client:
        reference = upload(client, tmp_path / "a.png")
        client.post("/api/effects", json={"model": "inpaint", "params": {"draw": "on"}})
        client.post("/api/source", json={"kind": "file", "value": reference})
        client.post("/api/mirror", json={"on": mirrored})
        points = [[1 - x if mirrored else x, 0.5] for x in (0.11, 0.39)]
        stroke = {"act": "brush", "points": points, "radius": 0.15}
        wait_for(lambda: client.post("/api/effects/inpaint/draw", json=stroke).status_code == 200)
        line = client.get("/api/command").json()["command"]
        assert line.startswith("gancam process ")
        assert "draw=" not in line
        job = client.post("/api/jobs", json={"reference": reference}).json()
        assert job["options"][1].startswith("inpaint:mask=masks/")
        wait_for(lambda: jobs(client)[0]["state"] in ("done", "failed"))
        made = picture(client.get(f"/api/downloads/{jobs(client)[0]['target']}").content)
        assert made.shape == photo.shape
        assert made.min() > 150  # the bar is gone
        assert picture(client.get(f"/api/previews/{reference}").content).min() > 150
        assert [one["name"] for one in client.get("/api/files/uploads").json()["entries"]] == ["a.png"]
        client.patch("/api/controls", json={"inpaint.mask": "person"})
        assert "not both" in client.get(f"/api/previews/{reference}").json()["error"]


def test_files_of_all_kinds_are_looked_into(tmp_path: Path, clip: Path) -> None:
    assert TestPattern.index_in(frame_at(clip, 99.0)) >= 21  # after its end: about the last
    cv2.imwrite(str(tmp_path / "a.png"), TestPattern((64, 48)).image(0))
    assert facts(tmp_path / "a.png").to_json() == {
        "kind": "image",
        "size": (64, 48),
        "fps": 0.0,
        "frames": 1,
        "seconds": 0,
        "begins": 0.0,
    }
    assert facts(tmp_path / "a.png") is facts(tmp_path / "a.png")  # not decoded again
    assert strip(tmp_path / "a.png", 9).shape == (72, 96, 3)
    cv2.imwrite(str(tmp_path / "a.png"), TestPattern((96, 64)).image(0))
    assert facts(tmp_path / "a.png").size == (96, 64)
    shown = strip(clip, 4)
    indices = [TestPattern.index_in(np.ascontiguousarray(part)) for part in np.split(shown, 4, axis=1)]
    assert indices == [0, 6, 12, 18]


def test_only_its_own_files_are_deleted(tmp_path: Path, clip: Path) -> None:
    (tmp_path / "mine").mkdir()
    shutil.copy(clip, tmp_path / "mine" / "a.mp4")
    with studio(tmp_path / "kept", tmp_path / "mine") as client:
        reference = upload(client, clip)
        assert client.delete(f"/api/files/{reference}").status_code == 200
        assert client.delete(f"/api/files/{reference}").status_code == 404
        assert client.delete("/api/files/mine/a.mp4").status_code == 400
        assert client.delete("/api/files/uploads").status_code == 400
        assert client.delete("/api/files/uploads/../../mine/a.mp4").status_code in (400, 404, 405)
        assert (tmp_path / "mine" / "a.mp4").exists()
