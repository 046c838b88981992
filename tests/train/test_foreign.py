"""Teachers of other makes: what is read does what its file says."""

import io
import json
import zipfile
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import torch
from onnx import TensorProto, ValueInfoProto, helper, numpy_helper, save
from torch.nn import functional as F

from tests.helpers.teachers import TEXT, ncnn
from train import foreign
from train.pool import teach


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
        (("7767517", "42"), "not an ncnn text"),
        (("PReLU bent", "Mish bent"), "Mish .* not known"),
        (("0=8 1=3 4=1", "0=8 1=3 11=5 4=1"), "not square"),
        (("0=12 1=3 4=1 5=1 6=864", "0=12 1=3 4=1 6=864"), "describes"),
        (("6=864", "6=1728"), "ends at"),
        (("PixelShuffle large 1 1 e f 0=2", "PixelShuffle large 1 1 e f 0=2 1=1"), "PixelShuffle"),
        (("PixelShuffle large 1 1 e f 0=2", "PixelShuffle large"), r"small\.param, line 8, is not a layer of ncnn"),
        (
            ("PixelShuffle large 1 1 e f 0=2", "PixelShuffle large 1 1 z f 0=2"),
            "is not a layer of ncnn: 'PixelShuffle la",
        ),
        (
            ("PixelShuffle large 1 1 e f 0=2", "PixelShuffle large 1 one e f 0"),
            "is not a layer of ncnn: 'PixelShuffle la",
        ),
        (("0=8 1=3 4=1", "0=8 1=0 4=1"), "is not a layer of ncnn: 'Convolution "),
        (("0=8 1=3 4=1", "0=8 1=3 4=-1"), "is not a layer|cannot be run on"),
        (("6=864", "6=863"), "is not a layer of ncnn: 'Convolution "),
    ],
)
def test_what_is_not_understood_is_refused(tmp_path: Path, change: tuple[str, str], says: str) -> None:
    path, _ = ncnn(tmp_path, TEXT.replace(*change))
    with pytest.raises(ValueError, match=says):
        foreign.teacher(path)(torch.zeros(1, 3, 8, 8))


def test_a_teacher_that_cannot_be_run_is_named(tmp_path: Path) -> None:
    path, _ = ncnn(tmp_path)
    with pytest.raises(ValueError, match=rf"{path.name} cannot be run on \(1, 4, 8, 8\): "):
        foreign.teacher(path)(torch.zeros(1, 4, 8, 8))
    grey = torch.nn.Sequential(torch.nn.Conv2d(3, 1, 1), torch.nn.Upsample(scale_factor=2))
    with pytest.raises(ValueError, match=r"the teacher makes \(2, 1, 16, 16\) of .* the student \(2, 3, 16, 16\)"):
        teach(grey, np.zeros((2, 8, 8, 3), np.uint8), 2)


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
    with pytest.raises(ValueError, match="not an ONNX file"):
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


class Network(torch.nn.Module):
    """Some of all that a .pt2 says in a way of its own: buffers, constants, sizes, lists, and what is done in place."""

    def __init__(self) -> None:
        super().__init__()
        self.convolution, self.norm = torch.nn.Conv2d(3, 16, 3, padding=1), torch.nn.BatchNorm2d(16)
        self.linear, self.relu = torch.nn.Linear(16, 16), torch.nn.LeakyReLU(0.2, inplace=True)
        self.mean = torch.tensor([0.4, 0.5, 0.6]).view(1, 3, 1, 1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        n, _, h, w = x.shape
        x = F.pad(x, (1, 1, 1, 1), mode="reflect")[:, :, 1:-1, 1:-1]
        y = self.norm(self.relu(self.convolution(x - self.mean)))
        a, b = y.chunk(2, 1)
        y = torch.cat([a * torch.sigmoid(b), b], 1)
        y = self.linear(y.permute(0, 2, 3, 1).reshape(n, h * w, 16)).transpose(1, 2).view(n, 16, h, w)
        y = F.gelu(y.mean((2, 3), keepdim=True) * y)
        y = F.interpolate(y, size=(h * 2, w * 2), mode="nearest")[:, :3]
        return (y + F.interpolate(x, scale_factor=2, mode="bicubic")).clamp(0, 1).to(torch.float32)


@pytest.fixture(scope="module")
def exported(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, torch.nn.Module]:
    torch.manual_seed(0)
    network, path = Network().eval(), tmp_path_factory.mktemp("exported") / "t.pt2"
    free = torch.export.Dim.AUTO
    shapes = ({0: free, 2: free, 3: free},)
    torch.export.save(torch.export.export(network, (torch.rand(2, 3, 8, 10),), dynamic_shapes=shapes), path)
    return path, network


def test_a_pytorch_teacher_runs(exported: tuple[Path, torch.nn.Module]) -> None:
    path, network = exported
    x = torch.rand(1, 3, 12, 9)
    read = foreign.teacher(path)
    assert torch.equal(read(x), network(x))
    assert not any(parameter.requires_grad for parameter in read.parameters())


def test_a_pytorch_teacher_of_one_size_says_so(tmp_path: Path) -> None:
    program = torch.export.export(
        torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(48, 48)), (torch.rand(1, 3, 4, 4),)
    )
    torch.export.save(program, tmp_path / "t.pt2")
    with pytest.raises(ValueError, match=r"cannot be run on \(1, 3, 8, 8\).*dynamic_shapes"):
        foreign.teacher(tmp_path / "t.pt2")(torch.rand(1, 3, 8, 8))


