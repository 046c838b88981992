"""Inference over one frame after another, computed only where the frame changed."""

import math
from collections.abc import Callable
from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from gancam.frame import Image
from gancam.inference.buffers import BufferPool

TILE = 8  # pixels along a side of what is looked at for changes
AGE = 0.9  # seconds in which each tile that differs at all is computed again, part by part
UNTIMED = 1 / 15  # seconds that a frame without a time counts as
_CALL = 1000  # pixels that a call costs beside its own
_RUN = 4  # tiles: what changed this near to each other in a row of that height is computed together
_PARTS = 24  # of the picture, about, that come of age one after the other
_CRISPER = 0.3  # of its fine detail that a difference gains; least squares on webcam clips, as networks sharpen


class _Box(NamedTuple):
    """Tiles: rows from `top` to `bottom`, columns from `left` to `right`, the ends not included."""

    top: int
    bottom: int
    left: int
    right: int

    def around(self, other: "_Box") -> "_Box":
        return _Box(
            min(self.top, other.top), max(self.bottom, other.bottom),
            min(self.left, other.left), max(self.right, other.right),
        )  # fmt: skip


class ChangedTiles:
    """Apply a function to one frame after another, computed only where the frame changed.

    A tile keeps its output as long as no pixel in it differs, in any channel, by more
    than `threshold` grey levels from the frame that it was computed from; what is computed includes all that a changed
    pixel reaches. With a threshold of 0 the result is that of computing everything.

    With more, every tile that differs at all is computed again within `AGE` seconds, part by part, and only half of
    what a changed pixel reaches is computed with it: the rest hardly feels it. When `follows` is set (the output is the
    input, enlarged) the small differences are added to what is kept, enlarged bicubically and a little sharpened:
    nearly what the network would have made of them.

    Args:
        function: Maps ``(h, w, 3)`` uint8 to ``(h * scale, w * scale, 3)`` uint8, newly made.
        scale: Output pixels per input pixel along a side.
        overlap: How many input pixels to each side `function` looks.
        follows: Whether the output is the input, enlarged.
    """

    def __init__(self, function: Callable[[Image], Image], *, scale: int, overlap: int, follows: bool = False) -> None:
        self._function, self._scale, self._overlap, self._follows = function, scale, overlap, follows
        self._buffers = BufferPool()
        self._state: _State | None = None
        self._clock = 0.0
        self._pixels = self._computed = 0
        self.latest = 1.0  # share of the picture that was computed, over the last frames

    def __call__(self, image: Image, *, threshold: float, time: float | None = None) -> Image:
        """Give the output for `image` ``(H, W, 3)``, a new array; `image` is not kept.

        Args:
            image: The next frame.
            threshold: 0 or more grey levels that a pixel may differ by.
            time: Of the frame, in seconds; None: `UNTIMED` after the one before.
        """
        before, self._clock = self._clock, self._clock + UNTIMED if time is None else time
        state = self._state
        late = threshold > 0 and not before <= self._clock < before + AGE  # after a seek, too
        ring = self._overlap // 2 if threshold > 0 else self._overlap
        if state is None or state.seen.shape != image.shape or late or not (threshold > 0 or state.exact):
            state = self._state = _State(image.shape, self._scale)
            boxes = [_Box(0, len(state.worst), 0, state.worst.shape[1])]
        else:
            changed = state.compare(image, math.floor(threshold))
            if threshold > 0:
                state.refresh(changed, before, self._clock)
            boxes = _boxes(changed, 2 * (self._overlap + ring))
        done = self._compute(state, image, boxes, ring)
        self._pixels += image.shape[0] * image.shape[1]
        self._computed += done
        self.latest += (done / (image.shape[0] * image.shape[1]) - self.latest) / 15
        result = self._buffers.take(state.made.shape)
        whole = done == image.shape[0] * image.shape[1]
        if threshold > 0 and self._follows and not whole and state.worst.any():
            state.follow(image, result)
        else:
            np.copyto(result, state.made)
        return result

    @property
    def share(self) -> float:
        """Share of all pixels so far that was computed, 0 to 1."""
        return self._computed / self._pixels if self._pixels else 1.0

    def reset(self) -> None:
        """Forget the frames before: the next is computed whole."""
        self._state = None

    def _compute(self, state: "_State", image: Image, boxes: list[_Box], ring: int) -> int:
        """Compute `boxes` and `ring` pixels around each; the pixels shown to the function."""
        height, width = int(image.shape[0]), int(image.shape[1])
        scale, done = self._scale, 0
        areas = [_grown(box, ring + self._overlap, height, width) for box in boxes]
        if sum((bottom - top) * (right - left) + _CALL for top, bottom, left, right in areas) >= height * width:
            state.made[:] = self._function(image)
            state.seen[:] = image
            state.exact = True
            return height * width
        state.exact &= ring == self._overlap or not boxes
        for box, (y, y_end, x, x_end) in zip(boxes, areas, strict=True):
            top, bottom, left, right = _grown(box, ring, height, width)
            found = self._function(np.ascontiguousarray(image[y:y_end, x:x_end]))
            inner = found[(top - y) * scale : (bottom - y) * scale, (left - x) * scale : (right - x) * scale]
            state.made[top * scale : bottom * scale, left * scale : right * scale] = inner
            state.seen[top:bottom, left:right] = image[top:bottom, left:right]
            done += (y_end - y) * (x_end - x)
        return done


