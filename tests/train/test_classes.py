"""Generators by class: asked for in the latent, told to the discriminator, exported, and sampled with labels."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx
import pytest
import torch
from PIL import Image as Pillow

from export.__main__ import main
from gancam.errors import ModelError
from gancam.inference.variants import read_card
from gancam.latent.samples import generate, open_generator
from tests.helpers.command import gancam, here, refused
from tests.helpers.small import save, write_generator
from tests.helpers.training import go, same
from train import __main__ as command
from train import checkpoint, generation, networks, recipe, tasks
from train.data import Pictures
from train.networks.latent import LatentGenerator

pytestmark = pytest.mark.usefixtures("one_thread")

TEXT = """
task = "unconditional"
batch = 8
precision = "fp32"
clip = 0
[network]
family = "dcgan"
resolution = 8
channels = 4
latent = 9
classes = 3
colours = 1
[discriminator]
family = "dcgan"
side = "discriminator"
resolution = 8
channels = 4
colours = 1
classes = 3
norm = "none"
r1 = 0.5
lazy = 2
gradient_penalty = 0.1
[data]
resolution = 8
channels = 1
names = ["blue", "green", "red"]
[[phase]]
name = "adversarial"
iterations = {iterations}
losses = {{ adversarial = 1.0 }}
lr = {lr}
"""
LEVELS = {"blue": 20, "green": 120, "red": 230}


@pytest.fixture(scope="module")
def pile(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Twelve pictures of each of three classes, which differ in their grey."""
    folder = tmp_path_factory.mktemp("pile")
    rng = np.random.default_rng(0)
    for name, level in LEVELS.items():
        (folder / name).mkdir()
        for index in range(12):
            picture = np.full((8, 8), level, np.int64) + rng.integers(-15, 16, (8, 8))
            Pillow.fromarray(picture.clip(0, 255).astype(np.uint8)).save(folder / name / f"{index}.png")
    return folder


def test_the_largest_number_chooses_the_class() -> None:
    network = networks.build("dcgan", latent=9, classes=3, resolution=8, channels=4, colours=1).eval()
    assert isinstance(network, LatentGenerator)
    z = generation.latents(network, 6, seed=0, kinds=torch.arange(6) % 3)
    assert network.kinds(z).tolist() == [0, 1, 2, 0, 1, 2]
    w = network.mapping(z)
    assert torch.equal(w[:, :6], z[:, :6])
    assert w[:, 6:].sum(1).tolist() == [1.0] * 6
    assert torch.equal(network(z), network.synthesis(w[:, None]))
    with pytest.raises(ValueError, match="classes 9 must be under latent 9"):
        networks.build("dcgan", latent=9, classes=9, resolution=8)


def test_a_stopped_run_ends_as_one_that_was_not(pile: Path, tmp_path: Path) -> None:
    text = TEXT.format(iterations=6, lr=1e-3)
    go(text, pile, tmp_path / "whole")
    go(text, pile, tmp_path / "cut", stop_after=3)
    go(text, pile, tmp_path / "cut")
    assert same(checkpoint.load(tmp_path / "whole"), checkpoint.load(tmp_path / "cut"))


@pytest.mark.slow
def test_classes_are_learnt_exported_and_sampled_with_labels(pile: Path, tmp_path: Path) -> None:
    go(TEXT.format(iterations=250, lr=2e-3), pile, tmp_path / "run")
    assert main([str(tmp_path / "run"), "-o", str(tmp_path), "--name", "greys", "--precisions", "fp32"]) == 0
    model = open_generator(str(tmp_path / "greys.onnx"), device="cpu", precision="fp32", threads=1)
    assert model.card.classes == ("blue", "green", "red")
    means = [generate(model, range(20), kinds=[kind] * 20).mean() for kind in range(3)]
    assert means[0] < means[1] - 30 < means[2] - 60
    done = gancam("sample", tmp_path / "greys.onnx", "--to", tmp_path / "set", "--labels", "-n", "30")
    assert done.returncode == 0, done.stderr
    made = Pictures(tmp_path / "set", resolution=8, channels=1)
    assert made.classes == ("blue", "green", "red")
    assert np.bincount(made.labels).tolist() == [10, 10, 10]
    seeds = [seed for seed in range(30) if seed % 3 == 1]
    again = generate(model, seeds, kinds=[1] * 10)
    assert np.array_equal(again[..., :1], made.images[made.labels == 1])
    refused("sample", tmp_path / "greys.onnx", "--labels", tmp_path / "x.png", says="--labels needs --to")
    refused("sample", tmp_path / "greys.onnx", tmp_path / "x.png", "--class", "pink", says="has blue, green, red")
    refused("sample", "morph-fruits", tmp_path / "x.png", "--class", "pink", says="no classes")


