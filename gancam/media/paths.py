"""Kinds of paths: of a video, of a still image, of numbered images (frame-%06d.png)."""

import os
import re
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from gancam.errors import NotFound, SourceError
from gancam.files import check_path

IMAGES = (  # endings of what is read and written as an image; the last is JPEG as Windows may save it
    ".png", ".jpg", ".jpeg", ".webp", ".avif", ".bmp", ".tif", ".tiff", ".jfif",
)  # fmt: skip
READ_IMAGES = (*IMAGES, ".heic", ".heif", ".hif", ".mpo")  # of what is read as an image; the last are not written

OTHER_VIDEOS = (  # of videos that are read, but not written
    ".3g2", ".3gp", ".asf", ".avi", ".divx", ".dv", ".f4v", ".flv", ".m2t", ".m2ts", ".m2v", ".mjpeg", ".mod",
    ".mpe", ".mpeg", ".mpg", ".mts", ".mxf", ".ogm", ".ogv", ".rm", ".rmvb", ".tod", ".vob", ".wmv", ".wtv", ".y4m",
)  # fmt: skip
OTHER_IMAGES = (  # of what is an image, but is not read
    ".jp2", ".j2k", ".jpx", ".jxl", ".ppm", ".pgm", ".pbm", ".pnm", ".pam", ".tga", ".exr",
    ".hdr", ".pfm", ".dds", ".psd", ".ico", ".svg", ".dng", ".cr2", ".cr3", ".nef", ".arw", ".raf", ".orf", ".rw2",
    ".pcx",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class _Named:
    path: Path

    def __fspath__(self) -> str:
        return str(self.path)

    __str__ = __fspath__


class VideoPath(_Named):
    """The name of a video: of everything that is no image."""

    __slots__ = ()


class StillPath(_Named):
    """The name of one image."""

    __slots__ = ()


@dataclass(frozen=True, slots=True)
class SequencePath(_Named):
    """The name of numbered images, as `out/frame-%06d.png`: `before`, a number of at least `digits` digits, `after`."""

    before: str
    digits: int
    after: str

    @classmethod
    def of(cls, path: str | os.PathLike[str]) -> Self | None:
        """Return the sequence that `path` is written as; None where it is no such name.

        >>> SequencePath.of("out/frame-%06d.png").image(7).name
        'frame-000007.png'
        """
        found = re.fullmatch(r"([^%]*)%(?:0(\d{1,2}))?d([^%]*)", Path(path).name)
        return None if found is None else cls(Path(path), found[1], int(found[2] or 1), found[3])

    def image(self, number: int) -> Path:
        """Return the path of the image of this number."""
        return self.path.with_name(f"{self.before}{number:0{self.digits}d}{self.after}")

    def images(self) -> list[tuple[int, Path]]:
        """Return the numbers and paths of the files that are there, in order."""
        form = re.compile(re.escape(self.before) + r"(\d+)" + re.escape(self.after))
        with suppress(OSError):
            matches = [(form.fullmatch(file.name), file) for file in self.path.absolute().parent.iterdir()]
            return sorted((int(match[1]), file) for match, file in matches if match and len(match[1]) >= self.digits)
        return []

    @property
    def times(self) -> Path:
        """The file in which the times of the images are kept."""
        return self.path.with_name(f"{self.before}times.txt")


def misnumbered(path: str | os.PathLike[str]) -> str:
    """Say what would do where `path` seems to be meant for numbered images and is not; empty where it does not seem so.

    >>> misnumbered("a-%s.png")
    'a-%s.png: numbered images have one %06d in their name, as a-%06d.png has'
    """
    name = Path(path).name
    found = re.search(r"%[-+ #]*\d*[a-zA-Z]", name)
    if found is None or Path(path).suffix.lower() not in READ_IMAGES or SequencePath.of(path) is not None:
        return ""
    meant = re.sub(r"[-_. ]*%[-+ #]*\d*[a-zA-Z]", "", name[found.end() :])
    return f"{path}: numbered images have one %06d in their name, as {name[: found.start()]}%06d{meant} has"


MediaPath = VideoPath | SequencePath | StillPath


def classify(path: str | os.PathLike[str]) -> MediaPath:
    """Say what kind of input or output `path` names, by its ending alone; nothing is opened.

    Images end in one of `READ_IMAGES`; they are a sequence where the name has one number (`%06d`) and no file is called
    just so. All else is a video. What was classified before is given back as it is.
    """
    if isinstance(path, MediaPath):
        return path
    path = Path(path)
    if path.suffix.lower() not in READ_IMAGES:
        return VideoPath(path)
    found = SequencePath.of(path)
    return StillPath(path) if found is None or os.path.exists(path) else found


def literal(path: str | os.PathLike[str]) -> MediaPath:
    """Say what kind of file `path` names, whose name is no pattern, whatever is in it.

    >>> literal("50%d off.bmp") == StillPath(Path("50%d off.bmp"))
    True
    """
    path = Path(path)
    return StillPath(path) if path.suffix.lower() in READ_IMAGES else VideoPath(path)


def check_readable(path: str | os.PathLike[str]) -> None:
    """Raise ``InputError`` for what is no path, ``NotFound``, or ``SourceError`` for what is no file with data."""
    check_path(path, "path")
    if not os.path.exists(path):  # unlike Path's, it raises nothing for names that cannot be
        raise NotFound(f"{path}: no such file")
    if not os.path.isfile(path):
        kind = "a folder" if os.path.isdir(path) else "not a regular file"
        raise SourceError(f"{path}: {kind}, not a video file")
    if os.path.getsize(path) == 0:
        raise SourceError(f"{path}: the file is empty")
