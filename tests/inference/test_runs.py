"""Checkpoints of a training run as models."""

import os
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

from gancam.errors import MissingExtra
from gancam.inference import runs
from tests.helpers.small import network, write_models


def test_a_run_is_exported_anew_where_a_crash_left_a_part(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def asked(module: str, arguments: Sequence[str]) -> tuple[list[str], dict[str, str]]:
        raise MissingExtra(f"{module} is not installed")

    monkeypatch.setattr(runs, "command", asked)
    run = tmp_path / "run"
    (run / runs.FOLDER).mkdir(parents=True)
    for name, file in {runs.CHECKPOINT: "run", "checkpoint-0002000.pt": "run-0002000"}.items():
        checkpoint = run / name
        checkpoint.touch()
        os.utime(checkpoint, (0, 0))
        made = write_models(run / runs.FOLDER, network(), file)
        assert runs.exported(checkpoint) == made
        made.write_bytes(made.read_bytes()[:-100])
        with pytest.raises(MissingExtra):
            runs.exported(checkpoint)


def test_a_checkpoint_that_is_saved_while_the_one_before_is_exported_is_exported_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = write_models(tmp_path, network(), "made")
    run = tmp_path / "run"
    run.mkdir()
    checkpoint = run / runs.CHECKPOINT
    checkpoint.write_text("first")
    os.utime(checkpoint, (1e9, 1e9))
    exports = []

    def command(module: str, arguments: Sequence[str]) -> tuple[list[str], dict[str, str]]:
        exports.append(checkpoint.read_text())
        checkpoint.write_text("second")  # as training does meanwhile
        os.utime(checkpoint, (1e9 + 60, 1e9 + 60))
        code = f"import shutil, sys; shutil.copyfile({str(made)!r}, sys.argv[2])"
        return [sys.executable, "-I", "-S", "-c", code, *arguments], dict(os.environ)

    monkeypatch.setattr(runs, "command", command)
    for _ in range(3):
        runs.exported(checkpoint)
    assert exports == ["first", "second"]


def test_the_folder_of_a_run_and_its_checkpoints_are_known(tmp_path: Path) -> None:
    newest, kept, foreign = (tmp_path / name for name in ("checkpoint.pt", "checkpoint-0002000.pt", "other.pt"))
    for file in (newest, kept, foreign):
        assert runs.checkpoint_of(file) is None
        file.touch()
    assert runs.checkpoint_of(tmp_path) == newest
    assert runs.checkpoint_of(kept) == kept
    assert runs.checkpoint_of(foreign) is None
    assert runs.checkpoint_of(newest) is None  # other programs' files have this name, too
    (tmp_path / "tensorboard").mkdir()
    assert runs.checkpoint_of(newest) == newest


def test_a_checkpoint_that_is_saved_during_the_export_is_exported_next_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    checkpoint, sample = tmp_path / runs.CHECKPOINT, write_models(tmp_path, network(), "sample")
    checkpoint.write_text("old")
    os.utime(checkpoint, (1e9, 1e9))
    script = (
        "import shutil, sys; open(sys.argv[2] + '.calls', 'a').write('x'); open(sys.argv[1], 'w').write('new');"
        f"shutil.copyfile({str(sample)!r}, sys.argv[2])"
    )
    monkeypatch.setattr(runs, "command", lambda module, words: ([sys.executable, "-c", script, *words], {}))
    made = runs.exported(checkpoint)
    os.utime(checkpoint, (1.1e9, 1.1e9))
    for _ in range(2):  # the second time of an export that nothing came between
        runs.exported(checkpoint)
        os.utime(checkpoint, (1.1e9, 1.1e9))
    assert made.with_name(f"{made.name}.calls").read_text() == "xx"
