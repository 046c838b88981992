"""Noise of a camera, or grain of film, for fills that are cleaner than what is around them, or that stand still in it.

What a network makes has none, and what is remembered has that of another frame, so in a noisy video a fill looks like a
pane of glass. A block of the picture that shows little but noise tells how strong it is and how it looks; noise of that
kind, by its spectrum, is added, another one in each frame. What differs from the frame before is noise only where both
show the same piece of the scene, so the camera's motion is followed, and only as much as is fine within one frame, too:
noise is everywhere, what moves and textures are not.
"""

import cv2
import numpy as np
from numpy.typing import NDArray

from gancam.effects.inpainting.holes import Holes
from gancam.effects.inpainting.regions import Floats, floats
from gancam.frame import Image
from gancam.masks import Mask
from gancam.vision.motion import Matrix, moved
from gancam.vision.noise import noise_level

_BLOCK, _GRID, _LEAST = 32, 8, 8  # pixels a side of a block; how many are looked at across and down, and needed
_CALMEST = 1.07  # times as much noise as in the calmest of so many blocks there is on average
_RANGE = 16, 240  # grey levels on average, between which noise is not cut off
_NONE, _FULL = 2.5, 3.5  # grey levels of noise that nobody sees, and from which all of it is added
_MOVES = 0.6  # of the noise is added at least, to what has its own as well: that stands still
_SOFT = 1.6  # times what is fine in a block that its noise may be: the more, the softer it is
_COMES = 0.25  # of what more or less is to be added comes in each frame: what pops is seen
_TILE = 256  # pixels after which it repeats
_INWARD = 3.0  # pixels from the edge of a hole over which it comes in
_FIRST, _EVERY = 3, 8  # frames that are looked at, at the start, and then each so many

Before = tuple[Image, Mask, Matrix]


class Grain:
    """Adds to fills the noise of the frame that they are in."""

    def __init__(self) -> None:
        self._random = np.random.default_rng(0)
        self._count = 0
        self._level = self._last = self._strength = 0.0
        self._tile: Floats | None = None

    def add(self, result: Image, image: Image, before: Before | None, holes: Holes) -> None:
        """Add noise to what is filled, in place.

        Args:
            result: uint8 ``(h, w, 3)`` BGR, filled.
            image: the same before it was filled.
            before: the frame before, 1 where that shows what is to be filled, and the way of the scene from there to
                `image`; None: there is none that shows the same scene.
            holes: of `image`.
        """
        self._look(image, before, holes.hidden)
        wanted = self._level * float(np.clip((self._level - _NONE) / (_FULL - _NONE), 0, 1))
        self._strength += (wanted - self._strength) * (1.0 if self._count <= _FIRST else _COMES)
        strength = self._strength if self._strength > 0.1 else 0.0
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

    def _look(self, image: Image, before: Before | None, hidden: Mask) -> None:
        """See how much noise there is, and how it looks: at the start, and now and then."""
        if before is None or before[0].shape != image.shape:
            before, self._count, self._level, self._last = None, 0, 0.0, 0.0
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


def _sample(image: Image, before: Before | None, hidden: Mask) -> Floats | None:
    """A block that shows little but noise, float32 ``(_BLOCK, _BLOCK, 3)``: the noise alone. None: no such is known."""
    most = np.inf if before is not None else noise_level(image)
    if most <= _NONE:
        return np.zeros((_BLOCK, _BLOCK, 3), np.float32)
    height, width = hidden.shape
    if min(height, width) < 2 * _BLOCK:
        return None
    found: list[tuple[float, float, Floats]] = []
    for top in np.linspace(0, height - _BLOCK, _GRID).astype(int).tolist():
        for left in np.linspace(0, width - _BLOCK, _GRID).astype(int).tolist():
            place = slice(top, top + _BLOCK), slice(left, left + _BLOCK)
            if hidden[place].any():
                continue
            block = floats(image[place])
            if not _RANGE[0] < float(block.mean()) < _RANGE[1]:
                continue
            fine = floats(block - cv2.GaussianBlur(block, (0, 0), 2.0))
            alone: Floats | None = fine
            if before is not None:
                alone = _change(block, top, left, before)
            if alone is None:
                continue
            alone -= alone.mean((0, 1))
            # what changes, and is no edge that moves; what is fine, and no texture that stays
            steady = float(fine[..., 1].std())
            found.append((max(float(alone[..., 1].std()), steady), steady, alone))
    if len(found) < _LEAST:
        return None
    quiet = min(found, key=lambda one: one[0])[2]
    most = min(most, _SOFT * min(steady for _, steady, _ in found))
    return floats(quiet * min(_CALMEST, most / max(float(quiet[..., 1].std()), 1e-6)))


def _change(block: Floats, top: int, left: int, before: Before) -> Floats | None:
    """How a `block` of a frame differs from the same piece of the scene `before`, as noise of one frame.

    None: that was hidden, or out of the picture. It is moved by whole pixels, for noise to stay as it is.
    """
    image, hidden, way = before
    middle = np.array([[left + _BLOCK / 2, top + _BLOCK / 2]], np.float32)
    left, top = (moved(middle, np.asarray(np.linalg.inv(way), np.float64))[0] - _BLOCK / 2).round().astype(int).tolist()
    if top < 0 or left < 0 or top + _BLOCK > hidden.shape[0] or left + _BLOCK > hidden.shape[1]:
        return None
    place = slice(top, top + _BLOCK), slice(left, left + _BLOCK)
    return None if hidden[place].any() else floats((block - image[place]) * np.float32(np.sqrt(0.5)))


def _own(part: Image, hole: Mask) -> float:
    """Deviation of the noise that a fill has already, in green, told by the middle of how far its fine detail goes."""
    green = floats(part[..., 1])
    fine: NDArray[np.float32] = np.abs(green - cv2.GaussianBlur(green, (0, 0), 2.0))[hole > 0]
    return float(np.median(fine)) / 0.6745 if len(fine) else 0.0
