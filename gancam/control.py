"""What can be turned while effects play: by hand, from a file, from a socket, and from a recording of all that.

    keys, panel, ControlFile, ControlServer, Microphone, Replay --ask--> Controls --between two frames--> effects
    ParameterLog writes down what each frame was made with, and Replay asks for the same again.

Everything has one name, EFFECT.PARAMETER: a declared parameter (``sr-x2.strength``), or the effect's switch
(``sr-x2.on``). Where two effects share a name, the second is ``sr-x2#2``.
"""

import copy
import json
import os
import re
import socket
import stat
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from socketserver import StreamRequestHandler, ThreadingTCPServer
from typing import Any, Protocol, TypeGuard

from gancam.errors import GancamError, InputError, NotFound, OutputExists, ParameterError, SinkError, near
from gancam.frame import Frame
from gancam.params import Parameter, Params
from gancam.sound import Microphone

_LONGEST = 1 << 20  # bytes of a control file, and of a command
_POLL = 0.05  # seconds between looks at a control file
_FRESH = 2.0  # seconds in which a file may change once more without its time of change showing it
_SWITCH = Parameter("on", bool, True, None, None, (), "whether the effect is applied at all")

Warn = Callable[[str], None]
"""Takes one line for the user."""


class Switchable(Protocol):
    """An effect that can be turned on and off, and its parameters: ``gancam.pipeline.Switch``."""

    name: str
    on: bool
    params: Params | None


@dataclass(frozen=True)
class Knob:
    """One thing to turn."""

    name: str  # EFFECT.PARAMETER
    effect: Switchable
    entry: Parameter

    @property
    def is_switch(self) -> bool:
        return self.entry is _SWITCH

    @property
    def value(self) -> Any:
        """What is in force now."""
        return self.effect.on if self.is_switch else getattr(self.effect.params, self.entry.name)

    def set(self, value: Any) -> None:
        if self.is_switch:
            self.effect.on = value
        else:
            setattr(self.effect.params, self.entry.name, value)


class Controls:
    """Everything that can be turned in `effects`, whose names must differ (``gancam.pipeline.switches`` sees to it).

    Any thread may ``ask`` for values; only the loop makes them so, between two frames: give this object to ``run`` as
    one of `between`. So every frame is made with one state of all parameters, and nothing is half done.

    Raises ``InputError`` for two things of one name.
    """

    def __init__(self, effects: Sequence[Switchable]) -> None:
        self.effects = list(effects)
        self.knobs: dict[str, Knob] = {}
        self._lock = threading.Lock()
        self._asked: dict[str, Any] = {}
        for effect in self.effects:
            for entry in (_SWITCH, *(effect.params.declared().values() if effect.params is not None else ())):
                knob = Knob(f"{effect.name}.{entry.name}", effect, entry)
                if knob.name in self.knobs:
                    raise InputError(f"two things to turn are called {knob.name}")
                self.knobs[knob.name] = knob

    def check(self, values: Mapping[str, Any]) -> dict[str, Any]:
        """`values` by name, as they would be, given as such or as text ("0.5", "on"); nothing is changed.

        All are tried together on copies of the effects' parameters, so that checks of a parameter class's own count
        too. Raises ``ParameterError`` for a name that does not exist and a value that cannot be.
        """
        with self._lock:
            return self._checked(values)

    def ask(self, values: Mapping[str, Any]) -> dict[str, Any]:
        """Have `values` from the next frame on, all in the same one; what they will be. If one is wrong, none is taken:
        raises as ``check`` does."""
        with self._lock:
            checked = self._checked(values)
            self._asked.update(checked)
        return checked

    def value(self, name: str) -> Any:
        """What was asked for last, and so what the next frame is made with. Raises ``ParameterError``."""
        with self._lock:
            knob = self._knob(name)
            return self._asked.get(name, knob.value)

    def values(self) -> dict[str, Any]:
        """What is in force now, by name; within the loop: what this frame was made with."""
        return {name: knob.value for name, knob in self.knobs.items()}

    def __call__(self, frame: Frame) -> None:
        """Make what was asked for so, before `frame`. For the loop alone."""
        if self._asked:
            with self._lock:
                for name, value in self._asked.items():
                    self.knobs[name].set(value)
                self._asked.clear()

    def _checked(self, values: Mapping[str, Any]) -> dict[str, Any]:
        trials: dict[int, Params | None] = {}
        checked: dict[str, Any] = {}
        for name, value in values.items():
            knob = self._knob(name)
            if knob.is_switch:
                checked[name] = _SWITCH.check(value)
                continue
            trial = trials.setdefault(id(knob.effect), self._as_asked(knob.effect))
            setattr(trial, knob.entry.name, value)
            checked[name] = getattr(trial, knob.entry.name)
        return checked

    def _as_asked(self, effect: Switchable) -> Params | None:
        """A copy of the parameters of `effect`, as they will be at the next frame."""
        trial = copy.copy(effect.params)
        for name, value in self._asked.items():
            knob = self.knobs[name]
            if knob.effect is effect and not knob.is_switch:
                setattr(trial, knob.entry.name, value)
        return trial

    def _knob(self, name: str) -> Knob:
        if name not in self.knobs:
            raise ParameterError(f"nothing is called {name!r}{near(name, self.knobs)}")
        return self.knobs[name]


