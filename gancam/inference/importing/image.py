"""Probing a graph that makes a picture of a picture: its ranges, colour order, scale, sizes and reach.

What decides is the picture. Under each hypothesis photos are shown to the graph. The answer must have the gist of what
was shown; among those that have, the one wins under which the network does most for pictures that were shrunk, blurred
or noisy. Under a wrong range a network mostly does nothing, or too much.
"""

from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from itertools import product
from typing import Any, get_args

import numpy as np

from gancam.errors import ModelError
from gancam.frame import Image
from gancam.inference.importing import pictures
from gancam.inference.importing.convention import (
    RANGES,
    Answers,
    Constant,
    Convention,
    Floats,
    Layout,
    Order,
    Tensor,
    coloured,
    decode,
    encode,
    shaped,
    with_answers,
)
from gancam.inference.importing.extras import UNKNOWN, first_of, is_level, is_state, starts, values_of
from gancam.inference.importing.foreign import Foreign, Port, refuse
from gancam.inference.importing.measure import idle, measured, usual_side
from gancam.inference.importing.several import likeliest
from gancam.inference.importing.shapes import check_cut, is_like, layouts, misfit, no_layout, scales
from gancam.inference.importing.states import paired, start_sizes
from gancam.inference.importing.trial import NoPicture, OtherSize, TrialFailed

_SIDES = (64, 96, 128, 256, 224, 512)  # that are tried until a free-size graph takes one
# Networks forgive values that are too large (their biases lose weight), and not those that are too small: of ranges
# that fit, the smallest is right. A larger one has to do so many times better.
_PENALTY = {"0..1": 1.0, "-0.5..0.5": 1.1, "-1..1": 1.1, "imagenet": 1.25, "0..255": 1.35, "imagenet255": 1.4}
_OUTPUTS = ("0..1", "0..255", "-1..1")  # ranges of outputs that may be of another than the input
_FAR, _ALIKE = 70.0, 0.35  # grey levels, and correlation, beyond which an answer has nothing of what was shown
_FLAT = 30.0  # grey levels that an answer without any of the picture's forms counts as further off
_DULL = 3.0  # grey levels by which pictures differ from their mean: less is no picture
_OTHER = 0.5  # correlation with what was shown below which that is said
_CLEAR = 1.12  # times the best score of another range that is not spoken of
_CLEARER = 1.35  # times the best one's own error of a more usual range, or the other order of colours, that is not
_POOR = 1.15  # times the error of plain enlarging that a network has which does not do what it is for
_SEEN = 1.0  # grey levels of difference between two answers that matter
_LEVELS = (15.0, 0.0)  # grey levels of noise that a fourth channel may tell, where it is no opacity
_BOTH: tuple[tuple[Order, ...], tuple[Order, ...]] = ("rgb", "bgr"), ("y",)  # orders of colours, and of grey
_EXTREME, _AT_END = 900.0, 0.004  # values far beyond every range; shares of it that count as its end


@dataclass
class _Candidate:
    """A hypothesis and what came of it: the picture, how far its gist is `off`, and its score (less is better)."""

    convention: Convention
    made: Floats
    off: float
    score: float = 0.0
    raw: float = 0.0  # the score without what is usual


def probe_image(graph: Foreign, picture: Port, extras: list[Port], answers: Answers) -> Convention:
    """The convention of a graph that takes `picture`, and `extras` beside it. `answers` are not questioned.

    Raises ``ModelError`` that says what was tried when nothing fits.
    """
    outputs = _outputs(graph, answers)
    plain = shape(graph, picture, extras, outputs, answers)
    alike = [one for one in outputs
             if _planes(one) == 3 and one.name not in plain.states.values() and not is_state(one.name, [])]  # fmt: skip
    several = "output" not in answers and len(alike) > 1 and plain.output in [one.name for one in alike]
    if several:
        plain = likeliest(graph, [plain, *_shapes(graph, picture, extras, alike, plain.output, answers)])
    plain = _decided(graph, plain, answers)
    if "effect" not in answers:
        plain = replace(plain, effect="super_resolution" if plain.scale > 1 else "translate")
    others = [one.name for one in alike if one.name != plain.output]
    if others and "output" not in answers:
        doubt = f"{plain.output} of its pictures is taken; it gives {', '.join(others)}, too (output in a .toml)"
        plain = replace(plain, doubts=(*plain.doubts, doubt))
    return measured(graph, plain, answers)


