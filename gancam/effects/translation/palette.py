"""Which colours were found for what is so light there, in the frames before: so what is uncovered again has its own."""

import cv2
import numpy as np
from numpy.typing import NDArray

from gancam.vision.flow import Motion

Plane = NDArray[np.float32]
_LEVELS = 12  # steps of luma that are told apart
_CELL = 4  # pixels of the grid of colours that are one cell, a side
_LASTS = 0.985  # of what a cell knows, to the next frame
_NEAR = 1.5  # cells by which one may move unlike the picture and still go along with it
_MOVES = 0.25  # cells: less is no motion


class Palette:
    """A memory of colours by place and luma, which moves along with the camera alone (a bilateral grid).

    What somebody who goes by uncovers has the place and the luma that it had, and so gets the colours that it had.
    """

    def __init__(self) -> None:
        self._cells: Plane | None = None  # (levels, h, w, 3): sums of blue and of red less luma, and of weights

    def clear(self) -> None:
        """Forget all."""
        self._cells = None

    def learn(self, state: Plane, weights: Plane) -> None:
        """Take in `state` (h, w, c): blue and red less luma, and luma; each place counts as `weights` (h, w) say."""
        height, width = shape = -(-state.shape[0] // _CELL), -(-state.shape[1] // _CELL)
        if self._cells is None or self._cells.shape[1:3] != shape:
            self._cells = np.zeros((_LEVELS, *shape, 3), np.float32)
        rows, columns = (np.arange(side) // _CELL for side in state.shape[:2])
        below, above = _between(state[..., 2])
        cells = (below.astype(np.int64) * height + rows[:, None]) * width + columns
        self._cells *= np.float32(_LASTS)
        for channel, values in enumerate((state[..., 0], state[..., 1], np.ones_like(weights))):
            new = np.zeros(_LEVELS * height * width)
            for place, share in ((cells, 1 - above), (cells + height * width, above)):
                new += np.bincount(place.ravel(), (weights * share * values).ravel(), len(new))
            for known, level in zip(self._cells, new.reshape(_LEVELS, height, width), strict=True):
                known[..., channel] += cv2.blur(level, (3, 3), borderType=cv2.BORDER_REPLICATE)

    def recall(self, light: Plane) -> Plane:
        """Give what is known of what is so `light` (h, w): blue and red less luma, and how much that weighs."""
        if self._cells is None:
            return np.zeros((*light.shape, 3), np.float32)
        height, width = self._cells.shape[1:3]
        below, above = _between(light)
        rows, columns = ((np.arange(side, dtype=np.float32) + 0.5) / _CELL - 0.5 for side in light.shape)
        x, y = np.tile(columns, (len(rows), 1)), below * np.float32(height) + rows.clip(0, height - 1)[:, None]
        atlas = self._cells.reshape(-1, width, 3)
        less, more = (
            cv2.remap(atlas, x, y + np.float32(step), cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
            for step in (0, height)
        )
        found = np.asarray(less + above[..., None] * (more - less), np.float32)
        found[..., :2] /= np.maximum(found[..., 2:], 1e-6)
        found[..., 2] /= _CELL * _CELL
        return found

    def follow(self, motion: Motion | None) -> None:
        """Go along with the camera: as most of the picture does, of which the grid's `motion` is given."""
        if motion is None or self._cells is None:
            return
        height, width = self._cells.shape[1:3]
        rows, columns = np.indices(motion.x.shape, np.float32)
        across, down = motion.x - columns, motion.y - rows
        x, y = float(np.median(across)) / _CELL, float(np.median(down)) / _CELL
        apart = np.hypot(across / _CELL - x, down / _CELL - y)
        self._cells *= np.float32((apart < _NEAR).mean())
        if max(abs(x), abs(y)) < _MOVES:
            return
        shift = np.array([[1, 0, x], [0, 1, y]], np.float64)
        for level in self._cells:
            level[...] = cv2.warpAffine(level, shift, (width, height), flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP)


def _between(light: Plane) -> tuple[Plane, Plane]:
    """The level below each luma, and how far that is on the way to the next."""
    at = light * np.float32((_LEVELS - 1) / 255)
    below = np.clip(np.floor(at), 0, _LEVELS - 2)
    return below, at - below
