"""What the converter of TensorFlow Lite networks refuses, and that the bundled one gives what its card says."""

from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from export import tflite
from gancam.errors import ModelError
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


class Options:
    """AddOptions and MulOptions of the package tflite, which need not be here: of an operator with this activation."""

    def Init(self, data: int, place: int) -> None:  # noqa: N802
        self.activation = data

    def FusedActivationFunction(self) -> int:  # noqa: N802
        return self.activation


@pytest.mark.parametrize("kind", ["Add", "Mul"])
@pytest.mark.parametrize(("activation", "taken"), [(None, True), (0, True), (1, False), (3, False)])
def test_an_activation_within_a_sum_or_product_is_not_lost(kind: str, activation: int | None, taken: bool) -> None:
    converter = tflite.Converter.__new__(tflite.Converter)
    converter.nodes, converter._image = [], {}
    converter._lite = SimpleNamespace(AddOptions=Options, MulOptions=Options)
    table = None if activation is None else SimpleNamespace(Bytes=activation, Pos=0)
    operator = SimpleNamespace(
        BuiltinOptions=lambda: table, InputsLength=lambda: 2, Inputs=lambda place: place, Outputs=lambda place: 2
    )
    if taken:
        tflite._OPERATORS[kind.upper()](converter, operator)
        assert [node.op_type for node in converter.nodes] == [kind]
        return
    with pytest.raises(ModelError, match=f"operator {kind.upper()} with an activation of its own"):
        tflite._OPERATORS[kind.upper()](converter, operator)


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
