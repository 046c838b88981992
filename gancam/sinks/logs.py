"""Logs of a run, as JSON lines: what frames were made with, how old they were, and how many were dropped."""

import json
import os
import time
from abc import abstractmethod
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from gancam.control import Controls
from gancam.errors import OutputExists, SinkError
from gancam.files import REPLACING
from gancam.frame import Frame
from gancam.params import Value
from gancam.sinks.contract import Sink

_BEGINNING = b'{"frame": '


class _Log(Sink):
    """A file of JSON lines, each of which is there at once."""

    passive, action = True, "logging"

    def __init__(self, path: str | os.PathLike[str], mode: str) -> None:
        self._path = Path(path)
        with self._writing():
            self._file = self._path.open(mode, encoding="utf-8", buffering=1)

    @abstractmethod
    def write(self, frame: Frame) -> None:
        """Write what is to be said of `frame`. Raises ``SinkError``."""

    def close(self, *, interrupted: bool = False) -> None:
        """Close the file."""
        with self._writing():
            self._file.close()

    @contextmanager
    def _writing(self) -> Iterator[None]:
        try:
            yield
        except FileExistsError as error:
            raise OutputExists(f"{self._path}: exists; {REPLACING}") from error
        except OSError as error:
            raise SinkError(f"{self._path}: cannot be written ({error.strerror or error})") from error


class ParameterLog(_Log):
    """A sink that writes what frames were made with to the file `path`, as JSON lines: first all values, then changes.

        {"effects": ["sr-x2"], "time": 0.0, "set": {"sr-x2.on": true, "sr-x2.strength": 1.0}}
        {"time": 1.2, "after": 1.1666666666666667, "set": {"sr-x2.strength": 0.95}}

    A change belongs to the first frame that it applied to: ``time`` is that frame's ``Frame.time`` and ``after`` the
    one's before it. Where other effects begin to play, all values are written once more. This is the source's own clock
    (a file's presentation times also when it is played live, a camera's moments of capture), not the wall clock, nor a
    count of frames, of which a live source drops some: so the same frames find the same values again, however fast they
    are played. How an effect was played to keep within a time (``gancam.budget``) is no parameter: offline it is played
    as well as it can be.

    Each line is flushed at once; who is killed loses nothing. With `overwrite` an existing file is replaced, at the
    first frame; without a frame it stays, and nothing new is left behind. Raises ``OutputExists`` and ``SinkError``.
    """

    def __init__(self, path: str | os.PathLike[str], controls: Controls, *, overwrite: bool = False) -> None:
        self._controls = controls
        self._known: dict[str, Value] | None = None
        self._version = controls.version
        self._before = 0.0
        self._older = overwrite and os.path.lexists(path)
        super().__init__(path, "a" if overwrite else "x")

    def write(self, frame: Frame) -> None:
        """Write what has changed since the frame before."""
        values = self._controls.values()
        if values != self._known or self._version != self._controls.version:
            line: dict[str, object] = {"time": frame.time}
            if self._known is None or self._version != self._controls.version:
                self._version = self._controls.version
                line = {"effects": [effect.name for effect in self._controls.effects], **line, "set": values}
            else:
                line["after"] = self._before
                line["set"] = {name: value for name, value in values.items() if value != self._known[name]}
            first, self._known = self._known is None, values
            with self._writing():
                if first and os.fstat(self._file.fileno()).st_size:  # a pipe and a device have none
                    self._file.truncate(0)
                self._file.write(json.dumps(line) + "\n")
        self._before = frame.time

    def close(self, *, interrupted: bool = False) -> None:
        """Close the file; without a frame, remove it where it is new."""
        if self._file.closed:
            return
        super().close(interrupted=interrupted)
        if self._known is None and not self._older:
            with self._writing():
                self._path.unlink()


def is_stats_log(path: Path | None) -> bool:
    """Tell whether a ``StatsLog`` may replace `path`: one of an earlier run, an empty file, what is no file."""
    if path is None or not path.is_file():
        return True
    try:
        with path.open("rb") as file:
            return file.read(len(_BEGINNING)) in (b"", _BEGINNING)
    except OSError:
        return False


class StatsLog(_Log):
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

    def __init__(
        self,
        path: str | os.PathLike[str],
        *,
        dropped: Callable[[], int] = lambda: 0,
        more: Callable[[], Mapping[str, object]] = dict,
    ) -> None:
        self._dropped, self._more = dropped, more
        super().__init__(path, "w")

    def write(self, frame: Frame) -> None:
        """Write the line of `frame`."""
        age = None if frame.captured is None else round(1000 * (time.monotonic() - frame.captured), 1)
        line = {"frame": frame.index, "time": round(frame.time, 4), "age_ms": age, "dropped": self._dropped()}
        with self._writing():
            self._file.write(json.dumps({**line, **self._more()}) + "\n")
