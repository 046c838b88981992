"""What a run says while it goes on: to its folder, to the console, and to whoever watches."""

import io
import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from PIL import Image as Pillow

from tests.helpers.training import restorer, same
from train import checkpoint, loop, recipe
from train.console import Console, describe, fitted
from train.report import NEWEST, Every, Report
from train.watch import Progress, Watcher

pytestmark = pytest.mark.usefixtures("one_thread")

TINY = restorer(iterations=12)
RARELY = Every(log=5, evaluate=10**6, checkpoint_seconds=1e9, sheets=(1e9,))


def go(
    photos: Path, run: Path, *watchers: Watcher, every: Every = RARELY, stop_after: int | None = None, text: str = TINY
) -> dict[str, float]:
    plan, cpu = recipe.parse(text, name="tiny"), torch.device("cpu")
    return loop.train(plan, photos, run, device=cpu, every=every, stop_after=stop_after, watchers=watchers)


class Diary(Watcher):
    """Writes down what it hears."""

    def __init__(self, *, sheet_seconds: float = 0.0, weights_seconds: float = 0.0, last: int = 10**6) -> None:
        self.sheet_seconds, self.weights_seconds, self.last = sheet_seconds, weights_seconds, last
        self.heard: list[Progress] = []
        self.sheets: list[tuple[int, str]] = []
        self.taken: list[int] = []
        self.steps = 0

    def step(self) -> None:
        self.steps += 1

    def progress(self, progress: Progress) -> None:
        self.heard.append(progress)

    def sheet(self, iteration: int, picture: NDArray[np.uint8], path: str) -> None:
        assert picture.ndim == 3
        self.sheets.append((iteration, path))

    def figures(self, iteration: int, figures: Mapping[str, float]) -> None:
        assert figures

    def weights(self, iteration: int, ema: torch.nn.Module) -> None:
        assert not ema.training
        self.taken.append(iteration)

    @property
    def stop(self) -> bool:
        return self.steps >= self.last


def test_there_is_a_picture_at_every_stop(photos: Path, tmp_path: Path) -> None:
    go(photos, tmp_path, stop_after=3)
    assert [path.name for path in sorted(tmp_path.glob("samples-*.png"))] == ["samples-0000003.png"]
    first = np.asarray(Pillow.open(tmp_path / NEWEST))
    assert np.array_equal(first, np.asarray(Pillow.open(tmp_path / "samples-0000003.png")))
    go(photos, tmp_path)
    assert not np.array_equal(first, np.asarray(Pillow.open(tmp_path / NEWEST)))


def test_sheets_come_by_time_and_more_rarely_later(photos: Path, tmp_path: Path) -> None:
    diary, always = Diary(), Diary()
    go(photos, tmp_path, diary, every=replace(RARELY, sheets=(0.0, 1e6)))
    assert [iteration for iteration, _ in diary.sheets] == [1, 12]
    go(photos, tmp_path / "always", always, every=replace(RARELY, sheets=(0.0, 1e-6)))
    assert [iteration for iteration, _ in always.sheets] == list(range(1, 13))
    assert {path for _, path in diary.sheets} == {str(tmp_path / NEWEST)}


def test_sheets_change_nothing_of_the_training(photos: Path, tmp_path: Path) -> None:
    go(photos, tmp_path / "quiet")
    go(photos, tmp_path / "watched", Diary(sheet_seconds=1e-6, weights_seconds=1e-6), every=Every(sheets=(0.0, 1e-6)))
    assert same(checkpoint.load(tmp_path / "quiet"), checkpoint.load(tmp_path / "watched"))


def test_watchers_are_told_and_may_stop_it(photos: Path, tmp_path: Path) -> None:
    diary = Diary(sheet_seconds=60.0, weights_seconds=60.0, last=4)
    go(photos, tmp_path, diary)
    assert diary.taken == [1]
    assert diary.sheets[0] == (1, "")
    assert checkpoint.load(tmp_path)["iteration"] == 5  # the step in which it was seen
    assert (tmp_path / NEWEST).is_file()


def test_progress_has_rate_and_losses(photos: Path, tmp_path: Path) -> None:
    diary = Diary()
    go(photos, tmp_path, diary)
    last = diary.heard[-1]
    assert (last.iteration, last.end, last.phase) == (12, 12, "l1")
    assert last.rate > 0
    assert last.terms["l1"] > 0
    assert last.left == 0


def test_a_line_says_how_far_how_fast_and_how_long() -> None:
    terms = {"real": 1.0, "adversarial": 2.7719, "discriminator": 0.8326, "r1": 1.5133}
    said = describe(Progress(1200, 45000, "adversarial", 48.04, terms))
    assert said == "1,200/45,000 2%  48 it/s  15 min left  discriminator 0.833  adversarial 2.77  r1 1.51"
    assert describe(Progress(5, 100, "l1", 0.25)) == "5/100 5%  4 s/it  6 min left"
    assert describe(Progress(1, 10**6, "l1", 10.0)).endswith("27.8 h left")
    assert "?" in describe(Progress(1, 10, "l1", 0.0))
    assert "done" in describe(Progress(10, 10, "l1", 3.0))


