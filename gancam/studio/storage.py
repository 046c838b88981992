"""Where the studio keeps files, and which others its page may open."""

import asyncio
import hashlib
import os
import re
import shutil
import sys
import time
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Literal, TypeAlias

import cv2
import numpy as np
from numpy.typing import NDArray

from gancam.errors import GancamError, InputError, NotFound, SinkError
from gancam.files import clean_name, give_name, hidden_name, home, make_folder, replace_file
from gancam.inference.catalog import user_folder
from gancam.jobs.inputs import VIDEOS
from gancam.media.messages import cause
from gancam.media.paths import READ_IMAGES
from gancam.studio.following import Choice, FollowPlan
from gancam.vision.pad import Stroke

LARGEST = 8 << 30  # bytes of one upload
KEEP_FREE = 1 << 30  # bytes that uploads leave free on the disk
_LISTED = 5000  # files that are listed of a folder at most
_AT_ONCE = 1 << 20  # bytes that are written at once
_ABANDONED = 86_400.0  # seconds after which an upload that was not finished is one that a crash left
_OWN = ("uploads", "recordings", "results")
FileKind: TypeAlias = Literal["folder", "video", "image", "other"]


def usual_folder() -> Path:
    """Name the folder where the studio keeps files: GANCAM_STUDIO, or gancam/studio in the user's data folder.

    Raises ``NotFound`` where this user has no home folder.
    """
    if named := os.environ.get("GANCAM_STUDIO"):
        return Path(named)
    data = os.environ.get("XDG_DATA_HOME") or (os.environ.get("LOCALAPPDATA") if sys.platform == "win32" else None)
    if data and Path(data).is_absolute():
        return Path(data) / "gancam" / "studio"
    usual = "Library/Application Support" if sys.platform == "darwin" else ".local/share"
    return home("GANCAM_STUDIO") / usual / "gancam" / "studio"


@dataclass(frozen=True, slots=True)
class StoredFile:
    """A file or folder that the page may see.

    Attributes:
        name: Its own name.
        reference: How the page names it: ROOT/FOLDER/NAME.
        kind: What it is, by its ending.
        size: In bytes; 0 for folders.
        changed: Seconds since 1970.
    """

    name: str
    reference: str
    kind: FileKind
    size: int
    changed: float

    def to_json(self) -> dict[str, object]:
        """Give it as an object ready for ``json.dumps``."""
        return {"name": self.name, "reference": self.reference, "kind": self.kind, "size": self.size,
                "changed": self.changed}  # fmt: skip


