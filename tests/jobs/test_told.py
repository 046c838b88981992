"""What is told of a job, by whichever way its files are made."""

from pathlib import Path

import cv2
import numpy as np
import pytest

from gancam.effects import EffectSpec
from gancam.jobs.batch import process_all, process_one
from gancam.jobs.events import JobEvent, Note
from gancam.jobs.inputs import find_inputs
from gancam.jobs.process import process_video
from gancam.jobs.spec import EffectChainSpec, ProcessOptions
from gancam.pipeline import Report
from gancam.sources import TestPattern
from tests.helpers.clips import make_clip
from tests.helpers.jobs import Alone, by
from tests.helpers.small import network, write_models


def short_clip(path: Path) -> Path:
    return make_clip(path, images=[frame.image for frame in TestPattern((64, 48), frames=2)])


@pytest.mark.parametrize("way", ["one", "a worker", "batch", "batch of workers"])
def test_what_holds_for_all_files_is_told_once(way: str, tmp_path: Path) -> None:
    """With workers it was told of no video, and without them of each file of a folder."""
    chain_spec = EffectChainSpec((EffectSpec("sketch"), EffectSpec("background")), "cpu", threads=1)
    folder, out, told = tmp_path / "in", tmp_path / "out", list[str]()
    folder.mkdir()
    video = short_clip(folder / "c.mkv")

    def notify(event: JobEvent) -> None:
        if isinstance(event, Note):
            told.append(event.text)

    if way == "one":
        process_video(video, tmp_path / "d.mkv", chain_spec.load(), ProcessOptions(), Report(), notify=told.append)
    elif way == "a worker":
        pool = Alone(chain_spec, tmp_path)
        process_one(video, tmp_path / "d.mkv", chain_spec, ProcessOptions(), notify=notify, make_pool=lambda _: pool)
    else:
        for name in ("a.png", "b.png"):
            cv2.imwrite(str(folder / name), np.full((48, 64, 3), 90, np.uint8))
        make_pool = (lambda one: Alone(one, tmp_path)) if way == "batch of workers" else None
        found = find_inputs([str(folder)], out)
        process_all(found, out, chain_spec, ProcessOptions(), notify=notify, make_pool=make_pool)
    assert sum("looks for people in what sketch drew" in note for note in told) == 1


@pytest.mark.parametrize("way", ["one", "a worker"])
def test_changes_after_the_end_are_told(way: str, tmp_path: Path) -> None:
    """A worker was silent of them."""
    chain_spec = EffectChainSpec((EffectSpec(str(write_models(tmp_path, network()))),), "cpu", "fp32", 1)
    source, target, report = short_clip(tmp_path / "a.mkv"), tmp_path / "b.mkv", Report()
    params = tmp_path / "p.jsonl"
    params.write_text('{"time": 0.0, "set": {"small.strength": 0.5}}\n{"time": 9.0, "set": {"small.strength": 1.0}}\n')
    options = ProcessOptions(params=params)
    if way == "one":
        process_video(source, target, chain_spec.load(), options, report, notify=lambda note: None)
    else:
        report, _ = by(Alone(chain_spec, tmp_path), source, target, chain_spec, options)
    assert [note for note in report.notes if "after the end of" in note] == [
        f"{params}: its last 1 change of parameters comes after the end of {source}"
    ]
