"""Many files, one after the other or by several workers."""

import os
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from gancam.effects import Effect, EffectSlot
from gancam.errors import GancamError, InputError, OutputExists
from gancam.files import make_folder
from gancam.inference.hardware import memory, peak_memory, usable_cores
from gancam.jobs.eta import PROGRESS_SECONDS, WATCH_SECONDS, WORTHWHILE, ProgressEstimate, worker_count
from gancam.jobs.identity import job_of
from gancam.jobs.inputs import BatchInputs, BatchItem
from gancam.jobs.ledger import Ledger
from gancam.jobs.local_pool import LocalPool, WorkerPool, share_of_threads
from gancam.jobs.process import process_image, process_video
from gancam.jobs.scheduler import Scheduler
from gancam.jobs.spec import EffectChainSpec, LoadedChain, ProcessOptions
from gancam.media.messages import cause
from gancam.pipeline import Report

Hire = Callable[[EffectChainSpec], WorkerPool]
Tell = Callable[[Mapping[str, Any]], None]
"""Takes an event, ready for JSON; its ``event`` is one of

    batch     files (to make), done (before), others (neither video nor image), notes
    file      input, output: work on it begins
    progress  input, frame, frames (None where nobody knows), eta (seconds until all is done; None before it is known)
    note      input, note
    made      input, output, report (of a video)
    failed    input, output, error
    summary   made, failed, done, others, seconds
"""


@dataclass(slots=True)
class Summary:
    """What became of a batch. `failed` are inputs and errors, `done` were made by an earlier one."""

    made: int = 0
    failed: list[tuple[Path, str]] = field(default_factory=list)
    done: int = 0
    others: int = 0
    seconds: float = 0.0

    def text(self) -> list[str]:
        """Lines for a person."""
        parts = [f"{self.made} made", *([f"{self.done} done before"] if self.done else [])]
        parts += [f"{len(self.failed)} failed"] if self.failed else []
        parts += [f"{self.others} neither video nor image"] if self.others else []
        return [f"{', '.join(parts)}; {self.seconds:.1f} s", *(f"failed: {error}" for _, error in self.failed)]


def process_all(
    found: BatchInputs,
    out: Path,
    recipe: EffectChainSpec,
    task: ProcessOptions,
    *,
    tell: Tell,
    workers: int | None = 1,
    hire: Hire | None = None,
) -> Summary:
    """Make every item of `found`: a failure is told and the next file's turn comes.

    What is there already and was made by the same job is left alone; what was begun goes on where it stopped (the
    result is the same). Models are loaded once a worker; every file finds the effects fresh.

    workers  processes at work; None: one, and more where that is seen to leave cores idle.
    hire     gives a crew to do all of it instead.

    Raises, before any work, ``InputError`` where there is nothing to do, ``OutputExists`` for files in the way without
    ``task.overwrite``, ``SinkError`` for a folder that cannot be made, and what loading the effects raises.
    """
    if not found.items:
        raise InputError(f"nothing to do: no video and no image there ({found.others} other files)")
    return _Batch(found, out, recipe, task, tell, workers, hire).run()


def process_one(
    source: Path, target: Path, recipe: EffectChainSpec, task: ProcessOptions, *, tell: Tell, hire: Hire
) -> Report:
    """One video (or image) by a crew. Raises as ``gancam.jobs.process.process_video`` does."""
    ears = _One(tell)
    chain = LoadedChain(recipe)
    crew = hire(recipe)
    began = time.monotonic()
    try:
        for note in crew.notes:
            tell({"event": "note", "input": str(source), "note": note})
        Scheduler([BatchItem(source, target, target.name)], crew, chain, task, ears).run()
    finally:
        crew.close()
    if ears.error is not None:
        raise ears.error
    ears.report.seconds = time.monotonic() - began
    return ears.report


