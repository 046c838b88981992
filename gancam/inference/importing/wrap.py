"""Somebody else's graph made one of ours.

Conversions are added before and behind it, once, so that the file itself takes and gives uint8 BGR. What is between
stays as it is.
`onnx` is needed for that, and for nothing at run time.
"""

import os
import tempfile
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import ArrayLike, DTypeLike

from gancam.errors import MissingExtra, ModelError, first_line
from gancam.files import sync_file
from gancam.inference.importing.convention import LUMA, RANGES, Constant, Convention, OnnxModel, Tensor
from gancam.inference.importing.extras import constant, follows
from gancam.inference.importing.opsets import SINCE_MIDDLES, from_corners

TensorInfo: TypeAlias = tuple[str, DTypeLike, Sequence[object]]
"""Name, dtype and shape of an input or output; a name in the shape is a size that is free."""
OPSET = 17  # that older graphs are lifted to: read by ONNX Runtime 1.12 and newer
_LEAST = 13  # below it operators that are added here take other arguments
OUT = "_out"  # what the name of a state ends with where it comes out
_WITH_WEIGHTS = {"Conv", "ConvTranspose", "Gemm", "MatMul"}
INNER = "net/"  # what the names of the graph itself begin with afterwards


def onnx() -> ModuleType:
    """The package `onnx`, imported when first needed. Raises ``MissingExtra``."""
    try:
        import_module("onnx.compose")
        import_module("onnx.version_converter")
        return import_module("onnx")
    except ImportError as error:
        raise MissingExtra("a model without a card is adapted with onnx, which is missing: pip install onnx") from error


def load(path: Path) -> OnnxModel:
    """The model `path` (a ``ModelProto``) with what it names beside it, of operators that we can add to.

    Raises ``MissingExtra``, and ``ModelError`` for one that cannot be read or lifted.
    """
    package = onnx()
    try:
        model = package.load(str(path))
    except Exception as error:  # protobuf's and onnx's own
        raise ModelError(f"{path} is damaged or no ONNX model: {first_line(error)}") from error
    opset = next((one.version for one in model.opset_import if one.domain in ("", "ai.onnx")), 0)
    if opset < _LEAST:
        try:
            model = package.version_converter.convert_version(model, OPSET)
        except Exception as error:
            raise ModelError(
                f"{path} has operators of ONNX opset {opset}, which cannot be lifted to {OPSET}: {first_line(error)}; "
                "export it again with opset 13 or later"
            ) from error
        if opset < SINCE_MIDDLES:
            from_corners(package, model)
    model.ir_version = max(model.ir_version, 8)
    constants = {one.name for one in model.graph.initializer}
    inputs = [one for one in model.graph.input if one.name not in constants]  # as files of before 2019 list them
    del model.graph.input[:]
    model.graph.input.extend(inputs)
    return model


def copied(model: OnnxModel) -> OnnxModel:
    """Copy `model`, of which others would see the changes."""
    copy = type(model)()
    copy.CopyFrom(model)
    return copy


def freed(model: OnnxModel, convention: Convention) -> OnnxModel:
    """Copy `model` with free sides of its pictures, to be tried.

    Most graphs say a size that nothing in them needs.
    """
    copy = copied(model)
    del copy.graph.value_info[:]
    names = {convention.image, convention.mask} - {""}
    for one in [*copy.graph.input, *copy.graph.output]:
        if one.name not in names and one in list(copy.graph.input):
            continue
        rank = len(one.type.tensor_type.shape.dim)
        layout = convention.layout if one.name in names else convention.output_layout
        axes = (rank - 2, rank - 1) if layout == "nchw" or rank < 3 else (rank - 3, rank - 2)
        for name, axis in zip(("height", "width"), axes, strict=True):
            if 0 <= axis < rank:
                one.type.tensor_type.shape.dim[axis].Clear()
                one.type.tensor_type.shape.dim[axis].dim_param = f"{name}_{one.name}"
    return copy


def write(model: OnnxModel, metadata: Mapping[str, str], target: Path) -> None:
    """Write `model` with that metadata to `target`, beside it first and then renamed. Raises ``ModelError``."""
    package = onnx()
    del model.metadata_props[:]
    package.helper.set_model_props(model, dict(metadata))
    handle, beside = tempfile.mkstemp(dir=target.parent, prefix=".new-", suffix=".onnx")
    os.close(handle)
    try:
        package.save(model, beside)
        sync_file(Path(beside))
        Path(beside).replace(target)
    except (OSError, ValueError) as error:
        raise ModelError(f"{target} cannot be written: {error}") from error
    finally:
        with suppress(OSError):
            Path(beside).unlink()


