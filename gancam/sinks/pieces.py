"""A video file written in pieces that survive a crash, and joined when all are there."""

import os
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import av

from gancam.errors import SinkError
from gancam.frame import Frame
from gancam.sinks._animation import joiner_of
from gancam.sinks._encoder import EncodedSink
from gancam.sinks._muxer import OutputFile, claim_file
from gancam.sinks._settings import BEFORE_ALL, EncoderSettings, VideoOptions
from gancam.sinks.job_changes import changes
from gancam.sinks.piece_store import NOTHING_KEPT, Piece, PiecePlan, PieceStore, so_far


class PieceWriter(EncodedSink):
    """Writes frames to a video file, so that its work outlives it.

    Frames are encoded in pieces, each by an encoder of its own and a file of its own in the folder ``.NAME.pieces``
    beside the output, whose manifest tells what they are pieces of. When the last frame came, their packets are joined
    with the other streams, the result is read back and counted, gets its name, and the folder goes. Where a piece
    begins depends on the number of the frame alone, so a job that was cut short and resumed gives the same frames as
    one that was not. Until then (Ctrl-C, an error, a crash) there is no output, and whole pieces stay. A run that is
    interrupted also joins what came into a file that plays, among the pieces (`so_far`), for those who want no more.

    Args:
        path: The file, as that of a ``VideoWriter``.
        options: As those of a ``VideoWriter``.
        job: What the frames are made from and how, as JSON has it; a resumed job must have the same.
        resume: Whether to go on with the pieces that are there: ``frames_done`` frames are whole, and ``write`` ignores
            those. With `overwrite` those of another `job` are thrown away.

    Raises:
        InputError: The unfinished job is another one, which the message tells; or as a ``VideoWriter``.
        OutputExists: An unfinished job is in the way, with neither `resume` nor `overwrite`; or as a ``VideoWriter``.
        NotFound: As a ``VideoWriter``.
        SinkError: As a ``VideoWriter``.
    """

    def __init__(
        self,
        path: str | os.PathLike[str],
        options: VideoOptions,
        *,
        job: Mapping[str, object] | None = None,
        resume: bool = False,
    ) -> None:
        place, settings, notes = claim_file(Path(path), options)
        store = PieceStore(Path(path), _job(settings, job), resume=resume, overwrite=options.overwrite)
        super().__init__(settings, _Pieces(settings, options, place, store, notes), notes)
        self._frames_done = store.frames

    @property
    def frames_done(self) -> int:
        """How many frames are in whole pieces of an interrupted run."""
        return self._frames_done

    def write(self, frame: Frame) -> None:
        """Hand `frame` to the encoder, where it is not there already; waits while that is several frames behind."""
        if frame.index >= self._frames_done:
            super().write(frame)
        else:
            self.raise_error()


class PieceCollector:
    """Makes a video file of pieces that others make (``PieceMaker``), in any order.

    ``place`` takes them, ``close`` joins. Each piece says at which tick the frame before it was shown. Its maker knew
    that frame's time alone, so where two frames would fall on one tick it may be wrong: ``complete`` names such a
    piece, to be made again.

    It takes, and raises, what ``PieceWriter`` does.
    """

    def __init__(
        self,
        path: str | os.PathLike[str],
        options: VideoOptions,
        *,
        job: Mapping[str, object] | None = None,
        resume: bool = False,
    ) -> None:
        place, settings, self.notes = claim_file(Path(path), options)
        self._store = PieceStore(Path(path), _job(settings, job), resume=resume, overwrite=options.overwrite)
        pieces = _Pieces(settings, options, place, self._store, self.notes, gaps=True)
        self._sink = EncodedSink(settings, pieces, self.notes)

    @property
    def plan(self) -> PiecePlan:
        """The manifest, from which a ``PieceMaker`` works."""
        return self._store.plan

    @property
    def there(self) -> dict[int, int]:
        """How many frames each piece has that is there, by number."""
        return self._store.there

    def place(self, number: int, data: bytes) -> None:
        """Keep a piece, safe on the disk. Raises ``SinkError`` for one that is damaged or of another encoder."""
        self._sink.raise_error()
        try:
            self._store.place(number, data)
        except OSError as error:
            raise self._sink.failure(error) from error

    def complete(self, count: int) -> tuple[int, int] | None:
        """Take the first `count` pieces for the whole.

        Returns:
            None where they are; else the number of one that does not follow its predecessor, and the tick after which
            it must begin.
        """
        misfit = self._store.misfit(count)
        if misfit is None:
            self._store.take(count)
        return misfit

    def close(self, *, interrupted: bool = False) -> None:
        """Join the pieces; where some are missing, leave a file that plays of those before the first gap.

        Args:
            interrupted: Whether some are missing.

        Raises:
            SinkError: They cannot be joined.
        """
        if interrupted and not self._sink.closed:
            misfit = self._store.misfit(self._store.count)
            self._store.take(self._store.count if misfit is None else misfit[0])
        self._sink.close(interrupted=interrupted)


