"""Gives the pieces of videos to workers and puts together what they made."""

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from gancam.errors import GancamError, SinkError
from gancam.files import write_file
from gancam.jobs.identity import job_of
from gancam.jobs.local_pool import WorkerPool
from gancam.jobs.process import open_video, remembers
from gancam.jobs.spec import LoadedChain, ProcessOptions
from gancam.jobs.worker import WorkItem, WorkResult
from gancam.sinks.pieces import PieceCollector

_DEATHS = 3  # of workers at one order, after which it is the order's fault


@dataclass(eq=False)
class VideoJob:
    """A video in work: its pieces that are there, with workers, and to come."""

    item: Any
    sink: PieceCollector
    promised: int | None
    divisible: bool
    task: ProcessOptions
    notes: list[str]
    worker: int | None = None  # whose it is, so far as it can be
    out: set[int] = field(default_factory=set)
    again: list[WorkItem] = field(default_factory=list)
    end: int | None = None  # the number of the piece with which it ends
    fresh: int = 0  # frames made now

    @property
    def length(self) -> int:
        return int(self.sink.plan["frames"])

    @property
    def frames(self) -> int:
        return sum(self.sink.there.values())

    def order(self, worker: int) -> WorkItem | None:
        """The next piece that `worker` may make."""
        if not self.divisible and self.worker not in (None, worker):
            return None
        if self.again:
            return self.again.pop()
        number = 0
        while number in self.sink.there or number in self.out:
            if self.end is None and self.sink.there.get(number, self.length) < self.length:
                self.end = number
            number += 1
        if self.end is not None and number > self.end:
            return None
        if self.out and (self.promised is None or number * self.length >= self.promised):
            return None  # whether there are more will be seen
        return WorkItem(self.item.source, self.item.target, self.task, self.sink.plan, number)

    @property
    def whole(self) -> bool:
        last = self.end
        return last is not None and not self.out and not self.again and all(n in self.sink.there for n in range(last))


