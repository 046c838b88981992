"""Check the display, the encoders, and what decodes in hardware."""

import io
import os
import sys
from collections.abc import Iterator
from typing import Any

import av
import cv2
import numpy as np
from av.codec.hwaccel import HWAccel, hwdevices_available

from gancam.inference.packages import installed
from gancam.sinks.trial import MISSING, try_encoder
from gancam.sinks.video import hardware_codecs, trouble
from gancam.tools.doctor.checks import OPENCV, Check, in_child

ENCODERS = {  # what gancam writes with
    "h264": "libx264", "h265": "libx265", "vp9": "libvpx-vp9", "av1": "libsvtav1", "ffv1": "ffv1",
    "prores": "prores_ks",
}  # fmt: skip
_DECODERS = ("cuda", "qsv", "amf", "vaapi", "videotoolbox", "d3d11va")  # FFmpeg's devices; cuda is NVIDIA's NVDEC


def display_checks() -> Iterator[Check]:
    """Check that a window opens, by opening one."""
    try:
        toolkit = cv2.currentUIFramework()
    except cv2.error:  # opencv-python-headless
        toolkit = ""
    screens = {name: os.environ.get(name) for name in ("DISPLAY", "WAYLAND_DISPLAY")}
    details = {"toolkit": toolkit, **{name.lower(): value for name, value in screens.items()}}
    if not toolkit:
        heads = [name for name in installed(OPENCV) if "headless" in name]
        cure = f"pip uninstall -y {' '.join(heads)} && pip install opencv-python"
        yield Check("display", "absent", "this OpenCV is built without windows", cure, details)
    elif sys.platform == "linux" and not any(screens.values()):
        cure = "run it in a desktop session, or with ssh -X; files, stills and streams need no display"
        yield Check("display", "absent", "no display (neither DISPLAY nor WAYLAND_DISPLAY is set)", cure, details)
    else:
        items, trouble = in_child(_probe_window, 20)
        where = ", ".join(f"{name}={value}" for name, value in screens.items() if value)
        if items and not trouble:
            seen = f"a window opens ({', '.join(filter(None, [toolkit, where]))})"
            yield Check("display", "ok", seen, "", details)
        else:
            needs = "OpenCV's windows need X11: set DISPLAY to a running X server or XWayland"
            cure = needs if sys.platform == "linux" else "pip install --force-reinstall opencv-python"
            seen = f"no window opens ({where or toolkit}): the trial {trouble or 'gave no answer'}"
            yield Check("display", "problem", seen, cure, details)


def _probe_window() -> Iterator[dict[str, Any]]:
    cv2.namedWindow("gancam doctor", cv2.WINDOW_NORMAL)
    cv2.resizeWindow("gancam doctor", 64, 36)
    cv2.waitKey(1)
    cv2.destroyAllWindows()
    yield {"opened": True}


def codec_checks() -> Iterator[Check]:
    """Check each encoder by encoding with it, and each decoder of hardware by decoding."""
    items, trouble = in_child(_probe_encoders, 30)
    states = {item["encoder"]: item["state"] for item in items if "encoder" in item}
    decoders = {item["decoder"]: item["state"] for item in items if "decoder" in item}
    good = [codec for codec, encoder in ENCODERS.items() if states.get(encoder) == "works"]
    bad = [f"{encoder} {states.get(encoder, 'not tried')}" for codec, encoder in ENCODERS.items() if codec not in good]
    fast = [codec.encoder for codec in hardware_codecs() if states.get(codec.encoder) == "works"]
    reading = [name for name in _DECODERS if decoders.get(name) == "works"]
    details = {"encoders": states, "decoders": decoders, "codecs": good}
    hardware = f"encoders: {', '.join(fast) or 'none'}, decoders: {', '.join(reading) or 'none'}"
    seen = f"writes {', '.join(good) or 'nothing'}; in hardware (not needed) {hardware}"
    seen += "".join(f"; {text}" for text in bad) + (f"; the trial {trouble}" if trouble else "")
    cure = "pip install --force-reinstall --only-binary av av"
    if "h264" not in good:
        yield Check("codecs", "problem", seen, cure, details)
    elif bad:
        yield Check("codecs", "warning", seen, cure, details)
    else:
        yield Check("codecs", "ok", seen, "", details)


def _probe_encoders() -> Iterator[dict[str, Any]]:
    """Encode three small frames with each encoder, and decode some; gancam's first, since hardware ones may crash."""
    for name in ENCODERS.values():
        yield {"encoder": name, "state": _state(try_encoder(name, "yuv422p10le" if name == "prores_ks" else "yuv420p"))}
    for codec in hardware_codecs():
        yield {"encoder": codec.encoder, "state": _state(trouble(codec))}
    for name in _DECODERS:
        yield {"decoder": name, "state": _decode(name)}


def _state(wrong: str) -> str:
    """``works``, ``missing`` from this build of FFmpeg, or ``fails``."""
    return "works" if not wrong else "missing" if wrong == MISSING else "fails"


def _decode(device: str) -> str:
    """Decode three frames of H.264 on a device of FFmpeg: ``works``, ``missing`` from this build, or ``fails``."""
    if device not in hwdevices_available():
        return "missing"
    clip = io.BytesIO()
    with av.open(clip, "w", format="matroska") as made:
        stream = made.add_stream("libx264", rate=30)
        stream.width, stream.height, stream.pix_fmt = 256, 144, "yuv420p"
        for index in range(3):
            picture = np.full((144, 256, 3), 60 * index, np.uint8)
            made.mux(stream.encode(av.VideoFrame.from_ndarray(picture, "bgr24")))
        made.mux(stream.encode(None))
    clip.seek(0)
    try:
        with av.open(clip, "r", hwaccel=HWAccel(device, allow_software_fallback=False)) as read:
            count = len(list(read.decode(video=0)))
            there = read.streams.video[0].codec_context.is_hwaccel
    except (av.FFmpegError, OSError, ValueError, RuntimeError, NotImplementedError):
        return "fails"
    return "works" if count and there else "fails"
