"""Networks from images to images: each on its own, or with holes to fill.

Calls of a shape that comes again and again, as frames of a video do, become CUDA graphs.
"""

import itertools
import math
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from gancam._native import denormals_as_zero
from gancam.errors import ImageError, ModelError
from gancam.inference.binding import Binding, Tensor
from gancam.inference.network.contract import Network
from gancam.inference.place import Place, Texture
from gancam.inference.session import OpenFile
from gancam.inference.tiling import in_fixed_tiles

_SETTLED = 3  # calls of one shape: what comes so often will come again
_KNOWN = 3  # shapes that are counted, those that came last: frames, and the parts of them that are looked at besides
_MOST = 3  # graphs of a network, each with memory of its own: of frames, of their parts, and of a second source
_SMALL = 1 << 19  # pixels of images whose buffers are kept beside those of another size
_LINKS = 4  # tensors between networks that are kept for the next call
_STAGES = "conversion", "copies", "network", "copies", "conversion"  # of a call around blocks


@dataclass(frozen=True, slots=True)
class CapturedCall:
    """A call that is a CUDA graph: its number, and the memory that it always reads and writes."""

    number: int
    given: Tensor
    made: Tensor


class CapturedCalls:
    """The captured calls of one network, by shape.

    Args:
        device: Where the network runs.
    """

    def __init__(self, device: str) -> None:
        self._device = device
        self._calls: dict[tuple[int, ...], CapturedCall] = {}
        self._counts: dict[tuple[int, ...], int] = {}  # of the shapes that came last, the last one last

    def find(self, given: tuple[int, ...], made: tuple[int, ...]) -> CapturedCall | None:
        """Find the graph of a call; None where it is to run without.

        Args:
            given: The shape of what the network takes now.
            made: The shape of what it will make.
        """
        count = self._counts[given] = self._counts.pop(given, 0) + 1
        if len(self._counts) > _KNOWN:
            self._counts.pop(next(iter(self._counts)))
        if given not in self._calls and count >= _SETTLED and len(self._calls) < _MOST:
            tensors = Tensor.on(self._device, given), Tensor.on(self._device, made)
            self._calls[given] = CapturedCall(len(self._calls) + 1, *tensors)
        return self._calls.get(given)


