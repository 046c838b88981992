"""What a graph's output ends at, which tells its range whatever the picture."""

from dataclasses import replace

import numpy as np

from gancam.inference.importing import pictures
from gancam.inference.importing.convention import RANGES, Answers, Convention, Order, Tensor, decode, shaped
from gancam.inference.importing.foreign import Foreign
from gancam.inference.importing.measure import usual_side
from gancam.inference.importing.trial import TrialFailed

_BOTH: tuple[tuple[Order, ...], tuple[Order, ...]] = ("rgb", "bgr"), ("y",)  # orders of colours, and of grey
_EXTREME, _AT_END = 900.0, 0.004  # values far beyond every range; shares of it that count as its end


def bounds(graph: Foreign, base: Convention) -> Answers:
    """The range of the output (and, where colours end at different values, their order) by what it ends at.

    Graphs that end in a clip, a sigmoid or a tanh give exactly its bounds for values that are far too large. Empty
    where nothing is told.
    """
    if base.dtype == "uint8":
        return {}
    pattern = pictures.shown(*usual_side(base), 1).astype(np.float32)[..., : base.channels]
    extreme = (pattern - 127.5) / 127.5 * _EXTREME
    if base.channels == 4:
        extreme = np.concatenate([extreme, np.ones_like(extreme[..., :1])], axis=2)
    try:
        found = graph.raw(shaped(extreme, base), base)
    except TrialFailed:
        return {}
    for name in RANGES if np.isfinite(found).all() else ():
        for order in _BOTH[base.output_channels == 1]:
            meant = replace(base, output_range=name, output_order=order)
            pixels = decode(found, meant) / 255.0
            low, high = (np.abs(pixels - end).reshape(-1, pixels.shape[2]) < _AT_END for end in (0.0, 1.0))
            if (low | high).mean(0).min() > 0.3 and low.mean(0).min() > 0.02 and high.mean(0).min() > 0.02:
                inside = (pixels > -_AT_END).all() and (pixels < 1 + _AT_END).all()
                if inside:
                    return {"output_range": name} | ({"output_order": order} if name.startswith("imagenet") else {})
    return {"output_range": "0..1"} if _is_share(found) else {}


def _is_share(found: Tensor) -> bool:
    """Whether values are of a sigmoid that one end alone is seen of, as that of edges, which know no opposite."""
    low, high = float(found.min()), float(found.max())  # NaN is in no range
    at_end = np.minimum(np.abs(found), np.abs(found - 1)) < _AT_END
    return bool(low > -_AT_END and high < 1 + _AT_END and high - low > 0.5 and at_end.mean() > 0.02)
