"""What a run says of itself: log.jsonl, TensorBoard, sample sheets and warnings; and whoever watches it."""

import re
import time
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path

import torch
from PIL import Image as Pillow
from torch import Tensor, nn
from torch.utils.tensorboard import SummaryWriter

from train import files
from train.program import as_json
from train.recipe import Phase, Recipe
from train.sheets import enlarged
from train.tasks import Task
from train.watch import Progress, Watcher

NEWEST = "samples.png"  # the newest sheet, by one name for whoever looks again and again
SHEETS = (10.0, 30.0, 60.0, 120.0, 240.0)  # seconds of a sitting after which a sheet is due, and then after as many
SHARE = 0.05  # of the time that pictures for watchers may take
LOST = 1e4  # of an adversarial loss: beyond it nothing is learnt any more
RECENT = 50  # iterations that losses and rate are told of


@dataclass(frozen=True)
class Every:
    """How often things beside training happen."""

    log: int = 100  # iterations
    evaluate: int = 2000  # iterations; a sample sheet is written with it
    checkpoint_seconds: float = 120.0
    kept_checkpoint: int = 0  # iterations; 0: none is kept but the newest
    sheets: tuple[float, ...] = SHEETS  # seconds


class Report:
    """The log of one run, in its folder.

    Args:
        run: The run's folder.
        recipe: What is trained.
        task: Whose samples and figures are written.
        start: The iteration that the run goes on from.
        end: The iteration at which this sitting ends.
        every: How often.
        evaluate_on: A folder of images to evaluate on, None for what the task held back.
        rank: Of this process; only that of rank 0 writes.
        watchers: Who is told.
    """

    def __init__(
        self, run: Path, recipe: Recipe, task: Task, *, start: int, end: int, every: Every, evaluate_on: Path | None,
        rank: int, watchers: Sequence[Watcher] = (),
    ) -> None:  # fmt: skip
        self.figures: dict[str, float] = {}  # of the last evaluation
        self._run, self._recipe, self._task, self._evaluate_on = run, recipe, task, evaluate_on
        self._every, self._end = every, end
        self._watchers = tuple(watchers) if rank == 0 else ()
        self._writer = SummaryWriter(str(run / "tensorboard"), purge_step=start) if rank == 0 else None
        self._terms: dict[str, list[Tensor]] = {}  # each loss term since the last line of the log
        self._recent: deque[tuple[float, Mapping[str, Tensor]]] = deque(maxlen=RECENT)
        self._last: tuple[Phase, float] | None = None
        self._warned: dict[str, set[str]] = {}  # what was found last, by the kind of figures
        self._began = self._clock = self._told = time.monotonic()
        self._sheets = iter(every.sheets)
        self._sheet_due = next(self._sheets, float("inf"))
        self._written = -1  # iteration of the newest sheet
        self._due = [0.0] * len(self._watchers)  # when each wants a picture again
        self._weights_due = [0.0] * len(self._watchers)

    @property
    def stop(self) -> bool:
        """Whether a watcher wants the run to stop."""
        return any(watcher.stop for watcher in self._watchers)

    def judges(self, iteration: int) -> bool:
        """Whether the state after so many iterations is judged."""
        return iteration % self._every.evaluate == 0 or iteration == self._recipe.iterations

    def forget(self) -> None:
        """Drop the terms since the last line: the run went back to its checkpoint."""
        self._terms.clear()
        self._recent.clear()

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
        now = time.monotonic()
        for name, term in terms.items():
            self._terms.setdefault(name, []).append(term)
        self._recent.append((now, terms))
        self._last = phase, lr
        if iteration % self._every.log == 0:
            self._log(iteration, phase, lr)
        if self.judges(iteration):
            self.judge(iteration, ema)
        elif now - self._began >= self._sheet_due:
            self._sheet(iteration, ema)
        self._tell(iteration, phase, ema, now)

    def finish(self, iteration: int, ema: nn.Module) -> None:
        """Write a line and a sheet of the state that a sitting ends with, where there are none; finish the files."""
        if self._writer is not None and self._terms and self._last is not None:
            self._log(iteration, *self._last)
        if self._writer is not None and self._written != iteration:
            self._sheet(iteration, ema)
        self.close()

    def close(self) -> None:
        """Finish the files."""
        if self._writer is not None:
            self._writer.close()

    def _tell(self, iteration: int, phase: Phase, ema: nn.Module, now: float) -> None:
        """Tell the watchers what is due."""
        last = iteration == self._end
        tell = last or now - self._told >= 1.0
        for index, watcher in enumerate(self._watchers):
            watcher.step()
            if tell:
                self._told = now
                watcher.progress(self._progress(iteration, phase))
            if watcher.sheet_seconds and (now >= self._due[index] or last):
                watcher.sheet(iteration, self._task.preview(ema), "")
                self._due[index] = _again(now, watcher.sheet_seconds)
            if watcher.weights_seconds and (now >= self._weights_due[index] or last):
                watcher.weights(iteration, ema)
                self._weights_due[index] = _again(now, watcher.weights_seconds)

    def _progress(self, iteration: int, phase: Phase) -> Progress:
        began, ended = self._recent[0][0], self._recent[-1][0]
        rate = (len(self._recent) - 1) / (ended - began) if ended > began else 0.0
        names = {name: None for _, terms in self._recent for name in terms}
        terms = {
            name: float(torch.stack([terms[name] for _, terms in self._recent if name in terms]).mean())
            for name in names
        }
        return Progress(iteration, self._end, phase.name, rate, terms)

    def _log(self, iteration: int, phase: Phase, lr: float) -> None:
        now = time.monotonic()
        line = {name: float(torch.stack(values).mean()) for name, values in self._terms.items()} | {"lr": lr}
        count = max(map(len, self._terms.values()))
        self._terms.clear()
        line["seconds_per_iteration"], self._clock = (now - self._clock) / count, now
        self._scalars("train", line, iteration)
        images = iteration * self._recipe.batch
        self._append({"iteration": iteration, "images": images, "phase": phase.name} | line)
        self._warn("train", line, iteration)

    def judge(self, iteration: int, ema: nn.Module) -> None:
        """Judge the averaged generator of `iteration`, and write its figures and a sheet."""
        if self._writer is None:
            return
        self.figures = self._task.evaluate(ema, self._evaluate_on)
        self._scalars("evaluate", self.figures, iteration)
        self._sheet(iteration, ema)
        self._append({"iteration": iteration, "evaluate": self.figures})
        for watcher in self._watchers:
            watcher.figures(iteration, self.figures)
        self._warn("evaluate", self.figures, iteration)

    def _sheet(self, iteration: int, ema: nn.Module) -> None:
        """Write a sheet of samples, and note when the next is due."""
        picture = enlarged(self._task.preview(ema))
        data = BytesIO()  # once for both: compressing a large one takes a tenth of a second
        Pillow.fromarray(picture).save(data, format="png")
        for name in (f"samples-{iteration:07d}.png", NEWEST):
            files.write(self._run / name, data.getvalue())
        if self._writer is not None:
            self._writer.add_image("samples", picture, iteration, dataformats="HWC")
        self._written = iteration
        passed = time.monotonic() - self._began
        while self._sheet_due <= passed:
            self._sheet_due = next(self._sheets, passed + self._every.sheets[-1])
        for watcher in self._watchers:
            watcher.sheet(iteration, picture, str(self._run / NEWEST))

    def _warn(self, group: str, figures: Mapping[str, float], iteration: int) -> None:
        """Tell what the task finds wrong in `figures` and did not in those before them: of each group by itself.

        A line of the log knows nothing of what an evaluation found, and the other way round.
        """
        told = self._task.alarms(figures) + [
            f"the loss {name} is {figures[name]:.3g}: training diverges; begin anew with a lower lr, clip = 1.0 or r1"
            for name in ("discriminator", "adversarial")
            if abs(figures.get(name, 0.0)) > LOST
        ]
        found = {re.sub(r"[\d.]+", "", text): text for text in told}  # by words, whatever figures
        for kind in sorted(found.keys() - set().union(*self._warned.values())):
            self._append({"iteration": iteration, "alarm": found[kind]})
            for watcher in self._watchers:
                watcher.alarm(iteration, found[kind])
        self._warned[group] = set(found)

    def _scalars(self, group: str, values: Mapping[str, float], iteration: int) -> None:
        assert self._writer is not None
        for name, value in values.items():
            self._writer.add_scalar(f"{group}/{name}", value, iteration)

    def _append(self, line: Mapping[str, object]) -> None:
        files.append(self._run / "log.jsonl", as_json(line))


def _again(began: float, seconds: float) -> float:
    """When something that began then is due again: not before its share of the time is kept."""
    now = time.monotonic()
    return now + max(seconds, (now - began) / SHARE)
