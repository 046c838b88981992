"""Probing a generator: a vector in, a picture out."""

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from gancam.inference.importing.convention import Answers, Convention, Layout, Tensor, with_answers
from gancam.inference.importing.foreign import Foreign, Port, refuse
from gancam.inference.importing.trial import TrialFailed

_PICTURES = 6  # that are looked at
_LEAST = 0.004  # standard deviation from picture to picture, as a share of their range, of what is no generator
_TRUNCATION = ("trunc", "psi")


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
