from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import onnx
import onnxruntime
import pytest
import torch
from onnx import TensorProto
from torch import nn

from export import cells, check, colorization, translation, translation_int8
from export.__main__ import main
from export.restore import restore
from gancam.errors import InputError, ModelError
from gancam.inference.card import ModelCard
from gancam.inference.catalog import find
from gancam.inference.model import ImageModel, Model
from gancam.inference.variants import read_card
from tests.helpers.small import crops, save, still, translator_network, write_translator
from train import checkpoint, evaluate, recipe
from train.networks import colorizer
from train.networks.translator import Translator

RECIPE = """
task = "style"
[network]
family = "translator"
widths = [16, 24]
depth = 1
[[phase]]
name = "style"
iterations = 1
losses = { content = 1.0 }
"""


def parity(model: Model, made: nn.Module, name: str) -> float:
    image = np.ascontiguousarray(still(name)[:96, :128])
    with torch.no_grad():
        true = evaluate.run(made, np.ascontiguousarray(image[..., ::-1]))[..., ::-1]
    return cv2.PSNR(model(image[None])[0][0], np.ascontiguousarray(true))


@pytest.mark.parametrize(
    ("front", "keep", "unshuffle", "pattern", "grain", "refine"),
    [("image", "nothing", 2, 0, "", 0), ("image", "nothing", 1, 0, "", 1), ("grey", "luma", 2, 0, "", 0),
     ("edges", "nothing", 2, 0, "", 0), ("image", "luma", 4, 0, "", 2), ("image", "nothing", 2, 7, "", 0),
     ("image", "nothing", 2, 0, "strokes", 2), ("image", "nothing", 2, 0, "panes", 0),
     ("image", "nothing", 1, 0, "paper", 0), ("grey", "nothing", 1, 5, "strokes", 1)],
)  # fmt: skip
def test_the_file_is_the_network(
    front: str, keep: str, unshuffle: int, pattern: int, grain: str, refine: int, tmp_path: Path
) -> None:
    made = translator_network(
        front=front, keep=keep, unshuffle=unshuffle, pattern=pattern, grain=grain, refine=refine
    )  # fmt: skip
    path = write_translator(tmp_path, made)
    for precision, tolerance in check.TOLERANCE.items():
        least = tolerance if precision == "fp32" else tolerance - 5  # random networks are harder than trained ones
        assert parity(Model(path, precision=precision), made, "otters") > least, precision
    assert read_card(tmp_path / "tiny.int8.onnx").layout == "cells"


@pytest.mark.parametrize(("unshuffle", "grain"), [(2, "hatching"), (1, "panes")])
def test_a_place_moves_the_grain_as_in_the_network(unshuffle: int, grain: str, tmp_path: Path) -> None:
    made = translator_network(unshuffle=unshuffle, grain=grain)
    path = write_translator(tmp_path, made)
    image = np.ascontiguousarray(still("otters")[:96, :128])
    given = torch.from_numpy(image[..., ::-1].copy()).permute(2, 0, 1)[None] / 255.0
    finer = made.multiple // unshuffle
    assert made.grain is not None
    side = made.grain.shape[2]
    for precision, tolerance in check.TOLERANCE.items():
        model = ImageModel(path, device="cpu", precision=precision)
        assert model.texture_step == unshuffle
        for down, right in ((0, 0), (3, 1), (-2, 5)):  # places of the coarsest grid
            with torch.no_grad():
                true = made(given, (-down, -right))[0].permute(1, 2, 0).numpy()[..., ::-1]
            found = model(image[None], place=(down * finer, right * finer))[0][0]
            assert cv2.PSNR(found, (true * 255).round().clip(0, 255).astype(np.uint8)) > tolerance - 5
        still_there = model(image[None])[0]
        assert (model(image[None], place=(side, -2 * side))[0] == still_there).all(), "it repeats"
        assert (model(image[None], place=(0, 1))[0] != still_there).any()
    turned = translator_network(unshuffle=unshuffle, grain=grain)
    assert turned.grain is not None
    turned.grain.copy_(torch.roll(turned.grain, (-5, 7), (2, 3)))
    (tmp_path / "turned").mkdir()
    other = ImageModel(write_translator(tmp_path / "turned", turned, int8=False), device="cpu", precision="fp32")
    model = ImageModel(path, device="cpu", precision="fp32")
    assert (model(image[None], place=(5, -7))[0] == other(image[None])[0]).all()


