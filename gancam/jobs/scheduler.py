"""Give the pieces of videos to workers, and put together what they made."""

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path

from gancam.errors import GancamError, SinkError
from gancam.files import write_file
from gancam.jobs.checks import late_searches
from gancam.jobs.events import JobListener
from gancam.jobs.identity import job_of
from gancam.jobs.inputs import BatchItem
from gancam.jobs.local_pool import WorkerPool
from gancam.jobs.process import open_video, sound_of, why_in_order
from gancam.jobs.spec import LoadedChain, ProcessOptions
from gancam.jobs.worker import WorkItem, WorkResult
from gancam.sinks.piece_store import frames_in, piece_begin
from gancam.sinks.pieces import PieceCollector
from gancam.units import counted

_DEATHS = 3  # workers that one piece may kill before it is given up


@dataclass(eq=False)
class VideoJob:
    """A video in work: its pieces that are there, with workers, and to come."""

    item: BatchItem
    sink: PieceCollector
    promised: int | None
    divisible: bool
    options: ProcessOptions
    notes: list[str] = field(default_factory=list)  # to be told in the end
    told: list[str] = field(default_factory=list)
    worker: int | None = None  # the one that makes it, as far as one can
    out: set[int] = field(default_factory=set)
    again: list[WorkItem] = field(default_factory=list)
    end: int | None = None  # the number of the piece with which it ends
    fresh: int = 0  # frames made now
    detection_notes: tuple[str, ...] | None = None  # of all pieces that came; None before the first

    def length(self, number: int) -> int:
        """Frames in a piece that is full."""
        return frames_in(self.sink.plan, number)

    @property
    def frames(self) -> int:
        """Frames that are there, of earlier runs too."""
        return sum(self.sink.there.values())

    def next_item(self, worker: int) -> WorkItem | None:
        """Choose the next piece that `worker` may make; None where there is none for it now."""
        if not self.divisible and self.worker not in (None, worker):
            return None
        if self.again:
            return self.again.pop()
        number = 0
        while number in self.sink.there or number in self.out:
            if self.end is None and self.sink.there.get(number, self.length(number)) < self.length(number):
                self.end = number
            number += 1
        if self.end is not None and number > self.end:
            return None
        if self.out and (self.promised is None or piece_begin(self.sink.plan, number) >= self.promised):
            return None  # whether there are more will be seen
        return self.order(number)

    def order(self, number: int, after: int | None = None) -> WorkItem:
        """Make what a worker is given to do, which begins behind the tick `after`, where that is known."""
        return WorkItem(self.item.source, self.item.target, self.options, self.sink.plan, number, after)

    @property
    def whole(self) -> bool:
        """Whether all pieces are there."""
        last = self.end
        return last is not None and not self.out and not self.again and all(n in self.sink.there for n in range(last))


