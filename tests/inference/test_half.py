"""fp16 made of the fp32 file: the graph that the exporter writes in fp16, and where there is none."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal

import cv2
import numpy as np
import onnx
import onnxruntime
import pytest
import torch
from onnx import TensorProto, helper

from export import colorization, inpainting, storage, super_resolution, translation, unconditional
from export.graph import Graph
from gancam.errors import ModelError
from gancam.frame import Image
from gancam.inference import autotune
from gancam.inference.autotune import choose, remembered, trial_input, usable
from gancam.inference.black import BlackGuard
from gancam.inference.card import ModelCard
from gancam.inference.catalog import find, menu
from gancam.inference.half import to_fp16
from gancam.inference.importing.safety import ENTRY
from gancam.inference.model import Generator, Model
from gancam.inference.network import ImageNetwork, open_network
from gancam.inference.tensorrt import engine_options
from gancam.inference.variants import file_digest, is_made, read_card, variants
from tests.helpers.small import (
    filler,
    generator,
    lightest,
    network,
    save,
    still,
    translator_network,
    write_generator,
    write_half,
    write_models,
)
from train.networks import colorizer
from train.networks.sr_residual import ResidualSuperResolution

CARD = ModelCard(name="small", effect="super_resolution", scale=2, receptive_field=9, quality={"psnr_y_x": 30.0})
WITHOUT = {"mnist", "morph-flowers", "morph-fruits"}  # bundled models that have no fp16


def bytes_of(graph: onnx.ModelProto, card: ModelCard = CARD) -> bytes:
    helper.set_model_props(graph, card.to_metadata())
    return bytes(graph.SerializeToString())


def residual() -> ResidualSuperResolution:
    torch.manual_seed(0)
    return ResidualSuperResolution(scale=2, channels=8, blocks=2).eval()


def colours() -> colorizer.Colorizer:
    torch.manual_seed(0)
    made = colorizer.build(widths=(8, 12, 16, 24), depth=1)
    with torch.no_grad():
        made(torch.rand(2, 3, 64, 96))  # statistics
    return made.eval()


def types(model: onnx.ModelProto) -> dict[str, int]:
    """The type of every tensor; the graph must be right in all that can be checked of it."""
    onnx.checker.check_model(model, full_check=True)
    graph = onnx.shape_inference.infer_shapes(model).graph
    told = (*graph.input, *graph.output, *graph.value_info)
    return {one.name: one.type.tensor_type.elem_type for one in told} | {
        one.name: one.data_type for one in graph.initializer
    }


EXPORTED: dict[str, tuple[int, Callable[[], onnx.ModelProto]]] = {  # and how many convolutions stay in fp32
    "super-resolution": (0, lambda: super_resolution.float_graph(network())),
    "in cells": (0, lambda: super_resolution.float_graph(network(unshuffle=2))),
    "residual": (0, lambda: super_resolution.float_graph(residual())),
    "inpainting": (2, lambda: inpainting.deployed(filler())),  # of the first fill
    "style": (0, lambda: translation.float_graph(translator_network(grain="strokes", refine=1))),
    "luma": (1, lambda: translation.float_graph(translator_network(front="grey", keep="luma"))),
    "edges": (3, lambda: translation.float_graph(translator_network(front="edges", pattern=5))),
    "colours": (1, lambda: colorization.float_graph(colours())),
    "generator": (0, lambda: unconditional.deployed(generator())),
}


@pytest.mark.parametrize(
    "kind",
    [pytest.param(kind, marks=pytest.mark.slow) if kind in ("style", "luma", "edges") else kind for kind in EXPORTED],
)
def test_what_is_between_the_marks_of_the_exporter_is_in_16_bits(kind: str) -> None:
    plain, write = EXPORTED[kind]
    given = write()
    for one in (given, storage.halved(given)):
        made = onnx.load_from_string(to_fp16(bytes_of(one)))
        kinds = types(made)
        convolutions = [kinds[node.input[0]] for node in made.graph.node if node.op_type == "Conv"]
        assert convolutions.count(TensorProto.FLOAT) == plain < len(convolutions)
        assert [part.name for part in made.graph.input] == [part.name for part in given.graph.input]
        exact = [node for node in made.graph.node if node.op_type in ("Softmax", "Log", "Div", "ReduceSumSquare")]
        assert {kinds[node.input[0]] for node in exact} <= {TensorProto.FLOAT, TensorProto.INT64}
        divides = ("inpainting", "generator", "style", "edges")  # the last two to lay out their grain and pattern
        assert bool(exact) == (kind in divides)


@pytest.mark.parametrize("name", lightest(list(menu())))
def test_every_bundled_model_shows_in_fp16_what_it_shows_in_fp32(name: str) -> None:
    path = find(name)
    assert ("fp16" in variants(path)) == (name not in WITHOUT)
    if name in WITHOUT:
        return
    plain, half = (open_network(path, "cpu", 1, precision=kind) for kind in ("fp32", "fp16"))
    arrays = trial_input(plain)
    assert min(cv2.PSNR(half(*arrays).reshape(-1), plain(*arrays).reshape(-1)), 100.0) > 50
    assert half.card == replace(read_card(path), precision="fp16", quality={}, parity={})


def test_no_bundled_model_has_a_file_of_fp16() -> None:
    assert all(is_made(files["fp16"], "fp16") for path in menu().values() if "fp16" in (files := variants(path)))


@pytest.fixture
def path(tmp_path: Path) -> Path:
    made = write_models(tmp_path, network())
    made.with_name("small.fp16.onnx").unlink()
    return made


@pytest.fixture
def image() -> Image:
    return still("otters")[:96, :128]


def test_it_is_a_variant_as_any_other(path: Path, image: Image) -> None:
    files = variants(path)
    assert list(files) == ["fp32", "fp16", "int8"]
    assert files["fp16"] == path
    model, plain = (Model(path, device="cpu", precision=kind) for kind in ("fp16", "fp32"))
    assert (model.precision, model.card.precision, model.path) == ("fp16", "fp16", path)
    assert read_card(path, "fp16") == model.card
    assert model.digest != plain.digest
    found, true = model(image[None])[0], plain(image[None])[0]
    assert 50 < cv2.PSNR(found[0], true[0]) < 100
    (again,) = model.alike()
    assert (again.precision, np.array_equal(again(image[None])[0], found)) == ("fp16", True)


def test_an_x86_cpu_makes_none_by_itself(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(autotune, "is_x86", lambda: True)
    assert "fp16" not in usable(variants(path), "cpu", 1)
    assert Model(path, device="cpu").precision in ("fp32", "int8")
    tried = remembered(variants(path), "cpu")
    assert tried is None or "fp16" not in {one.precision for one in tried}
    only = {kind: file for kind, file in variants(path).items() if kind != "int8"}
    assert choose(only, "cpu", threads=1).precision == "fp32"


def test_an_arm_cpu_may_compute_in_16_bits_and_tries_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(autotune, "is_x86", lambda: False)
    path = write_models(tmp_path, network(seed=1))  # another one: what was tried of the fixture's is remembered
    path.with_name("small.fp16.onnx").unlink()
    assert "fp16" in usable(variants(path), "cpu", 1)


def test_a_gpu_prefers_it(path: Path) -> None:
    assert usable(variants(path), "tensorrt", 1)[0] == "fp16"


def test_a_file_of_its_own_is_played_instead(path: Path, image: Image) -> None:
    file = write_half(path)
    assert variants(path)["fp16"] == file
    assert not is_made(file, "fp16")
    found = Model(path, device="cpu", precision="fp16")(image[None])[0]
    assert np.array_equal(found, Model(file, device="cpu")(image[None])[0])
    assert "fp16" in usable(variants(path), "cpu", 1)


def test_what_is_remembered_and_built_of_it_is_its_own(
    path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert file_digest(path, "fp16") != file_digest(path, "fp32") == file_digest(path)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setattr("gancam.inference.tensorrt.hardware_of", lambda device: f"a GPU on {device}")
    plain, half = (engine_options(path, "tensorrt", {"image": ["n", "h", "w", 3]}, kind) for kind in ("fp32", "fp16"))
    assert (plain["trt_fp16_enable"], half["trt_fp16_enable"]) == ("0", "1")
    assert plain["trt_engine_cache_path"] != half["trt_engine_cache_path"]


def test_black_pictures_of_it_are_made_by_the_file_itself(
    path: Path, image: Image, monkeypatch: pytest.MonkeyPatch
) -> None:
    half = open_network(path, "cpu", 1, precision="fp16")
    assert isinstance(half, ImageNetwork)
    guard = BlackGuard(half, "fp16")
    monkeypatch.setattr("gancam.inference.black.went_black", lambda images, results: True)
    guard(image[None])
    assert guard._plain is not None
    assert (guard._plain.path, guard._plain.card.precision) == (path, "fp32")


def test_it_follows_a_file_that_changes(path: Path) -> None:
    assert "fp16" in variants(path)
    save(overflowing(), path, CARD)
    assert "fp16" not in variants(path)


def plain_graph(*operators: tuple[str, dict[str, Any]], value: float = 0.01) -> onnx.ModelProto:
    """Pixels times `value`, and operators in a row, to pixels again."""
    graph = Graph()
    x = graph.add("Transpose", graph.cast("image", np.float32), perm=[0, 3, 1, 2])
    x = graph.add("Mul", x, graph.constant(value, np.float32))
    for operator, attributes in operators:
        x = graph.add(operator, x, **attributes)
    x = graph.add("Mul", x, graph.constant(100, np.float32))
    x = graph.cast(graph.add("Transpose", x, perm=[0, 2, 3, 1]), np.uint8, "out")
    image: tuple[type, list[str | int]] = np.uint8, ["n", "h", "w", 3]
    return graph.model({"image": image}, {"out": image})


def overflowing() -> onnx.ModelProto:
    return plain_graph(value=1e5)


Operators = tuple[tuple[str, dict[str, Any]], ...]


@pytest.mark.parametrize("operators", [
    (("GlobalAveragePool", {}),), (("Sqrt", {}), ("Relu", {})), (("Softmax", {"axis": 1}), ("Log", {})),
])  # fmt: skip
def test_what_adds_up_much_stays_in_fp32(operators: Operators) -> None:
    made = onnx.load_from_string(to_fp16(bytes_of(plain_graph(*operators))))
    kinds = types(made)
    for node in made.graph.node:
        if node.op_type in ("GlobalAveragePool", "Sqrt", "Softmax", "Log"):
            assert kinds[node.input[0]] == kinds[node.output[0]] == TensorProto.FLOAT
        elif node.op_type in ("Mul", "Relu"):
            assert kinds[node.output[0]] == TensorProto.FLOAT16
    session = onnxruntime.InferenceSession(made.SerializeToString(), providers=["CPUExecutionProvider"])
    assert session.run(None, {"image": np.full((1, 4, 4, 3), 100, np.uint8)})[0].max() > 30


Fault = Literal["operator", "too large", "imported", "no card", "no model", "fence"]


def faulty(fault: Fault) -> bytes:
    if fault == "no model":
        return b"\x0a\x05no"
    if fault == "operator":
        return bytes_of(plain_graph(("Erf", {})))
    if fault == "fence":
        return bytes_of(fenced())
    if fault == "imported":
        graph = plain_graph()
        helper.set_model_props(graph, CARD.to_metadata() | {ENTRY: "{}"})
        return bytes(graph.SerializeToString())
    return bytes(overflowing().SerializeToString()) if fault == "no card" else bytes_of(overflowing())


def fenced() -> onnx.ModelProto:
    """16 bits begin, and what is in them is added to what is not."""
    graph = Graph()
    x = graph.cast("image", np.float32)
    x = graph.add("Add", x, graph.cast(x, np.float32))
    image: tuple[type, list[str | int]] = np.uint8, ["n", "h", "w", 3]
    graph.cast(x, np.uint8, "out")
    return graph.model({"image": image}, {"out": image})


@pytest.mark.parametrize("fault", ["operator", "too large", "imported", "no card", "no model", "fence"])
def test_a_file_of_which_none_is_made_plays_as_it_is(fault: Fault, tmp_path: Path) -> None:
    (tmp_path / "odd.onnx").write_bytes(faulty(fault))
    assert set(variants(tmp_path / "odd.onnx")) == {"fp32"}
    if fault not in ("imported", "no card"):
        with pytest.raises(ModelError, match="no fp16 can be made of it"):
            to_fp16(faulty(fault))


def test_a_generator_shows_the_same(tmp_path: Path) -> None:
    path = write_generator(tmp_path, generator())
    plain, half = (Generator(path, device="cpu", precision=kind) for kind in ("fp32", "fp16"))
    z = np.random.default_rng(0).standard_normal((3, plain.card.latent), np.float32)
    assert np.abs(half(z)[0].astype(int) - plain(z)[0]).max() <= 3
    assert np.array_equal(half.mapping(z), plain.mapping(z))