class Storage:
    """Files by references, ROOT/FOLDER/NAME: the page never names a path, and reaches nothing outside the roots.

    Args:
        folder: Where uploads, recordings and results are kept; made where it is not there.
        opened: Folders of the user's that the page may read.

    Attributes:
        folder: As given.
        roots: Folders by name: uploads, recordings, results, and those of `opened`.
    """

    def __init__(self, folder: Path, opened: Sequence[Path] = ()) -> None:
        self.folder = folder
        self.roots: dict[str, Path] = {}
        for name in _OWN:
            make_folder(folder / name, parents=True, cure="gancam studio --keep FOLDER names another")
            self.roots[name] = (folder / name).resolve()
        for path in opened:
            if not path.is_dir():
                raise NotFound(f"{path}: no such folder")
            self.roots[_unused(path.resolve().name or "root", self.roots)] = path.resolve()

        for part in self.roots["uploads"].glob(".*.part"):
            with suppress(OSError):  # another studio may be deleting it
                if time.time() - part.stat().st_mtime > _ABANDONED:
                    part.unlink()
        hidden = {*map(str, self.roots.values()), str(folder.resolve())}
        with suppress(NotFound):  # no home: no models of the user's
            hidden.add(str(user_folder()))
        self._hidden = [path.rstrip(os.sep) + os.sep for path in sorted(hidden, key=len, reverse=True)]

    @property
    def opened(self) -> list[str]:
        """Names of the roots that are the user's own folders."""
        return [name for name in self.roots if name not in _OWN]

    def resolve(self, reference: str) -> Path:
        """Find the file or folder that `reference` names.

        Raises:
            InputError: It is outside the roots.
            NotFound: It is not there.
        """
        root, _, rest = reference.partition("/")
        if root not in self.roots:
            raise NotFound(f"{reference[:200]!r}: no such file")
        with _named(reference):
            path = (self.roots[root] / rest).resolve()
            if not path.is_relative_to(self.roots[root]):
                raise InputError(f"{reference[:200]!r}: outside the folders that the studio was given")
            if not path.exists():
                raise NotFound(f"{reference[:200]!r}: no such file")
        return path

    def reference(self, path: Path) -> str:
        """Name a path as the page does. Raises ``InputError`` for one outside the roots, ``NotFound`` for none."""
        with _named(str(path)):
            real = path.resolve()
        for name, root in self.roots.items():
            if real.is_relative_to(root):
                return f"{name}/{real.relative_to(root).as_posix()}"
        raise InputError(f"{path}: outside the folders that the studio was given")

    def reference_or_nothing(self, path: str) -> str:
        """Name a path as the page does; empty where it is, or has no such name."""
        try:
            return self.reference(Path(path)) if path else ""
        except GancamError:
            return ""

    def hide_paths(self, text: str) -> str:
        """Write a message without the paths of the roots, and of the user's models.

        A file goes by its name below them, a folder itself by its own.
        """
        for path in self._hidden:
            text = text.replace(path, "")
            if bare := path.rstrip(os.sep):
                text = text.replace(bare, Path(bare).name)
        return text

    def new(self, root: str, name: str) -> Path:
        """Name a file in one of the studio's own folders that is not there yet, as near to `name` as may be.

        Raises:
            InputError: For an empty name.
        """
        clean = upload_name(name)
        path = self.roots[root] / clean
        for number in range(2, 10_000):
            if not path.exists() and not _part(path).exists():
                return path
            path = self.roots[root] / f"{Path(clean).stem}-{number}{Path(clean).suffix}"
        raise InputError(f"{name[:100]!r}: there are too many files of that name")

    def files(self, root: str) -> list[StoredFile]:
        """List all videos and images of a root, those in its folders too, the newest first. Raises as ``entries``."""
        found, folder = [], self._folder(root)
        for path in islice(folder.rglob("*"), _LISTED):
            hidden = any(part.startswith(".") for part in path.relative_to(folder).parts)
            with suppress(GancamError, OSError):  # a link that leads out, or nowhere
                if not hidden and path.is_file() and (one := self.describe(path)).kind in ("video", "image"):
                    found.append(one)
        return sorted(found, key=lambda one: -one.changed)

    def entries(self, reference: str) -> list[StoredFile]:
        """List a folder: folders first, then by name; hidden files are left out.

        Raises:
            InputError: It is outside the roots, or no folder.
            NotFound: It is not there, or cannot be read.
        """
        found, folder = [], self._folder(reference)
        with _named(reference):
            paths = [path for path in folder.iterdir() if not path.name.startswith(".")]
        for path in paths:
            with suppress(GancamError, OSError):  # a link that leads out, or nowhere
                found.append(self.describe(path))
        return sorted(found, key=lambda entry: (entry.kind != "folder", entry.name.lower()))

    def _folder(self, reference: str) -> Path:
        folder = self.resolve(reference)
        if not folder.is_dir():
            raise InputError(f"{reference[:200]!r}: not a folder")
        return folder

    def describe(self, path: Path) -> StoredFile:
        """Describe a file or folder. Raises as ``reference``, and ``OSError``."""
        stat, reference = path.stat(), self.reference(path)
        kind = "folder" if path.is_dir() else kind_of(path)
        return StoredFile(path.name, reference, kind, 0 if kind == "folder" else stat.st_size, stat.st_mtime)

    def delete(self, reference: str) -> None:
        """Delete a file of the studio's own, never one of an opened folder.

        Raises:
            InputError: It is none of its own, or a folder.
            NotFound: It is not there.
            SinkError: The system does not delete it.
        """
        path = self.resolve(reference)
        if reference.partition("/")[0] not in _OWN or not path.is_file():
            raise InputError(f"{reference[:200]!r}: only files that the studio keeps itself can be deleted")
        try:
            path.unlink()
        except OSError as error:
            raise SinkError(f"{reference[:200]!r}: cannot be deleted ({cause(error)})") from error

    def keep_mask(self, mask: NDArray[np.uint8]) -> Path:
        """Keep a mask, ``uint8 (H, W)``, what is not 0 marked, as a picture that the page does not list.

        Raises ``SinkError``.
        """
        data = cv2.imencode(".png", np.where(mask, np.uint8(255), np.uint8(0)))[1].tobytes()
        path = self.folder / "masks" / f"{hashlib.sha256(data).hexdigest()[:16]}.png"
        make_folder(path.parent)
        with _kept(path):
            if not path.is_file():
                replace_file(path, data, shared=True)
        return path

    def keep_plan(
        self, video: Path, strokes: Sequence[Stroke], choice: Choice, span: tuple[float, float]
    ) -> FollowPlan:
        """Keep what is to be followed in a video where the page does not list it; see ``FollowPlan.keep``.

        Raises ``SinkError``.
        """
        folder = self.folder / "masks"
        make_folder(folder)
        with _kept(video):
            return FollowPlan.keep(folder, video, strokes, choice, span)

    def check_size(self, size: int) -> None:
        """Refuse an upload of `size` bytes where it is too large or the disk too full. Raises ``InputError``."""
        self._check_room(size, size)

    def _check_room(self, size: int, more: int) -> None:
        """Refuse an upload that has `size` bytes with the `more` that are not on the disk yet."""
        if size > LARGEST:
            raise InputError(f"{_amount(size)} are too much: up to {_amount(LARGEST)} are taken")
        free = shutil.disk_usage(self.folder).free
        if more > max(free - KEEP_FREE, 0):
            raise InputError(
                f"{_amount(size)} do not fit on the disk: {_amount(free + size - more)} are free, and "
                f"{_amount(KEEP_FREE)} of them are left so; delete files, or start gancam studio with --keep FOLDER on "
                "another disk"
            )

    async def save(self, name: str, chunks: AsyncIterator[bytes]) -> StoredFile:
        """Keep an upload; what fails leaves nothing.

        Raises:
            InputError: It has no name, or grows too large.
            SinkError: The disk does not take it.
        """
        path = await asyncio.to_thread(self._begin, name)
        try:
            waiting, size = bytearray(), 0
            async for chunk in chunks:
                size += len(chunk)
                waiting += chunk
                if len(waiting) >= _AT_ONCE:
                    await asyncio.to_thread(self._append, path, waiting, size)
                    waiting = bytearray()
            await asyncio.to_thread(self._append, path, waiting, size)
            return await asyncio.to_thread(self._finish, path)
        except BaseException:
            await asyncio.to_thread(self._give_up, path)
            raise

    def _begin(self, name: str) -> Path:
        """Take a name in uploads, by a hidden file that is written until it is whole."""
        while True:
            path = self.new("uploads", name)
            with _kept(path), suppress(FileExistsError):  # another upload of that name began in this moment
                _part(path).open("xb").close()
                return path

    def _append(self, path: Path, data: bytes | bytearray, size: int) -> None:
        with _kept(path):
            self._check_room(size, len(data))
            with _part(path).open("r+b") as file:  # not one that was given up meanwhile
                file.seek(0, os.SEEK_END)
                file.write(data)

    def _finish(self, path: Path) -> StoredFile:
        with _kept(path):
            give_name(_part(path), path, overwrite=False)
            return self.describe(path)

    def _give_up(self, path: Path) -> None:
        with suppress(OSError):
            _part(path).unlink(missing_ok=True)


