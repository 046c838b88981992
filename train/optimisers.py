"""What makes a step of gradients: Adam, and Muon for kernels where a recipe says so."""

from collections.abc import Iterable
from typing import Any

import torch
from torch import Tensor, nn
from torch.optim import Optimizer

LEAST = 16  # channels in and out of a kernel that Muon moves: of colours Adam makes the step
MOMENTUM = 0.95
STEPS = 5  # of the iteration that makes a matrix nearly orthogonal
COEFFICIENTS = (3.4445, -4.7750, 2.0315)  # of its polynomial


def orthogonal(matrix: Tensor) -> Tensor:
    """Bring the singular values of `matrix` ``(rows, columns)`` close to 1 (0.7..1.2), its singular vectors kept.

    By a Newton-Schulz iteration in fp32; in bf16, as ``torch.optim.Muon`` has it, a step takes as long on a CPU with
    AVX-512 BF16 and 10 times as long on one with AVX2 alone.
    """
    x = matrix if len(matrix) <= matrix.shape[1] else matrix.T
    x = x / (x.norm() + 1e-7)
    a, b, c = COEFFICIENTS
    for _ in range(STEPS):
        square = x @ x.T
        x = a * x + (b * square + c * square @ square) @ x
    found: Tensor = x if len(matrix) <= matrix.shape[1] else x.T
    return found


class Muon(Optimizer):
    """Momentum whose step is made orthogonal, for the kernels within a network.

    Each step changes all directions of a kernel by about as much, where Adam's follows the few strongest ones
    (https://kellerjordan.github.io/posts/muon/). Steps are scaled so that a learning rate for Adam suits it
    (https://arxiv.org/abs/2502.16982, section 2.2: ``0.2 * sqrt(max(rows, columns))``).
    """

    def __init__(self, kernels: Iterable[Tensor], *, lr: float = 1.0, momentum: float = MOMENTUM) -> None:
        super().__init__(kernels, {"lr": lr, "momentum": momentum})

    @torch.no_grad()
    def step(self, closure: Any = None) -> None:  # type: ignore[override]
        """Take a step, of every kernel that has a gradient."""
        for group in self.param_groups:
            for kernel in group["params"]:
                if kernel.grad is None:
                    continue
                state = self.state[kernel]
                if not state:
                    state["momentum"] = torch.zeros_like(kernel)
                mean = state["momentum"].lerp_(kernel.grad, 1.0 - group["momentum"])
                change = kernel.grad.lerp(mean, group["momentum"]).flatten(1)  # Nesterov's
                scale = 0.2 * max(change.shape) ** 0.5
                kernel.add_(orthogonal(change).view_as(kernel), alpha=-group["lr"] * scale)


def build(network: nn.Module, name: str, betas: tuple[float, float]) -> dict[str, Optimizer]:
    """Make the optimisers of `network`, by what a checkpoint calls each; their learning rate is set at every step."""
    parameters = list(network.parameters())
    if name == "adam":
        return {"optimiser": torch.optim.Adam(parameters, lr=1.0, betas=betas)}
    kernels = [one for one in parameters if one.ndim >= 2 and min(one.shape[:2]) >= LEAST]
    taken = {id(one) for one in kernels}
    others = [one for one in parameters if id(one) not in taken]
    made: dict[str, Optimizer] = {"optimiser": torch.optim.Adam(others, lr=1.0, betas=betas)} if others else {}
    return made | ({"muon": Muon(kernels)} if kernels else {})
