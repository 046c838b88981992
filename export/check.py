"""Is the file the network? Every variant runs through the real `gancam.Model` before it may be kept.

And does any CPU add up an int8 file wrongly? That is said by arithmetic, so that the machine it is exported on does not
matter. See `export.rounding` for what can go wrong and the bound. On Arm nothing can: its kernels turn activations into
signed numbers and add four or eight products in 32 bits (``sdot``, ``smmla``), or, on the oldest, two in 16 (``smull``,
``smlal``), which weights of -127 to 127 cannot overfill: 2 * 128 * 127 = 32512. Zero points are taken account of in
the sums of columns, in 32 bits.
"""

import math
from collections.abc import Iterable

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import numpy_helper

from export.rounding import MOST, PAIR, worst
from gancam.inference.model import Model
from train.data import Pixels

# What a variant may lose and still be written. PSNR (dB) of its output against the network in PyTorch, both uint8: fp32
# may differ where a value falls on the edge between two grey levels, fp16 a little more often, int8 everywhere a bit.
TOLERANCE = {"fp32": 60.0, "fp16": 50.0, "int8": 45.0}
LEVELS = (0, *range(16, 256, 32), 250, 255)  # of the flat greys that a restored picture should leave as they were
BRIGHTER = 0.5  # grey levels, on average over some pixels, that are not seen
QUALITY_LOSS = 0.15  # dB of Y-PSNR that a variant may lose against PyTorch on the images it is judged on
MULTIPLYING = ("Conv", "ConvTranspose", "MatMul", "Gemm")  # what a runtime makes an 8-bit operator of
INTEGER = ("QLinearConv", "QLinearMatMul", "ConvInteger", "MatMulInteger", "QGemm")  # what is one already


class VariantRefused(ValueError):
    """A variant loses more than its tolerance."""


def parity(precision: str, pairs: Iterable[tuple[Pixels, Pixels]]) -> dict[str, float]:
    """``psnr`` (dB) and ``max_difference`` (grey levels) between the pictures of each pair, over all of them.

    Raises ``VariantRefused`` when it is under the tolerance of `precision`.
    """
    squares, largest, count = 0.0, 0, 0
    for mine, true in pairs:
        difference = mine.astype(np.int32) - true
        squares += float((difference**2).sum())
        largest = max(largest, int(np.abs(difference).max()))
        count += difference.size
    figure = min(99.0, 10 * math.log10(255.0**2 * count / squares)) if squares else 99.0
    if not figure >= TOLERANCE[precision]:
        raise VariantRefused(
            f"{precision}: {figure:.1f} dB against PyTorch, under the {TOLERANCE[precision]:.0f} dB it must keep"
        )
    return {"psnr": round(figure, 2), "max_difference": float(largest)}


def refuse_loss(precision: str, figures: dict[str, float], reference: dict[str, float]) -> None:
    """Raise ``VariantRefused`` for a variant with a PSNR that is more than `QUALITY_LOSS` under PyTorch's."""
    for name, figure in figures.items():
        exact = math.isinf(reference[name])  # on pictures of one colour, where the last bit would decide
        if name.startswith("psnr") and not exact and reference[name] - figure > QUALITY_LOSS:
            raise VariantRefused(f"{precision}: {name} {figure:.2f} dB, PyTorch {reference[name]:.2f}: loses too much")


def brightens(model: Model) -> dict[str, float]:
    """By how many grey levels flat greys come out brighter, by their level; nothing where that is under `BRIGHTER`."""
    card = model.card
    side = card.multiple * -(-max(48, 3 * card.receptive_field, card.minimum) // card.multiple)
    found = {}
    for level in LEVELS:
        made = model(np.full((1, side, side, 3), level, np.uint8))[0][0]
        third = made.shape[0] // 3
        found[str(level)] = round(float(made[third:-third, third:-third].mean()) - level, 2)
    return found if max(abs(value) for value in found.values()) >= BRIGHTER else {}


def refuse(model: onnx.ModelProto) -> None:
    """Refuse a graph whose 8-bit sums could saturate on some CPU.

    Raises ``VariantRefused`` that names the first such operator; one of which it cannot be told counts as one.
    """
    constants = {one.name: one for one in model.graph.initializer}
    coded = {node.output[0]: node.input[0] for node in model.graph.node if node.op_type == "DequantizeLinear"}
    for node in model.graph.node:
        if node.op_type in INTEGER and node.op_type != "QLinearConv":
            raise VariantRefused(f"{node.name}: no proof of {node.op_type}, only of convolutions")
        if node.op_type == "QLinearConv":
            weights = node.input[3]
        elif node.op_type in MULTIPLYING and node.input[1] in coded and node.input[0] in coded:
            weights = coded[node.input[1]]
        else:
            continue
        if node.op_type not in ("Conv", "QLinearConv"):
            raise VariantRefused(f"{node.name}: no proof of {node.op_type} in 8 bits, only of convolutions")
        if weights not in constants:
            raise VariantRefused(f"{node.name}: its weights are no constant, so nothing can be told of them")
        _refuse(node.name, numpy_helper.to_array(constants[weights]))


def _refuse(name: str, weights: NDArray[np.generic]) -> None:
    if weights.dtype != np.int8:
        raise VariantRefused(f"{name}: its weights are {weights.dtype}, not int8")
    codes = weights.view(np.int8)
    if codes.min(initial=0) < -MOST:
        raise VariantRefused(f"{name}: a weight of -128, which two of overfill 16 bits on Arm; -{MOST} is the least")
    if (sum_ := worst(codes)) > PAIR:
        raise VariantRefused(
            f"{name}: two weights of one output sum to {sum_}, more than {PAIR}: 255 times that is cut off where a CPU "
            "adds products in 16 bits"
        )
