"""Which kind of graph it is: one that makes a picture of a picture, one that fills holes, or a generator."""

from collections.abc import Mapping
from typing import Any

from gancam.errors import ModelError
from gancam.inference.importing.convention import Convention
from gancam.inference.importing.foreign import Foreign, Port, refuse
from gancam.inference.importing.image import CURE, layouts, probe_image

_MASKS = ("mask", "hole", "trimap")


def probe(graph: Foreign, answers: Mapping[str, Any]) -> Convention:
    """What `graph` takes and gives. `answers`, entries of `Convention`, are not questioned.

    Raises ``ModelError`` that says what was tried when nothing fits.
    """
    if not any(one.is_picture for one in graph.outputs):
        raise refuse(graph, "an output of three or four axes as a picture, of which it has none", CURE)
    picture, others = _ports(graph, answers)
    return probe_image(graph, picture, others, answers)


def _ports(graph: Foreign, answers: Mapping[str, Any]) -> tuple[Port, list[Port]]:
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
