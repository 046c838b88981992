"""Several processes that train one run: which GPU each has, and that they agree whatever happens to one of them."""

import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from tests.helpers.children import interruptible
from tests.helpers.processes import Pair
from tests.helpers.training import NEVER, restorer, same
from train import __main__ as command
from train import checkpoint, loop, recipe
from train.processes import Group
from train.watch import Watcher

TWO = Group(rank=1, local_rank=1, size=2)
LINEAR = restorer(iterations=9).replace("batch = 4", "batch = 4\nclip = 0.0")
ADAPTIVE = """
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
channels = 4
augment = ["translation"]
adapt = 0.6
[data]
resolution = 8
[[phase]]
name = "adversarial"
iterations = 99
losses = { adversarial = 1.0 }
"""  # each process has averages of batch normalisation, and a likelihood of augmentation, of the pictures it sees


@pytest.mark.parametrize(
    ("rank", "size"), [({"RANK": "1"}, 1), ({"RANK": "2", "WORLD_SIZE": "2"}, 2), ({"WORLD_SIZE": "0"}, 0)]
)
def test_a_rank_that_none_has_is_refused(rank: dict[str, str], size: int) -> None:
    """A stray RANK trained without a log, a sheet, or a lock on the folder."""
    with pytest.raises(ValueError, match=f"RANK = .* must be 0 or more and under WORLD_SIZE = {size}, as torchrun"):
        Group.of(rank)


def test_each_process_has_a_gpu_of_its_own() -> None:
    assert TWO.device("cuda") == "cuda:1"
    assert Group(rank=5, local_rank=1, size=8).device("cuda") == "cuda:1"  # the second process of another machine
    assert TWO.device("cpu") == "cpu"
    assert Group().device("cuda") == "cuda"
    assert Group().device("cuda:3") == "cuda:3"
    with pytest.raises(
        ValueError, match=r"--device cuda:3 is one GPU, and each of the 2 processes.*give --device cuda$"
    ):
        TWO.device("cuda:3")


def test_who_a_process_is_stands_in_its_environment() -> None:
    assert Group.of({}) == Group()
    assert Group.of({"RANK": "1", "LOCAL_RANK": "1", "WORLD_SIZE": "2"}) == TWO
    assert Group.of({"RANK": "1", "WORLD_SIZE": "2"}) == TWO  # started by hand, on one machine
    with pytest.raises(ValueError, match="WORLD_SIZE = 'two' must be a whole number"):
        Group.of({"WORLD_SIZE": "two"})


def test_one_gpu_for_several_processes_is_refused(
    photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "plan.toml").write_text(restorer())
    words = [str(tmp_path / "plan.toml"), "--data", str(photos), "--run", str(tmp_path / "run"), "--device", "cuda:1"]
    for name, value in (("RANK", "1"), ("LOCAL_RANK", "1"), ("WORLD_SIZE", "2")):
        monkeypatch.setenv(name, value)
    assert command.main(words) == 2
    assert "--device cuda:1 is one GPU, and each of the 2 processes needs one of its own" in capsys.readouterr().err
    monkeypatch.setenv("WORLD_SIZE", "two")
    assert command.main(words) == 2
    assert "WORLD_SIZE = 'two' must be a whole number" in capsys.readouterr().err


@pytest.fixture(scope="module")
def together(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pair]:
    """Two processes."""
    pair = Pair(tmp_path_factory.mktemp("pair"))
    yield pair
    pair.close()


class Linear:
    """A task of one layer, trained by losses that a test makes."""

    discriminator = None

    def __init__(self) -> None:
        torch.manual_seed(0)
        self.generator = nn.Linear(4, 4)


def linear(precision: str, group: Group) -> loop._Training:
    plan = recipe.parse(LINEAR.replace('"fp32"', f'"{precision}"'), name="linear")
    return loop._Training(plan, Linear(), group)  # type: ignore[arg-type]


def halves(rank: int, batch: Tensor) -> list[Any]:
    """Train on a half of the batch in each process; then have a gradient overflow in the first one alone."""
    group = Group.of(os.environ)
    training = linear("fp32", group)
    for _ in range(3):
        training.update("generator", training.task.generator(batch.chunk(2)[rank]).square().mean(), 1e-2)
    fp16 = linear("fp16", group)
    weight, scales = next(fp16.task.generator.parameters()), []
    for step in range(3):
        factor = 4.0 if rank == 0 and step == 1 else 0.1  # 4 times a scale of 65536 is beyond fp16
        fp16.update("generator", (weight.half() * factor).float().sum(), 1e-3)
        scales.append(fp16._scalers["generator"].get_scale())
    return [training.networks["generator"].state_dict(), scales, weight.detach()]


