"""Somebody else's generators."""

from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn

import gancam
from gancam.errors import ModelError
from gancam.inference.catalog import open_model
from gancam.inference.importing.adopt import adapt
from gancam.inference.importing.latent import join
from gancam.inference.model import Generator
from tests.helpers.foreign import Case, write_case

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")
LAYERS = 3


class Dcgan(nn.Module):
    """As its tutorial has it: ``(n, z, 1, 1)`` to -1..1, or another range."""

    def __init__(self, ends: str, *, flat: bool = False, channels: int = 3) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.flat, self.ends = flat, ends
        self.body = nn.Sequential(
            nn.ConvTranspose2d(16, 32, 4, bias=False), nn.BatchNorm2d(32), nn.ReLU(),
            nn.ConvTranspose2d(32, 16, 4, 2, 1, bias=False), nn.BatchNorm2d(16), nn.ReLU(),
            nn.ConvTranspose2d(16, channels, 4, 2, 1), nn.Tanh(),
        )  # fmt: skip
        with torch.no_grad():
            self.body(torch.randn(64, 16, 1, 1) * 4)  # statistics
            last = self.body[6]
            assert isinstance(last, nn.ConvTranspose2d)
            last.weight.mul_(8)

    def forward(self, z: Tensor) -> Tensor:
        made: Tensor = self.body(z[:, :, None, None] if self.flat else z)
        return {"-1..1": made, "0..1": made / 2 + 0.5, "0..255": made * 127.5 + 127.5}[self.ends]


def write(network: nn.Module, given: Tensor, path: Path, *, free: bool) -> Path:
    axes = {"z": {0: "n"}, "y": {0: "n"}} if free else None
    torch.onnx.export(
        network.eval(), (given,), str(path), input_names=["z"], output_names=["y"], dynamic_axes=axes, dynamo=False
    )
    return path


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@pytest.mark.parametrize("free", [False, True])
@pytest.mark.parametrize(("ends", "flat"), [("-1..1", False), ("0..1", True), ("0..255", False)])
def test_generators_morph(tmp_path: Path, ends: str, flat: bool, free: bool) -> None:
    network = Dcgan(ends, flat=flat)
    given = torch.zeros(1, 16) if flat else torch.zeros(1, 16, 1, 1)
    path = write(network, given, tmp_path / "g.onnx", free=free)
    found = adapt(path, tmp_path / "b.onnx").convention
    assert (found.effect, found.output_range, found.resolution, found.latent) == ("morph", ends, 16, 16)
    assert found.batch == free
    model = open_model(tmp_path / "b.onnx")
    assert isinstance(model, Generator)
    z = np.random.default_rng(5).standard_normal((3, 16), np.float32)
    made = model(z)[0]
    with torch.no_grad():
        tensor = torch.from_numpy(z)
        wanted = Dcgan("0..255", flat=flat).eval()(tensor if flat else tensor[:, :, None, None])
    assert np.abs(made[..., ::-1].astype(float) - wanted.permute(0, 2, 3, 1).numpy()).max() < 0.6
    effect = gancam.load(path)
    frame = np.zeros((96, 128, 3), np.uint8)
    assert (effect(frame, time=0.0) != effect(frame, time=1.0)).any()


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_what_makes_one_picture_alone_is_no_generator(tmp_path: Path) -> None:
    class Same(nn.Module):
        def forward(self, z: Tensor) -> Tensor:
            return torch.sigmoid(z.new_ones(1, 3, 16, 16) * 0.1 + 0.0 * z.mean())

    path = write(Same(), torch.zeros(1, 16), tmp_path / "g.onnx", free=False)
    with pytest.raises(ModelError, match="other numbers do not make another picture"):
        adapt(path, tmp_path / "b.onnx")


class Mapping(nn.Module):
    """z to w, one or one for each layer."""

    def __init__(self, *, layered: bool = False, count: int = 16) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.body, self.layered = (
            nn.Sequential(nn.Linear(8, count), nn.LeakyReLU(0.2), nn.Linear(count, count)),
            layered,
        )

    def forward(self, z: Tensor) -> Tensor:
        w: Tensor = self.body(z / z.norm(dim=1, keepdim=True))
        return w[:, None].repeat(1, LAYERS, 1) if self.layered else w


