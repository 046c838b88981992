"""Graphs that take a fixed number of pictures at once, made to take one."""

from pathlib import Path

import numpy as np

from gancam.errors import ModelError
from gancam.inference.importing.convention import OnnxModel, Tensor
from gancam.inference.importing.foreign import Foreign, Port
from gancam.inference.importing.trial import TrialFailed
from gancam.inference.importing.wrap import onnx

_SIDE = 64  # pixels of what is free
_OFF = 1e-3  # of the largest value: what may differ between one picture alone and among others


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
    copy = type(model)()
    copy.CopyFrom(model)
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
