"""The lists of models: in the terminal, in the studio's menu and on its page."""

import json
from pathlib import Path

import pytest

from gancam.inference.catalog import menu
from gancam.tools.models import Unusable, each
from tests.helpers.command import here
from tests.helpers.studio import studio


@pytest.fixture
def damaged(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Make a folder of the user's models in which one is none."""
    folder = tmp_path / "models of mine"
    folder.mkdir()
    (folder / "mine.onnx").write_bytes(bytes(range(200)))
    monkeypatch.setenv("GANCAM_MODELS", str(folder))
    return folder


def test_one_that_is_damaged_hides_no_other(damaged: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    listed = here("models", "--json")
    assert listed.returncode == 0
    entries = {entry["name"]: entry for entry in json.loads(listed.stdout)}
    assert {*menu(), "mine"} == set(entries)
    assert entries["mine"]["error"] == f"{damaged / 'mine.onnx'} is damaged or no ONNX model"
    assert set(entries["sr-x2"]) <= set(entries["mine"])
    assert "error" not in entries["sr-x2"]
    for width in ("160", "100"):
        monkeypatch.setenv("COLUMNS", width)
        table = " ".join(here("models").stdout.split())
        assert "mine (own)" in table
        assert "is damaged or no ONNX model" in table
        assert "sr-x2-gan" in table


def test_the_studio_lists_the_others_and_says_why_without_a_path(damaged: Path, tmp_path: Path) -> None:
    with studio(tmp_path / "kept") as client:
        found = {model["name"]: model for model in client.get("/api/catalogue").json()["models"]}
        assert found["mine"]["error"] == "mine.onnx is damaged or no ONNX model"
        assert set(found) == {*menu(), "mine"}
        assert {model["name"] for model in client.get("/api/models").json()["models"]} == set(menu())
        refused = client.post("/api/effects", json={"model": "mine"})
        assert refused.status_code == 400
        assert str(damaged) not in refused.json()["error"]


def test_only_what_is_told_on_purpose_is_tolerated() -> None:
    with pytest.raises(ZeroDivisionError):
        each(["one"], lambda name: 1 / (len(name) - 3))
    assert each([], str) == []
    assert Unusable("x", "broken").to_json()["error"] == "broken"
