"""A live picture of what is being trained: written, played and renewed beside the training."""

import io
import time
from pathlib import Path

import numpy as np
import pytest
import torch

from export.live import FILE, LivePicture
from export.plan import exporter
from export.preview import write
from gancam.latent.samples import open_generator
from tests.helpers.clips import make_clip, planes_of
from tests.helpers.training import GENERATOR, restorer
from train import networks, recipe
from train.console import Console

TINY = GENERATOR.format(iterations=2)
PLAN = recipe.parse(TINY, name="tiny")
OTHER = """
task = "{task}"
[network]
{network}
[[phase]]
name = "l1"
iterations = 1
losses = {{ l1 = 1.0 }}
"""
STYLED = OTHER.format(task="translation", network='family = "translator"\nwidths = [4, 8]\ndepth = 1')
INPAINTING = OTHER.format(task="inpainting", network='family = "inpaint"\nwidths = [8, 8, 16, 16]\ndepth = 2')


def generator(seed: int) -> torch.nn.Module:
    torch.manual_seed(seed)
    return networks.build(**PLAN.network).eval()


def test_the_file_is_the_average(tmp_path: Path) -> None:
    network = generator(1)
    assert write(PLAN, network.state_dict(), tmp_path / "live.onnx") == "morph"
    z = np.random.default_rng(0).standard_normal((3, 6), np.float32)
    model = open_generator(str(tmp_path / "live.onnx"), device="cpu", precision="fp32", threads=1)
    made = model(z)[0]
    with torch.no_grad():
        true = (network(torch.from_numpy(z)) * 255).round().byte().permute(0, 2, 3, 1).numpy()
    assert np.abs(made.astype(int) - true).max() <= 1
    assert [path.name for path in tmp_path.iterdir()] == ["live.onnx"]


@pytest.mark.parametrize("text", [TINY, restorer(), STYLED, INPAINTING])
def test_nothing_is_drawn_or_read_to_be_compared_with(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str
) -> None:
    monkeypatch.setattr("export.plan.SAMPLES", tmp_path / "none")
    made, calls = recipe.parse(text, name="tiny"), []
    network = networks.build(**made.network).eval()
    network.register_forward_hook(lambda *_: calls.append(1))
    card = exporter(made).plan(network, made, None, []).card
    assert not calls
    assert card.resolution == made.network.get("resolution", 0)
    assert write(made, network.state_dict(), tmp_path / "live.onnx") == card.effect


@pytest.mark.slow
def test_it_plays_what_is_learnt(tmp_path: Path) -> None:
    out, said = tmp_path / "out.mkv", io.StringIO()
    watcher = LivePicture(PLAN, tmp_path, "test", [str(out)], Console(said, terminal=False))
    watcher.weights(1, generator(1))
    deadline = time.monotonic() + 120
    while not out.exists():  # which it does from half a second of pictures on
        assert time.monotonic() < deadline
        time.sleep(0.1)
    watcher.step()
    watcher.weights(2, generator(2))
    time.sleep(1.5)
    watcher.close()
    lines = said.getvalue().splitlines()
    assert len(lines) <= 1  # none where a busy machine did not play the second in time
    assert all("loaded anew 1 time, its picture" in line for line in lines)
    assert len(planes_of(out)) > 1


@pytest.mark.slow
def test_a_picture_that_fails_is_told_from_one_that_was_closed(tmp_path: Path) -> None:
    said, source = io.StringIO(), make_clip(tmp_path / "in.mp4")
    watcher = LivePicture(PLAN, tmp_path, str(source), [str(tmp_path / "out.mkv")], Console(said, terminal=False))
    source.unlink()
    watcher.weights(1, generator(1))
    deadline = time.monotonic() + 120
    while not said.getvalue():
        assert time.monotonic() < deadline
        time.sleep(0.1)
        watcher.step()
    assert "--live: the live picture failed; training goes on" in said.getvalue()
    watcher.close()


def test_what_cannot_be_exported_is_told_once_and_training_goes_on(tmp_path: Path) -> None:
    said = io.StringIO()
    watcher = LivePicture(PLAN, tmp_path, "test", [], Console(said, terminal=False))
    for iteration in (1, 2):
        watcher.weights(iteration, torch.nn.Linear(2, 2))
    assert said.getvalue().count("cannot be exported, training goes on") == 1
    assert not (tmp_path / FILE).exists()
    watcher.close()


@pytest.mark.parametrize(
    ("source", "outputs", "says"),
    [
        ("nofile.mp4", [], "--live: nofile.mp4: no such file"),
        ("text.mp4", [], "--live: .*text.mp4"),
        ("test", ["out.xyz"], "--live: out.xyz: no such output"),
    ],
)
def test_what_cannot_be_played_is_refused_before_training(
    source: str, outputs: list[str], says: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parents[2]))
    (tmp_path / "text.mp4").write_text("no video")
    with pytest.raises(ValueError, match=says) as error:
        LivePicture(PLAN, tmp_path, source, outputs, Console(io.StringIO()))
    assert "Traceback" not in str(error.value)


def test_a_task_without_an_exporter_is_refused_before_training(tmp_path: Path) -> None:
    plan = recipe.parse(TINY.replace('task = "unconditional"', 'task = "classification"'), name="tiny")
    with pytest.raises(ValueError, match="no exporter for the task 'classification'"):
        LivePicture(plan, tmp_path, "test", [], Console(io.StringIO()))
