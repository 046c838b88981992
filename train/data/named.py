"""Data sets by name, where torchvision keeps them, or from the network by it."""

import os
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

_MNIST = ("train-images-idx3-ubyte.gz", "train-labels-idx1-ubyte.gz")


@dataclass(frozen=True)
class Named:
    """A data set.

    Attributes:
        loader: Its class in ``torchvision.datasets``.
        folder: Where its files are, below the folder of data sets.
        files: Those that are needed, as they are downloaded.
        unpacked: What they become below `folder`, where anything.
    """

    loader: str
    folder: str
    files: tuple[str, ...]
    unpacked: str = ""


NAMES = {
    "mnist": Named("MNIST", "MNIST/raw", _MNIST),
    "fashion-mnist": Named("FashionMNIST", "FashionMNIST/raw", _MNIST),
    "kmnist": Named("KMNIST", "KMNIST/raw", _MNIST),
    "cifar10": Named("CIFAR10", ".", ("cifar-10-python.tar.gz",), "cifar-10-batches-py"),
    "cifar100": Named("CIFAR100", ".", ("cifar-100-python.tar.gz",), "cifar-100-python"),
    "flowers102": Named("Flowers102", "flowers-102", ("102flowers.tgz",), "jpg"),
}
MISFIT = "the installed torchvision is of another PyTorch: install both from one place, or uninstall torchvision"
KERAS = {"mnist": "mnist.npz"}  # in Keras' folder


def data_folder() -> Path:
    """Name the folder of data sets: GANCAM_DATA, or gancam/data in the user's cache."""
    if named := os.environ.get("GANCAM_DATA"):
        return Path(named)
    cache = os.environ.get("XDG_CACHE_HOME") or (os.environ.get("LOCALAPPDATA") if sys.platform == "win32" else None)
    if cache and Path(cache).is_absolute():
        return Path(cache) / "gancam" / "data"
    home = _home()
    if home is None:
        raise FileNotFoundError("this user has no home folder for data sets; set GANCAM_DATA to a folder")
    return home / ("Library/Caches" if sys.platform == "darwin" else ".cache") / "gancam" / "data"


def _home() -> Path | None:
    """The user's home folder; None in a container that is run as a user without a name."""
    try:
        return Path.home()
    except RuntimeError:
        return None


def resolve(source: Path, *, download: Callable[[Named, Path], None] | None = None) -> Path:
    """Return `source` where it is there or no data set's name, and the files of a data set by its name.

    Args:
        source: A path, or a name of `NAMES`.
        download: Fetches a data set into the folder of data sets; by default torchvision does.

    Raises:
        FileNotFoundError: The data set is neither here nor to be had; the message says which file goes where.
    """
    name = str(source)
    if name not in NAMES or source.exists():
        return source
    found = _here(name)
    if found is None:
        try:
            (download or _download)(NAMES[name], data_folder())
        except Exception as error:  # the network, the disk, or torchvision's own wishes once the files are there
            if _here(name) is None:
                raise _absent(name, error) from error
        found = _here(name)
    if found is None:
        raise _absent(name, None)
    return found


def _here(name: str) -> Path | None:
    known = NAMES[name]
    folder = data_folder() / known.folder
    if known.unpacked and (folder / known.unpacked).is_dir():
        return folder / known.unpacked
    plain = [folder / file.removesuffix(".gz") for file in known.files]
    if all(file.exists() or one.exists() for file, one in zip((folder / f for f in known.files), plain, strict=True)):
        return folder if len(known.files) > 1 else folder / known.files[0]
    home = _home()
    keras = home / ".keras" / "datasets" / KERAS[name] if name in KERAS and home is not None else None
    own = data_folder() / f"{name}.npz"
    return own if own.is_file() else keras if keras is not None and keras.is_file() else None


def _download(known: Named, folder: Path) -> None:
    try:
        from torchvision import datasets
    except ImportError as error:
        raise RuntimeError("torchvision, which fetches it, is not installed (pip install torchvision)") from error
    except (RuntimeError, AttributeError, OSError) as error:  # its operators are of another build of PyTorch
        raise RuntimeError(MISFIT) from error
    folder.mkdir(parents=True, exist_ok=True)
    loader = vars(datasets)[known.loader]
    loader(str(folder), download=True)


def _absent(name: str, error: Exception | None) -> FileNotFoundError:
    known = NAMES[name]
    cause = f" ({' '.join(str(error).split())[:160]})" if error is not None else ""
    files = " and ".join(known.files)
    return FileNotFoundError(
        f"{name} is not here and could not be fetched{cause}: put {files} into {data_folder() / known.folder}, or give "
        "the path of a copy"
    )
