"""The one training loop.

Random numbers are made anew from (seed, iteration, rank) at every iteration, so nothing but the checkpoint decides how
a resumed run goes on.
"""

import copy
import logging
import math
import os
import signal
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path
from types import FrameType
from typing import Any

import numpy as np
import torch
from torch import nn

from train import checkpoint, optimisers, precision, sources, tasks
from train import recipe as recipes
from train.processes import Group
from train.recipe import Phase, Recipe
from train.report import Every, Report
from train.start import ModelReader, begin, both, differences, find
from train.watch import Watcher

log = logging.getLogger(__name__)
ROLLBACKS = 3  # of one run
LEAST_SCALE = 2.0**-20  # of an fp16 loss, halved at each overflow: below it no smaller one would help
_AFRESH = "go on with what is there, or begin another run (--run FOLDER)"
SHOWN = 8  # batches that averages are measured on
USUAL = Every()


class Interrupted(Exception):
    """A signal asked the run to stop; its checkpoint is written. `number` is the signal's."""

    def __init__(self, number: int) -> None:
        super().__init__(f"stopped by {signal.Signals(number).name}; the same command goes on from here")
        self.number = number


def rate(phase: Phase, share: float) -> float:
    """Learning rate factor `share` of the way through a phase: 1, then half a cosine down to `min_lr_fraction`."""
    if share <= phase.constant_fraction:
        return 1.0
    fall = (share - phase.constant_fraction) / (1.0 - phase.constant_fraction)
    return phase.min_lr_fraction + (1.0 - phase.min_lr_fraction) * 0.5 * (1.0 + math.cos(math.pi * fall))


@torch.no_grad()
def average(ema: nn.Module, network: nn.Module, decay: float, iteration: int) -> None:
    """Exponential moving average of weights; the decay grows from 0 so that early weights are forgotten."""
    decay = min(decay, (1 + iteration) / (10 + iteration))
    for kept, new in zip(ema.parameters(), network.parameters(), strict=True):
        kept.lerp_(new, 1.0 - decay)
    for held, newer in zip(ema.buffers(), network.buffers(), strict=True):
        held.copy_(newer)


@contextmanager
def _signals() -> Iterator[list[int]]:
    """Collects SIGINT, SIGTERM and SIGHUP instead of dying of them.

    What is ignored, as SIGINT in the background, stays so.
    """
    received: list[int] = []

    def note(number: int, frame: FrameType | None) -> None:
        received.append(number)

    before = {
        number: signal.signal(number, note)
        for name, number in signal.Signals.__members__.items()
        if name in ("SIGINT", "SIGTERM", "SIGHUP")  # which Windows has not
        if signal.getsignal(number) != signal.SIG_IGN
    }
    try:
        yield received
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


class Diverged(ArithmeticError):
    """A loss or a weight is no longer a finite number."""