class Evil:
    """Makes a file where it is unpickled."""

    def __init__(self, mark: Path) -> None:
        self.mark = mark

    def __reduce__(self) -> tuple[object, ...]:
        return open, (str(self.mark), "w")


def changed(path: Path, target: Path, name: str, change: Callable[[bytes], bytes]) -> Path:
    """A copy of the zip `path` in which the file that ends in `name` is another."""
    with zipfile.ZipFile(path) as old, zipfile.ZipFile(target, "w") as new:
        names = old.namelist()
        assert any(one.endswith(name) for one in names)
        for one in names:
            new.writestr(one, change(old.read(one)) if one.endswith(name) else old.read(one))
    return target


def test_a_pytorch_teacher_runs_nothing_of_its_own(exported: tuple[Path, torch.nn.Module], tmp_path: Path) -> None:
    mark, target = tmp_path / "was_run", tmp_path / "t.pt2"
    kept = io.BytesIO()
    torch.save(Evil(mark), kept)
    for name in ("sample_inputs/model.pt", "weights/weight_0"):
        changed(exported[0], target, name, lambda _: kept.getvalue())
        try:
            foreign.teacher(target)(torch.rand(1, 3, 4, 4))
        except ValueError:
            assert name != "sample_inputs/model.pt"
    changed(
        exported[0],
        target,
        "weights_config.json",
        lambda data: data.replace(b'"use_pickle": false', b'"use_pickle": true'),
    )
    with pytest.raises(ValueError, match="is pickled"):
        foreign.teacher(target)

    def guarded(data: bytes) -> bytes:  # PyTorch compiles these lines, and runs them
        model = json.loads(data)
        model["guards_code"] = [f"open({str(mark)!r}, 'w') is not None"]
        return json.dumps(model).encode()

    foreign.teacher(changed(exported[0], target, "model.json", guarded))(torch.rand(1, 3, 4, 4))
    for function in (
        "torch.os.system",
        "torch.ops.aten.from_file.default",
        "torch.ops.aten.sigmoid.out",
        "_operator.call",
    ):
        replaced = lambda data, name=function: data.replace(b"torch.ops.aten.sigmoid.default", name.encode())
        with pytest.raises(ValueError, match="asks for"):
            foreign.teacher(changed(exported[0], target, "model.json", replaced))
    assert not mark.exists()


def _instead(data: bytes, _: bytes) -> bytes:
    return data


@pytest.mark.parametrize("size", [0, 100, -100])
def test_a_damaged_pytorch_teacher_is_named(exported: tuple[Path, torch.nn.Module], tmp_path: Path, size: int) -> None:
    path = tmp_path / "t.pt2"
    path.write_bytes(exported[0].read_bytes()[:size])
    with pytest.raises(ValueError, match=r"t\.pt2"):
        foreign.teacher(path)
    for name in ("model.json", "weights_config.json", "weight_0"):
        for data in (b"", b"[]", b"{}"):
            damaged = changed(exported[0], path, name, partial(_instead, data))
            with pytest.raises(ValueError, match=r"t\.pt2"):
                foreign.teacher(damaged)
