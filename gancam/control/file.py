"""A text file that turns parameters whenever it is saved."""

import os
import stat
import threading
import time
from pathlib import Path

from gancam.control.controls import Controls, Warn
from gancam.control.syntax import LONGEST, POLL, parse_line, unexpected
from gancam.errors import GancamError, InputError, ParameterError

_GIVE_UP = 2.0  # seconds that close() waits for the thread
_FRESH = 2.0  # seconds in which a file may change once more without its time of change showing it


class ControlFile:
    """Requests what the lines of the file `path` say: at once, and again whenever the file changes.

    A line is as for `parse_line`; empty ones and those that begin with # are skipped. With every change (rewriting,
    replacing and touching are changes) the whole file counts, top to bottom, and takes effect in one frame. Wrong lines
    are left out; `warn` is told once about each, from a hidden thread. A last line without its newline is given another
    look before that, since it may be in the middle of being written. While there is no such file, it is waited for.

    Raises ``InputError`` for what is there but not a regular file.
    """

    def __init__(self, path: str | os.PathLike[str], controls: Controls, warn: Warn) -> None:
        self._path, self._controls, self._warn = Path(path), controls, warn
        self._stat: tuple[int, ...] | None = None
        self._data = b""
        self._wrong: set[str] = set()  # told already
        self._doubt = ""  # the last line, wrong but perhaps unfinished
        self.notes: list[str] = []
        if not self._path.exists():
            self.notes.append(f"control: {path} is not there yet; it is read when it comes")
        elif not self._path.is_file():
            raise InputError(f"control {path}: not a regular file")
        self._look()
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="gancam-control", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Look no more, and wait until the thread is gone; not for long, where the file's disk does not answer."""
        self._stop.set()
        self._thread.join(_GIVE_UP)

    def _watch(self) -> None:
        """The hidden thread."""
        while not self._stop.wait(POLL):
            try:
                self._look()
            except Exception as error:  # whatever it is, who saved the file is told, and the next change is heard
                self._tell(unexpected(error))

    def _look(self) -> None:
        try:
            seen = os.stat(self._path)
            if not stat.S_ISREG(seen.st_mode):
                raise OSError(0, "not a regular file any more")
            state = seen.st_mtime_ns, seen.st_size, seen.st_ino
            changed = state != self._stat
            if not changed and not self._doubt and time.time() - seen.st_mtime > _FRESH:
                return
            with self._path.open("rb") as file:
                data = file.read(LONGEST + 1)
            if len(data) > LONGEST:
                raise OSError(0, f"larger than {LONGEST} bytes")
        except FileNotFoundError:
            self._stat = None
            return
        except OSError as error:
            self._tell(f"cannot be read ({error.strerror})")
            return
        if changed or data != self._data:
            self._stat, self._data, self._doubt = state, data, ""
            self._read(data)
        elif self._doubt:
            self._tell(self._doubt)
            self._doubt = ""

    def _read(self, data: bytes) -> None:
        values: dict[str, object] = {}
        wrong: set[str] = set()
        lines = data.decode("utf-8-sig", "replace").split("\n")
        for number, line in enumerate(lines, 1):
            if not line.strip() or line.lstrip().startswith("#"):
                continue
            try:
                values |= self._controls.check(parse_line(line))
            except GancamError as error:
                said = f"line {number}: {error}"
                wrong.add(said)
                if number == len(lines):
                    self._doubt = said
                else:
                    self._tell(said)
        self._wrong &= wrong | {self._doubt}
        try:
            self._controls.request(values)
        except ParameterError as error:  # each by itself would do, all together do not
            self._tell(str(error))

    def _tell(self, what: str) -> None:
        if what not in self._wrong:
            self._wrong.add(what)
            self._warn(f"control {self._path}: {what}; left out")
