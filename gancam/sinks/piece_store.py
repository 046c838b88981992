"""The folder in which an unfinished output lies in pieces, each of them safe from a crash."""

import hashlib
import json
import os
import shutil
import struct
import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO, Literal, TypedDict, cast

import av
from av.packet import PacketSideData, packet_sidedata_type_from_literal

from gancam.errors import MALFORMED, InputError, OutputExists, SinkError
from gancam.files import hidden_path, replace_file
from gancam.sinks._settings import BEFORE_ALL
from gancam.sinks.job_changes import changes

# A piece is what a crash can cost, and a key frame more. 1280x720 gets 47 frames: less than two seconds of work with
# sr-x2 on two cores. Against one piece of 156 frames, four calm scenes became this much larger with pieces of 52
# frames: 5 to 13 %, 40: 5 to 18 %, 26: 10 to 35 %; a hand-held city view 0 % with all of them.
_PIXELS = 44_000_000
_LEAST, _MOST = 12, 120  # frames of a piece
# The frames of the first piece come in several, each three times as long as all before it, so that a job that is ended
# early loses 7, 23 and 90 frames instead of 120. A copy of a city pan, six seconds long, becomes 2.8 % larger by that.
_SHORTEST = 3  # frames of the first, at least
_FORMAT = 3
_BESIDE: Literal["matroska_block_additional"] = "matroska_block_additional"  # where VP9 has its opacity
_TAIL = struct.Struct("<II")  # length and CRC-32 of the index at the end of a piece
_MOST_PIECES = 1_000_000
NOTHING_KEPT = "no part was finished yet, so nothing is kept and the same command starts over"


class PiecePlan(TypedDict):
    """The manifest of an unfinished video, which its pieces have in common."""

    format: int
    job: dict[str, object]  # what the frames are made from and how
    threads: int  # of the encoder
    frames: int  # of a piece
    quartered: int  # how often the first piece is, see `piece_begin`


class PieceIndex(TypedDict):
    """What stands at the end of a piece."""

    frames: int
    after: int  # the tick of the frame before
    last: int  # the tick of its last frame
    extradata: str  # hash of what the encoder says of itself
    crc: int  # of the packets' bytes
    packets: list[tuple[int, int, int, int, int]]  # shown at, duration, whether a key frame, bytes, bytes of opacity


def pieces_of(path: Path) -> Path:
    """Return the folder in which the pieces of an unfinished `path` are."""
    return hidden_path(path, f"{path.suffix}.pieces")


def so_far(path: Path) -> Path:
    """Return where an interrupted run leaves what it had, ready to play."""
    return pieces_of(path) / f"so-far{path.suffix}"


def goes_on(path: Path, changed: str, *, resume: bool, overwrite: bool) -> bool:
    """Decide what becomes of an unfinished job that is in the way.

    Args:
        path: The output.
        changed: In what the job to do differs from the unfinished one.
        resume: Whether to go on with it.
        overwrite: Whether it may be thrown away.

    Returns:
        Whether to go on with it, rather than throw it away.

    Raises:
        InputError: It is to be gone on with, but is another one.
        OutputExists: It is neither to be gone on with nor to be thrown away.
    """
    if resume and not changed:
        return True
    if overwrite:
        return False
    if resume:
        raise InputError(f"{path}: the unfinished job differs from this one ({changed}); --overwrite starts over")
    raise OutputExists(f"{path}: an unfinished job exists: --resume continues it, --overwrite starts over")


