"""Files from strangers: what is refused before a library opens it."""

import os
import shutil
import sys
import time
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import helper, numpy_helper

import gancam
from gancam.errors import ModelError, NotFound
from gancam.inference.catalog import MODELS
from gancam.inference.importing import safety
from gancam.inference.importing.adopt import adapt
from tests.helpers.foreign import Case, write_case


def model_of(*nodes: onnx.NodeProto, constants: tuple[onnx.TensorProto, ...] = ()) -> onnx.ModelProto:
    value = helper.make_tensor_value_info("x", 1, [1, 3, "h", "w"])
    given = helper.make_tensor_value_info("y", 1, [1, 3, "h", "w"])
    graph = helper.make_graph(list(nodes), "g", [value], [given], list(constants))
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17), helper.make_opsetid("evil", 1)])


def test_facts_are_those_that_onnx_tells(tmp_path: Path) -> None:
    path = write_case(Case(scale=2), tmp_path / "a.onnx")
    facts = safety.check_safe(path)
    model = onnx.load(path)
    assert facts.nodes == len(model.graph.node)
    assert (set(facts.domains), facts.external) == ({""}, ())
    assert safety.is_foreign(path)
    assert not safety.is_foreign(MODELS / "sr-x2.onnx")


def test_custom_operators_are_refused_wherever_they_are(tmp_path: Path) -> None:
    inner = helper.make_graph([helper.make_node("Run", ["x"], ["z"], domain="evil")], "i", [], [
        helper.make_tensor_value_info("z", 1, None)])  # fmt: skip
    condition = numpy_helper.from_array(np.array(True), "c")
    hidden = helper.make_node("If", ["c"], ["y"], then_branch=inner, else_branch=inner)
    for node in (helper.make_node("Run", ["x"], ["y"], domain="evil"), hidden):
        onnx.save(model_of(node, constants=(condition,)), tmp_path / "a.onnx")
        with pytest.raises(ModelError, match=r"'evil'.*custom operators are not run"):
            safety.check_safe(tmp_path / "a.onnx")


@pytest.mark.parametrize("name", ["../secret", "/etc/passwd", "C:\\secret", "a/../../secret", "\\\\host\\x"])
def test_files_outside_its_folder_are_not_read(tmp_path: Path, name: str) -> None:
    with pytest.raises(ModelError, match="outside its own folder"):
        safety.check_safe(external(tmp_path, name))


def external(folder: Path, name: str) -> Path:
    tensor = numpy_helper.from_array(np.ones((1, 3, 1, 1), np.float32), "k")
    onnx.external_data_helper.set_external_data(tensor, name)
    tensor.ClearField("raw_data")
    tensor.data_location = onnx.TensorProto.EXTERNAL
    model = model_of(helper.make_node("Mul", ["x", "k"], ["y"]), constants=(tensor,))
    path = folder / "a.onnx"
    path.write_bytes(model.SerializeToString())
    return path


@pytest.mark.skipif(os.name == "nt", reason="links need a privilege there")
def test_nor_through_a_link(tmp_path: Path) -> None:
    (tmp_path / "secret").write_bytes(bytes(12))
    folder = tmp_path / "models"
    folder.mkdir()
    (folder / "weights").symlink_to(tmp_path / "secret")
    with pytest.raises(ModelError, match="a link out of its own folder"):
        safety.check_safe(external(folder, "weights"))


def test_what_is_beside_it_is_read(tmp_path: Path) -> None:
    path = external(tmp_path, "weights")
    with pytest.raises(ModelError, match="not beside it: put it there"):
        safety.check_safe(path)
    (tmp_path / "weights").write_bytes(np.ones(3, np.float32).tobytes())
    assert safety.check_safe(path).external == ("weights",)