def parse_line(line: str) -> dict[str, Any]:
    """The values by name in `line`: ``EFFECT.PARAMETER = VALUE``, or a JSON object of names and values.

    VALUE reaches to the end of the line; in double quotes it is a JSON string. Raises ``InputError``.
    """
    text = line.strip()
    if text.startswith("{"):
        return _json_object(text)
    name, equals, value = (part.strip() for part in text.partition("="))
    if not equals or not name:
        raise InputError(f"{_short(text)} is not EFFECT.PARAMETER = VALUE, nor a JSON object of such")
    if value.startswith('"'):
        try:
            return {name: json.loads(value)}
        except ValueError as error:
            raise InputError(f"{_short(text)}: the quoted value is not a JSON string") from error
    return {name: value}


def _json_object(text: str) -> dict[str, Any]:
    try:
        said = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise InputError(f"{_short(text)} is not JSON") from error
    if not isinstance(said, dict):
        raise InputError(f"{_short(text)} is not a JSON object")
    return said


def _short(text: str) -> str:
    return repr(text if len(text) <= 60 else f"{text[:57]}...")


class Remote(Protocol):
    """Somebody who asks from outside, with a thread of its own, which ``close`` joins."""

    notes: list[str]

    def close(self) -> None: ...


def open_control(where: str, controls: Controls, warn: Warn) -> Remote:
    """A `ControlServer` where `where` is a port; for ``mic`` or ``mic:NAME`` a ``gancam.sound.Microphone`` that
    turns each `level` among the parameters; else a `ControlFile`. Raises what they raise, and ``InputError`` for a
    microphone where nothing has a level."""
    kind, _, name = where.partition(":")
    if kind == "mic":
        levels = [knob for knob in controls.knobs if knob.endswith(".level")]
        if not levels:
            raise InputError("control mic: turns `level`, which no effect here has; a morph has one, for drive=level")
        return Microphone(lambda level: controls.ask(dict.fromkeys(levels, round(level, 3))), name=name, warn=warn)
    if where.isascii() and where.isdigit():
        return ControlServer(int(where), controls)
    return ControlFile(where, controls, warn)


