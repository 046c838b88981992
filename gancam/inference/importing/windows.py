"""Graphs that take several frames of a video at once, opened by ``ports`` with the same picture in all of them."""

from pathlib import Path
from typing import Any

import numpy as np

from gancam.inference.importing.convention import Convention, OnnxModel
from gancam.inference.importing.wrap import INNER, OUT, Writer, onnx

WINDOW = "usual/window"  # the frames, the oldest first
FRAME = "usual/frame"  # one of them, where they have an axis of their own
PAST = "usual/past"  # those before
_LAST = 2**62  # as the end of a slice


def apart(model: OnnxModel, convention: Convention, target: Path) -> None:
    """Write to `target` the graph with an input for each frame, named by its place behind `WINDOW`."""
    copy = _copied(model)
    node = _node(copy)
    port = next(one for one in copy.graph.input if one.name == convention.image)
    helper, frames = onnx().helper, [f"{WINDOW}/{place}" for place in range(convention.frames)]
    for name in frames:
        one = copy.graph.input.add()
        one.CopyFrom(port)
        one.name = name
    if node.input[0] == FRAME:
        axes = _made(copy, FRAME).input[1]
        before = [helper.make_node("Unsqueeze", [name, axes], [f"{name}/frame"]) for name in frames]
        _insert(copy, node, before, behind=False)
        frames = [one.output[0] for one in before]
    node = _node(copy)
    del node.input[:]
    node.input.extend(frames)
    onnx().save(copy, str(target))


def with_past(model: OnnxModel, convention: Convention) -> OnnxModel:
    """Copy `model`, whose window takes the frames before from an input `PAST`, and gives the next ones' out."""
    copy = _copied(model)
    node = _node(copy)
    helper, now = onnx().helper, node.input[0]
    axis, size = node.attribute[0].i, _size(copy, convention)
    port = next(one for one in copy.graph.input if one.name == convention.image)
    newest_last = convention.frame > 0
    order = [PAST, now] if newest_last else [now, PAST]
    ends = (size, _LAST) if newest_last else (0, -size)
    consts = [onnx().numpy_helper.from_array(np.array([value], np.int64), f"{PAST}/{name}")
              for name, value in (("start", ends[0]), ("end", ends[1]), ("axis", axis))]  # fmt: skip
    copy.graph.initializer.extend(consts)
    behind = [
        helper.make_node("Concat", order, [f"{PAST}/all"], axis=axis),
        helper.make_node("Slice", [f"{PAST}/all", *(one.name for one in consts)], [PAST + OUT]),
    ]
    _insert(copy, node, behind, behind=True)
    node = _node(copy)
    del node.input[:]
    node.input.extend([*order, *[now] * (convention.frames - 1 - convention.frame if newest_last else 0)])
    kind = port.type.tensor_type.elem_type
    rank = len(port.type.tensor_type.shape.dim) + (now == FRAME)
    for name, values in ((PAST, copy.graph.input), (PAST + OUT, copy.graph.output)):
        values.append(helper.make_tensor_value_info(name, kind, [f"{name}/{side}" for side in range(rank)]))
    return copy


def past_begins(writer: Writer, model: OnnxModel, convention: Convention) -> str:
    """Add what `PAST` is in the first frame: that one, as often as there are frames before."""
    node, now = _node(model), INNER + convention.image
    axis = node.attribute[0].i
    if len(_port(model, convention)) + 1 == _rank(model):
        now = writer.add("Unsqueeze", now, writer.numbers(axis))
    return writer.add("Concat", *[now] * (convention.frame or convention.frames - 1), axis=axis)


def _port(model: OnnxModel, convention: Convention) -> list[Any]:
    port = next(one for one in model.graph.input if one.name == convention.image)
    return list(port.type.tensor_type.shape.dim)


def _rank(model: OnnxModel) -> int:
    port = next(one for one in model.graph.input if one.name == PAST)
    return len(port.type.tensor_type.shape.dim)


def _size(model: OnnxModel, convention: Convention) -> int:
    """How much of the window's axis a frame has."""
    node = _node(model)
    return 1 if node.input[0] == FRAME else int(_port(model, convention)[node.attribute[0].i].dim_value)


def _node(model: OnnxModel) -> Any:
    return _made(model, WINDOW)


def _made(model: OnnxModel, name: str) -> Any:
    return next(one for one in model.graph.node if name in one.output)


def _insert(model: OnnxModel, node: Any, more: list[Any], *, behind: bool) -> None:
    nodes = list(model.graph.node)
    place = nodes.index(node) + behind
    kept = [*nodes[:place], *more, *nodes[place:]]
    copies = [type(node).FromString(one.SerializeToString()) for one in kept]
    del model.graph.node[:]
    model.graph.node.extend(copies)


def _copied(model: OnnxModel) -> OnnxModel:
    copy = type(model)()
    copy.CopyFrom(model)
    return copy
