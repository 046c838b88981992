"""The files of networks that are dilated, or work on cells of pixels, do what these do in PyTorch."""

from pathlib import Path

import numpy as np
import pytest
import torch

from gancam.inference.model import Model
from tests.helpers.small import network, still, write_models
from train import evaluate
from train.networks.sr import SuperResolution


@pytest.mark.parametrize(("precision", "least"), [("fp32", 60.0), ("fp16", 50.0), ("int8", 38.0)])
def test_every_precision_is_the_dilated_network(tmp_path: Path, precision: str, least: float) -> None:
    torch.manual_seed(0)
    network = SuperResolution(scale=2, channels=16, depth=2, dilations=[2, 3], expansion=8).eval()
    with torch.no_grad():
        for part in (network.tail.direct, network.tail.narrow):
            assert part is not None
            part.mul_(0.7)
    path = write_models(tmp_path, network)
    image = still("sign")
    (made,) = Model(path, device="cpu", precision=precision)(image[None])
    true = evaluate.run(network, image[..., ::-1])[..., ::-1]
    plain = image.repeat(2, 0).repeat(2, 1)
    assert evaluate.psnr(made[0].astype(np.float64), true.astype(np.float64)) > least
    assert evaluate.psnr(plain.astype(np.float64), true.astype(np.float64)) < 40.0


@pytest.mark.parametrize("scale", [1, 2])
@pytest.mark.parametrize(("precision", "least"), [("fp32", 60.0), ("fp16", 50.0), ("int8", 38.0)])
def test_every_precision_is_the_network_of_cells(tmp_path: Path, precision: str, least: float, scale: int) -> None:
    made = network(scale, unshuffle=2)
    model = Model(write_models(tmp_path, made), device="cpu", precision=precision)
    assert (model.card.scale, model.card.multiple) == (scale, 2)
    image = np.ascontiguousarray(still("sign")[:80, :90])
    (found,) = model(image[None])
    true = evaluate.run(made, image[..., ::-1])[..., ::-1]
    assert evaluate.psnr(found[0].astype(np.float64), true.astype(np.float64)) > least
    plain = image.repeat(scale, 0).repeat(scale, 1)
    assert evaluate.psnr(plain.astype(np.float64), true.astype(np.float64)) < 35.0
