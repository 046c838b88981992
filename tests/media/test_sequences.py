"""Numbered images as input and as output: every picture, its time, and going on after a break."""

import json
import os
import shutil
from fractions import Fraction
from pathlib import Path

import cv2
import numpy as np
import pytest

from gancam.errors import InputError, NotFound, OutputExists, SinkError, SourceError
from gancam.jobs.process import process_video
from gancam.jobs.spec import ProcessOptions
from gancam.pipeline import Report
from gancam.sinks.images import ImageWriter
from gancam.sinks.piece_store import pieces_of
from gancam.sinks.video import VideoOptions
from gancam.sources import ImageFiles, TestPattern, VideoFile
from tests.helpers.clips import make_clip, times_of
from tests.helpers.command import here
from tests.helpers.jobs import cut_short, process

TICKS = [512 * index + 100 * (index % 3) for index in range(40)]  # of 15360 a second: no constant rate


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    images = [frame.image for frame in TestPattern((96, 64), frames=40)]
    return make_clip(tmp_path_factory.mktemp("clips") / "clip.mp4", images=images, ticks=TICKS, audio=[("aac", 0.0)])


def test_there_and_back_nothing_is_lost(tmp_path: Path, clip: Path) -> None:
    frames, back = tmp_path / "out" / "frame-%06d.png", tmp_path / "back.mp4"
    report, said = process(clip, frames)
    assert report.frames == 40
    assert said == [
        "images hold no sound, text or chapters, which are left out: 1 audio", "times are kept in frame-times.txt"
    ]  # fmt: skip
    names = [f"frame-{number:06d}.png" for number in range(1, 41)]
    assert sorted(os.listdir(tmp_path / "out")) == [*names, "frame-times.txt"]
    with VideoFile(clip) as video:
        for frame, name in zip(video, names, strict=True):
            written = cv2.imread(str(tmp_path / "out" / name))
            assert written is not None
            assert np.array_equal(frame.image, written)
    process(frames, back)
    assert times_of(back) == times_of(clip)
    process(frames, tmp_path / "back.mkv", codec="ffv1")
    with VideoFile(clip) as before, VideoFile(tmp_path / "back.mkv") as after:
        assert all(np.array_equal(a.image, b.image) for a, b in zip(before, after, strict=True))
    process(frames, tmp_path / "part.mp4", start=Fraction(1, 2), end=Fraction(1))
    assert times_of(tmp_path / "part.mp4") == [t - Fraction(1, 2) for t in times_of(clip) if Fraction(1, 2) <= t < 1]


def test_a_break_costs_nothing(tmp_path: Path, clip: Path) -> None:
    whole, out = tmp_path / "a" / "%04d.png", tmp_path / "b" / "%04d.png"
    process(clip, whole)
    cut_short(clip, out, 25)
    assert os.listdir(tmp_path / "b") == [pieces_of(out).name]
    with pytest.raises(OutputExists, match="--resume continues it"):
        process(clip, out)
    with pytest.raises(InputError, match=r"differs from this one \(quality was 80.0, now 10\)"):
        process(clip, out, resume=True, quality=10)
    damaged = pieces_of(out) / "0020.png"
    damaged.write_bytes(damaged.read_bytes()[:-3])
    report, said = process(clip, out, resume=True)
    assert report.frames == 21
    assert f"{out}: continues after 19 frames" in said
    names = sorted(os.listdir(tmp_path / "a"))
    assert names == sorted(os.listdir(tmp_path / "b"))
    assert all((tmp_path / "a" / name).read_bytes() == (tmp_path / "b" / name).read_bytes() for name in names)
    with pytest.raises(OutputExists):
        process(clip, out)
    process(clip, out, overwrite=True, end=Fraction(1, 2))
    assert len(os.listdir(tmp_path / "b")) == len([tick for tick in TICKS if tick < 7680]) + 1


def test_images_of_somebody_else(tmp_path: Path, clip: Path) -> None:
    process(clip, tmp_path / "a%03d.jpg", quality=90)
    (tmp_path / "atimes.txt").unlink()
    (tmp_path / "a007.jpg").unlink()
    (tmp_path / "a1.jpg").write_bytes(b"not one of them")
    with ImageFiles(tmp_path / "a%03d.jpg", fps=10) as images:
        assert images.notes == ["a%03d.jpg: 1 of its numbers are missing, which are gaps in time"]
        frames = list(images)
    assert [TestPattern.index_in(frame.image) for frame in frames] == [i for i in range(40) if i != 6]
    assert [frame.time for frame in frames] == [i / 10 for i in range(40) if i != 6]
    done = here("process", tmp_path / "a%03d.jpg", tmp_path / "b.mp4", "--fps", "10", "--json")
    assert here("process", clip, tmp_path / "c%03d.png", "-q").stderr.count("\n") == 2  # the two notes
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["frames"] == 39
    assert times_of(tmp_path / "b.mp4") == [Fraction(i, 10) for i in range(40) if i != 6]
    shutil.copy(tmp_path / "a1.jpg", tmp_path / "a020.jpg")
    with pytest.raises(SourceError, match=r"a020\.jpg: not an image"):
        process(tmp_path / "a%03d.jpg", tmp_path / "c.mp4")
    cv2.imwrite(str(tmp_path / "a020.jpg"), np.zeros((10, 10, 3), np.uint8))
    with pytest.raises(SourceError, match=r"a020\.jpg: is 10x10, but the first is 96x64"):
        process(tmp_path / "a%03d.jpg", tmp_path / "c.mp4", resume=True, overwrite=True)


