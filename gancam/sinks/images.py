"""A numbered image for every frame, and a file of their times."""

import itertools
import json
import os
import re
import shutil
import zlib
from collections import deque
from collections.abc import Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from fractions import Fraction
from pathlib import Path

import numpy as np

from gancam.errors import MALFORMED, InputError, NotFound, OutputExists, SinkError
from gancam.files import REPLACING, give_name, lock_file, replace_file, same_file, unlock_file
from gancam.frame import Frame, Image
from gancam.inference.hardware import usable_cores
from gancam.media.images import check_size, encode_with, encoding, holds_alpha
from gancam.media.messages import cause
from gancam.media.metadata import ImageMetadata
from gancam.media.paths import SequencePath
from gancam.sinks._canvas import check_frame
from gancam.sinks._codecs import DEFAULT_QUALITY, check_quality
from gancam.sinks._encoder import is_full
from gancam.sinks._settings import VideoOptions
from gancam.sinks._tracks import left_out
from gancam.sinks.contract import Sink
from gancam.sinks.job_changes import changes
from gancam.sinks.piece_store import NOTHING_KEPT, goes_on, pieces_of
from gancam.units import counted

_AHEAD = 2  # images in work for each thread
_INDEX = "index.txt"  # of those that are whole
_TIMES = "times.txt"  # their times, until all images have their names
_ENTRY = re.compile(r"-?\d+(/\d+)? [0-9a-f]{8}")  # of the index: seconds, CRC-32 of the bytes


class ImageWriter(Sink):
    """Writes each frame as a numbered image, and a file of their times.

    Beside the images ``NAMEtimes.txt`` (timestamp format v2, as mkvmerge has it) keeps the times. What images cannot
    hold (sound, subtitles, chapters) is told in ``notes``. The folder is made if it is not there.

    Work goes to a hidden folder beside, as that of a ``PieceWriter``. The images get their names when all are there.

    Args:
        path: The images' name, with ``%06d`` in the place of the number, which counts from 1.
        options: As those of a ``VideoWriter``. The quality is of JPEG and AVIF, the others are lossless; ``notes`` tell
            what of `audio_from` is left out.
        job: What the frames are made from and how, as JSON has it; a resumed job must have the same.
        resume: Whether to go on with the images that are there: ``frames_done`` are whole, and ``write`` ignores those.

    Raises:
        InputError: A value makes no sense, or the unfinished job is another one.
        OutputExists: There are images of this name, or an unfinished job.
        SinkError: They cannot be written.
    """

    def __init__(
        self,
        path: str | os.PathLike[str],
        options: VideoOptions,
        *,
        job: Mapping[str, object] | None = None,
        resume: bool = False,
    ) -> None:
        self._path, self._size, info = Path(path), options.size, options.info
        names = SequencePath.of(self._path)
        if names is None:
            raise InputError(f"{path}: the number of an image is written as %06d, once, in its name")
        check_quality(options.quality)
        check_size(self._path, self._size)
        quality = DEFAULT_QUALITY if options.quality is None else options.quality
        suffix = self._path.suffix.lower()
        self._how = encoding(self._path, quality)
        self._tick = info.time_base or Fraction(1, 90_000)
        self._begin = options.part[0] or Fraction(0)
        source = options.audio_from
        self._notes: list[str] = [] if source is None else left_out(Path(source), "images hold")
        self._alpha = info.alpha and holds_alpha(self._path)
        if info.alpha and not self._alpha:
            self._notes.append(f"its transparency is left out: {self._path.suffix} cannot hold it, .png can")
        self._metadata = ImageMetadata(icc=info.icc)
        if self._metadata.icc and suffix == ".bmp":
            self._notes.append(f"its colour profile is left out: {suffix} cannot hold it")
        self._notes.append(f"times are kept in {names.times.name}")
        self._until: Fraction | None = None  # when the last frame ends, in seconds
        entries: dict[str, object] = {
            **(job or {}),
            "quality": quality,
            "width": self._size[0],
            "height": self._size[1],
        }
        entries["time base"] = str(self._tick)  # by which --fps of numbered images is another job
        self._store = ImageStore(names, entries, resume=resume, overwrite=options.overwrite)
        self._frames = self._frames_done = len(self._store.times)
        self._threads = min(usable_cores(), 8)
        self._pool = ThreadPoolExecutor(self._threads, "gancam-images")
        self._work: deque[tuple[Fraction, Future[str]]] = deque()

    @property
    def path(self) -> Path:
        """The images' name, with the place of the number."""
        return self._path

    @property
    def frames_done(self) -> int:
        """How many images of an interrupted run are whole."""
        return self._frames_done

    def write(self, frame: Frame) -> None:
        """Hand `frame` to the threads that write; waits while those are several images behind."""
        if self._closed:
            raise SinkError(f"{self._path}: already closed")
        if frame.duration is not None:
            self._until = Fraction(frame.time + frame.duration) - self._begin
        if frame.index < self._frames_done:
            return
        image = check_frame(frame, self._size, os.fspath(self._path))
        place = self._store.place(self._frames + 1)
        moment = round((Fraction(frame.time) - self._begin) / self._tick) * self._tick
        self._work.append((moment, self._pool.submit(self._save, place, image, frame.alpha if self._alpha else None)))
        self._frames += 1
        while len(self._work) > _AHEAD * self._threads:
            self._settle()

    def _save(self, place: Path, image: Image, alpha: Image | None) -> str:
        if alpha is not None:
            image = np.dstack([image, alpha])
        data, _ = encode_with(place, image, self._how, self._metadata)
        place.write_bytes(data)
        return f"{zlib.crc32(data):08x}"

    def _settle(self) -> None:
        """Take note of the oldest image in work, when it is written."""
        moment, work = self._work.popleft()
        try:
            self._store.add(moment, work.result())
        except OSError as error:
            self._work.clear()
            what, kept = "no room left" if is_full(error) else cause(error), len(self._store.times)
            then = f"{kept} are kept, --resume continues" if kept else NOTHING_KEPT
            raise SinkError(f"{self._path}: writing failed after {counted(kept, 'frame')} ({what}); {then}") from error

    def close(self, *, interrupted: bool = False) -> None:
        """Give all images their names; when frames are missing, keep what there is for a run that resumes."""
        if self._closed:
            return
        self._closed = True
        try:
            while self._work:
                self._settle()
            if not interrupted and self._store.times:
                self._store.publish(self._tick, self._until)
        finally:
            self._pool.shutdown(cancel_futures=True)
            self._store.close()


