"""Small training runs: their recipes, their folders, and whether two ended alike."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from train import checkpoint, loop, recipe, report, tasks

GENERATOR = """
task = "unconditional"
batch = 8
precision = "fp32"
[network]
family = "mlp"
resolution = 8
latent = 6
[discriminator]
family = "mlp"
side = "discriminator"
resolution = 8
[data]
resolution = 8
channels = 1
[[phase]]
name = "adversarial"
iterations = {iterations}
losses = {{ adversarial = 1.0 }}
"""
JUDGE = """
[discriminator]
family = "discriminators"
kind = "unet"
channels = 4
"""
NEVER = report.Every(log=5, evaluate=10**6, checkpoint_seconds=1e9)


def restorer(
    *, iterations: int = 1, losses: str = "l1 = 1.0", degradation: str = "bicubic", patch: int = 16, channels: int = 4
) -> str:
    """The text of a recipe of super-resolution of one phase; its network is of `small.network`'s kind."""
    return f"""
task = "super_resolution"
batch = 4
precision = "fp32"
[network]
family = "sr"
scale = 2
channels = {channels}
depth = 1
expansion = 8
[data]
degradation = "{degradation}"
patch = {patch}
[[phase]]
name = "l1"
iterations = {iterations}
losses = {{ {losses} }}
"""


def write_run(folder: Path, text: str, network: nn.Module, *, name: str = "tiny") -> Path:
    """Make `folder` that of a run of the recipe `text` which ended with `network`."""
    folder.mkdir(parents=True, exist_ok=True)
    checkpoint.save(folder, {"recipe": text, "name": name, "iteration": 1, "ema": network.state_dict()})
    return folder


def check_that_each_term_teaches_the_generator_alone(task: tasks.Task, terms: set[str]) -> None:
    batch = task.batch(np.random.default_rng(0), 2)
    discriminator = task.discriminator
    assert discriminator is not None
    before = {name: value.clone() for name, value in discriminator.state_dict().items()}
    for name in terms:
        task.generator.zero_grad()
        loss = task.generator_losses(batch, task.generate(batch), {name: 2.0})
        assert loss.terms.keys() == {name}
        assert loss.total.item() == pytest.approx(2.0 * loss.terms[name].item())
        loss.total.backward()  # type: ignore[no-untyped-call]
        slopes = [p.grad for p in task.generator.parameters() if p.grad is not None]
        assert sum(float(slope.abs().sum()) for slope in slopes) > 0, name
        assert all(p.grad is None for p in discriminator.parameters()), name
    assert discriminator.training
    assert all(p.requires_grad for p in discriminator.parameters())
    assert all(torch.equal(value, before[name]) for name, value in discriminator.state_dict().items())


def go(text: str, photos: Path, run: Path, stop_after: int | None = None, *, name: str = "tiny") -> dict[str, float]:
    plan = recipe.parse(text, name=name)
    if plan.precision == "auto":  # a trial on a busy machine decides now so, now so
        plan = replace(plan, precision="bf16")
    return loop.train(plan, photos, run, device=torch.device("cpu"), every=NEVER, stop_after=stop_after)


def same(a: object, b: object) -> bool:
    if isinstance(a, torch.Tensor) and isinstance(b, torch.Tensor):
        return torch.equal(a, b)
    if isinstance(a, dict) and isinstance(b, dict):
        return a.keys() == b.keys() and all(same(a[key], b[key]) for key in a)
    if isinstance(a, list | tuple) and isinstance(b, list | tuple):
        return len(a) == len(b) and all(same(x, y) for x, y in zip(a, b, strict=True))
    return a == b
