"""Pictures in zip, tar and Parquet files, read one at a time."""

import gzip
import io
import json
import logging
import shutil
import tarfile
import tempfile
import threading
import weakref
import zipfile
import zlib
from collections.abc import Iterator
from functools import partial
from pathlib import Path, PurePosixPath
from typing import IO, Any

from train.data.arrays import CIFAR_FILES
from train.data.images import Pixels, is_picture, read_image, unread

log = logging.getLogger(__name__)

TARS = (".tar", ".tar.gz", ".tgz")
LABELS = (".cls", ".txt", ".json")  # beside a picture in a shard of WebDataset: its class, or a table with one
LONGEST = 100  # characters of a .txt that may be a class: longer ones are captions
PARQUET = ".parquet"
COLUMNS = ("image", "img", "jpg", "png")  # columns of pictures, by their usual names
LABEL_COLUMNS = ("label", "fine_label", "labels", "class")


class Archive:
    """Files by name within one; each is read when asked for, from any thread."""

    def __init__(self, path: Path) -> None:
        self.path, self._lock = path, threading.Lock()

    def names(self) -> list[str]:
        """List the files, sorted."""
        raise NotImplementedError

    def read(self, name: str) -> bytes:
        """Read a file. Raises ``ValueError`` where it is damaged."""
        raise NotImplementedError


class Zip(Archive):
    """A .zip. Raises ``FileNotFoundError``, and ``ValueError`` for what is none."""

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        try:
            self._zip = zipfile.ZipFile(path)
        except FileNotFoundError:
            raise FileNotFoundError(f"no file {path}") from None
        except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError) as error:
            raise ValueError(f"{path} is not a complete zip: {error}") from error

    def names(self) -> list[str]:
        """List the files, sorted."""
        return sorted(self._zip.namelist())

    def read(self, name: str) -> bytes:
        """Read a file. Raises ``ValueError`` where it is damaged."""
        try:
            with self._lock:
                return self._zip.read(name)
        except (zipfile.BadZipFile, OSError, RuntimeError, ValueError, EOFError, zlib.error) as error:
            raise ValueError(f"{self.path}:{name} cannot be read: {error}") from error


class Tar(Archive):
    """A .tar; one that is gzipped is unpacked into a temporary file first.

    Raises ``FileNotFoundError``, and ``ValueError`` for what is none.
    """

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        try:
            self._file: IO[bytes] = _plain(path)
            weakref.finalize(self, self._file.close)  # its pictures are read after it was listed
            with tarfile.open(fileobj=self._file, mode="r:") as tar:
                self._places = {member.name: (member.offset_data, member.size) for member in tar if member.isfile()}
        except FileNotFoundError:
            raise FileNotFoundError(f"no file {path}") from None
        except (tarfile.TarError, OSError, EOFError, ValueError, zlib.error) as error:
            raise ValueError(f"{path} is not a complete tar: {error}") from error

    def names(self) -> list[str]:
        """List the files, sorted."""
        return sorted(self._places)

    def read(self, name: str) -> bytes:
        """Read a file. Raises ``ValueError`` where it is cut off."""
        start, size = self._places[name]
        with self._lock:
            self._file.seek(start)
            data = self._file.read(size)
        if len(data) < size:
            raise ValueError(f"{self.path}:{name} is cut off")
        return data


def _plain(path: Path) -> IO[bytes]:
    """Open a tar that can be read at any place."""
    with path.open("rb") as file:
        zipped = file.read(2) == b"\x1f\x8b"
    if not zipped:
        return path.open("rb")
    whole = tempfile.TemporaryFile()  # noqa: SIM115 - it lives as long as the archive
    try:
        with gzip.open(path) as packed:
            shutil.copyfileobj(packed, whole)
    except BaseException:
        whole.close()
        raise
    whole.seek(0)
    return whole


def is_archive(path: Path) -> bool:
    """Whether a name is that of a zip or a tar."""
    return path.name.lower().endswith((".zip", *TARS))


def open_archive(path: Path) -> Archive:
    """Open a zip or a tar. Raises ``FileNotFoundError``, ``ValueError``."""
    return Zip(path) if path.suffix.lower() == ".zip" else Tar(path)


def cifar_names(archive: Archive) -> dict[str, str]:
    """List CIFAR's files in an archive by their names without folders; empty where it holds none."""
    found = {PurePosixPath(name).name: name for name in archive.names()}
    if CIFAR_FILES[0] in found or {"train", "meta"} <= found.keys():
        return {name: found[name] for name in (*CIFAR_FILES, "train", "batches.meta", "meta") if name in found}
    return {}


