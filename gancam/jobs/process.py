"""Take one video or image through effects into a new file."""

import os
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from contextlib import ExitStack, suppress
from dataclasses import replace
from itertools import combinations
from pathlib import Path
from typing import TypeAlias

from gancam.control import Controls, Replay
from gancam.effects import Effect, EffectLike, EffectSlot, playing, slots
from gancam.errors import GancamError, ParameterError
from gancam.files import check_target
from gancam.frame import Frame
from gancam.jobs.checks import (
    check_reading,
    check_writing,
    classify_input,
    late_searches,
    refuse_drawing,
    refuse_mixture,
    refuse_noop,
)
from gancam.jobs.first_frame import know_size, size_and_frames
from gancam.jobs.identity import job_of
from gancam.jobs.spec import ProcessOptions
from gancam.media.animated import is_webp
from gancam.media.images import Picture, check_size, holds_alpha, holds_many, read_pictures, write_pictures
from gancam.media.info import VideoInfo
from gancam.media.paths import MediaPath, SequencePath, VideoPath, classify
from gancam.params import Parameter, Value
from gancam.pipeline import FrameCallback, Progress, Report, frame_through, output_size, run
from gancam.sinks import Sink
from gancam.sinks.images import ImageWriter
from gancam.sinks.images import check_output as check_images
from gancam.sinks.pieces import PieceWriter
from gancam.sinks.pipe import FORMATS, PipeWriter
from gancam.sinks.video import CONTAINERS, VideoOptions, keeps
from gancam.sources import AnimatedImage, ImageFiles, VideoFile
from gancam.units import counted

FileSource: TypeAlias = VideoFile | ImageFiles | AnimatedImage
_USUAL = ProcessOptions()


def process_video(
    path: str | os.PathLike[str],
    target: str | os.PathLike[str],
    effects: Sequence[EffectLike],
    options: ProcessOptions,
    report: Report,
    *,
    notify: Callable[[str], None],
    progress: Progress | None = None,
    on_frame: Sequence[FrameCallback] = (),
    job: Mapping[str, object] | None = None,
) -> None:
    """Take a video, or numbered images, through effects into a new file.

    Args:
        path: A video, or a pattern such as ``frame-%06d.png``.
        target: The file, or pattern, to write.
        effects: Applied in this order; closed at the end.
        options: How the video is processed.
        report: Filled in place, so that it is there after an exception too.
        notify: Called with each note that is known before the first frame.
        progress: Called after each frame.
        on_frame: Called with each frame before its effects.
        job: What ``gancam.jobs.identity.job_of`` says of it, where that is known.

    Raises:
        GancamError: What sources, effects and sinks raise.
    """
    path, target = classify(path), classify(target)
    chain = slots(effects)
    controls = Controls(chain)
    replay = None if options.params is None else Replay(options.params, controls)
    turns: list[FrameCallback] = [*([] if replay is None else [replay]), controls, *on_frame]
    turns += reads_ahead(path, chain, options, notify)
    source, frames, video_options = open_video(path, target, chain, options, turns)
    with source:
        check_writing(target, options)
        sink = _sink(path, target, chain, options, video_options, job)
        done = sink.frames_done
        old = done if remembers(chain, options) else 0  # else effects see nothing of the frames of an earlier run
        notes = [*source.notes, *sink.notes, *late_searches(chain)]
        notes += [f"{target}: continues after {counted(done, 'frame')}"] if done else []
        notes += [f"{_remembering(chain, options)} earlier frames, so those are shown again"] if old else []
        source.skip(done - old)
        for note in notes:
            notify(note)
        with ExitStack() as over:
            for effect in chain:
                over.callback(effect.close)
            try:
                run(source, chain, [sink], frames=frames, on_frame=turns, progress=progress, report=report, skimmed=old)
            except BaseException:
                for effect in chain if options.pipe is None else ():  # what went to a pipe is not made again
                    effect.discard()
                raise
    if report.promised is not None:
        report.promised -= done - old  # those that an earlier run made are not in `report.frames`
    missing = detection_notes(chain) if old == done else []
    report.notes = [note for note in report.notes if note not in notes and note not in missing]
    report.notes += [*(f"{path.path.name}: {note}" for note in missing), *late_changes(path, options, replay)]


