"""Does any CPU add up an int8 file wrongly? Said by arithmetic, so that the machine it is exported on does not matter.

See `export.rounding` for what can go wrong and the bound. On Arm nothing can: its kernels turn activations into signed
numbers and add four or eight products in 32 bits (``sdot``, ``smmla``), or, on the oldest, two in 16 (``smull``,
``smlal``), which weights of -127 to 127 cannot overfill: 2 * 128 * 127 = 32512. Zero points are taken account of in
the sums of columns, in 32 bits.
"""

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import numpy_helper

from export.check import VariantRefused
from export.rounding import MOST, PAIR, worst

MULTIPLYING = ("Conv", "ConvTranspose", "MatMul", "Gemm")  # what a runtime makes an 8-bit operator of
INTEGER = ("QLinearConv", "QLinearMatMul", "ConvInteger", "MatMulInteger", "QGemm")  # what is one already


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
