"""Work on files that outlives a crash: what it is made from, and a video through effects into another."""

import hashlib
import os
import shutil
import stat
import sys
import tempfile
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any, BinaryIO

import cv2
import numpy as np

from gancam import effects as effects_room
from gancam.control import Controls, Replay
from gancam.effects import Effect, EffectSpec
from gancam.errors import InputError, NotFound, OutputExists, SinkError, SourceError
from gancam.footage import IMAGES, Footage, MediaPath, SequencePath, StillPath, VideoPath, cause, classify
from gancam.frame import Frame, Image
from gancam.pipeline import Progress, Report, Switch, output_size, run, switches, through
from gancam.sinks import images
from gancam.sinks.images import ImageWriter, holds_alpha
from gancam.sinks.pieces import PieceWriter, pieces_of, so_far
from gancam.sinks.pipe import FORMATS, PipeWriter
from gancam.sinks.video import VideoWriter, check_codec, check_output, check_quality, keeps
from gancam.sources import ImageFiles, VideoFile, check_range, read_image

__all__ = [
    "Chain",
    "Recipe",
    "Task",
    "check",
    "check_image_output",
    "check_task",
    "job_of",
    "pieces_of",
    "process_image",
    "process_video",
    "so_far",
    "spooled",
    "write_image",
]
_SAMPLES, _BLOCK = 64, 65536  # of a file, for its identity


@dataclass(frozen=True, slots=True)
class Task:
    """How videos are to be processed; `first` and `end` in seconds of the input's clock."""

    codec: str | None = None
    encoder: str | None = None
    quality: float | None = None
    first: Fraction | None = None
    end: Fraction | None = None
    deinterlace: bool = False
    eight_bit: bool = False
    params: Path | None = None
    overwrite: bool = False
    resume: bool = False
    pipe: int | None = None  # a file descriptor to write to instead of a file, in the container `form`
    form: str | None = None
    fps: float | None = None  # of numbered images without times

    def __post_init__(self) -> None:
        check_range(self.first, self.end)


@dataclass(frozen=True, slots=True)
class Recipe:
    """Which effects, and how they run: what any process needs to have the same."""

    specs: tuple[EffectSpec, ...] = ()
    device: str = "auto"
    precision: str = "auto"
    threads: int | None = None

    def load(self, sound: Path | None = None) -> list[Effect]:
        """The effects; `sound` is the file that those hear which can and were given no other."""
        made = []
        for spec in self.specs:
            params: Mapping[str, Any] = spec.params
            made.append(
                effects_room.load(
                    spec.name, device=self.device, precision=self.precision, threads=self.threads, **params
                )
            )
        _listen(made, sound)
        return made


class Chain:
    """The effects of a recipe, loaded once for many files, each of which finds them as if just loaded."""

    def __init__(self, recipe: Recipe) -> None:
        self._effects = recipe.load()
        self._values = [
            {name: getattr(effect.params, name) for name in effect.params.declared()} for effect in self._effects
        ]

    def fresh(self, sound: Path | None = None) -> list[Effect]:
        """The effects without memory of an earlier file, their parameters as given; `sound` as in ``Recipe.load``."""
        for effect, values in zip(self._effects, self._values, strict=True):
            for name, value in values.items():
                setattr(effect.params, name, value)
            effect.reset()
        _listen(self._effects, sound)
        return self._effects


def _listen(effects: Sequence[Effect], sound: Path | None) -> None:
    for effect in effects:
        if sound is not None and getattr(effect.params, "audio", None) == "":
            setattr(effect.params, "audio", str(sound))  # noqa: B010 - not every effect has one


def process_video(
    path: str | os.PathLike[str],
    target: str | os.PathLike[str],
    effects: Sequence[Effect],
    task: Task,
    report: Report,
    *,
    tell: Callable[[str], None],
    progress: Progress | None = None,
    between: Sequence[Callable[[Frame], None]] = (),
) -> None:
    """`path` through `effects` into `target`, as `task` says; `report` is filled, and `tell` is called with each note
    that is known before the work starts. Raises what sources, effects and sinks raise."""
    path, target = classify(path), classify(target)
    chain = switches(effects)
    controls = Controls(chain)
    replay = None if task.params is None else Replay(task.params, controls)
    source, options = open_video(path, target, chain, task)
    with source:
        _check_writing(target, task)
        sink = _sink(path, target, effects, task, options)
        done = getattr(sink, "done", 0)
        notes = [*source.notes, *sink.notes]
        if done:
            notes.append(f"{target}: goes on after {done} frames")
        if done and remembers(effects, task):
            notes.append("effects that remember earlier frames see those again")
        else:
            source.skip(done)
        for note in notes:
            tell(note)
        turns: list[Callable[[Frame], None]] = [*([] if replay is None else [replay]), controls, *between]
        turns += reads_ahead(path, effects, task, tell)
        with ExitStack() as over:
            for effect in effects:
                over.callback(getattr(effect, "close", list))
            run(source, chain, [sink], between=turns, progress=progress, report=report)
    report.notes = [note for note in report.notes if note not in notes]
    if replay is not None and replay.left:
        report.notes.append(f"{task.params}: its last {replay.left} changes come after the end of {path}")


