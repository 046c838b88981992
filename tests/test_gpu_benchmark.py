"""The command that proves the CUDA path, rehearsed on the CPU: its parts, table, pieces of wheels, and queue."""

import hashlib
import json
import re
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from benchmarks import gpu, gpu_train
from tests.helpers.small import STILLS
from train import networks, recipe

ROOT = Path(__file__).parent.parent


def rehearse(out: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(ROOT / "benchmarks" / "gpu.py"), str(out), "--device", "cpu", "--quick", *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=300, cwd=out.parent)


@pytest.mark.slow
def test_some_parts_run_on_the_cpu(tmp_path: Path) -> None:
    done = rehearse(tmp_path / "out", "--only", "machine,chain,faults")
    assert done.returncode == 0, done.stdout + done.stderr
    parts = json.loads((tmp_path / "out" / "results.json").read_text())["parts"]
    assert list(parts) == ["machine", "chain", "faults"]
    assert parts["chain"]["the_same_bytes"] is True
    assert parts["chain"]["bytes_over_the_bus"] == [0, 0]
    assert parts["chain"]["played_in_a_chain"] is True
    assert parts["faults"]["lost"]["gives_what_the_cpu_gives"] is True
    assert parts["faults"]["full"]["exit"] == 0
    assert parts["faults"]["two_at_once"]["ok"] is True
    assert "## chain" in (tmp_path / "out" / "results.md").read_text()


@pytest.mark.slow
def test_all_parts_run_on_the_cpu(tmp_path: Path) -> None:
    done = rehearse(tmp_path / "out")
    assert done.returncode == 0, done.stdout + done.stderr
    parts = json.loads((tmp_path / "out" / "results.json").read_text())["parts"]
    assert list(parts) == list(gpu.PARTS)
    assert not [name for name, part in parts.items() if "error" in part]
    assert parts["parity"]["ok"]
    assert parts["live"]["frames"] == 60


def test_a_part_that_fails_is_a_line_and_the_others_go_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(run: gpu.Run) -> gpu.Results:
        raise RuntimeError("CUDA failure 999 | of the test")

    run = gpu.Run(tmp_path, "cpu", quick=True, ends=float("inf"))
    monkeypatch.setitem(gpu.PARTS, "doctor", broken)
    assert not gpu.play(run, ["doctor", "machine"])
    text = (tmp_path / "results.md").read_text()
    assert "RuntimeError: CUDA failure 999 / of the test" in text
    assert "onnxruntime" in text
    late = gpu.Run(tmp_path, "cpu", quick=True, ends=0.0)
    assert not gpu.play(late, ["machine"])
    assert "left out: the time was up" in (tmp_path / "results.md").read_text()


def test_bars_are_told_of_what_was_measured() -> None:
    rows = [{"precision": "fp32", "psnr": 61.0}, {"precision": "fp16", "psnr": 44.0}]
    sizes = [{"model": "sr-x2", "size": "1080p", "fps": 130.0}]
    chain = {"over_the_sum": 0.95, "the_same_bytes": True}
    parts = {"parity": {"rows": rows}, "default": {"rows": sizes}, "chain": chain}
    told = gpu.bars({"parts": parts, "quick": False, "device": "cuda"})
    assert [row["ok"] for row in told] == [True, False, True, False, True]
    assert len(gpu.bars({"parts": parts, "quick": True, "device": "cuda"})) == 3
    assert gpu.bars({"parts": {}, "quick": False, "device": "cuda"}) == []


def test_wheels_travel_in_pieces(tmp_path: Path) -> None:
    """By the command that the guide gives, on a wheel of 70 MB."""
    wheels = tmp_path / "wheels"
    wheels.mkdir()
    wheel = wheels / "onnxruntime_gpu-1.0-cp312-cp312-manylinux_2_28_x86_64.whl"
    with zipfile.ZipFile(wheel, "w") as made:
        made.writestr("bytes", bytes(range(256)) * (70 * 4096))
    whole = hashlib.sha256(wheel.read_bytes()).hexdigest()
    guide = (ROOT / "benchmarks" / "gpu.md").read_text(encoding="utf-8")
    block = re.search(r"<!-- split -->\n```sh\n(.+?)```", guide, re.DOTALL)
    assert block is not None
    subprocess.run(["bash", "-euc", block[1]], cwd=tmp_path, check=True)
    pieces = sorted(path.name for path in wheels.glob("*.part-*"))
    assert len(pieces) == 3
    assert all((wheels / name).stat().st_size <= 32 << 20 for name in pieces)
    assert not wheel.exists()
    assert gpu.join(wheels) == [wheel]
    assert hashlib.sha256(wheel.read_bytes()).hexdigest() == whole
    (wheels / pieces[1]).unlink()
    with pytest.raises(SystemExit, match="a piece is missing or damaged"):
        gpu.join(wheels)


def test_pieces_and_the_tree_fit_into_one_command() -> None:
    """64 MiB a command, of which what git tracks is a part: less than 40 MB."""
    told = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True)
    if told.returncode:
        pytest.skip("no git checkout")
    files = [ROOT / name for name in told.stdout.decode().split("\0") if name]
    tree = sum(file.stat().st_size for file in files if file.is_file())
    assert tree < 40_000_000 < (64 << 20) - (24 << 20)


def test_the_queue_is_what_there_is_data_for(tmp_path: Path) -> None:
    (tmp_path / "generators").mkdir()
    (tmp_path / "generators" / "flowers.zip").write_bytes(b"")
    (tmp_path / "photos").mkdir()
    trainings = gpu_train.queue(tmp_path, quick=False)
    assert [one.name for one in trainings] == ["flowers-128", "sr-x2-best", "inpaint-best", "sr-x4-best"]
    for one in trainings:
        made = recipe.load(str(gpu_train.written(one, tmp_path / "recipes")))
        usual = recipe.load(one.recipe)
        assert made.batch == 64
        assert made.iterations >= 2 * usual.iterations - 2
        assert made.start == ""
        larger, small = (networks.build(**dict(each.network)) for each in (made, usual))
        count = [sum(weights.numel() for weights in network.parameters()) for network in (larger, small)]
        assert count[0] > 2 * count[1], one.name
    assert gpu_train.queue(tmp_path / "photos", quick=False) == []


@pytest.mark.slow
def test_a_training_is_stopped_in_time_and_goes_on(tmp_path: Path) -> None:
    (tmp_path / "data" / "photos").mkdir(parents=True)
    for still in STILLS.glob("*.webp"):
        (tmp_path / "data" / "photos" / still.name).write_bytes(still.read_bytes())
    one = gpu_train.queue(tmp_path / "data", quick=True)[0]
    told = gpu_train.play(one, tmp_path / "out", "cpu", 200, quick=True)
    assert (told["exit"], told["checkpoint"]) == (0, True), told
    again = gpu_train.play(one, tmp_path / "out", "cpu", 200, quick=True)  # from the checkpoint: nothing is left to do
    assert (again["exit"], again["checkpoint"]) == (0, True), again
