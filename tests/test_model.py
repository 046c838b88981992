"""The runtime's Model on small real files, against PyTorch and against itself."""

import threading
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import onnx
import onnxruntime
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from export import super_resolution
from gancam.card import ModelCard
from gancam.errors import DeviceError, ImageError, ModelError, NotFound, ParameterError
from gancam.model import LEAST_PSNR, Model, variants
from tests.small import network, save, still, write_models
from train import evaluate


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


@settings(max_examples=40, deadline=None)
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


def test_a_variant_by_its_own_path(path: Path) -> None:
    assert Model(path.with_name("small.fp16.onnx")).precision == "fp16"


def test_int8_is_not_chosen_where_it_is_not_exact(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    path = write_models(tmp_path, network())
    stack = super_resolution.pixel_stack(network(seed=1))  # another network stands in for kernels that saturate
    wrong = super_resolution.int8_graph(stack, [1.0, 1.0], 2)
    card = ModelCard(name="small", effect="super_resolution", scale=2, precision="int8", layout="blocks")
    save(wrong, path.with_name("small.int8.onnx"), card)
    assert Model(path, device="cpu").precision == "fp32"
    assert "not exact" in caplog.text
    assert LEAST_PSNR < 40


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


@pytest.mark.parametrize("share", [0.1, 0.5, 0.9, 0.999])
def test_truncated_files(path: Path, tmp_path: Path, share: float) -> None:
    content = path.read_bytes()
    cut = tmp_path / "cut.onnx"
    cut.write_bytes(content[: int(len(content) * share)])
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