def _refuse_drawing(effects: Sequence[Effect] | Sequence[Switch]) -> None:
    for effect in effects:
        if getattr(effect.params, "draw", False):
            name = getattr(effect.card, "name", "effect")
            raise InputError(f"{name}: draw needs the window of `gancam live`; save=FILE keeps its masks")


def remembers(effects: Sequence[Effect], task: Task) -> bool:
    """Whether a frame cannot be made without those before it."""
    return task.params is not None or any(getattr(effect, "remembers", True) for effect in effects)


def reads_ahead(
    path: str | os.PathLike[str], effects: Sequence[Effect], task: Task, tell: Callable[[str], None]
) -> list[Callable[[Frame], None]]:
    """What must be called with each frame so that a first effect sees the video ahead that wants to."""
    media = classify(path)
    return [_ReadAhead(media, one.read_ahead, task, tell) for one in effects[:1] if hasattr(one, "read_ahead")]


def _sink(
    path: MediaPath, target: MediaPath, effects: Sequence[Effect], task: Task, options: dict[str, Any]
) -> VideoWriter | ImageWriter:
    sound = None if isinstance(path, SequencePath) else path
    if task.pipe is not None:
        return PipeWriter(task.pipe, task.form or "matroska", audio_from=sound, **options)
    more: dict[str, Any] = {"overwrite": task.overwrite, "job": job_of(path, effects, task), "resume": task.resume}
    if isinstance(target, SequencePath):
        unused = ("codec", "encoder", "untouched")
        rest = {name: value for name, value in options.items() if name not in unused}
        return ImageWriter(target, audio_from=sound, **more, **rest)
    return PieceWriter(target, audio_from=sound, **more, **options)


def check(path: MediaPath | None, target: MediaPath, task: Task) -> None:
    """Find what is wrong with names and options before anything is opened: all of it `process_video` and
    `process_image` would find too, later. `path` is None for what comes from stdin.

    Raises ``InputError``, ``NotFound``, ``SourceError``, ``SinkError`` and ``OutputExists``.
    """
    check_task(task)
    source = VideoPath(Path("stdin")) if path is None else path
    if isinstance(source, SequencePath) or isinstance(target, SequencePath):
        _check_reading(source, task)
    else:
        if task.params is not None and isinstance(source, StillPath):
            raise InputError(f"--params {task.params}: is for videos, an image has no time")
        _refuse_mixture(source, target)
        if isinstance(source, VideoPath):
            _check_reading(source, task)
    if path is not None:
        _check_there(path)
    _check_writing(target, task)
    if task.pipe is not None:
        return
    if isinstance(target, SequencePath):
        images.check_output(target, overwrite=task.overwrite)
    elif isinstance(target, StillPath):
        check_image_output(target.path, overwrite=task.overwrite, source=source.path)
    else:
        check_output(target.path, sources=[source.path], overwrite=task.overwrite)


def check_task(task: Task) -> None:
    """Find options that make no sense, whatever the input. Raises ``InputError`` and ``NotFound``."""
    check_quality(task.quality)
    if task.fps is not None and not 0 < task.fps <= 1000:
        raise InputError(f"fps is {task.fps}: needs more than 0 and at most 1000")
    if task.params is not None and not task.params.exists():
        raise NotFound(f"{task.params}: no such file")


def check_image_output(path: Path, *, overwrite: bool, source: Path | None = None) -> None:
    """Find what is in the way of an image `path` made of `source`. Raises ``SinkError`` and ``OutputExists``."""
    folder = path.absolute().parent
    if not folder.is_dir():
        raise SinkError(f"{path}: there is no folder {folder}")
    if not os.path.exists(path):
        return
    if source is not None and os.path.exists(source) and path.samefile(source):
        raise SinkError(f"{path}: is the input itself; give another name")
    if path.is_dir():
        raise SinkError(f"{path}: is a folder")
    if not overwrite:
        raise OutputExists(f"{path}: exists; give another name, or --overwrite")


def _check_there(path: MediaPath) -> None:
    if isinstance(path, SequencePath):
        if not path.images():
            raise NotFound(f"{path}: there is no such image")
    elif not os.path.exists(path):
        raise NotFound(f"{path}: no such file")
    elif os.path.isdir(path):
        raise SourceError(f"{path}: a folder, not a video file")


