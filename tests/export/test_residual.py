"""Networks of residual blocks for super-resolution: how far they see, their files, and back from these."""

from pathlib import Path

import numpy as np
import pytest
import torch

from export.__main__ import main
from export.restore import restore
from gancam.inference.model import Model
from tests.helpers.small import still
from train import checkpoint, evaluate
from train import recipe as recipes
from train.networks.sr_residual import ResidualSuperResolution

RECIPE = """
task = "super_resolution"
[network]
family = "sr_residual"
scale = {scale}
channels = 16
blocks = 2
[[phase]]
name = "l1"
iterations = 1
losses = {{ l1 = 1.0 }}
"""


def made(scale: int) -> ResidualSuperResolution:
    torch.manual_seed(0)
    network = ResidualSuperResolution(scale=scale, channels=16, blocks=2).eval()
    with torch.no_grad():
        for one in network.parameters():
            one.add_(0.02 * torch.randn_like(one))
    return network


def test_pixels_beyond_the_receptive_field_do_not_matter() -> None:
    network = made(2)
    x = torch.rand(1, 3, 41, 41, requires_grad=True)
    (slope,) = torch.autograd.grad(network(x)[0, :, 40, 40].sum(), x)
    rows = torch.nonzero(slope.abs().sum((0, 1, 3))).flatten()
    assert (int(rows.min()), int(rows.max())) == (20 - network.receptive_field, 20 + network.receptive_field)


@pytest.mark.parametrize("scale", [1, 2, pytest.param(3, marks=pytest.mark.slow), 4])
def test_its_files_are_the_network_and_give_it_back(
    tmp_path: Path, scale: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    network = made(scale)
    run, folder = tmp_path / "run", tmp_path / "models"
    recipe = tmp_path / "tiny.toml"
    recipe.write_text(RECIPE.format(scale=scale))
    run.mkdir()
    checkpoint.save(
        run, {"recipe": recipe.read_text(), "name": recipe.stem, "iteration": 1, "ema": network.state_dict()}
    )
    assert main([str(run), "-o", str(folder), "--name", "tiny"]) == 0
    assert sorted(path.name for path in folder.glob("*.onnx")) == ["tiny.onnx"]
    image = np.ascontiguousarray(still("sign")[:70, :90])
    true = evaluate.run(network, image[..., ::-1])[..., ::-1].astype(np.float64)
    for precision, least in (("fp32", 60.0), ("fp16", 50.0)):
        model = Model(folder / "tiny.onnx", device="cpu", precision=precision)
        assert (model.card.scale, model.card.receptive_field) == (scale, 7)
        (found,) = model(image[None])
        assert evaluate.psnr(found[0].astype(np.float64), true) > least
    monkeypatch.setattr(recipes, "find", lambda name: recipe)
    again, _, _ = restore(folder / "tiny.onnx")
    made_again = evaluate.run(again, image[..., ::-1])[..., ::-1]
    assert evaluate.psnr(made_again.astype(np.float64), true) > 60.0


def test_weights_of_another_network_are_refused() -> None:
    with pytest.raises(ValueError, match="are not those of the network"):
        made(2).fill(made(3).convolutions())
    with pytest.raises(ValueError, match="must be positive"):
        ResidualSuperResolution(scale=2, blocks=0)
