"""What the Files page asks for: facts and frames of files, previews, and the queue of what is processed."""

import asyncio
import os
from collections.abc import Awaitable, Callable, Iterable, Iterator
from contextlib import closing, suppress
from dataclasses import asdict, dataclass
from fractions import Fraction
from itertools import islice
from pathlib import Path

import av
import cv2
import numpy as np
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route

from gancam.errors import GancamError, InputError, NotFound, SourceError
from gancam.frame import Image
from gancam.jobs.spec import EffectChainSpec, LoadedChain
from gancam.media.images import read_image
from gancam.media.messages import cause
from gancam.media.paths import StillPath, classify
from gancam.media.played import Played
from gancam.media.streams import decode_on_threads, picture_of
from gancam.pipeline import through
from gancam.sinks.newest import as_jpeg
from gancam.sources import VideoFile
from gancam.studio.archive import zipped
from gancam.studio.jobs import Job, JobQueue
from gancam.studio.messages import Message, answered, message_of
from gancam.studio.session import Session
from gancam.studio.storage import Storage
from gancam.tools.verify import verify

_HEIGHT = 72  # of a strip's thumbnails
_MOST = 40  # thumbnails of a strip
_DECODED = 30  # frames for one of them, at most
_QUALITY = 88  # of JPEGs
_CODECS = ("", "h264", "h265", "vp9", "av1", "prores", "ffv1", "gif", "apng", "webp")


@dataclass(frozen=True, slots=True)
class MediaFacts:
    """What a page tells of a file.

    Attributes:
        kind: image or video.
        size: (width, height) as displayed.
        fps: Frames a second; 0 for an image.
        frames: How many there are, about; 1 for an image.
    """

    kind: str
    size: tuple[int, int]
    fps: float
    frames: int

    @property
    def seconds(self) -> float:
        """How long it is."""
        return self.frames / self.fps if self.fps else 0.0

    def to_json(self) -> dict[str, object]:
        """Give it ready for ``json.dumps``."""
        return {"kind": self.kind, "size": self.size, "fps": self.fps, "frames": self.frames, "seconds": self.seconds}


def facts(path: Path) -> MediaFacts:
    """Look into a file. Raises ``SourceError`` for what is neither a video nor an image."""
    if isinstance(classify(path), StillPath):
        image = read_image(path)[0]
        return MediaFacts("image", (image.shape[1], image.shape[0]), 0.0, 1)
    with VideoFile(path) as video:
        return MediaFacts("video", video.size, video.fps, video.frames or 1)


def frame_at(path: Path, seconds: float) -> Image:
    """Give the frame of a video that is shown at a time, or the last; of an image, that.

    Raises ``SourceError`` and ``InputError``.
    """
    if isinstance(classify(path), StillPath):
        return read_image(path)[0]
    try:
        return _first(path, seconds)
    except InputError:  # after the last
        known = facts(path)
        return _first(path, max(known.seconds - 2 / (known.fps or 25), 0.0))


def _first(path: Path, seconds: float) -> Image:
    with VideoFile(path, first=Fraction(seconds).limit_denominator(90_000)) as video:
        video.tone_map()
        for frame in video:
            return frame.image
    raise SourceError(f"{path.name}: holds no picture")


def strip(path: Path, count: int) -> Image:
    """Put `count` thumbnails of a video side by side, about evenly in time. Raises ``SourceError``."""
    count = min(max(count, 1), _MOST)
    if isinstance(classify(path), StillPath):
        return np.hstack([_thumbnail(read_image(path)[0])])
    made = list(_thumbnails(path, count))
    if not made:
        raise SourceError(f"{path.name}: holds no picture")
    width = min(image.shape[1] for image in made)
    return np.ascontiguousarray(np.hstack([image[:, :width] for image in made]))


