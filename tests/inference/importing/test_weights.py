"""Weights alone: what is in a pickle is never run, and networks that spandrel knows are exported."""

import os
import pickle
import sys
from argparse import Namespace
from collections.abc import Callable
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch

import gancam
from gancam.errors import MissingExtra, ModelError, NotFound
from gancam.inference.importing.weights import export_weights
from gancam.inference.session import open_session


class Harmful:
    def __reduce__(self) -> tuple[object, tuple[str]]:
        return os.mkdir, (os.environ["GANCAM_TEST_HARM"],)


def test_no_pickle_is_executed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, known: Callable[..., None]) -> None:
    known(torch.nn.Conv2d(3, 3, 1))
    harm = tmp_path / "harm"
    monkeypatch.setenv("GANCAM_TEST_HARM", str(harm))
    plain, zipped = tmp_path / "a.pth", tmp_path / "b.pth"
    plain.write_bytes(pickle.dumps({"params": Harmful()}))
    torch.save({"params": Harmful()}, zipped)
    for path in (plain, zipped):
        with pytest.raises(ModelError, match="Code in a pickle is never run"):
            gancam.load(path)
    assert not harm.exists()


def test_what_spandrel_does_not_know(tmp_path: Path) -> None:
    pytest.importorskip("spandrel", reason='needs pip install "gancam[import]"')
    torch.save({"a.weight": torch.zeros(3)}, tmp_path / "a.pth")
    with pytest.raises(ModelError, match="spandrel knows no network of these weights"):
        export_weights(tmp_path / "a.pth", tmp_path / "a.onnx")
    with pytest.raises(NotFound):
        gancam.load(tmp_path / "none.pth")


@pytest.mark.parametrize("ending", ["pth", "safetensors"])
def test_weights_of_a_known_network_play(tmp_path: Path, ending: str) -> None:
    pytest.importorskip("spandrel", reason='needs pip install "gancam[import]"')
    from spandrel.architectures.Compact.__arch.SRVGG import SRVGGNetCompact

    torch.manual_seed(0)
    network = SRVGGNetCompact(num_feat=16, num_conv=2, upscale=2)
    path = tmp_path / f"2x_tiny.{ending}"
    if ending == "pth":
        torch.save({"params_ema": network.state_dict()}, path)
    else:
        pytest.importorskip("safetensors.torch").save_file(network.state_dict(), str(path))
    effect = gancam.load(path)
    image = np.random.default_rng(0).integers(0, 256, (33, 47, 3), dtype=np.uint8)
    with torch.no_grad():
        given = torch.from_numpy(image[..., ::-1].copy()).permute(2, 0, 1)[None] / 255.0
        wanted = (network(given)[0].permute(1, 2, 0).numpy()[..., ::-1] * 255).clip(0, 255)
    assert np.abs(effect(image).astype(float) - wanted).max() < 0.6


def test_without_spandrel_the_extra_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "spandrel", None)
    torch.save({}, tmp_path / "a.pth")
    with pytest.raises(MissingExtra, match=r"gancam\[import\]"):
        gancam.load(tmp_path / "a.pth")


class _Unsupported(Exception):
    pass


class _Described:
    """What spandrel says of a network, and how it calls it."""

    def __init__(self, model: torch.nn.Module, call: Callable[..., torch.Tensor], purpose: str = "Restoration") -> None:
        self.model, self.call, self.purpose = model, call, purpose
        self.input_channels = self.output_channels = 3
        self.scale = 1
        self.size_requirements = SimpleNamespace(multiple_of=1, minimum=0, square=False)

    def __call__(self, *given: torch.Tensor) -> torch.Tensor:
        return self.call(self.model, *given).clamp(0, 1)


