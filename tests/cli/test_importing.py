"""`gancam import` as a user runs it, from a foreign file to a picture."""

import json
from pathlib import Path

import cv2
import numpy as np
import pytest

from tests.helpers.command import gancam, refused
from tests.helpers.foreign import Case, write_case
from tests.helpers.small import still


@pytest.fixture
def own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("GANCAM_MODELS", str(tmp_path / "own"))
    return tmp_path / "own"


def test_import_plays_under_its_name(tmp_path: Path, own: Path) -> None:
    source = write_case(Case(scale=2, range="-1..1", order="bgr"), tmp_path / "net.onnx")
    found = gancam("import", source, "--name", "my-sr", "--sidecar")
    assert found.returncode == 0, found.stderr
    assert found.stdout.startswith("my-sr: super_resolution x2, RGB -1..1 float32 NCHW, any size\n")
    assert "licence unknown" in found.stdout
    assert sorted(path.name for path in own.iterdir()) == ["my-sr.onnx", "my-sr.png"]
    assert 'range = "-1..1"' in source.with_suffix(".toml").read_text()
    cv2.imwrite(str(tmp_path / "a.png"), still("sign")[:50, :70])
    made = gancam("process", tmp_path / "a.png", tmp_path / "b.png", "-e", "my-sr")
    assert made.returncode == 0, made.stderr
    assert "licence unknown" in made.stderr
    big = cv2.imread(str(tmp_path / "b.png"))
    assert big is not None
    assert np.asarray(big).shape == (100, 140, 3)
    entries = {entry["name"]: entry for entry in json.loads(gancam("models", "--json").stdout)}
    assert (entries["my-sr"]["own"], entries["sr-x2"]["own"]) == (True, False)
    refused("import", str(source), "--name", "my-sr", says="give another name (--name), or --overwrite")


def test_import_refuses(tmp_path: Path, own: Path) -> None:
    source = write_case(Case(), tmp_path / "net.onnx")
    refused("import", str(source), "--name", "sr-x2", says="name 'sr-x2' is that of a bundled model")
    refused("import", str(source), "--name", "a b", says="must be of letters")
    refused("import", str(source), "--range", "0..2", says="range '0..2' must be one of 0..1")
    refused("import", str(tmp_path / "none.onnx"), says="no model file")
    (tmp_path / "text.onnx").write_text("hello")
    refused("import", str(tmp_path / "text.onnx"), says="damaged or no ONNX model")
    assert not list(own.glob("*.onnx"))
