"""``cv2.VideoCapture`` with effects: one changed line in an OpenCV loop."""

import bisect
import os
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from types import TracebackType
from typing import Self, TypeAlias, cast, overload

import cv2
import numpy as np

from gancam.effects import EffectLike, as_effects, loaded_here
from gancam.errors import GancamError, InputError, NotFound, SourceError, shown
from gancam.frame import Frame, Image, check_size
from gancam.media.animated import is_animated
from gancam.media.paths import SequencePath, StillPath, classify
from gancam.pipeline import apply, output_size
from gancam.sources import AnimatedImage, ImageFiles, Source, Still, VideoFile
from gancam.sources.camera import Camera, Capture
from gancam.sources.live import SIZE, LiveSource
from gancam.sources.open import open_live
from gancam.sources.stream import Stream
from gancam.units import is_finite

CaptureInput: TypeAlias = int | str | os.PathLike[str] | Capture | Source
"""What a capture can be opened with."""
Effects: TypeAlias = Sequence[EffectLike]
_POSITIONS = (cv2.CAP_PROP_POS_FRAMES, cv2.CAP_PROP_POS_MSEC, cv2.CAP_PROP_POS_AVI_RATIO)
_POLL = 0.001  # seconds between two looks at live sources


class VideoCapture:
    """Reads frames as ``cv2.VideoCapture`` does, after `effects`.

    As with OpenCV, nothing is raised for a source that cannot be opened or fails: ``isOpened()`` is then False and
    ``read()`` gives ``(False, None)``; ``error`` says why, and ``setExceptionMode(True)`` has it raised. What goes
    wrong in an effect is raised, and ``InputError`` for what is no source. Effects are left open, for their owner to
    close or to use again; those that are given as texts are closed by ``release``.

    Several threads may read one capture; each gets other frames.

    What differs from OpenCV is in the documentation of the Python API: errors are gancam's own, cameras get their size
    when opened, positions are exact.

    Args:
        source: A video file, numbered images (``frame-%06d.png``) or an image, which give every frame as fast as they
            are asked for and can be rewound. Or a camera's index or device path, a URL, ``"test"``, an open
            ``cv2.VideoCapture``, or any gancam source: those are live (``gancam.sources.live.LiveSource``), a loop
            slower than the camera skips frames instead of lagging, and an outage gives placeholder pictures. None: it
            is opened later, with ``open``.
        apiPreference: OpenCV's backend, which is not needed: a number is accepted and ignored. Effects may stand here.
        params: OpenCV's pairs of property and value; of these the size of a camera counts.
        effects: In the order in which they are applied: effects, plain functions from image to image, or texts that
            name them as on the command line (``"sr-x2:strength=0.5"``).
        size: ``(width, height)`` that cameras are asked for.
        reconnect: Attempts in a row after which a lost source counts as ended; None for no limit.

    Attributes:
        error: Why the source could not be opened, or failed; None while all is well.

    Examples:
        >>> cap = gancam.VideoCapture(0, effects=[gancam.load("sr-x2")])
        >>> ok, frame = cap.read()
    """

    @overload
    def __init__(
        self, source: CaptureInput | None = None, effects: Effects = (), /, *, size: tuple[int, int] = SIZE,
        reconnect: int | None = None,
    ) -> None: ...  # fmt: skip

    @overload
    def __init__(
        self, source: CaptureInput | None = None, apiPreference: int = cv2.CAP_ANY, params: Sequence[int] = (),  # noqa: N803
        *, effects: Effects = (), size: tuple[int, int] = SIZE, reconnect: int | None = None,
    ) -> None: ...  # fmt: skip

    def __init__(
        self,
        source: CaptureInput | None = None,
        apiPreference: int | Effects = cv2.CAP_ANY,  # noqa: N803 - OpenCV's name
        params: Sequence[int] = (),
        *,
        effects: Effects = (),
        size: tuple[int, int] = SIZE,
        reconnect: int | None = None,
    ) -> None:
        self.error: GancamError | None = None
        api, given = (apiPreference, effects) if isinstance(apiPreference, int) else (cv2.CAP_ANY, apiPreference)
        self._effects = as_effects(given)
        self._own = loaded_here(given, self._effects)
        self._asked_size, self._reconnect = check_size(size), reconnect
        self._raises = False
        self._lock = threading.RLock()  # of all that reading changes
        self._clear()
        if source is not None:
            self.open(source, api, params)

    def __repr__(self) -> str:
        source = self._source
        if source is None:
            return "<gancam.VideoCapture closed>"
        (width, height), effects = source.size, " + ".join(effect.name for effect in self._effects)
        name = str(source.path) if isinstance(source, VideoFile | ImageFiles | AnimatedImage) else source.name
        through = f" through {effects}" if effects else ""
        return f"<gancam.VideoCapture {name!r} {width}x{height}, {source.fps:.5g} fps{through}>"

    def _clear(self) -> None:
        self._source: Source | None = None
        self._reopen: Callable[[], Source] | None = None
        self._frames: Iterator[Frame] = iter(())
        self._grabbed: Frame | None = None
        self._image: Image | None = None  # the grabbed frame after the effects
        self._next: Frame | None = None  # one that was fetched to learn a size, and is still to be grabbed
        self._made: Image | None = None  # that after the effects
        self._size: tuple[int, int] | None = None
        self._position, self._moment = 0, 0.0  # the number of the frame to come, and seconds of the last one
        self._times: list[float] | None = None

    def open(self, source: CaptureInput, apiPreference: int = cv2.CAP_ANY, params: Sequence[int] = ()) -> bool:  # noqa: N803
        """Open another source, as OpenCV does, and close the one before; whether that succeeded.

        Raises:
            InputError: For what is no source.
        """
        source = _checked(source)
        with self._lock:
            return self._open(source, params)

    def _open(self, source: CaptureInput, params: Sequence[int]) -> bool:
        self.release()
        self.error = None
        wanted = dict(zip(params[::2], params[1::2], strict=False))
        width, height = self._asked_size
        size = wanted.get(cv2.CAP_PROP_FRAME_WIDTH, width), wanted.get(cv2.CAP_PROP_FRAME_HEIGHT, height)
        try:
            self._reopen = _file(source)
            self._source = _live(source, size, self._reconnect) if self._reopen is None else self._reopen()
        except (NotFound, SourceError) as error:
            self.error, self._reopen = error, None
            if self._raises:
                raise
            return False
        self._frames = iter(self._source)
        return True

    def isOpened(self) -> bool:  # noqa: N802 - OpenCV's name
        """Tell whether there is a source to read from."""
        return self._source is not None

    def getBackendName(self) -> str:  # noqa: N802 - OpenCV's name
        """Name what reads the source: FFMPEG, IMAGES, V4L2 (a camera) or GANCAM (any other).

        Raises:
            SourceError: Nothing is open.
        """
        if self._source is None:
            raise self.error or SourceError("the capture is not open")
        if isinstance(self._source, VideoFile | Stream):
            return "FFMPEG"
        if isinstance(self._source, ImageFiles | AnimatedImage | Still):
            return "IMAGES"
        return "V4L2" if isinstance(self._source, Camera) else "GANCAM"

    def setExceptionMode(self, enable: bool) -> None:  # noqa: N802 - OpenCV's name
        """Let ``open``, ``grab``, ``retrieve`` and ``read`` raise ``SourceError`` or ``NotFound`` where they fail."""
        self._raises = bool(enable)

    def getExceptionMode(self) -> bool:  # noqa: N802 - OpenCV's name
        """Tell whether failures are raised."""
        return self._raises

    @staticmethod
    def waitAny(streams: Sequence["VideoCapture"], timeoutNs: int = 0) -> tuple[bool, list[int]]:  # noqa: N802, N803
        """Wait until at least one of several captures can be grabbed from without waiting.

        Args:
            streams: The captures.
            timeoutNs: Nanoseconds; 0 for no limit.

        Returns:
            Whether there is one, and the places in `streams` of all that are ready. Files always are.
        """
        until = time.monotonic() + timeoutNs / 1e9
        while True:
            ready = [place for place, one in enumerate(streams) if one._is_ready()]
            if ready or not streams or (timeoutNs > 0 and time.monotonic() >= until):
                return bool(ready), ready
            time.sleep(_POLL)

    def _is_ready(self) -> bool:
        return not isinstance(self._source, LiveSource) or self._source.ready

    def grab(self) -> bool:
        """Take the next frame, without effects yet; False at the end."""
        with self._lock:
            return self._grab()

    def _grab(self) -> bool:
        self._image, self._made = self._made, None
        try:
            self._grabbed, self._next = self._next or next(self._frames, None), None
        except SourceError as error:
            self.error, self._grabbed = error, None
        if self._grabbed is not None:
            self._position, self._moment = self._grabbed.index + 1, self._grabbed.time
        elif self._raises:
            raise self.error or SourceError("no frame is left" if self.isOpened() else "the capture is not open")
        return self._grabbed is not None

    def retrieve(self, image: Image | None = None, flag: int = 0) -> tuple[bool, Image]:
        """Give the grabbed frame after the effects, ``uint8 (H, W, 3)`` BGR; copied into `image` where that fits.

        ``(False, None)`` where none was grabbed, which is typed as OpenCV's: after ``if ok:`` it is an image.
        """
        with self._lock:
            return _as_typed(self._retrieve(image))

    def _retrieve(self, image: Image | None) -> tuple[bool, Image | None]:
        if self._grabbed is None:
            if self._raises:
                raise SourceError("no frame was grabbed")
            return False, None
        if self._image is None:
            self._image = self._through(self._grabbed)
        if image is not None and image.shape == self._image.shape and image.dtype == np.uint8:
            np.copyto(image, self._image)
            return True, image
        return True, self._image

    def _through(self, frame: Frame) -> Image:
        opaque = replace(frame, alpha=None)  # a BGR picture has no place for opacity
        result = apply(opaque, self._effects).image
        return result if result.flags.writeable else result.copy()  # people draw on what they read

    def read(self, image: Image | None = None) -> tuple[bool, Image]:
        """Grab and retrieve: ``(True, frame)``, or ``(False, None)`` at the end, typed as OpenCV's."""
        with self._lock:
            return _as_typed(self._retrieve(image) if self._grab() else (False, None))

    def get(self, propId: int) -> float:  # noqa: N803 - OpenCV's name
        """Give a property of what ``read`` gives, 0 for one that is not known.

        Known are CAP_PROP_FRAME_WIDTH, FRAME_HEIGHT, FPS, FRAME_COUNT, FOURCC, POS_FRAMES (the number of the frame to
        come), POS_MSEC (the time of the last one), POS_AVI_RATIO, CONVERT_RGB, ORIENTATION_AUTO and BACKEND.
        """
        source = self._source
        if source is None:
            return 0.0
        if propId in (cv2.CAP_PROP_FRAME_WIDTH, cv2.CAP_PROP_FRAME_HEIGHT):
            self._size = self._size or self._learn_size(source)
            return float(self._size[propId == cv2.CAP_PROP_FRAME_HEIGHT])
        if propId == cv2.CAP_PROP_FPS:
            return float(source.fps)
        if propId == cv2.CAP_PROP_FRAME_COUNT:
            return float(source.frames or 0)
        if propId == cv2.CAP_PROP_FOURCC:
            return float(cv2.VideoWriter.fourcc(*source.fourcc)) if isinstance(source, VideoFile) else 0.0
        if propId == cv2.CAP_PROP_POS_FRAMES:
            return float(self._position)
        if propId == cv2.CAP_PROP_POS_MSEC:
            return self._moment * 1000
        if propId == cv2.CAP_PROP_POS_AVI_RATIO:
            return min(self._position / source.frames, 1.0) if source.frames else 0.0
        if propId == cv2.CAP_PROP_BACKEND:
            return float(cv2.CAP_IMAGES if self.getBackendName() == "IMAGES" else cv2.CAP_FFMPEG)
        return 1.0 if propId in (cv2.CAP_PROP_CONVERT_RGB, cv2.CAP_PROP_ORIENTATION_AUTO) else 0.0

    def _learn_size(self, source: Source) -> tuple[int, int]:
        """The (width, height) of what ``read`` gives; plain functions cannot be asked, so they are shown a frame.

        That is the next one, which is kept for ``grab``: a black one would be remembered by functions that remember.
        """
        with self._lock:
            size = source.size
            for effect in self._effects:
                if not effect.knows_size(size):
                    break
                size = effect.output_size(size)
            else:
                return size
            if self._grabbed is not None:
                self._image = image = self._through(self._grabbed) if self._image is None else self._image
                return image.shape[1], image.shape[0]
            with suppress(SourceError):  # which is raised again by the next ``grab``
                self._next = self._next or next(self._frames, None)
            if self._next is not None:
                self._made = image = self._through(self._next)
                return image.shape[1], image.shape[0]
            return output_size(self._effects, source.size)

    def set(self, propId: int, value: float) -> bool:  # noqa: N803 - OpenCV's name
        """Go to another place of a file: CAP_PROP_POS_FRAMES, POS_MSEC or POS_AVI_RATIO (0 to 1, of the frames).

        The place is exact, and costs decoding all frames before it; effects forget what they have seen. All else cannot
        be changed: give `size` when opening.

        Returns:
            Whether the property is `value` now, as OpenCV answers.
        """
        if propId not in _POSITIONS:
            return self.isOpened() and self.get(propId) == value != 0
        with self._lock:
            if self._source is None or self._reopen is None or not is_finite(value):
                return False
            frames = self._source.frames
            if propId == cv2.CAP_PROP_POS_MSEC:
                wanted = self._frame_at(value / 1000)
            else:
                wanted = round(value * (frames or 0) if propId == cv2.CAP_PROP_POS_AVI_RATIO else value)
            self._go_to(max(min(wanted, wanted if frames is None else frames), 0))
            return self._source is not None

    def _go_to(self, wanted: int) -> None:
        """Let the frame of number `wanted` be the next."""
        assert self._source is not None
        assert self._reopen is not None
        self._source.close()
        self._frames, self._grabbed, self._image, self._next, self._made = iter(()), None, None, None, None
        try:
            self._source = self._reopen()
        except (NotFound, SourceError) as error:  # it is there no more
            self._source, self.error = None, error
            return
        if isinstance(self._source, VideoFile | ImageFiles | AnimatedImage):
            self._source.skip(wanted)
            self._frames = iter(self._source)
        elif wanted == 0:
            self._frames = iter(self._source)
        for effect in self._effects:
            effect.reset()
        times = self._all_times() if wanted else []
        self._position, self._moment = wanted, times[min(wanted, len(times)) - 1] if times else 0.0

    def _frame_at(self, seconds: float) -> int:
        """The number of the frame that is nearest in time."""
        times = self._all_times()
        place = bisect.bisect_left(times, seconds)
        if 0 < place < len(times) and seconds - times[place - 1] < times[place] - seconds - 1e-9:
            place -= 1
        return place

    def _all_times(self) -> list[float]:
        if self._times is None:
            source = self._source
            if isinstance(source, VideoFile):
                self._times = source.frame_times()
            elif isinstance(source, ImageFiles | AnimatedImage):
                self._times = [float(one) for one in source.times]
            else:
                self._times = [0.0]
        return self._times

    def release(self) -> None:
        """Close the source. May be called more than once, and while another thread reads."""
        source = self._source
        if source is not None:
            source.close()  # before the lock, which is held by whoever waits for a frame of it
        with self._lock:
            source = self._source
            self._clear()
            if source is None:
                return
            source.close()
            for effect in self._own:
                effect.close()
                effect.reset()

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


