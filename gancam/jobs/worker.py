"""A worker: it makes pieces of videos and images, one after the other."""

import json
import traceback
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path

from gancam.control import Controls, Replay
from gancam.effects import Effect, slots
from gancam.errors import GancamError, SinkError
from gancam.jobs.identity import job_of
from gancam.jobs.process import detection_notes, late_changes, open_video, process_image, reads_ahead, remembers
from gancam.jobs.spec import EffectChainSpec, LoadedChain, ProcessOptions
from gancam.pipeline import FrameCallback, apply, skim
from gancam.sinks.job_changes import changes
from gancam.sinks.piece_store import PiecePlan, frames_in, piece_begin
from gancam.sinks.pieces import PieceMaker


class WorkerFault(SinkError):
    """A worker failed by a fault of gancam's own; its traceback is a note of the error."""


@dataclass(frozen=True, slots=True)
class WorkItem:
    """One piece of a video, or (without `plan`) one image, to be made.

    Attributes:
        source: The file to read.
        target: The file that it becomes; a worker only takes the ending from it.
        options: How videos are processed.
        plan: The manifest of the video's pieces; None for an image.
        number: Which piece.
        after: The tick of the frame before the piece's first, as ``PieceMaker`` needs it, where it is known.
    """

    source: Path
    target: Path
    options: ProcessOptions
    plan: PiecePlan | None = None
    number: int = 0
    after: int | None = None


@dataclass(frozen=True, slots=True)
class WorkResult:
    """What a worker made of a ``WorkItem``.

    Attributes:
        data: The bytes of a piece (none past the video's end) or of an image.
        frames: How many frames the piece has.
        notes: What the user should know, in the end.
        said: What they should know at once.
        error: Why it failed, in one line; empty where it did not.
        traceback: Where in gancam it failed, for a bug report; empty where the input or an option is to blame.
        detection_notes: What effects found in no frame that this worker was shown of the video so far.
    """

    data: bytes = b""
    frames: int = 0
    notes: tuple[str, ...] = ()
    said: tuple[str, ...] = ()
    error: str = ""
    traceback: str = ""
    detection_notes: tuple[str, ...] = ()

    def raise_error(self) -> None:
        """Raise ``SinkError`` where it failed; ``WorkerFault`` where gancam itself is to blame."""
        if self.traceback:
            fault = WorkerFault(self.error)
            fault.add_note(self.traceback)
            raise fault
        if self.error:
            raise SinkError(self.error)


class Worker:
    """Makes one ``WorkItem`` after the other.

    Its video stays open where it stopped, so that pieces are cheap in rising order.

    Args:
        chain_spec: The effects, loaded once.
        folder: Its own, for files that are being made.
    """

    def __init__(self, chain_spec: EffectChainSpec, folder: Path) -> None:
        self._chain, self._folder = LoadedChain(chain_spec), folder
        self._video: _Video | None = None

    def __call__(self, order: WorkItem) -> WorkResult:
        """Make it; what fails is told in the result, and costs no worker."""
        where = ""
        try:
            return self._image(order) if order.plan is None else self._piece(order)
        except GancamError as error:
            said = " ".join(str(error).split())
        except Exception as error:  # a fault of gancam's own
            said, where = f"{order.source}: {error!r}", traceback.format_exc()
        with suppress(GancamError):  # the first error is the one to tell
            self.close()
        return WorkResult(error=said, traceback=where)

    def close(self) -> None:
        """Close the video; the worker can go on with another."""
        video, self._video = self._video, None
        if video is not None:
            video.close()

    def _image(self, order: WorkItem) -> WorkResult:
        self.close()
        file = self._folder / f"image{order.target.suffix}"
        notes: list[str] = []
        options = replace(order.options, overwrite=True)
        process_image(order.source, file, self._chain.fresh(), options, notify=notes.append)
        return WorkResult(file.read_bytes(), notes=tuple(notes))

    def _piece(self, order: WorkItem) -> WorkResult:
        assert order.plan is not None
        if self._video is None or not self._video.serves(order):
            self.close()
            self._video = _Video(order, self._chain.fresh(order.source))
        return self._video.piece(order, self._folder)


class _Video:
    """The video of which a worker makes pieces."""

    def __init__(self, order: WorkItem, effects: Sequence[Effect]) -> None:
        assert order.plan is not None
        self._of, self._plan = (order.source, order.options), order.plan
        self._effects = slots(effects)
        self._remembers = remembers(self._effects, order.options)
        self._said: list[str] = []
        controls = Controls(self._effects)
        self._replay = None if order.options.params is None else Replay(order.options.params, controls)
        self._turns: list[FrameCallback] = [*([] if self._replay is None else [self._replay]), controls]
        self._turns += reads_ahead(order.source, self._effects, order.options, self._said.append)
        ours = job_of(order.source, self._effects, order.options)  # before a first frame is made, which sets parameters
        theirs = {key: value for key, value in order.plan["job"].items() if key in ours}
        if said := changes(theirs, json.loads(json.dumps(ours))):
            raise SinkError(f"{order.source}: this worker's copy or model is another one ({said})")
        self.source, self._frames, self._video_options = open_video(
            order.source, order.target, self._effects, order.options, self._turns
        )
        self._next = 0  # index of the frame to come
        self._before: float | None = None  # the time of the one that came

    def close(self) -> None:
        self.source.close()
        for effect in self._effects:
            effect.close()

    def serves(self, order: WorkItem) -> bool:
        return self._of == (order.source, order.options) and self._next <= piece_begin(self._plan, order.number)

    def piece(self, order: WorkItem, folder: Path) -> WorkResult:
        first, length = piece_begin(self._plan, order.number), frames_in(self._plan, order.number)
        if not self._remembers:
            self.source.skip(max(first - 1, self._next))
        sink: PieceMaker | None = None
        count = 0
        try:
            while count < length and (frame := next(self._frames, None)) is not None:
                if frame.index < first:
                    if self._remembers:
                        skim(frame, self._effects, on_frame=self._turns)
                        self._next = frame.index + 1
                    self._before = frame.time
                    continue
                done = apply(frame, self._effects, on_frame=self._turns)
                if sink is None:
                    after = self._before if order.after is None else order.after
                    path = folder / f"piece{order.target.suffix}"
                    sink = PieceMaker(path, self._video_options, plan=self._plan, number=order.number, after=after)
                sink.write(done)
                count += 1
                self._before, self._next = frame.time, frame.index + 1
                del frame, done  # a large picture less in memory while the next is made
        except BaseException:
            if sink is not None:
                sink.close(interrupted=True)
            raise
        notes = tuple(self.source.notes) if count < length else ()
        if count < length and self._remembers:  # else a worker knows of its own pieces only
            notes += tuple(note for effect in self._effects for note in effect.notes)
            notes += tuple(late_changes(order.source, order.options, self._replay))
        said = tuple(self._said)
        self._said.clear()
        if sink is None:
            return WorkResult(notes=notes, said=said)
        sink.close()
        assert sink.made is not None
        data = sink.made.read_bytes()
        sink.made.unlink()
        return WorkResult(data, count, notes, said, detection_notes=tuple(detection_notes(self._effects)))
