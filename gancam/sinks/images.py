"""A numbered image for every frame, and a file of their times."""

import errno
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
from typing import Any

import av
import cv2
import numpy as np

from gancam.errors import InputError, NotFound, OutputExists, SinkError
from gancam.files import lock_file, replace_file, unlock_file
from gancam.frame import Frame, Image, check_image
from gancam.inference.hardware import usable_cores
from gancam.media.info import VideoInfo
from gancam.media.messages import cause
from gancam.media.paths import SequencePath
from gancam.sinks.pieces import pieces_of
from gancam.sinks.video import DEFAULT_QUALITY, check_quality

_AHEAD = 2  # images in work for each thread


class ImageWriter:
    """Writes each frame as an image whose name is `path` with its number, from 1, in the place of ``%06d``.

    Beside them ``NAMEtimes.txt`` (timestamp format v2, as mkvmerge has it) keeps the times. What images cannot hold
    (sound, subtitles, chapters) is told in ``notes``. The folder is made if it is not there. `quality`, 0 to 100, is
    that of JPEG; the others are lossless.

    Work goes to a hidden folder beside, as that of a ``PieceWriter``; `job` and `resume` are as there, and so is
    ``done``. The images get their names when all are there.

    Raises ``InputError``, ``OutputExists``, ``SinkError``.
    """

    def __init__(
        self,
        path: str | os.PathLike[str],
        *,
        fps: float,
        size: tuple[int, int],
        like: VideoInfo | None = None,
        audio_from: str | os.PathLike[str] | None = None,
        quality: float | None = None,
        overwrite: bool = False,
        part: tuple[Fraction | None, Fraction | None] = (None, None),
        job: Mapping[str, Any] | None = None,
        resume: bool = False,
    ) -> None:
        self._path, self._size = Path(path), size
        names = SequencePath.of(self._path)
        if names is None:
            raise InputError(f"{path}: the number of an image is written as %06d, once, in its name")
        self._names = names
        check_quality(quality)
        quality = DEFAULT_QUALITY if quality is None else quality
        suffix = self._path.suffix.lower()
        self._how = [cv2.IMWRITE_JPEG_QUALITY, round(60 + 0.4 * quality)] if suffix in (".jpg", ".jpeg") else []
        self._tick = (like.time_base if like is not None else None) or Fraction(1, 90_000)
        self._begin = part[0] or Fraction(0)
        self.notes = [] if audio_from is None else _left_out(Path(audio_from))
        self._alpha = like is not None and like.alpha
        if self._alpha and not holds_alpha(self._path):
            self._alpha = False
            self.notes.append(f"its transparency is left out: {self._path.suffix} holds none, .png does")
        self.notes.append(f"times are kept in {self._names.times.name}")
        self._folder = pieces_of(self._path)
        self._job = json.loads(json.dumps({**(job or {}), "quality": quality, "width": size[0], "height": size[1]}))
        self._overwrite = overwrite
        self._closed = False
        self.done = 0
        self._times: list[Fraction] = []
        self._lock = self._claim(resume)
        self._frames = self.done
        self._threads = min(usable_cores(), 8)
        self._pool = ThreadPoolExecutor(self._threads, "gancam-images")
        self._work: deque[tuple[Fraction, Future[str]]] = deque()

    def _claim(self, resume: bool) -> int | None:
        """Take the folder of the work, and what is done of it."""
        folder = self._path.absolute().parent
        try:
            folder.mkdir(exist_ok=True)
            check_output(self._names, overwrite=self._overwrite)
            manifest, old = self._folder / "manifest.json", None
            if manifest.is_file():
                with suppress(ValueError):
                    old = json.loads(manifest.read_text(encoding="utf-8"))
            if old is not None and resume:
                changed = [key for key in sorted(old.keys() | self._job.keys()) if old.get(key) != self._job.get(key)]
                if changed:
                    what = f"other {', '.join(changed)}"
                    raise InputError(
                        f"{self._path}: the unfinished job is another one ({what}); --overwrite begins anew"
                    )
            elif old is not None and not self._overwrite:
                raise OutputExists(
                    f"{self._path}: an unfinished job is there: --resume goes on, --overwrite begins anew"
                )
            self._folder.mkdir(exist_ok=True)
            lock = lock_file(self._folder / "lock", self._path)
            if old is None or not resume:
                for file in self._folder.iterdir():
                    if file.name != "lock":
                        file.unlink()
            replace_file(manifest, json.dumps(self._job).encode())
        except OSError as error:
            if isinstance(error, SinkError | OutputExists | NotFound):
                raise
            raise SinkError(f"{self._path}: cannot be written ({cause(error)})") from error
        self._read_index()
        return lock

    def _read_index(self) -> None:
        """Count what is whole: images whose bytes are those that the index tells of."""
        index = self._folder / "index.txt"
        good: list[str] = []
        for line in index.read_text(encoding="ascii").splitlines() if index.is_file() else []:
            if not re.fullmatch(r"-?\d+(/\d+)? [0-9a-f]{8}", line):
                break
            moment, crc = line.split()
            try:
                data = (self._folder / self._names.image(len(good) + 1).name).read_bytes()
            except OSError:
                break
            if f"{zlib.crc32(data):08x}" != crc:
                break
            good.append(line)
            self._times.append(Fraction(moment))
        self.done = len(good)
        replace_file(index, "".join(f"{line}\n" for line in good).encode())

    @property
    def path(self) -> Path:
        return self._path

    @property
    def closed(self) -> bool:
        return self._closed

    def write(self, frame: Frame) -> None:
        if self._closed:
            raise SinkError(f"{self._path}: already closed")
        if frame.index < self.done:
            return
        image = check_image(frame.image)
        if (image.shape[1], image.shape[0]) != self._size:
            got, wants = f"{image.shape[1]}x{image.shape[0]}", f"{self._size[0]}x{self._size[1]}"
            raise InputError(f"frame {frame.index} is {got}, but {self._path} was opened for {wants}")
        place = self._folder / self._names.image(self._frames + 1).name
        moment = round((Fraction(frame.time) - self._begin) / self._tick) * self._tick
        self._work.append((moment, self._pool.submit(self._save, place, image, frame.alpha if self._alpha else None)))
        self._frames += 1
        while len(self._work) > _AHEAD * self._threads:
            self._settle()

    def _save(self, place: Path, image: Image, alpha: Image | None) -> str:
        if alpha is not None:
            image = np.dstack([image, alpha])
        done, data = cv2.imencode(self._path.suffix, image, self._how)
        if not done:
            raise SinkError(f"{place.name}: this OpenCV cannot write {self._path.suffix}")
        place.write_bytes(data.tobytes())
        return f"{zlib.crc32(data.tobytes()):08x}"

    def _settle(self) -> None:
        """Take note of the oldest image in work, when it is written."""
        moment, work = self._work.popleft()
        try:
            crc = work.result()
            with (self._folder / "index.txt").open("a", encoding="ascii") as index:
                index.write(f"{moment} {crc}\n")
        except (OSError, cv2.error) as error:
            self._work.clear()
            full = isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EFBIG, errno.EDQUOT)
            what, kept = "no room left" if full else cause(error), len(self._times)
            raise SinkError(
                f"{self._path}: writing failed after {kept} frames ({what}); {kept} are kept, --resume goes on"
            ) from error
        self._times.append(moment)

    def close(self, *, interrupted: bool = False) -> None:
        """Give all images their names; when frames are missing, keep what there is for a run that resumes."""
        if self._closed:
            return
        self._closed = True
        try:
            while self._work:
                self._settle()
            if not interrupted and self._times:
                self._publish()
        finally:
            self._pool.shutdown(cancel_futures=True)
            unlock_file(self._lock)
            if not self._times or (not interrupted and not (self._folder / "index.txt").exists()):
                shutil.rmtree(self._folder, ignore_errors=True)

    def _publish(self) -> None:
        try:
            there = {path.name for _, path in self._names.images()} if self._overwrite else set()
            for number in range(len(self._times)):
                target = self._names.image(number + 1)
                there.discard(target.name)
                (self._folder / target.name).replace(target)
            for name in there:  # of a longer one before
                (self._path.parent / name).unlink()
            lines = [f"{float(moment * 1000):.9f}" for moment in self._times]
            head = ["# timestamp format v2", f"# time base {self._tick}"]
            replace_file(self._names.times, "\n".join([*head, *lines, ""]).encode())
            (self._folder / "index.txt").unlink()
        except OSError as error:
            raise SinkError(
                f"{self._path}: the images are in {self._folder} and cannot be moved ({cause(error)})"
            ) from error


def check_output(names: SequencePath, *, overwrite: bool) -> None:
    """Find what is in the way of images of these names. Raises ``OutputExists`` and ``SinkError``."""
    above = names.path.absolute().parent.parent  # the folder itself is made
    if not above.is_dir():
        raise SinkError(f"{names}: there is no folder {above}")
    if not overwrite and (there := names.images()):
        raise OutputExists(f"{there[0][1]}: exists; give another name, or --overwrite")


def holds_alpha(path: Path) -> bool:
    """Whether an image of this ending can be transparent."""
    return path.suffix.lower() in (".png", ".webp", ".tif", ".tiff")


def _left_out(path: Path) -> list[str]:
    with (
        suppress(av.FFmpegError, OSError, ValueError),
        av.open(os.path.abspath(path), metadata_errors="replace") as film,
    ):
        kinds: list[str] = [stream.type for stream in film.streams if stream.type != "video"]
        kinds += ["chapter"] * len(film.chapters())
        if kinds:
            counts = ", ".join(f"{kinds.count(kind)} {kind}" for kind in dict.fromkeys(kinds))
            return [f"images hold no sound, text or chapters, which are left out: {counts}"]
    return []
