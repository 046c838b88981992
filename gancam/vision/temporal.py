"""A camera's noise averaged away over the frames before, along the motion of what moves."""

import cv2
import numpy as np
from numpy.typing import NDArray

from gancam.frame import Image
from gancam.vision.flow import DenseFlow
from gancam.vision.motion import Grey, is_cut, small_grey
from gancam.vision.noise import noise_level, smoothed

_HELD = 0.85  # how much of what was found stays, at most: the mean of about 12 frames
_NEAR, _AROUND = (3, 3), (5, 5)  # pixels over which change is summed, which noise does not survive, and then looked for
_QUIET = 30  # per cent of places that are surely explained by motion: what differs there is noise
_NONE, _SOME = 0.3, 0.7  # grey levels of such noise that a codec has left nothing of, and that is worth motion's errors
_LEAST, _MOST = 0.7, 2.0  # grey levels of noise that any frame may have, and that none has
_MOVES = 2.5  # times the noise that surely is another thing
_REST = 0.25  # pixels of the small picture: motion under that is none
_HUE = 16.0  # levels by which B or R differs more than G that surely are another thing; half of that is noise
_STRONG, _STRONG_HUE = 0.4, 2.5  # times the noise of a single frame, where that is more than those
_STEP = 2  # grey levels that what is given may differ from what was, at rest, to stay as it was

_B_AND_R_LESS_G = np.array([[1, -1, 0], [0, -1, 1]], np.float32)

Plane = NDArray[np.float32]


class TemporalFilter:
    """A recursive filter of each pixel along its motion, as strong as the camera is noisy.

    What was given last is moved to where it is now (dense optical flow of a small picture) and mixed with the frame
    where the two show the same: where grey that differs, over 3x3 pixels together so that noise goes, and in 5x5
    around, is less than some times the noise. That noise is what differs at the quietest places; where there is none,
    as in a video that a codec has cleaned, what moves is left as it is. Where nothing moves, a pixel that differs by no
    more than `_STEP` stays as it was: a network would make more of it.
    """

    def __init__(self) -> None:
        self._planes = _Planes()
        self._held: Plane | None = None  # what was given last, (H, W, 3)
        self._shown: Image | None = None  # the same in 8 bits
        self._grey: Grey | None = None  # the last frame, small
        self._left: Plane | None = None  # of strong noise, its variance in what was given last, (H, W)
        self._flow = DenseFlow(_REST)

    def __call__(self, image: Image, strength: float) -> Image:
        """Give `image` ``(H, W, 3)``, calmer: a new array.

        Args:
            image: The next frame; another size begins anew.
            strength: From 0, nothing is held, to 1.
        """
        held, shown, before = self._held, self._shown, self._grey
        now = self._planes("now", image.shape)
        np.copyto(now, image)
        grey, _ = small_grey(image)
        self._grey = grey
        noise = noise_level(image)
        if held is None or shown is None or before is None or held.shape != image.shape or is_cut(before, grey):
            self._held, self._shown, self._left = now.copy(), smoothed(image, noise * strength), None
            return self._shown.copy()
        motion = self._flow(grey, before, (image.shape[1], image.shape[0]))
        moved = held if motion is None else motion.carry(held, self._planes("moved", held.shape))
        rests = np.full(image.shape[:2], 255, np.uint8) if motion is None else motion.rests
        share = _share(self._planes, now, moved, rests, strength, noise)
        less = np.subtract(1.0, share, out=self._planes("less", share.shape))
        cv2.blendLinear(moved, now, share, less, dst=held)
        given = smoothed(
            np.asarray(cv2.convertScaleAbs(held), np.uint8), noise * strength, self._noise_left(share, noise)
        )
        stays = cv2.bitwise_and(cv2.inRange(cv2.absdiff(given, shown), (0, 0, 0), (_STEP,) * 3), rests)
        stays[share <= 0.0] = 0
        self._shown = np.asarray(cv2.copyTo(shown, stays, given), np.uint8)
        return self._shown.copy()

    def _noise_left(self, share: Plane, noise: float) -> Plane | None:
        """How much of a frame's noise is left at each pixel, where it is strong enough to ask."""
        if noise <= 0:
            self._left = None
            return None
        variance = np.square(1 - share) + np.square(share) * (np.float32(1) if self._left is None else self._left)
        self._left = np.asarray(variance, np.float32)
        return np.sqrt(self._left)

    def reset(self) -> None:
        """Forget the frames before."""
        self._held = self._shown = self._grey = self._left = None


class _Planes:
    """Arrays by name, the same at each frame: the system takes longer to give new ones than it takes to fill them."""

    def __init__(self) -> None:
        self._made: dict[str, Plane] = {}

    def __call__(self, name: str, shape: tuple[int, ...]) -> Plane:
        found = self._made.get(name)
        if found is None or found.shape != shape:
            found = self._made[name] = np.empty(shape, np.float32)
        return found


def _share(planes: _Planes, now: Plane, held: Plane, rests: NDArray[np.uint8], strength: float, single: float) -> Plane:
    """How much of `held` stays at each pixel, 0 to 1; `single` is the noise of the frame by itself."""
    size = now.shape[:2]
    one, two = planes("one", size), planes("two", size)
    colours = np.asarray(cv2.subtract(now, held, dst=planes("colours", now.shape)), np.float32)
    apart = cv2.cvtColor(colours, cv2.COLOR_BGR2GRAY, dst=planes("apart", size))
    differs = cv2.blur(np.abs(apart, out=one), _NEAR, dst=two)[::5, ::5].ravel()
    quiet = _QUIET * (differs.size - 1) // 100
    found = float(np.partition(differs, quiet)[quiet])
    noise = min(max(found, _LEAST), max(_MOST, _STRONG * single))
    cv2.blur(apart, _NEAR, dst=one)
    change = cv2.blur(np.abs(one, out=one), _AROUND, dst=two)
    most = _HELD * strength
    share = planes("share", size)
    np.multiply(change, np.float32(-most / ((_MOVES - 1.0) * noise)), out=share)
    share += np.float32(most * _MOVES / (_MOVES - 1.0))
    limit = cv2.resize(
        _same_hue(colours, max(_HUE, _STRONG_HUE * single)) * np.float32(most),
        size[::-1],
        dst=one,
        interpolation=cv2.INTER_LINEAR,
    )
    np.clip(share, 0.0, limit, out=share)
    worth = min(max((found - _NONE) / (_SOME - _NONE), 0.0), 1.0)
    if worth < 1.0:
        share[rests == 0] *= np.float32(worth)
    return share


def _same_hue(colours: Plane, most: float) -> Plane:
    """Where colours agree, though the grey may be the same, 1, else 0, in half the size: of B and R less G."""
    half = (colours.shape[1] + 1) // 2, (colours.shape[0] + 1) // 2
    apart = cv2.transform(cv2.resize(colours, half, interpolation=cv2.INTER_AREA), _B_AND_R_LESS_G)
    change = cv2.max(*cv2.split(cv2.blur(np.abs(apart), _NEAR)))
    return np.asarray(np.clip(2.0 - change * np.float32(2.0 / most), 0.0, 1.0), np.float32)
