"""What decides how frames look: a hash of inputs, effects and options."""

import hashlib
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from gancam.effects import Effect
from gancam.jobs.spec import ProcessOptions
from gancam.media.paths import SequencePath, classify

_SAMPLES, _BLOCK = 64, 65536  # of a file, for its identity


def job_of(path: str | os.PathLike[str], effects: Sequence[Effect], task: ProcessOptions | None) -> Mapping[str, Any]:
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
    values = effect.params.values()
    texts = {name: value for name, value in values.items() if isinstance(value, str)}
    files = {name: identity(Path(text)) for name, text in texts.items() if text and os.path.isfile(text)}
    return {
        "name": effect.name if effect.card is None else effect.card.name,
        "model": None,
        "device": None,
        **effect.identity(),
        "params": {name: files.get(name, value) for name, value in values.items()},
    }


def _hash(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