def test_whatever_else_runs_the_file_need_not_know_of_places(tmp_path: Path) -> None:
    path = write_translator(tmp_path, translator_network(grain="paper"), int8=False)
    session = onnxruntime.InferenceSession(path)
    image = np.ascontiguousarray(still("otters")[None, :96, :128])
    assert ([one.name for one in session.get_inputs()], session.get_overridable_initializers()) == (["image"], [])
    model = ImageModel(path, device="cpu", precision="fp32", threads=1)
    assert (session.run(None, {"image": image})[0] == model(image)[0]).all()


def test_a_place_is_for_those_that_have_texture(tmp_path: Path) -> None:
    image = np.zeros((1, 96, 128, 3), np.uint8)
    for made in (translator_network(), translator_network(pattern=7), translator_network(pattern=7, grain="paper")):
        model = ImageModel(write_translator(tmp_path, made, int8=False), device="cpu")
        assert model.texture_step == 0
        with pytest.raises(InputError, match="its texture cannot be moved"):
            model(image, place=(0, 1))
    path = write_translator(tmp_path, translator_network(), int8=False)
    save(onnx.load(path), path, replace(read_card(path), texture_step=2))
    with pytest.raises(ModelError, match="not one uint8"):
        ImageModel(path, device="cpu")


@pytest.mark.parametrize("name", ["style-comic", "style-watercolour", "style-oil", "style-mosaic"])
def test_a_network_comes_back_from_its_file(name: str) -> None:
    network, made, card = restore(find(name))
    assert isinstance(network, Translator)
    assert made.name == card.recipe
    assert parity(Model(find(name), precision="fp32"), network, "otters") > 60
    for tensor in onnx.load(find(name)).graph.initializer:
        if network.grain is not None and tuple(tensor.dims) == network.grain.shape:
            assert tensor.data_type == TensorProto.INT8  # half the bytes of 16 bits, and no grey level lost


@pytest.mark.parametrize("name", ["style-comic", "style-watercolour"])
def test_a_file_that_is_no_network_of_its_recipe_is_named(name: str, tmp_path: Path) -> None:
    card = replace(read_card(find(name)), recipe="oil")  # whose network has other grain
    path = save(onnx.load(find(name)), tmp_path / "x.onnx", card)
    with pytest.raises(ValueError, match="as a network of recipe 'oil'"):
        restore(path)


def test_a_colorizer_comes_back_from_its_file() -> None:
    network, made, card = restore(find("colorize"))
    assert made.name == card.recipe
    assert parity(Model(find("colorize"), precision="fp32"), network, "otters") > 50  # 16 bits of what looks


def test_a_colorizers_file_is_the_network(tmp_path: Path) -> None:
    torch.manual_seed(0)
    made = colorizer.build(widths=(8, 12, 16, 24), depth=1)
    with torch.no_grad():
        for _ in range(20):  # statistics
            made(torch.rand(2, 3, 64, 96))
    card = ModelCard(name="tiny", effect="translate", multiple=16, minimum=16, keeps="luma")
    save(colorization.float_graph(made), tmp_path / "tiny.onnx", card)
    made.eval()
    for precision in ("fp32", "fp16"):
        model = Model(tmp_path / "tiny.onnx", precision=precision)
        for shape in ((96, 128), (16, 16), (160, 48)):
            image = np.asarray(cv2.resize(still("spices"), shape[::-1]), np.uint8)
            true = evaluate.run(made, np.ascontiguousarray(image[..., ::-1]))[..., ::-1]
            least = check.TOLERANCE[precision] - 5  # random networks are harder than trained ones
            assert np.ptp(true.astype(int) - image[..., :1]) > 20
            assert cv2.PSNR(model(image[None])[0][0], np.ascontiguousarray(true)) > least