def test_limits(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write_case(Case(), tmp_path / "a.onnx")
    monkeypatch.setattr(safety, "MOST_NODES", 3)
    with pytest.raises(ModelError, match="operators, more than 3"):
        safety.check_safe(path)
    monkeypatch.setattr(safety, "MOST_BYTES", 10)
    with pytest.raises(ModelError, match="GB, more than"):
        safety.check_safe(path)


def test_what_is_no_model(tmp_path: Path) -> None:
    with pytest.raises(NotFound):
        safety.check_safe(tmp_path / "none.onnx")
    whole = write_case(Case(), tmp_path / "a.onnx").read_bytes()
    for content in (b"", b"\x80\x04pickle", b"hello, I am a text\n", whole[:-7], bytes(100), b"\x0a\x00"):
        path = tmp_path / "b.onnx"
        path.write_bytes(content)
        with pytest.raises(ModelError):
            safety.check_safe(path)


@pytest.mark.skipif(sys.platform != "linux", reason="the limit is Linux's")
def test_a_graph_that_wants_more_memory_than_there_is(tmp_path: Path) -> None:
    sides = numpy_helper.from_array(np.array([1, 3, 2**20, 2**20]), "sides")  # 13 TB
    nodes = helper.make_node("ConstantOfShape", ["sides"], ["z"]), helper.make_node("Add", ["x", "z"], ["y"])
    onnx.save(model_of(*nodes, constants=(sides,)), tmp_path / "a.onnx")
    began = time.monotonic()
    with pytest.raises(ModelError, match=r"a\.onnx"):
        adapt(tmp_path / "a.onnx", tmp_path / "b.onnx")
    assert time.monotonic() - began < 60


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("a.onnx", b"version https://git-lfs.github.com/spec/v1\noid sha256:0\n", "a pointer of Git LFS"),
        ("a.onnx", b"\n<!DOCTYPE html><html></html>", "a web page, not the model"),
        ("a.onnx", b"\x1f\x8b\x08" + bytes(40), "packed by gzip"),
        ("a.onnx", b"Rar!\x1a\x07\x01" + bytes(40), "packed by RAR"),
        ("a.tflite", b"\x1c\x00\x00\x00TFL3" + bytes(40), "a model of TensorFlow Lite.*tf2onnx"),
        ("a.h5", b"\x89HDF\r\n" + bytes(40), "a model of Keras"),
        ("a.param", b"7767517\n3 3\n", "a model of ncnn"),
        ("a.onnx.data", bytes(40), "the weights of an ONNX model"),
        ("a.engine", bytes(40), "built by TensorRT"),
        ("b.onnx", b"<!-- saved --><html></html>", "a web page, not the model"),
        ("c.onnx", b"Invalid username or password.", r"a text, not the model \('Invalid username or password.'\)"),
        ("d.onnx", b"\xfd7zXZ\x00" + bytes(40), "packed by xz"),
        ("e.onnx", bytes(257) + b"ustar" + bytes(40), "packed by tar"),
        ("f.onnx", b"Salted__" + bytes(40), "encrypted: decrypt it first"),
        ("g.onnx", b"\x89PNG\r\n\x1a\n" + bytes(40), "a PNG picture, no model"),
        ("h.onnx", b"RIFF\x00\x10\x00\x00WEBPVP8 " + bytes(40), "a WebP picture, no model"),
        ("i.onnx", b'\x08\x00\x00\x00\x00\x00\x00\x00{"a":{}}', "a file of weights in safetensors: name it"),
        ("a.gguf", b"GGUF\x03\x00", r"a model of llama.cpp \(GGUF\)"),
        ("a.onnx.part", b"\x08\x08", "a download that has not ended"),
        ("a.msgpack", b"\x81\xa1", "a file, but not a model that gancam can read: an .onnx, weights"),
        ("a.pth", b"version https://git-lfs.github.com/spec/v1\n", "a pointer of Git LFS"),
        ("b.pth", b"PK\x03\x04" + bytes(40), "an archive that is damaged or cut off"),
    ],
)
def test_files_of_another_kind_are_named(name: str, content: bytes, said: str, tmp_path: Path) -> None:
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(ModelError, match=rf"{name} is {said}"):
        gancam.load(path)


