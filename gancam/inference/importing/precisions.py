"""A model that was imported, offered in 16 and 8 bits: made, judged beside fp32, and kept where it is good enough.

ONNX Runtime's own tools make them, by the exporter's rules: weights of 8 bits keep to 7, so that on no CPU two of their
products overfill the 16 bits that they are added in, and each file is run beside the one that it was made of.
"""

import logging
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from importlib import import_module
from pathlib import Path
from typing import Any, Literal, get_args

import numpy as np

from gancam.errors import GancamError, MissingExtra, ModelError, first_line
from gancam.frame import Image
from gancam.inference.hardware import usable_cores
from gancam.inference.importing import wrap
from gancam.inference.importing.convention import OnnxModel, Tensor
from gancam.inference.network import open_network
from gancam.inference.packages import runtime
from gancam.inference.trials import LEAST_PSNR
from gancam.inference.variants import read_card

Small = Literal["fp16", "int8"]
_SIDE = 256  # pixels along a side of the crops that int8 is calibrated and judged on, of networks of any size
_CROPS = 24  # of them at most
_MULTIPLYING = ["Conv"]  # what becomes 8-bit


@dataclass(frozen=True)
class Offer:
    """A precision that was tried.

    Attributes:
        precision: "fp16" or "int8".
        psnr: dB beside fp32, 100 at most; 0 where none could be made.
        speed: How many times faster than fp32 it is on this CPU.
        path: The file; None where it was refused.
        reason: Why it was refused.
    """

    precision: Small
    psnr: float
    speed: float
    path: Path | None
    reason: str = ""

    @property
    def line(self) -> str:
        """What came of it, in one line."""
        if self.path is None:
            return f"{self.precision}: not offered ({self.reason})"
        pace = f"{self.speed:.1f} times as fast on this CPU" if self.speed >= 1.05 else "no faster on this CPU"
        return f"{self.precision}: {self.psnr:.1f} dB beside fp32, {pace}"


def offer(path: Path, images: Sequence[Image]) -> list[Offer]:
    """Make fp16 and int8 of the imported model `path`, beside it, where they show what fp32 shows on `images`.

    Args:
        path: A file that `adapt` wrote, of images in and images out.
        images: Real pictures ``(h, w, 3)`` BGR of what it will be played on.

    Raises:
        ModelError: It is of another kind, or there are no images.
        MissingExtra: The package `onnx` is not installed.
    """
    card = read_card(path)
    if card.layout != "image":
        raise ModelError(f"{path.name}: only models of images are offered in fp16 and int8, not {card.effect}"
                         f"{' from frame to frame' if card.recurrent else ''}")  # fmt: skip
    crops = list(_crops(images, card.fixed_height, card.fixed_width))
    if not crops:
        raise ModelError(f"{path.name}: no pictures to calibrate on")
    with tempfile.TemporaryDirectory() as folder:
        made = Path(folder) / "made.onnx"
        return [_offered(path, precision, made, crops) for precision in get_args(Small)]


def _offered(path: Path, precision: Small, made: Path, crops: list[Image]) -> Offer:
    """The best that can be made of one precision: where int8 loses too much, its first and last stay in fp32."""
    target = path.with_name(f"{path.name.removesuffix('.onnx')}.{precision}.onnx")
    target.unlink(missing_ok=True)
    best = Offer(precision, 0.0, 0.0, None, "it cannot be made")
    for spared in (False, True) if precision == "int8" else (False,):
        try:
            model = _halved(path) if precision == "fp16" else _coded(path, made.parent, crops, spared=spared)
            wrap.write(model, _metadata(path, precision), made)
            psnr, speed = _judged(path, made, crops)
        except GancamError as error:
            reason = best.reason if spared else first_line(error)
        else:
            if psnr >= LEAST_PSNR:
                wrap.write(model, _metadata(path, precision, psnr), target)
                return Offer(precision, psnr, speed, target)
            reason = f"{psnr:.1f} dB beside fp32, less than {LEAST_PSNR:.0f}"
        best = replace(best, reason=reason)
    return best


def _crops(images: Sequence[Image], height: int, width: int) -> Iterator[Image]:
    """Crops from the middle of `images`, of the one size that a model takes; smaller pictures are mirrored."""
    height, width = height or _SIDE, width or _SIDE
    for image in images[:_CROPS]:
        more = [max(side - have, 0) for side, have in zip((height, width), image.shape[:2], strict=True)]
        whole = np.pad(image, ((0, more[0]), (0, more[1]), (0, 0)), "symmetric")
        top, left = (whole.shape[0] - height) // 2, (whole.shape[1] - width) // 2
        yield np.ascontiguousarray(whole[top : top + height, left : left + width])


