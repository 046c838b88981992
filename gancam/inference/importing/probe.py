"""Which kind of graph it is: one that makes a picture of a picture, one that fills holes, or a generator."""

from gancam.errors import ModelError
from gancam.inference.importing.convention import Answers, Convention
from gancam.inference.importing.foreign import Foreign, Port, refuse
from gancam.inference.importing.image import CURE, layouts, probe_image
from gancam.inference.importing.latent import latent_port, probe_latent
from gancam.inference.importing.masked import probe_masked

_LEAVE = "Leave --effect out, and it is found by trying"
_MASKS = ("mask", "hole", "trimap")


def probe(graph: Foreign, answers: Answers) -> Convention:
    """What `graph` takes and gives. `answers`, entries of `Convention`, are not questioned.

    Raises ``ModelError`` that says what was tried when nothing fits.
    """
    if not any(one.is_picture for one in graph.outputs):
        raise refuse(graph, "an output of three or four axes as a picture, of which it has none", CURE)
    vector = latent_port(graph)
    fits = any(one.is_picture and one is not vector for one in graph.inputs)
    if vector is not None and (answers.get("effect", "morph" if not fits else "") == "morph"):
        return probe_latent(graph, vector, answers)
    picture, others = _ports(graph, answers)
    if answers.get("effect", "inpaint") == "inpaint":
        masks = [one for one in others if _is_mask(one, answers)]
        four = any(channels == 4 for _, channels in layouts(picture, answers))
        if masks or four:
            rest = [one for one in others if one not in masks[:1]]
            return probe_masked(graph, picture, masks[0] if masks else None, rest, answers)
    if answers.get("effect") in ("inpaint", "morph"):
        missing = "a mask, as an input or a fourth channel" if answers["effect"] == "inpaint" else "a vector of numbers"
        raise refuse(
            graph, f"to find {missing}, which {answers['effect']} needs", "Leave --effect out, and it is tried"
        )
    found = probe_image(graph, picture, others, answers)
    if (found.effect == "super_resolution") != (found.scale > 1):
        size = f"enlarges by {found.scale}" if found.scale > 1 else "keeps the size of a picture"
        raise refuse(graph, f"as {found.effect}, but it {size}", _LEAVE)
    return found


def _is_mask(port: Port, answers: Answers) -> bool:
    """Whether an input is a mask of the picture: one plane of its size, or a name that says so."""
    if port.name == answers.get("mask"):
        return True
    if not port.dtype or len(port.shape) not in (3, 4) or port.dtype.startswith("int"):
        return False
    free = port.shape.count(0) >= 2 or max(port.shape) > 8
    return free and (1 in port.shape[1:] or any(word in port.name.lower() for word in _MASKS))


def _ports(graph: Foreign, answers: Answers) -> tuple[Port, list[Port]]:
    """The input that a picture fits, and the others. Raises ``ModelError`` where none fits."""
    fitting = [one for one in graph.inputs if one.is_picture and any(True for _ in layouts(one, {}))]
    named = [one for one in graph.inputs if one.name == answers.get("image")]
    if not (named or fitting):
        raise _none(graph)
    wide = [one for one in fitting if any(channels == 3 for _, channels in layouts(one, {}))]
    picture = (named or wide or fitting)[0]
    return picture, [one for one in graph.inputs if one is not picture]


def _none(graph: Foreign) -> ModelError:
    return refuse(graph, "an input of three or four axes, 1, 3 or 4 of them channels, as a picture", CURE)
