"""One picture: read, resized, cut and turned."""

import hashlib
import io
import logging
import math
from collections import Counter
from collections.abc import Iterable
from functools import cache
from pathlib import Path, PurePosixPath

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image as Pillow
from PIL import ImageOps, UnidentifiedImageError

from gancam.media.heif import Heif, is_heif
from train.data.arrays import DAMAGED, NoPixels, in_bytes

Pixels = NDArray[np.uint8]  # (H, W, 3) RGB
SHRUNK = 1.25, 2.0  # how many times smaller what is warped is: what is shrunk is sharp again after it was turned
SUFFIXES = {
    ".png", ".jpg", ".jpeg", ".jfif", ".mpo", ".webp", ".bmp", ".tif", ".tiff", ".gif",
    ".avif", ".heic", ".heif", ".hif",
}  # fmt: skip
UNREAD = {".svg", ".psd", ".dng", ".cr2", ".nef", ".arw", ".jxl", ".jp2", ".eps"}
log = logging.getLogger(__name__)


def image_files(folder: Path) -> list[Path]:
    """Every image below `folder`, sorted. Raises ``FileNotFoundError`` where there is no folder or no image in it."""
    if not folder.is_dir():
        raise FileNotFoundError(f"no folder of pictures {folder}")
    found = sorted(path for path in folder.rglob("*") if path.is_file())
    files = [path for path in found if is_picture(path.name)]
    left = unread(path.name for path in found)
    if not files:
        kinds = left or f"looked for {', '.join(sorted(SUFFIXES))}"
        raise FileNotFoundError(f"no image below {folder}: {kinds}")
    if left:
        _warn_once(folder, left)
    return files


@cache
def _warn_once(folder: Path, left: str) -> None:
    """Say what is left out of a folder, which may be read several times: to be checked, and to be judged on."""
    log.warning("%s: %s", folder, left)


def by_name(paths: Iterable[Path]) -> dict[str, Path]:
    """Give folders or files by their own names. Raises ``ValueError`` where two have the same, in whatever case."""
    found: dict[str, Path] = {}
    for path in paths:
        name = path.resolve().name
        if twin := next((found[other] for other in found if other.lower() == name.lower()), None):
            raise ValueError(f"{twin} and {path} have the same name, and figures are named after it: rename one")
        found[name] = path
    return found


def is_picture(name: str) -> bool:
    """Whether a file of that name, which may have folders before it, is a picture that is read."""
    return PurePosixPath(name).suffix.lower() in SUFFIXES and not is_resource_fork(name)


def is_resource_fork(name: str) -> bool:
    """Whether macOS keeps under that name what belongs to another file: ``._a.png`` beside ``a.png`` is no picture."""
    return PurePosixPath(name).name.startswith("._")


def unread(names: Iterable[str]) -> str:
    """Say how many of the files of those names are pictures of a kind that is not read; empty where none is."""
    kinds = Counter(Path(name).suffix.lower() for name in names if not is_resource_fork(name))
    left = ", ".join(f"{count} {kind}" for kind, count in sorted(kinds.items()) if kind in UNREAD)
    return f"skipped {left}, which are not read: save them as .jpg or .png" if left else ""


def digest(images: Iterable[Pixels]) -> str:
    """Name what is made of `images` by what is in them, whatever their files are called: 24 hexadecimal digits."""
    found = hashlib.sha256()
    for image in images:
        found.update(repr(image.shape).encode() + image.tobytes())
    return found.hexdigest()[:24]


