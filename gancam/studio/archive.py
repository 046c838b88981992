"""Many files as one ZIP archive, made while it is sent."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from zipfile import ZIP_STORED, ZipFile, ZipInfo

from gancam.files import folded

_AT_ONCE = 1 << 20  # bytes that are read at once


class _Sent:
    """Takes what is written until it is fetched; it cannot be sought in."""

    def __init__(self) -> None:
        self._data = bytearray()

    def write(self, data: bytes) -> int:
        self._data += data
        return len(data)

    def flush(self) -> None:
        """There is nothing below."""

    def close(self) -> None:
        """Likewise."""

    def fetch(self) -> bytes:
        data = bytes(self._data)
        self._data.clear()
        return data


def zipped(files: Sequence[Path]) -> Iterator[bytes]:
    """Give a ZIP archive of `files`, stored as they are, part by part; of any size, and never held as a whole.

    Each goes by its own name; of several of one name the later get a number, as ``a-2.mp4``.

    Raises ``OSError`` for a file that cannot be read (any more): then what was given is no whole archive.
    """
    sent = _Sent()
    with ZipFile(sent, "w", ZIP_STORED, strict_timestamps=False) as archive:
        for name, path in zip(_names(files), files, strict=True):
            info = ZipInfo.from_file(path, name, strict_timestamps=False)
            with path.open("rb") as source, archive.open(info, "w") as target:
                while part := source.read(_AT_ONCE):
                    target.write(part)
                    yield sent.fetch()
    yield sent.fetch()


def _names(files: Sequence[Path]) -> Iterator[str]:
    taken = set[str]()
    for path in files:
        name, number = path.name, 2
        while folded(name) in taken:
            name, number = f"{path.stem}-{number}{path.suffix}", number + 1
        taken.add(folded(name))
        yield name
