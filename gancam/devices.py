"""The one door to ONNX Runtime: sessions on a device, and why a device cannot work. `Model` opens, doctor tells.

`prepare` finds the certain obstacles before ONNX Runtime is asked, which would tell its own long story on stdout and
stderr and then run on the CPU; `explain` reads what it says when it was asked and failed. Both end in a ``DeviceError``
with the reason and the cure. Numbers are of the CUDA driver API's CUresult and CUdevice_attribute:
https://docs.nvidia.com/cuda/cuda-driver-api/group__CUDA__TYPES.html
"""

import contextlib
import ctypes
import io
import math
import os
import platform
import re
import struct
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from importlib import import_module
from pathlib import Path
from typing import Any

from gancam._native import apart
from gancam.errors import DeviceError, MissingExtra, ModelError, NoRoom, NotFound

PROVIDERS = {
    "cpu": "CPUExecutionProvider",
    "cuda": "CUDAExecutionProvider",
    "tensorrt": "TensorrtExecutionProvider",
}
RUNTIMES = (  # distributions that all install the one package `onnxruntime`, each over the others
    "onnxruntime", "onnxruntime-gpu", "onnxruntime-directml", "onnxruntime-migraphx", "onnxruntime-openvino",
    "onnxruntime-qnn", "onnxruntime-rocm", "onnxruntime-training", "ort-nightly", "ort-nightly-gpu",
)  # fmt: skip
_WITH_CUDA = (sys.platform, platform.machine()) in (("linux", "x86_64"), ("win32", "AMD64"))
RUNTIME = "onnxruntime-gpu" if _WITH_CUDA else "onnxruntime"  # the one that gancam depends on here
_DRIVER = "nvcuda.dll" if sys.platform == "win32" else "libcuda.so.1"
_LEAST_DRIVER = {12: "525", 13: "580"}  # NVIDIA's driver by CUDA major; within one major any minor will do
_LEAST_CAPABILITY = {12: (5, 0), 13: (7, 5)}  # of the GPU, by CUDA major: 13 dropped Maxwell, Pascal and Volta
_CUDA_12 = 'pip install "onnxruntime-gpu[cuda,cudnn]<1.27"'  # 1.27 was the first that is built with CUDA 13
_OR_CPU = "or use --device cpu"
_VECTORS = r"s?sse|avx|fma|f16c|fp16|amx|asimd|neon|sve|sme(?!p)|i8mm|bf16"
_KIN = 0.9  # of the fastest core's speed: what has less is of another kind


@dataclass(frozen=True, slots=True)
class Gpu:
    """An NVIDIA GPU as its driver sees it."""

    name: str
    memory: int  # bytes
    capability: tuple[int, int]  # CUDA's compute capability


@lru_cache
def runtime() -> Any:
    """The package `onnxruntime`, imported when first needed. Raises ``MissingExtra`` when it is missing or damaged."""
    try:
        package = import_module("onnxruntime")
    except ImportError as error:
        raise MissingExtra(f"ONNX Runtime cannot be imported ({first_line(error)}); {_reinstall()}") from error
    if not hasattr(package, "InferenceSession"):  # what uninstalling one of two wheels leaves: a folder, nearly empty
        raise MissingExtra(f"ONNX Runtime is damaged: most of its files are missing; {_reinstall()}")
    return package