def _outputs(graph: Foreign, answers: Answers) -> list[Port]:
    """Outputs that may be a picture: coloured ones first, else as they come."""
    outputs = [one for one in graph.outputs if one.is_picture]
    named = [one for one in outputs if one.name == answers.get("output")]
    return named or sorted(outputs, key=lambda one: _planes(one) == 1)


def _planes(port: Port) -> int:
    """How many planes an output says it has: 1, 3 or 4, 0 where that is not known."""
    ends = port.shape[-3], port.shape[-1]
    return next((count for count in (3, 4, 1) if count in ends), 0)


def shape(graph: Foreign, port: Port, extras: list[Port], outputs: list[Port], answers: Answers) -> Convention:
    """Layout, channels, scale, dtype and size, from the shapes and by running, of the first of `outputs` that fits.

    Raises ``ModelError`` that says what was tried when none does.
    """
    reasons: dict[str, str] = {}  # by output
    unfit: list[str] = []  # of what was said
    sizes: list[str] = []  # of pictures that are not played
    runs = True
    states = answers.get("states", paired(port, extras, graph.outputs))
    for layout, channels in layouts(port, answers):
        sides = port.shape[-2:] if layout == "nchw" else port.shape[-3:-1]
        order: Order = "y" if channels == 1 else "rgb"
        base = Convention(
            image=port.name, layout=layout, batch=len(port.shape) == 4, dtype=port.dtype, channels=channels,
            order=order, output_order="rgb", range="0..255" if port.dtype == "uint8" else "0..1",
            height=sides[0] if all(sides) else 0, width=sides[1] if all(sides) else 0,
            extras=_usual([one for one in extras if not _begins_as_picture(one, port, states)]),
            states=states, fourth=_opaque(port.dtype),
        )  # fmt: skip
        base = with_answers(base, answers)
        if (base.order == "y") != (base.channels == 1):
            unfit.append(f"order {base.order}, as was said, but {port.name} has {base.channels} channels")
            continue
        for output in outputs:
            for height, width in [usual_side(base)] if base.fixed else [(side, side) for side in _SIDES]:
                try:
                    found = _with_output(graph, replace(base, output=output.name), output, (height, width), answers)
                    check_cut(graph, found, (height + 32, width + 64), answers)
                    return found
                except NoPicture as error:
                    reasons.setdefault(output.name, f"{layout}: {error}")
                    sizes += [str(error)] if isinstance(error, OtherSize) else []
                    break
                except TrialFailed as error:
                    reasons.setdefault(output.name, f"{layout}: {error}")
                    runs = False
    said = list(dict.fromkeys([*reasons.values(), *unfit]))
    if len(outputs) > 2 and len(reasons) == len(outputs):
        count = len(graph.outputs)
        raise ModelError(f"{graph.name}: none of its {count} outputs is a picture ({said[0]}); it {graph.described()}")
    if sizes:
        raise ModelError(f"{graph.name}: {sizes[0]}; it {graph.described()}")
    said = said or [no_layout(port, answers)]
    raise refuse(graph, "; ".join(said), _cure(answers, any(reasons), runs))


def _shapes(
    graph: Foreign, port: Port, extras: list[Port], outputs: list[Port], but: str, answers: Answers
) -> Iterator[Convention]:
    """`shape` of each of `outputs` alone that fits, `but` one."""
    for output in outputs:
        if output.name != but:
            with suppress(ModelError):
                yield shape(graph, port, extras, [output], answers)


def _cure(answers: Answers, fitted: bool, runs: bool) -> str | None:
    """What would do where no output was a picture, see `refuse`: of a graph whose input `fitted`, which `runs`."""
    if not fitted or {"effect", "order", "range"} <= set(answers):
        return "Leave out what was said of it, and it is found by trying"
    return "" if runs else None


def _begins_as_picture(one: Port, picture: Port, states: Mapping[str, str]) -> bool:
    """Whether it is a frame before, or what was made of it."""
    return one.name in states and one.shape == picture.shape and one.dtype == picture.dtype


