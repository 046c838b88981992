"""Graphs as real exporters left them: old operators, fixed sizes, luma alone, a noise level beside the picture."""

from pathlib import Path
from typing import Any

import cv2
import numpy as np
import onnx
import onnxruntime
import pytest
import torch
from torch import Tensor, nn

import gancam
from export.graph import Graph
from gancam.inference.importing import pictures
from gancam.inference.importing.adopt import adapt
from gancam.inference.importing.wrap import load
from tests.helpers.small import still


class Espcn(nn.Module):
    """As onnx/models has it under super-resolution-10: luma of 224x224, three times as large by a pixel shuffle."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.last = nn.Conv2d(1, 4, 5, padding=2), nn.Conv2d(4, 9, 3, padding=1)
        self.shuffle = nn.PixelShuffle(3)
        with torch.no_grad():
            for part in (self.first, self.last):
                part.weight.zero_()
                assert part.bias is not None
                part.bias.zero_()
            self.first.weight[0, 0, 2, 2] = 1.0
            self.last.weight[:, 0, 1, 1] = 1.0

    def forward(self, x: Tensor) -> Tensor:
        made: Tensor = self.shuffle(self.last(torch.relu(self.first(x))))
        return made


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_super_resolution_10(tmp_path: Path) -> None:
    path = tmp_path / "super-resolution-10.onnx"
    given = (torch.zeros(1, 1, 224, 224),)
    torch.onnx.export(Espcn().eval(), given, str(path), opset_version=10, dynamo=False, input_names=["input"])
    model = onnx.load(path)
    model.graph.input.extend(  # as exporters of its day list constants
        onnx.helper.make_tensor_value_info(one.name, one.data_type, one.dims) for one in model.graph.initializer
    )
    model.ir_version = 3
    onnx.save(model, path)
    found = adapt(path, tmp_path / "b.onnx")
    assert (found.convention.order, found.convention.scale, found.convention.range) == ("y", 3, "0..1")
    image = np.ascontiguousarray(still("otters")[:100, :150])
    made = gancam.load(path)(image)
    plain = np.asarray(cv2.resize(image, (450, 300), interpolation=cv2.INTER_NEAREST), np.uint8)
    assert cv2.PSNR(made, plain) > 25  # luma as the network repeats it, colours enlarged smoothly
    grey = [np.asarray(cv2.cvtColor(one, cv2.COLOR_BGR2GRAY), np.uint8) for one in (made, plain)]
    assert cv2.PSNR(grey[0], grey[1]) > 38


def test_a_noise_level_gets_a_constant(tmp_path: Path) -> None:
    graph = Graph()
    kernel = graph.constant(np.full((3, 1, 9, 9), 1 / 81), np.float32)
    low = graph.add("Conv", "x", kernel, group=3, pads=[4] * 4)
    share = graph.add("Mul", graph.add("Sub", low, "x"), "sigma")
    graph.add("Add", "x", share, name="y")
    shapes: dict[str, Any] = {"x": ("float32", [1, 3, "h", "w"]), "sigma": ("float32", [1, 1, 1, 1])}
    onnx.save(graph.model(shapes, {"y": ("float32", [1, 3, "h", "w"])}), tmp_path / "a.onnx")
    found = adapt(tmp_path / "a.onnx", tmp_path / "b.onnx")
    assert set(found.convention.extras) == {"sigma"}
    sigma = found.convention.extras["sigma"]
    assert isinstance(sigma, float)
    assert sigma <= 0.5
    image = pictures.truth(64, 64)
    assert cv2.PSNR(np.asarray(gancam.load(tmp_path / "a.onnx")(image), np.uint8), image) > 20


@pytest.mark.parametrize("opset", [8, 9, 10])
@pytest.mark.parametrize(("mode", "factor"), [("linear", 2.0), ("nearest", 2.0), ("nearest", 1.6), ("nearest", 0.5)])
def test_pictures_are_enlarged_as_before_opset_11(tmp_path: Path, opset: int, mode: str, factor: float) -> None:
    """From the corner on, not from the middles of pixels, as Resize does by itself since then."""
    helper, kinds = onnx.helper, onnx.TensorProto
    sides = helper.make_tensor("sides", kinds.FLOAT, [4], [1, 1, factor, factor])
    operator = "Resize" if opset == 10 else "Upsample"
    if operator == "Upsample" and factor < 1:
        return
    nodes = [helper.make_node(operator, ["x", "sides"], ["y"], mode=mode)]
    if opset == 8:
        nodes = [helper.make_node(operator, ["x"], ["y"], mode=mode, scales=[1.0, 1.0, factor, factor])]
    ports = [helper.make_tensor_value_info(name, kinds.FLOAT, [1, 3, "h" + name, "w" + name]) for name in ("x", "y")]
    constants = [] if opset == 8 else [sides]
    graph = helper.make_graph(nodes, "g", ports[:1], ports[1:], constants)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=4)
    onnx.save(model, tmp_path / "a.onnx")
    onnx.save(load(tmp_path / "a.onnx"), tmp_path / "b.onnx")
    x = np.random.default_rng(0).random((1, 3, 10, 14), np.float32)
    before, after = (
        onnxruntime.InferenceSession(str(tmp_path / name), providers=["CPUExecutionProvider"]).run(None, {"x": x})[0]
        for name in ("a.onnx", "b.onnx")
    )
    np.testing.assert_allclose(np.asarray(after), np.asarray(before), atol=1e-6)
    if mode == "linear":  # half of its values are midway between two levels, and may become either
        assert adapt(tmp_path / "a.onnx", tmp_path / "c.onnx").psnr > 90
