"""Restoration, learnt from a slow network and from what that network was never shown: the sharp original.

A teacher takes noise and blocks away and draws clean edges, and paints skin and grass over while it does. What the
student learns is between the two. By a network that none of this learns with, the mean of the teacher's picture and of
a faithful one is nearer to the original than either is. Pairs come from a pool on disk (`train.pool`).
"""

import hashlib
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn
from torch.nn import functional as F

from train import evaluate, foreign, sheets
from train.data import Photos, Pixels, digest, dihedral, resize
from train.options import Count, Share
from train.pool import BORDER, Description, Ingredients, Patches, Pool, pool
from train.recipe import Recipe
from train.tasks import HELD_BACK, Batch, data_of, tensor
from train.tasks.super_resolution import SuperResolutionTask, scale_of


@dataclass(frozen=True)
class Data:
    """The keys of ``[data]``: see `DistilTask`."""

    patch: Count = 64
    teacher: str = ""
    blend: Share = 0.65
    frames: str = ""
    shared: Share = 0.2
    pool: str = "runs/pools"
    count: Count = 4096
    side: Count = 64
    pool_scale: int = 0


class DistilTask(SuperResolutionTask):
    """As `SuperResolutionTask`, judged on the `webcam` degradation, with a teacher.

    ``high`` of a batch is a blend of the sharp original and of what the teacher made of ``low``.

    ``[data]``: `patch`; `teacher`, a file that `foreign.teacher` reads; `blend`, the share of its picture (0: the
    original alone); `frames`, pictures that have no sharp original (all that `Photos` takes), where the teacher's
    picture stands for it (none: photos alone), and `shared`, their share; `pool`, the folder of pools; `count` and
    `side` of the patches in it, from which those of `patch` are cut; `pool_scale`, the teacher's scale (0: the
    network's), from which its pictures and the originals are shrunk to the network's.
    """

    def __init__(self, recipe: Recipe, data: Path, device: torch.device) -> None:
        options = data_of(Data, recipe)
        if not options.teacher:
            raise ValueError(f"recipe {recipe.name!r} needs a teacher: --teacher FILE.param, .onnx or .pt2")
        self.blend, self.side = options.blend, options.side
        scale = scale_of(recipe)
        self.pool_scale = options.pool_scale or scale
        if self.pool_scale % scale:
            raise ValueError(
                f"recipe {recipe.name!r}: pool_scale {self.pool_scale} must be a multiple of the scale, {scale}"
            )
        seen = {"patch": options.patch, "degradation": "webcam"}
        super().__init__(replace(recipe, data=seen), data, device)
        if self.side < self.patch:
            raise ValueError(f"recipe {recipe.name!r}: side {self.side} of the pool is under the patch of {self.patch}")
        self.pool = self._make_pool(options, recipe.seed)

    def _read(self, data: Path) -> Photos:
        """The photos that a pool is made of, whatever the network's scale, and those that are held back."""
        return Photos(data, smallest=(self.side + 3 * BORDER) * self.pool_scale, hold_back=HELD_BACK)

    def _make_pool(self, options: Data, seed: int) -> Pool:
        teacher, frames = Path(options.teacher), None
        if options.frames:
            frames = Photos(Path(options.frames), smallest=self.side + 2 * BORDER, sizes=(1.0,))
        about = Description(
            teacher=_digest(teacher), photos=digest(self.photos.images), frames=digest(frames.images) if frames else "",
            count=options.count, side=self.side, scale=self.pool_scale, shared=options.shared, seed=seed,
        )  # fmt: skip
        return pool(Path(options.pool), about, lambda: Ingredients(self.photos, frames, foreign.teacher(teacher)))

    def batch(self, rng: np.random.Generator, size: int) -> Batch:
        """Cut patches of the pool, turned and flipped."""
        triples = [self._triple(rng) for _ in range(size)]
        low, high, taught = (tensor(np.stack(patches), self.device) for patches in zip(*triples, strict=True))
        high = torch.lerp(high, taught, self.blend)
        if self.pool_scale > self.scale:
            side = self.patch * self.scale
            high = F.interpolate(high, (side, side), mode="bicubic", antialias=True).clamp(0, 1)
        return {"low": low, "high": high}

    def _triple(self, rng: np.random.Generator) -> list[Pixels]:
        index, which = int(rng.integers(len(self.pool.low))), int(rng.integers(8))
        top, left = (int(rng.integers(self.pool.low.shape[1] - self.patch + 1)) for _ in range(2))
        found = []
        for patches, scale in zip(self._parts(), (1, self.pool_scale, self.pool_scale), strict=True):
            rows, columns = (slice(start * scale, (start + self.patch) * scale) for start in (top, left))
            found.append(dihedral(patches[index, rows, columns], which))
        return found

    def _parts(self) -> tuple[Patches, Patches, Patches]:
        return self.pool.low, self.pool.high, self.pool.taught

    def preview(self, generator: nn.Module) -> NDArray[np.uint8]:
        """Columns of input (bicubic), output, the teacher's and the original: the six busiest of some patches."""
        busiest = np.argsort([-float(patch.std()) for patch in self.pool.high[:24]])[:6]
        lows, highs, taught = (part[busiest] for part in self._parts())
        made = [evaluate.run(generator, np.ascontiguousarray(low)) for low in lows]
        size = highs.shape[1:3]
        return sheets.columns(
            [
                ("input", [resize(low, size) for low in lows]),
                ("made", [resize(picture, size) for picture in made]),
                ("teacher", list(taught)),
                ("original", list(highs)),
            ]
        )


def _digest(path: Path) -> str:
    """The SHA-256 of a teacher's files, in hexadecimal. Raises ``FileNotFoundError``."""
    files = [path, path.with_suffix(".bin")] if path.suffix == ".param" else [path]
    digest = hashlib.sha256()
    for file in files:
        if not file.is_file():
            raise FileNotFoundError(f"no teacher's file {file}")
        digest.update(file.read_bytes())
    return digest.hexdigest()


build = DistilTask