def read_image(path: Path | io.BytesIO, *, name: str = "") -> Pixels:
    """RGB uint8 ``(H, W, 3)``, upright as its camera says.

    Greyscale, palettes and CMYK are converted, alpha is laid on white. The 16 bits of a PNG are scaled as all programs
    do; the numbers of a TIFF, which may be of fewer bits or fractions, as `arrays.in_bytes` has it. `name` stands in
    messages for what is read from memory. HEIC and AVIF are read as `gancam` plays them. Raises ``ValueError`` for what
    is not a complete image.
    """
    try:
        data = path.getvalue() if isinstance(path, io.BytesIO) else path.read_bytes()
        if is_heif(data):
            return _on_white(*Heif(data).decode())
        with Pillow.open(io.BytesIO(data)) as file:
            file.load()
            picture: Pillow.Image = ImageOps.exif_transpose(file)
            if picture.mode.startswith(("I;16", "I", "F")):
                deep = np.asarray(picture)
                is_png = file.format == "PNG"
                scaled = (deep / 257).round().astype(np.uint8) if is_png else in_bytes(deep, str(name or path))
                picture = Pillow.fromarray(scaled)
            if "A" in picture.getbands() or "transparency" in picture.info:
                rgba = picture.convert("RGBA")
                picture = Pillow.alpha_composite(Pillow.new("RGBA", rgba.size, "white"), rgba)
            return np.asarray(picture.convert("RGB"))
    except NoPixels:
        raise
    except (*DAMAGED, UnidentifiedImageError, IndexError, Pillow.DecompressionBombError) as error:
        raise ValueError(f"{name or path} is not a complete image: {error}") from error


def _on_white(image: Pixels, alpha: Pixels | None) -> Pixels:
    """Make RGB of BGR, laid on white where its opacity `alpha`, ``(H, W)``, says so."""
    colours = Pillow.fromarray(np.ascontiguousarray(image[..., ::-1]))
    if alpha is not None:
        colours = Pillow.composite(colours, Pillow.new("RGB", colours.size, "white"), Pillow.fromarray(alpha))
    return np.asarray(colours)


def resize(image: Pixels, size: tuple[int, int], filter: Pillow.Resampling = Pillow.Resampling.BICUBIC) -> Pixels:
    """Antialiased resize to ``(height, width)``, as Pillow does it; uint8 in, uint8 out."""
    return np.asarray(Pillow.fromarray(image).resize((size[1], size[0]), filter))


def crop_to_multiple(image: Pixels, multiple: int) -> Pixels:
    """The top left part whose height and width are multiples of `multiple`."""
    height, width = image.shape[:2]
    return image[: height - height % multiple, : width - width % multiple]


def downscale(image: Pixels, scale: int) -> Pixels:
    """The `scale` times smaller image of a super-resolution pair: antialiased bicubic, rounded to uint8."""
    return resize(image, (image.shape[0] // scale, image.shape[1] // scale))


def dihedral(patch: NDArray[np.uint8], which: int) -> NDArray[np.uint8]:
    """One of the eight flips and quarter turns of ``(H, W, C)``, `which` in 0..7."""
    patch = np.rot90(patch, which % 4)
    return patch[:, ::-1] if which >= 4 else patch


def warped(photo: Pixels, side: int, rng: np.random.Generator) -> Pixels:
    """A square of `side` pixels of `photo`, turned by any angle, shrunk as `SHRUNK` says, its colours exchanged.

    No two are the same, so a network cannot learn the noise of few photos by heart. Where `photo` is too small for a
    turned square it is shrunk less, or enlarged.
    """
    angle, across = rng.uniform(0, 2 * math.pi), min(photo.shape[:2])
    bound = abs(math.cos(angle)) + abs(math.sin(angle))  # sides of the upright square around a turned one
    wide = min(side * rng.uniform(*SHRUNK), across / bound)
    y, x = (wide * bound / 2 + rng.random() * (length - wide * bound) for length in photo.shape[:2])
    size = round(wide)
    turn = cv2.getRotationMatrix2D((x, y), math.degrees(angle), 1.0)
    turn[:, 2] += size / 2 - np.array([x, y])
    square = cv2.warpAffine(photo, turn, (size, size), flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_REFLECT)
    colours = rng.permutation(3)
    return resize(np.ascontiguousarray(square[..., colours]), (side, side), Pillow.Resampling.LANCZOS)
