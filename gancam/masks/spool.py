"""Bytes that are too many for the memory, kept in a temporary file."""

import tempfile
import weakref
import zlib
from typing import NamedTuple

_IN_MEMORY = 64 << 20  # bytes up to which there is no file


class Slot(NamedTuple):
    """Where something is kept: for `Spool.load`."""

    start: int
    length: int


class Spool:
    """A temporary file for compressed pieces of bytes; it goes with this object."""

    def __init__(self) -> None:
        self._file = tempfile.SpooledTemporaryFile(max_size=_IN_MEMORY)  # noqa: SIM115 - closed with this
        weakref.finalize(self, self._file.close)

    def store(self, data: bytes) -> Slot:
        """Keep `data`; return where."""
        packed = zlib.compress(data, 1)
        slot = Slot(self._file.seek(0, 2), len(packed))
        self._file.write(packed)
        return slot

    def load(self, slot: Slot) -> bytes:
        """Return what was stored there."""
        self._file.seek(slot.start)
        return zlib.decompress(self._file.read(slot.length))

    def close(self) -> None:
        """Forget everything."""
        self._file.close()
