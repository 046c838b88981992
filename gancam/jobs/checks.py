"""Checks of a job that need no model, made before one is loaded."""

import os
import re
from collections.abc import Sequence
from pathlib import Path

from gancam.effects import Effect
from gancam.errors import InputError, NotFound, SourceError
from gancam.files import check_target
from gancam.jobs.spec import ProcessOptions
from gancam.jobs.stdio import NAME, OUT
from gancam.media.animated import is_animated, is_still_gif
from gancam.media.info import check_rate
from gancam.media.paths import (
    IMAGES,
    OTHER_IMAGES,
    READ_IMAGES,
    MediaPath,
    SequencePath,
    StillPath,
    VideoPath,
    classify,
    misnumbered,
)
from gancam.sinks import images, sink_word
from gancam.sinks.video import ANIMATIONS, check_codec, check_output, check_quality
from gancam.sources.decoders import Deinterlace

_STDIN = Path(NAME)


def refuse_drawing(effects: Sequence[Effect]) -> None:
    """Refuse effects that are drawn for in a window. Raises ``InputError``."""
    for effect in effects:
        if effect.pad is not None:
            raise InputError(
                f"{effect.name}: draw needs the window of gancam live; draw there with save=FILE, then give mask=FILE"
            )


def refuse_noop(effects: Sequence[Effect]) -> None:
    """Refuse effects that would leave the whole input as it is. Raises ``InputError``."""
    for effect in effects:
        if effect.noop_reason:
            raise InputError(f"{effect.name}: {effect.noop_reason}")


def late_searches(effects: Sequence[Effect]) -> list[str]:
    """List which effects look for people in what a style drew before them, and what would do."""
    found = []
    for place, effect in enumerate(effects):
        drawn = [one.name for one in effects[:place] if one.card is not None and one.card.keeps == "black"]
        of_people = effect.card is not None and effect.card.effect == "background"
        if drawn and (of_people or effect.params.values().get("mask") in ("person", "faces")):
            found.append(
                f"{effect.name} looks for people in what {drawn[0]} drew, in which fewer are found, and less of them: "
                f"-e {effect.name} before -e {drawn[0]} looks for them in the frame as it came"
            )
    return found


def check(path: MediaPath | None, target: MediaPath, options: ProcessOptions) -> None:
    """Find what is wrong with names and options before anything is opened.

    ``process_video`` and ``process_image`` would find all of it too, but later.

    Args:
        path: The input; None for what comes from stdin.
        target: The output.
        options: How videos are processed.

    Raises:
        InputError: For options that make no sense.
        NotFound: For an input that is not there.
        SourceError: For an input that is a folder.
        SinkError: For an output that cannot be written.
        OutputExists: For one that is there and may not be replaced.
    """
    check_options(options)
    if options.pipe is None and sink_word(str(target)) is not None:
        raise InputError(f"{target}: is an output of gancam live; gancam process writes videos and images")
    source: MediaPath = path or VideoPath(_STDIN)
    if path is None and isinstance(target, StillPath) and target.path.suffix.lower() not in ANIMATIONS:
        source = StillPath(_STDIN)  # whether it is one is seen when it came
    plays = not isinstance(source, StillPath) or (not isinstance(target, StillPath) and is_animated(source.path))
    if isinstance(source, StillPath) and not plays and not isinstance(target, SequencePath):
        _refuse_options_of_videos(source, options)
    if path is not None and not isinstance(path, SequencePath):
        _check_there(path)
    refuse_mixture(source, target)
    if not isinstance(source, StillPath) or not isinstance(target, StillPath):
        check_reading(source, options)
    if isinstance(path, SequencePath):
        _check_there(path)
    check_writing(target, options)
    if options.pipe is not None:
        return
    if isinstance(target, SequencePath):
        frames = source if isinstance(source, SequencePath) else None
        images.check_output(target, overwrite=options.overwrite, source=frames)
    elif isinstance(target, StillPath) and isinstance(source, StillPath):
        check_target(target.path, overwrite=options.overwrite, sources=[source.path])
    else:
        check_output(target.path, sources=[source.path], overwrite=options.overwrite)


def deinterlace_word(deinterlace: Deinterlace) -> str:
    """Name the option of the command line that says so."""
    return "--bob" if deinterlace == "bob" else "--deinterlace"


def check_options(options: ProcessOptions) -> None:
    """Find options that make no sense, whatever the input. Raises ``InputError`` and ``NotFound``."""
    check_quality(options.quality)
    if options.fps is not None:
        check_rate(options.fps)
    if options.params is not None and not options.params.exists():
        raise NotFound(f"{options.params}: no such file")


