"""The files of one model, by precision, and the card of a file."""

from pathlib import Path
from typing import get_args

from gancam.inference.card import ModelCard, Precision
from gancam.inference.session import open_session


def variants(path: Path) -> dict[str, Path]:
    """The files of one model by precision: `NAME.onnx` (fp32) and, beside it, `NAME.fp16.onnx` and `NAME.int8.onnx`.

    A path that names a variant itself stands for that file alone.
    """
    stem = path.name.removesuffix(".onnx")
    for precision in get_args(Precision):
        if stem.endswith(f".{precision}"):
            return {precision: path}
    found = {"fp32": path} | {kind: path.with_name(f"{stem}.{kind}.onnx") for kind in ("fp16", "int8")}
    return {kind: file for kind, file in found.items() if file.is_file()}


def read_card(path: Path) -> ModelCard:
    """The card of one file, at the cost of reading it but of optimising nothing. Raises as `Model` does."""
    return ModelCard.from_metadata(
        open_session(path, "cpu", 1, optimise=False).get_modelmeta().custom_metadata_map, str(path)
    )