def _part(path: Path) -> Path:
    """The hidden name of an upload to `path` until it is whole."""
    return path.with_name(hidden_name(path, f"{path.suffix}.part"))


@contextmanager
def _named(name: str) -> Iterator[None]:
    """Raise ``NotFound`` where the system refuses a name, or to look there: too long, not of its letters, a circle."""
    try:
        yield
    except GancamError:
        raise
    except (OSError, ValueError, RuntimeError) as error:  # pathlib raises the last for links in a circle
        why = cause(error) if isinstance(error, OSError) else "no name that a file can have"
        raise NotFound(f"{name[:200]!r}: cannot be read ({why})") from error


@contextmanager
def _kept(path: Path) -> Iterator[None]:
    """Raise ``SinkError`` where the system does not take a file."""
    try:
        yield
    except GancamError:
        raise
    except OSError as error:
        raise SinkError(f"{path.name}: cannot be kept ({cause(error)})") from error


def _amount(size: int) -> str:
    return f"{size / 1e9:.1f} GB" if size >= 1e9 else f"{size / 1e6:.0f} MB" if size >= 1e6 else f"{size / 1e3:.0f} kB"


def kind_of(path: Path) -> FileKind:
    """Tell by its ending what a file is."""
    ending = path.suffix.lower()
    return "video" if ending in VIDEOS else "image" if ending in READ_IMAGES else "other"


def upload_name(path: str) -> str:
    """Make a name that every system takes of what somebody's system calls a file, without the folders before it.

    Of a long one its beginning and its ending stay, 120 characters and 200 bytes at most. Raises ``InputError`` for one
    of which nothing is left.
    """
    last = re.split(r"[/\\]", path)[-1]
    ending = Path(last).suffix[-20:]
    stem = last.removesuffix(ending)[: 120 - len(ending)]
    while len(f"{stem}{ending}".encode(errors="replace")) > 200:
        stem = stem[:-1]
    if not (name := clean_name(f"{stem}{ending}")):
        raise InputError("a file needs a name")
    return name


def _unused(name: str, taken: Mapping[str, Path]) -> str:
    names = [name, *(f"{name}-{number}" for number in range(2, 1000))]
    return next(one for one in names if one not in taken)
