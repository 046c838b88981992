"""Probing a graph that makes a picture of a picture: its ranges, colour order, scale, sizes and reach.

What decides is the picture. Under each hypothesis photos are shown to the graph. The answer must have the gist of what
was shown; among those that have, the one wins under which the network does most for pictures that were shrunk, blurred
or noisy. Under a wrong range a network mostly does nothing, or too much.
"""

import logging
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from gancam.errors import ModelError
from gancam.frame import Image
from gancam.inference.importing import pictures
from gancam.inference.importing.convention import (
    RANGES,
    Answers,
    Convention,
    Floats,
    coloured,
    decode,
    encode,
    with_answers,
)
from gancam.inference.importing.extras import UNKNOWN, is_level, is_state, values_of
from gancam.inference.importing.fitting import outputs_of, planes_of, shape, shapes_of
from gancam.inference.importing.foreign import Foreign, Port, asked, refuse
from gancam.inference.importing.measure import bounds, idle, light, likeliest, measured, usual_side
from gancam.inference.importing.trial import TrialFailed

log = logging.getLogger(__name__)

# Networks forgive values that are too large (their biases lose weight), and not those that are too small: of ranges
# that fit, the smallest is right. A larger one has to do so many times better.
_PENALTY = {"0..1": 1.0, "-0.5..0.5": 1.1, "-1..1": 1.1, "imagenet": 1.25, "0..255": 1.35, "imagenet255": 1.4}
_USUAL, _TANH = "0..1", "-1..1"  # the commonest range, and the one that a tanh gives
_OUTPUTS = ("0..1", "0..255", "-1..1")  # ranges of outputs that may be of another than the input
_FAR, _ALIKE = 70.0, 0.35  # grey levels, and correlation, beyond which an answer has nothing of what was shown
_FLAT = 30.0  # grey levels that an answer without any of the picture's forms counts as further off
_DULL = 3.0  # grey levels by which pictures differ from their mean: less is no picture
_GIST = 2.0  # grey levels by which even what changes a picture little is off under a wrong range
_RESTYLED = 10.0  # grey levels beyond which the gist tells little of the range
_NO_STYLE = 1.3  # times more for each time that photos get worse: what restyles gives no values of ImageNet's
_OTHER = 0.5  # correlation with what was shown below which that is said
_TOLD = 3  # other ranges that are told
_CLEAR = 1.12  # times the best score of another range that is not spoken of
_CLEARER = 1.35  # times the best one's own error of a more usual range, or the other order of colours, that is not
_POOR = 1.15  # times the error of plain enlarging that a network has which does not do what it is for
_ENDLESS = 1000.0  # grey levels beyond which it is not said by how many
_SEEN = 1.0  # grey levels of difference between two answers that matter
_SLOW = 0.5  # seconds that a picture takes from which on it is told how long the trials take
_MANY, _FEW = 70, 30  # pictures that are tried, usually: of what nothing is known, and of known order and range
_LEVELS = (15.0, 0.0, 255.0)  # of noise that a fourth channel may tell, in grey levels, or opaque


@dataclass(eq=False)
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
    outputs = outputs_of(graph, answers)
    began, before = time.perf_counter(), graph.runs
    plain = shape(graph, picture, extras, outputs, answers)
    _tell_time(graph, (time.perf_counter() - began) / max(graph.runs - before, 1), answers)
    kept = plain.states.values()
    alike = [one for one in outputs if planes_of(one) == 3 and one.name not in kept and not is_state(one.name, [])]
    several = "output" not in answers and len(alike) > 1 and plain.output in [one.name for one in alike]
    if several:
        plain = likeliest(graph, [plain, *shapes_of(graph, picture, extras, alike, plain.output, answers)])
    plain = _decided(graph, plain, answers)
    if "effect" not in answers:
        plain = replace(plain, effect="super_resolution" if plain.scale > 1 else "translate")
    others = [one.name for one in alike if one.name != plain.output]
    if others and "output" not in answers:
        doubt = f"{plain.output} of its pictures is taken; it gives {', '.join(others)}, too (output in a .toml)"
        plain = plain.doubted(doubt)
    return measured(graph, plain, answers)


