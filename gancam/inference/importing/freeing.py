"""Graphs that say one size which nothing in them needs, with free sides."""

import tempfile
from dataclasses import replace
from pathlib import Path

from gancam.errors import GancamError
from gancam.inference.importing import pictures, wrap
from gancam.inference.importing.convention import Answers, Convention, OnnxModel
from gancam.inference.importing.fitting import layouts
from gancam.inference.importing.foreign import Foreign
from gancam.inference.importing.matte import is_matting
from gancam.inference.importing.measure import measured, usual_side
from gancam.inference.importing.probe import probe
from gancam.inference.importing.trial import TrialFailed

_LARGE = 192  # pixels of the shorter side of a graph of one size from which on small pictures are tried first


def probed(
    model: OnnxModel, graph: Foreign, answers: Answers, folder: Path | None
) -> tuple[OnnxModel, Foreign, Convention]:
    """`probe`, on small pictures first where there is a `folder` for the graph with free sides."""
    early = None if folder is None else _freed_first(model, graph, answers, folder)
    return early or (model, graph, probe(graph, answers))


def _freed_first(
    model: OnnxModel, graph: Foreign, answers: Answers, folder: Path
) -> tuple[OnnxModel, Foreign, Convention] | None:
    """A graph of one large size with free sides, found out about on small pictures, which take a part of the time.

    None where it needs its size, is of another kind, or makes of a picture of its own size something else.
    """
    picture, free = graph.inputs[0], (None, "translate", "super_resolution")
    layout = next((one for one, _ in layouts(picture, answers)), None) if picture.is_picture else None
    if layout is None or len(graph.inputs) > 1 or len(picture.shape) != 4 or answers.get("effect") not in free:
        return None
    sides = picture.shape[2:] if layout == "nchw" else picture.shape[1:3]
    if min(sides) < _LARGE or "height" in answers or is_matting(graph, answers):
        return None
    path = folder / "free.onnx"
    try:
        known = Convention(image=picture.name, layout=layout, output_layout=layout)
        wrap.onnx().save(other := wrap.freed(model, known), str(path))
        small = Foreign(path, graph.process, graph.name)
        found = probe(small, answers)
        if found.fixed or found.layout != layout or found.output_layout != layout or found.effect not in free:
            return None
        shown, own = (pictures.shown(*size, found.scale) for size in (usual_side(found), sides))
        made = small.picture(own, found)
        usual = pictures.off(small.picture(shown, found), shown)
    except (TrialFailed, GancamError, ValueError, OSError):
        return None
    if made.shape[:2] != tuple(found.scale * (side - 2 * found.cut) for side in sides):
        return None
    own = own[found.cut : sides[0] - found.cut, found.cut : sides[1] - found.cut]
    return (other, small, found) if _alike(pictures.off(made, own), usual) else None


def freed(
    model: OnnxModel, graph: Foreign, convention: Convention, answers: Answers
) -> tuple[OnnxModel, Foreign, Convention]:
    """The same with free sides, where other sizes run and look like what was shown."""
    free = wrap.freed(model, convention)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "free.onnx"
        try:
            wrap.onnx().save(free, str(path))
            other = Foreign(path, graph.process, graph.name)
            size = convention.height + 32, convention.width + 64
            found = replace(convention, height=0, width=0, minimum=1, multiple=1)
            small = pictures.shown(convention.height, convention.width, convention.scale)
            large = pictures.shown(*size, convention.scale)
            usual = pictures.off(graph.picture(small, convention), small)
            made = other.picture(large, found)
            if made.shape[:2] != tuple(convention.scale * side for side in size):
                raise TrialFailed("another size came out")
            if not _alike(pictures.off(made, large), usual):
                raise TrialFailed("looks otherwise")
            found = measured(other, found, answers)
            return free, other, found
        except (TrialFailed, GancamError, ValueError, OSError):
            return model, graph, convention


def _alike(one: float, other: float) -> bool:
    """Whether a graph that is so far off at one size, and so far at another, does the same at both."""
    return max(one, other) <= 1.5 * min(one, other) + 2.0
