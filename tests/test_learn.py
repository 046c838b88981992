"""The tutorials of docs/learn: each script runs as its page says, a few iterations long, and each page is short."""

import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import torch
from PIL import Image as Pillow

from tests.helpers.small import STILLS
from train import recipe, tasks

ROOT = Path(__file__).parents[1]
LEARN = ROOT / "docs" / "learn"
SHORT = ["--stop-after", "2", "--threads", "1", "--precision", "fp32", "--device", "cpu"]
PAGES = sorted(path for path in LEARN.glob("*.md") if path.stem != "index")


def play(folder: Path, script: str, *words: object, options: list[str] = SHORT) -> str:
    command = [sys.executable, "-W", "ignore", str(LEARN / script), *map(str, words), *options]
    environment = os.environ | {"PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
    done = subprocess.run(
        command, cwd=folder, env=environment, capture_output=True, text=True, timeout=600, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def digits(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Something like MNIST: 200 pictures of ten classes."""
    path, rng = tmp_path_factory.mktemp("digits") / "mnist.npz", np.random.default_rng(0)
    x, y = rng.integers(0, 256, (200, 28, 28), np.uint8), (np.arange(200) % 10).astype(np.uint8)
    np.savez(path, x_train=x, y_train=y, x_test=x[:50], y_test=y[:50])
    return path


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two photos, just large enough."""
    folder = tmp_path_factory.mktemp("photos")
    for name in ("otters", "sign"):
        with Pillow.open(STILLS / f"{name}.webp") as file:
            file.resize((288, 264)).save(folder / f"{name}.png")
    return folder


@pytest.mark.slow
def test_the_first_gan(tmp_path: Path, digits: Path) -> None:
    play(tmp_path, "mlp.py", digits, "walk.mp4")
    assert (tmp_path / "walk.mp4").stat().st_size > 0
    assert (tmp_path / "runs" / "mlp" / "curves.png").is_file()


@pytest.mark.slow
def test_a_convolutional_gan_on_mnist(tmp_path: Path, digits: Path) -> None:
    assert "64 digits" in play(tmp_path, "mnist.py", digits, "digits.png")
    picture = cv2.imread(str(tmp_path / "digits.png"))
    assert picture is not None
    assert picture.shape == (3 * 8 * 28, 3 * 8 * 28, 3)


@pytest.mark.slow
def test_colour_pictures_by_class(tmp_path: Path) -> None:
    names = ["airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck"]
    for index, name in enumerate(names * 4):
        (tmp_path / "cifar" / name).mkdir(parents=True, exist_ok=True)
        picture = np.random.default_rng(index).integers(0, 256, (32, 32, 3), np.uint8)
        Pillow.fromarray(picture).save(tmp_path / "cifar" / name / f"{index}.png")
    play(tmp_path, "cifar10.py", "cifar", "made")
    assert {path.name: len(list(path.iterdir())) for path in (tmp_path / "made").iterdir()} == dict.fromkeys(names, 10)
    assert (tmp_path / "horses.png").is_file()


@pytest.mark.slow
def test_each_practice(tmp_path: Path, digits: Path) -> None:
    """Two of them are trained; that every recipe is one is tried without training."""
    said = play(tmp_path, "practices.py", digits, "--only", "none,spectral")
    assert said.count("stopped before it was judged") == len(said.splitlines()) == 2
    code = (LEARN / "practices.py").read_text(encoding="utf-8").partition("parser = ")[0]
    made: dict[str, Any] = {}
    exec(compile(code, "practices.py", "exec"), made)
    for name, switches in made["PRACTICES"].items():
        values = {"clip": 0, "decay": 0.0, "norm": "none", "switch": "", "lr": 2e-4} | switches
        plan = recipe.parse(made["BASE"].format(**values), name=name)
        tasks.build(plan, digits, torch.device("cpu"))


@pytest.mark.slow
def test_super_resolution_of_faces(tmp_path: Path, photos: Path) -> None:
    play(tmp_path, "faces.py", photos, photos, photos / "otters.png")
    assert (tmp_path / "faces.png").is_file()


@pytest.mark.slow
def test_a_style_over_a_camera(tmp_path: Path, photos: Path) -> None:
    play(tmp_path, "style.py", photos, ROOT / "samples" / "styles" / "mosaic.webp", "out.mp4")
    assert (tmp_path / "out.mp4").stat().st_size > 0


@pytest.mark.slow
def test_holes(tmp_path: Path, photos: Path) -> None:
    play(tmp_path, "inpainting.py", photos, photos / "otters.png")
    before, after = cv2.imread(str(photos / "otters.png")), cv2.imread(str(tmp_path / "filled.png"))
    assert before is not None
    assert after is not None
    changed = (before != after).any(2)
    assert changed[45:65, 45:95].mean() > 0.5
    assert not changed[:35].any()


@pytest.mark.slow
def test_morphs(tmp_path: Path, photos: Path) -> None:
    play(tmp_path, "morphs.py", photos, "walk.mp4")
    assert (tmp_path / "walk.mp4").stat().st_size > 0


@pytest.mark.slow
def test_a_generator_as_a_source_of_data(tmp_path: Path, digits: Path) -> None:
    play(tmp_path, "augment.py", digits, "--few", "2", "--write", "few.npz", options=[])
    words = ["train", "cgan-mnist", "--data", "few.npz", "--run", "run", *SHORT]
    command = [sys.executable, "-W", "ignore", "-m", "gancam", *words]
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    subprocess.run(command, cwd=tmp_path, env=environment, check=True, capture_output=True)
    small = ["--few", "2", "--samples", "40", "--steps", "3", "--repeats", "1"]
    assert play(tmp_path, "augment.py", digits, "run", options=small).count(" % +- ") == 4


def test_pages_are_short_and_name_their_script_and_its_picture() -> None:
    assert {path.stem for path in PAGES} >= {path.stem for path in LEARN.glob("*.py")}
    for page in PAGES:
        text = page.read_text(encoding="utf-8")
        assert len(text.splitlines()) <= 80, page
        for name in re.findall(r"\b(\w+\.py)\b", text):
            assert (LEARN / name).is_file() or (ROOT / "benchmarks" / name).is_file(), (page, name)
        for picture in re.findall(r"!\[[^\]]*\]\(([^)]+)\)", text):
            assert (page.parent / picture).is_file(), (page, picture)