def _thumbnails(path: Path, count: int) -> Iterator[Image]:
    try:
        with closing(av.open(os.path.abspath(path), metadata_errors="replace")) as container:
            stream = picture_of(container)
            if stream is None:
                return
            decode_on_threads(stream)
            first, length = stream.start_time or 0, stream.duration
            if length is None:
                length = int((container.duration or 0) / 1e6 / (stream.time_base or Fraction(1)))
            played: Played | None = None
            for place in range(count):
                wanted = first + length * place // count
                container.seek(wanted, stream=stream)
                frame = _next_to(container.decode(stream), wanted)
                if frame is not None:
                    played = played or Played.of(stream, frame)
                    yield _thumbnail(played(frame))
    except (av.FFmpegError, ValueError, OSError) as error:
        raise SourceError(f"{path.name}: {cause(error)}") from error


def _next_to(frames: Iterable[av.VideoFrame], wanted: int) -> av.VideoFrame | None:
    """The frame at a time stamp, or one that is not much earlier: key frames may be far apart."""
    found = None
    for found in islice(frames, _DECODED):
        if found.pts is not None and found.pts >= wanted:
            break
    return found


def _thumbnail(image: Image) -> Image:
    size = max(round(image.shape[1] * _HEIGHT / image.shape[0]), 1), _HEIGHT
    return np.asarray(cv2.resize(image, size, interpolation=cv2.INTER_AREA), np.uint8)


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
            ("POST", "/api/jobs", self.add), ("POST", "/api/jobs/{number}/{act}", self.act),
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
        """Process ``{"reference", "first", "end", "codec", "quality"}`` with the effects of the Live page."""
        message = await message_of(request)
        path = await asyncio.to_thread(self._storage.resolve, message.text("reference"))
        known = await asyncio.to_thread(facts, path)
        options, frames = _options(message, known)
        effects = [part for spec in self._chain().specs for part in ("-e", str(spec))]
        job = await asyncio.to_thread(self._queue.add, path, [*effects, *options], frames)
        return JSONResponse(await asyncio.to_thread(self._described, job))

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
        made = [Path(job.target) for job in self._queue.jobs() if job.state == "done" and job.target]
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
        first, end = (job.moment(option) for option in ("--from", "--to"))
        found = await asyncio.to_thread(verify, Path(job.source), Path(job.target), first=first, end=end)
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
            return self._storage.hide_paths(text).replace(f"{job.number}/", "")

        told = {**asdict(job), "name": Path(job.source).name, "source": self._named(job.source)}
        told |= {"error": hide(job.error), "notes": [hide(note) for note in job.notes]}
        return {**told, "target": self._named(job.target), "options": [hide(option) for option in job.options]}

    def _named(self, path: str) -> str:
        try:
            return self._storage.reference(Path(path)) if path else ""
        except GancamError:
            return ""


def _options(message: Message, known: MediaFacts) -> tuple[list[str], int]:
    """The options of ``gancam process`` that a request means, and how many frames there will be."""
    if known.kind == "image":
        return [], 1
    first = message.number("first", 0.0, 1e6, 0.0)
    end = message.number("end", 0.0, 1e6, 0.0)
    if end and end <= first:
        raise InputError("the range ends before it begins")
    codec = message.text("codec", "")
    if codec not in _CODECS:
        raise InputError(f"codec {codec[:20]!r}: there are {', '.join(_CODECS[1:])}")
    found = [*_option("--from", first and f"{first:.3f}s"), *_option("--to", end and f"{end:.3f}s")]
    found += [*_option("--codec", codec), *_option("--quality", f"{message.number('quality', 0, 100, 80):g}")]
    length = (min(end, known.seconds) if end else known.seconds) - first
    return found, max(round(length * known.fps), 1)


def _option(name: str, value: str | float) -> list[str]:
    return [name, str(value)] if value else []


def seconds_of(request: Request) -> float:
    """Read ``?at=SECONDS`` of an address. Raises ``InputError``."""
    try:
        at = float(request.query_params.get("at", "0"))
    except ValueError:
        at = -1.0
    if not 0 <= at <= 1e6:
        raise InputError("at: needs seconds")
    return at


def _jpeg(image: Image) -> Response:
    data = as_jpeg(image, _QUALITY)
    if data is None:
        raise InputError("the picture is larger than JPEG allows")
    return Response(data, media_type="image/jpeg")