def test_a_terminal_has_one_line_that_moves() -> None:
    stream = io.StringIO()
    console = Console(stream, terminal=True)
    console.progress(Progress(10, 100, "l1", 10.0))
    console.progress(Progress(20, 100, "l1", 10.0))
    console.alarm(25, "the generator collapses; try more augmentation")
    console.progress(Progress(30, 100, "l1", 10.0))
    console.close()
    assert stream.getvalue().count("\n") == 2
    assert "warning at 25: the generator collapses" in stream.getvalue()


def test_a_line_is_no_longer_than_the_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is longer wraps, and each renewal would leave a line behind."""
    terms = {"discriminator": 0.833, "adversarial": 2.77, "r1": 1.51}
    stream = io.StringIO()
    Console(stream, terminal=True).progress(Progress(1200, 45000, "a", 48.0, terms))
    assert stream.getvalue() == "\r1,200/45,000 2%  48 it/s  15 min left  discriminator 0.833  adversarial 2.77"
    monkeypatch.setattr("train.console.columns", lambda stream: 20)
    stream = io.StringIO()
    Console(stream, terminal=True).progress(Progress(1200, 45000, "a", 48.0, terms))
    assert stream.getvalue() == "\r1,200/45,000 2%"
    assert fitted("no room", 2) == "no"


def test_elsewhere_lines_come_now_and_then(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [0.0]
    monkeypatch.setattr("train.console.time.monotonic", lambda: now[0])
    stream = io.StringIO()
    console = Console(stream, terminal=False)
    for second in range(200):
        now[0] = float(second)
        console.progress(Progress(second, 1000, "l1", 1.0))
    assert [line.split()[1].split("/")[0] for line in stream.getvalue().splitlines()] == [
        "2", "12", "42", "72", "102", "132", "162", "192",
    ]  # fmt: skip


class Collapsing:
    """A task whose samples are too much alike from the first evaluation to the third, and again in the fifth."""

    generator = torch.nn.Linear(1, 1)

    def __init__(self) -> None:
        self.varieties = iter([0.1, 0.2, 0.3, 0.9, 0.1])

    def evaluate(self, generator: torch.nn.Module, folder: Path | None) -> dict[str, float]:
        return {"variety": next(self.varieties)}

    def preview(self, generator: torch.nn.Module) -> NDArray[np.uint8]:
        return np.zeros((8, 8, 3), np.uint8)

    def alarms(self, figures: Mapping[str, float]) -> list[str]:
        found = ["it is never wrong"] if figures.get("discriminator", 1.0) < 0.5 else []
        return found + (["it collapses"] if figures.get("variety", 1.0) < 0.5 else [])


def test_an_alarm_that_stays_is_told_once_whatever_is_logged_between(tmp_path: Path) -> None:
    plan, task = recipe.parse(TINY, name="tiny"), Collapsing()
    every = Every(log=1, evaluate=2, sheets=(1e9,))
    report = Report(tmp_path, plan, task, start=0, end=10, every=every, evaluate_on=None, rank=0)  # type: ignore[arg-type]
    for iteration, loss in enumerate([1.0, 1.0, 0.1, 0.1, 0.1, 1.0, 1.0, 0.1, 0.1, 0.1], 1):
        report.step(iteration, plan.phases[0], {"discriminator": torch.tensor(loss)}, 0.1, task.generator)
    report.close()
    lines = [json.loads(line) for line in (tmp_path / "log.jsonl").read_text().splitlines()]
    told = [(line["iteration"], line["alarm"]) for line in lines if "alarm" in line]
    assert told == [
        (2, "it collapses"), (3, "it is never wrong"), (8, "it is never wrong"), (10, "it collapses"),
    ]  # fmt: skip


def test_alarms_reach_the_console(tmp_path: Path) -> None:
    """A discriminator that is never wrong: told in words with what to change, and not again while it stays so."""
    pictures = tmp_path / "pictures"
    pictures.mkdir()
    for index in range(4):
        Pillow.fromarray(np.full((8, 8, 3), 250 - index, np.uint8)).save(pictures / f"{index}.png")
    text = """
task = "unconditional"
batch = 8
precision = "fp32"
[network]
family = "dcgan"
resolution = 8
channels = 4
latent = 6
[discriminator]
family = "dcgan"
side = "discriminator"
resolution = 8
channels = 16
norm = "none"
[data]
resolution = 8
[[phase]]
name = "adversarial"
iterations = 120
losses = { adversarial = 1.0 }
lr = 1e-6
lr_discriminator = 1e-2
"""
    stream = io.StringIO()
    go(pictures, tmp_path / "run", Console(stream, terminal=False), every=replace(RARELY, log=20), text=text)
    said = [line for line in stream.getvalue().splitlines() if "never wrong" in line]
    assert len(said) == 1, stream.getvalue()
    assert "try augmentation" in said[0]
    log = [json.loads(line) for line in (tmp_path / "run" / "log.jsonl").read_text().splitlines()]
    assert [line["alarm"] for line in log if "never wrong" in line.get("alarm", "")]