def _usual(extras: list[Port]) -> dict[str, Constant]:
    """What further inputs are given at first."""
    plain = dict(next(starts([one.name for one in extras]), {}))
    return plain | {one.name: chosen for one in extras if (chosen := first_of(one.name, one.shape))}


def _opaque(dtype: str) -> float:
    return 255.0 if dtype == "uint8" else 1.0


def _with_output(graph: Foreign, base: Convention, output: Port, size: tuple[int, int], answers: Answers) -> Convention:
    """`base` with what an output of a picture of that size (height, width) tells. Raises `TrialFailed`."""
    base, found = _first_run(graph, base, pictures.shown(*size, 1), answers)
    if found.ndim != 3 + base.batch or found.dtype.kind not in "fu":
        raise NoPicture(f"{output.name} gives {found.dtype} {list(found.shape)}, no picture")
    planes, rows, columns = found.shape[-3:]
    for layout in sorted(get_args(Layout), key=lambda one: one != base.layout):
        channels = planes if layout == "nchw" else columns
        sides = (rows, columns) if layout == "nchw" else (planes, rows)
        if channels not in (1, 3, 4):
            continue
        for scale, cut in scales(size, sides):
            minimum = max(size) if not base.fixed and max(size) > _SIDES[0] else 1
            grey: Any = "y" if channels == 1 else base.output_order if base.output_order != "y" else "rgb"
            made = replace(
                base, output=output.name, output_layout=layout, output_channels=channels, output_order=grey,
                scale=scale, cut=cut, minimum=minimum,
                output_range="0..255" if found.dtype == np.uint8 else base.output_range,
                states={name: source or output.name for name, source in base.states.items()},
            )  # fmt: skip
            if "scale" not in answers or answers["scale"] == scale:
                return with_answers(made, answers)
        if is_like(size, sides):
            raise misfit(output.name, size, sides, answers)
    raise NoPicture(f"{output.name} gives {list(found.shape)} for {size[1]}x{size[0]}: no picture of 1 to 8 times that")


def _first_run(graph: Foreign, base: Convention, image: Image, answers: Answers) -> tuple[Convention, Tensor]:
    """`base` with constants for further inputs with which the graph runs, and what it then gives."""
    given = answers.get("extras", {})
    names = [name for name, value in base.extras.items() if name not in given and isinstance(value, float)]
    sizes = (
        [base.state_sizes] if "state_sizes" in answers else start_sizes([one for one in names if one in base.states])
    )
    first: TrialFailed | None = None
    for size, values in product(sizes, list(starts(names)) if names else [base.extras]):
        one = replace(base, extras={**base.extras, **values}, state_sizes=size)
        try:
            return one, graph.raw(encode(image, one), one)
        except TrialFailed as error:
            first = first or error
    assert first is not None
    raise first


def _decided(graph: Foreign, base: Convention, answers: Answers) -> Convention:
    """The ranges and colour order of `base`, by the picture."""
    base = _with_extras(graph, base, answers)
    bounds = {} if "output_range" in answers else _bounds(graph, base)
    if bounds:
        answers = {**answers, **bounds}
        base = with_answers(base, bounds)
    image = pictures.shown(*usual_side(base), base.scale)
    tried = [one for hypothesis in _ranges(base, answers) for one in _tried(graph, hypothesis, image, answers)]
    if not tried:
        raise ModelError(f"{graph.name}: {_why_none(graph, base, image)}; it {graph.described()}")
    best = min(one.off for one in tried)
    near = [one for one in tried if one.off <= 1.3 * best + 1.5]
    near = _orders(graph, near, image, answers)
    best = min(one.off for one in near)
    near = [one for one in near if one.off <= 1.3 * best + 1.5]
    for one in near:
        one.raw = _score(graph, one)
    poor = max(min(one.raw for one in near) - 1.0, 0.0)
    for one in near:
        one.score = one.raw * _unusual(one.convention) ** (1.0 + poor)
    near.sort(key=lambda one: one.score)
    _refuse_garbage(graph, near[0], tried, image, answers)
    doubts = (*_doubts(near), *idle(graph, near[0].convention))
    like = pictures.alike(near[0].made, _inner(image, near[0].convention.cut))
    if like < _OTHER and not {"range", "effect"} & set(answers):
        doubts += (f"whether it gives a picture: it is little like what was shown (correlation {like:.2f})",)
    return replace(near[0].convention, doubts=doubts)


