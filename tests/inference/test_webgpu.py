"""WebGPU: what is asked of it, said of it and chosen without it; and, where it is, that it gives what the CPU gives."""

import logging
import os
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from gancam.errors import DeviceError, GancamError, OutOfMemory, ParameterError
from gancam.inference import autotune, model, trials, webgpu
from gancam.inference.autotune import beats_cpu, choose, usable
from gancam.inference.binding import Binding, Tensor, place_of
from gancam.inference.half import to_fp16
from gancam.inference.model import Generator, ImageModel, Model
from gancam.inference.providers import is_cuda
from gancam.inference.rounding import with_floor
from gancam.inference.session import explain, open_session, prepare
from gancam.inference.tiling import LIMIT, pixels_for
from gancam.inference.variants import variants
from gancam.inference.webgpu import ALLOW_SOFTWARE, Adapter, plugin_device, webgpu_is_likely
from gancam.tools.doctor import devices
from tests.helpers.small import generator, network, still, write_generator, write_models


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_models(tmp_path_factory.mktemp("models"), network())


@pytest.fixture
def machine(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., None]]:
    """Lets WebGPU find the adapters that are given."""

    def has(*found: Adapter) -> None:
        for module in (webgpu, trials):
            monkeypatch.setattr(module, "adapters", lambda: found)
        trials.hardware.cache_clear()

    yield has
    trials.hardware.cache_clear()


GPU, SOFTWARE = Adapter("Radeon of a test"), Adapter("SwiftShader of a test", software=True)


# Names, and what belongs to CUDA alone


@pytest.mark.parametrize("device", ["webgpu:0", "webgpu:1", "webgpu:", "WebGPU"])
def test_webgpu_has_no_number(path: Path, device: str) -> None:
    with pytest.raises(ParameterError, match="must be auto, cpu, cuda, tensorrt, webgpu, or cuda:N"):
        Model(path, device=device)


def test_nothing_of_cuda_is_asked_for_webgpu(path: Path) -> None:
    assert [one for one in ("cpu", "cuda:1", "tensorrt", "webgpu") if is_cuda(one)] == ["cuda:1", "tensorrt"]
    assert place_of("webgpu") == Tensor.on("webgpu", (1, 2)).place == "cpu"
    assert Binding(open_session(path, "cpu", 1), "webgpu").uncaptured is None
    assert pixels_for("webgpu") == LIMIT  # nothing tells how much memory is free there


# What is missing


