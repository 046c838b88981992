"""8-bit files are the same picture on every CPU: by the bound, and by a simulation of kernels that saturate."""

from pathlib import Path

import cv2
import numpy as np
import onnx
import pytest
import torch
from numpy.typing import NDArray

from export import check, rounding, super_resolution
from export.__main__ import main
from export.check import VariantRefused
from export.graph import Graph
from export.restore import restore
from gancam.inference.catalog import MODELS
from gancam.inference.model import Model
from gancam.inference.variants import read_card
from tests.helpers import saturating
from tests.helpers.small import network, still

RNG = np.random.default_rng(0)


def psnr(one: NDArray[np.uint8], other: NDArray[np.uint8]) -> float:
    return float(cv2.PSNR(one.reshape(-1), other.reshape(-1)))


def plain(kernel: NDArray[np.float32]) -> NDArray[np.int8]:
    """Rounded to all of -127..127, as is usual."""
    most = np.abs(kernel).max((1, 2, 3), keepdims=True).clip(1)
    return np.asarray(np.round(kernel / most * 127), np.int8)


def test_a_file_that_saturates_is_seen_and_refused() -> None:
    model = super_resolution.quantise(network(), [still("otters")])
    check.refuse(model)
    for one in model.graph.initializer:
        weights = onnx.numpy_helper.to_array(one)
        if weights.dtype == np.int8 and weights.ndim == 4 and weights.shape[2] == 3:
            one.CopyFrom(onnx.numpy_helper.from_array(plain(weights.astype(np.float32)), one.name))
    image = RNG.integers(200, 256, (1, 24, 24, 4), dtype=np.uint8)
    seen, true = (saturating.run(model, {"image": image}, saturating=one) for one in (True, False))
    assert psnr(seen, true) < 40
    with pytest.raises(VariantRefused, match=r"conv_.*sum to .*128"):
        check.refuse(model)


def test_what_cannot_be_proved_is_refused() -> None:
    def made(weights: NDArray[np.generic], operator: str = "Conv") -> onnx.ModelProto:
        graph = Graph()
        x = graph.dequantise("x", 1.0, 0)
        steps, zeros = graph.constant(np.ones(len(weights)), np.float32), graph.constant(0 * weights[:, 0, 0, 0])
        coded = graph.add("DequantizeLinear", graph.constant(weights), steps, zeros, axis=0)
        y = graph.add(operator, x, coded, name="y")
        return graph.model({"x": (np.uint8, [1, 2, 4, 4])}, {y: (np.float32, ["n", "c", "h", "w"])})

    check.refuse(made(np.full((2, 2, 1, 1), 64, np.int8)))
    with pytest.raises(VariantRefused, match="sum to 130"):
        check.refuse(made(np.full((2, 2, 1, 1), -65, np.int8)))
    with pytest.raises(VariantRefused, match="-128"):
        check.refuse(made(np.array([[[[-128]], [[0]]]] * 2, np.int8)))
    with pytest.raises(VariantRefused, match="uint8"):
        check.refuse(made(np.full((2, 2, 1, 1), 3, np.uint8)))
    with pytest.raises(VariantRefused, match="ConvTranspose"):
        check.refuse(made(np.full((2, 2, 1, 1), 3, np.int8), "ConvTranspose"))


@pytest.mark.parametrize("size", [(5, 4, 3, 3), (8, 1, 5, 5), (3, 7, 1, 1)])
def test_no_two_weights_sum_to_more_than_they_may(size: tuple[int, ...]) -> None:
    bias = np.zeros(size[0], np.float32)
    count = int(np.prod(size[1:]))
    mixed = RNG.normal(size=(count, 500))
    moments = rounding.Moments(mixed.mean(1), np.cov(mixed @ mixed.T) / 500)
    for shape in (RNG.normal(size=size), np.ones(size), -np.ones(size), RNG.laplace(size=size) ** 3, np.zeros(size)):
        for seen in (None, moments):
            made = rounding.rounded(shape.astype(np.float32), bias, seen)
            assert rounding.worst(made.weights) <= rounding.PAIR
            assert np.abs(made.weights.astype(int)).max() <= rounding.MOST


