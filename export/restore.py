"""The network back from its fp32 model file: to quantise it anew, or to train it further."""

import math
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import onnx
import torch
from numpy.typing import NDArray
from onnx import numpy_helper
from torch import Tensor, nn

from export.enlarged import enlarge
from export.super_resolution import Network, by_place, collapsed
from gancam.inference.card import ModelCard
from gancam.inference.variants import read_card
from train import recipe as recipes
from train.networks.colorizer import Colorizer
from train.networks.dcgan import DcganGenerator
from train.networks.inpaint import Gated, Inpaint
from train.networks.mlp import DenseGenerator
from train.networks.sr import SuperResolution
from train.networks.sr_residual import ResidualSuperResolution
from train.networks.stylegan import EqualisedLinear, ModulatedConv, StyledLayer, StyleGenerator
from train.networks.translator import Normed, ResidualBlock, Translator
from train.recipe import Recipe

Array = NDArray[np.float32]
Layer = tuple[Array, Array]  # kernel and bias
COLOURS = 3


def restore(path: Path, recipe: Recipe | None = None) -> tuple[nn.Module, Recipe, ModelCard]:
    """The network of the fp32 file at `path`, its recipe, and the card.

    Args:
        path: The file.
        recipe: Whose network it has; None: the one that its card names.

    Raises:
        ValueError: A file of another precision or family, or that is not of its recipe as that is now.
        FileNotFoundError: The recipe is not there.
        ModelError: It is no model file.
    """
    card = read_card(path)
    if card.precision != "fp32":
        raise ValueError(f"{path} is {card.precision}: weights are taken from the fp32 file of a model")
    recipe = recipe or recipes.load(card.recipe)
    network = collapsed(recipe)
    constants = constants_of(onnx.load(path))
    try:
        with torch.no_grad():
            match network:
                case SuperResolution() | ResidualSuperResolution():
                    _super_resolution(network, _layers(path, constants))
                case Colorizer():
                    _colorizer(network, _layers(path, constants))
                case Translator():
                    _translator(network, _layers(path, constants), constants)
                case Inpaint():
                    _inpaint(network, _layers(path, constants)[2:])  # after the two of the fill
                case StyleGenerator():
                    _style_generator(network, _numbers(path))
                    if card.resolution != network.resolution:
                        network, recipe = enlarge(network, _enlargers(path, constants), recipe)
                        if card.resolution != network.resolution:
                            raise ValueError(f"its pictures are {card.resolution} wide, not {network.resolution}")
                case DcganGenerator() | DenseGenerator():
                    _plain_generator(network, _layers(path, constants, "Gemm", "ConvTranspose"))
                case _:
                    raise ValueError(f"no network of family {recipe.network['family']!r} is read from a file")
    except (IndexError, RuntimeError, StopIteration, ValueError) as error:
        raise ValueError(f"{path} cannot be read as a network of recipe {recipe.name!r}: {error}") from error
    return network.eval(), recipe, card


def constants_of(model: onnx.ModelProto) -> dict[str, Array]:
    """Give the values of a graph by name, float32, also where a cast widens them."""
    found = {one.name: numpy_helper.to_array(one).astype(np.float32) for one in model.graph.initializer}
    for node in model.graph.node:
        if node.op_type == "Cast" and node.input[0] in found:
            found[node.output[0]] = found[node.input[0]]
    return found


def _numbers(path: Path) -> list[Array]:
    """Every weight that is no whole number, as the file has them in order: no single numbers, no scales of a Resize."""
    graph = onnx.load(path).graph
    scales = {name for node in graph.node if node.op_type == "Resize" for name in node.input[1:]}
    arrays = [numpy_helper.to_array(one) for one in graph.initializer if one.name not in scales]
    return [array.astype(np.float32) for array in arrays if array.dtype.kind == "f" and array.ndim]


def _layers(path: Path, constants: Mapping[str, Array], *kinds: str) -> list[Layer]:
    """Kernel and bias of each layer of one of the `kinds` of operators, else of each convolution."""
    convolutions = [node for node in onnx.load(path).graph.node if node.op_type in (kinds or ("Conv",))]
    none = np.zeros(0, np.float32)
    return [
        (constants[node.input[1]], constants[node.input[2]] if len(node.input) > 2 else none) for node in convolutions
    ]


def _fill(parameter: Tensor | None, value: Array) -> None:
    """Copy `value` into `parameter`. Raises ``ValueError`` where the shapes differ."""
    if parameter is None or tuple(parameter.shape) != value.shape:
        has = None if parameter is None else tuple(parameter.shape)
        raise ValueError(f"the file has {value.shape} where the recipe has {has}")
    parameter.copy_(torch.from_numpy(np.ascontiguousarray(value)))


