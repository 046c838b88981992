"""Pieces of a video that are damaged on the disk while the rest is made."""

import time
from contextlib import closing
from pathlib import Path

import pytest

from gancam.errors import InputError, SinkError
from gancam.sinks.images import ImageWriter
from gancam.sinks.piece_store import PieceStore, pieces_of
from gancam.sinks.pieces import PieceCollector, PieceMaker, PieceWriter
from gancam.sinks.video import VideoOptions
from gancam.sources import TestPattern
from tests.helpers.clips import times_of

OPTIONS = VideoOptions(fps=30, size=(96, 64))
LENGTH = 120  # frames of a piece at this size


def damage(file: Path) -> None:
    data = bytearray(file.read_bytes())
    data[len(data) // 3] ^= 1
    file.write_bytes(data)


def test_a_piece_that_is_damaged_meanwhile_is_named_and_made_again(tmp_path: Path) -> None:
    out, frames = tmp_path / "a.mp4", list(TestPattern((96, 64), frames=LENGTH + 5))
    first = pieces_of(out) / "000000.piece"
    sink = PieceWriter(out, OPTIONS)
    for frame in frames:
        sink.write(frame)
    while not first.exists():
        time.sleep(0.01)
    damage(first)
    with pytest.raises(SinkError, match=r"000000\.piece was damaged after it was written; --resume makes it again"):
        sink.close()
    assert not out.exists()
    with PieceWriter(out, OPTIONS, resume=True) as again:
        assert again.frames_done == 0
        for frame in frames:
            again.write(frame)
    assert len(times_of(out)) == len(frames)


def test_a_collector_asks_for_a_damaged_piece_again(tmp_path: Path) -> None:
    out, frames = tmp_path / "a.mp4", list(TestPattern((96, 64), frames=LENGTH + 5))
    with closing(PieceCollector(out, OPTIONS)) as sink:

        def piece(number: int, after: float | int | None) -> bytes:
            maker = PieceMaker(tmp_path / "worker.mp4", OPTIONS, plan=sink.plan, number=number, after=after)
            for frame in frames[number * LENGTH : (number + 1) * LENGTH]:
                maker.write(frame)
            maker.close()
            assert maker.made is not None
            return maker.made.read_bytes()

        sink.place(1, piece(1, frames[LENGTH - 1].time))
        sink.place(0, piece(0, None))
        assert sink.there == {0: LENGTH, 1: 5}
        damage(pieces_of(out) / "000001.piece")
        wrong = sink.complete(2)
        assert wrong is not None
        assert wrong[0] == 1
        sink.place(1, piece(*wrong))
        assert sink.complete(2) is None
    assert len(times_of(out)) == len(frames)


def test_images_of_another_job_are_thrown_away_on_purpose_alone(tmp_path: Path) -> None:
    frames = list(TestPattern((96, 64), frames=3))

    def writer(job: str, *, resume: bool = False, overwrite: bool = False) -> ImageWriter:
        return ImageWriter(
            tmp_path / "%d.png",
            VideoOptions(fps=25, size=(96, 64), overwrite=overwrite),
            job={"of": job},
            resume=resume,
        )

    first = writer("this")
    first.write(frames[0])
    first.close(interrupted=True)
    with pytest.raises(InputError, match=r"differs from this one \(of was this, now that\); --overwrite starts over"):
        writer("that", resume=True)
    second = writer("that", resume=True, overwrite=True)
    assert second.frames_done == 0
    second.close(interrupted=True)


def test_a_frame_takes_no_longer_after_hours(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The pieces that are there are counted once a piece."""
    counted: list[int] = []
    count = vars(PieceStore)["count"].fget

    def told(self: PieceStore) -> int:
        counted.append(count(self))
        return counted[-1]

    monkeypatch.setattr(PieceStore, "count", property(told))
    with PieceWriter(tmp_path / "a.mkv", VideoOptions(fps=30, size=(96, 64))) as writer:
        for frame in TestPattern((96, 64), frames=130):  # pieces of 7, 23, 90, 10
            writer.write(frame)
    assert len(counted) < 20
