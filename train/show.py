"""A window in which samples grow while they are learnt."""

import os
import subprocess
import sys
from contextlib import suppress

import cv2
import numpy as np
from numpy.typing import NDArray

from train.watch import Progress, Watcher

SECONDS = 2.0  # between pictures; more where they would take more than `report.SHARE` of the time
SIDE = 720  # pixels that the longer side has, at least


class Window(Watcher):
    """Shows the newest samples; q, Esc or its own button closes it, and training goes on.

    Args:
        title: Its title.

    Raises:
        OSError: There is no display, or OpenCV comes without windows.
    """

    sheet_seconds = SECONDS

    def __init__(self, title: str) -> None:
        _check_display()
        self._title, self._open, self._closed = title, False, False
        self._told = title

    def step(self) -> None:
        """Answer the keys."""
        if not self._open:
            return
        try:
            key = cv2.waitKey(1) & 0xFF
            if key in (ord("q"), 27) or cv2.getWindowProperty(self._title, cv2.WND_PROP_VISIBLE) < 1:
                self.close()
        except cv2.error:
            self.close()

    def progress(self, progress: Progress) -> None:
        """Write how far it is into the title."""
        self._told = f"{self._title}  {progress.iteration:,} of {progress.end:,}"
        if self._open:
            with suppress(cv2.error):
                cv2.setWindowTitle(self._title, self._told)

    def sheet(self, iteration: int, picture: NDArray[np.uint8], path: str) -> None:
        """Show the samples."""
        if self._closed:
            return
        shown = enlarged(picture)
        if not self._open:
            cv2.namedWindow(self._title, cv2.WINDOW_NORMAL | cv2.WINDOW_KEEPRATIO | cv2.WINDOW_GUI_NORMAL)
            cv2.resizeWindow(self._title, shown.shape[1], shown.shape[0])
            self._open = True
        cv2.imshow(self._title, shown)
        cv2.waitKey(1)

    def close(self) -> None:
        """Close the window."""
        self._closed = True
        self.sheet_seconds = 0.0
        if self._open:
            self._open = False
            with suppress(cv2.error):
                cv2.destroyWindow(self._title)
                cv2.waitKey(1)


def enlarged(picture: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """RGB -> BGR, by a whole factor so large that its pixels can be seen."""
    factor = max(-(-SIDE // max(picture.shape[:2])), 1)
    return np.ascontiguousarray(picture[..., ::-1].repeat(factor, 0).repeat(factor, 1))


def _check_display() -> None:
    """Raise ``OSError`` where no window opens: tried in a process of its own, since Qt ends it instead of failing."""
    instead = "leave --show out and look at samples.png in the run's folder, or at TensorBoard"
    if not sys.platform.startswith("linux"):
        return
    if not any(os.environ.get(name) for name in ("DISPLAY", "WAYLAND_DISPLAY", "QT_QPA_PLATFORM")):
        raise OSError(f"--show: there is no display (DISPLAY is not set); {instead}")
    code = "import cv2; cv2.namedWindow('gancam'); cv2.waitKey(1)"
    try:
        tried = subprocess.run([sys.executable, "-c", code], capture_output=True, timeout=30, check=False)
    except (OSError, subprocess.SubprocessError):
        tried = None
    if tried is None or tried.returncode != 0:
        raise OSError(f"--show: OpenCV cannot open a window here; {instead}")
