"""The web application and its HTTP server: the page, its requests, its WebSockets, and the guard before them all."""

import asyncio
import mimetypes
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import ExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import uvicorn
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import FileResponse, Response
from starlette.routing import Mount, Route, WebSocketRoute
from starlette.staticfiles import StaticFiles
from starlette.types import ASGIApp
from starlette.websockets import WebSocket
from uvicorn.protocols.http.h11_impl import H11Protocol

from gancam.control.local import is_local
from gancam.errors import InputError
from gancam.media.messages import cause
from gancam.studio.browser import LARGEST
from gancam.studio.files_api import FilesApi
from gancam.studio.guard import Guard
from gancam.studio.jobs import JobQueue
from gancam.studio.jobs_api import JobsApi
from gancam.studio.live_api import LiveApi
from gancam.studio.menu import Thumbnails
from gancam.studio.models_api import ModelsApi
from gancam.studio.session import Session
from gancam.studio.storage import Storage
from gancam.studio.viewer import Viewers, take_camera

STATIC = Path(__file__).parent / "static"
_TYPES = {".html": "text/html", ".js": "text/javascript", ".css": "text/css", ".svg": "image/svg+xml"}
_ASK_WITHIN = 10.0  # seconds that a client may take for its first whole request
_CLIENTS = 200  # connections at once


def make_app(storage: Storage, *, token: str, host: str = "127.0.0.1", port: int = 80, local: bool = True) -> Starlette:
    """Make the application, which closes all that it opened when the server ends.

    Args:
        storage: Files that the page may name.
        token: What the page must know.
        host: Where the server listens.
        port: Likewise.
        local: Whether only this machine reaches that.
    """
    for ending, kind in _TYPES.items():  # programs change them in Windows' registry, and browsers run no text/plain
        mimetypes.add_type(kind, ending)
    session, thumbnails = Session(storage), Thumbnails()
    viewers, queue = Viewers(session), JobQueue(storage.folder / "jobs", storage.roots["results"])
    models, jobs = ModelsApi(storage), JobsApi(session, storage, queue)

    async def page(request: Request) -> Response:
        return FileResponse(STATIC / "index.html")

    async def watch(socket: WebSocket) -> None:
        await viewers.serve(socket)

    async def camera(socket: WebSocket) -> None:
        await take_camera(socket, session)

    @asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[None]:
        restoring = asyncio.create_task(asyncio.to_thread(session.restore))  # models take their time to load
        try:
            yield
        finally:
            viewers.close()
            await restoring
            with ExitStack() as closing:  # all, even where one fails
                for close in (queue.close, jobs.close, thumbnails.close, session.close, models.close):
                    closing.callback(close)
                await asyncio.to_thread(closing.close)

    return Starlette(
        routes=[
            Route("/", page),
            *LiveApi(session, thumbnails).routes(),
            *FilesApi(storage).routes(),
            *models.routes(),
            *jobs.routes(),
            WebSocketRoute("/api/live", watch),
            WebSocketRoute("/api/camera", camera),
            Mount("/static", StaticFiles(directory=STATIC)),
        ],
        middleware=[Middleware(Guard, token=token, host=host, port=port, local=local)],
        lifespan=lifespan,
    )


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