def session(path: Path, device: str, threads: int, *, optimise: bool = True, profile: Path | None = None) -> Any:
    """An ``InferenceSession`` of the file `path` on `device`, one of `PROVIDERS`, with `threads` on the CPU.

    Single nodes that the device cannot do run on the CPU; a device that cannot be had is never replaced. With `profile`
    each node is timed, which costs a little, and ``end_profiling()`` writes a file whose name begins with that. Its
    threads take denormal numbers for 0; a caller that works along does so within ``_native.denormals_as_zero``.

    Raises ``NotFound``, ``ModelError`` for a damaged file, ``DeviceError``, ``MissingExtra`` without ONNX Runtime.
    """
    if not path.is_file():
        raise NotFound(f"no model file {path}")
    onnxruntime = runtime()
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    options.add_session_config_entry("session.set_denormal_as_zero", "1")  # they take up to a hundred times the time
    options.log_severity_level = 4  # its errors come as exceptions; the rest is chatter on stderr
    if profile is not None:
        options.enable_profiling, options.profile_file_prefix = True, str(profile)
    if not optimise:
        options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    prepare(device)
    providers: list[Any] = [PROVIDERS["cpu"]]
    if device != "cpu":
        providers.insert(0, (PROVIDERS["cuda"], {"cudnn_conv_algo_search": "HEURISTIC"}))
    if device == "tensorrt":
        providers.insert(0, (PROVIDERS["tensorrt"], {"trt_fp16_enable": path.name.endswith(".fp16.onnx")}))
    try:
        opened = apart(lambda: onnxruntime.InferenceSession(path, options, providers=providers, enable_fallback=0))
    except Exception as error:
        if device != "cpu":
            session(path, "cpu", 1, optimise=False)  # a damaged file is no fault of the device's
            raise explain(device, error) from error
        raise ModelError(f"{path} is damaged or no ONNX model: {first_line(error)}") from error
    if opened.get_providers()[0] != PROVIDERS[device]:
        raise explain(device, None)
    return opened


def first_line(error: BaseException) -> str:
    """The first line of what `error` says, 200 characters at most."""
    return str(error).strip().partition("\n")[0][:200]


def usable_cores() -> int:
    """How many CPU cores this process may use: those it may run on, and no more than it is given the time of."""
    allowed = quota()
    return len(_cpus()) if allowed is None else min(len(_cpus()), max(math.ceil(allowed), 1))


def quota() -> float | None:
    """How many cores' time the control group allows (containers), where it limits them."""
    limit, _, period = text("/sys/fs/cgroup/cpu.max").partition(" ")
    if not limit:  # version 1 of control groups
        limit, period = (text(f"/sys/fs/cgroup/cpu/cpu.cfs_{name}_us") for name in ("quota", "period"))
    try:
        return int(limit) / int(period) if int(limit) > 0 else None
    except (ValueError, ZeroDivisionError):
        return None


def thread_counts() -> list[int]:
    """How many threads of one network may be the best here, the most first: one for each usable core, one for each
    physical one (several may share one), one for each of the fastest kind. Only the first where nothing tells them
    apart."""
    return counts_of(_cpus(), usable_cores(), Path("/sys/devices/system/cpu"))


def counts_of(cpus: Iterable[int], most: int, where: Path) -> list[int]:
    """``thread_counts`` of `cpus`, `most` at most, by what Linux tells in the folder `where`:
    https://docs.kernel.org/admin-guide/cputopology.html"""
    speeds: dict[str, int] = {}  # by physical core
    for cpu in sorted(cpus):
        told = where / f"cpu{cpu}"
        speed = text(str(told / "cpu_capacity")) or text(str(told / "cpufreq" / "cpuinfo_max_freq"))
        core = text(str(told / "topology" / "thread_siblings_list"))
        speeds.setdefault(core or str(cpu), int(speed) if speed.isdecimal() else 0)
    fastest = max(speeds.values(), default=0) * _KIN
    fast = sum(speed >= fastest for speed in speeds.values())
    return sorted({min(most, max(count, 1)) for count in (most, len(speeds), fast)}, reverse=True)


def _cpus() -> list[int]:
    if hasattr(os, "sched_getaffinity"):
        return sorted(os.sched_getaffinity(0))
    return list(range(os.cpu_count() or 1))


@lru_cache
def cpu_name() -> str:
    """The processor's name, as it says itself where that can be read."""
    if sys.platform == "linux":
        found = re.search(r"^model name\s*:\s*(.+)$", text("/proc/cpuinfo"), re.MULTILINE)
        return " ".join(found[1].split()) if found else platform.machine()
    return platform.processor() or platform.machine()


@lru_cache
def cpu_model() -> str:
    """The processor's name and what tells it from others of that name: clouds call many generations "AMD EPYC"."""
    told = {
        name: found[1]
        for name in ("cpu family", "model", "CPU implementer", "CPU part")
        if (found := re.search(rf"^{name}\s*:\s*(\S+)$", text("/proc/cpuinfo"), re.MULTILINE))
    }
    return ", ".join([cpu_name(), *(f"{name} {value}" for name, value in told.items())])