def late_changes(path: str | os.PathLike[str], options: ProcessOptions, replay: Replay | None) -> list[str]:
    """List what recorded changes of parameters the video `path`, which was played to its end, was too short for."""
    if replay is None or not replay.left:
        return []
    come = "comes" if replay.left == 1 else "come"
    return [f"{options.params}: its last {counted(replay.left, 'change')} of parameters {come} after the end of {path}"]


def detection_notes(effects: Sequence[Effect]) -> list[str]:
    """List the notes of effects that detected nothing, or little, in the frames so far."""
    return [effect.detection_note for effect in effects if effect.detection_note]


def veils(effects: Sequence[Effect]) -> bool:
    """Tell whether what effects make has opacity."""
    return any(effect.opacity is not None for effect in effects)


def remembers(effects: Sequence[Effect], options: ProcessOptions) -> bool:
    """Tell whether a frame cannot be made without those before it."""
    return options.params is not None or any(effect.remembers for effect in effects)


def is_divisible(effects: Sequence[Effect], options: ProcessOptions) -> bool:
    """Tell whether several workers may share a file: what a frame needs of those before it is quickly had."""
    if not remembers(effects, options):
        return True
    return options.params is None and effects[0].can_skim and not any(effect.remembers for effect in effects[1:])


def why_in_order(effects: Sequence[Effect], options: ProcessOptions) -> str:
    """Say why one worker makes a whole video, and what would let several share it; empty where they do."""
    if is_divisible(effects, options):
        return ""
    needy = [(one, place == 0) for place, one in enumerate(effects) if one.remembers and (place or not one.can_skim)]
    reason = f"{_remembering([one for one, _ in needy], options)} the frames in order, so one worker makes this video"
    cures = [_without_memory(effect, first=first) for effect, first in needy]
    if options.params is not None or not all(cures):
        return f"{reason}; several are for several videos"
    return f"{reason}; with {' and '.join(cures)} several share it"


def _remembering(effects: Sequence[Effect], options: ProcessOptions) -> str:
    """Name what needs earlier frames, with the verb."""
    if options.params is not None:
        return f"--params {options.params} needs"
    names = [effect.name for effect in effects if effect.remembers]
    return f"{' and '.join(names)} {'needs' if len(names) == 1 else 'need'}"


def _without_memory(effect: Effect, *, first: bool) -> str:
    """Find parameters with which `effect` would not need earlier frames, or, as the `first`, but quickly see them.

    Returns:
        The effect with one of them, or two; empty where that would not do.
    """
    values, entries = effect.params.values(), effect.parameters
    changes = [(name, other) for name, entry in entries.items() for other in _unset(entry)]
    pairs = combinations([(name, other) for name, other in changes if other != ""], 2)
    for some in (*((one,) for one in changes), *pairs):
        free = False
        with suppress(ParameterError):
            for name, other in some:
                effect.params.set(name, other)
            free = not effect.remembers or (first and effect.can_skim)
        for name, _ in some:
            effect.params.set(name, values[name])
        if free:
            told = (f"{name}={entries[name].text(entries[name].check(other))}" for name, other in some)
            return ":".join((effect.name, *told))
    return ""


def _unset(entry: Parameter) -> Sequence[Value]:
    """Values that may turn off what a parameter says."""
    return entry.choices or ([False] if entry.type is bool else [""] if entry.type is str else [-1, 0])


def reads_ahead(
    path: str | os.PathLike[str], effects: Sequence[Effect], options: ProcessOptions, notify: Callable[[str], None]
) -> list[FrameCallback]:
    """Give what must be called with each frame so that a first effect that reads ahead sees the whole video."""
    media = classify(path)
    return [_ReadAhead(media, effect.read_ahead, options, notify) for effect in effects[:1]]


def _sink(
    path: MediaPath,
    target: MediaPath,
    effects: Sequence[EffectSlot],
    options: ProcessOptions,
    video_options: VideoOptions,
    job: Mapping[str, object] | None,
) -> Sink:
    video_options = replace(video_options, audio_from=sound_of(path))
    if options.pipe is not None:
        return PipeWriter(options.pipe, video_options, options.output_format or "matroska")
    job = job or job_of(path, effects, options)
    if isinstance(target, SequencePath):
        if isinstance(path, SequencePath):
            check_images(target, overwrite=options.overwrite, source=path)
        return ImageWriter(target, video_options, job=job, resume=options.resume)
    return PieceWriter(target, video_options, job=job, resume=options.resume)


