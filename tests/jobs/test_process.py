"""Jobs that are killed lose seconds, never the whole; what was resumed is what would have come without."""

import json
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np
import pytest

from gancam.cli.process import what_is_kept
from gancam.effects import load
from gancam.errors import GancamError, InputError, OutputExists, SinkError
from gancam.jobs.process import process_video
from gancam.jobs.spec import ProcessOptions
from gancam.media.paths import classify
from gancam.pipeline import Report
from gancam.sinks.piece_store import pieces_of, so_far
from gancam.sinks.pieces import PieceWriter
from gancam.sinks.video import CONTAINERS, VideoOptions
from gancam.sources import TestPattern, VideoFile
from tests.helpers.clips import make_clip, packets_of, times_of
from tests.helpers.jobs import FULL_DISK, Echo, cut_short, process, same_pictures
from tests.helpers.small import (
    filler,
    generator,
    network,
    translator_network,
    write_filler,
    write_generator,
    write_models,
    write_translator,
)  # fmt: skip


@pytest.fixture(scope="module")
def long(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """400 frames: pieces of 7, 23, 90, 120, 120 and 40 at this size."""
    images = [frame.image for frame in TestPattern((96, 64), frames=400)]
    return make_clip(tmp_path_factory.mktemp("long") / "long.mp4", images=images, audio=[("aac", 0.0)])


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_models(tmp_path_factory.mktemp("models"), network())


@pytest.mark.parametrize(
    ("codec", "ending"),
    [(codec, ending) for ending, holder in CONTAINERS.items() for codec in holder.codecs if ending != ".m4v"],
)
def test_pieces_join_in_every_codec_and_container(tmp_path: Path, long: Path, codec: str, ending: str) -> None:
    with VideoFile(long) as video:
        frames = [frame for _, frame in zip(range(40), video, strict=False)]  # pieces of 7, 23 and 10
        options = VideoOptions(fps=30, size=(96, 64), source_info=video.info, codec=codec, audio_from=long)
    with PieceWriter(tmp_path / f"a{ending}", options) as sink:
        for frame in frames:
            sink.write(frame)
    assert os.listdir(tmp_path) == [f"a{ending}"]
    with VideoFile(tmp_path / f"a{ending}") as video:
        shown = list(video)
    assert [TestPattern.index_in(frame.image) for frame in shown] == list(range(40))
    start = shown[0].time
    assert np.allclose([frame.time - start for frame in shown], [frame.time for frame in frames], atol=0.0011)


def test_a_resumed_job_gives_what_an_uninterrupted_one_gives(tmp_path: Path, long: Path) -> None:
    whole, out = tmp_path / "whole.mp4", tmp_path / "out.mp4"
    process(long, whole)
    for done in (0, 120, 240):
        cut_short(long, out, 130, resume=bool(done))
        assert len(list(pieces_of(out).glob("*.piece"))) == done // 120 + 3
    report, said = process(long, out, resume=True)
    assert report.frames == 40
    assert f"{out}: continues after 360 frames" in said
    assert sorted(os.listdir(tmp_path)) == ["out.mp4", "whole.mp4"]
    assert same_pictures(whole, out)
    assert times_of(out) == times_of(whole) == times_of(long)
    assert packets_of(out) == packets_of(whole)
    assert [data for _, data in packets_of(out)[0]] == [data for _, data in packets_of(long)[0]]


@pytest.mark.parametrize(("came", "kept"), [(6, 0), (7, 7), (29, 7), (30, 30), (119, 30), (121, 120), (239, 120)])
def test_a_job_that_ends_early_loses_little_and_says_what_is_kept(
    tmp_path: Path, long: Path, came: int, kept: int
) -> None:
    out = tmp_path / "out.mp4"
    cut_short(long, out, came)
    said = what_is_kept(classify(out), ProcessOptions())
    begins = "no part was finished yet, so the same command starts over"
    goes_on = f"{kept} frames are kept, and the same command with --resume continues after them"
    assert said == f"{goes_on if kept else begins}; until then, the part made so far can be played: {so_far(out)}"
    report, notes = process(long, out, resume=True)
    assert report.frames == 400 - kept
    assert [note for note in notes if "continues" in note] == [f"{out}: continues after {kept} frames"] * bool(kept)


def test_pieces_of_a_job_of_before_go_on(tmp_path: Path, long: Path) -> None:
    """All were of one length."""
    out = tmp_path / "out.mp4"
    cut_short(long, out, 4)
    manifest = pieces_of(out) / "manifest.json"
    plan = json.loads(manifest.read_text())
    del plan["quartered"]
    manifest.write_text(json.dumps(plan | {"format": 2, "frames": 50}))
    cut_short(long, out, 130, resume=True)
    assert json.loads(manifest.read_text())["frames"] == 50
    assert what_is_kept(classify(out), ProcessOptions()).startswith("100 frames are kept")
    report, _ = process(long, out, resume=True)
    assert report.frames == 300
    assert len(times_of(out)) == 400


def test_what_is_kept_of_images_is_told(tmp_path: Path, long: Path) -> None:
    out = tmp_path / "%03d.png"
    cut_short(long, out, 3)
    goes_on = "3 frames are kept, and the same command with --resume continues after them"
    assert what_is_kept(classify(out), ProcessOptions()) == goes_on


def test_what_changed_is_not_mixed(tmp_path: Path, long: Path) -> None:
    out = tmp_path / "out.mp4"
    cut_short(long, out, 130)
    with pytest.raises(OutputExists, match="an unfinished job exists: --resume continues it, --overwrite starts over"):
        process(long, out)
    with pytest.raises(InputError, match=r"this one \(quality was 80.0, now 50.0\); --overwrite starts over"):
        process(long, out, resume=True, quality=50)
    other = make_clip(tmp_path / "other.mp4")
    with pytest.raises(InputError, match="input is another file"):
        process(other, out, resume=True)
    assert len(list(pieces_of(out).glob("*.piece"))) == 3
    report, _ = process(other, out, overwrite=True)
    assert report.frames == 24
    assert sorted(os.listdir(tmp_path)) == ["other.mp4", "out.mp4"]


def test_a_damaged_piece_is_made_again(tmp_path: Path, long: Path) -> None:
    whole, out = tmp_path / "whole.mp4", tmp_path / "out.mp4"
    process(long, whole)
    cut_short(long, out, 370)
    fourth = pieces_of(out) / "000003.piece"
    data = bytearray(fourth.read_bytes())
    data[100] ^= 255
    fourth.write_bytes(data)
    report, _ = process(long, out, resume=True)
    assert report.frames == 280
    assert same_pictures(whole, out)


def test_an_effect_that_remembers_sees_the_first_frames_again(tmp_path: Path, long: Path) -> None:
    whole, out = tmp_path / "whole.mp4", tmp_path / "out.mp4"
    cut_short(long, out, 130, effects=[Echo()])
    process_video(long, whole, [Echo()], ProcessOptions(), Report(), notify=lambda note: None)
    process_video(long, out, [echo := Echo()], ProcessOptions(resume=True), Report(), notify=lambda note: None)
    assert echo.seen == 400
    assert same_pictures(whole, out)


@pytest.mark.parametrize(
    ("kind", "params", "remembers"),
    [
        ("morph", {}, True),
        ("morph", {"region": "0.5/0/0.5/0.5"}, False),
        ("morph", {"drive": "motion"}, True),
        ("morph", {"where": "inside", "colour": "red"}, True),
        ("translate", {}, False),
        ("translate", {"stabilise": 0.5}, True),
        ("inpaint", {"box": "10/10/20/20", "memory": False}, False),
        ("inpaint", {"box": "10/10/20/20"}, True),
        ("inpaint", {"box": "10/10/20/20", "memory": False, "track": True}, True),
    ],
)
def test_effects_say_whether_they_remember(tmp_path: Path, kind: str, params: dict[str, Any], remembers: bool) -> None:
    makers: dict[str, Callable[[], Path]] = {
        "morph": lambda: write_generator(tmp_path, generator()),
        "translate": lambda: write_translator(tmp_path, translator_network(), int8=False),
        "inpaint": lambda: write_filler(tmp_path, filler()),
    }
    effect = load(makers[kind](), precision="fp32", **params)
    assert effect.remembers == remembers
    if remembers:
        return
    images = [frame.image for frame in TestPattern((96, 64), frames=40)]  # pieces of 7, 23 and 10
    source, whole, out = make_clip(tmp_path / "in.mp4", images=images), tmp_path / "whole.mp4", tmp_path / "out.mp4"
    process_video(source, whole, [effect], ProcessOptions(), Report(), notify=lambda note: None)
    cut_short(source, out, 32, effects=[load(effect.model.path, precision="fp32", **params)])
    report = Report()
    process_video(source, out, [effect], ProcessOptions(resume=True), report, notify=lambda note: None)
    assert report.frames == 10
    assert same_pictures(whole, out)


@pytest.mark.parametrize("frames", [50, 130])
def test_what_came_until_a_break_plays_and_is_in_nobodys_way(tmp_path: Path, long: Path, frames: int) -> None:
    out = tmp_path / "out.mp4"
    cut_short(long, out, frames)
    assert os.listdir(tmp_path) == [pieces_of(out).name]
    with VideoFile(so_far(out)) as file:
        assert sum(1 for _ in file) == frames
    assert not list(pieces_of(out).glob("*.short"))
    process_video(long, out, [], ProcessOptions(resume=True), Report(), notify=lambda note: None)
    assert os.listdir(tmp_path) == ["out.mp4"]
    with VideoFile(out) as file:
        assert sum(1 for _ in file) == 400


def test_nothing_is_left_when_nothing_came(tmp_path: Path, long: Path) -> None:
    cut_short(long, tmp_path / "out.mp4", 0)
    assert os.listdir(tmp_path) == []


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="no SIGKILL")
def test_killed_at_any_time_it_goes_on(tmp_path: Path, long: Path, model: Path) -> None:
    whole, out = tmp_path / "whole.mp4", tmp_path / "out.mp4"
    command = [sys.executable, "-m", "gancam", "process", str(long)]
    effect = ["-e", f"{model}:strength=0.5", "--precision", "fp32", "-q", "--resume"]
    subprocess.run([*command, str(whole), *effect], check=True, timeout=300)
    rng, kills = random.Random(7), 0
    for _ in range(30):
        with subprocess.Popen([*command, str(out), *effect], stderr=subprocess.DEVNULL) as job:
            had = len(list(pieces_of(out).glob("*.piece")))
            until = time.monotonic() + 120
            while job.poll() is None and time.monotonic() < until:
                if len(list(pieces_of(out).glob("*.piece"))) > had:
                    time.sleep(rng.random() * 0.1)
                    job.send_signal(signal.SIGKILL)
                    break
                time.sleep(0.005)
        kills += job.returncode == -signal.SIGKILL
        if out.exists():
            break
    assert kills >= 1
    assert out.exists()
    assert same_pictures(whole, out)
    assert packets_of(out) == packets_of(whole)