class ImageStore:
    """The hidden folder of unfinished images: a manifest, the images, and an index of those that are whole.

    While images are moved to their places, those that are there already count as well as those in the folder: a move
    that a full disk or a crash ends goes on where it was.

    Args:
        names: The images to be.
        job: What they are made from and how, as JSON has it.
        resume: Whether to go on with images that are there.
        overwrite: Whether an unfinished job, and older images of these names, may be replaced.

    Attributes:
        times: When each image that is whole is shown, in seconds.

    Raises:
        InputError: The unfinished job is another one.
        OutputExists: There are images of these names, or an unfinished job.
        SinkError: They cannot be written.
    """

    def __init__(self, names: SequencePath, job: Mapping[str, object], *, resume: bool, overwrite: bool) -> None:
        self._names, self._overwrite = names, overwrite
        self._folder = pieces_of(names.path)
        self._index = self._folder / _INDEX
        self._manifest = self._folder / "manifest.json"
        self._published = False
        self.times: list[Fraction] = []
        try:
            self._lock = self._claim(json.loads(json.dumps(job)), resume)
            self._read_index()
        except (SinkError, OutputExists, NotFound):
            raise
        except OSError as error:
            raise SinkError(f"{names}: cannot be written ({cause(error)})") from error

    def place(self, number: int) -> Path:
        """Return where the image of this number is until all are there."""
        return self._folder / self._names.image(number).name

    def add(self, moment: Fraction, crc: str) -> None:
        """Take note that the next image, shown at `moment` (seconds), is whole; `crc` is that of its bytes."""
        with self._index.open("a", encoding="ascii") as index:
            index.write(f"{moment} {crc}\n")
        self.times.append(moment)

    def publish(self, tick: Fraction, until: Fraction | None) -> None:
        """Give all images their names, and write their times. `tick`: the time base, `until`: the end, in seconds."""
        try:
            told = self._folder / _TIMES
            if until is not None or not told.exists():  # where a move goes on, no frame came that says when it ends
                replace_file(told, self._times_text(tick, until).encode())
            there = {path.name for _, path in self._names.images()} if self._overwrite else set()
            for number in range(1, len(self.times) + 1):
                target = self._names.image(number)
                there.discard(target.name)
                if (place := self.place(number)).exists():
                    give_name(place, target, overwrite=True)
            for name in there:  # of a longer one before
                (self._names.path.parent / name).unlink()
            give_name(told, self._names.times, overwrite=True)
            self._published = True
        except OSError as error:
            raise SinkError(
                f"{self._names}: the images are in {self._folder} and cannot be moved ({cause(error)})"
            ) from error

    def _times_text(self, tick: Fraction, until: Fraction | None) -> str:
        lines = [f"{float(moment * 1000):.9f}" for moment in self.times]
        head = ["# timestamp format v2", f"# time base {tick}"]
        head += [] if until is None else [f"# end {float(round(until / tick) * tick * 1000):.9f}"]
        return "\n".join([*head, *lines, ""])

    def close(self) -> None:
        """Leave the folder to others; it goes where nothing in it is worth keeping."""
        unlock_file(self._lock)
        if self._published or not self.times:
            shutil.rmtree(self._folder, ignore_errors=True)

    def _claim(self, job: dict[str, object], resume: bool) -> int | None:
        self._names.path.absolute().parent.mkdir(exist_ok=True)
        check_output(self._names, overwrite=self._overwrite)
        old = self._unfinished()
        keep = old is not None and goes_on(
            self._names.path, changes(old, job), resume=resume, overwrite=self._overwrite
        )
        self._folder.mkdir(exist_ok=True)
        lock = lock_file(self._folder / "lock", self._names.path)
        if not keep:
            for file in self._folder.iterdir():
                if file.name != "lock":
                    file.unlink()
        replace_file(self._manifest, json.dumps(job).encode())
        return lock

    def _unfinished(self) -> dict[str, object] | None:
        """The manifest of an unfinished job; None where there is none that can be read."""
        if self._manifest.is_file():
            with suppress(*MALFORMED):
                old = json.loads(self._manifest.read_text(encoding="utf-8"))
                return dict(old) if isinstance(old, dict) else None
        return None

    def _read_index(self) -> None:
        """Count what is whole: images whose bytes are those that the index tells of."""
        good: list[str] = []
        for moment, crc in _entries(self._folder):
            place = self.place(len(good) + 1)
            if not _has_crc(place if place.exists() else self._names.image(len(good) + 1), crc):
                break
            good.append(f"{moment} {crc}\n")
            self.times.append(Fraction(moment))
        replace_file(self._index, "".join(good).encode())


