"""The task of classification: what it takes, and what it says of what it does not take."""

from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from train import recipe, tasks

PLAN = """
task = "classification"
[network]
family = "digits"
[[phase]]
name = "all"
iterations = 1
losses = { cross_entropy = 1.0 }
"""


def write(path: Path, **changes: NDArray[np.generic]) -> Path:
    arrays: dict[str, NDArray[np.generic]] = {
        "x_train": np.zeros((8, 28, 28), np.uint8), "y_train": np.arange(8),
        "x_test": np.zeros((3, 28, 28), np.uint8), "y_test": np.zeros(3, int),
    }  # fmt: skip
    np.savez(path, **{**arrays, **changes})  # type: ignore[arg-type]
    return path


def test_it_learns_from_and_is_judged_on_its_file(tmp_path: Path) -> None:
    task = tasks.build(recipe.parse(PLAN), write(tmp_path / "a.npz"), torch.device("cpu"))
    batch = task.batch(np.random.default_rng(0), 4)
    loss = task.generator_losses(batch, task.generate(batch), {"cross_entropy": 1.0})
    assert loss.total.item() > 0
    assert 0 <= task.evaluate(task.generator, None)["accuracy"] <= 1


@pytest.mark.parametrize(("name", "value", "says"), [
    ("y_train", np.zeros(3), "y_train must be 8 labels of 0 to 9"), ("y_train", np.full(8, 10), "labels of 0 to 9"),
    ("y_train", np.full(8, -1), "labels of 0 to 9"), ("x_train", np.zeros((8, 28, 28, 3), np.uint8), "28, 28, 3"),
    ("x_train", np.zeros((8, 32, 32), np.uint8), r"must be uint8 \(n, 28, 28\)"),
    ("x_train", np.zeros((8, 28, 28)), "float64"),
    ("x_test", np.zeros((0, 28, 28), np.uint8), "x_test must be"), ("x_test", np.array(None), "not a complete"),
])  # fmt: skip
def test_arrays_that_do_not_fit_are_named(tmp_path: Path, name: str, value: NDArray[np.generic], says: str) -> None:
    path = write(tmp_path / "a.npz", **{name: value})
    with pytest.raises(ValueError, match=says):
        tasks.build(recipe.parse(PLAN), path, torch.device("cpu"))


def test_what_is_no_such_file_or_network_is_named(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="no file"):
        tasks.build(recipe.parse(PLAN), tmp_path / "none.npz", torch.device("cpu"))
    with pytest.raises(ValueError, match="not a complete"):
        tasks.build(recipe.parse(PLAN), tmp_path, torch.device("cpu"))
    plan = recipe.parse(PLAN.replace('"digits"', '"mlp"'))
    with pytest.raises(ValueError, match="must be digits"):
        tasks.build(plan, write(tmp_path / "a.npz"), torch.device("cpu"))
