"""Cameras, read by OpenCV."""

import os
import re
import stat
import sys
import threading
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Protocol, runtime_checkable

import cv2
import numpy as np

from gancam._native import environment, quiet_opencv
from gancam.errors import SourceError
from gancam.frame import Image
from gancam.sources.live import PATIENCE, SIZE, LivePicture, LiveSource
from gancam.sources.pace import Pace

_BAD_IN_A_ROW = 60  # broken pictures before a connection counts as lost
# OpenCV reads this when it first waits for a camera: how many seconds one that was unplugged may take (default 10).
_CAMERAS = Path("/sys/class/video4linux")  # of Linux
_FOR_CAMERAS = {"OPENCV_VIDEOIO_V4L_SELECT_TIMEOUT": "2"}


@runtime_checkable
class Capture(Protocol):
    """The part of ``cv2.VideoCapture`` that is needed; OpenCV's documentation says what each does."""

    def isOpened(self) -> bool:  # noqa: N802
        """Tell whether it can be read from."""

    def grab(self) -> bool:
        """Take the next picture; False where there is none."""

    def retrieve(self) -> tuple[bool, object]:
        """Decode the picture that was taken."""

    def get(self, what: int, /) -> float:
        """Give a property, CAP_PROP_...; 0 where it is not known."""

    def release(self) -> None:
        """Close it."""


class Camera(LiveSource):
    """Plays a camera, the newest picture at each time (``gancam.sources.live.LiveSource``).

    Asks for Motion-JPEG, without which most cameras give 5 frames a second at high resolutions, takes what the camera
    then gives, and measures the rate for a second: ``fps`` is the measured one, and ``notes`` has both.

    Args:
        device: Its index (0, 1, ...) or device path (``/dev/video0``, ``/dev/v4l/by-id/...``).
        size: ``(width, height)`` to ask for.
        fps: Frames a second to ask for.
        patience: As of ``LiveSource``.
        reconnect: As of ``LiveSource``.

    Raises:
        SourceError: For a camera that is not there, in use by another program, or silent.
    """

    def __init__(
        self,
        device: int | str | os.PathLike[str] = 0,
        *,
        size: tuple[int, int] = SIZE,
        fps: float = 30.0,
        patience: float = PATIENCE,
        reconnect: int | None = None,
    ) -> None:
        super().__init__(camera_backend(device, size, fps), patience=patience, reconnect=reconnect, measure=True)
        self._size_asked, self._fps_asked = size, fps
        self.device = device

    def next_camera(self) -> str:
        """Play the next camera that there is instead of this one; its name, or why there is none."""
        there, here = cameras(), _index_of(self.device)
        others = [one for one in there if one != here]
        if not others:
            return "there is no other camera"
        device = next((one for one in others if here is not None and one > here), others[0])
        self.device = device
        self.switch(camera_backend(device, self._size_asked, self._fps_asked))
        return f"camera {device}: {there[device]}"


def _index_of(device: int | str | os.PathLike[str]) -> int | None:
    """Find the index of a camera, on Linux also by its device path or a link to that; None where it has none."""
    if isinstance(device, int):
        return device
    found = re.fullmatch(r"/dev/video(\d+)", os.path.realpath(device))
    return None if found is None else int(found[1])


def cameras(folder: Path = _CAMERAS) -> dict[int, str]:
    """Find the cameras' names by their index, on Linux; of a camera's several devices the first counts."""
    found: dict[int, str] = {}
    for place in sorted(folder.glob("video*"), key=lambda place: (len(place.name), place.name)):
        with suppress(OSError, ValueError):
            first = (place / "index").read_text().strip() in ("", "0")
            if first:
                found[int(place.name.removeprefix("video"))] = (place / "name").read_text().strip()
    return found


def camera_called(text: str, folder: Path = _CAMERAS) -> int | None:
    """Find the index of the camera in whose name `text` is, in any case; None where there is none."""
    return next((index for index, name in cameras(folder).items() if text.lower() in name.lower()), None)


def camera_backend(device: int | str | os.PathLike[str], size: tuple[int, int], fps: float) -> "CaptureBackend":
    """Make what opens and reads a camera; the arguments are those of a ``Camera``."""
    device = device if isinstance(device, int) else os.fspath(device)
    name = f"camera {device}"

    def connect() -> Capture:
        _look_for_camera(device, name)
        system = {"linux": cv2.CAP_V4L2, "win32": cv2.CAP_DSHOW}.get(sys.platform, cv2.CAP_ANY)
        with quiet_opencv(), environment(_FOR_CAMERAS):
            capture = cv2.VideoCapture(device, system)
            if capture.isOpened():
                capture.set(cv2.CAP_PROP_FOURCC, cv2.VideoWriter.fourcc(*"MJPG"))
                capture.set(cv2.CAP_PROP_FRAME_WIDTH, size[0])
                capture.set(cv2.CAP_PROP_FRAME_HEIGHT, size[1])
                capture.set(cv2.CAP_PROP_FPS, fps)
                capture.set(cv2.CAP_PROP_BUFFERSIZE, 1)
                return capture
        raise SourceError(f"{name}: cannot be opened: in use by another program, or no camera")

    silent = "gives no picture: in use by another program, or unplugged"
    return CaptureBackend(name, connect, silent=silent, first_read=_FOR_CAMERAS)


