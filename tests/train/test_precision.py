"""A run computes in the precision that is fastest on its machine, found by a trial that leaves no trace."""

import gc
import logging
import os
import subprocess
import sys
import time
import weakref
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from tests.helpers.training import JUDGE, NEVER, restorer, same
from train import checkpoint, loop, precision, recipe, tasks
from train.processes import Group

pytestmark = pytest.mark.usefixtures("one_thread")

TINY = (
    restorer(iterations=3).replace('precision = "fp32"', "")
    + """
[[phase]]
name = "adversarial"
iterations = 5
losses = { l1 = 1.0, adversarial = 0.1 }
"""
    + JUDGE
)


def train(photos: Path, run: Path, stop_after: int | None = None, text: str = TINY, kind: str = "auto") -> None:
    plan = replace(recipe.parse(text, name="tiny"), precision=kind)
    loop.train(plan, photos, run, device=torch.device("cpu"), every=NEVER, stop_after=stop_after)


def ticking(seconds: dict[str, float]) -> tuple[precision.Choice, list[str]]:
    """What is chosen where a step takes so long, and the steps that were made."""
    now, made = 0.0, []

    def step(name: str) -> None:
        nonlocal now
        now += seconds[name]
        made.append(name)

    return precision.choose(precision.measure(tuple(seconds), step, clock=lambda: now)), made


def failing(*diverge: str, first: int = 0) -> precision.Choice:
    """What is chosen where those precisions give no numbers, from their step `first` on, and are quick."""
    now, made = 0.0, dict.fromkeys(("fp32", "bf16", "fp16"), 0)

    def step(name: str) -> None:
        nonlocal now
        now += {"fp32": 0.02, "bf16": 0.019, "fp16": 0.001}[name]
        made[name] += 1
        if name in diverge and made[name] > first:
            raise loop.Diverged("no number")

    return precision.choose(precision.measure(tuple(made), step, clock=lambda: now))


def test_what_diverges_is_not_chosen_however_soon_it_does() -> None:
    assert failing("fp16") == precision.Choice("fp32", "by a trial: fp32 20 ms, bf16 19 ms an iteration; fp16 diverges")
    assert failing("fp16", first=2) == failing("fp16")
    assert failing("fp32", "fp16").name == "bf16"
    assert failing("fp32", "bf16", "fp16") == precision.Choice("fp32", "by a trial: fp32, bf16, fp16 diverge")


class Squares:
    """A task whose pictures are beyond what fp16 holds, and ordinary numbers in fp32."""

    discriminator = None

    def __init__(self) -> None:
        torch.manual_seed(0)
        self.generator = torch.nn.Linear(64, 64)

    def batch(self, rng: np.random.Generator, size: int) -> tasks.Batch:
        return {"x": torch.full((size, 64), 1000.0)}

    def generate(self, batch: tasks.Batch) -> torch.Tensor:
        made: torch.Tensor = self.generator(batch["x"])
        return made * made

    def generator_losses(self, batch: tasks.Batch, fake: torch.Tensor, weights: Mapping[str, float]) -> tasks.Losses:
        l1 = fake.float().sqrt().mean()
        return tasks.Losses(l1, {"l1": l1})


