"""Which kind of graph it is: one that makes a picture of a picture, one that fills holes, a generator, or no effect."""

import math
import re

from gancam.errors import ModelError, ParameterError, did_you_mean
from gancam.inference.importing.convention import Answers, Convention
from gancam.inference.importing.extras import is_level, is_state
from gancam.inference.importing.fitting import layouts, planes_of
from gancam.inference.importing.foreign import Foreign, Port, refuse
from gancam.inference.importing.image import probe_image
from gancam.inference.importing.latent import latent_port, probe_latent
from gancam.inference.importing.masked import probe_masked
from gancam.inference.importing.matte import Unbounded, is_matting, planes, probe_matte
from gancam.inference.importing.ports import STACKED
from gancam.inference.importing.states import paired

_LEAVE = "Leave the effect out, and it is found by trying"
_NUMBER = re.compile(r"\d+")
_MASKS = ("mask", "hole", "trimap")
_MOST = 4  # channels of a picture


def probe(graph: Foreign, answers: Answers) -> Convention:
    """What `graph` takes and gives. `answers`, entries of `Convention`, are not questioned.

    Raises ``ModelError`` that says what was tried when nothing fits.
    """
    for name in answers.get("extras", {}):
        if name not in (names := [one.name for one in graph.inputs]):
            raise ParameterError(f"{graph.name}: extras: no input {name!r}{did_you_mean(name, names)}")
    reason = unplayable(graph)
    if reason:
        raise ModelError(f"{graph.name}: {reason}; it {graph.described()}")
    if not any(one.is_picture for one in graph.outputs):
        raise refuse(graph, "an output of three or four axes as a picture, of which it has none", "")
    vector = latent_port(graph)
    fits = any(one.is_picture and one is not vector for one in graph.inputs)
    if vector is not None and (answers.get("effect", "morph" if not fits else "") == "morph"):
        return probe_latent(graph, vector, answers)
    picture, others = _ports(graph, answers)
    kept = answers.get("states", paired(picture, others, graph.outputs))
    if is_matting(graph, answers):
        return probe_matte(graph, picture, others, answers)
    instead: ModelError | None = None
    if answers.get("effect", "inpaint") == "inpaint":
        masks = [one for one in others if one.name not in kept and _is_mask(one, answers)]
        four = any(channels == 4 for _, channels in layouts(picture, answers))
        if masks or four:
            rest = [one for one in others if one not in masks[:1]]
            try:
                return probe_masked(graph, picture, masks[0] if masks else None, rest, answers)
            except ModelError as error:
                if "effect" in answers or (
                    masks and not four and any(word in masks[0].name.lower() for word in _MASKS)
                ):
                    raise
                instead = error
    if answers.get("effect") in ("inpaint", "morph"):
        missing = "a mask, as an input or a fourth channel" if answers["effect"] == "inpaint" else "a vector of numbers"
        raise refuse(graph, f"to find {missing}, which {answers['effect']} needs", _LEAVE)
    _check_second(graph, picture, [one for one in others if one.name not in kept], answers)
    try:
        found = probe_image(graph, picture, others, answers)
    except ModelError as error:
        return _otherwise(graph, picture, others, answers, instead or error)
    if (found.effect == "super_resolution") != (found.scale > 1):
        size = f"enlarges by {found.scale}" if found.scale > 1 else "keeps the size of a picture"
        raise refuse(graph, f"as {found.effect}, but it {size}", _LEAVE)
    states = [name for name in found.extras if is_state(name, [one.name for one in graph.outputs])]
    several = {one.name: math.prod(one.shape) for one in others if one.name not in answers.get("extras", {})}
    many = [f"{name} ({count} numbers)" for name, count in several.items()
            if count > 4 and name not in (*states, *kept) and not is_level(name)]  # fmt: skip
    if many:
        doubt = f"what {', '.join(many)} is to be ([extras] in a .toml: numbers in [ ], or the path of a .npy)"
        found = found.doubted(doubt)
    left = [name for name in states if name not in found.states]
    if left and not {"extras", "states"} & set(answers):
        doubt = f"what it keeps of the frames before ({', '.join(left)}) is left out: each frame is its first"
        found = found.doubted(doubt)
    return found


def _otherwise(graph: Foreign, picture: Port, others: list[Port], answers: Answers, error: ModelError) -> Convention:
    """What else a graph may be that gives no picture like the one shown. Raises `error` where that is nothing."""
    drawn = answers.get("effect", "translate") == "translate"
    if not drawn or not planes(graph) or any(one.is_picture for one in graph.outputs[1:]):
        raise error
    try:
        return probe_matte(graph, picture, others, answers)
    except Unbounded as other:
        raise other from None
    except ModelError:
        raise error from None


