"""Which sizes of pictures a graph takes, and how far it looks, by running it."""

from dataclasses import replace

import numpy as np

from gancam.inference.importing import pictures
from gancam.inference.importing.convention import Answers, Convention
from gancam.inference.importing.foreign import Foreign
from gancam.inference.importing.trial import TrialFailed

_USUAL = 64  # pixels along a side of the pictures that are shown
_MULTIPLES = (1, 2, 4, 8, 12, 14, 16, 24, 28, 32, 48, 64, 128)
_REACH = (64, 128, 256, 448)  # pixels of the pictures in which a reach is looked for
_IDLE = 0.4  # grey levels by which pictures change that are left as they are: of rounding
_LARGEST = 2048  # pixels along a side of what comes out of these


def measured(graph: Foreign, known: Convention, answers: Answers) -> Convention:
    """`known` with the rule of sizes and the reach, by running."""
    if not known.fixed:
        known = _sizes(graph, known, answers)
    return known if "reach" in answers else replace(known, reach=_reach(graph, known))


def usual_side(convention: Convention) -> tuple[int, int]:
    """Height and width of the pictures that a graph is shown."""
    if convention.fixed:
        return convention.height, convention.width
    side = max(_USUAL, convention.minimum)
    side = convention.multiple * -(-side // convention.multiple)
    return side, side


def _sizes(graph: Foreign, base: Convention, answers: Answers) -> Convention:
    """The smallest multiple and minimum of the sides that are taken, by trying."""

    def works(height: int, width: int) -> bool:
        image = np.zeros((height, width, 3), np.uint8)
        try:
            made = graph.picture(image, base)
        except TrialFailed:
            return False
        wanted = [base.scale * (side - 2 * base.cut) for side in (height, width)]
        return list(made.shape[:2]) == wanted

    side = max(base.minimum, _USUAL)
    multiple = base.multiple
    if "multiple" not in answers:
        multiple = next(
            (one for one in _MULTIPLES if side % one == 0 and works(side + one, side + 2 * one)
             and (one == 1 or works(side + 3 * one, side))), 0)  # fmt: skip
    if multiple == 0:
        return replace(base, height=side, width=side)  # as good as fixed
    minimum = base.minimum
    if "minimum" not in answers:
        smaller = (multiple * times for times in (1, 2, 4, 8, 16, 32) if multiple * times < side)
        minimum = next((one for one in smaller if one > 2 * base.cut and works(one, one + multiple)), side)
    return replace(base, multiple=multiple, minimum=minimum)


def _reach(graph: Foreign, base: Convention) -> int:
    """How many pixels of the input an output pixel looks to each side.

    A change of all that is left of a line (above it) shows so far on the other side, in whole grey levels. 0 where it
    shows everywhere.
    """
    for length in [min(base.height, base.width)] if base.fixed else _REACH:
        if 2 * length * base.scale > _LARGEST and length > _REACH[0]:
            return 0
        length = base.multiple * -(-max(length, base.minimum) // base.multiple)
        across = length if base.fixed else 2 * length
        found = [_spread(graph, base, across, length, flip) for flip in (False, True)]
        if max(found) < min(across // 2, across - across // 2) - base.multiple:
            return max(found) + 1
    return 0


def _spread(graph: Foreign, base: Convention, across: int, along: int, flip: bool) -> int:
    """How far a change of the first half of a picture shows in the other half."""
    height, width = (base.height, base.width) if base.fixed else (min(along, 64), across)
    if not base.fixed:
        height = base.multiple * -(-max(height, base.minimum) // base.multiple)
        width = base.multiple * -(-width // base.multiple)
        height, width = (width, height) if flip else (height, width)
    one = pictures.shown(height, width, 1)
    other = one.copy()
    middle = (height if flip else width) // 2
    if flip:
        other[:middle] = 255 - other[:middle][::-1]
    else:
        other[:, :middle] = 255 - other[:, :middle][:, ::-1]
    try:
        made = [np.clip(np.round(graph.picture(image, base)), 0, 255) for image in (one, other)]
    except TrialFailed:
        return middle
    changed = (made[0] != made[1]).any(2)
    places = np.nonzero(changed.any(1 if flip else 0))[0]
    last = int(places[-1]) if len(places) else 0
    return max(-(-(last + 1) // base.scale) + base.cut - middle, 0)


def idle(graph: Foreign, meant: Convention) -> tuple[str, ...]:
    """Say where a graph leaves pictures as they are, spoilt ones, too."""
    if meant.scale > 1 or meant.cut or meant.output_channels == 1:
        return ()
    for kind in ("clean", "noisy", "blurred"):
        image = pictures.shown(*usual_side(meant), 1, kind)
        try:
            if pictures.difference(graph.picture(image, meant), image.astype(np.float32)) > _IDLE:
                return ()
        except TrialFailed:
            return ()
    return ("whether it does anything: photos, noisy and blurred ones, too, come out as they went in",)