def parameters(model: OnnxModel) -> int:
    """How many weights the graph has."""
    return int(
        sum(np.prod(one.dims, dtype=np.int64) for one in model.graph.initializer if one.data_type in (1, 10, 11))
    )


class Writer:
    """Adds operators around a graph. Every method returns the name of its result."""

    def __init__(self, model: OnnxModel) -> None:
        self.onnx = onnx()
        self.model = self.onnx.compose.add_prefix(model, INNER)
        self.before: list[Any] = []
        self.after: list[Any] = []
        self._nodes = self.before
        self.constants: list[Any] = []
        self._count = 0

    def behind(self) -> None:
        """From now on operators come behind the graph."""
        self._nodes = self.after

    def constant(self, value: ArrayLike, dtype: DTypeLike) -> str:
        """Add a constant."""
        self._count += 1
        name = f"gancam_constant_{self._count}"
        array: Tensor = np.ascontiguousarray(value, dtype).reshape(np.shape(value))
        self.constants.append(self.onnx.numpy_helper.from_array(array, name))
        return name

    def add(self, operator: str, *inputs: str, name: str = "", **attributes: object) -> str:
        """Add an operator; its result has that `name` where one is given."""
        self._count += 1
        output = name or f"gancam_{operator.lower()}_{self._count}"
        self._nodes.append(self.onnx.helper.make_node(operator, list(inputs), [output], **attributes))
        return output

    def cast(self, x: str, dtype: str) -> str:
        """Add a change of type."""
        return self.add("Cast", x, to=self.onnx.helper.np_dtype_to_tensor_dtype(np.dtype(dtype)))

    def numbers(self, *values: int) -> str:
        """Add a constant of whole numbers."""
        return self.constant(list(values), np.int64)

    def either(self, yes: str, no: str, name: str) -> None:
        """Add a choice by the input ``first``: `yes` where it is true, else `no`, of the same type and any shapes."""
        branches = []
        for said, x in (("yes", yes), ("no", no)):
            node = self.onnx.helper.make_node("Identity", [x], [f"{name}/{said}"])
            made = self.onnx.helper.make_empty_tensor_value_info(f"{name}/{said}")
            branches.append(self.onnx.helper.make_graph([node], said, [], [made]))
        yes_graph, no_graph = branches
        self._nodes.append(
            self.onnx.helper.make_node("If", ["first"], [name], then_branch=yes_graph, else_branch=no_graph)
        )

    def part(self, x: str, start: str, end: str, axes: str) -> str:
        """Add a slice along `axes`."""
        return self.add("Slice", x, start, end, axes)

    def finish(self, inputs: Sequence[TensorInfo], outputs: Sequence[TensorInfo]) -> OnnxModel:
        """The model with those inputs and outputs: (name, dtype, shape) each."""
        graph = self.model.graph
        nodes = [*self.before, *graph.node, *self.after]
        del graph.node[:]
        graph.node.extend(nodes)
        graph.initializer.extend(self.constants)
        for values, found in ((graph.input, inputs), (graph.output, outputs)):
            del values[:]
            for name, dtype, shape in found:
                kind = self.onnx.helper.np_dtype_to_tensor_dtype(np.dtype(dtype))
                values.append(self.onnx.helper.make_tensor_value_info(name, kind, shape))
        return self.model