class _State:
    """What is kept of pictures of one size, and the buffers to compare with it."""

    def __init__(self, shape: tuple[int, ...], scale: int) -> None:
        height, width = shape[:2]
        rows, columns = -(-height // TILE), -(-width // TILE)
        self.seen = np.empty(shape, np.uint8)  # each pixel as it was when it was computed
        self.made = np.empty((height * scale, width * scale, 3), np.uint8)
        self.worst = np.empty((rows, columns), np.uint8)  # by tile: the largest difference of a pixel
        self.exact = True  # whether `made` is what all of `seen` gives
        self._changed = np.empty((rows, columns), np.bool_)
        padded = np.zeros((rows * TILE, columns * TILE, 3), np.uint8)
        self._difference = padded[:height, :width]
        self._by_row = padded.reshape(rows, TILE, columns * TILE * 3)
        self._lines = np.empty((rows, columns * TILE * 3), np.uint8)
        self._by_tile = self._lines.reshape(rows, columns, TILE * 3)
        down = min(max(round(math.sqrt(_PARTS * height / width)), 1), rows)
        self._parts = down, min(-(-_PARTS // down), columns)
        self._signed = np.empty(shape, np.uint8)
        self._blurred = np.empty(shape, np.uint8)
        self._enlarged = np.empty_like(self.made) if scale > 1 else self._signed

    def compare(self, image: Image, threshold: int) -> NDArray[np.bool_]:
        """By tile: whether a pixel of `image` differs by more. The array is used again."""
        cv2.absdiff(image, self.seen, dst=self._difference)
        np.maximum.reduce(self._by_row, axis=1, out=self._lines)
        np.maximum.reduce(self._by_tile, axis=2, out=self.worst)
        return np.greater(self.worst, threshold, out=self._changed)

    def refresh(self, changed: NDArray[np.bool_], before: float, now: float) -> None:
        """Mark the tiles that came of age between two moments, where they differ at all."""
        rows, columns = changed.shape
        down, across = self._parts
        first, last = math.floor(before / AGE * down * across) + 1, math.floor(now / AGE * down * across)
        for part in range(first, min(last, first + down * across - 1) + 1):
            y, x = divmod(part % (down * across), across)
            cut = (
                slice(y * rows // down, (y + 1) * rows // down),
                slice(x * columns // across, (x + 1) * columns // across),
            )
            np.logical_or(changed[cut], self.worst[cut] > 0, out=changed[cut])

    def follow(self, image: Image, result: Image) -> None:
        """`result` becomes what is kept and the difference of `image` to what was seen, in 8 bits, 128 for zero."""
        cv2.addWeighted(image, 1, self.seen, -1, 128, dst=self._signed)
        if self._enlarged is not self._signed:
            cv2.GaussianBlur(self._signed, (3, 3), 0, dst=self._blurred)
            cv2.addWeighted(self._signed, 1 + _CRISPER, self._blurred, -_CRISPER, 0, dst=self._signed)
            size = self.made.shape[1], self.made.shape[0]
            cv2.resize(self._signed, size, dst=self._enlarged, interpolation=cv2.INTER_CUBIC)
        cv2.addWeighted(self.made, 1, self._enlarged, 1, -128, dst=result)


def _grown(box: _Box, by: int, height: int, width: int) -> tuple[int, int, int, int]:
    """Pixels: top, bottom, left, right of `box` and `by` more to each side."""
    return (
        max(box.top * TILE - by, 0), min(box.bottom * TILE + by, height),
        max(box.left * TILE - by, 0), min(box.right * TILE + by, width),
    )  # fmt: skip


def _boxes(marked: NDArray[np.bool_], more: int) -> list[_Box]:
    """Boxes around all `marked` tiles: what is close together in a few rows of tiles.

    They are joined where one call costs less than two. `more` pixels come on top of each box's height and width.
    """

    def cost(box: _Box) -> int:
        return ((box.bottom - box.top) * TILE + more) * ((box.right - box.left) * TILE + more) + _CALL

    boxes: list[_Box] = []
    for first in range(0, len(marked), _RUN):
        rows = marked[first : first + _RUN]
        columns = np.flatnonzero(rows.any(0))
        if not len(columns):
            continue
        for run in np.split(columns, np.flatnonzero(np.diff(columns) > _RUN) + 1):
            left, right = int(run[0]), int(run[-1]) + 1
            height = np.flatnonzero(rows[:, left:right].any(1))
            boxes.append(_Box(first + int(height[0]), first + int(height[-1]) + 1, left, right))
    priced, joined = [(cost(box), box) for box in boxes], True
    while joined:
        joined, before = False, priced
        priced = []
        for price, box in before:
            for place, (other_price, other) in enumerate(priced):
                both = box.around(other)
                together = cost(both)
                if together <= price + other_price:
                    priced[place], joined = (together, both), True
                    break
            else:
                priced.append((price, box))
    return [box for _, box in priced]
