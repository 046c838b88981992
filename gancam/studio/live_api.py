"""What the Live page asks for: sources, effects, parameters, drawing, presets, snapshots, recordings."""

import asyncio
from collections.abc import Callable
from functools import partial

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from gancam.effects import EffectSpec
from gancam.errors import InputError, SinkError
from gancam.jobs.preset import parse_effects, write_effects
from gancam.sources.live import SIZE
from gancam.studio import menu
from gancam.studio.media import frame_at
from gancam.studio.messages import Message, answered, body_of, message_of, seconds_of
from gancam.studio.session import Session, cameras, check_model
from gancam.vision.pad import DrawingPad, Point


class LiveApi:
    """The requests of the Live page.

    Args:
        session: What they change.
        thumbnails: Of the menu.
    """

    def __init__(self, session: Session, thumbnails: menu.Thumbnails) -> None:
        self._session, self._thumbnails = session, thumbnails

    def routes(self) -> list[Route]:
        """List what is answered."""
        table = [
            ("GET", "/api/state", self.state), ("GET", "/api/models", self.models),
            ("POST", "/api/source", self.play), ("DELETE", "/api/source", self.stop),
            ("GET", "/api/sources", self.sources), ("POST", "/api/mirror", self.mirror),
            ("POST", "/api/effects", self.add), ("PUT", "/api/effects", self.order),
            ("DELETE", "/api/effects/{name}", self.remove), ("PATCH", "/api/controls", self.turn),
            ("POST", "/api/effects/{name}/draw", self.draw),
            ("GET", "/api/preset", self.preset), ("PUT", "/api/preset", self.load_preset),
            ("GET", "/api/command", self.command), ("POST", "/api/thumbnails", self.take_thumbnails),
            ("GET", "/api/thumbnails/{number}/{name}", self.thumbnail),
            ("GET", "/api/seeds/{name}/{seed}", self.seed),
            ("GET", "/api/snapshot", self.snapshot), ("POST", "/api/recording", self.record),
        ]  # fmt: skip
        hide = self._session.storage.hide_paths
        return [Route(path, answered(handler, hide), methods=[method]) for method, path, handler in table]

    async def state(self, request: Request) -> Response:
        """Tell what plays, through which effects."""
        return JSONResponse(await asyncio.to_thread(self._session.state))

    async def models(self, request: Request) -> Response:
        """Tell which models there are, and what their effects declare."""
        found = await asyncio.to_thread(menu.models)
        effects = sorted({str(entry["effect"]) for entry in found})
        return JSONResponse({"models": found, "effects": await asyncio.to_thread(menu.declarations, effects)})

    async def sources(self, request: Request) -> Response:
        """Tell which cameras this machine has."""
        found = await asyncio.to_thread(cameras)
        return JSONResponse({"cameras": [str(path) for path in found]})

    async def play(self, request: Request) -> Response:
        """Play ``{"kind", "value", "width", "height"}``; with ``"at"``, the frame of a file at so many seconds."""
        message = await message_of(request)
        size = round(message.number("width", 16, 3840, SIZE[0])), round(message.number("height", 16, 2160, SIZE[1]))
        at = message.number("at", 0.0, 1e6) if "at" in message.values else None
        await asyncio.to_thread(self._session.play, message.text("kind"), message.text("value", ""), size, at)
        return await self.state(request)

    async def stop(self, request: Request) -> Response:
        """Play nothing."""
        await asyncio.to_thread(self._session.player.stop)
        return await self.state(request)

    async def mirror(self, request: Request) -> Response:
        """Play mirrored, or not: ``{"on"}``."""
        mirror = partial(self._session.player.mirror, on=(await message_of(request)).flag("on"))
        await asyncio.to_thread(mirror)
        return await self.state(request)

    async def add(self, request: Request) -> Response:
        """Add the effect ``{"model", "params"}``."""
        message = await message_of(request)
        params = message.object("params") if "params" in message.values else {}
        spec = EffectSpec(message.text("model"), {name: str(value) for name, value in params.items()})
        link = await asyncio.to_thread(self._session.add, spec)
        return JSONResponse({"name": link.name})

    async def order(self, request: Request) -> Response:
        """Put the effects in the order ``{"names"}``."""
        message = await message_of(request)
        await asyncio.to_thread(self._session.chain.order, message.texts("names"))
        return await self.state(request)

    async def remove(self, request: Request) -> Response:
        """Take an effect away."""
        await asyncio.to_thread(self._session.chain.remove, request.path_params["name"])
        return await self.state(request)

    async def turn(self, request: Request) -> Response:
        """Change parameters: ``{"EFFECT.PARAMETER": VALUE, ...}``, all in the same frame."""
        message = await message_of(request)
        taken = await asyncio.to_thread(self._session.request, message.values)
        return JSONResponse({"set": taken})

    async def draw(self, request: Request) -> Response:
        """Draw on the picture: ``{"act", "points", "radius"}`` in shares of it."""
        message, name = await message_of(request), request.path_params["name"]
        await asyncio.to_thread(self._session.draw, name, _drawing(message))
        return JSONResponse({})

    async def preset(self, request: Request) -> Response:
        """Give the effects as a preset, TOML."""
        specs = await asyncio.to_thread(self._session.chain.specs)
        return _download(write_effects(specs).encode(), "application/toml", "gancam-preset.toml")

    async def load_preset(self, request: Request) -> Response:
        """Take the effects of a preset, TOML."""
        try:
            text = (await body_of(request)).decode("utf-8")
        except UnicodeDecodeError:
            raise InputError("preset: not a text in UTF-8") from None
        await asyncio.to_thread(lambda: self._session.load(parse_effects(text)))
        return await self.state(request)

    async def command(self, request: Request) -> Response:
        """Give the line of a shell that plays the same."""
        return JSONResponse({"command": await asyncio.to_thread(self._session.command)})

    async def take_thumbnails(self, request: Request) -> Response:
        """Take the frame that is shown now for thumbnails, or that of the file ``?reference=`` at ``?at=SECONDS``."""
        reference, at = request.query_params.get("reference", ""), seconds_of(request)
        if reference:
            return JSONResponse({"number": await asyncio.to_thread(self._take_of_file, reference, at)})
        frame = self._session.screen.newest.frame
        image = None if frame is None else frame.original if frame.original is not None else frame.image
        number = await asyncio.to_thread(self._thumbnails.take, image)
        return JSONResponse({"number": number})

    def _take_of_file(self, reference: str, at: float) -> int:
        storage = self._session.storage
        path = storage.resolve(reference)
        return self._thumbnails.take(frame_at(path, at), f"{reference} {storage.describe(path).changed} {at}")

    async def thumbnail(self, request: Request) -> Response:
        """Give the thumbnail of a model."""
        number = _whole(request.path_params["number"])
        name = await asyncio.to_thread(check_model, request.path_params["name"])
        jpeg = await asyncio.wrap_future(self._thumbnails.get(name, number))
        if jpeg is None:
            return JSONResponse({"error": "that frame is not the newest any more"}, 404)
        return Response(jpeg, media_type="image/jpeg")

    async def seed(self, request: Request) -> Response:
        """Give the picture that a generator makes of a seed."""
        seed = _whole(request.path_params["seed"])
        name = await asyncio.to_thread(check_model, request.path_params["name"])
        jpeg = await asyncio.wrap_future(self._thumbnails.seed(name, seed))
        return Response(jpeg, media_type="image/jpeg", headers={"Cache-Control": "private, max-age=3600"})

    async def snapshot(self, request: Request) -> Response:
        """Give the picture that is shown now as PNG."""
        png = await asyncio.to_thread(self._session.screen.snapshot)
        return _download(png, "image/png", "gancam-snapshot.png")

    async def record(self, request: Request) -> Response:
        """Begin or end a recording: ``{"on"}``."""
        on = (await message_of(request)).flag("on")
        await asyncio.to_thread(self._session.gate.do, partial(self._record, on))
        self._session.changed()
        return await self.state(request)

    def _record(self, on: bool) -> None:
        screen = self._session.screen
        if not on:
            screen.recorder.stop()
            return
        if screen.newest.frame is None or self._session.player.state != "playing":
            raise InputError("there is nothing to record: choose a source first")
        screen.recorder.start(screen.newest.frame)
        if not screen.recorder.recording:
            raise SinkError(screen.said[-1])


