"""A graph that fills holes, made one of our layout ``masked``."""

import numpy as np

from gancam.inference.importing.convention import Convention, OnnxModel
from gancam.inference.importing.masked import ENDS
from gancam.inference.importing.wrap import INNER, Writer, batch, extra, leaving, native, pads, place, resized, sizes


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
