"""Jobs in this process: whole ones, ones that are cut short, and a pool whose worker dies."""

import shutil
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from gancam.effects import Effect
from gancam.frame import Frame, Image
from gancam.inference.card import ModelCard
from gancam.jobs.batch import process_one
from gancam.jobs.events import JobEvent, Note
from gancam.jobs.local_pool import WorkerPool
from gancam.jobs.process import process_video
from gancam.jobs.spec import EffectChainSpec, ProcessOptions
from gancam.jobs.worker import Worker, WorkItem, WorkResult
from gancam.pipeline import Report
from tests.helpers.clips import planes_of

FULL_DISK = """
import json, resource, sys
from pathlib import Path
from typing import Any
from gancam.errors import SinkError
from gancam.jobs.process import process_video
from gancam.jobs.spec import ProcessOptions
from gancam.pipeline import Report
resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[3]), int(sys.argv[3])))
try:
    options = ProcessOptions(quality=95)
    process_video(Path(sys.argv[1]), Path(sys.argv[2]), [], options, Report(), notify=lambda note: None)
except SinkError as error:
    print(error)
"""


def same_pictures(left: Path, right: Path) -> bool:
    pairs = zip(planes_of(left), planes_of(right), strict=True)
    return all(np.array_equal(a, b) for one, other in pairs for a, b in zip(one, other, strict=True))


def process(source: Path, target: Path, **options: object) -> tuple[Report, list[str]]:
    report, said = Report(), list[str]()
    process_video(source, target, [], ProcessOptions(**options), report, notify=said.append)  # type: ignore[arg-type]
    return report, said


def cut_short(source: Path, target: Path, frames: int, effects: Sequence[Effect] = (), **options: object) -> None:
    """As Ctrl-C after so many frames would."""
    came = 0

    def stop(frame: Frame) -> None:
        nonlocal came
        came += 1
        if came > frames:
            raise KeyboardInterrupt

    chosen = ProcessOptions(**options)  # type: ignore[arg-type]
    with pytest.raises(KeyboardInterrupt):
        process_video(source, target, effects, chosen, Report(), notify=lambda note: None, on_frame=[stop])
    assert not target.exists()


class Echo(Effect):
    """The frame, with a corner that counts the frames this effect has seen: it remembers."""

    card = ModelCard(name="echo", effect="echo", scale=1, licence="none")

    def __init__(self) -> None:
        self.seen = 0

    def __call__(self, image: Image, *, time: float | None = None) -> Image:
        self.seen += 1
        made = image.copy()
        made[:16, :16] = self.seen % 250
        return made

    def reset(self) -> None:
        self.seen = 0


class Alone:
    """A pool of one worker in this process; `deaths` of its orders kill it."""

    def __init__(self, chain_spec: EffectChainSpec, folder: Path, deaths: int = 0) -> None:
        self.notes: list[str] = []
        self._chain_spec, self._folder = chain_spec, folder / "worker"
        self._folder.mkdir(exist_ok=True)
        self._worker, self._number = Worker(chain_spec, self._folder), 0
        self._order: WorkItem | None = None
        self._deaths = deaths
        self.orders: list[WorkItem] = []

    def free(self) -> list[int]:
        return [self._number] if self._order is None else []

    def give(self, worker: int, order: WorkItem) -> None:
        assert worker == self._number
        self._order = order
        self.orders.append(order)

    def take(self) -> tuple[int, WorkResult | None]:
        order, self._order = self._order, None
        assert order is not None
        number = self._number
        if self._deaths and len(self.orders) % 2 == 0:
            self._deaths -= 1
            self._worker.close()
            self._worker = Worker(self._chain_spec, self._folder)
            self._number += 1
            return number, None
        return number, self._worker(order)

    def close(self) -> None:
        self._worker.close()
        shutil.rmtree(self._folder)


def by(
    pool: WorkerPool, source: Path, target: Path, chain_spec: EffectChainSpec, options: ProcessOptions
) -> tuple[Report, list[str]]:
    notes = []

    def notify(event: JobEvent) -> None:
        if isinstance(event, Note):
            notes.append(event.text)

    return process_one(source, target, chain_spec, options, notify=notify, make_pool=lambda _: pool), notes
