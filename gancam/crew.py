"""Several workers at the work: the pieces of videos and whole images, handed out, collected, and given to another
worker where one died.

    Work (what is to be made, in this process) --Order--> Crew (workers in processes, or on machines) --Made--> Work
"""

import json
import math
import multiprocessing as mp
import signal
import tempfile
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from multiprocessing.connection import Connection, wait
from pathlib import Path
from typing import Any, Protocol

from gancam import devices, jobs
from gancam.control import Controls, Replay
from gancam.effects import Effect
from gancam.errors import GancamError, SinkError
from gancam.frame import Frame
from gancam.jobs import Chain, Recipe, Task
from gancam.pipeline import apply, switches
from gancam.sinks.pieces import PieceCollector, PieceMaker, changes

_DEATHS = 3  # of workers at one order, after which it is the order's fault


@dataclass(frozen=True, slots=True)
class Order:
    """One piece of a video, or (without `plan`) one image. `after` is as in ``PieceMaker`` where it is known."""

    source: Path
    target: Path
    task: Task
    plan: Mapping[str, Any] | None = None
    number: int = 0
    after: int | None = None


@dataclass(frozen=True, slots=True)
class Made:
    """What a worker made of an order: a piece's bytes (none past the video's end) or an image's; or the `error`."""

    data: bytes = b""
    frames: int = 0
    notes: tuple[str, ...] = ()
    error: str = ""


class Worker:
    """Makes what is ordered, one order after the other. Between orders its video stays open where it stopped, so that
    pieces are cheap in rising order. `folder` is its own, for what is being made."""

    def __init__(self, recipe: Recipe, folder: Path) -> None:
        self._chain, self._folder = Chain(recipe), folder
        self._video: _Video | None = None

    def __call__(self, order: Order) -> Made:
        try:
            return self._image(order) if order.plan is None else self._piece(order)
        except GancamError as error:
            said = " ".join(str(error).split())
        except Exception as error:  # a fault of ours, which must not cost the worker
            said = f"{order.source}: {error!r}"
        with suppress(GancamError):  # the first error is the one to tell
            self.close()
        return Made(error=said)

    def close(self) -> None:
        """Forget the video; the worker stays of use."""
        video, self._video = self._video, None
        if video is not None:
            video.close()

    def _image(self, order: Order) -> Made:
        self.close()
        file = self._folder / f"image{order.target.suffix}"
        jobs.process_image(order.source, file, self._chain.fresh(), overwrite=True)
        return Made(file.read_bytes())

    def _piece(self, order: Order) -> Made:
        assert order.plan is not None
        if self._video is None or not self._video.serves(order):
            self.close()
            self._video = _Video(order, self._chain.fresh(order.source))
        return self._video.piece(order, self._folder)


class _Video:
    """A video at which a worker works."""

    def __init__(self, order: Order, effects: Sequence[Effect]) -> None:
        assert order.plan is not None
        self._of, self._plan, self._length = (order.source, order.task), order.plan, int(order.plan["frames"])
        self._effects = switches(effects)
        self._remembers = jobs.remembers(effects, order.task)
        self._said: list[str] = []
        controls = Controls(self._effects)
        replay = [] if order.task.params is None else [Replay(order.task.params, controls)]
        self._turns: list[Callable[[Frame], None]] = [*replay, controls]
        self._turns += jobs.reads_ahead(order.source, effects, order.task, self._said.append)
        self._closing = [effect.close for effect in effects if hasattr(effect, "close")]
        self.source, self._options = jobs.open_video(order.source, order.target, self._effects, order.task)
        ours = jobs.job_of(order.source, effects, order.task)
        theirs = {key: value for key, value in order.plan["job"].items() if key in ours}
        if said := changes(theirs, json.loads(json.dumps(ours))):
            self.source.close()
            raise SinkError(f"{order.source}: this worker would make something else ({said})")
        self._frames: Any = None
        self._next = 0  # index of the frame to come
        self._before: float | None = None  # the time of the one that came

    def close(self) -> None:
        self.source.close()
        for close in self._closing:
            close()

    def serves(self, order: Order) -> bool:
        assert order.plan is not None
        return self._of == (order.source, order.task) and self._next <= order.number * self._length

    def piece(self, order: Order, folder: Path) -> Made:
        first = order.number * self._length
        if not self._remembers:
            self.source.skip(max(first - 1, self._next))
        if self._frames is None:
            self._frames = iter(self.source)
        sink: PieceMaker | None = None
        count = 0
        try:
            while count < self._length and (frame := next(self._frames, None)) is not None:
                if frame.index < first and not self._remembers:
                    self._before = frame.time
                    continue
                done = apply(frame, self._effects, between=self._turns)
                if frame.index >= first:
                    if sink is None:
                        after = self._before if order.after is None else order.after
                        path = folder / f"piece{order.target.suffix}"
                        sink = PieceMaker(path, plan=self._plan, number=order.number, after=after, **self._options)
                    sink.write(done)
                    count += 1
                self._before, self._next = frame.time, frame.index + 1
                del frame, done  # a large picture less in memory while the next is made
        except BaseException:
            if sink is not None:
                sink.close(interrupted=True)
            raise
        notes = tuple(self.source.notes) if count < self._length else ()
        if count < self._length and self._remembers:  # else a worker knows of its own pieces only
            notes += tuple(note for effect in self._effects for note in effect.notes)
        notes += tuple(self._said)
        self._said.clear()
        if sink is None:
            return Made(notes=notes)
        sink.close()
        assert sink.made is not None
        data = sink.made.read_bytes()
        sink.made.unlink()
        return Made(data, count, notes)


