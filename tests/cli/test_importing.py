"""`gancam import` as a user runs it, from a foreign file to a picture."""

import json
import re
import shlex
from pathlib import Path

import cv2
import numpy as np
import onnx
import pytest

from export.graph import Graph
from gancam.inference.catalog import MODELS, find
from tests.helpers.command import here, refused
from tests.helpers.foreign import Case, write_case
from tests.helpers.small import still

pytestmark = pytest.mark.usefixtures("shared_trials")


@pytest.fixture
def own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("GANCAM_MODELS", str(tmp_path / "own"))
    return tmp_path / "own"


def test_import_plays_under_its_name(tmp_path: Path, own: Path) -> None:
    source = write_case(Case(scale=2, range="-1..1", order="bgr"), tmp_path / "net.onnx")
    found = here("import", source, "--name", "my-sr", "--sidecar")
    assert found.returncode == 0, found.stderr
    assert found.stdout.startswith("my-sr: super_resolution x2, RGB -1..1 float32 NCHW, any size\n")
    assert "licence unknown" in found.stdout
    assert re.search(r"; (about )?\d+ ms for 640x360 on the CPU; ", found.stdout)
    assert sorted(path.name for path in own.iterdir()) == ["my-sr.onnx", "my-sr.png"]
    source = source.rename(tmp_path / "NET.ONNX")
    assert here("import", source, "--name", "my-sr", "--overwrite", "--sidecar").returncode == 0
    assert 'range = "-1..1"' in source.with_suffix(".toml").read_text()
    cv2.imwrite(str(tmp_path / "a.png"), still("sign")[:50, :70])
    made = here("process", tmp_path / "a.png", tmp_path / "b.png", "-e", "my-sr")
    assert made.returncode == 0, made.stderr
    assert "licence unknown" in made.stderr
    big = cv2.imread(str(tmp_path / "b.png"))
    assert big is not None
    assert np.asarray(big).shape == (100, 140, 3)
    entries = {entry["name"]: entry for entry in json.loads(here("models", "--json").stdout)}
    assert (entries["my-sr"]["own"], entries["sr-x2"]["own"]) == (True, False)
    refused("import", str(source), "--name", "my-sr", says="give another name (--name), or --overwrite")


def test_import_refuses(tmp_path: Path, own: Path) -> None:
    source = write_case(Case(), tmp_path / "net.onnx")
    refused("import", str(source), "--name", "sr-x2", says="name 'sr-x2' is that of a bundled model")
    refused("import", str(source), "--name", "a b", says="must be of letters")
    refused("import", str(source), "--name", "nul", says="name 'nul' is that of a device of Windows")
    refused("import", str(source), "--name", "none", says="name 'none' is that of no effect (-e none)")
    refused("import", str(source), "--name", "会" * 90, says="is longer than 200 bytes")
    refused("import", str(source), "--range", "0..2", says="range '0..2' must be 0..1")
    refused("import", str(tmp_path / "none.onnx"), says="no model file")
    refused("import", str(tmp_path / "none.pth"), says="no model file")
    refused("import", str(tmp_path), says="an .onnx, or weights in .pth, .pt, .ckpt, .safetensors, can be imported")
    refused("import", str(MODELS / "mnist.onnx"), "--name", "m", says="is a model of gancam already")
    refused("import", *[str(source)] * 3, says="3 files: one is imported at a time, or the two of a generator")
    refused("import", str(source), str(source), "--name", "g", says="give pictures: a mapping (z to w) is missing")
    refused("import", str(source), "--effect", "inpaint", says="a mask, as an input or a fourth channel")
    refused("import", str(source), "--effect", "morph", says="a vector of numbers, which morph needs")
    refused("import", str(source), "--effect", "super_resolution", says="but it keeps the size of a picture")
    refused("import", str(source), "--mask-one", "hole", says="--mask-one is for inpaint; this is translate. Leave it")
    refused("import", str(source), "--calibrate", str(tmp_path / "none"), says="no folder with pictures in it")
    (tmp_path / "photos").mkdir()
    (tmp_path / "photos" / "broken.jpg").write_bytes(b"no photo")
    refused("import", str(source), "--calibrate", str(tmp_path / "photos"), says="can be read (broken.jpg)")
    (tmp_path / "text.onnx").write_text("hello")
    refused("import", str(tmp_path / "text.onnx"), says="is a text, not the model ('hello'): download the file itself")
    assert not list(own.glob("*.onnx"))