def _tell_time(graph: Foreign, seconds: float, answers: Answers) -> None:
    """Say how long the trials take, where a picture takes so many `seconds` that one would think that it hangs."""
    if seconds < _SLOW:
        return
    known = {"range", "order"} <= set(answers)
    runs = _FEW if known else _MANY
    shorter = "" if known else f"; shorter where --order and --range are said ({asked(graph.name, '...')})"
    log.warning(
        "%s: a picture takes %.1f s, and about %d are tried: about %.0f min, this once%s",
        graph.name, seconds, runs, max(runs * seconds / 60, 1), shorter,
    )  # fmt: skip


def _decided(graph: Foreign, base: Convention, answers: Answers) -> Convention:
    """The ranges and colour order of `base`, by the picture."""
    base = _with_extras(graph, base, answers)
    ends = {} if "output_range" in answers else bounds(graph, base)
    if ends:
        answers = {**answers, **ends}
        base = with_answers(base, ends)
    image = pictures.shown(*usual_side(base), base.scale)
    tried = [one for hypothesis in _ranges(base, answers) for one in _tried(graph, hypothesis, image, answers)]
    if not tried:
        raise ModelError(f"{graph.name}: {_why_none(graph, base, image)}; it {graph.described()}")
    near = _near(_orders(graph, _near(tried), image, answers))
    for one in near:
        one.raw = _score(graph, one)
    poor = max(min(one.raw for one in near) - 1.0, 0.0)
    for one in near:
        one.score = one.raw * _unusual(one.convention) ** (1.0 + poor) * (1.0 + min(one.off, _GIST) / 4)
        one.score *= _NO_STYLE**poor if one.convention.output_range.startswith("imagenet") else 1.0
    near.sort(key=lambda one: one.score)
    near, lit = _by_light(graph, near, tried, image, answers)
    _refuse_garbage(graph, near[0], tried, image, answers)
    doubts = (*base.doubts, *_doubts(near, lit, answers), *idle(graph, near[0].convention))
    like = pictures.alike(near[0].made, _inner(image, near[0].convention.cut))
    if like < _OTHER and not {"range", "effect"} & set(answers):
        doubts += (f"whether it gives a picture: it is little like what was shown (correlation {like:.2f})",)
    return replace(near[0].convention, doubts=doubts)


def _near(tried: list[_Candidate]) -> list[_Candidate]:
    """Those of the gist of what was shown, or not much further off than the best; of what restyles, twice as far."""
    best = min(one.off for one in tried)
    return [one for one in tried if one.off <= max(1.3 * best + 1.5, 2.0 * best if best > _RESTYLED else 0.0)]


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
    levels = (255.0,) if base.output_channels == 4 else _LEVELS  # an opacity comes out of one alone
    return [replace(one, fourth=float((level - RANGES[one.range][0][0] * (level == 255.0)) / RANGES[one.range][1][0]))
            for one in found for level in levels]  # fmt: skip


def _tried(graph: Foreign, one: Convention, image: Image, answers: Answers) -> list[_Candidate]:
    """What the graph makes of `image` under that hypothesis, with the likeliest meaning of its output."""
    try:
        found = graph.raw(encode(image, one), one)
    except TrialFailed:
        return []
    candidates = []
    styled = _is_styled(one)
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
            off = _FLAT * (1.0 - pictures.alike(made, _inner(image, one.cut)))
            off += 0.0 if styled else pictures.off(made, _inner(image, one.cut))
            natural = output_range == one.range and order in (one.order, "y")
            candidates.append(_Candidate(meant, made, off, 0.0 if natural else 1.0))
    finite = [one for one in candidates if np.isfinite(one.off)]
    if not finite:
        return []
    usual = [one for one in finite if one.score == 0.0]
    if usual and styled:
        return usual[:1]
    best = min(finite, key=lambda one: one.off)
    # what comes out means what went in, unless the picture says otherwise
    return [usual[0] if usual and usual[0].off <= 1.1 * best.off + 0.5 else best]


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
    if _is_styled(meant):
        return 1.0 + one.off / 48.0
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


