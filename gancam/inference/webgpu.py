"""GPUs of any maker by ONNX Runtime's WebGPU plugin: what is there of them and of it, and what is missing.

The plugin (``onnxruntime-ep-webgpu``) uses Vulkan on Linux, Direct3D 12 on Windows and Metal on macOS. It takes the
most powerful GPU by itself, so these have no numbers here.
"""

import ctypes
import logging
import os
import platform
import struct
import sys
import threading
from dataclasses import dataclass
from functools import lru_cache
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from gancam.errors import DeviceError, OutOfMemory, first_line
from gancam.inference.packages import (
    OR_CPU,
    PROVIDERS,
    RUNTIME,
    USE_CPU,
    installed,
    listed,
    runtime,
    runtime_version,
)

log = logging.getLogger(__name__)
PLUGIN = "onnxruntime-ep-webgpu"
ALLOW_SOFTWARE = "ORT_WEBGPU_EP_ALLOW_SOFTWARE_ADAPTER"  # the plugin's environment variable: "1" lets it do without GPU
_MODULE = "onnxruntime_ep_webgpu"
_VULKAN = "libvulkan.so.1"
_IS_CPU = 4  # VK_PHYSICAL_DEVICE_TYPE_CPU: a driver that computes on the CPU, as SwiftShader and llvmpipe do
_MICROSOFT = 0x1414  # the vendor of Windows' software adapter

ONE_AT_A_TIME = threading.RLock()
"""Held by whoever opens or runs a session there: all share one GPU context, and two at once end the process."""


@dataclass(frozen=True, slots=True)
class Adapter:
    """What WebGPU may compute on.

    Attributes:
        name: As its driver, or the system, names it.
        software: Whether it is a driver that computes on the CPU.
        driver: The driver's version, as that writes it; 0 where it is not told.
    """

    name: str
    software: bool = False
    driver: int = 0


def webgpu_is_likely() -> bool:
    """Tell whether the plugin is installed and there is a GPU for it that is no software: cheap, and no proof."""
    try:
        return any(not one.software for one in adapters())
    except DeviceError:
        return False


@lru_cache
def adapters() -> tuple[Adapter, ...]:
    """List what the plugin may compute on, at least one. Raises ``DeviceError`` where there is nothing or no plugin."""
    _check_plugin()
    if sys.platform == "linux":
        return _of_vulkan()
    device = [one.device for one in _known(_registered())]
    if not device:
        raise DeviceError("webgpu", "ONNX Runtime sees no GPU", f"install or update the GPU's driver, {OR_CPU}")
    return tuple(Adapter(one.metadata.get("Description") or one.vendor, one.vendor_id == _MICROSOFT) for one in device)


def plugin_device() -> object:
    """Give the plugin's ``OrtEpDevice``, for a session; on first use ONNX Runtime loads the plugin.

    Raises ``DeviceError`` for what certainly cannot work.
    """
    onnxruntime = _registered()
    adapters()
    if not (found := _known(onnxruntime)):
        why = "ONNX Runtime sees no GPU" + (" in /sys/class/drm" if sys.platform == "linux" else "")
        raise DeviceError("webgpu", why, f"load the GPU's kernel driver; in a container, pass /dev/dri in; {OR_CPU}")
    _tell_of_software()
    device: object = found[0]
    return device


def explain_webgpu(text: str, *, full: bool) -> DeviceError:
    """Explain why ONNX Runtime could not use the plugin although it has a device.

    Args:
        text: What it said; "": nothing, and it chose the CPU.
        full: Whether that speaks of full memory.
    """
    if full or "exceeds the max buffer size" in text:
        return OutOfMemory("webgpu", "the GPU's memory is full", f"smaller frames, close what else uses it, {OR_CPU}")
    if "does not support it" in text and "f16" in text:
        return DeviceError("webgpu", "this GPU or its driver has no 16-bit numbers", "use --precision fp32")
    if "WebGPU adapter" in text:
        names = listed(one.name for one in adapters())
        return DeviceError("webgpu", f"WebGPU cannot use {names}", f"update the GPU's driver, {OR_CPU}")
    return DeviceError("webgpu", text[:200] or f"ONNX Runtime would not use {PLUGIN}", USE_CPU)


def plugin_version() -> str:
    """Give the version of the plugin; "" where it is not installed."""
    return installed([PLUGIN]).get(PLUGIN, "")


@lru_cache
def _tell_of_software() -> None:
    if all(one.software for one in adapters()):
        names = listed(one.name for one in adapters())
        log.warning("WebGPU finds no GPU, but %s: software, slower than --device cpu", names)


