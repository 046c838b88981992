"""The one training loop. Random numbers are made anew from (seed, iteration, rank) at every iteration, so nothing but
the checkpoint decides how a resumed run goes on."""

import copy
import json
import logging
import math
import os
import signal
import time
from collections.abc import Iterator, Mapping
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
ROLLBACKS = 3  # of one run


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
    """Collects SIGINT and SIGTERM instead of dying of them. What is ignored, as SIGINT in the background, stays so."""
    received: list[int] = []

    def note(number: int, frame: FrameType | None) -> None:
        received.append(number)

    before = {
        number: signal.signal(number, note)
        for number in (signal.SIGINT, signal.SIGTERM)
        if signal.getsignal(number) != signal.SIG_IGN
    }
    try:
        yield received
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


class Diverged(ArithmeticError):
    """A loss or a weight is no longer a finite number."""


class _Game:
    """The players, what they learn with, and the average that is kept: all that a checkpoint holds."""

    def __init__(self, recipe: Recipe, task: tasks.Task, world: int) -> None:
        self.recipe, self.task, self.world = recipe, task, world
        self.iteration = 0
        self.rollbacks = 0
        self.ema = copy.deepcopy(task.generator).eval().requires_grad_(False)
        self.players: dict[str, nn.Module] = {"generator": task.generator}
        if task.discriminator is not None:
            self.players["discriminator"] = task.discriminator
        self._optimisers = {
            name: torch.optim.Adam(player.parameters(), lr=1.0, betas=recipe.betas)
            for name, player in self.players.items()
        }

    def state(self) -> dict[str, Any]:
        """Raises ``Diverged`` where it is not worth keeping."""
        if not all(bool(torch.isfinite(parameter).all()) for parameter in self.task.generator.parameters()):
            raise Diverged("the weights are no longer finite")
        state: dict[str, Any] = {"recipe": self.recipe.text, "name": self.recipe.name, "iteration": self.iteration}
        state |= {"rollbacks": self.rollbacks, "ema": self.ema.state_dict()}
        for name, player in self.players.items():
            state[name], state[f"{name}_optimiser"] = player.state_dict(), self._optimisers[name].state_dict()
        return state

    def restore(self, state: dict[str, Any]) -> None:
        """Raises ``KeyError`` or ``RuntimeError`` for a state of other networks."""
        self.iteration, self.rollbacks = int(state["iteration"]), int(state.get("rollbacks", 0))
        self.ema.load_state_dict(state["ema"])
        for name, player in self.players.items():
            player.load_state_dict(state[name])
            self._optimisers[name].load_state_dict(state[f"{name}_optimiser"])

    def update(self, name: str, loss: torch.Tensor, lr: float) -> None:
        """One step of a player down its loss. Raises ``Diverged`` before anything is changed."""
        recipe, player, optimiser = self.recipe, self.players[name], self._optimisers[name]
        learning = [parameter for parameter in player.parameters() if parameter.requires_grad]
        if recipe.decay_l1:
            loss = loss + recipe.decay_l1 * torch.stack([parameter.abs().sum() for parameter in learning]).sum()
        if recipe.decay_l2:
            loss = loss + 0.5 * recipe.decay_l2 * torch.stack([p.square().sum() for p in learning]).sum()
        finite = torch.isfinite(loss.detach()).float()
        if self.world > 1:
            distributed.all_reduce(finite, distributed.ReduceOp.MIN)
        if not finite:
            raise Diverged(f"the {name}'s loss is no longer finite")
        optimiser.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        parameters = [parameter for parameter in learning if parameter.grad is not None]
        if self.world > 1:
            for parameter in parameters:
                distributed.all_reduce(parameter.grad)
                parameter.grad.div_(self.world)  # type: ignore[union-attr]
        if recipe.clip:
            nn.utils.clip_grad_norm_(parameters, recipe.clip)
        for group in optimiser.param_groups:
            group["lr"] = lr
        optimiser.step()

    def step(self, rank: int) -> tuple[dict[str, torch.Tensor], float]:
        """One iteration: the terms of its losses and the generator's learning rate. Raises ``Diverged``."""
        recipe, task = self.recipe, self.task
        phase, share = recipe.phase(self.iteration)
        lr = phase.lr * rate(phase, share) * 0.5**self.rollbacks
        seeds = [recipe.seed, self.iteration, rank] + [self.rollbacks] * (self.rollbacks > 0)
        rng = np.random.default_rng(seeds)
        torch.manual_seed(int(rng.integers(2**62)))
        batch = task.batch(rng, recipe.batch // self.world)
        batch["progress"] = torch.tensor(self.iteration / recipe.iterations)
        terms: dict[str, torch.Tensor] = {}
        for module in task.generator.modules():
            if isinstance(module, nn.BatchNorm2d):
                module.train(not phase.settled)

        def autocast() -> torch.autocast:
            device = next(task.generator.parameters()).device
            return torch.autocast(device.type, torch.bfloat16, enabled=recipe.precision == "bf16")

        with autocast():
            fake = task.generate(batch)
        if "adversarial" in phase.losses:
            with autocast():
                loss = task.discriminator_losses(batch, fake.detach(), phase.losses)
            self.update("discriminator", loss.total, lr * ((phase.lr_discriminator or phase.lr) / phase.lr))
            terms |= loss.terms
        with autocast():
            loss = task.generator_losses(batch, fake, phase.losses)
        self.update("generator", loss.total, lr)
        average(self.ema, task.generator, recipe.ema, self.iteration)
        self.iteration += 1
        return {name: term.detach() for name, term in (terms | loss.terms).items()}, lr


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

    `judge` is a folder of images to evaluate on, `stop_after` an iteration to stop at (with a checkpoint). Where a loss
    is no longer finite, training goes on from the last checkpoint with half the learning rate and other random numbers,
    at most `ROLLBACKS` times. Returns the last evaluation. Raises ``ValueError`` when `run` belongs to another recipe
    or training diverged for good, ``Interrupted`` on a signal, and what `tasks.build` and `checkpoint` raise.
    """
    rank = int(os.environ.get("RANK", "0"))
    world = int(os.environ.get("WORLD_SIZE", "1"))
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
    game = _Game(recipe, task, world)
    if state is not None:
        try:
            game.restore(state)
        except (KeyError, RuntimeError) as error:
            raise ValueError(f"{run} was trained with other networks than the recipe has now: {error}") from error
    if world > 1:
        for player in game.players.values():
            for parameter in player.parameters():
                distributed.broadcast(parameter.data, 0)

    writer = SummaryWriter(str(run / "tensorboard"), purge_step=game.iteration) if rank == 0 else None
    figures: dict[str, float] = {}
    passed: dict[str, list[torch.Tensor]] = {}  # each term since the last line of the log
    said: set[str] = set()
    saved = clock = time.monotonic()
    end = min(recipe.iterations, stop_after or recipe.iterations)
    with _signals() as received:
        while game.iteration < end:
            phase = recipe.phase(game.iteration)[0]
            try:
                terms, lr = game.step(rank)
                done, stop = game.iteration, bool(received)
                keep = time.monotonic() - saved > every.checkpoint_seconds or stop or done == end
                state = game.state() if keep else None
            except Diverged as error:
                _roll_back(game, run, error)
                passed.clear()
                continue
            for name, term in terms.items():
                passed.setdefault(name, []).append(term)
            if done % every.log == 0 and writer is not None:
                now = time.monotonic()
                line = {name: float(torch.stack(values).mean()) for name, values in passed.items()} | {"lr": lr}
                passed.clear()
                line["seconds_per_iteration"], clock = (now - clock) / every.log, now
                for name, value in line.items():
                    writer.add_scalar(f"train/{name}", value, done)
                _append(run, {"iteration": done, "images": done * recipe.batch, "phase": phase.name} | line)
                log.info("%6d %s %s", done, phase.name, "  ".join(f"{k} {v:.5g}" for k, v in line.items()))
                said = _alarm(task, line, said, done)
            if (done % every.evaluate == 0 or done == recipe.iterations) and writer is not None:
                figures = task.evaluate(game.ema, judge)
                for name, value in figures.items():
                    writer.add_scalar(f"evaluate/{name}", value, done)
                Pillow.fromarray(task.preview(game.ema)).save(run / f"samples-{done:07d}.png")
                _append(run, {"iteration": done, "evaluate": figures})
                log.info("%6d %s", done, "  ".join(f"{k} {v:.4f}" for k, v in figures.items()))
                said |= _alarm(task, figures, said, done)
            if state is not None:
                if rank == 0:
                    checkpoint.save(run, state)
                saved = time.monotonic()
            if stop:
                raise Interrupted(received[0])
    if writer is not None:
        writer.close()
    return figures


def _roll_back(game: _Game, run: Path, error: Diverged) -> None:
    """Go back to the last checkpoint. Raises ``ValueError`` where there is none, or it was of no use."""
    at, before = game.iteration, game.rollbacks
    cure = 'a lower lr, gradient clipping (clip = 1.0) or precision = "fp32" may help'
    if before >= ROLLBACKS or not (run / checkpoint.LATEST).exists():
        what = f"training diverged at iteration {at}: {error}; the last checkpoint is kept"
        raise ValueError(f"{what}; {cure}") from error
    game.restore(checkpoint.load(run))
    game.rollbacks = before + 1
    log.warning(
        "iteration %d: %s; back to %d with 1/%d of the learning rate", at, error, game.iteration, 2**game.rollbacks
    )


def _alarm(task: tasks.Task, figures: Mapping[str, float], before: set[str], iteration: int) -> set[str]:
    """Log what the task finds wrong in `figures` and has not said just before."""
    found = set(task.alarms(figures))
    for text in sorted(found - before):
        log.warning("%6d %s", iteration, text)
    return found


def _append(run: Path, line: dict[str, Any]) -> None:
    with (run / "log.jsonl").open("a", encoding="utf-8") as file:
        file.write(json.dumps(line) + "\n")
