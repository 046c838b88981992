"""Small training runs, and whether two ended alike."""

from dataclasses import replace
from pathlib import Path

import torch

from train import loop, recipe, report

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
RESTORER = """
task = "super_resolution"
batch = 4
precision = "fp32"
[network]
family = "sr"
scale = 2
channels = 4
depth = 1
expansion = 8
[data]
degradation = "bicubic"
patch = {patch}
[[phase]]
name = "l1"
iterations = {iterations}
losses = {{ l1 = 1.0 }}
"""
NEVER = report.Every(log=5, evaluate=10**6, checkpoint_seconds=1e9)


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
