"""Each loss against values computed by hand."""

import math

import pytest
import torch
from torch import Tensor

from train import losses

REAL, FAKE = torch.tensor([[2.0, -1.0]]), torch.tensor([[0.5, -0.5]])


def softplus(x: float) -> float:
    return math.log1p(math.exp(x))


def test_pixel_losses() -> None:
    a, b = torch.tensor([0.0, 0.5]), torch.tensor([0.25, 1.0])
    assert losses.l1(a, b).item() == pytest.approx(0.375)
    assert losses.mse(a, b).item() == pytest.approx((0.0625 + 0.25) / 2)
    colours = torch.eye(3).view(3, 3, 1, 1)  # red, green, blue
    assert losses.luma(colours).flatten().tolist() == pytest.approx([0.299, 0.587, 0.114])


def test_nonsaturating() -> None:
    expected = (softplus(-2.0) + softplus(1.0)) / 2 + (softplus(0.5) + softplus(-0.5)) / 2
    assert losses.nonsaturating_discriminator(REAL, FAKE).item() == pytest.approx(expected)
    expected = (softplus(-0.5) + softplus(0.5)) / 2
    assert losses.nonsaturating_generator(REAL, FAKE).item() == pytest.approx(expected)


def test_hinge() -> None:
    assert losses.hinge_discriminator(REAL, FAKE).item() == pytest.approx((0.0 + 2.0) / 2 + (1.5 + 0.5) / 2)
    assert losses.hinge_generator(REAL, FAKE).item() == pytest.approx(0.0)


def test_relativistic_average() -> None:
    real, fake = 0.5, 0.0  # means
    expected = (softplus(-(2.0 - fake)) + softplus(-(-1.0 - fake))) / 4
    expected += (softplus(0.5 - real) + softplus(-0.5 - real)) / 4
    assert losses.relativistic_discriminator(REAL, FAKE).item() == pytest.approx(expected)
    assert losses.relativistic_generator(REAL, FAKE).item() == pytest.approx(
        losses.relativistic_discriminator(FAKE, REAL).item()
    )


def test_relativistic_pairs() -> None:
    assert losses.paired_discriminator(REAL, FAKE).item() == pytest.approx((softplus(-1.5) + softplus(0.5)) / 2)
    assert losses.paired_generator(REAL, FAKE).item() == pytest.approx((softplus(1.5) + softplus(-0.5)) / 2)


def test_minimax_is_what_the_discriminator_loses() -> None:
    assert losses.minimax_generator(REAL, FAKE).item() == pytest.approx(-(softplus(0.5) + softplus(-0.5)) / 2)


def test_least_squares() -> None:
    expected = 0.5 * ((1.0 + 4.0) / 2 + (0.25 + 0.25) / 2)
    assert losses.least_squares_discriminator(REAL, FAKE).item() == pytest.approx(expected)
    assert losses.least_squares_generator(REAL, FAKE).item() == pytest.approx(0.5 * (0.25 + 2.25) / 2)


def test_wasserstein_and_its_penalty() -> None:
    assert losses.wasserstein_discriminator(REAL, FAKE).item() == pytest.approx(0.0 - 0.5)
    real, fake = torch.rand(4, 3, 5, 5), torch.rand(4, 3, 5, 5)
    weights = torch.randn(1, 3, 5, 5)

    def discriminator(images: Tensor) -> Tensor:
        return (images * weights).sum((1, 2, 3))

    slope = float(weights.norm())  # the same everywhere
    assert losses.gradient_penalty(discriminator, real, fake).item() == pytest.approx((slope - 1.0) ** 2, rel=1e-4)


@pytest.mark.parametrize("name", sorted(losses.ADVERSARIAL))
def test_players_pull_against_each_other(name: str) -> None:
    adversarial_loss = losses.ADVERSARIAL[name]
    real, fake = (torch.full((3,), 0.1, requires_grad=True) for _ in range(2))
    up_real, up_fake = torch.autograd.grad(adversarial_loss.discriminator(real, fake), (real, fake))
    assert (up_real < 0).all()  # the discriminator gains where real logits rise
    assert (up_fake > 0).all()  # and fake ones fall
    (pull,) = torch.autograd.grad(adversarial_loss.generator(real.detach(), fake), fake)
    assert (pull < 0).all()  # the generator gains where fake ones rise


def test_r1_of_a_linear_judge() -> None:
    images = torch.rand(5, 3, 4, 4, requires_grad=True)
    weights = torch.arange(48.0).view(1, 3, 4, 4)
    logits = (images * weights).sum((1, 2, 3))
    assert losses.r1(logits, images).item() == pytest.approx(float((weights**2).sum()))


def test_r1_can_be_trained_through() -> None:
    discriminator = torch.nn.Conv2d(3, 1, 3)
    images = torch.rand(2, 3, 6, 6, requires_grad=True)
    losses.r1(torch.nn.functional.softplus(discriminator(images)), images).backward()  # type: ignore[no-untyped-call]
    assert discriminator.weight.grad is not None
    assert discriminator.weight.grad.abs().sum() > 0


