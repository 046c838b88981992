"""Muon: its steps are orthogonal, of the size of Adam's, and of inner kernels alone."""

import pytest
import torch
from torch import nn

from train import optimisers, recipe
from train.optimisers import Muon, orthogonal


@pytest.mark.parametrize("shape", [(16, 144), (144, 16), (32, 32), (16, 16)])
def test_the_directions_of_a_gradient_come_to_weigh_about_the_same(shape: tuple[int, int]) -> None:
    torch.manual_seed(0)
    left, _, right = torch.linalg.svd(torch.randn(shape), full_matrices=False)
    strengths = torch.logspace(0, -1, min(shape))  # from 1 to a tenth
    made = orthogonal(left * strengths @ right)
    found = torch.linalg.svdvals(made)
    assert 0.6 < float(found.min()) <= float(found.max()) < 1.3
    turned = left.T @ made @ right.T  # the singular vectors are those of the gradient
    assert float((turned - torch.diag(torch.diagonal(turned))).abs().max()) < 1e-3


@pytest.mark.parametrize("times", [1e-6, 1.0, 1e6])
def test_a_step_is_as_large_as_one_of_adam_whatever_the_gradient(times: float) -> None:
    torch.manual_seed(0)
    kernel = nn.Parameter(torch.zeros(24, 32, 3, 3))
    kernel.grad = times * torch.randn_like(kernel)
    Muon([kernel], lr=1e-3).step()
    assert float(kernel.detach().square().mean().sqrt()) == pytest.approx(0.2e-3, rel=0.2)  # Adam's, at rest: 0.2..0.4


def test_steps_lead_down() -> None:
    torch.manual_seed(0)
    kernel, goal = nn.Parameter(torch.zeros(16, 16)), torch.randn(16, 16)
    optimiser = Muon([kernel], lr=0.05)
    losses = []
    for _ in range(300):
        loss = (kernel - goal).square().mean()
        optimiser.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        optimiser.step()
        losses.append(float(loss.detach()))
    assert losses[-1] < 0.05 * losses[0]


def test_a_kernel_without_a_gradient_stays() -> None:
    kernel = nn.Parameter(torch.ones(16, 16))
    Muon([kernel]).step()
    assert torch.equal(kernel, torch.ones(16, 16))


def test_adam_moves_biases_and_kernels_of_colours() -> None:
    network = nn.Sequential(nn.Conv2d(3, 16, 3), nn.Conv2d(16, 20, 3), nn.Conv2d(20, 12, 3))
    made = optimisers.build(network, "muon", (0.9, 0.99))
    (kernel,) = made["muon"].param_groups[0]["params"]
    assert kernel is network[1].weight
    assert len(made["optimiser"].param_groups[0]["params"]) == 5
    assert list(optimisers.build(network, "adam", (0.9, 0.99))) == ["optimiser"]
    assert list(optimisers.build(nn.Conv2d(3, 3, 3), "muon", (0.9, 0.99))) == ["optimiser"]


def test_an_unknown_optimiser_is_named() -> None:
    text = 'task = "super_resolution"\noptimiser = "sgd"\n[network]\nfamily = "sr"\nscale = 2\n'
    with pytest.raises(ValueError, match="optimiser 'sgd' must be adam or muon"):
        recipe.parse(text + '[[phase]]\nname = "a"\niterations = 1\nlosses = { l1 = 1.0 }\n')
