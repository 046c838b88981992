"""NVIDIA's driver and libraries: what is there and what is missing."""

import contextlib
import ctypes
import os
import re
import struct
import sys
import weakref
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gancam.errors import DeviceError
from gancam.inference.hardware import read_text
from gancam.inference.packages import OR_CPU, PROVIDERS, USE_CPU, runtime

_PORTABLE = 1  # CU_MEMHOSTALLOC_PORTABLE: for every context of this process
_DRIVER = "nvcuda.dll" if sys.platform == "win32" else "libcuda.so.1"


@dataclass(frozen=True, slots=True)
class Gpu:
    """An NVIDIA GPU as its driver sees it."""

    name: str
    memory: int  # bytes
    capability: tuple[int, int]  # CUDA's compute capability


def cuda_is_likely() -> bool:
    """Tell whether ONNX Runtime has CUDA and an NVIDIA driver can be loaded: cheap, and no proof."""
    return PROVIDERS["cuda"] in runtime().get_available_providers() and _driver() is not None


def cuda_version() -> tuple[int, int] | None:
    """Give (major, minor) of the CUDA that ONNX Runtime was built with; None without, or where it does not say."""
    major, _, minor = str(getattr(runtime(), "cuda_version", "") or "").partition(".")
    return (int(major), int(minor.partition(".")[0] or 0)) if major.isdigit() else None


def nvidia_traces() -> list[str]:
    """List what here speaks of an NVIDIA GPU, in words; empty where nothing does, so that its absence is no fault."""
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
    """List the NVIDIA GPUs that this process may use, and give (major, minor) of the CUDA that their driver knows.

    There is at least one. Raises ``DeviceError`` when there is no driver or none that works, or no GPU.
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
    """Give the version of NVIDIA's kernel driver in brackets, where the system tells; else nothing."""
    found = re.search(r"Kernel Module\D*([\d.]+)", read_text("/proc/driver/nvidia/version"))
    return f" ({found[1]})" if found else ""


def free_memory(number: int) -> int | None:
    """Say how many bytes are free on the GPU of that number; None where its driver does not tell."""
    driver = _driver()
    if driver is None:
        return None
    free, total = ctypes.c_size_t(), ctypes.c_size_t()
    try:
        with _context(driver, number):
            _call(driver, "cuMemGetInfo_v2", ctypes.byref(free), ctypes.byref(total))
    except (AttributeError, DeviceError):
        return None
    return free.value


def page_locked(shape: tuple[int, ...], number: int) -> NDArray[np.uint8] | None:
    """Make an array of the host, of unknown content, that the GPU of that number copies from and to by itself.

    Pages that the system may move would be copied once more on the way. None where the driver gives no such memory.
    """
    driver, size = _driver(), int(np.prod(shape))
    if driver is None or size == 0:
        return None
    place = ctypes.c_void_p()
    try:
        with _context(driver, number):
            _call(driver, "cuMemHostAlloc", ctypes.byref(place), ctypes.c_size_t(size), ctypes.c_uint(_PORTABLE))
    except (AttributeError, DeviceError):
        return None
    assert place.value is not None
    memory = (ctypes.c_uint8 * size).from_address(place.value)
    weakref.finalize(memory, _unlock, driver, place.value, number).atexit = False
    return np.ndarray(
        shape, np.uint8, memoryview(memory)
    )  # no view of another array: `BufferPool` counts who holds this one


def copy_to_host(address: int, array: NDArray[np.generic], number: int) -> bool:
    """Copy from the memory of the GPU of that number into all of `array`, C-contiguous; whether its driver did."""
    driver = _driver()
    if driver is None:
        return False
    try:
        with _context(driver, number):
            size = ctypes.c_size_t(array.nbytes)
            _call(driver, "cuMemcpyDtoH_v2", ctypes.c_void_p(array.ctypes.data), ctypes.c_uint64(address), size)
    except (AttributeError, DeviceError):
        return False
    return True