def _check_reading(path: MediaPath, task: Task) -> None:
    if isinstance(path, SequencePath):
        if task.deinterlace:
            raise InputError(f"{path}: images are not deinterlaced")
    elif task.fps is not None:
        raise InputError(f"--fps is for numbered images, and {path} has times of its own")


def _check_writing(target: MediaPath, task: Task) -> None:
    if task.pipe is not None:
        if task.resume:
            raise InputError("--resume needs an output that is a file: what went to stdout is gone")
    elif isinstance(target, SequencePath):
        if task.codec is not None or task.encoder is not None:
            raise InputError(f"{target}: images have no codec; their ending says what they are")
    elif isinstance(target, VideoPath):
        check_codec(target, task.codec, task.encoder)


@contextmanager
def spooled(pipe: BinaryIO) -> Iterator[Path]:
    """A file with all that comes from `pipe`, which goes when the context ends; the file itself where `pipe` is one.

    A video is read several times, its sound beside its picture, and its end may be needed first. Raises
    ``SourceError``.
    """
    if sys.platform == "linux" and stat.S_ISREG(os.fstat(pipe.fileno()).st_mode):
        path = Path(os.path.realpath(f"/proc/self/fd/{pipe.fileno()}"))
        if path.exists():
            yield path
            return
    with tempfile.TemporaryDirectory(prefix="gancam-") as folder:
        path = Path(folder) / "stdin"
        try:
            with path.open("wb") as file:
                shutil.copyfileobj(pipe, file, 1 << 20)
        except OSError as error:
            room = f"cannot be kept in {tempfile.gettempdir()} ({cause(error)}); TMPDIR names another folder"
            raise SourceError(f"stdin: {room}") from error
        yield path


class _ReadAhead:
    """Shows an effect the whole of a video before the first frame is played."""

    def __init__(self, path: MediaPath, show: Callable[..., None], task: Task, tell: Callable[[str], None]) -> None:
        self._path, self._show, self._task, self._tell = path, show, task, tell
        self._due, self._told = True, False
        self._open: list[Generator[Frame, None, None]] = []

    def __call__(self, frame: Frame) -> None:
        if self._due:
            self._due = False
            try:
                self._show(self._frames, whole=self._task.first is None and self._task.end is None)
            except BaseException:  # whoever keeps the error keeps what was read to its half, with a decoder's thread
                for frames in self._open:
                    frames.close()
                raise
            finally:
                self._open.clear()

    def _frames(self) -> Generator[Frame, None, None]:
        self._open.append(frames := self._read())
        return frames

    def _read(self) -> Generator[Frame, None, None]:
        if not self._told:
            self._tell(f"{self._path}: is read ahead")
            self._told = True
        task = self._task
        with _source(self._path, task) as source:
            yield from source


def _source(path: MediaPath, task: Task) -> VideoFile | ImageFiles:
    _check_reading(path, task)
    if isinstance(path, SequencePath):
        return ImageFiles(path, fps=task.fps or 25.0, first=task.first, end=task.end)
    return VideoFile(path, deinterlace=task.deinterlace, first=task.first, end=task.end)


def open_video(
    path: str | os.PathLike[str], target: str | os.PathLike[str], chain: Sequence[Switch], task: Task
) -> tuple[VideoFile | ImageFiles, dict[str, Any]]:
    """The source, and what its sink needs to know of it and of `task`. Raises what sources raise."""
    _refuse_drawing(chain)
    source = _source(classify(path), task)
    try:
        lowered = task.eight_bit and source.footage.depth > 8
        untouched = not chain and not lowered
        place = target if task.pipe is None else f"stdout{FORMATS.get(task.form or '', '.mkv')}"
        untouched = untouched and keeps(place, source.footage, codec=task.codec, encoder=task.encoder)
        untouched = untouched and source.keep_decoded()
        if not untouched:
            _refuse_depth(path, source.footage, task.eight_bit)
        return source, {
            "fps": source.fps, "size": output_size(chain, source.size), "like": source.footage, "codec": task.codec,
            "encoder": task.encoder, "untouched": untouched, "quality": task.quality, "part": (task.first, task.end),
        }  # fmt: skip
    except BaseException:
        source.close()
        raise


