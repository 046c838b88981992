"""Which ONNX Runtime is installed, and distributions that overwrite each other."""

import contextlib
import platform
import re
import sys
from collections.abc import Iterable
from functools import lru_cache
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from gancam._native import environment
from gancam.errors import MissingExtra, first_line

PROVIDERS = {
    "cpu": "CPUExecutionProvider",
    "cuda": "CUDAExecutionProvider",
    "tensorrt": "TensorrtExecutionProvider",
    "webgpu": "WebGpuExecutionProvider",
}
RUNTIMES = (  # distributions that all install the one package `onnxruntime`, each over the others
    "onnxruntime", "onnxruntime-gpu", "onnxruntime-directml", "onnxruntime-migraphx", "onnxruntime-openvino",
    "onnxruntime-qnn", "onnxruntime-rocm", "onnxruntime-training", "ort-nightly", "ort-nightly-gpu",
)  # fmt: skip
BUILT_WITH_CUDA = (sys.platform, platform.machine()) in (("linux", "x86_64"), ("win32", "AMD64"))
RUNTIME = "onnxruntime-gpu" if BUILT_WITH_CUDA else "onnxruntime"  # the one that gancam depends on here


def use_device(name: str) -> str:
    """Say how another device is asked for, on the command line and in Python."""
    return f'use --device {name} (in Python device="{name}")'


USE_CPU = use_device("cpu")
OR_CPU = f"or {USE_CPU}"


@lru_cache
def runtime() -> Any:
    """Import the package `onnxruntime`, when it is first needed.

    Since 1.31 its wheels keep a number of this machine and reports of use in the user's cache folder, to send them to
    their maker. Here they do not, unless the user has set ORT_DISABLE_TELEMETRY to something else.

    Raises ``MissingExtra`` when it is missing or damaged.
    """
    try:
        with environment({"ORT_DISABLE_TELEMETRY": "1"}):  # read once, here
            package = import_module("onnxruntime")
    except ImportError as error:
        raise MissingExtra(f"ONNX Runtime cannot be imported ({first_line(error)}); {reinstall()}") from error
    if "InferenceSession" not in vars(package):  # what uninstalling one of two wheels leaves: a folder, nearly empty
        raise MissingExtra(f"ONNX Runtime is damaged: most of its files are missing; {reinstall()}")
    return package


@lru_cache
def runtime_version() -> str:
    """Give the version of ONNX Runtime, which is read without importing it: that takes a tenth of a second.

    Raises ``MissingExtra`` as `runtime`.
    """
    with contextlib.suppress(OSError, ImportError, ValueError):
        found = find_spec("onnxruntime")
        if found is not None and found.origin is not None:
            text = Path(found.origin).read_text(encoding="utf-8")
            if (told := re.search(r'^__version__ = "([^"]+)"', text, re.MULTILINE)) is not None:
                return told[1]
    return str(runtime().__version__)


def installed(names: Iterable[str]) -> dict[str, str]:
    """Give the versions of those of `names`, all distributions on PyPI, that are installed, by name."""
    from importlib import metadata  # a twentieth of a second that `import gancam` need not pay

    found = {}
    for name in names:
        with contextlib.suppress(metadata.PackageNotFoundError, KeyError):
            found[name] = str(metadata.version(name))
    return found


def clash() -> tuple[str, str] | None:
    """Say why the installed ONNX Runtime is a mixture of several, and the cure; None where it is not."""
    found = installed(RUNTIMES)
    if len(found) < 2:
        return None
    names = listed(f"{name} {version}" for name, version in found.items())
    return f"{names} are installed: they overwrite each other", reinstall()


def reinstall() -> str:
    """Give the command that leaves exactly one ONNX Runtime, whole."""
    names = " ".join(installed(RUNTIMES))
    return f"pip uninstall -y {names} && pip install {RUNTIME}" if names else f"pip install {RUNTIME}"


def listed(words: Iterable[str]) -> str:
    """Join one or more words as a sentence lists them: "a, b and c"."""
    *first, last = words
    return f"{', '.join(first)} and {last}" if first else last
