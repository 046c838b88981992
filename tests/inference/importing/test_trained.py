"""Trained networks with values of other ranges: bundled ones, without what is around them and what they clip."""

from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import helper, numpy_helper

from gancam.inference.importing.convention import RANGES
from tests.helpers.foreign_graphs import adapted

MODELS = Path(__file__).parents[3] / "gancam" / "models"


def with_values_of(name: str, span: str, folder: Path) -> Path:
    """The bundled network as others would give it: RGB of that range in and out, NCHW, not clipped."""
    model = onnx.load(MODELS / f"{name}.onnx")
    graph, mean, deviation = model.graph, *(np.array(one[:3], np.float32).reshape(1, 3, 1, 1) for one in RANGES[span])
    inside = list(graph.node)[: [node.op_type for node in graph.node].index("Round")]
    clip = next(node for node in reversed(inside) if node.op_type == "Clip")
    clip.op_type, clip.input[:] = "Identity", clip.input[:1]
    constants = {"mean": mean, "deviation": deviation, "turned": np.array([2, 1, 0])}
    graph.initializer.extend(numpy_helper.from_array(value, one) for one, value in constants.items())
    nodes = [
        helper.make_node("Mul", ["x", "deviation"], ["spread"]),
        helper.make_node("Add", ["spread", "mean"], ["pixels"]),
        helper.make_node("Gather", ["pixels", "turned"], ["bgr"], axis=1),
        helper.make_node("Transpose", ["bgr"], ["image"], perm=[0, 2, 3, 1]),
        *inside,
        helper.make_node("Gather", [inside[-1].output[0], "turned"], ["rgb"], axis=1),
        helper.make_node("Sub", ["rgb", "mean"], ["moved"]),
        helper.make_node("Div", ["moved", "deviation"], ["y"]),
    ]
    takes, gives = (
        [helper.make_tensor_value_info(one, onnx.TensorProto.FLOAT, [1, 3, f"{one}h", f"{one}w"])] for one in "xy"
    )
    made = helper.make_graph(nodes, "a", takes, gives, graph.initializer)
    onnx.save(helper.make_model(made, opset_imports=model.opset_import, ir_version=model.ir_version), folder / "a.onnx")
    return folder / "a.onnx"


@pytest.mark.parametrize(
    ("name", "span"),
    [
        ("style-mosaic", "0..255"),
        ("style-comic", "-1..1"),
        ("sketch", "-1..1"),
        ("sr-x2", "0..255"),
        ("restore-x1", "imagenet"),
    ],
)
def test_values_of_trained_networks(name: str, span: str, tmp_path: Path) -> None:
    assert adapted(with_values_of(name, span, tmp_path)).convention.range == span


@pytest.mark.parametrize("span", ["0..1", "-1..1", "0..255", "imagenet255"])
def test_values_of_one_that_does_little_are_never_wrong_in_silence(span: str, tmp_path: Path) -> None:
    found = adapted(with_values_of("sr-x2", span, tmp_path)).convention
    assert found.range == span or any(span in doubt for doubt in found.doubts), found
