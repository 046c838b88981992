"""Photos in, training patches out. What a patch is depends on a generator of random numbers and on nothing else,
so a resumed run sees the very batches that an uninterrupted one would have seen."""

import logging
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
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


def read_image(path: Path) -> Pixels:
    """RGB uint8 ``(H, W, 3)``; greyscale and palettes are converted, 16 bits scaled, alpha laid on white.

    Raises ``ValueError`` for what is no whole image.
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
        raise ValueError(f"{path} is no whole image: {error}") from error


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


class Photos:
    """Photos held in memory, each also at smaller sizes (which are cleaner and show more per patch).

    Broken or too small files are skipped, counted in `skipped` and named in the log.
    """

    def __init__(self, folder: Path, *, smallest: int, sizes: Sequence[float] = (1.0, 0.7, 0.5)) -> None:
        self.skipped = 0
        self.images: list[Pixels] = []
        with ThreadPoolExecutor() as pool:
            for found in pool.map(lambda path: self._read(path, smallest, sizes), image_files(folder)):
                self.images += found
                self.skipped += not found
        if not self.images:
            raise ValueError(f"no usable photo in {folder}: all {self.skipped} are broken or under {smallest} pixels")
        if self.skipped:
            log.warning("skipped %d of the files in %s", self.skipped, folder)
        areas = np.array([image.shape[0] * image.shape[1] for image in self.images], dtype=np.float64)
        self._shares = np.cumsum(areas / areas.sum())

    @staticmethod
    def _read(path: Path, smallest: int, sizes: Sequence[float]) -> list[Pixels]:
        try:
            image = read_image(path)
        except ValueError as error:
            log.warning("%s", error)
            return []
        shapes = [(round(image.shape[0] * size), round(image.shape[1] * size)) for size in sizes]
        shapes = [shape for shape in shapes if min(shape) >= smallest]
        return [
            image if shape == image.shape[:2] else resize(image, shape, Pillow.Resampling.LANCZOS) for shape in shapes
        ]

    def map(self, function: Callable[[Pixels], Pixels]) -> list[Pixels]:
        with ThreadPoolExecutor() as pool:
            return list(pool.map(function, self.images))

    def pick(self, rng: np.random.Generator) -> int:
        """Index of an image, each as likely as its area is large."""
        return min(int(np.searchsorted(self._shares, rng.random())), len(self.images) - 1)


def dihedral(patch: NDArray[np.uint8], which: int) -> NDArray[np.uint8]:
    """One of the eight flips and quarter turns of ``(H, W, C)``, `which` in 0..7."""
    patch = np.rot90(patch, which % 4)
    return patch[:, ::-1] if which >= 4 else patch
