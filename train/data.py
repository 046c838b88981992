"""Photos in, training patches out.

What a patch is depends on a generator of random numbers and on nothing else, so a resumed run sees the very batches
that an uninterrupted one would have seen.
"""

import io
import logging
import zipfile
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image as Pillow
from PIL import UnidentifiedImageError

Pixels = NDArray[np.uint8]  # (H, W, 3) RGB
SUFFIXES = {".png", ".jpg", ".jpeg", ".webp", ".bmp", ".tif", ".tiff"}
log = logging.getLogger(__name__)


def image_files(folder: Path) -> list[Path]:
    """Every image below `folder`, sorted. Raises ``FileNotFoundError`` where there is no folder or no image in it."""
    if not folder.is_dir():
        raise FileNotFoundError(f"no folder {folder}: --data takes a folder of photos")
    files = sorted(path for path in folder.rglob("*") if path.suffix.lower() in SUFFIXES)
    if not files:
        raise FileNotFoundError(f"no image below {folder}: looked for {', '.join(sorted(SUFFIXES))}")
    return files


def read_image(path: Path | io.BytesIO, *, name: str = "") -> Pixels:
    """RGB uint8 ``(H, W, 3)``; greyscale and palettes are converted, 16 bits scaled, alpha laid on white.

    `name` stands in messages for what is read from memory. Raises ``ValueError`` for what is no whole image.
    """
    try:
        with Pillow.open(path) as file:
            file.load()
            picture: Pillow.Image = file
            if picture.mode.startswith(("I;16", "I", "F")):
                deep = np.asarray(picture, dtype=np.float32)
                top = 65535.0 if deep.max(initial=0) > 255 else 255.0
                picture = Pillow.fromarray((deep * (255.0 / top)).clip(0, 255).astype(np.uint8))
            if "A" in picture.getbands() or "transparency" in picture.info:
                rgba = picture.convert("RGBA")
                picture = Pillow.alpha_composite(Pillow.new("RGBA", rgba.size, "white"), rgba)
            return np.asarray(picture.convert("RGB"))
    except (UnidentifiedImageError, OSError, SyntaxError, ValueError) as error:
        raise ValueError(f"{name or path} is no whole image: {error}") from error


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


Reader = tuple[str, Callable[[], Pixels]]  # a name within the source, and what gives the picture


def _readers(source: Path) -> list[Reader]:
    """Every picture of a folder, a .zip, or a folder within a .zip (``fruits.zip/Apple``)."""
    for path in (source, *source.parents):
        if path.suffix == ".zip" and (path.is_file() or path == source):
            return _from_zip(path, source.relative_to(path).as_posix())
    return [(path.relative_to(source).as_posix(), partial(read_image, path)) for path in image_files(source)]


class Photos:
    """Photos held in memory, each also at smaller sizes (which are cleaner and show more per patch).

    Broken or too small files are skipped, counted in `skipped` and named in the log.
    """

    def __init__(self, folder: Path, *, smallest: int, sizes: Sequence[float] = (1.0, 0.7, 0.5)) -> None:
        self.skipped = 0
        self.images: list[Pixels] = []
        with ThreadPoolExecutor() as pool:
            for found in pool.map(lambda reader: self._read(reader, smallest, sizes), _readers(folder)):
                self.images += found
                self.skipped += not found
        if not self.images:
            raise ValueError(f"no usable photo in {folder}: all {self.skipped} are broken or under {smallest} pixels")
        if self.skipped:
            log.warning("skipped %d of the files in %s", self.skipped, folder)
        areas = np.array([image.shape[0] * image.shape[1] for image in self.images], dtype=np.float64)
        self._shares = np.cumsum(areas / areas.sum())

    @staticmethod
    def _read(reader: Reader, smallest: int, sizes: Sequence[float]) -> list[Pixels]:
        image = _try(reader)
        if image is None:
            return []
        shapes = [(round(image.shape[0] * size), round(image.shape[1] * size)) for size in sizes]
        shapes = [shape for shape in shapes if min(shape) >= smallest]
        return [
            image if shape == image.shape[:2] else resize(image, shape, Pillow.Resampling.LANCZOS) for shape in shapes
        ]

    def map(self, function: Callable[[Pixels], Pixels]) -> list[Pixels]:
        """Apply a function to every image."""
        with ThreadPoolExecutor() as pool:
            return list(pool.map(function, self.images))

    def pick(self, rng: np.random.Generator) -> int:
        """Index of an image, each as likely as its area is large."""
        return min(int(np.searchsorted(self._shares, rng.random())), len(self.images) - 1)


