"""The bundled models and the user's own by name, and models opened."""

import logging
import os
import re
from collections.abc import Collection, Mapping
from pathlib import Path

from platformdirs import user_data_path

from gancam.errors import GancamError, ModelError, NotFound, did_you_mean
from gancam.files import home, wrong_path
from gancam.inference.card import ModelCard
from gancam.inference.importing.formats import other_format
from gancam.inference.importing.safety import ENTRY, FILE_ENTRY, is_foreign, is_onnx, metadata
from gancam.inference.importing.weights import SUFFIXES
from gancam.inference.model import Generator, ImageModel, MaskedModel, model_class
from gancam.inference.runs import checkpoint_of, exported
from gancam.inference.variants import read_card, variants

log = logging.getLogger(__name__)
_READ = "an .onnx, weights (.pth, .pt, .ckpt, .safetensors), or the folder of a training run"
MODELS = Path(__file__).parent.parent / "models"
NONE = "none"  # stands for no effect where effects are named


def menu() -> dict[str, Path]:
    """List the bundled models by name: what is in their folder."""
    return _models_in(MODELS)


def user_menu() -> dict[str, Path]:
    """List the user's own models by name; those that have the name of a bundled one are left out."""
    bundled = menu()
    try:
        folder = user_folder()
    except NotFound:  # no home: nothing of the user's
        return {}
    return {name: path for name, path in _models_in(folder).items() if name not in bundled}


def _models_in(folder: Path) -> dict[str, Path]:
    names = {path.name.removesuffix(".onnx"): path for path in folder.glob("[!.]*.onnx")}
    return {name: names[name] for name in sorted(names) if name.rpartition(".")[2] not in ("fp16", "int8")}


def user_folder() -> Path:
    """Name the folder of the user's own models: GANCAM_MODELS, or gancam/models in the user's data folder.

    Raises:
        NotFound: This user has no home folder.
    """
    if named := os.environ.get("GANCAM_MODELS"):
        return Path(named)
    if not os.environ.get("XDG_DATA_HOME"):
        home("GANCAM_MODELS")
    return user_data_path("gancam", appauthor=False) / "models"


def find(name: str | Path) -> Path:
    """Find the file of a model by its name, bundled or the user's own, or by the path of an .onnx or of a run's folder.

    A run is exported into its own folder, in a process of its own, where its checkpoint is newer than what is there.

    A file without a card is tried out on first use, and the path is that of what was made of it
    (`gancam.inference.importing.adopt`).

    Raises:
        NotFound: There is no such model; the message has the names that are near.
        ModelError: A file without a card is damaged, not harmless, or not understood; a run cannot be exported.
        MissingExtra: A run must be exported, and PyTorch is not installed.
    """
    try:
        return _found(name)
    except (OSError, ValueError) as error:
        if isinstance(error, GancamError) or (said := wrong_path(error)) is None:
            raise
        raise NotFound(said) from error


def _found(name: str | Path) -> Path:
    known = user_menu() | menu()
    if str(name) in known:
        return _with_card(known[str(name)])
    path = Path(name)
    if checkpoint := checkpoint_of(path):
        return exported(checkpoint)
    if path.suffix.lower() == ".onnx" or is_onnx(path):
        if variants(path):
            return _with_card(path)
        raise NotFound(f"no model file {name}")  # as it was typed: Path drops ./
    if path.suffix.lower() in SUFFIXES:
        return _adopted(path)
    if other := other_format(path):
        raise ModelError(f"{name} is {other}")
    if str(name) == NONE:
        raise NotFound(f"{NONE!r} is the word for no effect, not a model: leave it out")
    if cure := _as_meant(str(name), known):
        raise NotFound(f"no model {str(name)!r}: {cure}")
    if path.exists():
        raise ModelError(
            f"{name} is {'a folder' if path.is_dir() else 'a file'}, but not a model that gancam can read: {_READ}"
        )
    if path.suffix or path.name != str(name):
        raise NotFound(f"no model {str(name)!r}: an effect is a model's name, an .onnx file, or a training run")
    raise NotFound(f"no model {str(name)!r}{did_you_mean(str(name), known)}; `gancam models` lists them")


def _as_meant(name: str, known: Collection[str]) -> str:
    """Say how several models, or parameters, are written; empty where `name` is neither."""
    parts = [part for part in re.split(r"[,;+|\s]+", name) if part]
    if len(parts) > 1 and all(part.partition(":")[0] in known for part in parts):
        return f"of a chain each effect has an -e of its own, as in {' '.join(f'-e {part}' for part in parts)}"
    found = re.match(r"([^\s,;=?&]+)[\s,;=?&]+([^\W\d]\w*)\s*[=:]\s*(\S+)", name)
    if found is not None and found[1] in known:
        return f"parameters stand behind a colon, as in -e {found[1]}:{found[2]}={found[3]}"
    return ""


def _with_card(path: Path) -> Path:
    """`path` itself, or what is made of it where it has no card."""
    if path.parent == MODELS or not path.is_file() or not is_foreign(path):
        return path
    return _adopted(path)


def _adopted(path: Path) -> Path:
    from gancam.inference.importing.adopt import adopted  # with thirty modules that our own models need nothing of

    return adopted(path)


def open_model(
    name: str | Path, *, device: str = "auto", precision: str = "auto", threads: int | None = None
) -> ImageModel | MaskedModel | Generator:
    """Open a bundled model by name, or an .onnx file, as the class of its kind.

    A licence that forbids commercial use is told in the log, and of somebody else's model what it is taken for. The
    arguments, and the errors beside ``NotFound`` for an unknown name, are those of `Model`.
    """
    path = find(name)
    kind = model_class(read_card(next(iter(variants(path).values()))))
    model = kind(path, device=device, precision=precision, threads=threads)
    if model.card.restricted:
        log.warning("%s: its licence allows no commercial use (%s)", model.card.name, model.card.licence)
    entries = metadata(model.path) if path.parent != MODELS else {}
    if ENTRY in entries:
        imported = path == Path(name) or str(name) in user_menu()
        file, known = (entries.get(FILE_ENTRY, "FILE"), model.card.name) if imported else (name, "")
        _tell_of_foreign(model.card, entries, file, known)
    return model


def _tell_of_foreign(card: ModelCard, entries: Mapping[str, str], file: str | Path, known: str) -> None:
    """Warn of what somebody else's model is taken for: as `said` has `file` and `known`."""
    from gancam.inference.importing.adopt import convention_of
    from gancam.inference.importing.sayings import said

    convention = convention_of(entries)
    if convention is not None:
        doubts = said(convention, file, known)
        log.warning("%s: %s; licence %s%s", card.name, convention.describe(), card.licence, doubts)