@pytest.mark.skipif(sys.platform == "win32", reason="no RLIMIT_FSIZE")
def test_a_full_disk_keeps_the_pieces(tmp_path: Path, long: Path) -> None:
    whole, out = tmp_path / "whole.mp4", tmp_path / "out.mp4"
    process(long, whole, quality=95)
    room = whole.stat().st_size * 2 // 3  # for each piece, but not for all together
    command = [sys.executable, "-c", FULL_DISK, str(long), str(out), str(room)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, check=True)
    assert "no room left" in done.stdout
    assert "400 are kept, --resume continues" in done.stdout
    assert not out.exists()
    process(long, out, quality=95, resume=True)
    assert same_pictures(whole, out)


def test_two_jobs_on_one_output(tmp_path: Path, long: Path) -> None:
    out = tmp_path / "out.mp4"
    first = PieceWriter(out, VideoOptions(fps=30, size=(96, 64)))
    for options in ({"resume": True}, {"overwrite": True}):
        with pytest.raises(SinkError, match="is being written by another output of this run"):
            process(long, out, **options)
    first.close(interrupted=True)
    process(long, out)


def test_another_process_on_one_output(tmp_path: Path, long: Path) -> None:
    out = tmp_path / "out.mp4"
    code = "import sys; from pathlib import Path; from gancam.files import *; p = Path(sys.argv[1])\n"
    code += "lock_file(partial_path(p), p); print(flush=True); sys.stdin.read()"
    with subprocess.Popen([sys.executable, "-c", code, str(out)], stdin=-1, stdout=-1, text=True) as other:
        assert other.stdout is not None
        other.stdout.readline()
        with pytest.raises(SinkError, match="is being written by another gancam"):
            process(long, out)
        other.communicate()
    process(long, out)


