"""One worker: pieces of videos and images, one after the other."""

import json
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gancam.control import Controls, Replay
from gancam.effects import Effect, slots
from gancam.errors import GancamError, SinkError
from gancam.jobs.identity import job_of
from gancam.jobs.process import open_video, process_image, reads_ahead, remembers
from gancam.jobs.spec import EffectChainSpec, LoadedChain, ProcessOptions
from gancam.pipeline import FrameCallback, apply
from gancam.sinks.pieces import PieceMaker, changes


@dataclass(frozen=True, slots=True)
class WorkItem:
    """One piece of a video, or (without `plan`) one image. `after` is as in ``PieceMaker`` where it is known."""

    source: Path
    target: Path
    task: ProcessOptions
    plan: Mapping[str, Any] | None = None
    number: int = 0
    after: int | None = None


@dataclass(frozen=True, slots=True)
class WorkResult:
    """What a worker made of an order: a piece's bytes (none past the video's end) or an image's; or the `error`."""

    data: bytes = b""
    frames: int = 0
    notes: tuple[str, ...] = ()
    error: str = ""


class Worker:
    """Makes what is ordered, one order after the other. Between orders its video stays open where it stopped, so that
    pieces are cheap in rising order. `folder` is its own, for what is being made."""

    def __init__(self, recipe: EffectChainSpec, folder: Path) -> None:
        self._chain, self._folder = LoadedChain(recipe), folder
        self._video: _Video | None = None

    def __call__(self, order: WorkItem) -> WorkResult:
        try:
            return self._image(order) if order.plan is None else self._piece(order)
        except GancamError as error:
            said = " ".join(str(error).split())
        except Exception as error:  # a fault of ours, which must not cost the worker
            said = f"{order.source}: {error!r}"
        with suppress(GancamError):  # the first error is the one to tell
            self.close()
        return WorkResult(error=said)

    def close(self) -> None:
        """Forget the video; the worker stays of use."""
        video, self._video = self._video, None
        if video is not None:
            video.close()

    def _image(self, order: WorkItem) -> WorkResult:
        self.close()
        file = self._folder / f"image{order.target.suffix}"
        process_image(order.source, file, self._chain.fresh(), overwrite=True)
        return WorkResult(file.read_bytes())

    def _piece(self, order: WorkItem) -> WorkResult:
        assert order.plan is not None
        if self._video is None or not self._video.serves(order):
            self.close()
            self._video = _Video(order, self._chain.fresh(order.source))
        return self._video.piece(order, self._folder)


class _Video:
    """A video at which a worker works."""

    def __init__(self, order: WorkItem, effects: Sequence[Effect]) -> None:
        assert order.plan is not None
        self._of, self._plan, self._length = (order.source, order.task), order.plan, int(order.plan["frames"])
        self._effects = slots(effects)
        self._remembers = remembers(self._effects, order.task)
        self._said: list[str] = []
        controls = Controls(self._effects)
        replay = [] if order.task.params is None else [Replay(order.task.params, controls)]
        self._turns: list[FrameCallback] = [*replay, controls]
        self._turns += reads_ahead(order.source, self._effects, order.task, self._said.append)
        self.source, self._options = open_video(order.source, order.target, self._effects, order.task)
        ours = job_of(order.source, self._effects, order.task)
        theirs = {key: value for key, value in order.plan["job"].items() if key in ours}
        if said := changes(theirs, json.loads(json.dumps(ours))):
            self.source.close()
            raise SinkError(f"{order.source}: this worker would make something else ({said})")
        self._frames: Any = None
        self._next = 0  # index of the frame to come
        self._before: float | None = None  # the time of the one that came

    def close(self) -> None:
        self.source.close()
        for effect in self._effects:
            effect.close()

    def serves(self, order: WorkItem) -> bool:
        assert order.plan is not None
        return self._of == (order.source, order.task) and self._next <= order.number * self._length

    def piece(self, order: WorkItem, folder: Path) -> WorkResult:
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
                done = apply(frame, self._effects, on_frame=self._turns)
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
            return WorkResult(notes=notes)
        sink.close()
        assert sink.made is not None
        data = sink.made.read_bytes()
        sink.made.unlink()
        return WorkResult(data, count, notes)
