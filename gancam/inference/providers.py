"""What ONNX Runtime's execution providers are told: each choice typed, with its why, and told apart by device.

A device is written "cpu", "cuda", "tensorrt" or "webgpu"; "cuda" and "tensorrt" with ":N" for a GPU other than the
first.
"""

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from gancam.errors import ParameterError
from gancam.inference.packages import PROVIDERS

DEVICES = "auto, cpu, cuda, tensorrt, webgpu, or cuda:N for the NVIDIA GPU number N"  # as messages name them
MEMORY = "GANCAM_GPU_MEMORY"  # an environment variable: gigabytes of a GPU that one network may take, at most
_SHARE = 0.9  # of what is free on a GPU that one network may take: the desktop and others need some, too


@dataclass(frozen=True, slots=True)
class GpuOptions:
    """How a network is run on a GPU, as a trial there decides.

    Attributes:
        tf32: Whether products of fp32 may be rounded to 10 bits of mantissa, which tensor cores take.
        nhwc: Whether convolutions get channels last, as tensor cores like them; costs transposes at both ends.
        graph: Whether calls of one shape are captured once as a CUDA graph and replayed, which spares their launches.
    """

    tf32: bool = False
    nhwc: bool = False
    graph: bool = False

    @classmethod
    def named(cls, text: str) -> "GpuOptions":
        """Read what `str` gives: "plain", or words of it such as "tf32 nhwc"."""
        words = set(text.split()) - {"plain"}
        return cls(tf32="tf32" in words, nhwc="nhwc" in words, graph="graph" in words)

    def __str__(self) -> str:
        """Name it, for people and for what is remembered."""
        words = [name for name, on in (("tf32", self.tf32), ("nhwc", self.nhwc), ("graph", self.graph)) if on]
        return " ".join(words) or "plain"


def ways(precision: str, *, exact: bool) -> list[str]:
    """List the options worth a trial on CUDA, the plain ones first; names of `GpuOptions`.

    Args:
        precision: Of the file.
        exact: Whether fp32 was asked for by name, so that nothing may round more than it does.
    """
    if precision == "fp32" and not exact:
        return ["plain", "tf32", "tf32 nhwc", "tf32 graph", "tf32 nhwc graph"]
    return ["plain", "nhwc", "graph", "nhwc graph"]


def kind_of(device: str) -> str:
    """Give the kind of a device: "cuda" of "cuda:1"."""
    return device.partition(":")[0]


def is_cuda(device: str) -> bool:
    """Whether a device is an NVIDIA GPU by its own driver, of which CUDA's memory, graphs and options are."""
    return kind_of(device) in ("cuda", "tensorrt")


def number_of(device: str) -> int:
    """Give the number of a GPU: 1 of "cuda:1", 0 of "cuda" and of "cpu"."""
    number = device.partition(":")[2]
    return int(number) if number.isdecimal() else 0


def check_device(device: str) -> None:
    """Refuse what is no device. Raises ``ParameterError``."""
    kind, colon, number = device.partition(":") if isinstance(device, str) else ("", "", "")
    plain = kind in ("auto", *PROVIDERS) and not colon
    if not plain and not (is_cuda(kind) and number.isdecimal()):
        raise ParameterError(f"device {device!r} must be {DEVICES}")


def memory_limit(free: int | None, environ: Mapping[str, str] | None = None) -> int | None:
    """Say how many bytes of a GPU one network may take at most; None where nothing tells.

    Args:
        free: Bytes that are free there; None where that is not known.
        environ: Environment variables; default: the process's. `MEMORY` among them counts where it is less.

    Raises:
        ParameterError: `MEMORY` is no positive number.
    """
    text = (os.environ if environ is None else environ).get(MEMORY, "")
    limits = [int(free * _SHARE)] if free is not None else []
    if text:
        try:
            asked = float(text)
        except ValueError:
            asked = 0.0
        if not 0 < asked < 1e6:
            raise ParameterError(f"{MEMORY}={text!r}: must be a number of gigabytes over 0, as 4 or 0.5")
        limits.append(int(asked * 1e9))
    return min(limits, default=None)


def cuda_options(number: int, gpu: GpuOptions, limit: int | None) -> dict[str, str]:
    """Give the options of ONNX Runtime's CUDA provider.

    Args:
        number: Of the GPU.
        gpu: What is decided by trial.
        limit: Bytes that the network may take at most; None for no limit.
    """
    return {
        "device_id": str(number),
        "cudnn_conv_algo_search": "HEURISTIC",  # EXHAUSTIVE, the default, takes seconds at each new size of frame
        "cudnn_conv_use_max_workspace": "1",  # without, fp16 may find no kernel for tensor cores
        "arena_extend_strategy": "kSameAsRequested",  # the default doubles what it takes, each time
        "do_copy_in_default_stream": "1",
        "use_tf32": str(int(gpu.tf32)),
        "prefer_nhwc": str(int(gpu.nhwc)),
        "enable_cuda_graph": str(int(gpu.graph)),
    } | ({"gpu_mem_limit": str(limit)} if limit is not None else {})


def provider_list(
    device: str, gpu: GpuOptions, limit: int | None, engines: Callable[[], Mapping[str, str]]
) -> list[tuple[str, dict[str, str]]]:
    """List the providers of a session on `device`, the first choice first, each with its options.

    None of a plugin, which a session is told of in another way.

    Args:
        device: Where it is to run; single nodes that cannot fall to the next of the list.
        gpu: What is decided by trial.
        limit: As `cuda_options` takes it.
        engines: Gives TensorRT's options; called for that device only.
    """
    kind, number = kind_of(device), number_of(device)
    listed: list[tuple[str, dict[str, str]]] = [(PROVIDERS["cpu"], {})]
    if is_cuda(device):
        listed.insert(0, (PROVIDERS["cuda"], cuda_options(number, gpu, limit)))
    if kind == "tensorrt":
        listed.insert(0, (PROVIDERS["tensorrt"], dict(engines())))
    return listed
