"""What is written for a GPU, run on the CPU by the same lines: all of it but ONNX Runtime's own driver."""

import logging
import re
import shutil
import subprocess
import sys
import threading
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import cv2
import numpy as np
import pytest

import gancam
from gancam.errors import DeviceError, OutOfMemory, ParameterError
from gancam.frame import Image
from gancam.inference import autotune, chain
from gancam.inference.autotune import Run, best_way, choose, trial_input
from gancam.inference.binding import Tensor
from gancam.inference.buffers import BufferPool
from gancam.inference.card import ModelCard
from gancam.inference.chain import chained
from gancam.inference.cuda import free_memory, page_locked
from gancam.inference.model import Generator, ImageModel, Model
from gancam.inference.network import GeneratorNetwork, ImageNetwork, open_network
from gancam.inference.packages import PROVIDERS, runtime
from gancam.inference.providers import (
    GpuOptions,
    cuda_options,
    kind_of,
    memory_limit,
    number_of,
    provider_list,
    ways,
)
from gancam.inference.session import explain, fallen, is_full, open_session
from gancam.inference.tensorrt import engine_folder, engine_options, engine_shapes, tensorrt_options
from gancam.inference.tiling import LEAST, LIMIT, LIMIT_ON_GPU, TileBudget, pixels_for, tiled
from gancam.inference.variants import variants
from gancam.pipeline import run, through
from gancam.sinks._muxer import WholeVideo
from gancam.sinks.video import VideoOptions, VideoWriter
from gancam.sources import TestPattern
from tests.helpers.small import (
    generator,
    network,
    still,
    translator_network,
    write_generator,
    write_models,
    write_translator,
)

HAS_CUDA = PROVIDERS["cuda"] in runtime().get_available_providers()


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_models(tmp_path_factory.mktemp("models"), network())


