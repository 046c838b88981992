"""What the page asks about files: lists of them, uploads, downloads."""

import asyncio
import mimetypes
from collections.abc import AsyncIterator
from pathlib import Path

from starlette.requests import Request
from starlette.responses import FileResponse, JSONResponse, Response
from starlette.routing import Route

from gancam.errors import InputError
from gancam.studio.messages import answered
from gancam.studio.storage import Storage, kind_of, upload_name

_PATIENCE = 30.0  # seconds without a byte after which an upload is given up


class FilesApi:
    """The requests about files.

    Args:
        storage: Where they are.
    """

    def __init__(self, storage: Storage) -> None:
        self._storage = storage

    def routes(self) -> list[Route]:
        """List what is answered."""
        hide = self._storage.hide_paths
        return [
            Route("/api/files", answered(self.roots, hide), methods=["GET"]),
            Route("/api/files/{reference:path}", answered(self.entries, hide), methods=["GET"]),
            Route("/api/files/{reference:path}", answered(self.delete, hide), methods=["DELETE"]),
            Route("/api/uploads", answered(self.upload, hide), methods=["POST"]),
            Route("/api/downloads/{reference:path}", answered(self.download, hide), methods=["GET"]),
        ]

    async def roots(self, request: Request) -> Response:
        """List the folders that the page may open."""
        return JSONResponse({"roots": list(self._storage.roots), "opened": self._storage.opened})

    async def entries(self, request: Request) -> Response:
        """List a folder; ``?all=1`` lists the videos and images of a root and all folders below it."""
        if request.query_params.get("all") == "1":
            found = await asyncio.to_thread(self._storage.files, request.path_params["reference"])
            return JSONResponse({"entries": [entry.to_json() for entry in found]})
        found = await asyncio.to_thread(self._storage.entries, request.path_params["reference"])
        return JSONResponse({"entries": [entry.to_json() for entry in found]})

    async def delete(self, request: Request) -> Response:
        """Delete one of the studio's own files."""
        await asyncio.to_thread(self._storage.delete, request.path_params["reference"])
        return JSONResponse({})

    async def upload(self, request: Request) -> Response:
        """Keep the body of the request under the name of the query; ``?only=media`` takes videos and images alone."""
        length = request.headers.get("content-length", "0")
        if not length.isdecimal() or len(length) > 20:
            raise InputError("Content-Length is no number")
        try:
            await asyncio.to_thread(self._storage.check_size, int(length))
        except InputError as error:
            return JSONResponse({"error": str(error)}, 413, headers={"Connection": "close"})
        name = request.query_params.get("name", "")
        if request.query_params.get("only") == "media" and kind_of(Path(upload_name(name))) == "other":
            said = {"error": "neither a video nor an image, by its ending"}
            return JSONResponse(said, 400, headers={"Connection": "close"})  # before it is sent
        saved = await self._storage.save(name, _patiently(request.stream()))
        return JSONResponse(saved.to_json())

    async def download(self, request: Request) -> Response:
        """Give a file, in parts where the browser wants that."""
        path, kind = await asyncio.to_thread(self._file, request.path_params["reference"])
        inline = request.query_params.get("show") == "1" and _is_harmless(kind)
        how = "inline" if inline else "attachment"
        return FileResponse(path, filename=path.name, media_type=kind, content_disposition_type=how)

    def _file(self, reference: str) -> tuple[Path, str]:
        path = self._storage.resolve(reference)
        if not path.is_file():
            raise InputError("not a file")
        return path, _kind(path)


def _kind(path: Path) -> str:
    """The media type of a file, by its name."""
    kind, packed = mimetypes.guess_type(path.name, strict=False)
    return kind if kind is not None and packed is None else "application/octet-stream"


def _is_harmless(kind: str) -> bool:
    """Whether a media type is of what holds no script, as SVG, HTML and other XML do: it would be the page's own."""
    return kind.partition("/")[0] in ("image", "video", "audio") and "xml" not in kind


async def _patiently(chunks: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    """Give `chunks`. Raises ``InputError`` when none comes for too long."""
    while True:
        try:
            async with asyncio.timeout(_PATIENCE):
                chunk = await anext(chunks)
        except StopAsyncIteration:
            return
        except TimeoutError:
            raise InputError("the upload stood still") from None
        yield chunk