def sound_of(path: str | os.PathLike[str]) -> Path | None:
    """Name the file that has the sound of a video and what else goes along; None for images, which have none."""
    media = classify(path)
    return media.path if isinstance(media, VideoPath) else None


_FEW = 15  # frames that are read so soon that nothing is said of it: the first, in which people are looked for


class _ReadAhead:
    """Shows an effect the whole of a video before the first frame is played."""

    def __init__(
        self, path: MediaPath, show: Callable[..., None], options: ProcessOptions, notify: Callable[[str], None]
    ) -> None:
        self._path, self._show, self._options, self._notify = path, show, options, notify
        self._due, self._notified = True, False
        self._open: list[Generator[Frame, None, None]] = []

    def __call__(self, frame: Frame) -> None:
        if self._due:
            self._due = False
            try:
                self._show(self._frames, whole=self._options.start is None and self._options.end is None)
            finally:  # a reader left half-way would keep its decoder's thread as long as an error is kept
                for frames in self._open:
                    frames.close()
                self._open.clear()

    def _frames(self) -> Generator[Frame, None, None]:
        self._open.append(frames := self._read())
        return frames

    def _read(self) -> Generator[Frame, None, None]:
        options = self._options
        with _source(self._path, options) as source:
            _tone_map(source, options)
            for index, frame in enumerate(source):
                if index >= _FEW and not self._notified:
                    self._notify(f"{self._path}: is read to its end before the first frame is made")
                    self._notified = True
                yield frame


def _source(path: MediaPath, options: ProcessOptions) -> FileSource:
    check_reading(path, options)
    if isinstance(path, SequencePath):
        return ImageFiles(path, fps=options.fps or 25.0, start=options.start, end=options.end)
    if is_webp(path):  # what comes from stdin has no ending
        return AnimatedImage(path, start=options.start, end=options.end)
    return VideoFile(path, deinterlace=options.deinterlace, start=options.start, end=options.end)


def _tone_map(source: FileSource, options: ProcessOptions) -> None:
    """Let `source` give SDR, which is what effects know, unless HDR is to stay."""
    if isinstance(source, VideoFile) and not options.eight_bit:
        source.tone_map()


def open_video(
    path: str | os.PathLike[str],
    target: str | os.PathLike[str],
    chain: Sequence[Effect],
    options: ProcessOptions,
    on_frame: Sequence[FrameCallback] = (),
) -> tuple[FileSource, Iterator[Frame], VideoOptions]:
    """Open the source, and give its frames and what its sink needs to know of it and of `options`.

    Of what cannot say its size, as a plain function, the first frame is made, with `on_frame` called before.

    Raises:
        GancamError: What sources raise.
    """
    refuse_drawing(chain)
    if options.params is None:  # which may mark something later
        refuse_noop(chain)
    source = _source(classify(path), options)
    try:
        if isinstance(source, VideoFile):
            source.look_for_fields()
        lowered = options.eight_bit and source.info.depth > 8
        untouched = not chain and not lowered
        place = target if options.pipe is None else f"stdout{FORMATS.get(options.output_format or '', '.mkv')}"
        untouched = untouched and keeps(
            place, source.info, codec=options.codec, encoder=options.encoder, chroma=options.chroma
        )
        untouched = untouched and source.keep_decoded()
        if not untouched:
            keeper = None if chain or lowered else _keeper(place, source.info)
            _tone_map(source, options)
            if keeper is not None and isinstance(source, VideoFile):
                source.tell_keeper(keeper)
            if isinstance(source, VideoFile) and not chain and not lowered and source.info.depth > 8:
                source.keep_decoded(whole=False)
        info = replace(source.info, alpha=source.info.alpha or veils(chain))
        size, frames = size_and_frames(source, chain, on_frame)
        return source, frames, VideoOptions(
            fps=source.fps, size=size, codec=options.codec, encoder=options.encoder,
            quality=options.quality, untouched=untouched, overwrite=options.overwrite, source_info=info,
            chroma=options.chroma,
            part=(options.start, options.end),
        )  # fmt: skip
    except BaseException:
        source.close()
        raise


