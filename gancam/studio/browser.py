"""The camera of a browser, which sends its pictures as JPEG."""

import threading
import time
from collections.abc import Callable
from contextlib import suppress

import cv2
import numpy as np

from gancam.errors import InputError
from gancam.frame import Image
from gancam.sources.live import LivePicture

LARGEST = 4 << 20  # bytes of one picture
_MOST_PIXELS = 4096 * 2304


class BrowserCamera:
    """Pictures that a browser sends: a ``gancam.sources.live.LiveBackend``.

    Only the newest is kept until the loop takes it, and only what is taken is decoded.

    Args:
        fps: Frames a second that the browser promises; None where it does not say.
        ended: Called when the loop wants no more.
    """

    finite = True

    def __init__(self, fps: float | None, ended: Callable[[], None]) -> None:
        self.name = "browser's camera"
        self._fps, self._ended = fps, ended
        self._change = threading.Condition()
        self._newest: tuple[bytes, float] | None = None
        self._over = False

    @property
    def fps(self) -> float | None:
        """Frames a second that the browser promises."""
        return self._fps

    def put(self, jpeg: bytes, age: float) -> None:
        """Take a picture from the browser, for any thread.

        Args:
            jpeg: The picture; damaged ones are left out.
            age: Seconds since it was captured.
        """
        with self._change:
            self._newest = jpeg, time.monotonic() - min(max(age, 0.0), 10.0)
            self._change.notify_all()

    def hang_up(self) -> None:
        """Say that the browser is gone."""
        with self._change:
            self._over = True
            self._change.notify_all()

    def open(self) -> None:
        """Wait for nothing: pictures come by themselves."""

    def read(self, stop: threading.Event) -> LivePicture | None:
        """Wait for the next picture and decode it; None when the browser is gone, or once `stop` is set."""
        while not stop.is_set():
            with self._change:
                self._change.wait_for(lambda: self._newest is not None or self._over, 0.2)
                newest, self._newest = self._newest, None
                if newest is None:
                    if self._over:
                        return None
                    continue
            with suppress(InputError):
                return LivePicture(decoded(newest[0]), newest[1])
        return None

    def close(self) -> None:
        """Tell the browser that no more is wanted."""
        self._ended()


def decoded(jpeg: bytes) -> Image:
    """Decode a picture. Raises ``InputError`` for what is none, and for one that is too large."""
    size = jpeg_size(jpeg)
    if size is None or size[0] * size[1] > _MOST_PIXELS:
        raise InputError("not a JPEG, or too large")
    try:
        image = cv2.imdecode(np.frombuffer(jpeg, np.uint8), cv2.IMREAD_COLOR)
    except cv2.error:
        image = None
    if image is None:
        raise InputError("not a picture")
    return np.asarray(image, np.uint8)


def jpeg_size(data: bytes) -> tuple[int, int] | None:
    """Read (width, height) from the header of a JPEG (ISO/IEC 10918-1, B.2.2); None where it is none."""
    at = 2
    if data[:2] != b"\xff\xd8":
        return None
    while at + 9 <= len(data) and data[at] == 0xFF:
        marker, length = data[at + 1], int.from_bytes(data[at + 2 : at + 4], "big")
        if 0xC0 <= marker <= 0xCF and marker not in (0xC4, 0xC8, 0xCC):
            return int.from_bytes(data[at + 7 : at + 9], "big"), int.from_bytes(data[at + 5 : at + 7], "big")
        at += 2 + length
    return None