def _refuse_options_of_videos(path: StillPath, options: ProcessOptions) -> None:
    """Refuse what is asked of an image though only videos have it. Raises ``InputError``."""
    if options.params is not None:
        raise InputError(f"--params {options.params}: is for videos; an image has no time")
    if options.start is not None or options.end is not None:
        raise InputError(f"--from and --to are for videos; {path} is an image, which has no time")
    if options.fps is not None:
        raise InputError(f"--fps is for numbered images, and {path} is one image")
    if options.codec is not None or options.encoder is not None:
        raise InputError(f"--codec and --encoder are for videos; {path} is an image, whose extension names its format")
    if options.chroma is not None:
        raise InputError(f"--chroma is for videos, and {path} is an image")
    if options.deinterlace:
        raise InputError(f"{deinterlace_word(options.deinterlace)} is for videos, and {path} is an image")


def _check_there(path: MediaPath) -> None:
    if isinstance(path, SequencePath):
        if not path.images():
            raise NotFound(f"{path}: no image has such a name")
    elif not os.path.exists(path):
        raise NotFound(misnumbered(path) or f"{path}: no such file")
    elif os.path.isdir(path):
        raise SourceError(f"{path}: is a folder, not a video file")


def check_reading(path: MediaPath, options: ProcessOptions) -> None:
    """Refuse options that make no sense for the input `path`. Raises ``InputError``."""
    if isinstance(path, SequencePath):
        if options.deinterlace:
            raise InputError(f"{deinterlace_word(options.deinterlace)} is for videos, and {path} are images")
    elif options.fps is not None:
        raise InputError(f"--fps is for numbered images, and {path} has times of its own")


def check_writing(target: MediaPath, options: ProcessOptions) -> None:
    """Refuse options that make no sense for the output `target`. Raises ``InputError`` and ``SinkError``."""
    if options.pipe is not None:
        if options.resume:
            raise InputError("--resume needs a file as output: what went to stdout is gone")
    elif isinstance(target, SequencePath):
        if options.chroma is not None:
            raise InputError(f"--chroma is for videos, and {target} are images")
        if options.codec is not None or options.encoder is not None:
            raise InputError(
                f"--codec and --encoder are for videos, and {target} are images, whose extension names their format"
            )
    elif isinstance(target, VideoPath) or target.path.suffix.lower() in ANIMATIONS:
        check_codec(target, options.codec, options.encoder, options.chroma)


def classify_input(path: str | os.PathLike[str], target: MediaPath) -> MediaPath:
    """Say what kind of input `path` names, as ``classify`` does; a GIF of one frame is an image where one is made."""
    media = classify(path)
    gif = isinstance(media, VideoPath) and media.path.suffix.lower() == ".gif"
    return StillPath(media.path) if gif and isinstance(target, StillPath) and is_still_gif(media.path) else media


def refuse_mixture(path: MediaPath, target: MediaPath) -> None:
    """Refuse to make several images or a video of a single image, or a single image of those. Raises ``InputError``."""
    one = isinstance(path, StillPath) and not is_animated(path.path)
    if target.path.suffix.lower() in (*OTHER_IMAGES, *READ_IMAGES[len(IMAGES) :]):
        raise InputError(f"{target}: images are written as {', '.join(IMAGES)}, not as {target.path.suffix}")
    if path.path.suffix.lower() in OTHER_IMAGES and not _plays(target):
        raise InputError(f"{path}: images are read as {', '.join(READ_IMAGES)}, not as {path.path.suffix}")
    if one and not isinstance(target, StillPath):
        raise InputError(f"{path} is an image, so the output must be one too ({', '.join(IMAGES)}), not {target}")
    if isinstance(target, StillPath) and not isinstance(path, StillPath) and (said := misnumbered(target)):
        raise InputError(said)
    single = isinstance(target, StillPath) and target.path.suffix.lower() not in ANIMATIONS
    if single and not isinstance(path, StillPath):
        if target.path.stem == OUT:
            what = f"--format {target.path.suffix[1:]}: is one image, so the input must be one too, not {path}"
            raise InputError(f"{what}; a video on stdout is --format matroska, which it is without --format")
        raise InputError(f"{target} is one image, so the input must be one too, not {path}; {_numbered(target)}")


def _plays(target: MediaPath) -> bool:
    return isinstance(target, VideoPath) or target.path.suffix.lower() in ANIMATIONS


def _numbered(target: MediaPath) -> str:
    """Say under which name `target` would be an image for each frame."""
    stem = re.sub("%.*", "", target.path.stem) or "frame-"
    animated = " (an animation: .apng, .webp, .gif)" if target.path.suffix.lower() == ".png" else ""
    name = f"{stem}{'' if stem.endswith('-') else '-'}%06d{target.path.suffix}"
    return f"an image for each frame is written as {name}{animated}"
