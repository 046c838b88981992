"""The deployed graphs of a super-resolution network.

fp32 and fp16 take and give whole images and shuffle inside the graph, which is what a GPU likes. int8 gives blocks
(see ``ModelCard.layout``), for CPUs. Both run the collapsed convolutions and nothing else of weight: colour order and
value range are folded into the first and the last kernel.
"""

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import torch
from numpy.typing import NDArray
from torch import nn
from torch.nn import functional as F

from export.graph import Graph
from export.plan import Exporter, Plan
from export.rounding import Moments, Watch
from gancam.inference.card import Layout, ModelCard
from gancam.inference.model import Model
from train import evaluate
from train.data import Pixels, image_files, read_image
from train.networks.sr import SuperResolution
from train.recipe import Recipe

Kernel = NDArray[np.float32]
Stack = list[tuple[Kernel, Kernel]]  # (kernel (o, i, 3, 3), bias (o,)) of each convolution
BLOCK_CHANNELS = {2: 4}  # bytes per sub-pixel by scale, where padding 3 to 4 makes the last convolution 16 wide
SAMPLES = Path(__file__).parent.parent / "samples" / "stills"
ANCHOR_ZERO = 128  # of the 8-bit residual: one step is one grey level, so that adding the input back is exact


def pixel_stack(network: SuperResolution) -> Stack:
    """The network's convolutions between pixels.

    BGR 0..255 in, residual sub-pixels (row, column, BGR) in grey levels out.
    """
    stack = [(kernel.double().cpu().numpy(), bias.double().cpu().numpy()) for kernel, bias in network.convolutions()]
    kernel, bias = stack[0]
    stack[0] = kernel[:, ::-1] / 255.0, bias
    kernel, bias = stack[-1]
    square = network.scale**2
    order = [(2 - colour) * square + place for place in range(square) for colour in range(3)]
    stack[-1] = kernel[order] * 255.0, bias[order] * 255.0
    return [(kernel.astype(np.float32), bias.astype(np.float32)) for kernel, bias in stack]


def float_graph(network: SuperResolution, *, half: bool = False) -> onnx.ModelProto:
    """uint8 ``(n, h, w, 3)`` BGR -> uint8 ``(n, h * scale, w * scale, 3)`` BGR in fp32, or fp16 with `half`."""
    kind = np.float16 if half else np.float32
    graph = Graph()
    scale = network.scale
    stack = pixel_stack(network)
    kernel, bias = stack[0]
    stack[0] = kernel * 255.0, bias  # between 0 and 1, where fp16 is fine enough
    kernel, bias = stack[-1]
    stack[-1] = kernel / 255.0, bias / 255.0
    x = graph.add("Cast", "image", to=onnx.helper.np_dtype_to_tensor_dtype(np.dtype(kind)))
    x = graph.add("Mul", x, graph.constant(1 / 255, kind))
    x = anchor = graph.add("Transpose", x, perm=[0, 3, 1, 2])
    for index, (kernel, bias) in enumerate(stack):
        weights = graph.constant(kernel, kind), graph.constant(bias, kind)
        x = graph.add("Conv", x, *weights, **_nine(network.dilations[index]))
        if index < len(stack) - 1:
            x = graph.add("Relu", x)
    repeated = graph.add("Concat", *[anchor] * scale**2, axis=1)
    x = graph.add("DepthToSpace", graph.add("Add", x, repeated), blocksize=scale, mode="DCR")
    x = graph.add("Clip", x, graph.constant(0, kind), graph.constant(1, kind))
    x = graph.add("Round", graph.add("Mul", x, graph.constant(255, kind)))
    x = graph.add("Transpose", x, perm=[0, 2, 3, 1])
    graph.add("Cast", x, to=onnx.TensorProto.UINT8, name="upscaled")
    return graph.model({"image": (np.uint8, ["n", "h", "w", 3])}, {"upscaled": (np.uint8, ["n", "out_h", "out_w", 3])})


@torch.no_grad()
def activations(stack: Stack, images: Sequence[NDArray[np.uint8]], dilations: Sequence[int]) -> list[Kernel]:
    """What each convolution but the last gives after ReLU on BGR `images`: ``(channels, samples)`` each."""
    seen: list[list[Kernel]] = [[] for _ in stack[:-1]]
    for image in images:
        x = torch.from_numpy(image.copy()).permute(2, 0, 1)[None].float()
        for index, (kernel, bias) in enumerate(stack[:-1]):
            apart = dilations[index]
            weights = torch.from_numpy(kernel.copy()), torch.from_numpy(bias.copy())
            x = F.relu(F.conv2d(x, *weights, padding=apart, dilation=apart))
            seen[index].append(x[0].flatten(1)[:, ::7].numpy())
    return [np.concatenate(parts, axis=1) for parts in seen]


