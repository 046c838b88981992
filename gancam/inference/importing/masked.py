"""A graph that fills holes, a picture and a mask in, or four channels, and a picture out: probed, and made one of ours.

Photos with a hole full of stripes are shown to it. The right hypothesis is the one under which the hole loses its
stripes and gets the gist of what was there, and the rest stays.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import product
from typing import Any, get_args

import cv2
import numpy as np
from numpy.typing import NDArray

from gancam.frame import Image
from gancam.inference.importing import pictures
from gancam.inference.importing.convention import (
    RANGES,
    Answers,
    Convention,
    Floats,
    Layout,
    OnnxModel,
    Order,
    Tensor,
    decode,
    encode,
    shaped,
    with_answers,
)
from gancam.inference.importing.fitting import layouts
from gancam.inference.importing.foreign import Foreign, Port, refuse
from gancam.inference.importing.measure import SIDES, sized, usual_side
from gancam.inference.importing.trial import TrialFailed
from gancam.inference.importing.wrap import INNER, Writer, batch, extra, leaving, native, pads, place, resized, sizes

_MASK_RANGES = {"plane": ("0..1", "-0.5..0.5", "-1..1"), "float": ("0..1", "0..255"), "uint8": ("0..255", "0..1")}
_MOST_KNOWN = 24.0  # grey levels off in what was known that count: some graphs give nothing there
_GARBAGE = 0.75  # of the stripes' own error in a hole, beyond which it was not filled
_AROUND = 3.0  # grey levels by which the middle of a hole differs when all around it is inverted
_CLOSE, _SEEN = 1.03, 1.5  # as in ``importing.image``
_THIN = 128  # pixels along a side of which pictures are compared
ENDS = {"0..1": (0.0, 1.0), "0..255": (0.0, 255.0), "-0.5..0.5": (-0.5, 0.5), "-1..1": (-1.0, 1.0)}
Hole = NDArray[np.bool_]


@dataclass
class _Candidate:
    convention: Convention
    made: Floats
    score: float


def probe_masked(graph: Foreign, picture: Port, mask: Port | None, extras: list[Port], answers: Answers) -> Convention:
    """The convention of a graph that fills holes; without `mask` that is the fourth channel of `picture`.

    Raises ``ModelError`` that says what was tried when nothing fits.
    """
    reasons: list[str] = []
    found: list[_Candidate] = []
    for base in _shapes(graph, picture, mask, extras, answers):
        for side in (0,) if base.fixed else SIDES:
            one = replace(base, minimum=side) if side else base
            tried, reason = _tried_all(graph, one, answers)
            found += tried
            reasons += [f"{one.layout}: {reason}"] if reason else []
            if tried:
                break
    if not found:
        raise refuse(graph, f"a picture and a mask: {'; '.join(dict.fromkeys(reasons))}")
    best = _settled(graph, found, answers)
    stripes = _hole_off(_thin(_striped(best)[0]).astype(np.float32), best)
    left = min(one.score for one in found)
    if left > _GARBAGE * stripes and "mask_one" not in answers:
        raise refuse(graph, f"a picture and a mask, both polarities: no hole is filled ({left:.0f} levels off)")
    if not ({"mask_one", "effect"} & set(answers) or _looks_around(graph, best)):
        raise refuse(graph, "a picture and a mask: what is filled in has nothing of what is around it")

    def works(height: int, width: int) -> bool:
        try:
            filled(graph, np.zeros((height, width, 3), np.uint8), np.eye(height, width) > 0, best)
        except TrialFailed:
            return False
        return True

    return sized(best, works, answers)


def _looks_around(graph: Foreign, convention: Convention) -> bool:
    """Whether the middle of a hole gets something else where all around it is something else."""
    image, hole = _striped(convention)
    other = np.where(hole[..., None], image, 255 - image).astype(np.uint8)
    try:
        one, two = (filled(graph, picture, hole, convention) for picture in (image, other))
    except TrialFailed:
        return False
    rim = 2 * (image.shape[0] // 16) + 1
    middle = cv2.erode(hole.astype(np.uint8), np.ones((rim, rim), np.uint8)) > 0
    return float(np.abs(one - two)[middle].mean()) > _AROUND


def encode_masked(image: Image, hole: Hole, convention: Convention) -> dict[str, Tensor]:
    """The tensors of a picture ``(h, w, 3)`` uint8 BGR and its hole ``(h, w)``, True where to fill."""
    if convention.hole == "black":
        image = np.where(hole[..., None], 0, image).astype(np.uint8)
    low, high = ENDS[convention.mask_range]
    marked = hole if convention.mask_one == "hole" else ~hole
    mask = np.where(marked, high, low).astype(np.float32)
    plain = replace(convention, layout="nhwc", batch=False, dtype="float32", channels=3)
    pixels: Any = encode(image, plain)
    if convention.hole == "zero":
        pixels = np.where(hole[..., None], 0.0, pixels).astype(np.float32)
    if not convention.mask:
        planes = [mask[..., None], pixels] if convention.mask_first else [pixels, mask[..., None]]
        return {convention.image: shaped(np.concatenate(planes, axis=2), convention)}
    if convention.dtype == "uint8":
        pixels = np.clip(np.round(pixels), 0, 255)
    axes = {"nchw": (0, 1), "nhwc": (0, 3), "nhw": (0,), "hw": ()}[convention.mask_layout]
    given = np.ascontiguousarray(np.expand_dims(mask, axes), np.dtype(convention.mask_dtype))
    return {convention.image: shaped(pixels, convention), convention.mask: given}


def filled(graph: Foreign, image: Image, hole: Hole, convention: Convention) -> Floats:
    """What the graph makes of it, ``(h, w, 3)`` float32 BGR in 0..255, not clipped. Raises `TrialFailed`."""
    found = _run(graph, image, hole, convention)
    made = decode(found, convention) if found.ndim == 3 + convention.batch else None
    if made is None or made.shape != image.shape:
        raise TrialFailed(f"gives {found.shape} for {image.shape[1]}x{image.shape[0]}")
    return made


def _run(graph: Foreign, image: Image, hole: Hole, convention: Convention) -> Tensor:
    given = encode_masked(image, hole, convention)
    beside = graph.extras(convention, given[convention.image])
    return graph.run({**given, **beside}, convention.output)


def _shapes(
    graph: Foreign, picture: Port, mask: Port | None, extras: list[Port], answers: Answers
) -> Iterator[Convention]:
    outputs = [one.name for one in graph.outputs if one.is_picture]
    for layout, channels in layouts(picture, answers):
        if channels != (4 if mask is None else 3):
            continue
        sides = picture.shape[-2:] if layout == "nchw" else picture.shape[-3:-1]
        base = Convention(
            effect="inpaint", image=picture.name, output=outputs[0], layout=layout, output_layout=layout,
            batch=len(picture.shape) == 4, dtype=picture.dtype, channels=channels,
            height=sides[0] if all(sides) else 0, width=sides[1] if all(sides) else 0,
            range="0..255" if picture.dtype == "uint8" else "0..1", extras={one.name: 0.0 for one in extras},
        )  # fmt: skip
        if mask is not None:
            last = mask.shape[-1] == 1 and mask.shape[1] != 1
            layouts_of = {2: "hw", 3: "nhw", 4: "nhwc" if last or (layout == "nhwc" and mask.shape[1] != 1) else "nchw"}
            base = replace(base, mask=mask.name, mask_layout=layouts_of[len(mask.shape)], mask_dtype=mask.dtype)
        yield with_answers(base, answers)


def _tried_all(graph: Foreign, base: Convention, answers: Answers) -> tuple[list[_Candidate], str]:
    """What comes of every range and polarity for one shape; and why nothing runs, where nothing does."""
    kind = "plane" if not base.mask else "uint8" if base.mask_dtype == "uint8" else "float"
    found: list[_Candidate] = []
    reason = ""
    spans = [base.range] if base.dtype == "uint8" or "range" in answers else list(RANGES)
    for span in spans:
        for mask_range in _MASK_RANGES[kind] if "mask_range" not in answers else [base.mask_range]:
            for one in ("hole", "known") if "mask_one" not in answers else [base.mask_one]:
                for first in (False, True) if not base.mask and "mask_first" not in answers else [base.mask_first]:
                    meant: Any = replace(base, range=span, mask_range=mask_range, mask_one=one, mask_first=first,
                                         hole=answers.get("hole", "zero"))  # fmt: skip
                    try:
                        found += _tried(graph, meant, answers)
                    except TrialFailed as error:
                        reason = str(error)
                        if not found:
                            return [], reason
    return found, reason


def _tried(graph: Foreign, one: Convention, answers: Answers) -> list[_Candidate]:
    """What the graph makes of the striped hole, with the likeliest meaning of its output. Raises `TrialFailed`."""
    image, hole = _striped(one)
    found = _run(graph, image, hole, one)
    candidates = []
    bytes_out = found.dtype == np.uint8
    spans = ["0..255"] if bytes_out else [one.output_range] if "output_range" in answers else list(RANGES)
    orders: list[Order] = [one.order, "bgr" if one.order == "rgb" else "rgb"]
    if "output_order" in answers:
        orders = [one.output_order]
    if found.ndim != 3 + one.batch:
        raise TrialFailed(f"gives {found.shape}")
    for layout, span, order in product(get_args(Layout), spans, orders):
        meant = replace(one, output_range=span, output_order=order, output_layout=layout)
        made = decode(found, meant)
        if made.shape != image.shape or not np.isfinite(made).all():
            continue
        unusual = (1.0 if span == one.range else 1.03) * (1.0 if order == one.order else 1.05)
        candidates.append(_Candidate(meant, made, _score(made, meant) * unusual))
    if not candidates:
        raise TrialFailed(f"gives {found.shape}, no picture of {image.shape[1]}x{image.shape[0]}")
    return [min(candidates, key=lambda other: other.score)]


def _score(made: Floats, convention: Convention) -> float:
    """How wrong it is, in grey levels: of the gist in the hole, and of what was known, up to a limit."""
    made, image, hole = _thin(made), *map(_thin, _striped(convention))
    known = float(np.abs(made - image)[~hole].mean())
    return _hole_off(made, convention) + 0.5 * min(known, _MOST_KNOWN)


def _thin(planes: NDArray[Any]) -> NDArray[Any]:
    """Every so many rows and columns of large pictures, of which the trials would take longer than the network."""
    step = max(min(planes.shape[:2]) // _THIN, 1)
    return planes[::step, ::step]


def _hole_off(made: Floats, convention: Convention) -> float:
    """How far `made`, thinned, is off in the holes, in grey levels."""
    _, hole = map(_thin, _striped(convention))
    wanted = _thin(pictures.truth(*usual_side(convention))).astype(np.float32)
    size = hole.shape[1], hole.shape[0]
    mixed = np.where(hole[..., None], made, wanted).astype(np.float32)
    gist = np.abs(pictures.gist(mixed, size) - pictures.gist(wanted, size))[hole].mean()
    return float(gist + 0.25 * np.abs(mixed - wanted)[hole].mean())


def _striped(convention: Convention) -> tuple[Image, Hole]:
    """A photo with holes full of stripes, and the holes."""
    height, width = usual_side(convention)
    image = pictures.truth(height, width).copy()
    hole = np.zeros((height, width), np.bool_)
    hole[height * 5 // 16 : height * 9 // 16, width // 4 : width // 2] = True
    hole[height * 11 // 16 : height * 13 // 16, width * 5 // 8 : width * 7 // 8] = True
    stripes = np.where((np.arange(width) // 2 % 2)[None, :, None] == 0, (255, 0, 255), (0, 255, 0))
    image[hole] = np.broadcast_to(stripes, image.shape)[hole]
    return image, hole


def _settled(graph: Foreign, found: list[_Candidate], answers: Answers) -> Convention:
    """The best of `found` with what the hole holds, its colour order, and its doubts."""
    found.sort(key=lambda one: one.score)
    best = found[0]
    doubts = []
    for other in found[1:]:
        if other.score <= _CLOSE * best.score and _apart(best, other) > _SEEN:
            a, b = best.convention, other.convention
            pairs = {
                "range": (a.range, b.range), "mask_one": (a.mask_one, b.mask_one),
                "mask_range": (a.mask_range, b.mask_range),
            }  # fmt: skip
            doubts += [f"{key} {two} fits as well as {one}" for key, (one, two) in pairs.items() if one != two]
    if "hole" not in answers:
        best = _held(graph, best, answers)
    if "order" not in answers:
        swapped: Any = "bgr" if best.convention.order == "rgb" else "rgb"
        for other in _attempt(graph, replace(best.convention, order=swapped), answers):
            if _apart(best, other) > _SEEN:
                if other.score < best.score / _CLOSE:
                    best, other = other, best
                if other.score <= 1.15 * best.score:
                    fits, taken = other.convention.order.upper(), best.convention.order.upper()
                    doubts.append(f"{fits} fits as well as {taken} (--order {fits.lower()})")
    return replace(best.convention, doubts=tuple(dict.fromkeys(doubts)))


def _apart(one: _Candidate, other: _Candidate) -> float:
    """How much they differ in the holes, in grey levels: of the picture around them, which is most, nothing is seen."""
    _, hole = _striped(one.convention)
    return pictures.difference(one.made[hole], other.made[hole])


def _held(graph: Foreign, best: _Candidate, answers: Answers) -> _Candidate:
    """The same with what the hole is filled with before: nothing where the graph does not look there."""
    others = {
        kind: one for kind in ("any", "black") for one in _attempt(graph, replace(best.convention, hole=kind), answers)
    }
    free = others.get("any")
    if free is not None and pictures.difference(free.made, best.made) < _SEEN / 4:
        return free
    black = others.get("black")
    return black if black is not None and black.score < best.score / _CLOSE else best


def _attempt(graph: Foreign, one: Convention, answers: Answers) -> list[_Candidate]:
    try:
        return _tried(graph, one, answers)
    except TrialFailed:
        return []


def wrap_masked(model: OnnxModel, convention: Convention) -> OnnxModel:
    """Turn `model` into our layout ``masked``, of any size.

    That is ``image (n, h, w, 3)`` uint8 BGR and ``hole (n, h, w)`` in, ``filled`` out. Graphs of one size are shown the
    picture squeezed into it, after its border was repeated to a square.
    """
    writer = Writer(model)
    x = "image"
    marked = writer.add("Unsqueeze", writer.cast("hole", "bool"), writer.numbers(3))
    hole = writer.cast(marked, "uint8")
    sides = square = ""
    if convention.fixed:
        x, hole, sides, square = _squeezed(writer, x, hole, convention)
    elif pads(convention):
        sides, more = sizes(writer, x, convention)
        x, hole = (writer.add("Pad", one, more, mode="edge") for one in (x, hole))
    _enter(writer, x, hole, convention)
    for name, value in convention.extras.items():
        extra(writer, name, value, convention)
    writer.behind()
    y = leaving(writer, INNER + convention.output, convention)
    if square:
        y = resized(writer, y, square)
    if sides:
        y = writer.part(y, writer.numbers(0, 0), sides, writer.numbers(1, 2))
    writer.add("Where", marked, y, "image", name="filled")
    count = batch(model, convention)
    return writer.finish(
        [("image", np.uint8, [count, "h", "w", 3]), ("hole", np.uint8, [count, "h", "w"])],
        [("filled", np.uint8, [count, "h", "w", 3])],
    )


def _enter(writer: Writer, x: str, hole: str, convention: Convention) -> None:
    """From uint8 BGR and hole (1 where to fill), ``(n, h, w, 3)`` and ``(n, h, w, 1)``, to the graph's own inputs."""
    if convention.hole == "black":
        x = writer.add("Mul", x, writer.add("Sub", writer.constant(1, np.uint8), hole))
    pixels = native(writer, x, convention)
    plane = writer.add("Transpose", writer.cast(hole, "float32"), perm=[0, 3, 1, 2])
    known = writer.add("Sub", writer.constant(1.0, np.float32), plane)
    if convention.hole == "zero":
        same = known if convention.dtype != "uint8" else writer.cast(known, "uint8")
        pixels = writer.add("Mul", pixels, same)
    low, high = ENDS[convention.mask_range]
    mask = plane if convention.mask_one == "hole" else known
    if high - low != 1.0:
        mask = writer.add("Mul", mask, writer.constant(high - low, np.float32))
    if low:
        mask = writer.add("Add", mask, writer.constant(low, np.float32))
    if not convention.mask:
        planes = [mask, pixels] if convention.mask_first else [pixels, mask]
        place(writer, writer.add("Concat", *planes, axis=1), convention, INNER + convention.image)
        return
    place(writer, pixels, convention, INNER + convention.image)
    mask = writer.cast(mask, convention.mask_dtype)
    if convention.mask_layout == "nhwc":
        mask = writer.add("Transpose", mask, perm=[0, 2, 3, 1])
    elif convention.mask_layout == "nhw":
        mask = writer.add("Squeeze", mask, writer.numbers(1))
    elif convention.mask_layout == "hw":
        mask = writer.add("Squeeze", mask, writer.numbers(0, 1))
    writer.add("Identity", mask, name=INNER + convention.mask)


def _squeezed(writer: Writer, x: str, hole: str, convention: Convention) -> tuple[str, str, str, str]:
    """`x` and `hole` at the one size that the graph takes; their own height and width; and the square's."""
    shape = writer.add("Shape", x)
    sides = writer.part(shape, writer.numbers(1), writer.numbers(3), writer.numbers(0))
    longest = writer.add("ReduceMax", sides, keepdims=1)
    more = writer.add("Sub", writer.add("Concat", longest, longest, axis=0), sides)
    every = writer.add("Concat", writer.numbers(0, 0, 0, 0, 0), more, writer.numbers(0), axis=0)
    x, hole = (writer.add("Pad", one, every, mode="edge") for one in (x, hole))
    size = writer.numbers(convention.height, convention.width)
    grey = writer.add("Mul", hole, writer.constant(255, np.uint8))
    hole = writer.cast(writer.cast(resized(writer, grey, size), "bool"), "uint8")
    return resized(writer, x, size), hole, sides, writer.add("Concat", longest, longest, axis=0)
