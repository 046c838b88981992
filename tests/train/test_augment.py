"""What a discriminator is shown: same for real and generated, passable for gradients, and nothing where p is 0."""

import pytest
import torch
from torch import Tensor

from train import augment

EVERY = sorted(augment.OPERATIONS)


def pictures(count: int = 64, height: int = 16, width: int = 16) -> Tensor:
    return torch.rand(count, 3, height, width, generator=torch.Generator().manual_seed(1))


@pytest.mark.parametrize("name", EVERY)
def test_shape_stays_and_gradients_pass(name: str) -> None:
    for height, width in ((16, 16), (9, 12), (1, 1)):
        x = pictures(8, height, width).requires_grad_(True)
        y = augment.augment(x, [name], 1.0)
        assert y.shape == x.shape
        (slope,) = torch.autograd.grad(y.sum(), x)
        assert torch.isfinite(slope).all()
        assert name in ("cutout", "saturation", "contrast") or float(slope.abs().sum()) > 0


@pytest.mark.parametrize("name", EVERY)
def test_probability_is_the_share_of_pictures_that_change(name: str) -> None:
    torch.manual_seed(3)
    x = pictures(400)
    assert torch.equal(augment.augment(x, [name], 0.0), x)
    certain = {"mirror": 0.5, "translation": 1 - 1 / 25}.get(name, 1.0)  # each may happen to do nothing
    for p in (0.3, 1.0):
        changed = (augment.augment(x, [name], p) != x).flatten(1).any(1).float().mean()
        assert float(changed) == pytest.approx(p * certain, abs=0.09)


def test_translation_only_moves() -> None:
    torch.manual_seed(0)
    x = pictures(32)
    y = augment.translation(x)
    inner = y[:, :, 4:12, 4:12]  # never touched by the border at a reach of 2
    for before, after in zip(x, inner, strict=True):
        found = [
            torch.equal(before[:, 4 + dy : 12 + dy, 4 + dx : 12 + dx], after)
            for dy in range(-2, 3)
            for dx in range(-2, 3)
        ]
        assert sum(found) == 1


def test_colour_keeps_what_it_says() -> None:
    torch.manual_seed(0)
    x = pictures()
    torch.testing.assert_close(augment.saturation(x).mean(1), x.mean(1))
    torch.testing.assert_close(augment.contrast(x).mean((1, 2, 3)), x.mean((1, 2, 3)))
    shift = augment.brightness(x) - x
    torch.testing.assert_close(shift, shift[:, :1, :1, :1].expand_as(shift))


def test_names() -> None:
    assert augment.names(["colour", "cutout"]) == ["brightness", "saturation", "contrast", "cutout"]
    with pytest.raises(ValueError, match="'rain'"):
        augment.names(["rain"])
