"""Probing a graph that gives one plane, which is no picture: how much of each pixel is in front of a background."""

import re
from collections.abc import Sequence
from dataclasses import replace

import cv2
import numpy as np
from numpy.typing import NDArray

from gancam.errors import ModelError
from gancam.inference.importing import pictures
from gancam.inference.importing.convention import Answers, Convention, encode
from gancam.inference.importing.fitting import shape
from gancam.inference.importing.foreign import Foreign, Port, refuse
from gancam.inference.importing.measure import measured, usual_side
from gancam.inference.importing.trial import TrialFailed

_OUTPUT = re.compile(r"^pha$|alpha|matte|mask|foreground")
# What the networks that people have under these names take, which no picture tells. The first that fits is right.
_KNOWN = (
    (re.compile(r"isnet|rmbg-?1|rmbg1|briaai", re.IGNORECASE), "-0.5..0.5"),
    (re.compile(r"u-?2-?net|silueta|birefnet|rmbg|inspyrenet|deeplab", re.IGNORECASE), "imagenet"),
    (re.compile(r"modnet|human_?seg|hivision", re.IGNORECASE), "-1..1"),
    (re.compile(r"rvm|robust_?video|selfie|mediapipe", re.IGNORECASE), "0..1"),
)
_RANGES = ("0..1", "-1..1", "imagenet", "-0.5..0.5")
_LARGE = ("0..255", "imagenet255")  # that are tried where nothing comes of those
_FLAT = 0.01  # deviation of opacities in which nothing can be seen
_WHITE = 0.4  # of a drawing everywhere, on average
_PLAIN, _LINE = 0.15, 0.25  # of an opacity, by which plain parts differ at most, and an outline at least
_RIM = 6  # pixels to each side of an outline in which it is drawn
_SEEN = 0.02  # of an opacity, by which two ranges give something else
_MORE = 0.05  # of an opacity, by which networks overshoot 0 and 1
_ODDS = 60.0  # the largest logarithm of odds that networks give
_UNSURE = 0.1  # mean of p (1 - p) beyond which opacities p tell nothing apart
_SIDE = 256  # pixels of the photos that are shown where any size is taken


def is_matting(graph: Foreign, answers: Answers) -> bool:
    """Whether names say that `graph` finds what is in front: that of its file, or of an output of one plane."""
    if "effect" in answers:
        return bool(answers["effect"] == "background")
    ports = planes(graph)
    alone = len(ports) == sum(one.is_picture for one in graph.outputs)
    return any(_OUTPUT.search(one.name.lower()) for one in ports if alone or one.name.lower() == "pha") or bool(
        ports and alone and any(pattern.search(graph.name.stem) for pattern, _ in _KNOWN)
    )


def names_mask(graph: Foreign) -> bool:
    """Whether the name of the file of `graph`, or of any output, is one of those that find what is in front."""
    return any(_OUTPUT.search(one.name.lower()) for one in graph.outputs) or any(
        pattern.search(graph.name.stem) for pattern, _ in _KNOWN
    )


def planes(graph: Foreign) -> list[Port]:
    """The outputs of one plane, those first whose names say that they are masks."""
    found = [
        one for one in graph.outputs
        if one.is_picture and (1 in (one.shape[-3], one.shape[-1]) or (one.name == "pha" and one.shape[-3] == 0))
    ]  # fmt: skip
    return sorted(found, key=lambda one: not _OUTPUT.search(one.name.lower()))


