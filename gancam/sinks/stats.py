"""How old and how many: one JSON line a frame."""

import json
import os
import time
from collections.abc import Callable, Mapping
from pathlib import Path

from gancam.errors import SinkError
from gancam.frame import Frame
from gancam.sinks.contract import Sink

_BEGINNING = b'{"frame": '


def is_stats_log(path: Path | None) -> bool:
    """Tell whether a ``StatsLog`` may replace `path`: one of an earlier run, an empty file, what is no file."""
    if path is None or not path.is_file():
        return True
    try:
        with path.open("rb") as file:
            return file.read(len(_BEGINNING)) in (b"", _BEGINNING)
    except OSError:
        return False


class StatsLog(Sink):
    """Writes a JSON line for each frame to a file.

    ``{"frame": index, "time": seconds, "age_ms": from capture until now, "dropped": so far}``; ``age_ms`` is null for
    frames that were not captured: files, placeholders. Put it last among the sinks, so that "now" is after the others.

    Each line is there at once, for who follows the file while it plays.

    Args:
        path: The file, which is replaced, or appended to where it is a device or a pipe.
        dropped: Asked with each frame for the number of frames that were dropped.
        more: Asked with each frame for further entries.

    Raises:
        SinkError: The file cannot be written.
    """

    passive, action = True, "logging"

    def __init__(
        self,
        path: str | os.PathLike[str],
        *,
        dropped: Callable[[], int] = lambda: 0,
        more: Callable[[], Mapping[str, object]] = dict,
    ) -> None:
        self._path, self._dropped, self._more = Path(path), dropped, more
        try:
            self._file = self._path.open("w", encoding="utf-8", buffering=1)
        except OSError as error:
            raise SinkError(f"{path}: cannot be written ({error.strerror or error})") from error

    def write(self, frame: Frame) -> None:
        """Write the line of `frame`."""
        age = None if frame.captured is None else round(1000 * (time.monotonic() - frame.captured), 1)
        line = {"frame": frame.index, "time": round(frame.time, 4), "age_ms": age, "dropped": self._dropped()}
        try:
            self._file.write(json.dumps({**line, **self._more()}) + "\n")
        except OSError as error:
            raise SinkError(f"{self._path}: cannot be written ({error.strerror or error})") from error

    def close(self, *, interrupted: bool = False) -> None:
        """Close the file."""
        try:
            self._file.close()
        except OSError as error:
            raise SinkError(f"{self._path}: cannot be written ({error.strerror or error})") from error
