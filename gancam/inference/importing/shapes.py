"""What the shapes of a graph's input and output tell of pictures: layout, channels, and by how much it enlarges."""

from collections.abc import Iterator

from gancam.inference.importing import pictures
from gancam.inference.importing.convention import Answers, Convention, Layout, encode
from gancam.inference.importing.foreign import Foreign, Port
from gancam.inference.importing.trial import OtherSize, TrialFailed

_SCALES = (1, 2, 3, 4, 5, 6, 8)
_LEAST, _MOST = 0.1, 20.0  # times a picture's sides: what is beyond is no picture of it

Size = tuple[int, int]  # height and width


def layouts(port: Port, answers: Answers) -> Iterator[tuple[Layout, int]]:
    """Layouts and channels that an input of that shape may have, the likelier first."""
    planes, _, columns = port.shape[-3:]
    wanted = answers.get("layout")
    options: list[tuple[Layout, int]] = [("nchw", planes), ("nhwc", columns)]
    certain = [(layout, count) for layout, count in options if count in (1, 3, 4)]
    guesses = [(layout, count) for layout, free in options if free == 0 for count in (3, 1)]
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
