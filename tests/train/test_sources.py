"""A run that goes on says what of all that it learns from is not what it was."""

import shutil
import zipfile
from pathlib import Path

import pytest

from tests.helpers.training import go, restorer
from train import checkpoint, recipe, sources

pytestmark = pytest.mark.usefixtures("one_thread")


def test_every_path_of_a_recipe_is_measured(photos: Path, tmp_path: Path) -> None:
    (tmp_path / "a.param").write_bytes(b"1234")
    (tmp_path / "a.bin").write_bytes(b"123456")
    with zipfile.ZipFile(tmp_path / "b.zip", "w") as file:
        file.write(photos / "0.png", "Apple/0.png")
    for index in range(2):
        (tmp_path / f"shard-{index}.tar").write_bytes(bytes(10))
    given: dict[str, str | int] = {
        "teacher": str(tmp_path / "a.param"),
        "frames": str(photos),
        "style": str(tmp_path / "b.zip" / "Apple"),
        "b": str(tmp_path / "shard-*.tar"),
        "patch": 16,
    }
    (tmp_path / "plan.toml").write_text(restorer())
    plan = recipe.load(str(tmp_path / "plan.toml"), {"data": given})
    assert sources.sizes(plan, photos / "0.png") == {
        "data": {"files": 1, "bytes": (photos / "0.png").stat().st_size},
        "teacher": {"files": 2, "bytes": 10},
        "frames": {"files": 4, "bytes": sum(path.stat().st_size for path in photos.iterdir())},
        "style": {"files": 1, "bytes": (tmp_path / "b.zip").stat().st_size},
        "b": {"files": 2, "bytes": 20},
    }


def test_what_is_compared() -> None:
    was, now = {"files": 4, "bytes": 40}, {"files": 3, "bytes": 30}
    assert sources.changes({"data": was, "b": was}, {"data": was, "b": now}) == [
        "--b: 4 files of 40 bytes then, 3 of 30 now"
    ]
    assert sources.changes({"data": was}, {"data": was, "b": now}) == []  # not known of --b
    assert sources.changes(was, {"data": now}) == ["--data: 4 files of 40 bytes then, 3 of 30 now"]  # of an older run
    assert sources.changes({"data": was}, {"data": {}}) == ["--data: 4 files of 40 bytes then, 0 of 0 now"]
    assert sources.changes({}, {"data": now}) == []


CYCLE = """
task = "cyclegan"
batch = 2
precision = "fp32"
[network]
family = "translator"
widths = [4, 8]
depth = 1
[discriminator]
family = "discriminators"
kind = "patch"
channels = 4
[data]
resolution = 16
b = {b}
[[phase]]
name = "one"
iterations = 9
losses = {{ adversarial = 1.0, cycle = 1.0 }}
"""


def test_a_run_that_goes_on_says_what_has_changed(
    photos: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    data = Path(shutil.copytree(photos, tmp_path / "data"))
    text = restorer(iterations=9)
    for end in (1, 2):
        go(text, data, tmp_path / "run", stop_after=end)
    assert "not exactly" not in caplog.text
    (data / "0.png").unlink()
    go(text, data, tmp_path / "run", stop_after=3)
    assert "what this run learns from is not what it was (--data: 4 files of " in caplog.text
    caplog.clear()
    go(text, data, tmp_path / "run", stop_after=4)
    assert "not exactly" not in caplog.text


@pytest.mark.slow
def test_the_second_pile_is_watched_as_the_first(
    photos: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    pile = Path(shutil.copytree(photos, tmp_path / "b"))
    text = CYCLE.format(b=repr(str(pile)))
    go(text, photos, tmp_path / "run", stop_after=1)
    (pile / "0.png").unlink()
    go(text, photos, tmp_path / "run", stop_after=2)
    assert "what this run learns from is not what it was (--b: 4 files of " in caplog.text
    assert "--data" not in caplog.text
    assert checkpoint.load(tmp_path / "run")["data"]["b"]["files"] == 3