class _One:
    """Hears what becomes of one item."""

    def __init__(self, tell: Tell) -> None:
        self._tell = tell
        self.report = Report()
        self.error: Exception | None = None

    def begin(self, item: BatchItem, effects: Sequence[Effect]) -> None:
        pass

    def progress(self, item: BatchItem, frame: int, frames: int | None, fresh: int) -> None:
        self.report.frames, self.report.promised = fresh, frames
        self._tell({"event": "progress", "input": str(item.source), "frame": frame, "frames": frames, "eta": None})

    def note(self, item: BatchItem, text: str) -> None:
        self._tell({"event": "note", "input": str(item.source), "note": text})

    def made(self, item: BatchItem, frames: int | None = None, notes: Sequence[str] = ()) -> None:
        self.report.notes = [*notes]

    def failed(self, item: BatchItem, error: Exception) -> None:
        self.error = error


class _Batch:
    def __init__(
        self,
        found: BatchInputs,
        out: Path,
        recipe: EffectChainSpec,
        task: ProcessOptions,
        tell: Tell,
        workers: int | None,
        hire: Hire | None,
    ) -> None:
        self._task, self._tell, self._recipe, self._workers, self._hire = task, tell, recipe, workers, hire
        self._chain = LoadedChain(recipe)
        make_folder(out, parents=True)
        self._ledger = Ledger(out)
        self._left: list[BatchItem] = []
        self._found = found
        self._summary = Summary(others=found.others)
        self._sort_out()
        self._costs = ProgressEstimate(self._left, task)
        self._told: dict[BatchItem, float] = {}
        self._at_work = 1

    def _sort_out(self) -> None:
        """What is left to do; raises when something is in the way."""
        blocked = []
        for item in self._found.items:
            why = None
            if os.path.lexists(item.target):
                try:
                    why = self._ledger.in_the_way(item, self._job(item, self._effects(item)))
                except OSError as error:
                    why = f"cannot be read ({cause(error)})"
                if why is None:
                    self._summary.done += 1
                    continue
                if not self._task.overwrite:
                    blocked.append(f"{item.target}: {why}")
            self._left.append(item)
        if blocked:
            more = f", and {len(blocked) - 1} more in the way" if len(blocked) > 1 else ""
            raise OutputExists(f"{blocked[0]}{more}; give another folder, or --overwrite")

    def _effects(self, item: BatchItem) -> list[EffectSlot]:
        return self._chain.fresh(None if item.is_image else item.source)

    def _job(self, item: BatchItem, effects: Sequence[Effect]) -> Mapping[str, Any]:
        if item.is_image:
            return job_of(item.source, effects, None)
        video = {"codec": self._task.codec, "encoder": self._task.encoder, "quality": self._task.quality}
        return {**job_of(item.source, effects, self._task), **video}

    def run(self) -> Summary:
        summary, began = self._summary, time.monotonic()
        self._tell({
            "event": "batch", "files": len(self._left), "done": summary.done, "others": summary.others,
            "notes": self._found.notes,
        })  # fmt: skip
        try:
            if self._hire is not None:
                self._together(self._left, self._hire)
            else:
                for images in (True, False):
                    self._locally([item for item in self._left if item.is_image == images])
        finally:
            summary.seconds = time.monotonic() - began
            self._tell({
                "event": "summary", "made": summary.made, "done": summary.done, "others": summary.others,
                "failed": [{"input": str(path), "error": error} for path, error in summary.failed],
                "seconds": round(summary.seconds, 3),
            })  # fmt: skip
        return summary

    def _locally(self, items: list[BatchItem]) -> None:
        """Here, one after the other; by several processes where that was asked for or where it pays."""
        if not items:
            return
        workers = self._workers
        wall, cpu = time.monotonic(), time.process_time()
        left = list(items)
        while left and workers in (1, None):
            self._make(left.pop(0))
            seconds = time.monotonic() - wall
            if workers is None and seconds >= WATCH_SECONDS and len(left) > 1:
                workers = self._worth(left, (time.process_time() - cpu) / seconds)
        if left:
            count = min(workers or 1, len(left)) if left[0].is_image else workers or 1
            recipe = self._recipe
            if recipe.threads is None:
                recipe = replace(recipe, threads=share_of_threads(count))
            self._together(left, lambda _: LocalPool(recipe, count))

    def _worth(self, left: Sequence[BatchItem], busy: float) -> int:
        """How many workers pay for the rest, where one keeps so many cores busy."""
        eta = self._costs.eta() or 0.0
        workers = worker_count(busy=busy, cores=usable_cores(), left=len(left), room=_room())
        if any(effect.device != "cpu" for effect in self._chain.fresh()):
            workers = 1  # of a GPU nobody here can tell how much is left
        if workers < 2 or eta < WORTHWHILE:
            return 1
        said = f"one worker keeps {busy:.1f} of {usable_cores()} cores busy: {workers} make the rest"
        self._tell({"event": "note", "input": "", "note": said})
        return workers

    def _together(self, items: Sequence[BatchItem], hire: Hire) -> None:
        crew = hire(self._recipe)
        self._at_work = max(len(crew.free()), 1)
        try:
            for note in crew.notes:
                self._tell({"event": "note", "input": "", "note": note})
            Scheduler(items, crew, self._chain, self._task, self).run()
        finally:
            crew.close()
            self._at_work = 1

    def _make(self, item: BatchItem) -> None:
        report = Report()
        try:
            effects = self._effects(item)
            self.begin(item, effects)
            if item.is_image:
                process_image(item.source, item.target, effects, overwrite=self._task.overwrite)
                self.made(item)
            else:
                process_video(
                    item.source,
                    item.target,
                    effects,
                    self._task,
                    report,
                    tell=lambda text: self.note(item, text),
                    progress=lambda index, frames: self.progress(item, index + 1, frames),
                )
                self.made(item, report=report)
        except Exception as error:  # even one that is a fault of ours must not cost the files to come
            self.failed(item, error)

    # What happens to an item, here or at somebody else's.

    def begin(self, item: BatchItem, effects: Sequence[Effect]) -> None:
        self._tell({"event": "file", "input": str(item.source), "output": str(item.target)})
        self._costs.begin(item)
        job = self._job(item, effects)
        make_folder(item.target.parent, parents=True)
        self._ledger.begin(item, job)

    def progress(self, item: BatchItem, frame: int, frames: int | None, fresh: int = 0) -> None:
        now = time.monotonic()
        if now - self._told.get(item, -PROGRESS_SECONDS) >= PROGRESS_SECONDS or frame == frames:
            self._told[item] = now
            self._costs.reached(item, min(frame / frames, 1.0) if frames else 0.0)
            eta = self._costs.eta(self._at_work)
            self._tell({"event": "progress", "input": str(item.source), "frame": frame, "frames": frames, "eta": eta})

    def note(self, item: BatchItem, text: str) -> None:
        self._tell({"event": "note", "input": str(item.source), "note": text})

    def made(
        self, item: BatchItem, frames: int | None = None, notes: Sequence[str] = (), report: Report | None = None
    ) -> None:
        self._ledger.end(item)
        self._costs.end(item)
        self._summary.made += 1
        if report is None and frames is not None:
            report = Report(frames=frames, notes=list(notes))
        more = {} if report is None else {"report": report.to_dict()}
        self._tell({"event": "made", "input": str(item.source), "output": str(item.target), **more})

    def failed(self, item: BatchItem, error: Exception) -> None:
        self._costs.end(item)
        said = " ".join(str(error).split()) if isinstance(error, GancamError) else f"{item.source}: {error!r}"
        said = said if str(item.source) in said or str(item.target) in said else f"{item.source}: {said}"
        self._summary.failed.append((item.source, said))
        self._tell({"event": "failed", "input": str(item.source), "output": str(item.target), "error": said})


def _room() -> int:
    """How many processes as large as this one has become fit into the memory that is free."""
    return int(memory()[1] * 0.8 / peak_memory())
