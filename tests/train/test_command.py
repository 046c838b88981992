"""`gancam train` as a command: one clear line for what would do something else than was meant."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from tests.helpers.training import GENERATOR
from train import __main__ as command
from train import evaluate, generation, recipe
from train.checkpoint import claimed


@pytest.fixture
def words(tmp_path: Path) -> list[str]:
    """A recipe, and pictures for it."""
    (tmp_path / "mine.toml").write_text(GENERATOR.format(iterations=1))
    np.save(tmp_path / "a.npy", np.random.default_rng(0).integers(0, 256, (20, 8, 8), np.uint8))
    return [str(tmp_path / "mine.toml"), "--data", str(tmp_path / "a.npy"), "--threads", "1"]


@pytest.mark.parametrize(
    ("more", "says"),
    [
        (["--live-to", "x.mp4"], "--live-to says where the live picture goes: give --live"),
        (["--style", "x.png"], "--style is for style; recipe 'mine' is unconditional"),
        (["--pool", "x"], "--pool is for distil or translation"),
        (["--pairs", "edges"], "--pairs is for translation"),
    ],
)
def test_options_without_a_use_are_named(
    more: list[str], says: str, words: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert command.main([*words, "--run", str(tmp_path / "run"), *more]) == 2
    assert says in capsys.readouterr().err
    assert not (tmp_path / "run").exists()


def test_a_run_that_is_a_file_or_trained_by_another_is_one_line(
    words: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "file").write_text("")
    assert command.main([*words, "--run", str(tmp_path / "file")]) == 2
    assert f"folder {tmp_path / 'file'} (it is a file): give another --run" in capsys.readouterr().err
    with claimed(tmp_path / "run"):
        assert command.main([*words, "--run", str(tmp_path / "run")]) == 2
    assert "another training writes into" in capsys.readouterr().err
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize("platform", [sys.platform, "win32"])
def test_a_run_is_held_by_one_and_given_back(platform: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "platform", platform)  # which has no lock of folders, so that a file in it is locked
    for _ in range(2):
        with claimed(tmp_path / "run"):
            for _ in range(2):
                with pytest.raises(OSError, match="another training writes into"), claimed(tmp_path / "run"):
                    pass
            assert (tmp_path / "run").is_dir()
        assert not (tmp_path / "run").exists()


def test_no_more_threads_than_the_machine_has(
    words: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    taken: list[int] = []
    monkeypatch.setattr(torch, "set_num_threads", taken.append)
    monkeypatch.setattr("os.cpu_count", lambda: 2)
    assert command.main([*words[:-1], "999", "--run", str(tmp_path / "none" / "run"), "--device", "nonsense"]) == 2
    assert evaluate.main(["run", "--images", str(tmp_path), "--threads", "1" + 30 * "0"]) == 2
    assert generation.main(["run", "--data", str(tmp_path), "--threads", "1" + 30 * "0"]) == 2
    assert taken == [2, 2, 2]
    assert "--threads 999: this machine has 2" in caplog.text


def test_recipes_are_listed_and_shown(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as end:
        command.main(["--list"])
    assert end.value.code == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines] == recipe.names()
    assert "as textbooks train it (28 pixels, 12,000 iterations of 128)" in next(x for x in lines if "mlp" in x)
    assert command.main(["mlp-mnist", "--show-recipe"]) == 0
    assert recipe.parse(capsys.readouterr().out, name="mlp-mnist") == recipe.load("mlp-mnist")
    assert command.main(["nothing", "--show-recipe"]) == 2


@pytest.mark.parametrize("device", ["meta", "nonsense", "", *["cuda"] * (not torch.cuda.is_available())])
def test_a_device_that_is_not_there_is_one_line_of_every_program(
    device: str, words: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert command.main([*words, "--run", str(tmp_path / "run"), "--device", device]) == 2
    assert evaluate.main(["run", "--images", str(tmp_path), "--device", device]) == 2
    assert generation.main(["run", "--data", str(tmp_path), "--device", device]) == 2
    said = [line for line in capsys.readouterr().err.splitlines() if line.startswith("gancam: --device ")]
    assert len(said) == 3
    assert all(line.endswith("; --device cpu always works") for line in said)


def test_wrong_words_of_the_other_programs_are_told_before_pytorch_is_loaded(tmp_path: Path) -> None:
    code = r"""
import sys
sys.modules["torch"] = None
from export import arguments
from train import judging
codes = [judging.main(words) for words in (["curves", "a"], ["evaluate", "a", "--images", "."])]
codes += [judging.main(["generation", "a", "--data", "b"])]
codes += [arguments.main(words) for words in (["a", "-o", "."], ["a.onnx", "-o", "b.onnx"])]
codes += [arguments.main(["a", "-o", ".", *words]) for words in (["--seeds", "x"], ["--towards", "a.onnx", "x"])]
sys.stderr.write(f"{codes}\n")
judging.main(["evaluate", "a"])
"""
    environment = os.environ | {"PYTHONPATH": str(Path(__file__).parents[2])}
    made = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, env=environment, capture_output=True, text=True, check=False
    )
    lines = made.stderr.splitlines()
    assert made.returncode == 2, made.stderr
    assert lines[:4] == ["gancam: no checkpoint a: train the recipe first"] * 4
    assert lines[4] == "gancam: -o b.onnx: names the folder for the files; --name gives the model's name"
    assert "--seeds 'x': whole numbers of 0 or more" in lines[5]
    assert "--towards: the share 'x' must be a number" in lines[6]
    assert lines[7] == str([2] * 7)
    assert lines[8].startswith("gancam: train evaluate: give --images, --video or both")


def test_wrong_words_are_told_before_pytorch_is_loaded(tmp_path: Path) -> None:
    """Loading it takes seconds: here it fails at once."""
    code = r"""
import sys
sys.modules["torch"] = None
from export.training import main
codes = [main(words) for words in (["nosuch"], ["sr-x2"], ["dcgan"], ["sr-x2", "--data", "nowhere.zip"])]
codes += [main(["sr-x2", "--data", ".", "--style", "a.png"]), main(["dcgan", "--show-recipe"])]
sys.stderr.write(f"{codes}\n")
main(["--list"])
"""
    environment = os.environ | {"PYTHONPATH": str(Path(__file__).parents[2])}
    made = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, env=environment, capture_output=True, text=True, check=False
    )
    lines = made.stderr.splitlines()
    assert made.returncode == 0, made.stderr
    assert "no recipe 'nosuch'" in lines[0]
    assert "what is recipe 'sr-x2' trained on" in lines[1]
    assert "what is recipe 'dcgan' trained on" in lines[2]
    assert lines[3] == "gancam: no file nowhere.zip"
    assert "--style is for style" in lines[4]
    assert lines[5] == "[2, 2, 2, 2, 2, 0]"