class ControlFile:
    """Asks for what the lines of the file `path` say: at once, and again whenever the file changes.

    A line is as for `parse_line`; empty ones and those that begin with # are skipped. With every change (rewriting,
    replacing and touching are changes) the whole file counts, top to bottom, and takes effect in one frame. Wrong lines
    are left out; `warn` is told once about each, from a hidden thread. A last line without its newline is given another
    look before that, since somebody may be in the middle of writing it. While there is no such file, it is waited for.

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
        self._stop.set()
        self._thread.join()

    def _watch(self) -> None:
        """The hidden thread."""
        while not self._stop.wait(_POLL):
            self._look()

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
                data = file.read(_LONGEST + 1)
            if len(data) > _LONGEST:
                raise OSError(0, f"larger than {_LONGEST} bytes")
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
        values: dict[str, Any] = {}
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
            self._controls.ask(values)
        except ParameterError as error:  # each by itself would do, all together do not
            self._tell(str(error))

    def _tell(self, what: str) -> None:
        if what not in self._wrong:
            self._wrong.add(what)
            self._warn(f"control {self._path}: {what}; left out")


class ControlServer:
    """Takes commands over TCP from this machine, a line each, and answers each with one line of JSON.

        list                          {"effects": [...], "parameters": [{"name", "value", "type", "default", ...}, ...]}
        get [EFFECT.PARAMETER]        {"sr-x2.strength": 1.0}, or all of them
        set EFFECT.PARAMETER VALUE    {"set": {"sr-x2.strength": 0.5}}, from the next frame on
        set {"NAME": VALUE, ...}      the same for several in one frame

    Anything wrong is answered with ``{"error": "..."}`` and changes nothing. What speaks HTTP is hung up on, so that no
    web page can give commands.

    port  on 127.0.0.1; 0 takes a free one; ``port`` tells which.

    Raises ``InputError`` for a port that is in use or not allowed.
    """

    def __init__(self, port: int, controls: Controls) -> None:
        if not 0 <= port <= 65535:
            raise InputError(f"control port {port}: needs 0 to 65535")
        try:
            self._server = _Server(("127.0.0.1", port), controls)
        except OSError as error:
            raise InputError(
                f"control port {port} cannot be used ({error.strerror}); give another, or 0 for a free one"
            ) from error
        self.port: int = self._server.server_address[1]
        self.notes = [f"control: 127.0.0.1:{self.port} takes `list`, `get NAME` and `set NAME VALUE`, a line each"]
        self._thread = threading.Thread(
            target=self._server.serve_forever, args=(_POLL,), name="gancam-control", daemon=True
        )
        self._thread.start()

    def close(self) -> None:
        self._server.hang_up()
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()  # joins the clients' threads


class _Server(ThreadingTCPServer):
    daemon_threads = False  # so that server_close() joins them
    block_on_close = True
    allow_reuse_address = os.name != "nt"  # there it would let two servers share a port

    def __init__(self, address: tuple[str, int], controls: Controls) -> None:
        self.controls = controls
        self._lock = threading.Lock()
        self._clients: set[socket.socket] = set()
        self._over = False
        super().__init__(address, _Client)

    def hang_up(self) -> None:
        with self._lock:
            self._over = True
            for client in self._clients:
                _shut(client)

    def process_request_thread(self, request: Any, client_address: Any) -> None:
        threading.current_thread().name = "gancam-control-client"
        with self._lock:
            self._clients.add(request)
            if self._over:
                _shut(request)
        try:
            super().process_request_thread(request, client_address)
        finally:
            with self._lock:
                self._clients.discard(request)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that left in mid-sentence is nobody's error."""


def _shut(client: socket.socket) -> None:
    with suppress(OSError):
        client.shutdown(socket.SHUT_RDWR)


class _Client(StreamRequestHandler):
    server: _Server
    disable_nagle_algorithm = True

    def handle(self) -> None:
        while line := self.rfile.readline(_LONGEST):
            command = line.decode("utf-8", "replace").strip()
            if re.search(r" HTTP/\d(\.\d)?$", command) or not line.endswith(b"\n"):
                return
            if command:
                try:
                    answer = _answer(self.server.controls, command)
                except GancamError as error:
                    answer = {"error": str(error)}
                self.wfile.write(json.dumps(answer).encode() + b"\n")


def _answer(controls: Controls, command: str) -> dict[str, Any]:
    verb, _, rest = command.partition(" ")
    rest = rest.strip()
    if verb == "list" and not rest:
        return {"effects": [effect.name for effect in controls.effects], "parameters": [
            {"name": name, "value": controls.value(name), "type": knob.entry.type.__name__,
             "default": knob.entry.default, "minimum": knob.entry.minimum, "maximum": knob.entry.maximum,
             "choices": list(knob.entry.choices), "unit": knob.entry.unit, "form": knob.entry.describe(),
             "help": knob.entry.help}
            for name, knob in controls.knobs.items()
        ]}  # fmt: skip
    if verb == "get":
        return {name: controls.value(name) for name in ([rest] if rest else controls.knobs)}
    if verb == "set" and rest:
        if not rest.startswith("{"):
            name, _, value = rest.partition(" ")
            rest = rest if "=" in name or value.lstrip().startswith("=") else f"{name} = {value}"
        return {"set": controls.ask(parse_line(rest))}
    raise InputError(f'{_short(command)}: there are list, get [NAME], set NAME VALUE and set {{"NAME": VALUE, ...}}')