def _by_light(
    graph: Foreign, near: list[_Candidate], tried: list[_Candidate], image: Image, answers: Answers
) -> tuple[list[_Candidate], list[_Candidate]]:
    """`near`, the best first, and what else it may be.

    A network that brightens is far from what it is shown under the right range, and nearer under one that hides what
    it does. Where the best makes photos worse, a more usual range comes first under which only the light changes, and
    any such range where the best is no picture of what was shown. One that restyles and ends in a tanh takes what it
    gives: photos that come out nearer under another range are less restyled, not less wrong.
    """
    best = near[0]
    if "range" in answers or best.raw <= _POOR:
        return near, []
    lights = [(one, light(graph, one.convention, one.made, image)) for one in tried]
    seen = light(graph, best.convention, best.made, image)
    nothing = not _is_like(graph, best, image)
    usual = [(one, other) for one, other in lights
             if nothing or _PENALTY[one.convention.range] < _PENALTY[best.convention.range]]  # fmt: skip
    better = [one for one, other in usual if (other.alone if nothing else other.explains_more(seen))]
    told = [one for one, other in lights if other.explains_more(seen)]
    told += [one for one, other in usual if other.explains(seen)]
    alike = [one for one in tried if one.convention.range in (_USUAL, _TANH) and _is_like(graph, one, image)]
    told += [one for one in alike if one.convention.range == _USUAL]
    restyles = not better and answers.get("output_range") == _TANH != best.convention.range
    if restyles:
        better = [one for one in alike if one.convention.range == _TANH]
    if not better:
        return near, told
    first = _orders(graph, [min(better, key=lambda one: _PENALTY[one.convention.range])], image, answers)
    for one in first:
        one.raw = _score(graph, one)
        one.score = one.raw * _unusual(one.convention)
    first.sort(key=lambda one: (restyles and one.convention.order == "bgr", one.score))  # as unusual
    return [*first, *([] if nothing else near)], [*([] if nothing else near[:1]), *told]


def _is_like(graph: Foreign, one: _Candidate, image: Image) -> bool:
    """Whether what was made has something of the picture shown, in whatever light."""
    if _is_flat(one, image) or pictures.alike(one.made, _inner(image, one.convention.cut)) < _ALIKE:
        return False
    if _is_styled(one.convention):
        return bool(np.isfinite(one.off))
    return one.off <= _FAR or light(graph, one.convention, one.made, image).alone


def _is_styled(meant: Convention) -> bool:
    """Whether a second picture says how the first is to look: how light it is and its colours tell nothing then."""
    return any(isinstance(one, str) and not one.endswith(".npy") for one in meant.extras.values())


def _is_flat(one: _Candidate, image: Image) -> bool:
    """Whether nothing can be seen in what was made of a picture in which there is something."""
    return bool(np.clip(one.made, 0, 255).std() < _DULL < image.std())


def _refuse_garbage(graph: Foreign, best: _Candidate, tried: list[_Candidate], image: Image, answers: Answers) -> None:
    """Refuse what has nothing of the picture shown, unless the user said what it is."""
    if {"range", "order"} <= set(answers) and not _is_flat(best, image):
        return
    if _is_like(graph, best, image):
        return
    if {"range", "order"} <= set(answers):
        a = best.convention
        cure = "Weights that learnt nothing do so; of others leave out what was said, and it is found by trying"
        raise refuse(graph, f"{a.range} in, {a.output_range} out: all of a photo becomes the same grey", cure)
    like = pictures.alike(best.made, _inner(image, best.convention.cut))
    likeliest = sorted(tried, key=lambda one: one.off)[:2]
    said = "; ".join(
        f"{one.convention.range} in, {one.convention.output_range} out: "
        f"{f'{one.off:.0f}' if one.off < _ENDLESS else f'more than {_ENDLESS:.0f}'} grey levels off"
        for one in likeliest
    )
    raise refuse(graph, f"{said} (correlation {like:.2f} at best)")


