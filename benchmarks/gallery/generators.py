"""Sheets of what the generators make, and of how it turns into each other."""

from pathlib import Path

import cv2
import numpy as np

from benchmarks.gallery.files import WHOLE_QUALITY, save, stacked
from benchmarks.gallery.ways import precision_of
from gancam.frame import Image
from gancam.inference.catalog import open_model
from gancam.inference.model import Generator
from gancam.latent.path import Path as LatentPath
from gancam.latent.path import styles
from gancam.latent.samples import generate

ACROSS, ROWS = 8, 2  # samples of seeds 0 to 15, none left out
KEYS = (8, 15, 1)  # seeds that the film passes
SIDE = 112  # pixels along a side of each


def _row(images: list[Image]) -> Image:
    shown = [np.asarray(cv2.resize(one, (SIDE, SIDE), interpolation=cv2.INTER_CUBIC), np.uint8) for one in images]
    return stacked(shown, across=True)


def write_generator(folder: Path, name: str) -> dict[str, str]:
    """Write samples and a film of a generator."""
    model = open_model(name, device="cpu", precision=precision_of(name))
    assert isinstance(model, Generator)
    samples = list(generate(model, range(ACROSS * ROWS)))
    rows = [_row(samples[start : start + ACROSS]) for start in range(0, len(samples), ACROSS)]
    gap = np.zeros((6, rows[0].shape[1], 4), np.uint8)
    sheet = np.concatenate([part for row in rows for part in (row, gap)][:-1])
    path = LatentPath(model, KEYS, space="w" if model.card.layers > 1 else "z")
    steps = [path.at((len(KEYS) - 1) * index / (ACROSS - 1)) for index in range(ACROSS)]
    film = [model.synthesis(styles(w, model))[0] for w in steps]
    return {
        "image": save(folder / f"{name}.webp", np.ascontiguousarray(sheet), WHOLE_QUALITY),
        "film": save(folder / f"{name}-film.webp", _row(film), WHOLE_QUALITY),
    }
