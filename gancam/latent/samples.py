"""Pictures of a generator for their own sake: samples by seed, grids of them, and seamless loops."""

from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from gancam.errors import InputError
from gancam.frame import Image
from gancam.inference.catalog import menu, open_model
from gancam.inference.model import Generator
from gancam.inference.network.generator import CERTAIN
from gancam.inference.variants import read_card
from gancam.latent.path import EASES, Path, seeded, styles
from gancam.sources.contract import DrawnSource

BATCH = 16  # pictures made at once
_LARGE = 480  # pixels along a side of a loop's frames, at least, where no size is given


def generators() -> list[str]:
    """List the names of the bundled generators."""
    return [name for name, path in menu().items() if read_card(path).layout == "latent"]


def open_generator(
    name: str, *, device: str = "auto", precision: str = "auto", threads: int | None = None
) -> Generator:
    """Open a generator by its name or the path of its file.

    The arguments are those of `open_model`, and the errors, with ``InputError`` for a model that is no generator.
    """
    model = open_model(name, device=device, precision=precision, threads=threads)
    if not isinstance(model, Generator):
        there = ", ".join(generators()) or "none is bundled"
        effect = model.card.effect.replace("_", "-")
        raise InputError(f"{name} is for {effect}; this needs a generator ({there})")
    return model


def generate(
    model: Generator, seeds: Sequence[int], *, truncation: float | None = None, kinds: Sequence[int] | None = None
) -> NDArray[np.uint8]:
    """Make the picture of each seed, ``(n, resolution, resolution, 3)`` uint8 BGR.

    Args:
        model: The generator.
        seeds: 0 or more, each.
        truncation: 0 (all the mean picture) to 1; None: what suits the generator, as ``styles`` has it.
        kinds: The class of each, as its place among the classes of the card; None: as each seed has it.

    Raises:
        InputError: A seed or a truncation out of range.
    """
    made = []
    for start in range(0, len(seeds), BATCH):
        z = seeded(seeds[start : start + BATCH], model.card.latent)
        for row, kind in zip(z, kinds[start : start + BATCH] if kinds is not None else (), strict=False):
            row[len(row) - len(model.card.classes) + kind] = CERTAIN
        w = model.mapping(z)
        made.append(model.synthesis(styles(w, model, truncation=truncation)))
    return np.concatenate(made) if made else np.empty((0, *(model.card.resolution,) * 2, 3), np.uint8)


def grid(images: NDArray[np.uint8], columns: int) -> Image:
    """Put images ``(n, h, w, 3)`` side by side, row by row, with white for what is left over.

    Returns:
        ``(rows * h, columns * w, 3)`` uint8.
    """
    count, height, width = images.shape[:3]
    rows = -(-count // columns)
    cells = np.full((rows * columns, height, width, 3), 255, np.uint8)
    cells[:count] = images
    cells = cells.reshape(rows, columns, height, width, 3).transpose(0, 2, 1, 3, 4)
    return np.ascontiguousarray(cells.reshape(rows * height, columns * width, 3))


def check_loop(seeds: Sequence[int], *, seconds: float, fps: float, size: int | None, ease: str) -> None:
    """Refuse values that no `LoopSource` takes, whatever its generator. Raises ``InputError``."""
    if len(seeds) < 2:
        raise InputError("a loop needs two seeds or more")
    if not 1 <= fps <= 240:
        raise InputError(f"fps {fps}: must be 1 to 240")
    if not 2 / fps <= seconds <= 3600:
        raise InputError(f"seconds {seconds}: must be two frames or more, an hour at most")
    if size is not None and not 16 <= size <= 4096:
        raise InputError(f"size {size}: must be 16 to 4096 pixels")
    if ease not in EASES:
        raise InputError(f"ease {ease!r} must be of {', '.join(EASES)}")


class LoopSource(DrawnSource):
    """A source that plays once through the pictures of some seeds and back to the first.

    Its first frame follows its last as any other does, so a player that repeats it shows no seam.

    Args:
        model: The generator.
        seeds: Two or more.
        seconds: How long a round takes, to the nearest frame of `fps`: two frames to an hour.
        fps: Frames a second, 1 to 240.
        size: Pixels along a side, 16 to 4096; default: a whole multiple of the generator's, 480 or more.
        ease: How it passes each picture: a name of ``latent.path.EASES``.
        truncation: As ``latent.path.styles`` has it.

    Raises:
        InputError: Less than two seeds, or a value out of range.
    """

    def __init__(
        self, model: Generator, seeds: Sequence[int], *, seconds: float = 10.0, fps: float = 30.0,
        size: int | None = None, ease: str = "linear", truncation: float | None = None,
    ) -> None:  # fmt: skip
        check_loop(seeds, seconds=seconds, fps=fps, size=size, ease=ease)
        own = model.card.resolution
        side = size or -(-_LARGE // own) * own
        super().__init__((side, side), fps, round(seconds * fps))
        self._model, self._count = model, round(seconds * fps)
        self._path = Path(model, seeds, space="w" if model.card.layers > 1 else "z")
        self._ease, self._truncation = ease, truncation
        self.generated(0)

    def image(self, index: int) -> Image:
        """Make the picture of frame `index`."""
        picture = self.generated(index)
        larger = self.size[0] >= picture.shape[0]
        way = cv2.INTER_CUBIC if larger else cv2.INTER_AREA  # which knows no smaller pictures
        return np.asarray(cv2.resize(picture, self.size, interpolation=way), np.uint8)

    def generated(self, index: int) -> Image:
        """Make the picture of frame `index` at the generator's own size; that after the last is the first."""
        assert self._path.keys is not None
        w = self._path.at(index % self._count / self._count * self._path.keys, self._ease)
        picture: Image = self._model.synthesis(styles(w, self._model, truncation=self._truncation))[0]
        return picture