class CaptureBackend:
    """Reads the pictures of a ``cv2.VideoCapture``.

    Args:
        name: For messages.
        connect: Called to open it.
        finite: Whether an end is an end, not a loss.
        pace: What holds pictures back until their time has come (a file).
        silent: What to say where no picture comes.
        first_read: Environment variables for OpenCV, until the first picture came.
    """

    def __init__(
        self,
        name: str,
        connect: Callable[[], Capture],
        *,
        finite: bool = False,
        pace: Pace | None = None,
        silent: str = "gives no picture",
        first_read: Mapping[str, str] | None = None,
    ) -> None:
        self.name, self.finite = name, finite
        self.fps: float | None = None
        self._connect, self._pace, self._silent = connect, pace, silent
        self._first_read = first_read or {}
        self._capture: Capture | None = None
        self._came = 0

    def open(self) -> None:
        """Connect. Raises ``SourceError`` with the reason."""
        self._capture = self._connect()
        rate = self._capture.get(cv2.CAP_PROP_FPS)
        self.fps = rate if 1 <= rate <= 240 else None
        self._came = 0

    def read(self, stop: threading.Event) -> LivePicture | None:
        """Read the next picture; None at the end, when the source is lost, or once `stop` is set."""
        read = self._next(stop)
        if read is None:
            if self._came or stop.is_set():
                return None
            raise SourceError(f"{self.name}: {self._silent}")
        if self._pace is not None:
            self._pace.wait(self._came / (self.fps or 25.0), stop)
            read = LivePicture(read.image, time.monotonic())
        self._came += 1
        return read

    def _next(self, stop: threading.Event) -> LivePicture | None:
        """The next picture that is one; None when none comes, or when stopped."""
        assert self._capture is not None
        for _ in range(_BAD_IN_A_ROW):
            try:
                with quiet_opencv(), environment({} if self._came else self._first_read):
                    if not self._capture.grab():
                        return None
                    moment = time.monotonic()
                    ok, image = self._capture.retrieve()
            except cv2.error:
                return None
            if stop.is_set():
                return None
            picture = _as_image(image) if ok else None
            if picture is not None:
                return LivePicture(picture, moment)
            stop.wait(0.01)
        return None

    def close(self) -> None:
        """Release the capture; it may be opened again."""
        if self._capture is not None:
            self._capture.release()
            self._capture = None


def _as_image(image: object) -> Image | None:
    """What a capture gave as an Image; None for what is no picture."""
    if not isinstance(image, np.ndarray) or image.size == 0 or image.dtype != np.uint8:
        return None
    if image.ndim == 2 or (image.ndim == 3 and image.shape[2] == 1):
        return np.asarray(cv2.cvtColor(image, cv2.COLOR_GRAY2BGR), np.uint8)
    if image.ndim == 3 and image.shape[2] == 4:
        return np.asarray(cv2.cvtColor(image, cv2.COLOR_BGRA2BGR), np.uint8)
    return np.ascontiguousarray(image) if image.ndim == 3 and image.shape[2] == 3 else None


def is_device(path: str) -> bool:
    """Tell whether `path` names a device, as cameras have them on Linux."""
    if path.startswith("/dev/"):
        return True
    with suppress(OSError, ValueError):
        return stat.S_ISCHR(os.stat(path).st_mode)
    return False


def _look_for_camera(device: int | str, name: str) -> None:
    """What can be said about a camera before OpenCV is asked, on Linux."""
    if not sys.platform.startswith("linux"):
        return
    path = Path(f"/dev/video{device}" if isinstance(device, int) else device)
    if not path.exists():
        others = sorted(str(other) for other in Path("/dev").glob("video*"))
        there = f"there are {', '.join(others)}" if others else "no camera is connected"
        raise SourceError(f"{name}: there is no {path}; {there}; the test pattern (source `test`) plays without one")
    if not os.access(path, os.R_OK | os.W_OK):
        raise SourceError(f"{name}: no permission for {path}; add yourself to the group video and log in again")