def _why_none(graph: Foreign, base: Convention, image: Image) -> str:
    """Why nothing of what a graph gives for `image` can be looked at."""
    try:
        found = graph.raw(encode(image, base), base)
    except TrialFailed as error:
        return f"it does not run with values of any range ({error})"
    finite = float(np.isfinite(found).mean())
    if finite < 1:
        return f"it runs, but {100 * (1 - finite):.0f} % of the numbers that it gives are not finite (NaN or infinite)"
    return "it runs, but what it gives is of another size than pictures before"


def _ranges(base: Convention, answers: Answers) -> list[Convention]:
    spans = [base.range] if base.dtype == "uint8" or "range" in answers else list(RANGES)
    found = [replace(base, range=name) for name in spans]
    if base.channels < 4 or "fourth" in answers:
        return found
    levels = (255.0,) if base.output_channels == 4 else _LEVELS  # opaque where an opacity comes out, else of noise
    return [replace(one, fourth=float((level - RANGES[one.range][0][0] * (level == 255.0)) / RANGES[one.range][1][0]))
            for one in found for level in levels]  # fmt: skip


def _tried(graph: Foreign, one: Convention, image: Image, answers: Answers) -> list[_Candidate]:
    """What the graph makes of `image` under that hypothesis, with the likeliest meaning of its output."""
    try:
        found = graph.raw(encode(image, one), one)
    except TrialFailed:
        return []
    candidates = []
    given = "output_range" in answers or found.dtype == np.uint8
    spans = [name for name in RANGES if name == one.range or name in _OUTPUTS]
    for output_range in [one.output_range] if given else spans:
        swapped: list[Any] = [one.order, "bgr" if one.order == "rgb" else "rgb"]
        orders: list[Any] = ["y"] if one.output_channels == 1 else swapped if one.order != "y" else ["rgb", "bgr"]
        for order in [answers["output_order"]] if "output_order" in answers else orders:
            meant = replace(one, output_range=output_range, output_order=order)
            made = decode(found, meant)
            if made.shape[:2] != tuple(one.scale * side for side in _inner(image, one.cut).shape[:2]):
                return []
            if made.shape[2] == 1:
                inner = _inner(image, one.cut)
                made = coloured(made, inner) if one.order == "y" else np.repeat(made, 3, axis=2)
            off = pictures.off(made, _inner(image, one.cut))
            off += _FLAT * (1.0 - pictures.alike(made, _inner(image, one.cut)))
            natural = output_range == one.range and order in (one.order, "y")
            candidates.append(_Candidate(meant, made, off, 0.0 if natural else 1.0))
    finite = [one for one in candidates if np.isfinite(one.off)]
    if not finite:
        return []
    usual = [one for one in finite if one.score == 0.0]
    best = min(finite, key=lambda one: one.off)
    # what comes out means what went in, unless the picture says otherwise
    return [usual[0] if usual and usual[0].off <= 1.1 * best.off + 0.5 else best]


def _bounds(graph: Foreign, base: Convention) -> dict[str, Any]:
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
    return {}


def _orders(graph: Foreign, near: list[_Candidate], image: Image, answers: Answers) -> list[_Candidate]:
    """`near` and the same in the other colour order, where that makes another picture."""
    if "order" in answers or near[0].convention.order == "y":
        return near
    more = list(near)
    for one in near:
        swapped = replace(one.convention, order="bgr" if one.convention.order == "rgb" else "rgb")
        more += [other for other in _tried(graph, swapped, image, answers)
                 if pictures.difference(other.made, one.made) > _SEEN / 4]  # fmt: skip
    return more


def _unusual(meant: Convention) -> float:
    """How many times better a hypothesis has to do than the usual one."""
    times = _PENALTY[meant.range] * (1.0 if meant.output_range == meant.range else 1.02)
    times *= 1.0 if meant.order != "bgr" else 1.06
    return times * (1.0 if meant.output_order in (meant.order, "y") or meant.order == "y" else 1.1)


