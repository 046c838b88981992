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
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from types import FrameType
from typing import Any

import numpy as np
import torch
from torch import distributed, nn

from train import checkpoint, optimisers, precision, tasks
from train import recipe as recipes
from train.data import on_disk
from train.recipe import Phase, Recipe
from train.report import Every, Report
from train.start import ModelReader, begin, both, differences, find
from train.watch import Watcher

log = logging.getLogger(__name__)
ROLLBACKS = 3  # of one run
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

    def __init__(self, recipe: Recipe, task: tasks.Task, rank: int, world: int) -> None:
        self.recipe, self.task, self.rank, self.world = recipe, task, rank, world
        self.device = next(task.generator.parameters()).device
        self.iteration = 0
        self.data: dict[str, int] = {}  # files and bytes of what is learnt from
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
            with suppress(Diverged):
                self.step()
            if self.device.type == "cuda":
                torch.cuda.synchronize(self.device)

        choice = precision.choose(precision.measure(precision.candidates(self.device), step, agree=self._slowest))
        self.restore(before)
        self.compute_in(choice.name)
        return choice

    def _slowest(self, seconds: float) -> float:
        """The longest time that any process took, of which each gives its own `seconds`."""
        if self.world == 1:
            return seconds
        longest = torch.tensor(seconds, device=self.device)
        distributed.all_reduce(longest, distributed.ReduceOp.MAX)
        return float(longest)

    def state(self) -> dict[str, Any]:
        """Gather what a checkpoint holds. Raises ``Diverged`` where it is not worth keeping."""
        if not all(bool(torch.isfinite(parameter).all()) for parameter in self.task.generator.parameters()):
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
                optimiser.load_state_dict(state[f"{name}_{kind}"])
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
        finite = torch.isfinite(loss.detach()).float()
        if self.world > 1:
            distributed.all_reduce(finite, distributed.ReduceOp.MIN)
        if not finite:
            raise Diverged(f"the {name}'s loss is no longer finite")
        network.zero_grad(set_to_none=True)
        scaler.scale(loss).backward()  # type: ignore[no-untyped-call]
        for optimiser in used:
            scaler.unscale_(optimiser)
        parameters = [parameter for parameter in learning if parameter.grad is not None]
        if self.world > 1:
            for parameter in parameters:
                distributed.all_reduce(parameter.grad)
                parameter.grad.div_(self.world)  # type: ignore[union-attr]
        if recipe.clip:
            nn.utils.clip_grad_norm_(parameters, recipe.clip)
        for optimiser in used:
            for group in optimiser.param_groups:
                group["lr"] = lr
            scaler.step(optimiser)
        scaler.update()

    def step(self) -> tuple[dict[str, torch.Tensor], float]:
        """Train for one iteration, and return its loss terms and the generator's learning rate. Raises ``Diverged``."""
        recipe, task = self.recipe, self.task
        phase, share = recipe.phase(self.iteration)
        lr = phase.lr * rate(phase, share) * 0.5**self.rollbacks
        seeds = [recipe.seed, self.iteration, self.rank] + [self.rollbacks] * (self.rollbacks > 0)
        rng = np.random.default_rng(seeds)
        torch.manual_seed(int(rng.integers(2**62)))
        batch = task.batch(rng, recipe.batch // self.world)
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
        average(self.ema, task.generator, recipe.ema, self.iteration)
        self.iteration += 1
        return {name: term.detach() for name, term in (terms | loss.terms).items()}, lr


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

    Returns:
        The figures of the last evaluation, by name; none on ranks above 0.

    Raises:
        ValueError: `run` belongs to another recipe, or training diverged for good; and what `tasks.build` and
            `tasks.check_judge` raise.
        Interrupted: On a signal, with a checkpoint.
        OSError: The checkpoint cannot be written.
    """
    rank, world = int(os.environ.get("RANK", "0")), int(os.environ.get("WORLD_SIZE", "1"))
    if evaluate_on is not None:
        tasks.check_judge(recipe, evaluate_on)
    training = _start(recipe, data, run, device, rank, world, read_model)
    end = min(recipe.iterations, stop_after or recipe.iterations)
    report = Report(
        run, recipe, training.task, start=training.iteration, end=end, every=every, evaluate_on=evaluate_on, rank=rank,
        watchers=watchers,
    )  # fmt: skip
    if training.iteration >= end:
        over = "where its recipe ends" if training.iteration >= recipe.iterations else f"--stop-after {end} is over"
        log.info("already at iteration %d, %s: nothing is left to train", training.iteration, over)
        if evaluate_on is not None:
            report.judge(training.iteration, training.ema)
    with _signals() as received:
        _iterate(training, report, run, end, every.checkpoint_seconds, lambda: bool(received) or report.stop)
        report.finish(training.iteration, training.ema)
        if received:
            raise Interrupted(received[0])
    return report.figures


def _iterate(
    training: _Training, report: Report, run: Path, end: int, seconds: float, asked: Callable[[], bool]
) -> None:
    """Train up to iteration `end`, or until it is `asked` to stop.

    A checkpoint is written every so many `seconds`, before each judging, and last.
    """
    saved = time.monotonic()
    stop = False
    while training.iteration < end and not stop:
        phase = training.recipe.phase(training.iteration)[0]
        try:
            terms, lr = training.step()
            stop = asked()
            last = training.iteration == end or report.judges(training.iteration)  # kept, whatever judging comes to
            due = stop or last or time.monotonic() - saved > seconds
            state = training.state() if due else None
        except Diverged as error:
            _roll_back(training, run, error)
            report.forget()
            continue
        if state is not None:
            if training.rank == 0:
                checkpoint.save(run, state)
            saved = time.monotonic()
        report.step(training.iteration, phase, terms, lr, training.ema)


def _start(
    recipe: Recipe, data: Path, run: Path, device: torch.device, rank: int, world: int, read_model: ModelReader | None
) -> _Training:
    """Make the networks of a run: as its checkpoint has them, as what the recipe starts from has them, or afresh."""
    if recipe.batch % world:
        raise ValueError(f"a batch of {recipe.batch} cannot be shared by {world} processes")
    state = _saved(run) if (run / checkpoint.LATEST).exists() else None
    if state is not None and state["name"] != recipe.name:
        raise ValueError(f"{run} holds a run of recipe {state['name']!r}, not {recipe.name!r}: give another --run")
    torch.manual_seed(recipe.seed)
    start = find(recipe, run, read_model) if state is None else None
    torch.manual_seed(recipe.seed)  # the initial weights
    task = tasks.build(recipe, data, device)
    if start is not None:
        begin(task.generator, start, recipe, lambda: _show(task, recipe, world))
    training = _Training(recipe, task, rank, world)
    if world > 1 and state is None:
        for network in training.networks.values():
            for parameter in network.parameters():
                distributed.broadcast(parameter.data, 0)
    training.data = on_disk(data)
    if state is not None and state.get("data", training.data) != training.data:
        before = state["data"]
        log.warning(
            "%s is not what this run began with: %d files of %d bytes then, %d of %d now; it goes on, but not exactly",
            data, before.get("files", 0), before.get("bytes", 0), *(training.data.get(key, 0) for key in before),
        )  # fmt: skip
    why = _go_on(training, state, run) if state is not None else _choose_precision(training)
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
    return training.try_precisions().why


def _go_on(training: _Training, state: dict[str, Any], run: Path) -> str:
    """Restore a run as it was, its precision too, and return why that is; raises ``ValueError`` where it is another."""
    why = "as the recipe or --precision has it"
    if training.recipe.precision == "auto":
        said = recipes.parse(state["recipe"], name=state["name"]).precision
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
    log.warning(
        "iteration %d: %s; back to %d with 1/%d of the learning rate",
        at,
        error,
        training.iteration,
        2**training.rollbacks,
    )