def images_kept(path: Path) -> int:
    """Count the images of an unfinished job that are whole."""
    return len(_entries(pieces_of(path)))


def _entries(folder: Path) -> list[tuple[str, str]]:
    """Read the index of an unfinished job, up to a line that was cut short: seconds and CRC-32 of each image."""
    with suppress(OSError):
        lines = (folder / _INDEX).read_text(encoding="ascii", errors="replace").splitlines()
        whole = itertools.takewhile(_ENTRY.fullmatch, lines)
        return [(moment, crc) for moment, crc in map(str.split, whole)]
    return []


def _has_crc(image: Path, crc: str) -> bool:
    with suppress(OSError):
        return f"{zlib.crc32(image.read_bytes()):08x}" == crc
    return False


def images_in_the_way(names: SequencePath) -> list[Path]:
    """List the images of these names that are there, but for those that an unfinished job has moved there."""
    folder, there = pieces_of(names.path), dict(names.images())
    for number, (_, crc) in enumerate(_entries(folder), 1):
        image = names.image(number)
        if number in there and not (folder / image.name).exists() and _has_crc(image, crc):
            del there[number]
    return list(there.values())


def check_output(names: SequencePath, *, overwrite: bool, source: SequencePath | None = None) -> None:
    """Find what is in the way of images of these names, which replace none of those they are made from, `source`.

    Raises:
        OutputExists: There are such images, and they may not be replaced.
        SinkError: There is no folder for them, or they would replace those of `source`.
    """
    above = names.path.absolute().parent.parent  # the folder itself is made
    if not above.is_dir():
        raise SinkError(f"{names}: there is no folder {above}")
    alike = source is not None and (source.before, source.after) == (names.before, names.after)
    if alike and source is not None and same_file(source.path.absolute().parent, names.path.absolute().parent):
        raise SinkError(f"{names}: the output has the names of the input ({source}); give it others")
    inputs = set() if source is None else {os.path.realpath(image) for _, image in source.images()}
    for _, image in names.images():
        if image.is_symlink() and os.path.realpath(image) in inputs:
            raise SinkError(f"{image}: is a link to an image of the input ({source}); give it another name")
    if not overwrite and (there := images_in_the_way(names)):
        raise OutputExists(f"{there[0]}: exists; {REPLACING}")
