"""Pictures as arrays: NumPy's files, MNIST's idx files, and CIFAR's pickles, which are read without trusting them."""

import gzip
import io
import math
import pickle
import struct
import tokenize
import zipfile
import zlib
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

IDX_IMAGES, IDX_LABELS = "images-idx3-ubyte", "labels-idx1-ubyte"
CIFAR_FILES = ("data_batch_1", "data_batch_2", "data_batch_3", "data_batch_4", "data_batch_5")
Stack = NDArray[np.uint8]  # (n, h, w, 3) RGB
Labels = list[str] | None
# What NumPy and its archives raise for a damaged file: its zip, its streams, its header, which is Python.
DAMAGED = (
    OSError, ValueError, TypeError, EOFError, KeyError, MemoryError, OverflowError, RuntimeError, SyntaxError,
    tokenize.TokenError, struct.error, zipfile.BadZipFile, zlib.error, pickle.UnpicklingError,
)  # fmt: skip


def from_npy(path: Path) -> tuple[Stack, Labels]:
    """Read the pictures of a .npy, or of a .npz: `x_train` and `y_train`, or the only pictures there are.

    They are as `pictures` takes them. Raises ``ValueError`` for another file, and where the labels are not as many as
    the pictures.
    """
    try:
        if path.suffix.lower() == ".npy":
            array = np.load(path, mmap_mode="r")
        else:
            with path.open("rb") as file, np.load(file) as arrays:
                found = {name: arrays[name] for name in arrays.files}
    except DAMAGED as error:
        raise ValueError(f"{path} is not a complete .npz or .npy: {' '.join(str(error).split())[:200]}") from error
    if path.suffix.lower() == ".npy":
        return pictures(array, str(path)), None
    names = [name for name, array in found.items() if array.ndim in (3, 4)]
    name = "x_train" if "x_train" in found else names[0] if len(names) == 1 else ""
    if not name:
        raise ValueError(
            f"{path} has no x_train, nor a single array of pictures: it holds {', '.join(found) or 'none'}"
        )
    images = pictures(found[name], f"{path}: {name}")
    known = [label for label in ("y_train", "labels", "label", "y") if label in found]
    if not known:
        return images, None
    return images, agreeing(found[known[0]].reshape(-1).tolist(), len(images), f"{path}: {known[0]}")