def _metadata(path: Path, precision: Small, psnr: float = 0.0) -> Mapping[str, str]:
    entries = {one.key: one.value for one in wrap.load(path).metadata_props}
    card = replace(read_card(path), precision=precision, parity={"psnr": round(psnr, 2)} if psnr else {})
    return {**entries, **card.to_metadata()}


def _judged(path: Path, made: Path, crops: list[Image]) -> tuple[float, float]:
    """DB of what `made` shows beside what `path` shows, and how many times as fast it is."""
    models = [open_network(one, "cpu", usable_cores()) for one in (path, made)]
    lost: list[float] = []
    times: tuple[list[float], list[float]] = [], []
    for crop in crops:
        shown = []
        for model, took in zip(models, times, strict=True):
            began = time.perf_counter()
            shown.append(model(crop[None])[0].astype(np.float32))
            took.append(time.perf_counter() - began)
        lost.append(float(np.square(shown[0] - shown[1]).mean()))
    psnr = min(10 * float(np.log10(255**2 / max(float(np.mean(lost)), 1e-6))), 100.0)
    return psnr, float(np.median(times[0]) / np.median(times[1]))


def _halved(path: Path) -> OnnxModel:
    """The graph in 16-bit floats, with the conversions from and to bytes as they are."""
    tool = _tool("onnxruntime.transformers.float16")
    with _hushed():
        try:
            return tool.convert_float_to_float16(
                wrap.load(path), keep_io_types=True, disable_shape_infer=False,
                op_block_list=[*tool.DEFAULT_OP_BLOCK_LIST, "QuantizeLinear", "DequantizeLinear", "Resize"],
            )  # fmt: skip
        except Exception as error:  # of whatever the tool meets
            raise ModelError(f"it cannot be converted: {first_line(error)}") from error


def _coded(path: Path, folder: Path, crops: list[Image], *, spared: bool) -> OnnxModel:
    """The graph with its convolutions in 8 bits, of steps that `crops` show."""
    tool = _tool("onnxruntime.quantization")
    source, target = folder / "plain.onnx", folder / "coded.onnx"
    model = wrap.load(path)
    convolutions = [node for node in model.graph.node if node.op_type == "Conv"]
    for index, node in enumerate(convolutions):
        node.name = f"gancam_conv_{index}"
    wrap.onnx().save(model, str(source))
    if not convolutions:
        raise ModelError("nothing in it can be quantised: it has no convolutions")
    kept = {convolutions[0].name, convolutions[-1].name} if spared else set()
    if len(convolutions) <= len(kept):
        raise ModelError("nothing in it can be quantised")
    waiting = iter(crops)

    class Reader(tool.CalibrationDataReader):  # type: ignore[misc, name-defined]
        def get_next(self) -> dict[str, Tensor] | None:
            crop = next(waiting, None)
            return None if crop is None else {"image": crop[None]}

    with _hushed():
        try:
            tool.quantize_static(
                str(source), str(target), Reader(), quant_format=tool.QuantFormat.QDQ, per_channel=True,
                reduce_range=True, activation_type=tool.QuantType.QUInt8, weight_type=tool.QuantType.QInt8,
                op_types_to_quantize=_MULTIPLYING, nodes_to_exclude=sorted(kept),
            )  # fmt: skip
        except Exception as error:  # of whatever the tool meets
            raise ModelError(f"it cannot be quantised: {first_line(error)}") from error
    coded = wrap.load(target)
    weights = {node.output[0] for node in coded.graph.node if node.op_type == "DequantizeLinear"}
    if not any(node.op_type == "Conv" and node.input[1] in weights for node in coded.graph.node):
        raise ModelError("nothing in it can be quantised")
    return coded


def _tool(name: str) -> Any:
    wrap.onnx()
    runtime()  # first, and as it is imported there
    try:
        return import_module(name)
    except ImportError as error:
        raise MissingExtra(f"{name} cannot be imported ({first_line(error)}): pip install -U onnxruntime") from error


@contextmanager
def _hushed() -> Iterator[None]:
    """Keep the tools' own chatter out of the log meanwhile."""
    before = logging.root.manager.disable
    logging.disable(logging.WARNING)
    try:
        yield
    finally:
        logging.disable(before)
