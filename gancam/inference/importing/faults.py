"""Graphs that are right, and that ONNX Runtime runs wrongly as they are."""

from typing import Any

import numpy as np

from gancam.inference.importing.convention import OnnxModel
from gancam.inference.importing.wrap import onnx

_DRAWS = {"RandomNormal", "RandomNormalLike", "RandomUniform", "RandomUniformLike", "Multinomial", "Bernoulli"}


def drawn(model: OnnxModel) -> list[str]:
    """Name the operators of `model` that draw random numbers, those within others included."""
    graphs = [model.graph, *model.functions]
    found = set()
    while graphs:
        for node in graphs.pop().node:
            found |= {node.op_type} & _DRAWS
            for one in node.attribute:
                graphs += [*([one.g] if one.HasField("g") else []), *one.graphs]
    return sorted(found)


def mended(model: OnnxModel) -> bool:
    """Write what ONNX Runtime does wrongly in another way, in place; whether anything was to be done.

    Of an inverse transform that gives real numbers (torch.fft.irfft, as PyTorch's newer exporter writes it) it takes
    the result to be as wide as the half spectrum, and lays it into too little memory. Where it does not know along
    which axis that is, it does not think so: the axis is added to a zero that depends on what is transformed.
    """
    helper, kinds = onnx().helper, onnx().TensorProto
    nodes: list[Any] = []
    found = 0
    for node in model.graph.node:
        flags = {one.name: one.i for one in node.attribute}
        if node.op_type == "DFT" and flags.get("inverse") and flags.get("onesided") and len(node.input) > 2:
            names = [f"mended/{found}/{part}" for part in ("flat", "one", "bool", "not", "false", "zero", "axis")]
            flat, one, some, other, false, zero, axis = names
            for name, value in ((f"{flat}/shape", [-1]), (f"{one}/index", 0)):
                model.graph.initializer.append(onnx().numpy_helper.from_array(np.array(value, np.int64), name))
            nodes += [
                helper.make_node("Reshape", [node.input[0], f"{flat}/shape"], [flat]),
                helper.make_node("Gather", [flat, f"{one}/index"], [one], axis=0),
                helper.make_node("Cast", [one], [some], to=kinds.BOOL),
                helper.make_node("Not", [some], [other]),
                helper.make_node("And", [some, other], [false]),
                helper.make_node("Cast", [false], [zero], to=kinds.INT64),
                helper.make_node("Add", [zero, node.input[2]], [axis]),
            ]
            node.input[2] = axis
            found += 1
        nodes.append(type(node).FromString(node.SerializeToString()))
    if found:
        del model.graph.node[:], model.graph.value_info[:]
        model.graph.node.extend(nodes)
    return found > 0
