"""One direction of a CycleGAN is exported, as any other image-to-image network."""

from export import translation
from export.plan import Exporter, Weights
from train.recipe import Recipe


def one_of_two(recipe: Recipe, weights: Weights, reverse: bool) -> Weights:
    """Return the weights of the network from A to B, or, with `reverse`, from B to A."""
    direction = "ba." if reverse else "ab."
    return {name.removeprefix(direction): value for name, value in weights.items() if name.startswith(direction)}


EXPORTER = Exporter(translation.plan, one_of_two)