def pictures_in(archive: Archive, below: str = "") -> Iterator[tuple[str, str, "partial[Pixels]"]]:
    """List the pictures of an archive: the name of each, its class, and what reads it.

    The class is what stands in a file of its name and the ending .cls, .txt or .json (WebDataset), or else the name of
    the first folder.
    """
    names = archive.names()
    if left := unread(name for name in names if name.startswith(below)):
        log.warning("%s: %s", archive.path, left)
    beside = {name for name in names if PurePosixPath(name).suffix.lower() in LABELS}
    for name in names:
        path = PurePosixPath(name)
        if name.startswith(below) and is_picture(name):
            own = name.removeprefix(below)
            label = _label(archive, path, beside) or (own.split("/")[0] if "/" in own else "")
            yield own, label, partial(_read, archive, name)


def _label(archive: Archive, picture: PurePosixPath, beside: set[str]) -> str:
    for suffix in LABELS:
        name = str(picture.with_suffix(suffix))
        if name in beside:
            try:
                text = archive.read(name).decode("utf-8").strip()
                if suffix == ".json":
                    table = json.loads(text)
                    text = str(table.get("label", table.get("class", ""))) if isinstance(table, dict) else ""
            except ValueError:
                continue
            return text if len(text) <= LONGEST and "\n" not in text else ""
    return ""


def _read(archive: Archive, name: str) -> Pixels:
    return read_image(io.BytesIO(archive.read(name)), name=f"{archive.path}:{name}")


def pictures_in_parquet(path: Path) -> Iterator[tuple[str, str, "partial[Pixels]"]]:
    """List the pictures of a file: the name of each, its class, and what reads it.

    Of each row the column `image` (or `img`) is taken: encoded bytes, alone or with their path; and `label`, by its
    name where the file has the names.

    Raises:
        FileNotFoundError: There is no such file.
        ValueError: It is damaged, has no pictures, or pyarrow, which reads it, is not installed.
    """
    try:
        from pyarrow import ArrowException, parquet
    except ImportError as error:
        what = "or write its images into a folder, a zip or an .npz"
        raise ValueError(f"{path}: Parquet is read by pyarrow (pip install pyarrow), {what}") from error
    try:
        file = parquet.ParquetFile(path)
    except (ArrowException, OSError) as error:
        raise ValueError(f"{path} is not a complete Parquet file: {' '.join(str(error).split())[:120]}") from error
    with file:
        columns = file.schema_arrow.names
        pictures = next((name for name in COLUMNS if name in columns), None)
        if pictures is None:
            raise ValueError(f"{path} has no column of pictures ({', '.join(COLUMNS)}): it has {', '.join(columns)}")
        label = next((name for name in LABEL_COLUMNS if name in columns), None)
        names = _class_names(file.schema_arrow.metadata or {}, label)
        number = 0
        batches = file.iter_batches(256, columns=[pictures, *filter(None, [label])])
        while True:
            try:
                rows = next(batches, None)
            except (ArrowException, OSError) as error:
                raise ValueError(
                    f"{path} is not a complete Parquet file: {' '.join(str(error).split())[:120]}"
                ) from error
            if rows is None:
                return
            labels = rows.column(1).to_pylist() if label else [""] * len(rows)
            for kept, kind in zip(rows.column(0).to_pylist(), labels, strict=True):
                yield str(number), _class(kind, names), partial(_read_kept, kept, f"{path}:{number}")
                number += 1


def _class_names(metadata: dict[bytes, bytes], label: str | None) -> list[str]:
    """Find the names of the classes, which the hub writes beside the columns; empty where they are not there."""
    try:
        features = json.loads(metadata.get(b"huggingface", b"{}"))["info"]["features"]
        return [str(name) for name in features[label]["names"]]
    except (ValueError, KeyError, TypeError):
        return []


def _class(kind: object, names: list[str]) -> str:
    if isinstance(kind, int) and 0 <= kind < len(names):
        return names[kind]
    return "" if kind is None else str(kind)


def _read_kept(kept: Any, name: str) -> Pixels:
    data = kept.get("bytes") if isinstance(kept, dict) else kept
    if not isinstance(data, bytes):
        raise ValueError(f"{name} holds no picture")
    return read_image(io.BytesIO(data), name=name)