def test_fewer_bits_are_offered_and_go_with_the_model(tmp_path: Path, own: Path) -> None:
    source = write_case(Case("blur"), tmp_path / "net.onnx")
    (tmp_path / "photos").mkdir()
    for name in ("sign", "lake"):
        cv2.imwrite(str(tmp_path / "photos" / f"{name}.png"), still(name)[:100, :100])
    (tmp_path / "photos" / "broken.jpg").write_bytes(b"\xff\xd8\xff no photo")
    found = here("import", source, "--calibrate", tmp_path / "photos", "--json")
    assert found.returncode == 0, found.stderr
    assert "1 picture cannot be read, skipped (broken.jpg)" in found.stderr
    offers = {one["precision"]: one for one in json.loads(found.stdout)["precisions"]}
    assert set(offers) == {"fp16", "int8"}
    assert all(one["psnr"] > 35 for one in offers.values())
    assert {path.name for path in own.iterdir()} == {"net.onnx", "net.fp16.onnx", "net.int8.onnx", "net.png"}
    assert here("import", source, "--overwrite").returncode == 0
    assert {path.name for path in own.iterdir()} == {"net.onnx", "net.png"}


def test_what_is_of_one_square_size_may_be_for_faces(tmp_path: Path, own: Path) -> None:
    graph = Graph()
    graph.add("Reshape", "x", graph.constant([1, 3, 64, 64], np.int64), name="y")
    shape: list[str | int] = [1, 3, 64, 64]
    onnx.save(graph.model({"x": ("float32", shape)}, {"y": ("float32", shape)}), tmp_path / "net.onnx")
    found = here("import", tmp_path / "net.onnx")
    assert "it may be of aligned faces, 64x64 each (--effect faces)" in found.stdout
    found = here("import", tmp_path / "net.onnx", "--effect", "faces", "--overwrite")
    assert found.stdout.startswith("net: faces, ")
    assert "64x64 on the CPU" in found.stdout
    cv2.imwrite(str(tmp_path / "a.png"), still("sign")[:50, :70])
    made = here("process", tmp_path / "a.png", tmp_path / "b.png", "-e", "net")
    assert made.returncode == 0, made.stderr
    before, after = (cv2.imread(str(tmp_path / name)) for name in ("a.png", "b.png"))
    assert np.array_equal(np.asarray(before), np.asarray(after))  # there is no face


@pytest.mark.parametrize(
    ("file", "name"),
    [
        ("my net: v1.0 ü.onnx", "my-net-v1-0-ü"),
        *(
            pytest.param(file, name, marks=pytest.mark.slow)
            for file, name in (("GFPGANv1.4.onnx", "GFPGANv1-4"), ("2x_v1.2.fp16.onnx", "2x_v1-2"))
        ),
    ],
)
def test_a_file_keeps_its_name_whether_it_is_imported_or_played(
    file: str, name: str, tmp_path: Path, own: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    source = write_case(Case(scale=2), tmp_path / file)
    imported = here("import", source)
    assert imported.returncode == 0, imported.stderr
    assert imported.stdout.startswith(f"{name}: super_resolution x2")
    assert (own / f"{name}.onnx").is_file()
    assert find(source).stem == name


def test_doubts_of_an_imported_model_name_its_file_and_end_when_it_is_confirmed(tmp_path: Path, own: Path) -> None:
    source = write_case(Case("luma", order="bgr"), tmp_path / "my net.onnx")
    found = here("import", source, "--name", "net")
    assert found.returncode == 0, found.stderr
    sure = re.search(r"that ends the doubt: (gancam import .*)", found.stdout)
    assert sure is not None
    cv2.imwrite(str(tmp_path / "a.png"), still("sign")[:50, :70])
    played = "process", tmp_path / "a.png", tmp_path / "b.png", "--overwrite", "-e", "net"
    line = here(*played).stderr
    assert "(gancam import 'my net.onnx' --name net --overwrite --order " in line
    assert " if it is right as it is" in line
    told = shlex.split(sure[1])
    assert told[:5] == ["gancam", "import", str(source), "--name", "net"]
    again = here(*told[1:])
    assert again.returncode == 0, again.stderr
    assert "not certain" not in again.stdout
    assert "not certain" not in here(*played).stderr