@pytest.fixture
def known(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Have a package `spandrel` that knows one network: that of the weights `weight` and `bias`."""

    def knows(
        model: torch.nn.Module, call: Callable[..., torch.Tensor] = lambda model, x: model(x), **more: str
    ) -> None:
        def load(state: dict[str, torch.Tensor]) -> _Described:
            if "weight" not in state:
                raise _Unsupported
            model.load_state_dict(state)
            return _Described(model, call, **more)

        module: Any = ModuleType("spandrel")
        module.ModelLoader = lambda device: SimpleNamespace(load_from_state_dict=load)
        module.UnsupportedModelError, module.MaskedImageModelDescriptor = _Unsupported, int
        monkeypatch.setitem(sys.modules, "spandrel", module)

    return knows


def _played(path: Path, image: torch.Tensor) -> Any:
    """What the exported network makes of `image`; its size is that of the graph where that has one alone."""
    answers = export_weights(path, path.with_suffix(".onnx"))
    session = open_session(path.with_suffix(".onnx"), "cpu", 1)
    return session.run(None, {"image": image.numpy()})[0], session.get_inputs()[0].shape, answers


def _kept(state: dict[str, torch.Tensor], how: str) -> object:
    """A checkpoint as people publish them."""
    named = {f"generator.{key}": one for key, one in state.items()}
    return {
        "two": {"g": state, "d": {"other": torch.zeros(2)}},
        "lightning": {"state_dict": {**named, "discriminator.other": torch.zeros(2)}, "epoch": 3},
        "compiled": {"params": {f"_orig_mod.module.{key}": one for key, one in state.items()}},
        "averaged": {
            "params_ema": {**{f"module.{key}": one for key, one in state.items()}, "n_averaged": torch.ones(())}
        },
        "training": {"net": state, "best": np.float64(31.5), "args": Namespace(lr=1e-4), "optimizer": {"state": {}}},
        "half": {key: one.half() for key, one in state.items()},
    }[how]


@pytest.mark.parametrize("how", ["two", "lightning", "compiled", "averaged", "training", "half"])
def test_checkpoints_as_they_are_published(how: str, known: Callable[..., None], tmp_path: Path) -> None:
    torch.manual_seed(0)
    network = torch.nn.Conv2d(3, 3, 3, padding=1)
    image = torch.rand(1, 3, 24, 40)
    wanted = network(image).detach().clamp(0, 1).numpy()
    known(torch.nn.Conv2d(3, 3, 3, padding=1))
    torch.save(_kept(network.state_dict(), how), tmp_path / "a.ckpt")
    assert np.abs(_played(tmp_path / "a.ckpt", image)[0] - wanted).max() < (2e-3 if how == "half" else 1e-5)


def _in_place(model: torch.nn.Module, x: torch.Tensor) -> torch.Tensor:
    x *= 2.0
    made: torch.Tensor = model(x) / 2.0
    return made


def test_networks_are_called_as_spandrel_does(known: Callable[..., None], tmp_path: Path) -> None:
    torch.manual_seed(0)
    image = torch.rand(1, 3, 24, 40)
    for channels, call in (
        (4, lambda model, x: model(torch.cat([x, torch.zeros_like(x[:, :1]) + 0.1], 1))),  # a level of noise
        (3, lambda model, x: (model(x), 1)[0]),
        (3, _in_place),
    ):
        network = torch.nn.Conv2d(channels, 3, 3, padding=1)
        known(network, call)
        torch.save(network.state_dict(), tmp_path / "a.pth")
        with torch.no_grad():
            wanted = call(network, image.clone()).clamp(0, 1).numpy()
        assert np.abs(_played(tmp_path / "a.pth", image)[0] - wanted).max() < 1e-5


def test_a_trace_that_holds_for_one_size_is_exported_for_that(known: Callable[..., None], tmp_path: Path) -> None:
    """Masks of shifted windows are made for the size that is seen: of another one they run, and are wrong."""
    torch.manual_seed(0)
    network = torch.nn.Conv2d(3, 3, 1)
    known(network, lambda model, x: model(x) * (0.5 if x.shape[3] == 64 else 0.9), purpose="FaceSR")
    torch.save(network.state_dict(), tmp_path / "a.pth")
    image = torch.rand(1, 3, 192, 192)
    made, shape, answers = _played(tmp_path / "a.pth", image)
    assert shape == [1, 3, 192, 192]
    assert answers["effect"] == "faces"
    with torch.no_grad():
        assert np.abs(made - (network(image) * 0.9).clamp(0, 1).numpy()).max() < 1e-5


def test_what_is_wrong_with_weights_is_said(known: Callable[..., None], tmp_path: Path) -> None:
    network = torch.nn.Conv2d(3, 3, 1)
    known(network)
    path = tmp_path / "a.pth"
    for kept, said in (
        (network, "holds a network as Python objects, not weights by name"),
        ([network.state_dict()], "holds list, not weights by name"),
        ({"params": {f"a{one}": torch.zeros(2) for one in range(5)}}, r"\(it has a0, a1, a2 and 2 more\)"),
        ({}, r"\(there are none in it\)"),
        ({"weight": torch.zeros(3, 3, 1, 1)}, 'Missing key.* "bias"'),
        ({"weight": torch.full((3, 3, 1, 1), torch.nan), "bias": torch.zeros(3)}, "not finite"),
    ):
        torch.save(kept, path)
        with pytest.raises(ModelError, match=said):
            export_weights(path, tmp_path / "a.onnx")
    pytest.importorskip("safetensors")
    (tmp_path / "a.safetensors").write_bytes(b"\x40\0\0\0\0\0\0\0{")
    with pytest.raises(ModelError, match="is damaged or cut off: download it again"):
        export_weights(tmp_path / "a.safetensors", tmp_path / "a.onnx")
