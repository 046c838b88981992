"""Where the studio keeps files, and which others its page may open."""

import os
import re
import shutil
import sys
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Literal, TypeAlias

from gancam.errors import InputError, NotFound
from gancam.files import home
from gancam.jobs.inputs import VIDEOS
from gancam.media.paths import IMAGES

LARGEST = 8 << 30  # bytes of one upload
KEEP_FREE = 1 << 30  # bytes that uploads leave free on the disk
_LISTED = 5000  # files that are listed of a folder at most
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
            (folder / name).mkdir(parents=True, exist_ok=True)
            self.roots[name] = (folder / name).resolve()
        for path in opened:
            if not path.is_dir():
                raise NotFound(f"{path}: no such folder")
            self.roots[_unused(path.resolve().name or "root", self.roots)] = path.resolve()

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
        if root not in self.roots or "\x00" in reference:
            raise NotFound(f"{reference[:200]!r}: no such file")
        path = (self.roots[root] / rest).resolve()
        if not path.is_relative_to(self.roots[root]):
            raise InputError(f"{reference[:200]!r}: outside the folders that the studio was given")
        if not path.exists():
            raise NotFound(f"{reference[:200]!r}: no such file")
        return path

    def reference(self, path: Path) -> str:
        """Name a path as the page does. Raises ``InputError`` for one outside the roots."""
        real = path.resolve()
        for name, root in self.roots.items():
            if real.is_relative_to(root):
                return f"{name}/{real.relative_to(root).as_posix()}"
        raise InputError(f"{path}: outside the folders that the studio was given")

    def hide_paths(self, text: str) -> str:
        """Write a message without the paths of the roots: a file goes by its name below them."""
        for path in sorted({*map(str, self.roots.values()), str(self.folder.resolve())}, key=len, reverse=True):
            text = text.replace(path.rstrip(os.sep) + os.sep, "")
        return text

    def new(self, root: str, name: str) -> Path:
        """Name a file in one of the studio's own folders that is not there yet, as near to `name` as may be.

        Raises:
            InputError: For an empty name.
        """
        clean = clean_name(name)
        path = self.roots[root] / clean
        for number in range(2, 10_000):
            if not path.exists() and not path.with_name(f".{path.name}.part").exists():
                return path
            path = self.roots[root] / f"{Path(clean).stem}-{number}{Path(clean).suffix}"
        raise InputError(f"{name[:100]!r}: there are too many files of that name")

    def files(self, root: str) -> list[StoredFile]:
        """List all videos and images of a root, those in its folders too, the newest first. Raises as ``resolve``."""
        found = []
        for path in islice(self.resolve(root).rglob("*"), _LISTED):
            hidden = any(part.startswith(".") for part in path.relative_to(self.roots[root]).parts)
            with suppress(InputError, OSError):  # a link that leads out, or nowhere
                if not hidden and path.is_file() and (one := self.describe(path)).kind in ("video", "image"):
                    found.append(one)
        return sorted(found, key=lambda one: -one.changed)

    def entries(self, reference: str) -> list[StoredFile]:
        """List a folder: folders first, then by name; hidden files are left out. Raises as ``resolve`` does."""
        folder = self.resolve(reference)
        if not folder.is_dir():
            raise InputError(f"{reference[:200]!r}: not a folder")
        found = []
        for path in folder.iterdir():
            if not path.name.startswith("."):
                try:
                    found.append(self.describe(path))
                except (InputError, OSError):  # a link that leads out, or nowhere
                    continue
        return sorted(found, key=lambda entry: (entry.kind != "folder", entry.name.lower()))

    def describe(self, path: Path) -> StoredFile:
        """Describe a file or folder. Raises ``InputError`` for one outside the roots, ``OSError``."""
        stat, reference = path.stat(), self.reference(path)
        kind = "folder" if path.is_dir() else kind_of(path)
        return StoredFile(path.name, reference, kind, 0 if kind == "folder" else stat.st_size, stat.st_mtime)

    def delete(self, reference: str) -> None:
        """Delete a file of the studio's own, never one of an opened folder.

        Raises:
            InputError: It is none of its own, or a folder.
            NotFound: It is not there.
        """
        path = self.resolve(reference)
        if reference.partition("/")[0] not in _OWN or not path.is_file():
            raise InputError(f"{reference[:200]!r}: only files that the studio keeps itself can be deleted")
        path.unlink()

    def check_size(self, size: int) -> None:
        """Refuse an upload of so many bytes where it is too large or the disk too full. Raises ``InputError``."""
        free = shutil.disk_usage(self.folder).free
        if size > LARGEST or size > free - KEEP_FREE:
            most = min(LARGEST, max(free - KEEP_FREE, 0))
            raise InputError(f"{size / 1e9:.1f} GB are too much: up to {most / 1e9:.1f} GB are taken")

    async def save(self, name: str, chunks: AsyncIterator[bytes]) -> StoredFile:
        """Keep an upload. Raises ``InputError`` where it grows too large; then nothing is kept."""
        path = self.new("uploads", name)
        part = path.with_name(f".{path.name}.part")
        size = 0
        try:
            with part.open("xb") as file:
                async for chunk in chunks:
                    size += len(chunk)
                    self.check_size(size)
                    file.write(chunk)
            part.rename(path)
        except BaseException:
            part.unlink(missing_ok=True)
            raise
        return self.describe(path)


def kind_of(path: Path) -> FileKind:
    """Tell by its ending what a file is."""
    ending = path.suffix.lower()
    return "video" if ending in VIDEOS else "image" if ending in IMAGES else "other"


def clean_name(name: str) -> str:
    """Make a name without folders or strange characters of what somebody calls a file. Raises ``InputError``."""
    last = re.sub(r"[^\w.,()+ -]", "_", re.split(r"[/\\]", name)[-1]).strip(" .")[-120:].lstrip(" .")
    if not last:
        raise InputError("a file needs a name")
    return last


def _unused(name: str, taken: Mapping[str, Path]) -> str:
    names = [name, *(f"{name}-{number}" for number in range(2, 1000))]
    return next(one for one in names if one not in taken)
