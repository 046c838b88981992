"""A thing that bends and turns, found again from frame to frame: where it looks most like itself.

A correlation filter learns, in the frequency domain, what answers with a peak at the thing and with nothing beside it
(MOSSE, Bolme et al., Visual Object Tracking using Adaptive Correlation Filters, 2010; over several channels and sizes
as in DSST, Danelljan et al., https://doi.org/10.5244/C.28.65). It follows people who walk, for whom no motion of rigid
points holds.
"""

import cv2
import numpy as np
from numpy.typing import NDArray

from gancam.frame import Image

_CELLS, _SIDE = 32, 128  # a side of the window the filter sees: cells, and the pixels they are averaged from
_AROUND = 2.2  # times the thing's box, each way: how far it can move between two frames
_SHARP = 0.1  # of the box: the width of the peak that is learnt
_LEARN = 0.06  # share of a new frame in what is known
_EVEN = 0.01  # keeps frequencies that were hardly seen from shouting
_SIZES = 1.04, 1 / 1.04  # times as large: looked at in turn
_SAME = 1.015  # times as good another size must be
_LIMITS = 0.3, 4.0  # times the first size
_COLOUR = np.array([0.015, 0.03, 0.03], np.float32)  # of lightness, and of both axes of colour (CIELAB)
SEEN = 0.25  # the peak (1: as learnt) from which on it is there: people who walk have 0.33 and more, an empty place 0.2

_Spectrum = NDArray[np.complex128]


class CorrelationFilter:
    """A thing in a box, followed by what it looks like: translation and scale.

    ``centre`` (x, y) is where it was seen last and ``scale`` how many times as large as at first.

    Args:
        image: The first frame, ``(H, W, 3)``.
        box: left, top, width and height of the thing there, in pixels.
    """

    def __init__(self, image: Image, box: tuple[float, float, float, float]) -> None:
        left, top, width, height = box
        self.centre = np.array([left + width / 2, top + height / 2])
        self.scale = 1.0
        self._step = np.zeros(2)
        window = np.maximum(np.array([width, height]) * _AROUND, 12.0)
        self._window = np.maximum(window, window.max() / 2)  # beside what is narrow one must see, too
        place = np.arange(_CELLS) - _CELLS // 2
        across, down = (
            np.exp(-0.5 * (place / max(_SHARP * side / whole * _CELLS, 1.0)) ** 2)
            for side, whole in zip((width, height), self._window, strict=True)
        )
        self._wanted: _Spectrum = np.fft.rfft2(np.fft.ifftshift(np.outer(down, across)))
        slope = np.hanning(_CELLS + 2)[1:-1]
        self._fade = np.asarray(np.outer(slope, slope)[..., None], np.float32)
        self._turn = 0
        seen = self._spectra(image, self.centre, 1.0)
        self._answer, self._power = self._wanted * np.conj(seen), np.square(np.abs(seen)).sum(0)

    def find(self, image: Image, least: float = SEEN) -> bool:
        """Look for it near where it was, and a little larger and smaller in turn; False: it is not there.

        Where it is there, ``centre`` and ``scale`` follow, and what it looks like now is learnt.

        Args:
            image: The next frame, ``(H, W, 3)``.
            least: The answer's peak (1: as learnt) from which on it is there.
        """
        self._turn += 1
        best, move = self._peak(image, 1.0)
        other = _SIZES[self._turn % len(_SIZES)]
        if best >= least and _LIMITS[0] < self.scale * other < _LIMITS[1]:
            peak, there = self._peak(image, other)
            if peak > best * _SAME:
                best, move, self.scale = peak, there, self.scale * other
        if best < least:
            return False
        self._step = 0.6 * self._step + 0.4 * move
        self.centre = self.centre + move
        self.learn(image)
        return True

    def drift(self) -> None:
        """Go on as it went, ever more slowly: it is not seen, behind a post say."""
        self.centre = self.centre + self._step
        self._step = 0.8 * self._step

    def put(self, centre: NDArray[np.float64], scale: float) -> None:
        """Say where it is, as something else has found."""
        self._step = 0.6 * self._step + 0.4 * (centre - self.centre)
        self.centre, self.scale = centre, scale

    def learn(self, image: Image) -> None:
        """Take what it looks like where it is now into what is known."""
        seen = self._spectra(image, self.centre, self.scale)
        self._answer += _LEARN * (self._wanted * np.conj(seen) - self._answer)
        self._power += _LEARN * (np.square(np.abs(seen)).sum(0) - self._power)

    def _peak(self, image: Image, size: float) -> tuple[float, NDArray[np.float64]]:
        """The height of the answer's peak, 1 for what was learnt, and how far it is from ``centre``, in pixels."""
        seen = self._spectra(image, self.centre, self.scale * size)
        answer = np.fft.fftshift(np.fft.irfft2((self._answer * seen).sum(0) / (self._power + _EVEN), s=(_CELLS,) * 2))
        row, column = np.unravel_index(int(answer.argmax()), answer.shape)
        peak = float(answer[row, column])
        rows = [float(answer[(row + step) % _CELLS, column]) for step in (-1, 0, 1)]
        columns = [float(answer[row, (column + step) % _CELLS]) for step in (-1, 0, 1)]
        down, across = row - _CELLS // 2 + _between(*rows), column - _CELLS // 2 + _between(*columns)
        return peak, np.array([across, down]) * self._window * (self.scale * size / _CELLS)

    def _spectra(self, image: Image, centre: NDArray[np.float64], scale: float) -> _Spectrum:
        """What is seen around `centre`: edges by direction, and colours, each as a spectrum ``(7, n, n / 2 + 1)``."""
        window = self._window * scale
        step = window / _SIDE
        corner = centre - window / 2 + step / 2 - 0.5
        place = np.array([[step[0], 0, corner[0]], [0, step[1], corner[1]]])
        flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
        patch = cv2.warpAffine(image, place, (_SIDE, _SIDE), flags=flags, borderMode=cv2.BORDER_REPLICATE)
        grey = cv2.cvtColor(patch, cv2.COLOR_BGR2GRAY)
        across, down = (cv2.Sobel(grey, cv2.CV_32F, axis, 1 - axis, scale=1 / 255) for axis in (1, 0))
        size = cv2.magnitude(across, down) + np.float32(1e-4)
        upright, slanting = (across * across - down * down) / size, 2 * across * down / size
        split = cv2.merge([upright, -upright, slanting, -slanting])
        edges = cv2.resize(np.maximum(split, 0), (_CELLS, _CELLS), interpolation=cv2.INTER_AREA)
        beside = cv2.blur(np.square(edges).sum(2), (3, 3)) + np.float32(1e-4)
        edges = np.minimum(edges / np.sqrt(beside)[..., None], np.float32(0.5))
        small = cv2.resize(patch, (_CELLS, _CELLS), interpolation=cv2.INTER_AREA).astype(np.float32) / np.float32(255)
        colours = cv2.cvtColor(small, cv2.COLOR_BGR2Lab)
        colours = (colours - colours.mean((0, 1))) * _COLOUR
        return np.asarray(np.fft.rfft2(np.dstack([edges, colours]) * self._fade, axes=(0, 1)).transpose(2, 0, 1))


def _between(before: float, peak: float, after: float) -> float:
    """How far beside the middle one of three values the top of a parabola through them is, -0.5 to 0.5."""
    bend = before - 2 * peak + after
    return 0.0 if bend > -1e-9 else float(np.clip(0.5 * (before - after) / bend, -0.5, 0.5))
