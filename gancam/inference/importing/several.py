"""Which of several pictures that a graph gives is the one that it is for."""

import re
from collections.abc import Sequence

import numpy as np

from gancam.inference.importing import pictures
from gancam.inference.importing.convention import Convention
from gancam.inference.importing.foreign import Foreign
from gancam.inference.importing.measure import usual_side
from gancam.inference.importing.trial import TrialFailed

_RESULT = re.compile(r"(^|[^a-z])(out|outputs?|sr|hr|results?|final)([^a-z]|$)")
_SAME = 0.05  # share of a picture's contrast that is not in the input, below which it is that in other grey levels


def likeliest(graph: Foreign, found: Sequence[Convention]) -> Convention:
    """Choose among conventions that differ in their output, the first that comes being the usual one.

    The largest picture; of those of one size, one that is not the input again in other grey levels, one whose name
    says that it is what comes out, the first.
    """
    return max(found, key=lambda one: (one.scale, not _is_input(graph, one), bool(_RESULT.search(one.output.lower()))))


def _is_input(graph: Foreign, convention: Convention) -> bool:
    """Whether its picture is the input, up to contrast and lightness."""
    if convention.scale > 1 or convention.cut or convention.channels != 3:
        return False
    image = pictures.shown(*usual_side(convention), 1)
    try:
        made = graph.picture(image, convention)
    except TrialFailed:
        return False
    if made.shape != image.shape:
        return False
    shown, given = (one.astype(np.float64).ravel() - one.mean() for one in (image, made))
    rest = given - shown * (given @ shown) / max(float(shown @ shown), 1e-9)
    return bool(rest.std() <= _SAME * max(float(given.std()), 1e-9))
