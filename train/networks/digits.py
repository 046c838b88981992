"""A classifier of handwritten digits, the feature network of scores of generators of digits.

Trained by the recipe `digits`; its weights travel with the source.
"""

from functools import cache
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

WEIGHTS = Path(__file__).parents[1] / "weights" / "digits.npz"
FEATURES = 64


class DigitClassifier(nn.Module):
    """``forward``: ``(n, 1, 28, 28)`` float 0..1 -> logits ``(n, 10)``; ``features``.

    ``(n, 64)`` before the last layer.
    """

    def __init__(self) -> None:
        super().__init__()
        self.first, self.second = nn.Conv2d(1, 16, 3, padding=1), nn.Conv2d(16, 32, 3, padding=1)
        self.third = nn.Conv2d(32, 32, 3, padding=1)
        self.hidden, self.out = nn.Linear(32 * 9, FEATURES), nn.Linear(FEATURES, 10)

    def features(self, x: Tensor) -> Tensor:  # [NCHW]
        """Compute the features that are compared."""
        for layer in (self.first, self.second, self.third):
            x = F.max_pool2d(F.relu(layer(x)), 2)
        x = F.dropout(x.flatten(1), 0.25, self.training)
        return F.relu(self.hidden(x))

    def forward(self, x: Tensor) -> Tensor:  # [NCHW]
        """Run the network."""
        logits: Tensor = self.out(self.features(x))
        return logits


@cache
def shared(device: str) -> DigitClassifier:
    """The trained one of a process on `device`. Raises ``FileNotFoundError`` where its weights are missing."""
    network = DigitClassifier()
    with np.load(WEIGHTS) as kept:
        network.load_state_dict({name: torch.from_numpy(kept[name]).float() for name in kept.files})
    return network.to(device).eval().requires_grad_(False)


build = DigitClassifier  # whose options are those of a recipe