@pytest.mark.slow
def test_two_processes_make_the_steps_of_one_and_skip_the_same(together: Pair) -> None:
    batch = torch.rand(8, 4, generator=torch.Generator().manual_seed(1))
    one, other = together(halves, batch)
    assert same(one, other)
    alone = linear("fp32", Group())
    for _ in range(3):
        alone.update("generator", alone.task.generator(batch).square().mean(), 1e-2)
    torch.testing.assert_close(one[0], alone.networks["generator"].state_dict())
    _, scales, weight = one
    assert torch.isfinite(weight).all()
    assert scales[1] < scales[0]  # the step that overflowed in one was skipped by both


class Stopper(Watcher):
    """Stops a run at an iteration, as whoever closes a window; or has a signal sent at it."""

    def __init__(self, at: int, number: int = 0) -> None:
        self._at, self._number, self._seen = at, number, 0

    def step(self) -> None:
        """Count."""
        self._seen += 1
        if self._number and self._seen == self._at:
            signal.raise_signal(self._number)

    @property
    def stop(self) -> bool:
        """Whether it is there."""
        return not self._number and self._seen >= self._at


def trained(rank: int, text: str, data: Path, run: Path, stop_after: int | None, watcher: Watcher | None) -> list[Any]:
    """Train, and return the networks that this process ends with, and how."""
    kept: list[loop._Training] = []
    begin = loop._start

    def start(*arguments: Any, asked: bool) -> loop._Training:
        kept.append(begin(*arguments, asked=asked))
        return kept[0]

    how = ""
    with interruptible(), pytest.MonkeyPatch.context() as patch:
        patch.setattr(loop, "_start", start)
        try:
            loop.train(
                recipe.parse(text, name="tiny"), data, run, device=torch.device("cpu"), every=NEVER,
                stop_after=stop_after, watchers=[watcher] if watcher else [],
            )  # fmt: skip
        except loop.Interrupted as stopped:
            how = str(stopped)
    return [kept[0].iteration, how, {name: network.state_dict() for name, network in kept[0].networks.items()}]


@pytest.fixture
def pile(tmp_path: Path) -> Path:
    rng = np.random.default_rng(0)
    np.savez(tmp_path / "pile.npz", x=rng.integers(0, 256, (64, 8, 8), dtype=np.uint8))
    return tmp_path / "pile.npz"


@pytest.mark.slow
def test_a_stop_of_one_process_stops_all_at_the_same_iteration(together: Pair, photos: Path, tmp_path: Path) -> None:
    text = restorer(iterations=200)
    for name, watcher, said in (
        ("watcher", Stopper(3), ""),
        ("signal", Stopper(3, signal.SIGINT), "stopped by SIGINT; the same command goes on from here"),
    ):
        one, other = together(trained, text, photos, tmp_path / name, None, watcher)
        assert same(one, other)
        assert one[:2] == [4, said]  # what a watcher says of an iteration ends the next
        assert checkpoint.load(tmp_path / name)["iteration"] == 4


@pytest.mark.slow
def test_two_processes_stay_alike_and_resume_exactly(together: Pair, pile: Path, tmp_path: Path) -> None:
    whole, other = together(trained, ADAPTIVE, pile, tmp_path / "whole", 6, None)
    assert same(whole, other)
    for end in (3, 6):
        found = together(trained, ADAPTIVE, pile, tmp_path / "cut", end, None)
        assert same(*found)
    assert same(checkpoint.load(tmp_path / "whole"), checkpoint.load(tmp_path / "cut"))
    assert same(whole, found[1])


def broken(rank: int) -> list[Any]:
    """Have weights of the second process alone be no numbers, and what the first writes not be written."""
    group, said = Group.of(os.environ), []
    training = linear("fp32", group)
    training.state()
    if rank == 1:
        with torch.no_grad():
            next(training.task.generator.parameters()).fill_(float("nan"))
    try:
        training.state()
    except loop.Diverged as error:
        said.append(str(error))

    def fails() -> None:
        assert rank == 0
        time.sleep(0.1)
        raise OSError("no space")

    try:
        group.first_alone(fails, torch.device("cpu"))
    except (OSError, ValueError) as error:
        said.append(str(error))
    return said


@pytest.mark.slow
def test_what_goes_wrong_in_one_process_ends_all(together: Pair) -> None:
    one, other = together(broken)
    assert one == ["the weights are no longer finite", "no space"]
    assert other == ["the weights are no longer finite", "the first process failed; it says why"]
