"""What each practice of GAN training does, shown by training a small DCGAN on MNIST with it and without it.

    python benchmarks/practices.py --data mnist.npz --runs DIR [--only NAME ...] [--iterations 1200]

Each run is a folder below DIR and is not done twice. Prints a Markdown table: the figure that the practice is about,
without and with it, and the Fréchet distance of both (features of the digit classifier, 5,000 samples against 10,000
test digits that no run has seen).
"""

import argparse
import json
import sys
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from train import checkpoint, generation, loop, networks, recipe, report, tasks
from train.networks.latent import LatentGenerator
from train.tasks import unconditional

BASE = {
    "top": {
        "task": '"unconditional"', "batch": 64, "precision": '"fp32"', "betas": [0.5, 0.999], "clip": 0, "ema": 0.99,
    },
    "network": {"family": '"dcgan"', "resolution": 28, "channels": 16, "colours": 1, "latent": 64},
    "discriminator": {
        "family": '"dcgan"', "side": '"discriminator"', "resolution": 28, "channels": 16, "colours": 1,
        "norm": '"none"',
        "loss": '"nonsaturating"',
    },
    "data": {"resolution": 28, "channels": 1},
    "phase": {"name": '"adversarial"', "losses": "{ adversarial = 1.0 }", "lr": 5e-4, "constant_fraction": 1.0},
}  # fmt: skip


@dataclass(frozen=True)
class State:
    """A finished run, ready to be asked."""

    task: tasks.Task
    ema: LatentGenerator
    raw: LatentGenerator
    log: list[dict[str, float]]


def slope(state: State) -> float:
    """Squared slope of the discriminator at real digits, mean."""
    discriminator, real = _discriminator(state), _reals(state).requires_grad_(True)
    (gradient,) = torch.autograd.grad(discriminator(real).sum(), real)
    return float(gradient.square().sum((1, 2, 3)).mean())


def confidence(state: State) -> float:
    """Mean probability that the discriminator gives to real digits of being real."""
    with torch.no_grad():
        return float(_discriminator(state)(_reals(state)).sigmoid().mean())


def pull(state: State) -> float:
    """Norm of the slope of the generator's loss in a sample, mean of 500."""
    assert isinstance(state.task, unconditional.UnconditionalTask)
    z = generation.latents(state.raw, 500, seed=1)
    with torch.no_grad():
        images = state.raw(z)
    images.requires_grad_(True)
    logits = _discriminator(state)(images)
    (gradient,) = torch.autograd.grad(state.task.adversarial_loss.generator(logits, logits) * len(images), images)
    return float(gradient.flatten(1).norm(dim=1).mean())


def learning(state: State) -> float:
    """Share of real digits that still move the discriminator (slope of its loss 1 % of the steepest, or more)."""
    assert isinstance(state.task, unconditional.UnconditionalTask)
    score = _discriminator(state)(_reals(state)).detach().requires_grad_(True)
    (slope_of,) = torch.autograd.grad(
        state.task.adversarial_loss.discriminator(score, score.detach()) * len(score), score
    )
    return float((slope_of.abs() >= 0.01).float().mean())


