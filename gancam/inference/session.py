"""ONNX Runtime sessions: how a file is opened on a device, and why it could not be."""

import contextlib
import io
import platform
import re
import sys
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gancam._native import apart
from gancam.errors import DeviceError, GancamError, ModelError, NotFound, OutOfMemory, first_line
from gancam.inference.card import ModelCard
from gancam.inference.cuda import cuda_version, free_memory, gpus, load_from_wheels, needed, provider_file, unloadable
from gancam.inference.half import to_fp16
from gancam.inference.packages import (
    BUILT_WITH_CUDA,
    OR_CPU,
    PROVIDERS,
    RUNTIME,
    RUNTIMES,
    USE_CPU,
    clash,
    installed,
    listed,
    reinstall,
    runtime,
    use_device,
)
from gancam.inference.place import with_place
from gancam.inference.providers import GpuOptions, is_cuda, kind_of, memory_limit, number_of, provider_list
from gancam.inference.rounding import with_floor
from gancam.inference.tensorrt import engine_options
from gancam.inference.variants import is_made
from gancam.inference.webgpu import ONE_AT_A_TIME, explain_webgpu, plugin_device

_LEAST_DRIVER = {12: "525", 13: "580"}  # NVIDIA's driver by CUDA major; within one major any minor will do
_LEAST_CAPABILITY = {12: (5, 0), 13: (7, 5)}  # of the GPU, by CUDA major: 13 dropped Maxwell, Pascal and Volta
_PLACES = "session.record_ep_graph_assignment_info"  # the option that lets a session tell which device does a node
_BESIDE = "session.model_external_initializers_file_folder_path"  # for a model that is no file, but has some
_SHAPES = ("Shape", "Size")
_CUDA_12 = 'pip install "onnxruntime-gpu[cuda,cudnn]<1.27"'  # 1.27 was the first that is built with CUDA 13


@dataclass(frozen=True)
class OpenFile:
    """A model file in an ONNX Runtime session.

    Attributes:
        path: The file.
        device: What it was opened on, with the number of a GPU.
        threads: Those of one call on the CPU.
        session: The session.
        card: What the file says of itself.
        spent: Where the seconds of calls are added up.
        gpu: How it is run on a GPU.
    """

    path: Path
    device: str
    threads: int
    session: Any
    card: ModelCard
    spent: dict[str, float]
    gpu: GpuOptions


def open_session(
    path: Path,
    device: str,
    threads: int,
    *,
    precision: str = "",
    optimise: bool = True,
    profile: Path | None = None,
    wide_sums: bool = False,
    gpu: GpuOptions | None = None,
    placed: bool = False,
) -> Any:
    """Open the file `path` as an ONNX Runtime ``InferenceSession`` on `device`, with `threads` on the CPU.

    Single nodes that the device cannot do run on the CPU; a device that cannot be had is never replaced. With `profile`
    each node is timed, which costs a little, and ``end_profiling()`` writes a file whose name begins with that. Its
    threads take denormal numbers for 0; a caller that works along does so within ``_native.denormals_as_zero``.

    Args:
        path: The .onnx file.
        device: One of `PROVIDERS`, with ":N" for the GPU of that number.
        threads: Those of one call on the CPU, 1 or more.
        precision: That wanted, where the file may stand for two: "fp16" of an fp32 file is made of it.
        optimise: Whether the graph is optimised; without, opening is quick and calls are slow.
        profile: How the name of the file with the times begins.
        wide_sums: Whether 8-bit products are added in 32 bits also where a CPU's quick instructions add pairs in 16,
            which may saturate; as slow as fp32 there, and without effect elsewhere.
        gpu: How it is run on a GPU; None: plainly.
        placed: Whether its constant `PLACE` is an input that need not be given; see ``gancam.inference.place``.

    Raises:
        NotFound: There is no such file.
        ModelError: It is damaged, or no ONNX model.
        DeviceError: The device cannot be had.
        MissingExtra: ONNX Runtime is missing.
    """
    if not path.is_file():
        raise NotFound(f"no model file {path}")
    onnxruntime = runtime()
    options = _options(threads, optimise, profile, wide_sums)
    prepare(device)
    listed = _providers(options, path, device, precision, gpu or GpuOptions())
    try:
        file = _content(path, precision, device, placed=placed)
        with ONE_AT_A_TIME if device == "webgpu" else contextlib.nullcontext():
            opened = apart(lambda: onnxruntime.InferenceSession(file, options, providers=listed, enable_fallback=0))
    except GancamError:
        raise
    except Exception as error:
        if device != "cpu":
            open_session(path, "cpu", 1, optimise=False)  # a damaged file is no fault of the device's
            raise explain(device, error) from error
        raise ModelError(f"{path} {_why_not(error, onnxruntime.__version__)}") from error
    if opened.get_providers()[0] != PROVIDERS[kind_of(device)]:
        raise explain(device, None)
    return opened