def _super_resolution(network: Network, layers: list[Layer]) -> None:
    """The inverse of `super_resolution.pixel_stack`, between pixels of 0..1."""
    if len(layers) != len(network.stack):
        raise ValueError(f"the file has {len(layers)} convolutions, the recipe {len(network.stack)}")
    first, last = (np.argsort(by_place(share * network.multiple**2)) for share in (1, network.scale**2))
    layers[0] = layers[0][0][:, first], layers[0][1]
    layers[-1] = layers[-1][0][last], layers[-1][1][last]
    network.fill(_tensors(layers))


def _tensors(layers: list[Layer]) -> list[tuple[Tensor, Tensor]]:
    return [(torch.from_numpy(kernel.copy()), torch.from_numpy(bias.copy())) for kernel, bias in layers]


def _enlargers(path: Path, constants: Mapping[str, Array]) -> list[SuperResolution]:
    """The inverse of what `unconditional.enlarged_graph` puts behind a generator: it alone tells its dilations."""
    stacks: list[list[tuple[Layer, int]]] = []
    for node in onnx.load(path).graph.node:
        given = [list(one.ints) for one in node.attribute if one.name == "dilations"]
        if node.op_type == "Conv" and given:
            kernel, bias = constants[node.input[1]], constants[node.input[2]]
            if kernel.shape[1] == COLOURS:  # the first of a network
                stacks.append([])
            stacks[-1].append(((kernel, bias), given[0][0]))
    if not stacks:
        raise ValueError("its pictures are of another size than the recipe's, and nothing enlarges them")
    return [_stacked(stack) for stack in stacks]


