"""The deployed graph of an unconditional generator: one file with two halves, which share nothing.

``z (n, latent)`` -> ``w (n, latent)``, the mapping; ``ws (m, layers, latent)`` -> ``image (m, r, r, 3)`` uint8 BGR, the
synthesis, with the noise that the network has in eval mode. ``centre (1, latent)`` is there for the asking. A half
whose input is empty (n or m = 0) costs next to nothing: that is how each runs alone. (ONNX Runtime's option
`only_execute_path_to_fetches` does not skip the other half in its released builds, tried with 1.31.)

There is no int8 variant: with 8-bit activations, even with the best scale for each picture, an early style-based
generator was at 45 dB, under what a picture without any grain of its own can hide.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import onnx
import torch
from numpy.typing import NDArray
from torch import nn

from export.enlarged import EnlargedGenerator
from export.graph import Graph
from export.layers import array, double
from export.plan import Exporter, Plan
from gancam.inference.card import Layout, ModelCard
from gancam.inference.model import Model
from train import generation
from train.data import Pixels
from train.networks.dcgan import DcganGenerator
from train.networks.latent import LatentGenerator
from train.networks.mlp import DenseGenerator
from train.networks.sr import SuperResolution
from train.networks.stylegan import EqualisedLinear, ModulatedConv, StyledLayer, StyleGenerator
from train.recipe import Recipe

COMPARED = 64  # latents on which every variant is compared


class _Writer:
    """The operators of generators, in float32: activations between fences, and outside what must be exact."""

    def __init__(self) -> None:
        self.graph = Graph()

    def number(self, value: float) -> str:
        return self.graph.constant(value, np.float32)

    def affine(self, x: str, linear: EqualisedLinear) -> str:
        """float32 ``(n, cin)`` -> ``(n, cout)``."""
        weight = self.graph.constant((array(linear.weight) * linear.scale).T, np.float32)
        return self.graph.add("Gemm", x, weight, self.graph.constant(array(linear.bias) * linear.slow, np.float32))

    def map(self, x: str) -> str:
        """``(n, c)`` -> ``(n, c, 1, 1)`` among the activations."""
        return self.graph.add("Unsqueeze", self.graph.fence(x), self.graph.constant([2, 3], np.int64))

    def pixels(self, x: str, order: Sequence[int]) -> None:
        """The output: channels ``(m, c, r, r)`` float32 in grey levels, taken in this `order` -> ``image``."""
        x = self.graph.add("Round", self.graph.add("Clip", x, self.number(0), self.number(255)))
        x = self.graph.add("Gather", self.graph.cast(x, np.uint8), self.graph.constant(order, np.int64), axis=1)
        self.graph.add("Transpose", x, perm=[0, 2, 3, 1], name="image")


def style_graph(network: StyleGenerator) -> onnx.ModelProto:
    """The graph of a style-based generator; demodulation and RGB sums are in float32 in fp16, too."""
    writer = _Writer()
    image, side = _synthesis(writer, network)
    writer.pixels(image, (2, 1, 0))
    return _model(writer, network, side)


def enlarged_graph(network: EnlargedGenerator) -> onnx.ModelProto:
    """The graph of a style-based generator and of all that enlarges its pictures."""
    writer = _Writer()
    image, side = _synthesis(writer, network.generator)
    image = writer.graph.add("Mul", image, writer.number(1 / 255))
    for enlarger in network.enlargers:
        assert isinstance(enlarger, SuperResolution)
        image, side = _enlarged(writer, image, enlarger), side * enlarger.scale
    writer.pixels(writer.graph.add("Mul", image, writer.number(255)), (2, 1, 0))
    return _model(writer, network, side)


def _enlarged(writer: _Writer, image: str, enlarger: SuperResolution) -> str:
    """About 0..1, float32 RGB -> about 0..1, float32 RGB, `enlarger.scale` times as high and wide."""
    graph, scale = writer.graph, enlarger.scale
    small = graph.add("Clip", image, writer.number(0), writer.number(1))
    x, stack = graph.fence(small), enlarger.convolutions()
    for index, ((kernel, bias), dilation) in enumerate(zip(stack, enlarger.dilations, strict=True)):
        weights = (graph.constant(array(value), np.float32) for value in (kernel, bias))
        x = graph.add("Conv", x, *weights, kernel_shape=[3, 3], pads=[dilation] * 4, dilations=[dilation] * 2)
        x = graph.add("Relu", x) if index + 1 < len(stack) else x
    detail = graph.add("DepthToSpace", graph.fence(x), blocksize=scale, mode="CRD")
    scales = graph.constant([1, 1, scale, scale], np.float32)
    anchor = graph.add(
        "Resize", small, "", scales, mode="nearest", coordinate_transformation_mode="asymmetric", nearest_mode="floor"
    )
    return graph.add("Add", anchor, detail)


def _synthesis(writer: _Writer, network: StyleGenerator) -> tuple[str, int]:
    """Both halves up to the picture in grey levels, float32 RGB ``(m, 3, side, side)``; its name, and the side."""
    graph = writer.graph
    _mapping(writer, network)
    w = [graph.add("Gather", "ws", graph.constant(layer, np.int64), axis=1) for layer in range(network.layers)]
    x = graph.constant(array(network.constant), np.float32)
    x = _styled(writer, x, network.first, w[0])
    image, side = "", 4
    for index, (lower, upper, rgb) in enumerate(zip(network.lower, network.upper, network.rgb, strict=True)):
        assert isinstance(lower, StyledLayer)
        assert isinstance(upper, StyledLayer)
        assert isinstance(rgb, ModulatedConv)
        side *= 2
        x = _styled(writer, x, lower, w[1 + 2 * index])
        x = _styled(writer, x, upper, w[2 + 2 * index])
        colours = _colours(writer, x, rgb, w[2 + 2 * index], side)
        image = graph.add("Add", double(graph, image, smooth=True), colours) if image else colours
    level = (array(network.rgb_bias) * 0.5 + 0.5) * 255.0
    return graph.add("Add", image, graph.constant(level, np.float32)), side


def plain_graph(network: LatentGenerator) -> onnx.ModelProto:
    """The graph of a generator without styles, whose w is z.

    It is dense or of transposed convolutions, with batch normalisation merged into the layers beside it. Raises
    ``ValueError`` for another network.
    """
    if isinstance(network, DcganGenerator):
        layers = [network.dense, nn.Unflatten(1, (network.wide, network.side, network.side)), *network.layers_up]
    elif isinstance(network, DenseGenerator):
        layers = [*network.dense, nn.Unflatten(1, (1, network.resolution, network.resolution))]
    else:
        raise ValueError(f"no exporter for {type(network).__name__}")
    writer = _Writer()
    graph = writer.graph
    _kinds(graph, network)
    x = graph.fence(graph.add("Gather", "ws", graph.constant(0, np.int64), axis=1))
    for step in _merged(layers):
        x = _plain(writer, x, step)
    x = graph.add("Mul", graph.add("Tanh", graph.fence(x)), writer.number(127.5))
    colours, side = network(torch.zeros(1, network.latent)).shape[1:3]
    writer.pixels(graph.add("Add", x, writer.number(127.5)), (0, 0, 0) if colours == 1 else (2, 1, 0))
    return _model(writer, network, side)


def _kinds(graph: Graph, network: LatentGenerator) -> None:
    """w: z itself; of classes, with 1 for that of the largest of its last numbers and 0 for the others."""
    if not network.classes:
        graph.add("Identity", "z", name="w")
        return
    edges = [graph.constant([edge], np.int64) for edge in (0, network.latent - network.classes, network.latent)]
    axis = graph.constant([1], np.int64)
    noise, asked = graph.add("Slice", "z", edges[0], edges[1], axis), graph.add("Slice", "z", edges[1], edges[2], axis)
    kind = graph.add("ArgMax", asked, axis=1, keepdims=0)
    depth, values = graph.constant(network.classes, np.int64), graph.constant([0.0, 1.0], np.float32)
    graph.add("Concat", noise, graph.add("OneHot", kind, depth, values, axis=1), axis=1, name="w")


@dataclass
class _Step:
    """A layer whose weights are at hand."""

    layer: nn.Module
    weight: NDArray[np.float64]
    bias: NDArray[np.float64]


def _merged(layers: Sequence[nn.Module]) -> list[_Step | nn.Module]:
    """`layers` without batch normalisation: ``a * x + b`` goes into the linear layer before it, or else after it."""
    steps: list[_Step | nn.Module] = []
    waiting: tuple[NDArray[np.float64], NDArray[np.float64]] | None = None
    for layer in layers:
        if isinstance(layer, nn.Linear | nn.ConvTranspose2d):
            weight = array(layer.weight)
            count = weight.shape[1 if isinstance(layer, nn.ConvTranspose2d) else 0]
            bias = array(layer.bias) if layer.bias is not None else np.zeros(count)
            if waiting is not None:
                if not isinstance(layer, nn.Linear):
                    raise ValueError("no exporter for batch normalisation just before a transposed convolution")
                weight, bias = weight * waiting[0], bias + weight @ waiting[1]
                waiting = None
            steps.append(_Step(layer, weight, bias))
        elif isinstance(layer, nn.BatchNorm1d | nn.BatchNorm2d):
            assert layer.running_mean is not None
            assert layer.running_var is not None
            scale = array(layer.weight) / np.sqrt(array(layer.running_var) + layer.eps)
            shift = array(layer.bias) - array(layer.running_mean) * scale
            before = steps[-2] if steps and isinstance(steps[-1], nn.Unflatten) else steps[-1] if steps else None
            if isinstance(before, _Step):
                spread = len(before.bias) // len(scale)  # pixels that share a channel
                scale, shift = np.repeat(scale, spread), np.repeat(shift, spread)
                upward = isinstance(before.layer, nn.ConvTranspose2d)
                before.weight = before.weight * scale.reshape((1, -1, 1, 1) if upward else (-1, 1))
                before.bias = before.bias * scale + shift
            else:
                waiting = scale, shift
        else:
            steps.append(layer)
    return steps


def _plain(writer: _Writer, x: str, step: _Step | nn.Module) -> str:
    graph = writer.graph
    if isinstance(step, _Step):
        weight = graph.constant(step.weight, np.float32)
        bias = graph.constant(step.bias, np.float32)
        if isinstance(step.layer, nn.Linear):
            return graph.add("Gemm", x, weight, bias, transB=1)
        layer = step.layer
        assert isinstance(layer, nn.ConvTranspose2d)
        pad, more = (list(map(int, sizes)) for sizes in (layer.padding, layer.output_padding))
        return graph.add(
            "ConvTranspose", x, weight, bias, kernel_shape=list(layer.kernel_size), strides=list(layer.stride),
            pads=pad + pad, output_padding=more,
        )  # fmt: skip
    if isinstance(step, nn.Unflatten):
        return graph.add("Reshape", x, graph.constant([0, *step.unflattened_size], np.int64))
    if isinstance(step, nn.ReLU):
        return graph.add("Relu", x)
    if isinstance(step, nn.LeakyReLU):
        return graph.add("LeakyRelu", x, alpha=step.negative_slope)
    raise ValueError(f"no exporter for a layer {type(step).__name__}")


def _mapping(writer: _Writer, network: StyleGenerator) -> None:
    graph = writer.graph
    power = graph.add("ReduceMean", graph.add("Mul", "z", "z"), graph.constant([1], np.int64), keepdims=1)
    x = graph.add("Div", "z", graph.add("Sqrt", graph.add("Add", power, writer.number(1e-8))))
    for layer in network.style.layers:
        assert isinstance(layer, EqualisedLinear)
        x = graph.add("LeakyRelu", writer.affine(x, layer), alpha=0.2)
    graph.add("Identity", x, name="w")


def _styled(writer: _Writer, x: str, layer: StyledLayer, w: str) -> str:
    """Modulate, convolve, demodulate, double, add noise and bias, leaky ReLU."""
    graph, conv = writer.graph, layer.conv
    style = writer.affine(w, conv.style)
    values = array(conv.weight) * conv.scale
    kernel = graph.constant(values, np.float32)
    squares = graph.add("ReduceSumSquare", kernel, graph.constant([2, 3], np.int64), keepdims=0)  # [OI]
    power = graph.add("Gemm", graph.add("Mul", style, style), squares, alpha=0.5, transB=1)  # over GAIN squared
    norm = graph.add("Sqrt", graph.add("Add", power, writer.number(0.5e-8)))
    norm = graph.add("Reciprocal", norm)
    x = graph.add("Mul", x, writer.map(style))
    x = graph.add("Conv", x, kernel, kernel_shape=[3, 3], pads=[1, 1, 1, 1])
    x = graph.add("Mul", x, writer.map(norm))
    if layer.up:
        x = double(graph, x, smooth=True)
    noise = graph.constant(array(layer.noise) * array(layer.strength), np.float32)
    bias = graph.constant(array(layer.bias).reshape(1, -1, 1, 1), np.float32)
    return graph.add("LeakyRelu", graph.add("Add", x, graph.add("Add", noise, bias)), alpha=0.2)


def _colours(writer: _Writer, x: str, rgb: ModulatedConv, w: str, side: int) -> str:
    """The 1x1 convolution to RGB in grey levels, float32, as a product of matrices.

    So that the style scales its few weights instead of all activations.
    """
    graph = writer.graph
    kernel = array(rgb.weight)[:, :, 0, 0] * rgb.scale * 127.5
    style = graph.add("Unsqueeze", writer.affine(w, rgb.style), graph.constant([1], np.int64))
    scaled = graph.fence(graph.add("Mul", style, graph.constant(kernel, np.float32)))  # [N3C]
    flat = graph.add("Reshape", x, graph.constant([0, kernel.shape[1], side * side], np.int64))
    found = graph.fence(graph.add("MatMul", scaled, flat))
    return graph.add("Reshape", found, graph.constant([0, 3, side, side], np.int64))


def _model(writer: _Writer, network: LatentGenerator, side: int) -> onnx.ModelProto:
    writer.graph.add("Identity", writer.graph.constant(array(network.centre), np.float32), name="centre")
    latent, layers = network.latent, network.layers
    return writer.graph.model(
        {"z": (np.float32, ["n", latent]), "ws": (np.float32, ["m", layers, latent])},
        {"w": (np.float32, ["n", latent]), "centre": (np.float32, [1, latent]),
         "image": (np.uint8, ["m", side, side, 3])},
    )  # fmt: skip


def deployed(network: LatentGenerator) -> onnx.ModelProto:
    """The graph of any generator. Raises ``ValueError`` for a family that has no exporter."""
    if isinstance(network, EnlargedGenerator):
        return enlarged_graph(network)
    return style_graph(network) if isinstance(network, StyleGenerator) else plain_graph(network)


def calm(network: nn.Module, noise: float) -> None:
    """Leave of the random detail that a style-based generator's pictures have the share `noise`, in place.

    Raises ``ValueError`` for a network that has none, and for a share that is not between 0 and 1.
    """
    layers = [layer for layer in network.modules() if isinstance(layer, StyledLayer)]
    if not layers:
        raise ValueError("--noise: only the pictures of a stylegan have random detail")
    if not 0.0 <= noise <= 1.0:
        raise ValueError(f"--noise {noise:g}: needs a share from 0, none, to 1, all")
    for layer in layers:
        layer.noise *= noise


def plan(network: nn.Module, recipe: Recipe, images: Path | None, judge_on: list[Path], *, samples: int = 5000) -> Plan:
    """fp32 and fp16, both compared on 64 fixed latents.

    The network in PyTorch is judged on the pictures that `judge_on` names, once: no such figure tells apart what
    differs by less than a grey level.
    """
    if not isinstance(network, LatentGenerator):
        raise ValueError(f"recipe {recipe.name!r}: no exporter for networks of family {recipe.network['family']!r}")

    if len(judge_on) > 1:
        raise ValueError(f"--judge {judge_on[1]}: a generator is judged on one set, and {judge_on[0]} is given too")

    def graph(precision: str) -> tuple[onnx.ModelProto, Layout]:
        return deployed(network), "latent"

    def pairs(model: Model) -> Iterator[tuple[Pixels, Pixels]]:
        z = generation.latents(network, COMPARED, seed=0)
        true = generation.sample(network, z)
        yield model(z.numpy())[0][..., ::-1], np.broadcast_to(true, (*true.shape[:3], 3))

    card = ModelCard(
        "", "morph", latent=network.latent, layers=network.layers, resolution=network.resolution,
        parameters=sum(parameter.numel() for parameter in network.parameters()),
        classes=tuple(recipe.data.get("names", map(str, range(network.classes)))),
    )  # fmt: skip
    figures: dict[str, float] = {}
    for data in judge_on:
        scores = generation.score_run(recipe, network, data, samples=samples)
        seen = f"{scores.feature_network}, {scores.samples} samples"
        figures |= {f"{name}_{seen}": float(f"{figure:.4g}") for name, figure in scores.figures.items()}
    return Plan(("fp32", "fp16"), card, graph, pairs, lambda model: figures)


EXPORTER = Exporter(plan)
