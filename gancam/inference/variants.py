"""The files of one model, by precision; the card and the digest of a file."""

import hashlib
from functools import lru_cache
from pathlib import Path
from typing import get_args

from gancam.inference.card import ModelCard, Precision
from gancam.inference.importing.safety import metadata


def variants(path: Path) -> dict[str, Path]:
    """List the files of one model by precision: `NAME.onnx` is fp32, `NAME.fp16.onnx` and `NAME.int8.onnx` are beside.

    A path that names a variant itself stands for that file alone.
    """
    stem = path.name.removesuffix(".onnx")
    for precision in get_args(Precision):
        if stem.endswith(f".{precision}"):
            return {precision: path}
    found = {"fp32": path} | {kind: path.with_name(f"{stem}.{kind}.onnx") for kind in ("fp16", "int8")}
    return {kind: file for kind, file in found.items() if file.is_file()}


def read_card(path: Path) -> ModelCard:
    """Read the card of one file, at the cost of the file's outermost fields: no session is opened.

    Raises:
        NotFound: There is no such file.
        ModelError: It is damaged, or has no card.
    """
    return ModelCard.from_metadata(metadata(path), str(path))


def file_digest(path: Path) -> str:
    """Give the SHA-256 of a file's content, in hexadecimal.

    It is remembered as long as the file keeps its size and its time of change. Raises ``OSError``.
    """
    told = path.stat()
    return _digest(path, told.st_mtime_ns, told.st_size)


@lru_cache(maxsize=256)
def _digest(path: Path, changed: int, size: int) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