def test_feature_losses_weigh_layers_alike() -> None:
    real = [torch.full((1, 2, 2, 2), 1.0), torch.full((1, 2, 1, 1), 100.0)]
    fake = [torch.full((1, 2, 2, 2), 1.5), torch.full((1, 2, 1, 1), 150.0)]
    for loss in (losses.feature_matching, losses.perceptual):
        assert loss(real, fake).item() == pytest.approx(0.5, rel=1e-4)
        assert loss(real, real).item() == 0.0


def test_only_the_generated_side_of_a_feature_loss_learns() -> None:
    real, fake = (torch.rand(1, 2, 2, 2, requires_grad=True) for _ in range(2))
    losses.feature_matching([real], [fake]).backward()  # type: ignore[no-untyped-call]
    assert real.grad is None
    assert fake.grad is not None


def test_distance_is_one_of_directions() -> None:
    def place(*channels: float) -> Tensor:
        return torch.tensor(channels).view(1, -1, 1, 1)

    assert losses.perceptual_distance([place(1, 0)], [place(5, 0)]).item() == pytest.approx(0.0)
    assert losses.perceptual_distance([place(1, 0)], [place(0, 3)]).item() == pytest.approx(2.0)
    assert losses.perceptual_distance([place(1, 0)], [place(-2, 0)]).item() == pytest.approx(4.0)
    assert losses.perceptual_distance([place(1, 0), place(1, 1)], [place(0, 3), place(2, 2)]).item() == pytest.approx(1)
    assert losses.perceptual_distance([torch.ones(3, 2, 4, 4)], [torch.ones(3, 2, 4, 4)]).shape == (3,)


def test_lattice_is_what_a_place_of_every_block_has_more() -> None:
    truth = torch.rand(2, 3, 8, 8)
    mesh = torch.zeros(2, 3, 8, 8)
    mesh[:, :, ::2, ::2] = 0.4
    assert losses.lattice(truth + 0.3, truth, 2).item() == pytest.approx(0.0, abs=1e-6)  # alike everywhere
    assert losses.lattice(truth + mesh, truth, 2).item() == pytest.approx((0.3 + 3 * 0.1) / 4, abs=1e-6)
    assert losses.lattice(truth + mesh, truth, 4).item() == pytest.approx((4 * 0.3 + 12 * 0.1) / 16, abs=1e-6)


def test_a_lattice_that_is_light_here_and_dark_there_is_seen_near() -> None:
    truth = torch.rand(2, 3, 16, 16)
    mesh = torch.zeros(2, 3, 16, 16)
    mesh[:, :, ::2, :8:2], mesh[:, :, ::2, 8::2] = 0.4, -0.4
    assert losses.lattice(truth + mesh, truth, 2).item() == pytest.approx(0.0, abs=1e-6)
    assert losses.lattice(truth + mesh, truth, 2, side=4).item() == pytest.approx((0.3 + 3 * 0.1) / 4, abs=1e-6)
    whole = losses.lattice(truth + mesh.abs(), truth, 2)
    torch.testing.assert_close(losses.lattice(truth + mesh.abs(), truth, 2, side=99), whole)  # no more than there is


def test_apart_is_least_amid_what_most_of_the_weight_agrees_upon() -> None:
    truth = torch.zeros(1, 3, 1, 4)
    truth[:, 0, :, 0] = 1.0
    one, heavy = torch.ones(1, 1, 4), torch.tensor([[[6.0, 1.0, 1.0, 1.0]]])

    def of(red: float, weights: Tensor) -> float:
        found = torch.zeros(1, 3, 1, 4)
        found[:, 0] = red
        return losses.apart(found, truth, weights, 0.1).item()

    assert losses.apart(truth, truth, one, 0.1).item() == 0.0
    assert of(0.0, one) == pytest.approx(1 / 4 / 1.01)
    assert of(0.0, one) < of(0.25, one)  # which is the mean
    assert of(1.0, heavy) < of(0.5, heavy)
    assert of(1.0, heavy) < of(0.0, heavy)


@pytest.mark.parametrize("name", losses.ADVERSARIAL)
def test_smoothing_is_the_mean_over_labels(name: str) -> None:
    loss, share = losses.ADVERSARIAL[name], 0.25
    real, fake = (torch.tensor(values, requires_grad=True) for values in ([0.3, -2.0, 0.9], [-0.1, 1.7, -0.8]))
    nothing = torch.zeros(3)
    smooth = loss.discriminator(real, fake) + share * losses.mislabelled(loss, real, fake)
    if loss.relative:
        wanted = (1 - share) * loss.discriminator(real, fake) + share * loss.discriminator(fake, real)
    else:  # real pictures, now as such, now as generated ones; and the generated
        wanted = (1 - share) * loss.discriminator(real, nothing) + share * loss.discriminator(nothing, real)
        wanted = wanted + loss.discriminator(nothing, fake)
    slopes = [torch.autograd.grad(value, (real, fake)) for value in (smooth, wanted)]
    for one, other in zip(*slopes, strict=True):
        torch.testing.assert_close(one, other)
