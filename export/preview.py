"""A run as a model file to look at: python -m export.preview RUN FILE.

It is not compared with PyTorch, which takes longer than a look is worth, and would refuse what has hardly begun to
learn: `gancam export` does that.
"""

import os
import sys
from dataclasses import replace
from pathlib import Path

import onnx
import torch

from export.plan import Weights, exporter
from gancam.errors import GancamError
from train import checkpoint, files, networks
from train import recipe as recipes
from train.program import fail
from train.recipe import Recipe


@torch.no_grad()
def write(recipe: Recipe, weights: Weights, path: Path) -> str:
    """Write averaged weights as an fp32 model file, which takes the place of the one before at once.

    It is not compared with PyTorch, which takes longer than a look at it is worth; `gancam export` does.

    Returns:
        The effect that plays it.

    Raises:
        ValueError: There is no exporter for such a network.
        OSError: It cannot be written.
    """
    side = exporter(recipe)
    state = {name: tensor.detach().cpu() for name, tensor in weights.items()}
    network = networks.build(**recipe.network)
    networks.fill(network, side.weights(recipe, state, False), recipe.name, "the run")
    plan = side.plan(network.eval(), recipe, None, [])
    graph, layout = plan.graph("fp32")
    card = replace(plan.card, name=recipe.name, recipe=recipe.name, layout=layout, precision="fp32")
    onnx.helper.set_model_props(graph, card.to_metadata())
    with files.replacing(path) as partial:  # others may look at the same run
        onnx.save(graph, partial, format="protobuf")
        with partial.open("rb+") as file:
            os.fsync(file.fileno())  # else a crash of the machine may leave the name without the data
    return card.effect


def main(arguments: list[str] | None = None) -> int:
    """Run the command line and return the exit code."""
    run, file = (Path(word) for word in (sys.argv[1:] if arguments is None else arguments))
    try:
        state = checkpoint.load(run)
        write(recipes.parse(state["recipe"], name=state["name"]), state["ema"], file)
    except (OSError, ValueError, RuntimeError, GancamError) as error:
        return fail(error)
    return 0


if __name__ == "__main__":
    sys.exit(main())
