"""What a graph takes of the frames before: states that it gave itself, and the frames.

A state is an input beside the picture that one of the outputs has the name and the shape of. A network of several
frames is opened by ``ports`` with the same picture in all of them; here is found out to which of them what it gives
belongs, and they are taken apart again.
"""

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from gancam.errors import ModelError
from gancam.frame import Image
from gancam.inference.importing import pictures
from gancam.inference.importing.convention import Convention, Floats, OnnxModel, encode
from gancam.inference.importing.extras import is_level, is_state
from gancam.inference.importing.foreign import Foreign, Port
from gancam.inference.importing.measure import usual_side
from gancam.inference.importing.trial import TrialFailed
from gancam.inference.importing.wrap import INNER, OUT, Writer, copied, onnx

WINDOW = "usual/window"  # the frames, the oldest first
FRAME = "usual/frame"  # one of them, where they have an axis of their own
PAST = "usual/past"  # those before
_LAST = 2**62  # as the end of a slice
_BEFORE = re.compile(r"prev|last|before|past|old|t_?(minus|-)_?1")
_MADE = re.compile(r"out|result|sr|hr|est|pred|gen|fake|made|enhanced|denoised")
_LARGE = 4  # channels that a picture has at most
_PARTS = (1, 2, 4, 8, 16, 32)  # of the picture's sides that those of states may be
_CLEAR, _BESIDE = 0.45, 1.5  # share of what is seen that one frame makes, and times what another makes


def apart(model: OnnxModel, convention: Convention, target: Path) -> None:
    """Write to `target` the graph with an input for each frame, named by its place behind `WINDOW`."""
    copy = copied(model)
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
    copy = copied(model)
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


def paired(picture: Port, others: list[Port], outputs: list[Port]) -> dict[str, str]:
    """Tell which of `others` are states, and what each is given with the next frame.

    That is an output, the `picture` itself where a frame before is taken, or "" for the picture that was made. What is
    not clear is left out.
    """
    found: dict[str, str] = {}
    free = list(outputs)
    for one in others:
        sure = is_state(one.name, [out.name for out in outputs])
        for out in free:
            if _same(one, out) and is_state(one.name, [out.name], named=not _is_picture(one)) and (sure or out.name):
                found[one.name] = out.name
                free.remove(out)
                break
        else:
            if _is_picture(one) and one.shape == picture.shape and _BEFORE.search(one.name.lower()):
                found[one.name] = "" if _MADE.search(one.name.lower()) else picture.name
    left = [one for one in others if one.name not in found and _is_map(one)]
    gives = [one for one in free if _is_map(one)]
    if len(left) == len(gives) and all(_same(one, out) for one, out in zip(left, gives, strict=True)):
        found |= {one.name: out.name for one, out in zip(left, gives, strict=True)}
    return {one.name: found[one.name] for one in others if one.name in found}


def _same(one: Port, other: Port) -> bool:
    sides = zip(one.shape, other.shape, strict=False)
    return (
        len(one.shape) == len(other.shape) >= 2
        and one.dtype == other.dtype != ""
        and all(a == b or 0 in (a, b) for a, b in sides)
    )


def _is_picture(port: Port) -> bool:
    return port.is_picture and 3 in (port.shape[-3], port.shape[-1])


def _is_map(port: Port) -> bool:
    """Whether it is of more planes than any picture: what has no other meaning."""
    return port.is_picture and len(port.shape) == 4 and port.shape[1] > _LARGE and not is_level(port.name)


def start_sizes(names: list[str]) -> Iterator[dict[str, int]]:
    """Sizes that states may begin with, as parts of the picture's sides; 0: one row and column, which is spread."""
    if not names:
        yield {}
        return
    alike: list[list[int]] = [[part] * len(names) for part in (1, 0, *_PARTS[1:])]
    for part in _PARTS[:3] if len(names) > 1 else ():
        falling = [part * 2**place for place in range(len(names))]
        alike += [falling, falling[::-1]]
    for sizes in alike:
        yield {name: size for name, size in zip(names, sizes, strict=True) if size != 1}


def own_frame(model: OnnxModel, graph: Foreign, convention: Convention, folder: Path) -> int:
    """Find the frame to which what a graph of several frames gives belongs, by changing one after the other.

    Raises ``ModelError`` where that is not clear.
    """
    path = folder / "frames.onnx"
    apart(model, convention, path)
    opened = Foreign(path, graph.process, graph.name)
    height, width = usual_side(convention)
    shown = pictures.truth(height, width)
    plain, other = encode(shown, convention), encode(np.ascontiguousarray(255 - shown[::-1]), convention)
    names = [f"{WINDOW}/{place}" for place in range(convention.frames)]
    beside = graph.extras(convention, plain)

    def made(changed: str) -> Floats:
        given = {name: other if name == changed else plain for name in names}
        found = opened.run({convention.image: plain, **beside, **given}, convention.output)
        return np.asarray(found, np.float32)

    try:
        still = made("")
        changes = [float(np.abs(made(name) - still).mean()) for name in names]
    except TrialFailed as error:
        raise ModelError(f"{graph.name}: it does not run with frames that differ: {error}") from error
    shares = np.array(changes) / max(sum(changes), 1e-9)
    order = np.argsort(shares)
    if shares[order[-1]] < _CLEAR or shares[order[-1]] < _BESIDE * shares[order[-2]]:
        said = ", ".join(f"{share:.0%}" for share in shares)
        raise ModelError(
            f"{graph.name}: it takes {convention.frames} frames at once, and to which of them what it gives belongs is "
            f"not clear (changed alone they change {said}): networks that make frames between others are not played"
        )
    return int(order[-1])


def second(graph: Foreign, image: Image, convention: Convention) -> Floats:
    """What the graph makes of a frame that is shown a second time. Raises `TrialFailed`."""
    tensor = encode(image, convention)
    beside = graph.extras(convention, tensor)
    kept: Mapping[str, str] = convention.states
    states = {name: graph.run({convention.image: tensor, **beside}, source) if source != convention.image else tensor
              for name, source in kept.items()}  # fmt: skip
    return graph.shown(tensor, image, convention, states)
