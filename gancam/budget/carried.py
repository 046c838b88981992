"""An effect that is too slow for every frame: made beside them, and carried along by their motion."""

import threading
from dataclasses import dataclass, field
from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from gancam.effects import Effect, EffectWrapper
from gancam.frame import Image, ImageLike, check_image
from gancam.vision.fit import shrunk
from gancam.vision.flow import DenseFlow
from gancam.vision.motion import Grey
from gancam.vision.scenes import Scenes

_LONGEST = 640  # pixels of the longer side of the change that is carried


class _Made(NamedTuple):
    """What the effect made of an image: that one in grey, and the difference that it makes, ``int16 (h, w, 3)``.

    `opacity`, ``uint8 (h, w)``, is how much of it is seen, where the effect says so. `scene` counts scenes up to it.
    """

    grey: Grey
    change: NDArray[np.int16]
    opacity: Image | None
    scene: int


@dataclass
class _Memory:
    """All that is remembered of frames, and what the caller and its thread tell each other; made anew by a rest."""

    scenes: Scenes = field(default_factory=Scenes)
    scene: int = 0  # how many began
    called: bool = False
    opacity: Image | None = None  # of the picture that was given last
    # These are guarded by the condition.
    job: tuple[Image, float | None, Grey, int] | None = None  # frame, time, in grey, and of which scene
    busy: bool = False
    stopped: bool = False
    made: _Made | None = None
    error: Exception | None = None


class Carried(EffectWrapper):
    """Calls `effect` on a thread of its own, with the newest image whenever it is free; a call here never waits for it.

    What the effect changed in the last image that it was done with is moved to where that is in the present one (dense
    optical flow), and added to the plain picture. Before the first of a scene is done, the plain picture is given.

    ``reset`` and ``close`` join the thread; a call afterwards starts another.

    Args:
        effect: What is played; nobody else calls it meanwhile.
    """

    def __init__(self, effect: Effect) -> None:
        super().__init__(effect)
        self._flow = DenseFlow()
        self._change = threading.Condition()
        self._memory = _Memory()
        self._thread: threading.Thread | None = None

    def __call__(self, image: ImageLike, *, time: float | None = None) -> Image:
        """Give `image` with what the effect last changed; see ``Effect``."""
        image, memory = check_image(image), self._memory
        grey, before = memory.scenes(image)
        memory.scene += before is None
        with self._change:
            error, memory.error = memory.error, None
            if error is not None:
                raise error
            self.effect.params = self.params
            if not memory.busy:
                memory.job, memory.busy = (image.copy(), time, grey, memory.scene), True  # the caller may reuse its own
                self._change.notify_all()
            made = memory.made
        if self._thread is None:
            self._thread = threading.Thread(target=self._work, args=(memory,), name="gancam-carry", daemon=True)
            self._thread.start()
        plain = self.plain(image)
        memory.called, memory.opacity = True, None
        out = plain if made is None or made.scene != memory.scene else self._with_change(plain, grey, made)
        return out.copy() if out is image else out

    def _with_change(self, plain: Image, grey: Grey, made: _Made) -> Image:
        change, self._memory.opacity = made.change, made.opacity
        motion = self._flow(grey, made.grey, (change.shape[1], change.shape[0]))
        if motion is not None:
            change = motion.carry(change)
            self._memory.opacity = None if made.opacity is None else motion.carry(made.opacity)
        if change.shape != plain.shape:
            change = np.asarray(cv2.resize(change, (plain.shape[1], plain.shape[0])), np.int16)
        return np.asarray(cv2.add(plain, change, dtype=cv2.CV_8U), np.uint8)

    def __reduce__(self) -> tuple[object, ...]:
        return type(self), (self.effect,)  # without what was made, and the thread

    @property
    def level(self) -> str:
        """The effect's level, and that it is carried."""
        return f"{self.effect.level or self.name} carried by motion"

    @property
    def remembers(self) -> bool:
        """True: the change of an earlier frame is seen in the picture."""
        return True

    @property
    def can_skim(self) -> bool:
        """False: what is carried must be made."""
        return False

    def skim(self, image: Image, *, time: float | None = None) -> None:
        """Do what a call does: the effect is the thread's."""
        self(image, time=time)

    @property
    def opacity(self) -> Image | None:
        """That which the effect gave last, moved along with its change; None while the plain picture is given."""
        return self._memory.opacity if self._memory.called else self.effect.opacity

    def settle(self) -> None:
        """Wait until the effect is done with what it was given."""
        with self._change:
            self._change.wait_for(lambda: not self._memory.busy or self._thread is None)

    def reset(self) -> None:
        """Forget what was made, and end the thread."""
        self.rest()
        self.effect.reset()

    def close(self) -> None:
        """End the thread, and close the effect."""
        self.rest()
        self.effect.close()

    def rest(self) -> None:
        """Forget what was made, and end the thread; the effect remembers what it saw."""
        thread, self._thread = self._thread, None
        if thread is not None:
            with self._change:
                self._memory.stopped = True
                self._change.notify_all()
            thread.join()
        self._memory = _Memory()

    def _work(self, memory: _Memory) -> None:
        """The hidden thread, which ends before there is another memory."""
        while True:
            with self._change:
                self._change.wait_for(lambda: memory.stopped or memory.job is not None)
                if memory.stopped:
                    return
                assert memory.job is not None
                job, memory.job = memory.job, None
            made, failure = None, None
            try:
                made = self._make(*job)
            except Exception as error:  # raised by the next call
                failure = error
            with self._change:
                memory.made, memory.error, memory.busy = made or memory.made, failure, False
                self._change.notify_all()

    def _make(self, image: Image, time: float | None, grey: Grey, scene: int) -> _Made:
        out = self.effect(image, time=time)
        opacity = self.effect.opacity
        height, width = out.shape[:2]
        shrink = max(max(width, height) / _LONGEST, 1.0)
        size = shrunk((width, height), shrink)
        plain, changed = (
            np.asarray(cv2.resize(one, size, interpolation=cv2.INTER_AREA), np.int16) for one in (image, out)
        )
        if opacity is not None:
            opacity = np.asarray(cv2.resize(opacity, size, interpolation=cv2.INTER_AREA), np.uint8)
        return _Made(grey, changed - plain, opacity, scene)
