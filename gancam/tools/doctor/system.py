"""Check the machine and what is installed."""

import os
import platform
import re
import shutil
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np

import gancam
from gancam.errors import GancamError
from gancam.inference import hardware, packages
from gancam.inference.hardware import cores_allowed, cpu_name, instructions, usable_cores
from gancam.inference.packages import RUNTIMES, clash, installed
from gancam.tools.doctor.checks import OPENCV, Check, Verdict, gigabytes


def system_checks() -> Iterator[Check]:
    """Check the system, its cores and its memory."""
    cores, machine_cores, quota = usable_cores(), os.cpu_count() or 1, cores_allowed()
    total, free = hardware.memory()
    details = {
        "system": _system_name(), "machine": platform.machine(), "cpu": cpu_name(), "cores_usable": cores,
        "cores": machine_cores, "cpu_quota": quota, "memory": total, "memory_free": free,
        "dot_products_8_bit": _dot_products(),
    }  # fmt: skip
    memory = f"memory {gigabytes(free)} of {gigabytes(total)} free"
    seen = f"{details['system']}, {details['cpu']}, {cores} of {machine_cores} cores usable, {memory}"
    if quota is not None and quota < machine_cores:
        seen += f"; a quota allows the time of {quota:g}"
    if free < 500e6:
        yield Check("system", "warning", f"{seen}: little", "close other programs", details)
    else:
        yield Check("system", "ok", seen, "", details)


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
    """Tell whether the CPU has 8-bit dot products, which make int8 fast; None where that is not known."""
    found = bool({"avx512_vnni", "avx_vnni", "asimddp"} & set(instructions()))
    return found if found or sys.platform == "linux" else None


def version_checks() -> Iterator[Check]:
    """Check the versions of gancam and of the libraries that it works with."""
    details: dict[str, Any] = {
        "gancam": gancam.__version__, "python": platform.python_version(), "numpy": np.__version__,
        "opencv": cv2.__version__, "av": av.__version__, "ffmpeg": getattr(av, "ffmpeg_version_info", None),
        "ffmpeg_libraries": {name: ".".join(map(str, version)) for name, version in av.library_versions.items()},
        "onnxruntime": None, "onnxruntime_cuda": None, "onnxruntime_providers": [],
    }  # fmt: skip
    cures = []
    try:
        runtime = packages.runtime()
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
    yield Check("versions", verdict, seen, "; ".join(cures), details)


def package_checks() -> Iterator[Check]:
    """Check for packages that overwrite each other's files."""
    runtimes, opencvs = installed(RUNTIMES), installed(OPENCV)
    seen, cures = [], []
    mixed = clash()
    if mixed:
        seen.append(mixed[0])
        cures.append(mixed[1])
    if len(opencvs) > 1:
        seen.append(f"{' and '.join(opencvs)} are installed: they overwrite each other")
        cures.append(f"pip uninstall -y {' '.join(opencvs)} && pip install opencv-python")
    details = {"onnxruntime": runtimes, "opencv": opencvs}
    if seen:
        yield Check("packages", "problem", "; ".join(seen), "; ".join(cures), details)
        return
    names = ", ".join(f"{name} {version}" for name, version in (runtimes | opencvs).items())
    yield Check("packages", "ok", f"no clash: {names}" if names else "installed without pip", "", details)


def temp_checks() -> Iterator[Check]:
    """Check the folder for temporary files by writing to it."""
    asked = os.environ.get("TMPDIR")
    cure = "export TMPDIR=FOLDER, one that can be written and has space"
    try:
        folder = Path(tempfile.gettempdir())
        with tempfile.NamedTemporaryFile(dir=folder, prefix="gancam-doctor-") as file:
            file.write(b"\0" * 1_000_000)
            file.flush()
            os.fsync(file.fileno())
    except OSError as error:
        yield Check("temp", "problem", f"no temporary folder can be written ({error.strerror or error})", cure)
        return
    free = shutil.disk_usage(folder).free
    details = {"folder": str(folder), "free": free}
    seen = f"{folder}, {gigabytes(free)} free"
    if asked and not (Path(asked).is_dir() and Path(asked).samefile(folder)):
        yield Check("temp", "warning", f"{seen}; TMPDIR={asked} cannot be written", cure, details)
    elif free < 1e9:
        yield Check("temp", "warning", f"{seen}: little", cure, details)
    else:
        yield Check("temp", "ok", seen, "", details)
