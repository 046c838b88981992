"""A generator, a vector in and a picture out: probed, and made one of our layout ``latent``.

One in two files, the mapping (z to w) and the synthesis (w to a picture), is made one first. One that is a single graph
has no mapping: its only w is z itself.
"""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gancam.errors import ModelError, first_line
from gancam.inference.importing import wrap
from gancam.inference.importing.convention import Answers, Convention, Layout, OnnxModel, Tensor, with_answers
from gancam.inference.importing.foreign import Foreign, Port, refuse
from gancam.inference.importing.safety import check_safe
from gancam.inference.importing.trial import TrialFailed, TrialProcess
from gancam.inference.importing.wrap import INNER, Writer, extra, leaving

_PICTURES = 6  # that are looked at
_LEAST = 0.004  # standard deviation from picture to picture, as a share of their range, of what is no generator
_TRUNCATION = ("trunc", "psi")
_FLOATS = ("float32", "float16", "float64")
_FIRST, _SECOND = "mapping/", "synthesis/"  # what the names of either begin with afterwards


def latent_port(graph: Foreign) -> Port | None:
    """Find the input that takes a latent vector: floats ``(n, latent)`` or ``(n, latent, 1, 1)``."""
    for one in graph.inputs:
        vector = len(one.shape) == 2 or (len(one.shape) == 4 and one.shape[2:] == (1, 1))
        if vector and one.dtype in ("float32", "float16", "float64") and one.shape[1] > 1:
            return one
    return None


def probe_latent(graph: Foreign, port: Port, answers: Answers) -> Convention:
    """The convention of a generator that takes its vector by `port`.

    Raises ``ModelError`` that says what was tried when it makes no square pictures that differ.
    """
    outputs = [one for one in graph.outputs if len(one.shape) == 4]
    outputs = [one for one in outputs if one.name == answers.get("output")] or outputs
    base = Convention(
        effect="morph", image=port.name, output=outputs[0].name if outputs else "", dtype=port.dtype,
        latent=port.shape[1], spatial=len(port.shape) == 4, batch=False,
        extras={one.name: 1.0 if any(word in one.name.lower() for word in _TRUNCATION) else 0.0
                for one in graph.inputs if one is not port},
    )  # fmt: skip
    base = with_answers(base, answers)
    z = np.random.default_rng(0).standard_normal((_PICTURES, base.latent), np.float32)
    try:
        made = np.concatenate([generated(graph, z[index : index + 1], base) for index in range(_PICTURES)])
    except TrialFailed as error:
        raise refuse(graph, f"a latent vector of {base.latent} numbers ({error})") from error
    shape = _shape(made)
    if shape is None:
        raise refuse(graph, f"a latent vector: it gives {made.shape[1:]}, no square picture")
    layout, channels, side = shape
    spread = float(made.max() - made.min())
    if not np.isfinite(made).all() or spread == 0 or made.astype(np.float64).std(0).mean() < _LEAST * spread:
        raise refuse(graph, "a latent vector: other numbers do not make another picture")
    doubts: tuple[str, ...] = ()
    if "output_range" not in answers:
        span, doubts = _range(made)
        base = replace(base, output_range=span, range=span)
    if channels == 1:
        base = replace(base, order="y", output_order="y")
    elif not {"order", "output_order"} & set(answers):
        doubts += ("whether it gives RGB or BGR cannot be told (--output-order bgr)",)
    elif "output_order" not in answers:
        base = replace(base, output_order=base.order)
    base = replace(base, output_layout=layout, output_channels=channels, resolution=side, doubts=doubts)
    return replace(base, batch=_batches(graph, base))


def generated(graph: Foreign, z: NDArray[np.float32], convention: Convention) -> Tensor:
    """What the graph makes of z ``(n, latent)``, as it comes. Raises `TrialFailed`."""
    given = z[:, :, None, None] if convention.spatial else z
    beside = graph.extras(convention, np.zeros(()))
    found = graph.run({convention.image: given.astype(convention.dtype), **beside}, convention.output)
    if found.ndim != 4 or found.dtype.kind not in "fu":
        raise TrialFailed(f"gives {found.dtype} {found.shape}, no picture")
    return found


def _shape(made: Tensor) -> tuple[Layout, int, int] | None:
    if made.shape[1] in (1, 3) and made.shape[2] == made.shape[3]:
        return "nchw", made.shape[1], made.shape[2]
    if made.shape[3] in (1, 3) and made.shape[1] == made.shape[2]:
        return "nhwc", made.shape[3], made.shape[1]
    return None


def _range(made: Tensor) -> tuple[str, tuple[str, ...]]:
    """The range that the values have, and what is not certain about it."""
    if made.dtype == np.uint8:
        return "0..255", ()
    low, high = (float(one) for one in np.percentile(made.astype(np.float32), (1, 99)))
    if high > 8:
        return "0..255", () if low > -40 else ("its values go below 0 (--output-range)",)
    if low < -0.05:
        doubtful = max(-low, high) > 2.5
        return "-1..1", (f"its values reach from {low:.1f} to {high:.1f} (--output-range)",) if doubtful else ()
    return "0..1", ()


def _batches(graph: Foreign, base: Convention) -> bool:
    """Whether any number of pictures can be made at once, none included."""
    try:
        for count in (0, 3):
            z = np.random.default_rng(1).standard_normal((count, base.latent), np.float32)
            if len(generated(graph, z, base)) != count:
                return False
    except TrialFailed:
        return False
    return True


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