class Scheduler:
    """Makes items with the workers of a pool, one piece of a video or one image at a time.

    Args:
        items: What to make, in this order.
        pool: The workers; not closed here.
        chain: The effects, to check each item with before its pieces are given away.
        options: How videos are processed.
        listener: Told what becomes of each item.
        jobs: What ``gancam.jobs.identity.job_of`` says of those items of which that is known.
    """

    def __init__(
        self,
        items: Sequence[BatchItem],
        pool: WorkerPool,
        chain: LoadedChain,
        options: ProcessOptions,
        listener: JobListener,
        jobs: Mapping[BatchItem, Mapping[str, object]] | None = None,
    ) -> None:
        self._waiting = list(reversed(items))
        self._idle = len(items) == 1 or len(items) < len(pool.free())  # whether workers wait where none shares a video
        self._pool, self._chain, self._options, self._listener = pool, chain, options, listener
        self._jobs = jobs or {}
        self._videos: list[VideoJob] = []
        self._given: dict[int, tuple[BatchItem | VideoJob, WorkItem]] = {}  # by worker
        self._deaths: dict[tuple[Path, int], int] = {}

    def run(self) -> None:
        """Make all items. What fails is told to the listener, and the others are made.

        Raises:
            SinkError: Where no worker is left.
        """
        try:
            while True:
                for worker in self._pool.free():
                    self._assign(worker)
                if not self._given:
                    return
                worker, made = self._pool.take()
                about, order = self._given.pop(worker)
                if made is None:
                    self._died(about, order)
                elif isinstance(about, VideoJob):
                    self._piece(about, order, made)
                else:
                    self._image(about, made)
        finally:
            for video in self._videos:
                with suppress(GancamError):  # the first error is the one to tell
                    video.sink.close(interrupted=True)

    def _assign(self, worker: int) -> None:
        """Give `worker` something to do: of its own video, else a new item, else of another worker's video."""
        for video in [video for video in self._videos if video.worker == worker]:
            if self._give_piece(video, worker):
                return
        while self._waiting:
            item = self._waiting.pop()
            if item.is_image:
                if self._begin_image(item, worker):
                    return
            elif (begun := self._open(item)) is not None:
                begun.worker = worker
                if self._give_piece(begun, worker):
                    return
        others = sorted(self._videos, key=lambda video: video.frames - (video.promised or 0))
        for video in others:
            if self._give_piece(video, worker):
                return

    def _give_piece(self, video: VideoJob, worker: int) -> bool:
        if video not in self._videos:
            return False
        order = video.next_item(worker)
        if order is None:
            self._finish_if_whole(video)
            return False
        video.worker = worker if video.worker is None else video.worker
        video.out.add(order.number)
        self._given[worker] = video, order
        self._pool.give(worker, order)
        return True

    def _begin_image(self, item: BatchItem, worker: int) -> bool:
        try:
            self._listener.begin(item)
            self._listener.record(item, job_of(item.source, self._chain.fresh(), None))
        except Exception as error:
            self._listener.failed(item, error)
            return False
        order = WorkItem(item.source, item.target, self._options)
        self._given[worker] = item, order
        self._pool.give(worker, order)
        return True

    def _image(self, item: BatchItem, made: WorkResult) -> None:
        try:
            made.raise_error()
            for note in made.notes:
                self._listener.note(item, note)
            write_file(item.target, made.data, overwrite=self._options.overwrite)
            self._listener.made(item)
        except Exception as error:
            self._listener.failed(item, error)

    def _open(self, item: BatchItem) -> VideoJob | None:
        """Prove that `item` can be made, and make its manifest; None where it failed."""
        effects = self._chain.fresh(item.source)
        try:
            self._listener.begin(item)
            job = self._jobs.get(item) or job_of(item.source, effects, self._options)
            self._listener.record(item, job)
            source, _, video_options = open_video(item.source, item.target, effects, self._options)
            with source:
                video_options = replace(video_options, audio_from=sound_of(item.source))
                sink = PieceCollector(item.target, video_options, job=job, resume=self._options.resume)
        except Exception as error:
            self._listener.failed(item, error)
            return None
        in_order = why_in_order(effects, self._options)
        video = VideoJob(item, sink, source.frames, not in_order, self._options)
        notes = [*source.notes, *sink.notes, *late_searches(effects)]
        if video.frames:
            video.detection_notes = () if video.divisible else None  # nobody knows what is in pieces of an earlier run
            notes.append(f"{item.target}: continues after {counted(video.frames, 'frame')}")
        if in_order and self._idle:
            notes.append(in_order)
        self._tell(video, notes)
        self._videos.append(video)
        return video

    def _tell(self, video: VideoJob, notes: Sequence[str]) -> None:
        """Tell what is new of `notes` at once."""
        for note in notes:
            if note not in video.told:
                video.told.append(note)
                self._listener.note(video.item, note)

    def _piece(self, video: VideoJob, order: WorkItem, made: WorkResult) -> None:
        video.out.discard(order.number)
        if video not in self._videos:  # it failed meanwhile
            return
        try:
            made.raise_error()
            self._tell(video, made.said)
            video.notes += [note for note in made.notes if note not in video.notes]
            if made.frames:
                video.sink.place(order.number, made.data)
                video.fresh += made.frames
                before = made.detection_notes if video.detection_notes is None else video.detection_notes
                video.detection_notes = tuple(note for note in before if note in made.detection_notes)
            if made.frames < video.length(order.number):
                video.end = min(order.number if video.end is None else video.end, order.number)
        except Exception as error:
            self._fail(video, error)
            return
        self._listener.progress(video.item, video.frames, video.promised, video.fresh)
        self._finish_if_whole(video)

    def _finish_if_whole(self, video: VideoJob) -> None:
        if not video.whole or video not in self._videos:
            return
        assert video.end is not None
        try:
            count = video.end + (video.end in video.sink.there)
            if count == 0:
                raise SinkError(f"{video.item.source}: not one frame of it can be decoded")
            wrong = video.sink.complete(count)
            if wrong is not None:
                number, after = wrong
                del video.sink.there[number]
                video.again.append(video.order(number, after))
                return
            self._videos.remove(video)
            video.sink.close()
            notes = [*video.notes, *video.sink.notes]
            notes += [f"{video.item.source.name}: {note}" for note in video.detection_notes or ()]
            self._listener.made(video.item, video.frames, [note for note in notes if note not in video.told])
        except Exception as error:
            self._listener.failed(video.item, error)

    def _fail(self, video: VideoJob, error: Exception) -> None:
        self._videos.remove(video)
        with suppress(GancamError):
            video.sink.close(interrupted=True)
        self._listener.failed(video.item, error)

    def _died(self, about: BatchItem | VideoJob, order: WorkItem) -> None:
        """Give `order`, over which a worker died, to another one, unless it killed too many."""
        key = (order.source, order.number)
        self._deaths[key] = self._deaths.get(key, 0) + 1
        fatal = self._deaths[key] >= _DEATHS
        error = SinkError(f"{order.source}: {_DEATHS} workers died over it (out of memory?); fewer may do: --jobs 1")
        if isinstance(about, VideoJob):
            about.out.discard(order.number)
            about.worker = None
            if about not in self._videos:
                return
            self._listener.note(about.item, f"{order.source}: a worker died; another one makes its piece")
            if order.after is not None:
                about.again.append(order)
            if fatal:
                self._fail(about, error)
        elif fatal:
            self._listener.failed(about, error)
        else:
            self._listener.note(about, f"{order.source}: a worker died; another one makes the image")
            self._waiting.append(about)
