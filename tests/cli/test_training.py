"""`gancam train`, `gancam export`, and a run's folder as a model: PyTorch in a process of its own."""

import os
import re
import signal
import subprocess
import sys
import zipfile
from pathlib import Path

import numpy as np
import pytest

from gancam.errors import MissingExtra, ModelError
from gancam.inference import runs
from gancam.inference.catalog import find, open_model
from tests.helpers.children import interruptible
from tests.helpers.command import gancam, refused
from tests.helpers.training import GENERATOR, go
from train import checkpoint

ROOT = Path(__file__).parents[2]


def digits(folder: Path) -> Path:
    path = folder / "digits.npz"
    np.savez(path, x_train=np.random.default_rng(0).integers(0, 256, (30, 8, 8), np.uint8))
    return path


@pytest.fixture
def run(tmp_path: Path) -> Path:
    go(GENERATOR.format(iterations=2), digits(tmp_path), tmp_path / "my run")
    return tmp_path / "my run"


@pytest.mark.slow
def test_training_and_exporting_as_commands(tmp_path: Path) -> None:
    """From a folder with files of their names in it, which are not taken for them."""
    (tmp_path / "train.py").write_text("raise SystemExit('this is not it')")
    (tmp_path / "export.py").write_text("raise SystemExit('nor this')")
    (tmp_path / "tiny.toml").write_text(GENERATOR.format(iterations=3))
    data = digits(tmp_path)
    done = gancam("train", "tiny.toml", "--data", data, "--device", "cpu", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "30 pictures from" in done.stderr
    assert "3/3 100%" in done.stderr
    assert (tmp_path / "runs" / "tiny" / "samples.png").is_file()
    done = gancam("export", "runs/tiny", "-o", tmp_path, "--precisions", "fp32", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert open_model(tmp_path / "tiny.onnx").card.effect == "morph"
    measuring, making, made = done.stderr.splitlines()
    assert measuring == "measuring the network in PyTorch ..."
    assert re.fullmatch(r"making \S*tiny\.onnx, and comparing it with PyTorch \.\.\.", making)
    line = r"\S*tiny\.onnx: \d+ kB, (the same as PyTorch|\d\d\.\d dB beside PyTorch, at most \d of 255 off)"
    assert re.fullmatch(line, made)


@pytest.mark.slow
def test_exit_codes_and_lines_are_those_of_the_other_side(tmp_path: Path) -> None:
    done = gancam("train", "nothing", "--data", tmp_path)
    assert done.returncode == 2
    assert done.stderr.startswith("gancam: no recipe 'nothing': there are cgan-cifar10")
    assert gancam("train", "curves", tmp_path / "none").returncode == 2
    assert "--trained-on" in gancam("export", "--help").stdout


def test_without_pytorch_one_line_says_what_to_install(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setitem(runs._NEEDED, "train", ("torch_that_is_not_there",))
    monkeypatch.setitem(runs._NEEDED, "export", ("torch_that_is_not_there",))
    refused("train", "dcgan", "--data", tmp_path, says='pip install "gancam[train]"')
    refused("export", tmp_path, says='pip install "gancam[export]"')
    (tmp_path / runs.CHECKPOINT).write_bytes(b"")
    with pytest.raises(
        MissingExtra, match=f"is a training run, whose export needs PyTorch.*gancam export {re.escape(str(tmp_path))}"
    ):
        find(tmp_path)


@pytest.mark.slow
def test_a_run_plays_and_is_exported_anew_when_it_went_on(run: Path, tmp_path: Path) -> None:
    file = find(run)
    assert file == run / "model" / "my-run.onnx"
    first = file.read_bytes()
    before = file.stat().st_mtime_ns
    assert find(str(run)).stat().st_mtime_ns == before  # it is there and newer
    go(GENERATOR.format(iterations=4), tmp_path / "digits.npz", run)
    os.utime(run / runs.CHECKPOINT, ns=(before + 10**9, before + 10**9))
    assert find(run).read_bytes() != first
    done = gancam("sample", run, tmp_path / "grid.png", "-n", "4")
    assert done.returncode == 0, done.stderr


def test_a_damaged_run_is_one_line(tmp_path: Path) -> None:
    (tmp_path / runs.CHECKPOINT).write_bytes(b"no checkpoint")
    with pytest.raises(ModelError, match=r"cannot be exported: .*checkpoint\.pt is damaged") as error:
        find(tmp_path)
    assert "\n" not in str(error.value)


@pytest.mark.skipif(sys.platform == "win32", reason="POSIX signals")
@pytest.mark.parametrize(
    "name", ["SIGINT", *(pytest.param(name, marks=pytest.mark.slow) for name in ("SIGTERM", "SIGHUP"))]
)
def test_a_signal_to_the_command_alone_ends_the_training(name: str, tmp_path: Path) -> None:
    number = signal.Signals[name]
    (tmp_path / "tiny.toml").write_text(GENERATOR.format(iterations=10**6))
    words = ["train", "tiny.toml", "--data", str(digits(tmp_path)), "--device", "cpu"]
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-W", "ignore", "-m", "gancam", *words]
    with interruptible():
        process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True, cwd=tmp_path, env=environment)
    with process:
        try:
            assert process.stderr is not None
            for line in process.stderr:
                if "it/s" in line:
                    break
            process.send_signal(number)
            rest = process.stderr.read()
            assert process.wait(timeout=300) == 128 + number
        finally:
            process.kill()
    assert rest.splitlines()[-1].startswith(f"gancam: stopped by {name}")
    assert "Traceback" not in rest
    assert checkpoint.load(tmp_path / "runs" / "tiny")["iteration"] > 0
    assert (tmp_path / "runs" / "tiny" / "samples.png").is_file()  # of the state that it stopped with


def test_ctrl_c_while_pytorch_is_loaded_is_not_a_fault(tmp_path: Path) -> None:
    (tmp_path / "torch.py").write_text("raise KeyboardInterrupt")
    (tmp_path / "checkpoint.pt").touch()
    environment = os.environ | {"PYTHONPATH": os.pathsep.join([str(tmp_path), str(ROOT)])}
    for words in (["train", "dcgan-mnist", "--data", "."], ["train", "curves", "."], ["export", ".", "-o", "."]):
        command = [sys.executable, "-m", "gancam", *words]
        done = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path, env=environment, check=False)
        assert (done.returncode, done.stderr) == (130, "")


@pytest.mark.parametrize(
    "words",
    [
        "train curves",
        *(
            pytest.param(words, marks=pytest.mark.slow)
            for words in ("train --data .", "export run -o .", "train evaluate . --threads x")
        ),
    ],
)
def test_wrong_options_are_one_line(words: str) -> None:
    done = gancam(*words.split())
    assert done.returncode == 2
    assert done.stderr.startswith("gancam: ")
    assert done.stderr.count("\n") == 1


@pytest.mark.slow
def test_the_wheel_holds_training_and_takes_no_name_from_others(tmp_path: Path) -> None:
    pytest.importorskip("hatchling")
    code = f"from hatchling.build import build_wheel; print(build_wheel({str(tmp_path)!r}))"
    subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=True, capture_output=True)
    (wheel,) = tmp_path.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        names = archive.namelist()
        archive.extractall(tmp_path / "site")
    assert {name.split("/")[0] for name in names} == {"gancam", wheel.name.rsplit("-", 3)[0] + ".dist-info"}
    assert "gancam/_pytorch/train/recipes/dcgan-mnist.toml" in names
    code = "from gancam.cli.main import main; main()"
    environment = os.environ | {"PYTHONPATH": str(tmp_path / "site")}
    for words in (["train", "--help"], ["export", "--help"]):
        command = [sys.executable, "-P", "-c", code, *words]
        done = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path, env=environment, check=False)
        assert done.returncode == 0, done.stderr