class PieceMaker(EncodedSink):
    """Makes one piece of a video that a ``PieceCollector`` puts together: frames come, ``close`` ends it.

    Args:
        path: Where this process works; only its folder and extension count.
        options: As those of the collector.
        plan: The collector's.
        number: Which piece it is.
        after: The time (of ``Frame.time``) of the frame before, or its tick; None for the first piece.

    Raises:
        SinkError: This machine would encode otherwise than `plan` says.
        GancamError: As a ``VideoWriter``.
    """

    def __init__(
        self,
        path: str | os.PathLike[str],
        options: VideoOptions,
        *,
        plan: PiecePlan,
        number: int,
        after: float | int | None,
    ) -> None:
        place, settings, notes = claim_file(Path(path), replace(options, overwrite=True))
        self._piece = _OnePiece(replace(settings, threads=plan["threads"]), place, plan, number, after)
        super().__init__(settings, self._piece, notes)

    @property
    def made(self) -> Path | None:
        """The piece's file, after ``close``; None where no frame came, or not all."""
        return self._piece.made


class _Pieces:
    """An ``EncoderOutput`` that keeps packets in pieces, and joins them in the end."""

    def __init__(
        self,
        settings: EncoderSettings,
        options: VideoOptions,
        place: OutputFile,
        store: PieceStore,
        notes: list[str],
        *,
        gaps: bool = False,  # whether pieces behind one that is missing are of use
    ) -> None:
        self._settings, self._place, self._store, self._gaps = settings, place, store, gaps
        self._source = options.audio_from
        self._joiner = joiner_of(settings, options, place, notes)

    @property
    def frames(self) -> int:
        return self._store.frames

    @property
    def kept(self) -> str:
        return f"{self.frames} are kept, --resume continues" if self.frames else NOTHING_KEPT

    def open(self) -> int:
        """Prove that all can be had, and find what is there."""
        plan = self._store.settle(self._settings.threads, self._settings.canvas.even)
        self._settings = replace(self._settings, threads=plan["threads"])
        self._store.begin(self._joiner.open(self._settings))
        if not self._gaps:
            self._store.take(self._store.count)
        last = self._store.last
        return BEFORE_ALL if last is None else last

    def encode(self, picture: av.VideoFrame, tick: int, after: int) -> None:
        self._store.write(picture, tick, after, self._settings.open_encoder)

    def finish(self, last: int, *, interrupted: bool) -> None:
        if interrupted:
            self._join_so_far(last)
            self.discard()
            return
        self._store.end()
        if not self._store.count:
            self.discard()
            return
        if self._source is not None and not os.path.exists(self._source):
            what = "is no longer there, and its sound and what else goes along is copied last"
            raise SinkError(f"{os.fspath(self._source)}: {what}; {self.kept} once it is back")
        pieces = self._store.indexed(self._store.files)
        self._joiner.join(pieces, None)
        self._joiner.check(pieces)
        self._place.publish()
        self._store.remove()

    def abandon(self) -> None:
        self._joiner.abandon()

    def discard(self) -> None:
        self._store.discard()
        self._joiner.abort()
        self._place.discard()

    def _join_so_far(self, last: int) -> None:
        """Leave a file that plays, with all frames that came; the pieces stay as they are."""
        files, short = self._store.files, self._store.end_short()
        try:
            files += [] if short is None else [short]
            if files:
                last = max(last, self._store.index(files[-1])["last"])
                self._joiner.join(
                    self._store.indexed(files), (last + self._settings.frame_ticks) * self._settings.time_base
                )
                os.replace(self._place.file, so_far(self._settings.path))
        finally:
            if short is not None:
                short.unlink(missing_ok=True)


class _OnePiece:
    """An ``EncoderOutput`` that makes one piece. Its collector has proved that the whole can be made."""

    kept = "partial output deleted"

    def __init__(
        self, settings: EncoderSettings, place: OutputFile, plan: PiecePlan, number: int, after: float | int | None
    ) -> None:
        self._settings, self._place, self._plan = settings, place, plan
        self._number, self._after = number, after
        self._store = PieceStore(settings.path, {})
        self._piece: Piece | None = None
        self.made: Path | None = None

    @property
    def frames(self) -> int:
        return 0 if self._piece is None else self._piece.frames

    def open(self) -> int:
        ours = _job(self._settings, {})
        theirs = {key: value for key, value in self._plan["job"].items() if key in ours}
        if said := changes(theirs, ours):
            raise SinkError(f"{self._settings.path}: this machine would make something else ({said})")
        self._store.open_folder()
        if self._after is None:
            return BEFORE_ALL
        return self._after if isinstance(self._after, int) else self._settings.tick_of(self._after)

    def encode(self, picture: av.VideoFrame, tick: int, after: int) -> None:
        if self._piece is None:
            self._piece = self._store.new_piece(self._number, after, self._settings.open_encoder())
        self._piece.add(picture, tick)

    def finish(self, last: int, *, interrupted: bool) -> None:
        if self._piece is not None and not interrupted:
            self.made = self._piece.finish()
            self._piece = None
        self.discard()

    def abandon(self) -> None:
        """It takes no time worth ending."""

    def discard(self) -> None:
        if self._piece is not None:
            self._piece.discard()
            self._piece = None
        self._store.discard()
        self._place.discard()


def _job(settings: EncoderSettings, job: Mapping[str, object] | None) -> dict[str, object]:
    """All that decides what the pieces are."""
    return {
        **(job or {}),
        "codec": settings.codec.name, "encoder": settings.codec.encoder, "quality": settings.quality,
        "width": settings.canvas.size[0], "height": settings.canvas.size[1], "pixels": settings.canvas.pixels,
        "time base": str(settings.time_base), "rate": str(settings.rate),
    }  # fmt: skip
