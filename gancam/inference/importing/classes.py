"""Graphs of two classes, background and person say: their two planes become one, how much of a pixel is in front."""

import numpy as np

from gancam.inference.importing.convention import Answers, OnnxModel, Tensor
from gancam.inference.importing.foreign import Foreign, Port
from gancam.inference.importing.matte import names_mask
from gancam.inference.importing.trial import TrialFailed
from gancam.inference.importing.wrap import onnx

OF_TWO = "that the second of its two planes is what is in front"
_SIDES = (64, 256)  # pixels of sides that are free, of which one is taken by most graphs
_ROUNDED = 0.01  # by which the chances of two classes may miss 1 together


def merged(model: OnnxModel, graph: Foreign, answers: Answers) -> bool:
    """Make one plane, named as before, of the first output of two that are classes, in place; whether there is one.

    Chances, which are 1 together, tell themselves. Logarithms of odds are believed to be such where names of the file
    and of the outputs, or the user, say that what is in front is found: two planes may be colours or motion as well.
    """
    pictures = [one for one in graph.inputs if one.is_picture and 3 in (one.shape[-3], one.shape[-1])]
    ports = [one for one in graph.outputs if _axis(one) is not None]
    if len(pictures) != 1 or not ports or len(ports) < len(graph.outputs):
        return False
    if answers.get("effect", "background") != "background":
        return False
    told = "effect" in answers or names_mask(graph)
    found = [
        (port, kind) for port in ports if (kind := _kind(graph, port, pictures[0])) == "chances" or (kind and told)
    ]
    if not found:
        return False
    port, kind = min(found, key=lambda one: one[1] != "chances")
    _one_plane(model, port, kind)
    return True


def _axis(port: Port) -> int | None:
    """Which axis of an output holds two classes."""
    if len(port.shape) != 4 or not port.dtype.startswith("float"):
        return None
    return 1 if port.shape[1] == 2 else 3 if port.shape[3] == 2 else None


def _kind(graph: Foreign, port: Port, picture: Port) -> str:
    """What an output holds, "chances" or "odds"; "" where it does not run."""
    for free in _SIDES:
        shape = [side or (1 if axis == 0 else free) for axis, side in enumerate(picture.shape)]
        values = np.random.default_rng(0).random(shape) * (255 if picture.dtype == "uint8" else 1)
        given = {one.name: _constant(one) for one in graph.inputs if one is not picture}
        try:
            made = graph.run({picture.name: values.astype(picture.dtype), **given}, port.name)
        except TrialFailed:
            continue
        total = made.astype(np.float64).sum(axis=_axis(port))
        inside = bool(made.min() >= -_ROUNDED and made.max() <= 1 + _ROUNDED)
        return "chances" if inside and np.abs(total - 1).max() <= _ROUNDED else "odds"
    return ""


def _constant(port: Port) -> Tensor:
    return np.zeros([side or 1 for side in port.shape], port.dtype or "float32")


def _one_plane(model: OnnxModel, port: Port, kind: str) -> None:
    helper, axis = onnx().helper, _axis(port)
    inner = f"{port.name}/classes"
    for node in model.graph.node:
        for names in (node.input, node.output):
            names[:] = [inner if name == port.name else name for name in names]

    def plane(number: int, name: str) -> str:
        index = onnx().numpy_helper.from_array(np.array([number], np.int64), f"{port.name}/index{number}")
        model.graph.initializer.append(index)
        model.graph.node.append(helper.make_node("Gather", [inner, index.name], [name], axis=axis))
        return name

    if kind == "chances":
        plane(1, port.name)
    else:
        others = [plane(number, f"{inner}{number}") for number in (1, 0)]
        model.graph.node.append(helper.make_node("Sub", others, [f"{inner}/odds"]))
        model.graph.node.append(helper.make_node("Sigmoid", [f"{inner}/odds"], [port.name]))
    kept = next(one for one in model.graph.output if one.name == port.name)
    kept.type.tensor_type.shape.dim[axis].dim_value = 1
    del model.graph.output[:]
    model.graph.output.append(kept)
