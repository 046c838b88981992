"""How far a morph has come: in seconds of what drives it, which is time itself, motion, a sound, or a level."""

import math
import os
from functools import lru_cache

import cv2
import numpy as np

from gancam.effects.morphing.settings import MorphParams
from gancam.errors import InputError, NotFound
from gancam.frame import Image
from gancam.media.audio import Loudness

STEP = 1 / 30  # seconds a frame, for calls that tell no time
_STILL, _LIVELY = 0.6, 4.0  # mean change of grey levels from frame to frame that counts as none, and as 1
_CALM = 0.3  # seconds in which motion is averaged
_LIVED = ("motion", "level")  # drives that know no future


def knows_no_future(params: MorphParams) -> bool:
    """Say whether what drives it is known frame by frame only, so that what comes depends on the frames before."""
    return params.drive in _LIVED


class Drive:
    """Tells where on its path a morph is, at each frame.

    A new speed or drive holds from the frame on with which it comes.

    Args:
        name: What to call the effect in messages.
    """

    def __init__(self, name: str) -> None:
        self._name = name
        self._loudness = lru_cache(maxsize=2)(Loudness)
        self.reset()

    def reset(self) -> None:
        """Begin anew: nothing has moved yet, and no speed but the present one has ever held."""
        self._time = -STEP  # of the last frame
        self._before: Image | None = None  # the frame before, tiny and grey
        self._motion = self._moved = 0.0  # how lively it is, and the sum of that
        self._turned: tuple[float, str, str] | None = None  # speed, drive and audio that hold
        self._anchor = (0.0, 0.0)  # since when they hold, in the drive's own time, and the position then

    def turn(self, params: MorphParams, image: Image, time: float | None) -> tuple[float, float]:
        """Go on to a frame.

        Returns:
            Its time, a thirtieth of a second after the one before where it tells none; and the seconds since that.
        """
        if self._turned is None or params.audio != self._turned[2]:
            self.check(params)
        time = self._time + STEP if time is None else float(time)
        if params.drive == "motion":
            self._watch(image, time)
        else:
            self._before, self._motion = None, 0.0  # of the next that is watched this is not the frame before
            if params.drive == "level" and 0 < time - self._time < 1:
                self._moved += 2.0 * params.level * (time - self._time)
        step, self._time = time - self._time, time
        now = params.speed, params.drive, params.audio
        if self._turned is not None and now != self._turned:
            position = self.position(time)
            self._anchor = self._seconds(time, *now[1:]), position
        self._turned = now
        return time, step

    def check(self, params: MorphParams) -> None:
        """Refuse a file of sound that is not there, also where it does not drive. Raises ``NotFound``."""
        if params.audio and not os.path.exists(params.audio):
            raise NotFound(f"{self._name}: audio={params.audio}: no such file")

    def position(self, time: float) -> float:
        """Seconds of path at a `time`, to the microsecond, so that a loop closes exactly."""
        assert self._turned is not None
        speed, *drive = self._turned
        return round(self._anchor[1] + speed * (self._seconds(time, *drive) - self._anchor[0]), 6)

    def _seconds(self, time: float, drive: str, audio: str) -> float:
        if drive in _LIVED:
            return self._moved
        if drive == "audio":
            if not audio:
                raise InputError(f"{self._name}: drive=audio needs audio=FILE (a live sound: drive=level)")
            return 2.0 * self._loudness(audio).heard(time)  # speech and music are at half of what is loud
        return time

    def _watch(self, image: Image, time: float) -> None:
        """See how much moves: grey levels of a tiny picture against the one before, a thirtieth of a second ago."""
        small = cv2.resize(image[:: max(image.shape[0] // 144, 1), :: max(image.shape[1] // 256, 1)], (64, 36))
        grey = np.asarray(cv2.cvtColor(small, cv2.COLOR_BGR2GRAY), np.uint8)
        passed = time - self._time
        if self._before is not None and 0 < passed < 1:
            change = float(cv2.norm(grey, self._before, cv2.NORM_L1)) / grey.size * STEP / passed
            lively = min(max(change - _STILL, 0.0) / (_LIVELY - _STILL), 3.0)
            self._motion += (lively - self._motion) * (1 - math.exp(-passed / _CALM))
            self._moved += self._motion * passed
        self._before = grey
