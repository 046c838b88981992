"""Files that effects write beside the output: whole with it, or not at all."""

from pathlib import Path

import pytest

from gancam.effects import EffectSpec
from gancam.errors import OutputExists, SinkError
from gancam.jobs.batch import process_one
from gancam.jobs.events import JobEvent
from gancam.jobs.process import process_video
from gancam.jobs.spec import EffectChainSpec, ProcessOptions
from gancam.masks import MaskTrack
from gancam.pipeline import Report
from gancam.sources import TestPattern
from tests.helpers.clips import make_clip
from tests.helpers.command import refused
from tests.helpers.jobs import cut_short, same_pictures
from tests.helpers.links import needs_links
from tests.helpers.small import filler, write_filler


@pytest.fixture(scope="module")
def long(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """40 frames: pieces of 7, 23 and 10 at this size."""
    images = [frame.image for frame in TestPattern((48, 32), frames=40)]
    return make_clip(tmp_path_factory.mktemp("long") / "long.mp4", images=images)


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_filler(tmp_path_factory.mktemp("models"), filler())


def recording(model: Path, track: Path) -> EffectChainSpec:
    spec = EffectSpec(str(model), {"box": "4/4/20/20", "from": "1s", "save": str(track)})
    return EffectChainSpec((spec,), "cpu", "fp32", 1)


def make(source: Path, out: Path, chain_spec: EffectChainSpec, options: ProcessOptions) -> None:
    process_video(source, out, chain_spec.load(), options, Report(), notify=lambda note: None)


def test_a_track_is_resumed_with_its_video(tmp_path: Path, long: Path, model: Path) -> None:
    out, track, whole = tmp_path / "out.mp4", tmp_path / "track.json", tmp_path / "whole.json"
    chain_spec = recording(model, track)
    make(long, tmp_path / "whole.mp4", recording(model, whole), ProcessOptions())
    cut_short(long, out, 32, chain_spec.load())
    assert not track.exists()
    make(long, out, chain_spec, ProcessOptions(resume=True))
    assert same_pictures(out, tmp_path / "whole.mp4")
    assert track.read_bytes() == whole.read_bytes()
    assert MaskTrack(track).frames == 40


def test_another_name_for_the_track_is_no_other_job(tmp_path: Path, long: Path, model: Path) -> None:
    out = tmp_path / "out.mp4"
    cut_short(long, out, 32, recording(model, tmp_path / "a.json").load())
    make(long, out, recording(model, tmp_path / "b.json"), ProcessOptions(resume=True))
    assert MaskTrack(tmp_path / "b.json").frames == 40
    assert out.exists()


def test_one_process_makes_a_video_with_a_track(tmp_path: Path, long: Path, model: Path) -> None:
    out, track, said = tmp_path / "out.mp4", tmp_path / "track.json", list[JobEvent]()
    process_one(
        long, out, recording(model, track), ProcessOptions(), notify=said.append,
        make_pool=lambda _: pytest.fail("workers would each have a part of the track"),
    )  # fmt: skip
    assert MaskTrack(track).frames == 40
    assert any("one process makes this video" in str(event) for event in said)


def test_one_track_is_not_for_many_videos(tmp_path: Path, long: Path) -> None:
    for name in ("a.mp4", "b.mp4"):
        (tmp_path / "in").mkdir(exist_ok=True)
        (tmp_path / "in" / name).write_bytes(long.read_bytes())
    effect = f"inpaint:box=4/4/20/20:save={tmp_path / 't.json'}"
    refused("process", tmp_path / "in", tmp_path / "out", "-e", effect, says="is one file, for one video")
    assert not (tmp_path / "out").exists()


@needs_links
def test_a_track_that_cannot_be_written_is_told_before_work(tmp_path: Path, model: Path) -> None:
    with pytest.raises(SinkError, match="there is no folder"):
        recording(model, tmp_path / "no/t.json").load()
    (tmp_path / "broken.json").symlink_to(tmp_path / "nothing")
    with pytest.raises(OutputExists, match="exists; give another name"):
        recording(model, tmp_path / "broken.json").load()
