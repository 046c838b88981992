"""What decides how frames look: hashes of inputs, effects and options, to compare jobs by."""

import hashlib
import os
from collections.abc import Mapping, Sequence
from pathlib import Path

from gancam.effects import Effect
from gancam.errors import GancamError, SourceError
from gancam.inference.variants import file_digest
from gancam.jobs.spec import ProcessOptions
from gancam.media.images import encoding
from gancam.media.messages import cause
from gancam.media.paths import SequencePath, classify

_SAMPLES, _BLOCK = 64, 65536  # blocks of a file that its identity is made of, and their bytes


def job_of(
    path: str | os.PathLike[str], effects: Sequence[Effect], options: ProcessOptions | None
) -> Mapping[str, object]:
    """Describe what decides how frames look, ready for JSON, to tell one job from another.

    Args:
        path: A video, an image, or a pattern of numbered images.
        effects: In the order in which they are applied.
        options: How a video is processed; None for an image.

    Returns:
        Equal values for jobs that make equal frames.

    Raises:
        SourceError: For an input that cannot be read.
    """
    try:
        read = identity(path)
    except GancamError:
        raise
    except OSError as error:
        raise SourceError(f"{path}: cannot be read ({cause(error)})") from error
    job: dict[str, object] = {"input": read, "effects": [_described(effect) for effect in effects]}
    if options is None:
        return job
    job |= {"eight-bit": True} if options.eight_bit else {}
    return job | {
        "from": None if options.start is None else str(options.start),
        "to": None if options.end is None else str(options.end),
        "deinterlace": options.deinterlace,
        "params": None if options.params is None else file_digest(options.params),
    }


def file_job(
    frames: Mapping[str, object], target: str | os.PathLike[str], options: ProcessOptions, *, image: bool
) -> Mapping[str, object]:
    """Describe what decides how a whole file becomes, ready for JSON: its frames, and what was asked of its encoder.

    Args:
        frames: What `job_of` says of them.
        target: The file to be, or a pattern of numbered images.
        options: How a video is processed; of an image, its quality alone counts, where its format has one.
        image: Whether an image is made of one.

    Returns:
        Equal values for jobs that make equal files.
    """
    if image:
        return {**frames, "quality": options.quality} if encoding(Path(target), options.quality) else frames
    video: dict[str, object] = {"codec": options.codec, "encoder": options.encoder, "quality": options.quality}
    video |= {} if options.chroma is None else {"chroma": options.chroma}
    video |= {} if options.fps is None else {"fps": options.fps}
    return {**frames, **video}


def files_made(effect: Effect) -> dict[str, str]:
    """Name the files that an effect writes beside the output, by the parameter that asks for each."""
    kinds, values = effect.params.declared(), effect.params.values()
    return {name: str(value) for name, value in values.items() if value and kinds[name].kind == "new-file"}


def identity(path: str | os.PathLike[str]) -> str:
    """Identify a file, which may be huge, by its size and a hash of blocks from all over; numbered images likewise."""
    media = classify(path)
    if isinstance(media, SequencePath):
        files = [file for _, file in media.images()]
        told = "".join(f"{file.name} {file.stat().st_size}\n" for file in files)
        told += "".join(file_digest(file) for file in files[:: max(len(files) // _SAMPLES, 1)])
        told += file_digest(media.times) if media.times.is_file() else ""
        return f"{len(files)} images, {hashlib.sha256(told.encode()).hexdigest()[:32]}"
    size = media.path.stat().st_size
    digest = hashlib.sha256(str(size).encode())
    with media.path.open("rb") as file:
        for place in range(_SAMPLES):
            file.seek(max(size - _BLOCK, 0) * place // (_SAMPLES - 1))
            digest.update(file.read(_BLOCK))
    return f"{size} bytes, {digest.hexdigest()[:32]}"


def _described(effect: Effect) -> dict[str, object]:
    values = effect.params.values() | dict.fromkeys(files_made(effect), "")  # what it writes beside changes no frame
    texts = {name: value for name, value in values.items() if isinstance(value, str)}
    files = {name: identity(Path(text)) for name, text in texts.items() if text and os.path.isfile(text)}
    return {
        "name": effect.name if effect.card is None else effect.card.name,
        "model": None,
        "device": None,
        **effect.identity(),
        "params": {name: files.get(name, value) for name, value in values.items()},
    }
