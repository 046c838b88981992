"""Samples of a generator, and how good they are as a whole."""

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

QUICK = 2000  # samples of the figures that training logs


def latents(generator: nn.Module, count: int, *, seed: int) -> Tensor:
    """``(count, latent)`` float32 standard normal, the same for a seed everywhere."""
    rng = np.random.default_rng(seed)
    return torch.from_numpy(rng.standard_normal((count, int(generator.latent)), dtype=np.float32))  # type: ignore[arg-type]


@torch.no_grad()
def sample(generator: nn.Module, z: Tensor, *, batch: int = 64) -> NDArray[np.uint8]:
    """``(n, latent)`` -> ``(n, h, w, c)`` RGB uint8."""
    device = next(generator.parameters()).device
    found = []
    for part in z.split(batch):
        images = generator(part.to(device)).float().clamp(0, 1).mul(255.0).round().to(torch.uint8)
        found.append(images.permute(0, 2, 3, 1).cpu().numpy())
    return np.concatenate(found)


def sheet(images: NDArray[np.uint8], columns: int) -> NDArray[np.uint8]:
    """``(n, h, w, c)`` side by side, row by row: RGB ``(H, W, 3)``."""
    count, height, width, channels = images.shape
    rows = -(-count // columns)
    grid = np.full((rows * columns, height, width, channels), 255, np.uint8)
    grid[:count] = images
    grid = grid.reshape(rows, columns, height, width, channels).transpose(0, 2, 1, 3, 4)
    flat = grid.reshape(rows * height, columns * width, channels)
    return np.repeat(flat, 3, axis=2) if channels == 1 else flat


def judge(fakes: NDArray[np.uint8], reals: NDArray[np.uint8], *, device: torch.device) -> dict[str, float]:
    return {"deviation": float(fakes.std(0).mean() / reals.std(0).mean())}
