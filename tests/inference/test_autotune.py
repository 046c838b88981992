"""Which precision is played: tried, compared, remembered, and never believed when it cannot be true."""

import json
import logging
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from gancam.errors import DeviceError, ModelError
from gancam.inference import autotune, trials
from gancam.inference.autotune import (
    Run,
    _fewest,
    _order,
    choose,
    fastest,
    notes,
    picture,
    ranked,
    remembered,
    saturation,
    thread_count,
    trial_input,
)
from gancam.inference.hardware import counts_of, cpu_model, cpu_name, instructions, thread_counts, usable_cores
from gancam.inference.model import Model
from gancam.inference.network import open_network
from gancam.inference.trials import Trial, hardware
from gancam.inference.variants import variants
from gancam.tools.bench import Case, measure
from tests.helpers.small import network, write_models

ROOT = Path(__file__).parent.parent.parent


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.delenv("GANCAM_NO_INT8", raising=False)  # what these are about
    return tmp_path / "cache" / "gancam" / "proofs"


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_models(tmp_path_factory.mktemp("made"), network(seed=100))


@pytest.fixture
def path(tmp_path: Path, made: Path) -> Path:
    """Other files each time: nothing is known of them in this process."""
    import onnx

    for file in variants(made).values():
        graph = onnx.load(file)
        onnx.helper.set_model_props(graph, {one.key: one.value for one in graph.metadata_props} | {"at": str(tmp_path)})
        onnx.save(graph, tmp_path / file.name)
    return tmp_path / made.name


def chosen_elsewhere(path: Path) -> str:
    """By a process that knows only what is in the cache."""
    code = f"from gancam.inference.model import Model; print(Model({str(path)!r}, device='cpu').precision)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT)
    return done.stdout.strip()


def test_what_was_tried_is_remembered(cache: Path, path: Path) -> None:
    files = variants(path)
    assert remembered(files, "cpu") is None
    model = Model(path, device="cpu")
    trials = remembered(files, "cpu")
    assert trials is not None
    assert {one.precision for one in trials} == {"int8", "fp32", "fp16"}
    assert all(one.exact and one.ms > 0 for one in trials)
    assert next(one.psnr for one in trials if one.precision == "fp32") == 100
    (file,) = cache.iterdir()
    written = file.read_bytes()
    assert chosen_elsewhere(path) == model.precision
    assert file.read_bytes() == written  # it was not tried again


