"""What will run where on this machine, proved by running it, and what to do about what won't.

Whatever may hang, crash or chatter (GPU drivers, cameras, windows, encoders) is tried in a process of its own with a
time limit. V4L2's numbers are those of <linux/videodev2.h>.
"""

import json
import os
import platform
import re
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass, field
from fractions import Fraction
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Literal

import av
import cv2
import numpy as np

import gancam
from gancam import devices
from gancam._native import quiet_opencv
from gancam.effects import find
from gancam.errors import DeviceError, GancamError, MissingExtra
from gancam.model import Model, variants
from gancam.proof import LEAST_PSNR, folder, remembered
from gancam.sinks import virtualcam

Verdict = Literal["ok", "warning", "problem", "absent"]
SIZE = (640, 360)  # width and height of the frames timed
_NETWORK = "sr-x2"
_OPENCV = ("opencv-python", "opencv-python-headless", "opencv-contrib-python", "opencv-contrib-python-headless")
ENCODERS = {  # what gancam writes with
    "h264": "libx264", "h265": "libx265", "vp9": "libvpx-vp9", "av1": "libsvtav1", "ffv1": "ffv1",
    "prores": "prores_ks",
}  # fmt: skip
_HARDWARE = ("h264_nvenc", "hevc_nvenc", "av1_nvenc", "h264_qsv", "h264_amf", "h264_videotoolbox", "h264_mf")
_CHILD = (
    "import json, sys; sys.path[:] = json.loads(sys.argv[1]); from gancam import doctor; doctor.answer(sys.argv[2])"
)


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing looked at. ``name`` is fixed, for scripts; ``cure`` says what would do, and is empty only when ok."""

    name: str
    verdict: Verdict  # absent: not here, and nothing is broken by that
    seen: str
    cure: str = ""
    details: Mapping[str, Any] = field(default_factory=dict)  # the figures behind `seen`, ready for JSON

    def to_dict(self) -> dict[str, Any]:
        return asdict(self)


def examine() -> Iterator[Finding]:
    """Look at everything, in about five seconds without a GPU. Raises nothing: what fails is a finding."""
    yield from _guarded("system", _system)
    yield from _guarded("versions", _versions)
    yield from _guarded("packages", _packages)
    yield from _guarded("devices", _devices)
    yield from _guarded("cameras", _cameras)
    yield from _guarded("display", _display)
    yield from _guarded("codecs", _codecs)
    yield from _guarded("temp", _temp)


def works(device: str, findings: list[Finding]) -> Finding:
    """The finding that proves that `device` (auto, cpu or cuda) runs networks rightly.

    Raises ``DeviceError`` with the reason and the cure when it does not.
    """
    found = next((finding for finding in findings if finding.name == device), None)
    if found is None:
        raise DeviceError(device, "it could not be looked at", "see the other findings of `gancam doctor`")
    if found.verdict in ("problem", "absent"):
        raise DeviceError(device, found.seen, found.cure)
    return found


def _guarded(name: str, look: Callable[[], Iterator[Finding]]) -> Iterator[Finding]:
    """What `look` finds; should it fail itself, on a system nobody thought of, the others are still heard."""
    try:
        yield from look()
    except Exception as error:
        said = f"could not be looked at ({type(error).__name__}: {devices.first_line(error)})"
        yield Finding(name, "warning", said, "report this with the output of: gancam doctor --json")


# A process of its own. What runs there yields dicts for JSON; `answer` is its main function.


def answer(probe: str) -> None:
    """Write what the function `probe` of this module yields to the real stdout; native libraries write elsewhere."""
    with os.fdopen(os.dup(1), "w", encoding="utf-8") as out:
        os.dup2(2, 1)
        for item in globals()[probe]():
            out.write(json.dumps(item) + "\n")
            out.flush()


def _apart(probe: Callable[[], Iterator[dict[str, Any]]], seconds: float) -> tuple[list[dict[str, Any]], str]:
    """What the function `probe` yields in a process of its own within `seconds`, and "" or what went wrong there."""
    command = [sys.executable, "-P", "-c", _CHILD, json.dumps(sys.path), probe.__name__]
    trouble, said = "", b""
    try:
        done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, timeout=seconds)
        out, said = done.stdout, done.stderr
        if done.returncode < 0:
            trouble = f"crashed ({signal.Signals(-done.returncode).name})"
        elif done.returncode:
            trouble = f"failed (exit code {done.returncode})"
    except subprocess.TimeoutExpired as error:
        out, trouble = error.stdout or b"", f"no end after {seconds:g} s"
    except OSError as error:
        out, trouble = b"", f"could not be started ({error.strerror})"
    if trouble:
        lines = [line.strip() for line in said.decode(errors="replace").splitlines() if line.strip()]
        where = -1 if "Traceback" in "".join(lines[:1]) else 0
        trouble += f": {lines[where][:160]}" if lines else ""
    whole = out[: out.rfind(b"\n") + 1]  # what was cut off in the middle is not heard
    return [json.loads(line) for line in whole.splitlines()], trouble


# The machine and what is installed


def _system() -> Iterator[Finding]:
    cores, machine_cores, quota = devices.usable_cores(), os.cpu_count() or 1, devices.quota()
    total, free = devices.memory()
    details = {
        "system": _system_name(), "machine": platform.machine(), "cpu": devices.cpu_name(), "cores_usable": cores,
        "cores": machine_cores, "cpu_quota": quota, "memory": total, "memory_free": free,
        "dot_products_8_bit": _dot_products(),
    }  # fmt: skip
    memory = f"memory {_gigabytes(free)} of {_gigabytes(total)} free"
    seen = f"{details['system']}, {details['cpu']}, {cores} of {machine_cores} cores usable, {memory}"
    if quota is not None and quota < machine_cores:
        seen += f"; a quota allows the time of {quota:g}"
    if free < 500e6:
        yield Finding("system", "warning", f"{seen}: little", "close other programs", details)
    else:
        yield Finding("system", "ok", seen, "", details)


def _system_name() -> str:
    if sys.platform == "linux":
        try:
            name = platform.freedesktop_os_release().get("PRETTY_NAME", "Linux")
        except OSError:
            name = "Linux"
        return f"{name} ({platform.release()})"
    if sys.platform == "darwin":
        return f"macOS {platform.mac_ver()[0]}"
    return f"{platform.system()} {platform.release()} ({platform.version()})"


def _dot_products() -> bool | None:
    """Whether the CPU adds up products of 8-bit numbers in one instruction, which int8 lives on; None: not known."""
    found = bool({"avx512_vnni", "avx_vnni", "asimddp"} & set(devices.instructions()))
    return found if found or sys.platform == "linux" else None


def _versions() -> Iterator[Finding]:
    details: dict[str, Any] = {
        "gancam": gancam.__version__, "python": platform.python_version(), "numpy": np.__version__,
        "opencv": cv2.__version__, "av": av.__version__, "ffmpeg": getattr(av, "ffmpeg_version_info", None),
        "ffmpeg_libraries": {name: ".".join(map(str, version)) for name, version in av.library_versions.items()},
        "onnxruntime": None, "onnxruntime_cuda": None, "onnxruntime_providers": [],
    }  # fmt: skip
    cures = []
    try:
        runtime = devices.runtime()
        details["onnxruntime"] = runtime.__version__
        details["onnxruntime_cuda"] = getattr(runtime, "cuda_version", None) or None
        details["onnxruntime_providers"] = runtime.get_available_providers()
    except GancamError as error:
        cures.append(str(error).partition("; ")[2])
    built = f" (CUDA {details['onnxruntime_cuda']})" if details["onnxruntime_cuda"] else ""
    ffmpeg = f" (FFmpeg {details['ffmpeg']})" if details["ffmpeg"] else ""
    seen = (
        f"gancam {details['gancam']}, Python {details['python']}, numpy {np.__version__}, OpenCV {cv2.__version__}, "
        f"PyAV {av.__version__}{ffmpeg}, ONNX Runtime {details['onnxruntime'] or 'damaged'}{built}"
    )
    if tuple(int(part) for part in re.findall(r"\d+", cv2.__version__)[:2]) < (4, 13):
        seen += "; OpenCV before 4.13 shifts the colours of HD video"
        cures.append('pip install -U "opencv-python>=4.13"')
    verdict: Verdict = "ok" if not cures else "warning" if details["onnxruntime"] else "problem"
    yield Finding("versions", verdict, seen, "; ".join(cures), details)


def _packages() -> Iterator[Finding]:
    """Wheels that overwrite each other."""
    runtimes, opencvs = devices.installed(devices.RUNTIMES), devices.installed(_OPENCV)
    seen, cures = [], []
    mixed = devices.clash()
    if mixed:
        seen.append(mixed[0])
        cures.append(mixed[1])
    if len(opencvs) > 1:
        seen.append(f"{' and '.join(opencvs)} are installed: they overwrite each other")
        cures.append(f"pip uninstall -y {' '.join(opencvs)} && pip install opencv-python")
    details = {"onnxruntime": runtimes, "opencv": opencvs}
    if seen:
        yield Finding("packages", "problem", "; ".join(seen), "; ".join(cures), details)
        return
    names = ", ".join(f"{name} {version}" for name, version in (runtimes | opencvs).items())
    yield Finding("packages", "ok", f"no clash: {names}" if names else "installed without pip", "", details)


def _temp() -> Iterator[Finding]:
    asked = os.environ.get("TMPDIR")
    cure = "export TMPDIR=FOLDER, one that can be written and has space"
    try:
        folder = Path(tempfile.gettempdir())
        with tempfile.NamedTemporaryFile(dir=folder, prefix="gancam-doctor-") as file:
            file.write(b"\0" * 1_000_000)
            file.flush()
            os.fsync(file.fileno())
    except OSError as error:
        yield Finding("temp", "problem", f"no temporary folder can be written ({error.strerror or error})", cure)
        return
    free = shutil.disk_usage(folder).free
    details = {"folder": str(folder), "free": free}
    seen = f"{folder}, {_gigabytes(free)} free"
    if asked and not (Path(asked).is_dir() and Path(asked).samefile(folder)):
        yield Finding("temp", "warning", f"{seen}; TMPDIR={asked} cannot be written", cure, details)
    elif free < 1e9:
        yield Finding("temp", "warning", f"{seen}: little", cure, details)
    else:
        yield Finding("temp", "ok", seen, "", details)


# Devices: each runs the bundled network, and is compared with fp32 on the CPU


def _prove(device: str) -> Iterator[dict[str, Any]]:
    """Run each variant of the bundled network on `device`: precision, ms (median of a frame), psnr (dB against fp32 on
    the CPU, 100 at most), or precision and error."""
    path = find(_NETWORK)
    image = np.random.default_rng(0).integers(96, 256, (1, SIZE[1], SIZE[0], 3), dtype=np.uint8)  # hard for 8 bits
    truth = Model(path, device="cpu", precision="fp32")(image)[0]
    for precision, file in variants(path).items():
        try:
            run: Callable[[Any], Any] = (
                _on_tensorrt(file) if device == "tensorrt" else Model(path, device=device, precision=precision)
            )
            result = run(image)[0]
            times: list[float] = []
            ends = time.perf_counter() + 0.4
            while len(times) < 3 or (len(times) < 20 and time.perf_counter() < ends):
                began = time.perf_counter()
                run(image)
                times.append(time.perf_counter() - began)
        except GancamError as error:
            yield {"precision": precision, "error": str(error)}
            continue
        psnr = min(cv2.PSNR(result[0], truth[0]), 100.0)
        yield {"precision": precision, "ms": round(1000 * statistics.median(times), 2), "psnr": round(psnr, 2)}


def _on_tensorrt(file: Path) -> Callable[[Any], Any]:
    """gancam itself does not use TensorRT yet, so this is a bare session."""
    session = devices.session(file, "tensorrt", devices.usable_cores())
    name = session.get_inputs()[0].name
    if session.get_inputs()[0].shape[3] != 3:
        raise DeviceError("tensorrt", "int8 is for the CPU", "use fp16")

    def run(image: Any) -> Any:
        try:
            return session.run(None, {name: image})
        except Exception as error:
            raise devices.explain("tensorrt", error) from error

    return run


def _prove_cuda() -> Iterator[dict[str, Any]]:
    try:
        found, knows = devices.gpus()
        yield {"driver_cuda": f"{knows[0]}.{knows[1]}", "gpus": [asdict(gpu) for gpu in found]}
        devices.prepare("cuda")
        chosen = Model(find(_NETWORK), device="cuda")
    except DeviceError as error:
        yield {"lack": [error.why, error.cure]}
        return
    yield {"chosen": chosen.precision}
    for run in _prove("cuda"):
        yield {"run": run}


def _prove_tensorrt() -> Iterator[dict[str, Any]]:
    try:
        devices.prepare("tensorrt")
    except DeviceError as error:
        yield {"lack": [error.why, error.cure]}
        return
    for run in _prove("tensorrt"):
        yield {"run": run}


def _devices() -> Iterator[Finding]:
    cpu = _cpu()
    yield cpu
    cuda = _cuda(cpu)
    yield cuda
    yield _tensorrt(cuda)
    # What `Model` does: CUDA wherever it opens, right or wrong. Where only the trial crashed, `auto` would as well.
    used = cuda if "chosen" in cuda.details else cpu
    if used.verdict == "problem":
        yield Finding("auto", "problem", f"uses {used.name}: {used.seen}", used.cure, {"device": used.name})
        return
    because = {"absent": "there is no CUDA", "problem": "CUDA does not work"}.get(cuda.verdict, "CUDA works")
    details = {"device": used.name, "precision": used.details["chosen"]}
    seen = f"runs {_NETWORK} on {used.name} in {used.details['chosen']}: {because}"
    if cuda.verdict == "problem":
        yield Finding("auto", "warning", seen, cuda.cure, details)
    else:
        yield Finding("auto", "ok", seen, "", details)


def _cpu() -> Finding:
    try:
        chosen = Model(find(_NETWORK), device="cpu").precision
        runs = list(_prove("cpu"))
    except GancamError as error:
        why, _, cure = str(error).partition("; ") if isinstance(error, MissingExtra) else (str(error), "", "")
        return Finding("cpu", "problem", why, cure or "pip install --force-reinstall gancam")
    return _judge("cpu", runs, chosen, {})


def _cuda(cpu: Finding) -> Finding:
    if not _likely():
        try:
            devices.prepare("cuda")
        except DeviceError as error:
            traces = devices.nvidia_traces()
            verdict: Verdict = "problem" if traces else "absent"
            return Finding("cuda", verdict, error.why, error.cure, {"nvidia": traces, "gpus": []})
        except GancamError as error:
            return Finding("cuda", "absent", "not without ONNX Runtime", str(error).partition("; ")[2])
    items, trouble = _apart(_prove_cuda, 120)
    said = {key: value for item in items for key, value in item.items()}
    details: dict[str, Any] = {
        "nvidia": devices.nvidia_traces(), "driver_cuda": said.get("driver_cuda"), "gpus": said.get("gpus", []),
    }  # fmt: skip
    if "lack" in said:
        why, cure = said["lack"]
        return Finding("cuda", "problem", why, cure, details)
    runs = [item["run"] for item in items if "run" in item]
    if trouble:
        details |= {"runs": runs, "chosen": said.get("chosen", "?")}
        return Finding(
            "cuda", "problem", f"the trial {trouble}", "update NVIDIA's driver, or use --device cpu", details
        )
    found = _judge("cuda", runs, said["chosen"], details)
    best, plain = _fastest(found.details["runs"]), _fastest(cpu.details.get("runs", []))
    if found.verdict == "ok" and best and plain and best > plain:
        slow = f"{found.seen}; slower than the CPU's {plain:g} ms"
        return Finding("cuda", "warning", slow, "use --device cpu", found.details)
    return found


def _tensorrt(cuda: Finding) -> Finding:
    unneeded = "nothing; gancam runs on CUDA without it"
    if not _likely():
        return Finding("tensorrt", "absent", "needs CUDA, which is not here", "nothing; gancam does not need it")
    if cuda.verdict not in ("ok", "warning"):
        return Finding("tensorrt", "absent", "needs CUDA, which does not work", "cuda first; gancam does not need this")
    items, trouble = _apart(_prove_tensorrt, 240)  # it builds an engine for each variant
    lack = next((item["lack"] for item in items if "lack" in item), None)
    if lack:
        return Finding("tensorrt", "absent", lack[0], f"{unneeded}; else {lack[1]}")
    runs = [item["run"] for item in items if "run" in item]
    if trouble or not runs:
        return Finding("tensorrt", "warning", f"the trial run {trouble or 'gave nothing'}", unneeded, {"runs": runs})
    return _judge("tensorrt", runs, "fp16" if any(run["precision"] == "fp16" for run in runs) else "fp32", {})


def _likely() -> bool:
    try:
        return devices.cuda_is_likely()
    except GancamError:
        return False


def _judge(device: str, runs: list[dict[str, Any]], chosen: str, details: Mapping[str, Any]) -> Finding:
    """What the runs of one device say; the precision that `Model` chooses there decides, another that fails is a
    warning, and one that is inaccurate a fact."""
    trials = remembered(variants(find(_NETWORK)), device) or []
    details = {**details, "network": _NETWORK, "frame": list(SIZE), "chosen": chosen, "runs": runs}
    details |= {"remembered": [asdict(trial) for trial in trials], "cache": str(folder())}
    wrong = {run["precision"]: run.get("error") or f"inaccurate here ({run['psnr']:.1f} dB vs fp32)"
             for run in runs if "error" in run or run["psnr"] < LEAST_PSNR}  # fmt: skip
    right = [run for run in runs if run["precision"] not in wrong]
    where = details["gpus"][0]["name"] + ": " if details.get("gpus") else ""
    parts = [f"{run['precision']} {run['ms']:.3g} ms" + (f" ({run['psnr']:.0f} dB)" if run["psnr"] < 100 else "")
             for run in right]  # fmt: skip
    seen = f"{where}{', '.join(parts)} a {SIZE[0]}x{SIZE[1]} frame of {_NETWORK}" if parts else f"{where}nothing runs"
    seen += "".join(f"; {precision}: {why}" for precision, why in wrong.items())
    seen += f"; plays {chosen}, which is remembered in {folder()}" if trials else ""
    if chosen not in {run["precision"] for run in right}:
        other = f"use --precision {right[0]['precision']}" if right else "use --device cpu"
        cure = other if right or device != "cpu" else f"pip install --force-reinstall gancam {devices.RUNTIME}"
        return Finding(device, "problem", seen, cure, details)
    if any("error" in run for run in runs):
        return Finding(device, "warning", seen, f"nothing; gancam uses {chosen} here", details)
    return Finding(device, "ok", seen, "", details)


def _fastest(runs: list[dict[str, Any]]) -> float | None:
    return min((run["ms"] for run in runs if "ms" in run), default=None)


# Cameras and virtual cameras


def _cameras() -> Iterator[Finding]:
    nodes = sorted(Path("/dev").glob("video*")) if sys.platform == "linux" else []
    items: list[dict[str, Any]] = []
    trouble = ""
    if nodes or sys.platform != "linux":
        items, trouble = _apart(_probe_cameras, 40)
    loopbacks = [item for item in items if item.get("driver") == "v4l2 loopback"]
    cameras = [item for item in items if item not in loopbacks and item.get("camera", True)]
    yield _judge_cameras(cameras, trouble)
    yield _virtual_camera(loopbacks)


def _judge_cameras(cameras: list[dict[str, Any]], trouble: str) -> Finding:
    details = {"cameras": cameras}
    if not cameras and not trouble:
        return Finding("cameras", "absent", "no camera found", "plug one in; files and stills need none", details)
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
    return Finding("cameras", verdict, "; ".join(seen), "; ".join(dict.fromkeys(cures)), details)


def _probe_cameras() -> Iterator[dict[str, Any]]:
    """Each camera: device, name, driver, formats, what it gives when asked for MJPG 1280x720, and its measured rate."""
    if sys.platform != "linux":
        for index in range(4):
            measured = _measure(index, cv2.CAP_ANY)
            if measured is not None:
                yield {"device": str(index), **measured}
        return
    for node in sorted(Path("/dev").glob("video*"), key=lambda path: (len(path.name), path.name)):
        found = v4l2(node)
        if not found["camera"] or "error" in found:
            yield found
            continue
        busy = {"error": "gives no picture (used by another program?)", "cure": f"see who uses it: fuser -v {node}"}
        yield found | (_measure(str(node), cv2.CAP_V4L2) or busy)


def v4l2(node: Path) -> dict[str, Any]:
    """What the Linux device file `node` says of itself: device, name, driver, formats and whether it is a ``camera``
    (gives pictures); or error and cure."""
    fcntl: Any = import_module("fcntl")  # not on Windows
    found: dict[str, Any] = {"device": str(node), "name": "", "driver": "", "formats": {}, "camera": True}
    try:
        number = os.open(node, os.O_RDWR | os.O_NONBLOCK)
    except PermissionError:
        return found | {"error": "no permission", "cure": 'sudo usermod -aG video "$USER", then log in again'}
    except OSError as error:
        return found | {"error": error.strerror or str(error), "cure": "unplug and replug the camera"}
    try:
        capability = bytearray(104)  # struct v4l2_capability
        fcntl.ioctl(number, 0x80685600, capability)  # VIDIOC_QUERYCAP
        found["driver"] = _c_string(capability[:16])
        found["name"] = _c_string(capability[16:48])
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
            found["formats"][_c_string(pixels)] = _sizes(fcntl, number, pixels)
    except OSError:
        found |= {"camera": False, "name": "no video device"}
    finally:
        os.close(number)
    return found


def _sizes(fcntl: Any, number: int, pixels: bytes) -> list[list[int]]:
    """The [width, height] that a V4L2 device gives in a pixel format; of a range, its largest."""
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
    """Size, format, promised and measured rate over a second, of a camera asked for MJPG 1280x720; None: no picture."""
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
            "format": _c_string(code.to_bytes(4, "little")) if code > 0 else "?",
            "promised_fps": round(capture.get(cv2.CAP_PROP_FPS), 2),
        }  # fmt: skip
    finally:
        capture.release()


def _virtual_camera(loopbacks: list[dict[str, Any]]) -> Finding:
    package = find_spec("pyvirtualcam") is not None
    details: dict[str, Any] = {"pyvirtualcam": package, "devices": [item["device"] for item in loopbacks]}
    install = "" if package else virtualcam.INSTALL
    make = virtualcam.how_to_make()
    if sys.platform == "linux" and not loopbacks:
        seen = "no v4l2loopback device" + ("" if package else ", no pyvirtualcam")
        return Finding("virtual-camera", "absent", seen, " && ".join(filter(None, [make, install])), details)
    if not package:
        where = f" ({', '.join(details['devices'])} would take it)" if loopbacks else ""
        return Finding("virtual-camera", "absent", f"no pyvirtualcam{where}", install, details)
    items, trouble = _apart(_probe_virtual_camera, 15)
    if trouble or not items or "error" in items[0]:
        why = trouble or (items[0]["error"] if items else "it gave no answer")
        return Finding("virtual-camera", "absent", f"pyvirtualcam opens no device: {why}", make, details)
    return Finding("virtual-camera", "ok", f"{items[0]['device']} can be opened", "", details | items[0])


def _probe_virtual_camera() -> Iterator[dict[str, Any]]:
    try:
        with import_module("pyvirtualcam").Camera(width=640, height=480, fps=30) as camera:
            yield {"device": camera.device, "backend": camera.backend}
    except (RuntimeError, ImportError, ValueError) as error:
        yield {"error": devices.first_line(error)}


# Display and codecs


def _display() -> Iterator[Finding]:
    try:
        toolkit = cv2.currentUIFramework()
    except cv2.error:  # opencv-python-headless
        toolkit = ""
    screens = {name: os.environ.get(name) for name in ("DISPLAY", "WAYLAND_DISPLAY")}
    details = {"toolkit": toolkit, **{name.lower(): value for name, value in screens.items()}}
    if not toolkit:
        heads = [name for name in devices.installed(_OPENCV) if "headless" in name]
        cure = f"pip uninstall -y {' '.join(heads)} && pip install opencv-python"
        yield Finding("display", "absent", "this OpenCV is built without windows", cure, details)
    elif sys.platform == "linux" and not any(screens.values()):
        cure = "run it in a desktop session, or with ssh -X; files, stills and streams need no display"
        yield Finding("display", "absent", "no display (neither DISPLAY nor WAYLAND_DISPLAY is set)", cure, details)
    else:
        items, trouble = _apart(_probe_window, 20)
        where = ", ".join(f"{name}={value}" for name, value in screens.items() if value)
        if items and not trouble:
            seen = f"a window opens ({', '.join(filter(None, [toolkit, where]))})"
            yield Finding("display", "ok", seen, "", details)
        else:
            needs = "OpenCV's windows need X11: set DISPLAY to a running X server or XWayland"
            cure = needs if sys.platform == "linux" else "pip install --force-reinstall opencv-python"
            seen = f"no window opens ({where or toolkit}): the trial {trouble or 'gave no answer'}"
            yield Finding("display", "problem", seen, cure, details)


def _probe_window() -> Iterator[dict[str, Any]]:
    cv2.namedWindow("gancam doctor", cv2.WINDOW_NORMAL)
    cv2.resizeWindow("gancam doctor", 64, 36)
    cv2.waitKey(1)
    cv2.destroyAllWindows()
    yield {"opened": True}


def _codecs() -> Iterator[Finding]:
    items, trouble = _apart(_probe_encoders, 30)
    states = {item["encoder"]: item["state"] for item in items}
    good = [codec for codec, encoder in ENCODERS.items() if states.get(encoder) == "works"]
    bad = [f"{encoder} {states.get(encoder, 'not tried')}" for codec, encoder in ENCODERS.items() if codec not in good]
    fast = [name for name in _HARDWARE if states.get(name) == "works"]
    details = {"encoders": states, "codecs": good}
    seen = f"writes {', '.join(good) or 'nothing'}; hardware encoders: {', '.join(fast) or 'none'} (not needed)"
    seen += "".join(f"; {text}" for text in bad) + (f"; the trial {trouble}" if trouble else "")
    cure = "pip install --force-reinstall --only-binary av av"
    if "h264" not in good:
        yield Finding("codecs", "problem", seen, cure, details)
    elif bad:
        yield Finding("codecs", "warning", seen, cure, details)
    else:
        yield Finding("codecs", "ok", seen, "", details)


def _probe_encoders() -> Iterator[dict[str, Any]]:
    """Encode three small frames with each encoder; those of gancam first, since hardware ones may crash."""
    for name in (*ENCODERS.values(), *_HARDWARE):
        yield {"encoder": name, "state": _encode(name)}


def _encode(name: str) -> str:
    """``works``, ``missing`` from this build of FFmpeg, or ``fails``."""
    pixels = "nv12" if name.endswith(("_qsv", "_mf")) else "yuv422p10le" if name == "prores_ks" else "yuv420p"
    try:
        encoder = av.CodecContext.create(name, "w")
    except ValueError:  # UnknownCodecError
        return "missing"
    assert isinstance(encoder, av.VideoCodecContext)
    encoder.width, encoder.height, encoder.pix_fmt = 256, 144, pixels
    encoder.framerate, encoder.time_base = Fraction(30), Fraction(1, 30)
    size = 0
    try:
        for index in range(3):
            picture = np.full((144, 256, 3), 60 * index, np.uint8)
            frame = av.VideoFrame.from_ndarray(picture, "bgr24").reformat(format=pixels)
            frame.pts = index
            size += sum(packet.size for packet in encoder.encode(frame))
        size += sum(packet.size for packet in encoder.encode(None))
    except (av.FFmpegError, OSError, ValueError):
        return "fails"
    return "works" if size else "fails"


def _c_string(raw: bytes | bytearray) -> str:
    return bytes(raw).partition(b"\0")[0].decode(errors="replace").strip()


def _gigabytes(size: int) -> str:
    return f"{size / 1e9:.1f} GB"