class ImageNetwork(Network):
    """A network from images to images: the layouts ``image``, ``blocks`` and ``cells`` of a card."""

    def __init__(self, opened: OpenFile) -> None:
        super().__init__(opened)
        self._opened = opened
        session = opened.session
        self._blocks: dict[tuple[int, ...], BlockLayout] = {}  # by the size of images, the last one last
        self._checked = False
        self._singly = session.get_inputs()[0].shape[0] == 1  # takes one image at a time
        self._input, self._output = session.get_inputs()[0].name, session.get_outputs()[0].name
        self._cell = self._check()
        self._links: list[Tensor] = []
        self._turns = itertools.count()
        self.texture = Texture([one.name for one in session.get_overridable_initializers()], self.card)
        self._captured = CapturedCalls(opened.device) if opened.gpu.graph else None
        self(np.zeros((1, *self._smallest(), 3), np.uint8))  # finds a card that lies, and warms the session up

    def __call__(self, images: NDArray[np.uint8], *, place: Place = (0, 0)) -> NDArray[np.uint8]:  # type: ignore[override]
        """Images ``(n, h, w, 3)`` uint8 BGR -> ``(n, h * scale, w * scale, 3)``, the caller's own.

        Each begins at `place` of its `texture`. Their memory is used again when nobody holds them or a view of them.
        """
        self._check_images(images)
        begins = self.texture.at(place)
        fixed = self.card.fixed_height, self.card.fixed_width
        if fixed[0] and images.shape[1:3] != fixed:
            reach = self.card.receptive_field
            tiles = [in_fixed_tiles(self, one, size=fixed, scale=self.card.scale, reach=reach) for one in images]
            return np.stack(tiles)
        if self._singly and len(images) > 1:
            return np.concatenate([self(images[index : index + 1], place=place) for index in range(len(images))])
        if self.card.layout != "image":
            with self._lock, self._failing():
                return self._run_blocks(images, begins)
        if not self._checked:  # that the graph gives what the card says: from then on it writes where it is told to
            result: NDArray[np.uint8] = self._run([self._output], {self._input: images, **begins})[0]
            self._expect(result, self._shape_for(images.shape))
            self._checked = True
            return result
        images = np.ascontiguousarray(images)
        with self._lock, self._failing():
            result = self._buffers.take(self._shape_for(images.shape))
            held = self._captured.find(images.shape, result.shape) if self._captured is not None else None
        if held is None:
            given = {name: Tensor.over(one) for name, one in begins.items()}
            self._bound({self._input: Tensor.over(images), **given}, {self._output: Tensor.over(result)})
            return result
        with self._lock, self._failing(), self._timed():
            held.given.load(images)
            self._binding.run({self._input: held.given}, {self._output: held.made}, capture=held.number)
            held.made.store(result)
        return result

    def takes(self, shape: tuple[int, ...]) -> bool:
        """Whether it takes images of that shape, ``(n, h, w, 3)``, in one run of nothing but its graph."""
        card, sides = self.card, shape[1:3]
        if card.layout != "image" or (card.fixed_height and sides != (card.fixed_height, card.fixed_width)):
            return False
        fits = min(sides) >= card.minimum and not any(side % card.multiple for side in sides)
        return fits and (shape[0] == 1 or not self._singly)

    def reset(self) -> None:
        """Forget the frames before, where the graph carries anything of them."""

    def continue_from(self, before: "ImageNetwork") -> None:
        """Take what `before`, the same network in another precision, carries of the frames, where it does."""

    def turn(self) -> int:
        """Count how often a chain that it begins was asked for a picture."""
        return next(self._turns)

    def link(self, given: Tensor, made: Tensor) -> None:
        """Run it from tensor to tensor, of the host or of its device: images of a shape that it `takes`."""
        self._bound({self._input: given}, {self._output: made})

    @contextmanager
    def between(self, given: Tensor) -> Iterator[Tensor]:
        """Run it on `given` into memory of its device, which is the caller's meanwhile."""
        shape = self._shape_for(given.shape)
        with self._lock, self._failing():
            kept = [one for one in self._links if one.shape == shape]
            made = kept.pop() if kept else Tensor.on(self.place, shape)
            self._links = kept
        self.link(given, made)
        try:
            yield made
        finally:
            with self._lock:
                self._links = [*self._links[-_LINKS + 1 :], made]

    def result(self, given: Tensor) -> NDArray[np.uint8]:
        """Run it on `given` into an array of the host, the caller's own as that of a call."""
        with self._lock:
            made = self._buffers.take(self._shape_for(given.shape))
        self.link(given, Tensor.over(made))
        return made

    def _check(self) -> int:
        """Refuse a card that lies about its graph; input pixels along a side of a cell."""
        card, takes, gives = self.card, self._session.get_inputs(), self._session.get_outputs()
        channels = {"image": "3", "blocks": "4", "cells": "k * k * 4"}[card.layout]
        if len(takes) != 1 or len(gives) != 1 or takes[0].type != "tensor(uint8)" or len(takes[0].shape) != 4:
            raise ModelError(
                f"{self.path} takes {[(i.type, i.shape) for i in takes]}: not one uint8 (n, h, w, {channels})"
            )
        depth = takes[0].shape[3]
        cell = math.isqrt(depth // 4) if card.layout == "cells" and isinstance(depth, int) else 1
        wrong = card.multiple % max(cell, 1) != 0
        if wrong or depth != (3 if card.layout == "image" else 4 * cell**2):
            raise ModelError(f"{self.path}: its card says {card.layout}, but it takes {takes[0].shape}")
        return cell

    def _shape_for(self, shape: tuple[int, ...]) -> tuple[int, int, int, int]:
        return shape[0], shape[1] * self.card.scale, shape[2] * self.card.scale, 3

    def _run_blocks(self, images: NDArray[np.uint8], begins: Mapping[str, NDArray[np.int64]]) -> NDArray[np.uint8]:
        result = self._buffers.take(self._shape_for(images.shape))
        shape = images.shape[1:3]
        blocks = self._blocks.pop(shape, None)
        if blocks is None:
            small = [size for size in self._blocks if size[0] * size[1] <= _SMALL][-_KNOWN + 1 :]
            self._blocks = {size: self._blocks[size] for size in small}
            blocks = BlockLayout(self._opened, shape, self._cell, begins)
        self._blocks[shape] = blocks
        for image, pixels in zip(images, result, strict=True):
            blocks.run(image, pixels, begins)
        return result


class MaskedNetwork(Network):
    """A network that fills holes in images: the layout ``masked`` of a card."""

    def __init__(self, opened: OpenFile) -> None:
        super().__init__(opened)
        says = {name: ("tensor(uint8)", rank) for name, rank in {"image": 4, "hole": 3, "filled": 4}.items()}
        parts = self._parts()
        self._singly = opened.session.get_inputs()[0].shape[0] == 1  # takes one image at a time
        if {name: (part.type, len(part.shape)) for name, part in parts.items()} != says or self.card.scale != 1:
            raise ModelError(
                f"{self.path}: its card says {self.card.layout}, but it has "
                + ", ".join(f"{name} {part.type} {part.shape}" for name, part in parts.items())
            )
        height, width = self._smallest()
        image, hole = np.zeros((1, height, width, 3), np.uint8), np.ones((1, height, width), np.uint8)
        self._expect(self._run(["filled"], {"image": image, "hole": hole})[0], image.shape)

    def __call__(self, images: NDArray[np.uint8], holes: NDArray[np.uint8]) -> NDArray[np.uint8]:  # type: ignore[override]
        """Images ``(n, h, w, 3)`` uint8 BGR, with `holes` ``(n, h, w)`` uint8 filled where they are not 0."""
        self._check_images(images)
        if holes.dtype != np.uint8 or holes.shape != images.shape[:3]:
            raise ImageError(f"{self.card.name} takes holes uint8 {images.shape[:3]}, not {holes.dtype} {holes.shape}")
        if self._singly and len(images) > 1:
            each = (slice(index, index + 1) for index in range(len(images)))
            return np.concatenate([self(images[one], holes[one]) for one in each])
        with self._lock:
            filled = self._buffers.take(images.shape)
        given = {"image": images, "hole": holes}
        self._bound(
            {name: Tensor.over(np.ascontiguousarray(one)) for name, one in given.items()},
            {"filled": Tensor.over(filled)},
        )
        return filled


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
