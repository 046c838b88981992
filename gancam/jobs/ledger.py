"""The record that a batch keeps beside its outputs."""

import json
import os
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from gancam.errors import MALFORMED, SinkError
from gancam.jobs.inputs import LEDGER, BatchItem
from gancam.media.messages import cause
from gancam.sinks.job_changes import changes


class Ledger:
    """Records what was made in the folder `out`, of what and how, so that it is not made again.

    A line is written before a file's work and one after it. A file that appeared after the first was made by it, for
    it appears whole: a crash between that and the second line loses nothing.

    Raises:
        SinkError: It cannot be read, or, when it comes to it, written.
    """

    def __init__(self, out: Path) -> None:
        self._path = out / LEDGER
        self._entries: dict[str, dict[str, Any]] = {}
        self._torn = False
        try:
            data = self._path.read_bytes()
        except FileNotFoundError:
            return
        except OSError as error:
            said = f"cannot be read ({cause(error)}), and it tells which files are made"
            raise SinkError(f"{self._path}: {said}; move it away, or give another folder") from error
        self._torn = not data.endswith(b"\n")
        for line in data.splitlines():
            if (entry := _entry(line)) is not None:
                self._entries[entry["output"]] = entry

    def in_the_way(self, item: BatchItem, job: Mapping[str, object]) -> str | None:
        """Say why the existing output of `item` is not the one that `job` would make; None where it is."""
        entry = self._entries.get(item.name)
        if entry is None:
            return "exists, and was not made by gancam"
        now = state_of(item.target)
        made = entry["made"]  # copied elsewhere, a file keeps its size but not its time
        if now[0] != made[0] if made else now == entry["instead"]:
            return "exists, and is not as gancam made it"
        said = changes(entry["job"], plain(job))
        return f"was made with other options ({said})" if said else None

    def begin(self, item: BatchItem, job: Mapping[str, object]) -> None:
        """Record that `item` is about to be made by `job`."""
        instead = state_of(item.target) if item.target.exists() else None
        self._add({"output": item.name, "job": plain(job), "instead": instead, "made": None})

    def end(self, item: BatchItem) -> None:
        """Record that `item` is made."""
        self._add({**self._entries[item.name], "made": state_of(item.target)})

    def _add(self, entry: dict[str, Any]) -> None:
        self._entries[entry["output"]] = entry
        try:
            with self._path.open("a", encoding="utf-8") as file:
                file.write("\n" * self._torn + json.dumps(entry) + "\n")
                file.flush()
                os.fsync(file.fileno())
        except OSError as error:
            self._torn = True  # part of the line may be there
            raise SinkError(
                f"{self._path}: cannot be written ({cause(error)}), and it tells which files are made"
            ) from error
        self._torn = False


def _entry(line: bytes) -> dict[str, Any] | None:
    """Read a line; None for one that was cut short by a crash, or is of another form."""
    with suppress(*MALFORMED):
        entry: dict[str, Any] = json.loads(line)
        states = [entry[name] for name in ("made", "instead") if entry[name] is not None]
        if isinstance(entry["output"], str) and isinstance(entry["job"], dict) and all(map(_is_state, states)):
            return entry
    return None


def _is_state(value: object) -> bool:
    return isinstance(value, list) and len(value) == 2 and all(isinstance(one, int) for one in value)


def state_of(path: Path) -> list[int]:
    """Give the size in bytes and the time in ns of a file, which change when it is replaced or written to."""
    about = path.stat()
    return [about.st_size, about.st_mtime_ns]


def plain(job: Mapping[str, object]) -> dict[str, object]:
    """Give `job` as it is read again from JSON."""
    made: dict[str, object] = json.loads(json.dumps(job))
    return made
