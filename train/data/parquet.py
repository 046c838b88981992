"""Pictures in Parquet files, as the hub of Hugging Face keeps data sets."""

import io
import json
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

from train.data.images import Pixels, read_image

SUFFIX = ".parquet"
PICTURES = ("image", "img", "jpg", "png")  # columns of pictures, by their usual names
LABELS = ("label", "fine_label", "labels", "class")


def pictures_in(path: Path) -> Iterator[tuple[str, str, "partial[Pixels]"]]:
    """List the pictures of a file: the name of each, its class, and what reads it.

    Of each row the column `image` (or `img`) is taken: encoded bytes, alone or with their path; and `label`, by its
    name where the file has the names.

    Raises:
        FileNotFoundError: There is no such file.
        ValueError: It is damaged, has no pictures, or pyarrow, which reads it, is not installed.
    """
    try:
        from pyarrow import ArrowException, parquet
    except ImportError as error:
        what = "or write its images into a folder, a zip or an .npz"
        raise ValueError(f"{path}: Parquet is read by pyarrow (pip install pyarrow), {what}") from error
    try:
        file = parquet.ParquetFile(path)
    except (ArrowException, OSError) as error:
        raise ValueError(f"{path} is no whole Parquet file: {' '.join(str(error).split())[:120]}") from error
    with file:
        columns = file.schema_arrow.names
        pictures = next((name for name in PICTURES if name in columns), None)
        if pictures is None:
            raise ValueError(f"{path} has no column of pictures ({', '.join(PICTURES)}): it has {', '.join(columns)}")
        label = next((name for name in LABELS if name in columns), None)
        names = _names(file.schema_arrow.metadata or {}, label)
        number = 0
        batches = file.iter_batches(256, columns=[pictures, *filter(None, [label])])
        while True:
            try:
                rows = next(batches, None)
            except (ArrowException, OSError) as error:
                raise ValueError(f"{path} is no whole Parquet file: {' '.join(str(error).split())[:120]}") from error
            if rows is None:
                return
            labels = rows.column(1).to_pylist() if label else [""] * len(rows)
            for kept, kind in zip(rows.column(0).to_pylist(), labels, strict=True):
                yield str(number), _class(kind, names), partial(_read, kept, f"{path}:{number}")
                number += 1


def _names(metadata: dict[bytes, bytes], label: str | None) -> list[str]:
    """Find the names of the classes, which the hub writes beside the columns; empty where they are not there."""
    try:
        features = json.loads(metadata.get(b"huggingface", b"{}"))["info"]["features"]
        return [str(name) for name in features[label]["names"]]
    except (ValueError, KeyError, TypeError):
        return []


def _class(kind: object, names: list[str]) -> str:
    if isinstance(kind, int) and 0 <= kind < len(names):
        return names[kind]
    return "" if kind is None else str(kind)


def _read(kept: Any, name: str) -> Pixels:
    data = kept.get("bytes") if isinstance(kept, dict) else kept
    if not isinstance(data, bytes):
        raise ValueError(f"{name} holds no picture")
    return read_image(io.BytesIO(data), name=name)
