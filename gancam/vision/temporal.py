"""A camera's noise averaged away over the frames before, along the motion of what moves."""

import cv2
import numpy as np
from numpy.typing import NDArray

from gancam.frame import Image
from gancam.vision.flow import DenseFlow
from gancam.vision.motion import Grey
from gancam.vision.noise import STRONG, noise_level, smoothed
from gancam.vision.planes import Planes
from gancam.vision.scenes import Scenes

_HELD = 0.85  # how much of what was found stays, at most: the mean of about 12 frames
_NEAR, _AROUND = (3, 3), (5, 5)  # pixels over which change is summed, which noise does not survive, and then looked for
_EACH = 10  # rows, of which three are looked at for noise
_QUIET = 30  # per cent of places that are surely explained by motion: what differs there is noise
_NONE, _SOME = 0.3, 0.7  # grey levels of such noise that a codec has left nothing of, and that is worth motion's errors
_LEAST, _MOST = 0.7, 2.0  # grey levels of noise that any frame may have, and that none has
_MOVES = 2.5  # times the noise that surely is another thing
_REST = 0.25  # pixels of the small picture: motion under that is none
_HUE = 16.0  # levels by which B or R differs more than G that surely are another thing; half of that is noise
_STRONG, _STRONG_HUE = 0.4, 2.5  # times the noise of a single frame, where that is more than those
_STEP = 2  # grey levels that what is given may differ from what was, at rest, to stay as it was

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
        self._planes, self._scenes = Planes(), Scenes()
        self._held: Plane | None = None  # what was given last, (H, W, 3)
        self._shown: Image | None = None  # the same in 8 bits
        self._left: Plane | None = None  # of strong noise, its variance in what was given last, (H, W)
        self._flow = DenseFlow(_REST)

    def __call__(self, image: Image, strength: float) -> Image:
        """Give `image` ``(H, W, 3)``, calmer: a new array.

        Args:
            image: The next frame; another size begins anew.
            strength: From 0, nothing is held, to 1.
        """
        held, shown, planes = self._held, self._shown, self._planes
        grey, before = self._scenes(image)
        noise = noise_level(image, least=STRONG / 2)
        if held is None or shown is None or before is None:
            self._held, self._left = image.astype(np.float32), None
            self._shown = smoothed(image, noise * strength).copy()
            return self._shown.copy()
        now = planes("now", image.shape, np.float32)
        np.copyto(now, image)
        motion = self._flow(grey, before, (image.shape[1], image.shape[0]))
        moved = held if motion is None else motion.carry(held, planes("moved", image.shape, np.float32))
        rests = None if motion is None else motion.rests
        share = _share(planes, now, moved, rests, strength, noise)
        less = np.subtract(1.0, share, out=planes("less", share.shape, np.float32))
        cv2.blendLinear(moved, now, share, less, dst=held)
        given = np.asarray(cv2.convertScaleAbs(held), np.uint8)
        given = smoothed(given, noise * strength, self._noise_left(share, noise * strength))
        self._shown = _resting(planes, given, shown, share, rests)
        return self._shown.copy()

    def _noise_left(self, share: Plane, noise: float) -> Plane | None:
        """How much of a frame's noise is left at each pixel, where it may be strong enough to ask."""
        if noise <= STRONG / 2:
            self._left = None
            return None
        variance = np.square(1 - share) + np.square(share) * (np.float32(1) if self._left is None else self._left)
        self._left = np.asarray(variance, np.float32)
        return np.sqrt(self._left)

    def reset(self) -> None:
        """Forget the frames before."""
        self._held = self._shown = self._left = None
        self._scenes.reset()


def _resting(planes: Planes, given: Image, shown: Image, share: Plane, rests: Grey | None) -> Image:
    """`given`, but what was `shown` where that is at rest, of some share, and differs by no more than a step."""
    differs = cv2.absdiff(given, shown, dst=planes("differs", given.shape, np.uint8))
    cv2.threshold(differs, _STEP, 255, cv2.THRESH_BINARY, dst=differs)  # in any colour: grey of some level
    stays = np.logical_and(cv2.cvtColor(differs, cv2.COLOR_BGR2GRAY) == 0, share > 0).view(np.uint8)
    if rests is not None:
        stays &= rests
    return np.asarray(cv2.copyTo(shown, stays, given), np.uint8)


def _share(planes: Planes, now: Plane, held: Plane, rests: Grey | None, strength: float, single: float) -> Plane:
    """How much of `held` stays at each pixel, 0 to 1; `single` is the noise of the frame by itself."""
    size = now.shape[:2]
    one, two, share = (planes(name, size, np.float32) for name in ("one", "two", "share"))
    for colours, grey in ((now, one), (held, two)):
        cv2.cvtColor(colours, cv2.COLOR_BGR2GRAY, dst=grey)
    apart = cv2.subtract(one, two, dst=planes("apart", size, np.float32))
    found = _quiet(np.abs(apart, out=one))
    noise = min(max(found, _LEAST), max(_MOST, _STRONG * single))
    cv2.blur(apart, _NEAR, dst=one)
    change = cv2.blur(np.abs(one, out=one), _AROUND, dst=two)
    most = _HELD * strength
    np.multiply(change, np.float32(-most / ((_MOVES - 1.0) * noise)), out=share)
    share += np.float32(most * _MOVES / (_MOVES - 1.0))
    alike = _same_hue(planes, now, held, max(_HUE, _STRONG_HUE * single), most)
    cv2.min(share, cv2.resize(alike, size[::-1], dst=one, interpolation=cv2.INTER_LINEAR), dst=share)
    np.maximum(share, 0, out=share)
    worth = min(max((found - _NONE) / (_SOME - _NONE), 0.0), 1.0)
    if worth < 1.0 and rests is not None:
        cv2.copyTo(np.multiply(share, np.float32(worth), out=two), cv2.bitwise_not(rests), share)
    return share


def _quiet(differs: Plane) -> float:
    """The mean of 3x3 pixels at the quietest places, of some."""
    bands = max(len(differs) // _EACH, 1)
    rows = differs[: bands * _EACH].reshape(bands, -1, differs.shape[1])[:, :3]
    levels = cv2.blur(rows.mean(1), (3, 1))[:, :: _EACH // 2].ravel()
    quiet = _QUIET * (levels.size - 1) // 100
    return float(np.partition(levels, quiet)[quiet])


def _same_hue(planes: Planes, now: Plane, held: Plane, most: float, full: float) -> Plane:
    """Where colours agree, though the grey may be the same, `full`, else 0, in half the size: of B and R less G."""
    size = (now.shape[0] + 1) // 2, (now.shape[1] + 1) // 2
    # Of exactly half a size both are the mean of four pixels, and the first is quicker.
    how = cv2.INTER_LINEAR if (size[0] * 2, size[1] * 2) == now.shape[:2] else cv2.INTER_AREA
    new, old = (
        cv2.resize(one, size[::-1], dst=planes(name, (*size, 3), np.float32), interpolation=how)
        for one, name in ((now, "new"), (held, "old"))
    )
    apart = cv2.subtract(new, old, dst=new)
    green, blue, red = (cv2.extractChannel(apart, at, dst=planes(f"{at}", size, np.float32)) for at in (1, 0, 2))
    for one in (blue, red):
        cv2.blur(cv2.absdiff(one, green, dst=one), (3, 3), dst=one)
    change = np.asarray(cv2.max(blue, red, dst=blue), np.float32)
    change *= np.float32(-2.0 * full / most)
    change += np.float32(2.0 * full)
    return np.clip(change, 0.0, np.float32(full), out=change)
