"""The bundled models by name, and models opened."""

import logging
from pathlib import Path

from gancam.errors import NotFound, did_you_mean
from gancam.inference.model import Generator, ImageModel, MaskedModel, model_class
from gancam.inference.variants import read_card, variants

log = logging.getLogger(__name__)
MODELS = Path(__file__).parent.parent / "models"


def menu() -> dict[str, Path]:
    """List the bundled models by name: what is in their folder."""
    names = {path.name.removesuffix(".onnx"): path for path in MODELS.glob("[!.]*.onnx")}
    return {name: names[name] for name in sorted(names) if name.rpartition(".")[2] not in ("fp16", "int8")}


def find(name: str | Path) -> Path:
    """Find the file of a bundled model by name, or `name` itself where it is the path of an .onnx.

    Raises ``NotFound``, with the names that are near.
    """
    bundled = menu()
    if str(name) in bundled:
        return bundled[str(name)]
    path = Path(name)
    if path.suffix == ".onnx":
        if variants(path):
            return path
        raise NotFound(f"no model file {path}")
    raise NotFound(f"no effect {str(name)!r}{did_you_mean(str(name), bundled)}; `gancam models` lists them")


def open_model(
    name: str | Path, *, device: str = "auto", precision: str = "auto", threads: int | None = None
) -> ImageModel | MaskedModel | Generator:
    """Open a bundled model by name, or an .onnx file, as the class of its kind.

    A licence that forbids commercial use is told in the log. The arguments, and the errors beside ``NotFound`` for an
    unknown name, are those of `Model`.
    """
    path = find(name)
    kind = model_class(read_card(next(iter(variants(path).values()))))
    model = kind(path, device=device, precision=precision, threads=threads)
    if model.card.restricted:
        log.warning("%s: its licence allows no commercial use (%s)", model.card.name, model.card.licence)
    return model
