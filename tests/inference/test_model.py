"""The runtime's Model on small real files, against PyTorch and against itself."""

import hashlib
import logging
import re
import threading
import tracemalloc
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import onnx
import onnxruntime
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

import gancam
from export import super_resolution, unconditional
from gancam.errors import DeviceError, ImageError, InputError, ModelError, NotFound, ParameterError
from gancam.inference.card import ModelCard
from gancam.inference.catalog import open_model
from gancam.inference.half import to_fp16
from gancam.inference.model import Generator, ImageModel, MaskedModel, Model
from gancam.inference.network import GeneratorNetwork, ImageNetwork
from gancam.inference.place import Place
from gancam.inference.trials import LEAST_PSNR
from gancam.inference.variants import variants
from tests.helpers.small import generator, network, save, still, write_generator, write_models
from train import evaluate, generation, networks
from train.networks.latent import LatentGenerator


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_models(tmp_path_factory.mktemp("models"), network())


@pytest.mark.parametrize(("precision", "least"), [("fp32", 60.0), ("fp16", 50.0), ("int8", 40.0)])
@pytest.mark.parametrize("scale", [1, 2, 3, 4])
def test_every_variant_is_the_network(tmp_path: Path, scale: int, precision: str, least: float) -> None:
    made = network(scale)
    model = Model(write_models(tmp_path, made), precision=precision)
    image = still("spices")
    (result,) = model(image[None])
    truth = evaluate.run(made, np.ascontiguousarray(image[..., ::-1]))[..., ::-1]
    assert result.shape == (1, *truth.shape)
    assert cv2.PSNR(result[0], np.ascontiguousarray(truth)) >= least


@settings(max_examples=40)
@given(image=arrays.arrays(np.uint8, st.tuples(st.integers(1, 2), st.integers(1, 40), st.integers(1, 40), st.just(3))))
def test_any_size_and_content(path: Path, image: np.ndarray) -> None:
    for precision in ("fp32", "int8"):
        (result,) = _model(path, precision)(image)
        assert result.shape == (len(image), image.shape[1] * 2, image.shape[2] * 2, 3)
        assert result.dtype == np.uint8


_made: dict[tuple[Path, str], Model] = {}


def _model(path: Path, precision: str) -> Model:
    return _made.setdefault((path, precision), Model(path, precision=precision))


def test_a_batch_is_its_images(path: Path) -> None:
    images = np.stack([still("otters"), still("lake")])
    for precision in ("fp32", "int8"):
        model = _model(path, precision)
        assert np.array_equal(model(images)[0], np.concatenate([model(images[:1])[0], model(images[1:])[0]]))


def test_results_are_the_callers_own(path: Path) -> None:
    model = _model(path, "int8")
    first = model(still("otters")[None])[0]
    kept = first.copy()
    model(still("lake")[None])
    assert np.array_equal(first, kept)


@pytest.mark.parametrize("precision", ["int8", "fp32"])
@pytest.mark.parametrize("threshold", [-1, 0, 16])
def test_frames_cost_no_memory_in_the_long_run(path: Path, precision: str, threshold: float) -> None:
    effect = gancam.load(path, precision=precision, threads=1, threshold=threshold)
    image = np.tile(still("otters"), (1, 2, 1))
    outs = [effect(image, time=index / 30) for index in range(4)]
    outs.clear()
    tracemalloc.start()
    try:
        for index in range(6):
            if threshold < 0:
                image[0, 0] = index
            tracemalloc.reset_peak()
            before = tracemalloc.get_traced_memory()[0]
            out = effect(image, time=(4 + index) / 30)
            # a frame has a megabyte; what threads of pytest-xdist take meanwhile counts, too
            assert tracemalloc.get_traced_memory()[1] - before < 16384
    finally:
        tracemalloc.stop()
    assert out.shape[1] == 2 * image.shape[1]