def join(one: Path, other: Path, target: Path) -> tuple[Path, Path]:
    """Write to `target` the generator whose mapping and synthesis are in the files `one` and `other`, in either order.

    A mapping that gives a w for all layers and a synthesis that takes one for each fit: it is repeated.

    Returns:
        The file of the mapping and that of the synthesis.

    Raises:
        NotFound: One of the files is not there.
        ModelError: They are no such pair, which the message explains, or one of them is damaged or not harmless.
        MissingExtra: The package `onnx` is not installed.
    """
    for path in (one, other):
        check_safe(path)
    process = TrialProcess()
    graphs = [Foreign(path, process) for path in (one, other)]
    makers = [graph for graph in graphs if _pictures(graph)]
    mappings = [graph for graph in graphs if not _pictures(graph)]
    if not makers:
        raise ModelError(f"neither {one.name} nor {other.name} gives a picture: a synthesis (w to it) is missing")
    if not mappings:
        raise ModelError(f"both {one.name} and {other.name} give pictures: a mapping (z to w) is missing")
    mapping, synthesis = mappings[0], makers[0]
    w, taken = _pair(mapping, synthesis)
    wrap.onnx().save(_merged(mapping, synthesis, w, taken), str(target))
    return mapping.path, synthesis.path


def _pictures(graph: Foreign) -> bool:
    return any(len(port.shape) == 4 for port in graph.outputs)


def _vectors(ports: list[Port]) -> list[Port]:
    """Those that may be w: ``(n, numbers)`` or ``(n, layers, numbers)``."""
    return [one for one in ports if len(one.shape) in (2, 3) and one.dtype in _FLOATS and one.shape[-1] != 1]


def _pair(mapping: Foreign, synthesis: Foreign) -> tuple[Port, Port]:
    """The output of the mapping that an input of the synthesis takes."""
    gives, takes = _vectors(mapping.outputs), _vectors(synthesis.inputs)
    for w in gives:
        for taken in takes:
            same = w.shape[-1] == taken.shape[-1] or 0 in (w.shape[-1], taken.shape[-1])
            layers = [one.shape[1] for one in (w, taken) if len(one.shape) == 3]
            if same and (len(layers) < 2 or 0 in layers or layers[0] == layers[1]):
                return w, taken
    raise ModelError(
        f"{mapping.path.name} and {synthesis.path.name} are no pair: the one {mapping.described()}; the other "
        f"{synthesis.described()}. What the one gives as w, the other has to take"
    )


def _merged(mapping: Foreign, synthesis: Foreign, w: Port, taken: Port) -> OnnxModel:
    package = wrap.onnx()
    models = [wrap.load(graph.path) for graph in (mapping, synthesis)]
    opsets = [next(one.version for one in model.opset_import if one.domain in ("", "ai.onnx")) for model in models]
    try:
        models = [model if opset == max(opsets) else package.version_converter.convert_version(model, max(opsets))
                  for model, opset in zip(models, opsets, strict=True)]  # fmt: skip
    except Exception as error:  # onnx's own
        raise ModelError(f"{mapping.path.name} and {synthesis.path.name} have operators of different opsets {opsets}, "
                         f"which cannot be brought together: {first_line(error)}") from error  # fmt: skip
    first, second = (package.compose.add_prefix(model, prefix)
                     for model, prefix in zip(models, (_FIRST, _SECOND), strict=True))  # fmt: skip
    between = _between(package, _FIRST + w.name, w, _SECOND + taken.name, taken)
    graph = second.graph
    nodes = [*first.graph.node, *between, *graph.node]
    inputs = [*first.graph.input, *(one for one in graph.input if one.name != _SECOND + taken.name)]
    del graph.node[:], graph.input[:]
    graph.node.extend(nodes)
    graph.input.extend(inputs)
    graph.initializer.extend(first.graph.initializer)
    graph.value_info.extend(first.graph.value_info)
    second.ir_version = max(model.ir_version for model in models)
    second.metadata_props.extend(first.metadata_props)
    return second


def _between(package: Any, given: str, w: Port, target: str, taken: Port) -> list[Any]:
    """Operators that lead w to where it is taken: repeated for each layer, the first of all layers, or as it is."""
    helper, kinds = package.helper, package.TensorProto

    def numbers(name: str, *values: int) -> Any:
        tensor = helper.make_tensor(name, kinds.INT64, [len(values)], values)
        return helper.make_node("Constant", [], [name], value=tensor)

    found = []
    if w.dtype != taken.dtype:
        kind = helper.np_dtype_to_tensor_dtype(np.dtype(taken.dtype))
        found.append(helper.make_node("Cast", [given], ["between/cast"], to=kind))
        given = "between/cast"
    if len(w.shape) == 2 and len(taken.shape) == 3:
        found += [
            numbers("between/axis", 1), numbers("between/shape", 1, taken.shape[1] or 1, 1),
            helper.make_node("Unsqueeze", [given, "between/axis"], ["between/one"]),
            helper.make_node("Expand", ["between/one", "between/shape"], [target]),
        ]  # fmt: skip
    elif len(w.shape) == 3 and len(taken.shape) == 2:
        scalar = helper.make_tensor("between/first", kinds.INT64, [], [0])
        found += [
            helper.make_node("Constant", [], ["between/first"], value=scalar),
            helper.make_node("Gather", [given, "between/first"], [target], axis=1),
        ]  # fmt: skip
    else:
        found.append(helper.make_node("Identity", [given], [target]))
    return found
