"""The deployed graphs of a super-resolution network.

fp32 takes and gives whole images and shuffles inside the graph, which is what a GPU likes; fp16 is made of it, all in
16 bits (`gancam.inference.half`). int8 gives blocks (see ``ModelCard.layout``), for CPUs. Both run the collapsed
convolutions and nothing else of weight: colour order and value range are folded into the first and the last kernel.
"""

from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import torch
from numpy.typing import NDArray
from torch import nn
from torch.nn import functional as F

from export.graph import Graph
from export.plan import Exporter, Plan, compared_on, on_rgb, pictures_by_name
from export.rounding import Moments, Watch
from gancam.inference.card import Layout, ModelCard, Precision
from gancam.inference.model import Model
from train import evaluate, networks
from train import recipe as recipes
from train.data import Pixels, crop_to_multiple
from train.networks.sr import SuperResolution
from train.networks.sr_residual import ResidualSuperResolution
from train.recipe import Recipe

Kernel = NDArray[np.float32]
Network = SuperResolution | ResidualSuperResolution
Stack = list[tuple[Kernel, Kernel]]  # (kernel (o, i, 3, 3), bias (o,)) of each convolution
BLOCK_CHANNELS = {1: 4, 2: 4}  # bytes per sub-pixel by their number a side, where padding 3 to 4 makes kernels faster
LEAST = 16  # channels of the last 8-bit convolution: of 4 it takes three times as long
ANCHOR_ZERO = 128  # of the 8-bit residual: one step is one grey level, so that adding the input back is exact


def pixel_stack(network: Network) -> Stack:
    """The network's convolutions between pixels.

    BGR 0..255 in, of every pixel of a cell (row, column, BGR) where there are cells; residual sub-pixels
    (row, column, BGR) in grey levels out.
    """
    stack = [(kernel.double().cpu().numpy(), bias.double().cpu().numpy()) for kernel, bias in network.convolutions()]
    kernel, bias = stack[0]
    stack[0] = kernel[:, by_place(network.multiple**2)] / 255.0, bias
    kernel, bias = stack[-1]
    order = by_place((network.scale * network.multiple) ** 2)
    stack[-1] = kernel[order] * 255.0, bias[order] * 255.0
    return [(kernel.astype(np.float32), bias.astype(np.float32)) for kernel, bias in stack]


def by_place(places: int) -> list[int]:
    """Where each of (place, colour) BGR stands in (colour, place) RGB."""
    return [(2 - colour) * places + place for place in range(places) for colour in range(3)]


def float_graph(network: Network) -> onnx.ModelProto:
    """uint8 ``(n, h, w, 3)`` BGR -> uint8 ``(n, h * scale, w * scale, 3)`` BGR in fp32."""
    graph = Graph()
    scale, cell = network.scale, network.multiple
    stack = pixel_stack(network)
    kernel, bias = stack[0]
    stack[0] = kernel * 255.0, bias  # between 0 and 1, where fp16 is fine enough
    kernel, bias = stack[-1]
    stack[-1] = kernel / 255.0, bias / 255.0
    x = graph.cast("image", np.float32)
    x = graph.add("Mul", x, graph.constant(1 / 255, np.float32))
    x = graph.add("Transpose", x, perm=[0, 3, 1, 2])
    x = anchor = graph.add("SpaceToDepth", x, blocksize=cell) if cell > 1 else x
    x = _between(network, graph, stack, x)
    if cell == 1:
        anchor = graph.add("Concat", *[anchor] * scale**2, axis=1) if scale > 1 else anchor
    elif scale > 1:
        order = [3 * place + colour for place in _pixels(scale, cell) for colour in range(3)]
        anchor = graph.add("Gather", anchor, graph.constant(order, np.int64), axis=1)
    x = graph.add("Add", x, anchor)
    x = graph.add("DepthToSpace", x, blocksize=scale * cell, mode="DCR") if scale * cell > 1 else x
    x = graph.add("Clip", x, graph.constant(0, np.float32), graph.constant(1, np.float32))
    x = graph.add("Round", graph.add("Mul", x, graph.constant(255, np.float32)))
    x = graph.add("Transpose", x, perm=[0, 2, 3, 1])
    graph.cast(x, np.uint8, "upscaled")
    return graph.model({"image": (np.uint8, ["n", "h", "w", 3])}, {"upscaled": (np.uint8, ["n", "out_h", "out_w", 3])})


