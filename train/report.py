"""What a run says of itself: log.jsonl, TensorBoard, sample sheets and warnings."""

import json
import logging
import time
from collections.abc import Mapping
from pathlib import Path

import torch
from PIL import Image as Pillow
from torch import Tensor, nn
from torch.utils.tensorboard import SummaryWriter

from train.recipe import Phase, Recipe
from train.tasks import Task

log = logging.getLogger(__name__)


class Report:
    """The log of one run, in its folder.

    Args:
        run: The run's folder.
        recipe: What is trained.
        task: Whose samples and figures are written.
        start: The iteration that the run goes on from.
        log_every: Iterations between lines of the log.
        evaluate_every: Iterations between evaluations, each with a sheet of samples.
        evaluate_on: A folder of images to evaluate on, None for what the task held back.
        rank: Of this process; only that of rank 0 writes.
    """

    def __init__(
        self, run: Path, recipe: Recipe, task: Task, *, start: int, log_every: int, evaluate_every: int,
        evaluate_on: Path | None, rank: int,
    ) -> None:  # fmt: skip
        self.figures: dict[str, float] = {}  # of the last evaluation
        self._run, self._recipe, self._task, self._evaluate_on = run, recipe, task, evaluate_on
        self._log_every, self._evaluate_every = log_every, evaluate_every
        self._writer = SummaryWriter(str(run / "tensorboard"), purge_step=start) if rank == 0 else None
        self._terms: dict[str, list[Tensor]] = {}  # each loss term since the last line of the log
        self._warned: set[str] = set()
        self._clock = time.monotonic()

    def forget(self) -> None:
        """Drop the terms since the last line: the run went back to its checkpoint."""
        self._terms.clear()

    def step(self, iteration: int, phase: Phase, terms: Mapping[str, Tensor], lr: float, ema: nn.Module) -> None:
        """Note one iteration that is over, and write what is due.

        Args:
            iteration: How many are over, from 1.
            phase: The phase it belonged to.
            terms: Its loss terms.
            lr: The generator's learning rate.
            ema: The averaged generator.
        """
        if self._writer is None:
            return
        for name, term in terms.items():
            self._terms.setdefault(name, []).append(term)
        if iteration % self._log_every == 0:
            self._log(iteration, phase, lr)
        if iteration % self._evaluate_every == 0 or iteration == self._recipe.iterations:
            self._evaluate(iteration, ema)

    def close(self) -> None:
        """Finish the files."""
        if self._writer is not None:
            self._writer.close()

    def _log(self, iteration: int, phase: Phase, lr: float) -> None:
        now = time.monotonic()
        line = {name: float(torch.stack(values).mean()) for name, values in self._terms.items()} | {"lr": lr}
        self._terms.clear()
        line["seconds_per_iteration"], self._clock = (now - self._clock) / self._log_every, now
        self._scalars("train", line, iteration)
        images = iteration * self._recipe.batch
        self._append({"iteration": iteration, "images": images, "phase": phase.name} | line)
        log.info("%6d %s %s", iteration, phase.name, "  ".join(f"{k} {v:.5g}" for k, v in line.items()))
        self._warned = self._warn(line, iteration)

    def _evaluate(self, iteration: int, ema: nn.Module) -> None:
        self.figures = self._task.evaluate(ema, self._evaluate_on)
        self._scalars("evaluate", self.figures, iteration)
        Pillow.fromarray(self._task.preview(ema)).save(self._run / f"samples-{iteration:07d}.png")
        self._append({"iteration": iteration, "evaluate": self.figures})
        log.info("%6d %s", iteration, "  ".join(f"{k} {v:.4f}" for k, v in self.figures.items()))
        self._warned |= self._warn(self.figures, iteration)

    def _warn(self, figures: Mapping[str, float], iteration: int) -> set[str]:
        """Log what the task finds wrong in `figures` and has not said just before, and return all that it finds."""
        found = set(self._task.alarms(figures))
        for text in sorted(found - self._warned):
            log.warning("%6d %s", iteration, text)
        return found

    def _scalars(self, group: str, values: Mapping[str, float], iteration: int) -> None:
        assert self._writer is not None
        for name, value in values.items():
            self._writer.add_scalar(f"{group}/{name}", value, iteration)

    def _append(self, line: Mapping[str, object]) -> None:
        with (self._run / "log.jsonl").open("a", encoding="utf-8") as file:
            file.write(json.dumps(line) + "\n")