def _whole(text: str) -> int:
    """The number in an address, at most 2**31 - 1. Raises ``InputError``; Starlette's own fails at very many digits."""
    if not (text.isascii() and text.isdecimal()):
        raise InputError(f"{text[:20]!r}: needs a whole number")
    return min(int(text[:11]), 2**31 - 1)


def _drawing(message: Message) -> Callable[[DrawingPad], dict[str, "str | bool | int | float"]]:
    """What a request draws, in shares of the picture."""
    act = message.text("act")
    points = message.points("points", -1.0, 2.0) if "points" in message.values else []
    radius = message.number("radius", 0.001, 0.5, 0.03)
    needed = {"brush": 1, "erase": 1, "box": 2}.get(act, 0)
    if act not in ("brush", "erase", "box", "undo", "clear", "down", "up") or len(points) < needed:
        raise InputError(f"act {act[:20]!r}: there are brush, erase and box with points, down, up, undo and clear")

    def draw(pad: DrawingPad) -> dict[str, "str | bool | int | float"]:
        width, height = pad.size or (1, 1)
        places: list[Point] = [(x * width, y * height) for x, y in points]
        match act:
            case "brush":
                pad.brush(places, radius * height)
            case "erase":
                pad.erase(places, radius * height)
            case "down" | "up":
                pad.pen(down=act == "down")
            case "box":
                return dict(pad.box(places[0], places[-1]))
            case "undo":
                return dict(pad.undo())
            case "clear":
                return dict(pad.clear())
        return {}

    return draw


def _download(data: bytes, kind: str, name: str) -> Response:
    return Response(data, media_type=kind, headers={"Content-Disposition": f'attachment; filename="{name}"'})
