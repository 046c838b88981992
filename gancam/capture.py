"""``cv2.VideoCapture`` with effects: one changed line in an OpenCV loop."""

import os
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from types import TracebackType
from typing import Self

import cv2
import numpy as np

from gancam.effects import Effect, ImageFunction, as_effect
from gancam.errors import GancamError, NotFound, SourceError
from gancam.frame import Frame, Image
from gancam.pipeline import apply, output_size
from gancam.sources import Source, VideoFile
from gancam.sources.camera import Capture
from gancam.sources.live import SIZE
from gancam.sources.open import open_live


class VideoCapture:
    """Reads frames as ``cv2.VideoCapture`` does, after `effects`.

    As with OpenCV, nothing is raised for a source that cannot be opened or fails: ``isOpened()`` is then False and
    ``read()`` gives ``(False, None)``; ``error`` says why. What goes wrong in an effect is raised. Effects are left
    open, for their owner to close or to use again.

    Args:
        source: A video file, which gives every frame as fast as they are asked for. Or a camera's index or device path,
            a URL, ``"test"``, an open ``cv2.VideoCapture``, or any gancam source: those are live
            (``gancam.sources.live.LiveSource``), a loop slower than the camera skips frames instead of lagging, and an
            outage gives placeholder pictures.
        effects: Effects, or plain functions from image to image, in the order in which they are applied.
        size: ``(width, height)`` that cameras are asked for.
        reconnect: Attempts in a row after which a lost source counts as ended; None for no limit.

    Attributes:
        error: Why the source could not be opened, or failed; None while all is well.

    Examples:
        >>> cap = gancam.VideoCapture(0, effects=[gancam.load("sr-x2")])
        >>> ok, frame = cap.read()
    """

    def __init__(
        self,
        source: int | str | os.PathLike[str] | Capture | Source,
        effects: Sequence[Effect | ImageFunction] = (),
        *,
        size: tuple[int, int] = SIZE,
        reconnect: int | None = None,
    ) -> None:
        self.error: GancamError | None = None
        self._effects = [as_effect(effect) for effect in effects]
        self._source: Source | None = None
        self._frames: Iterator[Frame] = iter(())
        self._grabbed: Frame | None = None
        self._image: Image | None = None  # the grabbed frame after the effects
        self._size: tuple[int, int] | None = None
        try:
            self._source = _open(source, size, reconnect)
        except (NotFound, SourceError) as error:
            self.error = error
        else:
            self._frames = iter(self._source)

    def isOpened(self) -> bool:  # noqa: N802 - OpenCV's name
        """Tell whether there is a source to read from."""
        return self._source is not None

    def grab(self) -> bool:
        """Take the next frame, without effects yet; False at the end."""
        self._image = None
        try:
            self._grabbed = next(self._frames, None)
        except SourceError as error:
            self.error, self._grabbed = error, None
        return self._grabbed is not None

    def retrieve(self, image: Image | None = None, flag: int = 0) -> tuple[bool, Image | None]:
        """Give the grabbed frame after the effects, ``uint8 (H, W, 3)`` BGR; copied into `image` where that fits."""
        if self._grabbed is None:
            return False, None
        if self._image is None:
            opaque = replace(self._grabbed, alpha=None)  # a BGR picture has no place for opacity
            result = apply(opaque, self._effects).image
            self._image = result if result.flags.writeable else result.copy()  # people draw on what they read
        if image is not None and image.shape == self._image.shape and image.dtype == np.uint8:
            np.copyto(image, self._image)
            return True, image
        return True, self._image

    def read(self, image: Image | None = None) -> tuple[bool, Image | None]:
        """Grab and retrieve: ``(True, frame)``, or ``(False, None)`` at the end."""
        return self.retrieve(image) if self.grab() else (False, None)

    def get(self, propId: int) -> float:  # noqa: N803 - OpenCV's name
        """Give a property of what ``read`` gives, 0 for one that is not known.

        Known are CAP_PROP_FRAME_WIDTH, FRAME_HEIGHT, FPS, FRAME_COUNT, POS_FRAMES and POS_MSEC.
        """
        if self._source is None:
            return 0.0
        if propId in (cv2.CAP_PROP_FRAME_WIDTH, cv2.CAP_PROP_FRAME_HEIGHT):
            self._size = self._size or output_size(self._effects, self._source.size)
            return float(self._size[propId == cv2.CAP_PROP_FRAME_HEIGHT])
        if propId == cv2.CAP_PROP_FPS:
            return float(self._source.fps)
        if propId == cv2.CAP_PROP_FRAME_COUNT:
            return float(self._source.frames or 0)
        if propId == cv2.CAP_PROP_POS_FRAMES:
            return 0.0 if self._grabbed is None else float(self._grabbed.index + 1)
        if propId == cv2.CAP_PROP_POS_MSEC:
            return 0.0 if self._grabbed is None else self._grabbed.time * 1000
        return 0.0

    def set(self, propId: int, value: float) -> bool:  # noqa: N803 - OpenCV's name
        """Tell whether the property is `value`, as OpenCV answers.

        Nothing can be changed: give `size` when opening.
        """
        return self.isOpened() and self.get(propId) == value != 0

    def release(self) -> None:
        """Close the source. May be called more than once."""
        source, self._source = self._source, None
        self._frames, self._grabbed, self._image = iter(()), None, None
        if source is not None:
            source.close()

    def __iter__(self) -> Iterator[Image]:
        """Read until the end."""
        while True:
            ok, image = self.read()
            if not ok or image is None:
                return
            yield image

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.release()


def _open(
    source: int | str | os.PathLike[str] | Capture | Source, size: tuple[int, int], reconnect: int | None
) -> Source:
    if isinstance(source, str | os.PathLike) and Path(source).is_file():
        return VideoFile(source)
    if isinstance(source, int | str | os.PathLike | Capture):
        return open_live(source, size=size, reconnect=reconnect)
    return source