class Pictures:
    """Pictures of one size, held in memory: what unconditional generators learn from.

    `source` is an .npz (its `x_train`, ``(n, h, w)`` or ``(n, h, w, 3)`` uint8), a .zip of images, a folder within one
    (``fruits.zip/Apple``), or a folder.
    The middle square of each is scaled to `resolution` (antialiased). ``images``: ``(n, resolution, resolution, c)``
    uint8, c = 1 or 3 as asked for; ``labels``: class of each, from `y_train` or the top folder's place in the alphabet;
    ``classes``: their names.

    Broken files and those under half the resolution are skipped, counted in `skipped` and named in the log. Raises
    ``FileNotFoundError`` where there is nothing, ``ValueError`` where nothing is usable.
    """

    def __init__(self, source: Path, *, resolution: int, channels: int = 3) -> None:
        self.skipped = 0
        found: list[tuple[str, Pixels]] = []
        if source.suffix == ".npz":
            found = _from_arrays(source)
        else:
            readers = _readers(source)
            with ThreadPoolExecutor() as pool:
                for name, image in zip([name for name, _ in readers], pool.map(_try, readers), strict=True):
                    if image is not None:
                        found.append((name.split("/")[0] if "/" in name else "", image))
                    self.skipped += image is None
        squares, classes = [], []
        for label, image in found:
            side = min(image.shape[:2])
            if 2 * side < resolution:
                log.warning("a picture of %dx%d is too small for %d", image.shape[1], image.shape[0], resolution)
                self.skipped += 1
                continue
            top, left = ((length - side) // 2 for length in image.shape[:2])
            square = image[top : top + side, left : left + side]
            if side != resolution:
                square = resize(square, (resolution, resolution), Pillow.Resampling.LANCZOS)
            squares.append(square if channels == 3 else np.asarray(Pillow.fromarray(square).convert("L"))[:, :, None])
            classes.append(label)
        if not squares:
            raise ValueError(f"no usable picture in {source}: all {self.skipped} are broken or too small")
        if self.skipped:
            log.warning("skipped %d of the pictures in %s", self.skipped, source)
        self.images: NDArray[np.uint8] = np.stack(squares)
        known = sorted(set(classes))
        self.classes = tuple(known)
        self.labels = np.array([known.index(label) for label in classes])


def _from_arrays(path: Path) -> list[tuple[str, Pixels]]:
    try:
        with np.load(path) as arrays:
            images = arrays["x_train"]
            labels = arrays["y_train"] if "y_train" in arrays else np.zeros(len(images), np.int64)
    except FileNotFoundError:
        raise FileNotFoundError(f"no file {path}") from None
    except (OSError, ValueError, KeyError) as error:
        raise ValueError(f"{path} is no whole .npz with x_train: {error}") from error
    if images.dtype != np.uint8 or images.ndim not in (3, 4) or (images.ndim == 4 and images.shape[3] != 3):
        raise ValueError(f"{path}: x_train is {images.dtype} {images.shape}, not uint8 (n, h, w) or (n, h, w, 3)")
    if images.ndim == 3:
        images = np.repeat(images[..., None], 3, axis=3)
    return [(str(label), image) for label, image in zip(labels, images, strict=True)]


def _from_zip(path: Path, below: str = ".") -> list[Reader]:
    try:
        with zipfile.ZipFile(path) as archive:
            prefix = "" if below == "." else f"{below}/"
            names = sorted(archive.namelist())
            names = [name for name in names if name.startswith(prefix) and Path(name).suffix.lower() in SUFFIXES]
            held = {name: archive.read(name) for name in names}
    except FileNotFoundError:
        raise FileNotFoundError(f"no file {path}") from None
    except (zipfile.BadZipFile, OSError) as error:
        raise ValueError(f"{path} is no whole zip: {error}") from error
    if not held:
        raise FileNotFoundError(f"no image in {path / below}: looked for {', '.join(sorted(SUFFIXES))}")
    return [(name, partial(read_image, io.BytesIO(data), name=f"{path}:{name}")) for name, data in held.items()]


def _try(reader: Reader) -> Pixels | None:
    try:
        return reader[1]()
    except ValueError as error:
        log.warning("%s", error)
        return None


def dihedral(patch: NDArray[np.uint8], which: int) -> NDArray[np.uint8]:
    """One of the eight flips and quarter turns of ``(H, W, C)``, `which` in 0..7."""
    patch = np.rot90(patch, which % 4)
    return patch[:, ::-1] if which >= 4 else patch