@pytest.mark.parametrize("precision", ["int8", "fp32"])
def test_frames_and_the_faces_in_them_by_turns_cost_no_memory(path: Path, precision: str) -> None:
    model = _model(path, precision)
    shapes = [np.ascontiguousarray(still("otters")[None, :height, :width]) for height, width in ((80, 90), (24, 40))]
    truths = [model(one)[0].copy() for one in shapes * 2][2:]
    tracemalloc.start()
    try:
        before = tracemalloc.get_traced_memory()[0]
        for _ in range(3):
            for one, truth in zip(shapes, truths, strict=True):
                assert np.array_equal(model(one)[0], truth)
        assert tracemalloc.get_traced_memory()[0] - before < 8192  # such a frame has 86,400 bytes
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("precision", ["int8", "fp32"])
@pytest.mark.parametrize("threshold", [-1, 16])
def test_shapes_that_change_every_frame(path: Path, precision: str, threshold: float) -> None:
    effect = gancam.load(path, precision=precision, threads=1, threshold=threshold)
    other = gancam.load(path, precision=precision, threads=1)
    picture, held = still("otters"), list[int]()
    tracemalloc.start()
    try:
        for index in range(60):
            image = np.ascontiguousarray(picture[: 40 + 13 * index % 53, : 90 - 17 * index % 61])
            out = effect(image, time=index / 30)
            assert np.array_equal(out, other(image))
            held.append(tracemalloc.get_traced_memory()[0])
    finally:
        tracemalloc.stop()
    assert max(held[30:]) < max(held[:30]) + 100_000  # of shapes that are gone nothing is kept


def test_what_is_held_is_never_used_again(path: Path) -> None:
    for precision in ("int8", "fp32"):
        model = _model(path, precision)
        images = [still(name)[None] for name in ("otters", "lake", "sign")]
        outs = [model(image)[0] for image in images for _ in range(4)]
        corners = [model(image)[0][0, :20, :20] for image in images]  # a view alone is left of these
        truths = [out.copy() for out in outs]
        for _ in range(12):
            model(still("spices")[None])
        assert all(np.array_equal(out, truth) for out, truth in zip(outs, truths, strict=True))
        assert all(np.array_equal(one, truths[4 * at][0, :20, :20]) for at, one in enumerate(corners))


def test_a_device_that_vanishes_is_replaced_by_the_cpu(path: Path, caplog: pytest.LogCaptureFixture) -> None:
    class Vanishing(ImageNetwork):
        """A network on a GPU that is gone."""

        def __init__(self, here: ImageNetwork) -> None:
            self.__dict__.update(here.__dict__)
            self.device = "cuda"

        def __call__(self, images: np.ndarray, *, place: Place = (0, 0)) -> np.ndarray:  # type: ignore[override]
            raise DeviceError("cuda", "it is gone", "use --device cpu")

    image = still("lake")[None]
    model, named = ImageModel(path), ImageModel(path, device="cpu")
    truth = named(image)[0]
    for one in (model, named):
        assert isinstance(one._playing.network, ImageNetwork)
        gone = Vanishing(one._playing.network)
        one._playing = replace(one._playing, network=gone, run=gone)
    assert model.device == "cuda"
    spent = model.spent["network"]
    assert np.array_equal(model(image)[0], truth)
    assert model.device == "cpu"
    assert model.spent["network"] > spent
    assert caplog.text.count("continuing on the CPU") == 1
    with pytest.raises(DeviceError, match="gone"):  # as if CUDA had been asked for by name
        named(image)


def test_the_halves_of_a_generator_go_on_on_the_cpu(tiny: Path, caplog: pytest.LogCaptureFixture) -> None:
    class Vanishing(GeneratorNetwork):
        """A generator on a GPU that is gone."""

        def __init__(self, here: GeneratorNetwork) -> None:
            self.__dict__.update(here.__dict__)
            self.device = "cuda"

        def mapping(self, z: np.ndarray) -> np.ndarray:
            raise DeviceError("cuda", "it is gone", "use --device cpu")

        def synthesis(self, ws: np.ndarray) -> np.ndarray:
            raise DeviceError("cuda", "it is gone", "use --device cpu")

    model, z, ws = Generator(tiny, threads=1), np.ones((2, 12), np.float32), np.ones((2, 5, 12), np.float32)
    w, images = model.mapping(z), model.synthesis(ws)
    assert isinstance(model._playing.network, GeneratorNetwork)
    model._playing = replace(model._playing, network=Vanishing(model._playing.network))
    assert np.array_equal(model.mapping(z), w)
    assert model.device == "cpu"
    assert isinstance(model._playing.network, GeneratorNetwork)
    model._playing = replace(model._playing, network=Vanishing(model._playing.network))
    assert np.array_equal(model.synthesis(ws), images)
    assert caplog.text.count("continuing on the CPU") == 2


