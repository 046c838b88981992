"""TensorRT's engines: built once for a model and a GPU, and kept in the user's cache folder."""

import ctypes
import hashlib
import json
import logging
import re
from collections.abc import Mapping, Sequence
from pathlib import Path

from gancam.errors import SinkError
from gancam.files import cache_folder
from gancam.inference.card import ModelCard
from gancam.inference.cuda import driver_version, gpus, needed, provider_file
from gancam.inference.packages import runtime
from gancam.inference.providers import number_of
from gancam.inference.variants import file_digest, is_made, read_card

log = logging.getLogger(__name__)
_USUAL, _LARGEST = (720, 1280), (2160, 3840)  # height and width of frames; what they are scaled to is another matter
_ROWS = 16  # latents at once, at most
_WORKSPACE = 1 << 30  # bytes that TensorRT may use while it looks for kernels
Shapes = Mapping[str, tuple[Sequence[int], Sequence[int], Sequence[int]]]
"""By input: the least, the usual and the largest shape that an engine is built for."""


def engine_options(
    path: Path, device: str, inputs: Mapping[str, Sequence[int | str]], precision: str = ""
) -> dict[str, str]:
    """Give the options of ONNX Runtime's TensorRT provider for the file `path`, and say when an engine must be built.

    Args:
        path: The model's file, of fp32 or fp16.
        device: "tensorrt", with the number of a GPU or without.
        inputs: The shapes of the graph's inputs, in which free sides are names.
        precision: Of the variant, where the file may stand for two.

    Raises:
        SinkError: There is no folder for engines.
        DeviceError: There is no GPU.
        ModelError: The file has no card.
    """
    half = is_made(path, precision) or path.name.endswith(".fp16.onnx")
    shapes = engine_shapes(read_card(path), inputs)
    hardware, runtimes = hardware_of(device), {"onnxruntime": str(runtime().__version__), "tensorrt": version()}
    folder = engine_folder(file_digest(path, precision), shapes, half=half, hardware=hardware, runtimes=runtimes)
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise SinkError(f"{folder}: no folder for TensorRT's engines can be made ({error.strerror})") from error
    if not any(folder.iterdir()):
        log.warning(
            "%s: TensorRT builds an engine, once: it takes a minute or more, and is kept in %s", path.name, folder
        )
    return tensorrt_options(number_of(device), folder, half=half, shapes=shapes)


def engine_shapes(card: ModelCard, inputs: Mapping[str, Sequence[int | str]]) -> Shapes:
    """Choose the least, the usual and the largest shape of each input that an engine is built for.

    Args:
        card: The model's.
        inputs: Shapes, in which free sides are names.
    """
    if card.layout == "latent":
        return {name: _filled(shape, ((1,), (1,), (_ROWS,))) for name, shape in inputs.items()}
    step = card.multiple
    least = step * -(-max(card.minimum, 4) // step)
    ends = [(1, least, least)]
    for height, width in (_USUAL, _LARGEST):
        ends.append((1, max(height // step * step, least), max(width // step * step, least)))
    if card.fixed_height:
        ends = [(1, card.fixed_height, card.fixed_width)] * 3
    return {name: _filled(shape, ends) for name, shape in inputs.items()}


def tensorrt_options(number: int, folder: Path, *, half: bool, shapes: Shapes) -> dict[str, str]:
    """Give the options of ONNX Runtime's TensorRT provider: an engine for all `shapes`, built once and kept.

    Args:
        number: Of the GPU.
        folder: Where engines and timings are kept; `engine_folder` names it.
        half: Whether it may compute in fp16.
        shapes: Of the inputs.
    """
    ends = ("min", "opt", "max")
    profiles = {
        f"trt_profile_{end}_shapes": ",".join(
            f"{name}:{'x'.join(map(str, sides[place]))}" for name, sides in shapes.items()
        )
        for place, end in enumerate(ends)
    }
    return {
        "device_id": str(number),
        "trt_fp16_enable": str(int(half)),
        "trt_max_workspace_size": str(_WORKSPACE),
        "trt_engine_cache_enable": "1",
        "trt_engine_cache_path": str(folder),
        "trt_timing_cache_enable": "1",
        "trt_timing_cache_path": str(folder.parent),  # timings of kernels serve other models on the same GPU, too
        **{name: text for name, text in profiles.items() if text},
    }


def engine_folder(digest: str, shapes: Shapes, *, half: bool, hardware: str, runtimes: Mapping[str, str]) -> Path:
    """Name the folder of one model's TensorRT engines: another for whatever makes an engine wrong.

    Args:
        digest: The SHA-256 of the model's file.
        shapes: Of its inputs.
        half: Whether it may compute in fp16.
        hardware: GPU and driver.
        runtimes: Versions by name: of ONNX Runtime and of TensorRT.
    """
    sides = {name: [list(one) for one in three] for name, three in shapes.items()}
    machine = {"hardware": hardware, **dict(sorted(runtimes.items()))}
    parts = [_digest(machine), _digest({"model": digest, "shapes": sides, "half": half})]
    return cache_folder() / "engines" / parts[0] / parts[1]


def hardware_of(device: str) -> str:
    """Name the GPU of `device` with its compute capability and its driver. Raises ``DeviceError``."""
    found, knows = gpus()
    gpu = found[number_of(device)]
    return f"{gpu.name} {gpu.capability}, driver for CUDA {knows[0]}.{knows[1]}{driver_version()}"


def version() -> str:
    """Give the version of the TensorRT that ONNX Runtime loads; "" where there is none."""
    for name in needed(provider_file("tensorrt")):
        if re.match(r"(lib)?nvinfer\b", name):
            try:
                tell = ctypes.CDLL(name).getInferLibVersion
            except (OSError, AttributeError):
                return ""
            return str(tell())
    return ""


def _filled(
    shape: Sequence[int | str], ends: Sequence[tuple[int, ...]]
) -> tuple[tuple[int, ...], tuple[int, ...], tuple[int, ...]]:
    """`shape` three times, its free sides as each of `ends` begins."""

    def filled(end: tuple[int, ...]) -> tuple[int, ...]:
        free = (*end, *(1,) * len(shape))
        return tuple(side if isinstance(side, int) else free[place] for place, side in enumerate(shape))

    least, usual, largest = map(filled, ends)
    return least, usual, largest


def _digest(about: Mapping[str, object]) -> str:
    return hashlib.sha256(json.dumps(about, sort_keys=True).encode()).hexdigest()[:16]
