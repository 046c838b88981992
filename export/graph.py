"""A small writer of ONNX graphs.

Enough to say a deployed network operator by operator, where an automatic exporter would leave quantisation, layout and
colour to chance.

Float graphs by ``torch.onnx.export(dynamo=True)`` of one wrapper (uint8 BGR in and out) were tried for every family:
torch 2.13, onnxscript 0.7, free batch, height and width, two threads (generators: one), runs of both in turn.

| family | time against the graph here | what else |
| --- | --- | --- |
| super-resolution | 0.99 to 1.00 | equal (99 dB), once the convolutions are collapsed |
| styles, sketches | 0.99 to 1.00 | the pattern's ceiling division is exported wrong; equal (72 dB) when rewritten |
| style-based generators | 1.02 to 1.04 | equal (94 dB); the batch is frozen until the network is rewritten |
| inpainting | 1.04 to 1.10 | wrong: onnxscript takes 1e-10 for 0 and drops the sum, so 0 / 0 (19 dB) |
| colours | 1.15 | the classifier's padding is worked out and done apart, and its three grey channels stay |

So two of five families would have no graph here in fp32, but still one in int8, and each graph takes 2 to 14 s of
processor time instead of some milliseconds (tests write dozens), and two more packages.
"""

from collections.abc import Mapping, Sequence
from typing import Any, TypeAlias

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import helper, numpy_helper

from export.rounding import Moments, rounded

LARGEST = 2**30  # of a bias, in steps: 32 bits hold the products that are added to it, too
OPSET = 18  # read by ONNX Runtime 1.14 and newer
Value: TypeAlias = tuple[Any, Sequence[str | int]]  # a numpy type and a shape, whose names are free sizes


class Graph:
    """Operators in order; every method returns the name of its result."""

    def __init__(self) -> None:
        self._nodes: list[onnx.NodeProto] = []
        self._constants: dict[str, onnx.TensorProto] = {}

    def constant(self, value: Any, dtype: Any = None, name: str = "") -> str:
        """Add a constant, of `dtype` where one is given."""
        array = np.asarray(value, dtype=dtype)
        name = name or f"constant_{len(self._constants)}"
        self._constants[name] = numpy_helper.from_array(np.ascontiguousarray(array).reshape(array.shape), name)
        return name

    def add(self, operator: str, *inputs: str, name: str = "", **attributes: Any) -> str:
        """Add a node and return the name of its output."""
        output = name or f"{operator.lower()}_{len(self._nodes)}"
        self._nodes.append(helper.make_node(operator, list(inputs), [output], name=output, **attributes))
        return output

    def cast(self, x: str, kind: Any, name: str = "") -> str:
        """`x` as values of `kind`, a type of NumPy."""
        return self.add("Cast", x, name=name, to=helper.np_dtype_to_tensor_dtype(np.dtype(kind)))

    def fence(self, x: str) -> str:
        """`x` in float32, again: where 16 bits begin or end in what `gancam.inference.half` makes of the graph."""
        return self.cast(x, np.float32)

    def split(self, x: str, parts: int, *, axis: int) -> list[str]:
        """`x` in equal parts along `axis`."""
        outputs = [f"split_{len(self._nodes)}_{part}" for part in range(parts)]
        self._nodes.append(helper.make_node("Split", [x], outputs, name=outputs[0], axis=axis, num_outputs=parts))
        return outputs

    def quantise(self, x: str, scale: float, zero: int, name: str = "") -> str:
        """Float -> uint8: ``round(x / scale) + zero``, saturated (QuantizeLinear)."""
        return self.add("QuantizeLinear", x, self.constant(scale, np.float32), self.constant(zero, np.uint8), name=name)

    def dequantise(self, x: str, scale: float, zero: int) -> str:
        """Uint8 -> float: ``(x - zero) * scale`` (DequantizeLinear)."""
        return self.add("DequantizeLinear", x, self.constant(scale, np.float32), self.constant(zero, np.uint8))

    def requantise(self, x: str, scale: float, zero: int) -> str:
        """The pair between two operators that makes the runtime join them into one 8-bit operator."""
        return self.dequantise(self.quantise(x, scale, zero), scale, zero)

    def weights(
        self,
        kernel: NDArray[np.float32],
        bias: NDArray[np.float32] | None,
        input_scale: float,
        seen: Moments | None = None,
    ) -> list[str]:
        """Kernel ``(o, i, kh, kw)`` as int8 with one symmetric scale per output channel, bias as int32.

        No CPU adds the products up wrongly; with the moments of what is `seen`, they are rounded together
        (`export.rounding`).
        """
        given = np.zeros(len(kernel), np.float32) if bias is None else bias
        made = rounded(kernel, given, seen, noise=input_scale**2 / 12)
        if bias is not None:  # where nothing is seen, steps are so small that a bias would be beyond 32 bits
            made = made.coarser(np.abs(made.bias) / (LARGEST * input_scale))
            steps = made.steps * input_scale
            codes = np.round(made.bias / steps).astype(np.int32)
        zeros = np.zeros(len(kernel))
        named = [self._stored(made.weights, made.steps, zeros, np.int8)]
        return named if bias is None else [*named, self._stored(codes, steps, zeros, np.int32)]

    def _stored(self, value: NDArray[Any], scales: NDArray[Any], zeros: NDArray[Any], kind: Any) -> str:
        return self.add(
            "DequantizeLinear",
            self.constant(value), self.constant(scales, np.float32), self.constant(zeros, kind), axis=0,
        )  # fmt: skip

    def model(self, inputs: Mapping[str, Value], outputs: Mapping[str, Value]) -> onnx.ModelProto:
        """The checked model with these inputs and outputs, of the given types and (symbolic) shapes."""
        takes, gives = (
            [helper.make_tensor_value_info(name, helper.np_dtype_to_tensor_dtype(np.dtype(kind)), shape)
             for name, (kind, shape) in values.items()]
            for values in (inputs, outputs)
        )  # fmt: skip
        graph = helper.make_graph(self._nodes, "gancam", takes, gives, list(self._constants.values()))
        model = helper.make_model(
            graph, opset_imports=[helper.make_opsetid("", OPSET)], producer_name="gancam", ir_version=9
        )
        onnx.checker.check_model(model)
        return model
