"""Somebody else's graph, written anew where it must be before it is tried: inputs, outputs, and what is run wrongly.

Bytes stand for whole numbers of other types, float32 for bfloat16, an axis of one frame is taken away, and what takes
several pictures or frames at once gets the same one several times, or is made to take one. What is between stays as it
is, but for what ONNX Runtime runs wrongly although it is right.
"""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np

from gancam.errors import ModelError
from gancam.inference.importing.convention import OnnxModel, Tensor
from gancam.inference.importing.foreign import Foreign, Port
from gancam.inference.importing.states import FRAME, WINDOW
from gancam.inference.importing.trial import TrialFailed
from gancam.inference.importing.wrap import copied, onnx

_INNER = "/as-exported"  # what names of tensors end with whose usual form has the name
_CHANNELS = (1, 3, 4)
MOST_FRAMES = 15  # of a video at once
STACKED = (6, 9, 12, 15, 18, 21, 27, 33)  # channels of two and more frames of three each
_TIMES = 1, 2  # where an axis of frames may be: (n, t, c, h, w) and (n, c, t, h, w)
_DRAWS = {"RandomNormal", "RandomNormalLike", "RandomUniform", "RandomUniformLike", "Multinomial", "Bernoulli"}
_SIDE = 64  # pixels of what is free
_OFF = 1e-3  # of the largest value: what may differ between one picture alone and among others


def usual(model: OnnxModel, frames: int = 1) -> tuple[bool, int]:
    """Give `model` inputs and outputs of the usual types and axes, in place.

    Args:
        model: The graph.
        frames: How many it is to be given at once, where it takes any number of them.

    Returns:
        Whether anything was to be done, and how many frames of a video it takes at once.
    """
    made = _Usual(model, frames)
    return made.all(), made.frames


