"""Noise of a camera, or grain of film, for fills that are cleaner than what is around them, or that stand still in it.

What a network makes has none, and what is remembered has that of another frame, so in a noisy video a fill looks like a
pane of glass. A block of the picture that shows little but noise tells how strong it is and how it looks; noise of that
kind, by its spectrum, is added, another one in each frame.
"""

import cv2
import numpy as np
from numpy.typing import NDArray

from gancam.effects.inpainting.holes import Holes
from gancam.effects.inpainting.regions import Floats, floats
from gancam.frame import Image
from gancam.masks import Mask
from gancam.vision.noise import noise_level

_BLOCK, _GRID, _LEAST = 32, 8, 8  # pixels a side of a block; how many are looked at across and down, and needed
_CALMEST = 1.07  # times as much noise as in the calmest of so many blocks there is on average
_RANGE = 16, 240  # grey levels on average, between which noise is not cut off
_NONE, _FULL = 2.5, 3.5  # grey levels of noise that nobody sees, and from which all of it is added
_MOVES = 0.6  # of the noise is added at least, to what has its own as well: that stands still
_TILE = 256  # pixels after which it repeats
_INWARD = 3.0  # pixels from the edge of a hole over which it comes in
_FIRST, _EVERY = 3, 8  # frames that are looked at, at the start, and then each so many


class Grain:
    """Adds to fills the noise of the frame that they are in."""

    def __init__(self) -> None:
        self.reset()

    def reset(self) -> None:
        """Forget the noise, and begin again with the first random numbers."""
        self._random = np.random.default_rng(0)
        self._count = 0
        self._level = self._last = 0.0
        self._tile: Floats | None = None

    def add(self, result: Image, image: Image, before: tuple[Image, Mask] | None, holes: Holes) -> None:
        """Add noise to what is filled, in place.

        Args:
            result: uint8 ``(h, w, 3)`` BGR, filled.
            image: the same before it was filled.
            before: the frame before, and 1 where that shows what is to be filled.
            holes: of `image`.
        """
        self._look(image, before, holes.hidden)
        strength = self._level * float(np.clip((self._level - _NONE) / (_FULL - _NONE), 0, 1))
        if self._tile is None or not strength:
            return
        down, right = self._random.integers(0, _TILE, 2).tolist()
        rolled = np.roll(self._tile, (down, right), (0, 1))
        for window in holes.windows:
            part, hole = result[window.place], holes.hidden[window.place]
            own = _own(part, hole)
            more = max(float(np.sqrt(max(strength**2 - own**2, 0.0))), _MOVES * strength)
            share = np.minimum(cv2.distanceTransform(hole, cv2.DIST_L2, 3) / _INWARD, 1) * np.float32(more)
            rows, columns = (np.arange(side) % _TILE for side in hole.shape)
            noise = rolled[rows][:, columns] * floats(share)[..., None]
            cv2.add(part, noise, part, dtype=cv2.CV_8U)

    def _look(self, image: Image, before: tuple[Image, Mask] | None, hidden: Mask) -> None:
        """See how much noise there is, and how it looks: at the start, and now and then."""
        if before is None or before[0].shape != image.shape:
            before, self._count = None, 0
        count, self._count = self._count, self._count + 1
        if count >= _FIRST and count % _EVERY:
            return
        noise = _sample(image, before, hidden)
        if noise is None:
            return
        level = float(noise[..., 1].std())
        self._level, self._last = min(level, self._last) if count else level, level  # a whole picture may move, once
        if level > _NONE:
            self._tile = self._like(noise)

    def _like(self, noise: Floats) -> Floats:
        """Make a tile of noise with the spectrum and the colours of a block, ``(h, w, 3)``, of deviation 1 in green."""
        phases = np.fft.rfft2(self._random.standard_normal((_TILE, _TILE)))
        phases /= np.maximum(np.abs(phases), 1e-9)
        spectrum = np.fft.rfft2(noise - noise.mean((0, 1)), (_TILE, _TILE), axes=(0, 1)) * phases[..., None]
        tile = np.fft.irfft2(spectrum, (_TILE, _TILE), axes=(0, 1))
        return floats(tile / max(float(tile[..., 1].std()), 1e-6))


def _sample(image: Image, before: tuple[Image, Mask] | None, hidden: Mask) -> Floats | None:
    """A block that shows little but noise, float32 ``(_BLOCK, _BLOCK, 3)``: the noise alone. None: no such is known."""
    most = np.inf if before is not None else noise_level(image)
    if most <= _NONE:
        return np.zeros((_BLOCK, _BLOCK, 3), np.float32)
    height, width = hidden.shape
    if min(height, width) < 2 * _BLOCK:
        return None
    found: list[tuple[float, Floats]] = []
    for top in np.linspace(0, height - _BLOCK, _GRID).astype(int).tolist():
        for left in np.linspace(0, width - _BLOCK, _GRID).astype(int).tolist():
            place = slice(top, top + _BLOCK), slice(left, left + _BLOCK)
            if hidden[place].any() or (before is not None and before[1][place].any()):
                continue
            block = floats(image[place])
            if not _RANGE[0] < float(block.mean()) < _RANGE[1]:
                continue
            fine = floats(block - cv2.GaussianBlur(block, (0, 0), 2.0))
            alone = fine if before is None else floats((block - before[0][place]) * np.float32(np.sqrt(0.5)))
            alone -= alone.mean((0, 1))
            # what changes, and is no edge that moves; what is fine, and no texture that stays
            found.append((max(float(alone[..., 1].std()), float(fine[..., 1].std())), alone))
    if len(found) < _LEAST:
        return None
    quiet = min(found, key=lambda one: one[0])[1]  # noise is everywhere, what moves and textures are not
    return floats(quiet * min(_CALMEST, most / max(float(quiet[..., 1].std()), 1e-6)))


def _own(part: Image, hole: Mask) -> float:
    """Deviation of the noise that a fill has already, in green, told by the middle of how far its fine detail goes."""
    green = floats(part[..., 1])
    fine: NDArray[np.float32] = np.abs(green - cv2.GaussianBlur(green, (0, 0), 2.0))[hole > 0]
    return float(np.median(fine)) / 0.6745 if len(fine) else 0.0
