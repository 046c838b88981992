"""A real Ray cluster on this machine makes what one process makes, also when one of its workers is killed."""

import os
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from gancam.effects import EffectSpec
from gancam.jobs.batch import process_all, process_one
from gancam.jobs.events import JobEvent, Note
from gancam.jobs.inputs import find_inputs
from gancam.jobs.ray_pool import RayPool
from gancam.jobs.spec import EffectChainSpec, ProcessOptions
from gancam.jobs.worker import WorkItem
from gancam.sources import TestPattern
from tests.helpers.clips import make_clip
from tests.helpers.jobs import same_pictures
from tests.helpers.small import network, write_models

ray: Any = pytest.importorskip("ray", reason='needs Ray: pip install "gancam[cluster]"')


@pytest.fixture(scope="module")
def cluster() -> Iterator[None]:
    ray.init(num_cpus=2, include_dashboard=False, log_to_driver=False, logging_level="ERROR")
    yield
    ray.shutdown()


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_models(tmp_path_factory.mktemp("models"), network())


class Killing(RayPool):
    """Kills the worker that gets the second piece of a video."""

    def give(self, worker: int, order: WorkItem) -> None:
        super().give(worker, order)
        if order.number == 1 and self.killed is None:
            self.killed = self.pids[worker]
            os.kill(self.killed, signal.SIGTERM if os.name == "nt" else signal.SIGKILL)  # both end it at once

    killed: int | None = None


def test_a_cluster_makes_what_one_process_makes(cluster: None, tmp_path: Path, model: Path) -> None:
    folder, out, alone = tmp_path / "in", tmp_path / "out", tmp_path / "alone"
    folder.mkdir()
    long = make_clip(folder / "long.mp4", images=[frame.image for frame in TestPattern((96, 64), frames=300)])
    make_clip(folder / "short.mkv")
    (folder / "broken.mp4").write_bytes(b"no video")
    chain_spec = EffectChainSpec((EffectSpec.parse(str(model)),))
    notes: list[str] = []
    make_pool = lambda one: Killing(one, workers=2)

    def notify(event: JobEvent) -> None:
        if isinstance(event, Note):
            notes.append(event.text)

    summary = process_all(
        find_inputs([str(folder)], out),
        out,
        chain_spec,
        ProcessOptions(resume=True),
        notify=notify,
        make_pool=make_pool,
    )
    assert [path.name for path, _ in summary.failed] == ["broken.mp4"], summary
    assert summary.made == 2
    assert sum("a worker died" in note for note in notes) == 1
    assert any("2 workers with 1 cores each, on 1 machines" in note for note in notes)
    assert process_all(find_inputs([str(folder)], alone), alone, chain_spec, ProcessOptions(), notify=notify).made == 2
    assert all(same_pictures(alone / name, out / name) for name in ("long.mp4", "short.mkv"))
    target = tmp_path / "one.mp4"
    report = process_one(long, target, chain_spec, ProcessOptions(), notify=notify, make_pool=make_pool)
    assert report.frames == 300
    assert same_pictures(alone / "long.mp4", target)