def _stacked(stack: list[tuple[Layer, int]]) -> SuperResolution:
    layers, dilations = [layer for layer, _ in stack], [dilation for _, dilation in stack]
    scale = math.isqrt(len(layers[-1][0]) // COLOURS)
    network = SuperResolution(
        scale=scale, channels=len(layers[0][0]), depth=len(stack) - 2, expansion=0, dilations=dilations[1:-1]
    )
    network.fill(_tensors(layers))
    return network


def _translator(network: Translator, layers: list[Layer], constants: Mapping[str, Array]) -> None:
    """The inverse of `cells.layers`: batch normalisation does nothing but add the bias."""
    places = network.unshuffle**2
    if network.grain is not None and network.mix is not None:
        grain, mix = network.grain, network.mix.weight
        _fill(grain, next(one for one in constants.values() if one.shape == grain.shape))
        found = next(kernel for kernel, _ in layers if kernel.shape == mix.shape)
        _fill(mix, found)
        layers = [layer for layer in layers if layer[0] is not found]
    layers = layers[_before(network) :]
    kernel, bias = layers[0]
    bias = bias + 0.5 * kernel.sum((1, 2, 3))
    if network.front == "image":  # (place, colour) BGR -> channels (colour, place) RGB
        kernel = kernel.reshape(len(bias), places, 3, 3, 3).transpose(0, 2, 1, 3, 4)[:, ::-1]
        kernel = kernel.reshape(len(bias), -1, 3, 3)
    layers[0] = kernel, bias
    kernel, bias = layers[-1]
    kernel = kernel.reshape(places, 3, -1, 3, 3).transpose(1, 0, 2, 3, 4)[::-1]
    bias = bias.reshape(places, 3).T[::-1].reshape(-1)
    layers[-1] = kernel.reshape(3 * places, *kernel.shape[2:]), bias - np.float32(0.5)
    normed = [network.stem, *network.down]
    for block in network.body:
        assert isinstance(block, ResidualBlock)
        normed += [block.first, block.second]
    normed += [one for pair in zip(network.up, network.join, strict=True) for one in pair]
    normed += network.refine
    if len(layers) != len(normed) + 1:
        raise ValueError(f"the file has {len(layers)} convolutions, the recipe {len(normed) + 1}")
    for one, given in zip(normed, layers, strict=False):
        _normed(one, given)
    _fill(network.tail.weight, layers[-1][0])
    _fill(network.tail.bias, layers[-1][1])
    if network.pattern is not None:
        tiles = [one for one in constants.values() if one.shape == tuple(network.pattern.shape)]
        _fill(network.pattern, tiles[0])


def _normed(one: nn.Module, given: Layer) -> None:
    """Fill a convolution whose batch normalisation does nothing then but add the bias."""
    assert isinstance(one, Normed)
    conv, norm = one[0], one[1]
    assert isinstance(conv, nn.Conv2d)
    assert isinstance(norm, nn.BatchNorm2d)
    assert norm.running_var is not None
    _fill(conv.weight, given[0])
    _fill(norm.bias, given[1])
    norm.running_var.fill_(1 - norm.eps)


def _colorizer(network: Colorizer, layers: list[Layer]) -> None:
    """The inverse of `colorization.float_graph`, of its decoder: what is before it is never trained."""
    decoder: list[nn.Module] = [network.enter]
    for block in network.body:
        assert isinstance(block, ResidualBlock)
        decoder += [block.first, block.second]
    for three in zip(network.up, network.skip, network.join, strict=True):
        decoder += three
    seen = sum(isinstance(one, nn.Conv2d) for one in network.blocks.modules())
    before = 1 + 1 + seen  # luma, the classifier's first, and its blocks'
    if len(layers) != before + len(decoder) + 1:
        raise ValueError(f"the file has {len(layers)} convolutions, the recipe {before + len(decoder) + 1}")
    for one, given in zip(decoder, layers[before:], strict=False):
        if isinstance(one, nn.Conv2d):
            _fill(one.weight, given[0])
            _fill(one.bias, given[1])
        else:
            _normed(one, given)
    kernel, bias = layers[-1]
    _fill(network.tail.weight, kernel[::-1])
    _fill(network.tail.bias, bias[::-1])


def _before(network: Translator) -> int:
    """How many convolutions of the file come before the network's first: luma, and the blurs of edges."""
    luma = (network.front, network.keep) != ("image", "nothing")
    return luma + 2 * (network.front == "edges")


def _inpaint(network: Inpaint, layers: list[Layer]) -> None:
    """The inverse of `inpainting._for_bgr` and `_with_identity`; modules are in the order of `inpainting.body`."""
    convolutions = [one for one in network.modules() if isinstance(one, nn.Conv2d)]
    if len(layers) != len(convolutions):
        raise ValueError(f"the file has {len(layers)} convolutions, the recipe {len(convolutions)}")
    kernel, bias = layers[0]
    kernel = kernel.reshape(len(bias), 4, 4, 3, 3).transpose(0, 2, 1, 3, 4)[:, [2, 1, 0, 3]]
    layers[0] = kernel.reshape(len(bias), 16, 3, 3), bias
    kernel, bias = layers[-1]
    kernel = kernel.reshape(3, 4, -1, 3, 3)[::-1]
    layers[-1] = kernel.reshape(12, *kernel.shape[2:]), bias.reshape(3, 4)[::-1].reshape(-1)
    around = [one.around for one in network.modules() if isinstance(one, Gated)]
    for one, (kernel, bias) in zip(convolutions, layers, strict=True):
        if one in around:
            kernel = kernel.copy()
            kernel[:, 0, 2, 2] -= 1.0
        _fill(one.weight, kernel)
        _fill(one.bias, bias)


def _plain_generator(network: DcganGenerator | DenseGenerator, layers: list[Layer]) -> None:
    """The inverse of `unconditional.plain_graph`: batch normalisation only adds what a layer has no bias for."""
    own = [one for one in network.modules() if isinstance(one, nn.Linear | nn.ConvTranspose2d)]
    norms = [one for one in network.modules() if isinstance(one, nn.BatchNorm1d | nn.BatchNorm2d)]
    if len(layers) != len(own):
        raise ValueError(f"the file has {len(layers)} layers, the recipe {len(own)}")
    for norm in norms:
        assert norm.running_var is not None
        norm.running_var.fill_(1 - norm.eps)
        norm.weight.fill_(1)
    for one, (kernel, bias) in zip(own, layers, strict=True):
        _fill(one.weight, kernel)
        if one.bias is None:  # its normalisation comes next, of a number for each channel
            norm = norms.pop(0)
            _fill(norm.bias, bias.reshape(norm.num_features, -1)[:, 0])
        else:
            _fill(one.bias, bias)


def _style_generator(network: StyleGenerator, values: Sequence[Array]) -> None:
    """The inverse of `unconditional.style_graph`, whose weights stand in the order in which it writes them."""
    found = iter(values)

    def affine(linear: EqualisedLinear) -> None:
        _fill(linear.weight, next(found).T / np.float32(linear.scale))
        _fill(linear.bias, next(found) / np.float32(linear.slow))

    def styled(layer: StyledLayer) -> None:
        affine(layer.conv.style)
        _fill(layer.conv.weight, next(found) / np.float32(layer.conv.scale))
        noise = next(found)
        strength = float(noise.std())
        layer.strength.fill_(strength)
        _fill(layer.noise, noise / np.float32(strength or 1.0))
        _fill(layer.bias, next(found).reshape(-1))

    for linear in network.style.layers:
        assert isinstance(linear, EqualisedLinear)
        affine(linear)
    _fill(network.constant, next(found))
    styled(network.first)
    for lower, upper, rgb in zip(network.lower, network.upper, network.rgb, strict=True):
        assert isinstance(lower, StyledLayer)
        assert isinstance(upper, StyledLayer)
        assert isinstance(rgb, ModulatedConv)
        styled(lower)
        styled(upper)
        affine(rgb.style)
        kernel = next(found) / np.float32(127.5 * rgb.scale)
        _fill(rgb.weight, kernel[:, :, None, None])
    level = [value for value in values if value.shape == (1, 3, 1, 1)][-1]
    _fill(network.rgb_bias, (level / 255.0 - 0.5) / 0.5)
    _fill(network.centre, values[-1])