NAMES = ("/outside", "../beside", "T-shirt/top", "T-shirt\\top", "t-shirt_TOP", "nul", "..", "bream, grilled")


def _with_classes(path: Path, names: tuple[str, ...]) -> Path:
    """An untrained generator of `NAMES`, whose card has these."""
    made = networks.build("dcgan", latent=12, classes=len(NAMES), resolution=8, channels=4, colours=1).eval()
    assert isinstance(made, LatentGenerator)
    write_generator(path.parent, made, path.stem)
    card = replace(read_card(path), classes=names)
    return save(onnx.load(path), path, card)


def test_names_of_classes_that_are_no_folders(tmp_path: Path) -> None:
    """Nothing is written outside the folder, every class has its own, and each name gives its class."""
    path = _with_classes(tmp_path / "kinds.onnx", (f"{tmp_path}/outside", *NAMES[1:]))
    safe = tmp_path / "safe"
    safe.mkdir()
    done = here("sample", path, "--to", safe / "set", "--labels", "-n", "16", "--device", "cpu")
    assert done.returncode == 0, done.stderr
    assert {file.name for file in tmp_path.iterdir()} == {"kinds.onnx", "safe"}
    assert [file.name for file in safe.iterdir()] == ["set"]
    files = list((safe / "set").rglob("*.png"))
    assert len(files) == 16
    folders = {file.parent for file in files}
    assert {folder.parent for folder in folders} == {safe / "set"}
    names = {folder.name for folder in folders}
    assert {"_beside", "T-shirt_top", "T-shirt_top-2", "t-shirt_TOP-3", "_nul", "_", "bream, grilled"} < names
    assert len(names) == 8


def test_a_card_with_another_number_of_classes_is_refused(tmp_path: Path) -> None:
    for names in (NAMES[:-1], (*NAMES, "more"), ("a", "b"), ("a",)):
        path = _with_classes(tmp_path / f"{len(names)}.onnx", names)
        with pytest.raises(ModelError, match=f"names {len(names)} classes .*has another number"):
            open_generator(str(path), device="cpu", precision="fp32", threads=1)
    path = _with_classes(tmp_path / "right.onnx", NAMES)
    assert open_generator(str(path), device="cpu", precision="fp32", threads=1).card.classes == NAMES


def test_data_without_the_classes_is_refused(pile: Path) -> None:
    def build(text: str, folder: Path) -> None:
        tasks.build(recipe.parse(text), folder, torch.device("cpu"))

    text = TEXT.format(iterations=1, lr=1e-3)
    with pytest.raises(ValueError, match="has 1 classes of pictures"):
        build(text, pile / "red")
    with pytest.raises(ValueError, match="not the recipe's"):
        build(text.replace('"blue"', '"azure"'), pile)
    with pytest.raises(ValueError, match="must have the same classes"):
        build(text.replace("classes = 3\nnorm", "norm"), pile)


def test_the_data_say_how_many_classes_there_are(
    pile: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Their number, their names and the room they take in the latent, unless the recipe has names."""
    path = tmp_path / "mine.toml"
    text = TEXT.format(iterations=1, lr=1e-3).replace('names = ["blue", "green", "red"]\n', "")
    path.write_text(text.replace("classes = 3", "classes = 10").replace("latent = 9", "latent = 16"))
    assert command.main([str(path), "--data", str(pile), "--run", str(tmp_path / "run"), "--threads", "1"]) == 0
    made = recipe.parse(checkpoint.load(tmp_path / "run")["recipe"])
    assert (made.network["classes"], made.network["latent"], made.discriminator["classes"]) == (3, 9, 3)
    assert made.data["names"] == ["blue", "green", "red"]
    for part in ("train", "val"):
        (tmp_path / "parts" / part).mkdir(parents=True)
        Pillow.new("RGB", (8, 8)).save(tmp_path / "parts" / part / "a.png")
    assert command.main([str(path), "--data", str(tmp_path / "parts"), "--run", str(tmp_path / "other")]) == 2
    assert f"no classes: give --data {tmp_path / 'parts' / 'train'}" in capsys.readouterr().err


def test_agreement_is_that_of_the_classifier() -> None:
    """Of pictures of MNIST's own kind it is nearly 1: here blank ones, which are no digit in particular."""
    blank = np.zeros((50, 28, 28, 1), np.uint8)
    share = [generation.agreement(blank, torch.full((50,), digit), torch.device("cpu")) for digit in range(10)]
    assert sum(share) == 1.0
