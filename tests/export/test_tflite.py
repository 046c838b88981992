"""What the converter of TensorFlow Lite networks refuses, and that the bundled one gives what its card says."""

from pathlib import Path

import numpy as np
import pytest

from export import tflite
from gancam.inference.catalog import MODELS
from gancam.inference.model import ImageModel


def test_what_is_no_such_file_is_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("tflite")
    for name, data in (("text.tflite", b"no network at all"), ("short.tflite", b"")):
        (tmp_path / name).write_bytes(data)
        assert tflite.main([str(tmp_path / name), "-o", str(tmp_path / "out.onnx")]) == 2
    assert tflite.main([str(tmp_path / "none.tflite"), "-o", str(tmp_path / "out.onnx")]) == 2
    said = capsys.readouterr().err.splitlines()
    assert [line.split(":")[0] for line in said] == ["export"] * 3
    assert "no TensorFlow Lite file" in said[0]
    assert not (tmp_path / "out.onnx").exists()


def test_nothing_is_overwritten(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "out.onnx").write_bytes(b"mine")
    assert tflite.main(["any.tflite", "-o", str(tmp_path / "out.onnx")]) == 2
    assert "give another name" in capsys.readouterr().err
    assert (tmp_path / "out.onnx").read_bytes() == b"mine"


@pytest.mark.parametrize("size", [(32, 32), (144, 256), (256, 144), (160, 208)])
def test_the_bundled_network_takes_any_shape(size: tuple[int, int]) -> None:
    model = ImageModel(MODELS / "background.onnx", device="cpu", threads=1)
    found = model(np.zeros((2, *size, 3), np.uint8))[0]
    assert found.shape == (2, *size, 3)
    assert (found[..., :1] == found).all()
    assert found.max() < 128  # nobody in the dark
