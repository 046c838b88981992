"""The deployed graphs of an image-to-image network.

fp32 takes and gives whole images, and fp16 is made of it; int8 gives cells (see ``ModelCard.layout``), for CPUs.
"""

from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import onnx
import torch
from torch import nn

from export import colorization
from export.cells import compose, edges, layers, reach, round_grain
from export.graph import Graph
from export.layers import LUMA, Floats
from export.plan import Exporter, Plan, compared_on, on_rgb, pictures_by_name
from export.translation_int8 import quantise
from gancam.inference.card import Layout, ModelCard, Precision, Strokes
from gancam.inference.model import Model
from train import evaluate
from train.data import Pixels
from train.networks.colorizer import Colorizer
from train.networks.translator import Translator
from train.painters import PAINTERS
from train.recipe import Recipe
from train.tasks.translation import judged_pairs

JUDGED = ("self", "degraded")  # pairs that are made of any photos, whose figures are of those
WORKING = 640  # pixels of the longer side that is suggested where the frame is larger
STROKES: dict[str, Strokes] = {"ink": "hatched", "oil": "laid", "mosaic": "panes"}  # else lines, of painters
COMPARED = 256  # pixels of the longer side, at most, of pictures that all are compared on


def float_graph(network: Translator) -> onnx.ModelProto:
    """uint8 ``(n, h, w, 3)`` BGR -> the same, in fp32."""
    graph = Graph()
    ops = Floats(graph)
    u, made = network.unshuffle, layers(network)
    image = graph.add("Transpose", graph.cast("image", np.float32), perm=[0, 3, 1, 2])
    luma = ""
    if (network.front, network.keep) != ("image", "nothing"):
        luma = graph.add("Conv", image, graph.constant(np.reshape(LUMA, (1, 3, 1, 1)), np.float32))
    if network.front == "edges":
        seen = edges(graph, luma)
    else:
        seen = graph.add("Mul", luma if network.front == "grey" else image, graph.constant(1 / 255, np.float32))
    x = graph.fence(graph.add("SpaceToDepth", seen, blocksize=u))
    # back between 0 and 1, where fp16 is fine enough
    known = 1.0 if network.front == "edges" else 255.0
    made = replace(
        made, stem=replace(made.stem, kernel=made.stem.kernel * np.float32(known)),
        tail=replace(made.tail, kernel=made.tail.kernel / np.float32(255), bias=made.tail.bias / np.float32(255)),
    )  # fmt: skip
    x = compose(made, x, ops)
    x = graph.add("DepthToSpace", graph.fence(x), blocksize=u, mode="DCR")
    x = graph.add("Mul", x, graph.constant(255, np.float32))
    if network.keep == "luma":
        x = graph.add("Add", x, luma)
    x = graph.add("Round", graph.add("Clip", x, graph.constant(0, np.float32), graph.constant(255, np.float32)))
    x = graph.add("Transpose", graph.cast(x, np.uint8), perm=[0, 2, 3, 1], name="translated")
    shape: list[str | int] = ["n", "h", "w", 3]
    return graph.model({"image": (np.uint8, shape)}, {x: (np.uint8, shape)})