@pytest.fixture(scope="module")
def painter(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_translator(tmp_path_factory.mktemp("painter"), translator_network(), int8=False)


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_generator(tmp_path_factory.mktemp("generators"), generator())


def frame() -> Image:
    return np.ascontiguousarray(still("otters")[:96, :128])


# Options, and what each is for


def test_options_of_cuda_are_those_for_live() -> None:
    plain = cuda_options(1, GpuOptions(), 4_000_000_000)
    assert plain == {
        "device_id": "1", "cudnn_conv_algo_search": "HEURISTIC", "cudnn_conv_use_max_workspace": "1",
        "arena_extend_strategy": "kSameAsRequested", "do_copy_in_default_stream": "1", "use_tf32": "0",
        "prefer_nhwc": "0", "enable_cuda_graph": "0", "gpu_mem_limit": "4000000000",
    }  # fmt: skip
    fast = cuda_options(0, GpuOptions(tf32=True, nhwc=True, graph=True), None)
    assert (fast["use_tf32"], fast["prefer_nhwc"], fast["enable_cuda_graph"]) == ("1", "1", "1")
    assert "gpu_mem_limit" not in fast


def test_nothing_searches_exhaustively() -> None:
    for file in (Path(gancam.__file__).parent).rglob("*.py"):
        assert not re.search(r"[\"']EXHAUSTIVE", file.read_text(encoding="utf-8")), file


@pytest.mark.skipif(not HAS_CUDA or sys.platform != "linux", reason="needs an ONNX Runtime with CUDA for Linux")
def test_the_wheel_knows_every_option(tmp_path: Path) -> None:
    capi = Path(runtime().__file__).parent / "capi"
    shapes = {"image": ((1, 4, 4, 3), (1, 8, 8, 3), (1, 9, 9, 3))}
    asked = {
        "cuda": set(cuda_options(0, GpuOptions(), 1)),
        "tensorrt": set(tensorrt_options(0, tmp_path, half=True, shapes=shapes)),
    }
    for device, options in asked.items():
        known = (capi / f"libonnxruntime_providers_{device}.so").read_bytes()
        assert not [one for one in options if one.encode() + b"\0" not in known]
    core = next(capi.glob("libonnxruntime.so.*")).read_bytes()
    assert b"gpu_graph_id" in core
    assert b"session.record_ep_graph_assignment_info" in core


def test_ways_have_names() -> None:
    for way in (*ways("fp32", exact=False), *ways("fp16", exact=False)):
        assert str(GpuOptions.named(way)) == way
    assert not any(GpuOptions.named(way).tf32 for way in ways("fp32", exact=True))
    assert ways("fp16", exact=True)[0] == "plain"


@pytest.mark.parametrize(("device", "kind", "number"), [
    ("cpu", "cpu", 0), ("cuda", "cuda", 0), ("cuda:3", "cuda", 3), ("tensorrt:1", "tensorrt", 1),
])  # fmt: skip
def test_a_device_is_a_kind_and_a_number(device: str, kind: str, number: int) -> None:
    assert (kind_of(device), number_of(device)) == (kind, number)


@pytest.mark.parametrize("device", ["tpu", "cpu:1", "cuda:", "cuda:x", "cuda:-1", "auto:1", ""])
def test_what_is_no_device(path: Path, device: str) -> None:
    with pytest.raises(ParameterError, match="must be auto, cpu, cuda, tensorrt"):
        Model(path, device=device)


def test_a_network_may_take_what_is_free_or_what_the_user_says() -> None:
    assert memory_limit(10_000_000_000, {}) == 9_000_000_000
    assert memory_limit(10_000_000_000, {"GANCAM_GPU_MEMORY": "2.5"}) == 2_500_000_000
    assert memory_limit(1_000_000_000, {"GANCAM_GPU_MEMORY": "2.5"}) == 900_000_000
    assert memory_limit(None, {}) is None
    assert memory_limit(None, {"GANCAM_GPU_MEMORY": "1"}) == 1_000_000_000
    for wrong in ("much", "0", "-1", "nan"):
        with pytest.raises(ParameterError, match="gigabytes"):
            memory_limit(None, {"GANCAM_GPU_MEMORY": wrong})


def test_providers_in_their_order() -> None:
    def names(device: str) -> list[str]:
        return [name for name, _ in provider_list(device, GpuOptions(), None, lambda: {"device_id": "0"})]

    assert names("cpu") == [PROVIDERS["cpu"]]
    assert names("cuda:1") == [PROVIDERS["cuda"], PROVIDERS["cpu"]]
    assert names("tensorrt") == [PROVIDERS["tensorrt"], PROVIDERS["cuda"], PROVIDERS["cpu"]]


# One binding


def test_a_chain_on_the_cpu_copies_nothing_between_its_networks(
    path: Path, painter: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What one network writes is at the address where the next one reads, and nothing crossed a bus."""
    models = [ImageModel(path, device="cpu", precision="fp32"), ImageModel(painter, device="cpu", precision="fp32")]
    truth = models[1](models[0](frame()[None])[0])[0][0]
    seen: list[tuple[int, int]] = []
    link = ImageNetwork.link

    def noted(self: ImageNetwork, given: Tensor, made: Tensor) -> None:
        seen.append((given.address, made.address))
        link(self, given, made)

    monkeypatch.setattr(ImageNetwork, "link", noted)
    image = frame()
    for _ in range(3):
        made = chained(models, image)
        assert made is not None
        assert np.array_equal(made, truth)
    assert len(seen) == 6
    for (reads, writes), (reads_next, writes_next) in zip(seen[::2], seen[1::2], strict=True):
        assert reads == image.ctypes.data
        assert writes == reads_next
        assert writes_next != writes
    assert {writes for _, writes in seen[::2]} == {seen[0][1]}  # memory between them is used again
    assert [model.network.crossed for model in models] == [0, 0]


def test_effects_in_a_row_are_played_in_a_chain(path: Path, painter: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    effects = [gancam.load(one, device="cpu", precision="fp32") for one in (path, painter)]
    seen: list[int] = []
    whole = through(frame(), effects, after=seen.append)
    assert seen == [0, 1]
    monkeypatch.setattr("gancam.pipeline.chained", lambda *_: None)
    assert np.array_equal(through(frame(), effects), whole)


def test_an_effect_that_does_more_than_its_model_is_called(path: Path, painter: Path) -> None:
    sharp, painted = gancam.load(path, device="cpu"), gancam.load(painter, device="cpu")
    size = 128, 96
    assert sharp.bare_model(size) is sharp.model
    assert painted.bare_model(size) is painted.model
    for effect, name, value in [
        (sharp, "strength", 0.5), (sharp, "threshold", 0.0), (sharp, "stabilise", 0.5),
        (painted, "strength", 0.5), (painted, "colours", 0.5),
        (painted, "stabilise", 0.5), (painted, "region", "0/0/0.5/1"), (painted, "work_size", 64),
    ]:  # fmt: skip
        before = effect.params.value(name)
        setattr(effect.params, name, value)
        assert effect.bare_model(size) is None, name
        setattr(effect.params, name, before)
        assert effect.bare_model(size) is not None


def test_a_picture_by_itself_loses_its_blocks_in_a_chain_too() -> None:
    _, data = cv2.imencode(".jpg", frame(), [cv2.IMWRITE_JPEG_QUALITY, 60])
    saved = np.asarray(cv2.imdecode(data, cv2.IMREAD_COLOR), np.uint8)
    first, second = pair = [gancam.load(name, device="cpu", precision="fp32") for name in ("sr-x2", "sr-x2-fast")]
    assert first.bare_model((128, 96), time=0.0) is not None
    for time in (None, 0.0):
        assert np.array_equal(through(saved, pair, time=time), second(first(saved, time=time), time=time))
    assert not np.array_equal(through(saved, pair), through(saved, pair, time=0.0))


def test_the_next_frame_is_made_while_one_is_encoded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What a GPU computes and copies is beside the encoder's work: it holds each frame until the next has begun."""
    begun = [threading.Event() for _ in range(7)]
    begun[6].set()
    late: list[int] = []
    encode, order = WholeVideo.encode, iter(range(6))

    def held(self: WholeVideo, *arguments: Any) -> None:
        index = next(order)
        if not begun[index + 1].wait(120):
            late.append(index)
        encode(self, *arguments)

    def effect(image: Image) -> Image:
        next(one for one in begun if not one.is_set()).set()
        return image

    monkeypatch.setattr(WholeVideo, "encode", held)
    sink = VideoWriter(tmp_path / "out.mkv", VideoOptions(fps=30, size=(96, 64)))
    assert run(TestPattern((96, 64), frames=6), [effect], [sink]).frames == 6
    assert late == []


def test_a_chain_gives_way(path: Path, painter: Path) -> None:
    sharp, painted = ImageModel(path, device="cpu", precision="fp32"), ImageModel(painter, device="cpu")
    assert chained([sharp, painted], frame()[:95]) is None  # no multiple for the second
    assert chained([sharp, painted], frame()[..., 0:1]) is None
    assert chained([ImageModel(path, device="cpu", precision="int8"), painted], frame()) is None  # pixels outside
    lost = Raising.inside(
        painted, RuntimeError("CUDA failure 700: an illegal memory access was encountered"), place="cpu"
    )
    assert chained([sharp, painted], frame()) is None
    assert lost.calls == 1


def test_what_passes_between_networks_of_less_than_fp32_is_looked_at(path: Path, painter: Path) -> None:
    models = [ImageModel(path, device="cpu", precision="fp16"), ImageModel(painter, device="cpu")]
    played = [chained(models, frame()) is not None for _ in range(2 * chain._LOOK)]
    assert [at for at, one in enumerate(played) if not one] == [0, chain._LOOK]


def test_calls_of_one_shape_are_captured_and_give_the_same(path: Path) -> None:
    """The lines of a CUDA graph, on the CPU, which captures nothing: memory that stays, and the number of the graph."""
    plain = open_network(path, "cpu", 1)
    network = open_network(path, "cpu", 1, gpu=GpuOptions(graph=True))
    assert isinstance(network, ImageNetwork)
    frames = [np.ascontiguousarray(still(name)[None, :96, :128]) for name in ("otters", "lake", "sign")]
    for image in frames * 3:
        assert np.array_equal(network(image), plain(image))
    assert network._captured is not None
    assert len(network._captured._calls) == 1
    for side in (32, 48, 64):  # more shapes than there are graphs
        for _ in range(4):
            small = np.ascontiguousarray(frames[0][:, :side])
            assert np.array_equal(network(small), plain(small))
    assert [one.number for one in network._captured._calls.values()] == [1, 2, 3]
    first, second = network(frames[0]), network(frames[1])
    assert np.array_equal(first, plain(frames[0]))  # what was given stays the caller's
    assert not np.array_equal(first, second)


def test_a_generator_on_a_gpu_is_not_fed_nothing(tiny: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    z, ws = np.ones((2, 12), np.float32), np.ones((3, 5, 12), np.float32)
    model = Generator(tiny, device="cpu", precision="fp32")
    network = model._playing.network
    assert isinstance(network, GeneratorNetwork)
    w, images = model.mapping(z), model.synthesis(ws)
    network._unused = 1  # as on a GPU
    rows: list[int] = []
    whole = network._run

    def noted(wanted: list[str], given: dict[str, Any]) -> list[Any]:
        rows.extend(len(one) for one in given.values())
        return whole(wanted, given)

    monkeypatch.setattr(network, "_run", noted)
    assert np.array_equal(model.mapping(z), w)
    assert np.array_equal(model.synthesis(ws), images)
    assert min(rows) == 1


# What fails


class Raising:
    """A session that raises when it runs, in place of a real one, which it otherwise is."""

    def __init__(self, real: Any, error: Exception) -> None:
        self._real, self._error, self.calls = real, error, 0

    def __getattr__(self, name: str) -> Any:
        return getattr(self._real, name)

    def run_with_iobinding(self, *_: object) -> None:
        self.calls += 1
        raise self._error

    @classmethod
    def inside(cls, model: Model, error: Exception, **changes: Any) -> "Raising":
        """Put one into `model`, whose network then says that it is on a GPU."""
        network = model._playing.network
        made = cls(network._binding._session, error)
        network._binding._session = made
        network.device = network.place = "cuda"
        for name, value in changes.items():
            setattr(network, name, value)
        return made


LOST = RuntimeError("CUDA failure 719: unspecified launch failure ; GPU=0 ; hostname=box")


def test_a_lost_gpu_is_replaced_once_for_all_threads(path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """Eight threads fail together: one opens the CPU's session under the lock, and all give what it gives."""
    model = ImageModel(path, precision="fp32", threads=1)
    truth, image, found = model(frame()[None])[0].copy(), frame()[None], list[Any]()
    Raising.inside(model, LOST)
    barrier = threading.Barrier(8)

    def work() -> None:
        barrier.wait()
        found.append(model(image)[0])

    threads = [threading.Thread(target=work) for _ in range(8)]
    for one in threads:
        one.start()
    for one in threads:
        one.join()
    assert len(found) == 8
    assert all(np.array_equal(one, truth) for one in found)
    assert (model.device, model.precision) == ("cpu", "fp32")
    assert caplog.text.count("continuing on the CPU") == 1


def test_a_graph_that_fails_is_given_up_once(path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: Any) -> None:
    """First the same device without graphs; only then, and only under auto, the CPU."""
    model, named = ImageModel(path, precision="fp32"), ImageModel(path, device="cpu", precision="fp32")
    truth, opened = named(frame()[None])[0].copy(), list[tuple[str, bool]]()
    for one in (model, named):
        Raising.inside(one, RuntimeError("CUDA graph capture failed"), gpu=GpuOptions(tf32=True, graph=True))

    def again(path: Path, device: str, threads: int, spent: Any = None, **options: Any) -> Any:
        opened.append((device, options["gpu"].graph if options.get("gpu") else False))
        return open_network(path, "cpu", threads, spent)

    monkeypatch.setattr("gancam.inference.model.open_network", again)
    for one in (model, named):
        assert np.array_equal(one(frame()[None])[0], truth)
    assert opened == [("cuda", False)] * 2
    assert caplog.text.count("continuing without CUDA graphs") == 2


def test_a_full_gpu_halves_the_tiles_and_stays_on_it(path: Path, caplog: pytest.LogCaptureFixture) -> None:
    model = ImageModel(path, precision="fp32")
    text = "Available memory of 4096 is smaller than requested bytes of 25165824"
    Raising.inside(model, RuntimeError(text))
    with pytest.raises(OutOfMemory, match="GPU's memory is full"):
        model(frame()[None])
    assert model.device == "cuda"
    calls: list[int] = []

    def full(image: Image) -> Image:
        calls.append(image.shape[0] * image.shape[1])
        if calls[-1] > 60_000:
            raise OutOfMemory("cuda", "the GPU's memory is full", "smaller frames")
        return image

    image = np.random.default_rng(0).integers(0, 256, (400, 600, 3), dtype=np.uint8)
    budget = TileBudget(LIMIT, device=lambda: "cuda")
    assert np.array_equal(tiled(full, image, scale=1, overlap=2, budget=budget), image)
    assert "memory is full" in caplog.text


@pytest.mark.parametrize("text", [
    "CUDA failure 2: out of memory ; GPU=0", "CUBLAS failure 3: CUBLAS_STATUS_ALLOC_FAILED",
    "CUDNN_STATUS_ALLOC_FAILED", "Failed to allocate memory for requested buffer of size 1024",
    "Available memory of 10 is smaller than requested bytes of 20",
])  # fmt: skip
def test_words_for_full_memory(text: str) -> None:
    assert is_full(text)
    assert isinstance(explain("cuda:1", RuntimeError(text)), OutOfMemory)


def test_tiles_are_sized_by_the_memory_of_their_device() -> None:
    gigabyte = 1 << 30
    assert pixels_for("cuda", 80 * gigabyte) == LIMIT_ON_GPU  # 4K, 8.3 million pixels, is one call
    assert 2 * pixels_for("cuda", 8 * gigabyte) >= 3840 * 2160
    assert 2 * pixels_for("cuda", 2 * gigabyte) >= 1920 * 1080
    assert pixels_for("cuda:1", 0) == LEAST
    assert pixels_for("cpu", 80 * gigabyte) == LIMIT
    where = ["cuda"]
    budget = TileBudget(LIMIT_ON_GPU, device=lambda: where[0])
    assert budget.limit == LIMIT_ON_GPU
    where[0] = "cpu"  # it went on there
    assert LEAST <= budget.limit <= LIMIT


def test_nodes_that_a_gpu_leaves_to_the_cpu_are_named(path: Path) -> None:
    """On a session of the CPU alone: all of them are."""
    session = open_session(path, "cpu", 1)
    assert fallen(session, "cpu") == {}

    class Told:
        ep_name = PROVIDERS["cpu"]

        def __init__(self, *kinds: str) -> None:
            self._kinds = kinds

        def get_nodes(self) -> list[Any]:
            return [type("Node", (), {"op_type": kind}) for kind in self._kinds]

    class Session:
        def get_provider_graph_assignment_info(self) -> list[Any]:
            gpu = Told("Conv", "Conv")
            gpu.ep_name = PROVIDERS["cuda"]
            return [gpu, Told("Resize", "Shape"), Told("Resize"), Told("Gather")]

    assert fallen(Session(), "cuda:0") == {"Resize": 2, "Gather": 1}
    assert fallen(object(), "cuda") == {}


# What is tried, and chosen


def test_trials_on_a_gpu_see_a_picture_that_fills_it(path: Path, tiny: Path) -> None:
    network = open_network(path, "cpu", 1)
    (small,), (large,) = trial_input(network), trial_input(network, times=6)
    assert small.shape == (1, 160, 192, 3)
    assert large.shape == (1, 960, 1152, 3)
    assert np.array_equal(large[:, :160, :192], small)
    assert trial_input(open_network(tiny, "cpu", 1), times=6)[0].shape[1] == 12


def test_the_way_to_run_on_a_gpu_is_found_by_trial(path: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    seconds = {"plain": 0.012, "tf32": 0.006, "tf32 nhwc": 0.001, "tf32 graph": 0.0, "tf32 nhwc graph": 0.01}
    now = [0.0]
    monkeypatch.setattr(autotune, "time", SimpleNamespace(perf_counter=lambda: now[0]))
    opened: list[str] = []

    def open_way(way: str) -> Run:
        opened.append(way)
        if way == "tf32 graph":
            raise DeviceError("cuda", "the graph holds nodes of the CPU", "none")
        wrong = 200 if way == "tf32 nhwc" else 0

        def run() -> Any:
            now[0] += seconds[way]
            return np.full((8, 8), wrong, np.uint8)

        return run

    files = {"fp32": path}
    names = ways("fp32", exact=False)
    assert best_way(files, "cpu", "fp32", names, open_way) == GpuOptions(tf32=True)  # the next is wrong, one fails
    assert opened == names
    assert best_way(files, "cpu", "fp32", names, open_way) == GpuOptions(tf32=True)
    assert opened == names  # remembered


def test_int8_is_never_chosen_on_a_gpu(path: Path, caplog: pytest.LogCaptureFixture) -> None:
    only = {"int8": variants(path)["int8"]}
    for device in ("cuda", "tensorrt:1"):
        with pytest.raises(DeviceError, match="int8 alone, which is for the CPU"):
            choose(only, device)
    with caplog.at_level(logging.WARNING):
        assert Model(only["int8"]).device == "cpu"


# TensorRT


def test_an_engine_is_kept_for_what_it_was_built_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    shapes = {"image": ((1, 4, 4, 3), (1, 720, 1280, 3), (1, 2160, 3840, 3))}
    about: dict[str, Any] = {
        "digest": "a" * 64, "shapes": shapes, "half": True, "hardware": "H100, driver 580",
        "runtimes": {"onnxruntime": "1.31.1", "tensorrt": "101400"},
    }  # fmt: skip
    first = engine_folder(**about)
    assert first == engine_folder(**about)
    assert first.is_relative_to(tmp_path / "gancam" / "engines")
    others: list[dict[str, Any]] = [
        {"digest": "b" * 64}, {"half": False}, {"hardware": "H100, driver 590"}, {"hardware": "H200, driver 580"},
        {"shapes": {"image": ((1, 4, 4, 3), (1, 720, 1280, 3), (1, 1080, 1920, 3))}},
        {"runtimes": {"onnxruntime": "1.32.0", "tensorrt": "101400"}},
        {"runtimes": {"onnxruntime": "1.31.1", "tensorrt": "110000"}},
    ]  # fmt: skip
    folders = {engine_folder(**(about | other)) for other in others}
    assert len(folders | {first}) == len(others) + 1
    options = tensorrt_options(1, first, half=True, shapes=shapes)
    assert options["trt_engine_cache_enable"] == options["trt_timing_cache_enable"] == options["trt_fp16_enable"] == "1"
    assert options["trt_engine_cache_path"] == str(first)
    assert options["trt_timing_cache_path"] == str(first.parent)
    assert options["trt_profile_opt_shapes"] == "image:1x720x1280x3"


def test_shapes_of_an_engine_follow_the_card() -> None:
    card = ModelCard(name="a", effect="translate", minimum=16, multiple=16)
    free: list[int | str] = ["n", "h", "w", 3]
    assert engine_shapes(card, {"image": free})["image"] == ((1, 16, 16, 3), (1, 720, 1280, 3), (1, 2160, 3840, 3))
    eight = replace(card, multiple=32)
    assert engine_shapes(eight, {"image": free})["image"][1:] == ((1, 704, 1280, 3), (1, 2144, 3840, 3))
    fixed = replace(card, fixed_height=256, fixed_width=320)
    assert set(engine_shapes(fixed, {"image": [1, 256, 320, 3]})["image"]) == {(1, 256, 320, 3)}
    masked = replace(card, layout="masked")
    assert engine_shapes(masked, {"image": free, "hole": free[:3]})["hole"][0] == (1, 16, 16)
    latent = replace(card, layout="latent", latent=12, layers=5, resolution=16)
    assert engine_shapes(latent, {"z": ["n", 12], "ws": ["m", 5, 12]}) == {
        "z": ((1, 12), (1, 12), (16, 12)), "ws": ((1, 5, 12), (1, 5, 12), (16, 5, 12)),
    }  # fmt: skip


def test_building_an_engine_is_said_once(
    path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setattr("gancam.inference.tensorrt.hardware_of", lambda device: f"a GPU on {device}")
    half = variants(path)["fp16"]
    options = engine_options(half, "tensorrt", {"image": ["n", "h", "w", 3]})
    assert caplog.text.count("builds an engine, once") == 1
    folder = Path(options["trt_engine_cache_path"])
    assert folder.is_dir()
    assert options["trt_fp16_enable"] == "1"
    (folder / "engine").write_bytes(b"built")
    assert engine_options(half, "tensorrt", {"image": ["n", "h", "w", 3]}) == options
    assert caplog.text.count("builds an engine, once") == 1
    assert engine_options(path, "tensorrt", {"image": ["n", "h", "w", 3]})["trt_fp16_enable"] == "0"


@pytest.mark.skipif(HAS_CUDA and free_memory(0) is not None, reason="there is a GPU")
def test_tensorrt_that_is_refused_falls_back_to_cuda_with_one_line(
    path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with pytest.raises(DeviceError, match="device 'cuda'"):  # which is not here either
        Model(path, device="tensorrt:1")
    assert caplog.text.count("running on CUDA instead") == 1


# Page-locked memory


DRIVER = r"""
#include <stdlib.h>
#include <string.h>
static int held = 0;
int held_now(void) { return held; }
int cuInit(unsigned flags) { return 0; }
int cuDeviceGet(int *device, int index) { *device = index; return 0; }
int cuDevicePrimaryCtxRetain(void **context, int device) { *context = (void *)(long)(device + 1); return 0; }
int cuCtxPushCurrent_v2(void *context) { return context ? 0 : 201; }
int cuCtxPopCurrent_v2(void **context) { return 0; }
int cuMemGetInfo_v2(size_t *free, size_t *total) { *free = 3u << 30; *total = 1ul << 33; return 0; }
int cuMemHostAlloc(void **place, size_t size, unsigned flags) {
    if (size > 1 << 20) return 2;
    *place = malloc(size);
    held++;
    return 0;
}
int cuMemcpyDtoH_v2(void *to, unsigned long long from, size_t size) { memcpy(to, (void *)from, size); return 0; }
int cuMemFreeHost(void *place) { free(place); held--; return 0; }
"""
LOCKED = """if True:
    import ctypes, gc
    import numpy as np
    from gancam.inference.buffers import BufferPool
    from gancam.inference.binding import Tensor
    from gancam.inference.cuda import copy_to_host, free_memory, page_locked
    held = ctypes.CDLL("libcuda.so.1").held_now
    assert free_memory(0) == 3 << 30
    pool = BufferPool("cuda:0")
    first = pool.take((2, 3, 4, 3))
    first[:] = 7
    place = first.ctypes.data
    view = first[0, 1:, ::2]
    del first
    second = pool.take((2, 3, 4, 3))  # the view holds the first
    assert second.ctypes.data != place and held() == 2
    del view
    third = pool.take((2, 3, 4, 3))
    assert third.ctypes.data == place and held() == 2
    assert page_locked((1 << 21,), 0) is None  # refused: an ordinary array is used
    assert pool.take((1 << 21,)).shape == (1 << 21,)
    there = np.arange(72, dtype=np.uint8)
    assert copy_to_host(there.ctypes.data, third, 0)
    assert np.array_equal(third.reshape(-1), there)
    del second, third, pool
    gc.collect()
    assert held() == 0
    print("held")
"""


def test_page_locked_memory_is_used_again_and_given_back(tmp_path: Path) -> None:
    if sys.platform != "linux" or shutil.which("cc") is None:
        pytest.skip("needs Linux and a C compiler")
    (tmp_path / "driver.c").write_text(DRIVER)
    subprocess.run(["cc", "-shared", "-fPIC", "-o", "libcuda.so.1", "driver.c"], cwd=tmp_path, check=True)
    environment = {"LD_LIBRARY_PATH": str(tmp_path), "PYTHONPATH": ":".join(sys.path)}
    done = subprocess.run([sys.executable, "-c", LOCKED], capture_output=True, text=True, env=environment)
    assert done.stdout == "held\n", done.stderr


def test_libraries_of_wheels_are_found_wherever_on_the_path(tmp_path: Path) -> None:
    """PyTorch's CUDA may lie in another folder of packages than ONNX Runtime, which looks beside itself only."""
    if sys.platform != "linux" or shutil.which("cc") is None:
        pytest.skip("needs Linux and a C compiler")
    home = tmp_path / "site" / "nvidia" / "cu99" / "lib"
    home.mkdir(parents=True)
    (tmp_path / "one.c").write_text("int one(void) { return 1; }")
    command = ["cc", "-shared", "-fPIC", "-Wl,-soname,libgancamtest.so.99", "-o", str(home / "libgancamtest.so.99")]
    subprocess.run([*command, str(tmp_path / "one.c")], check=True)
    code = """if True:
        from gancam.inference.cuda import load_from_wheels, unloadable
        assert unloadable(["libgancamtest.so.99"]) == ["libgancamtest.so.99"]
        assert len(load_from_wheels(["libmissing.so.1", "libgancamtest.so.99"])) == 1
        assert unloadable(["libgancamtest.so.99"]) == []
    """
    environment = {"PYTHONPATH": ":".join([*sys.path, str(tmp_path / "site")])}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=environment)
    assert done.returncode == 0, done.stderr


def test_without_a_driver_arrays_are_ordinary_ones() -> None:
    if free_memory(0) is not None:
        pytest.skip("there is a GPU")
    assert page_locked((4, 4, 3), 0) is None
    assert BufferPool("cuda").take((4, 4, 3)).shape == (4, 4, 3)


def test_tensors_are_the_same_on_every_device(path: Path) -> None:
    array = np.arange(24, dtype=np.uint8).reshape(2, 4, 3)
    over, on = Tensor.over(array), Tensor.on("cpu", (2, 4, 3))
    assert over.address == array.ctypes.data
    assert (on.bytes, on.place, over.place) == (24, "cpu", "cpu")
    on.load(array)
    back = np.zeros_like(array)
    on.store(back)
    assert np.array_equal(back, array)
