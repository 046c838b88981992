"""Changes of parameters, written down."""

import json
import os
from pathlib import Path

from gancam.control import Controls
from gancam.errors import OutputExists, SinkError
from gancam.files import REPLACING
from gancam.frame import Frame
from gancam.params import Value
from gancam.sinks.contract import Sink


class ParameterLog(Sink):
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

    passive, action = True, "logging"

    def __init__(self, path: str | os.PathLike[str], controls: Controls, *, overwrite: bool = False) -> None:
        self._path, self._controls = Path(path), controls
        self._known: dict[str, Value] | None = None
        self._version = controls.version
        self._before = 0.0
        self._older = overwrite and os.path.lexists(path)
        try:
            self._file = self._path.open("a" if overwrite else "x", encoding="utf-8")
        except FileExistsError as error:
            raise OutputExists(f"{path}: exists; {REPLACING}") from error
        except OSError as error:
            raise SinkError(f"{path}: cannot be written ({error.strerror or error})") from error

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
            try:
                if first and os.fstat(self._file.fileno()).st_size:  # a pipe and a device have none
                    self._file.truncate(0)
                self._file.write(json.dumps(line) + "\n")
                self._file.flush()
            except OSError as error:
                raise SinkError(f"{self._path}: cannot be written ({error.strerror or error})") from error
        self._before = frame.time

    def close(self, *, interrupted: bool = False) -> None:
        """Close the file; without a frame, remove it where it is new."""
        if self._file.closed:
            return
        try:
            self._file.close()
            if self._known is None and not self._older:
                self._path.unlink()
        except OSError as error:
            raise SinkError(f"{self._path}: cannot be written ({error.strerror or error})") from error