def certainty(state: State) -> float:
    """Share of real and generated digits that the discriminator tells apart, on average over the second half."""
    half = state.log[len(state.log) // 2 :]
    return float(np.mean([line["sign"] for line in half])) * 0.5 + 0.5


def weights(state: State) -> float:
    """Mean absolute weight of the generator."""
    return float(torch.cat([p.detach().abs().flatten() for p in state.raw.parameters()]).mean())


def spectrum(state: State) -> float:
    """Largest factor by which a layer of the discriminator stretches its input."""
    layers = [layer for layer in _discriminator(state).modules() if isinstance(layer, nn.Conv2d | nn.Linear)]
    return max(float(torch.linalg.matrix_norm(layer.weight.detach().flatten(1), 2)) for layer in layers)


def variety(state: State) -> float:
    """Deviation of the samples' pixels over that of the digits'."""
    return generation.variety(_samples(state.ema), _pixels(_reals(state)))


def kl(state: State) -> float:
    """Divergence of the classes of the samples from uniform."""
    return generation.digit_modes(_samples(state.ema), torch.device("cpu"))["kl"]


def wobble(state: State) -> float:
    """Fréchet distance of the weights as they are, not averaged."""
    return frechet(state.raw)


def spike(state: State) -> float:
    """Largest magnitude of the discriminator's loss of a log line over the median one."""
    found = [abs(line["discriminator"]) for line in state.log]
    return float(max(found) / np.median(found))


def memory(state: State) -> float:
    """How much better the discriminator likes the digits it learns from than digits it has never seen."""
    discriminator = _discriminator(state)
    with torch.no_grad():
        return float(discriminator(_reals(state)).mean() - discriminator(_unseen()).mean())


@dataclass(frozen=True)
class Practice:
    name: str
    figure: Callable[[State], float]
    should: str  # what the figure ought to do
    with_it: dict[str, dict[str, object]]
    without: dict[str, dict[str, object]]
    few: bool = False  # learns from 300 digits


def on(part: str, **values: object) -> dict[str, dict[str, object]]:
    return {part: values}


WINNING = on("phase", lr_discriminator=4e-3)  # a discriminator that is far ahead

ROUGH = {**on("phase", lr=4e-3), **on("discriminator", loss='"wasserstein"', gradient_penalty=10.0)}

PRACTICES = [
    Practice("non-saturating against minimax", pull, "rise", WINNING,
             {**WINNING, **on("discriminator", loss='"minimax"')}),
    Practice("hinge loss", learning, "fall", {**WINNING, **on("discriminator", loss='"hinge"')}, WINNING),
    Practice("least squares", slope, "fall", on("discriminator", loss='"least_squares"'), {}),
    Practice("Wasserstein, gradient penalty", slope, "near 1",
             on("discriminator", loss='"wasserstein"', gradient_penalty=10.0), {}),
    Practice("R1", slope, "fall", on("discriminator", r1=1.0), {}),
    Practice("spectral norm", spectrum, "fall to 1", on("discriminator", norm='"spectral"'), {}),
    Practice("weight decay L1", weights, "fall", on("top", decay_l1=1e-5), {}),
    Practice("weight decay L2", weights, "fall", on("top", decay_l2=1e-3), {}),
    Practice("one-sided smoothing", confidence, "fall",
             {**WINNING, **on("discriminator", smoothing=0.2)}, WINNING),
    Practice("label flips", confidence, "fall",
             {**WINNING, **on("discriminator", flips=0.1)}, WINNING),
    Practice("instance noise", certainty, "fall", on("discriminator", noise=0.5), {}),
    Practice("mini-batch discrimination", kl, "fall", on("discriminator", likeness="true"), {}),
    Practice("mini-batch deviation", kl, "fall",
             on("discriminator", family='"residual"', group=8, most=64, channels=16),
             on("discriminator", family='"residual"', group=1, most=64, channels=16)),
    Practice("two learning rates", certainty, "rise", on("phase", lr_discriminator=2e-3), {}),
    Practice("average of weights", wobble, "(its own distance is lower)", {}, {}),
    Practice("augmentation, 300 digits", memory, "fall",
             on("discriminator", augment=["translation", "cutout"], augment_p=0.6), {}, few=True),
    Practice("adaptive augmentation, 300 digits", memory, "fall",
             on("discriminator", augment=["translation", "cutout"], adapt=0.6), {}, few=True),
    Practice("gradient clipping at a high rate", spike, "fall",
             {**on("top", clip=1.0, batch=8), **ROUGH}, {**on("top", batch=8), **ROUGH}),
]  # fmt: skip


def toml(changes: dict[str, dict[str, object]], iterations: int) -> str:
    parts = {name: dict(values) for name, values in BASE.items()}
    for name, values in changes.items():
        parts[name] |= values
    if parts["discriminator"]["family"] == '"residual"':
        for name in ("side", "colours", "norm"):
            parts["discriminator"].pop(name)
        parts["data"]["resolution"] = parts["discriminator"]["resolution"] = parts["network"]["resolution"] = 32
        parts["data"]["channels"], parts["network"]["colours"] = 3, 3
    parts["phase"]["iterations"] = iterations
    lines = [f"{name} = {value}" for name, value in parts.pop("top").items()]
    for name, values in parts.items():
        lines.append("[[phase]]" if name == "phase" else f"[{name}]")
        lines += [f"{key} = {str(value).replace(chr(39), chr(34))}" for key, value in values.items()]
    return "\n".join(lines) + "\n"


_TEST: dict[str, np.ndarray] = {}


def _unseen() -> Tensor:
    return torch.from_numpy(_TEST["images"][:500]).permute(0, 3, 1, 2).float() / 255


def _discriminator(state: State) -> nn.Module:
    assert state.task.discriminator is not None
    return state.task.discriminator.eval()


def _reals(state: State) -> Tensor:
    return state.task.batch(np.random.default_rng(9), 500)["real"].detach()


def _pixels(images: Tensor) -> np.ndarray:
    return (images * 255).round().byte().permute(0, 2, 3, 1).numpy()


def _samples(generator: LatentGenerator) -> np.ndarray:
    images = generation.sample(generator, generation.latents(generator, 5000, seed=1))
    if images.shape[1] == 32:  # of the runs that need a power of two: back to 28, grey
        x = torch.from_numpy(images).permute(0, 3, 1, 2).float().mean(1, keepdim=True)
        x = nn.functional.interpolate(x, size=28, mode="bilinear", antialias=True)
        images = x.round().byte().permute(0, 2, 3, 1).numpy()
    return images


def frechet(generator: LatentGenerator) -> float:
    features = generation.digit_network(torch.device("cpu"))
    if "features" not in _TEST:
        _TEST["features"] = features.features(_TEST["images"])
    return generation.frechet_distance(_TEST["features"], features.features(_samples(generator)))


def finished(text: str, name: str, data: Path, runs: Path) -> State:
    plan, run = recipe.parse(text, name="ablation"), runs / name
    every = report.Every(log=50, evaluate=10**9, checkpoint_seconds=1e9)
    loop.train(plan, data, run, device=torch.device("cpu"), every=every)
    kept = checkpoint.load(run)
    task = tasks.build(plan, data, torch.device("cpu"))
    assert task.discriminator is not None
    task.discriminator.load_state_dict(kept["discriminator"])
    made = []
    for part in ("ema", "generator"):
        generator = networks.build(**plan.network)
        generator.load_state_dict(kept[part])
        assert isinstance(generator, LatentGenerator)
        made.append(generator.eval())
    lines = [json.loads(line) for line in (run / "log.jsonl").read_text(encoding="utf-8").splitlines()]
    return State(task, made[0], made[1], [line for line in lines if "phase" in line])


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--runs", type=Path, required=True)
    parser.add_argument("--only", nargs="*", default=[])
    parser.add_argument("--iterations", type=int, default=1200)
    options = parser.parse_args()
    options.runs.mkdir(parents=True, exist_ok=True)
    with np.load(options.data) as arrays:
        _TEST["images"] = arrays["x_test"][..., None]
        few = options.runs / "few.npz"
        np.savez(few, x_train=arrays["x_train"][:300], y_train=arrays["y_train"][:300])
    print("| practice | figure | should | without | with | Fréchet without | with |")
    print("| --- | --- | --- | --- | --- | --- | --- |", flush=True)
    for practice in PRACTICES:
        if options.only and not any(word in practice.name for word in options.only):
            continue
        data = few if practice.few else options.data
        figures, distances = [], []
        for changes in (practice.without, practice.with_it):
            text = toml(changes, options.iterations)
            name = f"{'few-' if practice.few else ''}{zlib.crc32(text.encode()):08x}"
            state = finished(text, name, data, options.runs)
            figures.append(practice.figure(state))
            distances.append(frechet(state.ema))
        about = (practice.figure.__doc__ or "").rstrip(".")
        print(f"| {practice.name} | {about} | {practice.should} | {figures[0]:.3g} | {figures[1]:.3g} "
              f"| {distances[0]:.3g} | {distances[1]:.3g} |", flush=True)  # fmt: skip
    return 0


if __name__ == "__main__":
    sys.exit(main())
