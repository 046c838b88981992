"""What the Files page asks for: facts and frames of files, previews, and the queue of what is processed."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import cast, get_args

import numpy as np
from numpy.typing import NDArray
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route

from gancam.errors import GancamError, InputError, NotFound
from gancam.frame import Image
from gancam.jobs.spec import EffectChainSpec, LoadedChain
from gancam.masks import MaskFile
from gancam.masks.mask import SAME_ASPECT
from gancam.media.paths import READ_IMAGES
from gancam.pipeline import through
from gancam.sinks.newest import as_jpeg
from gancam.studio.archive import zipped
from gancam.studio.following import Choice, FollowPlan
from gancam.studio.jobs import Job, JobQueue
from gancam.studio.media import MediaFacts, facts, frame_at, strip
from gancam.studio.messages import Message, answered, message_of, seconds_of
from gancam.studio.session import Session
from gancam.studio.storage import Storage
from gancam.tools.verify import verify
from gancam.vision.pad import Stroke

_QUALITY = 88  # of JPEGs
_SAID = (("the same command with --resume", "Try again"), ("--resume", "Try again"), ("the same command", "Try again"))
_CODECS = ("", "h264", "h265", "vp9", "av1", "prores", "ffv1", "gif", "apng", "webp")


class Previews:
    """Makes single frames with the effects of a chain, which are loaded once."""

    def __init__(self) -> None:
        self._turn = asyncio.Lock()  # which, unlike a lock of threads, holds no thread while one waits for it
        self._loaded: tuple[EffectChainSpec, LoadedChain] | None = None

    async def make(
        self, chain: EffectChainSpec, image: Image, time: float, gone: Callable[[], Awaitable[bool]]
    ) -> Image:
        """Take `image` through `chain`, without frames before it, when it is its turn.

        Raises:
            GancamError: What the effects raise; and when who asked is `gone` by then.
        """
        async with self._turn:
            if await gone():
                raise InputError("nobody waits for this preview any more")
            return await asyncio.to_thread(self._make, chain, image, time)

    def _make(self, chain: EffectChainSpec, image: Image, time: float) -> Image:
        if self._loaded is None or str(self._loaded[0]) != str(chain):
            self.close()
            self._loaded = chain, LoadedChain(chain)
        return through(image, self._loaded[1].fresh(), time=time)

    def close(self) -> None:
        """Close the effects that were loaded last; others are loaded where more is asked for."""
        loaded, self._loaded = self._loaded, None
        for slot in loaded[1].effects if loaded is not None else []:
            with suppress(GancamError):  # of what is seen no more
                slot.close()


class JobsApi:
    """The requests of the Files page.

    Args:
        session: Whose effects files are taken through.
        storage: Where they are.
        queue: What processes them.
    """

    def __init__(self, session: Session, storage: Storage, queue: JobQueue) -> None:
        self._session, self._storage, self._queue = session, storage, queue
        self._previews = Previews()

    def close(self) -> None:
        """Close what previews were made with."""
        self._previews.close()

    def routes(self) -> list[Route]:
        """List what is answered."""
        table = [
            ("GET", "/api/media/{reference:path}", self.facts), ("GET", "/api/frames/{reference:path}", self.frame),
            ("GET", "/api/previews/{reference:path}", self.preview),
            ("GET", "/api/strips/{reference:path}", self.strip), ("GET", "/api/jobs", self.jobs),
            ("GET", "/api/results", self.results),
            ("POST", "/api/jobs", self.add), ("POST", "/api/jobs/check", self.check),
            ("POST", "/api/jobs/{number}/{act}", self.act),
            ("DELETE", "/api/jobs/{number}", self.remove), ("GET", "/api/jobs/{number}/verify", self.verify),
        ]  # fmt: skip
        hide = self._storage.hide_paths
        return [Route(path, answered(handler, hide), methods=[method]) for method, path, handler in table]

    async def facts(self, request: Request) -> Response:
        """Tell what is in a file."""
        found = await asyncio.to_thread(lambda: facts(self._file(request)))
        return JSONResponse(found.to_json())

    async def frame(self, request: Request) -> Response:
        """Give the frame at ``?at=SECONDS``."""
        at = seconds_of(request)
        return await asyncio.to_thread(lambda: _jpeg(frame_at(self._file(request), at)))

    async def preview(self, request: Request) -> Response:
        """Give that frame as the effects make it."""
        at, chain = seconds_of(request), self._chain()
        image = await asyncio.to_thread(lambda: frame_at(self._file(request), at))
        await request.body()  # there is none; but what the server says next is that the page is gone
        return await asyncio.to_thread(_jpeg, await self._previews.make(chain, image, at, request.is_disconnected))

    async def strip(self, request: Request) -> Response:
        """Give thumbnails side by side, ``?count=`` of them."""
        text = request.query_params.get("count", "12")
        count = int(text) if text.isdecimal() and len(text) < 5 else 12
        return await asyncio.to_thread(lambda: _jpeg(strip(self._file(request), count)))

    async def jobs(self, request: Request) -> Response:
        """List the queue."""
        found = await asyncio.to_thread(lambda: [self._described(job) for job in self._queue.jobs()])
        return JSONResponse({"jobs": found})

    async def add(self, request: Request) -> Response:
        """Process ``{"reference", "start", "end", "codec", "quality"}`` with the effects of the Live page.

        ``"follow"`` says of what is drawn on this video whether it is followed: on, off, or auto, where it moves;
        ``"trial"`` puts it before all others.
        """
        message = await message_of(request)
        trial = "trial" in message.values and message.flag("trial")
        order = await asyncio.to_thread(self._order, message.text("reference"), message)
        add = partial(self._queue.add, order.path, order.options, order.frames, plan=order.plan, trial=trial)
        return JSONResponse(await asyncio.to_thread(self._described, await asyncio.to_thread(add)))

    async def check(self, request: Request) -> Response:
        """Tell which of ``{"references"}`` cannot be processed with the effects of the Live page, and why."""
        message = await message_of(request)

        def refused(reference: str) -> dict[str, str] | None:
            try:
                self._order(reference, Message({"follow": "off"}))  # no plan is kept for what is asked alone
            except GancamError as error:
                return {"reference": reference, "error": self._storage.hide_paths(str(error))}
            return None

        found = await asyncio.to_thread(lambda: [refused(one) for one in message.texts("references")])
        return JSONResponse({"refused": [one for one in found if one is not None]})

    def _order(self, reference: str, message: Message) -> "_Order":
        """Make of a request what the queue takes. Raises ``GancamError`` for what could not be processed."""
        path = self._storage.resolve(reference)
        known = facts(path)
        options, frames = _options(message, known)
        follow = _choice(message.text("follow", "auto"))
        plan: FollowPlan | None = None

        def keep(strokes: Sequence[Stroke]) -> Path:
            nonlocal plan
            check_shape(strokes[0].mask, known.size)
            here = [one if one.scene.path == str(path) else one._replace(time=None) for one in strokes]
            if known.kind != "video" or follow == "off" or all(one.time is None for one in here):
                return self._session.keep_still(strokes)
            span = message.number("start", 0.0, 1e6, 0.0), message.number("end", 0.0, 1e6, 0.0)
            plan = self._storage.keep_plan(path, here, follow, span)
            return plan.track

        specs = self._session.for_files(keep)
        for spec in specs:
            given = spec.params.get("mask", "")
            if given and Path(given).suffix.lower() in READ_IMAGES:
                MaskFile(given)(np.zeros((known.size[1], known.size[0], 3), np.uint8))  # refuses another shape
        effects = [part for spec in specs for part in ("-e", str(spec))]
        return _Order(path, [*effects, *options], frames, plan)

    async def act(self, request: Request) -> Response:
        """Pause or resume a job."""
        acts = {"pause": self._queue.pause, "resume": self._queue.resume}
        act = acts.get(request.path_params["act"])
        if act is None:
            raise InputError("a job can be paused and resumed")
        await asyncio.to_thread(act, request.path_params["number"])
        return await self.jobs(request)

    async def remove(self, request: Request) -> Response:
        """Forget a job; what it made is deleted unless it is done."""
        await asyncio.to_thread(self._queue.remove, request.path_params["number"])
        return await self.jobs(request)

    async def results(self, request: Request) -> Response:
        """Give what all jobs that are done made, in one ZIP archive."""
        done = [job for job in self._queue.jobs() if job.state == "done" and not job.trial]
        made = [Path(job.target) for job in done if job.target]
        found = await asyncio.to_thread(lambda: [path for path in made if path.is_file()])
        if not found:
            raise NotFound("there is no result to download")
        named = {"Content-Disposition": 'attachment; filename="gancam-results.zip"'}
        return StreamingResponse(zipped(found), media_type="application/zip", headers=named)

    async def verify(self, request: Request) -> Response:
        """Tell what the new file kept of the old one."""
        job = self._queue.job(request.path_params["number"])
        if job.state != "done":
            raise InputError("the job is not done")
        start, end = (job.moment(option) for option in ("--from", "--to"))
        found = await asyncio.to_thread(verify, Path(job.source), Path(job.target), start=start, end=end)
        return JSONResponse({"differences": [one.to_dict() for one in found]})

    def _file(self, request: Request) -> Path:
        path = self._storage.resolve(request.path_params["reference"])
        if not path.is_file():
            raise InputError("not a file")
        return path

    def _chain(self) -> EffectChainSpec:
        return EffectChainSpec(tuple(self._session.for_files()))

    def _described(self, job: Job) -> dict[str, object]:
        def hide(text: str) -> str:  # the folder of the job's result, too
            for command, button in _SAID:
                text = text.replace(command, button)
            return self._storage.hide_paths(text).replace(f".{job.number}/", "").replace(f"{job.number}/", "")

        told = {key: value for key, value in asdict(job).items() if key != "plan"}
        name = self._storage.reference_or_nothing
        told |= {"name": Path(job.source).name, "source": name(job.source), "target": name(job.target)}
        told |= {"error": hide(job.error), "notes": [hide(note) for note in job.notes]}
        return {**told, "options": [hide(option) for option in job.options]}


@dataclass(frozen=True, slots=True)
class _Order:
    """What the queue is asked for."""

    path: Path
    options: list[str]
    frames: int
    plan: FollowPlan | None


def check_shape(mask: NDArray[np.uint8], size: tuple[int, int]) -> None:
    """Refuse what was drawn for a picture of another shape, of `size` (width, height). Raises ``InputError``."""
    height, width = mask.shape
    if abs(width * size[1] / (height * size[0]) - 1) > SAME_ASPECT:
        raise InputError(
            f"is {size[0]}x{size[1]}, and what to erase was drawn on a picture of {width}x{height}, another shape: "
            "draw on this one, or turn that effect off"
        )


def _choice(text: str) -> Choice:
    for one in get_args(Choice):
        if one == text:
            return cast(Choice, one)
    raise InputError(f"follow {text[:20]!r}: there are {', '.join(get_args(Choice))}")


def _options(message: Message, known: MediaFacts) -> tuple[list[str], int]:
    """The options of ``gancam process`` that a request means, and how many frames there will be."""
    if known.kind == "image":
        return [], 1
    start = message.number("start", 0.0, 1e6, 0.0)
    end = message.number("end", 0.0, 1e6, 0.0)
    if end and end <= start:
        raise InputError("the range ends before it begins")
    codec = message.text("codec", "")
    if codec not in _CODECS:
        raise InputError(f"codec {codec[:20]!r}: there are {', '.join(_CODECS[1:])}")
    found = [*_option("--from", start and f"{start:.3f}s"), *_option("--to", end and f"{end:.3f}s")]
    found += [*_option("--codec", codec), *_option("--quality", f"{message.number('quality', 0, 100, 80):g}")]
    length = (min(end, known.seconds) if end else known.seconds) - start
    return found, max(round(length * known.fps), 1)


def _option(name: str, value: str | float) -> list[str]:
    return [name, str(value)] if value else []


def _jpeg(image: Image) -> Response:
    data = as_jpeg(image, _QUALITY)
    if data is None:
        raise InputError("the picture is larger than JPEG allows")
    return Response(data, media_type="image/jpeg")