def _check_plugin() -> None:
    if find_spec(_MODULE) is not None:
        return
    if (sys.platform, platform.machine()) == ("darwin", "x86_64"):
        raise DeviceError("webgpu", f"there is no {PLUGIN} for Macs with Intel", USE_CPU)
    raise DeviceError("webgpu", f"{PLUGIN} is not installed", f'pip install "gancam[webgpu]", {OR_CPU}')


def _registered() -> Any:
    """ONNX Runtime, which knows the plugin."""
    _check_plugin()
    onnxruntime = runtime()
    if "get_ep_devices" not in vars(onnxruntime):  # before 1.23
        why = f"ONNX Runtime {runtime_version()} takes no plugins"
        raise DeviceError("webgpu", why, f'pip install -U "{RUNTIME}>=1.24.4"')
    with ONE_AT_A_TIME:
        if not _known(onnxruntime):  # else the program around us has loaded it
            _load(onnxruntime)
    return onnxruntime


@lru_cache  # a second time would be an error
def _load(onnxruntime: Any) -> None:
    try:
        onnxruntime.register_execution_provider_library(PLUGIN, import_module(_MODULE).get_library_path())
    except Exception as error:
        why = f"{PLUGIN} {plugin_version()} does not go with ONNX Runtime {runtime_version()}: {first_line(error)}"
        raise DeviceError("webgpu", why, f"pip install -U {RUNTIME} {PLUGIN}") from error


def _known(onnxruntime: Any) -> list[Any]:
    """The plugin's devices of ONNX Runtime, GPUs first."""
    found = [one for one in onnxruntime.get_ep_devices() if one.ep_name == PROVIDERS["webgpu"]]
    return sorted(found, key=lambda one: one.device.type != onnxruntime.OrtHardwareDeviceType.GPU)


class _InstanceInfo(ctypes.Structure):
    """VkInstanceCreateInfo, of which no field but the first is needed."""

    _fields_ = [
        ("type", ctypes.c_uint32), ("next", ctypes.c_void_p), ("flags", ctypes.c_uint32), ("app", ctypes.c_void_p),
        ("layer_count", ctypes.c_uint32), ("layers", ctypes.c_void_p),
        ("extension_count", ctypes.c_uint32), ("extensions", ctypes.c_void_p),
    ]  # fmt: skip


def _of_vulkan() -> tuple[Adapter, ...]:
    """What Vulkan lists, see https://registry.khronos.org/vulkan/specs/latest/html/vkspec.html."""
    try:
        vulkan = ctypes.CDLL(_VULKAN)
    except OSError:
        packages = "sudo apt install libvulkan1 mesa-vulkan-drivers (Fedora: vulkan-loader mesa-vulkan-drivers)"
        raise DeviceError(
            "webgpu", f"there is no Vulkan ({_VULKAN} cannot be loaded)", f"{packages}, {OR_CPU}"
        ) from None
    instance, count = ctypes.c_void_p(), ctypes.c_uint32()
    code = vulkan.vkCreateInstance(ctypes.byref(_InstanceInfo(type=1)), None, ctypes.byref(instance))
    if code == 0:
        try:
            vulkan.vkEnumeratePhysicalDevices(instance, ctypes.byref(count), None)
            devices = (ctypes.c_void_p * count.value)()
            vulkan.vkEnumeratePhysicalDevices(instance, ctypes.byref(count), devices)
            found = tuple(_adapter(vulkan, one) for one in devices)
        finally:
            vulkan.vkDestroyInstance(instance, None)
    if code or not found:
        raise DeviceError("webgpu", *_no_vulkan_device())
    return found


def _adapter(vulkan: ctypes.CDLL, device: int | None) -> Adapter:
    told = ctypes.create_string_buffer(4096)  # VkPhysicalDeviceProperties has 824 bytes
    vulkan.vkGetPhysicalDeviceProperties(ctypes.c_void_p(device), told)
    _, driver, _, _, kind, name = struct.unpack_from("=IIIIi256s", told.raw)
    return Adapter(name.partition(bytes(1))[0].decode(errors="replace"), kind == _IS_CPU, driver)


def _no_vulkan_device() -> tuple[str, str]:
    why = "Vulkan has no driver for a GPU here"
    nodes = sorted(Path("/dev/dri").glob("renderD*")) if Path("/dev/dri").is_dir() else []
    if closed := [str(node) for node in nodes if not os.access(node, os.R_OK | os.W_OK)]:
        return f"{why}: this user may not open {listed(closed)}", "sudo usermod -aG render,video $USER, and log in anew"
    if nodes:
        return why, f"install the GPU's driver (Ubuntu: sudo apt install mesa-vulkan-drivers), {OR_CPU}"
    return f"{why}, nor a /dev/dri/renderD*", f"{USE_CPU}; in a container on a machine with a GPU: --device /dev/dri"