@lru_cache
def instructions() -> tuple[str, ...]:
    """The processor's vector instruction sets as Linux names them, sorted: "avx2", "avx512_vnni", "asimddp". Elsewhere
    those that OpenCV found, of which it knows fewer."""
    import cv2

    found = re.search(r"^(?:flags|Features)\s*:(.+)$", text("/proc/cpuinfo"), re.MULTILINE)
    words = (found[1] if found else cv2.getCPUFeaturesLine().lower().replace("*", "").replace("?", "")).split()
    return tuple(sorted(word for word in set(words) if re.match(_VECTORS, word)))


def memory() -> tuple[int, int]:
    """Bytes of the machine's memory: all, and what can be had without swapping."""
    import psutil  # only when it is asked for: a hundredth of a second

    told = psutil.virtual_memory()
    return int(told.total), int(told.available)


def peak_memory() -> int:
    """Bytes: the most memory that this process has held at once."""
    import psutil

    if sys.platform == "linux":  # getrusage counts what the parent held, too, until this process was begun
        found = re.search(r"^VmHWM:\s*(\d+) kB$", text("/proc/self/status"), re.MULTILINE)
        if found:
            return int(found[1]) * 1024
    told = psutil.Process().memory_info()
    if sys.platform == "win32":
        return int(told.peak_wset)
    resource: Any = import_module("resource")
    most = int(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
    return most if sys.platform == "darwin" else most * 1024


def text(path: str) -> str:
    """What the file holds; nothing where it cannot be read."""
    try:
        return Path(path).read_text(encoding="utf-8", errors="replace").strip()
    except OSError:
        return ""


def installed(names: Iterable[str]) -> dict[str, str]:
    """Name -> version of those of `names`, all distributions on PyPI, that are installed."""
    from importlib import metadata  # a twentieth of a second that `import gancam` need not pay

    found = {}
    for name in names:
        with contextlib.suppress(metadata.PackageNotFoundError, KeyError):
            found[name] = str(metadata.version(name))
    return found


def clash() -> tuple[str, str] | None:
    """Why the ONNX Runtime installed is a mixture of several, and the cure; None where there is one."""
    found = installed(RUNTIMES)
    if len(found) < 2:
        return None
    names = _listed(f"{name} {version}" for name, version in found.items())
    return f"{names} are installed: they overwrite each other", _reinstall()


def cuda_is_likely() -> bool:
    """Whether this ONNX Runtime has CUDA and an NVIDIA driver can be loaded: cheap, and no proof."""
    return PROVIDERS["cuda"] in runtime().get_available_providers() and _driver() is not None


def cuda_version() -> tuple[int, int] | None:
    """(major, minor) of the CUDA that ONNX Runtime was built with; None without, and where it does not say."""
    major, _, minor = str(getattr(runtime(), "cuda_version", "") or "").partition(".")
    return (int(major), int(minor.partition(".")[0] or 0)) if major.isdigit() else None


def nvidia_traces() -> list[str]:
    """What here speaks of an NVIDIA GPU, in words; empty where nothing does, so that its absence is no fault."""
    traces = []
    if sys.platform == "linux":
        for device in Path("/sys/bus/pci/devices").glob("*"):
            with contextlib.suppress(OSError):
                if (device / "vendor").read_text().strip() == "0x10de" and (device / "class").read_text()[:4] == "0x03":
                    traces.append(f"a GPU on the PCI bus ({device.name})")
        traces += [str(path) for path in map(Path, ("/dev/nvidiactl", "/proc/driver/nvidia/version")) if path.exists()]
    if _driver() is not None:
        traces.append(f"the driver's {_DRIVER}")
    return traces


def gpus() -> tuple[list[Gpu], tuple[int, int]]:
    """The NVIDIA GPUs that this process may use, at least one, and the (major, minor) of the CUDA their driver knows.

    Raises ``DeviceError`` when there is no driver or none that works, or no GPU.
    """
    driver = _driver()
    if driver is None:
        raise DeviceError("cuda", *_no_driver())
    try:
        _call(driver, "cuInit", ctypes.c_uint(0))
        version, count = ctypes.c_int(), ctypes.c_int()
        _call(driver, "cuDriverGetVersion", ctypes.byref(version))
        _call(driver, "cuDeviceGetCount", ctypes.byref(count))
        if not count.value:
            raise DeviceError("cuda", *_driver_fault(100))
        knows = (version.value // 1000, version.value % 1000 // 10)
        return [_gpu(driver, index) for index in range(count.value)], knows
    except AttributeError as error:
        name = str(error).rpartition(" ")[2]
        raise DeviceError("cuda", f"{_DRIVER} is no NVIDIA driver: it has no {name}", _reinstall_driver()) from error


def driver_version() -> str:
    """The version of NVIDIA's kernel driver, in brackets, where the system tells; else nothing."""
    found = re.search(r"Kernel Module\D*([\d.]+)", text("/proc/driver/nvidia/version"))
    return f" ({found[1]})" if found else ""


def prepare(device: str) -> None:
    """Make ready what `device`, one of `PROVIDERS`, needs in this process: its shared libraries.

    Raises ``DeviceError`` for what certainly cannot work, before ONNX Runtime is asked.
    """
    if PROVIDERS[device] not in runtime().get_available_providers():
        raise DeviceError(device, *_no_provider(device))
    if device == "cpu":
        return
    found, knows = gpus()
    built = cuda_version()
    if built and knows[0] < built[0]:
        newer = f"update NVIDIA's driver to {_LEAST_DRIVER.get(built[0], 'the newest')} or later"
        raise DeviceError(
            device,
            f"NVIDIA's driver knows CUDA {_dotted(knows)}, this ONNX Runtime is built with {_dotted(built)}",
            f"{newer}, or: {_CUDA_12}" if knows[0] == 12 else newer,
        )
    least = _LEAST_CAPABILITY.get(built[0], (0, 0)) if built else (0, 0)
    if found[0].capability < least:
        has = f"{found[0].name} has compute capability {_dotted(found[0].capability)}"
        older = _CUDA_12 if least > (7, 0) and found[0].capability >= _LEAST_CAPABILITY[12] else "use --device cpu"
        raise DeviceError(device, f"{has}, this ONNX Runtime's CUDA needs {_dotted(least)}", older)
    _preload()
    missing = unloadable(needed(provider_file(device)))
    if missing:
        raise DeviceError(device, *_missing(missing))


def explain(device: str, failure: Exception | None) -> DeviceError:
    """Why ONNX Runtime could not use `device` although `prepare` saw no obstacle.

    `failure` is what it raised; None: it raised nothing and chose the CPU.
    """
    text = " ".join(str(failure or "").split())
    if is_full(text):
        return NoRoom(
            device, "the GPU's memory is full", f"smaller frames, close what else uses it (see `nvidia-smi`), {_OR_CPU}"
        )
    missing = unloadable(_wanted_late())
    file = provider_file(device)
    if "no kernel image" in text:
        reason = "this ONNX Runtime has no code for this GPU", f"pip install -U {RUNTIME}, or: {_CUDA_12}"
    elif mixed := clash():
        reason = mixed
    elif missing:
        why, cure = _missing(missing)
        reason = f"{text[:200]} ({why})" if text else why, cure
    elif sys.platform == "linux" and not file.exists():
        reason = f"ONNX Runtime's {file.name} is missing", f"pip install --force-reinstall {RUNTIME}"
    else:
        cure = f'pip install -U "gancam[cuda]", update NVIDIA\'s driver, {_OR_CPU}'
        reason = text[:200] or f"ONNX Runtime would not use {PROVIDERS[device]}", cure
    return DeviceError(device, *reason)


def is_full(text: str) -> bool:
    """Whether ONNX Runtime's words say that memory is full."""
    words = "out of memory", "failed to allocate", "alloc_failed", "bad_alloc", "bad allocation"
    return any(one in text.lower() for one in words)


def provider_file(device: str) -> Path:
    """The shared library of ONNX Runtime's provider for `device`, which may not exist."""
    name = f"onnxruntime_providers_{device}"
    return Path(runtime().__file__).parent / "capi" / (f"{name}.dll" if sys.platform == "win32" else f"lib{name}.so")


def unloadable(libraries: Iterable[str]) -> list[str]:
    """Those of `libraries` that the system's loader does not find or cannot load, themselves or what they need."""
    missing = []
    for name in libraries:
        try:
            ctypes.CDLL(name)
        except OSError as error:  # "libcublasLt.so.13: cannot open shared object file": it may be one it needs
            cause = str(error).partition(":")[0].strip()
            missing.append(cause if cause.startswith("lib") else name)
    return list(dict.fromkeys(missing))


def needed(file: Path) -> list[str]:
    """The libraries that the ELF file `file` asks the loader for: its DT_NEEDED entries, see elf(5).

    Empty for a file that is missing or no 64-bit little-endian ELF, which is what all wheels with CUDA for Linux hold.
    """
    try:
        with file.open("rb") as content:
            head = content.read(64)
            if head[:6] != b"\x7fELF\x02\x01":
                return []
            (start,) = struct.unpack_from("<Q", head, 32)
            size, count = struct.unpack_from("<HH", head, 54)
            content.seek(start)
            table = content.read(size * count)
            # each: type, flags, offset in the file, address, physical address, bytes in the file, in memory, alignment
            segments = [struct.unpack_from("<IIQQQQQQ", table, index * size) for index in range(count)]
            _, _, start, _, _, length, *_ = next(segment for segment in segments if segment[0] == 2)  # PT_DYNAMIC
            content.seek(start)
            entries = list(struct.iter_unpack("<QQ", content.read(length)))
            address = next(value for tag, value in entries if tag == 5)  # DT_STRTAB
            length = next(value for tag, value in entries if tag == 10)  # DT_STRSZ
            home = next(s for s in segments if s[0] == 1 and s[3] <= address < s[3] + s[5])  # PT_LOAD around it
            content.seek(address - home[3] + home[2])
            names = content.read(length)
            return [names[at : names.index(b"\0", at)].decode() for tag, at in entries if tag == 1]  # DT_NEEDED
    except (OSError, struct.error, StopIteration, ValueError):
        return []


def _driver() -> ctypes.CDLL | None:
    try:
        return ctypes.CDLL(_DRIVER)
    except OSError:
        return None


def _call(driver: ctypes.CDLL, function: str, *arguments: Any) -> None:
    code = getattr(driver, function)(*arguments)
    if code:
        raise DeviceError("cuda", *_driver_fault(code))


def _gpu(driver: ctypes.CDLL, index: int) -> Gpu:
    device, name, memory = ctypes.c_int(), ctypes.create_string_buffer(256), ctypes.c_size_t()
    major, minor = ctypes.c_int(), ctypes.c_int()
    _call(driver, "cuDeviceGet", ctypes.byref(device), index)
    _call(driver, "cuDeviceGetName", name, 256, device)
    _call(driver, "cuDeviceTotalMem_v2", ctypes.byref(memory), device)
    _call(driver, "cuDeviceGetAttribute", ctypes.byref(major), 75, device)  # COMPUTE_CAPABILITY_MAJOR
    _call(driver, "cuDeviceGetAttribute", ctypes.byref(minor), 76, device)  # COMPUTE_CAPABILITY_MINOR
    return Gpu(name.value.decode(errors="replace"), memory.value, (major.value, minor.value))


def _preload() -> None:
    """Load CUDA's libraries from NVIDIA's wheels. `onnxruntime` prints what it does not find; `prepare` says it."""
    preload = getattr(runtime(), "preload_dlls", None)  # since 1.21
    if preload is not None:
        with contextlib.redirect_stdout(io.StringIO()), contextlib.suppress(Exception):
            preload()


def _wanted_late() -> list[str]:
    """Libraries that CUDA's provider loads itself when it first needs them."""
    major = (cuda_version() or (12, 0))[0]
    fft = {12: 11, 13: 12}.get(major, major)
    if sys.platform == "win32":
        return [f"cudart64_{major}.dll", f"cublasLt64_{major}.dll", f"cublas64_{major}.dll", f"cufft64_{fft}.dll",
                "cudnn64_9.dll"]  # fmt: skip
    if sys.platform == "linux":
        return ["libcudnn.so.9", f"libcufft.so.{fft}", f"libnvrtc.so.{major}"]
    return []


# Each of these gives a reason and a cure.


def _no_provider(device: str) -> tuple[str, str]:
    mixed = clash()
    if mixed:
        return mixed
    if not _WITH_CUDA:
        return f"for {platform.system()} on {platform.machine()} there is no ONNX Runtime with CUDA", "use --device cpu"
    found = ", ".join(f"{name} {version}" for name, version in installed(RUNTIMES).items()) or "this ONNX Runtime"
    return f"{found} has no {PROVIDERS[device]}", f'{_reinstall()} && pip install "gancam[cuda]"'


def _no_driver() -> tuple[str, str]:
    why = f"no NVIDIA driver found ({_DRIVER} cannot be loaded)"
    if sys.platform != "linux":
        return why, f"install NVIDIA's driver (nvidia.com/drivers), {_OR_CPU}"
    if Path("/dev/dxg").exists():  # Windows' GPU inside WSL 2
        return why, "install NVIDIA's driver in Windows (it brings the one for WSL), then `wsl --shutdown`"
    if Path("/proc/driver/nvidia/version").exists() or Path("/dev/nvidiactl").exists():
        return (
            f"NVIDIA's kernel driver is there, but {_DRIVER} cannot be loaded",
            "in a container: start it with --gpus all; else reinstall NVIDIA's driver with its compute part",
        )
    if nvidia_traces():
        return why, "install NVIDIA's driver (Ubuntu: sudo ubuntu-drivers install) and restart"
    return f"no NVIDIA GPU seen, {why}", "use --device cpu; in a container on a machine with a GPU: --gpus all"


def _driver_fault(code: int) -> tuple[str, str]:
    """For an error number of the driver (CUresult)."""
    hidden = os.environ.get("CUDA_VISIBLE_DEVICES")
    if code in (100, 101) and hidden is not None:  # NO_DEVICE, INVALID_DEVICE
        return f"CUDA_VISIBLE_DEVICES={hidden!r} hides every GPU", "unset CUDA_VISIBLE_DEVICES"
    known = {
        34: (f"{_DRIVER} is the CUDA toolkit's stub, not the driver", "take its folder `stubs` out of LD_LIBRARY_PATH"),
        100: ("NVIDIA's driver sees no GPU", "`nvidia-smi` must list one; in a container: start it with --gpus all"),
        802: ("the GPUs are not ready (error 802)", "sudo systemctl start nvidia-fabricmanager"),
        803: ("NVIDIA's driver library and kernel module differ in version (error 803)", "restart the machine"),
        804: ("the CUDA compatibility package does not suit this GPU (error 804)", "sudo apt remove 'cuda-compat-*'"),
        999: ("NVIDIA's driver does not start (error 999)", "sudo modprobe nvidia_uvm, or restart the machine"),
    }  # fmt: skip
    return known.get(code, (f"NVIDIA's driver fails with error {code}", _reinstall_driver()))


def _missing(libraries: list[str]) -> tuple[str, str]:
    why = f"{_listed(libraries)} cannot be loaded"
    if any("nvinfer" in name or "nvonnxparser" in name for name in libraries):
        major = (cuda_version() or (12, 0))[0]
        return why, f"pip install tensorrt-cu{major}, and its folder tensorrt_libs into LD_LIBRARY_PATH"
    return why, 'pip install "gancam[cuda]"'


def _reinstall() -> str:
    """The command that leaves exactly one ONNX Runtime, whole."""
    names = " ".join(installed(RUNTIMES))
    return f"pip uninstall -y {names} && pip install {RUNTIME}" if names else f"pip install {RUNTIME}"


def _reinstall_driver() -> str:
    return f"update NVIDIA's driver and see that `nvidia-smi` works, {_OR_CPU}"


def _dotted(version: tuple[int, int]) -> str:
    return f"{version[0]}.{version[1]}"


def _listed(words: Iterable[str]) -> str:
    *first, last = words
    return f"{', '.join(first)} and {last}" if first else last
