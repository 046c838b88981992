"""Check cameras and virtual cameras."""

import os
import sys
import time
from collections.abc import Iterator
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any, TypedDict

import cv2

from gancam._native import quiet_opencv
from gancam.errors import first_line
from gancam.sinks import virtualcam
from gancam.tools.doctor.checks import Check, Verdict, c_string, in_child


class VideoDevice(TypedDict, total=False):
    """What a Linux video device says of itself.

    Attributes:
        device: Its file, as /dev/video0.
        name: Its name, for people.
        driver: The name of its driver.
        formats: Sizes ``[width, height]`` by pixel format.
        camera: Whether it gives frames.
        error: Why it cannot be asked; missing where it can.
        cure: What would help; with `error` only.
    """

    device: str
    name: str
    driver: str
    formats: dict[str, list[list[int]]]
    camera: bool
    error: str
    cure: str


def camera_checks() -> Iterator[Check]:
    """Check every camera by taking frames from it, and the virtual camera by opening it."""
    nodes = sorted(Path("/dev").glob("video*")) if sys.platform == "linux" else []
    items: list[dict[str, Any]] = []
    trouble = ""
    if nodes or sys.platform != "linux":
        items, trouble = in_child(_probe_cameras, 40)
    loopbacks = [item for item in items if item.get("driver") == "v4l2 loopback"]
    cameras = [item for item in items if item not in loopbacks and item.get("camera", True)]
    yield _judge_cameras(cameras, trouble)
    yield _virtual_camera(loopbacks)


def _judge_cameras(cameras: list[dict[str, Any]], trouble: str) -> Check:
    details = {"cameras": cameras}
    if not cameras and not trouble:
        return Check("cameras", "absent", "no camera found", "plug one in; files and stills need none", details)
    seen, cures = [], []
    for camera in cameras:
        label = f"{camera['device']}" + (f" {camera['name']}" if camera.get("name") else "")
        if "error" in camera:
            seen.append(f"{label}: {camera['error']}")
            cures.append(camera["cure"])
            continue
        size = f"{camera['width']}x{camera['height']} {camera['format']}"
        seen.append(f"{label}: {size}, {camera['measured_fps']:.3g} fps measured")
        if camera["measured_fps"] < 15:
            cures.append(f"{camera['device']} is slow: more light, or a USB port (and cable) of its own")
    if trouble:
        seen.append(f"the search {trouble}")
        cures.append("unplug and replug the camera, close what else uses it")
    broken = all("error" in camera for camera in cameras)
    verdict: Verdict = "ok" if not cures else "problem" if broken else "warning"
    return Check("cameras", verdict, "; ".join(seen), "; ".join(dict.fromkeys(cures)), details)


def _probe_cameras() -> Iterator[dict[str, Any]]:
    """Measure each camera: device, name, driver, formats, what it gives as MJPG 1280x720, and its frame rate."""
    if sys.platform != "linux":
        for index in range(4):
            measured = _measure(index, cv2.CAP_ANY)
            if measured is not None:
                yield {"device": str(index), **measured}
        return
    for node in sorted(Path("/dev").glob("video*"), key=lambda path: (len(path.name), path.name)):
        found = v4l2(node)
        if not found["camera"] or "error" in found:
            yield dict(found)
            continue
        busy = {"error": "gives no frame (used by another program?)", "cure": f"see who uses it: fuser -v {node}"}
        yield dict(found) | (_measure(str(node), cv2.CAP_V4L2) or busy)


def v4l2(node: Path) -> VideoDevice:
    """Ask a Linux video device what it is.

    Args:
        node: Its file, as /dev/video0.

    Returns:
        What it says; with ``error`` and ``cure`` where it cannot be asked.
    """
    fcntl: Any = import_module("fcntl")  # not on Windows
    found: VideoDevice = {"device": str(node), "name": "", "driver": "", "formats": {}, "camera": True}
    try:
        number = os.open(node, os.O_RDWR | os.O_NONBLOCK)
    except PermissionError:
        return found | {"error": "no permission", "cure": 'sudo usermod -aG video "$USER", then log in again'}
    except OSError as error:
        return found | {"error": error.strerror or str(error), "cure": "unplug and replug the camera"}
    try:
        capability = bytearray(104)  # struct v4l2_capability
        fcntl.ioctl(number, 0x80685600, capability)  # VIDIOC_QUERYCAP
        found["driver"] = c_string(capability[:16])
        found["name"] = c_string(capability[16:48])
        whole, this = (int.from_bytes(capability[at : at + 4], sys.byteorder) for at in (84, 88))
        caps = this if whole & 0x80000000 else whole  # V4L2_CAP_DEVICE_CAPS: the second word speaks of this node
        found["camera"] = bool(caps & 0x1001)  # V4L2_CAP_VIDEO_CAPTURE, also _MPLANE
        kind = 1 if caps & 1 else 9  # V4L2_BUF_TYPE_VIDEO_CAPTURE, also _MPLANE
        for index in range(32 if found["camera"] else 0):
            description = bytearray(64)  # struct v4l2_fmtdesc
            description[:8] = index.to_bytes(4, sys.byteorder) + kind.to_bytes(4, sys.byteorder)
            try:
                fcntl.ioctl(number, 0xC0405602, description)  # VIDIOC_ENUM_FMT
            except OSError:  # the list's end
                break
            pixels = bytes(description[44:48])
            found["formats"][c_string(pixels)] = _sizes(fcntl, number, pixels)
    except OSError:
        found |= {"camera": False, "name": "no video device"}
    finally:
        os.close(number)
    return found