class _Usual:
    def __init__(self, model: OnnxModel, frames: int) -> None:
        self._wanted = frames
        self.frames = 1  # of a video that it takes at once
        package = onnx()
        self.helper, self.kinds = package.helper, package.TensorProto
        self.model, self.graph = model, model.graph
        self.before: list[Any] = []
        self.after: list[Any] = []
        self.count = 1  # pictures that it takes at once
        self._whole = {self.kinds.INT8, self.kinds.UINT16, self.kinds.INT16, self.kinds.INT32, self.kinds.INT64}

    def all(self) -> bool:
        for port in self.graph.input:
            self._entering(port)
        for port in self.graph.output:
            self._leaving(port)
        nodes = [*self.before, *self.graph.node, *self.after]
        changed = len(nodes) > len(self.graph.node)
        del self.graph.node[:]
        self.graph.node.extend(nodes)
        return changed

    def _entering(self, port: Any) -> None:
        sides = _sides(port)
        axis, frames = self._window(sides)
        kind = port.type.tensor_type.elem_type
        whole = kind in self._whole and _is_picture(_without(sides, axis))
        count = sides[0] if len(sides) == 4 and sides[0] > 1 and _is_picture(sides) else 1
        if not whole and kind != self.kinds.BFLOAT16 and axis is None and count == frames == 1:
            return
        x = port.name
        inner = self._renamed(port.name)
        if axis is not None:
            del port.type.tensor_type.shape.dim[axis]
            x = self._add(self.before, "Unsqueeze", x, self._constant(self.before, [axis], self.kinds.INT64))
        if frames > 1:
            if axis is not None:
                self.before[-1].output[0] = x = FRAME
            if axis is None:
                port.type.tensor_type.shape.dim[1].dim_value = sides[1] // frames
            where = 1 if axis is None else axis
            self.before.append(self.helper.make_node("Concat", [x] * frames, [WINDOW], axis=where))
            x, self.frames = WINDOW, frames
        if count > 1:  # pictures that it takes at once: the same one, so many times
            port.type.tensor_type.shape.dim[0].dim_value = 1
            x = self._add(self.before, "Concat", *[x] * count, axis=0)
            self.count = count
        if whole:
            port.type.tensor_type.elem_type = self.kinds.UINT8
            x = self._bytes_to(x, kind)
        elif kind == self.kinds.BFLOAT16:
            port.type.tensor_type.elem_type = self.kinds.FLOAT
            x = self._add(self.before, "Cast", x, to=kind)
        self.before.append(self.helper.make_node("Identity", [x], [inner]))

    def _leaving(self, port: Any) -> None:
        sides = _sides(port)
        axis = _frames(sides, self.frames)
        kind = port.type.tensor_type.elem_type
        whole = kind in self._whole and _is_picture(_without(sides, axis))
        each = self.frames > 1 and len(sides) == 4 and sides[1] == 3 * self.frames
        flat = len(sides) == 3 and sides[0] in (0, 1) and kind in (self.kinds.FLOAT, self.kinds.FLOAT16)
        flat = flat and 3 not in sides and any(len(_sides(one)) == 4 for one in self.graph.input)
        many = len(sides) == 4 and sides[0] == self.count > 1
        if not whole and kind != self.kinds.BFLOAT16 and axis is None and not (flat or many or each):
            return
        y = self._renamed(port.name)
        if axis is not None:
            del port.type.tensor_type.shape.dim[axis]
            last = self._constant(self.after, -1, self.kinds.INT64)
            y = self._add(self.after, "Gather", y, last, axis=axis)
        elif each:
            port.type.tensor_type.shape.dim[1].dim_value = 3
            ends = [self._constant(self.after, [end], self.kinds.INT64) for end in (-3, sides[1], 1)]
            y = self._add(self.after, "Slice", y, *ends)
        elif many:
            port.type.tensor_type.shape.dim[0].dim_value = 1
            ends = [self._constant(self.after, [end], self.kinds.INT64) for end in (0, 1, 0)]
            y = self._add(self.after, "Slice", y, *ends)
        elif flat:  # planes without an axis of channels, as networks of masks and depth give them
            one = port.type.tensor_type.shape.dim.add()
            dims = list(port.type.tensor_type.shape.dim)
            one.CopyFrom(dims[2])
            dims[2].CopyFrom(dims[1])
            dims[1].Clear()
            dims[1].dim_value = 1
            y = self._add(self.after, "Unsqueeze", y, self._constant(self.after, [1], self.kinds.INT64))
        if whole:
            port.type.tensor_type.elem_type = self.kinds.UINT8
            y = self._to_bytes(y, kind)
        elif kind == self.kinds.BFLOAT16:
            port.type.tensor_type.elem_type = self.kinds.FLOAT
            y = self._add(self.after, "Cast", y, to=self.kinds.FLOAT)
        self.after.append(self.helper.make_node("Identity", [y], [port.name]))

    def _window(self, sides: list[int]) -> tuple[int | None, int]:
        """Which axis of an input is that of frames, and how many it takes at once; None where channels hold them."""
        if self.frames > 1:  # of another input
            return _frames(sides), 1
        axis = _frames(sides, MOST_FRAMES)
        if axis is not None:
            return axis, sides[axis] or self._wanted
        stacked = len(sides) == 4 and sides[1] in STACKED and sides[3] not in _CHANNELS
        if stacked and any(_is_picture(_sides(one)[-3:]) for one in self.graph.output if len(_sides(one)) == 4):
            return None, sides[1] // 3
        return None, 1

    def _bytes_to(self, x: str, kind: int) -> str:
        """Bytes as the same picture in whole numbers of that type."""
        x = self._add(self.before, "Cast", x, to=self.kinds.INT32)
        if kind == self.kinds.INT8:  # as TensorFlow Lite quantises pictures
            x = self._add(self.before, "Sub", x, self._constant(self.before, 128, self.kinds.INT32))
        elif kind == self.kinds.UINT16:
            x = self._add(self.before, "Mul", x, self._constant(self.before, 257, self.kinds.INT32))
        return self._add(self.before, "Cast", x, to=kind)

    def _to_bytes(self, y: str, kind: int) -> str:
        y = self._add(self.after, "Cast", y, to=self.kinds.FLOAT)
        if kind == self.kinds.INT8:
            y = self._add(self.after, "Add", y, self._constant(self.after, 128.0, self.kinds.FLOAT))
        elif kind == self.kinds.UINT16:
            y = self._add(self.after, "Div", y, self._constant(self.after, 257.0, self.kinds.FLOAT))
        ends = [self._constant(self.after, end, self.kinds.FLOAT) for end in (0.0, 255.0)]
        y = self._add(self.after, "Round", self._add(self.after, "Clip", y, *ends))
        return self._add(self.after, "Cast", y, to=self.kinds.UINT8)

    def _add(self, nodes: list[Any], operator: str, *inputs: str, **attributes: object) -> str:
        name = f"usual/{operator.lower()}_{len(self.before) + len(self.after)}"
        nodes.append(self.helper.make_node(operator, list(inputs), [name], **attributes))
        return name

    def _constant(self, nodes: list[Any], value: Any, kind: int) -> str:
        name = f"usual/constant_{len(self.before) + len(self.after)}"
        values = value if isinstance(value, list) else [value]
        tensor = self.helper.make_tensor(name, kind, [len(values)] if isinstance(value, list) else [], values)
        nodes.append(self.helper.make_node("Constant", [], [name], value=tensor))
        return name

    def _renamed(self, name: str) -> str:
        """Another name for the tensor `name` within the graph."""
        _rename(self.graph.node, name, name + _INNER)
        return name + _INNER