class _Training:
    """The networks, their optimisers, and the average that is kept: all that a checkpoint holds."""

    def __init__(self, recipe: Recipe, task: tasks.Task, group: Group) -> None:
        self.recipe, self.task, self.group = recipe, task, group
        self.device = next(task.generator.parameters()).device
        self.iteration = 0
        self.data: dict[str, sources.Sizes] = {}  # of what is learnt from
        self.precision = "fp32" if recipe.precision == "auto" else recipe.precision
        self.rollbacks = 0
        self.ema = copy.deepcopy(task.generator).eval().requires_grad_(False)
        self.networks: dict[str, nn.Module] = {"generator": task.generator}
        if task.discriminator is not None:
            self.networks["discriminator"] = task.discriminator
        self._optimisers = {
            name: optimisers.build(network, recipe.optimiser, recipe.betas) for name, network in self.networks.items()
        }
        self._scalers: dict[str, torch.amp.GradScaler] = {}
        self.compute_in(self.precision)

    def compute_in(self, name: str) -> None:
        """Compute in precision `name` from now on; fp16 has its losses scaled, or small gradients become 0."""
        self.precision = name
        for scaled in self.networks:
            self._scalers[scaled] = torch.amp.GradScaler(self.device.type, enabled=name == "fp16")

    def try_precisions(self) -> precision.Choice:
        """Time steps of the longest phase in each precision, and compute in the best; nothing else is changed."""
        longest = max(self.recipe.phases, key=lambda phase: phase.iterations)
        before = copy.deepcopy(self.state())
        first = sum(phase.iterations for phase in self.recipe.phases[: self.recipe.phases.index(longest)])

        def step(name: str) -> None:
            self.compute_in(name)
            self.iteration = first
            self.step()
            if self.device.type == "cuda":
                torch.cuda.synchronize(self.device)

        def slowest(seconds: float) -> float:
            return self.group.largest(seconds, device=self.device)[0]

        choice = precision.choose(precision.measure(precision.candidates(self.device), step, agree=slowest))
        self.restore(before)
        self.compute_in(choice.name)
        return choice

    def state(self) -> dict[str, Any]:
        """Gather what a checkpoint holds. Raises ``Diverged`` where it is not worth keeping."""
        if self.group.largest(not _finite(self.task.generator.parameters()), device=self.device)[0]:
            raise Diverged("the weights are no longer finite")
        state: dict[str, Any] = {"recipe": self.recipe.text, "name": self.recipe.name, "iteration": self.iteration}
        state |= {"rollbacks": self.rollbacks, "precision": self.precision, "data": self.data}
        state |= {"ema": self.ema.state_dict()}
        for name, network in self.networks.items():
            state[name] = network.state_dict()
            state |= {f"{name}_{kind}": one.state_dict() for kind, one in self._optimisers[name].items()}
            if scaler := self._scalers[name].state_dict():
                state[f"{name}_scaler"] = scaler
        return state

    def restore(self, state: dict[str, Any]) -> None:
        """Go on from a checkpoint's `state`.

        Raises ``KeyError``, ``RuntimeError`` or ``ValueError`` for one of other networks or optimisers.
        """
        self.iteration, self.rollbacks = int(state["iteration"]), int(state.get("rollbacks", 0))
        self.ema.load_state_dict(state["ema"])
        for name, network in self.networks.items():
            network.load_state_dict(state[name])
            for kind, optimiser in self._optimisers[name].items():
                own = [{key: group[key] for key in group if key != "params"} for group in optimiser.param_groups]
                optimiser.load_state_dict(state[f"{name}_{kind}"])
                for group, options in zip(optimiser.param_groups, own, strict=True):
                    group.update(options)  # what the recipe has now: the state has betas of when it was written
            if self._scalers[name].is_enabled() and f"{name}_scaler" in state:
                self._scalers[name].load_state_dict(state[f"{name}_scaler"])

    def update(self, name: str, loss: torch.Tensor, lr: float) -> None:
        """Take one step of a network down its loss. Raises ``Diverged`` before anything is changed."""
        recipe, network, scaler = self.recipe, self.networks[name], self._scalers[name]
        used = self._optimisers[name].values()
        learning = [parameter for parameter in network.parameters() if parameter.requires_grad]
        if recipe.decay_l1:
            loss = loss + recipe.decay_l1 * torch.stack([parameter.abs().sum() for parameter in learning]).sum()
        if recipe.decay_l2:
            loss = loss + 0.5 * recipe.decay_l2 * torch.stack([p.square().sum() for p in learning]).sum()
        if self.group.largest(not torch.isfinite(loss.detach()), device=self.device)[0]:
            raise Diverged(f"the {name}'s loss is no longer finite")
        network.zero_grad(set_to_none=True)
        scaler.scale(loss).backward()  # type: ignore[no-untyped-call]
        parameters = [parameter for parameter in learning if parameter.grad is not None]
        # Before the scaler looks for what overflowed: what is skipped in one process must be in all.
        self.group.average(parameter.grad for parameter in parameters if parameter.grad is not None)
        for optimiser in used:
            scaler.unscale_(optimiser)
        skipped = scaler.is_enabled() and not _finite(one.grad for one in parameters if one.grad is not None)
        if recipe.clip:
            nn.utils.clip_grad_norm_(parameters, recipe.clip)
        # One decision for all optimisers: `scaler.step` would have one step by gradients clipped by another's overflow.
        if not skipped:
            for optimiser in used:
                for group in optimiser.param_groups:
                    group["lr"] = lr
                optimiser.step()
        scaler.update()
        if skipped and scaler.get_scale() < LEAST_SCALE:
            raise Diverged(f"the {name}'s gradient is not finite at any scale of its loss")

    def step(self) -> tuple[dict[str, torch.Tensor], float]:
        """Train for one iteration, and return its loss terms and the generator's learning rate. Raises ``Diverged``."""
        recipe, task = self.recipe, self.task
        phase, share = recipe.phase(self.iteration)
        lr = phase.lr * rate(phase, share) * 0.5**self.rollbacks
        seeds = [recipe.seed, self.iteration, self.group.rank] + [self.rollbacks] * (self.rollbacks > 0)
        rng = np.random.default_rng(seeds)
        torch.manual_seed(int(rng.integers(2**62)))
        batch = task.batch(rng, recipe.batch // self.group.size)
        batch["progress"] = torch.tensor(self.iteration / recipe.iterations)
        terms: dict[str, torch.Tensor] = {}
        for module in task.generator.modules():
            if isinstance(module, nn.BatchNorm2d):
                module.train(not phase.freeze_bn)

        autocast: Callable[[], torch.autocast] = lambda: precision.autocast(self.device, self.precision)
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
        # What follows the pictures that each saw, as averages of batch normalisation: a checkpoint has the first's.
        self.group.share(buffer for network in self.networks.values() for buffer in network.buffers())
        average(self.ema, task.generator, recipe.ema, self.iteration)
        self.iteration += 1
        return {name: term.detach() for name, term in (terms | loss.terms).items()}, lr


def _finite(tensors: Iterable[torch.Tensor]) -> bool:
    """Whether all numbers are finite, of tensors on one device, asked once."""
    return bool(torch.stack([torch.isfinite(tensor).all() for tensor in tensors]).all())


def train(
    recipe: Recipe,
    data: Path,
    run: Path,
    *,
    device: torch.device,
    evaluate_on: Path | None = None,
    every: Every = USUAL,
    stop_after: int | None = None,
    watchers: Sequence[Watcher] = (),
    read_model: ModelReader | None = None,
    compute_in: str = "",
) -> dict[str, float]:
    """Train a recipe into the folder `run`, going on from its checkpoint where there is one.

    Where a loss is no longer finite, training goes on from the last checkpoint with half the learning rate and other
    random numbers, at most `ROLLBACKS` times.

    Args:
        recipe: What is trained, and how.
        data: What it is trained on, as the recipe's task takes it.
        run: The run's folder; it is made where there is none.
        device: Where the networks are.
        evaluate_on: A folder of images to evaluate on; None for what the task holds back of the data.
        every: How often things beside training happen.
        stop_after: An iteration to stop at, with a checkpoint.
        watchers: Who is told how it goes; one of them may stop it.
        read_model: Reads the model files that recipes begin from; None: they begin from runs alone.
        compute_in: The precision, whatever the recipe says; empty: what it says, and a run that goes on keeps its own.

    Returns:
        The figures of the last evaluation, by name; none on ranks above 0.

    Raises:
        ValueError: `run` belongs to another recipe, or training diverged for good; and what `tasks.build` and
            `tasks.check_judge` raise.
        Interrupted: On a signal, with a checkpoint.
        OSError: The checkpoint cannot be written.
    """
    group = Group.of(os.environ)
    if evaluate_on is not None:
        tasks.check_judge(recipe, evaluate_on)
    recipe = replace(recipe, precision=compute_in or recipe.precision)
    training = _start(recipe, data, run, device, group, read_model, asked=bool(compute_in))
    end = min(recipe.iterations, stop_after or recipe.iterations)
    report = Report(
        run, recipe, training.task, start=training.iteration, end=end, every=every, evaluate_on=evaluate_on,
        rank=group.rank, watchers=watchers,
    )  # fmt: skip
    if training.iteration >= end:
        over = "where its recipe ends" if training.iteration >= recipe.iterations else f"--stop-after {end} is over"
        log.info("already at iteration %d, %s: nothing is left to train", training.iteration, over)
        if evaluate_on is not None:
            report.judge(training.iteration, training.ema)
    with _signals() as received:
        number = _iterate(training, report, run, end, every, received)
        report.finish(training.iteration, training.ema)
        if number or received:
            raise Interrupted(number or received[0])
    return report.figures


def _iterate(training: _Training, report: Report, run: Path, end: int, every: Every, received: Sequence[int]) -> int:
    """Train up to iteration `end`, or until a watcher or a signal in `received` stops it; return that signal, or 0.

    A checkpoint is written as often as `every` says, before each judging, and last.
    """
    saved = time.monotonic()
    number = watched = 0.0
    while training.iteration < end and not (number or watched):
        phase = training.recipe.phase(training.iteration)[0]
        try:
            terms, lr = training.step()
            last = training.iteration == end or report.judges(training.iteration)  # kept, whatever judging comes to
            asked = (received[0] if received else 0, report.stop, time.monotonic() - saved > every.checkpoint_seconds)
            number, watched, overdue = training.group.largest(*asked, device=training.device)
            kept = every.kept_checkpoint and training.iteration % every.kept_checkpoint == 0
            state = training.state() if number or watched or last or overdue or kept else None
        except Diverged as error:
            _roll_back(training, run, error)
            report.forget()
            continue
        if state is not None:
            training.group.first_alone(partial(checkpoint.save, run, state), training.device)
            if kept:
                name = checkpoint.kept(training.iteration)
                training.group.first_alone(partial(checkpoint.save, run, state, name), training.device)
            saved = time.monotonic()
        try:
            report.step(training.iteration, phase, terms, lr, training.ema)
        except OSError:  # what was learnt is not lost with a picture of it
            if training.group.size == 1:
                checkpoint.save(run, training.state())
            raise
    return int(number)


def _start(
    recipe: Recipe,
    data: Path,
    run: Path,
    device: torch.device,
    group: Group,
    read_model: ModelReader | None,
    *,
    asked: bool,
) -> _Training:
    """Make the networks of a run: as its checkpoint has them, as what the recipe starts from has them, or afresh."""
    if recipe.batch % group.size:
        raise ValueError(f"a batch of {recipe.batch} cannot be shared by {group.size} processes")
    state = _saved(run) if (run / checkpoint.LATEST).exists() else None
    if state is not None and state["name"] != recipe.name:
        raise ValueError(f"{run} holds a run of recipe {state['name']!r}, not {recipe.name!r}: give another --run")
    torch.manual_seed(recipe.seed)
    start = find(recipe, run, read_model) if state is None else None
    torch.manual_seed(recipe.seed)  # the initial weights
    built: list[tasks.Task] = []
    group.first_alone(lambda: built.append(tasks.build(recipe, data, device)), device)  # it makes the pool for all
    task = built[0] if built else tasks.build(recipe, data, device)
    if start is not None:
        begin(task.generator, start, recipe, lambda: _show(task, recipe, group.size))
    training = _Training(recipe, task, group)
    if state is None:
        for network in (*training.networks.values(), training.ema):
            group.share([*network.parameters(), *network.buffers()])
    training.data = sources.sizes(recipe, data)
    if state is not None and (said := sources.changes(state.get("data", {}), training.data)):
        log.warning("what this run learns from is not what it was (%s): it goes on, but not exactly", "; ".join(said))
    why = _go_on(training, state, run, asked=asked) if state is not None else _choose_precision(training)
    run.mkdir(parents=True, exist_ok=True)  # now that nothing is wrong with recipe, data and device
    log.info("%s on %s in %s, %s", recipe.name, device, training.precision, why)
    return training


def _saved(run: Path) -> dict[str, Any]:
    """The state that `run` goes on from. Raises ``ValueError`` for one that cannot be read, and says what would do."""
    try:
        return checkpoint.load(run)
    except ValueError as error:
        raise ValueError(f"{error}; to begin anew, delete that file or give another --run") from error


def _show(task: tasks.Task, recipe: Recipe, world: int) -> None:
    """Run the generator on batches like those to come."""
    rng = np.random.default_rng(recipe.seed)
    for _ in range(SHOWN):
        batch = task.batch(rng, recipe.batch // world)
        batch["progress"] = torch.tensor(0.0)
        task.generate(batch)


def _choose_precision(training: _Training) -> str:
    """Choose the precision of a run that begins, and return why it is that."""
    if training.recipe.precision != "auto":
        return "as the recipe or --precision has it"
    try:
        return training.try_precisions().why
    except Diverged as error:
        raise ValueError(f"recipe {training.recipe.name!r} cannot begin: {error}; is its start trained?") from error


def _go_on(training: _Training, state: dict[str, Any], run: Path, *, asked: bool) -> str:
    """Restore a run as it was, and return why it has its precision: its own, unless another is `asked` for.

    Raises ``ValueError`` where it is another run.
    """
    why = "as the recipe or --precision has it"
    said = recipes.parse(state["recipe"], name=state["name"]).precision
    if not asked and training.recipe.precision in ("auto", said):  # or the recipe was changed since
        training.compute_in(state.get("precision") or ("bf16" if said == "auto" else said))  # it once was the default
        why = "as this run began (--precision changes it)"
    try:
        training.restore(state)
    except (KeyError, RuntimeError, ValueError) as error:
        what = "other networks, or another optimiser, than the recipe has now"
        raise ValueError(f"{run} was trained with {what}{_changes(training.recipe, state)}; {_AFRESH}") from error
    return why


def _changes(recipe: Recipe, state: dict[str, Any]) -> str:
    """The options of both networks that are not those of a checkpoint any more, for a message."""
    was = recipes.parse(state["recipe"], name=state["name"])
    told = [both(name, *values) for name, values in differences(was.network, recipe.network).items()]
    for name in sorted({*was.discriminator, *recipe.discriminator}):
        pair = was.discriminator.get(name), recipe.discriminator.get(name)
        if pair[0] != pair[1]:
            told.append(f"[discriminator] {both(name, *pair)}")
    if was.optimiser != recipe.optimiser:
        told.append(both("optimiser", was.optimiser, recipe.optimiser))
    return f": {', '.join(told)}" if told else ""


def _roll_back(training: _Training, run: Path, error: Diverged) -> None:
    """Go back to the last checkpoint. Raises ``ValueError`` where there is none, or it was of no use."""
    at, before = training.iteration, training.rollbacks
    cure = 'a lower lr, gradient clipping (clip = 1.0) or precision = "fp32" may help'
    if before >= ROLLBACKS or not (run / checkpoint.LATEST).exists():
        kept = "the last checkpoint is kept" if (run / checkpoint.LATEST).exists() else "no checkpoint was written yet"
        what = f"training diverged at iteration {at}: {error}; {kept}"
        raise ValueError(f"{what}; {cure}") from error
    training.restore(checkpoint.load(run))
    training.rollbacks = before + 1
    back, halves = training.iteration, 2**training.rollbacks
    log.warning("iteration %d: %s; back to %d with 1/%d of the learning rate", at, error, back, halves)
