"""Sheets of samples: pictures side by side, with what each column shows written above it."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from train.data.images import Pixels

GAP = 2  # pixels between the pictures of a sheet
WIDE = 512  # pixels of a sheet, at least
HEAD = 20  # pixels of the strip of headings
INK = (60, 60, 60)


def grid(images: NDArray[np.uint8], columns: int) -> NDArray[np.uint8]:
    """``(n, h, w, c)`` side by side, row by row, with `GAP` white pixels between: RGB ``(H, W, 3)``."""
    count, height, width, channels = images.shape
    rows = -(-count // columns)
    cells = np.full((rows * columns, height + GAP, width + GAP, channels), 255, np.uint8)
    cells[:count, :height, :width] = images
    cells = cells.reshape(rows, columns, height + GAP, width + GAP, channels).transpose(0, 2, 1, 3, 4)
    flat = cells.reshape(rows * (height + GAP), columns * (width + GAP), channels)[:-GAP, :-GAP]
    return np.repeat(flat, 3, axis=2) if channels == 1 else flat


def enlarged(picture: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Repeat each pixel of a sheet ``(H, W, 3)`` as many times as it takes to be `WIDE` pixels wide."""
    times = max(-(-WIDE // picture.shape[1]), 1)
    return picture.repeat(times, 0).repeat(times, 1)


def columns(parts: Sequence[tuple[str, Sequence[Pixels]]]) -> NDArray[np.uint8]:
    """Set pictures below each other in columns, at least `WIDE` pixels in all, below what each column is called.

    Args:
        parts: The heading and the pictures ``(h, w, 3)`` RGB of each column, as many in each; those of a row may differ
            in size.

    Returns:
        RGB ``(H, W, 3)``.
    """
    count = len(parts[0][1])
    heights = [max(pictures[row].shape[0] for _, pictures in parts) for row in range(count)]
    widths = [max(picture.shape[1] for picture in pictures) for _, pictures in parts]
    sheet = np.full((sum(heights) + GAP * (count - 1), sum(widths) + GAP * (len(parts) - 1), 3), 255, np.uint8)
    left = 0
    for (_, pictures), width in zip(parts, widths, strict=True):
        top = 0
        for picture, height in zip(pictures, heights, strict=True):
            sheet[top : top + picture.shape[0], left : left + picture.shape[1]] = picture
            top += height + GAP
        left += width + GAP
    large = enlarged(sheet)
    times = large.shape[1] // sheet.shape[1]
    head = Image.new("RGB", (large.shape[1], HEAD), "white")
    pen, font = ImageDraw.Draw(head), ImageFont.load_default(size=0.7 * HEAD)
    left = 0
    for (name, _), width in zip(parts, widths, strict=True):
        pen.text(((left + width / 2) * times, HEAD / 2), name, INK, font, anchor="mm")
        left += width + GAP
    return np.vstack([np.asarray(head), large])
