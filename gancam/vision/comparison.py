"""Pictures of one place for the eye to compare: beside each other or cut by bars, with labels and a detail of each."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil
from typing import Self

import cv2
import numpy as np

from gancam.frame import Image
from gancam.vision.fit import fit, scaled
from gancam.vision.text import YELLOW, Corner, draw_lines

Box = tuple[int, int, int, int]  # left, top, width, height in pixels
_WHITE = 255


def cut(place: Image, before: Image, share: float, thick: int = 2) -> None:
    """Paint `before` over `place`, both ``uint8 (H, W, 3)``, in place, left of a white bar at `share` of the width."""
    width = place.shape[1]
    bar = min(max(round(share * width), 0), width)
    place[:, :bar] = before[:, :bar]
    place[:, max(bar - thick // 2, 0) : bar + thick // 2] = _WHITE


def filled(picture: Image, size: tuple[int, int]) -> Image:
    """Scale ``uint8 (h, w, 3)`` to `size` (width, height), bicubic, with bars only where its shape is another one."""
    height, width = picture.shape[:2]
    across, down = size[0] / width, size[1] / height
    if (width, height) == size or abs(across - down) * min(width, height) > max(across, down, 1):
        return fit(picture, size)
    how = cv2.INTER_AREA if across < 1 else cv2.INTER_CUBIC
    return np.asarray(cv2.resize(picture, size, interpolation=how), np.uint8)


def differing(pictures: Sequence[Image], size: tuple[int, int]) -> Box:
    """Find where pictures of one size, ``uint8 (H, W, 3)``, differ most from the first: a box of `size`.

    >>> import numpy as np
    >>> grey = np.full((40, 60, 3), 90, np.uint8)
    >>> spot = grey.copy()
    >>> spot[20:24, 30:34] = 200
    >>> left, top, width, height = differing([grey, spot], (10, 8))
    >>> left <= 30 and left + width >= 34 and top <= 20 and top + height >= 24
    True
    """
    height, width = pictures[0].shape[:2]
    wide, tall = min(size[0], width), min(size[1], height)
    change = np.zeros((height, width), np.float32)
    for other in pictures[1:]:
        change = np.maximum(change, cv2.absdiff(other, pictures[0]).sum(2, dtype=np.float32))
    busy = cv2.boxFilter(change, -1, (wide, tall), anchor=(0, 0), borderType=cv2.BORDER_CONSTANT)
    inner = busy[: height - tall + 1, : width - wide + 1]
    top, left = np.unravel_index(int(inner.argmax()), inner.shape)
    return int(left), int(top), wide, tall


@dataclass(frozen=True, slots=True)
class Sheet:
    """Draws comparisons, all of one size.

    A smaller picture is scaled to the size of the largest, bicubic, as players do; one of another shape gets bars.

    Attributes:
        size: (width, height) of the largest picture.
        shown: (width, height) at which each is drawn.
        labels: Of the pictures; an empty one is not written.
        columns: How many stand in a row; 0: one picture, cut by bars.
        detail: A box in pixels of the largest picture that is shown again below each, enlarged; None: none.
    """

    size: tuple[int, int]
    shown: tuple[int, int]
    labels: Sequence[str]
    columns: int
    detail: Box | None = None

    @classmethod
    def within(
        cls, width: int | None, size: tuple[int, int], labels: Sequence[str], columns: int, detail: Box | None
    ) -> Self:
        """Settle a comparison that is at most `width` wide, in pixels; None: as large as the pictures are."""
        whole = cls(size, size, labels, columns, detail)
        if width is None or whole.total[0] <= width:
            return whole
        gaps = max(columns - 1, 0) * cls(size, scaled(size, width / whole.total[0]), labels, columns).line
        return cls(size, scaled(size, (width - gaps) // max(columns, 1) / size[0]), labels, columns, detail)

    @property
    def total(self) -> tuple[int, int]:
        """(width, height) of what is drawn."""
        width, height = self.shown
        columns = self.columns or 1
        rows = ceil(len(self.labels) / columns) if self.columns else 1
        if self.detail is not None:
            height += self.line + self._detail_height(width // (1 if self.columns else len(self.labels)))
        return columns * width + (columns - 1) * self.line, rows * height + (rows - 1) * self.line

    def draw(self, pictures: Sequence[Image], share: float | None = None) -> Image:
        """Draw the comparison.

        Args:
            pictures: One for each label, ``uint8 (h, w, 3)`` BGR of any size.
            share: Of two pictures that are cut, where in the width the bar is; None: in the middle.

        Returns:
            ``uint8 (H, W, 3)`` BGR.
        """
        whole = [filled(picture, self.size) for picture in pictures]
        cells = [self._labelled(filled(picture, self.shown), place) for place, picture in enumerate(whole)]
        if self.columns:
            if self.detail is not None:
                cells = [
                    self._stack([cell, self._enlarged(one, self.shown[0])])
                    for cell, one in zip(cells, whole, strict=True)
                ]
            return self._stack([self._row(cells[at : at + self.columns]) for at in range(0, len(cells), self.columns)])
        sheet = cells[-1]
        for place in reversed(range(len(cells) - 1)):
            cut(sheet, cells[place], share if share is not None else (place + 1) / len(cells), self.line)
        if self.detail is None:
            return sheet
        half, edges = self.line // 2, [self._edge(place) for place in range(len(cells) + 1)]
        below = np.full((self._detail_height(self.shown[0] // len(cells)), self.shown[0], 3), _WHITE, np.uint8)
        for one, left, right in zip(whole, edges, edges[1:], strict=False):
            left, right = left + half * (left > 0), right - half * (right < self.shown[0])
            below[:, left:right] = self._enlarged(one, right - left, len(below))
        return self._stack([sheet, below])

    @property
    def line(self) -> int:
        """How thick bars and gaps are, in pixels: an even number, which codecs with halved chroma leave sharp."""
        return 2 * max(round(self.shown[0] / 800), 1)

    def _labelled(self, cell: Image, place: int) -> Image:
        """A cell of its own with its label, and the outline of the detail."""
        cell = cell.copy()
        if self.detail is not None:
            times = self.shown[0] / self.size[0]
            left, top, wide, tall = (round(side * times) for side in self.detail)
            cv2.rectangle(cell, (left, top), (left + wide - 1, top + tall - 1), YELLOW, max(self.line // 2, 2))
        part = cell
        corner: Corner = "top left"
        if not self.columns:  # within what is seen of the picture, so that a bar that moves covers it
            part = cell[:, self._edge(place) : self._edge(place + 1)]
            corner = "top right" if len(self.labels) == 2 and place else corner
        if self.labels[place]:
            height = max(round(min(self.shown) / 34), self.total[0] // 110, 10)  # also where the whole is seen small
            draw_lines(part, [self.labels[place]], corner, height=height)
        return cell

    def _edge(self, place: int) -> int:
        """Where what is seen of a picture begins, where one is cut by bars."""
        return round(self.shown[0] * place / len(self.labels))

    def _row(self, cells: Sequence[Image]) -> Image:
        between = np.full((len(cells[0]), self.line, 3), _WHITE, np.uint8)
        rest = [np.zeros_like(cells[0])] * (min(self.columns, len(self.labels)) - len(cells))
        return np.concatenate([part for cell in (*cells, *rest) for part in (between, cell)][1:], axis=1)

    def _stack(self, rows: Sequence[Image]) -> Image:
        between = np.full((self.line, rows[0].shape[1], 3), _WHITE, np.uint8)
        return np.concatenate([part for row in rows for part in (between, row)][1:])

    def _detail_height(self, width: int) -> int:
        assert self.detail is not None
        return 2 * max(round(width * self.detail[3] / self.detail[2] / 2), 1)  # even, as codecs want it

    def _enlarged(self, picture: Image, width: int, height: int | None = None) -> Image:
        """The detail of `picture`: each of its pixels is a square, whatever the scale."""
        assert self.detail is not None
        left, top, wide, tall = self.detail
        size = width, height or self._detail_height(width)
        crop = picture[top : top + tall, left : left + wide]
        if (times := ceil(width / wide)) > 1:
            crop = np.asarray(cv2.resize(crop, (wide * times, tall * times), interpolation=cv2.INTER_NEAREST), np.uint8)
        return np.asarray(cv2.resize(crop, size, interpolation=cv2.INTER_AREA), np.uint8)


def detail_size(size: tuple[int, int], count: int, *, beside: bool) -> tuple[int, int]:
    """Give (width, height) of a detail that is enlarged enough to be judged: 4 times, or 3 times below a cut picture.

    Args:
        size: (width, height) of the largest picture.
        count: How many pictures there are.
        beside: Whether they are beside each other; else one is cut.
    """
    return max(size[0] // (4 if beside else 3 * count), 1), max(size[1] // 4, 1)