def _between(network: Network, graph: Graph, stack: Stack, x: str) -> str:
    """What the convolutions of `stack` make of `x`, connected as those of `network` are."""
    dilations = network.dilations if isinstance(network, SuperResolution) else [1] * len(stack)
    left = iter(zip(stack, dilations, strict=True))

    def convolve(x: str) -> str:
        (kernel, bias), dilation = next(left)
        weights = (graph.constant(value, np.float32) for value in (kernel, bias))
        return graph.add("Conv", x, *weights, **_nine(dilation))

    x = first = convolve(x)
    if isinstance(network, SuperResolution):
        for _ in stack[1:]:
            x = convolve(graph.add("Relu", x))
        return x
    for _ in network.blocks:
        x = graph.add("Add", convolve(graph.add("Relu", convolve(x))), x)
    return convolve(graph.add("Add", convolve(x), first))


def _pixels(scale: int, cell: int) -> list[int]:
    """Of each sub-pixel of a cell, row by row, the pixel that it is part of."""
    return [row // scale * cell + column // scale for row in range(scale * cell) for column in range(scale * cell)]


def _cells(image: NDArray[np.uint8], cell: int) -> torch.Tensor:
    """A BGR image as ``(1, cell * cell * 3, h, w)`` float, of each cell the pixels row by row; cut to whole cells."""
    x = torch.from_numpy(crop_to_multiple(image, cell).copy())
    height, width = len(x) // cell, x.shape[1] // cell
    x = x.view(height, cell, width, cell, 3).permute(1, 3, 4, 0, 2)
    return x.reshape(1, -1, height, width).float()


@torch.no_grad()
def activations(stack: Stack, seen_by: Sequence[torch.Tensor], dilations: Sequence[int]) -> list[Kernel]:
    """What each convolution but the last gives after ReLU on `seen_by` the first: ``(channels, samples)`` each."""
    seen: list[list[Kernel]] = [[] for _ in stack[:-1]]
    for x in seen_by:
        for index, (kernel, bias) in enumerate(stack[:-1]):
            apart = dilations[index]
            weights = torch.from_numpy(kernel.copy()), torch.from_numpy(bias.copy())
            x = F.relu(F.conv2d(x, *weights, padding=apart, dilation=apart))
            seen[index].append(x[0].flatten(1)[:, ::7].numpy())
    return [np.concatenate(parts, axis=1) for parts in seen]


@torch.no_grad()
def moments(stack: Stack, seen_by: Sequence[torch.Tensor], dilations: Sequence[int]) -> list[Moments]:
    """Of what each convolution sees, padded with zeros, where the first sees `seen_by`."""
    watches = [Watch() for _ in stack]
    for x in seen_by:
        for (kernel, bias), watch, apart in zip(stack, watches, dilations, strict=True):
            x = F.pad(x, (apart,) * 4)
            watch.see(x, (3, 3), dilation=apart)
            x = F.relu(F.conv2d(x, torch.from_numpy(kernel.copy()), torch.from_numpy(bias.copy()), dilation=apart))
    return [watch.moments() for watch in watches]


def step(values: Kernel) -> float:
    """The 8-bit step of `values` (0 and up) with the least squared error, rounding and clipping together."""
    top = float(values.max())
    steps = [top * share / 255.0 for share in np.linspace(0.3, 1.0, 29)] or [1.0]
    errors = [float(np.mean((np.clip(np.round(values / s), 0, 255) * s - values) ** 2)) for s in steps if s > 0]
    return steps[int(np.argmin(errors))] if errors else 1.0


def int8_graph(
    stack: Stack,
    steps: Sequence[float],
    scale: int,
    seen: Sequence[Moments] | None = None,
    dilations: Sequence[int] = (),
    cell: int = 1,
) -> onnx.ModelProto:
    """uint8 ``(n, h, w, 4)`` BGR and an ignored byte -> uint8 ``(n, h, w, scale * scale * c)`` blocks.

    With `cell` above 1, layout ``cells``: the pixels of a cell, row by row, in and out.

    QDQ form, weights per channel, rounded for what each convolution has `seen`, activations uint8 with the given
    `steps`. Nothing of it is left but 8-bit convolutions and one sum when ONNX Runtime has joined the pairs.
    """
    graph = Graph()
    dilations = dilations or [1] * len(stack)
    depth = BLOCK_CHANNELS.get(scale * cell, 3)
    square, places = (scale * cell) ** 2, cell * cell
    kernel, bias = stack[0]
    kernel = np.pad(kernel.reshape(-1, places, 3, 3, 3), ((0, 0), (0, 0), (0, 1), (0, 0), (0, 0)))
    stack = [(kernel.reshape(len(bias), -1, 3, 3), bias), *stack[1:]]
    kernel, bias = stack[-1]
    kernel = np.pad(kernel.reshape(square, 3, *kernel.shape[1:]), ((0, 0), (0, depth - 3)) + ((0, 0),) * 3)
    bias = np.pad(bias.reshape(square, 3), ((0, 0), (0, depth - 3)))
    width = square * depth
    more = max(LEAST - width, 0)
    kernel = np.pad(kernel.reshape(width, *kernel.shape[2:]), ((0, more),) + ((0, 0),) * 3)
    stack[-1] = kernel, np.pad(bias.reshape(-1), (0, more))
    known = [_with_unused(seen[0]), *seen[1:]] if seen else [None] * len(stack)
    repeat = np.zeros((square, depth, places, 4), np.float32)  # every sub-pixel is its pixel
    for place, pixel in enumerate(_pixels(scale, cell)):
        repeat[place, range(3), pixel, range(3)] = 1.0

    x = graph.add("Transpose", graph.dequantise("image", 1.0, 0), perm=[0, 3, 1, 2])
    x = pixels = graph.requantise(x, 1.0, 0)
    at = 1.0  # the step of x
    for index, (kernel, bias) in enumerate(stack):
        weights = graph.weights(kernel, bias, at, known[index])
        x = graph.add("Conv", x, *weights, **_nine(dilations[index]))
        if index < len(steps):
            at = steps[index]
            x = graph.requantise(graph.add("Relu", x), at, 0)
    residual = graph.requantise(x, 1.0, ANCHOR_ZERO)
    exact = graph.weights(np.pad(repeat.reshape(width, 4 * places, 1, 1), ((0, more),) + ((0, 0),) * 3), None, 1.0)
    anchor = graph.requantise(graph.add("Conv", pixels, *exact, kernel_shape=[1, 1]), 1.0, 0)
    x = graph.requantise(graph.add("Add", anchor, residual), 1.0, 0)
    x = graph.quantise(graph.add("Transpose", x, perm=[0, 2, 3, 1]), 1.0, 0, name="" if more else "blocks")
    if more:
        start, end, axis = (graph.constant([value], np.int64) for value in (0, width, 3))
        graph.add("Slice", x, start, end, axis, name="blocks")
    return graph.model(
        {"image": (np.uint8, ["n", "h", "w", 4 * places])}, {"blocks": (np.uint8, ["n", "h", "w", width])}
    )


def quantise(network: SuperResolution, images: Sequence[NDArray[np.uint8]]) -> onnx.ModelProto:
    """The int8 graph, its activations' steps found on BGR `images`.

    Moving scale between channels first (SmoothQuant, https://arxiv.org/abs/2211.10438) was tried: these networks came
    0.4 to 14 dB less close to PyTorch with it.
    """
    stack, cell = pixel_stack(network), network.multiple
    shown = [_cells(image, cell) for image in images]
    steps = [step(values) for values in activations(stack, shown, network.dilations)]
    seen = moments(stack, shown, network.dilations)
    return int8_graph(stack, steps, network.scale, seen, network.dilations, cell)


def _nine(dilation: int) -> dict[str, Any]:
    """The attributes of a 3x3 convolution that keeps the size."""
    apart = {"dilations": [dilation, dilation]} if dilation > 1 else {}
    return {"kernel_shape": [3, 3], "pads": [dilation] * 4, **apart}


def _with_unused(seen: Moments) -> Moments:
    """The moments of BGR, nine taps a channel, as those of BGR and a byte that is not looked at, for each pixel."""
    pixels = len(seen.mean) // 27
    looked_at = (36 * np.arange(pixels)[:, None] + np.arange(27)).reshape(-1)
    mean, covariance = np.zeros(36 * pixels), np.zeros((36 * pixels,) * 2)
    mean[looked_at], covariance[np.ix_(looked_at, looked_at)] = seen.mean, seen.covariance
    return Moments(mean, covariance)


def collapsed(recipe: Recipe) -> nn.Module:
    """The network of `recipe`, untrained, with the one kernel for each convolution that an expanded one deploys as."""
    return networks.build(**{**recipe.network, **({"expansion": 0} if recipe.network["family"] == "sr" else {})})


@torch.no_grad()
def shrunk(network: nn.Module, name: str) -> tuple[SuperResolution, Recipe]:
    """The network of recipe `name`, each of whose pixels is the mean of the sub-pixels that `network` makes of it.

    That mean is taken in the last kernel, so it costs less than `network`. Raises ``ValueError`` where the two do not
    agree in all but their scale.
    """
    recipe = recipes.load(name)
    made = collapsed(recipe)
    if not isinstance(network, SuperResolution) or not isinstance(made, SuperResolution) or made.scale != 1:
        raise ValueError(f"--shrink {name}: takes a network for super-resolution, and a recipe of one of scale 1")
    stack = network.convolutions()
    stack[-1] = _mean(stack[-1][0], network), _mean(stack[-1][1], network)
    alike = (made.dilations, made.multiple) == (network.dilations, network.multiple)
    if not alike or [layer.direct.shape for layer in made.stack] != [kernel.shape for kernel, _ in stack]:
        raise ValueError(f"--shrink {name}: its recipe says other convolutions than the network has")
    made.fill(stack)
    return made.eval(), recipe


def _mean(last: torch.Tensor, network: SuperResolution) -> torch.Tensor:
    """Of the last convolution's kernel or bias, the mean of the sub-pixels of each pixel."""
    pixels, scale = network.multiple, network.scale
    means = last.view(3, pixels, scale, pixels, scale, *last.shape[1:]).mean((2, 4))
    return means.flatten(0, 2)


@torch.no_grad()
def interpolated(network: nn.Module, other: nn.Module, share: float) -> Network:
    """``network`` with ``(1 - share) w + share v`` for each weight w, of which `other` has v.

    Network interpolation (Wang et al., https://arxiv.org/abs/1809.00219, section 3.4): between a network that draws
    much and the faithful one that it was begun from, less is drawn, and what was an artefact goes first. Raises
    ``ValueError`` where the convolutions of the two are not alike, or `share` is not from 0 to 1.
    """
    if not isinstance(network, Network) or not isinstance(other, Network) or network.scale != other.scale:
        raise ValueError("--towards: takes two networks for super-resolution of the same scale")
    if not 0 <= share <= 1:
        raise ValueError(f"--towards: a share of {share} must be 0 to 1")
    pairs = zip(network.convolutions(), other.convolutions(), strict=False)
    stack = [(_mixed(kernel, v, share), _mixed(bias, w, share)) for (kernel, bias), (v, w) in pairs]
    if len(stack) != len(other.convolutions()):
        raise ValueError("--towards: the two networks have not as many convolutions")
    network.fill(stack)
    return network


def _mixed(one: torch.Tensor, other: torch.Tensor, share: float) -> torch.Tensor:
    if one.shape != other.shape:
        raise ValueError(f"--towards: a convolution of {tuple(one.shape)} is one of {tuple(other.shape)} in the other")
    return torch.lerp(one, other, share)


def plan(network: nn.Module, recipe: Recipe, images: Path | None, judge_on: list[Path]) -> Plan:
    """fp32 and fp16, and int8, calibrated on `images`, of what has no residual blocks.

    All are compared on those, by default samples/stills/; each folder of `judge_on` gives figures named after it.
    """
    if not isinstance(network, Network):
        raise ValueError(f"recipe {recipe.name!r}: no exporter for networks of family {recipe.network['family']!r}")
    pictures = compared_on(images, least=network.multiple)
    webcam = recipe.task == "distil" or recipe.data.get("degradation") == "webcam"
    degradations = ("bicubic", "webcam") if webcam else ("bicubic",)
    folders = pictures_by_name(judge_on)

    def graph(precision: str) -> tuple[onnx.ModelProto, Layout]:
        if precision == "int8":
            assert isinstance(network, SuperResolution)
            cells: Layout = "cells" if network.multiple > 1 else "blocks"
            return quantise(network, [picture[..., ::-1] for picture in pictures()]), cells
        return float_graph(network), "image"

    def pairs(model: Model) -> Iterator[tuple[Pixels, Pixels]]:
        upscale = on_rgb(model)
        whole = (crop_to_multiple(picture, network.multiple) for picture in pictures())
        return ((upscale(picture), evaluate.run(network, picture)) for picture in whole)

    def judged(model: Model | None) -> dict[str, float]:
        upscale = partial(evaluate.run, network) if model is None else on_rgb(model)
        figures: dict[str, float] = {}
        for degradation in degradations:
            for name, truths in folders.items():
                scores = evaluate.super_resolution(upscale, truths, network.scale, degradation=degradation)
                suffix = name if degradation == "bicubic" else f"{name}_{degradation}"
                figures |= {f"{figure}_{suffix}": round(score, 4) for figure, score in scores.items()}
        return figures

    size = sum(kernel.numel() + bias.numel() for kernel, bias in network.convolutions())
    card = ModelCard(
        "", "super_resolution", scale=network.scale, receptive_field=network.receptive_field,
        multiple=network.multiple, parameters=size,
    )  # fmt: skip
    precisions: tuple[Precision, ...] = ("fp32", "fp16")
    if isinstance(network, SuperResolution):
        precisions += ("int8",)
    return Plan(precisions, card, graph, pairs, judged)


EXPORTER = Exporter(plan)