def _providers(
    options: Any, path: Path, device: str, precision: str, gpu: GpuOptions
) -> list[tuple[str, dict[str, str]]] | None:
    """The providers of a session; None where `options`, of which some are set here, have them."""
    if device != "cpu":
        options.add_session_config_entry(_PLACES, "1")
    if device == "webgpu":
        options.add_provider_for_devices([plugin_device()], {})
        options.add_session_config_entry(_BESIDE, str(path.parent.absolute()))
        return None
    limit = memory_limit(free_memory(number_of(device))) if is_cuda(device) else None
    return provider_list(device, gpu, limit, lambda: _engines(path, device, precision))


def _content(path: Path, precision: str, device: str, *, placed: bool) -> bytes | Path:
    """What is opened for the file `path`: that, or what is made of it; see `open_session`."""
    floors = device == "webgpu" and not path.name.endswith(".fp16.onnx")  # in which other numbers are rounded
    if not (floors or placed or is_made(path, precision)):
        return path
    data = path.read_bytes()
    if floors:
        data = with_floor(data)
    if is_made(path, precision):
        data = to_fp16(data, str(path))
    return with_place(data) if placed else data


_REASONS = (  # of ONNX Runtime not to open a file that is whole, and what to say
    (r"Opset (\d+) is under development.*till opset (\d+)",
     "is of ONNX opset {0}, and ONNX Runtime {version} knows those up to {1}: export it with opset 17, or install a "
     "newer onnxruntime"),
    (r"Unsupported model IR version: (\d+), max supported IR version: (\d+)",
     "is of version {0} of ONNX's file format (IR), and ONNX Runtime {version} reads those up to {1}: save it with an "
     "older package onnx, or install a newer onnxruntime"),
    (r"No Op registered for (\S+) with domain_version of (\d+)",
     "has the operator {0}, which ONNX Runtime {version} does not know in opset {1}: export it with standard "
     "operators, or install a newer onnxruntime"),
    (r"Could not find an implementation for (\w+)\((\d+)\)",
     "has the operator {0} (of opset {1}), which ONNX Runtime {version} does not run for numbers of that type: "
     "export it without, or in float32"),
)  # fmt: skip
_WHERE = re.compile(r"^\[ONNXRuntimeError\] : \d+ : \w+ : (?:Load model from .*? failed:)?")


def _why_not(error: Exception, version: str) -> str:
    """What a file that ONNX Runtime does not open is or has, and what would do."""
    for pattern, said in _REASONS:
        if found := re.search(pattern, str(error), re.DOTALL):
            return said.format(*found.groups(), version=version)
    return f"is damaged or no ONNX model: {_WHERE.sub('', first_line(error))}"


def _engines(path: Path, device: str, precision: str) -> dict[str, str]:
    """TensorRT's options for a variant."""
    session = open_session(path, "cpu", 1, optimise=False)
    inputs = {one.name: one.shape for one in session.get_inputs()}  # in which free sides are names
    return engine_options(path, device, inputs, precision)


def fallen(session: Any, device: str) -> Mapping[str, int]:
    """Count the nodes that a session on a GPU leaves to the CPU, by operator; empty where ONNX Runtime does not tell.

    Those that read the shape of a tensor are left out: they belong on the CPU.
    """
    tell = getattr(session, "get_provider_graph_assignment_info", None)  # since 1.24
    if kind_of(device) == "cpu" or tell is None:
        return {}
    parts = [part for part in tell() if part.ep_name == PROVIDERS["cpu"]]
    return Counter(node.op_type for part in parts for node in part.get_nodes() if node.op_type not in _SHAPES)


def _options(threads: int, optimise: bool, profile: Path | None, wide_sums: bool) -> Any:
    """Make ONNX Runtime's options of a session, as `open_session` describes them."""
    onnxruntime = runtime()
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    options.add_session_config_entry("session.set_denormal_as_zero", "1")  # they take up to a hundred times the time
    if wide_sums:
        options.add_session_config_entry("session.x64quantprecision", "1")
    options.log_severity_level = 4  # its errors come as exceptions; the rest is chatter on stderr
    if profile is not None:
        options.enable_profiling, options.profile_file_prefix = True, str(profile)
    if not optimise:
        options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    return options


