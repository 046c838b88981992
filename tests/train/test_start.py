"""What is wrong with a training is told before it leaves anything behind."""

from pathlib import Path

import pytest
import torch

from export.__main__ import main as export
from tests.helpers.training import restorer
from train import checkpoint
from train.__main__ import main


@pytest.fixture
def recipe(tmp_path: Path) -> Path:
    (tmp_path / "tiny.toml").write_text(restorer(patch=8))
    return tmp_path / "tiny.toml"


@pytest.mark.parametrize(
    ("options", "says"),
    [
        (["--data", "none"], "none"),
        (["--data", ".", "--device", "cuda:99"], "--device cuda:99: PyTorch cannot use it"),
        (["--data", ".", "--device", "board"], "--device board: PyTorch cannot use it"),
    ],
)
def test_a_start_that_fails_is_one_line_and_leaves_no_folder(
    recipe: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, options: list[str], says: str
) -> None:
    monkeypatch.chdir(recipe.parent)
    assert main([str(recipe), *options, "--run", "made/run"]) == 2
    said = capsys.readouterr().err
    assert says in said
    assert said.count("\n") == 1
    assert not (recipe.parent / "made").exists()


def test_a_first_checkpoint_that_cannot_be_written_speaks_of_no_other(tmp_path: Path) -> None:
    with pytest.raises(OSError, match="cannot write") as found:
        checkpoint.save(tmp_path / "gone", {"x": torch.zeros(1)})
    assert "untouched" not in str(found.value)


@pytest.mark.parametrize("name", ["model.onnx", "file"])
def test_an_export_is_given_a_folder(tmp_path: Path, capsys: pytest.CaptureFixture[str], name: str) -> None:
    (tmp_path / "file").write_text("mine")
    assert export([str(tmp_path), "-o", str(tmp_path / name)]) == 2
    assert "names the folder" in capsys.readouterr().err


def test_an_export_that_fails_makes_no_folder(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert export([str(tmp_path), "-o", str(tmp_path / "a" / "b")]) == 2
    assert "no checkpoint" in capsys.readouterr().err
    assert not (tmp_path / "a").exists()
