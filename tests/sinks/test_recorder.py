"""Snapshots and recordings of what a window shows."""

import sys
from pathlib import Path

import cv2
import numpy as np
import pytest

from gancam.errors import GancamError
from gancam.frame import Frame
from gancam.media.live_sound import Sound
from gancam.sinks import SinkContext, open_sink
from gancam.sinks.recorder import Recorder


def test_snapshots_replace_none(tmp_path: Path) -> None:
    said: list[str] = []
    recorder = Recorder(tmp_path, 30, said.append, pytest.fail)
    pictures = [np.full((8, 8, 3), level, np.uint8) for level in (1, 2)]
    for picture in pictures:
        recorder.snapshot(picture)
    files = sorted(tmp_path.iterdir())
    assert said == [f"saved {file.name}" for file in files]
    assert [int(np.asarray(cv2.imread(str(file))).max()) for file in files] == [1, 2]


@pytest.mark.parametrize("target", ["", "source:", "nowhere://127.0.0.1/"])
def test_what_does_not_begin_listens_to_nothing(target: str, tmp_path: Path) -> None:
    sound, warned = Sound(), list[str]()
    frame = Frame(np.zeros((8, 8, 3), np.uint8), 0, 0.0)
    Recorder(tmp_path / "none", 30, pytest.fail, warned.append, sound).start(frame)
    assert len(warned) == 1
    with pytest.raises(GancamError):
        open_sink(f"{target}{tmp_path / 'none' / 'a.mp4'}", SinkContext(fps=30, size=(8, 8), sound=sound, live=True))
    assert not sound.wanted


@pytest.mark.skipif(sys.platform == "win32", reason="POSIX limits of files")
def test_a_snapshot_that_the_disk_does_not_hold_leaves_no_part_of_it(tmp_path: Path) -> None:
    import resource

    warned: list[str] = []
    recorder = Recorder(tmp_path, 30, pytest.fail, warned.append)
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (10_000, before[1]))
    try:
        recorder.snapshot(np.random.default_rng(0).integers(0, 256, (100, 100, 3), np.uint8))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert len(warned) == 1
    assert warned[0].startswith("not saved: ")
    assert "File too large" in warned[0]
    assert list(tmp_path.iterdir()) == []
