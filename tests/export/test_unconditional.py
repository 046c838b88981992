"""A generator's run, untrained and tiny, through the exporter's own command line."""

import re
from pathlib import Path

import numpy as np
import pytest
import torch
from onnx.helper import set_model_props
from onnxruntime import InferenceSession

from export import check, unconditional
from export.__main__ import main
from export.enlarged import EnlargedGenerator, enlarge
from export.restore import restore
from gancam.inference.card import ModelCard
from gancam.inference.catalog import find
from gancam.inference.half import to_fp16
from gancam.inference.model import Model
from tests.helpers.small import generator, write_generator
from tests.helpers.training import write_run
from train import generation, networks, recipe
from train.networks.latent import LatentGenerator
from train.networks.stylegan import StyledLayer

RECIPE = """
task = "unconditional"
[network]
family = "stylegan"
resolution = 16
channels = 8
most = 16
latent = 12
depth = 2
[[phase]]
name = "adversarial"
iterations = 1
losses = { adversarial = 1.0 }
"""


@pytest.fixture
def run(tmp_path: Path) -> Path:
    return write_run(tmp_path / "runs" / "tiny", RECIPE, generator())


def test_random_detail_can_be_left_out(run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    made = generator()
    for layer in made.modules():
        if isinstance(layer, StyledLayer):
            layer.strength.data.fill_(0.7)
    run = write_run(tmp_path / "noisy", RECIPE, made)
    shown = {}
    for noise in ("1", "0.5", "0"):
        assert (
            main([str(run), "-o", str(tmp_path / noise), "--name", "a", "--noise", noise, "--precisions", "fp32"]) == 0
        )
        model = Model(tmp_path / noise / "a.onnx", device="cpu")
        shown[noise] = model(generation.latents(made, 4, seed=1).numpy())[0].astype(float)
    apart = {noise: float(np.abs(image - shown["0"]).mean()) for noise, image in shown.items()}
    assert 0 < apart["0.5"] < apart["1"]
    for layer in made.modules():
        if isinstance(layer, StyledLayer):
            layer.strength.data.zero_()
    plain = generation.sample(made.eval(), generation.latents(made, 4, seed=1))
    assert np.abs(shown["0"][..., ::-1] - plain).max() <= 1
    for noise in ("1.5", "-1", "nan"):
        assert main([str(run), "-o", str(tmp_path / "out"), "--noise", noise]) == 2
        assert "needs a share from 0" in capsys.readouterr().err


@pytest.mark.parametrize(("channels", "most", "latent"), [(1, 4, 3), (4, 4, 4), (8, 16, 12)])
def test_a_narrow_stylegan_is_read_back(tmp_path: Path, channels: int, most: int, latent: int) -> None:
    text = RECIPE
    for name, value in {"channels": channels, "most": most, "latent": latent}.items():
        text = re.sub(rf"(?m)^{name} = \d+", f"{name} = {value}", text)
    plan = recipe.parse(text, name="narrow")
    torch.manual_seed(0)
    made = networks.build(**plan.network).eval()
    assert isinstance(made, LatentGenerator)
    with torch.no_grad():
        for part in made.modules():
            if isinstance(part, StyledLayer):
                part.strength.fill_(0.2)
                part.bias.normal_()
        made.centre.normal_()
    back, _, _ = restore(write_generator(tmp_path, made), plan)
    assert isinstance(back, LatentGenerator)
    assert torch.allclose(back.centre, made.centre)
    z = generation.latents(made, 4, seed=0)
    apart = np.abs(generation.sample(back, z).astype(int) - generation.sample(made, z))
    assert apart.max() <= 1


def test_writes_two_variants_with_figures(run: Path, tmp_path: Path) -> None:
    out = tmp_path / "models"
    out.mkdir()
    options = [
        "--name",
        "morph-noise",
        "--licence",
        "CC0",
        "--trained-on",
        "noise",
        "--summary",
        "a test",
        "--seeds",
        "3/17",
        "--precisions",
        "fp32,fp16",
    ]
    assert main([str(run), "-o", str(out), *options]) == 0
    assert sorted(path.name for path in out.iterdir()) == ["morph-noise.fp16.onnx", "morph-noise.onnx"]
    for precision in ("fp32", "fp16"):
        card = Model(out / "morph-noise.onnx", device="cpu", precision=precision).card
        assert (card.name, card.effect, card.layout, card.precision) == ("morph-noise", "morph", "latent", precision)
        assert (card.latent, card.layers, card.resolution, card.seeds) == (12, 5, 16, (3, 17))
        assert (card.licence, card.data, card.summary, card.recipe) == ("CC0", "noise", "a test", "tiny")
        assert card.parameters == sum(parameter.numel() for parameter in generator().parameters())
        assert card.parity["psnr"] >= check.TOLERANCE[precision]


def test_a_precision_that_generators_do_not_have(run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([str(run), "-o", str(tmp_path), "--precisions", "fp32,int8"]) == 2
    assert "int8" in capsys.readouterr().err
    assert not list(tmp_path.glob("*.onnx"))


def test_a_family_without_an_exporter_is_named(tmp_path: Path, run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    text = '[network]\nfamily = "residual"\nresolution = 16\nchannels = 8\nmost = 8\n'
    other = RECIPE[: RECIPE.index("[network]")] + text + RECIPE[RECIPE.index("[[phase]]") :]
    network = networks.build(family="residual", resolution=16, channels=8, most=8)
    write_run(run, other, network)
    assert main([str(run), "-o", str(tmp_path)]) == 2
    assert "residual" in capsys.readouterr().err


def test_figures_name_the_network_that_looked(tmp_path: Path) -> None:
    network = networks.build(family="mlp", latent=12).eval()
    text = 'family = "mlp"\nlatent = 12\n[data]\nresolution = 28\nchannels = 1\n'
    made = recipe.parse(RECIPE[: RECIPE.index("family")] + text + RECIPE[RECIPE.index("[[phase]]") :], name="tiny")
    pictures = np.random.default_rng(0).integers(0, 256, (64, 28, 28), dtype=np.uint8)
    np.savez(tmp_path / "digits.npz", x_train=pictures, y_train=np.zeros(64, np.uint8))
    plan = unconditional.plan(network, made, None, [tmp_path / "digits.npz"], samples=50)
    figures = plan.judged(None)
    assert "frechet_digit classifier, 28 pixels, 50 samples" in figures
    assert not any(name.startswith("kl") for name in figures)  # noise is no digits


def test_weights_of_another_recipe(run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_run(run, RECIPE.replace("latent = 12", "latent = 13"), generator())
    assert main([str(run), "-o", str(tmp_path)]) == 2
    said = capsys.readouterr().err
    assert "weights are not those of recipe 'tiny'" in said
    assert said.count("\n") == 1


@pytest.mark.parametrize(("name", "kind"), [("morph-flowers", EnlargedGenerator), ("morph-fruits", EnlargedGenerator)])
def test_a_generator_comes_back_from_its_file(name: str, kind: type[LatentGenerator]) -> None:
    made, _, card = restore(find(name))
    assert isinstance(made, kind)
    z = generation.latents(made, 4, seed=3)
    pictures = Model(find(name), device="cpu", precision="fp32")(z.numpy())[0][..., ::-1]
    assert np.abs(pictures.astype(int) - generation.sample(made, z)).max() <= 1
    assert sum(one.numel() for one in made.parameters()) == card.parameters


def enlarged(*scales: int) -> EnlargedGenerator:
    small = networks.build("stylegan", resolution=16, channels=8, most=16, latent=12, depth=2)
    larger = [networks.build("sr", scale=one, channels=8, depth=2, expansion=0, dilations=[2, 1]) for one in scales]
    return enlarge(small, larger, recipe.parse(RECIPE, name="small"))[0]


@pytest.mark.parametrize(("scales", "resolution"), [((2,), 32), ((3, 2), 96)])
def test_a_generator_and_what_enlarges_it_are_one_graph(scales: tuple[int, ...], resolution: int) -> None:
    network = enlarged(*scales)
    assert network.resolution == resolution
    ws = generation.latents(network, 3, seed=1)[:, None].repeat(1, network.layers, 1)
    true = network.synthesis(ws).detach().clamp(0, 1).mul(255).round().permute(0, 2, 3, 1).numpy()[..., ::-1]
    graph = unconditional.deployed(network)
    set_model_props(graph, ModelCard(name="tiny", effect="morph").to_metadata())
    data = graph.SerializeToString()
    for given, most in ((data, 1), (to_fp16(data), 4)):
        session = InferenceSession(given)
        none = np.zeros((0, 12), np.float32)
        (found,) = session.run(["image"], {"z": none, "ws": ws.numpy()})
        assert np.abs(np.asarray(found).astype(int) - true).max() <= most


def test_only_a_stylegan_is_enlarged_and_by_super_resolution_alone() -> None:
    small = generator()
    made = recipe.parse(RECIPE, name="small")
    larger = networks.build("sr", scale=2, channels=8, depth=1)
    with pytest.raises(ValueError, match="only the pictures of a stylegan can be enlarged"):
        enlarge(networks.build("dcgan", resolution=16, channels=8, latent=12), [larger], made)
    with pytest.raises(ValueError, match="--enlarger: must be a run of plain super-resolution"):
        enlarge(small, [networks.build("dcgan", resolution=16, channels=8, latent=12)], made)
    with pytest.raises(ValueError, match="--enlarger: must be a run of plain super-resolution"):
        enlarge(small, [networks.build("sr", scale=2, channels=8, depth=1, unshuffle=2)], made)