def process_image(
    path: str | os.PathLike[str],
    target: str | os.PathLike[str],
    effects: Sequence[Effect],
    *,
    overwrite: bool = False,
    tell: Callable[[str], None] = lambda note: None,
) -> None:
    """The image `path` through `effects` into the image `target`, with its opacity; what is lost is told. Raises what
    sources and effects raise, ``SinkError`` and ``OutputExists``."""
    _refuse_mixture(classify(path), classify(target))
    path, target = Path(path), Path(target)
    check_image_output(target, overwrite=overwrite, source=path)
    _refuse_drawing(effects)
    image, alpha = read_image(path)
    if alpha is not None and not holds_alpha(target):
        tell(f"{path}: its transparency is left out: {target.suffix} holds none, .png does")
        alpha = None
    made = Frame(image, 0, 0.0, alpha=alpha).with_image(through(image, effects))
    whole = made.image if made.alpha is None else np.dstack([made.image, made.alpha])
    write_image(target, whole, overwrite=overwrite)


def _refuse_mixture(path: MediaPath, target: MediaPath) -> None:
    """An image becomes an image, and nothing else does."""
    if isinstance(target, VideoPath) and not isinstance(path, VideoPath):
        raise InputError(f"{path} is an image, so the output must be one too ({', '.join(IMAGES)}), not {target}")
    if isinstance(path, VideoPath) and not isinstance(target, VideoPath):
        raise InputError(f"{target} is an image, so the input must be one too ({', '.join(IMAGES)}), not {path}")


def write_image(path: Path, image: Image, *, overwrite: bool) -> None:
    """Write beside and rename. Raises ``OutputExists`` and ``SinkError``."""
    try:
        done, data = cv2.imencode(path.suffix, image)
    except cv2.error as error:
        raise SinkError(f"{path}: OpenCV cannot encode {image.shape[1]}x{image.shape[0]} as {path.suffix}") from error
    if not done:
        raise SinkError(f"{path}: this OpenCV cannot write {path.suffix}")
    write_file(path, data.tobytes(), overwrite=overwrite)


def write_file(path: Path, data: bytes, *, overwrite: bool) -> None:
    """Write beside and rename. Raises ``OutputExists`` and ``SinkError``."""
    if path.exists() and not overwrite:
        raise OutputExists(f"{path}: exists; give another name, or --overwrite")
    partial = path.with_name(f".{path.stem}.partial{path.suffix}")
    try:
        partial.write_bytes(data)
        partial.replace(path)
    except OSError as error:
        partial.unlink(missing_ok=True)
        raise SinkError(f"{path}: cannot be written ({error.strerror or error})") from error


def _refuse_depth(path: str | os.PathLike[str], footage: Footage, accepted: bool) -> None:
    if footage.depth > 8 and not accepted:
        what = f"{footage.depth}-bit HDR ({footage.hdr})" if footage.hdr else f"{footage.depth}-bit video"
        cure = "tone-map it to 8-bit SDR first" if footage.hdr else "nothing else is lost"
        raise InputError(f"{path}: is {what} and gancam works with 8 bits: give --eight-bit to take it so; {cure}")


def job_of(path: str | os.PathLike[str], effects: Sequence[Effect], task: Task | None) -> Mapping[str, Any]:
    """What decides how the frames look, for a manifest; without `task` of an image."""
    job = {"input": identity(path), "effects": [_described(effect) for effect in effects]}
    if task is None:
        return job
    return job | {
        "from": None if task.first is None else str(task.first),
        "to": None if task.end is None else str(task.end),
        "deinterlace": task.deinterlace,
        "params": None if task.params is None else _hash(task.params),
    }


def identity(path: str | os.PathLike[str]) -> str:
    """Of a file that may be huge: its size and a hash of blocks from all over it; of numbered images the same."""
    media = classify(path)
    if isinstance(media, SequencePath):
        files = [file for _, file in media.images()]
        told = "".join(f"{file.name} {file.stat().st_size}\n" for file in files)
        told += "".join(_hash(file) for file in files[:: max(len(files) // _SAMPLES, 1)])
        return f"{len(files)} images, {hashlib.sha256(told.encode()).hexdigest()[:32]}"
    size = media.path.stat().st_size
    digest = hashlib.sha256(str(size).encode())
    with media.path.open("rb") as file:
        for place in range(_SAMPLES):
            file.seek(max(size - _BLOCK, 0) * place // (_SAMPLES - 1))
            digest.update(file.read(_BLOCK))
    return f"{size} bytes, {digest.hexdigest()[:32]}"


def _described(effect: Effect) -> dict[str, Any]:
    model = getattr(effect, "model", None)
    values = {name: getattr(effect.params, name) for name in effect.params.declared()}
    texts = {name: value for name, value in values.items() if isinstance(value, str)}
    files = {name: identity(Path(text)) for name, text in texts.items() if text and os.path.isfile(text)}
    return {
        "name": effect.card.name,
        "model": None if model is None else _hash(Path(model.path)),
        "device": None if model is None else model.device,
        "params": {name: files.get(name, value) for name, value in values.items()},
    }


def _hash(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