class Synthesis(nn.Module):
    """w, one or one for each layer, to a picture of -1..1."""

    def __init__(self, *, layered: bool = False) -> None:
        super().__init__()
        torch.manual_seed(1)
        self.styles = nn.ModuleList(nn.Linear(16, 12) for _ in range(LAYERS))
        self.last, self.layered = nn.Linear(12, 3 * 16 * 16), layered

    def forward(self, w: Tensor) -> Tensor:
        each = [style(w[:, index] if self.layered else w) for index, style in enumerate(self.styles)]
        return torch.tanh(self.last(torch.stack(each).sum(0)).reshape(-1, 3, 16, 16) * 4)


def write_halves(network: nn.Module, given: Tensor, path: Path, *, opset: int = 17) -> Path:
    axes = {"given": {0: "n"}, "made": {0: "n"}}
    torch.onnx.export(
        network.eval(), (given,), str(path), input_names=["given"], output_names=["made"], dynamic_axes=axes,
        dynamo=False, opset_version=opset,
    )  # fmt: skip
    return path


@pytest.mark.parametrize(
    ("layered", "turned"),
    [
        ((False, False), False), ((False, True), True), ((True, True), False), ((True, False), True),
        *(pytest.param(*more, marks=pytest.mark.slow)
          for more in (((False, False), True), ((False, True), False), ((True, True), True), ((True, False), False))),
    ],
)  # fmt: skip
def test_two_files_are_one_generator(tmp_path: Path, layered: tuple[bool, bool], turned: bool) -> None:
    mapping = write_halves(Mapping(layered=layered[0]), torch.zeros(1, 8), tmp_path / "mapping.onnx", opset=16)
    w = torch.zeros(1, LAYERS, 16) if layered[1] else torch.zeros(1, 16)
    synthesis = write_halves(Synthesis(layered=layered[1]), w, tmp_path / "synthesis.onnx")
    given = (synthesis, mapping) if turned else (mapping, synthesis)
    assert join(*given, tmp_path / "whole.onnx") == (mapping, synthesis)
    found = adapt(tmp_path / "whole.onnx", tmp_path / "own.onnx").convention
    assert (found.effect, found.latent, found.resolution, found.output_range) == ("morph", 8, 16, "-1..1")
    model = open_model(tmp_path / "own.onnx")
    assert isinstance(model, Generator)
    z = np.random.default_rng(0).standard_normal((2, 8), np.float32)
    with torch.no_grad():
        ws = Mapping(layered=layered[1]).eval()(torch.from_numpy(z))
        wanted = (Synthesis(layered=layered[1]).eval()(ws).permute(0, 2, 3, 1).numpy() + 1) * 127.5
    assert np.abs(model(z)[0][..., ::-1].astype(float) - wanted).max() < 0.6
    effect = gancam.load(tmp_path / "own.onnx")
    frame = np.zeros((96, 128, 3), np.uint8)
    assert (effect(frame, time=0.0) != effect(frame, time=1.0)).any()


def test_what_is_missing_is_said(tmp_path: Path) -> None:
    mapping = write_halves(Mapping(), torch.zeros(1, 8), tmp_path / "mapping.onnx")
    other = write_halves(Mapping(count=24), torch.zeros(1, 8), tmp_path / "other.onnx")
    synthesis = write_halves(Synthesis(), torch.zeros(1, 16), tmp_path / "synthesis.onnx")
    picture = write_case(Case(), tmp_path / "picture.onnx")
    for one, two, says in (
        (mapping, other, r"neither mapping\.onnx nor other\.onnx gives a picture: a synthesis"),
        (synthesis, picture, r"both synthesis\.onnx and picture\.onnx give pictures: a mapping"),
        (other, synthesis, r"are no pair: .*gives made float32 \(any, 24\).*takes given float32 \(any, 16\)"),
    ):
        with pytest.raises(ModelError, match=says):
            join(one, two, tmp_path / "whole.onnx")
    with pytest.raises(ModelError, match=r"mapping\.onnx: numbers go in and come out, as in a generator"):
        adapt(mapping, tmp_path / "own.onnx")
