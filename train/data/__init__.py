"""Photos in, training patches out.

What a patch is depends on a generator of random numbers and on nothing else, so a resumed run sees the very batches
that an uninterrupted one would have seen.
"""

import logging
import math
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import islice
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image as Pillow

from train.data.images import (
    SUFFIXES,
    Pixels,
    by_name,
    crop_to_multiple,
    digest,
    dihedral,
    downscale,
    image_files,
    read_image,
    resize,
    warped,
)
from train.data.items import Account, Item, is_stream, items, on_disk, read_all

log = logging.getLogger(__name__)
MEMORY = 4 << 30  # bytes that the pictures of a source may take
PROBED = 16  # pictures by which the memory of photos is foreseen


class Photos:
    """Photos held in memory, each also at smaller sizes (which are cleaner and show more per patch).

    `source` is all that `items.items` reads. Broken or too small pictures are skipped, counted in `skipped`, and told
    in the log with how many were taken. Where all would not fit into `memory`, every second is taken, or every third
    ... Raises ``FileNotFoundError`` where there is nothing, ``ValueError`` where nothing is usable.

    ``images`` are those to learn from. `hold_back` photos of them all, evenly, at their own size, are in ``held_back``
    instead, to judge on: fewer of fewer than 8 times as many, so that most are learnt from.
    """

    def __init__(
        self,
        source: Path,
        *,
        smallest: int,
        sizes: Sequence[float] = (1.0, 0.7, 0.5),
        memory: int = MEMORY,
        hold_back: int = 0,
    ) -> None:
        taken: list[list[Pixels]] = []  # each photo at its sizes
        account, self.bytes = Account(str(source)), 0
        room = memory / sum(size**2 for size in sizes)
        found, step = items(source, memory=room), 1
        if not is_stream(source):
            found, step = _thinned(found, room)
        for item, image in read_all(found, account):
            made = _smaller(image, smallest, sizes)
            if not made:
                account.skip(item.name, f"under {smallest} pixels")
            elif self.bytes + sum(one.nbytes for one in made) > memory:
                account.skip(item.name, f"beyond the {memory / 2**30:.3g} GiB that pictures may take")
            else:
                account.take(image)
                taken.append(made)
                self.bytes += sum(one.nbytes for one in made)
        self.skipped = account.count
        if not taken:
            raise ValueError(f"no usable photo in {source}: skipped {account.reasons()}")
        _tell(account, step)
        held = parted(len(taken), hold_back)
        self.held_back = [taken[index][0] for index in held]
        self.images = [one for index, made in enumerate(taken) if index not in held for one in made]
        areas = np.array([image.shape[0] * image.shape[1] for image in self.images], dtype=np.float64)
        self._shares = np.cumsum(areas / areas.sum())

    def map(self, function: Callable[[Pixels], Pixels]) -> list[Pixels]:
        """Apply a function to every image."""
        with ThreadPoolExecutor() as pool:
            return list(pool.map(function, self.images))

    def pick(self, rng: np.random.Generator) -> int:
        """Index of an image, each as likely as its area is large."""
        return min(int(np.searchsorted(self._shares, rng.random())), len(self.images) - 1)


def parted(count: int, most: int) -> list[int]:
    """Which of `count` pictures to hold back, evenly: `most` of them, an eighth at most, none where that is none.

    Tells in the log how many, or that figures will be of pictures that were learnt from.
    """
    held = min(most, count // 8)
    if held:
        log.info("%d of them are held back, to judge on", held)
    elif most:
        log.warning("of %d pictures none is held back: figures are of those that were learnt from", count)
    return [(2 * index + 1) * count // (2 * held) for index in range(held)]


def _smaller(image: Pixels, smallest: int, sizes: Sequence[float]) -> list[Pixels]:
    shapes = [(round(image.shape[0] * size), round(image.shape[1] * size)) for size in sizes]
    shapes = [shape for shape in shapes if min(shape) >= smallest]
    return [image if shape == image.shape[:2] else resize(image, shape, Pillow.Resampling.LANCZOS) for shape in shapes]


def _thinned(found: Iterator[Item], memory: float) -> tuple[Iterator[Item], int]:
    """Take every n-th item, so that all fit into `memory` bytes by the size of the first ones, and return n too."""
    first = list(islice(found, PROBED))
    seen = [image.nbytes for _, image in read_all(iter(first), Account(""))]
    rest = list(found)
    every = [*first, *rest]
    step = max(math.ceil(len(every) * float(np.mean(seen)) / memory), 1) if seen else 1
    return iter(every[::step]), step


def _tell(account: Account, step: int) -> None:
    thinned = f" (one of {step}: all would not fit into memory)" if step > 1 else ""
    (log.warning if account.count else log.info)("%s%s", account.describe(), thinned)


class Pictures:
    """Pictures of one size, held in memory: what unconditional generators learn from.

    `source` is all that `items.items` reads. The middle square of each is scaled to `resolution` (antialiased).
    ``images``: ``(n, resolution, resolution, c)`` uint8, c = 1 or 3 as asked for; ``labels``: class of each, by its
    place among ``classes``, their names in order of the alphabet.

    Broken pictures and those under half the resolution are skipped, counted in `skipped`, and told in the log with how
    many were taken. Where all would not fit into `memory`, every second is taken, or every third ... Raises
    ``FileNotFoundError`` where there is nothing, ``ValueError`` where nothing is usable.
    """

    def __init__(self, source: Path, *, resolution: int, channels: int = 3, memory: int = MEMORY) -> None:
        account = Account(str(source))
        found, step = items(source), 1
        if not is_stream(source):
            every = list(found)
            step = max(math.ceil(len(every) * resolution**2 * channels / memory), 1)
            found = iter(every[::step])
        squares, labels = [], []
        for item, image in read_all(found, account):
            square = _square(image, resolution, channels)
            if square is None:
                account.skip(item.name, f"too small for {resolution}x{resolution}")
                continue
            account.take(image)
            squares.append(square)
            labels.append(item.label)
        self.skipped = account.count
        if not squares:
            raise ValueError(f"no usable picture in {source}: skipped {account.reasons() or 'none, it is empty'}")
        _tell(account, step)
        self.images: NDArray[np.uint8] = np.stack(squares)
        self.classes = tuple(sorted(set(labels)))
        places = {name: place for place, name in enumerate(self.classes)}
        self.labels = np.array([places[label] for label in labels])


def _square(image: Pixels, resolution: int, channels: int) -> NDArray[np.uint8] | None:
    side = min(image.shape[:2])
    if 2 * side < resolution:
        return None
    top, left = ((length - side) // 2 for length in image.shape[:2])
    square = image[top : top + side, left : left + side]
    if side != resolution:
        square = resize(square, (resolution, resolution), Pillow.Resampling.LANCZOS)
    if channels == 3:
        return np.ascontiguousarray(square)
    if not square.strides[2]:  # grey, shown as three colours
        return np.ascontiguousarray(square[:, :, :1])
    return np.asarray(Pillow.fromarray(square).convert("L"))[:, :, None]


__all__ = [
    "SUFFIXES", "Account", "Item", "Photos", "Pictures", "Pixels", "by_name", "crop_to_multiple", "digest", "dihedral",
    "downscale", "image_files", "items", "on_disk", "parted", "read_image", "resize",
    "warped",
]  # fmt: skip
