"""JSON of the page: read with care, and errors answered in one line."""

import functools
import json
import logging
from collections.abc import Awaitable, Callable, Mapping
from typing import TypeAlias

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from gancam.errors import MALFORMED, GancamError, InputError, NotFound, OutputExists
from gancam.studio.guard import LONGEST
from gancam.units import is_finite

log = logging.getLogger(__name__)
Handler: TypeAlias = Callable[[Request], Awaitable[Response]]


class Message:
    """A JSON object from the page; whatever is asked of it is checked. Methods raise ``InputError``."""

    def __init__(self, values: Mapping[str, object]) -> None:
        self.values = values

    @classmethod
    def parse(cls, text: str | bytes) -> "Message":
        """Read a JSON object, in UTF-8."""
        try:
            text = text.decode("utf-8") if isinstance(text, bytes) else text
            values = json.loads(text)
            if "\\u" in text:  # half of a pair is a text that nothing can be written with, no file named, no answer
                json.dumps(values, ensure_ascii=False).encode("utf-8")
        except MALFORMED as error:
            raise InputError("the request is not JSON") from error
        if not isinstance(values, dict):
            raise InputError("the request is not a JSON object")
        return cls(values)

    def text(self, name: str, default: str | None = None) -> str:
        """Give a text."""
        value = self.values.get(name, default)
        if not isinstance(value, str):
            raise InputError(f"{name}: needs a text")
        return value

    def flag(self, name: str, default: bool | None = None) -> bool:
        """Give true or false."""
        value = self.values.get(name, default)
        if not isinstance(value, bool):
            raise InputError(f"{name}: needs true or false")
        return value

    def number(self, name: str, low: float, high: float, default: float | None = None) -> float:
        """Give a number from `low` to `high`."""
        return _number(name, self.values.get(name, default), low, high)

    def texts(self, name: str) -> list[str]:
        """Give a list of texts."""
        values = self.values.get(name)
        if not isinstance(values, list) or len(values) > 1000:
            raise InputError(f"{name}: needs a list of texts")
        found = [value for value in values if isinstance(value, str)]
        if len(found) != len(values):
            raise InputError(f"{name}: needs a list of texts")
        return found

    def points(self, name: str, low: float, high: float) -> list[tuple[float, float]]:
        """Give a list of [x, y]."""
        values = self.values.get(name)
        if not isinstance(values, list) or not 1 <= len(values) <= 10_000:
            raise InputError(f"{name}: needs a list of points")
        points = []
        for value in values:
            if not isinstance(value, list) or len(value) != 2:
                raise InputError(f"{name}: needs points of x and y")
            points.append((_number(name, value[0], low, high), _number(name, value[1], low, high)))
        return points

    def object(self, name: str) -> dict[str, object]:
        """Give a JSON object."""
        value = self.values.get(name)
        if not isinstance(value, dict):
            raise InputError(f"{name}: needs an object")
        return value


def _number(name: str, value: object, low: float, high: float) -> float:
    if not is_finite(value) or not low <= value <= high:
        raise InputError(f"{name}: needs a number from {low:g} to {high:g}")
    return float(value)


async def body_of(request: Request) -> bytes:
    """Read the body of a request. Raises ``InputError`` for one that is too long."""
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > LONGEST:
            raise InputError("the request is too long")
    return bytes(body)


async def message_of(request: Request) -> Message:
    """Read the JSON object that a request brings. Raises ``InputError``."""
    return Message.parse(await body_of(request))


def seconds_of(request: Request) -> float:
    """Read ``?at=SECONDS`` of an address. Raises ``InputError``."""
    try:
        at = float(request.query_params.get("at", "0"))
    except ValueError:
        at = -1.0
    if not 0 <= at <= 1e6:
        raise InputError("at: needs seconds")
    return at


def answered(handler: Handler, hide_paths: Callable[[str], str]) -> Handler:
    """Answer what a handler raises with ``{"error": "..."}``, in one line that `hide_paths` has seen."""

    @functools.wraps(handler)
    async def answering(request: Request) -> Response:
        try:
            return await handler(request)
        except GancamError as error:
            return problem(error, hide_paths)
        except Exception as error:
            log.exception("studio: a fault of gancam's own")
            return JSONResponse({"error": f"a fault of gancam's own: {error!r}"}, 500)

    return answering


def problem(error: GancamError, hide_paths: Callable[[str], str]) -> Response:
    """Give the answer for an error."""
    status = 404 if isinstance(error, NotFound) else 409 if isinstance(error, OutputExists) else 400
    return JSONResponse({"error": hide_paths(" ".join(str(error).split()))}, status)
