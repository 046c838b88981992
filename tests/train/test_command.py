"""`gancam train` as a command: one clear line for what would do something else than was meant."""

from pathlib import Path

import numpy as np
import pytest
import torch

from tests.helpers.training import GENERATOR
from train import __main__ as command
from train import recipe
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


def test_no_more_threads_than_the_machine_has(
    words: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    taken: list[int] = []
    monkeypatch.setattr(torch, "set_num_threads", taken.append)
    monkeypatch.setattr("os.cpu_count", lambda: 2)
    assert command.main([*words[:-1], "999", "--run", str(tmp_path / "none" / "run"), "--style", "x"]) == 2
    assert taken == [2]
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
