"""Layout, channels, scale and size of what a graph takes as a picture, and gives: by its shapes, and by running."""

from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import replace
from itertools import product
from typing import Any, get_args

import numpy as np

from gancam.errors import ModelError
from gancam.frame import Image
from gancam.inference.importing import pictures
from gancam.inference.importing.convention import (
    Answers,
    Constant,
    Convention,
    Layout,
    Order,
    Tensor,
    encode,
    with_answers,
)
from gancam.inference.importing.extras import first_of, starts
from gancam.inference.importing.foreign import Foreign, Port, refuse
from gancam.inference.importing.measure import SIDES, usual_side
from gancam.inference.importing.states import paired, start_sizes
from gancam.inference.importing.trial import NoPicture, OtherSize, TrialFailed

_SCALES = (1, 2, 3, 4, 5, 6, 8)
_LEAST, _MOST = 0.1, 20.0  # times a picture's sides: what is beyond is no picture of it

Size = tuple[int, int]  # height and width


def layouts(port: Port, answers: Answers) -> Iterator[tuple[Layout, int]]:
    """Layouts and channels that an input of that shape may have, the likelier first."""
    planes, rows, columns = port.shape[-3:]
    wanted = answers.get("layout")
    options: list[tuple[Layout, int]] = [("nchw", planes), ("nhwc", columns)]
    certain = [(layout, count) for layout, count in options if count in (1, 3, 4)]
    free = [layout for layout, count in options if count == 0]
    if planes and not rows:  # 7 planes of any size, not pictures that are 7 high and of any width
        free = [layout for layout in free if layout == "nchw"]
    guesses: list[tuple[Layout, int]] = [(layout, count) for layout in free for count in (3, 1)]
    for layout, count in certain or guesses:
        if wanted in (None, layout):
            yield layout, count


def no_layout(port: Port, answers: Answers) -> str:
    """Say why `layouts` has none."""
    shape = ", ".join(str(side or "any") for side in port.shape)
    return f"layout {answers.get('layout')}, as was said, in which {port.name} ({shape}) has no 1, 3 or 4 channels"


def scales(given: Size, made: Size) -> Iterator[tuple[int, int]]:
    """Scales, the least first, by which a picture of size `given` becomes one of size `made`, and the border it loses.

    That is in pixels of the picture that is given.
    """
    for scale in _SCALES:
        lost = [scale * before - after for before, after in zip(given, made, strict=True)]
        if lost[0] == lost[1] and 0 <= lost[0] < min(given) * scale // 2 and lost[0] % (2 * scale) == 0:
            yield scale, lost[0] // (2 * scale)


def is_like(given: Size, made: Size) -> bool:
    """Whether `made` has the form of a picture of size `given`, of whatever scale."""
    times = [after / before for before, after in zip(given, made, strict=True)]
    return times[0] == times[1] and _LEAST <= times[0] <= _MOST


def misfit(output: str, given: Size, made: Size, answers: Answers) -> OtherSize:
    """Say why a picture of size `made`, of one of size `given`, cannot be what comes out."""
    seen, times = f"{output} gives {made[1]}x{made[0]} for {given[1]}x{given[0]}", made[0] / given[0]
    if times in _SCALES and "scale" in answers:
        return OtherSize(f"{seen}, which is x{times:g}, and scale says {answers['scale']}: leave that out")
    known = f"{', '.join(map(str, _SCALES[1:-1]))} or {_SCALES[-1]}"
    return OtherSize(
        f"{seen}, {times:.3g} times its sides: what keeps the size of a picture, or enlarges it by {known}, is played"
    )


def check_cut(graph: Foreign, found: Convention, given: Size, answers: Answers) -> None:
    """Raise `OtherSize` where what is lost at the border grows with the picture: its scale is no whole number."""
    if not found.cut or found.fixed:
        return
    try:
        made = graph.raw(encode(pictures.shown(*given, 1), found), found).shape
    except TrialFailed:  # of a size that it does not take
        return
    rows, columns = made[-2:] if found.output_layout == "nchw" else made[-3:-1]
    if rows != found.scale * (given[0] - 2 * found.cut):
        raise misfit(found.output, given, (rows, columns), answers)


def outputs_of(graph: Foreign, answers: Answers) -> list[Port]:
    """Outputs that may be a picture: coloured ones first, else as they come."""
    outputs = [one for one in graph.outputs if one.is_picture]
    named = [one for one in outputs if one.name == answers.get("output")]
    return named or sorted(outputs, key=lambda one: planes_of(one) == 1)


def planes_of(port: Port) -> int:
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
            for height, width in [usual_side(base)] if base.fixed else [(side, side) for side in SIDES]:
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


def shapes_of(
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
            minimum = max(size) if not base.fixed and max(size) > SIDES[0] else 1
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
    raise _other_size(graph, base, image) or first


def _other_size(graph: Foreign, base: Convention, image: Image) -> OtherSize | None:
    """Why it does not run, where it is the size of a picture among the constants."""
    named = [one for one, value in base.extras.items() if isinstance(value, str) and not value.endswith(".npy")]
    if not named:
        return None
    grey = replace(base, extras={**base.extras, **dict.fromkeys(named, 0.5)})  # as large as what is shown
    try:
        graph.raw(encode(image, grey), grey)
    except TrialFailed:
        return None
    return OtherSize(
        f"{' and '.join(named)} must be of the size of {base.image}, and a picture in [extras] has a size of its own: "
        "a network whose second picture has to be as large as each frame is not played"
    )