def prepare(device: str) -> None:
    """Load the shared libraries that `device`, one of `PROVIDERS` and a GPU's number, needs in this process.

    Raises ``DeviceError`` for what certainly cannot work, before ONNX Runtime is asked.
    """
    kind, number = kind_of(device), number_of(device)
    if kind == "webgpu":
        plugin_device()
        return
    if PROVIDERS[kind] not in runtime().get_available_providers():
        raise DeviceError(device, *_no_provider(kind))
    if kind == "cpu":
        return
    found, knows = gpus()
    if number >= len(found):
        there = ", ".join(f"{index}: {one.name}" for index, one in enumerate(found))
        raise DeviceError(
            device,
            f"there is no GPU number {number}; there are {there}",
            use_device(f"{kind}:0"),
        )
    built = cuda_version()
    if built and knows[0] < built[0]:
        newer = f"update NVIDIA's driver to {_LEAST_DRIVER.get(built[0], 'the newest')} or later"
        raise DeviceError(
            device,
            f"NVIDIA's driver knows CUDA {_dotted(knows)}, this ONNX Runtime is built with {_dotted(built)}",
            f"{newer}, or: {_CUDA_12}" if knows[0] == 12 else newer,
        )
    least = _LEAST_CAPABILITY.get(built[0], (0, 0)) if built else (0, 0)
    if found[number].capability < least:
        has = f"{found[number].name} has compute capability {_dotted(found[number].capability)}"
        older = _CUDA_12 if least > (7, 0) and found[number].capability >= _LEAST_CAPABILITY[12] else USE_CPU
        raise DeviceError(device, f"{has}, this ONNX Runtime's CUDA needs {_dotted(least)}", older)
    _preload()
    load_from_wheels(unloadable([*needed(provider_file(kind)), *_wanted_late()]))
    missing = unloadable(needed(provider_file(kind)))
    if missing:
        raise DeviceError(device, *_missing(missing))


def explain(device: str, failure: Exception | None) -> DeviceError:
    """Explain why ONNX Runtime could not use `device` although `prepare` saw no obstacle.

    Args:
        device: One of `PROVIDERS`, with a GPU's number or without.
        failure: What it raised; None: it raised nothing and chose the CPU.
    """
    text = " ".join(str(failure or "").split())
    if device == "webgpu":
        return explain_webgpu(text, full=is_full(text))
    if is_full(text):
        return OutOfMemory(
            device, "the GPU's memory is full", f"smaller frames, close what else uses it (see `nvidia-smi`), {OR_CPU}"
        )
    missing = unloadable(_wanted_late())
    file = provider_file(kind_of(device))
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
        cure = f'pip install -U "gancam[cuda]", update NVIDIA\'s driver, {OR_CPU}'
        reason = text[:200] or f"ONNX Runtime would not use {PROVIDERS[kind_of(device)]}", cure
    return DeviceError(device, *reason)


def is_full(text: str) -> bool:
    """Tell whether an error text of ONNX Runtime says that memory is full."""
    words = (
        "out of memory", "failed to allocate", "alloc_failed", "bad_alloc", "bad allocation",
        "smaller than requested bytes",  # ONNX Runtime's arena, at the limit that it was given
    )  # fmt: skip
    return any(one in text.lower() for one in words)


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


def _no_provider(device: str) -> tuple[str, str]:
    mixed = clash()
    if mixed:
        return mixed
    if not BUILT_WITH_CUDA:
        return f"for {platform.system()} on {platform.machine()} there is no ONNX Runtime with CUDA", USE_CPU
    found = ", ".join(f"{name} {version}" for name, version in installed(RUNTIMES).items()) or "this ONNX Runtime"
    return f"{found} has no {PROVIDERS[device]}", f'{reinstall()} && pip install "gancam[cuda]"'


def _missing(libraries: list[str]) -> tuple[str, str]:
    why = f"{listed(libraries)} cannot be loaded"
    if any("nvinfer" in name or "nvonnxparser" in name for name in libraries):
        major = (cuda_version() or (12, 0))[0]
        return why, f"pip install tensorrt-cu{major}, and its folder tensorrt_libs into LD_LIBRARY_PATH"
    return why, 'pip install "gancam[cuda]"'


def _dotted(version: tuple[int, int]) -> str:
    return f"{version[0]}.{version[1]}"