def pictures(array: NDArray[Any], where: str) -> Stack:
    """Bring pictures of any usual layout and type to uint8 RGB.

    Args:
        array: ``(n, h, w)``, ``(n, h, w, c)`` or ``(n, c, h, w)``, c = 1, 3, or 4 of which the last is opacity, laid on
            white. Floats of 0..1, -1..1 or 0..255; whole numbers of 0..255, or of 10, 12, 14 or 16 bits; true and
            false.
        where: Names it in messages.

    Raises:
        ValueError: It is none of these.
    """
    if array.ndim == 4 and array.shape[1] in (1, 3, 4) and array.shape[3] not in (1, 3, 4):
        array = array.transpose(0, 2, 3, 1)
    if array.ndim == 3 and array.shape[2] in (3, 4):
        raise ValueError(f"{where} is {array.dtype} {array.shape}, one picture: many are wanted, (n, h, w, 3)")
    if array.ndim == 3:
        array = array[..., None]
    if array.ndim != 4 or array.shape[3] not in (1, 3, 4):
        raise ValueError(f"{where} is {array.dtype} {array.shape}, not pictures: (n, h, w) or (n, h, w, 3)")
    array = in_bytes(array, where)
    if array.shape[3] == 4:
        opaque = array[..., 3:].astype(np.uint16)
        array = ((array[..., :3] * opaque + 255 * (255 - opaque) + 127) // 255).astype(np.uint8)
    return np.broadcast_to(array, (*array.shape[:3], 3))


class NoPixels(ValueError):
    """Numbers that are none of pixels."""


def in_bytes(array: NDArray[Any], where: str) -> NDArray[np.uint8]:
    """Scale what pixels are given in to uint8, by the least and the largest of them all.

    Args:
        array: Of any shape: floats of 0..1, -1..1 or 0..255; whole numbers of 0..255, or of 10, 12, 14 or 16 bits, as
            the largest says; true and false.
        where: Names it in messages.

    Raises:
        NoPixels: It holds others, or what is no number.
    """
    kind = array.dtype.kind
    if kind not in "buif":
        raise NoPixels(f"{where} is {array.dtype}: pictures are whole numbers or floats")
    if kind == "b":
        return array * np.uint8(255)
    if array.dtype == np.uint8:
        return array
    low, high = float(array.min(initial=0)), float(array.max(initial=0))
    if math.isnan(low):
        raise NoPixels(f"{where} has values that are no numbers (NaN): pictures are floats of 0..1, -1..1 or 0..255")
    said = f"{where} has values of {low:.3g} to {high:.3g}: pictures are"
    if kind == "f":
        if not (-1 <= low <= high <= 1 or 0 <= low <= high <= 255):
            raise NoPixels(f"{said} floats of 0..1, -1..1 or 0..255")
        scale, offset = (127.5, 1.0) if low < 0 else (255.0 if high <= 1 else 1.0, 0.0)
    else:
        if not 0 <= low <= high <= 65535:
            raise NoPixels(f"{said} whole numbers of 0..255 or 0..65535")
        scale, offset = 255.0 / _deepest(high), 0.0
    made: NDArray[np.uint8] = ((array + np.float32(offset)) * np.float32(scale)).round().astype(np.uint8)
    return made


def _deepest(high: float) -> float:
    """The most that numbers of so many bits say, of which `high` is the largest: 8, 10, 12, 14 or 16."""
    return next((2.0**bits - 1 for bits in (8, 10, 12, 14) if high < 2**bits), 65535.0)


def agreeing(labels: list[Any], count: int, where: str) -> list[str]:
    """Write labels as text. Raises ``ValueError`` where there are not as many as pictures."""
    if len(labels) != count:
        raise ValueError(f"{where} has {len(labels):,} labels for {count:,} pictures: they belong to different files")
    return [str(label) for label in labels]


def idx_files(folder: Path) -> tuple[Path, Path | None] | None:
    """Find MNIST's files of pictures and of labels in `folder`, those of training first; None where there are none."""
    found = sorted(folder.glob(f"[!.]*{IDX_IMAGES}*"), key=lambda path: (not path.name.startswith("train"), path.name))
    if not found:
        return None
    stem = found[0].name.partition(IDX_IMAGES)[0]
    return found[0], next(iter(sorted(folder.glob(f"{stem}{IDX_LABELS}*"))), None)


def from_idx(images: Path, labels: Path | None) -> tuple[Stack, Labels]:
    """Read MNIST's files, gzipped or not. Raises ``ValueError`` for damaged ones, and for labels that disagree."""
    stack = pictures(_idx(images), str(images))
    if labels is None:
        return stack, None
    return stack, agreeing(_idx(labels).tolist(), len(stack), str(labels))


def _idx(path: Path) -> NDArray[np.uint8]:
    try:
        raw = path.read_bytes()
        data = gzip.decompress(raw) if raw[:2] == b"\x1f\x8b" else raw
        zero, kind, rank = struct.unpack(">HBB", data[:4])
        shape = struct.unpack(f">{rank}I", data[4 : 4 + 4 * rank])
    except (OSError, EOFError, struct.error, zlib.error) as error:
        raise ValueError(f"{path} is not a complete idx file: {error}") from error
    if zero != 0 or kind != 8:
        raise ValueError(f"{path} is not an idx file of bytes: it begins with {data[:4].hex()}")
    body = data[4 + 4 * rank :]
    if len(body) != math.prod(shape):
        raise ValueError(f"{path} is damaged: it promises {math.prod(shape):,} bytes and has {len(body):,}")
    return np.frombuffer(body, np.uint8).reshape(shape)


class _ArraysOnly(pickle.Unpickler):
    """Builds NumPy arrays, and of Python what needs no import: a pickle may otherwise run any program."""

    ALLOWED = (
        ("numpy", "ndarray"),
        ("numpy", "dtype"),
        ("numpy.core.multiarray", "_reconstruct"),
        ("numpy._core.multiarray", "_reconstruct"),
        ("_codecs", "encode"),
    )

    def find_class(self, module: str, name: str) -> Any:
        """Look up what the pickle names. Raises ``UnpicklingError`` for all but the parts of an array."""
        if (module, name) not in self.ALLOWED:
            raise pickle.UnpicklingError(f"it asks for {module}.{name}, which no pictures need")
        return super().find_class("numpy._core.multiarray" if name == "_reconstruct" else module, name)


def from_cifar(files: Mapping[str, Callable[[], bytes]], where: str) -> Iterator[tuple[Stack, list[str]]]:
    """Read CIFAR's Python files one after the other, those of training.

    Args:
        files: What gives the bytes of each file, by its name.
        where: Names them in messages.

    Raises:
        ValueError: A file is damaged, asks for more than arrays, or its labels disagree.
    """
    names = label_names(files)
    for file in [name for name in (*CIFAR_FILES, "train") if name in files]:
        table = _unpickled(files[file](), f"{where}: {file}")
        data = table.get("data")
        labels = next((table[key] for key in ("labels", "fine_labels") if key in table), None)
        if not isinstance(data, np.ndarray) or data.dtype != np.uint8 or data.ndim != 2 or data.shape[1] != 3072:
            raise ValueError(f"{where}: {file} holds no pictures of CIFAR")
        stack = data.reshape(-1, 3, 32, 32).transpose(0, 2, 3, 1)
        told = agreeing(list(labels or []), len(stack), f"{where}: {file}")
        yield stack, [names[int(label)] if int(label) < len(names) else label for label in told]


def label_names(files: Mapping[str, Callable[[], bytes]]) -> list[str]:
    """Read the names of CIFAR's classes, where their file is there and whole."""
    for file, key in (("batches.meta", "label_names"), ("meta", "fine_label_names")):
        if file in files:
            try:
                return [str(name) for name in _unpickled(files[file](), file).get(key, [])]
            except ValueError:
                return []
    return []


def _unpickled(data: bytes, where: str) -> dict[str, Any]:
    try:
        table = _ArraysOnly(io.BytesIO(data), encoding="latin1").load()
    except Exception as error:  # a damaged pickle may raise nearly anything
        raise ValueError(f"{where} is not a pickle of pictures: {error}") from error
    if not isinstance(table, dict):
        raise ValueError(f"{where} is not a pickle of pictures: it holds {type(table).__name__}")
    return {str(key): value for key, value in table.items()}
