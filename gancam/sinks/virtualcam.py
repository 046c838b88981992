"""A virtual camera: what other programs (meetings, OBS, browsers) then find among their cameras."""

import sys
from typing import Any

from gancam.errors import InputError, MissingExtra, SinkError
from gancam.frame import Frame
from gancam.sinks._canvas import Canvas
from gancam.sinks.contract import Sink, SinkContext

FORM = "virtualcam"
INSTALL = 'pip install "gancam[virtualcam]"'
_MAKE = {
    "linux": "sudo apt install v4l2loopback-dkms && sudo modprobe v4l2loopback exclusive_caps=1 card_label=gancam",
    "win32": "install OBS Studio (obsproject.com), start its virtual camera once and stop it",
    "darwin": "install OBS Studio (obsproject.com), start its virtual camera once, allow it in the system's settings "
    "and stop it; or play --to mjpeg:8080, which OBS shows as a browser source",
}


def how_to_make() -> str:
    """Say what to do on this system so that there is a virtual camera."""
    return _MAKE.get(sys.platform, "pyvirtualcam knows no virtual camera for this system; mjpeg:8080 works everywhere")


def open(device: str, context: SinkContext) -> "VirtualCamera":
    """Open ``virtualcam`` or ``virtualcam:DEVICE``."""
    return VirtualCamera(fps=context.fps, size=context.size, device=device or None)


def check(device: str, *, overwrite: bool) -> None:
    """Find nothing wrong: which devices there are is known when one is opened."""


class VirtualCamera(Sink):
    """Sends frames to a virtual camera through pyvirtualcam: v4l2loopback on Linux, OBS's on Windows and macOS.

    ``write`` converts the frame and hands it over, and takes no longer than the device takes for that (v4l2loopback and
    OBS copy it into shared memory); nothing is queued, nothing waits for the next frame's turn.

    Args:
        fps: Told to programs that ask the camera for its rate; frames are sent as they come.
        size: (width, height) of the frames to come. Virtual cameras work in 4:2:0, so an odd picture gets its last row
            or column twice, which a note says.
        device: Which one, as "/dev/video10" or "OBS Virtual Camera"; None: the first that takes the picture.

    Raises:
        MissingExtra: There is no pyvirtualcam.
        InputError: A value makes no sense.
        SinkError: No device can be opened; the message says what would make one on this system.
    """

    action = "sending"

    def __init__(self, *, fps: float, size: tuple[int, int], device: str | None = None) -> None:
        try:
            import pyvirtualcam
        except ImportError as error:
            raise MissingExtra(f"a virtual camera needs pyvirtualcam: {INSTALL}") from error
        if not fps > 0:
            raise InputError(f"fps is {fps}: needs more than 0")
        self._canvas = Canvas(size, "the virtual camera")
        self._notes: list[str] = [self._canvas.note] if self._canvas.note else []
        try:
            self._camera: Any = pyvirtualcam.Camera(
                *self._canvas.even, float(fps), fmt=pyvirtualcam.PixelFormat.BGR, device=device or None
            )
        except (RuntimeError, ValueError) as error:
            which = f"{device!r} cannot be opened" if device else "none can be opened"
            raise SinkError(f"virtual camera: {which} ({_words(error)}); to make one: {how_to_make()}") from error
        self._notes.append(f"choose the camera {self._camera.device} in the other program")

    @property
    def device(self) -> str:
        """The device's name: what other programs list, or its path."""
        return str(self._camera.device)

    def write(self, frame: Frame) -> None:
        """Send `frame`."""
        if self._closed:
            raise SinkError("virtual camera: already closed")
        image = self._canvas.check(frame)
        try:
            self._camera.send(self._canvas.pad(image))
        except (RuntimeError, OSError) as error:
            raise SinkError(
                f"virtual camera: {self._camera.device} takes no more pictures ({_words(error)})"
            ) from error

    def close(self, *, interrupted: bool = False) -> None:
        """Let go of the device."""
        if self._closed:
            return
        self._closed = True
        try:
            self._camera.close()
        except (RuntimeError, OSError) as error:
            raise SinkError(f"virtual camera: closing failed ({_words(error)})") from error


def _words(error: Exception) -> str:
    """Put the reason of pyvirtualcam, of which each backend has its own, on one line."""
    return "; ".join(str(error).split("\n"))[:300] or type(error).__name__
