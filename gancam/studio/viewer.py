"""The two WebSockets of the page: pictures to it, and those of the browser's camera from it."""

import asyncio
import json
import struct
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from functools import partial
from typing import TypeVar

from starlette.websockets import WebSocket, WebSocketDisconnect

from gancam.errors import InputError
from gancam.sinks.newest import Picture
from gancam.studio.browser import LARGEST, BrowserCamera
from gancam.studio.messages import Message
from gancam.studio.pace import LEVELS, Pace
from gancam.studio.session import Session

T = TypeVar("T")
UNDERWAY = 2  # pictures that are sent and not shown yet: one travels while one is decoded
VIEWERS = 8
_STATS = 0.5  # seconds between figures
_STILL = 0.5  # seconds without another picture after which a poor one is sent again as good as can be
REST_AFTER = 10.0  # seconds without a viewer until a source is let go
_THREADS = 4  # that make pictures and states for all viewers


class Viewers:
    """Those who watch; while there are none, and no recording goes on, nothing is played.

    What they see is made in threads of their own: those of ``asyncio.to_thread`` may all wait for something slow.

    Args:
        session: What they watch.
    """

    def __init__(self, session: Session) -> None:
        self._session = session
        self._count = 0
        self._turn = asyncio.Lock()  # so that a source that is let go is let go of before it is played again
        self._resting: asyncio.TimerHandle | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self._pool = ThreadPoolExecutor(_THREADS, "gancam-viewers")

    async def serve(self, socket: WebSocket) -> None:
        """Show one page what plays, until it goes."""
        if self._count >= VIEWERS:
            await socket.close(4429, "too many viewers")
            return
        self._count += 1
        try:
            await socket.accept()
            async with self._turn:
                await self._in_thread(self._session.player.wake)
            await _Viewer(socket, self._session, self._pool).serve()
        finally:
            self._count -= 1
            self._rest_later()

    def close(self) -> None:
        """Let nothing rest any more."""
        if self._resting is not None:
            self._resting.cancel()
        for task in self._tasks:
            task.cancel()
        self._pool.shutdown(wait=False)

    def _rest_later(self) -> None:
        if self._resting is not None:
            self._resting.cancel()
        if not self._count:
            self._resting = asyncio.get_running_loop().call_later(REST_AFTER, self._begin_rest)

    def _begin_rest(self) -> None:
        task = asyncio.get_running_loop().create_task(self._rest())
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _rest(self) -> None:
        async with self._turn:
            if self._count:
                return
            if self._session.screen.recorder.recording:
                self._rest_later()
            else:
                await self._in_thread(self._session.player.rest)

    async def _in_thread(self, work: Callable[[], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._pool, work)


class _Viewer:
    """One page: the newest picture whenever it has shown one before, the state when that changes, figures."""

    def __init__(self, socket: WebSocket, session: Session, pool: ThreadPoolExecutor) -> None:
        self._socket, self._session, self._pool = socket, session, pool
        self._loop = asyncio.get_running_loop()
        self._frame, self._news, self._room = asyncio.Event(), asyncio.Event(), asyncio.Event()
        self._underway = 0
        self._pace = Pace()
        self._before = False
        self._shown_in: tuple[int, int] | None = None  # (width, height), device pixels
        self._room.set()

    async def serve(self) -> None:
        """Send and listen until the page goes."""
        screen, session = self._session.screen, self._session
        frame, news = self._waker(self._frame), self._waker(self._news)
        screen.newest.listeners.add(frame)
        session.listeners.add(news)
        self._frame.set()
        try:
            async with asyncio.TaskGroup() as tasks:
                sending = [tasks.create_task(one()) for one in (self._send_pictures, self._send_news, self._send_stats)]
                await self._listen()
                for task in sending:
                    task.cancel()
        except* (WebSocketDisconnect, RuntimeError):  # Starlette raises the second for a socket that is gone
            pass
        finally:
            screen.newest.listeners.remove(frame)
            session.listeners.remove(news)

    def _waker(self, event: asyncio.Event) -> "_Waker":
        return _Waker(self._loop, event)

    async def _listen(self) -> None:
        while True:
            try:
                self._hear(Message.parse(await self._socket.receive_text()))
            except (InputError, KeyError):  # Starlette raises the second for bytes where a text is due
                await self._socket.close(4400, "not understood")
                raise WebSocketDisconnect(4400) from None

    def _hear(self, message: Message) -> None:
        if "shown" in message.values:
            self._underway = max(self._underway - 1, 0)
            self._pace.shown(time.monotonic())
            self._room.set()
        if "compare" in message.values:
            self._before = message.flag("compare")
            self._frame.set()
        if "room" in message.values:
            room = Message(message.object("room"))
            self._shown_in = round(room.number("width", 1, 16384)), round(room.number("height", 1, 16384))

    async def _send_pictures(self) -> None:
        sent, level, shown, since = 0, 0, (b"", b""), 0.0
        while True:
            await self._room.wait()
            with suppress(TimeoutError):
                async with asyncio.timeout(_STILL if level else None):
                    await self._frame.wait()
            self._frame.clear()
            picture = await self._picture(self._pace.level)
            if picture is None:
                continue
            now, wanted = time.monotonic(), self._pace.level
            if wanted and (picture.after, picture.before) == shown:  # nothing new, on a slow network
                if not level or self._underway or now - since < _STILL:
                    continue
                picture, wanted = await self._picture(0) or picture, 0
            elif picture.number == sent and not level and not (self._before and picture.before):
                continue
            else:
                shown, since = (picture.after, picture.before), now
            sent, level = picture.number, wanted
            self._underway += 1
            if self._underway >= UNDERWAY:
                self._room.clear()
            data = packed(picture, self._pace.travel)
            self._pace.sent(time.monotonic(), len(data), wanted)
            await self._socket.send_bytes(data)

    async def _picture(self, level: int) -> Picture | None:
        how = LEVELS[level]
        make = partial(
            self._session.screen.newest.picture, before=self._before, room=self._shown_in, quality=how.quality,
            share=how.share,
        )  # fmt: skip
        return await self._loop.run_in_executor(self._pool, make)

    async def _send_news(self) -> None:
        while True:
            self._news.clear()
            state = await self._loop.run_in_executor(self._pool, self._session.state)
            await self._socket.send_text(json.dumps({"state": state}))
            await self._news.wait()

    async def _send_stats(self) -> None:
        while True:
            await self._socket.send_text(json.dumps({"stats": self._session.stats()}))
            await asyncio.sleep(_STATS)


class _Waker:
    """Sets an event of the server's loop from any thread."""

    def __init__(self, loop: asyncio.AbstractEventLoop, event: asyncio.Event) -> None:
        self._loop, self._event = loop, event

    def __call__(self) -> None:
        with suppress(RuntimeError):  # the loop is over
            self._loop.call_soon_threadsafe(self._event.set)


_HEAD = struct.Struct("<IfHHI")  # number, age in ms (below 0: unknown), width, height, bytes of the first JPEG


def packed(picture: Picture, travel: float = 0.0) -> bytes:
    """Write a picture as the page reads it: the head, the JPEG after the effects, the one before them.

    Its age is what it will be after `travel` seconds.
    """
    age = -1.0 if picture.captured is None else 1000 * (time.monotonic() - picture.captured + travel)
    head = _HEAD.pack(picture.number & 0xFFFFFFFF, age, *picture.size, len(picture.after))
    return b"".join((head, picture.after, picture.before))


async def take_camera(socket: WebSocket, session: Session) -> None:
    """Play what a browser's camera sends: the age in milliseconds as a float32, then a JPEG; each is answered."""
    loop, over = asyncio.get_running_loop(), asyncio.Event()
    rate = _rate(socket.query_params.get("fps", ""))
    camera = BrowserCamera(rate, _Waker(loop, over))
    try:
        await socket.accept()
        await asyncio.to_thread(session.play_browser, camera)
        async with asyncio.TaskGroup() as tasks:
            receiving = tasks.create_task(_receive(socket, camera))
            await over.wait()
            receiving.cancel()
            await socket.close(4000, "another source plays")
    except* (WebSocketDisconnect, RuntimeError, InputError, KeyError):
        pass
    finally:
        camera.hang_up()


async def _receive(socket: WebSocket, camera: BrowserCamera) -> None:
    while True:
        data = await socket.receive_bytes()
        if not 4 < len(data) <= LARGEST:
            raise InputError("no picture")
        (age,) = struct.unpack_from("<f", data)
        camera.put(data[4:], age / 1000 if age == age else 0.0)
        await socket.send_text("")


def _rate(text: str) -> float | None:
    try:
        rate = float(text)
    except ValueError:
        return None
    return rate if 1 <= rate <= 240 else None
