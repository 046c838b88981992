"""The bundled models by name, and models opened."""

import logging
from pathlib import Path

from gancam.errors import NotFound, did_you_mean
from gancam.inference.model import Model
from gancam.inference.variants import variants

log = logging.getLogger(__name__)
MODELS = Path(__file__).parent.parent / "models"


def menu() -> dict[str, Path]:
    """The bundled models by name, the folder's listing."""
    names = {path.name.removesuffix(".onnx"): path for path in MODELS.glob("[!.]*.onnx")}
    return {name: names[name] for name in sorted(names) if name.rpartition(".")[2] not in ("fp16", "int8")}


def find(name: str | Path) -> Path:
    """The file of a bundled model by name, or `name` itself where it is the path of an .onnx. Raises ``NotFound``."""
    bundled = menu()
    if str(name) in bundled:
        return bundled[str(name)]
    path = Path(name)
    if path.suffix == ".onnx":
        if variants(path):
            return path
        raise NotFound(f"no model file {path}")
    raise NotFound(f"no effect {str(name)!r}{did_you_mean(str(name), bundled)}; `gancam models` lists them")


def open_model(name: str | Path, *, device: str = "auto", precision: str = "auto", threads: int | None = None) -> Model:
    """The bundled model of that name, or the .onnx file, open. A licence that forbids commercial use is told in the
    log. Raises as `load` does."""
    model = Model(find(name), device=device, precision=precision, threads=threads)
    if model.card.restricted:
        log.warning("%s: its licence allows no commercial use (%s)", model.card.name, model.card.licence)
    return model