@torch.no_grad()
def moments(stack: Stack, images: Sequence[NDArray[np.uint8]], dilations: Sequence[int]) -> list[Moments]:
    """Of what each convolution sees on BGR `images`, padded with zeros."""
    watches = [Watch() for _ in stack]
    for image in images:
        x = torch.from_numpy(image.copy()).permute(2, 0, 1)[None].float()
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
) -> onnx.ModelProto:
    """uint8 ``(n, h, w, 4)`` BGR and an ignored byte -> uint8 ``(n, h, w, scale * scale * c)`` blocks.

    QDQ form, weights per channel, rounded for what each convolution has `seen`, activations uint8 with the given
    `steps`. Nothing of it is left but 8-bit convolutions and one sum when ONNX Runtime has joined the pairs.
    """
    graph = Graph()
    dilations = dilations or [1] * len(stack)
    depth = BLOCK_CHANNELS.get(scale, 3)
    square = scale * scale
    kernel, bias = stack[0]
    stack = [(np.pad(kernel, ((0, 0), (0, 1), (0, 0), (0, 0))), bias), *stack[1:]]
    kernel, bias = stack[-1]
    kernel = np.pad(kernel.reshape(square, 3, *kernel.shape[1:]), ((0, 0), (0, depth - 3)) + ((0, 0),) * 3)
    bias = np.pad(bias.reshape(square, 3), ((0, 0), (0, depth - 3)))
    stack[-1] = kernel.reshape(square * depth, *kernel.shape[2:]), bias.reshape(-1)
    known = [_with_unused(seen[0]), *seen[1:]] if seen else [None] * len(stack)
    repeat = np.zeros((square, depth, 4, 1, 1), np.float32)
    repeat[:, range(3), range(3)] = 1.0

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
    exact = graph.weights(repeat.reshape(square * depth, 4, 1, 1), None, 1.0)
    anchor = graph.requantise(graph.add("Conv", pixels, *exact, kernel_shape=[1, 1]), 1.0, 0)
    x = graph.requantise(graph.add("Add", anchor, residual), 1.0, 0)
    graph.quantise(graph.add("Transpose", x, perm=[0, 2, 3, 1]), 1.0, 0, name="blocks")
    return graph.model(
        {"image": (np.uint8, ["n", "h", "w", 4])}, {"blocks": (np.uint8, ["n", "h", "w", square * depth])}
    )


def quantise(network: SuperResolution, images: Sequence[NDArray[np.uint8]]) -> onnx.ModelProto:
    """The int8 graph, its activations' steps found on BGR `images`.

    Moving scale between channels first (SmoothQuant, https://arxiv.org/abs/2211.10438) was tried: these networks came
    0.4 to 14 dB less close to PyTorch with it.
    """
    stack = pixel_stack(network)
    steps = [step(values) for values in activations(stack, images, network.dilations)]
    seen = moments(stack, images, network.dilations)
    return int8_graph(stack, steps, network.scale, seen, network.dilations)


def _nine(dilation: int) -> dict[str, Any]:
    """The attributes of a 3x3 convolution that keeps the size."""
    apart = {"dilations": [dilation, dilation]} if dilation > 1 else {}
    return {"kernel_shape": [3, 3], "pads": [dilation] * 4, **apart}


def _with_unused(seen: Moments) -> Moments:
    """The moments of BGR as those of BGR and a byte that is not looked at."""
    return Moments(np.pad(seen.mean, (0, 9)), np.pad(seen.covariance, (0, 9)))


def plan(network: nn.Module, recipe: Recipe, images: Path | None, judge_on: list[Path]) -> Plan:
    """fp32, fp16 and int8, the last calibrated on `images`.

    All are compared on those, by default samples/stills/; each folder of `judge_on` gives figures named after it.
    """
    if not isinstance(network, SuperResolution):
        raise ValueError(f"recipe {recipe.name!r}: no exporter for networks of family {recipe.network['family']!r}")
    pictures = [read_image(path) for path in image_files(images or SAMPLES)]
    webcam = recipe.task == "distil" or recipe.data.get("degradation") == "webcam"
    degradations = ("bicubic", "webcam") if webcam else ("bicubic",)
    folders = {path.name.lower(): [read_image(file) for file in image_files(path)] for path in judge_on}

    def graph(precision: str) -> tuple[onnx.ModelProto, Layout]:
        if precision == "int8":
            return quantise(network, [picture[..., ::-1] for picture in pictures]), "blocks"
        return float_graph(network, half=precision == "fp16"), "image"

    def pairs(model: Model) -> Iterator[tuple[Pixels, Pixels]]:
        upscale = upscaler(model)
        return ((upscale(picture), evaluate.run(network, picture)) for picture in pictures)

    def judged(model: Model | None) -> dict[str, float]:
        upscale = upscaler(model) if model is not None else lambda image: evaluate.run(network, image)
        figures: dict[str, float] = {}
        for degradation in degradations:
            for name, truths in folders.items():
                scores = evaluate.super_resolution(upscale, truths, network.scale, degradation=degradation)
                suffix = name if degradation == "bicubic" else f"{name}_{degradation}"
                figures |= {f"{figure}_{suffix}": round(score, 4) for figure, score in scores.items()}
        return figures

    size = sum(kernel.numel() + bias.numel() for kernel, bias in network.convolutions())
    card = ModelCard(
        "", "super_resolution", scale=network.scale, receptive_field=network.receptive_field, parameters=size
    )
    return Plan(("fp32", "fp16", "int8"), card, graph, pairs, judged)


def upscaler(model: Model) -> Callable[[Pixels], Pixels]:
    """The model file as a function of RGB images."""

    def upscale(image: Pixels) -> Pixels:
        (result,) = model(np.ascontiguousarray(image[None, ..., ::-1]))
        return result[0, ..., ::-1]

    return upscale


EXPORTER = Exporter(plan)