def piece_length(size: tuple[int, int]) -> int:
    """Choose how many frames of this size (width, height) make a piece."""
    return min(max(_PIXELS // (size[0] * size[1]), _LEAST), _MOST)


def piece_begin(plan: PiecePlan, number: int) -> int:
    """Say with which frame a piece begins: usual ones with multiples of their length, the first with its quarters."""
    if number > plan["quartered"]:
        return (number - plan["quartered"]) * plan["frames"]
    return plan["frames"] >> 2 * (plan["quartered"] - number + 1) if number else 0


def frames_in(plan: PiecePlan, number: int) -> int:
    """Say how many frames a piece has when it is full."""
    return piece_begin(plan, number + 1) - piece_begin(plan, number)


def frames_kept(path: Path) -> int:
    """Count the frames of an unfinished video that are in whole pieces. It reads their ends alone."""
    return sum(_frames_told(file) for file in pieces_of(path).glob("*.piece"))


def _frames_told(file: Path) -> int:
    """How many frames the index at the end of a piece tells of; none where it cannot be read."""
    with suppress(OSError, ValueError), file.open("rb") as piece:
        size = piece.seek(0, os.SEEK_END)
        piece.seek(size - _TAIL.size)
        length, crc = _TAIL.unpack(piece.read())
        piece.seek(size - _TAIL.size - length)
        text = piece.read(length)
        return int(json.loads(text)["frames"]) if zlib.crc32(text) == crc else 0
    return 0


def fingerprint(extradata: bytes | None) -> str:
    """Hash what an encoder says of itself: pieces of different ones cannot be joined."""
    return hashlib.sha256(extradata or b"").hexdigest()


def read_index(file: Path) -> PieceIndex | None:
    """Read the index of a whole piece, its bytes checked; None for one that is not whole."""
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
    index: PieceIndex = json.loads(text)
    return index if zlib.crc32(data[: -_TAIL.size - length]) == index["crc"] else None


def read_packets(file: Path, index: PieceIndex) -> "Iterator[av.Packet[av.VideoStream]]":
    """Give each packet of a piece, with the times when it is shown and how long."""
    with file.open("rb") as piece:
        for shown, duration, key, size, size_beside in index["packets"]:
            packet = cast("av.Packet[av.VideoStream]", av.Packet(piece.read(size)))
            packet.pts, packet.duration, packet.is_keyframe = shown, duration, bool(key)
            if size_beside:
                place = packet_sidedata_type_from_literal(_BESIDE)
                beside = cast(Any, PacketSideData)(place, size_beside)
                beside.update(piece.read(size_beside))
                packet.set_sidedata(beside)
            yield packet


@dataclass
class Piece:
    """A piece that is being written: packets, and at the end an index of them."""

    path: Path
    file: BinaryIO
    encoder: av.VideoCodecContext
    after: int  # the tick of the frame before
    frames: int = 0
    last: int = 0
    packets: list[tuple[int, int, int, int, int]] = field(default_factory=list)
    crc: int = 0
    shown: dict[int, int] = field(default_factory=dict)  # how long pictures are shown that the encoder still has

    def add(self, picture: av.VideoFrame, tick: int) -> None:
        """Encode a picture, shown at `tick`."""
        self.shown[tick] = picture.duration
        self._write(picture)
        self.frames += 1
        self.last = tick

    def finish(self, extradata: str | None = None, suffix: str = ".piece") -> Path:
        """Close the file, safe on the disk, under the name of a whole piece.

        Args:
            extradata: The fingerprint of its encoder; None: to be taken.
            suffix: What the name ends in.

        Returns:
            The file.
        """
        self._write(None)
        extradata = fingerprint(self.encoder.extradata) if extradata is None else extradata
        index: PieceIndex = {
            "frames": self.frames, "after": self.after, "last": self.last, "extradata": extradata, "crc": self.crc,
            "packets": self.packets,
        }  # fmt: skip
        text = json.dumps(index, separators=(",", ":")).encode()
        self.file.write(text + _TAIL.pack(len(text), zlib.crc32(text)))
        self.file.flush()
        os.fsync(self.file.fileno())
        self.file.close()
        return self.path.replace(self.path.with_suffix(suffix))

    def discard(self) -> None:
        """Remove it."""
        with suppress(OSError):
            self.file.close()
        self.path.unlink(missing_ok=True)

    def _write(self, picture: av.VideoFrame | None) -> None:
        for packet in self.encoder.encode(picture):
            data, beside = bytes(packet), bytes(packet.get_sidedata(_BESIDE)) if packet.has_sidedata(_BESIDE) else b""
            self.file.write(data + beside)
            self.crc = zlib.crc32(data + beside, self.crc)
            duration = self.shown.pop(packet.pts or 0, packet.duration or 0)
            self.packets.append((packet.pts or 0, duration, int(packet.is_keyframe), len(data), len(beside)))


class PieceStore:
    """The pieces of one unfinished video, and the manifest that tells what they are pieces of.

    Args:
        path: The video to be.
        job: What its frames are made from and how, as JSON has it.
        resume: Whether to go on with pieces that are there.
        overwrite: Whether those of another job may be thrown away.

    Attributes:
        plan: The manifest; ``begin`` settles it.
        there: The frames of each whole piece, by number.
        extradata: The fingerprint of the encoder that the pieces are of.
    """

    def __init__(self, path: Path, job: Mapping[str, object], *, resume: bool = False, overwrite: bool = False) -> None:
        self._path, self._resume, self._overwrite = path, resume, overwrite
        self._folder = pieces_of(path)
        self.extradata = ""
        self.plan: PiecePlan = {
            "format": _FORMAT, "job": json.loads(json.dumps(job)), "threads": 1, "frames": _MOST, "quartered": 0,
        }  # fmt: skip
        self.there: dict[int, int] = {}
        self._open: Piece | None = None  # the one that is being made
        self._number = 0  # its number

    def settle(self, threads: int, size: tuple[int, int]) -> PiecePlan:
        """Find the plan: the unfinished job's, or a new one; then an unfinished job is thrown away.

        Args:
            threads: The encoder's, for a new plan.
            size: (width, height) of a picture.

        Raises:
            InputError: The unfinished job is another one.
            OutputExists: There is one, which is neither to be gone on with nor to be thrown away.
        """
        length = piece_length(size)
        quartered = ((length // _SHORTEST).bit_length() - 1) // 2
        self.plan = {**self.plan, "threads": threads, "frames": length, "quartered": quartered}
        if not self._folder.is_dir():
            return self.plan
        old = self._read_plan()
        if old is not None and (self._resume or any(self._folder.glob("*.piece"))):
            changed = changes(old["job"], self.plan["job"]) or changes(
                {"format": old["format"]}, {"format": self.plan["format"]}
            )
            if goes_on(self._path, changed, resume=self._resume, overwrite=self._overwrite):
                self.plan = old
                return old
        shutil.rmtree(self._folder)
        return self.plan

    def begin(self, extradata: str) -> None:
        """Make the folder where it is not there, and find the whole pieces of this encoder in it."""
        self.extradata = extradata
        if not self._folder.is_dir():
            self._folder.mkdir()
            text = json.dumps(self.plan, indent=1)
            replace_file(self._folder / "manifest.json", text.encode(), durable=True)
        for file in self._folder.glob("*.piece"):
            index = read_index(file)
            if index is not None and index["extradata"] == extradata:
                self.there[int(file.stem)] = index["frames"]
        self.file(self.count).unlink(missing_ok=True)  # where it is not whole

    def take(self, count: int) -> None:
        """Take the first `count` pieces for all there are."""
        self.there = {number: self.there[number] for number in range(count)}

    @property
    def count(self) -> int:
        """How many pieces there are from the first on without a gap."""
        return next(number for number in range(_MOST_PIECES) if number not in self.there)

    @property
    def last(self) -> int | None:
        """The tick of the last frame of the last of those; None where none is there."""
        if not self.count:
            return None
        return self.index(self.file(self.count - 1))["last"]

    @property
    def frames(self) -> int:
        """How many frames are in whole pieces."""
        return sum(self.there.values())

    def file(self, number: int) -> Path:
        """Return the file of a piece."""
        return self._folder / f"{number:06d}.piece"

    def open_folder(self) -> None:
        """Make the folder where it is not there, for a single piece."""
        self._folder.mkdir(exist_ok=True)

    def new_piece(self, number: int, after: int, encoder: av.VideoCodecContext) -> Piece:
        """Begin a piece, behind the frame of the tick `after`."""
        file = self._folder / f"{number:06d}.partial"
        return Piece(file, file.open("wb"), encoder, after)

    def write(self, picture: av.VideoFrame, tick: int, after: int, encoder: Callable[[], av.VideoCodecContext]) -> None:
        """Encode a picture into the piece that comes after those that are there, which ends when it is full.

        Args:
            picture: What is encoded.
            tick: When it is shown.
            after: The tick of the frame before.
            encoder: Opens the encoder of a new piece.
        """
        if self._open is None:
            self._number = self.count  # which takes 3 ms after ten hours: too long for each frame
            self._open = self.new_piece(self._number, after, encoder())
        self._open.add(picture, tick)
        if self._open.frames == frames_in(self.plan, self._number):
            self.end()

    @property
    def pending(self) -> int:
        """How many frames are in the piece that is being made."""
        return 0 if self._open is None else self._open.frames

    def end(self) -> None:
        """Finish the piece that is being made."""
        if self._open is not None:
            self._open.finish(self.extradata)
            self.there[self._number] = self._open.frames
            self._open = None

    def end_short(self) -> Path | None:
        """Finish the piece that is being made as a file that is no whole piece; None where it has no frame."""
        if self._open is None or not self._open.frames:
            return None
        file = self._open.finish(self.extradata, ".short")
        self._open = None
        return file

    @property
    def files(self) -> list[Path]:
        """The pieces from the first on without a gap."""
        return [self.file(number) for number in range(self.count)]

    def indexed(self, files: Sequence[Path]) -> list[tuple[Path, PieceIndex]]:
        """Give each of `files` with its index. Raises ``SinkError`` where one has been damaged."""
        return [(file, self.index(file)) for file in files]

    def place(self, number: int, data: bytes) -> None:
        """Keep a piece that came as `data`, safe on the disk.

        Raises:
            SinkError: It is damaged, or of another encoder.
            OSError: It cannot be written.
        """
        file = self.file(number)
        replace_file(file, data, durable=True)
        index = read_index(file)
        if index is None or index["extradata"] != self.extradata:
            file.unlink()
            what = "damaged on its way" if index is None else "made by another version of the encoder"
            raise SinkError(f"{self._path}: a piece was {what}")
        self.there[number] = index["frames"]

    def misfit(self, count: int) -> tuple[int, int] | None:
        """Find the first of `count` pieces that is damaged, or does not follow its predecessor.

        Returns:
            Its number, and the tick after which it must begin; None where all fit.
        """
        last = BEFORE_ALL
        for number in range(count):
            index = read_index(self.file(number))
            if index is None or (number > 0 and index["after"] != last):
                return number, last
            last = index["last"]
        return None

    def index(self, file: Path) -> PieceIndex:
        """Read the index of a piece that was whole. Raises ``SinkError`` where it has been damaged since."""
        index = read_index(file)
        if index is None:
            raise SinkError(f"{self._path}: {file.name} was damaged after it was written; --resume makes it again")
        return index

    def discard(self) -> None:
        """Remove the piece that is being made, and the folder where nothing in it is worth keeping."""
        self._drop()
        kept = any(self._folder.glob("*.piece")) or so_far(self._path).exists()
        if self._folder.is_dir() and not kept:
            self.remove()

    def remove(self) -> None:
        """Remove the folder."""
        self._drop()
        shutil.rmtree(self._folder, ignore_errors=True)

    def _drop(self) -> None:
        if self._open is not None:
            self._open.discard()
            self._open = None

    def _read_plan(self) -> PiecePlan | None:
        """The manifest that is there; None where it cannot be read."""
        try:
            plan = json.loads((self._folder / "manifest.json").read_text(encoding="utf-8"))
        except (OSError, *MALFORMED):
            return None
        if not isinstance(plan, dict):
            return None
        if plan.get("format") == 2:  # all pieces had one length then
            plan |= {"format": _FORMAT, "quartered": 0}
        whole = all(type(plan.get(name)) is type(value) for name, value in self.plan.items())
        return cast(PiecePlan, plan) if whole else None