def test_a_run_does_not_begin_in_a_precision_that_diverges(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(precision, "candidates", lambda device: ("fp32", "fp16"))  # as on a GPU
    plan = replace(recipe.parse(restorer(iterations=3), name="tiny"), precision="auto")
    training = loop._Training(plan, Squares(), Group())  # type: ignore[arg-type]
    choice = training.try_precisions()
    assert choice.name == "fp32"
    assert choice.why.endswith("; fp16 diverges")
    training.step()


def test_the_fastest_is_chosen_where_it_is_worth_it() -> None:
    assert ticking({"fp32": 0.02, "bf16": 0.01})[0].name == "bf16"
    assert ticking({"fp32": 0.02, "bf16": 0.01, "fp16": 0.008})[0].name == "fp16"
    assert ticking({"fp32": 0.02, "bf16": 0.019})[0].name == "fp32"  # rounding for nothing


def test_what_a_machine_emulates_is_tried_once() -> None:
    choice, made = ticking({"fp32": 0.02, "bf16": 0.12})
    assert choice.name == "fp32"
    assert choice.why == "by a trial: fp32 20 ms, bf16 120 ms an iteration"
    assert made.count("bf16") == 1


@pytest.mark.parametrize("name", ["fp32", "bf16"])
def test_the_trial_leaves_no_trace(
    photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    monkeypatch.setattr(precision, "choose", lambda times: precision.Choice(name, "for a test"))
    train(photos, tmp_path / "tried")
    train(photos, tmp_path / "told", kind=name)
    assert same(checkpoint.load(tmp_path / "tried"), checkpoint.load(tmp_path / "told"))
    assert f"tiny on cpu in {name}, for a test" in caplog.text.splitlines()[2]  # after what was read


def test_a_run_goes_on_in_the_precision_it_began_in(
    photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    train(photos, tmp_path, stop_after=2, kind="bf16")
    monkeypatch.setattr(precision, "choose", lambda times: precision.Choice("fp32", "for a test"))
    train(photos, tmp_path, stop_after=4)
    assert checkpoint.load(tmp_path)["precision"] == "bf16"
    assert "in bf16, as this run began" in caplog.text
    train(photos, tmp_path, stop_after=6, kind="fp32")
    assert checkpoint.load(tmp_path)["precision"] == "fp32"


def test_a_run_keeps_the_precision_it_was_told_also_where_its_recipe_has_another(
    photos: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    plan = recipe.parse(restorer(iterations=9), name="tiny")  # which says fp32

    def go(stop_after: int, plan: recipe.Recipe, compute_in: str = "") -> object:
        cpu = torch.device("cpu")
        loop.train(plan, photos, tmp_path, device=cpu, every=NEVER, stop_after=stop_after, compute_in=compute_in)
        return checkpoint.load(tmp_path)["precision"]

    assert go(1, plan, "bf16") == "bf16"
    assert go(2, plan) == "bf16"
    assert "in bf16, as this run began (--precision changes it)" in caplog.text
    assert go(3, plan, "fp32") == "fp32"
    assert go(4, plan, "bf16") == "bf16"
    assert go(5, replace(plan, precision="fp16")) == "fp16"


def test_a_run_of_before_goes_on_in_what_was_the_default(photos: Path, tmp_path: Path) -> None:
    train(photos, tmp_path, stop_after=2, kind="bf16")
    state = checkpoint.load(tmp_path)
    del state["precision"]
    checkpoint.save(tmp_path, state)
    train(photos, tmp_path, stop_after=4)
    assert checkpoint.load(tmp_path)["precision"] == "bf16"


def test_fp16_scales_its_losses_and_resumes_exactly(photos: Path, tmp_path: Path) -> None:
    train(photos, tmp_path / "whole", kind="fp16")
    train(photos, tmp_path / "cut", stop_after=4, kind="fp16")
    train(photos, tmp_path / "cut", kind="fp16")
    whole = checkpoint.load(tmp_path / "whole")
    assert whole["generator_scaler"]["scale"] > 1.0
    assert same(whole, checkpoint.load(tmp_path / "cut"))


class TwoLayers:
    """A task whose first layer Muon trains, the second Adam."""

    discriminator = None

    def __init__(self) -> None:
        self.generator = torch.nn.Sequential(torch.nn.Linear(16, 16), torch.nn.Linear(16, 3))


def test_a_step_that_overflows_in_some_weights_is_skipped_by_all() -> None:
    text = restorer(iterations=9).replace("batch = 4", 'batch = 4\noptimiser = "muon"').replace("fp32", "fp16")
    training = loop._Training(recipe.parse(text, name="tiny"), TwoLayers(), Group())  # type: ignore[arg-type]
    first, second = (one for one in training.task.generator.parameters() if one.ndim == 2)
    scales = []
    for factor in (4.0, 0.1, 4.0, torch.inf, 0.1):  # a gradient of 4 times the scale, 65536 at first, is beyond fp16
        before = [weight.detach().clone() for weight in (first, second)]
        loss = (first.half() * min(factor, 4.0)).float().sum() + second.square().sum()
        # as where an overflow meets a 0 on its way back
        hook = first.register_hook(lambda gradient, by=factor: gradient * (torch.nan if by == torch.inf else 1.0))  # type: ignore[no-untyped-call]
        training.update("generator", loss, 1e-3)
        hook.remove()
        scales.append(training._scalers["generator"].get_scale())
        skipped = [torch.equal(weight, was) for weight, was in zip((first, second), before, strict=True)]
        assert skipped == [factor >= 4.0] * 2
    assert scales == [2.0**15, 2.0**15, 2.0**14, 2.0**13, 2.0**13]
    assert torch.isfinite(first).all()
    assert torch.isfinite(second).all()


def test_a_gradient_that_overflows_at_any_scale_is_a_divergence() -> None:
    text = restorer(iterations=9).replace("fp32", "fp16")
    training = loop._Training(recipe.parse(text, name="tiny"), TwoLayers(), Group())  # type: ignore[arg-type]
    first = next(training.task.generator.parameters())
    first.register_hook(lambda gradient: gradient * torch.nan)  # type: ignore[no-untyped-call]
    steps = (training.update("generator", first.square().sum(), 1e-3) for _ in range(99))  # type: ignore[func-returns-value]
    with pytest.raises(loop.Diverged, match="gradient is not finite at any scale of its loss"):
        list(steps)
    assert torch.isfinite(first).all()


def test_a_network_that_begins_with_no_numbers_is_refused(photos: Path, tmp_path: Path) -> None:
    text = restorer(iterations=3).replace('precision = "fp32"', "")
    train(photos, tmp_path / "before", stop_after=1, text=text, kind="fp32")
    state = checkpoint.load(tmp_path / "before")
    for value in state["ema"].values():
        value.fill_(torch.nan)
    checkpoint.save(tmp_path / "before", state)
    with pytest.raises(ValueError, match="cannot begin: the weights are no longer finite"):
        train(photos, tmp_path / "after", text=f'start = "before"\n{text}')


def test_old_and_new_networks_of_teachers_are_tried_too() -> None:
    assert precision.fastest(torch.nn.Conv2d(3, 3, 3)) in ("fp32", "bf16")


def test_a_teacher_is_tried_once_and_not_kept() -> None:
    teacher, calls = torch.nn.Conv2d(3, 3, 3), []
    teacher.register_forward_hook(lambda *_: calls.append(1))
    chosen = precision.fastest(teacher)
    tried = len(calls)
    assert precision.fastest(teacher) == chosen
    assert len(calls) == tried
    held = weakref.ref(teacher)
    del teacher
    gc.collect()
    assert held() is None


def test_a_teacher_does_not_draw_in_a_precision_in_which_it_gives_no_numbers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(precision, "candidates", lambda device: ("fp32", "fp16"))

    class Large(torch.nn.Conv2d):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            if not torch.is_autocast_enabled(x.device.type):
                time.sleep(0.02)
            return super().forward(x + 1) * 1e6  # beyond 65504

    torch.manual_seed(0)
    assert precision.fastest(Large(3, 3, 3)) == "fp32"


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="oneDNN is told by an environment variable to leave bf16 out")
def test_a_processor_without_bf16_trains_in_fp32(photos: Path, tmp_path: Path) -> None:
    text = (recipe.RECIPES / "dcgan-mnist.toml").read_text()
    plan = tmp_path / "small.toml"
    plan.write_text(text.replace("batch = 64", "batch = 16"))
    words = [str(plan), "--data", str(photos), "--run", str(tmp_path / "run"), "--stop-after", "1"]
    environment = os.environ | {"ONEDNN_MAX_CPU_ISA": "AVX2", "ATEN_CPU_CAPABILITY": "avx2", "OMP_NUM_THREADS": "1"}
    command = [sys.executable, "-W", "ignore", "-m", "train", *words]
    done = subprocess.run(command, capture_output=True, text=True, env=environment, timeout=300, check=False)
    assert done.returncode == 0, done.stderr
    assert any("small on cpu in fp32, by a trial" in line for line in done.stderr.splitlines())