def _rename(nodes: Iterable[Any], old: str, new: str) -> None:
    for node in nodes:
        for names in (node.input, node.output):
            for index, name in enumerate(names):
                if name == old:
                    names[index] = new
        for attribute in node.attribute:
            for graph in [attribute.g, *attribute.graphs] if attribute.type in (5, 10) else ():
                _rename(graph.node, old, new)
                for port in graph.output:  # that gives on what is outside
                    if port.name == old:
                        port.name = new


def _sides(port: Any) -> list[int]:
    """Its sides, 0 for those that are free."""
    return [max(side.dim_value, 0) for side in port.type.tensor_type.shape.dim]


def _frames(sides: list[int], most: int = 1) -> int | None:
    """Which axis of five is that of frames, of which there are `most` at most."""
    if len(sides) != 5:
        return None
    for axis in _TIMES:
        if sides[3 - axis] in _CHANNELS and sides[axis] <= most:
            return axis
    return None


def _without(sides: list[int], axis: int | None) -> list[int]:
    return sides if axis is None else sides[:axis] + sides[axis + 1 :]


def _is_picture(sides: list[int]) -> bool:
    """Whether whole numbers of that shape may be a picture: planes of it, and not classes alone."""
    return len(sides) in (3, 4) and any(side in (3, 4) for side in (sides[-3], sides[-1]))


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


def trained(model: OnnxModel) -> bool:
    """Whether `model` normalises by the picture that it is shown, as networks do while they learn."""
    return any(
        node.op_type == "BatchNormalization" and any(one.name == "training_mode" and one.i for one in node.attribute)
        for node in model.graph.node
    )


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


def count_at_once(graph: Foreign) -> int:
    """How many pictures `graph` takes at once, by its shapes; 1 where that is free."""
    counts = [one.shape[0] for one in graph.inputs
              if one.is_picture and len(one.shape) == 4 and {3, 4} & {one.shape[1], one.shape[3]}]  # fmt: skip
    return max(counts, default=1) or 1


def alone(model: OnnxModel, graph: Foreign, folder: Path) -> tuple[OnnxModel, Foreign] | None:
    """Copy `model`, which takes several pictures at once, so that it takes one; None where it then gives others.

    Most graphs say a number that nothing in them needs. The copy is written to `folder` and opened.
    """
    count = count_at_once(graph)
    copy = copied(model)
    del copy.graph.value_info[:]
    for one in [*copy.graph.input, *copy.graph.output]:
        sides = one.type.tensor_type.shape.dim
        if sides and sides[0].dim_value == count:
            sides[0].dim_value = 1
    path = folder / "alone.onnx"
    onnx().save(copy, str(path))
    try:
        other = Foreign(path, graph.process, graph.name)
        given = {one.name: _some(one) for one in graph.inputs}
        first = {name: value[:1] if value.shape[:1] == (count,) else value for name, value in given.items()}
        for port in graph.outputs:
            if not _same(graph.run(given, port.name), other.run(first, port.name), count):
                return None
    except (TrialFailed, ModelError):
        return None
    return copy, other


def _some(port: Port) -> Tensor:
    """Noise for an input, the same for each picture."""
    shape = tuple(side or _SIDE for side in port.shape)
    noise = np.random.default_rng(0).random(shape[1:] if shape else ())
    values = np.broadcast_to(noise * (255 if port.dtype == "uint8" else 1), shape)
    return np.ascontiguousarray(values, np.dtype(port.dtype or "float32"))


def _same(several: Tensor, one: Tensor, count: int) -> bool:
    wanted = several[:1] if several.shape[:1] == (count,) else several
    if wanted.shape != one.shape:
        return False
    most = max(float(np.abs(wanted.astype(np.float64)).max(initial=0)), 1e-9)
    return bool(np.abs(wanted.astype(np.float64) - one).max(initial=0) <= _OFF * most)