def _check_second(graph: Foreign, picture: Port, others: list[Port], answers: Answers) -> None:
    """Raise ``ModelError`` for a second picture that nobody has named."""
    outputs = [one.name for one in graph.outputs]
    for one in others:
        coloured = one.is_picture and len(one.shape) == len(picture.shape) and 3 in (one.shape[-3], one.shape[-1])
        given = one.name in answers.get("extras", {})
        if coloured and not given and "noise" not in one.name.lower() and not is_state(one.name, outputs):
            if _NUMBER.sub("", one.name) == _NUMBER.sub("", picture.name):
                raise ModelError(
                    f"{graph.name}: it takes two frames ({picture.name}, {one.name}), as networks that make frames "
                    f"between others or find motion do: that is not played; it {graph.described()}"
                )
            raise ModelError(
                f"{graph.name}: {one.name} is a second picture beside {picture.name}. A frame behind is not given, and "
                "one before is known by a name such as prev_frame; a style or the like is named in a .toml file beside "
                f'the model: [extras] and "{one.name}" = "picture.jpg"'
            )


def _is_mask(port: Port, answers: Answers) -> bool:
    """Whether an input is a mask of the picture: one plane of its size, or a name that says so."""
    if port.name == answers.get("mask"):
        return True
    if not port.dtype or len(port.shape) not in (2, 3, 4):
        return False
    name = port.name.lower()
    if is_level(port.name) or is_state(port.name, []) or "noise" in name or "attention" in name:
        return False
    wide = sum(side == 0 or side > 8 for side in port.shape) >= 2
    usual = len(port.shape) > 2 and not port.dtype.startswith("int") and 1 in port.shape[1:]
    return wide and (usual or any(word in name for word in _MASKS))


def _ports(graph: Foreign, answers: Answers) -> tuple[Port, list[Port]]:
    """The input that a picture fits, and the others. Raises ``ModelError`` where none fits."""
    fitting = [one for one in graph.inputs if one.is_picture and any(True for _ in layouts(one, {}))]
    named = [one for one in graph.inputs if one.name == answers.get("image")]
    if not (named or fitting):
        raise refuse(graph, "an input of three or four axes, 1, 3 or 4 of them channels, as a picture", "")
    wide = [one for one in fitting if any(channels == 3 for _, channels in layouts(one, {}))]
    picture = (named or wide or fitting)[0]
    return picture, [one for one in graph.inputs if one is not picture]


def unplayable(graph: Foreign) -> str:
    """Say in words what `graph` is that makes no picture of a picture; "" where it may make one."""
    takes = [one for one in graph.inputs if len(one.shape) >= 3]
    gives = [one for one in graph.outputs if len(one.shape) >= 3]
    unread = next((one for one in (*graph.inputs, *graph.outputs) if not one.dtype), None)
    if unread is not None and not any(one.is_picture for one in takes):
        return f"{unread.name} is no tensor of numbers that is read here"
    if not takes and all(len(one.shape) == 2 and one.dtype.startswith("int") for one in graph.inputs):
        return "it takes whole numbers, as networks of text do: no picture goes in"
    if gives and all(one.dtype.startswith("int") for one in gives):
        return "it gives the number of a class for each pixel, as segmentation does: no picture comes out"
    if graph.outputs and all(0 < len(one.shape) < 3 for one in graph.outputs):
        if not takes:
            return "numbers go in and come out, as in a generator's mapping, which is imported with its synthesis"
        return "it gives numbers, as classifiers do: no picture comes out"
    inner = [one.name for one in (*graph.inputs, *graph.outputs) if _is_latent(one)]
    if inner:
        return f"{inner[0]} is no picture, but what diffusion models work on: a part of one, which is not played"
    frames = next((said for one in takes if (said := _frames(one))), "")
    if frames:
        return frames
    axis = -1 if takes and takes[0].shape[-1] in (1, 3, 4) else 1  # of what each pixel gets
    classes = [one for one in gives if len(one.shape) == 4 and one.shape[axis] > _MOST]
    if takes and len(classes) == len(gives) and not any(planes_of(one) for one in classes):
        return f"it gives {classes[0].shape[axis]} planes, as segmentation does for its classes: no picture comes out"
    if len(gives) == 1 and len(gives[0].shape) == 4 and gives[0].shape[1] == 2 and 3 not in gives[0].shape:
        return (
            "it gives two planes, as networks that find colours or motion do: no picture comes out (of two classes, "
            "what is behind and what is in front, --effect background)"
        )
    return ""


def _is_latent(port: Port) -> bool:
    """Whether a part of a diffusion model has such an input or output: its text, or planes that it works on."""
    name = port.name.lower()
    planes = len(port.shape) == 4 and port.shape[1] not in (1, 3) and 1 not in port.shape[2:]
    return "encoder_hidden_states" in name or ("latent" in name and planes)


def _frames(port: Port) -> str:
    if len(port.shape) == 5:
        count = next((side for side in port.shape[1:3] if side not in (0, 1, 3)), 0)
        return f"it takes {count or 'several'} frames of a video at once, which is not played"
    if len(port.shape) == 4 and port.shape[1] in STACKED and port.shape[3] not in (1, 3, 4):
        return f"it takes {port.shape[1]} channels, as {port.shape[1] // 3} frames at once have: that is not played"
    return ""