class Crew(Protocol):
    """Workers by number. A worker is free, or has one order."""

    notes: list[str]

    def free(self) -> list[int]:
        """Who waits for an order."""

    def give(self, worker: int, order: Order) -> None: ...

    def take(self) -> tuple[int, Made | None]:
        """Wait for somebody to finish: who, and what was made; None for a worker that died (another one comes in its
        place). Raises ``SinkError`` where no worker is left."""

    def close(self) -> None:
        """Stop all workers, whatever they do."""


class LocalCrew:
    """Workers that are processes of this machine."""

    def __init__(self, recipe: Recipe, workers: int) -> None:
        self.notes: list[str] = []
        self._recipe = recipe
        self._folder = tempfile.TemporaryDirectory(prefix="gancam-")
        self._context = mp.get_context("spawn")  # what the networks' libraries hold does not survive a fork
        self._processes: dict[int, tuple[Any, Connection]] = {}
        self._busy: set[int] = set()
        self._hired = 0
        for _ in range(workers):
            self._hire()

    def _hire(self) -> None:
        ours, theirs = self._context.Pipe()
        folder = Path(self._folder.name) / str(self._hired)
        folder.mkdir()
        process = self._context.Process(target=_serve, args=(theirs, self._recipe, folder), daemon=True)
        process.start()
        theirs.close()
        self._processes[self._hired] = process, ours
        self._hired += 1

    @property
    def pids(self) -> dict[int, int]:
        """The process of each worker."""
        return {worker: process.pid for worker, (process, _) in self._processes.items()}

    def free(self) -> list[int]:
        return [worker for worker in self._processes if worker not in self._busy]

    def give(self, worker: int, order: Order) -> None:
        self._busy.add(worker)
        with suppress(OSError):  # it died meanwhile, which `take` tells
            self._processes[worker][1].send(order)

    def take(self) -> tuple[int, Made | None]:
        pipes = {self._processes[worker][1]: worker for worker in self._busy}
        pipe = wait(list(pipes))[0]
        assert isinstance(pipe, Connection)
        worker = pipes[pipe]
        self._busy.discard(worker)
        try:
            made: Made | None = pipe.recv()
        except (EOFError, OSError):
            process, _ = self._processes.pop(worker)
            pipe.close()
            process.join()
            made = None
            self._hire()
        return worker, made

    def close(self) -> None:
        for worker, (process, pipe) in self._processes.items():
            pipe.close()
            if worker in self._busy:
                process.kill()
        for process, _ in self._processes.values():
            process.join(5)
            if process.is_alive():
                process.kill()
                process.join()
            process.close()
        self._processes.clear()
        self._folder.cleanup()