@pytest.mark.parametrize("threads", [0, -1, 1025, 999_999, 2.5, "2"])
def test_threads_that_make_no_sense_are_refused(path: Path, threads: Any) -> None:
    with pytest.raises(ParameterError, match=f"threads {threads!r} must be a whole number from 1 to 1024"):
        gancam.load(path, threads=threads)


@pytest.mark.parametrize("key", ["device", "precision"])
@pytest.mark.parametrize("value", [3, b"cpu", "CPU "])
def test_what_names_no_device_or_precision_is_refused(path: Path, key: str, value: Any) -> None:
    with pytest.raises(ParameterError, match=re.escape(repr(value))):
        gancam.load(path, **{key: value})


def test_threads_may_share_it(path: Path) -> None:
    model = _model(path, "int8")
    images = [still("otters")[None], still("lake")[None, :100], still("sign")[None, :, :77]]
    truths = [model(image)[0] for image in images]
    wrong: list[int] = []

    def work(index: int) -> None:
        same = all(np.array_equal(model(images[index])[0], truths[index]) for _ in range(10))
        wrong.extend([] if same else [index])

    workers = [threading.Thread(target=work, args=(index,)) for index in range(3)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert not wrong


def test_says_what_it_chose(path: Path) -> None:
    model = Model(path, threads=1)
    assert model.device in ("cpu", "cuda")
    assert model.precision in ("int8", "fp16", "fp32")
    assert model.card.precision == model.precision
    assert model.path == variants(path)[model.precision]


def test_a_precision_that_there_is_not_says_which_there_are(path: Path) -> None:
    with pytest.raises(ParameterError, match=r"^precision 'bf16' must be auto, fp32, fp16 or int8$"):
        Model(path, device="cpu", precision="bf16")


def test_a_variant_by_its_own_path(path: Path) -> None:
    assert Model(path.with_name("small.fp16.onnx")).precision == "fp16"


def test_int8_is_not_chosen_where_it_is_not_exact(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("GANCAM_NO_INT8", raising=False)  # what this is about
    path = write_models(tmp_path, network())
    stack = super_resolution.pixel_stack(network(seed=1))  # another network stands in for kernels that saturate
    wrong = super_resolution.int8_graph(stack, [1.0, 1.0], 2)
    card = ModelCard(name="small", effect="super_resolution", scale=2, precision="int8", layout="blocks")
    save(wrong, path.with_name("small.int8.onnx"), card)
    with caplog.at_level(logging.INFO, "gancam"):
        assert Model(path, device="cpu").precision in ("fp32", "fp16")  # which of them, a busy machine decides
    assert "int8 is inaccurate on this CPU" in caplog.text
    assert not [record for record in caplog.records if record.levelno > logging.INFO]
    assert LEAST_PSNR < 40


def overflowing(folder: Path) -> Path:
    """fp32 and fp16 of a network whose sums are too large for fp16."""
    made = network()
    card = ModelCard(name="big", effect="super_resolution", scale=2, receptive_field=4)
    plain = super_resolution.float_graph(made)
    onnx.helper.set_model_props(plain, card.to_metadata())
    for half in (True, False):
        graph = onnx.load_from_string(to_fp16(plain.SerializeToString())) if half else plain
        kernels = [one for one in graph.graph.initializer if len(one.dims) == 4]
        biases = [one for one in graph.graph.initializer if len(one.dims) == 1]
        for tensors, factor in ((kernels[:1] + biases[:1], 1e5), (kernels[1:2], 1e-5)):
            for tensor in tensors:
                array = onnx.numpy_helper.to_array(tensor).astype(np.float64) * factor
                kind = np.float16 if half else np.float32
                with np.errstate(over="ignore"):
                    tensor.CopyFrom(onnx.numpy_helper.from_array(array.astype(kind), tensor.name))
        name, precision = ("big.fp16.onnx", "fp16") if half else ("big.onnx", "fp32")
        save(graph, folder / name, replace(card, precision=precision))  # type: ignore[arg-type]
    return folder / "big.onnx"


def test_what_is_no_number_is_made_in_fp32(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    path = overflowing(tmp_path)
    image = still("sign")[None]
    model, plain = Model(path, precision="fp16", device="cpu"), Model(path, precision="fp32", device="cpu")
    assert not model._playing.network(image).any()
    for _ in range(2):
        assert np.array_equal(model(image)[0], plain(image)[0])
    assert caplog.text.count("computed in fp32") == 1
    dark = np.zeros_like(image)
    assert model(dark)[0].shape == (1, image.shape[1] * 2, image.shape[2] * 2, 3)


def test_a_variant_that_fails_its_proof_is_not_played(tmp_path: Path) -> None:
    path = overflowing(tmp_path)
    path.with_name("big.fp16.onnx").rename(path.with_name("big.int8.onnx"))  # preferred, were it not for the proof
    assert Model(path, device="cpu").precision == "fp32"


def test_int8_graph_is_convolutions_and_one_sum(path: Path, tmp_path: Path) -> None:
    options = onnxruntime.SessionOptions()
    options.optimized_model_filepath = str(tmp_path / "optimised.onnx")
    options.log_severity_level = 4
    onnxruntime.InferenceSession(path.with_name("small.int8.onnx"), options, providers=["CPUExecutionProvider"])
    operators = sorted(node.op_type for node in onnx.load(tmp_path / "optimised.onnx").graph.node)
    assert operators == ["QLinearAdd"] + ["QLinearConv"] * 4


@pytest.mark.parametrize("array", [
    np.zeros((4, 4, 3), np.uint8), np.zeros((1, 4, 4, 4), np.uint8), np.zeros((1, 4, 4, 3), np.float32),
])  # fmt: skip
def test_refuses_other_arrays(path: Path, array: np.ndarray) -> None:
    with pytest.raises(ImageError, match="uint8"):
        _model(path, "fp32")(array)


def test_size_rules_of_the_card_hold(tmp_path: Path) -> None:
    card = ModelCard(name="x", effect="super_resolution", scale=2, minimum=8, multiple=4)
    model = Model(save(super_resolution.float_graph(network()), tmp_path / "x.onnx", card))
    assert model(np.zeros((1, 8, 12, 3), np.uint8))[0].shape == (1, 16, 24, 3)
    for shape in ((1, 4, 8, 3), (1, 8, 10, 3)):
        with pytest.raises(ImageError, match="multiples of 4"):
            model(np.zeros(shape, np.uint8))


def test_missing_empty_random_and_foreign_files(tmp_path: Path) -> None:
    with pytest.raises(NotFound, match=r"nope\.onnx"):
        Model(tmp_path / "nope.onnx")
    for name, content in (("empty", b""), ("random", np.random.default_rng(0).bytes(5000)), ("text", b"hello\n")):
        file = tmp_path / f"{name}.onnx"
        file.write_bytes(content)
        with pytest.raises(ModelError, match=name):
            Model(file)
    foreign = super_resolution.float_graph(network())
    onnx.save(foreign, tmp_path / "foreign.onnx")
    with pytest.raises(ModelError, match="without a gancam card"):
        Model(tmp_path / "foreign.onnx")


@pytest.mark.parametrize("share", [0.1, 0.5, 0.9, 1.0])
def test_truncated_files(path: Path, tmp_path: Path, share: float) -> None:
    content = path.read_bytes()
    cut = tmp_path / "cut.onnx"
    cut.write_bytes(content[: int(len(content) * share)][:-1])  # of the whole, its last byte is missing
    with pytest.raises(ModelError, match="cut"):
        Model(cut)


@pytest.mark.parametrize("lie", [{"scale": 3}, {"layout": "blocks"}])
def test_a_card_that_lies_is_caught_at_once(tmp_path: Path, lie: dict[str, object]) -> None:
    card = replace(ModelCard(name="x", effect="super_resolution", scale=2), **lie)  # type: ignore[arg-type]
    path = save(super_resolution.float_graph(network()), tmp_path / "x.onnx", card)
    with pytest.raises(ModelError, match="its card says"):
        Model(path)


def test_blocks_of_another_scale(tmp_path: Path) -> None:
    card = ModelCard(name="x", effect="super_resolution", scale=4, layout="blocks", precision="int8")
    graph = super_resolution.quantise(network(2), [still("lake")])
    with pytest.raises(ModelError, match="scale 4"):
        Model(save(graph, tmp_path / "x.int8.onnx", card))


def test_options_that_cannot_be_met(path: Path) -> None:
    with pytest.raises(ParameterError, match="device"):
        Model(path, device="gpu")
    with pytest.raises(ParameterError, match="int4"):
        Model(path, precision="int4")
    with pytest.raises(ParameterError, match="threads"):
        Model(path, threads=0)


def test_cuda_by_name_never_falls_back_silently(path: Path) -> None:
    if Model(path, precision="fp32").device == "cuda":
        assert Model(path, device="cuda").device == "cuda"
        return
    with pytest.raises(DeviceError, match="cuda"):
        Model(path, device="cuda")


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_generator(tmp_path_factory.mktemp("generators"), generator())


def plain(family: str, **options: Any) -> LatentGenerator:
    """Random weights, and statistics of batch normalisation that are not those it begins with."""
    torch.manual_seed(0)
    made = networks.build(family=family, latent=12, **options)
    assert isinstance(made, LatentGenerator)
    z = torch.randn(64, 12)
    with torch.no_grad():
        for part in made.modules():
            if isinstance(part, torch.nn.BatchNorm1d | torch.nn.BatchNorm2d):
                part.bias.normal_(0.0, 0.3)
                part.momentum = 1.0
        made(z * 2)
        made.eval()
        weights = [weight for weight in made.parameters() if weight.ndim > 1]
        while made(z).std(0).mean() < 0.05:
            weights[-1].mul_(2.0)
    return made


FAMILIES: dict[str, Callable[[], LatentGenerator]] = {
    "stylegan-8": lambda: generator(8),
    "stylegan-32": lambda: generator(32),
    "dcgan-64": lambda: plain("dcgan", resolution=64, channels=4, size=4),
    "dcgan-28": lambda: plain("dcgan", resolution=28, channels=8, colours=1, size=5),
    "mlp-28": lambda: plain("mlp"),
}


@pytest.mark.parametrize("precision", ["fp32", "fp16"])
@pytest.mark.parametrize("family", FAMILIES)
def test_a_generator_is_the_network(tmp_path: Path, family: str, precision: str) -> None:
    made = FAMILIES[family]()
    model = Generator(write_generator(tmp_path, made), device="cpu", precision=precision)
    z = generation.latents(made, 64, seed=3)
    (images,) = model(z.numpy())
    side = int(family.partition("-")[2])
    assert images.shape == (64, side, side, 3)
    true = generation.sample(made, z)
    assert true.std(0).mean() > 10
    assert cv2.PSNR(images[..., ::-1].copy(), np.broadcast_to(true, images.shape).copy()) >= 50.0
    with torch.no_grad():
        assert np.abs(model.mapping(z.numpy()) - made.mapping(z).numpy()).max() < 5e-3
    assert np.allclose(model.centre, made.centre.numpy())


def test_a_generator_takes_a_w_for_each_layer(tiny: Path) -> None:
    made, model = generator(), Generator(tiny, precision="fp32")
    ws = torch.randn(5, made.layers, 12)
    with torch.no_grad():
        true = made.synthesis(ws).clamp(0, 1).mul(255).round().permute(0, 2, 3, 1).numpy()
    images = model.synthesis(ws.numpy())
    assert np.abs(images[..., ::-1] - true).max() <= 2
    assert np.array_equal(np.concatenate([model.synthesis(ws.numpy()[[i]]) for i in range(5)]), images)
    assert model.layers == made.layers == 5


@settings(max_examples=40)
@given(z=arrays.arrays(np.float32, st.tuples(st.integers(0, 3), st.just(12)), elements=st.floats(-50, 50, width=32)))
def test_any_latents(tiny: Path, z: np.ndarray) -> None:
    model = _model(tiny, "fp32")
    images = model(z)[0]
    assert images.shape == (len(z), 16, 16, 3)
    assert images.dtype == np.uint8
    assert np.array_equal(images, model(z.copy())[0])


def test_each_half_of_a_generator_runs_alone(tiny: Path) -> None:
    """As the contract has it, on ONNX Runtime itself: what is not wanted may be empty, and then no work is done."""
    session = onnxruntime.InferenceSession(tiny, providers=["CPUExecutionProvider"])
    z, ws = np.ones((2, 12), np.float32), np.ones((3, 5, 12), np.float32)
    w, centre, image = session.run(None, {"z": z, "ws": ws})
    assert np.array_equal(session.run(["w"], {"z": z, "ws": ws[:0]})[0], w)
    assert np.array_equal(session.run(["image"], {"z": z[:0], "ws": ws})[0], image)
    alone = session.run(None, {"z": z[:0], "ws": ws[:0]})
    assert [part.shape for part in alone] == [(0, 12), (1, 12), (0, 16, 16, 3)]
    assert np.array_equal(alone[1], centre)


@pytest.mark.parametrize("z", [
    np.zeros((1, 11), np.float32), np.zeros((1, 13), np.float32), np.zeros(12, np.float32), np.zeros((1, 12)),
    np.zeros((1, 1, 12), np.float32), np.full((1, 12), np.nan, np.float32), np.float32(1), [[0.0] * 12], None,
])  # fmt: skip
def test_latents_of_a_wrong_size(tiny: Path, z: Any) -> None:
    model = Generator(tiny, precision="fp32")
    for call in (model, model.mapping, model.synthesis):
        with pytest.raises(InputError, match="tiny"):
            call(z)


def test_a_model_of_another_kind_says_so(path: Path, tiny: Path) -> None:
    with pytest.raises(ModelError, match="small is not a generator: it is for super_resolution"):
        Generator(path, precision="fp32")
    with pytest.raises(ModelError, match="tiny is not a model from images to images: it is for morph"):
        ImageModel(tiny)
    with pytest.raises(ModelError, match="small is not a model that fills holes"):
        MaskedModel(path, precision="fp32")


def test_a_model_is_opened_as_its_kind(path: Path, tiny: Path) -> None:
    assert type(open_model(path, precision="fp32")) is ImageModel
    assert type(open_model(tiny, precision="fp32")) is Generator
    assert type(open_model("inpaint", precision="fp32")) is MaskedModel
    generic, z = Model(tiny, device="cpu", precision="fp32"), np.ones((1, 12), np.float32)
    assert np.array_equal(generic(z)[0], Generator(tiny, device="cpu", precision="fp32")(z)[0])


def test_the_digest_is_that_of_the_file(path: Path, tmp_path: Path) -> None:
    model = Model(path, device="cpu", precision="int8", threads=1)
    assert model.digest == hashlib.sha256(path.with_name("small.int8.onnx").read_bytes()).hexdigest()
    assert model.digest != Model(path, device="cpu", precision="fp32", threads=1).digest


@pytest.mark.parametrize("lie", [{"latent": 13}, {"layers": 4}, {"resolution": 32}, {"layout": "image"}])
def test_a_generators_card_that_lies_is_caught_at_once(tmp_path: Path, lie: dict[str, object]) -> None:
    card = ModelCard(name="x", effect="morph", layout="latent", latent=12, layers=5, resolution=16)
    path = save(unconditional.style_graph(generator()), tmp_path / "x.onnx", replace(card, **lie))  # type: ignore[arg-type]
    with pytest.raises(ModelError, match=r"x\.onnx"):
        Model(path)


def test_a_generators_file_is_small_and_folds_its_constants(tiny: Path, tmp_path: Path) -> None:
    weights = sum(parameter.numel() for parameter in generator().parameters())
    assert tiny.stat().st_size < 2.5 * weights + 40_000
    options = onnxruntime.SessionOptions()
    options.optimized_model_filepath = str(tmp_path / "optimised.onnx")
    options.log_severity_level = 4
    onnxruntime.InferenceSession(tiny, options, providers=["CPUExecutionProvider"])
    operators = [node.op_type for node in onnx.load(tmp_path / "optimised.onnx").graph.node]
    assert "ReduceSumSquare" not in operators
    assert operators.count("Cast") == 1