class Scheduler:
    """Items to be made by a crew. What happens is told to `ears`, as ``_Batch`` of ``gancam.batch`` has them."""

    def __init__(
        self, items: Sequence[Any], crew: WorkerPool, chain: LoadedChain, task: ProcessOptions, ears: Any
    ) -> None:
        self._waiting = list(reversed(items))
        self._crew, self._chain, self._task, self._ears = crew, chain, task, ears
        self._films: list[VideoJob] = []
        self._given: dict[int, tuple[Any, WorkItem]] = {}  # to whom; the item, or the film it is a piece of
        self._deaths: dict[WorkItem | tuple[Path, int], int] = {}

    def run(self) -> None:
        try:
            while True:
                for worker in self._crew.free():
                    self._employ(worker)
                if not self._given:
                    return
                worker, made = self._crew.take()
                about, order = self._given.pop(worker)
                if made is None:
                    self._died(about, order)
                elif isinstance(about, VideoJob):
                    self._piece(about, order, made)
                else:
                    self._image(about, made)
        finally:
            for film in self._films:
                with suppress(GancamError):  # the first error is the one to tell
                    film.sink.close(interrupted=True)

    def _employ(self, worker: int) -> None:
        """Give `worker` something: of its own video, else a new item, else of somebody's video."""
        own = [film for film in self._films if film.worker == worker]
        for film in own:
            if self._order_of(film, worker):
                return
        while self._waiting:
            item = self._waiting.pop()
            if item.is_image:
                if self._begin_image(item, worker):
                    return
            elif (begun := self._open(item)) is not None:
                begun.worker = worker
                if self._order_of(begun, worker):
                    return
        others = sorted(self._films, key=lambda film: film.frames - (film.promised or 0))
        for film in others:
            if self._order_of(film, worker):
                return

    def _order_of(self, film: VideoJob, worker: int) -> bool:
        if film not in self._films:
            return False
        order = film.order(worker)
        if order is None:
            self._finish_if_whole(film)
            return False
        film.worker = worker if film.worker is None else film.worker
        film.out.add(order.number)
        self._given[worker] = film, order
        self._crew.give(worker, order)
        return True

    def _begin_image(self, item: Any, worker: int) -> bool:
        try:
            self._ears.begin(item, self._chain.fresh())
        except Exception as error:
            self._ears.failed(item, error)
            return False
        order = WorkItem(item.source, item.target, self._task)
        self._given[worker] = item, order
        self._crew.give(worker, order)
        return True

    def _image(self, item: Any, made: WorkResult) -> None:
        try:
            if made.error:
                raise SinkError(made.error)
            write_file(item.target, made.data, overwrite=self._task.overwrite)
            self._ears.made(item)
        except Exception as error:
            self._ears.failed(item, error)

    def _open(self, item: Any) -> VideoJob | None:
        """Prove that `item` can be made, and make its manifest; None where it failed."""
        effects = self._chain.fresh(item.source)
        try:
            self._ears.begin(item, effects)
            source, options = open_video(item.source, item.target, effects, self._task)
            with source:
                sink = PieceCollector(
                    item.target, audio_from=item.source, overwrite=self._task.overwrite,
                    job=job_of(item.source, effects, self._task), resume=self._task.resume, **options,
                )  # fmt: skip
        except Exception as error:
            self._ears.failed(item, error)
            return None
        notes = [*source.notes, *sink.notes]
        film = VideoJob(item, sink, source.frames, not remembers(effects, self._task), self._task, notes)
        if film.frames:
            notes.append(f"{item.target}: {film.frames} frames are there")
        if not film.divisible:
            notes.append("effects that remember earlier frames: one worker at a time makes this video")
        for note in notes:
            self._ears.note(item, note)
        self._films.append(film)
        return film

    def _piece(self, film: VideoJob, order: WorkItem, made: WorkResult) -> None:
        film.out.discard(order.number)
        if film not in self._films:  # it failed meanwhile
            return
        try:
            if made.error:
                raise SinkError(made.error)
            film.notes += [note for note in made.notes if note not in film.notes]
            if made.frames:
                film.sink.place(order.number, made.data)
                film.fresh += made.frames
            if made.frames < film.length:
                film.end = min(order.number if film.end is None else film.end, order.number)
        except Exception as error:
            self._fail(film, error)
            return
        self._ears.progress(film.item, film.frames, film.promised, film.fresh)
        self._finish_if_whole(film)

    def _finish_if_whole(self, film: VideoJob) -> None:
        if not film.whole or film not in self._films:
            return
        assert film.end is not None
        try:
            count = film.end + (film.end in film.sink.there)
            if count == 0:
                raise SinkError(f"{film.item.source}: gave no frame")
            wrong = film.sink.complete(count)
            if wrong is not None:
                number, after = wrong
                del film.sink.there[number]
                film.again.append(
                    WorkItem(film.item.source, film.item.target, self._task, film.sink.plan, number, after)
                )
                return
            self._films.remove(film)
            told = len(film.sink.notes)
            film.sink.close()
            self._ears.made(film.item, film.frames, [*film.notes, *film.sink.notes[told:]])
        except Exception as error:
            self._ears.failed(film.item, error)

    def _fail(self, film: VideoJob, error: Exception) -> None:
        self._films.remove(film)
        with suppress(GancamError):
            film.sink.close(interrupted=True)
        self._ears.failed(film.item, error)

    def _died(self, about: Any, order: WorkItem) -> None:
        """A worker died over `order`: somebody else will do it, unless it kills them all."""
        key = (order.source, order.number)
        self._deaths[key] = self._deaths.get(key, 0) + 1
        fatal = self._deaths[key] >= _DEATHS
        error = SinkError(f"{order.source}: {_DEATHS} workers died over it")
        if isinstance(about, VideoJob):
            about.out.discard(order.number)
            about.worker = None
            if about not in self._films:
                return
            self._ears.note(about.item, f"{order.source}: a worker died, its piece is given to another")
            if order.after is not None:
                about.again.append(order)
            if fatal:
                self._fail(about, error)
        elif fatal:
            self._ears.failed(about, error)
        else:
            self._ears.note(about, f"{order.source}: a worker died, another one makes it")
            self._waiting.append(about)
