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
from gancam.inference.model import Generator


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
