"""Weights alone: what is in a pickle is never run, and networks that spandrel knows are exported."""

import os
import pickle
from pathlib import Path

import numpy as np
import pytest
import torch

import gancam
from gancam.errors import MissingExtra, ModelError, NotFound
from gancam.inference.importing.weights import export_weights


class Harmful:
    def __reduce__(self) -> tuple[object, tuple[str]]:
        return os.mkdir, (os.environ["GANCAM_TEST_HARM"],)


def test_no_pickle_is_executed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("spandrel", reason='needs pip install "gancam[import]"')
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
