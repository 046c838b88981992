"""Make many files, one after the other or with several workers."""

import logging
import os
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TypeAlias

from gancam.effects import Effect, EffectSlot
from gancam.errors import GancamError, InputError, OutputExists
from gancam.files import make_folder
from gancam.inference.hardware import memory, peak_memory, usable_cores
from gancam.jobs.checks import late_searches
from gancam.jobs.eta import PROGRESS_SECONDS, WATCH_SECONDS, WORTHWHILE, ProgressEstimate, worker_count
from gancam.jobs.events import (
    BatchFinished,
    BatchStarted,
    FileFailed,
    FileMade,
    FileProgress,
    FileStarted,
    JobListener,
    Note,
    Notify,
    Summary,
)
from gancam.jobs.identity import file_job, files_made, job_of
from gancam.jobs.inputs import BatchInputs, BatchItem
from gancam.jobs.local_pool import LocalPool, WorkerPool, share_of_threads
from gancam.jobs.process import process_image, process_video
from gancam.jobs.records import Ledger
from gancam.jobs.scheduler import Scheduler
from gancam.jobs.spec import EffectChainSpec, LoadedChain, ProcessOptions
from gancam.jobs.worker import WorkerFault
from gancam.media.messages import cause
from gancam.media.paths import MediaPath, literal
from gancam.pipeline import Report
from gancam.units import counted

log = logging.getLogger(__name__)
MakePool: TypeAlias = Callable[[EffectChainSpec], WorkerPool]
"""Starts workers that have these effects."""


def process_all(
    found: BatchInputs,
    out: Path,
    chain_spec: EffectChainSpec,
    options: ProcessOptions,
    *,
    notify: Notify,
    workers: int | None = 1,
    make_pool: MakePool | None = None,
) -> Summary:
    """Make every item of a batch; a failure is told, and the next file is made.

    What is there already and was made by the same job is left alone; what was begun goes on where it stopped (the
    result is the same). Models are loaded once a worker; every file finds the effects fresh. A failure that is a fault
    of gancam's own is logged with its traceback.

    Args:
        found: What to make.
        out: The folder to write to, which keeps a record of what was made.
        chain_spec: The effects.
        options: How videos are processed.
        notify: Called with each event.
        workers: Processes at work; None for one, and more where that is seen to leave cores idle.
        make_pool: Starts workers that do all of it instead.

    Returns:
        What became of it.

    Raises:
        InputError: Before any work: where there is nothing to do.
        OutputExists: Before any work: for files in the way without ``options.overwrite``.
        SinkError: Before any work: for a folder that cannot be made; later: where no worker is left.
        GancamError: What loading the effects raises.
    """
    if not found.items:
        others = f", but {counted(found.others, 'other file')}" if found.others else ""
        raise InputError("; ".join([f"nothing to do: the inputs hold no video and no image{others}", *found.notes]))
    return _Batch(found, out, chain_spec, options, notify, workers, make_pool).run()


def process_one(
    source: MediaPath | Path,
    target: MediaPath | Path,
    chain_spec: EffectChainSpec,
    options: ProcessOptions,
    *,
    notify: Notify,
    make_pool: MakePool | None,
    chain: LoadedChain | None = None,
    job: Mapping[str, object] | None = None,
) -> Report:
    """Make one video, in this process or with the workers of a pool.

    Where an effect writes a file of its own (a track of masks), it is always this process.

    Args:
        source: The file to read.
        target: The file to write.
        chain_spec: The effects.
        options: How a video is processed.
        notify: Called with progress and notes.
        make_pool: Starts the workers; None: this process makes it.
        chain: The effects of `chain_spec`, where they are loaded already.
        job: What ``gancam.jobs.identity.job_of`` says of it, where that is known.

    Returns:
        What it took, frames of this run only.

    Raises:
        GancamError: As ``gancam.jobs.process.process_video`` does.
    """
    path, listener = Path(source), _SingleListener(notify)
    chain = chain or LoadedChain(chain_spec)
    made = files_beside(chain)

    def told(text: str) -> None:
        notify(Note(path, text))

    if made and make_pool is not None:
        told(f"{made[0]}: is written beside the frames, so one process makes this video")
    if made or make_pool is None:
        progress = lambda index, frames: notify(FileProgress(path, index + 1, frames))
        process_video(
            source, target, chain.fresh(path), options, listener.report, notify=told, progress=progress, job=job
        )
        return listener.report
    pool = make_pool(chain_spec)
    began = time.monotonic()
    try:
        for note in pool.notes:
            told(note)
        item = BatchItem(path, Path(target), Path(target).name)
        Scheduler([item], pool, chain, options, listener, {} if job is None else {item: job}).run()
    finally:
        pool.close()
    if listener.error is not None:
        raise listener.error
    listener.report.seconds = time.monotonic() - began
    return listener.report


