"""The HTTP server: sockets, time limits, and the address that the user opens."""

import asyncio
import socket
from collections.abc import Callable
from dataclasses import dataclass

import uvicorn
from starlette.types import ASGIApp
from uvicorn.protocols.http.h11_impl import H11Protocol

from gancam.control.local import is_local
from gancam.errors import InputError
from gancam.media.messages import cause
from gancam.studio.browser import LARGEST

_ASK_WITHIN = 10.0  # seconds that a client may take for its first whole request
_CLIENTS = 200  # connections at once


@dataclass(frozen=True, slots=True)
class Address:
    """Where a studio listens: the socket, already bound, and what its user opens."""

    host: str
    port: int
    bound: socket.socket

    @classmethod
    def bind(cls, host: str, port: int) -> "Address":
        """Take a port; 0 takes a free one.

        Raises:
            InputError: The port is in use or not allowed, or the host is none of this machine's.
        """
        if not 0 <= port <= 65535:
            raise InputError(f"--port {port}: needs 0 to 65535")
        try:
            family, _, _, _, where = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)[0]
            bound = socket.create_server((str(where[0]), port), family=family)
        except UnicodeError as error:  # of a part between dots that is empty or of more than 63 letters
            raise InputError(f"--host {host[:80]}: is no host's name; 127.0.0.1 is this machine only") from error
        except OSError as error:
            raise InputError(
                f"cannot listen at {host}:{port} ({cause(error)}); give another --port, or 0 for a free one"
            ) from error
        return cls(host, int(bound.getsockname()[1]), bound)

    @property
    def local(self) -> bool:
        """Whether only this machine reaches it."""
        return is_local(self.bound)

    def url(self, token: str) -> str:
        """Write the address of the page."""
        named = {"0.0.0.0": "127.0.0.1", "::": "[::1]"}.get(self.host, self.host)
        named = f"[{named}]" if ":" in named and not named.startswith("[") else named
        return f"http://{named}:{self.port}/?token={token}"


class Server(uvicorn.Server):
    """Serves an application at an address; ``should_exit = True``, or Ctrl-C, ends it.

    Args:
        app: What is served.
        address: Where.
        begun: Called once it serves.
    """

    def __init__(self, app: ASGIApp, address: Address, begun: Callable[[], object] = lambda: None) -> None:
        config = uvicorn.Config(
            app, http=_Http, ws="websockets-sansio", ws_max_size=LARGEST, ws_max_queue=8, ws_per_message_deflate=False,
            log_config=None, access_log=False, server_header=False, timeout_keep_alive=30, lifespan="on",
            timeout_graceful_shutdown=2, limit_concurrency=_CLIENTS, proxy_headers=False, loop="asyncio",
            h11_max_incomplete_event_size=32 << 10,
        )  # fmt: skip
        super().__init__(config)
        self._address, self._begun = address, begun

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Begin to serve."""
        await super().startup(sockets)
        if self.started:
            self._begun()

    def serve_here(self) -> None:
        """Serve until it is to end."""
        self.run(sockets=[self._address.bound])


class _Http(H11Protocol):
    """Hangs up a client that asks for nothing."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self.loop.call_later(_ASK_WITHIN, self._look)

    def _look(self) -> None:
        if self.cycle is None and not self.transport.is_closing() and self.transport.get_protocol() is self:
            self.transport.close()
