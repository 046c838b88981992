"""Teachers of other makes: what is read does what its file says."""

from pathlib import Path

import numpy as np
import pytest
import torch
from onnx import TensorProto, ValueInfoProto, helper, numpy_helper, save
from torch.nn import functional as F

from tests.helpers.teachers import TEXT, ncnn
from train import foreign


@pytest.mark.parametrize("half", [False, True])
def test_an_ncnn_network_does_what_its_layers_say(tmp_path: Path, half: bool) -> None:
    path, weights = ncnn(tmp_path, half=half)
    first, bias, slope, second, other = (torch.from_numpy(values) for values in weights)
    x = torch.rand(2, 3, 9, 7)
    y = F.conv2d(F.prelu(F.conv2d(x, first, bias, padding=1), slope), second, other, padding=1)
    y = F.pixel_shuffle(y, 2) + F.interpolate(x, scale_factor=2, mode="bilinear", align_corners=False)
    network = foreign.teacher(path)
    torch.testing.assert_close(network(x), y, atol=1e-5, rtol=1e-5)
    assert not any(parameter.requires_grad for parameter in network.parameters())


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (("7767517", "42"), "no ncnn text"),
        (("PReLU bent", "Mish bent"), "Mish .* not known"),
        (("0=8 1=3 4=1", "0=8 1=3 11=5 4=1"), "not square"),
        (("0=12 1=3 4=1 5=1 6=864", "0=12 1=3 4=1 6=864"), "describes"),
        (("6=864", "6=1728"), "ends at"),
        (("PixelShuffle large 1 1 e f 0=2", "PixelShuffle large 1 1 e f 0=2 1=1"), "PixelShuffle"),
    ],
)
def test_what_is_not_understood_is_refused(tmp_path: Path, change: tuple[str, str], says: str) -> None:
    path, _ = ncnn(tmp_path, TEXT.replace(*change))
    with pytest.raises(ValueError, match=says):
        foreign.teacher(path)


def test_files_that_are_missing_or_of_another_kind_are_named(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="no teacher"):
        foreign.teacher(tmp_path / "none.param")
    path, _ = ncnn(tmp_path)
    path.with_suffix(".bin").unlink()
    with pytest.raises(FileNotFoundError, match="no weights"):
        foreign.teacher(path)
    other = tmp_path / "teacher.bin"
    other.write_bytes(b"")
    with pytest.raises(ValueError, match="must be"):
        foreign.teacher(other)
    broken = tmp_path / "broken.onnx"
    broken.write_bytes(b"nothing")
    with pytest.raises(ValueError, match="no ONNX file"):
        foreign.teacher(broken)


def plane(name: str) -> ValueInfoProto:
    return helper.make_tensor_value_info(name, TensorProto.FLOAT, ["n", 3, "h", "w"])


def test_an_onnx_teacher_runs(tmp_path: Path) -> None:
    node = helper.make_node("Resize", ["x", "", "scales"], ["y"], mode="nearest")
    scales = numpy_helper.from_array(np.array([1, 1, 2, 2], np.float32), "scales")
    graph = helper.make_graph([node], "g", [plane("x")], [plane("y")], [scales])
    save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8), tmp_path / "t.onnx")
    x = torch.rand(1, 3, 4, 5)
    torch.testing.assert_close(foreign.teacher(tmp_path / "t.onnx")(x), F.interpolate(x, scale_factor=2))


def test_a_pytorch_teacher_runs(tmp_path: Path) -> None:
    program = torch.export.export(
        torch.nn.Sequential(torch.nn.Conv2d(3, 12, 1), torch.nn.PixelShuffle(2)), (torch.rand(1, 3, 8, 8),)
    )
    torch.export.save(program, tmp_path / "t.pt2")
    network = foreign.teacher(tmp_path / "t.pt2")
    assert network(torch.rand(1, 3, 8, 8)).shape == (1, 3, 16, 16)
