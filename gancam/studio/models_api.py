"""What the Models page asks for: all models and their figures, their speed here, new ones, and the doctor's table."""

import asyncio
import os
import subprocess
import sys
from collections.abc import Callable
from typing import TypeVar

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from gancam.errors import InputError, NotFound
from gancam.inference.catalog import menu, user_menu
from gancam.inference.figures import telling
from gancam.media.messages import cause
from gancam.studio.messages import answered, message_of
from gancam.studio.storage import Storage
from gancam.tools.bench import Case, measure
from gancam.tools.doctor.report import examine
from gancam.tools.models import ModelEntry, Unusable, model_entries

T = TypeVar("T")
_SIZE = (640, 360)  # of the frames that speed is measured with
_SECONDS = 1.0  # for which it is measured
_PATIENCE = 600.0  # seconds that a new model may take to be understood


class ModelsApi:
    """The requests of the Models page. What is heavy is done one at a time.

    Args:
        storage: Where files are from which models are imported.
    """

    def __init__(self, storage: Storage) -> None:
        self._storage = storage
        self._heavy = asyncio.Lock()
        self._checks: list[dict[str, object]] = []
        self._trying: subprocess.Popen[str] | None = None

    def close(self) -> None:
        """End the process that tries a new model, if there is one: a server that ends would wait for it."""
        if (trying := self._trying) is not None:
            trying.kill()

    def routes(self) -> list[Route]:
        """List what is answered."""
        hide = self._storage.hide_paths
        return [
            Route("/api/catalogue", answered(self.catalogue, hide), methods=["GET"]),
            Route("/api/catalogue", answered(self.add, hide), methods=["POST"]),
            Route("/api/catalogue/{name}/speed", answered(self.speed, hide), methods=["POST"]),
            Route("/api/doctor", answered(self.doctor, hide), methods=["GET"]),
        ]

    async def catalogue(self, request: Request) -> Response:
        """List all models with all that is known of them."""
        found = await asyncio.to_thread(lambda: [self._entry(entry) for entry in model_entries()])
        return JSONResponse({"models": found})

    def _entry(self, entry: ModelEntry | Unusable) -> dict[str, object]:
        if isinstance(entry, Unusable):
            return {**entry.to_json(), "error": self._storage.hide_paths(entry.why)}
        return _entry(entry)

    async def speed(self, request: Request) -> Response:
        """Measure how fast a model is here, in a process of its own, for about a second."""
        name = await asyncio.to_thread(_known, request.path_params["name"])
        case = Case(name, _SIZE)
        results = await self._alone(lambda: measure([case], rounds=1, seconds=_SECONDS))
        row = results.rows[0]
        return JSONResponse({
            "fps": round(row.fps, 1), "ms": round(row.median_ms, 1), "precision": row.precision, "device": row.device,
            "size": list(_SIZE), "notes": list(results.notes),
        })  # fmt: skip

    async def add(self, request: Request) -> Response:
        """Make a file of somebody else's a model of the user's own: ``{"reference", "name"}``.

        It is tried in a process of its own (``gancam import``), which a file that is not what it seems may crash.
        """
        message = await message_of(request)
        file = await asyncio.to_thread(self._storage.resolve, message.text("reference"))
        name = message.text("name", "")
        options = [f"--name={name}"] if name else []
        command = [sys.executable, "-m", "gancam", "import", "--json", *options, "--", str(file)]
        code, output, errors = await self._alone(lambda: self._run(command))
        if code:
            said = errors.strip().splitlines()
            why = said[-1].removeprefix("gancam: ") if said else f"it ended with {code}"
            raise InputError(why if file.name in why else f"{file.name}: {why}")
        return Response(output, media_type="application/json")

    async def doctor(self, request: Request) -> Response:
        """Check this machine, which takes some seconds; ``?again=1`` checks anew."""
        async with self._heavy:
            if not self._checks or request.query_params.get("again") == "1":
                self._checks = await asyncio.to_thread(lambda: [check.to_dict() for check in examine()])
        return JSONResponse({"checks": self._checks})

    def _run(self, command: list[str]) -> tuple[int, str, str]:
        try:
            process = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                encoding="utf-8", errors="replace", env={**os.environ, "PYTHONIOENCODING": "utf-8"},
            )  # fmt: skip
        except (OSError, ValueError) as error:  # no memory or descriptors; a name that is no text of the system's
            raise InputError(f"its process cannot be started ({cause(error)})") from error
        self._trying = process
        with process:
            try:
                output, errors = process.communicate(timeout=_PATIENCE)
            except subprocess.TimeoutExpired:
                raise InputError("it took too long") from None
            finally:
                self._trying = None
                process.kill()  # one that has ended is none any more
        return process.returncode, output, errors

    async def _alone(self, work: Callable[[], T]) -> T:
        async with self._heavy:
            return await asyncio.to_thread(work)


def _known(name: str) -> str:
    if name not in menu() and name not in user_menu():
        raise NotFound(f"no model {name[:80]!r}")
    return name


def _entry(entry: ModelEntry) -> dict[str, object]:
    figure = telling(entry.card.figures)
    told = "" if figure is None else str(figure)
    better = "" if figure is None else figure.better
    mb = sum(file.stat().st_size for file in entry.files.values()) / 1e6
    return {
        **entry.to_json(), "task": entry.task, "size": entry.size, "time": entry.time, "figure": told, "better": better,
        "restricted": entry.card.restricted, "mb": round(mb, 2),
    }  # fmt: skip
