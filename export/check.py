"""Is the file the network? Every variant runs through the real `gancam.Model` before it may be kept."""

import math
from collections.abc import Iterable

import numpy as np

from gancam.inference.model import Model
from train.data import Pixels

# What a variant may lose and still be written. PSNR (dB) of its output against the network in PyTorch, both uint8: fp32
# may differ where a value falls on the edge between two grey levels, fp16 a little more often, int8 everywhere a bit.
TOLERANCE = {"fp32": 60.0, "fp16": 50.0, "int8": 45.0}
LEVELS = (0, *range(16, 256, 32), 250, 255)  # of the flat greys that a restored picture should leave as they were
BRIGHTER = 0.5  # grey levels, on average over some pixels, that are not seen
QUALITY_LOSS = 0.15  # dB of Y-PSNR that a variant may lose against PyTorch on the images it is judged on


class VariantRefused(ValueError):
    """A variant loses more than its tolerance."""


def parity(precision: str, pairs: Iterable[tuple[Pixels, Pixels]]) -> dict[str, float]:
    """``psnr`` (dB) and ``max_difference`` (grey levels) between the pictures of each pair, over all of them.

    Raises ``VariantRefused`` when it is under the tolerance of `precision`.
    """
    squares, largest, count = 0.0, 0, 0
    for mine, true in pairs:
        difference = mine.astype(np.int32) - true
        squares += float((difference**2).sum())
        largest = max(largest, int(np.abs(difference).max()))
        count += difference.size
    figure = min(99.0, 10 * math.log10(255.0**2 * count / squares)) if squares else 99.0
    if not figure >= TOLERANCE[precision]:
        raise VariantRefused(
            f"{precision}: {figure:.1f} dB against PyTorch, under the {TOLERANCE[precision]:.0f} dB it must keep"
        )
    return {"psnr": round(figure, 2), "max_difference": float(largest)}


def refuse_loss(precision: str, figures: dict[str, float], reference: dict[str, float]) -> None:
    """Raise ``VariantRefused`` for a variant with a PSNR that is more than `QUALITY_LOSS` under PyTorch's."""
    for name, figure in figures.items():
        exact = math.isinf(reference[name])  # on pictures of one colour, where the last bit would decide
        if name.startswith("psnr") and not exact and reference[name] - figure > QUALITY_LOSS:
            raise VariantRefused(f"{precision}: {name} {figure:.2f} dB, PyTorch {reference[name]:.2f}: loses too much")


def brightens(model: Model) -> dict[str, float]:
    """By how many grey levels flat greys come out brighter, by their level; nothing where that is under `BRIGHTER`."""
    card = model.card
    side = card.multiple * -(-max(48, 3 * card.receptive_field, card.minimum) // card.multiple)
    found = {}
    for level in LEVELS:
        made = model(np.full((1, side, side, 3), level, np.uint8))[0][0]
        third = made.shape[0] // 3
        found[str(level)] = round(float(made[third:-third, third:-third].mean()) - level, 2)
    return found if max(abs(value) for value in found.values()) >= BRIGHTER else {}