def wrap_image(
    model: OnnxModel, convention: Convention, begins: Mapping[str, Callable[[Writer], str]] | None = None
) -> OnnxModel:
    """Turn `model` into our layout ``image`` or, with states, ``recurrent``; of any size unless it takes one alone.

    That is uint8 BGR ``(n, h, w, 3)`` in, ``(n, h * scale, w * scale, 3)`` out. `begins` adds, of each state that
    is not constant at first, what it is then.
    """
    writer = Writer(model)
    begins = begins or {}
    states = dict(convention.states) | {name: name + OUT for name in begins if name not in convention.states}
    x, sides, own = "image", "", ""
    if convention.squeezed:
        own = writer.part(writer.add("Shape", x), writer.numbers(1), writer.numbers(3), writer.numbers(0))
        x = resized(writer, x, writer.numbers(convention.height, convention.width))
    elif pads(convention):
        sides, more = sizes(writer, x, convention)
        x = writer.add("Pad", x, more, mode="edge")
    chroma = entering(writer, x, convention, INNER + convention.image)
    for name, value in convention.extras.items():
        if name not in states:
            extra(writer, name, value, convention)
    carried = [_carried(writer, name, f"state_{number}", convention, begins) for number, name in enumerate(states)]
    writer.behind()
    for number, source in enumerate(states.values()):
        writer.add("Identity", INNER + source, name=f"state_{number}{OUT}")
    y = leaving(writer, INNER + convention.output, convention, chroma)
    if own:
        y = resized(writer, y, own)
    if sides:
        end = writer.add("Mul", sides, writer.numbers(convention.scale))
        y = writer.part(y, writer.numbers(0, 0), end, writer.numbers(1, 2))
    made = "image_out" if states else "gancam_out"
    writer.add("Identity", y, name=made)
    count = 1 if states else batch(model, convention)
    fixed = convention.fixed and not convention.squeezed
    sides_in: list[Any] = [convention.height, convention.width] if fixed else ["h", "w"]
    sides_out: list[Any] = [convention.scale * side for side in sides_in] if fixed else ["sh", "sw"]
    first: list[TensorInfo] = [("first", np.bool_, [])] if states else []
    return writer.finish(
        [("image", np.uint8, [count, *sides_in, 3]), *first, *carried],
        [(made, np.uint8, [count, *sides_out, 3]), *((name + OUT, dtype, sides) for name, dtype, sides in carried)],
    )


def _carried(
    writer: Writer, name: str, state: str, convention: Convention, begins: Mapping[str, Callable[[Writer], str]]
) -> TensorInfo:
    """Lead the input `state`, or what it is at first, to the graph's own input `name`."""
    if name in begins:
        begin = begins[name](writer)
    elif name in convention.extras:
        begin = given(writer, name, convention.extras[name], convention)
    else:
        begin = INNER + convention.image
    writer.either(begin, state, INNER + name)
    kind = next(one.type.tensor_type for one in writer.model.graph.input if one.name == INNER + name)
    dtype = writer.onnx.helper.tensor_dtype_to_np_dtype(kind.elem_type)
    return state, dtype, [f"{state}/{axis}" for axis in range(len(kind.shape.dim))]


def batch(model: OnnxModel, convention: Convention) -> OnnxModel:
    """The size of the batch: what the graph says, 1 where it has no such axis."""
    port = next(one for one in model.graph.input if one.name == convention.image)
    size = port.type.tensor_type.shape.dim[0].dim_value if convention.batch else 1
    return size if size > 0 else "n"


def pads(convention: Convention) -> bool:
    """Whether pictures are enlarged before the graph takes them."""
    return not convention.fixed and (convention.multiple > 1 or convention.minimum > 1 or convention.cut > 0)