@pytest.mark.parametrize("task", ["style", "cyclegan", "translation"])
def test_a_run_of_training_becomes_two_files(task: str, tmp_path: Path) -> None:
    run, out = tmp_path / "run", tmp_path / "out"
    run.mkdir()
    out.mkdir()
    made = translator_network()
    weights = made.state_dict()
    if task == "cyclegan":
        back = translator_network(seed=1).state_dict()
        weights = {
            f"{way}.{name}": value for way, one in (("ab", weights), ("ba", back)) for name, value in one.items()
        }
    text = RECIPE.replace('"style"', f'"{task}"', 1) + ('[data]\npairs = "ink"\n' if task == "translation" else "")
    checkpoint.save(run, {"recipe": text, "name": "style-x", "iteration": 1, "ema": weights})
    images = str(crops(tmp_path / "photos"))
    assert main([str(run), "-o", str(out), "--licence", "CC0", "--images", images]) == 0
    for precision in ("fp32", "int8"):
        card = Model(out / "style-x.onnx", precision=precision).card
        assert (card.effect, card.multiple, card.work_size) == ("translate", 4, 640)
        drawing = task == "translation"
        assert (card.keeps, card.strokes) == (("black", "hatched") if drawing else ("nothing", "any"))
        assert card.parity["psnr"] >= check.TOLERANCE[precision]
        assert 2 * 9 * 16 * 16 < card.parameters < 40_000