def _keeper(place: str | os.PathLike[str], info: VideoInfo) -> str | None:
    """Name a codec, and its sampling of chroma, that holds the planes of `info` in the file `place` as they are.

    None where none does.
    """
    holder = CONTAINERS.get(Path(place).suffix.lower())
    for chroma in (None, "422", "444"):
        for codec in () if holder is None else holder.codecs:
            with suppress(GancamError):
                if keeps(place, info, codec=codec, encoder=None, chroma=chroma):
                    return codec if chroma is None else f"{codec} --chroma {chroma}"
    return None


def process_image(
    path: str | os.PathLike[str],
    target: str | os.PathLike[str],
    effects: Sequence[EffectLike],
    options: ProcessOptions = _USUAL,
    *,
    notify: Callable[[str], None] = lambda note: None,
) -> list[str]:
    """Take an image, with opacity, metadata and all its frames or pages, through effects into a new one.

    Args:
        path: The image to read.
        target: The image to write.
        effects: Applied in this order.
        options: Whether `target` may exist, and the quality of JPEG and AVIF; the other formats are lossless.
        notify: Called with a note on each thing that is lost: opacity, frames, metadata.

    Returns:
        What the user should know of how the effects fared: their notes.

    Raises:
        GancamError: What reading and effects raise.
        SinkError: When `target` cannot be written.
        OutputExists: When it exists and may not be replaced.
    """
    refuse_mixture(classify_input(path, classify(target)), classify(target))
    path, target = Path(path), Path(target)
    check_target(target, overwrite=options.overwrite, sources=[path])
    with playing(effects) as chain:
        refuse_drawing(chain)
        refuse_noop(chain)
        for note in late_searches(chain):
            notify(note)
        _image_through(path, target, chain, options, notify)
        notes = [note for effect in chain for note in effect.notes]
        for note in detection_notes(chain):
            if note not in notes:
                notify(f"{path}: {note}")
        return notes


def _image_through(
    path: Path, target: Path, chain: Sequence[Effect], options: ProcessOptions, notify: Callable[[str], None]
) -> None:
    read = read_pictures(path)
    flat = not holds_alpha(target)
    if flat and (veils(chain) or any(picture.alpha is not None for picture in read.pictures)):
        notify(f"{path}: its transparency is left out: {target.suffix} cannot hold it, .png can")
        read = replace(read, pictures=[replace(picture, alpha=None) for picture in read.pictures])
    if len(read.pictures) > 1 and not holds_many(target, read.kind):
        cure = ".png and .webp hold" if read.kind == "frames" else ".tif holds"
        notify(f"{path}: has {len(read.pictures)} {read.kind}, of which {target} gets the first; {cure} all")
        read = replace(read, pictures=read.pictures[:1])
    for note in read.notes:
        notify(f"{path}: {note}")
    first = read.pictures[0].image
    size = first.shape[1], first.shape[0]
    if know_size(chain, size):
        check_size(target, output_size(chain, size))
    pictures = _through_all(read.pictures, chain)
    check_size(target, (pictures[0].image.shape[1], pictures[0].image.shape[0]))
    made = replace(read, pictures=[replace(one, alpha=None) for one in pictures] if flat else pictures)
    for lost in write_pictures(target, made, overwrite=options.overwrite, quality=options.quality):
        notify(f"{path}: its {lost} is left out: {target.suffix} cannot hold it")


def _through_all(pictures: Sequence[Picture], chain: Sequence[Effect]) -> list[Picture]:
    """Take pictures through effects: one, or the frames of an animation with their times."""
    if len(pictures) == 1:
        return [_through_one(pictures[0], chain, None)]
    made, milliseconds = [], 0
    for picture in pictures:
        made.append(_through_one(picture, chain, milliseconds / 1000))
        milliseconds += picture.milliseconds
    return made


def _through_one(picture: Picture, chain: Sequence[Effect], time: float | None) -> Picture:
    made = frame_through(Frame(picture.image, 0, 0.0, alpha=picture.alpha), chain, time=time)
    return replace(picture, image=made.image, alpha=made.alpha)
