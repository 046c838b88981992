"""Weights in 16 bits: half the bytes, the same pictures."""

from pathlib import Path

import cv2
import numpy as np
import onnx
import pytest

from export import storage, super_resolution
from export.graph import Graph
from gancam.inference.card import ModelCard
from gancam.inference.catalog import menu
from gancam.inference.model import Model
from gancam.inference.variants import variants
from tests.helpers.small import network, save, still


def test_half_the_bytes_and_the_same_picture(tmp_path: Path) -> None:
    plain = super_resolution.float_graph(network(channels=32, depth=3))
    card = ModelCard(name="a", effect="super_resolution", scale=2)
    whole, half = save(plain, tmp_path / "whole.onnx", card), save(storage.halved(plain), tmp_path / "half.onnx", card)
    assert half.stat().st_size < 0.56 * whole.stat().st_size
    image = still("otters")[None]
    (true,), (found,) = Model(whole, device="cpu")(image), Model(half, device="cpu")(image)
    assert cv2.PSNR(true[0], found[0]) > 60


def test_the_model_that_is_given_stays_as_it_is() -> None:
    plain = super_resolution.float_graph(network())
    before = plain.SerializeToString(deterministic=True)
    storage.halved(plain)
    assert plain.SerializeToString(deterministic=True) == before


@pytest.mark.parametrize(
    ("value", "stays"),
    [
        (np.full((16, 16), 0.3, np.float32), False),
        (np.zeros((16, 16), np.float32), False),
        (np.full((16, 16), 1e6, np.float32), True),  # infinite in 16 bits
        (np.full((16, 16), 1e-7, np.float32), True),  # nearly nothing in 16 bits
        (np.full(300, 0.3, np.float32), True),  # a bias
        (np.full((16, 15), 0.3, np.float32), True),  # too few to be worth an operator
        (np.full((16, 16), 7, np.int64), True),
    ],
)
def test_what_is_stored_in_16_bits(value: np.ndarray, stays: bool) -> None:
    graph = Graph()
    graph.add("Add", "x", graph.constant(value), name="y")
    kind = value.dtype
    made = storage.halved(graph.model({"x": (kind, [*value.shape])}, {"y": (kind, [*value.shape])}))
    (tensor,) = made.graph.initializer
    assert (tensor.data_type != onnx.TensorProto.FLOAT16) == stays
    assert [node.op_type for node in made.graph.node] == (["Add"] if stays else ["Cast", "Add"])


def test_no_bundled_model_holds_what_fits_in_half() -> None:
    """A model that was exported without this would be twice as large."""
    for path in menu().values():
        for precision, file in variants(path).items():
            if precision != "int8":
                model = onnx.load(file)
                assert storage.halved(model).ByteSize() > 0.99 * model.ByteSize(), file.name