class ParameterLog:
    """A sink that writes what frames were made with to the file `path`, as JSON lines: first all values, then changes.

        {"effects": ["sr-x2"], "time": 0.0, "set": {"sr-x2.on": true, "sr-x2.strength": 1.0}}
        {"time": 1.2, "after": 1.1666666666666667, "set": {"sr-x2.strength": 0.95}}

    A change belongs to the first frame that it applied to: ``time`` is that frame's ``Frame.time`` and ``after`` the
    one's before it. This is the source's own clock (a file's presentation times also when it is played live, a
    camera's moments of capture), not the wall clock, nor a count of frames, of which a live source drops some: so the
    same frames find the same values again, however fast they are played. How an effect was played to keep within a
    time (``gancam.budget``) is no parameter: offline it is played as well as it can be.

    Each line is flushed at once; who is killed loses nothing. An existing file is replaced only with `overwrite`;
    without a frame, nothing is left behind. Raises ``OutputExists`` and ``SinkError``.
    """

    closed = False
    aside = True

    def __init__(self, path: str | os.PathLike[str], controls: Controls, *, overwrite: bool = False) -> None:
        self._path, self._controls = Path(path), controls
        self._known: dict[str, Any] | None = None
        self._before = 0.0
        try:
            self._file = self._path.open("w" if overwrite else "x", encoding="utf-8")
        except FileExistsError as error:
            raise OutputExists(f"{path}: exists; give another name, or --overwrite") from error
        except OSError as error:
            raise SinkError(f"{path}: cannot be written ({error.strerror or error})") from error

    def write(self, frame: Frame) -> None:
        values = self._controls.values()
        if values != self._known:
            line: dict[str, Any] = {"time": frame.time}
            if self._known is None:
                line = {"effects": [effect.name for effect in self._controls.effects], **line, "set": values}
            else:
                line["after"] = self._before
                line["set"] = {name: value for name, value in values.items() if value != self._known[name]}
            self._known = values
            try:
                self._file.write(json.dumps(line) + "\n")
                self._file.flush()
            except OSError as error:
                raise SinkError(f"{self._path}: cannot be written ({error.strerror or error})") from error
        self._before = frame.time

    def close(self, *, interrupted: bool = False) -> None:
        if self._file.closed:
            return
        try:
            self._file.close()
            if self._known is None:
                self._path.unlink()
        except OSError as error:
            raise SinkError(f"{self._path}: cannot be written ({error.strerror or error})") from error


class Replay:
    """Asks for what a `ParameterLog` wrote to `path`, at the same frames again: give ``run`` ``between=[Replay(path,
    controls), controls]``.

    A change is due at the first frame that is nearer to its ``time`` than to ``after``: so also where a recording of
    the source rounded the times, and a frame that was dropped in live play does no harm. Lines may be written by hand
    too; ``effects`` and ``after`` may then be left out.

    Raises ``NotFound``, and ``InputError`` with the number of the line where the file is not such a recording, was
    made with other effects than `controls` has, or names a parameter or value that does not exist.
    """

    def __init__(self, path: str | os.PathLike[str], controls: Controls) -> None:
        self._controls = controls
        self._due: list[tuple[float, dict[str, Any]]] = []
        self._next = 0
        try:
            text = Path(path).read_text(encoding="utf-8")
        except FileNotFoundError as error:
            raise NotFound(f"{path}: no such file") from error
        except (OSError, UnicodeDecodeError) as error:
            raise InputError(f"{path}: cannot be read as recorded parameters ({error})") from error
        lines = text.split("\n")
        for number, line in enumerate(lines, 1):
            unfinished = number == len(lines) > 1 and not line.endswith("}")  # the disk was full
            if not line.strip() or unfinished:
                continue
            try:
                self._due.append(self._read(line))
                if len(self._due) > 1 and self._due[-1][0] < self._due[-2][0]:
                    raise InputError("is earlier than the line before")
            except GancamError as error:
                raise InputError(f"{path}, line {number}: {error}") from error
        if not self._due:
            raise InputError(f"{path}: holds no recorded parameters")

    def __call__(self, frame: Frame) -> None:
        while self._next < len(self._due) and frame.time >= self._due[self._next][0]:
            self._controls.ask(self._due[self._next][1])
            self._next += 1

    @property
    def left(self) -> int:
        """Changes that were not due yet."""
        return len(self._due) - self._next

    def _read(self, line: str) -> tuple[float, dict[str, Any]]:
        said = _json_object(line)
        if "effects" in said:
            mine = [effect.name for effect in self._controls.effects]
            if said["effects"] != mine:
                theirs = said["effects"] if isinstance(said["effects"], list) else [said["effects"]]
                raise InputError(f"was recorded with {_chain(theirs)}, but this is {_chain(mine)}")
        moment, after, values = said.get("time"), said.get("after"), said.get("set")
        if not _is_number(moment) or not (after is None or _is_number(after)) or not isinstance(values, dict):
            raise InputError('needs {"time": SECONDS, "set": {"EFFECT.PARAMETER": VALUE}}')
        checked = self._controls.check(values)
        if "effects" in said:  # the beginning, whatever frame came first
            return float("-inf"), checked
        return (moment if after is None else (after + moment) / 2), checked


def _is_number(value: Any) -> TypeGuard[float]:
    return isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < float("inf")


def _chain(names: Sequence[Any]) -> str:
    return " ".join(f"-e {name}" for name in names) or "no effects"
