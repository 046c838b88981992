"""What outputs were made by, so that --resume passes over finished ones.

A batch keeps a record beside its outputs. Of single files it is remembered in the cache folder: each output has a
small file of its own there, named after its path; two processes may write at once, since a file appears whole
or not at all. Without one, or where it cannot be kept, an output counts as somebody else's.
"""

import hashlib
import json
import os
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from gancam.errors import MALFORMED, GancamError, SinkError
from gancam.files import cache_folder, replace_file
from gancam.jobs.inputs import LEDGER, BatchItem
from gancam.media.messages import cause
from gancam.media.paths import SequencePath, classify
from gancam.sinks.job_changes import changes

NO_RECORD = "exists, and there is no record that gancam made it"
_MOST = 2000  # records that are kept, of about 1 kB each


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


def keep(target: str | os.PathLike[str], job: Mapping[str, object], beside: Sequence[Path]) -> None:
    """Remember that `target`, which is whole, was made by `job`; a cache folder that takes no files is left as it is.

    Args:
        target: A file, or a pattern of numbered images.
        job: What it was made from and how, as JSON has it.
        beside: The files that effects wrote with it.
    """
    with suppress(OSError, GancamError):
        record = _record_of(target)
        record.parent.mkdir(parents=True, exist_ok=True)
        told = {"output": _place(target), "made": _state(target), "job": plain(job), "beside": _named(beside)}
        replace_file(record, json.dumps(told).encode(), shared=True)
        _forget_oldest(record.parent)


def is_known(target: str | os.PathLike[str]) -> bool:
    """Tell whether there is a record of `target`, which need not be that of the file that is there now."""
    return _recall(target) is not None


def in_the_way(target: str | os.PathLike[str], job: Mapping[str, object], beside: Sequence[Path]) -> str | None:
    """Say why the existing `target` is not what `job` would make; None where it is.

    Args:
        target: As `keep` has it.
        job: Likewise.
        beside: Likewise.
    """
    record = _recall(target)
    if record is None:
        return NO_RECORD
    with suppress(OSError):  # a link to nothing, say
        if record["made"] == _state(target):
            return _difference(record, job, beside)
    return "exists, and is not as gancam made it"


def _difference(record: Mapping[str, Any], job: Mapping[str, object], beside: Sequence[Path]) -> str | None:
    if said := changes(record["job"], plain(job)):
        return f"exists, and was made with other options ({said})"
    if record["beside"] != _named(beside):
        return "exists, and was made without or with other files beside it"
    gone = next((file for file in beside if not file.exists()), None)
    return None if gone is None else f"exists, and {gone}, made with it, is no longer there"


def _recall(target: str | os.PathLike[str]) -> dict[str, Any] | None:
    """The record of `target`; None where there is none that can be read."""
    with suppress(OSError, GancamError, *MALFORMED):
        record = json.loads(_record_of(target).read_text(encoding="utf-8"))
        whole = isinstance(record, dict) and record.keys() >= {"output", "made", "job", "beside"}
        if whole and isinstance(record["job"], dict) and record["output"] == _place(target):
            return dict(record)
    return None


def _record_of(target: str | os.PathLike[str]) -> Path:
    return cache_folder() / "made" / f"{hashlib.sha256(os.fsencode(_place(target))).hexdigest()[:32]}.json"


def _place(target: str | os.PathLike[str]) -> str:
    """The path of `target` by which it is known whatever folder it is named from, links of folders followed."""
    folder, name = os.path.split(os.path.abspath(target))
    return os.path.join(os.path.realpath(folder), name)


def _named(beside: Sequence[Path]) -> list[str]:
    return sorted(map(_place, beside))


def _state(target: str | os.PathLike[str]) -> list[int]:
    """Size and time of a file, or of numbered images their sum and the latest, and how many there are."""
    media = classify(target)
    if not isinstance(media, SequencePath):
        return state_of(media.path)
    states = [state_of(image) for _, image in media.images()]
    return [sum(size for size, _ in states), max((time for _, time in states), default=0), len(states)]


def _forget_oldest(folder: Path) -> None:
    """Remove the oldest records where there are more than `_MOST`; those that another process removes are no matter."""
    records = list(folder.glob("*.json"))
    if len(records) > _MOST:
        ages = []
        for record in records:
            with suppress(OSError):
                ages.append((record.stat().st_mtime_ns, record))
        for _, record in sorted(ages)[: len(ages) - _MOST]:
            with suppress(OSError):
                record.unlink()