def _serve(pipe: Connection, recipe: Recipe, folder: Path) -> None:
    """A worker process: until the pipe closes."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for whoever started us, who then closes the pipe
    worker = Worker(recipe, folder)
    try:
        while True:
            pipe.send(worker(pipe.recv()))
    except (EOFError, OSError):
        pass
    finally:
        worker.close()


@dataclass(eq=False)
class _Film:
    """A video in work: its pieces that are there, with workers, and to come."""

    item: Any
    sink: PieceCollector
    promised: int | None
    divisible: bool
    task: Task
    notes: list[str]
    worker: int | None = None  # whose it is, so far as it can be
    out: set[int] = field(default_factory=set)
    again: list[Order] = field(default_factory=list)
    end: int | None = None  # the number of the piece with which it ends
    fresh: int = 0  # frames made now

    @property
    def length(self) -> int:
        return int(self.sink.plan["frames"])

    @property
    def frames(self) -> int:
        return sum(self.sink.there.values())

    def order(self, worker: int) -> Order | None:
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
        return Order(self.item.source, self.item.target, self.task, self.sink.plan, number)

    @property
    def whole(self) -> bool:
        last = self.end
        return last is not None and not self.out and not self.again and all(n in self.sink.there for n in range(last))


class Work:
    """Items to be made by a crew. What happens is told to `ears`, as ``_Batch`` of ``gancam.batch`` has them."""

    def __init__(self, items: Sequence[Any], crew: Crew, chain: Chain, task: Task, ears: Any) -> None:
        self._waiting = list(reversed(items))
        self._crew, self._chain, self._task, self._ears = crew, chain, task, ears
        self._films: list[_Film] = []
        self._given: dict[int, tuple[Any, Order]] = {}  # to whom; the item, or the film it is a piece of
        self._deaths: dict[Order | tuple[Path, int], int] = {}

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
                elif isinstance(about, _Film):
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

    def _order_of(self, film: _Film, worker: int) -> bool:
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
        order = Order(item.source, item.target, self._task)
        self._given[worker] = item, order
        self._crew.give(worker, order)
        return True

    def _image(self, item: Any, made: Made) -> None:
        try:
            if made.error:
                raise SinkError(made.error)
            jobs.write_file(item.target, made.data, overwrite=self._task.overwrite)
            self._ears.made(item)
        except Exception as error:
            self._ears.failed(item, error)

    def _open(self, item: Any) -> _Film | None:
        """Prove that `item` can be made, and make its manifest; None where it failed."""
        effects = self._chain.fresh(item.source)
        try:
            self._ears.begin(item, effects)
            source, options = jobs.open_video(item.source, item.target, switches(effects), self._task)
            with source:
                sink = PieceCollector(
                    item.target, audio_from=item.source, overwrite=self._task.overwrite,
                    job=jobs.job_of(item.source, effects, self._task), resume=self._task.resume, **options,
                )  # fmt: skip
        except Exception as error:
            self._ears.failed(item, error)
            return None
        notes = [*source.notes, *sink.notes]
        film = _Film(item, sink, source.frames, not jobs.remembers(effects, self._task), self._task, notes)
        if film.frames:
            notes.append(f"{item.target}: {film.frames} frames are there")
        if not film.divisible:
            notes.append("effects that remember earlier frames: one worker at a time makes this video")
        for note in notes:
            self._ears.note(item, note)
        self._films.append(film)
        return film

    def _piece(self, film: _Film, order: Order, made: Made) -> None:
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

    def _finish_if_whole(self, film: _Film) -> None:
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
                film.again.append(Order(film.item.source, film.item.target, self._task, film.sink.plan, number, after))
                return
            self._films.remove(film)
            told = len(film.sink.notes)
            film.sink.close()
            self._ears.made(film.item, film.frames, [*film.notes, *film.sink.notes[told:]])
        except Exception as error:
            self._ears.failed(film.item, error)

    def _fail(self, film: _Film, error: Exception) -> None:
        self._films.remove(film)
        with suppress(GancamError):
            film.sink.close(interrupted=True)
        self._ears.failed(film.item, error)

    def _died(self, about: Any, order: Order) -> None:
        """A worker died over `order`: somebody else will do it, unless it kills them all."""
        key = (order.source, order.number)
        self._deaths[key] = self._deaths.get(key, 0) + 1
        fatal = self._deaths[key] >= _DEATHS
        error = SinkError(f"{order.source}: {_DEATHS} workers died over it")
        if isinstance(about, _Film):
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


def share_of_threads(workers: int) -> int:
    """How many threads each of so many networks on this machine gets."""
    return max(math.ceil(devices.usable_cores() / workers), 1)