def _as_typed(read: tuple[bool, Image | None]) -> tuple[bool, Image]:
    """What was read, as OpenCV's stub types it, so that ``if ok:`` is all that a program needs to ask."""
    return cast(tuple[bool, Image], read)


def _file(source: CaptureInput) -> Callable[[], Source] | None:
    """How to open `source`, where it is a file or numbered images; None for all else."""
    if not isinstance(source, str | os.PathLike) or "://" in os.fspath(source):
        return None
    path = Path(source)
    media = classify(path)
    if isinstance(media, SequencePath):
        return lambda: ImageFiles(path)
    if not path.is_file():
        return None
    if isinstance(media, StillPath) and is_animated(path):
        return (lambda: AnimatedImage(path)) if path.suffix.lower() == ".webp" else (lambda: VideoFile(path))
    return (lambda: Still(path)) if isinstance(media, StillPath) else (lambda: VideoFile(path))


def _checked(source: CaptureInput) -> CaptureInput:
    """Return `source`, a number as Python's own; raises ``InputError`` for what is none."""
    if isinstance(source, np.integer):
        return int(source)
    if isinstance(source, bool) or not isinstance(source, int | str | os.PathLike | Capture | Source):
        needs = "a camera's index, a file or URL as text or path, an open cv2.VideoCapture, or a source"
        raise InputError(f"source is {shown(source)}: needs {needs}, such as gancam.VideoFile(path)")
    return source


def _live(source: CaptureInput, size: tuple[int, int], reconnect: int | None) -> Source:
    if isinstance(source, int | str | os.PathLike | Capture):
        return open_live(source, size=size, reconnect=reconnect, square=False)  # as OpenCV
    return source
