"""The folder of a training run as a model."""

import os
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
    (run / runs.CHECKPOINT).touch()
    os.utime(run / runs.CHECKPOINT, (0, 0))
    made = write_models(run / runs.FOLDER, network(), "run")
    assert runs.exported(run) == made
    made.write_bytes(made.read_bytes()[:-100])
    with pytest.raises(MissingExtra):
        runs.exported(run)