def probe_matte(graph: Foreign, picture: Port, extras: list[Port], answers: Answers) -> Convention:
    """The convention of a graph that takes `picture` and says how much of each pixel is in front, or draws in grey.

    Raises `Unbounded` where its plane has values of no mask, ``ModelError`` that says what was tried when nothing fits.
    """
    guide = next((one for one in extras if one.is_picture and "trimap" in one.name.lower()), None)
    if guide is not None and guide.name not in answers.get("extras", {}):
        raise refuse(graph, f"a mask of what is in front without {guide.name}, which nothing here makes")
    outputs = [one for one in planes(graph) if answers.get("output", one.name) == one.name]
    if not outputs:
        raise refuse(graph, "an output of one plane, as a mask of what is in front")
    base = shape(graph, picture, extras, outputs, answers)
    if base.output_channels != 1 or base.scale != 1 or base.cut:
        raise refuse(graph, "a mask as large as the picture: it gives another size")
    base = replace(base, effect="background", output_order="y")
    known = next((span for pattern, span in _KNOWN if pattern.search(graph.name.stem)), "")
    given = [base.range] if "range" in answers or base.dtype == "uint8" else [known] if known else list(_RANGES)
    sure = is_matting(graph, answers)  # of what is in front there may be nothing in photos
    tried = _all_found(graph, base, given)
    if not sure and len(given) > 1 and all(_is_flat(found) for _, found in tried):
        tried = _all_found(graph, base, _LARGE) or tried
    if not tried:
        raise refuse(graph, f"a mask of what is in front, of values {', '.join(given)}: it does not run")
    if base.dtype != "uint8":  # ranges under which it gives what no network gives are wrong
        tried = [one for one in tried if np.abs(one[1]).max() <= _ODDS] or tried
    if not sure and base.output_range != "0..255" and not {"output_range", "sigmoid"} & set(answers):
        _check_bounded(graph, tried)
    base, opacities = _meant(graph, base, [found for _, found in tried], answers)
    usual = min(range(len(tried)), key=lambda index: _blur_of(opacities[index]))
    said = answers.get("effect") == "translate"
    if not sure and _is_flat(opacities[usual]):
        raise refuse(graph, f"values {', '.join(span for span, _ in tried)}: all of a photo becomes the same grey")
    if float((opacities[usual] * (1 - opacities[usual])).mean()) > _UNSURE and not (sure or said):
        raise refuse(graph, "a mask of what is in front: what it gives tells nothing apart")
    others = [span for (span, _), one in zip(tried, opacities, strict=True)
              if np.abs(one - opacities[usual]).mean() > _SEEN]  # fmt: skip
    doubts = [] if "effect" in answers else ["that its plane is a mask of what is in front (--effect translate)"]
    drawn = "effect" not in answers and not sure
    if said:
        base = replace(base, effect="translate")
    elif drawn and (any(map(_is_drawing, opacities)) or _outlines(graph, replace(base, range=tried[usual][0]))):
        base = replace(base, effect="translate")
        doubts = ["that it draws, and gives grey alone (--effect background where it is a mask)"]
    if others:
        doubts.append(f"its values may be {' or '.join(others)} instead of {tried[usual][0]} (--range={others[0]})")
    return measured(graph, replace(base, range=tried[usual][0], doubts=tuple(doubts)), {**answers, "reach": 0})


class Unbounded(ModelError):
    """A graph gives one plane whose values are of no mask and of no picture, such as depth."""


def _check_bounded(graph: Foreign, tried: list[tuple[str, NDArray[np.float32]]]) -> None:
    """Raise `Unbounded` for values from 0 on to beyond 1, which are neither opacities nor the logarithms of odds."""
    found = [one for span, one in tried if span in ("0..1", "imagenet")] or [one for _, one in tried]
    low, high = float(found[0].min()), float(found[0].max())
    if low >= -_MORE and high > 1 + _MORE:
        raise Unbounded(
            f"{graph.name}: it gives one plane, of values from {low:.4g} to {high:.4g} for photos, as networks that "
            f"find depth do: neither a picture nor a mask comes out, and it is not played; it {graph.described()}"
        )


def _all_found(graph: Foreign, base: Convention, spans: Sequence[str]) -> list[tuple[str, NDArray[np.float32]]]:
    """What the graph gives for photos under each of these ranges under which it runs."""
    found = [(span, _found(graph, replace(base, range=span))) for span in spans]
    return [(span, one) for span, one in found if one is not None]


