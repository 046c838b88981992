"""The light in which a canvas is shown: what was measured, kept as it was where it differs little."""

import numpy as np
from numpy.typing import NDArray

from gancam.effects.inpainting.light import STEADY, Exposure, lit
from gancam.effects.inpainting.regions import CELL, Floats, FrameRegion
from gancam.frame import Image

_WINDOWS = 64  # for which an exposure is kept


class KeptLight:
    """Keeps light from frame to frame, so that what stands still stays as it is to the byte."""

    def __init__(self) -> None:
        self._exposures: dict[FrameRegion, Exposure] = {}  # by windows of the last frames
        self._added: Floats = np.zeros((0, 0, 3), np.float32)  # to the canvas, by cells of the frame
        self._used: NDArray[np.bool_] = np.zeros((0, 0), np.bool_)  # where that was in use in the frame before

    def begin(self, shape: tuple[int, ...]) -> None:
        """Begin anew with frames of that `shape`."""
        cells = -(-shape[0] // CELL), -(-shape[1] // CELL)
        self._added, self._used = np.zeros((*cells, 3), np.float32), np.zeros(cells, np.bool_)
        self._exposures = {}

    def exposure(self, window: FrameRegion, measured: Exposure) -> Exposure:
        """The exposure to show a window of the canvas in: that `measured` now, or the one before."""
        kept = self._exposures.get(window)
        if kept is not None and measured.near(kept):
            return kept
        if len(self._exposures) > _WINDOWS:
            self._exposures.clear()
        self._exposures[window] = measured
        return measured

    def cells(self, window: FrameRegion, measured: Floats) -> Floats:
        """What is added to the cells of a window: that `measured` now, or what it was before."""
        added, used = self._added[window.cells], self._used[window.cells]
        change = measured - added
        added += np.where(used[..., None], change - change.clip(-STEADY, STEADY), change)
        used[:] = True
        return added

    def taken_from(self, window: FrameRegion, picture: Image) -> Image:
        """Return a finished window without the light that it will be shown in when it is recalled."""
        return self._exposures.get(window, Exposure()).inverse(lit(picture, -self._added[window.cells]))
