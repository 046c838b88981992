"""A local socket that turns parameters."""

import json
import re
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from socketserver import StreamRequestHandler

from gancam.control.controls import Controls
from gancam.control.menu import EffectMenu
from gancam.control.syntax import LONGEST, parse_line, short, unexpected
from gancam.control.tcp import TcpServer
from gancam.errors import GancamError, InputError, shown
from gancam.frame import is_whole

_HOST = "127.0.0.1"


class ControlServer:
    """Takes commands over TCP from this machine, a line each, and answers each with one line of JSON.

        list                          {"effects": [...], "parameters": [{"name", "value", "type", "default", ...}, ...]}
        get [EFFECT.PARAMETER]        {"sr-x2.strength": 1.0}, or all of them
        set EFFECT.PARAMETER VALUE    {"set": {"sr-x2.strength": 0.5}}, from the next frame on
        set {"NAME": VALUE, ...}      the same for several in one frame
        play                          {"playing": "sr-x2", "coming": "", "failed": "", "names": [...]}: what plays, what
                                      is being loaded, what went wrong with what was chosen last, and what could play
        play sr-x2 morph-fruits:speed=2   {"play": "..."}: other effects, as soon as they are loaded

    Anything wrong is answered with ``{"error": "..."}`` and changes nothing. What speaks HTTP, or sends no text, is
    hung up on, so that no web page can give commands.

    Args:
        port: on 127.0.0.1; 0 takes a free one, which ``port`` tells.
        controls: what is turned.
        menu: what can be played; None where the effects stay what they are.

    Raises:
        InputError: the port is in use or not allowed.
    """

    def __init__(self, port: int, controls: Controls, menu: EffectMenu | None = None) -> None:
        with _usable(port):
            self._server = _Server((_HOST, port), controls, menu)
        self.port = self._server.port
        verbs = "takes `list`, `get NAME`, `set NAME VALUE`" + (" and `play EFFECT`" if menu is not None else "")
        self.notes = [f"control: 127.0.0.1:{self.port} {verbs}, a line each"]
        self._server.start()

    def close(self) -> None:
        """Hang up, and wait until all threads are gone."""
        self._server.close()


def check_port(port: int) -> None:
    """Find whether a control server could be had at `port`. Nobody is let in meanwhile: one who came would be hung up.

    Raises:
        InputError: the port is in use or not allowed.
    """
    with _usable(port), socket.socket() as probe:
        if TcpServer.allow_reuse_address:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        probe.bind((_HOST, port))


@contextmanager
def _usable(port: int) -> Iterator[None]:
    """Turn what speaks against `port` into an ``InputError``."""
    if not (is_whole(port) and 0 <= int(port) <= 65535):
        raise InputError(f"control port {shown(port)}: needs 0 to 65535")
    try:
        yield
    except OSError as error:
        raise InputError(
            f"control port {port} cannot be used ({error.strerror}); give another, or 0 for a free one"
        ) from error


class _Server(TcpServer):
    def __init__(self, address: tuple[str, int], controls: Controls, menu: EffectMenu | None) -> None:
        self.controls, self.menu = controls, menu
        super().__init__(address, _Client, name="control")


class _Client(StreamRequestHandler):
    server: _Server
    disable_nagle_algorithm = True

    def handle(self) -> None:
        while line := self.rfile.readline(LONGEST):
            command = _text(line)
            if command is None or re.search(r" HTTP/\d(\.\d)?$", command):
                return
            try:
                with self.server.controls.steady():
                    answer = _answer(self.server.controls, self.server.menu, command)
            except GancamError as error:
                answer = {"error": str(error)}
            except Exception as error:  # who asked is told, whatever it is
                answer = {"error": unexpected(error)}
            self.wfile.write(json.dumps(answer).encode() + b"\n")


def _text(line: bytes) -> str | None:
    """Read a line; None for what is no whole line of text, after which nothing is a command either.

    A page can have a browser send a TLS hello here, or a form, whose bytes it chooses in part.
    """
    try:
        text = line.decode("utf-8")
    except UnicodeDecodeError:
        return None
    text, end = text.rstrip("\r\n").replace("\t", " ").strip(), text[-1:]
    return text if end == "\n" and text.isprintable() else None


def _answer(controls: Controls, menu: EffectMenu | None, command: str) -> dict[str, object]:
    verb, _, rest = command.partition(" ")
    rest = rest.strip()
    if verb == "list" and not rest:
        return {"effects": [effect.name for effect in controls.effects], "parameters": [
            {"name": name, "value": controls.value(name), **control.entry.to_json()}
            for name, control in controls.by_name.items()
        ]}  # fmt: skip
    if verb == "get":
        return {name: controls.value(name) for name in ([rest] if rest else controls.by_name)}
    if verb == "set" and rest:
        if not rest.startswith("{"):
            name, _, value = rest.partition(" ")
            rest = rest if "=" in name or value.lstrip().startswith("=") else f"{name} = {value}"
        return {"set": controls.request(parse_line(rest))}
    if verb == "play" and menu is not None:
        if rest:
            return {"play": menu.choose(rest)}
        told = {"playing": menu.playing, "coming": menu.coming, "failed": menu.failed}
        return {**told, "names": list(menu.names)}
    verbs = 'list, get [NAME], set NAME VALUE, set {"NAME": VALUE, ...} and play [EFFECT ...]'
    raise InputError(f"{short(command)}: there are {verbs}")