def _sizes(fcntl: Any, number: int, pixels: bytes) -> list[list[int]]:
    """List the [width, height] that a V4L2 device gives in a pixel format; of a range, its largest."""
    sizes = []
    for index in range(64):
        size = bytearray(44)  # struct v4l2_frmsizeenum
        size[:8] = index.to_bytes(4, sys.byteorder) + pixels
        try:
            fcntl.ioctl(number, 0xC02C564A, size)  # VIDIOC_ENUM_FRAMESIZES
        except OSError:
            break
        kind, *sides = (int.from_bytes(size[at : at + 4], sys.byteorder) for at in range(8, 36, 4))
        sizes.append([sides[0], sides[1]] if kind == 1 else [sides[1], sides[4]])  # 1: discrete; else a range
        if kind != 1:
            break
    return sizes


@quiet_opencv()
def _measure(camera: int | str, backend: int) -> dict[str, Any] | None:
    """Measure a camera for a second, asked for MJPG 1280x720: size, format, frame rate; None where no frame comes."""
    capture = cv2.VideoCapture(camera, backend)
    try:
        capture.set(cv2.CAP_PROP_FOURCC, float(cv2.VideoWriter.fourcc(*"MJPG")))
        capture.set(cv2.CAP_PROP_FRAME_WIDTH, 1280.0)
        capture.set(cv2.CAP_PROP_FRAME_HEIGHT, 720.0)
        ok, image = capture.read()
        if not ok or image is None:
            return None
        count, began = 0, time.perf_counter()
        while time.perf_counter() < began + 1 and ok:
            ok, _ = capture.read()
            count += ok
        seconds = time.perf_counter() - began
        code = int(capture.get(cv2.CAP_PROP_FOURCC))
        return {
            "width": image.shape[1], "height": image.shape[0], "measured_fps": round(count / seconds, 2),
            "format": c_string(code.to_bytes(4, "little")) if code > 0 else "?",
            "promised_fps": round(capture.get(cv2.CAP_PROP_FPS), 2),
        }  # fmt: skip
    finally:
        capture.release()


def _virtual_camera(loopbacks: list[dict[str, Any]]) -> Check:
    package = find_spec("pyvirtualcam") is not None
    details: dict[str, Any] = {"pyvirtualcam": package, "devices": [item["device"] for item in loopbacks]}
    install = "" if package else virtualcam.INSTALL
    make = virtualcam.how_to_make()
    if sys.platform == "linux" and not loopbacks:
        seen = "no v4l2loopback device" + ("" if package else ", no pyvirtualcam")
        return Check("virtual-camera", "absent", seen, " && ".join(filter(None, [make, install])), details)
    if not package:
        where = f" ({', '.join(details['devices'])} would take it)" if loopbacks else ""
        return Check("virtual-camera", "absent", f"no pyvirtualcam{where}", install, details)
    items, trouble = in_child(_probe_virtual_camera, 15)
    if trouble or not items or "error" in items[0]:
        why = trouble or (items[0]["error"] if items else "it gave no answer")
        return Check("virtual-camera", "absent", f"pyvirtualcam opens no device: {why}", make, details)
    return Check("virtual-camera", "ok", f"{items[0]['device']} can be opened", "", details | items[0])


def _probe_virtual_camera() -> Iterator[dict[str, Any]]:
    try:
        with import_module("pyvirtualcam").Camera(width=640, height=480, fps=30) as camera:
            yield {"device": camera.device, "backend": camera.backend}
    except (RuntimeError, ImportError, ValueError) as error:
        yield {"error": first_line(error)}