@pytest.mark.parametrize("text", ["", "{", "[]", "null", "\x00\x01", '{"case": {}, "trials": []}'])
def test_a_damaged_file_is_ignored_and_written_anew(
    cache: Path, path: Path, text: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    Model(path, device="cpu")
    (file,) = cache.iterdir()
    good = json.loads(file.read_text())
    file.write_text(text)
    monkeypatch.setattr(trials, "_known", {})  # as in a new process
    assert Model(path, device="cpu").precision in ("int8", "fp32", "fp16")
    assert json.loads(file.read_text())["case"] == good["case"]


def test_a_choice_of_another_driver_or_runtime_is_not_believed(cache: Path, path: Path) -> None:
    Model(path, device="cpu")
    (file,) = cache.iterdir()
    stored = json.loads(file.read_text())
    assert stored["case"]["hardware"].startswith(cpu_name())
    assert stored["case"]["instructions"] == list(instructions())
    for name in ("hardware", "instructions", "onnxruntime"):
        foreign = {**stored, "case": {**stored["case"], name: "another"}}
        for one in foreign["trials"]:
            one["psnr"] = 0.0  # would forbid all, were it believed
        file.write_text(json.dumps(foreign))
        assert chosen_elsewhere(path) in ("int8", "fp32", "fp16")
        assert json.loads(file.read_text())["case"] == stored["case"]


def test_another_model_under_the_same_name_is_tried_anew(cache: Path, path: Path) -> None:
    Model(path, device="cpu")
    write_models(path.parent, network(seed=7777))
    assert remembered(variants(path), "cpu") is None
    Model(path, device="cpu")
    assert len(list(cache.iterdir())) == 2


def test_a_cache_that_cannot_be_written(tmp_path: Path, path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").write_text("in the way")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    assert Model(path, device="cpu").precision in ("int8", "fp32", "fp16")


def test_two_processes_at_once(cache: Path, path: Path) -> None:
    code = f"from gancam.inference.model import Model; Model({str(path)!r}, device='cpu')"
    both = [subprocess.Popen([sys.executable, "-c", code], cwd=ROOT) for _ in range(2)]
    assert [one.wait(120) for one in both] == [0, 0]
    (file,) = cache.iterdir()
    assert json.loads(file.read_text())["trials"]


def test_who_is_done_first_has_chosen(cache: Path, path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its workers, which read what is there, must play what it plays."""
    files = variants(path)
    mine, other = [Trial("fp32", 1.0, 100.0), Trial("int8", 2.0, 50.0)], [Trial("int8", 1.0, 50.0)]
    monkeypatch.setattr(trials, "_known", {})
    trials.remember(files, "cpu", other, {})
    monkeypatch.setattr(trials, "_known", {})  # as in another process, which tried at the same time
    trials.remember(files, "cpu", mine, {})
    assert mine == other == remembered(files, "cpu")


def constant(value: int) -> Run:
    return lambda: np.full((4, 4, 3), value, np.uint8)


def test_what_does_not_run_or_is_wrong_is_rejected(cache: Path, path: Path, caplog: pytest.LogCaptureFixture) -> None:
    def opened(kind: str) -> Run:
        if kind == "fp16":
            raise DeviceError("cpu", "no room", "smaller frames")
        return constant(90 if kind == "fp32" else 140)

    usual = "int8", "fp32", "fp16"
    with caplog.at_level(logging.INFO, "gancam"):
        trials = ranked(variants(path), "cpu", usual, opened)
    assert [one.precision for one in trials] == ["fp32"]
    assert "int8 is inaccurate on this CPU (14.2 dB vs fp32); using fp32" in caplog.text
    assert "fp16 does not run on this CPU (" in caplog.text
    assert "no room" in caplog.text
    assert {record.levelno for record in caplog.records} == {logging.INFO}
    caplog.clear()
    with caplog.at_level(logging.INFO, "gancam"):  # from then on it is a fact to be asked for, not news
        ranked(variants(path), "cpu", usual, opened)
    assert not caplog.records
    (said, _) = notes(remembered(variants(path), "cpu") or [], "cpu")
    assert said == "int8 is inaccurate on this CPU (14.2 dB vs fp32); using fp32"


def test_what_was_not_exact_is_told_by_bench(cache: Path, path: Path) -> None:
    ranked(variants(path), "cpu", ("int8", "fp32"), lambda kind: constant(90 if kind == "fp32" else 140))
    case = Case(str(path), (64, 48), "cpu", "auto", 1)
    results = measure([case], rounds=1, seconds=0.05)
    assert results.rows[0].precision == "fp32"
    assert results.notes == [f"{path}: int8 is inaccurate on this CPU (14.2 dB vs fp32); using fp32"]


def test_a_virtual_machine_that_moved_to_another_cpu_tries_again(
    cache: Path, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    Model(path, device="cpu")
    files = variants(path)
    assert remembered(files, "cpu") is not None
    flags = instructions()
    assert flags
    monkeypatch.setattr(trials, "instructions", lambda: tuple(flag for flag in flags if "vnni" not in flag)[:-1])
    assert remembered(files, "cpu") is None
    monkeypatch.setattr(trials, "instructions", lambda: flags)
    assert remembered(files, "cpu") is not None
    here = cpu_model()
    monkeypatch.setattr(trials, "cpu_model", lambda: f"{here}, stepping 99")
    hardware.cache_clear()
    assert remembered(files, "cpu") is None
    hardware.cache_clear()


def test_int8_asked_for_by_name_that_saturates_is_refused(
    cache: Path, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(autotune, "saturates_bytes", lambda: True)
    opened: list[str] = []

    def saturating(kind: str) -> Run:
        opened.append(kind)
        return constant(140 if kind == "plain" else 90)

    files = variants(path)
    assert saturation(files, saturating) == pytest.approx(14.15, abs=0.01)
    assert saturation(files, saturating) == pytest.approx(14.15, abs=0.01)
    assert opened == ["wide", "plain"]  # it is remembered
    with pytest.raises(ModelError) as refused:
        Model(path, device="cpu", precision="int8")
    assert str(refused.value) == (
        f"{files['int8']}: is inaccurate on this CPU, whose 8-bit sums saturate in this network (14.2 dB against the "
        'same without); use small.onnx (--precision fp32, in Python precision="fp32")'
    )
    assert Model(path, device="cpu", precision="fp32").precision == "fp32"
    alone = {"int8": files["int8"]}
    saturation(alone, saturating)
    assert choose(alone, "cpu", threads=1).wide_sums  # nothing else can be played
    assert Model(files["int8"], device="cpu").precision == "int8"
    monkeypatch.setattr(autotune, "saturates_bytes", lambda: False)
    assert not choose(alone, "cpu", threads=1).wide_sums
    assert not choose(files, "cpu", precision="int8", threads=1).wide_sums


def test_an_exported_int8_file_is_the_same_with_wide_sums(
    cache: Path, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(autotune, "saturates_bytes", lambda: True)
    choice = choose(variants(path), "cpu", precision="int8", threads=1)
    assert not choice.wide_sums
    plain, wide = (open_network(choice.path, "cpu", 1, wide_sums=wide) for wide in (False, True))
    assert np.array_equal(plain(*trial_input(plain)), wide(*trial_input(wide)))


def test_int8_can_be_left_out(cache: Path, path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    Model(path, device="cpu")  # int8 is known to be exact
    monkeypatch.setenv("GANCAM_NO_INT8", "1")
    assert Model(path, device="cpu").precision in ("fp32", "fp16")
    assert {one.precision for one in Model(path, device="cpu").alike()} == {"fp32", "fp16"}
    assert Model(path, device="cpu", precision="int8").precision == "int8"
    assert Model(variants(path)["int8"], device="cpu").precision == "int8"


def test_nothing_is_concluded_from_a_device_that_fails(cache: Path, path: Path) -> None:
    def opened(kind: str) -> Run:
        raise DeviceError("cpu", "gone", "come back")

    assert ranked(variants(path), "cpu", ("int8", "fp32"), opened) == []
    assert not cache.exists()
    assert remembered(variants(path), "cpu") is None


def test_the_usual_one_is_played_unless_another_is_much_faster() -> None:
    def order(**ms: float) -> list[str]:
        trials = [Trial(kind, time, 50.0) for kind, time in ms.items()]
        return [one.precision for one in _order(trials)]

    assert order(int8=1.1, fp32=1.0, fp16=5) == ["int8", "fp32", "fp16"]
    assert order(int8=2.0, fp32=1.0, fp16=5) == ["fp32", "int8", "fp16"]
    assert order(fp32=2.0, fp16=5) == ["fp32", "fp16"]


def test_threads_are_tried_once_where_there_is_a_choice(cache: Path, path: Path) -> None:
    files = variants(path)
    chosen = thread_count(files, "int8", [2, 1])
    assert chosen in (1, 2)
    (file,) = cache.iterdir()
    assert [one["precision"] for one in json.loads(file.read_text())["trials"]] == ["2", "1"]

    def never(count: int) -> Run:
        raise AssertionError

    assert fastest(files, "cpu", "int8", [2, 1], never) == chosen
    assert fastest(files, "cpu", "fp32", [7], never) == 7
    with pytest.raises(AssertionError):
        fastest(files, "cpu", "fp32", [2, 1], never)
    assert remembered(files, "cpu") is None  # of precisions nothing is known


def test_the_fewest_threads_of_those_that_are_alike() -> None:
    def fewest(*ms: float) -> int:
        return _fewest([Trial(str(16 >> place), time, 100.0) for place, time in enumerate(ms)])

    assert fewest(10, 20, 40) == 16
    assert fewest(10, 10.2, 40) == 8
    assert fewest(12, 10, 10.6) == 8
    assert fewest(30, 20, 10) == 4


def topology(folder: Path, cores: list[tuple[str, str, int]]) -> Path:
    """What Linux tells of processors: for each its siblings, and which file holds its speed."""
    for number, (siblings, name, speed) in enumerate(cores):
        told = folder / f"cpu{number}"
        (told / "topology").mkdir(parents=True)
        (told / "topology" / "thread_siblings_list").write_text(siblings + "\n")
        (told / name).parent.mkdir(exist_ok=True)
        (told / name).write_text(f"{speed}\n")
    return folder


def test_how_many_threads_may_be_the_best(tmp_path: Path) -> None:
    speed = "cpufreq/cpuinfo_max_freq"
    hybrid = [("0-1", speed, 5_000_000)] * 2 + [("2-3", speed, 5_200_000)] * 2
    hybrid += [(str(cpu), speed, 3_800_000) for cpu in range(4, 8)]
    where = topology(tmp_path / "hybrid", hybrid)
    assert counts_of(range(8), 8, where) == [8, 6, 2]
    assert counts_of(range(8), 3, where) == [3, 2]  # a quota
    assert counts_of(range(4, 8), 4, where) == [4]  # slow ones alone
    assert counts_of([0, 1], 2, where) == [2, 1]
    phone = topology(tmp_path / "phone", [(str(cpu), "cpu_capacity", 1024 if cpu > 3 else 400) for cpu in range(8)])
    assert counts_of(range(8), 8, phone) == [8, 4]
    assert counts_of(range(8), 8, tmp_path / "silent") == [8]
    assert counts_of([], 1, tmp_path) == [1]
    assert thread_counts()[0] == usable_cores()


def test_the_bundled_picture() -> None:
    image = picture()
    assert image.shape == (160, 192, 3)
    assert image[:128].std() > 30
