"""The one training loop. Random numbers are made anew from (seed, iteration, rank) at every iteration, so nothing but
the checkpoint decides how a resumed run goes on."""

import copy
import json
import logging
import math
import os
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import Any

import numpy as np
import torch
from PIL import Image as Pillow
from torch import distributed, nn
from torch.utils.tensorboard import SummaryWriter

from train import checkpoint, tasks
from train.recipe import Phase, Recipe

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Every:
    """How often things beside training happen."""

    log: int = 100  # iterations
    evaluate: int = 2000  # iterations; a sample sheet is written with it
    checkpoint_seconds: float = 120.0


class Interrupted(Exception):
    """A signal asked the run to stop; its checkpoint is written. `number` is the signal's."""

    def __init__(self, number: int) -> None:
        super().__init__(f"stopped by {signal.Signals(number).name}; the same command goes on from here")
        self.number = number


def rate(phase: Phase, share: float) -> float:
    """Learning rate factor `share` of the way through a phase: 1, then half a cosine down to `floor`."""
    if share <= phase.hold:
        return 1.0
    fall = (share - phase.hold) / (1.0 - phase.hold)
    return phase.floor + (1.0 - phase.floor) * 0.5 * (1.0 + math.cos(math.pi * fall))


@torch.no_grad()
def average(ema: nn.Module, network: nn.Module, decay: float, iteration: int) -> None:
    """Exponential moving average of weights; the decay grows from 0 so that early weights are forgotten."""
    decay = min(decay, (1 + iteration) / (10 + iteration))
    for kept, new in zip(ema.parameters(), network.parameters(), strict=True):
        kept.lerp_(new, 1.0 - decay)
    for held, newer in zip(ema.buffers(), network.buffers(), strict=True):
        held.copy_(newer)


def begin(network: nn.Module, weights: dict[str, torch.Tensor], name: str) -> None:
    """Load into `network` each of `weights` whose name and shape agree, and log the rest, which begins afresh.

    Raises ``ValueError`` where none agrees: the two are not the same kind of network.
    """
    mine = network.state_dict()
    fitting = {key: value for key, value in weights.items() if key in mine and value.shape == mine[key].shape}
    if not fitting:
        raise ValueError(f"no tensor of run {name!r} fits this network: `start` names a run of another family")
    network.load_state_dict(fitting, strict=False)
    fresh = sorted(mine.keys() - fitting.keys())
    log.info("begins from %s: %d tensors; fresh: %s", name, len(fitting), ", ".join(fresh) or "none")


