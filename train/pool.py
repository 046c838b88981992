"""Degraded patches with what a teacher makes of them, made once and kept on disk.

A teacher is too slow to be asked at every iteration. A pool depends on its description alone, but for the rounding of
the precision in which the teacher was fastest, and goes on where it was stopped.
"""

import hashlib
import json
import logging
import zipfile
import zlib
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from train import degrade, files, precision
from train.data import Photos, Pixels

log = logging.getLogger(__name__)
CHUNK = 64  # patches of one file
BORDER = 8  # low-resolution pixels around a patch that the teacher sees too, and that are cut off then
ROUGH = 0.75  # share of photos that are degraded by `degrade.rough`, the rest by `degrade.webcam`

Patches = NDArray[np.uint8]  # (n, h, w, 3) RGB


@dataclass(frozen=True)
class Description:
    """All that decides what is in a pool; `count` only how much of it is made.

    `photos` and `frames` are digests of all that they hold (`train.data.digest`; frames: "" where there are none), and
    `teacher` is one of its files. So a pool has another name where other photos are held back.
    """

    teacher: str
    photos: str
    frames: str
    count: int
    side: int  # of a low-resolution patch
    scale: int
    shared: float  # share of the patches that come from frames, which have no sharp original
    seed: int

    @property
    def folder(self) -> str:
        """The name of its folder."""
        decides = {name: value for name, value in asdict(self).items() if name != "count"}
        return hashlib.sha256(json.dumps(decides, sort_keys=True).encode()).hexdigest()[:16]


@dataclass(frozen=True)
class Pool:
    """What the student sees, the sharp original, and what the teacher made of what is seen.

    ``low`` ``(n, s, s, 3)``, ``high`` and ``taught`` ``(n, s * scale, s * scale, 3)``, uint8 RGB. Where there is no
    original, ``high`` is ``taught``.
    """

    low: Patches
    high: Patches
    taught: Patches


@dataclass(frozen=True)
class Ingredients:
    """What a pool is made of: sharp `photos`, `frames` without an original (none: photos alone), the `teacher`."""

    photos: Photos
    frames: Photos | None
    teacher: nn.Module


def pool(folder: Path, about: Description, ingredients: Callable[[], Ingredients]) -> Pool:
    """Return the pool of `about` below `folder`.

    What is not there is made first, of `ingredients`, which are asked for once, and only then. Raises ``OSError``,
    ``ValueError``.
    """
    place = folder / about.folder
    place.mkdir(parents=True, exist_ok=True)
    (place / "about.json").write_text(json.dumps(asdict(about), indent=1), encoding="utf-8")
    parts: list[Path] = [place / f"{index:05d}.npz" for index in range(-(-about.count // CHUNK))]
    missing = [index for index, part in enumerate(parts) if not part.is_file()]
    made_of = ingredients() if missing else None
    for index in missing:
        assert made_of is not None
        chunk = _chunk(about, made_of, index)
        with files.replacing(parts[index]) as partial, partial.open("wb") as file:
            np.savez(file, low=chunk.low, high=chunk.high, taught=chunk.taught)
        log.info("%s: %d of %d patches", place, min(about.count, (index + 1) * CHUNK), about.count)
    return Pool(*(_read(parts, name, about.count) for name in ("low", "high", "taught")))


def _read(parts: Sequence[Path], name: str, count: int) -> Patches:
    """The patches of that name of all files, the first `count`, read into one array file by file."""
    found: Patches | None = None
    for index, part in enumerate(parts):
        try:
            with part.open("rb") as file, np.load(file) as chunk:
                patches = chunk[name][: count - index * CHUNK]
        except (ValueError, EOFError, KeyError, zipfile.BadZipFile, zlib.error) as error:
            raise ValueError(f"{part} of the pool is damaged: delete it, and it is made again") from error
        if found is None:
            found = np.empty((count, *patches.shape[1:]), np.uint8)
        found[index * CHUNK : index * CHUNK + len(patches)] = patches
    assert found is not None
    return found


def _chunk(about: Description, made_of: Ingredients, index: int) -> Pool:
    rng = np.random.default_rng([about.seed, index])
    pairs = [_pair(about, made_of, rng) for _ in range(CHUNK)]
    low = np.stack([pair[0] for pair in pairs])
    taught = np.concatenate([teach(made_of.teacher, part, about.scale) for part in np.array_split(low, 8)])
    high = np.stack([made if truth is None else truth for made, (_, truth) in zip(taught, pairs, strict=True)])
    inner = slice(BORDER, -BORDER)
    wide = slice(BORDER * about.scale, -BORDER * about.scale)
    return Pool(low[:, inner, inner], high[:, wide, wide], taught[:, wide, wide])


def _pair(about: Description, made_of: Ingredients, rng: np.random.Generator) -> tuple[Pixels, Pixels | None]:
    """A low-resolution patch with its border, and its original, if there is one."""
    side = about.side + 2 * BORDER
    photos, frames = made_of.photos, made_of.frames
    if frames is not None and rng.random() < about.shared:
        return _crop(frames.images[frames.pick(rng)], side, rng), None
    image = photos.images[photos.pick(rng)]
    truth = _crop(image, (side + BORDER) * about.scale, rng)
    degradation = degrade.rough if rng.random() < ROUGH else degrade.webcam
    low = degradation(truth, about.scale, rng)
    top, left = (int(start) for start in rng.integers(BORDER + 1, size=2))  # anywhere in a codec's block
    truth = truth[top * about.scale :, left * about.scale :][: side * about.scale, : side * about.scale]
    return low[top : top + side, left : left + side], truth


def _crop(image: Pixels, side: int, rng: np.random.Generator) -> Pixels:
    top, left = (int(rng.integers(length - side + 1)) for length in image.shape[:2])
    return image[top : top + side, left : left + side]


@torch.no_grad()
def teach(network: nn.Module, low: Patches, scale: int) -> Patches:
    """What the teacher makes of ``(n, h, w, 3)``, uint8. Raises ``ValueError`` for another scale or colours."""
    x = torch.from_numpy(np.array(low)).permute(0, 3, 1, 2).float() / 255.0
    with precision.autocast(x.device, precision.fastest(network)):
        y = network(x.contiguous(memory_format=torch.channels_last)).float()
    expected = (len(low), 3, low.shape[1] * scale, low.shape[2] * scale)
    if y.shape != expected:
        raise ValueError(f"the teacher makes {tuple(y.shape)} of {tuple(x.shape)}, and the student {expected}")
    made: Patches = y.clamp(0, 1).mul(255.0).round().to(torch.uint8).permute(0, 2, 3, 1).numpy()
    return made
