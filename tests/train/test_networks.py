"""Networks: shapes, gradients, and that what is collapsed does the same."""

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional as F

from train import losses, networks
from train.networks import squeezenet
from train.networks.discriminators import PatchDiscriminator, UNetDiscriminator
from train.networks.inpaint import push_pull
from train.networks.sr import CollapsibleConv, SuperResolution


@pytest.mark.parametrize(("cin", "cout"), [(3, 5), (4, 4)])
def test_a_collapsed_kernel_does_what_its_branches_do(cin: int, cout: int) -> None:
    layer = CollapsibleConv(cin, cout, expansion=7)
    assert layer.wide is not None
    assert layer.narrow is not None
    x = torch.rand(2, cin, 9, 8)
    branches = F.conv2d(F.conv2d(x, layer.wide, padding=1), layer.narrow)
    branches = branches + F.conv2d(x, layer.direct, layer.bias, padding=1)
    if cin == cout:
        branches = branches + x
    torch.testing.assert_close(layer(x), branches, atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("scale", [1, 2, 3, 4])
def test_the_exported_stack_is_the_network(scale: int) -> None:
    network = SuperResolution(scale=scale, channels=6, depth=2, expansion=9)
    x = torch.rand(1, 3, 7, 5)
    y = x
    stack = network.convolutions()
    for index, (kernel, bias) in enumerate(stack):
        y = F.conv2d(y, kernel, bias, padding=1)
        y = F.relu(y) if index + 1 < len(stack) else y
    y = F.pixel_shuffle(y + x.repeat_interleave(scale * scale, dim=1), scale)
    torch.testing.assert_close(network(x), y, atol=1e-5, rtol=1e-5)
    assert y.shape == (1, 3, 7 * scale, 5 * scale)


def test_pixels_beyond_the_receptive_field_do_not_matter() -> None:
    network = SuperResolution(scale=2, channels=4, depth=2)
    x = torch.rand(1, 3, 21, 21, requires_grad=True)
    (slope,) = torch.autograd.grad(network(x)[0, :, 20, 20].sum(), x)
    rows = torch.nonzero(slope.abs().sum((0, 1, 3))).flatten()
    assert rows.min() >= 10 - network.receptive_field
    assert rows.max() <= 10 + network.receptive_field


def test_a_dilated_network_sees_farther_with_the_same_weights() -> None:
    network = SuperResolution(scale=2, channels=4, depth=2, dilations=[2, 4])
    assert network.receptive_field == 8
    assert network.state_dict().keys() == SuperResolution(scale=2, channels=4, depth=2).state_dict().keys()
    x = torch.rand(1, 3, 31, 31, requires_grad=True)
    (slope,) = torch.autograd.grad(network(x)[0, :, 30, 30].sum(), x)
    rows = torch.nonzero(slope.abs().sum((0, 1, 3))).flatten()
    assert (int(rows.min()), int(rows.max())) == (7, 23)
    for wrong in ([2], [2, 0]):
        with pytest.raises(ValueError, match="dilations"):
            SuperResolution(scale=2, depth=2, dilations=wrong)


def test_a_network_of_cells_sees_farther_and_keeps_the_size() -> None:
    network = SuperResolution(scale=1, channels=4, depth=1, unshuffle=2)
    assert (network.multiple, network.receptive_field) == (2, 7)
    x = torch.rand(1, 3, 32, 32, requires_grad=True)
    reached = []
    for row in (15, 16):
        (slope,) = torch.autograd.grad(network(x)[0, :, row, row].sum(), x)
        reached += torch.nonzero(slope.abs().sum((0, 1, 3))).flatten().tolist()
    assert (min(reached), max(reached)) == (15 - 7, 16 + 7)
    with torch.no_grad():
        network.tail.direct.zero_()
        network.tail.narrow.zero_()  # type: ignore[union-attr]
        torch.testing.assert_close(network(x), x)
    with pytest.raises(ValueError, match="unshuffle 0 must be positive"):
        SuperResolution(scale=2, unshuffle=0)


@pytest.mark.parametrize("kind", ["unet", "patch"])
@pytest.mark.parametrize("unshuffle", [2, 4])
def test_a_discriminator_judges_every_place_and_learns(kind: str, unshuffle: int) -> None:
    discriminator = networks.build("discriminators", kind=kind, channels=4, unshuffle=unshuffle)
    images = torch.rand(2, 3, 32, 48, requires_grad=True)
    logits, activations = discriminator(images)
    assert logits.dtype == torch.float32
    assert logits.shape[:2] == (2, 1)
    if kind == "unet":
        assert logits.shape[2:] == (32 // unshuffle, 48 // unshuffle)
    assert len(activations) >= 3
    (logits.mean() + losses.r1(logits, images)).backward()
    for name, parameter in discriminator.named_parameters():
        if "bias" not in name:
            assert parameter.grad is not None, name
            assert parameter.grad.abs().sum() > 0, name


@pytest.mark.parametrize("discriminator", [UNetDiscriminator(channels=4), PatchDiscriminator(channels=4)])
def test_spectral_norms_move_in_training_and_rest_in_evaluation(discriminator: nn.Module) -> None:
    images = torch.rand(2, 3, 16, 16)
    for _ in range(40):
        discriminator(images)
    for module in discriminator.modules():
        if isinstance(module, nn.Conv2d):
            largest = float(torch.linalg.matrix_norm(module.weight.detach().flatten(1), ord=2))
            assert largest == pytest.approx(1.0, abs=0.05)
    before = {name: value.clone() for name, value in discriminator.state_dict().items()}
    discriminator.eval()
    discriminator(images)
    assert all(torch.equal(value, before[name]) for name, value in discriminator.state_dict().items())
    discriminator.train()
    other = type(discriminator)(channels=4)
    other.load_state_dict(before)
    assert torch.equal(discriminator(images)[0], other(images)[0])  # the vectors came along


def test_sides_that_do_not_fit_are_named() -> None:
    with pytest.raises(ValueError, match=r"multiples of 8, not \(12, 16\)"):
        UNetDiscriminator(channels=4)(torch.rand(1, 3, 12, 16))


def test_build_names_what_it_does_not_know() -> None:
    with pytest.raises(ValueError, match="no network family 'nothing'"):
        networks.build("nothing")
    with pytest.raises(ValueError, match="refuses its options"):
        networks.build("sr", scale=2, colour=1)
    with pytest.raises(ValueError, match="must be positive"):
        networks.build("sr", scale=0)
    with pytest.raises(ValueError, match="'mask' must be unet or patch"):
        networks.build("discriminators", kind="mask")


def test_squeezenet_taps_and_weights() -> None:
    features = squeezenet.SqueezeNet()
    seen = features(torch.rand(2, 3, 64, 64))
    assert [x.shape[1] for x in seen] == [64, 128, 256, 384, 384, 512, 512]
    assert [x.shape[2] for x in seen] == [31, 15, 7, 3, 3, 3, 3]  # ceil_mode pools
    assert not any(parameter.requires_grad for parameter in features.parameters())
    with np.load(squeezenet.WEIGHTS) as kept:
        assert set(kept) == set(features.state_dict())  # no more than is used
    shallow = squeezenet.SqueezeNet((0, 4))
    assert len(shallow.state_dict()) < len(features.state_dict())
    smallest = features(torch.rand(1, 3, 17, 17))
    assert smallest[-1].shape[2:] == (1, 1)


def test_squeezenet_tells_an_image_from_a_worse_one() -> None:
    """Distances grow with blur, as they must if weights and input convention belong together."""
    features = squeezenet.SqueezeNet()
    rng = np.random.default_rng(0)
    image = F.interpolate(torch.from_numpy(rng.random((1, 3, 16, 16), dtype=np.float32)), scale_factor=4)
    distances = []
    for size in (1, 3, 5, 9):
        blurred = F.avg_pool2d(F.pad(image, (size // 2,) * 4, mode="reflect"), size, 1)
        distances.append(float(losses.perceptual_distance(features(image), features(blurred))))
    assert distances[0] == 0.0
    assert distances == sorted(distances)
    assert distances[-1] > 0.1


def test_push_pull_keeps_what_is_known_and_is_right_on_a_flat_field() -> None:
    image = torch.rand(1, 3, 32, 48)
    hole = torch.zeros(1, 1, 32, 48)
    torch.testing.assert_close(push_pull(image, hole), image, atol=1e-4, rtol=0)
    hole[:, :, 5:29, 7:40] = 1.0
    filled = push_pull(image, hole)
    known = (hole == 0).expand_as(image)
    torch.testing.assert_close(filled[known], image[known], atol=1e-4, rtol=0)
    flat = torch.full_like(image, 0.6)
    flat[:, :, 5:29, 7:40] = 0.0
    torch.testing.assert_close(push_pull(flat, hole), torch.full_like(flat, 0.6), atol=2e-4, rtol=0)


def test_push_pull_of_nothing_known_is_finite() -> None:
    filled = push_pull(torch.rand(1, 3, 16, 16), torch.ones(1, 1, 16, 16))
    assert torch.equal(filled, torch.zeros_like(filled))


def test_inpainting_leaves_known_pixels_and_does_not_see_the_others() -> None:
    torch.manual_seed(0)
    network = networks.build("inpaint", widths=[4, 4, 8, 8], depth=2).eval()
    image, hole = torch.rand(2, 3, 32, 48), (torch.rand(2, 1, 32, 48) < 0.3).float()
    with torch.no_grad():
        filled = network(image, hole)
        other = network(torch.where(hole > 0, torch.rand_like(image), image), hole)
    known = (hole == 0).expand_as(image)
    assert torch.equal(filled[known], image[known])
    torch.testing.assert_close(filled, other, atol=1e-5, rtol=0)
    assert (filled - push_pull(image, hole))[~known].abs().max() > 0.01  # the network has its say
    with pytest.raises(ValueError, match="multiples of 16"):
        network(image[:, :, :30], hole[:, :, :30])


def test_every_weight_of_the_inpainting_network_learns() -> None:
    network = networks.build("inpaint", widths=[4, 4, 8, 8], depth=2)
    image, hole = torch.rand(2, 3, 32, 32), (torch.rand(2, 1, 32, 32) < 0.5).float()
    network(image, hole).square().mean().backward()
    dead = [name for name, p in network.named_parameters() if p.grad is None or not p.grad.abs().sum() > 0]
    assert dead == ["attention.ask.bias"] or not dead


@pytest.mark.parametrize("options", [{"widths": [4, 4, 4]}, {"widths": [4, 4, 4, 6]}, {"depth": 1}])
def test_an_inpainting_network_of_nonsense_is_refused(options: dict[str, object]) -> None:
    with pytest.raises(ValueError, match="must be four"):
        networks.build("inpaint", **options)