def _doubts(near: list[_Candidate], lit: list[_Candidate], answers: Answers) -> tuple[str, ...]:
    """What could as well be otherwise, and would look otherwise; of a range in `lit`, if only the light changes."""
    best = near[0]
    a = best.convention
    poor = max(best.raw - 1.0, 0.0)  # what does little for pictures tells little, too
    doubts: list[str] = []
    ranges = [one.convention.range for one in lit
              if one.convention.range != a.range and pictures.difference(best.made, one.made) > _SEEN]  # fmt: skip
    for other in near[1:]:
        b = other.convention
        fits = other.score <= (_CLEAR + poor) * best.score or _is_styled(a)
        if a.range == b.range or _PENALTY[b.range] < _PENALTY[a.range]:
            fits = fits or other.raw <= (_CLEARER + poor) * best.raw
        if not fits or pictures.difference(best.made, other.made) <= _SEEN:
            continue
        if a.order != b.order and a.range == b.range:
            doubts.append(f"{b.order.upper()} fits as well as {a.order.upper()} (--order {b.order})")
        elif a.range != b.range and a.order == b.order:
            ranges.append(b.range)
    if ranges:
        others = " or ".join(list(dict.fromkeys(ranges))[:_TOLD])
        doubts.append(f"its values may be {others} instead of {a.range} (--range={ranges[0]})")
    if a.scale > 1 and best.raw > _POOR:
        doubts.append(
            f"photos come out {best.raw:.1f} times as wrong as plainly enlarged ones: little tells what is right"
        )
    if a.output_channels == 1 and a.order != "y" and "effect" not in answers:
        doubts.append("it gives grey alone (--effect background where that is a mask)")
    return tuple(dict.fromkeys(doubts))


def _with_extras(graph: Foreign, base: Convention, answers: Answers) -> Convention:
    """`base` with the constants for further inputs under which the picture is nearest to what was shown.

    What names tell stays. Of levels of noise the one is taken under which the graph does most for a noisy picture, of
    those that change it at all: a network that counts in 0..255 leaves it alone at 0.1, and one that makes little
    better would seem to do best so. What 0 switches off is switched on by 1.
    """
    if not base.extras or "extras" in answers:
        return base
    image = pictures.shown(*usual_side(base), base.scale, "noisy")
    outputs = [one.name for one in graph.outputs]
    for name in base.extras:
        open_to_trial = is_level(name) or values_of(name) is UNKNOWN
        if name in base.states or is_state(name, outputs) or isinstance(base.extras[name], list) or not open_to_trial:
            continue
        found: list[tuple[bool, float, int, Convention]] = []
        still = [0.0] if is_level(name) else []
        without = [one.made for one in _with(graph, base, name, still, image, answers)]
        tried = list(_with(graph, base, name, values_of(name), image, answers))
        kept = tried if is_level(name) else _switched_on(tried, name, image)
        for one in kept:
            unchanged = any(pictures.difference(one.made, made) <= _SEEN / 4 for made in without)
            score = _score(graph, one) if is_level(name) else round(one.off, 1)
            found.append((unchanged, score, len(found), one.convention))
        if found:
            base = replace(base, extras=min(found, key=lambda one: one[:3])[3].extras)
        seen = max((pictures.difference(one.made, other.made) for one in kept for other in kept), default=0.0)
        one_number = all(side in (0, 1) for port in graph.inputs if port.name == name for side in port.shape)
        if values_of(name) is UNKNOWN and one_number and seen > _SEEN:
            doubt = f"what {name} is to be: {base.extras[name]:g}, of what was tried ([extras] in a .toml)"
            base = base.doubted(doubt)
    return base


def _with(
    graph: Foreign, base: Convention, name: str, values: Iterable[float], image: Image, answers: Answers
) -> Iterator[_Candidate]:
    """What the graph makes of `image` with each of these constants for its input `name`."""
    for value in values:
        yield from _tried(graph, replace(base, extras={**base.extras, name: value}), image, answers)


def _switched_on(tried: list[_Candidate], name: str, image: Image) -> list[_Candidate]:
    """Of constants for the input `name` 1 alone, where 0 leaves a picture as it is and 1 makes another of it."""

    def at(value: float) -> _Candidate | None:
        found = (one for one in tried if one.convention.extras[name] == value)
        return next((one for one in found if one.made.shape == image.shape), None)

    off, on, shown = at(0.0), at(1.0), image.astype(np.float32)
    if off is None or on is None or pictures.difference(off.made, shown) > _SEEN / 4:
        return tried
    changes = pictures.difference(on.made, shown) > _SEEN / 4
    return [on] if changes and pictures.alike(on.made, image) >= _ALIKE else tried


def _inner(image: Image, cut: int) -> Image:
    return image[cut:-cut, cut:-cut] if cut else image