def test_a_weight_by_itself_has_all_of_8_bits() -> None:
    kernel = np.zeros((2, 3, 1, 1), np.float32)
    kernel[0, 1], kernel[1, 2] = 0.3, -5.0
    made = rounding.rounded(kernel, np.zeros(2, np.float32))
    assert made.weights.reshape(2, 3).tolist() == [[0, 127, 0], [0, 0, -127]]


def test_rounding_together_is_closer_than_one_by_one() -> None:
    photo = torch.from_numpy(still("lake")[:160, :160].copy()).permute(2, 0, 1)[None].float()
    kernel = RNG.normal(size=(16, 3, 3, 3)).astype(np.float32)
    bias = RNG.normal(size=16).astype(np.float32)
    watch = rounding.Watch()
    watch.see(photo, (3, 3))

    def error(made: rounding.Rounded) -> float:
        weights = torch.from_numpy((made.weights * made.steps[:, None, None, None]).astype(np.float32))
        off = torch.nn.functional.conv2d(photo, weights, torch.from_numpy(made.bias.astype(np.float32)))
        return float((off - torch.nn.functional.conv2d(photo, torch.from_numpy(kernel), torch.from_numpy(bias))).std())

    alone, together = (error(rounding.rounded(kernel, bias, seen)) for seen in (None, watch.moments()))
    assert together < 0.35 * alone


@pytest.mark.parametrize("name", ["sr-x2", "sketch", "inpaint"])
def test_a_network_comes_back_from_its_file(name: str) -> None:
    path = MODELS / f"{name}.onnx"
    made, recipe, card = restore(path)
    assert (recipe.name, card.name) == (card.recipe, name)
    assert sum(1 for one in made.modules() if isinstance(one, torch.nn.BatchNorm2d)) in (0, 15)
    image = np.ascontiguousarray(still("otters")[:64, :96])
    model = Model(path, device="cpu", precision="fp32")
    x = torch.from_numpy(image[..., ::-1].copy()).permute(2, 0, 1)[None].float() / 255
    hole = torch.zeros(1, 1, 64, 96)
    hole[..., 20:40, 30:50] = 1
    with torch.no_grad():
        y = made(x, hole) if name == "inpaint" else made(x)
    inputs = (image[None], hole[0].numpy().astype(np.uint8)) if name == "inpaint" else (image[None],)
    found = (y[0].permute(1, 2, 0).numpy()[..., ::-1] * 255).round().clip(0, 255).astype(np.uint8)
    assert psnr(model(*inputs)[0][0], found) > 60


@pytest.mark.slow
def test_int8_is_made_anew_from_a_model_file(tmp_path: Path) -> None:
    assert main([str(MODELS / "sr-x2.onnx"), "-o", str(tmp_path), "--precisions", "int8"]) == 0
    old, new = read_card(MODELS / "sr-x2.int8.onnx"), read_card(tmp_path / "sr-x2.int8.onnx")
    assert (new.name, new.recipe, new.licence, new.data, new.summary) == (
        old.name, old.recipe, old.licence, old.data, old.summary,
    )  # fmt: skip
    assert new.parity["psnr"] >= 54


def test_what_could_saturate_is_not_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(check, "PAIR", 100)  # less than what weights are rounded for
    assert main([str(MODELS / "sr-x2.onnx"), "-o", str(tmp_path), "--precisions", "int8"]) == 1
    assert not list(tmp_path.iterdir())
    assert "more than 100" in caplog.text


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["sr-x2.int8.onnx"], "int8: weights are taken from the fp32 file"),
        (["background.onnx"], "no recipe ''"),
        (["sr-x2.onnx", "--reverse"], "one direction"),
        (["nothing.onnx"], "nothing.onnx"),
    ],
)
def test_bad_files_are_one_line(
    arguments: list[str], says: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([str(MODELS / arguments[0]), "-o", str(tmp_path), *arguments[1:]]) == 2
    message = capsys.readouterr().err
    assert says in message
    assert message.count("\n") == 1
