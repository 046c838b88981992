"""The web application: the page, its requests, its WebSockets, and the guard before them all."""

import asyncio
import mimetypes
from collections.abc import AsyncIterator
from contextlib import ExitStack, asynccontextmanager
from pathlib import Path

from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import FileResponse, Response
from starlette.routing import Mount, Route, WebSocketRoute
from starlette.staticfiles import StaticFiles
from starlette.websockets import WebSocket

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
        try:
            yield
        finally:
            viewers.close()
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
