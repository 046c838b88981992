"""A local socket that turns parameters."""

import json
import os
import re
import socket
import threading
from contextlib import suppress
from socketserver import StreamRequestHandler, ThreadingTCPServer
from typing import Any

from gancam.control.controls import Controls
from gancam.control.syntax import LONGEST, POLL, parse_line, short
from gancam.errors import GancamError, InputError


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
            target=self._server.serve_forever, args=(POLL,), name="gancam-control", daemon=True
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
        while line := self.rfile.readline(LONGEST):
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
    raise InputError(f'{short(command)}: there are list, get [NAME], set NAME VALUE and set {{"NAME": VALUE, ...}}')
