"""Writes what is shown: columns of a sheet, strips, and clips."""

from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
from PIL import Image as Pillow

from benchmarks.gallery.pictures import CLIP_FPS
from benchmarks.gallery.tasks import TRUTH, Column, Sheet
from gancam.frame import Frame, Image
from gancam.sinks import SinkContext, open_sink
from gancam.vision.text import draw_text

GAP = 6  # pixels between what is shown, which nothing is seen in
CROP_QUALITY, WHOLE_QUALITY, FAIL_QUALITY = 80, 76, 78  # of WebP: of crops, of whole pictures, of bad cases
_BAND, _LETTER = 22, 10  # pixels of the band under a tile of a clip, and of its capital letters
_INK, _GROUND = (235, 235, 235), (45, 38, 32)
_STEP = 4.0  # of the quality of a clip
MOST = 300_000  # bytes of any clip


def plain_name(name: str) -> str:
    """Name a file after a column."""
    return "".join(letter if letter.isalnum() else "-" for letter in name.lower()).strip("-")


def stacked(cells: Sequence[Image], *, across: bool = False) -> Image:
    """Put pictures under each other, or side by side, with gaps that are transparent: ``(H, W, 4)``."""
    parts = []
    for cell in cells:
        opaque = np.dstack([cell, np.full(cell.shape[:2], 255, np.uint8)])
        gap = ((0, 0), (0, GAP), (0, 0)) if across else ((0, GAP), (0, 0), (0, 0))
        parts.append(np.pad(opaque, gap))
    whole = np.concatenate(parts, axis=1 if across else 0)
    return np.ascontiguousarray(whole[:, :-GAP] if across else whole[:-GAP])


def save(path: Path, image: Image, quality: int) -> str:
    """Write a picture as WebP; returns its path below the gallery."""
    path.parent.mkdir(parents=True, exist_ok=True)
    order = cv2.COLOR_BGRA2RGBA if image.shape[2] == 4 else cv2.COLOR_BGR2RGB
    Pillow.fromarray(cv2.cvtColor(image, order)).save(
        path, quality=quality, method=6
    )  # slower, and smaller than OpenCV's
    return f"{path.parent.name}/{path.name}"


def write_column(folder: Path, sheet: Sheet, column: Column) -> dict[str, str]:
    """Write the first rows of a column, and the others; the pictures themselves only once for all sections."""
    cells = [sheet.cell(column, row) for row in range(len(sheet.rows))]
    name, quality = plain_name(column.way.name), WHOLE_QUALITY if sheet.whole else CROP_QUALITY
    if column.way.name == TRUTH and not sheet.places:
        folder, name = (
            folder.parent / "pictures",
            f"{'whole' if sheet.whole else 'crop'}-{sheet.size[0]}x{sheet.size[1]}",
        )
    if sheet.across:
        return {"image": save(folder / f"{name}.webp", stacked(cells, across=True), quality)}
    written = {"image": save(folder / f"{name}.webp", stacked(cells[: sheet.first]), quality)}
    if more := cells[sheet.first :]:
        written["more"] = save(folder / f"{name}-more.webp", stacked(more), quality)
    return written


def tiled(tiles: Sequence[tuple[Image, str]], most: int) -> Image:
    """Put tiles of one size, with their names under them, into rows of `most`, or of fewer where less stays empty."""
    columns = min(range(max(most - 1, 1), most + 1), key=lambda count: (-len(tiles) % count, -count))
    height, width = tiles[0][0].shape[:2]
    rows = -(-len(tiles) // columns)
    whole = np.empty((rows * (height + _BAND), columns * (width + GAP) - GAP, 3), np.uint8)
    whole[...] = _GROUND
    for place, (tile, name) in enumerate(tiles):
        top, left = place // columns * (height + _BAND), place % columns * (width + GAP)
        whole[top : top + height, left : left + width] = tile
        draw_text(whole, name, (left + 2, top + height + _BAND - 6), _LETTER, _INK)
    return np.ascontiguousarray(whole[: whole.shape[0] // 2 * 2, : whole.shape[1] // 2 * 2])


def write_clip(path: Path, frames: Sequence[Image], most: int = MOST) -> str:
    """Write H.264 as good as `most` bytes allow; returns its path below the gallery."""
    path.parent.mkdir(parents=True, exist_ok=True)
    lowest, highest = 0, 15  # steps of `_STEP` in quality, found by halves
    while lowest < highest:
        middle = (lowest + highest + 1) // 2
        encode(path, frames, _STEP * middle)
        lowest, highest = (middle, highest) if path.stat().st_size <= most else (lowest, middle - 1)
    encode(path, frames, _STEP * lowest)
    return f"{path.parent.name}/{path.name}"


def encode(path: Path, frames: Sequence[Image], quality: float) -> None:
    """Write H.264 of that quality, `CLIP_FPS` frames a second."""
    height, width = frames[0].shape[:2]
    with open_sink(str(path), SinkContext(fps=CLIP_FPS, size=(width, height), quality=quality, overwrite=True)) as sink:
        for index, image in enumerate(frames):
            sink.write(Frame(image, index, index / CLIP_FPS))