def _blur_of(opacities: NDArray[np.float32]) -> float:
    """How little `opacities` tell apart: less is better, and what is all in front or all behind tells nothing."""
    return float((opacities * (1 - opacities)).mean()) / (float(opacities.var()) + 0.01)


def _is_drawing(opacities: NDArray[np.float32]) -> bool:
    """Whether planes ``(n, 1, h, w)`` or ``(n, h, w, 1)`` are white with thin lines."""
    return all(one.min() < _WHITE < cv2.blur(one, (25, 25)).min() for one in _plain(opacities))


def _plain(opacities: NDArray[np.float32]) -> NDArray[np.float32]:
    """Planes as ``(n, h, w)``."""
    return opacities.reshape(-1, *[side for side in opacities.shape[1:] if side != 1][-2:])


def _is_flat(opacities: NDArray[np.float32]) -> bool:
    """Whether nothing can be seen in planes but their border, at which networks see edges of their own."""
    planes = _plain(opacities)
    edge = min(planes.shape[1:]) // 16
    return bool(planes[:, edge : planes.shape[1] - edge, edge : planes.shape[2] - edge].std() < _FLAT)


def _outlines(graph: Foreign, one: Convention) -> bool:
    """Whether of a plain disc before a plain ground its outline is drawn, and the disc looks as what is around it."""
    height, width = (_SIDE, _SIDE) if not one.fixed else usual_side(one)
    rows, columns = np.mgrid[:height, :width]
    radius = min(height, width) / 4
    away = np.hypot(rows - (height - 1) / 2, columns - (width - 1) / 2) - radius
    disc = np.where(away < 0, 190, 90).astype(np.uint8)[..., None].repeat(3, 2)
    try:
        found = np.asarray(graph.raw(encode(disc, one), one), np.float32)
    except TrialFailed:
        return False
    plane = found.reshape([side for side in found.shape if side != 1][-2:])
    plane = 1 / (1 + np.exp(-np.clip(plane, -60.0, 60.0))) if one.sigmoid else plane
    plane = plane / (255.0 if one.output_range == "0..255" else 1.0)
    inside, outside = float(np.median(plane[away < -_RIM])), float(np.median(plane[away > _RIM]))
    ring = np.abs(plane - outside)[np.abs(away) < _RIM / 2]
    return abs(inside - outside) < _PLAIN and float(np.percentile(ring, 80)) > _LINE


def _found(graph: Foreign, one: Convention) -> NDArray[np.float32] | None:
    """What the graph gives for photos under that range; None where it does not run."""
    for side in (_SIDE, 0) if not one.fixed else (0,):
        height, width = (side, side) if side else usual_side(one)
        try:
            given = [encode(pictures.shown(height, width, 1, "clean", look), one) for look in pictures.LOOKS]
            return np.stack([np.asarray(graph.raw(tensor, one), np.float32) for tensor in given])
        except TrialFailed:
            continue
    return None


def _meant(
    graph: Foreign, base: Convention, found: list[NDArray[np.float32]], answers: Answers
) -> tuple[Convention, list[NDArray[np.float32]]]:
    """`base` with the range of its output, and what was `found` as opacities of 0 to 1."""
    low = min(float(one.min()) for one in found)
    high = max(float(one.max()) for one in found)
    if base.output_range == "0..255" or answers.get("output_range") == "0..255":
        return replace(base, output_range="0..255"), [one / np.float32(255) for one in found]
    if low >= -_MORE and high <= 1 + _MORE:
        return replace(base, output_range="0..1"), found
    if answers.get("sigmoid") or (low < -1.0 and max(high, -low) < _ODDS):
        opacities = [np.asarray(1 / (1 + np.exp(-np.clip(one, -60.0, 60.0))), np.float32) for one in found]
        return replace(base, output_range="0..1", sigmoid=True), opacities
    raise refuse(graph, f"a mask of what is in front: its values reach from {low:.2g} to {high:.2g}")
