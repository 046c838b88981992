"""What a discriminator is shown of real and generated pictures alike, so that it cannot learn few pictures by heart.

Differentiable augmentation (https://arxiv.org/abs/2006.10738): every operation lets gradients through to the generator.
Each picture gets each operation with probability `p`, as in adaptive augmentation (https://arxiv.org/abs/2006.06676).
Pictures are ``[NCHW]`` RGB about 0..1. Random numbers are torch's.
"""

from collections.abc import Callable, Sequence

import torch
from torch import Tensor
from torch.nn import functional as F


def brightness(x: Tensor) -> Tensor:
    """Adds -0.25..0.25."""
    return x + (_uniform(x) - 0.5) * 0.5


def saturation(x: Tensor) -> Tensor:
    """Colour times 0..2 around the grey of each place."""
    grey = x.mean(1, keepdim=True)
    return grey + (x - grey) * (_uniform(x) * 2.0)


def contrast(x: Tensor) -> Tensor:
    """Everything times 0.5..1.5 around the picture's mean."""
    mean = x.mean((1, 2, 3), keepdim=True)
    return mean + (x - mean) * (_uniform(x) + 0.5)


def translation(x: Tensor) -> Tensor:
    """Moves by up to an eighth of a side, whole pixels; the border is repeated."""
    count, _, height, width = x.shape
    reach = max(height, width) // 8
    padded = F.pad(x, (reach, reach, reach, reach), mode="replicate")
    shift = torch.randint(0, 2 * reach + 1, (count, 2), device=x.device)
    rows = shift[:, 0, None] + torch.arange(height, device=x.device)
    columns = shift[:, 1, None] + torch.arange(width, device=x.device)
    return padded[torch.arange(count, device=x.device)[:, None, None], :, rows[:, :, None], columns[:, None]].permute(
        0, 3, 1, 2
    )


def cutout(x: Tensor) -> Tensor:
    """A grey square of half a side, anywhere."""
    count, _, height, width = x.shape
    middle = torch.rand(count, 2, 1, device=x.device)
    rows = (torch.arange(height, device=x.device) - middle[:, 0] * height).abs() < height / 4
    columns = (torch.arange(width, device=x.device) - middle[:, 1] * width).abs() < width / 4
    hole = (rows[:, None, :, None] & columns[:, None, None, :]).to(x.dtype)
    return x * (1.0 - hole) + 0.5 * hole


def mirror(x: Tensor) -> Tensor:
    """Left and right exchanged in half of the pictures."""
    return torch.where(_uniform(x) < 0.5, x.flip(3), x)


OPERATIONS: dict[str, Callable[[Tensor], Tensor]] = {
    operation.__name__: operation for operation in (brightness, saturation, contrast, translation, cutout, mirror)
}
GROUPS = {"colour": ("brightness", "saturation", "contrast")}


def names(wanted: Sequence[str]) -> list[str]:
    """The operations that `wanted` names, groups written out. Raises ``ValueError`` for an unknown one."""
    spelt = [operation for name in wanted for operation in GROUPS.get(name, (name,))]
    if unknown := [name for name in spelt if name not in OPERATIONS]:
        known = ", ".join([*GROUPS, *OPERATIONS])
        raise ValueError(f"unknown augmentation {', '.join(map(repr, unknown))}: there are {known}")
    return spelt


def augment(x: Tensor, operations: Sequence[str], p: float | Tensor = 1.0) -> Tensor:
    """`x` after each of `operations`, which meets each picture with probability `p`."""
    for name in operations:
        changed = OPERATIONS[name](x)
        x = torch.where(_uniform(x) < p, changed, x)
    return x


def _uniform(x: Tensor) -> Tensor:
    return torch.rand(len(x), 1, 1, 1, device=x.device, dtype=torch.float32).to(x.dtype)