def plan(network: nn.Module, recipe: Recipe, images: Path | None, judge_on: list[Path]) -> Plan:
    """fp32, fp16 and, but for colorizers, int8, calibrated on `images`.

    All are compared on those, by default samples/stills/; each folder of `judge_on` gives figures named after it. The
    figure of networks whose recipe makes no pairs of photos is how restless they are; `judge_on` is refused then.
    """
    if not isinstance(network, Translator | Colorizer):
        raise ValueError(f"recipe {recipe.name!r}: no exporter for networks of family {recipe.network['family']!r}")
    made = network
    kind = str(recipe.data.get("pairs", "self")) if recipe.task == "translation" else ""
    if judge_on and kind not in JUDGED:
        raise ValueError(f"--judge {judge_on[0]}: recipe {recipe.name!r} makes no pairs of photos; leave --judge out")
    if isinstance(network, Translator):
        round_grain(network)
        if kind in PAINTERS:
            level(network)
    pictures = compared_on(images, lambda image: _cut(image, made.multiple))

    def graph(precision: str) -> tuple[onnx.ModelProto, Layout]:
        if isinstance(made, Colorizer):
            return colorization.float_graph(made), "image"
        if precision == "int8":
            return quantise(made, pictures()), "cells"
        return float_graph(made), "image"

    def pairs(model: Model) -> Iterator[tuple[Pixels, Pixels]]:
        translate = on_rgb(model)
        return ((translate(picture), evaluate.run(made, picture)) for picture in pictures())

    folders = pictures_by_name(judge_on)

    def judged(model: Model | None) -> dict[str, float]:
        translate = partial(evaluate.run, made) if model is None else on_rgb(model)
        if not kind or kind in PAINTERS:  # there is no truth, or none that it must meet point by point
            return {"temporal_noise": round(evaluate.temporal_noise(translate, pictures()), 4)}
        figures: dict[str, float] = {}
        for name, truths in folders.items():
            scores = evaluate.translation(translate, judged_pairs(truths, made.multiple, kind))
            figures |= {f"{figure}_{name}": round(score, 4) for figure, score in scores.items()}
        return figures

    precisions: tuple[Precision, ...] = ("fp32", "fp16") if isinstance(made, Colorizer) else ("fp32", "fp16", "int8")
    return Plan(precisions, _card(made, recipe, kind), graph, pairs, judged)


@torch.no_grad()
def level(network: Translator) -> None:
    """Make what is flat flat: the last convolution's mean answer becomes the same at all places of a block.

    What it says of changes stays. Without, a flat wash has a mesh of 2 pixels.
    """
    tail = network.tail
    kernel = tail.weight.view(3, -1, *tail.weight.shape[1:])  # colour, place in the block, ...
    mean = kernel.sum((3, 4))
    kernel += ((mean.mean(1, keepdim=True) - mean) / (kernel.shape[3] * kernel.shape[4]))[..., None, None]
    assert tail.bias is not None
    bias = tail.bias.view(3, -1)
    bias.copy_(bias.mean(1, keepdim=True).expand_as(bias).clone())


def _card(network: Translator | Colorizer, recipe: Recipe, kind: str) -> ModelCard:
    card = ModelCard(
        "",
        "translate",
        multiple=network.multiple,
        minimum=network.multiple,
        keeps="black" if kind in PAINTERS else "luma" if network.keep == "luma" else "nothing",
        strokes=STROKES.get(kind, "lines" if kind in PAINTERS else "any"),
    )
    if isinstance(network, Colorizer):  # it sees so far that it is always shown the whole picture
        size = sum(parameter.numel() for parameter in network.parameters())
        return replace(card, work_size=colorization.WORKING, parameters=size)
    found = layers(network)
    every = [found.stem, *found.down, *(one for pair in found.body for one in pair), *found.up, *found.join]
    every += [*found.ends, found.tail]
    return replace(
        card,
        # a pattern is laid out from the top left of what the network is given, which must be all of the picture then
        receptive_field=0 if network.placed else reach(network),
        # a learnt pattern is on the coarsest grid, whose steps would be seen
        texture_step=network.unshuffle if network.grain is not None and network.pattern is None else 0,
        work_size=int(recipe.data.get("resolution", WORKING)),  # pictures of one size were learnt from, or photos
        parameters=sum(one.kernel.size + one.bias.size for one in every)
        + (0 if found.pattern is None else found.pattern.size)
        + (0 if found.grain is None else found.grain.mix.size),
    )


def _cut(image: Pixels, multiple: int) -> Pixels:
    """The middle of `image`, `COMPARED` pixels a side at most, with sides that the network takes.

    Raises ``ValueError`` for one that is too small.
    """
    spans = []
    for length in image.shape[:2]:
        side = min(length, COMPARED) // multiple * multiple
        if not side:
            raise ValueError(f"a picture of {image.shape[1]}x{image.shape[0]} is under the network's {multiple} pixels")
        spans.append(slice((length - side) // 2, (length - side) // 2 + side))
    return np.ascontiguousarray(image[spans[0], spans[1]])


EXPORTER = Exporter(plan)