def test_what_makes_no_sense_is_one_error(tmp_path: Path, clip: Path) -> None:
    with pytest.raises(NotFound, match="no image has such a name"):
        process(tmp_path / "%d.png", tmp_path / "a.mp4")
    with pytest.raises(InputError, match="--codec and --encoder are for videos"):
        process(clip, tmp_path / "%d.png", codec="h264")
    with pytest.raises(InputError, match="--fps is for numbered images"):
        process(clip, tmp_path / "a.mp4", fps=3.0)
    with pytest.raises(InputError, match="written as %06d"):
        ImageWriter(tmp_path / "%d-%d.png", VideoOptions(fps=25, size=(96, 64)))
    with pytest.raises(SinkError, match="cannot be written"):
        process(clip, tmp_path / "no" / "such" / "%d.png")
    (tmp_path / "1.png").write_bytes(b"precious")
    with pytest.raises(OutputExists, match=r"1\.png: exists"):
        process(clip, tmp_path / "%d.png")
    (tmp_path / "1.png").unlink()
    cv2.imwrite(str(tmp_path / "1.png"), np.zeros((10, 10, 3), np.uint8))
    (tmp_path / "times.txt").write_text("0\n1\n")
    with pytest.raises(SourceError, match="has 2 times for 1 images: it needs one for each; mend it, or remove"):
        process(tmp_path / "%d.png", tmp_path / "a.mp4")
    cv2.imwrite(str(tmp_path / "2.png"), np.zeros((10, 10, 3), np.uint8))
    (tmp_path / "times.txt").write_text("80\n40\n")
    with pytest.raises(SourceError, match="its times do not increase: 40 ms comes after 80 ms; mend it, or remove"):
        process(tmp_path / "%d.png", tmp_path / "a.mp4")


def test_two_jobs_on_one_sequence(tmp_path: Path, clip: Path) -> None:
    first = ImageWriter(tmp_path / "%d.png", VideoOptions(fps=25, size=(96, 64)))
    with pytest.raises(SinkError, match="is being written by another output of this run"):
        process_video(clip, tmp_path / "%d.png", [], ProcessOptions(overwrite=True), Report(), notify=lambda note: None)
    first.close(interrupted=True)
    assert os.listdir(tmp_path) == []


def test_a_break_is_not_gone_on_with_at_another_rate(tmp_path: Path) -> None:
    for number in range(8):
        cv2.imwrite(str(tmp_path / f"s-{number}.png"), TestPattern((32, 32)).image(number))
    out = tmp_path / "out" / "%03d.png"
    cut_short(tmp_path / "s-%d.png", out, 3, fps=10)
    with pytest.raises(InputError, match=r"differs from this one \(time base was 1/10, now 1/30\)"):
        process(tmp_path / "s-%d.png", out, fps=30, resume=True)
    process(tmp_path / "s-%d.png", out, fps=10, resume=True)
    with ImageFiles(out) as images:
        assert images.times == [Fraction(index, 10) for index in range(8)]


def test_times_that_changed_are_another_input(tmp_path: Path) -> None:
    for number in range(4):
        cv2.imwrite(str(tmp_path / f"s-{number}.png"), TestPattern((32, 32)).image(number))
    (tmp_path / "s-times.txt").write_text("0\n10\n20\n30\n")
    cut_short(tmp_path / "s-%d.png", tmp_path / "out-%d.png", 2)
    (tmp_path / "s-times.txt").write_text("0\n20\n30\n40\n")
    with pytest.raises(InputError, match="input is another file, or was changed"):
        process(tmp_path / "s-%d.png", tmp_path / "out-%d.png", resume=True)


@pytest.mark.parametrize("fails", ["g-004.png", "g-times.txt"])
def test_a_move_that_fails_half_way_goes_on(
    tmp_path: Path, clip: Path, monkeypatch: pytest.MonkeyPatch, fails: str
) -> None:
    whole, out, move = tmp_path / "a" / "g-%03d.png", tmp_path / "b" / "g-%03d.png", os.replace
    process(clip, whole)

    def replace(partial: Path, target: Path) -> None:
        if Path(target) == out.with_name(fails):
            raise OSError(5, "Input/output error")
        move(partial, target)

    with monkeypatch.context() as patch:
        patch.setattr(os, "replace", replace)
        with pytest.raises(SinkError, match=r"cannot be moved \(Input/output error\)"):
            process(clip, out)
    assert (tmp_path / "b" / "g-003.png").exists()
    with pytest.raises(OutputExists, match="--resume continues it"):
        process(clip, out)
    done = here("process", clip, out, "--resume")
    assert done.returncode == 0, done.stderr
    assert "continues after 40 frames" in done.stderr
    names = sorted(os.listdir(tmp_path / "a"))
    assert names == sorted(os.listdir(tmp_path / "b"))
    assert all((tmp_path / "a" / name).read_bytes() == (tmp_path / "b" / name).read_bytes() for name in names)


def test_images_that_another_thread_closes_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for number in range(1, 4):
        cv2.imwrite(str(tmp_path / f"a-{number}.png"), np.zeros((8, 8, 3), np.uint8))
    source = ImageFiles(tmp_path / "a-%d.png")

    def closed(size: tuple[int, int]) -> int:
        source.close()  # between the look whether it is closed and the next image given to a thread
        return 4

    monkeypatch.setattr("gancam.sources.images.frames_ahead", closed)
    assert list(source) == []
    assert source.ended_early