def test_without_the_plugin_it_is_said_how_to_get_it(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(webgpu, "_MODULE", "no_plugin_of_that_name")
    webgpu.adapters.cache_clear()
    assert not webgpu_is_likely()
    for ask in (lambda: Model(path, device="webgpu"), lambda: prepare("webgpu"), webgpu.adapters):
        with pytest.raises(DeviceError, match=r"onnxruntime-ep-webgpu.*pip install \"gancam\[webgpu\]\"|for Macs with"):
            ask()


@pytest.mark.skipif(sys.platform != "linux", reason="Vulkan is asked on Linux only")
def test_without_vulkan_its_packages_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(webgpu, "_VULKAN", "libvulkan_of_nobody.so.1")
    with pytest.raises(DeviceError, match=r"libvulkan_of_nobody.so.1 cannot be loaded\); sudo apt install libvulkan1"):
        webgpu._of_vulkan()


@pytest.mark.parametrize(
    ("said", "why", "cure", "kind"),
    [
        ("Failed to get a WebGPU adapter: No supported adapters", "cannot use Radeon of a test", "driver", DeviceError),
        ("Program Conv requires f16 but the device does not support it.", "no 16-bit", "precision fp32", DeviceError),
        ("Out of memory", "memory is full", "smaller frames", OutOfMemory),
        ("Buffer size (5) exceeds the max buffer size limit (4).", "memory is full", "smaller frames", OutOfMemory),
        ("device lost", "device lost", "--device cpu", DeviceError),
        ("", "would not use onnxruntime-ep-webgpu", "--device cpu", DeviceError),
    ],
)
def test_what_the_plugin_says_is_explained(
    said: str, why: str, cure: str, kind: type[DeviceError], machine: Callable[..., None]
) -> None:
    machine(GPU)
    error = explain("webgpu", RuntimeError(said) if said else None)
    assert type(error) is kind
    assert why in error.why and cure in error.cure and "nvidia" not in str(error)  # noqa: PT018


def test_doctor_says_that_there_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(devices, "plugin_version", lambda: "")
    check = devices._webgpu()
    assert (check.name, check.verdict) == ("webgpu", "absent")
    assert 'pip install "gancam[webgpu]"' in check.cure


@pytest.mark.parametrize(
    ("items", "trouble", "verdict", "seen"),
    [
        ([{"chosen": "fp32", "auto": "webgpu"}, {"run": {"precision": "fp32", "ms": 4.0, "psnr": 70.0}}], "", "ok",
         "Radeon of a test: fp32 4 ms"),
        ([{"chosen": "fp32", "auto": "cpu"}, {"run": {"precision": "fp32", "ms": 4.0, "psnr": 70.0}},
          {"run": {"precision": "fp16", "error": "no 16-bit numbers"}}], "", "warning", "not faster than the CPU"),
        ([{"chosen": "fp32", "auto": "cpu"}, {"run": {"precision": "fp32", "ms": 4.0, "psnr": 7.0}}], "", "problem",
         "inaccurate here"),
        ([{"lack": ["sees no GPU", "a driver"]}], "", "problem", "sees no GPU"),
        ([], "", "absent", "software: Radeon of a test"),
        ([], "crashed (SIGABRT)", "problem", "the trial crashed"),
    ],
)  # fmt: skip
def test_doctor_judges_what_it_saw(
    items: list[dict[str, Any]], trouble: str, verdict: str, seen: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(devices, "plugin_version", lambda: "0.4.0")
    monkeypatch.setattr(devices, "in_child", lambda *_: ([{"gpus": [asdict(GPU)]}, *items], trouble))
    check = devices._webgpu()
    assert check.verdict == verdict
    assert seen in check.seen
    assert check.cure or verdict == "ok"


# What is chosen


def test_auto_takes_no_software_for_a_gpu(
    path: Path, machine: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    machine(SOFTWARE)
    monkeypatch.setattr(model, "cuda_is_likely", lambda: False)
    monkeypatch.setattr(model, "beats_cpu", lambda *_: pytest.fail("it was even tried"))
    assert Model(path, precision="fp32", threads=1).device == "cpu"
    machine(SOFTWARE, GPU)
    assert webgpu_is_likely()


@pytest.mark.parametrize(("gpu", "taken"), [(0.010, ["webgpu"]), (0.019, []), (0.400, [])])
def test_auto_takes_what_is_much_faster_than_the_cpu(
    path: Path, gpu: float, taken: list[str], machine: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    machine(GPU)
    kept = f"{path.name} {gpu}"  # of this case alone
    monkeypatch.setattr(trials, "cpu_model", lambda: kept)
    monkeypatch.setattr(trials, "plugin_version", lambda: kept)
    monkeypatch.setattr(model, "cuda_is_likely", lambda: False)
    monkeypatch.setattr(autotune, "choose", lambda files, where, **more: choose(files, "cpu", **more))
    monkeypatch.setattr(autotune, "_run", lambda path, device, threads, **more: lambda: np.zeros(1, np.uint8))
    monkeypatch.setattr(autotune, "_least", lambda runs: dict(zip(runs, (0.020, gpu), strict=True)))
    files = {"fp32": path}
    assert model._gpus_for(files, "fp32", 1) == taken
    monkeypatch.setattr(autotune, "_least", lambda runs: pytest.fail("it was tried again"))
    assert beats_cpu(files, "webgpu", "fp32", 1) is bool(taken)
    assert model._gpus_for(files, "int8", 1) == []


def test_auto_that_finds_no_plugin_after_all_goes_on_with_a_word(
    path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(model, "cuda_is_likely", lambda: False)
    monkeypatch.setattr(model, "webgpu_is_likely", lambda: True)
    monkeypatch.setattr(webgpu, "_MODULE", "no_plugin_of_that_name")
    webgpu.adapters.cache_clear()
    assert Model(path, precision="fp32", threads=1).device == "cpu"
    assert caplog.text.count("running on the CPU instead") == 1


def test_another_picture_than_the_cpus_is_refused(
    path: Path, machine: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A driver that computes wrongly, and one whose 16 bits alone do."""
    machine(SOFTWARE)
    files = variants(path)
    real, wrong = autotune._run, set[str]()

    def run(path: Path, device: str, threads: int, *, precision: str, **more: Any) -> autotune.Run:
        made = real(path, "cpu", threads, precision=precision, **more)
        return (lambda: 255 - made()) if device == "webgpu" and precision in wrong else made

    monkeypatch.setattr(autotune, "_run", run)
    for number, (now, right) in enumerate([({"fp16"}, "fp32"), ({"fp32", "fp16"}, None)]):
        monkeypatch.setattr(trials, "plugin_version", lambda number=number: f"test {number}")
        trials.hardware.cache_clear()
        wrong |= now
        if right:
            assert usable(files, "webgpu", 1) == [right]
        else:
            with pytest.raises(DeviceError, match=r"inaccurate on this GPU .*; use --device cpu"):
                usable(files, "webgpu", 1)
            with pytest.raises(DeviceError, match="inaccurate on this GPU"):
                choose(files, "webgpu", precision="fp32")


def test_int8_is_never_chosen_on_webgpu(path: Path, machine: Callable[..., None]) -> None:
    machine(GPU)
    with pytest.raises(DeviceError, match="int8 alone"):
        usable({"int8": path.with_name("small.int8.onnx")}, "webgpu", 1)


# Rounding without Round


def test_floor_gives_what_round_gives(path: Path, tmp_path: Path) -> None:
    model = with_floor(path.read_bytes())
    assert b"Floor" in model
    assert with_floor(model) == model
    assert with_floor(b"no model") == b"no model"
    images = np.ascontiguousarray(still("otters")[None, :48, :64])
    for name, made, differ in (("floor", model, 0.001), ("half", to_fp16(model), 0.05)):  # 16 bits have many halves
        (tmp_path / f"{name}.onnx").write_bytes(made)
        found = ImageModel(tmp_path / f"{name}.onnx", device="cpu", precision="fp32", threads=1)(images)[0]
        truth = ImageModel(path, device="cpu", precision="fp32" if name == "floor" else "fp16", threads=1)(images)[0]
        assert np.abs(found.astype(int) - truth).max() <= 1
        assert np.mean(found != truth) < differ


# On a device, where there is one; with ALLOW_SOFTWARE=1 in the environment, a Vulkan driver for the CPU does


def _device_is_here() -> bool:
    try:
        plugin_device()
        return any(not one.software for one in webgpu.adapters()) or os.environ.get(ALLOW_SOFTWARE) == "1"
    except GancamError:
        return False


on_a_device = pytest.mark.skipif(not _device_is_here(), reason="needs gancam[webgpu] and a GPU")


@on_a_device
@pytest.mark.slow
def test_it_gives_what_the_cpu_gives(path: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """At sizes of all kinds, several images, two sessions, two threads; nothing of it falls to the CPU."""
    caplog.set_level(logging.INFO)
    truth = ImageModel(path, device="cpu", precision="fp32", threads=1)
    models = [ImageModel(path, device="webgpu") for _ in range(2)]
    assert {one.device for one in models} == {"webgpu"}
    assert not models[0].fallen
    sizes = [(1, 8, 8), (2, 16, 24), (1, 31, 17), (1, 16, 24)]
    pictures = [np.random.default_rng(0).integers(0, 256, (*size, 3), dtype=np.uint8) for size in sizes]
    found: dict[int, list[Any]] = {}

    def work(number: int) -> None:
        found[number] = [models[number](images)[0] for images in pictures]

    threads = [threading.Thread(target=work, args=(number,)) for number in range(2)]
    for one in threads:
        one.start()
    for one in threads:
        one.join()
    for shown in found.values():
        for images, made in zip(pictures, shown, strict=True):
            assert np.abs(made.astype(int) - truth(images)[0]).max() <= 1
    tiny = write_generator(tmp_path, generator())
    z = np.random.default_rng(0).standard_normal((2, 12), np.float32)
    ours, theirs = (Generator(tiny, device=one, precision="fp32")(z)[0].astype(int) for one in ("webgpu", "cpu"))
    assert np.abs(ours - theirs).max() <= 1


@on_a_device
@pytest.mark.slow
def test_effects_in_a_row_play_on_it(path: Path, tmp_path: Path) -> None:
    image, out = tmp_path / "in.png", tmp_path / "out.png"
    cv2.imwrite(str(image), still("otters")[:24, :32])
    words = ["process", str(image), str(out), *("-e", str(path)) * 2, "--device", "webgpu"]
    done = subprocess.run([sys.executable, "-m", "gancam", *words], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert np.asarray(cv2.imread(str(out))).shape == (96, 128, 3)