@contextmanager
def _signals() -> Iterator[list[int]]:
    """Collects SIGINT and SIGTERM instead of dying of them."""
    received: list[int] = []

    def note(number: int, frame: FrameType | None) -> None:
        received.append(number)

    before = {number: signal.signal(number, note) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield received
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def train(
    recipe: Recipe,
    data: Path,
    run: Path,
    *,
    device: torch.device,
    judge: Path | None = None,
    every: Every = Every(),
    stop_after: int | None = None,
) -> dict[str, float]:
    """Train `recipe` on `data` into folder `run`, going on from its checkpoint where there is one.

    `judge` is a folder of images to evaluate on, `stop_after` an iteration to stop at (with a checkpoint). Returns the
    last evaluation. Raises ``ValueError`` when `run` belongs to another recipe or training diverged, ``Interrupted`` on
    a signal, and what `tasks.build` and `checkpoint` raise.
    """
    rank = int(os.environ.get("RANK", "0"))
    world = int(os.environ.get("WORLD_SIZE", "1"))
    first = rank == 0
    if recipe.batch % world:
        raise ValueError(f"a batch of {recipe.batch} cannot be shared by {world} processes")
    run.mkdir(parents=True, exist_ok=True)
    state = checkpoint.load(run) if (run / checkpoint.LATEST).exists() else None
    if state is not None and state["name"] != recipe.name:
        raise ValueError(f"{run} holds a run of recipe {state['name']!r}, not {recipe.name!r}: give another --run")
    given = checkpoint.load(run.parent / recipe.start)["ema"] if state is None and recipe.start else None
    torch.manual_seed(recipe.seed)  # the initial weights
    task = tasks.build(recipe, data, device)
    if given is not None:
        begin(task.generator, given, recipe.start)
    ema = copy.deepcopy(task.generator).eval().requires_grad_(False)
    players: dict[str, nn.Module] = {"generator": task.generator}
    if task.discriminator is not None:
        players["discriminator"] = task.discriminator
    optimisers = {
        name: torch.optim.Adam(player.parameters(), lr=1.0, betas=recipe.betas) for name, player in players.items()
    }
    start = 0
    if state is not None:
        start = int(state["iteration"])
        try:
            ema.load_state_dict(state["ema"])
            for name, player in players.items():
                player.load_state_dict(state[name])
                optimisers[name].load_state_dict(state[f"{name}_optimiser"])
        except (KeyError, RuntimeError) as error:
            raise ValueError(f"{run} was trained with other networks than the recipe has now: {error}") from error
    if world > 1:
        for player in players.values():
            for parameter in player.parameters():
                distributed.broadcast(parameter.data, 0)

    def save(iteration: int) -> None:
        if not all(bool(torch.isfinite(parameter).all()) for parameter in task.generator.parameters()):
            raise ValueError(f"the weights are no longer finite at iteration {iteration}; the last checkpoint is kept")
        if first:
            kept: dict[str, Any] = {"recipe": recipe.text, "name": recipe.name, "iteration": iteration}
            kept["ema"] = ema.state_dict()
            for name, player in players.items():
                kept[name], kept[f"{name}_optimiser"] = player.state_dict(), optimisers[name].state_dict()
            checkpoint.save(run, kept)

    def update(name: str, loss: torch.Tensor, lr: float) -> None:
        player, optimiser = players[name], optimisers[name]
        optimiser.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        parameters = [parameter for parameter in player.parameters() if parameter.grad is not None]
        if world > 1:
            for parameter in parameters:
                distributed.all_reduce(parameter.grad)
                parameter.grad.div_(world)  # type: ignore[union-attr]
        if recipe.clip:
            nn.utils.clip_grad_norm_(parameters, recipe.clip)
        for group in optimiser.param_groups:
            group["lr"] = lr
        optimiser.step()

    def autocast() -> torch.autocast:
        return torch.autocast(device.type, torch.bfloat16, enabled=recipe.precision == "bf16")

    writer = SummaryWriter(str(run / "tensorboard"), purge_step=start) if first else None
    figures: dict[str, float] = {}
    passed: dict[str, list[torch.Tensor]] = {}  # each term since the last line of the log
    saved = clock = time.monotonic()
    end = min(recipe.iterations, stop_after or recipe.iterations)
    with _signals() as received:
        for iteration in range(start, end):
            phase, share = recipe.phase(iteration)
            lr = phase.lr * rate(phase, share)
            rng = np.random.default_rng([recipe.seed, iteration, rank])
            torch.manual_seed(int(rng.integers(2**62)))
            batch = task.batch(rng, recipe.batch // world)
            terms: dict[str, torch.Tensor] = {}
            with autocast():
                fake = task.generate(batch)
            if "adversarial" in phase.losses:
                with autocast():
                    loss = task.discriminator_losses(batch, fake.detach(), phase.losses)
                update("discriminator", loss.total, lr * ((phase.lr_discriminator or phase.lr) / phase.lr))
                terms |= loss.terms
            with autocast():
                loss = task.generator_losses(batch, fake, phase.losses)
            update("generator", loss.total, lr)
            terms |= loss.terms
            average(ema, task.generator, recipe.ema, iteration)

            done = iteration + 1
            for name, term in terms.items():
                passed.setdefault(name, []).append(term.detach())
            if done % every.log == 0 and writer is not None:
                now = time.monotonic()
                line = {name: float(torch.stack(values).mean()) for name, values in passed.items()} | {"lr": lr}
                passed.clear()
                line["seconds_per_iteration"], clock = (now - clock) / every.log, now
                for name, value in line.items():
                    writer.add_scalar(f"train/{name}", value, done)
                _append(run, {"iteration": done, "images": done * recipe.batch, "phase": phase.name} | line)
                log.info("%6d %s %s", done, phase.name, "  ".join(f"{k} {v:.5g}" for k, v in line.items()))
            if (done % every.evaluate == 0 or done == recipe.iterations) and writer is not None:
                figures = task.evaluate(ema, judge)
                for name, value in figures.items():
                    writer.add_scalar(f"evaluate/{name}", value, done)
                Pillow.fromarray(task.preview(ema)).save(run / f"samples-{done:07d}.png")
                _append(run, {"iteration": done, "evaluate": figures})
                log.info("%6d %s", done, "  ".join(f"{k} {v:.4f}" for k, v in figures.items()))
            if time.monotonic() - saved > every.checkpoint_seconds or received or done == end:
                save(done)
                saved = time.monotonic()
            if received:
                raise Interrupted(received[0])
    if writer is not None:
        writer.close()
    return figures


def _append(run: Path, line: dict[str, Any]) -> None:
    with (run / "log.jsonl").open("a", encoding="utf-8") as file:
        file.write(json.dumps(line) + "\n")