def files_beside(chain: LoadedChain) -> list[str]:
    """List the files that effects write beside the output, each as the parameter that asks for it."""
    return [f"{name}={file}" for effect in chain.fresh() for name, file in files_made(effect).items()]


def losses(report: Report, chain: LoadedChain) -> list[str]:
    """List the notes of a report that are about the file, not about how its effects fared."""
    fared = {note for effect in chain.effects for note in effect.notes}
    return [note for note in report.notes if note not in fared]


class _SingleListener(JobListener):
    """Keeps what becomes of a single item."""

    def __init__(self, notify: Notify) -> None:
        self._notify = notify
        self.report = Report()
        self.error: Exception | None = None

    def progress(self, item: BatchItem, frame: int, frames: int | None, fresh: int) -> None:
        self.report.frames, self.report.promised = fresh, frames
        self._notify(FileProgress(item.source, frame, frames))

    def note(self, item: BatchItem, text: str) -> None:
        self._notify(Note(item.source, text))

    def made(self, item: BatchItem, frames: int | None = None, notes: Sequence[str] = ()) -> None:
        self.report.notes = [*notes]
        self.report.promised = None  # it was an estimate, and all is made

    def failed(self, item: BatchItem, error: Exception) -> None:
        self.error = error


@dataclass(eq=False)
class _Batch(JobListener):
    found: BatchInputs
    out: Path
    chain_spec: EffectChainSpec
    options: ProcessOptions
    notify: Notify
    workers: int | None
    make_pool: MakePool | None

    def __post_init__(self) -> None:
        self._chain = LoadedChain(self.chain_spec)
        if made := files_beside(self._chain):
            if len(self.found.items) > 1:
                raise InputError(f"{made[0]}: is one file, for one video, and there are {len(self.found.items)} inputs")
            self.workers = 1
        make_folder(self.out, parents=True)
        self._ledger = Ledger(self.out)
        self._left: list[BatchItem] = []
        self._summary = Summary(others=self.found.others)
        self._sort_out()
        self._costs = ProgressEstimate(self._left, self.options)
        self._notified: dict[BatchItem, float] = {}
        self._told = set[tuple[BatchItem, str]]()
        self._of_all = late_searches(self._chain.effects)  # told once, not of each file
        self._at_work = 1

    def _sort_out(self) -> None:
        """Find what is left to do; raises when something is in the way."""
        blocked = []
        for item in self.found.items:
            why = None
            if os.path.lexists(item.target):
                try:
                    why = self._ledger.in_the_way(item, self._whole(item, self._job(item, self._effects(item))))
                except OSError as error:
                    why = f"cannot be read ({cause(error)})"
                if why is None:
                    self._summary.done += 1
                    continue
                if not self.options.overwrite:
                    blocked.append(f"{item.target}: {why}")
            self._left.append(item)
        if blocked:
            more = f" (and {len(blocked) - 1} more such files)" if len(blocked) > 1 else ""
            raise OutputExists(f"{blocked[0]}{more}; give another folder, or --overwrite (in Python overwrite=True)")

    def _effects(self, item: BatchItem) -> list[EffectSlot]:
        return self._chain.fresh(None if item.is_image else item.source)

    def _job(self, item: BatchItem, effects: Sequence[Effect]) -> Mapping[str, object]:
        """What makes the frames of `item`."""
        return job_of(item.source, effects, None if item.is_image else self.options)

    def _whole(self, item: BatchItem, job: Mapping[str, object]) -> Mapping[str, object]:
        """What makes the file of `item`, whose frames are made by `job`."""
        return file_job(job, item.target, self.options, image=item.is_image)

    def run(self) -> Summary:
        summary, began = self._summary, time.monotonic()
        self.notify(BatchStarted(len(self._left), summary.done, summary.others, tuple(self.found.notes)))
        for note in self._of_all if self._left else ():
            self.notify(Note(None, note))
        try:
            if self.make_pool is not None:
                self._together(self._left, self.make_pool)
            else:
                for images in (True, False):
                    self._locally([item for item in self._left if item.is_image == images])
        finally:
            summary.seconds = time.monotonic() - began
            self.notify(BatchFinished(summary))
        return summary

    def _locally(self, items: list[BatchItem]) -> None:
        """Make `items` on this machine, with several processes where that was asked for or where it pays."""
        if not items:
            return
        workers = self.workers
        wall, cpu = time.monotonic(), time.process_time()
        left = list(items)
        while left and workers in (1, None):
            self._make(left.pop(0))
            seconds = time.monotonic() - wall
            if workers is None and seconds >= WATCH_SECONDS and len(left) > 1:
                workers = self._worker_count(left, (time.process_time() - cpu) / seconds)
        if left:
            count = min(workers or 1, len(left)) if left[0].is_image else workers or 1
            chain_spec = self.chain_spec
            if chain_spec.threads is None:
                chain_spec = replace(chain_spec, threads=share_of_threads(count))
            self._together(left, lambda _: LocalPool(chain_spec, count))

    def _worker_count(self, left: Sequence[BatchItem], busy: float) -> int:
        """Reckon how many workers pay for the rest, where one keeps so many cores busy."""
        eta = self._costs.eta() or 0.0
        workers = worker_count(busy=busy, cores=usable_cores(), left=len(left), room=_room())
        if any(effect.device != "cpu" for effect in self._chain.fresh()):
            workers = 1  # how much of a GPU is left is not known
        if workers < 2 or eta < WORTHWHILE:
            return 1
        said = f"one worker keeps {busy:.1f} of {usable_cores()} cores busy: {workers} workers make the rest"
        self.notify(Note(None, said))
        return workers

    def _together(self, items: Sequence[BatchItem], make_pool: MakePool) -> None:
        pool = make_pool(self.chain_spec)
        self._at_work = max(len(pool.free()), 1)
        try:
            for note in pool.notes:
                self.notify(Note(None, note))
            Scheduler(items, pool, self._chain, self.options, self).run()
        finally:
            pool.close()
            self._at_work = 1

    def _make(self, item: BatchItem) -> None:
        report = Report()
        notify = lambda text: self.note(item, text)
        source, target = literal(item.source), literal(item.target)
        try:
            effects = self._effects(item)
            self.begin(item)
            job = self._job(item, effects)
            self.record(item, job)
            if item.is_image:
                process_image(source, target, effects, self.options, notify=notify)
                self.made(item)
            else:
                progress = lambda index, frames: self.progress(item, index + 1, frames)
                process_video(source, target, effects, self.options, report, notify=notify, progress=progress, job=job)
                self.made(item, notes=losses(report, self._chain), report=report)
        except Exception as error:  # also a fault of gancam's own must not cost the files to come
            self.failed(item, error)

    # As a listener, for items that are made here too.

    def begin(self, item: BatchItem) -> None:
        self.notify(FileStarted(item.source, item.target))
        self._costs.begin(item)

    def record(self, item: BatchItem, job: Mapping[str, object]) -> None:
        make_folder(item.target.parent, parents=True)
        self._ledger.begin(item, self._whole(item, job))

    def progress(self, item: BatchItem, frame: int, frames: int | None, fresh: int = 0) -> None:
        now = time.monotonic()
        if now - self._notified.get(item, -PROGRESS_SECONDS) >= PROGRESS_SECONDS or frame == frames:
            self._notified[item] = now
            self._costs.reached(item, min(frame / frames, 1.0) if frames else 0.0)
            eta = self._costs.eta(self._at_work)
            self.notify(FileProgress(item.source, frame, frames, eta))

    def note(self, item: BatchItem, text: str) -> None:
        if text in self._of_all:
            return
        self._told.add((item, text))
        self.notify(Note(item.source, text))

    def made(
        self, item: BatchItem, frames: int | None = None, notes: Sequence[str] = (), report: Report | None = None
    ) -> None:
        for note in notes:
            if (item, note) not in self._told:
                self.note(item, note)
        self._ledger.end(item)
        self._costs.end(item)
        self._summary.made += 1
        if report is None and frames is not None:
            report = Report(frames=frames, notes=list(notes))
        self.notify(FileMade(item.source, item.target, report))

    def failed(self, item: BatchItem, error: Exception) -> None:
        self._costs.end(item, made=False)
        said = " ".join(str(error).split()) if isinstance(error, GancamError) else f"{item.source}: {error!r}"
        said = said if str(item.source) in said or str(item.target) in said else f"{item.source}: {said}"
        if is_own_fault(error):
            log.error("%s: failed by a fault of gancam's own", item.source, exc_info=error)
        self._summary.failed.append((item.source, said))
        self.notify(FileFailed(item.source, item.target, said))


def is_own_fault(error: BaseException) -> bool:
    """Tell whether an error is a fault of gancam's own, so that a report of it needs the traceback.

    Errors for bad input are ``GancamError``.
    """
    return not isinstance(error, GancamError) or isinstance(error, WorkerFault)


def _room() -> int:
    """Count the processes as large as this one has become that fit into the memory that is free."""
    return int(memory()[1] * 0.8 / peak_memory())
