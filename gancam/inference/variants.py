"""The files of one model, by precision; the card and the digest of each."""

import hashlib
from functools import lru_cache
from pathlib import Path
from typing import get_args

from gancam.errors import GancamError
from gancam.inference.card import ModelCard, Precision
from gancam.inference.half import RULES, fp16_card, to_fp16
from gancam.inference.importing.safety import ENTRY, metadata


def variants(path: Path) -> dict[str, Path]:
    """List the files of one model by precision: `NAME.onnx` is fp32, `NAME.fp16.onnx` and `NAME.int8.onnx` are beside.

    Where there is no file of fp16, it is made of the fp32 file when that is opened (`gancam.inference.half`), which
    stands for both here; not of an imported model, nor of one that does not say what is for 16 bits. A path that names
    a variant itself stands for that file alone.
    """
    stem = path.name.removesuffix(".onnx")
    for precision in get_args(Precision):
        if stem.endswith(f".{precision}"):
            return {precision: path}
    found = {"fp32": path} | {kind: path.with_name(f"{stem}.{kind}.onnx") for kind in ("fp16", "int8")}
    if not found["fp16"].is_file() and _gives_fp16(path):
        found["fp16"] = path
    return {kind: file for kind, file in found.items() if file.is_file()}


def is_made(path: Path, precision: str) -> bool:
    """Whether a variant, as `variants` lists it, has no file of its own: fp16, which is made of the fp32 file."""
    return precision == "fp16" and not path.name.endswith(".fp16.onnx")


def _gives_fp16(path: Path) -> bool:
    try:
        told = path.stat()
        return _gives(path, told.st_mtime_ns, told.st_size)
    except OSError:
        return False


@lru_cache(maxsize=256)
def _gives(path: Path, changed: int, size: int) -> bool:
    try:
        if ENTRY in metadata(path):
            return False
        to_fp16(path.read_bytes())
    except GancamError:  # opening it says what is wrong with it
        return False
    return True


def read_card(path: Path, precision: str = "") -> ModelCard:
    """Read the card of one file, at the cost of the file's outermost fields: no session is opened.

    Args:
        path: The file.
        precision: Of the variant, where the file may stand for two.

    Raises:
        NotFound: There is no such file.
        ModelError: It is damaged, or has no card.
    """
    card = ModelCard.from_metadata(metadata(path), str(path))
    return fp16_card(card) if is_made(path, precision) else card


def file_digest(path: Path, precision: str = "") -> str:
    """Give the SHA-256 of a file's content, in hexadecimal; another text for fp16 that is made of it.

    It is remembered as long as the file keeps its size and its time of change. Raises ``OSError``.
    """
    told = path.stat()
    digest = _digest(path, told.st_mtime_ns, told.st_size)
    return f"{digest}-fp16-{RULES}" if is_made(path, precision) else digest


@lru_cache(maxsize=256)
def _digest(path: Path, changed: int, size: int) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
