"""The layouts ``blocks`` and ``cells`` of a graph: images into them and out of them."""

import time
from collections.abc import Mapping
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from gancam._native import denormals_as_zero
from gancam.errors import ModelError
from gancam.inference.binding import Binding, Tensor
from gancam.inference.session import OpenFile

_STAGES = "conversion", "copies", "network", "copies", "conversion"  # of a call around blocks


class BlockLayout:
    """Buffers of one image size around a graph of layout ``blocks`` or ``cells``.

    They are bound once, so that a call allocates nothing.

    Args:
        opened: The graph in its session.
        shape: Height and width of the images.
        cell: Input pixels along a side that are one place of the graph, which becomes `scale` times as many.
        begins: What it is given beside the picture, by name.

    Raises:
        ModelError: The graph's output is not what the card says.
    """

    def __init__(
        self, opened: OpenFile, shape: tuple[int, int], cell: int, begins: Mapping[str, NDArray[np.int64]]
    ) -> None:
        session, card = opened.session, opened.card
        self._binding, self._spent = Binding(session, opened.device), opened.spent
        side = cell * card.scale
        takes, gives = session.get_inputs()[0], session.get_outputs()[0]
        depth = gives.shape[3] if len(gives.shape) == 4 else None
        if depth not in (3 * side * side, 4 * side * side):
            raise ModelError(
                f"{opened.path}: its card says scale {card.scale} and {card.layout}, so {3 * side * side} or "
                f"{4 * side * side} bytes a place, but it gives {gives.shape}"
            )
        self._channels = depth // (side * side)
        height, width = shape[0] // cell, shape[1] // cell
        self._padded = np.empty((*shape, 4), np.uint8)
        cells = np.empty((height, width, 4 * cell * cell), np.uint8) if cell > 1 else self._padded
        blocks = np.empty((height, width, depth), np.uint8)
        self._pixels = np.empty((height * side, width * side, self._channels), np.uint8)
        self._taken = _rows(cells, self._padded, cell) if cell > 1 else None
        self._given = blocks, side
        self._begins = {name: value.copy() for name, value in begins.items()}
        given = {name: Tensor.over(value) for name, value in self._begins.items()}
        self._binding.bind({takes.name: Tensor.over(cells[None]), **given}, {gives.name: Tensor.over(blocks[None])})

    def run(self, image: NDArray[np.uint8], result: NDArray[np.uint8], begins: Mapping[str, NDArray[np.int64]]) -> None:
        """Run the graph on `image` ``(h, w, 3)`` and write ``(h * scale, w * scale, 3)`` into `result`."""
        for name, value in begins.items():
            self._begins[name][...] = value
        clock = time.perf_counter
        marks = [clock()]
        cv2.cvtColor(image, cv2.COLOR_BGR2BGRA, dst=self._padded)
        marks.append(clock())
        if self._taken is not None:
            cells, pixels = self._taken
            cells[...] = pixels
        marks.append(clock())
        with denormals_as_zero():
            self._binding.play()
        marks.append(clock())
        found = result if self._channels == 3 else self._pixels
        blocks, pixels = _rows(self._given[0], found, self._given[1])
        pixels[...] = blocks
        marks.append(clock())
        if self._channels == 4:
            cv2.cvtColor(self._pixels, cv2.COLOR_BGRA2BGR, dst=result)
        marks.append(clock())
        for kind, early, late in zip(_STAGES, marks, marks[1:], strict=False):
            self._spent[kind] += late - early


def _rows(blocks: NDArray[np.uint8], pixels: NDArray[np.uint8], side: int) -> tuple[NDArray[Any], NDArray[Any]]:
    """The rows of ``side * side`` blocks and those of the picture that they are of, ``(side, h, w)`` each.

    Their items are as large as numpy moves at once.
    """
    height, width = blocks.shape[:2]
    size = side * pixels.shape[2]
    item = np.dtype(np.uint64) if size == 8 else np.dtype((np.void, size))
    inner = blocks.reshape(height, width, side, size).view(item)[..., 0]
    outer = pixels.reshape(height, side, width, size).view(item)[..., 0]
    return inner.transpose(2, 0, 1), outer.transpose(1, 0, 2)
