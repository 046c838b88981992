"""A generator made one of our layout ``latent``. It has no mapping: its only w is z itself."""

from dataclasses import replace

import numpy as np

from gancam.inference.importing.convention import Convention, OnnxModel
from gancam.inference.importing.wrap import INNER, Writer, extra, leaving


def wrap_latent(model: OnnxModel, convention: Convention) -> OnnxModel:
    """`model` in our layout ``latent``. One that makes a picture at a time becomes the body of a loop."""
    writer = Writer(model)
    latent, side = convention.latent, convention.resolution
    shape = [-1, latent, 1, 1] if convention.spatial else [-1, latent]
    given = "ws"
    if not convention.batch:
        given = writer.add("Gather", "ws", "gancam_index", axis=0)
    z = writer.add("Reshape", given, writer.numbers(*shape))
    if convention.dtype != "float32":
        z = writer.cast(z, convention.dtype)
    writer.add("Identity", z, name=INNER + convention.image)
    for name, value in convention.extras.items():
        extra(writer, name, value, convention)
    writer.behind()
    y = leaving(writer, INNER + convention.output, replace(convention, batch=True))
    if convention.batch:
        writer.add("Identity", y, name="image")
    else:
        y = writer.add("Squeeze", y, writer.numbers(0))
        _looped(writer, y, side)
    writer.add("Identity", "z", name="w")
    writer.add("Identity", writer.constant(np.zeros((1, latent)), np.float32), name="centre")
    return writer.finish(
        [("z", np.float32, ["n", latent]), ("ws", np.float32, ["m", 1, latent])],
        [("w", np.float32, ["n", latent]), ("image", np.uint8, ["m", side, side, 3]),
         ("centre", np.float32, [1, latent])],
    )  # fmt: skip


def _looped(writer: Writer, y: str, side: int) -> None:
    """Move all that was written so far into the body of a loop over the first axis of ``ws``, which gives `y`."""
    helper, graph = writer.onnx.helper, writer.model.graph
    kinds = writer.onnx.TensorProto
    nodes = [*writer.before, *graph.node, *writer.after]
    nodes.append(helper.make_node("Identity", ["gancam_on"], ["gancam_still_on"]))
    body = helper.make_graph(
        nodes, "picture",
        [helper.make_tensor_value_info("gancam_index", kinds.INT64, []),
         helper.make_tensor_value_info("gancam_on", kinds.BOOL, [])],
        [helper.make_tensor_value_info("gancam_still_on", kinds.BOOL, []),
         helper.make_tensor_value_info(y, kinds.UINT8, [side, side, 3])],
        [*graph.initializer, *writer.constants],
    )  # fmt: skip
    for written in (writer.before, writer.after, writer.constants):
        written.clear()
    del graph.node[:], graph.initializer[:], graph.value_info[:]
    count = writer.add("Gather", writer.add("Shape", "ws"), writer.constant(0, np.int64))
    writer.add("Loop", count, "", name="image", body=body)