@pytest.mark.parametrize(
    ("name", "inside", "said"),
    [
        ("a.onnx", ["model/net.onnx"], "packed: unpack model/net.onnx from it first"),
        ("a.zip", ["readme.txt"], "packed: unpack it first"),
        ("b.onnx", ["net/data.pkl", "net/data/0"], "a file of weights that PyTorch saved: name it .pth"),
        ("a.pt", ["net/data.pkl", "net/constants.pkl", "net/code/a.py"], "a program of TorchScript"),
        ("a.pt2", ["net/archive_format", "net/models/model.json"], "a program of torch.export"),
        ("a.keras", ["config.json", "model.weights.h5"], "a model of Keras"),
        ("a.npz", ["a.npy"], "an array of NumPy"),
    ],
)
def test_archives_are_named_by_what_is_in_them(name: str, inside: list[str], said: str, tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / name, "w") as archive:
        for one in inside:
            archive.writestr(one, b"")
    with pytest.raises(ModelError, match=rf"{name} is {said}"):
        gancam.load(tmp_path / name)


def test_folders_are_named(tmp_path: Path) -> None:
    (tmp_path / "net").mkdir()
    with pytest.raises(ModelError, match="net is a folder, but not a model that gancam can read"):
        gancam.load(tmp_path / "net")
    (tmp_path / "net" / "saved_model.pb").touch()
    with pytest.raises(ModelError, match=r"net is a model of TensorFlow.*tf2onnx"):
        gancam.load(tmp_path / "net")


def test_a_download_that_ended_early_is_told(tmp_path: Path) -> None:
    whole = write_case(Case(), tmp_path / "a.onnx").read_bytes()
    (tmp_path / "a.onnx").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(ModelError, match=r"a\.onnx is cut off, [\d,]+ bytes before its end or more: download it again"):
        gancam.load(tmp_path / "a.onnx")


@pytest.mark.parametrize("name", ["a.ONNX", "a.pth", "a.PT", "a.bin", "a.safetensors"])
def test_a_model_is_known_by_what_is_in_it(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    path = write_case(Case(scale=2), tmp_path / "net.onnx").rename(tmp_path / name)
    assert gancam.load(path, device="cpu").output_size((8, 6)) == (16, 12)
    assert gancam.load(f"{path}:strength=0.5", device="cpu").params.value("strength") == 0.5
    assert adapt(path, tmp_path / "made.onnx").card.scale == 2
    shutil.copy(MODELS / "sr-x2-fast.onnx", path)
    assert gancam.load(path, device="cpu").card == gancam.load("sr-x2-fast", precision="fp32", device="cpu").card


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"opset": 99}, r"is of ONNX opset 99, and ONNX Runtime \S+ knows those up to \d+: export it with opset 17"),
        ({"ir": 99}, r"is of version 99 of ONNX's file format \(IR\), and ONNX Runtime \S+ reads those up to \d+"),
        ({"operator": "FooBar"}, r"has the operator FooBar, which ONNX Runtime \S+ does not know in opset 17: export"),
        ({"operator": "Gelu"}, r"has the operator Gelu, .* opset 17: .*, or install a newer onnxruntime$"),
    ],
)
def test_what_this_onnx_runtime_does_not_know_is_named(change: dict[str, Any], said: str, tmp_path: Path) -> None:
    node = helper.make_node(change.get("operator", "Relu"), ["x"], ["y"])
    model = model_of(node)
    model.ir_version = change.get("ir", 8)
    del model.opset_import[:]
    model.opset_import.append(helper.make_opsetid("", change.get("opset", 17)))
    (tmp_path / "a.onnx").write_bytes(model.SerializeToString())
    with pytest.raises(ModelError, match=said) as caught:
        adapt(tmp_path / "a.onnx", tmp_path / "made.onnx")
    assert "damaged" not in str(caught.value)
    assert "ONNXRuntimeError" not in str(caught.value)
