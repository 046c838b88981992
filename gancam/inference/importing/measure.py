"""What a graph does to pictures, found by running it: sizes, reach, ends of its range, light, which picture is meant.

Networks that change the light of pictures are far from what they are shown, and right all the same.
"""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from gancam.frame import Image
from gancam.inference.importing import pictures
from gancam.inference.importing.convention import RANGES, Answers, Convention, Floats, Order, Tensor, decode, shaped
from gancam.inference.importing.foreign import Foreign
from gancam.inference.importing.trial import TrialFailed

_USUAL = 64  # pixels along a side of the pictures that are shown
SIDES = (_USUAL, 96, 128, *range(66, 128, 2), 256, 224, 512)  # tried until a graph of any size takes one
_REACH = (64, 128, 256, 448)  # pixels of the pictures in which a reach is looked for
_IDLE = 0.4  # grey levels by which pictures change that are left as they are: of rounding
_LARGEST = 2048  # pixels along a side of what comes out of these
_BOTH: tuple[tuple[Order, ...], tuple[Order, ...]] = ("rgb", "bgr"), ("y",)  # orders of colours, and of grey
_EXTREME, _AT_END = 900.0, 0.004  # values far beyond every range; shares of it that count as its end
_LEFT, _MOVED = 12.0, 24.0  # grey levels of `Light.left` and `Light.moved` beyond which more than the light changes
_KEPT, _AWAY = 8.0, 16.0  # by which black and white move that stay, and at least those that do not
_LESS, _GAIN = 0.75, 1.5  # times what is left, and grey levels less of it, that say that much is explained
_SAME, _ROUND = 1.3, 0.5  # times what is left, and grey levels more, that may be left as well
_NEAR, _ABOUT = 1.6, 1.0  # the same of what is worth a doubt
_RESULT = re.compile(r"(^|[^a-z])(out|outputs?|sr|hr|results?|final)([^a-z]|$)")
_ONE_PICTURE = (
    0.05  # share of a picture's contrast that is not in the input, below which it is that in other grey levels
)


def measured(graph: Foreign, known: Convention, answers: Answers) -> Convention:
    """`known` with the rule of sizes and the reach, by running."""

    def works(height: int, width: int) -> bool:
        image = np.zeros((height, width, 3), np.uint8)
        try:
            made = graph.picture(image, known)
        except TrialFailed:
            return False
        wanted = [known.scale * (side - 2 * known.cut) for side in (height, width)]
        return list(made.shape[:2]) == wanted

    known = sized(known, works, answers)
    return known if "reach" in answers else replace(known, reach=_reach(graph, known))


def usual_side(convention: Convention) -> tuple[int, int]:
    """Height and width of the pictures that a graph is shown."""
    if convention.fixed:
        return convention.height, convention.width
    side = max(_USUAL, convention.minimum)
    side = convention.multiple * -(-side // convention.multiple)
    return side, side


def sized(base: Convention, works: Callable[[int, int], bool], answers: Answers) -> Convention:
    """`base` with the smallest multiple and minimum of the sides that are taken.

    `works` says whether a height and a width are. One side is taken, so that it is a multiple of what is looked for.
    """
    if base.fixed:
        return base
    side = max(base.minimum, _USUAL)
    multiple = base.multiple
    if "multiple" not in answers:
        multiple = next(
            (one for one in range(1, side + 1) if side % one == 0 and works(side + one, side + 2 * one)
             and (one == 1 or works(side + 3 * one, side))), 0)  # fmt: skip
    if multiple == 0:
        doubt = f"whether it takes other sizes: of those tried {side}x{side} alone runs (multiple in a .toml)"
        fixed = replace(base, height=side, width=side, minimum=1)
        return fixed if base.effect == "faces" else fixed.doubted(doubt)  # aligned faces are of one size
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
        found = [_shows_as_far_as(graph, base, across, length, flip) for flip in (False, True)]
        if max(found) < min(across // 2, across - across // 2) - base.multiple:
            return max(found) + 1
    return 0


def _shows_as_far_as(graph: Foreign, base: Convention, across: int, along: int, flip: bool) -> int:
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
    given = ", ".join(f"{name} = {value:g}" for name, value in meant.extras.items() if isinstance(value, float))
    given = f" with {given} (others are said as [extras] in a .toml)" if given else ""
    return (f"whether it does anything: photos, noisy and blurred ones, too, come out as they went in{given}",)


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


@dataclass(frozen=True)
class Light:
    """What came of a picture, apart from its light.

    Attributes:
        left: Grey levels of its gist that the best rising curve for each colour does not explain.
        moved: Grey levels by which black or white moved, the larger of the two.
    """

    left: float
    moved: float

    @property
    def alone(self) -> bool:
        """Whether hardly anything but the light changed."""
        return self.left <= _LEFT and self.moved <= _MOVED

    def explains(self, other: "Light") -> bool:
        """Whether that is so about as well as of the `other`."""
        return self.moved <= _MOVED and self.left <= _NEAR * other.left + _ABOUT

    def explains_more(self, other: "Light") -> bool:
        """Whether it keeps black and white, and the `other` moves them or loses more of the picture."""
        if self.moved > _KEPT:
            return False
        loses = self.left <= min(_LESS * other.left, other.left - _GAIN)
        return loses or (other.moved >= self.moved + _AWAY and self.left <= _SAME * other.left + _ROUND)


def light(graph: Foreign, meant: Convention, made: Floats, image: Image) -> Light:
    """How `made` of `image`, under that convention, and of vivid photos differs from them apart from the light.

    Infinitely where the sizes differ, or what comes out has fewer colours than what goes in.
    """
    if meant.scale > 1 or meant.cut or meant.output_channels == 1 or made.shape != image.shape:
        return Light(float("inf"), float("inf"))
    vivid = pictures.shown(*usual_side(meant), 1, "clean", "vivid")
    try:
        found = graph.picture(vivid, meant)
    except TrialFailed:
        return Light(float("inf"), float("inf"))
    if found.shape != vivid.shape or not np.isfinite(found).all():
        return Light(float("inf"), float("inf"))
    ends = [float(np.abs(found[vivid == end] - end).mean()) if (vivid == end).any() else 0.0 for end in (0, 255)]
    return Light(pictures.untoned(made, image), max(ends))


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
    return bool(rest.std() <= _ONE_PICTURE * max(float(given.std()), 1e-9))