def sizes(writer: Writer, x: str, convention: Convention) -> tuple[str, str]:
    """Height and width of `x` ``(n, h, w, 3)``, and how much ``Pad`` adds so that the graph takes it."""
    sides = writer.part(writer.add("Shape", x), writer.numbers(1), writer.numbers(3), writer.numbers(0))
    multiple, cut = writer.numbers(convention.multiple), convention.cut
    whole = writer.add("Add", sides, writer.numbers(2 * cut + convention.multiple - 1))
    whole = writer.add("Mul", writer.add("Div", whole, multiple), multiple)
    least = convention.multiple * -(-convention.minimum // convention.multiple)
    whole = writer.add("Max", whole, writer.numbers(least))
    more = writer.add("Sub", writer.add("Sub", whole, sides), writer.numbers(cut))
    return sides, writer.add("Concat", writer.numbers(0, cut, cut, 0, 0), more, writer.numbers(0), axis=0)


def entering(writer: Writer, x: str, convention: Convention, target: str) -> str:
    """Lead uint8 BGR ``(n, h, w, 3)`` to the graph's own input `target`.

    Returns:
        The name of the colours that luma leaves, ``(n, 3, h, w)`` float32 BGR; "" unless luma alone goes in and out.
    """
    if convention.order != "y":
        pixels = native(writer, x, convention)
        if convention.channels == 4:
            pixels = _with_fourth(writer, pixels, convention)
        place(writer, pixels, convention, target)
        return ""
    mean, deviation = RANGES[convention.range]
    x = writer.cast(writer.add("Transpose", x, perm=[0, 3, 1, 2]), "float32")
    weights = np.array(LUMA, np.float32)
    kernel = np.eye(3, dtype=np.float32) - weights[None, :]
    chroma = writer.add("Conv", x, writer.constant(kernel[:, :, None, None], np.float32))
    x = writer.add("Conv", x, writer.constant(weights[None, :, None, None], np.float32))
    x = affine(writer, x, 1 / np.array(deviation[3:]), -np.array(mean[3:]) / np.array(deviation[3:]))
    place(writer, _bytes(writer, x) if convention.dtype == "uint8" else x, convention, target)
    return chroma if convention.output_channels == 1 else ""


def _with_fourth(writer: Writer, x: str, convention: Convention) -> str:
    """``(n, 3, h, w)`` with a fourth plane of one value."""
    plane = writer.part(x, writer.numbers(0), writer.numbers(1), writer.numbers(1))
    dtype = np.uint8 if convention.dtype == "uint8" else np.float32
    shape = writer.add("Shape", plane)
    return writer.add("Concat", x, writer.add("Expand", writer.constant(convention.fourth, dtype), shape), axis=1)


def native(writer: Writer, x: str, convention: Convention) -> str:
    """Turn uint8 BGR ``(n, h, w, 3)`` into ``(n, 3, h, w)`` in the graph's colour order and range.

    It is float32, or uint8 where the graph takes that.
    """
    mean, deviation = RANGES[convention.range]
    means, steps = np.array(mean[:3]), np.array(deviation[:3])
    x = writer.add("Transpose", x, perm=[0, 3, 1, 2])
    if convention.order == "rgb":
        x = writer.add("Gather", x, writer.numbers(2, 1, 0), axis=1)
    else:
        means, steps = means[::-1], steps[::-1]
    if convention.dtype == "uint8" and convention.range == "0..255":
        return x
    if not means.any() and len(set(steps)) == 1 and steps[0] != 1 and _layers(writer) > 1:  # both at once
        factor, zero = writer.constant(1 / steps[0], np.float32), writer.constant(0, np.uint8)
        return writer.add("DequantizeLinear", x, factor, zero)
    return affine(writer, writer.cast(x, "float32"), 1 / steps, -means / steps)


def _layers(writer: Writer) -> int:
    """How many layers with weights the graph has.

    Of one alone, with bytes made numbers just before and numbers bytes just behind, ONNX Runtime rounds the weights to
    8 bits (its ``WeightBiasQuantization``), so those two may not be a quantisation's.
    """
    return sum(node.op_type in _WITH_WEIGHTS for node in writer.model.graph.node)


def place(writer: Writer, x: str, convention: Convention, target: str) -> None:
    """Give ``(n, c, h, w)`` to the graph's input `target` in its type and layout."""
    if convention.dtype not in ("float32", "uint8"):
        x = writer.cast(x, convention.dtype)
    if convention.layout == "nhwc":
        x = writer.add("Transpose", x, perm=[0, 2, 3, 1])
    if not convention.batch:
        x = writer.add("Squeeze", x, writer.numbers(0))
    writer.add("Identity", x, name=target)


def resized(writer: Writer, x: str, size: str) -> str:
    """uint8 ``(n, h, w, c)`` at `size` (height, width)."""
    x = writer.cast(writer.add("Transpose", x, perm=[0, 3, 1, 2]), "float32")
    axes = writer.part(writer.add("Shape", x), writer.numbers(0), writer.numbers(2), writer.numbers(0))
    x = writer.add("Resize", x, "", "", writer.add("Concat", axes, size, axis=0), mode="linear")
    x = writer.add("QuantizeLinear", x, writer.constant(1.0, np.float32), writer.constant(0, np.uint8))
    return writer.add("Transpose", x, perm=[0, 2, 3, 1])


def leaving(writer: Writer, y: str, convention: Convention, chroma: str = "") -> str:
    """From the graph's own output to uint8 BGR ``(n, h, w, 3)``."""
    mean, deviation = RANGES[convention.output_range]
    if not convention.batch:
        y = writer.add("Unsqueeze", y, writer.numbers(0))
    if convention.output_layout == "nhwc":
        y = writer.add("Transpose", y, perm=[0, 3, 1, 2])
    if convention.output_channels == 4:
        y = writer.part(y, writer.numbers(0), writer.numbers(3), writer.numbers(1))
    grey = convention.output_channels == 1
    means, steps = (np.array(one[3:] if grey else one[:3]) for one in (mean, deviation))
    if convention.output_order == "bgr":
        means, steps = means[::-1], steps[::-1]
    plain = _is_bytes(writer, convention)
    if convention.sigmoid:
        y = writer.add("Sigmoid", y)
    if not plain or chroma:
        y = writer.cast(y, "float32")
        if means.any() or len(set(steps)) > 1 or chroma:
            y, scale = affine(writer, y, steps, means), 1.0
        else:
            scale = 1 / float(steps[0])
        if chroma:
            if convention.scale > 1:
                sizes = writer.constant([1, 1, convention.scale, convention.scale], np.float32)
                chroma = writer.add("Resize", chroma, "", sizes, mode="linear")
            if convention.cut:
                edge = convention.cut * convention.scale
                chroma = writer.part(
                    chroma, writer.numbers(edge, edge), writer.numbers(-edge, -edge), writer.numbers(2, 3)
                )
            y = writer.add("Add", y, chroma)
        y = writer.add("QuantizeLinear", y, writer.constant(scale, np.float32), writer.constant(0, np.uint8))
    if grey and not chroma:
        y = writer.add("Concat", y, y, y, axis=1)
    elif not grey and convention.output_order == "rgb":
        y = writer.add("Gather", y, writer.numbers(2, 1, 0), axis=1)
    return writer.add("Transpose", y, perm=[0, 2, 3, 1])


def _is_bytes(writer: Writer, convention: Convention) -> bool:
    found = next((one for one in writer.model.graph.output if one.name == INNER + convention.output), None)
    return found is not None and found.type.tensor_type.elem_type == writer.onnx.TensorProto.UINT8


def _bytes(writer: Writer, x: str) -> str:
    return writer.add("QuantizeLinear", x, writer.constant(1.0, np.float32), writer.constant(0, np.uint8))


def affine(writer: Writer, x: str, factor: Tensor, offset: Tensor) -> str:
    """`x` times `factor` plus `offset`, one of each for a plane or for all."""

    def planes(values: Tensor) -> Any:
        return values[:1].reshape(()) if len(set(values.tolist())) == 1 else values.reshape(1, -1, 1, 1)

    if (factor != 1).any():
        x = writer.add("Mul", x, writer.constant(planes(factor), np.float32))
    if offset.any():
        x = writer.add("Add", x, writer.constant(planes(offset), np.float32))
    return x


def extra(writer: Writer, name: str, value: Constant, convention: Convention) -> None:
    """A further input as a constant, where its sides are free of the size of the picture."""
    writer.add("Identity", given(writer, name, value, convention), name=INNER + name)


def given(writer: Writer, name: str, value: Constant, convention: Convention) -> str:
    """Add what a further input is given."""
    port = next(one for one in writer.model.graph.input if one.name == INNER + name)
    sides = tuple(max(side.dim_value, 0) for side in port.type.tensor_type.shape.dim)
    dtype = writer.onnx.helper.tensor_dtype_to_np_dtype(port.type.tensor_type.elem_type)
    rank = 0 if convention.effect == "morph" else 3 + convention.batch
    made = writer.constant(constant(value, sides, (1,) * rank, convention, str(dtype)), dtype)
    free = follows(sides, rank) if isinstance(value, float) else []
    part = convention.state_sizes.get(name, 1)
    if free and part:
        fixed = writer.constant([axis not in free for axis in range(rank)], np.bool_)
        shape = writer.add("Shape", INNER + convention.image)
        if part > 1:
            last = rank - (1 if convention.layout == "nchw" else 2)
            parts = [part if axis in (last - 1, last) else 1 for axis in range(rank)]
            shape = writer.add("Add", shape, writer.numbers(*(one - 1 for one in parts)))
            shape = writer.add("Div", shape, writer.numbers(*parts))
        made = writer.add("Expand", made, writer.add("Where", fixed, writer.numbers(*([1] * rank)), shape))
    return made
