"""A video file written in pieces that survive a crash, and joined when all are there."""

import hashlib
import json
import os
import shutil
import struct
import time
import zlib
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import Any, BinaryIO

import av
from av.codec.context import Flags

from gancam._native import environment
from gancam.errors import InputError, OutputExists, SinkError
from gancam.files import hidden_name, replace_file
from gancam.frame import Frame
from gancam.sinks.video import QUIET, VideoWriter, _End

# A piece is what a crash can cost, and a key frame more. 1280x720 gets 47 frames: less than two seconds of work with
# sr-x2 on two cores. Against one piece of 156 frames, four calm scenes became this much larger with pieces of 52
# frames: 5 to 13 %, 40: 5 to 18 %, 26: 10 to 35 %; a hand-held city view 0 % with all of them.
_PIXELS = 44_000_000
_LEAST, _MOST = 12, 120  # frames of a piece
_FORMAT = 1
_TAIL = struct.Struct("<II")  # length and CRC-32 of the index at the end of a piece


class PieceWriter(VideoWriter):
    """A ``VideoWriter`` whose work outlives it.

    Frames are encoded in pieces, each by an encoder of its own and a file of its own in the folder ``.NAME.pieces``
    beside the output, whose manifest tells what they are pieces of. When the last frame came, their packets are joined
    with the other streams, the result is read back and counted, gets its name, and the folder goes. Where a piece
    begins depends on the number of the frame alone, so a job that was cut short and resumed gives the same frames as
    one that was not. Until then (Ctrl-C, an error, a crash) there is no output, and whole pieces stay. A run that is
    interrupted also joins what came into a file that plays, among the pieces (`so_far`), for whoever wants no more.

    job     what the frames are made from and how, as JSON; a resumed job must have the same.
    resume  go on with the pieces that are there: ``done`` frames are whole, and ``write`` ignores those. With
            `overwrite` those of another `job` are thrown away.

    Raises as ``VideoWriter`` does; ``OutputExists`` for an unfinished job in the way (neither `resume` nor `overwrite`)
    and ``InputError`` for one with another `job`, which the message tells.
    """

    def __init__(
        self,
        path: str | os.PathLike[str],
        *,
        job: Mapping[str, Any] | None = None,
        resume: bool = False,
        **options: Any,
    ) -> None:
        self.done = 0
        self._job = json.loads(json.dumps(job or {}))
        self._resume = resume
        self._folder = pieces_of(Path(path))
        self._whole: list[Path] = []
        self._piece: _Piece | None = None
        self._length = _MOST
        self._extradata = ""
        self.plan: dict[str, Any] = {}
        super().__init__(path, **options)

    def write(self, frame: Frame) -> None:
        if frame.index >= self.done:
            super().write(frame)
        else:
            self._raise_error()

    # The hidden thread, from here on.

    def _open(self, audio_from: Path | None) -> None:
        if self._whole or self._frames:  # the join
            super()._open(audio_from)
            return
        self._describe_job()
        plan = self.plan = self._plan()
        self._encoder_threads = plan["threads"]
        super()._open(audio_from)  # proves that all can be had, and says what can not
        self._extradata = _hash(self._stream.codec_context.extradata or b"")
        self._close_parts()
        self._container = self._audio = None
        del self._stream  # and the memory of its encoder
        self._length = plan["frames"]
        if not self._folder.is_dir():
            self._folder.mkdir()
            replace_file(self._folder / "manifest.json", json.dumps(plan, indent=1).encode(), durable=True)
        for number in range(1_000_000):
            file = self._folder / f"{number:06d}.piece"
            index = _index(file)
            if index is None or index["extradata"] != self._extradata:
                file.unlink(missing_ok=True)
                break
            self._whole.append(file)
            self.done += index["frames"]
        self._frames = self.done

    def _describe_job(self) -> None:
        self._job |= {
            "codec": self._codec[0], "encoder": self._codec[1].encoder, "quality": self._quality,
            "width": self._canvas.size[0], "height": self._canvas.size[1], "pixels": self._canvas.pixels,
            "time base": str(self._tick), "rate": str(self._rate),
        }  # fmt: skip

    def _plan(self) -> dict[str, Any]:
        """The manifest: the unfinished job's, or a new one."""
        width, height = self._canvas.even
        length = min(max(_PIXELS // (width * height), _LEAST), _MOST)
        plan = {"format": _FORMAT, "job": self._job, "threads": self._encoder_threads, "frames": length}
        if not self._folder.is_dir():
            return plan
        try:
            old: dict[str, Any] = json.loads((self._folder / "manifest.json").read_text(encoding="utf-8"))
        except (OSError, ValueError):
            old = {}
        if old and self._resume:
            changed = changes(old["job"], self._job)
            if not changed and old["format"] == _FORMAT:
                return old
            if not self._overwrite:
                raise InputError(
                    f"{self._path}: the unfinished job is another one ({changed}); --overwrite begins anew"
                )
        elif old and not self._overwrite and any(self._folder.glob("*.piece")):
            raise OutputExists(f"{self._path}: an unfinished job is there: --resume goes on, --overwrite begins anew")
        shutil.rmtree(self._folder)
        return plan

    def _encode_all(self) -> None:
        end: _End | None = None
        try:
            last = (_index(self._whole[-1]) or {})["last"] if self._whole else -(1 << 62)
            while isinstance(item := self._queue.take(), Frame):
                began = time.perf_counter()
                after, last = last, self._moment(item, last)
                if self._piece is None:
                    self._piece = self._begin_piece(len(self._whole), after)
                picture = self._canvas.picture(item, last, self._tick)
                del item  # a large picture less in memory while this one is encoded
                self._add(picture, last)
                del picture
                if self._piece.frames == self._length:
                    self._end_piece()
                self._busy += time.perf_counter() - began
            end = item
            began = time.perf_counter()
            if end.interrupted or self._abandoned:
                if not self._abandoned:
                    self._join_so_far(last)
                self._discard()
            else:
                if self._piece is not None:
                    self._end_piece()
                if self._whole:
                    self._join()
                else:
                    self._discard()
            self._busy += time.perf_counter() - began
        except Exception as error:  # raised by the next write or by close
            self._error = self._as_sink_error(error)
            self._discard()
            while end is None:  # keep taking, so that no write waits for ever
                taken = self._queue.take()
                end = taken if isinstance(taken, _End) else None

    def _begin_piece(self, number: int, after: int) -> "_Piece":
        context = av.CodecContext.create(self._codec[1].encoder, "w")
        assert isinstance(context, av.VideoCodecContext)
        context.framerate = self._rate
        context.options = self._encoder_options
        self._describe(context)
        if self._holder.format != "mpegts":
            context.flags |= Flags.global_header
        with environment(QUIET):
            context.open(strict=False)
        file = self._folder / f"{number:06d}.partial"
        return _Piece(file, open(file, "wb"), context, after)

    def _add(self, picture: av.VideoFrame, tick: int) -> None:
        assert self._piece is not None
        self._piece.add(self._piece.encoder.encode(picture))
        self._piece.frames += 1
        self._piece.last = tick

    def _end_piece(self) -> None:
        piece, self._piece = self._piece, None
        assert piece is not None
        piece.add(piece.encoder.encode(None))
        self._whole.append(piece.finish(self._extradata))
        self._frames += piece.frames

    def _join_so_far(self, last: int) -> None:
        """Leave a file that plays, with all frames that came; the pieces stay as they are."""
        files, short = list(self._whole), None
        try:
            if self._piece is not None and self._piece.frames:
                piece, self._piece = self._piece, None
                piece.add(piece.encoder.encode(None))
                files.append(short := piece.finish(self._extradata, ".short"))
                self._frames += piece.frames
            if files:
                last = max(last, (_index(files[-1]) or {"last": last})["last"])
                self._join_files(files, (last + self._duration) * self._tick)
                os.replace(self._partial, so_far(self._path))
        finally:
            if short is not None:
                short.unlink(missing_ok=True)

    def _join(self) -> None:
        """Write all pieces and the other streams into the partial file, read it back, give it its name."""
        self._check(self._join_files(self._whole, None))
        self._publish()
        if self._error is None:
            shutil.rmtree(self._folder, ignore_errors=True)

    def _join_files(self, files: list[Path], until: Fraction | None) -> list[int]:
        """Write `files` and the other streams, so far as they begin before `until`, into the partial file; the times
        of its frames, in order."""
        told = list(self.notes)
        self._open(self._audio_from)
        self.notes = told
        if _hash(self._stream.codec_context.extradata or b"") != self._extradata:
            raise SinkError(f"{self._path}: the encoder changed since the pieces were written; --overwrite begins anew")
        indices = [_index(file) or {"packets": []} for file in files]
        shown = [packet[0] for index in indices for packet in index["packets"]]
        decoded = iter(_decoding_times(shown))
        for file, index in zip(files, indices, strict=True):
            for data, (pts, duration, key, _) in _packets(file, index):
                packet: Any = av.Packet(data)
                packet.pts, packet.dts, packet.duration = pts, next(decoded), duration
                packet.time_base, packet.is_keyframe, packet.stream = self._tick, bool(key), self._stream
                self._mux(packet)
        if self._audio is not None:
            known = len(self._audio.notes)
            self._audio.write_until(until)
            self._audio.close()
            self.notes += self._audio.notes[known:]
        self._output.close()
        self._tell_aspect()
        return sorted(shown)

    def _check(self, shown: list[int]) -> None:
        """Read the joined file back: every frame there, at its time."""
        with av.open(os.fspath(self._partial)) as container:
            stream = container.streams.video[0]
            there = sorted(packet.pts for packet in container.demux(stream) if packet.size and packet.pts is not None)
            base = Fraction(stream.time_base or 0)
        slack = Fraction(1, 1000) + self._tick
        whole = len(there) == len(shown) and all(
            abs((now - there[0]) * base - (was - shown[0]) * self._tick) <= slack
            for now, was in zip(there, shown, strict=True)
        )
        if not whole:
            raise SinkError(f"{self._path}: {len(shown)} frames were joined, but {len(there)} can be read back")

    def _discard(self) -> None:
        if self._piece is not None:
            with suppress(OSError):
                self._piece.file.close()
            self._piece.path.unlink(missing_ok=True)
            self._piece = None
        kept = any(self._folder.glob("*.piece")) or so_far(self._path).exists()
        if self._folder.is_dir() and not kept:
            shutil.rmtree(self._folder, ignore_errors=True)
        super()._discard()

    def _as_sink_error(self, error: Exception) -> Exception:
        said = super()._as_sink_error(error)
        if self._whole and said is not error:
            words = str(said).replace("nothing was kept", f"{self._frames} are kept, --resume goes on")
            kept = SinkError(words)
            kept.__cause__ = error
            return kept
        return said


class PieceCollector(PieceWriter):
    """The same for pieces that others make (``PieceMaker``), in any order: `place` takes them, `close` joins.

    Each piece says at which tick the frame before it was shown. Who made it alone knew that frame's time only, so
    where two frames would fall on one tick it may be wrong: `complete` names such a piece, to be made again.
    """

    def __init__(self, path: str | os.PathLike[str], **options: Any) -> None:
        super().__init__(path, **options)
        self.there: dict[int, int] = {}  # whole pieces, and their frames
        for file in self._folder.glob("*.piece"):
            index = _index(file)
            if index is not None and index["extradata"] == self._extradata:
                self.there[int(file.stem)] = index["frames"]

    def place(self, number: int, data: bytes) -> None:
        """Keep a piece, safe on the disk. Raises ``SinkError`` for one that is damaged or of another encoder."""
        self._raise_error()
        file = self._file(number)
        try:
            replace_file(file, data, durable=True)
        except OSError as error:
            raise self._as_sink_error(error) from error
        index = _index(file)
        if index is None or index["extradata"] != self._extradata:
            file.unlink()
            what = "damaged on its way" if index is None else "made by another version of the encoder"
            raise SinkError(f"{self._path}: a piece was {what}")
        self.there[number] = index["frames"]

    def complete(self, count: int) -> tuple[int, int] | None:
        """Take the first `count` pieces for the whole. Else the number of one that does not fit its predecessor, and
        the tick after which it must begin."""
        files = [self._file(number) for number in range(count)]
        last = None
        for number, file in enumerate(files):
            index = _index(file) or {}
            if last is not None and index["after"] != last:
                return number, last
            last = index["last"]
        self._whole, self._frames = files, sum(self.there[number] for number in range(count))
        return None

    def close(self, *, interrupted: bool = False) -> None:
        if interrupted and not self._closed:  # so far as there is no gap, it can be shown
            count = next(number for number in range(len(self.there) + 1) if number not in self.there)
            self.complete(count)
        super().close(interrupted=interrupted)

    def _file(self, number: int) -> Path:
        return self._folder / f"{number:06d}.piece"


class PieceMaker(PieceWriter):
    """One piece of somebody else's job (a ``PieceCollector.plan``) in the file `made`: frames come, `close` ends it.

    after   the time (of ``Frame.time``) of the frame before, or its tick; None for the first piece.
    """

    def __init__(
        self,
        path: str | os.PathLike[str],
        *,
        plan: Mapping[str, Any],
        number: int,
        after: float | int | None,
        **options: Any,
    ) -> None:
        self._number, self._after = number, after
        self.made: Path | None = None
        self._given = dict(plan)
        super().__init__(path, overwrite=True, **options)

    def _open(self, audio_from: Path | None) -> None:
        """Nothing: whoever collects the pieces proved that they can be made."""
        self._describe_job()
        theirs = {key: value for key, value in self._given["job"].items() if key in self._job}
        if said := changes(theirs, self._job):
            raise SinkError(f"{self._path}: this machine would make something else ({said})")
        self._encoder_threads = self._given["threads"]
        self._folder.mkdir(exist_ok=True)

    def _encode_all(self) -> None:
        end: _End | None = None
        try:
            last = -(1 << 62)
            if isinstance(self._after, int):
                last = self._after
            elif self._after is not None:
                last = round(Fraction(self._after) / self._tick) - self._begin
            while isinstance(item := self._queue.take(), Frame):
                began = time.perf_counter()
                after, last = last, self._moment(item, last)
                if self._piece is None:
                    self._piece = self._begin_piece(self._number, after)
                picture = self._canvas.picture(item, last, self._tick)
                del item  # a large picture less in memory while this one is encoded
                self._add(picture, last)
                del picture
                self._busy += time.perf_counter() - began
            end = item
            if self._piece is not None and not end.interrupted:
                piece, self._piece = self._piece, None
                piece.add(piece.encoder.encode(None))
                self.made = piece.finish(_hash(piece.encoder.extradata or b""))
        except Exception as error:  # raised by the next write or by close
            self._error = self._as_sink_error(error)
            while end is None:  # keep taking, so that no write waits for ever
                taken = self._queue.take()
                end = taken if isinstance(taken, _End) else None
        finally:
            super()._discard()


@dataclass
class _Piece:
    path: Path
    file: BinaryIO
    encoder: av.VideoCodecContext
    after: int  # the tick of the frame before
    frames: int = 0
    last: int = 0
    packets: list[tuple[int, int, int, int]] = field(default_factory=list)  # shown at, duration, key frame, bytes
    crc: int = 0

    def add(self, packets: "list[av.Packet[av.VideoStream]]") -> None:
        for packet in packets:
            data = bytes(packet)
            self.file.write(data)
            self.crc = zlib.crc32(data, self.crc)
            self.packets.append((packet.pts or 0, packet.duration or 0, int(packet.is_keyframe), len(data)))

    def finish(self, extradata: str, suffix: str = ".piece") -> Path:
        """Close the file, safe on the disk, under the name of a whole piece (or another `suffix`)."""
        index = {
            "frames": self.frames, "after": self.after, "last": self.last, "extradata": extradata, "crc": self.crc,
            "packets": self.packets,
        }  # fmt: skip
        text = json.dumps(index, separators=(",", ":")).encode()
        self.file.write(text + _TAIL.pack(len(text), zlib.crc32(text)))
        self.file.flush()
        os.fsync(self.file.fileno())
        self.file.close()
        return self.path.replace(self.path.with_suffix(suffix))


def pieces_of(path: Path) -> Path:
    """The folder in which the pieces of an unfinished `path` are."""
    return path.absolute().parent / hidden_name(path, f"{path.suffix}.pieces")


def so_far(path: Path) -> Path:
    """Where an interrupted run leaves what it had, ready to play."""
    return pieces_of(path) / f"so-far{path.suffix}"


def changes(was: Mapping[str, Any], now: Mapping[str, Any]) -> str:
    """In what two jobs differ, in words; empty where they are the same."""
    keys = [key for key in sorted(was.keys() | now.keys()) if was.get(key) != now.get(key)]
    return "; ".join(f"{key} was {_said(was.get(key))}, now {_said(now.get(key))}" for key in keys)


def _index(file: Path) -> dict[str, Any] | None:
    """The index of a whole piece, its bytes checked; None for one that is not whole."""
    try:
        data = file.read_bytes()
    except OSError:
        return None
    if len(data) < _TAIL.size:
        return None
    length, crc = _TAIL.unpack(data[-_TAIL.size :])
    text = data[-_TAIL.size - length : -_TAIL.size]
    if zlib.crc32(text) != crc:
        return None
    index: dict[str, Any] = json.loads(text)
    return index if zlib.crc32(data[: -_TAIL.size - length]) == index["crc"] else None


def _packets(file: Path, index: dict[str, Any]) -> Iterator[tuple[bytes, list[int]]]:
    with file.open("rb") as pieces:
        for packet in index["packets"]:
            yield pieces.read(packet[3]), packet


def _decoding_times(shown: list[int]) -> list[int]:
    """When each packet is to be decoded, given in decoding order when it is shown: the shown times, so far ahead as
    pictures wait for later ones."""
    order = sorted(shown)
    rank = {tick: place for place, tick in enumerate(order)}
    ahead = max((place - rank[tick] for place, tick in enumerate(shown)), default=0)
    lead = order[ahead] - order[0] if order else 0
    return [order[place - ahead] if place >= ahead else order[place] - lead for place in range(len(order))]


def _hash(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def _said(value: Any) -> str:
    text = "nothing" if value is None else str(value)
    return text if len(text) <= 60 else text[:57] + "..."
