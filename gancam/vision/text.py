"""Text over pictures, sized in pixels so that it can be read, on a dark backdrop so that it is seen on any picture."""

import unicodedata
from collections.abc import Sequence
from typing import Literal

import cv2

from gancam.frame import Image

Corner = Literal["top left", "top right", "bottom left", "bottom right", "middle", "bottom"]
# In OpenCV 5 a TrueType font of most scripts (of Latin and Cyrillic alone in its wheel for Linux on ARM, which itself
# writes "?" for the others), before that strokes for ASCII alone.
_FONT = cv2.FONT_HERSHEY_SIMPLEX
_ALL_SCRIPTS = int(cv2.__version__.split(".")[0]) >= 5
_SMALLEST = 6  # pixels of a capital letter's height; below, letters are smears
WHITE, GREY, YELLOW, RED = (245, 245, 245), (150, 150, 150), (80, 220, 255), (70, 70, 255)  # BGR


def draw_lines(
    image: Image,
    lines: Sequence[str],
    corner: Corner,
    *,
    height: int,
    colour: tuple[int, int, int] = WHITE,
    backdrop: float = 0.65,
) -> tuple[int, int]:
    """Write `lines` into `image` ``(H, W, 3)``, in place, in a corner or in the middle.

    Where the lines do not fit they get smaller, down to 6 pixels, and what still does not fit is cut.

    Args:
        image: uint8 ``(H, W, 3)`` BGR.
        lines: the text; a tab splits a line into two columns.
        corner: where to.
        height: of a capital letter, in pixels.
        colour: of the text, (b, g, r).
        backdrop: 0 to 1, how dark the panel behind the text is.

    Returns:
        The left lower corner (x, y) of the first line.
    """
    rows = [line.split("\t", 1) for line in lines]
    tall, wide = image.shape[:2]
    while True:
        columns, step, pad = _widths(rows, height), round(height * 1.9), max(round(height * 0.8), 3)
        gap = round(height * 1.4) if columns[1] else 0
        box = columns[0] + gap + columns[1] + 2 * pad, step * len(rows) - (step - height) + 2 * pad
        if height <= _SMALLEST or (box[0] <= wide and box[1] <= tall):
            break
        height -= 1
    margin = height // 2 if box[0] + height <= wide and box[1] + height <= tall else 0
    x = (
        (wide - box[0]) // 2
        if corner in ("middle", "bottom")
        else margin
        if "left" in corner
        else wide - margin - box[0]
    )
    y = (tall - box[1]) // 2 if corner == "middle" else margin if "top" in corner else tall - margin - box[1]
    x, y = max(x, 0), max(y, 0)
    panel = image[y : y + box[1], x : x + box[0]]
    cv2.convertScaleAbs(panel, dst=panel, alpha=1 - backdrop)
    for number, row in enumerate(rows):
        line = y + pad + height + number * step
        for words, left in zip(row, (x + pad, x + pad + columns[0] + gap), strict=False):
            draw_text(image, words, (left, line), height, colour)
    return x + pad, y + pad + height


def draw_text(
    image: Image, words: str, place: tuple[int, int], height: int, colour: tuple[int, int, int], *, right: bool = False
) -> None:
    """Write `words` into `image`, in place, without a backdrop; `place` (x, y) is their left or right lower corner."""
    x = place[0] - text_width(words, height) if right else place[0]
    cv2.putText(image, _drawable(words), (x, place[1]), _FONT, _scale(height), colour, _thick(height), cv2.LINE_AA)


def text_width(words: str, height: int) -> int:
    """Return how many pixels wide `words` are in letters of `height`."""
    return int(cv2.getTextSize(_drawable(words), _FONT, _scale(height), _thick(height))[0][0])


def _drawable(words: str, *, all_scripts: bool = _ALL_SCRIPTS) -> str:
    """What the font has: "?" instead of what it has not, and, where it has ASCII alone, letters without accents."""
    composed = unicodedata.normalize("NFC", words)  # file names of macOS have accents apart from their letters
    if all_scripts:
        return "".join(letter if letter.isprintable() else "?" for letter in composed)
    bare = (unicodedata.normalize("NFKD", letter).encode("ascii", "ignore").decode() or "?" for letter in composed)
    return "".join(bare)


def _thick(height: int) -> int:
    """One in a TrueType font: more is a bold face there, which Greek and Chinese letters lack."""
    return 1 if _ALL_SCRIPTS else max(round(height / 9), 1)


def _scale(height: int) -> float:
    return height / 22  # a capital of this font is 21 to 22 pixels high at scale 1


def _widths(rows: Sequence[Sequence[str]], height: int) -> tuple[int, int]:
    """Of the first column and of the second. Lines without a tab may run through both."""
    split = any(len(row) > 1 for row in rows)

    def widest(texts: Sequence[str]) -> int:
        return max((text_width(words, height) for words in texts), default=0)

    if not split:
        return widest([row[0] for row in rows]), 0
    first, second = widest([row[0] for row in rows if len(row) > 1]), widest([row[1] for row in rows if len(row) > 1])
    whole = widest([row[0] for row in rows if len(row) == 1])
    return first, max(second, whole - first - round(height * 1.4))
