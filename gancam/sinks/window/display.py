"""Whether a window can be opened, found out before Qt is asked, which would end the process."""

import os
import subprocess
import sys

from gancam.errors import SinkError

_ELSEWHERE = "other outputs: mjpeg:8080 (watch in a browser), or a video file such as out.mp4"
_TRIAL = """
import ctypes, glob, os, sys
import cv2
plugins = glob.glob(os.path.join(os.path.dirname(cv2.__file__), "qt", "plugins", "platforms", "libqxcb.so"))
if plugins and os.environ.get("QT_QPA_PLATFORM", "xcb") == "xcb":
    plugin = ctypes.CDLL(plugins[0])
    plugin.xcb_connect.restype = ctypes.c_void_p
    connection = ctypes.c_void_p(plugin.xcb_connect(None, None))
    sys.exit(plugin.xcb_connection_has_error(connection))
cv2.namedWindow("gancam")
cv2.waitKey(1)
"""


def check_display() -> None:
    """Raise ``SinkError`` where no window can be opened.

    Qt ends the whole process instead of failing, so on Linux it is tried in another one first, which takes about a
    third of a second: by loading Qt's plugin, with all that it needs, and connecting to the display, without a window.
    """
    if not sys.platform.startswith("linux"):
        return
    variables = ("DISPLAY", "WAYLAND_DISPLAY", "QT_QPA_PLATFORM")
    if not any(os.environ.get(name) for name in variables):
        raise SinkError(f"window: there is no display (DISPLAY is not set); {_ELSEWHERE}")
    try:
        tried = subprocess.run([sys.executable, "-c", _TRIAL], capture_output=True, timeout=30, check=False)
        words = tried.stderr.decode(errors="replace")
        works = tried.returncode == 0
    except (OSError, subprocess.SubprocessError):
        works, words = False, ""
    if not works:
        if "not implemented" in words:
            raise SinkError(
                "window: this OpenCV comes without windows; `pip uninstall opencv-python-headless`, then "
                f"`pip install --force-reinstall opencv-python`; {_ELSEWHERE}"
            )
        display = os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")
        raise SinkError(f"window: the display {display!r} cannot be opened; {_ELSEWHERE}")