def _score(graph: Foreign, one: _Candidate) -> float:
    """How well the graph does under that hypothesis: less is better, and 1 is what plain enlarging does."""
    meant = one.convention
    found = []
    for look in pictures.LOOKS:
        gains = []
        for kind in ("noisy", "blurred") if meant.scale == 1 else ("clean", "noisy"):
            image = pictures.shown(*usual_side(meant), meant.scale, kind, look)
            try:
                made = graph.picture(image, meant)
            except TrialFailed:
                continue
            if made.shape[2] == 3 and meant.cut == 0:
                gains.append(pictures.gain(made, image, meant.scale, look))
        found.append(min(gains, default=1.0))
    return float(np.mean(found)) * (1.0 + one.off / 48.0)


def _refuse_garbage(graph: Foreign, best: _Candidate, tried: list[_Candidate], image: Image, answers: Answers) -> None:
    """Refuse what has nothing of the picture shown, unless the user said what it is."""
    like = pictures.alike(best.made, _inner(image, best.convention.cut))
    flat = best.made.std() < _DULL < image.std()
    if (best.off <= _FAR and like >= _ALIKE and not flat) or {"range", "order"} <= set(answers):
        return
    likeliest = sorted(tried, key=lambda one: one.off)[:2]
    said = "; ".join(f"{one.convention.range} in, {one.convention.output_range} out: {one.off:.0f} grey levels off"
                     for one in likeliest)  # fmt: skip
    raise refuse(graph, f"{said} (correlation {like:.2f} at best)")


def _doubts(near: list[_Candidate]) -> tuple[str, ...]:
    """What could as well be otherwise, and would look otherwise."""
    best = near[0]
    a = best.convention
    poor = max(best.raw - 1.0, 0.0)  # what does little for pictures tells little, too
    doubts, ranges = [], []
    for other in near[1:]:
        b = other.convention
        fits = other.score <= (_CLEAR + poor) * best.score
        if a.range == b.range or _PENALTY[b.range] < _PENALTY[a.range]:
            fits = fits or other.raw <= (_CLEARER + poor) * best.raw
        if not fits or pictures.difference(best.made, other.made) <= _SEEN:
            continue
        if a.order != b.order and a.range == b.range:
            doubts.append(f"{b.order.upper()} fits as well as {a.order.upper()} (--order {b.order})")
        elif a.range != b.range and a.order == b.order:
            ranges.append(b.range)
    if ranges:
        others = " or ".join(list(dict.fromkeys(ranges))[:2])
        doubts.append(f"its values may be {others} instead of {a.range} (--range={ranges[0]})")
    if a.scale > 1 and best.raw > _POOR:
        doubts.append(
            f"photos come out {best.raw:.1f} times as wrong as plainly enlarged ones: little tells what is right"
        )
    if a.output_channels == 1 and a.order != "y":
        doubts.append("it gives grey alone (--effect background where that is a mask)")
    return tuple(dict.fromkeys(doubts))


def _with_extras(graph: Foreign, base: Convention, answers: Answers) -> Convention:
    """`base` with the constants for further inputs under which the picture is nearest to what was shown.

    What names tell stays; of levels of noise the one is taken under which the graph does most for a noisy picture.
    """
    if not base.extras or "extras" in answers:
        return base
    image = pictures.shown(*usual_side(base), base.scale, "noisy")
    outputs = [one.name for one in graph.outputs]
    for name in base.extras:
        open_to_trial = is_level(name) or values_of(name) is UNKNOWN
        if name in base.states or is_state(name, outputs) or isinstance(base.extras[name], list) or not open_to_trial:
            continue
        found: list[tuple[float, int, Convention]] = []
        for value in values_of(name):
            meant = replace(base, extras={**base.extras, name: value})
            for one in _tried(graph, meant, image, answers):
                score = _score(graph, one) if is_level(name) else round(one.off, 1)
                found.append((score, len(found), one.convention))
        if found:
            base = replace(base, extras=min(found, key=lambda one: one[:2])[2].extras)
    return base


def _inner(image: Image, cut: int) -> Image:
    return image[cut:-cut, cut:-cut] if cut else image