def _unlock(driver: ctypes.CDLL, place: int, number: int) -> None:
    with contextlib.suppress(AttributeError, DeviceError), _context(driver, number):  # it is gone with a lost GPU
        _call(driver, "cuMemFreeHost", ctypes.c_void_p(place))


@contextmanager
def _context(driver: ctypes.CDLL, number: int) -> Iterator[None]:
    """The context of the GPU of that number, which ONNX Runtime uses too, is this thread's meanwhile."""
    before = ctypes.c_void_p()
    _call(driver, "cuCtxPushCurrent_v2", _primary(number))
    try:
        yield
    finally:
        _call(driver, "cuCtxPopCurrent_v2", ctypes.byref(before))


@lru_cache
def _primary(number: int) -> ctypes.c_void_p:
    driver = _driver()
    assert driver is not None
    _call(driver, "cuInit", ctypes.c_uint(0))
    device, context = ctypes.c_int(), ctypes.c_void_p()
    _call(driver, "cuDeviceGet", ctypes.byref(device), number)
    _call(driver, "cuDevicePrimaryCtxRetain", ctypes.byref(context), device)
    return context


def provider_file(device: str) -> Path:
    """Name the shared library of ONNX Runtime's provider for `device`, which may not exist."""
    name = f"onnxruntime_providers_{device}"
    return Path(runtime().__file__).parent / "capi" / (f"{name}.dll" if sys.platform == "win32" else f"lib{name}.so")


def unloadable(libraries: Iterable[str]) -> list[str]:
    """List those of `libraries` that the system's loader cannot load, themselves or what they need."""
    missing = []
    for name in libraries:
        try:
            ctypes.CDLL(name)
        except OSError as error:  # "libcublasLt.so.13: cannot open shared object file": it may be one it needs
            cause = str(error).partition(":")[0].strip()
            missing.append(cause if cause.startswith("lib") else name)
    return list(dict.fromkeys(missing))


def load_from_wheels(libraries: Iterable[str]) -> list[str]:
    """Load those of `libraries` that lie in NVIDIA's wheels, wherever on Python's path these are.

    ONNX Runtime looks beside itself only, so it does not find those that another folder of packages has (PyTorch's).

    Returns:
        The paths of what was loaded.
    """
    found = find_spec("nvidia")
    homes = [Path(place) for place in (found.submodule_search_locations or [])] if found is not None else []
    folders = [
        folder for home in homes for kind in ("*/lib", "*/bin", "*/bin/x86_64") for folder in sorted(home.glob(kind))
    ]
    loaded = []
    for name in libraries:
        for folder in folders:
            if (folder / name).is_file():
                with contextlib.suppress(OSError):
                    ctypes.CDLL(str(folder / name))
                    loaded.append(str(folder / name))
                    break
    return loaded


def needed(file: Path) -> list[str]:
    """List the libraries that the ELF file `file` asks the loader for: its DT_NEEDED entries, see elf(5).

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


def _no_driver() -> tuple[str, str]:
    why = f"no NVIDIA driver found ({_DRIVER} cannot be loaded)"
    if sys.platform != "linux":
        return why, f"install NVIDIA's driver (nvidia.com/drivers), {OR_CPU}"
    if Path("/dev/dxg").exists():  # Windows' GPU inside WSL 2
        return why, "install NVIDIA's driver in Windows (it brings the one for WSL), then `wsl --shutdown`"
    if Path("/proc/driver/nvidia/version").exists() or Path("/dev/nvidiactl").exists():
        return (
            f"NVIDIA's kernel driver is there, but {_DRIVER} cannot be loaded",
            "in a container: start it with --gpus all; else reinstall NVIDIA's driver with its compute part",
        )
    if nvidia_traces():
        return why, "install NVIDIA's driver (Ubuntu: sudo ubuntu-drivers install) and restart"
    return f"no NVIDIA GPU seen, {why}", f"{USE_CPU}; in a container on a machine with a GPU: --gpus all"


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


def _reinstall_driver() -> str:
    return f"update NVIDIA's driver and see that `nvidia-smi` works, {OR_CPU}"