def test_a_manifest_says_what_the_pieces_are_of(tmp_path: Path, long: Path) -> None:
    out = tmp_path / "out.mp4"
    cut_short(long, out, 130)
    plan = json.loads((pieces_of(out) / "manifest.json").read_text())
    assert plan["frames"] == 120
    assert plan["job"]["codec"] == "h264"
    assert plan["job"]["input"].startswith(f"{long.stat().st_size} bytes, ")
    (pieces_of(out) / "manifest.json").write_text("{")
    report, _ = process(long, out, resume=True)
    assert report.frames == 400


def test_damaged_input_is_one_error_or_says_what_is_missing(tmp_path: Path, long: Path) -> None:
    data = long.read_bytes()
    cases = {"empty.mp4": b"", "random.mp4": random.Random(0).randbytes(5000), "no-moov.mp4": data[: len(data) // 2]}
    with av.open(tmp_path / "sound.mp4", "w") as sound:
        sound.add_stream("aac", rate=48000, layout="mono")
        sound.start_encoding()
    for name, content in cases.items():
        (tmp_path / name).write_bytes(content)
    for name in (*cases, "sound.mp4", "nothing.mp4"):
        with pytest.raises(GancamError, match=name):
            process(tmp_path / name, tmp_path / "out.mp4")
    assert not (tmp_path / "out.mp4").exists()
    film = make_clip(tmp_path / "film.mkv", images=[f.image for f in TestPattern((96, 64), frames=100)])
    (tmp_path / "cut.mkv").write_bytes(film.read_bytes()[: film.stat().st_size // 2])
    report, _ = process(tmp_path / "cut.mkv", tmp_path / "out.mp4")
    assert 10 < report.frames < 100
    assert any("stops early" in note for note in report.notes)
    assert len(times_of(tmp_path / "out.mp4")) == report.frames


def test_a_part_begins_at_nought_with_its_sound(tmp_path: Path, long: Path) -> None:
    out = tmp_path / "out.mp4"
    process(long, out, start=Fraction(2), end=Fraction(7))
    assert times_of(out) == [Fraction(index, 30) for index in range(150)]
    with VideoFile(out) as video:
        assert [TestPattern.index_in(frame.image) for frame in video] == list(range(60, 210))
    was = {round((when - 2) * 1000): data for when, data in packets_of(long)[0]}
    now = packets_of(out)[0]
    assert abs(now[-1][0] - 5) < Fraction(1, 20)
    assert all(was.get(round(when * 1000)) == data for when, data in now)


@pytest.mark.parametrize("ending", [".mp4", ".mkv", ".webm", ".mov"])
def test_slides_of_three_quarters_of_an_hour_become_a_video(tmp_path: Path, ending: str) -> None:
    for number in range(3):
        cv2.imwrite(str(tmp_path / f"s-{number}.png"), TestPattern((64, 48)).image(number))
    out = tmp_path / f"out{ending}"
    process(tmp_path / "s-%d.png", out, fps=0.0004)
    assert times_of(out) == [0, 2500, 5000]
    with VideoFile(out) as film:
        assert film.fps == pytest.approx(0.0004)
    with pytest.raises(InputError, match="fps is 1e-09: needs 1/3600"):
        process(tmp_path / "s-%d.png", out, fps=1e-9, overwrite=True)