def test_each_direction_of_a_cyclegan_can_be_had(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    ways = {"ab": translator_network(), "ba": translator_network(seed=1)}
    weights = {f"{way}.{name}": value for way, one in ways.items() for name, value in one.state_dict().items()}
    text = RECIPE.replace('"style"', '"cyclegan"', 1) + "[data]\nresolution = 64\n"
    checkpoint.save(tmp_path, {"recipe": text, "name": "fruit", "iteration": 1, "ema": weights})
    image = still("lake")[:64, :96]
    for name, more, way in (("there", [], "ab"), ("back", ["--reverse"], "ba")):
        command = [str(tmp_path), "-o", str(tmp_path), "--name", name, "--precisions", "fp32", *more]
        assert main(command) == 0
        model = Model(tmp_path / f"{name}.onnx")
        assert model.card.work_size == 64
        true = evaluate.run(ways[way].eval(), np.ascontiguousarray(image[..., ::-1]))[..., ::-1]
        assert cv2.PSNR(model(image[None])[0][0], np.ascontiguousarray(true)) > 45
    checkpoint.save(tmp_path, {"recipe": RECIPE, "name": "style-x", "iteration": 1, "ema": ways["ab"].state_dict()})
    assert main([str(tmp_path), "-o", str(tmp_path), "--name", "x", "--reverse"]) == 2
    assert "one direction" in capsys.readouterr().err


@pytest.mark.parametrize(("task", "pairs"), [("style", ""), ("translation", "folders"), ("translation", "ink")])
def test_what_is_judged_on_no_photos_refuses_them(task: str, pairs: str, tmp_path: Path) -> None:
    """They were read, and no figure was of them."""
    network = translator_network()
    plan = recipe.parse(RECIPE.replace("style", task, 1), name="mine")
    plan = replace(plan, data={"pairs": pairs} if pairs else {})
    with pytest.raises(ValueError, match=r"--judge .*: recipe 'mine' makes no pairs of photos; leave --judge out"):
        translation.plan(network, plan, None, [tmp_path])


def test_pairs_that_are_made_of_photos_are_judged(tmp_path: Path) -> None:
    (tmp_path / "Few").mkdir()
    cv2.imwrite(str(tmp_path / "Few" / "otters.png"), still("otters")[:99, :131])
    parsed = recipe.parse(RECIPE.replace('"style"', '"translation"', 1) + '[data]\npairs = "self"\n', name="x")
    made = translator_network(front="grey", keep="luma")
    plan = translation.plan(made, parsed, None, [tmp_path / "Few"])
    figures = plan.judged(None)
    assert figures.keys() == {"psnr_few", "distance_few", "chroma_gain_few", "colourfulness_few"}
    model = Model(write_translator(tmp_path, made), precision="fp32")
    assert plan.judged(model) == pytest.approx(figures, abs=0.02)
    unpaired = translation.plan(made, recipe.parse(RECIPE, name="x"), None, [])
    restless = unpaired.judged(None)
    assert restless.keys() == {"temporal_noise"}
    assert unpaired.judged(model) == pytest.approx(restless, abs=0.05)


@pytest.mark.parametrize("front", ["image", "edges"])
def test_nothing_beyond_the_receptive_field_is_seen(front: str) -> None:
    made = translator_network(front=front)
    far = cells.reach(made)
    image = torch.rand(1, 3, 96, 128)
    other = image.clone()
    other[:, :, :, 64:] = torch.rand(1, 3, 96, 64)
    with torch.no_grad():
        change = (made(image) - made(other)).abs().amax((0, 1, 2))
    assert change[: 64 - far].max() < 1e-6
    assert change[64 - far // 2 :].max() > 1e-6


def test_a_network_of_another_family_has_no_such_file(tmp_path: Path) -> None:
    parsed = recipe.parse(RECIPE, name="x")
    with pytest.raises(ValueError, match="no exporter"):
        translation.plan(torch.nn.Identity(), parsed, None, [])


def test_a_card_that_lies_about_its_cells(tmp_path: Path) -> None:
    path = write_translator(tmp_path, translator_network())
    graph = translation.float_graph(translator_network())
    lie = ModelCard(name="x", effect="translate", multiple=4, minimum=4, layout="cells")
    with pytest.raises(ModelError, match="cells"):
        Model(save(graph, tmp_path / "x.onnx", lie))
    lie = ModelCard(name="y", effect="translate", multiple=4, minimum=4, scale=2)
    with pytest.raises(ModelError, match="scale 2"):
        Model(save(graph, tmp_path / "y.onnx", lie))
    assert Model(path).card.name == "tiny"


def test_int8_convolutions_have_the_widths_that_fast_kernels_take() -> None:
    made = translator_network()
    graph = translation_int8.quantise(made, [np.ascontiguousarray(still("otters")[:64, :96, ::-1])]).graph
    shapes = [tuple(one.dims) for one in graph.initializer if len(one.dims) == 4 and one.data_type == TensorProto.INT8]
    assert len(shapes) > 5
    assert all(given % 8 == 0 and taken % 4 == 0 for given, taken, *_ in shapes), shapes


def test_int8_keeps_what_a_layer_adds_that_is_shown_nothing(tmp_path: Path) -> None:
    """Its steps are as small as what it sees: its bias, in whole steps, would be beyond 32 bits."""
    made = translator_network()
    first, second = (made.get_submodule(f"body.0.{name}.1") for name in ("first", "second"))
    with torch.no_grad():
        first.get_parameter("bias").fill_(-1e3)
        second.get_parameter("bias").copy_(torch.linspace(-2, 2, 24))
    assert parity(Model(write_translator(tmp_path, made), precision="int8"), made, "otters") > 40


def test_what_is_flat_has_no_mesh_once_it_is_level() -> None:
    network = translator_network()
    flat, picture = torch.full((1, 3, 32, 32), 0.4), torch.rand(1, 3, 32, 32, generator=torch.manual_seed(0))
    with torch.no_grad():
        before, changing = network(flat), network(picture)
        translation.level(network)
        after = network(flat)
        assert float(before[0, 0, 8:24, 8:24].std()) > 1e-3
        assert float(after[0, :, 8:24, 8:24].std((1, 2)).max()) < 1e-5
        assert torch.allclose(after.mean((2, 3)), before.mean((2, 3)), atol=5e-3)
        assert float((network(picture) - changing).abs().mean()) < float(changing.std())
