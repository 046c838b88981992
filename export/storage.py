"""How a model file holds its weights: in 16 bits, widened when the file is loaded, in half the bytes.

ONNX Runtime does once, when it opens a file, what depends on constants alone: neither time nor memory of a call change.
Exporters write their graphs in the precision that these run in, and `gancam export` stores all of them in this way
before it compares them with PyTorch.

Fewer bits were tried on the bundled models, as codes with one step per channel, against each model as it is: with 10
bits only `mnist` and `sr-x2` keep 60 dB, with 11 also all of super-resolution, styles and colours, with 12
`morph-fruits`, with 13 the other generators; `inpaint` has 52 dB even then, and 70 with 16-bit floats.
"""

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import helper, numpy_helper

LEAST = 256  # values from which on a constant is stored in 16 bits: fewer are not worth an operator
TOLERANCE = 2.0**-12  # mean error of what is stored in 16 bits, as a share of the mean size of its values


def halved(model: onnx.ModelProto) -> onnx.ModelProto:
    """A copy of `model` whose float32 constants are float16 followed by a Cast.

    What stays as it is: vectors (biases), less than `LEAST` values, and constants that would lose more than
    `TOLERANCE` because they are too large or most of them too small for 16 bits.
    """
    made = onnx.ModelProto()
    made.CopyFrom(model)
    casts: list[onnx.NodeProto] = []
    for tensor in made.graph.initializer:
        half = _half(numpy_helper.to_array(tensor)) if tensor.data_type == onnx.TensorProto.FLOAT else None
        if half is not None:
            name = tensor.name
            tensor.CopyFrom(numpy_helper.from_array(half, f"{name}_half"))
            casts.append(helper.make_node("Cast", [tensor.name], [name], name=name, to=onnx.TensorProto.FLOAT))
    nodes = [*casts, *made.graph.node]
    del made.graph.node[:]
    made.graph.node.extend(nodes)
    onnx.checker.check_model(made)
    return made


def _half(value: NDArray[np.float32]) -> NDArray[np.float16] | None:
    """`value` in 16 bits, None where it stays as it is."""
    if value.ndim < 2 or value.size < LEAST:
        return None
    with np.errstate(over="ignore"):  # what is too large becomes infinite, and so does the error
        half = value.astype(np.float16)
    error = np.abs(half.astype(np.float64) - value).sum()
    return half if error <= TOLERANCE * np.abs(value).sum(dtype=np.float64) else None
