"""Data sets by name: where they lie, in the folders that torchvision has for them too, or from the network."""

import hashlib
import logging
import os
import sys
import urllib.request
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from http.client import HTTPException
from pathlib import Path

from train.files import replacing

log = logging.getLogger(__name__)
_IMAGES, _LABELS = "train-images-idx3-ubyte.gz", "train-labels-idx1-ubyte.gz"
_PATIENCE = 30.0  # seconds without a byte
_BLOCK = 1 << 20


@dataclass(frozen=True)
class Named:
    """A data set.

    Attributes:
        url: The folder that it is fetched from.
        folder: Where its files are, below the folder of data sets.
        files: Those that are needed, as they are fetched, and the MD5 that each is known by.
        unpacked: What torchvision makes of them below `folder`, where anything.
        megabytes: What is fetched.
    """

    url: str
    folder: str
    files: Mapping[str, str]
    unpacked: str = ""
    megabytes: int = 0


NAMES = {
    "mnist": Named(
        "https://ossci-datasets.s3.amazonaws.com/mnist", "MNIST/raw",
        {_IMAGES: "f68b3c2dcbeaaa9fbdd348bbdeb94873", _LABELS: "d53e105ee54ea40749a09fcbcd1e9432"}, megabytes=10,
    ),
    "fashion-mnist": Named(
        "http://fashion-mnist.s3-website.eu-central-1.amazonaws.com", "FashionMNIST/raw",
        {_IMAGES: "8d4fb7e6c68d591d4c3dfef9ec88bf0d", _LABELS: "25c81989df183df01b3e8a0aad5dffbe"}, megabytes=26,
    ),
    "kmnist": Named(
        "http://codh.rois.ac.jp/kmnist/dataset/kmnist", "KMNIST/raw",
        {_IMAGES: "bdb82020997e1d708af4cf47b453dcf7", _LABELS: "e144d726b3acfaa3e44228e80efcd344"}, megabytes=18,
    ),
    "cifar10": Named(
        "https://www.cs.toronto.edu/~kriz", ".", {"cifar-10-python.tar.gz": "c58f30108f718f92721af3b95e74349a"},
        "cifar-10-batches-py", megabytes=170,
    ),
    "cifar100": Named(
        "https://www.cs.toronto.edu/~kriz", ".", {"cifar-100-python.tar.gz": "eb9058c3a382ffc7106e4002c42a8d85"},
        "cifar-100-python", megabytes=169,
    ),
    "flowers102": Named(
        "https://www.robots.ox.ac.uk/~vgg/data/flowers/102", "flowers-102",
        {"102flowers.tgz": "52808999861908f626f3c1f4e79d11fa"}, "jpg", megabytes=345,
    ),
}  # fmt: skip
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
        download: Fetches a data set into the folder of data sets.

    Raises:
        FileNotFoundError: The data set is neither here nor to be had; the message says which file goes where.
    """
    name = str(source)
    if name not in NAMES or source.exists():
        return source
    found = _here(name)
    if found is None:
        try:
            (download or fetch)(NAMES[name], data_folder())
        except (OSError, ValueError, HTTPException) as error:  # the network, the disk
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
        return folder if len(known.files) > 1 else folder / next(iter(known.files))
    home = _home()
    keras = home / ".keras" / "datasets" / KERAS[name] if name in KERAS and home is not None else None
    own = data_folder() / f"{name}.npz"
    return own if own.is_file() else keras if keras is not None and keras.is_file() else None


def fetch(known: Named, folder: Path) -> None:
    """Fetch the files of a data set into the folder of data sets, those that are not there.

    Raises:
        OSError: The network or the disk.
        ValueError: What came is not the file that it should be.
    """
    target = folder / known.folder
    target.mkdir(parents=True, exist_ok=True)
    missing = [file for file in known.files if not (target / file).exists()]
    log.info("fetching %s (%d MB in all) from %s", " and ".join(missing), known.megabytes, known.url)
    for file in missing:
        digest = hashlib.md5(usedforsecurity=False)
        with replacing(target / file) as partial:
            with urllib.request.urlopen(f"{known.url}/{file}", timeout=_PATIENCE) as answer, partial.open("wb") as out:
                while block := answer.read(_BLOCK):
                    digest.update(block)
                    out.write(block)
            if digest.hexdigest() != known.files[file]:
                raise ValueError(f"{known.url}/{file} is damaged, or another file by now")


def _absent(name: str, error: Exception | None) -> FileNotFoundError:
    known = NAMES[name]
    cause = f" ({' '.join(str(error).split())[:160]})" if error is not None else ""
    files = " and ".join(known.files)
    return FileNotFoundError(
        f"{name} is not here and could not be fetched{cause}: put {files} into {data_folder() / known.folder}, or give "
        "the path of a copy"
    )
